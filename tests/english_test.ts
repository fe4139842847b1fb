/** Phrases that have to be read twice stay out of messages, comments and pages. */
import { assertEquals } from "@std/assert";
import { join, relative } from "@std/path";
import { walkFiles } from "./support/walk_files.ts";

const ROOT = join(import.meta.dirname ?? ".", "..");

/** What is read. */
const SCOPE = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs", "src", "contrib", "examples", "packaging"];

/** Where such a phrase is right: a part of the line, by its file. */
const RIGHT: readonly { readonly path: string; readonly text: string }[] = [];

/** Words of a phrase may be on two lines, of a comment as well. */
const GAP = String.raw`(?:[ \t]|\n[ \t]*(?:(?:\*|//|#)[ \t]*)?)+`;

/** A phrase, and what to write instead. A space is any gap between words. */
const TICS: readonly { readonly phrase: RegExp; readonly instead: string }[] = [
  tic(
    String.raw`(?<!\bthere )\b(?:is|are|was|were|be) no (?!longer\b|more\b|less\b|later\b|earlier\b)[a-z]`,
    "is not a, has no",
  ),
  tic(String.raw`\b(?:stands?|stood)\b`, "is, is written, means"),
  tic(String.raw`\bbehind\b`, "after"),
  tic(String.raw`\b(?:tells?|told)\b`, "says, reports, names"),
  tic(String.raw`\banew\b`, "again"),
  tic(String.raw`\bas ever\b`, "still"),
  tic(String.raw`\btak(?:e|es|en|ing) (?:\S+ )?out\b`, "remove"),
  tic(String.raw`\b(?:go|goes|went) with\b`, "requires"),
  tic(String.raw`\b(?:have|has|had) it not\b`, "lacks it"),
];

function tic(phrase: string, instead: string): { readonly phrase: RegExp; readonly instead: string } {
  return { phrase: new RegExp(phrase.replaceAll(" ", GAP), "gi"), instead };
}

/** The tics of a text, each with its line. */
function ticsIn(path: string, text: string): readonly string[] {
  return TICS.flatMap(({ phrase, instead }) =>
    [...text.matchAll(phrase)].filter(({ index }) => !isRight(path, lineAt(text, index))).map(({ 0: found, index }) =>
      `${path}:${text.slice(0, index).split("\n").length}: \`${
        found.replaceAll(/\s+(?:(?:\*|\/\/|#)\s*)?/g, " ")
      }\`: write ${instead}`
    )
  );
}

function lineAt(text: string, index: number): string {
  return text.slice(text.lastIndexOf("\n", index - 1) + 1).split("\n", 1)[0] ?? "";
}

function isRight(path: string, line: string): boolean {
  return RIGHT.some((each) => each.path === path && line.includes(each.text));
}

const FILES = SCOPE.flatMap((part) =>
  Deno.statSync(join(ROOT, part)).isFile ? [part] : walkFiles(join(ROOT, part), "").map((path) => relative(ROOT, path))
).filter((path) => !path.endsWith(".svg") && !path.endsWith(".json"));

Deno.test("messages, comments and pages have no phrase that has to be read twice", () => {
  assertEquals(FILES.flatMap((path) => ticsIn(path, Deno.readTextFileSync(join(ROOT, path)))), []);
});

Deno.test("exceptions name what is there", () => {
  assertEquals(
    RIGHT.filter(({ path, text }) => !FILES.includes(path) || !Deno.readTextFileSync(join(ROOT, path)).includes(text)),
    [],
  );
});

Deno.test("a phrase is found across lines and comments, and its neighbours are not", () => {
  const text =
    "/**\n * A file is\n * no kernel.\n */\n# there is no kernel; it is no longer here; understood\n// Take it\n// out";
  assertEquals(ticsIn("x", text), [
    "x:2: `is no k`: write is not a, has no",
    "x:6: `Take it out`: write remove",
  ]);
});
