import { assertEquals } from "@std/assert";
import { dirname, join, relative } from "@std/path";
import { walkFiles } from "./support/walk_files.ts";

const ROOT = join(import.meta.dirname ?? ".", "..");
const FILES = walkFiles(join(ROOT, "src"), ".ts").map((path) => ({
  path: relative(ROOT, path),
  text: Deno.readTextFileSync(path),
}));

/** What each folder under src/ may import, besides itself. Imports point one way. */
const MAY_IMPORT: { readonly [folder: string]: readonly string[] } = {
  core: [],
  profile: ["core"],
  host: ["core"],
  image: ["core"],
  arch: ["core", "profile", "host", "image"],
  plan: ["core", "profile", "host", "image", "arch"],
  diff: ["core", "profile", "host", "image", "arch", "plan"],
  kernel: ["core", "profile", "host", "image", "arch", "plan"],
  render: ["core", "profile", "host", "image", "arch", "plan", "diff", "kernel"],
  cli: ["core", "profile", "host", "image", "arch", "plan", "diff", "kernel", "render"],
};

/** Where code may speak to the system. */
const SYSTEM_FILES = /^src\/(host\/(live|files)\.ts|kernel\/(libc|codecs|codec_libraries)\.ts|cli\/)/;

function code(text: string): string {
  return text.replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "");
}

Deno.test("imports point one way through the stages", () => {
  const wrong = FILES.flatMap(({ path, text }) => {
    const folder = path.split("/")[1] ?? "";
    return [...text.matchAll(/from "(\.[^"]+)"/g)].map((match) => join(dirname(path), match[1] ?? "")).filter(
      (target) => {
        const other = target.split("/")[1] ?? "";
        return other !== folder && !(MAY_IMPORT[folder] ?? []).includes(other);
      },
    ).map((target) => `${path} imports ${target}`);
  });
  assertEquals(wrong, []);
});

Deno.test("every folder under src is a stage", () => {
  const folders = new Set(FILES.map(({ path }) => path.split("/")[1] ?? ""));
  assertEquals([...folders].filter((folder) => !Object.hasOwn(MAY_IMPORT, folder)), []);
});

Deno.test("only the live reader, libc, the codecs and the CLI speak to the system", () => {
  const wrong = FILES.filter(({ path, text }) => !SYSTEM_FILES.test(path) && /\bDeno\b|"node:/.test(code(text)));
  assertEquals(wrong.map(({ path }) => path), []);
});

Deno.test("libc opens a library, and the codecs do; nothing else", () => {
  assertEquals(FILES.filter(({ text }) => /\bdlopen\(/.test(code(text))).map(({ path }) => path), [
    "src/kernel/codec_libraries.ts",
    "src/kernel/libc.ts",
  ]);
});

Deno.test("no file outgrows its subject", () => {
  const long = FILES.map(({ path, text }) => `${path}: ${text.split("\n").length - 1}`)
    .filter((line) => Number(line.split(": ")[1]) > 270);
  assertEquals(long, []);
});

Deno.test("the parts that say the version agree", () => {
  const version = /VERSION = "([^"]+)"/.exec(Deno.readTextFileSync(join(ROOT, "src/cli/versions.ts")))?.[1];
  const configs = ["deno.json", "jsr.json"].map((file) => JSON.parse(Deno.readTextFileSync(join(ROOT, file))));
  assertEquals(configs.map((config) => config.version), [version, version]);
});

Deno.test("jsr.json maps every library that src imports", () => {
  const { imports } = JSON.parse(Deno.readTextFileSync(join(ROOT, "jsr.json")));
  const used = new Set(
    FILES.flatMap(({ text }) => [...text.matchAll(/from "((?:@|js-)[^"]+)"/g)].map((match) => match[1])),
  );
  assertEquals([...used].filter((name) => name === undefined || !Object.hasOwn(imports, name)), []);
});
