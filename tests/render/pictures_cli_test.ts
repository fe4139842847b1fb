import { gzipSync } from "node:zlib";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { EXIT } from "../../src/core/program.ts";
import { bzImage } from "../image/build.ts";
import { run } from "../support/run_cli.ts";

const folder = Deno.makeTempDirSync({ prefix: "warmboot-pictures-" });
const facts = new URL("../fixtures/hosts/bios-vm.json", import.meta.url).pathname;
const laptop = new URL("../fixtures/hosts/uefi-laptop.json", import.meta.url).pathname;
Deno.writeFileSync(join(folder, "vmlinuz"), bzImage({ payload: gzipSync("a kernel") }));
const low = profile("low.yaml", "");
const high = profile("high.yaml", "memory: { min: 64MiB }\n");

addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

function profile(name: string, more: string): string {
  const path = join(folder, name);
  Deno.writeTextFileSync(path, `version: 1\nkernel: vmlinuz\nload: kexec_load\ncmdline: ro\n${more}`);
  return path;
}

Deno.test("plan draws the memory as text and as SVG, with read permission alone, and exits as without", async () => {
  const text = await run(["plan", low, "--facts", facts], ["--allow-read"]);
  assertStringIncludes(text.stdout, "\nMemory\n  All memory, about");
  const svg = await run(["plan", low, "--facts", facts, "-o", "svg"], ["--allow-read"]);
  assertEquals([svg.code, svg.stderr], [text.code, text.stderr]);
  assertMatch(svg.stdout, /^<svg [^]*<\/svg>\n$/);
});

Deno.test("--out stores the plan beside a picture, and no plan under a picture's name", async () => {
  const file = join(folder, "low.plan.json");
  const both = await run(["plan", low, "--facts", facts, "-o", "svg", "--out", file]);
  assertMatch(both.stdout, /^<svg /);
  assertEquals(JSON.parse(Deno.readTextFileSync(file)).format, "warmboot.plan/1");
  const cases = [["--out", "-"], ["--out", join(folder, "low.svg")], ["--facts-dir", folder]];
  for (const words of cases) {
    const refused = await run(["plan", low, "-o", "svg", ...words]);
    assertEquals([refused.code, refused.stdout], [EXIT.usage.code, ""], words.join(" "));
  }
});

Deno.test("plan in brief, with every check, and as Markdown; the exit code is that of the plan", async () => {
  const text = await run(["plan", low, "--facts", facts], ["--allow-read"]);
  assertMatch(text.stdout, /\nChecks\n {2}\d+ checks passed; -v lists them\n\nReady to load\n$/);
  const verbose = await run(["plan", low, "--facts", facts, "-v"]);
  assertMatch(verbose.stdout, /\nChecks\n(?: {2}ok {4}\S+ +.*\n(?: {27}.*\n)*)+\nReady to load\n$/);
  const brief = await run(["plan", low, "--facts", facts, "--brief"]);
  assertEquals([brief.code, brief.stdout.split("\n").length], [text.code, 6], brief.stdout);
  const file = join(folder, "low.md.json");
  const markdown = await run(
    ["plan", low, "--facts", facts, "-o", "markdown", "--picture", "p.svg", "--out", file],
    ["--allow-read", "--allow-write"],
  );
  assertMatch(markdown.stdout, /^### `low: [^]*\n\[!\[[^\]]+\]\(<p\.svg>\)\]\(<p\.svg>\)\n$/);
  assertEquals([markdown.code, JSON.parse(Deno.readTextFileSync(file)).format], [text.code, "warmboot.plan/1"]);
});

const MISFITS: readonly (readonly [words: string, says: string])[] = [
  ["--brief -v", "--brief and --verbose are mutually exclusive"],
  ["--brief -o json", "--brief requires -o text"],
  ["-v -o svg", "--verbose requires -o text"],
  ["--picture p.svg", "--picture requires -o markdown"],
  ["-o markdown --out -", "would store the plan there"],
  ["-o markdown --out plan.md", "would store the plan there"],
  ["-o junit", "-o junit requires --facts-dir"],
  ["--brief --facts-dir .", "--brief cannot be combined with --facts-dir"],
  ["-v --facts-dir .", "--verbose cannot be combined with --facts-dir"],
];

for (const [words, says] of MISFITS) {
  Deno.test(`plan ${words}: refused, and nothing is planned`, async () => {
    const refused = await run(["plan", low, ...words.split(" ")]);
    assertEquals([refused.code, refused.stdout], [EXIT.usage.code, ""]);
    assertStringIncludes(refused.stderr, says);
  });
}

Deno.test("diff draws both sides, and of stored plans only what is known", async () => {
  const svg = await run(["diff", low, high, "--facts", facts, "-o", "svg"]);
  assertEquals([svg.code, svg.stderr], [EXIT.differs.code, ""]);
  assertEquals(svg.stdout.match(/class="wb-kernel" x="\d+" y="\d+" width="\d+" height="34"/g)?.length, 2);
  const plans = [low, high].map((path) => path.replace(".yaml", ".stored.json"));
  for (const [index, path] of [low, high].entries()) {
    await run(["plan", path, "--facts", facts, "--out", plans[index] ?? ""]);
  }
  const unknown = /The memory map of vm-web-1 is not available/g;
  for (const [words, hidden] of [[[], 2], [["--facts", facts], 0], [["--facts", laptop], 2]] as const) {
    const { stdout, code } = await run(["diff", ...plans, ...words, "-o", "svg"]);
    const shown = stdout.replace(/<desc[^]*<\/desc>/, "");
    assertEquals([code, shown.match(unknown)?.length ?? 0], [EXIT.differs.code, hidden]);
  }
  // The running system is drawn with what is known of it, on its side, however the sides are given.
  for (const words of [[plans[0] ?? "", "@running"], ["@running", plans[0] ?? ""]]) {
    const { stdout } = await run(["diff", ...words, "--facts", laptop, "-o", "svg"]);
    assertEquals([
      stdout.replace(/<desc[^]*<\/desc>/, "").match(unknown)?.length,
      /The memory map of the plan/.test(stdout),
    ], [
      1,
      false,
    ]);
  }
  // A host of the same name that is another machine is another host.
  const twin = join(folder, "twin.json");
  const arm64 = new URL("../fixtures/hosts/arm64-server.json", import.meta.url);
  Deno.writeTextFileSync(
    twin,
    Deno.readTextFileSync(arm64).replace(/("\/proc\/sys\/kernel\/hostname": )"[^"]*"/, '$1"vm-web-1\\n"'),
  );
  const { stdout } = await run(["diff", ...plans, "--facts", twin, "-o", "svg"]);
  assertEquals(stdout.replace(/<desc[^]*<\/desc>/, "").match(unknown)?.length, 2);
});
