import { join, relative } from "@std/path";
import { walkFiles } from "./walk_files.ts";

/** A regular expression as it is written in src. */
export interface WrittenRegex {
  /** The file and line, from the root of the repository. */
  readonly place: string;
  readonly regex: RegExp;
}

const LITERAL =
  /(?:[(,=:?[!&|;]|=>|return|^)\s*\/((?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)\/([dgimsuvy]*)(?=[\s.,;)\]}:]|$)/gm;

/** Every regular expression that is written as a literal under src. */
export function regexesOf(root: string): readonly WrittenRegex[] {
  return walkFiles(join(root, "src"), ".ts").flatMap((path) => {
    const text = Deno.readTextFileSync(path).replaceAll(/^[ \t]*(?:\/\/|\*|\/\*).*$/gm, "");
    return [...text.matchAll(LITERAL)].map((match) => ({
      place: `${relative(root, path)}:${text.slice(0, match.index + match[0].length).split("\n").length}`,
      regex: new RegExp(match[1] ?? "", match[2]),
    }));
  });
}
