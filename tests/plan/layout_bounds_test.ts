import { assertEquals } from "@std/assert";
import type { HostFacts } from "../../src/host/facts.ts";
import { noRoom } from "../../src/plan/linux_segments.ts";
import { crashReservation, differingCrashSize } from "../../src/plan/placement/free_memory.ts";
import { planBoot } from "../../src/plan/planner.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { crashHost, HIGH } from "../support/crash_host.ts";
import { hostFacts } from "../support/host_facts.ts";
import { bzImage, images, kernelFile, PART_DIGESTS, profileOf } from "../support/profiles.ts";

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

pure("a segment without bytes is not verified by either sum", () => {
  const verified = (checksum: Profile["checksum"]) => {
    const { value } = planBoot({
      profile: profileOf({
        ...EXPLICIT,
        checksum,
        segments: [...EXPLICIT.segments ?? [], { at: 0x500_0000n, size: 0x1000n, source: { kind: "zero" } }],
      }),
      facts: hostFacts(),
      images: { initrd: [] },
    });
    const source = value?.call.syscall === "kexec_load" ? value.call.segments.at(-1)?.source : undefined;
    // The number of regions in purgatory.S.
    return source?.kind === "bytes" ? Uint8Array.fromBase64(source.base64)[0x20] : undefined;
  };
  assertEquals([verified("xxh64"), verified("sha256"), verified(false)], [1, 1, undefined]);
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

pure(
  "what `memmap=` keeps from the next kernel is left free, but for a crash kernel, which has its reservation",
  () => {
    const kernelAt = (profile: Partial<Profile>, facts: HostFacts, parameter: string): string | undefined => {
      const { value } = planBoot({
        profile: profileOf({
          load: "kexec_load",
          cmdline: { kind: "parameters", parameters: [parameter] },
          ...profile,
        }),
        facts,
        images: images(),
        partDigests: PART_DIGESTS,
      });
      const segments = value?.call.syscall === "kexec_load" ? value.call.segments : [];
      return segments.find(({ name }) => name === "kernel")?.mem;
    };
    assertEquals(kernelAt({}, hostFacts(), "ro"), "0x1000000");
    assertEquals(kernelAt({}, hostFacts(), "memmap=16M$0x1000000"), "0x2000000");
    const [start] = HIGH;
    for (const parameter of ["ro", `memmap=64M$${start}`]) {
      assertEquals(kernelAt({ crash: true }, crashHost(), parameter), `0x${start.toString(16)}`);
    }
  },
);

pure("what is entered in 32-bit mode lies below 4 GiB with all that goes with it, or is not planned", () => {
  const info = bzImage({ entry64: false });
  const ends = (top: bigint): readonly bigint[] => {
    const { value } = planBoot({
      profile: profileOf({ load: "kexec_load" }),
      facts: hostFacts({
        iomem: {
          visibility: "full",
          roots: [[0x10_0000n, top], [0x1_0000_0000n, 0x1_4000_0000n]].map(([start = 0n, end = 0n]) => ({
            start,
            end,
            name: "System RAM",
            children: [],
          })),
        },
      }),
      images: images({ kernel: kernelFile({ info }) }),
      partDigests: PART_DIGESTS,
    });
    const segments = value?.call.syscall === "kexec_load" ? value.call.segments : [];
    return segments.map(({ mem, memsz }) => BigInt(mem) + BigInt(memsz));
  };
  // From 16 MiB on: 60 MiB of the kernel, 30 of the initrd, two pages of boot_params, and purgatory.
  const least = 0x100_0000n + 90n * MIB + 0x2000n;
  const tops = Array.from({ length: 12 }, (_, pages) => ends(least + BigInt(pages) * 0x1000n));
  assertEquals(tops.map((all) => all.every((end) => end <= 1n << 32n)), Array(12).fill(true));
  assertEquals(tops.map((all) => all.length), [...Array(7).fill(0), ...Array(5).fill(4)]);
});

pure("a kernel is not laid out where it could not be a crash kernel, or would have to return", () => {
  const count = (profile: Partial<Profile>, facts: HostFacts): number | undefined => {
    const { value } = planBoot({
      profile: profileOf({ load: "kexec_load", initrd: [], ...profile }),
      facts,
      images: images({ kernel: kernelFile({ info: bzImage({ entry64: false, code32Start: 0 }) }), initrd: [] }),
      partDigests: PART_DIGESTS,
    });
    return value?.call.syscall === "kexec_load" ? value.call.segments.length : undefined;
  };
  assertEquals([count({ crash: true }, crashHost()), count({ preserveContext: true }, hostFacts())], [0, 0]);
});
