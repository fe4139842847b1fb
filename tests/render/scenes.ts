import type { HostFacts } from "../../src/host/facts.ts";
import type { IomemNode } from "../../src/host/iomem.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import type { Profile, SegmentSpec } from "../../src/profile/profile.ts";
import { MANY_FACTS, UEFI_FACTS } from "../arch/hosts.ts";
import { crashHost } from "../support/crash_host.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, PART_DIGESTS, profileOf } from "../support/profiles.ts";

/** A plan, and the host that it is for. */
export interface Scene {
  readonly plan: Plan;
  readonly facts: HostFacts;
}

type Row = readonly [name: string, start: bigint, end: bigint, children?: readonly Row[]];

/** A host with this memory map. */
export function hostWith(...rows: readonly Row[]): HostFacts {
  const node = ([name, start, end, children = []]: Row): IomemNode => ({
    name,
    start,
    end,
    children: children.map(node),
  });
  const roots = rows.map(node);
  const ram = roots.filter(({ name }) => name === "System RAM");
  return hostFacts({
    memTotal: ram.reduce((sum, { start, end }) => sum + end - start, 0n),
    iomem: { visibility: "full", roots },
  });
}

/** Plans a profile that is expected to give a plan. */
export function sceneOf(profile: Partial<Profile>, facts: HostFacts): Scene {
  const { value: plan, diagnostics } = planBoot({
    profile: profileOf(profile),
    facts,
    images: images(),
    partDigests: PART_DIGESTS,
  });
  if (plan === undefined) throw new Error(JSON.stringify(diagnostics));
  return { plan, facts };
}

/** Explicit segments of one page of content each, entered at the first. */
export function explicitScene(
  segments: readonly { readonly name: string; readonly at: bigint; readonly size: bigint }[],
  facts: HostFacts,
): Scene {
  const specs = segments.map((each): SegmentSpec => ({
    ...each,
    source: { kind: "bytes", bytes: new Uint8Array(4096).fill(1) },
  }));
  const { kernel: _kernel, ...rest } = profileOf({
    initrd: [],
    cmdline: { kind: "parameters", parameters: [] },
    load: "kexec_load",
    checksum: false,
    entry: segments[0]?.at ?? 0n,
    segments: specs,
  });
  const { value: plan, diagnostics } = planBoot({ profile: rest, facts, images: { initrd: [] } });
  if (plan === undefined) throw new Error(JSON.stringify(diagnostics));
  return { plan, facts };
}

const LOW: readonly Row[] = [["System RAM", 0x1000n, 0x9_fc00n], ["Reserved", 0x9_fc00n, 0x10_0000n]];

/** A virtual machine of 1 GiB. */
export const SMALL_VM: HostFacts = hostWith(
  ...LOW,
  ["System RAM", 0x10_0000n, 0x3ffd_c000n, [["Kernel code", 0x1ae0_0000n, 0x1be0_31c2n], [
    "Kernel bss",
    0x1d06_a000n,
    0x1d60_0000n,
  ]]],
  ["Reserved", 0x3ffd_c000n, 0x4000_0000n],
  ["PCI Bus 0000:00", 0xc000_0000n, 0xfebf_ffffn],
);

/** A virtual machine of 6 GiB with a hole below 4 GiB. */
export const HIGH_VM: HostFacts = hostWith(
  ...LOW,
  ["System RAM", 0x10_0000n, 0xbffd_c000n],
  ["Reserved", 0xbffd_c000n, 0xc000_0000n],
  ["PCI Bus 0000:00", 0xc000_0000n, 0x1_0000_0000n],
  ["System RAM", 0x1_0000_0000n, 0x1_c000_0000n],
);

/** A server of 1 TiB. */
export const TERABYTE: HostFacts = hostWith(
  ...LOW,
  ["System RAM", 0x10_0000n, 0xc000_0000n],
  ["Reserved", 0xc000_0000n, 0x1_0000_0000n],
  ["System RAM", 0x1_0000_0000n, 0x100_4000_0000n],
);

/** What the pictures are tried on. */
export const SCENES = {
  small: sceneOf({ load: "kexec_load" }, SMALL_VM),
  high: sceneOf({ load: "kexec_load", memory: { min: 0x1_0000_0000n } }, HIGH_VM),
  server: sceneOf({ load: "kexec_load" }, MANY_FACTS),
  laptop: sceneOf({ load: "kexec_load" }, UEFI_FACTS),
  crash: sceneOf({ load: "kexec_load", crash: true }, crashHost()),
  file: sceneOf({}, SMALL_VM),
  crashFile: sceneOf({ crash: true }, crashHost()),
  tiny: explicitScene([{ name: "tiny", at: 0x80_0000_0000n, size: 4096n }], TERABYTE),
  overlap: explicitScene([
    { name: "code", at: 0x100_0000n, size: 0x80_0000n },
    { name: "data", at: 0x160_0000n, size: 0x80_0000n },
    { name: "low", at: 0x9_f000n, size: 0x2000n },
  ], SMALL_VM),
} as const;
