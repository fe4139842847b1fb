import { assertEquals } from "@std/assert";
import type { HostFacts } from "../../src/host/facts.ts";
import type { Images } from "../../src/image/boot_files.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { profileOfPlan, recheck } from "../../src/plan/stored.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, PART_DIGESTS, profileOf } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function planOf(profile: Profile, files: Images = images(), facts: Partial<HostFacts> = {}): Plan {
  const { value, diagnostics } = planBoot({
    profile,
    facts: hostFacts(facts),
    images: files,
    partDigests: PART_DIGESTS,
  });
  if (value === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return value;
}

pure("what a profile states is in its plan, where that is not what it would be without", () => {
  const SEGMENT = { name: "code", at: 0x40_0000n, source: { kind: "bytes", bytes: Uint8Array.of(0xf4) } } as const;
  const { kernel: _kernel, ...payload } = profileOf({
    load: "kexec_load",
    initrd: [],
    cmdline: { kind: "parameters", parameters: [] },
    entry: 0x40_0000n,
    segments: [SEGMENT],
    preserveContext: true,
    reentrant: true,
    stated: [],
  });
  const bare = planOf(payload, { initrd: [] });
  const { reentrant, preserveContext, entry } = profileOfPlan(bare) ?? {};
  assertEquals([reentrant, preserveContext, entry], [true, true, 0x40_0000n]);

  const dtb = {
    path: "/boot/board.dtb",
    size: 100,
    sha256: "c".repeat(64),
    info: { kind: "tree", tree: { bootCpu: 0, reservations: [], root: { name: "", properties: [], children: [] } } },
  } as const;
  const stated: Partial<Profile> = {
    load: "kexec_load",
    arch: "x86_64",
    dtb: { path: dtb.path },
    memory: { min: 0x10_0000n, max: 1n << 32n },
    checksum: "sha256",
    preservedState: "discard",
    stamp: true,
  };
  const found = profileOfPlan(planOf(profileOf(stated), images({ dtb })));
  for (const key of Object.keys(stated) as readonly (keyof Profile)[]) {
    assertEquals(found?.[key], stated[key], key);
  }
});

pure("a plan that is refused is still judged by what it says of a guard and of what is carried", () => {
  const plan = planOf(profileOf({ guard: { panic: 10 }, stamp: true }));
  const rules = (changes: Partial<Plan>, facts: Partial<HostFacts> = { hostname: "web2" }) =>
    recheck({ ...plan, ...changes }, hostFacts(facts), images(), PART_DIGESTS).checks
      .filter(({ rule }) => /^(?:stored-plan|guard-panic|carry-)/.test(rule))
      .map(({ rule, status, message }) => [rule, status, message.split("; ")[0]]);
  const refused = ["stored-plan", "fail", "Since the plan was made, the host's name changed from web1 to web2"];
  const guarded = [
    "guard-panic",
    "warn",
    "What the initrd does where it fails is not known: `panic` may not cover that",
  ];
  assertEquals(rules({}), [refused, guarded]);
  const network = { tool: "systemd-networkd", files: [], omitted: [] } as const;
  const carried = "The initrd gets the network of the running system as files for";
  assertEquals(rules({ carry: { network } }).slice(2), [
    ["carry-network", "pass", `${carried} systemd-networkd: 0`],
    ["carry-omitted", "pass", "All of the running network is carried"],
  ]);
  assertEquals(rules({ carry: { network: { ...network, tool: "initramfs-tools", omitted: ["a", "b"] } } }).slice(2), [
    ["carry-network", "warn", `${carried} initramfs-tools: 0`],
    ["carry-omitted", "warn", "Not carried: a"],
  ]);
  assertEquals(
    rules({ carry: { network: { files: [], omitted: ["a"], fault: { message: "Nothing reads it", hint: "Add it" } } } })
      .slice(2),
    [["carry-network", "fail", "Nothing reads it"]],
  );
});
