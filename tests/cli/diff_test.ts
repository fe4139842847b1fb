import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type OutputUnit, Validator } from "@cfworker/json-schema";
import { parse } from "@std/yaml";
import { join } from "@std/path";
import { EXIT } from "../../src/core/program.ts";
import { diffSchema } from "../../src/diff/diff_shape.ts";
import { bzImage } from "../image/build.ts";
import { elf } from "../image/build_elf.ts";
import { type Run, run } from "../support/run_cli.ts";

const folder = Deno.makeTempDirSync({ prefix: "warmboot-diff-" });
const facts = new URL("../fixtures/hosts/bios-vm.json", import.meta.url).pathname;
write("vmlinuz", bzImage());
write("initrd.img", Deno.readFileSync(new URL("../fixtures/initrds/newc", import.meta.url)));
const web = write("web.yaml", "version: 1\nkernel: vmlinuz\ninitrd: initrd.img\ncmdline: root=/dev/vda ro\n");
const other = write("other.yaml", "version: 1\nkernel: vmlinuz\ninitrd: initrd.img\ncmdline: root=/dev/vdb ro\n");

addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  Deno.writeFileSync(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
  return path;
}

/** Nothing but reading is allowed. */
const SANDBOX = ["--allow-read", "--deny-net", "--deny-write", "--deny-run", "--deny-env", "--deny-sys", "--deny-ffi"];

function diff(...args: readonly string[]): Promise<Run> {
  return run(["diff", ...args]);
}

Deno.test("diff exits with 1 where sides differ and with 0 where they do not, with read permission alone", async () => {
  const differs = await run(["diff", web, other, "--facts", facts], SANDBOX);
  assertEquals([differs.code, differs.stderr], [EXIT.differs.code, ""]);
  assertStringIncludes(differs.stdout, "~ root  /dev/vda -> /dev/vdb");
  const same = await diff(web, web, "--facts", facts);
  assertEquals([same.code, same.stdout.trimEnd().split("\n").at(-1)], [EXIT.ok.code, "No differences"]);
});

Deno.test("two stored plans need no host at all", async () => {
  const plans = [web, other].map((path) => path.replace(".yaml", ".plan.json"));
  for (const [index, path] of [web, other].entries()) {
    const made = await run(["plan", path, "--facts", facts, "--out", plans[index] ?? ""]);
    assertEquals(made.code, 0, made.stderr);
  }
  const { code, stdout, stderr } = await diff(...plans);
  assertEquals([code, stderr], [EXIT.differs.code, ""]);
  assertStringIncludes(stdout, "1 changed");
});

Deno.test("diff speaks JSON as its schema says, and the same in YAML", async () => {
  const json = await diff(web, other, "--facts", facts, "-o", "json");
  const value = JSON.parse(json.stdout);
  const result = new Validator(JSON.parse(JSON.stringify(diffSchema())), "7", false).validate(value);
  assertEquals(result.errors.map((error: OutputUnit) => error.error), []);
  const yaml = await diff(web, other, "--facts", facts, "-o", "yaml");
  assertEquals([parse(yaml.stdout, { schema: "json" }), yaml.code], [value, json.code]);
});

Deno.test("without a second side, a profile is compared with the captured host as it ran", async () => {
  const alone = await diff(web, "--facts", facts);
  assertEquals(alone.stdout, (await diff(web, "@running", "--facts", facts)).stdout);
  assertStringIncludes(alone.stdout, "From @running to");
  assertStringIncludes(alone.stdout, "Unknown for @running: the kernel file's SHA-256 and the initrds");
});

Deno.test("what cannot be compared is refused with the reason", async () => {
  const cases: readonly (readonly [readonly string[], number, string])[] = [
    [[web, "@loded"], EXIT.usage.code, "Did you mean @loaded?"],
    [[web, "@loaded"], EXIT.unavailable.code, "A capture does not say which image is loaded"],
    [["@running"], EXIT.usage.code, "nothing to compare @running with"],
    [[web, join(folder, "none.yaml")], EXIT.noinput.code, "does not exist"],
    [[web, facts], EXIT.data.code, "This is a capture of a host"],
    [[write("bad.yaml", "version: 1\nkernal: a\n"), web], EXIT.data.code, "Did you mean `kernel`?"],
    [[write("bad.json", '{"format": "warmboot.plan/1"}'), web], EXIT.data.code, "is missing"],
  ];
  for (const [args, code, says] of cases) {
    const result = await diff(...args, "--facts", facts);
    assertEquals([result.code, result.stdout], [code, ""], args.join(" "));
    assertStringIncludes(result.stderr, says);
  }
});

Deno.test("@running is this host without --facts, and a sandbox that hides it is told of", async () => {
  const live = await run(["diff", web, "@running"]);
  assertEquals(live.code, EXIT.differs.code, live.stderr);
  assertEquals((await run(["diff", web, "@running"], SANDBOX)).code, EXIT.permission.code);
});

Deno.test("status --booted says whether this system is what a profile declares, by its exit code too", async () => {
  const release = Deno.osRelease();
  const version = Deno.readTextFileSync("/proc/sys/kernel/version").trim();
  const cmdline = Deno.readTextFileSync("/proc/cmdline").trim();
  write("here", bzImage({ version: `${release} (a@b) ${version}` }));
  const declared = `version: 1\nkernel: here\ncmdline: '${cmdline.replaceAll("'", "''")}'\n`;
  const yes = await run(["status", "--booted", write("here.yaml", declared)]);
  assertEquals(yes.code, EXIT.ok.code, yes.stdout + yes.stderr);
  assertStringIncludes(yes.stderr, "by release and command line");
  write("vmlinux", elf());
  const mute = await run(["status", "--booted", write("mute.yaml", declared.replace("here", "vmlinux"))]);
  assertEquals(mute.code, EXIT.unavailable.code, mute.stdout + mute.stderr);
  assertStringIncludes(mute.stderr, "does not say the kernel's release");
  const no = await run(["status", "--booted", web, "-o", "json"]);
  assertEquals([no.code, JSON.parse(no.stdout).same], [EXIT.differs.code, false]);
  assertStringIncludes(no.stderr, "is not what");
  const lost = await run(["status", "--booted", join(folder, "none.yaml")]);
  assertEquals(lost.code, EXIT.noinput.code);
});

Deno.test("a command line that the shell gives twice is read once", async () => {
  const twice = await run(["diff", web, web, "--facts", facts, "-o", "json"]);
  assert(JSON.parse(twice.stdout).same);
});
