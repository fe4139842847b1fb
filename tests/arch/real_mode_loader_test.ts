import { assertEquals } from "@std/assert";
import { PURGATORY_SYMBOLS as AT } from "../../src/arch/x86_64/purgatory_code.ts";
import { memorySource } from "../../src/core/bytes.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { parseIomem } from "../../src/host/iomem.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import { partKey } from "../../src/plan/input.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { partsNeeded } from "../../src/plan/segment_call.ts";
import { bzImage, type BzImageSpec } from "../image/build.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, initrdFile, kernelFile, profileOf } from "../support/profiles.ts";

const IPXE: BzImageSpec = { protocol: 0x207, version: "", code32Start: 0, relocatable: 0, alignment: 0, initSize: 0 };
const ZIMAGE: BzImageSpec = { protocol: 0x201, version: "", loadflags: 0 };

function planOf(spec: BzImageSpec, facts: Partial<HostFacts> = {}, initrd = false) {
  const bytes = bzImage(spec);
  const input = {
    profile: profileOf({ cmdline: { kind: "parameters", parameters: ["one", "two"] }, load: "kexec_load" }),
    facts: hostFacts(facts),
    images: images({
      kernel: kernelFile({ size: bytes.length, info: identifyKernel(memorySource(bytes)) }),
      initrd: initrd ? [initrdFile()] : [],
    }),
  };
  const partDigests = new Map(partsNeeded(input).map((part) => [partKey(part), "e".repeat(64)]));
  return { ...planBoot({ ...input, partDigests }), bytes };
}

/** The plan's segments, its setup code and its purgatory. */
function laidOut(spec: BzImageSpec, facts: Partial<HostFacts> = {}, initrd = false) {
  const { value, diagnostics, bytes } = planOf(spec, facts, initrd);
  if (value?.call.syscall !== "kexec_load") throw new Error(JSON.stringify(diagnostics));
  const { segments } = value.call;
  const of = (name: string) => {
    const found = segments.find((each) => each.name === name);
    if (found?.source.kind !== "bytes") throw new Error(`no bytes of ${name}`);
    return new DataView(Uint8Array.fromBase64(found.source.base64).buffer);
  };
  const mem = (name: string) => Number(segments.find((each) => each.name === name)?.mem ?? 0);
  return { mem, setup: of("setup"), purgatory: of("purgatory"), bytes };
}

function textAt(view: DataView, offset: number): string {
  return new TextDecoder().decode(new Uint8Array(view.buffer, offset)).split("\0", 1)[0] ?? "";
}

function pure(name: string, fn: () => void): void {
  Deno.test({ name: `Real mode: ${name}`, permissions: "none", fn });
}

pure("the protected-mode code goes to 1 MiB, setup code and command line below 640 KiB", () => {
  const { mem, setup, purgatory, bytes } = laidOut(IPXE, {}, true);
  assertEquals([mem("kernel"), mem("setup")], [0x10_0000, 0x9_0000]);
  assertEquals([setup.getUint8(0x210), setup.getUint8(0x211) & 0x80, setup.getUint16(0x224, true)], [
    0xd0,
    0x80,
    0x9800 - 0x200,
  ]);
  assertEquals([setup.getUint32(0x218, true), setup.getUint32(0x21c, true)], [mem("initrd"), 30 << 20]);
  assertEquals(setup.getUint32(0x228, true), 0x9_9800);
  assertEquals(textAt(setup, 0x9800), "one two");
  assertEquals(new Uint8Array(setup.buffer, 0x264, 0x200), bytes.subarray(0x264, 0x464));
  const flags = purgatory.getUint32(AT.flags, true);
  for (const flag of [AT.flagEntry16, AT.flagEntry32, AT.flagLegacy]) assertEquals(flags & flag, flag);
  assertEquals(
    [AT.entry, AT.realBase, AT.realStack, AT.realStub].map((at) => purgatory.getUint32(at, true)),
    [0x9_0200, 0x9_0000, 0x9800, 0x9_9810],
  );
});

pure("a zImage goes to 64 KiB, and finds its command line by the old fields", () => {
  const { mem, setup } = laidOut(ZIMAGE);
  assertEquals([mem("kernel"), mem("setup")], [0x1_0000, 0x9_0000]);
  assertEquals([setup.getUint16(0x20, true), setup.getUint16(0x22, true)], [0xa33f, 0x9800]);
  assertEquals([setup.getUint16(0x212, true), textAt(setup, 0x9800)], [0x9800 + 8, "one two"]);
});

pure("what the fields of each protocol say: heap, command line, and how much setup code moves", () => {
  const fields = (spec: BzImageSpec) => {
    const { setup } = laidOut(spec);
    return [
      setup.getUint8(0x211) & 0x80,
      setup.getUint16(0x224, true),
      setup.getUint16(0x20, true) === 0xa33f,
      setup.getUint32(0x228, true) === 0x9_9800,
    ];
  };
  // A heap since 2.01, and a pointer to the command line since 2.02, but for what is not loaded high.
  assertEquals(fields({ ...ZIMAGE, protocol: 0x200 }).slice(0, 3), [0, 0, true]);
  assertEquals(fields(ZIMAGE), [0x80, 0x9600, true, false]);
  assertEquals(fields({ ...ZIMAGE, protocol: 0x202 }), [0x80, 0x9600, true, false]);
  assertEquals(fields({ ...IPXE, protocol: 0x202 }), [0x80, 0x9600, false, true]);
});

pure(
  "setup code, its stack, the command line and the last steps of purgatory lie in one segment; initrds as it says",
  () => {
    // With this command line, the last steps begin in one page and end in the next.
    const line = "x".repeat(0xa000 - 0x9800 - 0x10 - 1);
    const bytes = bzImage(IPXE);
    const input = {
      profile: profileOf({ cmdline: { kind: "parameters", parameters: [line] }, load: "kexec_load" }),
      facts: hostFacts(),
      images: images({
        kernel: kernelFile({ size: bytes.length, info: identifyKernel(memorySource(bytes)) }),
        initrd: [],
      }),
    } as const;
    const partDigests = new Map(partsNeeded(input).map((part) => [partKey(part), "e".repeat(64)]));
    const { value } = planBoot({ ...input, partDigests });
    const segments = value?.call.syscall === "kexec_load" ? value.call.segments : [];
    const setup = segments.find(({ name }) => name === "setup");
    assertEquals([setup?.mem, setup?.memsz], ["0x90000", 0xb000]);
    // An initrd ends where the kernel says: initrd_addr_max is its last byte.
    const low = { ...IPXE, initrdAddrMax: 0x3ff_ffff };
    const { mem, setup: view } = laidOut(low, {}, true);
    assertEquals(view.getUint32(0x22c, true), 0x3ff_ffff);
    assertEquals(mem("initrd") + (30 << 20) <= 0x400_0000, true);
    const full = iomem(
      "00001000-0009ffff : System RAM\n00100000-00ffffff : System RAM\n04000000-7fffffff : System RAM\n",
    );
    assertEquals(planOf(low, full, true).diagnostics[0]?.code, "no-room");
  },
);

const iomem = (text: string) => ({ iomem: parseIomem(text).iomem });

pure("setup code moves where its place is taken, but that of an old kernel does not", () => {
  const short = iomem("00001000-0008ffff : System RAM\n00100000-7fffffff : System RAM\n");
  assertEquals(laidOut(IPXE, short).mem("setup"), 0x1_0000);
  assertEquals(laidOut({ ...IPXE, protocol: 0x203 }, short).mem("setup"), 0x1_0000);
  for (const spec of [ZIMAGE, { ...IPXE, protocol: 0x201 }, { ...ZIMAGE, protocol: 0x203 }]) {
    assertEquals(planOf(spec, short).diagnostics[0]?.code, "no-room");
  }
  assertEquals(planOf(IPXE, iomem("00100000-7fffffff : System RAM\n")).diagnostics[0]?.code, "no-room");
});

pure("a kernel with a 64-bit or 32-bit entry does not start in real mode", () => {
  const info = (spec: BzImageSpec) => {
    const found = identifyKernel(memorySource(bzImage(spec)));
    return found.kind === "bzimage" ? found.setup?.length : found.kind;
  };
  assertEquals([info({}), info({ xloadflags: 0 }), info({ code32Start: 0 })], [undefined, undefined, undefined]);
  assertEquals(info({ xloadflags: 0, code32Start: 0 }), 8 * 512);
  assertEquals(info({ protocol: 0x203, xloadflags: 0 }), 8 * 512);
});
