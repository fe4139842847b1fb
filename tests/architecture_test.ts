import { assertEquals } from "@std/assert";
import { dirname, join, relative } from "@std/path";
import { walkFiles } from "./support/walk_files.ts";

const ROOT = join(import.meta.dirname ?? ".", "..");
const FILES = walkFiles(join(ROOT, "src"), ".ts").map((path) => ({
  path: relative(ROOT, path),
  text: Deno.readTextFileSync(path),
}));

/** The folders under src/, in the order of docs/architecture.md: each may import from those before it, and from itself. */
const FOLDERS = [
  "core",
  "formats",
  "profile",
  "host",
  "entry",
  "image",
  "arch",
  "plan",
  "diff",
  "syscall",
  "state",
  "render",
  "app",
  "cli",
];

/** The relative imports of a file, lazy ones too, as paths from the root. */
function importsOf({ path, text }: { readonly path: string; readonly text: string }): readonly string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map((match) => join(dirname(path), match[1] ?? ""));
}

/** Where code may speak to the system. */
const SYSTEM_FILES =
  /^src\/(host\/live(_devices|_network)?\.ts|formats\/(codecs|codec_libraries)\.ts|syscall\/libc\.ts|state\/(record_store|unpacked_cache)\.ts|app\/|cli\/)/;

function code(text: string): string {
  return text.replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "");
}

Deno.test("imports point one way, in the order of the folders", () => {
  const wrong = FILES.flatMap((file) => {
    const order = FOLDERS.indexOf(file.path.split("/")[1] ?? "");
    return importsOf(file).filter((target) => FOLDERS.indexOf(target.split("/")[1] ?? "") > order)
      .map((target) => `${file.path} imports ${target}`);
  });
  assertEquals(wrong, []);
});

Deno.test("within plan, only the planner and the check of a stored plan know the rules", () => {
  const users = FILES.filter((file) =>
    /^src\/plan\/(?!rules\/)/.test(file.path) &&
    importsOf(file).some((target) => target.startsWith("src/plan/rules/"))
  );
  assertEquals(users.map(({ path }) => path).toSorted(), ["src/plan/planner.ts", "src/plan/stored.ts"]);
});

Deno.test("every folder under src has its place in that order", () => {
  const folders = new Set(FILES.map(({ path }) => path.split("/")[1] ?? ""));
  assertEquals([...folders].filter((folder) => !FOLDERS.includes(folder)), []);
});

Deno.test("no files import each other in a circle", () => {
  const imports = new Map(FILES.map((file) => [file.path, importsOf(file)]));
  const circles = new Set<string>();
  const done = new Set<string>();
  const follow = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) circles.add([...trail.slice(at), path].join(" -> "));
    if (at >= 0 || done.has(path)) return;
    for (const target of imports.get(path) ?? []) follow(target, [...trail, path]);
    done.add(path);
  };
  for (const path of imports.keys()) follow(path, []);
  assertEquals([...circles], []);
});

Deno.test("only the live reader, libc, the codecs and the CLI speak to the system", () => {
  const wrong = FILES.filter(({ path, text }) => !SYSTEM_FILES.test(path) && /\bDeno\.[a-z]|"node:/i.test(code(text)));
  assertEquals(wrong.map(({ path }) => path), []);
});

Deno.test("libc opens a library, and the codecs do; nothing else", () => {
  assertEquals(FILES.filter(({ text }) => /\bdlopen\(/.test(code(text))).map(({ path }) => path), [
    "src/formats/codec_libraries.ts",
    "src/syscall/libc.ts",
  ]);
});

Deno.test("a result and a fault differ in their `kind`: none is recognised by a field that the other lacks", () => {
  const wrong = FILES.flatMap(({ path, text }) =>
    [...code(text).matchAll(/"(?:why|fault|failed|failure|problem|reason|diagnostic|value|ok)" in \w+/g)]
      .map(([test]) => `${path}: ${test}`)
  );
  assertEquals(wrong, []);
});

/** The tests run beside each other in one process, so that what one of them changes there disturbs the others. */
const OF_THE_PROCESS = /\bDeno\.(?:chdir\(|umask\(|env\.(?:set|delete)\(|kill\(Deno\.pid)/;

Deno.test("no test changes the folder, umask or environment of the whole process, or sends it a signal", () => {
  const tests = walkFiles(join(ROOT, "tests"), ".ts").map((path) => ({
    path: relative(ROOT, path),
    // What a template holds is a program that runs in a process of its own.
    text: code(Deno.readTextFileSync(path)).replaceAll(/`[^`]*`/g, "``"),
  }));
  assertEquals(tests.filter(({ text }) => OF_THE_PROCESS.test(text)).map(({ path }) => path), []);
});

Deno.test("the parts that say the version agree", () => {
  const version = /VERSION = "([^"]+)"/.exec(Deno.readTextFileSync(join(ROOT, "src/core/program.ts")))?.[1];
  const configs = ["deno.json", "jsr.json"].map((file) => JSON.parse(Deno.readTextFileSync(join(ROOT, file))));
  assertEquals(configs.map((config) => config.version), [version, version]);
});

Deno.test("jsr.json maps every library that src imports", () => {
  const { imports } = JSON.parse(Deno.readTextFileSync(join(ROOT, "jsr.json")));
  const used = new Set(
    FILES.flatMap(({ text }) => [...code(text).matchAll(/from "((?:@|js-)[^"]+)"/g)].map((match) => match[1])),
  );
  assertEquals([...used].filter((name) => name === undefined || !Object.hasOwn(imports, name)), []);
});
