import { assertEquals, assertStringIncludes } from "@std/assert";
import { kernelImage, unpackedKernelImage } from "../../src/arch/x86_64/bzimage_loader.ts";
import { LIMIT_32 } from "../../src/arch/x86_64/memory_layout.ts";
import { purgatoryEnters32 } from "../../src/arch/x86_64/purgatory.ts";
import { PURGATORY_SYMBOLS as AT } from "../../src/arch/x86_64/purgatory_code.ts";
import { describeVmlinux } from "../../src/arch/x86_64/vmlinux.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { parseIomem } from "../../src/host/iomem.ts";
import type { BzImage } from "../../src/image/image.ts";
import type { SegmentLoadCall } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { hostFacts } from "../support/host_facts.ts";
import { bzImage, elf64Image, images, initrdFile, kernelFile, PART_DIGESTS, profileOf } from "../support/profiles.ts";
import { listed, vmlinux } from "../support/small_kernel.ts";
import { readBootParams } from "./read_boot_params.ts";

const GIB = 1n << 30n;

/** A plan by kexec_load unless `load` says otherwise; a kernel of 12 MiB and an initrd of 30 MiB. */
function planOf(
  info: Partial<BzImage>,
  { facts = {}, load = "kexec_load", memory = {} }: {
    readonly facts?: Partial<HostFacts>;
    readonly load?: "auto" | "kexec_load";
    readonly memory?: { readonly min?: bigint };
  } = {},
) {
  return planBoot({
    profile: profileOf({ load, memory }),
    facts: hostFacts(facts),
    images: images({ kernel: kernelFile({ info: bzImage(info) }), initrd: [initrdFile()] }),
    partDigests: PART_DIGESTS,
  });
}

function callOf(...args: Parameters<typeof planOf>): SegmentLoadCall {
  const { value, diagnostics } = planOf(...args);
  if (value?.call.syscall !== "kexec_load") throw new Error(JSON.stringify(diagnostics));
  return value.call;
}

function bytesOf(call: SegmentLoadCall, name: string): { readonly mem: bigint; readonly bytes: Uint8Array } {
  const segment = call.segments.find((each) => each.name === name);
  if (segment?.source.kind !== "bytes") throw new Error(`no bytes of ${name}`);
  return { mem: BigInt(segment.mem), bytes: Uint8Array.fromBase64(segment.source.base64) };
}

/** Where the kernel comes to lie, or what is said instead. */
function placeOf(info: Partial<BzImage>): string | undefined {
  const { value, diagnostics } = planOf(info);
  const call = value?.call;
  const [kernel] = call?.syscall === "kexec_load" ? call.segments : [];
  return kernel?.mem ?? diagnostics[0]?.message;
}

/** Where purgatory jumps to, how, and what code32_start and loadflags say then. */
function entryOf(call: SegmentLoadCall) {
  const { bytes } = bytesOf(call, "purgatory");
  const params = bytesOf(call, "boot_params");
  const view = new DataView(params.bytes.buffer);
  return {
    entry: new DataView(bytes.buffer).getBigUint64(AT.entry, true),
    in32: purgatoryEnters32(bytes),
    code32Start: view.getUint32(0x214, true),
    loadflags: view.getUint8(0x211),
  };
}

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** Memory of 1 GiB below 4 GiB, and of 8 GiB above. */
const SPLIT = parseIomem("00100000-3fffffff : System RAM\n100000000-2ffffffff : System RAM\n");
/** What lies above 4 GiB only, but for a MiB. */
const HIGH = parseIomem("00100000-001fffff : System RAM\n100000000-2ffffffff : System RAM\n");

pure("a kernel that runs at one address only goes there, also below 16 MiB, where no other one goes", () => {
  assertEquals(placeOf({ prefAddress: 0x10_0000n, relocatable: false, alignment: 1 }), "0x100000");
  assertEquals(placeOf({ prefAddress: 0x200_0000n, relocatable: false, alignment: 1 }), "0x2000000");
  assertEquals(placeOf({ prefAddress: 0x10_0000n }), "0x1000000");
  assertEquals(
    placeOf({ prefAddress: 0xc000_0000n, relocatable: false, alignment: 1 }),
    'The segment "kernel" of 60 MiB can only lie at 0xc0000000, and that memory is not free',
  );
  // An odd size takes whole pages there.
  assertEquals(
    placeOf({ prefAddress: 0x10_0000n, relocatable: false, alignment: 4096, initSize: 0xb_4ff1 }),
    "0x100000",
  );
});

pure("a kernel that may not lie above 4 GiB has all of its image below, and is entered in 64-bit mode", () => {
  const low = callOf({ above4G: false }, { facts: SPLIT });
  for (const { mem, memsz } of low.segments) assertEquals(BigInt(mem) + BigInt(memsz) <= LIMIT_32, true);
  assertEquals(entryOf(low), { entry: 0x100_0200n, in32: false, code32Start: 0x10_0000, loadflags: 0 });
  const { diagnostics } = planOf({ above4G: false }, { facts: SPLIT, memory: { min: 4n * GIB } });
  assertEquals(
    diagnostics.map(({ message }) => message),
    ['No free memory below 0x100000000 is large enough for the segment "kernel" of 60 MiB'],
  );
  const above = callOf({}, { facts: SPLIT, memory: { min: 4n * GIB } });
  assertEquals(above.segments.every(({ mem }) => BigInt(mem) >= 4n * GIB), true);
});

pure("a host without enough memory below 4 GiB starts no kernel that reaches nothing above", () => {
  for (const info of [{ above4G: false }, { entry64: false }]) {
    assertStringIncludes(
      planOf(info, { facts: HIGH }).diagnostics[0]?.message ?? "",
      "No free memory below 0x100000000",
    );
  }
});

pure("a kernel without a 64-bit entry is entered at its start in 32-bit mode, and told where it lies", () => {
  const call = callOf({ entry64: false }, { facts: SPLIT });
  for (const { mem, memsz } of call.segments) assertEquals(BigInt(mem) + BigInt(memsz) <= LIMIT_32, true);
  assertEquals(entryOf(call), { entry: 0x100_0000n, in32: true, code32Start: 0x100_0000, loadflags: 1 });
  const moved = callOf({ entry64: false, prefAddress: 0x3000_0000n }, { facts: SPLIT });
  assertEquals(entryOf(moved).code32Start, 0x3000_0000);
  assertEquals(entryOf(callOf({})), { entry: 0x100_0200n, in32: false, code32Start: 0x10_0000, loadflags: 0 });
});

pure("5-level paging is left for a kernel that does not start from it, and for no other", () => {
  const la57 = { cpuFlags: ["la57"] };
  assertEquals(entryOf(callOf({ la57: false }, { facts: la57, load: "auto" })).in32, true);
  assertEquals(entryOf(callOf({ la57: false })).in32, false);
  assertEquals(entryOf(callOf({}, { facts: la57 })).in32, false);
});

pure("an initrd ends where the kernel can still reach it: initrd_addr_max is the last byte", () => {
  const initrdOf = (initrdAddrMax: number, info: Partial<BzImage>) => {
    const call = callOf({ ...info, initrdAddrMax }, { facts: SPLIT });
    const { mem, bytes } = bytesOf(call, "boot_params");
    return readBootParams(bytes, mem).ramdisk.address + BigInt(30 << 20);
  };
  // The kernel takes 16 to 76 MiB.
  const exact = Number((106n << 20n) - 1n);
  assertEquals(initrdOf(exact, { entry64: false }), 106n << 20n);
  const { diagnostics } = planOf({ entry64: false, initrdAddrMax: exact - 1 }, { facts: SPLIT });
  assertStringIncludes(
    diagnostics[0]?.message ?? "",
    'below 0x69fffff is large enough for the segment "initrd" of 30 MiB',
  );
  // The field is for the 32-bit entry; in 64-bit mode a kernel that may lie anywhere takes it from anywhere.
  assertEquals(initrdOf(0, {}), 106n << 20n);
});

pure("a kernel before protocol 2.10, which does not say its size, gets three times the size of its file", () => {
  const [kernel] = callOf({ protocol: 0x209, entry64: false, initSize: 0, setupSects: 39 }).segments;
  assertEquals(kernel?.memsz, 3 * ((12 << 20) - 40 * 512));
});

pure(
  "auto takes kexec_load for what only that starts, and says why; the rest is left to the kernel's own loader",
  () => {
    const choice = (info: Partial<BzImage>, facts: Partial<HostFacts> = {}) => {
      const { value } = planOf(info, { load: "auto", facts });
      return [value?.call.syscall, value?.reasons[0]?.message];
    };
    const named = "The kernel (Linux 6.12.107+deb13-amd64, bzImage 2.15, zstd payload, signed)";
    assertEquals(choice({ above4G: false }), [
      "kexec_load",
      `${named} cannot be loaded by kexec_file_load: it cannot be loaded above 4 GiB (XLF_CAN_BE_LOADED_ABOVE_4G)`,
    ]);
    assertEquals(choice({ entry64: false }), [
      "kexec_load",
      `${named} cannot be loaded by kexec_file_load: it has no 64-bit entry (XLF_KERNEL_64)`,
    ]);
    assertEquals(choice({ la57: false }, { cpuFlags: ["la57"] }), [
      "kexec_load",
      `${named} is entered in 32-bit mode: its 64-bit entry does not start from 5-level paging, which is on`,
    ]);
    assertEquals(choice({ protocol: 0x1ff })[0], "kexec_file_load");
    assertEquals(choice({ above4G: false }, { lockdown: "integrity" })[0], "kexec_file_load");
  },
);

const HEADER = { bootFlag: 0x1fe, initrdMax: 0x22c, alignment: 0x230, xloadflags: 0x236 };

Deno.test({
  name: "a vmlinux, which has no setup header, gets one of a 64-bit kernel that lies anywhere",
  permissions: "none",
  fn() {
    const load = {
      offset: 0x1000n,
      paddr: 0x100_0000n,
      vaddr: 0xffff_ffff_8100_0000n,
      filesz: 0x1000n,
      memsz: 0x1000n,
      align: 0x20_0000n,
    };
    const info = elf64Image({ loads: [load] });
    const { value: image } = kernelImage(kernelFile({ info }), hostFacts());
    const { value: handover } = image?.handOver({ facts: hostFacts(), cmdline: "ro", initrd: false, kaslr: false }) ??
      {};
    const bytes = handover?.build(0x9000_0000n, { kernel: 0x100_0000n }).bytes ?? new Uint8Array(4096);
    const view = new DataView(bytes.buffer);
    assertEquals([view.getUint16(HEADER.bootFlag, true), view.getUint32(HEADER.initrdMax, true)], [
      0xaa55,
      0x7fff_ffff,
    ]);
    assertEquals([view.getUint32(HEADER.alignment, true), view.getUint16(HEADER.xloadflags, true)], [0x20_0000, 3]);
  },
});

Deno.test({
  name: "where a kernel may lie: not below its preferred address, as its file or what it is packed in has it",
  permissions: "none",
  fn() {
    const request = (info: Partial<BzImage>) =>
      kernelImage(kernelFile({ info: bzImage(info) }), hostFacts()).value?.request;
    const least = (prefAddress: bigint, relocatable = true) => request({ prefAddress, relocatable })?.min;
    assertEquals([least(0x10_0000n), least(0x400_0000n)], [0x100_0000n, 0x400_0000n]);
    assertEquals([least(0x10_0000n, false), least(0x400_0000n, false)], [0x10_0000n, 0x400_0000n]);
    assertEquals([request({})?.max, request({ relocatable: false })?.max], [1n << 64n, 0x100_0000n + (60n << 20n)]);
    const image = { info: bzImage(), size: 12 << 20, sha256: "d".repeat(64) };
    const packed = kernelFile({ info: { kind: "compressed", compression: "gzip" }, inner: { kind: "image", image } });
    const kinds = (file: typeof packed) =>
      kernelImage(file, hostFacts()).value?.at(0x100_0000n).segments.map(({ bytes }) => bytes.kind);
    assertEquals([kinds(packed), kinds(kernelFile())], [["unpacked"], ["file"]]);
  },
});

Deno.test({
  name: "an unpacked kernel heeds `mem=` and `memmap=` of its command line, and moves by its own alignment",
  permissions: "none",
  fn() {
    const found = describeVmlinux(vmlinux({ add64: [listed(8)] }));
    if (found.kind === "fault") throw new Error(found.why);
    const of = (cmdline: string, info: Partial<BzImage> = {}, movable = true) => {
      const [load] = found.vmlinux.elf.loads;
      // One that is not mapped as the kernel is stays where it was linked for.
      const loads = movable || load === undefined ? found.vmlinux.elf.loads : [{ ...load, vaddr: load.paddr }];
      const unpacked = { ...found.vmlinux, elf: { ...found.vmlinux.elf, loads }, size: 0x8000 };
      return unpackedKernelImage({ ...kernelFile(), info: bzImage(info), unpacked }, cmdline, 4096n).value?.request;
    };
    const top = (1n << 64n) - 1n;
    assertEquals([of("ro")?.max, of("mem=512M")?.max], [top, 0x2000_0000n]);
    assertEquals(of("mem=512M", {}, false)?.max, of("ro", {}, false)?.max);
    assertEquals(of("ro")?.avoid, []);
    assertEquals(of("memmap=64M%1G-1+2 memmap=1M$2G")?.avoid, [
      { start: 0x4000_0000n, end: 0x4400_0000n },
      { start: 0x8000_0000n, end: 0x8010_0000n },
    ]);
    assertEquals([of("ro")?.alignment, of("ro", { alignment: 0x100_0000 })?.alignment], [0x20_0000n, 0x100_0000n]);
    assertEquals(of("ro", { alignment: 0x1000 })?.alignment, 0x20_0000n);
  },
});
