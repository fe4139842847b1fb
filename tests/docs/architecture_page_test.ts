import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { walkFiles } from "../support/walk_files.ts";

const ROOT = join(import.meta.dirname ?? ".", "../..");
const read = (path: string): string => Deno.readTextFileSync(join(ROOT, path));
const PAGES = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  ...walkFiles(join(ROOT, "docs"), ".md").map((path) => path.slice(ROOT.length + 1)),
];

function isThere(path: string): boolean {
  try {
    Deno.statSync(join(ROOT, path));
    return true;
  } catch {
    return false;
  }
}

Deno.test("every path of the sources that a page names is there", () => {
  const wrong = PAGES.flatMap((page) =>
    [...read(page).matchAll(/`((?:src|tests|packaging|contrib|bench|examples|schema)\/[\w./@-]*)`/g)]
      .map((match) => match[1] ?? "").filter((path) => !isThere(path)).map((path) => `${page}: ${path}`)
  );
  assertEquals(wrong, []);
});

Deno.test("docs/architecture.md has a row for every folder of src, in the order of imports", () => {
  const rows = [...read("docs/architecture.md").matchAll(/^\| `src\/(\w+)` +\|/gm)].map((match) => match[1]);
  const order = /const FOLDERS = \[([^\]]*)\]/.exec(read("tests/architecture_test.ts"))?.[1] ?? "";
  assertEquals(rows, [...order.matchAll(/"(\w+)"/g)].map((match) => match[1]));
});
