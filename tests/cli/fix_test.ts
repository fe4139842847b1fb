import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { Validator } from "@cfworker/json-schema";
import { EXIT } from "../../src/core/program.ts";
import { applyFixes } from "../../src/profile/apply_fixes.ts";
import { run, schemaOf } from "../support/run_cli.ts";

/** A folder with files, for the time of an action. */
async function inFolder(
  files: { readonly [name: string]: string | Uint8Array },
  action: (path: string) => Promise<void>,
): Promise<void> {
  const path = Deno.makeTempDirSync({ prefix: "warmboot-fix-" });
  try {
    for (const [name, content] of Object.entries(files)) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      Deno.writeFileSync(join(path, name), bytes);
    }
    await action(path);
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
}

const RIGHTS = ["--allow-read", "--allow-write"];

Deno.test("check --fix corrects each file and keeps everything else, byte for byte", async () => {
  // A byte-order mark, CR LF, a character of four bytes, quotes, comments and no newline at the end.
  const before = '\ufeff# 🐧 kernal\r\nversion: 1\r\nkernal:   "/boot/é" # load: yes\r\n"lod": \'Auto\'\r\ncrash:\tYES';
  const after =
    '\ufeff# 🐧 kernal\r\nversion: 1\r\nkernel:   "/boot/é" # load: yes\r\n"load": \'auto\'\r\ncrash:\ttrue';
  await inFolder({ "web.yaml": before }, async (path) => {
    const file = join(path, "web.yaml");
    Deno.chmodSync(file, 0o640);
    const { code, stdout, stderr } = await run(["check", file, "--fix"], RIGHTS);
    assertEquals([code, stdout], [EXIT.ok.code, `${file}: valid\n`], stderr);
    assertStringIncludes(stderr, `${file}:3:1: replaced kernal by kernel\n`);
    assertEquals(new TextDecoder("utf-8", { ignoreBOM: true }).decode(Deno.readFileSync(file)), after);
    assertEquals((Deno.statSync(file).mode ?? 0) & 0o777, 0o640);
  });
});

Deno.test("check --fix corrects bases where they are wrong, once, and reports in JSON what it changed", async () => {
  const files = {
    "base.yaml": "kernl: /k\n",
    "a.yaml": "version: 1\nextends: base.yaml\n",
    "b.yaml": "version: 1\nextends: base.yaml\nzebra: 1\n",
  };
  await inFolder(files, async (path) => {
    const { code, stdout } = await run(["check", path, "--fix", "-o", "json"]);
    const result = JSON.parse(stdout);
    assertEquals(new Validator(schemaOf("check"), "7", false).validate(result).errors, []);
    assertEquals(code, EXIT.data.code);
    assertEquals([result.changed, result.summary.invalid], [true, 1]);
    assertEquals(result.fixed, [
      { file: join(path, "base.yaml"), line: 1, column: 1, code: "unknown-key", from: "kernl", to: "kernel" },
    ]);
    assertEquals(Deno.readTextFileSync(join(path, "base.yaml")), "kernel: /k\n");
    const again = JSON.parse((await run(["check", path, "--fix", "-o", "json"])).stdout);
    assertEquals([again.changed, again.fixed], [false, []]);
  });
});

Deno.test("check --fix changes nothing without a fix, and says so where it may not write", async () => {
  await inFolder(
    { "web.yaml": "version: 1\nkernal: /k\nkernel: /l\n", "b.yaml": "version: 1\nkernal: /k\n" },
    async (path) => {
      const file = join(path, "web.yaml");
      assertEquals((await run(["check", file, "--fix"])).code, EXIT.data.code);
      assertEquals(Deno.readTextFileSync(file), "version: 1\nkernal: /k\nkernel: /l\n");
      const refused = await run(["check", join(path, "b.yaml"), "--fix"], ["--allow-read"]);
      assertEquals(refused.code, EXIT.permission.code, refused.stderr);
      assertEquals((await run(["check", "-", "--fix"])).code, EXIT.usage.code);
    },
  );
});

Deno.test("a file that is named twice, in whatever form, is checked once", async () => {
  await inFolder({ "a.yaml": "version: 1\nkernel: /k\n", "b.yaml": "version: 1\nkernel: /k\n" }, async (path) => {
    const words = [path, join(path, "a.yaml"), `${path}/./b.yaml`, `${path}//a.yaml`];
    const { stdout } = await run(["check", ...words, "-o", "junit"]);
    assertEquals([...stdout.matchAll(/<testcase /g)].length, 2);
    assertStringIncludes(stdout, 'tests="2" failures="0"');
    assertStringIncludes((await run(["check", ...words])).stdout, "2 profiles are valid");
    // A folder whose profiles are all named before is not empty.
    assertEquals((await run(["check", join(path, "a.yaml"), join(path, "b.yaml"), path])).code, 0);
  });
});

Deno.test("explain prints what docs/diagnostics.md says of a code or a check, and suggests the nearest", async () => {
  const code = await run(["explain", "[unknown-key]"], []);
  assertEquals(code.code, EXIT.ok.code);
  assertStringIncludes(code.stdout, "unknown-key (exit code 65)");
  assertStringIncludes(code.stdout, "  $ warmboot check web.yaml");
  assertStringIncludes((await run(["explain", "pinned-digest"])).stdout, "check of a plan");
  assertStringIncludes((await run(["explain"])).stdout, "stored-plan");
  for (const word of ["unknown-kye", "toString"]) {
    const unknown = await run(["explain", word]);
    assertEquals([unknown.code, unknown.stdout], [EXIT.usage.code, ""]);
  }
  assertStringIncludes((await run(["explain", "pinned-digst"])).stderr, "Did you mean pinned-digest?");
});

Deno.test({
  name: "fixes that overlap, or whose line has changed, are left out",
  permissions: "none",
  fn() {
    const fix = (line: number, column: number, length: number, replacement: string, source?: string) => ({
      replacement,
      position: { file: "f", line, column, length, ...(source === undefined ? {} : { source }) },
    });
    const { text, applied } = applyFixes("ab cd\nef\n", [
      fix(2, 1, 2, "gh", "ef"),
      fix(1, 1, 2, "x"),
      fix(1, 2, 2, "y"),
      fix(1, 4, 2, "z", "other"),
      fix(9, 1, 1, "w"),
    ]);
    assertEquals([text, applied.map(({ from }) => from)], ["x cd\ngh\n", ["ab", "ef"]]);
  },
});
