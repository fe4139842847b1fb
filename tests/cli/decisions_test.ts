/** What commands say of words, options and hosts that decide something, and of their neighbours. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { parseInvocation } from "../../src/cli/args.ts";
import type { Command } from "../../src/cli/command.ts";
import { main } from "../../src/cli/main.ts";
import type { Sink } from "../../src/cli/ports.ts";
import { captureText } from "../../src/host/capture.ts";
import { PLAIN } from "../../src/render/style.ts";
import { type FailingSystem, failingSystem } from "../support/failing_system.ts";
import { type HostState, kuredHost, writeProfile } from "../support/kured_host.ts";
import { packedKernel, vmlinux } from "../support/small_kernel.ts";

/** A host with a kernel and a profile. */
function system(): FailingSystem {
  const on = failingSystem();
  Deno.writeFileSync(join(on.root, "boot/vmlinuz"), packedKernel(vmlinux()));
  Deno.writeTextFileSync(join(on.root, "web.yaml"), "version: 1\nkernel: /boot/vmlinuz\ncmdline: ro\n");
  return on;
}

interface SarifResult {
  readonly ruleId: string;
  readonly level: string;
  readonly locations: readonly { readonly physicalLocation: { readonly artifactLocation: { readonly uri: string } } }[];
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

Deno.test("the origin of a value shows it on one line, an empty one too", async () => {
  using on = system();
  const text = 'version: 1\nkernel: /boot/vmlinuz\ncmdline: ""\ndescription: "a\\nb"\ninitrd: []\n';
  Deno.writeTextFileSync(join(on.root, "web.yaml"), text);
  const [code, ...lines] = await says(on, "check", "--origin", "ROOT/web.yaml");
  assertEquals([code, ...lines.slice(0, 2)], [0, "ROOT/web.yaml", "  1. ROOT/web.yaml is the profile itself"]);
  assertEquals(lines.slice(2).map((line) => String(line).trim().replace("ROOT/web.yaml:", "")), [
    "1  version: 1",
    "2  kernel: /boot/vmlinuz",
    '3  cmdline: ""',
    '4  description: "a\\nb"',
    "5  initrd: []",
  ]);
});

Deno.test("what is wrong is said beside the origin of values, and within the data of a check", async () => {
  using on = system();
  Deno.writeTextFileSync(join(on.root, "web.yaml"), "version: 1\nkernel: /boot/vmlinuz\ncmdlin: ro\n");
  for (const form of ["text", "json"]) {
    const [code, error, ...more] = await says(on, "check", "--origin", "-o", form, "ROOT/web.yaml");
    assertEquals([code, error], [65, "ROOT/web.yaml:3:1: error: Unknown key `cmdlin` [unknown-key]"]);
    // What could be merged is shown all the same.
    assertEquals(more.some((line) => String(line).includes("/boot/vmlinuz")), true);
  }
  assertEquals((await says(on, "check", "-o", "json", "ROOT/web.yaml")).slice(0, 2), [65, "{"]);
  assertEquals(
    (await says(on, "check", "-o", "text", "ROOT/web.yaml"))[1],
    "ROOT/web.yaml:3:1: error: Unknown key `cmdlin` [unknown-key]",
  );
});

Deno.test("a problem is told once for its place and its words, and --fix refuses standard input among files", async () => {
  using on = system();
  const text = "version: 1\nkernel: /k\ninitrd: [{ path: /a, sha: x }, { path: /b, sha: y }]\nload: kexec_file_load\n" +
    "entry: 0x100\nkernal: /k\n";
  Deno.writeTextFileSync(join(on.root, "web.yaml"), text);
  const lines = await says(on, "check", "ROOT/web.yaml");
  const places = (part: string) =>
    lines.flatMap((line) =>
      String(line).includes(part) ? [String(line).split(": ")[0]?.replace("ROOT/web.yaml:", "")] : []
    );
  assertEquals(places("error: Unknown key `sha`"), ["3:22", "3:44"]);
  assertEquals(places("error: `entry` "), ["5:1", "5:1"]);
  assertEquals(await says(on, "check", "ROOT/web.yaml", "-", "--fix"), [
    64,
    "error: --fix cannot change standard input",
    "  hint: Name the file by its path",
  ]);
  assertEquals(Deno.readTextFileSync(join(on.root, "web.yaml")), text);
});

Deno.test("a picture of a plan and the running system has the memory of both, the running system first", async () => {
  using on = system();
  assertEquals((await says(on, "plan", "ROOT/web.yaml", "--out", "ROOT/web.plan.json"))[0], 0);
  for (const word of ["ROOT/web.yaml", "ROOT/web.plan.json"]) {
    const [code, ...lines] = await says(on, "diff", word, "@running", "-o", "svg");
    const svg = lines.join("\n");
    assertEquals([code, svg.includes(">Before: @running<"), svg.includes(">After: ")], [1, true, true]);
    assertEquals(svg.includes("is not available here"), false, word);
  }
});

Deno.test("parts that no profile uses are warnings in each form, and those that are used are not", async () => {
  using on = system();
  for (
    const [name, text] of [
      ["web", "version: 1\nextends: base.yaml\n"],
      ["base", "kernel: /boot/vmlinuz\ncmdline: ro\n"],
      ["unused", "kernel: /boot/vmlinuz\n"],
    ]
  ) {
    Deno.mkdirSync(join(on.root, "p"), { recursive: true });
    Deno.writeTextFileSync(join(on.root, `p/${name}.yaml`), text ?? "");
  }
  const data = async (form: string) => {
    const [code, ...lines] = await says(on, "check", "-o", form, "ROOT/p");
    assertEquals(code, 0);
    return lines.join("\n");
  };
  const { runs: [run] } = JSON.parse(await data("sarif"));
  const places = run.results.map((
    { ruleId, level, locations: [place] }: SarifResult,
  ) => [ruleId, level, place?.physicalLocation.artifactLocation.uri]);
  assertEquals(places, [["no-version", "warning", "file://ROOT/p/unused.yaml"]]);
  const { summary, parts } = JSON.parse(await data("json"));
  assertEquals(summary, { profiles: 1, invalid: 0, warnings: 1, parts: 2 });
  assertEquals(parts.map(({ file, used }: { readonly file: string; readonly used: boolean }) => [file, used]), [
    ["ROOT/p/base.yaml", true],
    ["ROOT/p/unused.yaml", false],
  ]);
  assertEquals((await data("junit")).match(/<system-out>[^]*<\/system-out>/)?.[0].includes("unused.yaml"), true);
  assertEquals((await data("text")).split("\n").at(-1), "1 profile is valid; 1 warning; 1 file is part of profiles");
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
  assertEquals((await unknown("explain", "constructor")).slice(0, 2), [64, "error: Unknown code constructor"]);
  assertEquals((await unknown("explain", "[unknown-key]")).slice(0, 2), [0, "unknown-key (exit code 65)"]);
  assertEquals((await unknown("explain", "lockdown")).slice(0, 2), [0, "lockdown (check of a plan, exit code 69)"]);
});

Deno.test("init: what only some origins have, and what its words mean", async () => {
  using on = system();
  Deno.copyFileSync(join(on.root, "boot/vmlinuz"), join(on.root, "boot/vmlinuz-6.1.0-50-amd64"));
  const capture = join(on.root, "host.json");
  Deno.writeTextFileSync(capture, captureText({ format: "warmboot.facts/1", files: {} }));
  const found = await says(on, "init", "--newest", "--root", "ROOT");
  assertEquals([found[0], found.includes("kernel: /boot/vmlinuz-6.1.0-50-amd64")], [0, true]);
  // Written to standard output, not to a file of that name; a root may end with a slash.
  assertEquals(await says(on, "init", "--newest", "--root", "ROOT/", "--out", "-"), found);
  assertEquals(Array.from(Deno.readDirSync("."), ({ name }) => name).includes("-"), false);
  assertEquals(
    await says(on, "init", "--newest", "--root", "ROOT/none/"),
    await says(on, "init", "--newest", "--root", "ROOT/none"),
  );
  const guard = "The guard needs two units, enabled where the new system runs:";
  const steps = async (...words: readonly string[]) => {
    const [code, ...lines] = await says(on, "init", "--guard", ...words);
    return [code, lines.includes(guard)];
  };
  assertEquals(await steps("--newest", "--root", "ROOT"), [0, true]);
  assertEquals(await steps("--bls", "ROOT/none.conf"), [66, false]);
  assertEquals(await says(on, "init", "--boot-entry", "default", "--pin"), [
    64,
    "error: --pin has no effect with --boot-entry",
    "  hint: It requires --running or --newest or --bls or --uki or --from-kexec",
  ]);
  // The capture is looked at, not this host.
  assertEquals((await says(on, "init", "--boot-entry", "default", "--facts", "ROOT/host.json")).slice(0, 3), [
    69,
    "error: The machine of the host is unknown: /proc/sys/kernel/arch is not usable [facts-missing]",
    "  hint: See that /proc is mounted, or take the capture again with `warmboot facts`",
  ]);
  Deno.mkdirSync(join(on.root, "esp/deb"), { recursive: true });
  Deno.copyFileSync(join(on.root, "boot/vmlinuz"), join(on.root, "esp/deb/linux"));
  Deno.writeTextFileSync(join(on.root, "deb.conf"), "linux /deb/linux\noptions ro\n");
  const entry = await says(on, "init", "--bls", "ROOT/deb.conf", "--boot", "ROOT/esp");
  assertEquals([entry[0], entry.includes("kernel: ROOT/esp/deb/linux")], [0, true], entry.join("\n"));
});

Deno.test("init names the folder that is missing, and the file that it would hold", async () => {
  using on = system();
  assertEquals(
    await says(on, "init", "--from-kexec", "kexec -l /boot/vmlinuz --append=ro", "--out", "ROOT/none/web.yaml"),
    [74, "error: The folder ROOT/none for web.yaml does not exist", "  hint: Create it first"],
  );
});

Deno.test("a host that lacks a fact which every plan needs is captured as it is, but no files for it", async () => {
  using on = system();
  Deno.removeSync(join(on.root, "proc/sys/kernel/osrelease"));
  const [code, error, ...capture] = await says(on, "facts");
  assertEquals([code, String(error).endsWith("[facts-missing]"), capture.includes("{")], [69, true, true]);
  const [failed, same, ...more] = await says(on, "facts", "--images", "ROOT/web.yaml");
  assertEquals([failed, same, more.includes("{")], [code, error, false]);
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

Deno.test("whether a reboot is needed is an answer on standard output; a doubt, or a plan that is not ready, is an error", async () => {
  const answer = async (state: HostState, profile?: string, change?: (root: string) => void) => {
    using on = await kuredHost(state);
    if (profile !== undefined) writeProfile(on, profile);
    change?.(on.root);
    const said = { out: "", err: "" };
    const sink = (name: keyof typeof said): Sink => ({
      layout: { style: PLAIN, width: 80 },
      isTerminal: false,
      write: (text) => void (said[name] += text),
    });
    const words = ["status", "--check=reboot-needed", "node"];
    const code = await on.on(() => main(words, () => ({ out: sink("out"), err: sink("err") })));
    return [code, ...[said.out, said.err].map((text) => text.split(":")[0])];
  };
  assertEquals(await answer("other"), [0, "needed", ""]);
  assertEquals(await answer("arrived"), [1, "running", ""]);
  const elsewhere = "version: 1\nkernel: /boot/vmlinuz\ncmdline: ro\nrequires: { hostname: other }\n";
  assertEquals(await answer("other", elsewhere), [1, "", "not-ready"]);
  // Whether a reboot into it failed cannot be seen.
  assertEquals(
    await answer("other", undefined, (root) => {
      Deno.mkdirSync(join(root, "var/lib/warmboot"), { recursive: true, mode: 0o700 });
      Deno.writeTextFileSync(join(root, "var/lib/warmboot/attempts"), "");
    }),
    [1, "", "undetermined"],
  );
});

Deno.test("status: what its options are about, and every image that it is asked about", async () => {
  using on = system();
  assertEquals(await says(on, "status", "--check=reboot-needed", "a", "b"), [
    64,
    'error: Unexpected argument "b" for status --check=reboot-needed',
    "  hint: Name one profile or plan: warmboot status --check=reboot-needed PROFILE",
  ]);
  assertEquals(await says(on, "status", "--check", "-o", "json"), [
    64,
    "error: --check cannot be used with --output",
    "  hint: Omit one of them",
  ]);
  assertEquals((await says(on, "status", "--pin")).slice(0, 3), [
    64,
    "error: Unknown option --pin",
    "  hint: It is an option of warmboot init",
  ]);
  assertEquals(
    (await says(on, "status", "--facts-dir=x"))[2],
    "  hint: It is an option of warmboot plan and warmboot diff",
  );
  // A file that is missing keeps none of the others from being looked at.
  const checked = await says(on, "status", "--check", "ROOT/none.yaml", "ROOT/web.yaml");
  assertEquals([checked[0], String(checked.at(-1)).split(":")[0]], [66, "not-loaded"]);
  // Metrics leave out what only people read.
  const reads = async (form: string) =>
    (await on.run(["status", "-o", form])).operations.some(({ path }) => path.startsWith("/boot/grub"));
  assertEquals([await reads("text"), await reads("json"), await reads("openmetrics")], [true, true, false]);
  using arrived = await kuredHost("arrived");
  const booted = await says(arrived, "status", "--booted", "node");
  assertEquals([booted[0], booted.at(-1)], [
    0,
    "The running system is what node declares: its stamp says so, for certain",
  ]);
});
