import { assertEquals, assertMatch } from "@std/assert";
import { Validator } from "@cfworker/json-schema";
import { parse } from "@std/yaml";
import { basename, join } from "@std/path";
import { planBoot } from "../src/plan/planner.ts";
import { resolveCmdline } from "../src/profile/cmdline/resolve.ts";
import { fileItems } from "../src/profile/overlay_file.ts";
import { parseProfile } from "../src/profile/parse.ts";
import type { Profile } from "../src/profile/profile.ts";
import { hostFacts } from "./support/host_facts.ts";
import { initrdFile, kernelFile } from "./support/profiles.ts";
import { schemaOf } from "./support/run_cli.ts";
import { walkFiles } from "./support/walk_files.ts";

const FOLDER = join(import.meta.dirname ?? ".", "../examples");
/** Those of examples/gitops are parts of a repository, which has a test of its own. */
const EXAMPLES = walkFiles(FOLDER, ".yaml").filter((path) => !path.includes("/gitops/")).map((path) => ({
  name: basename(path),
  path,
  text: Deno.readTextFileSync(path),
}));
const SCHEMA = schemaOf("profile");

/** What each example tells the new kernel, on a host that runs with `root=LABEL=root ro quiet`. */
const CMDLINES: { readonly [name: string]: string } = {
  "boot-entry.yaml": "root=LABEL=root ro systemd.unit=rescue.target",
  "guard.yaml":
    "root=LABEL=root ro quiet crashkernel=256M panic=10 warmboot.guard=panic warmboot.plan=5b3ac5110fecbef8",
  "kdump.yaml": "root=LABEL=root ro irqpoll nr_cpus=1 reset_devices cgroup_disable=memory numa=off " +
    "transparent_hugepage=never udev.children-max=2 panic=10",
  "minimal.yaml": "root=LABEL=root ro",
  "preserve.yaml": "",
  "reuse.yaml": "root=LABEL=root ro crashkernel=256M console=ttyS0,115200 systemd.unit=rescue.target",
  "segments.yaml": "",
  "web.yaml": "root=LABEL=root ro console=tty0 console=ttyS0,115200 panic=30",
};

/** With what the boot loader's entry would be. */
function withEntry(profile: Profile): Profile {
  const { value = "" } = resolveCmdline(profile.cmdline, { crash: false, entry: "root=LABEL=root ro quiet splash" });
  return { ...profile, kernel: { path: "/boot/vmlinuz" }, cmdline: { kind: "parameters", parameters: [value] } };
}

for (const { name, path, text } of EXAMPLES) {
  Deno.test({
    name: `examples/${name} is valid, for warmboot and for an editor`,
    permissions: "none",
    fn() {
      assertEquals(parseProfile(text, path).diagnostics, []);
      assertMatch(text, /^# yaml-language-server: \$schema=\.\.\/schema\/profile\.schema\.json\n/);
      assertEquals(new Validator(SCHEMA, "7", false).validate(parse(text, { schema: "core" })).errors, []);
    },
  });

  Deno.test({
    name: `examples/${name} can be planned`,
    permissions: "none",
    fn() {
      const parsed = parseProfile(text, path).value;
      if (parsed === undefined) throw new Error("Not valid");
      const profile = parsed.bootEntry === undefined ? parsed : withEntry(parsed);
      const kexec = { ...hostFacts().kexec, crashSize: 256n << 20n };
      const pin = (sha256: string | undefined) => sha256 === undefined ? {} : { sha256, pinned: sha256 };
      const { kernel, initrd } = profile;
      const planned = planBoot({
        profile,
        facts: hostFacts({
          kexec,
          release: "6.17.0",
          cmdline: "BOOT_IMAGE=/vmlinuz root=LABEL=root ro quiet crashkernel=256M",
        }),
        images: {
          ...(kernel === undefined ? {} : { kernel: kernelFile({ path: kernel.path, ...pin(kernel.sha256) }) }),
          initrd: fileItems(initrd).map(({ path, sha256 }) => initrdFile({ path, ...pin(sha256) })),
        },
      });
      assertEquals(planned.diagnostics.filter(({ severity }) => severity === "error"), []);
      assertEquals(planned.value?.checks.filter(({ status }) => status === "fail"), []);
      assertEquals(planned.value?.call.cmdline, CMDLINES[name]);
    },
  });
}
