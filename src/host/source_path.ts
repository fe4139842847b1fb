import type { HostReader } from "./reader.ts";
import { SOURCES } from "./sources.ts";

/** One file that a source's path names. */
export interface SourcePath {
  readonly path: string;
  /** The number in place of `*`. */
  readonly index?: number;
  /** The name in place of NAME. */
  readonly name?: string;
  /** The word that was chosen of `{a,b}`. */
  readonly field?: string;
}

/**
 * The files that a path of the table names on a host, by number, then in the order of the braces. None if the path
 * names the running release and that is not known.
 */
export function expandPath(
  pattern: string,
  release: string | undefined,
  list: HostReader["list"],
): readonly SourcePath[] {
  if (pattern.includes("RELEASE") && release === undefined) return [];
  const path = pattern.replaceAll("RELEASE", () => release ?? "");
  const named = /^(.*)\/NAME\/([^/]*)$/.exec(path);
  if (named !== null) {
    const [, directory = "", file = ""] = named;
    return list(directory).map((name) => ({ path: `${directory}/${name}/${file}`, name }));
  }
  const star = /^(.*)\/([^/*]*)\*(.*)$/.exec(path);
  if (star === null) return chooseFields(path);
  const [, directory = "", prefix = "", rest = ""] = star;
  return list(directory).flatMap((name) => {
    const digits = name.startsWith(prefix) ? name.slice(prefix.length) : "";
    if (!/^\d+$/.test(digits)) return [];
    return chooseFields(`${directory}/${name}${rest}`).map((chosen) => ({ ...chosen, index: Number(digits) }));
  });
}

function chooseFields(path: string): readonly SourcePath[] {
  const braces = /^(.*)\{(.*)\}$/.exec(path);
  if (braces === null) return [{ path }];
  const [, stem = "", words = ""] = braces;
  return words.split(",").map((field) => ({ path: stem + field, field }));
}

const KNOWN: readonly RegExp[] = Object.values(SOURCES).flatMap(({ paths }) => paths).map((pattern) => {
  const parts = pattern.replace(/[.+?^$()|[\]\\]/g, "\\$&")
    .replace("*", "\\d+")
    .replaceAll(/RELEASE|NAME/g, "[^/]+")
    .replace(/\{(.*)\}/, (_, words: string) => `(?:${words.replaceAll(",", "|")})`);
  return new RegExp(`^${parts}$`);
});

/** Whether a row of the table can name this file. */
export function isSourcePath(path: string): boolean {
  return KNOWN.some((pattern) => pattern.test(path));
}
