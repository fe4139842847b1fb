import { assertEquals } from "@std/assert";
import type { HostFacts } from "../../src/host/facts.ts";
import { noRoom } from "../../src/plan/linux_segments.ts";
import { crashReservation, differingCrashSize } from "../../src/plan/placement/free_memory.ts";
import { planBoot } from "../../src/plan/planner.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, profileOf } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name: `layout: ${name}`, permissions: "none", fn });
}

const MIB = 1n << 20n;

const EXPLICIT: Partial<Profile> = {
  load: "kexec_load",
  segments: [{ at: 0x400_0000n, source: { kind: "bytes", bytes: Uint8Array.of(0xc3) }, name: "payload" }],
  entry: 0x400_0000n,
  stated: ["version", "segments", "entry"],
};

function segmentsOf(profile: Partial<Profile>, facts: Partial<HostFacts> = {}): readonly string[] {
  const { value } = planBoot({
    profile: profileOf({ ...EXPLICIT, ...profile }),
    facts: hostFacts(facts),
    images: { initrd: [] },
  });
  return value?.call.syscall === "kexec_load" ? value.call.segments.map(({ name }) => name) : ["no plan"];
}

pure("explicit segments are verified unless the profile says not to, or they return", () => {
  assertEquals(segmentsOf({}), ["payload", "purgatory"]);
  assertEquals(segmentsOf({ checksum: false }), ["payload"]);
  assertEquals(segmentsOf({ preserveContext: true }), ["payload"]);
  assertEquals(segmentsOf({}, { machine: "ppc64" }), ["payload"]);
});

pure("purgatory lies outside of explicit segments", () => {
  const { value } = planBoot({
    profile: profileOf({
      ...EXPLICIT,
      // All free memory up to 4 GiB is one segment; what is left is above.
      segments: [{ at: 0x10_0000n, size: 0xbff0_0000n, source: { kind: "zero" }, name: "all" }],
      entry: 0x10_0000n,
    }),
    facts: hostFacts(),
    images: { initrd: [] },
  });
  const segments = value?.call.syscall === "kexec_load" ? value.call.segments : [];
  const purgatory = segments.find(({ name }) => name === "purgatory");
  const mem = BigInt(purgatory?.mem ?? 0);
  assertEquals(purgatory !== undefined && (mem >= 0xc000_0000n || mem < 0x10_0000n), true, purgatory?.mem);
});

pure("what fits nowhere is said with its size, the room there is, and what to widen", () => {
  const room = (crash: boolean, memory: Profile["memory"]) => {
    const failed = { name: "initrd", size: 30n * MIB, alignment: 4096n };
    const { message, expected, found, hint } = noRoom(
      { failed: failed as unknown as Parameters<typeof noRoom>[0]["failed"], largest: 20n * MIB },
      { profile: profileOf({ crash, memory }), images: images() },
    );
    return { message, expected, found, hint: hint?.split(":")[0] };
  };
  const sizes = { expected: "30 MiB in one piece", found: "20 MiB at most" };
  const reserve = "Reserve `crashkernel=320M` for the running kernel and reboot";
  assertEquals(room(false, {}), {
    message: 'No free memory is large enough for the segment "initrd" of 30 MiB',
    ...sizes,
    hint: "Widen `memory` if the profile narrows it; otherwise use a smaller initrd",
  });
  const message = 'The crash reservation has no room for the segment "initrd" of 30 MiB';
  assertEquals(room(true, {}), { message, ...sizes, hint: reserve });
  for (const memory of [{ min: MIB }, { max: MIB }]) {
    assertEquals(room(true, memory), { message, ...sizes, hint: `Widen \`memory\`; otherwise r${reserve.slice(1)}` });
  }
});

function reserved(crashSize: bigint | undefined, ...ranges: readonly (readonly [bigint, bigint])[]) {
  return {
    iomem: {
      visibility: "full" as const,
      roots: ranges.map(([start, end]) => ({ start, end, name: "Crash kernel", children: [] })),
    },
    kexec: crashSize === undefined ? {} : { crashSize },
  };
}

pure("the kernel may count the image's reservation alone, or both; anything else differs, and cuts it off", () => {
  const low = [0x1000_0000n, 0x2000_0000n] as const;
  const high = [0x1_0000_0000n, 0x1_2000_0000n] as const;
  const image = { start: high[0], end: high[1] };
  const both = (size: bigint | undefined) => {
    const host = reserved(size, low, high);
    return [differingCrashSize(host), crashReservation(host)];
  };
  assertEquals(both(undefined), [undefined, image]);
  assertEquals(both(0x2000_0000n), [undefined, image]);
  assertEquals(both(0x3000_0000n), [undefined, image]);
  assertEquals(both(0x2000_0001n), [0x2000_0001n, image]);
  assertEquals(both(0x1fff_ffffn), [0x1fff_ffffn, { start: high[0], end: high[1] - 1n }]);
  assertEquals(both(0n), [0n, undefined]);
  assertEquals(differingCrashSize(reserved(1n)), undefined);
});
