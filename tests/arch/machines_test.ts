import { assertEquals } from "@std/assert";
import { AARCH64 } from "../../src/arch/arm64/machine.ts";
import { treeHandover } from "../../src/arch/arm64/handover.ts";
import type { HandoverInput } from "../../src/arch/kernel_loader.ts";
import type { LinuxMachine } from "../../src/arch/machine.ts";
import { X86_64 } from "../../src/arch/x86_64/machine.ts";
import { buildPurgatory, movedPurgatory } from "../../src/arch/x86_64/purgatory.ts";
import { type DeviceTree, parseDeviceTree } from "../../src/formats/fdt.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { KernelFile } from "../../src/image/boot_files.ts";
import type { BzImage } from "../../src/image/image.ts";
import { arm64File, arm64Image, packedFile } from "../support/arm64.ts";
import { crashHost } from "../support/crash_host.ts";
import { hostFacts } from "../support/host_facts.ts";
import { bzImage, kernelFile } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const SHA = ["sha_ni", "ssse3", "sse4_1"];
const MIB = 1n << 20n;

pure("what placement knows of each machine: what may be overwritten, where it starts and where it must end", () => {
  assertEquals(X86_64.memory({ cpuFlags: [] }), {
    overwritable: ["Kernel code", "Kernel rodata", "Kernel data", "Kernel bss"],
    lowest: MIB,
    limit: (1n << 46n) - 1n,
  });
  assertEquals(X86_64.memory({ cpuFlags: ["la57"] }).limit, (1n << 52n) - 1n);
  assertEquals(AARCH64.memory({ cpuFlags: ["la57"] }), {
    overwritable: ["Kernel code", "Kernel data"],
    lowest: 0n,
    limit: (1n << 64n) - 1n,
  });
  const kernel = { start: 0x8000_0000n, end: 0x8200_0000n };
  assertEquals(
    [X86_64, AARCH64].map(({ handover, lowest, boundsBeside }) => [handover, lowest, boundsBeside(kernel)]),
    [["boot_params", 0x1000000n, { min: 0x1000000n, initrdMax: 0x10000000000000000n }], ["dtb", 0n, {
      min: 0x82000000n,
      initrdMax: 0x880000000n,
    }]],
  );
});

pure("what a crash kernel needs on each machine: a backup, its parameter, the alignment of the header", () => {
  const rows = [X86_64, AARCH64].map(({ crash }) => [
    crash.alignment,
    crash.backup(crashHost({ release: "5.4.0" })),
    crash.backup(crashHost({ release: "6.1.0" })),
    crash.cmdline("ro -- x", 0x1234_5000n),
  ]);
  assertEquals(rows, [
    [4096n, { start: 0n, end: 0xa_0000n }, undefined, "ro elfcorehdr=0x12345000 -- x"],
    [0x1_0000n, undefined, undefined, "ro -- x"],
  ]);
});

/** What differs between two purgatories, as the offsets of their bytes. */
function differing(a: Uint8Array, b: Uint8Array): readonly number[] {
  return [...a.keys()].filter((at) => a[at] !== b[at]);
}

pure("a purgatory uses the processor's SHA instructions and the text screen only where they are there", () => {
  const build = (changes: Partial<HostFacts>, verify: "sha256" | "xxh64" = "sha256") =>
    X86_64.purgatory.build({ entry: 0n, handover: 0n, regions: [], verify }, {
      facts: hostFacts(changes),
      cmdline: "",
    });
  const plain = build({ cpuFlags: [] });
  const lacks = (bytes: Uint8Array, cpuFlags: readonly string[]) =>
    X86_64.purgatory.lacks(bytes, hostFacts({ cpuFlags }));
  const sha = build({ cpuFlags: SHA });
  assertEquals(differing(plain, sha).length, 1);
  assertEquals([lacks(sha, SHA), lacks(sha, SHA.slice(1)), lacks(plain, []), lacks(sha.subarray(1), [])], [
    false,
    true,
    false,
    false,
  ]);
  for (const missing of SHA) {
    assertEquals(build({ cpuFlags: SHA.filter((flag) => flag !== missing) }), plain);
  }
  assertEquals(build({ cpuFlags: SHA }, "xxh64"), build({ cpuFlags: [] }, "xxh64"));
  const screen = (type: number) => {
    const bootParams = new Uint8Array(4096);
    bootParams[0x0f] = type;
    return build({ cpuFlags: [], bootParams });
  };
  assertEquals([screen(0), screen(0x70)], [plain, plain]);
  assertEquals(differing(plain, screen(1)), differing(plain, sha));
  const rate = (machine: LinuxMachine, by: "sha256" | "xxh64", cpuFlags: readonly string[]) =>
    machine.purgatory.verifiedPerMs(by, hostFacts({ cpuFlags }));
  assertEquals(
    [rate(X86_64, "xxh64", []), rate(X86_64, "sha256", SHA), rate(X86_64, "sha256", []), rate(AARCH64, "xxh64", SHA)],
    [13_000_000, 1_800_000, 350_000, 350_000],
  );
  assertEquals(AARCH64.purgatory.lacks(sha, hostFacts()), false);
});

pure("arm64's purgatory writes to the console of the command line, if it has one", () => {
  const build = (cmdline: string) =>
    AARCH64.purgatory.build({ entry: 0n, handover: 0n, regions: [], verify: "sha256" }, {
      facts: hostFacts(),
      cmdline,
    });
  const plain = build("ro");
  assertEquals(build("earlycon=uart8250,0x9000000"), plain);
  const uart = build("earlycon=pl011,0x0102030405060708");
  const [at = 0] = differing(plain, uart);
  assertEquals([...uart.subarray(at, at + 8)], [8, 7, 6, 5, 4, 3, 2, 1]);
  assertEquals(differing(plain, uart).length, 8);
});

/** A kernel file as an image: how it asks to be placed, and what lies where once it is. */
function imageOf(machine: LinuxMachine, file: KernelFile, facts: Partial<HostFacts> = {}): unknown {
  const { value, diagnostics } = machine.kernelImage(file, hostFacts(facts));
  if (value === undefined) return diagnostics.map(({ message }) => message);
  return { request: value.request, ...value.at(0x4000_0000n) };
}

pure("a kernel file as an image to place: each kind on its own machine, and no other", () => {
  assertEquals(imageOf(X86_64, kernelFile()), {
    request: {
      name: "kernel",
      size: 0x3c00000n,
      alignment: 0x200000n,
      min: 0x1000000n,
      max: 0x10000000000000000n,
      preferred: 0x1000000n,
    },
    entry: 0x40000200n,
    segments: [{
      name: "kernel",
      mem: 0x40000000n,
      memsz: 0x3c00000n,
      bytes: { kind: "file", path: "/boot/vmlinuz", offset: 20480, length: 12562432 },
    }],
  });
  assertEquals(imageOf(X86_64, kernelFile({ info: bzImage({ relocatable: false }) })), {
    request: {
      name: "kernel",
      size: 0x3c00000n,
      alignment: 0x200000n,
      min: 0x1000000n,
      max: 0x4c00000n,
      preferred: 0x1000000n,
    },
    entry: 0x40000200n,
    segments: [{
      name: "kernel",
      mem: 0x40000000n,
      memsz: 0x3c00000n,
      bytes: { kind: "file", path: "/boot/vmlinuz", offset: 20480, length: 12562432 },
    }],
  });
  assertEquals(imageOf(X86_64, kernelFile({ info: bzImage({ entry64: false }) })), {
    request: {
      name: "kernel",
      size: 0x3c00000n,
      alignment: 0x200000n,
      min: 0x1000000n,
      max: 0x100000000n,
      preferred: 0x1000000n,
    },
    entry: 0x40000000n,
    segments: [{
      name: "kernel",
      mem: 0x40000000n,
      memsz: 0x3c00000n,
      bytes: { kind: "file", path: "/boot/vmlinuz", offset: 20480, length: 12562432 },
    }],
  });
  assertEquals(imageOf(X86_64, arm64File()), []);
  assertEquals(imageOf(AARCH64, kernelFile()), []);
  assertEquals(imageOf(AARCH64, arm64File()), {
    request: { name: "kernel", size: 0x2000000n, alignment: 0x200000n, min: 0n, max: 0x10000000000000000n },
    entry: 0x40000000n,
    segments: [{
      name: "kernel",
      mem: 0x40000000n,
      memsz: 0x2000000n,
      bytes: { kind: "file", path: "/boot/vmlinuz", offset: 0, length: 31457280 },
    }],
  });
  assertEquals(imageOf(AARCH64, packedFile(), { pageSize: 65536n }), {
    request: { name: "kernel", size: 0x2000000n, alignment: 0x200000n, min: 0n, max: 0x10000000000000000n },
    entry: 0x40000000n,
    segments: [{
      name: "kernel",
      mem: 0x40000000n,
      memsz: 0x2000000n,
      bytes: { kind: "unpacked", path: "/boot/vmlinuz", offset: 0, length: 31457280 },
    }],
  });
  assertEquals(imageOf(AARCH64, arm64File({ info: arm64Image({ bigEndian: true }) })), []);
});

pure("a purgatory for segments that moved is the one that was built for their new places", () => {
  const sha = (digit: string) => digit.repeat(64);
  const build = (a: bigint, b: bigint, digest = sha("a"), entry = a + 0x200n) =>
    buildPurgatory({
      entry,
      bootParams: 0x9_0000n,
      regions: [
        { address: a, length: 0x1000n, sha256: digest },
        { address: b, length: 0x2000n, sha256: sha("b") },
      ],
      verify: "sha256",
      sha: false,
      console: { vga: false },
    });
  const [a, b, to] = [0x100_0000n, 0x200_0000n, 0x1234_0000n];
  const before = build(a, b);
  const moved = (...rows: Parameters<typeof movedPurgatory>[1]) => movedPurgatory(before, rows);
  assertEquals(moved(), before);
  assertEquals(moved({ from: a, size: 0x1000n, to, sha256: sha("c") }), build(to, b, sha("c")));
  assertEquals(moved({ from: a, size: 0x1000n, to }), build(to, b));
  assertEquals(moved({ from: b, size: 0x2000n, to }), build(a, to, sha("a"), a + 0x200n));
  assertEquals(
    moved({ from: b, size: 0x2000n, to: to + 0x10_0000n }, { from: a, size: 0x1000n, to }),
    build(to, to + 0x10_0000n),
  );
  // The entry moves with the segment that holds it, and with no other.
  assertEquals(moved({ from: a, size: 0x200n, to }), build(to, b, sha("a"), a + 0x200n));
  assertEquals(moved({ from: a, size: 0x201n, to }), build(to, b, sha("a"), to + 0x200n));
});

pure(
  "a non-relocatable kernel is placed where it was linked, and its memory may end at 4 GiB where it must lie below",
  () => {
    const requestOf = (info: Partial<BzImage>) => {
      const { value } = X86_64.kernelImage(kernelFile({ info: bzImage({ relocatable: false, ...info }) }), hostFacts());
      return value === undefined ? undefined : [value.request.min, value.request.max, value.beside?.max];
    };
    const [size, page] = [60 << 20, 4096n];
    const low = (prefAddress: bigint) => requestOf({ above4G: false, prefAddress, initSize: size });
    const last = (1n << 32n) - BigInt(size);
    assertEquals([low(last), low(last + page), low(last - page)], [
      [last, 1n << 32n, 1n << 32n],
      [last + page, 1n << 32n, 1n << 32n],
      [last - page, (1n << 32n) - page, 1n << 32n],
    ]);
    assertEquals(requestOf({ prefAddress: last + page, initSize: size }), [last + page, (1n << 32n) + page, undefined]);
    assertEquals(requestOf({ prefAddress: 0x10_0000n, initSize: size - 1 })?.[1], 0x10_0000n + BigInt(size));
  },
);

pure("arm64's handover is a device tree that names the initrd, the dump and the memory of a crash kernel", () => {
  const tree: DeviceTree = { bootCpu: 0, reservations: [], root: { name: "", properties: [], children: [] } };
  const input = { facts: hostFacts({ machine: "aarch64" }), cmdline: "ro", kaslr: false, deviceTree: tree };
  const built = (changes: Partial<HandoverInput>, initrd?: { readonly address: bigint; readonly size: bigint }) => {
    const { value } = treeHandover({ ...input, initrd: initrd !== undefined, ...changes });
    if (value === undefined) throw new Error("No handover");
    const { bytes } = value.build(0n, { kernel: 0n, ...(initrd === undefined ? {} : { initrd }) });
    assertEquals(BigInt(bytes.length), value.size);
    const parsed = parseDeviceTree(bytes);
    if (parsed.kind !== "tree") throw new Error("Not a tree");
    const chosen = parsed.tree.root.children.find(({ name }) => name === "chosen");
    return {
      chosen: Object.fromEntries((chosen?.properties ?? []).map(({ name, value }) => [name, value.toHex()])),
      reservations: parsed.tree.reservations,
    };
  };
  const always = {
    bootargs: "726f00",
    "kaslr-seed": "00".repeat(8),
    "rng-seed": "00".repeat(128),
    "linux,booted-from-kexec": "",
  };
  assertEquals(built({}), { chosen: always, reservations: [] });
  const initrd = { address: 0x1_0000_0000n, size: 0x1234n };
  assertEquals(built({}, initrd), {
    chosen: {
      ...always,
      "linux,initrd-start": "0000000100000000",
      "linux,initrd-end": "0000000100001234",
    },
    reservations: [initrd],
  });
  const crash = { elfcorehdr: { start: 0x6000_0000n, end: 0x6000_1000n }, kept: [] };
  const { chosen, reservations } = built({ crash });
  assertEquals([chosen["linux,elfcorehdr"], reservations], ["000000006000000000001000", [{
    address: 0x6000_0000n,
    size: 0x1000n,
  }]]);
});
