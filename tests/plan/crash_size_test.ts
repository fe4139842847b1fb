import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  crashNeed,
  describeNeed,
  kernelMemory,
  lacksReservation,
  proposedReservation,
  reservationHint,
  reservedMemory,
} from "../../src/plan/crash_size.ts";
import { totalNeed } from "../../src/plan/crash_size.ts";
import { bzImageMemory } from "../../src/image/bzimage.ts";
import type { InitrdInfo } from "../../src/image/image.ts";
import { crashHost } from "../support/crash_host.ts";
import { hostFacts } from "../support/host_facts.ts";
import { bzImage, images, initrdFile, kernelFile } from "../support/profiles.ts";

const MIB = 1n << 20n;

function needOf(size: number, info: InitrdInfo = { kind: "compressed", compression: "zstd" }) {
  const need = crashNeed(images({ initrd: [initrdFile({ size, info })] }));
  if (need === undefined) throw new Error("No need");
  return need;
}

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

pure("a crash kernel needs its init_size, its initrd twice (packed and unpacked) and room to work", () => {
  const need = needOf(30 << 20);
  assertEquals(need, {
    kernel: 60n * MIB,
    initrd: 30n * MIB,
    unpacked: 105n * MIB,
    isMeasured: false,
    work: 64n * MIB,
  });
  assert(totalNeed(need) > 259n * MIB);
  assertEquals(
    describeNeed(need),
    "about 264 MiB: kernel 60 MiB, initrd 30 MiB and unpacked about 105 MiB, work 64 MiB",
  );
});

pure("what is packed harder grows more, and what is not packed does not grow", () => {
  const size = (info: InitrdInfo) => needOf(10 << 20, info).unpacked / MIB;
  assert(size({ kind: "compressed", compression: "xz" }) > size({ kind: "compressed", compression: "lz4" }));
  assertEquals(size({ kind: "compressed", compression: "none" }), 10n);
  assertEquals(size({ kind: "cpio", format: "newc" }), 30n, "early microcode in front hides what follows");
});

pure("the proposal is a multiple of 64 MiB that holds the estimate, and at least 256 MiB", () => {
  assertEquals(proposedReservation(undefined), "256M");
  assertEquals(proposedReservation(needOf(1 << 20)), "256M");
  assertEquals(proposedReservation(needOf(30 << 20)), "320M");
  assertEquals(proposedReservation(needOf(200 << 20)), "1088M");
});

pure("without a kernel there is nothing to estimate", () => {
  assertEquals(crashNeed({ initrd: [] }), undefined);
  assertEquals(
    describeNeed(crashNeed({ kernel: kernelFile(), initrd: [] }) ?? needOf(0)),
    "about 126 MiB: kernel 60 MiB, work 64 MiB",
  );
});

pure("of two reservations the high one holds the image, and both are the crash kernel's memory", () => {
  assertEquals(reservedMemory(crashHost()), { image: 512n * MIB, all: 768n * MIB });
  const crashCmaRanges = [{ start: 0x8000_0000n, end: 0x9000_0000n }];
  const lent = crashHost({ kexec: { ...crashHost().kexec, crashCmaRanges } });
  assertEquals(reservedMemory(lent)?.all, 1024n * MIB);
  // Where the kernel states another size than the map lists, the smaller one counts.
  const stated = (crashSize: bigint) => reservedMemory(crashHost({ kexec: { ...crashHost().kexec, crashSize } }));
  assertEquals(stated(1024n * MIB), { image: 512n * MIB, all: 768n * MIB, differs: 1024n * MIB });
  assertEquals(stated(640n * MIB), { image: 512n * MIB, all: 640n * MIB, differs: 640n * MIB });
});

pure("nothing is reserved where the kernel or its whole memory map says so, and unknown is not nothing", () => {
  const hidden = { visibility: "zeroed", roots: [] } as const;
  assertEquals(lacksReservation(hostFacts()), true);
  assertEquals(lacksReservation(hostFacts({ kexec: {} })), true);
  assertEquals(lacksReservation(hostFacts({ kexec: {}, iomem: hidden })), false);
  assertEquals(lacksReservation(hostFacts({ kexec: { crashSize: 0n }, iomem: hidden })), true);
});

pure("the hint says how to reserve it for good, on either family of distributions", () => {
  assertStringIncludes(reservationHint("320M"), "GRUB_CMDLINE_LINUX");
  assertStringIncludes(reservationHint("320M"), "grubby --update-kernel=ALL --args=crashkernel=320M");
});

pure("the memory of a kernel: from its header, from what its file unpacks to, else the size of the file", () => {
  assertEquals(kernelMemory(kernelFile()), 60n * MIB);
  // Without init_size, by the size of the image, whose setup code does not count.
  const old = bzImage({ initSize: 0 });
  const memory = (size: number): bigint => BigInt(bzImageMemory(old, size));
  assertEquals(kernelMemory(kernelFile({ info: old })), memory(12 << 20));
  const image = { info: old, size: 20 << 20, sha256: "d".repeat(64) };
  const packed = kernelFile({ info: { kind: "compressed", compression: "gzip" }, inner: { kind: "image", image } });
  assertEquals(kernelMemory(packed), memory(20 << 20));
  assertEquals(memory(20 << 20) > memory(12 << 20), true);
  assertEquals(kernelMemory(kernelFile({ info: { kind: "compressed", compression: "gzip" } })), 12n * MIB);
});

pure("what a crash kernel borrows counts only where something is reserved", () => {
  const iomem = { visibility: "zeroed", roots: [] } as const;
  const crashCmaRanges = [{ start: 0x8000_0000n, end: 0x9000_0000n }];
  const all = (crashSize: bigint) => reservedMemory(hostFacts({ iomem, kexec: { crashSize, crashCmaRanges } }));
  assertEquals([all(0n), all(64n * MIB)], [{ all: 0n }, { all: 320n * MIB }]);
});
