import { assertEquals } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import { kernelStartOf } from "../../src/plan/kernel_start.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { arm64Image, bzImage, joined } from "../image/build.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, PART_DIGESTS, profileOf } from "../support/profiles.ts";

const pure = (name: string, fn: () => void) => Deno.test({ name, permissions: "none", fn });

const XZ = Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0);
const ZSTD = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);

/** A kernel with so many bytes of payload, which say that they unpack to so many. */
function kernel(magic: Uint8Array, unpacked: number, length = 1_000_000): Uint8Array {
  const payload = new Uint8Array(length);
  payload.set(magic);
  new DataView(payload.buffer).setUint32(length - 4, unpacked, true);
  return bzImage({ payload });
}

function planOf(changes: Partial<Profile> = {}): Plan {
  const { value } = planBoot({
    profile: profileOf(changes),
    facts: hostFacts(),
    images: images(),
    partDigests: PART_DIGESTS,
  });
  if (value === undefined) throw new Error("Cannot plan");
  return value;
}

const start = (file: Uint8Array, plan = planOf({ load: "kexec_file_load" }), facts = hostFacts()) =>
  kernelStartOf(plan, memorySource(file), facts);

pure("how a kernel is packed, and what unpacking it before the reboot would save by kexec_file_load", () => {
  // Five eighths of it, 69,000 and 530,000 bytes in a millisecond.
  assertEquals(start(kernel(XZ, 110_400_000)), { packing: "xz", unpacked: false, saves: 1000 });
  assertEquals(start(kernel(ZSTD, 84_800_000)), { packing: "zstd", unpacked: false, saves: 100 });
});

pure("by kexec_load, copying and verifying more bytes is taken off", () => {
  const plan = planOf({ load: "kexec_load" });
  const by = (checksum: "fastest" | "none" | "sha256"): number =>
    start(kernel(XZ, 110_400_000), {
      ...plan,
      ...(plan.declared === undefined ? {} : { declared: { ...plan.declared, checksum } }),
    })?.saves ?? NaN;
  // 68 MB more are copied, 4,000,000 bytes in a millisecond.
  assertEquals(by("none"), 983);
  assertEquals([by("fastest") < 983, by("sha256") < by("fastest")], [true, true]);
});

pure("a payload that says nothing credible of its size saves nothing known", () => {
  for (const size of [0, 1_000_000, 1 << 30]) {
    assertEquals(start(kernel(XZ, size)), { packing: "xz", unpacked: false }, String(size));
  }
  assertEquals(start(kernel(XZ, 1_000_001))?.saves, 9);
  // Less than a millisecond is nothing.
  assertEquals(start(kernel(XZ, 20_000, 10_000)), { packing: "xz", unpacked: false });
  assertEquals(start(joined("not a kernel")), { packing: "none", unpacked: false });
  assertEquals(start(arm64Image()), { packing: "none", unpacked: false });
});

pure("a plan says whether the kernel is unpacked before the reboot", () => {
  const file = planOf({ load: "kexec_file_load" });
  if (file.call.syscall !== "kexec_file_load") throw new Error("Another call");
  const built = { size: 69_000_000, sha256: "a".repeat(64), memory: 0x3f9_8000 + 8_000_000 };
  // Its memory is 8 MB more, which kexec_file_load's purgatory verifies as well.
  const unpacked = start(kernel(XZ, 0), { ...file, call: { ...file.call, built } });
  const saves = unpacked?.saves ?? NaN;
  assertEquals([unpacked?.packing, unpacked?.unpacked, saves > 900, saves < 1000], ["xz", true, true, true]);
  const arm64 = { ...file, call: { ...file.call, unpacked: { size: 1, sha256: "a".repeat(64) } } };
  assertEquals(start(kernel(XZ, 0), arm64)?.unpacked, true);
  const placed = planOf({ load: "kexec_load" });
  if (placed.call.syscall !== "kexec_load") throw new Error("Another call");
  const segments = placed.call.segments.map((segment) =>
    segment.name === "kernel"
      ? { ...segment, source: { kind: "unpacked", path: "/boot/vmlinuz", offset: 0, length: segment.bufsz } as const }
      : segment
  );
  assertEquals(start(kernel(XZ, 0), placed)?.unpacked, false);
  const inSegments = start(kernel(XZ, 0), { ...placed, call: { ...placed.call, segments } });
  const size = placed.call.segments.find(({ name }) => name === "kernel")?.bufsz ?? NaN;
  // An initrd that is unpacked says nothing of the kernel.
  const initrd = placed.call.segments.map((segment) =>
    segment.name === "initrd"
      ? {
        ...segment,
        source: { kind: "unpacked", path: "/boot/initrd.img", offset: 0, length: segment.bufsz } as const,
      }
      : segment
  );
  assertEquals(start(kernel(XZ, 0), { ...placed, call: { ...placed.call, segments: initrd } })?.unpacked, false);
  // The running kernel's own purgatory has no SHA instructions.
  const sha = hostFacts({ cpuFlags: ["lm", "sha_ni", "ssse3", "sse4_1"] });
  assertEquals(start(kernel(XZ, 0), { ...file, call: { ...file.call, built } }, sha)?.saves, saves);
  assertEquals([inSegments?.unpacked, Math.abs((inSegments?.saves ?? NaN) - size / 69_000) < 10], [true, true]);
});

pure("explicit segments have no kernel", () => {
  const placed = planOf({ load: "kexec_load" });
  if (placed.call.syscall !== "kexec_load") throw new Error("Another call");
  assertEquals(start(kernel(XZ, 0), { ...placed, call: { ...placed.call, segments: [] } }), undefined);
});
