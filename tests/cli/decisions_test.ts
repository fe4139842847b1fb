/** What commands say of words, options and hosts that decide something, and of their neighbours. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { parseInvocation } from "../../src/cli/args.ts";
import type { Command } from "../../src/cli/command.ts";
import { type FailingSystem, failingSystem } from "../support/failing_system.ts";
import { packedKernel, vmlinux } from "../support/small_kernel.ts";

/** A host with a kernel and a profile. */
function system(): FailingSystem {
  const on = failingSystem();
  Deno.writeFileSync(join(on.root, "boot/vmlinuz"), packedKernel(vmlinux()));
  Deno.writeTextFileSync(join(on.root, "web.yaml"), "version: 1\nkernel: /boot/vmlinuz\ncmdline: ro\n");
  return on;
}

/** The exit code and the lines of a run; `ROOT` is the host's root. */
async function says(on: FailingSystem, ...words: readonly string[]): Promise<readonly (number | string)[]> {
  const { code, said } = await on.run(words.map((word) => word.replace("ROOT", on.root)));
  return [code, ...said.replaceAll(on.root, "ROOT").trimEnd().split("\n")];
}

Deno.test({
  name: "an option that is cut short is completed from its second letter on; a shorter one is only unknown",
  permissions: "none",
  fn() {
    const command: Command = {
      name: "plan",
      usage: "PROFILE",
      words: { min: 0, max: 1 },
      summary: "",
      description: "",
      options: [
        { name: "facts", value: "FILE", doc: "" },
        { name: "dry-run", doc: "" },
        { name: "unmatched", doc: "" },
        { name: "unbinding", doc: "" },
      ],
      examples: [],
      exits: {},
      run: () => Promise.resolve("ok"),
    };
    const hint = (word: string) => {
      const result = parseInvocation(command, [word]);
      return result.kind === "invocation" ? "" : result.problems[0]?.hint;
    };
    const all = "The options are --facts, --dry-run, --unmatched, ";
    assertEquals(["--f", "--d", "--"].map((word) => hint(word)?.startsWith("Did you mean")), [false, false, false]);
    assertEquals(["--fa", "--dry"].map(hint), ["Did you mean --facts?", "Did you mean --dry-run?"]);
    // Of two that begin so, neither is meant for certain.
    assertEquals(["--zebra", "--un"].map((word) => hint(word)?.startsWith(all)), [true, true]);
  },
});

Deno.test("the origin of values has the forms of a text, and none of those for CI", async () => {
  using on = system();
  for (const form of ["sarif", "junit"]) {
    assertEquals(await says(on, "check", "--origin", "-o", form, "ROOT/web.yaml"), [
      64,
      `error: --origin has no form ${form}`,
      "  hint: Write -o text, -o json or -o yaml",
    ]);
  }
  const codes = [];
  for (const form of ["text", "json", "yaml"]) {
    codes.push((await says(on, "check", "--origin", "-o", form, "ROOT/web.yaml"))[0]);
  }
  for (const form of ["sarif", "junit"]) codes.push((await says(on, "check", "-o", form, "ROOT/web.yaml"))[0]);
  assertEquals(codes, [0, 0, 0, 0, 0]);
});

Deno.test("sides, schemas and codes that are not known: the nearest, else all of them", async () => {
  using on = system();
  const unknown = async (...words: readonly string[]) => (await says(on, ...words)).slice(0, 3);
  assertEquals(await unknown("diff", "@runing", "ROOT/web.yaml"), [
    64,
    'error: Unknown side "@runing"',
    "  hint: Did you mean @running?",
  ]);
  assertEquals((await unknown("diff", "@zebra", "ROOT/web.yaml")).map((line) => String(line).slice(0, 46)), [
    "64",
    'error: Unknown side "@zebra"',
    "  hint: The sides without a file are @running,",
  ]);
  assertEquals(await unknown("schema", "profil"), [
    64,
    'error: Unknown schema "profil"',
    "  hint: Did you mean profile?",
  ]);
  assertEquals((await unknown("schema", "toString"))[1], 'error: Unknown schema "toString"');
  assertEquals((await unknown("schema", "zebra")).map((line) => String(line).slice(0, 17)), [
    "64",
    "error: Unknown sc",
    "  hint: Known are",
  ]);
  assertEquals((await unknown("schema"))[0], 0);
  assertEquals(await unknown("explain", "unknown-kee"), [
    64,
    "error: Unknown code unknown-kee",
    "  hint: Did you mean unknown-key?",
  ]);
  assertEquals((await unknown("explain", "[unknown-key]")).slice(0, 2), [0, "unknown-key (exit code 65)"]);
  assertEquals((await unknown("explain", "lockdown")).slice(0, 2), [0, "lockdown (check of a plan, exit code 69)"]);
});

Deno.test("init names the folder that is missing, and the file that it would hold", async () => {
  using on = system();
  assertEquals(
    await says(on, "init", "--from-kexec", "kexec -l /boot/vmlinuz --append=ro", "--out", "ROOT/none/web.yaml"),
    [74, "error: The folder ROOT/none for web.yaml does not exist", "  hint: Create it first"],
  );
});

Deno.test("that a newer systemd boots the image is said where systemd runs", async () => {
  using on = system();
  const next = async () => (await says(on, "load", "ROOT/web.yaml", "--force")).at(-1);
  assertEquals(
    await next(),
    "Reboot into it with: warmboot exec (a newer systemd boots it on `systemctl reboot` as well); unload it with: warmboot unload",
  );
  Deno.removeSync(join(on.root, "run/systemd"), { recursive: true });
  const without = String(await next());
  assertEquals([without.startsWith("Reboot into it with: warmboot exec"), without.includes("newer systemd")], [
    true,
    false,
  ]);
});
