import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { memoryOf } from "../../src/arch/arm64/device_tree_nodes.ts";
import type { PartContent } from "../../src/host/image_content.ts";
import { crashDump } from "../../src/arch/arm64/crash_dump.ts";
import { AARCH64 } from "../../src/arch/arm64/machine.ts";
import { PURGATORY } from "../../src/arch/arm64/purgatory.ts";
import { PURGATORY_SYMBOLS as AT } from "../../src/arch/arm64/purgatory_code.ts";
import { regionOffsets } from "../../src/arch/purgatory.ts";
import { sha256Of } from "../../src/core/sha256.ts";
import { type DeviceTree, flattenDeviceTree, parseDeviceTree } from "../../src/formats/fdt.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { driftOf } from "../../src/plan/drift.ts";
import { lowerPlan } from "../../src/plan/lower.ts";
import type { Plan, PlannedSegment, SegmentLoadCall } from "../../src/plan/plan.ts";
import { rolesOf } from "../../src/plan/plan.ts";
import { decodePlan } from "../../src/plan/plan_shape.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { recheck } from "../../src/plan/stored.ts";
import { formatSyscall } from "../../src/plan/syscall.ts";
import { type Arm64Case, arm64File, arm64Image, arm64Input, BOARD, packedFile, SERVER } from "../support/arm64.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, initrdFile, kernelFile, profileOf } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name: `arm64: ${name}`, permissions: "none", fn });
}

function planned(stated: Arm64Case = {}): Plan {
  const { value, diagnostics } = planBoot(arm64Input(stated));
  assert(value !== undefined, diagnostics[0]?.message);
  return value;
}

function callOf(stated: Arm64Case = {}): SegmentLoadCall {
  const { call } = planned(stated);
  assert(call.syscall === "kexec_load");
  return call;
}

function refusal(stated: Arm64Case): string {
  const { value, diagnostics: [first] } = planBoot(arm64Input(stated));
  assertEquals(value, undefined);
  return `${first?.code}: ${first?.message}`;
}

const failed = ({ checks }: Plan) => checks.filter(({ status }) => status === "fail").map(({ rule }) => rule);

function segmentOf(call: SegmentLoadCall, name: string): PlannedSegment {
  const segment = call.segments.find((each) => each.name === name);
  assert(segment !== undefined, `no segment ${name}`);
  return segment;
}

function bytesOf({ source }: PlannedSegment): Uint8Array {
  assert(source.kind === "bytes");
  return Uint8Array.fromBase64(source.base64);
}

function treeOf(call: SegmentLoadCall): DeviceTree {
  const parsed = parseDeviceTree(bytesOf(segmentOf(call, "dtb")));
  assert(parsed.kind === "tree");
  return parsed.tree;
}

function chosenOf(call: SegmentLoadCall): ReadonlyMap<string, string> {
  const { properties = [] } = treeOf(call).root.children.find(({ name }) => name === "chosen") ?? {};
  return new Map(properties.map(({ name, value }) => [name, value.toHex()]));
}

pure("a kernel is laid out by kexec_load where the running one has nothing else", () => {
  const plan = planned();
  assertEquals(failed(plan), []);
  assertEquals(plan.reasons.map(({ code }) => code), ["host-lacks-file-load"]);
  const call = callOf();
  assertEquals(call.segments.map(({ name, mem, memsz }) => [name, mem, memsz]), [
    ["kernel", "0x42000000", 32 << 20],
    ["initrd", "0x44000000", 30 << 20],
    ["dtb", "0x45e00000", 8192],
    ["purgatory", "0x45e02000", 16384],
  ]);
  assertEquals(call.entry, "0x45e02000");
  assertEquals(PURGATORY.target(bytesOf(segmentOf(call, "purgatory"))), 0x4200_0000n);
  const chosen = chosenOf(call);
  assertEquals(chosen.get("linux,initrd-start"), "0000000044000000");
  assertEquals(chosen.get("linux,initrd-end"), "0000000045e00000");
  assertEquals(segmentOf(call, "dtb").source.kind === "bytes" && segmentOf(call, "dtb").source, {
    kind: "bytes",
    base64: bytesOf(segmentOf(call, "dtb")).toBase64(),
    random: [{ offset: 7272, length: 8 }, { offset: 7292, length: 128 }],
  });
});

pure("the device tree lies on a multiple of 2 MiB, and nothing of a crash image below its kernel", () => {
  const input = arm64Input({});
  const initrd = [{ ...initrdFile(), size: (30 << 20) - 4096 }];
  const { value } = planBoot({ ...input, images: { ...input.images, initrd } });
  assert(value?.call.syscall === "kexec_load");
  const tree = segmentOf(value.call, "dtb");
  assertEquals(BigInt(tree.mem) % (2n << 20n), 0n);
  const crashing = arm64Input({ profile: { crash: true } });
  const { value: dump } = planBoot({ ...crashing, images: { ...crashing.images, initrd } });
  assert(dump?.call.syscall === "kexec_load");
  // The crash kernel's pages may be of 64 KiB.
  assertEquals(BigInt(segmentOf(dump.call, "elfcorehdr").mem) % 0x1_0000n, 0n);
  // A reservation that begins in the middle of 2 MiB: what is left free below the kernel would hold the ELF core header.
  const start = 0xa9b0_0000n;
  const [ram] = BOARD.iomem.roots.filter(({ name }) => name === "System RAM");
  assert(ram !== undefined);
  const code = ram.children.filter(({ name }) => name === "Kernel code");
  const crash = { name: "Crash kernel", start, end: start + (255n << 20n), children: [] };
  const { crashSize: _, ...kexec } = BOARD.kexec;
  const iomem = { visibility: "full", roots: [{ ...ram, children: [...code, crash] }] } as const;
  const call = callOf({ facts: { ...BOARD, iomem, kexec }, profile: { crash: true } });
  const kernel = BigInt(segmentOf(call, "kernel").mem);
  assertEquals(kernel, 0xa9c0_0000n);
  assertEquals(call.segments.filter(({ mem }) => BigInt(mem) < kernel), []);
});

pure("the same profile, facts and images give the same plan, which reads back", () => {
  const plan = planned();
  assertEquals(planned(), plan);
  const complaints: unknown[] = [];
  const read = decodePlan(JSON.parse(JSON.stringify(plan)), [], (each) => complaints.push(each));
  assertEquals([read, complaints], [plan, []]);
});

pure("the kernel lies at text_offset behind a multiple of 2 MiB, with the memory of its header", () => {
  const kernel = arm64File({ info: arm64Image({ textOffset: 0x8_0000n, imageSize: 0x200_1000n }) });
  const call = callOf({ kernel });
  const { mem, memsz, bufsz } = segmentOf(call, "kernel");
  assertEquals([mem, memsz, bufsz], ["0x42080000", 0x200_1000, 30 << 20]);
  assertEquals(PURGATORY.target(bytesOf(segmentOf(call, "purgatory"))), 0x4208_0000n);
  // A signature behind the image takes no memory of it.
  const signed = callOf({ kernel: arm64File({ size: 33 << 20 }) });
  assertEquals(segmentOf(signed, "kernel").bufsz, 32 << 20);
});

/** Two pieces of memory, 64 GiB apart; the second holds the initrd only if the window of the kernel allows it. */
function apart(distance: bigint): HostFacts {
  const ram = (start: bigint, size: bigint) => ({ name: "System RAM", start, end: start + size, children: [] });
  return {
    ...BOARD,
    iomem: { visibility: "full", roots: [ram(0n, 34n << 20n), ram(distance, 1n << 30n)] },
    deviceTree: memoryTree([[0n, 34n << 20n], [distance, 1n << 30n]]),
  };
}

function memoryTree(ranges: readonly (readonly [bigint, bigint])[]): DeviceTree {
  const reg = new Uint8Array(ranges.length * 16);
  const view = new DataView(reg.buffer);
  for (const [index, [start, size]] of ranges.entries()) {
    view.setBigUint64(index * 16, start);
    view.setBigUint64(index * 16 + 8, size);
  }
  const cells = (name: string) => ({ name, value: Uint8Array.of(0, 0, 0, 2) });
  const memory = {
    name: "memory@0",
    properties: [{ name: "device_type", value: new TextEncoder().encode("memory\0") }, { name: "reg", value: reg }],
    children: [],
  };
  return {
    bootCpu: 0,
    reservations: [],
    root: { name: "", properties: [cells("#address-cells"), cells("#size-cells")], children: [memory] },
  };
}

pure("a text_offset that is no page of the running kernel fails a check", () => {
  const kernel = arm64File({ info: arm64Image({ textOffset: 0x1000n }) });
  assertEquals(failed(planned({ kernel })), []);
  assertEquals(failed(planned({ kernel, facts: { ...BOARD, pageSize: 0x1_0000n } })), ["segment-alignment"]);
});

pure("an initrd lies in the window of 32 GiB that begins at the kernel's GiB", () => {
  assertEquals(segmentOf(callOf({ facts: apart(31n << 30n) }), "initrd").mem, "0x7c0000000");
  assertStringIncludes(
    refusal({ facts: apart(32n << 30n) }),
    'no-room: No free memory below 0x800000000 is large enough for the segment "initrd"',
  );
});

pure("pages of 64 KiB are kept, whatever the new kernel has", () => {
  const call = callOf({ facts: { ...BOARD, pageSize: 0x1_0000n } });
  for (const { name, mem, memsz } of call.segments) {
    assertEquals([BigInt(mem) % 0x1_0000n, memsz % 0x1_0000], [0n, 0], name);
  }
  const plan = planned({ facts: { ...BOARD, pageSize: 0x1_0000n } });
  assertEquals(plan.checks.filter(({ status }) => status === "warn").map(({ rule }) => rule), ["kernel-pages"]);
});

pure("on a server with ACPI the device tree hands over what UEFI says", () => {
  const call = callOf({ facts: SERVER });
  const chosen = chosenOf(call);
  assertEquals(chosen.get("linux,uefi-mmap-start"), "00000000bc08e9c0");
  assertEquals(planned({ facts: SERVER }).checks.find(({ rule }) => rule === "device-tree-memory")?.status, "pass");
});

pure("without a device tree there is no plan by kexec_load", () => {
  const { deviceTree: _, ...blind } = BOARD;
  assertStringIncludes(refusal({ facts: blind }), "device-tree-unknown: The next kernel must be given the device tree");
});

pure("a profile's own device tree takes the place of the host's", () => {
  const info = { kind: "tree", tree: memoryTree([[0x4000_0000n, 2n << 30n]]) } as const;
  const dtb = { path: "/boot/board.dtb", size: 100, sha256: "c".repeat(64), info };
  const profile = { dtb: { path: "/boot/board.dtb" } };
  const call = callOf({ profile, dtb });
  assertEquals(rolesOf(call).dtb, "/boot/board.dtb");
  assertEquals(treeOf(call).root.children.map(({ name }) => name), ["memory@0", "chosen"]);
  const plan = planned({ profile, dtb });
  assertEquals(failed(plan), []);
  assertEquals(
    plan.checks.find(({ rule }) => rule === "device-tree-memory")?.message,
    "The device tree lists 2 GiB of memory, starting at 0x40000000",
  );
  // Its console is the one that a mismatch is reported on.
  assertEquals(callOf().mismatch, "reported on the PL011 at 0x9000000");
  assertMatch(call.mismatch ?? "", /^not reported/);
});

pure("a device tree without the memory of the image, or without any, fails a check", () => {
  const profile = { dtb: { path: "/boot/board.dtb" } };
  const verdict = (tree: DeviceTree, facts = BOARD) => {
    const info = { kind: "tree", tree } as const;
    const dtb = { path: "/boot/board.dtb", size: 100, sha256: "c".repeat(64), info };
    return planned({ profile, facts, dtb }).checks.find(({ rule }) => rule === "device-tree-memory");
  };
  const small = verdict(memoryTree([[0x4000_0000n, 64n << 20n]]));
  assertEquals(small?.status, "fail");
  assertStringIncludes(
    small?.message ?? "",
    'Segment "initrd" at 0x44000000 lies in memory that the device tree does not',
  );
  // With the memory map of UEFI, what its nodes name does not count.
  const listed = memoryTree([[0x4000_0000n, 64n << 20n]]);
  const chosen = {
    name: "chosen",
    properties: [{ name: "linux,uefi-mmap-start", value: new Uint8Array(8) }],
    children: [],
  };
  const uefi = { ...listed, root: { ...listed.root, children: [...listed.root.children, chosen] } };
  assertEquals(verdict(uefi)?.message, "The device tree refers to the memory map of UEFI");
  const { deviceTree: _, ...blind } = BOARD;
  const none = verdict(memoryTree([]), blind);
  assertEquals(none?.status, "fail");
  assertStringIncludes(none?.message ?? "", "the new kernel would find no memory");
});

pure("a stored plan whose handover is not a device tree is refused for that too", () => {
  const plan = planned();
  const { images, partDigests } = arm64Input();
  const call = callOf();
  const source = { kind: "bytes", base64: new Uint8Array(64).toBase64() } as const;
  const segments = call.segments.map((each) => each.name === "dtb" ? { ...each, source } : each);
  const { checks } = recheck({ ...plan, call: { ...call, segments } }, BOARD, images, partDigests);
  const check = checks.find(({ rule }) => rule === "device-tree-memory");
  assertEquals(check?.status, "fail");
  assertStringIncludes(check?.message ?? "", "The handover for the new kernel is not a device tree: it ");
});

pure("a device tree that names no memory gets that of the running one, in its own cells", () => {
  const profile = { dtb: { path: "/boot/board.dtb" } };
  const given = (cells: readonly [number, number], facts = BOARD) => {
    const names = ["#address-cells", "#size-cells"];
    const properties = names.map((name, index) => ({ name, value: Uint8Array.of(0, 0, 0, cells[index] ?? 0) }));
    const info = {
      kind: "tree",
      tree: { bootCpu: 0, reservations: [], root: { name: "", properties, children: [] } },
    } as const;
    const dtb = { path: "/boot/board.dtb", size: 100, sha256: "c".repeat(64), info };
    return memoryOf(treeOf(callOf({ profile, dtb, facts })));
  };
  const memory = BOARD.deviceTree === undefined ? undefined : memoryOf(BOARD.deviceTree);
  assertEquals(memory?.length, 1);
  assertEquals(given([2, 2]), memory);
  assertEquals(given([1, 1]), memory);
  const uefi = callOf({
    profile,
    facts: SERVER,
    dtb: { path: "/d", size: 1, sha256: "c".repeat(64), info: { kind: "tree", tree: memoryTree([]) } },
  });
  assertEquals(chosenOf(uefi).get("linux,uefi-mmap-start"), "00000000bc08e9c0");
});

pure("a device tree for another board is a warning, and one for this board passes", () => {
  const verdict = (compatible: string | undefined, facts = BOARD, part?: PartContent) => {
    const tree = memoryTree([[0x4000_0000n, 2n << 30n]]);
    const properties = [
      ...tree.root.properties,
      ...(compatible === undefined ? [] : [{ name: "compatible", value: new TextEncoder().encode(`${compatible}\0`) }]),
    ];
    const info = { kind: "tree", tree: { ...tree, root: { ...tree.root, properties } } } as const;
    const dtb = { path: "/boot/board.dtb", size: 100, sha256: "c".repeat(64), info, ...(part && { part }) };
    const check = planned({ profile: { dtb: { path: "/boot/board.dtb" } }, dtb, facts }).checks
      .find(({ rule }) => rule === "device-tree-board");
    return check === undefined ? undefined : [check.status, check.message, check.hint];
  };
  assertEquals(verdict("vendor,board\0linux,dummy-virt"), [
    "pass",
    "/boot/board.dtb is for linux,dummy-virt, as this board is",
    undefined,
  ]);
  assertEquals(verdict("vendor,board\0vendor,chip"), [
    "warn",
    "/boot/board.dtb is for vendor,board, vendor,chip, and this board is linux,dummy-virt",
    "Name the device tree of this board",
  ]);
  const part = { kind: "checked", algorithms: [], unknown: [], signatures: [] } as const;
  assertEquals(verdict(undefined, BOARD, part), [
    "warn",
    "/boot/board.dtb is for no board that it names, and this board is linux,dummy-virt",
    "Name the configuration of this board: `kernel: { path, configuration }`",
  ]);
  assertEquals(verdict("vendor,board", SERVER), undefined);
});

pure("`dtb` is refused where it would be ignored, and where it is none", () => {
  const dtb = {
    path: "/d",
    size: 1,
    sha256: "c".repeat(64),
    info: { kind: "fault", why: "breaks off before its end" },
  } as const;
  const profile = { dtb: { path: "/d" } };
  assertEquals(refusal({ profile, dtb }), "device-tree-damaged: /d is not a device tree: it breaks off before its end");
  const { value, diagnostics } = planBoot({
    profile: profileOf(profile),
    facts: hostFacts({ machine: "riscv64" }),
    images: { ...images(), dtb },
  });
  assertEquals([value, diagnostics[0]?.code, diagnostics[0]?.path], [undefined, "device-tree-unused", ["dtb"]]);
});

pure("the plan says on which PL011 a mismatch is reported, or that there is none", () => {
  const by = (cmdline: string) =>
    AARCH64.purgatory.mismatch({
      facts: hostFacts({ machine: "aarch64" }),
      deviceTree: { bootCpu: 0, reservations: [], root: { name: "", properties: [], children: [] } },
      cmdline,
    });
  assertEquals(by("earlycon=pl011,0x9000000"), "reported on the PL011 at 0x9000000");
  assertEquals(by("quiet"), "not reported: neither the device tree nor the command line names a PL011 as the console");
  assertEquals(callOf({ profile: { checksum: false } }).mismatch, undefined);
  assertMatch(callOf().mismatch ?? "", /^(?:not )?reported/);
});

pure("without a checksum the purgatory only jumps", () => {
  const bytes = bytesOf(segmentOf(callOf({ profile: { checksum: false } }), "purgatory"));
  const view = new DataView(bytes.buffer);
  assertEquals([view.getUint32(0x28, true), view.getUint32(0x2c, true)], [0, 0]);
  const verified = new DataView(bytesOf(segmentOf(callOf(), "purgatory")).buffer);
  // The kernel, the initrd, and the device tree.
  assertEquals([verified.getUint32(0x28, true), verified.getUint32(0x2c, true)], [3, 1 | 4]);
  const hashed = new DataView(bytesOf(segmentOf(callOf({ profile: { checksum: "sha256" } }), "purgatory")).buffer);
  // The tree's three parts around its two seeds.
  assertEquals([hashed.getUint32(0x28, true), hashed.getUint32(0x2c, true)], [5, 1]);
  assertEquals(verified.getBigUint64(0x20, true), 0x900_0000n, "the PL011 of stdout-path");
});

pure("a packed kernel is placed unpacked, and the plan says so", () => {
  const kernel = packedFile();
  const plan = planned({ kernel });
  assertEquals(failed(plan), []);
  assertEquals(segmentOf(callOf({ kernel }), "kernel").source, {
    kind: "unpacked",
    path: "/boot/vmlinuz",
    offset: 0,
    length: 30 << 20,
  });
  assertEquals(plan.reasons.at(-1), {
    code: "kernel-unpacked",
    message: "An arm64 kernel does not unpack itself: the Image in /boot/vmlinuz, 30 MiB, is handed over instead",
  });
  const { call } = plan;
  assert(call.syscall === "kexec_load");
  assertEquals(call.files[0]?.about, "arm64 Image, 4 KiB pages, unsigned, gzip-compressed");
});

/** The board with a kernel that has kexec_file_load. */
const WITH_FILE_LOAD: HostFacts = { ...BOARD, kernelConfig: { ...BOARD.kernelConfig, CONFIG_KEXEC_FILE: "y" } };

pure("kexec_file_load gets the unpacked Image in a memfd", () => {
  const plan = planned({ facts: WITH_FILE_LOAD, kernel: packedFile() });
  assertEquals(failed(plan), []);
  const { call } = plan;
  assert(call.syscall === "kexec_file_load");
  assertEquals(call.unpacked, { size: 30 << 20, sha256: "d".repeat(64) });
  const [lowered] = lowerPlan(plan);
  assert(lowered !== undefined);
  assertStringIncludes(
    formatSyscall(lowered),
    'kexec_file_load(memfd(unpacked("/boot/vmlinuz")), open("/boot/initrd.img")',
  );
  const { images } = arm64Input({ kernel: packedFile() });
  assertEquals(driftOf(plan, WITH_FILE_LOAD, images), []);
  const other = packedFile({
    inner: { kind: "image", image: { info: arm64Image(), size: 30 << 20, sha256: "e".repeat(64) } },
  });
  assertEquals(driftOf(plan, WITH_FILE_LOAD, { ...images, kernel: other }).map(({ what }) => what), [
    "the SHA-256 of what /boot/vmlinuz unpacks to",
  ]);
});

pure("a plain Image is handed over as it is, and a long command line is refused, as the kernel would cut it", () => {
  const plan = planned({ facts: WITH_FILE_LOAD });
  assert(plan.call.syscall === "kexec_file_load");
  assertEquals(plan.call.unpacked, undefined);
  const long = (length: number) => ({ cmdline: { kind: "parameters", parameters: ["x".repeat(length)] } }) as const;
  assertEquals(failed(planned({ facts: WITH_FILE_LOAD, profile: long(2047) })), []);
  assertEquals(failed(planned({ facts: WITH_FILE_LOAD, profile: long(2048) })), ["cmdline-length"]);
  assertEquals(failed(planned({ profile: long(2048) })), ["cmdline-length"]);
});

pure("what cannot be loaded is named with the reason", () => {
  const because = (kernel: Arm64Case["kernel"] & object) => {
    const check = planned({ facts: WITH_FILE_LOAD, kernel }).checks.find(({ status }) => status === "fail");
    return `${check?.rule}: ${check?.message}`;
  };
  assertStringIncludes(because(kernelFile()), "architecture: /boot/vmlinuz is for x86_64, and this host is aarch64");
  assertStringIncludes(because(arm64File({ info: arm64Image({ bigEndian: true }) })), "is for aarch64_be");
  assertStringIncludes(because(arm64File({ info: arm64Image({ imageSize: 0n }) })), "leaves the image size zero");
  assertStringIncludes(
    because(arm64File({ info: arm64Image({ textOffset: 0x6en }) })),
    "text_offset 0x6e is not a multiple",
  );
  const damaged = packedFile({
    inner: { kind: "fault", why: "its gzip data cannot be unpacked: it ends before its stream does" },
  });
  assertEquals(
    because(damaged),
    "kernel-image: kexec_file_load cannot take /boot/vmlinuz: its gzip data cannot be unpacked: it ends before its stream does",
  );
});

pure("an arm64 kernel is refused on x86_64, packed or not, and by either call", () => {
  for (const kernel of [arm64File(), packedFile()]) {
    for (const load of ["auto", "kexec_load"] as const) {
      const plan = planBoot({ profile: profileOf({ load }), facts: hostFacts(), images: images({ kernel }) }).value;
      assert(plan !== undefined);
      assertEquals(failed(plan), ["architecture"]);
    }
  }
});

pure("nothing is known of kexec_file_load without the kernel's configuration, and the plan says so", () => {
  const check = planned({ facts: { ...BOARD, kernelConfig: {} } }).checks.find(({ rule }) => rule === "call-available");
  assertEquals(check?.status, "warn");
  assertStringIncludes(check?.hint ?? "", "ENOSYS");
});

pure("`predecompress` says what it is about: arm64 kernels are handed over unpacked anyway", () => {
  const reasons = (kernel = arm64File()) =>
    planned({ kernel, profile: { predecompress: true } }).reasons.map(({ code }) => code);
  assert(reasons().includes("kernel-plain"));
  assert(reasons(packedFile()).includes("kernel-unpacked"));
});

pure("`preserve_context` is refused: only x86 comes back", () => {
  assertEquals(failed(planned({ profile: { preserveContext: true } })), ["preserve-context"]);
});

pure("a crash kernel lies in its reservation, and its device tree tells of dump and memory", () => {
  for (const [facts, low] of [[BOARD, "0xa9a00000"], [SERVER, "0xa5200000"]] as const) {
    const plan = planned({ facts, profile: { crash: true } });
    assertEquals(failed(plan), []);
    const { call } = plan;
    assert(call.syscall === "kexec_load");
    assertEquals(call.segments.map(({ name }) => name), ["kernel", "initrd", "elfcorehdr", "dtb", "purgatory"]);
    assertEquals([segmentOf(call, "kernel").mem, call.cmdline.includes("elfcorehdr")], [low, false]);
    const elfcorehdr = segmentOf(call, "elfcorehdr");
    assertEquals(BigInt(elfcorehdr.mem) % 0x1_0000n, 0n);
    const hex = (value: bigint) => value.toString(16).padStart(16, "0");
    const chosen = chosenOf(call);
    assertEquals(chosen.get("linux,elfcorehdr"), `${hex(BigInt(elfcorehdr.mem))}${hex(BigInt(elfcorehdr.bufsz))}`);
    assertEquals(chosen.get("linux,usable-memory-range"), `${hex(BigInt(low))}${hex(256n << 20n)}`);
    assertEquals(treeOf(call).reservations.at(-1), {
      address: BigInt(elfcorehdr.mem),
      size: BigInt(elfcorehdr.bufsz),
    });
  }
});

pure("of two reservations the high one comes first", () => {
  const crashNode = (start: bigint, size: bigint) => ({ name: "Crash kernel", start, end: start + size, children: [] });
  const [ram] = BOARD.iomem.roots.filter(({ name }) => name === "System RAM");
  assert(ram !== undefined);
  const code = ram.children.filter(({ name }) => name === "Kernel code");
  const children = [...code, crashNode(0x5000_0000n, 128n << 20n), crashNode(0xa9a0_0000n, 256n << 20n)];
  const facts: HostFacts = { ...BOARD, iomem: { visibility: "full", roots: [{ ...ram, children }] } };
  const chosen = chosenOf(callOf({ facts, profile: { crash: true } }));
  assertEquals(
    chosen.get("linux,usable-memory-range"),
    "00000000a9a000000000000010000000" + "00000000500000000000000008000000",
  );
});

pure("a dump describes the kernel's text and the linear map as /proc/kcore has them", () => {
  const elf = bytesOf(segmentOf(callOf({ profile: { crash: true } }), "elfcorehdr"));
  const view = new DataView(elf.buffer, elf.byteOffset);
  assertEquals([view.getUint16(18, true), view.getUint16(56, true)], [183, 6]);
  const load = (
    index: number,
  ) => [view.getBigUint64(64 + index * 56 + 16, true), view.getBigUint64(64 + index * 56 + 24, true)];
  assertEquals(load(3), [0xffff_d0d1_de80_0000n, 0x4020_0000n]);
  assertEquals(load(4), [0xffff_0000_0000_0000n, 0x4000_0000n]);
  assertEquals(load(5), [0xffff_0000_79a0_0000n, 0xb9a0_0000n]);
});

pure("before Linux 5.4 the linear map lies above the kernel's own mapping, which is the smaller one", () => {
  const ram = (start: bigint, end: bigint, children: HostFacts["iomem"]["roots"] = []) => ({
    name: "System RAM",
    start,
    end,
    children,
  });
  const facts: HostFacts = {
    ...BOARD,
    release: "4.19.0",
    iomem: {
      visibility: "full",
      roots: [
        ram(0x9000_0000n, 0x9200_0000n),
        ram(0x928c_0000n, 0xfff8_0000n, [
          { name: "Kernel code", start: 0x92a8_0000n, end: 0x93b7_0000n, children: [] },
          { name: "Kernel data", start: 0x942c_0000n, end: 0x94f1_0000n, children: [] },
          { name: "Crash kernel", start: 0xeee0_0000n, end: 0xffe0_0000n, children: [] },
        ]),
        ram(0x8_8000_0000n, 0x10_0000_0000n),
      ],
    },
    kernelMap: [
      { vaddr: 0xffff_0000_1008_0000n, paddr: 0x92a8_0000n, size: 0x249_0000n },
      { vaddr: 0xffff_8000_1000_0000n, paddr: 0x9000_0000n, size: 0x200_0000n },
      { vaddr: 0xffff_8000_128c_0000n, paddr: 0x928c_0000n, size: 0x6d6c_0000n },
      { vaddr: 0xffff_8008_0000_0000n, paddr: 0x8_8000_0000n, size: 0x7_8000_0000n },
    ],
  };
  const { value } = crashDump(facts);
  assertEquals(value?.text, { vaddr: 0xffff_0000_1008_0000n, start: 0x92a8_0000n, end: 0x94f1_0000n });
  assertEquals(value?.memory.map(({ start, vaddr }) => [start, vaddr]), [
    [0x9000_0000n, 0xffff_8000_1000_0000n],
    [0x928c_0000n, 0xffff_8000_128c_0000n],
    [0xffe0_0000n, 0xffff_8000_7fe0_0000n],
    [0x8_8000_0000n, 0xffff_8008_0000_0000n],
  ]);
  // In either order, and not where nothing says which is which.
  assertEquals(crashDump({ ...facts, kernelMap: facts.kernelMap?.toReversed() ?? [] }).value?.text, value?.text);
  const nameless: HostFacts["iomem"] = { visibility: "full", roots: [ram(0x9000_0000n, 0x10_0000_0000n)] };
  assertEquals(crashDump({ ...facts, iomem: nameless }).value, undefined);
});

/** A device tree with CPUs that are enabled in these ways. */
function cpuTree(...methods: readonly (string | undefined)[]): DeviceTree {
  const text = (value: string) => new TextEncoder().encode(`${value}\0`);
  const cpus = methods.map((method, index) => ({
    name: `cpu@${index}`,
    properties: [
      { name: "device_type", value: text("cpu") },
      ...(method === undefined ? [] : [{ name: "enable-method", value: text(method) }]),
    ],
    children: [],
  }));
  const idle = { name: "idle-states", properties: [], children: [] };
  const tree = memoryTree([[0x4000_0000n, 2n << 30n]]);
  const node = { name: "cpus", properties: [], children: [...cpus, idle] };
  return { ...tree, root: { ...tree.root, children: [...tree.root.children, node] } };
}

pure(
  "CPUs in spin tables make both calls fail, unless the kernel may use one alone; nr_cpus= counts, maxcpus= not",
  () => {
    const spin = cpuTree("spin-table", "spin-table");
    const verdict = (changes: Partial<HostFacts>, profile: Arm64Case["profile"] = {}) => {
      const check = planned({ facts: { ...BOARD, deviceTree: spin, ...changes }, profile }).checks
        .find(({ rule }) => rule === "cpus-stop");
      return check === undefined ? undefined : `${check.status}: ${check.message} [${check.hint}]`;
    };
    assertEquals(
      verdict({}),
      "fail: The running kernel cannot stop its other CPUs: the device tree has 2 CPUs in spin tables and no PSCI. Either call " +
        "fails with EBUSY [Boot the running kernel with `nr_cpus=1` (`maxcpus=1` does not help), or use " +
        "firmware that has PSCI]",
    );
    assertEquals(verdict({ cmdline: "maxcpus=1", cpusOnline: 1 })?.slice(0, 5), "fail:");
    assertEquals(verdict({ cmdline: "ro -- nr_cpus=1" })?.slice(0, 5), "fail:");
    assertStringIncludes(verdict({}, { crash: true }) ?? "", "warn: The running kernel cannot stop");
    assertStringIncludes(verdict({}, { crash: true }) ?? "", "may hang after a panic");
    assertEquals(verdict({ cmdline: "nr_cpus=1" }), undefined);
    for (const tree of [cpuTree("psci", "psci"), cpuTree("spin-table"), cpuTree(undefined, undefined), cpuTree()]) {
      assertEquals(verdict({ deviceTree: tree }), undefined);
    }
  },
);

pure("protected KVM makes both calls fail, where the kernel asks for it", () => {
  const rules = (changes: Partial<HostFacts>) => failed(planned({ facts: { ...BOARD, ...changes } }));
  assertEquals(rules({ cmdline: "kvm-arm.mode=protected" }), ["cpus-stop"]);
  assertEquals(rules({ cmdline: "kvm-arm.mode=protected kvm-arm.mode=nvhe" }), []);
  assertEquals(rules({ cmdline: "kvm-arm.mode=protected", release: "5.15.0" }), []);
  assertEquals(rules({ cmdline: "ro -- kvm-arm.mode=protected" }), []);
});

pure("a crash kernel without what its dump must describe is refused", () => {
  const { kernelMap: _, ...blind } = BOARD;
  assertStringIncludes(
    refusal({ facts: blind, profile: { crash: true } }),
    "crash-unknown: What a crash dump must describe is unknown: /proc/kcore",
  );
});

pure("a stored plan is refused when the device tree is another one", () => {
  const plan = planned();
  const { images, partDigests } = arm64Input();
  assertEquals(failed(recheck(plan, BOARD, images, partDigests)), []);
  const other = { ...BOARD, deviceTree: memoryTree([[0x4000_0000n, 2n << 30n]]) };
  assertEquals(failed(recheck(plan, other, images, partDigests)), ["stored-plan"]);
  const crash = planned({ profile: { crash: true } });
  assertEquals(failed(recheck(crash, BOARD, images, partDigests)), []);
  assertEquals(
    failed(recheck(crash, { ...BOARD, crashNotes: [] }, images, partDigests)).includes("crash-description"),
    true,
  );
});

pure("a tree that cannot name the memory of a crash kernel is refused, and so is one that is too large", () => {
  const narrow = memoryTree([]);
  const cell = {
    ...narrow.root,
    properties: narrow.root.properties.map((each) => ({ ...each, value: Uint8Array.of(0, 0, 0, 1) })),
  };
  const high = { name: "Crash kernel", start: 4n << 30n, end: (4n << 30n) + (256n << 20n), children: [] };
  const code = { name: "Kernel code", start: 0x4021_0000n, end: 0x4100_0000n, children: [] };
  const ram = { name: "System RAM", start: 0n, end: 8n << 30n, children: [code, high] };
  const facts: HostFacts = {
    ...BOARD,
    iomem: { visibility: "full", roots: [ram] },
    deviceTree: { ...narrow, root: cell },
  };
  assertStringIncludes(
    refusal({ facts, profile: { crash: true } }),
    "device-tree-limit: The device tree cannot name the memory at 0x1",
  );
  const large = {
    ...narrow,
    root: { ...narrow.root, properties: [...narrow.root.properties, { name: "x", value: new Uint8Array(2 << 20) }] },
  };
  assert(flattenDeviceTree(large).bytes.length > 2 << 20);
  assertStringIncludes(
    refusal({ facts: { ...BOARD, deviceTree: large } }),
    "device-tree-limit: The device tree for the next",
  );
});

pure("explicit segments that the kernel would refuse fail their checks, on each machine", () => {
  const segment = (at: bigint) => ({ at, source: { kind: "bytes", bytes: Uint8Array.of(1, 2, 3, 4) } }) as const;
  const refused = (segments: readonly ReturnType<typeof segment>[], facts: HostFacts) => {
    const profile = { segments, entry: 0x5000_0000n, stated: ["version", "segments", "entry"] };
    const { value: plan } = planBoot({ profile: profileOf(profile), facts, images: { initrd: [] } });
    return plan === undefined ? ["no plan"] : failed(plan);
  };
  for (const facts of [BOARD, hostFacts()]) {
    const many = Array.from({ length: 30 }, (_, index) => segment(0x5000_0000n + BigInt(index) * facts.pageSize));
    assertEquals(refused(many, facts), ["segment-count"]);
    assertEquals(refused([segment(0x5000_0000n), segment(0x5000_1002n)], facts), ["segment-alignment"]);
  }
});

pure("explicit segments get a purgatory, too", () => {
  const profile = {
    segments: [{ at: 0x5000_0000n, source: { kind: "bytes", bytes: Uint8Array.of(1, 2, 3, 4) } }],
    entry: 0x5000_0000n,
    stated: ["version", "segments", "entry"],
  } as const;
  const { value: plan } = planBoot({ profile: profileOf(profile), facts: BOARD, images: { initrd: [] } });
  assert(plan?.call.syscall === "kexec_load");
  assertEquals(failed(plan), []);
  assertEquals(plan.call.segments.map(({ name }) => name), ["segment 1", "purgatory"]);
});

pure("where signatures are demanded, the kernel that a packed file holds is what must be signed", () => {
  const facts: HostFacts = { ...BOARD, lockdown: "integrity", kernelConfig: { CONFIG_KEXEC_SIG_FORCE: "y" } };
  const of = (signed: boolean) => {
    const inner = {
      kind: "image",
      image: { info: arm64Image({ signed }), size: 30 << 20, sha256: "d".repeat(64) },
    } as const;
    const { checks } = planned({ profile: { load: "kexec_file_load" }, facts, kernel: packedFile({ inner }) });
    return checks.filter(({ rule }) => rule === "lockdown" || rule === "signature-forced")
      .map(({ rule, status }) => `${rule} ${status}`);
  };
  assertEquals(of(false), ["lockdown fail", "signature-forced fail"]);
  assertEquals(of(true), ["lockdown warn", "signature-forced warn"]);
});

pure("by SHA-256, purgatory compares all of the device tree but the seeds that are drawn at load", () => {
  const call = callOf({ profile: { checksum: "sha256" } });
  const tree = segmentOf(call, "dtb");
  assert(tree.source.kind === "bytes");
  const [kaslr, rng] = tree.source.random ?? [];
  assert(kaslr !== undefined && rng !== undefined);
  const [mem, bytes, purgatory] = [BigInt(tree.mem), bytesOf(tree), bytesOf(segmentOf(call, "purgatory"))];
  const view = new DataView(purgatory.buffer);
  const regions = regionOffsets(purgatory, AT).map((offset) => [
    view.getBigUint64(offset + AT.regionAddress, true) - mem,
    view.getBigUint64(offset + AT.regionLength, true),
    purgatory.slice(offset + AT.regionDigest, offset + AT.regionDigest + 32).toHex(),
  ]).filter(([address = -1n]) => typeof address === "bigint" && address >= 0n && address < BigInt(tree.bufsz));
  const parts = [[0, kaslr.offset], [kaslr.offset + kaslr.length, rng.offset], [rng.offset + rng.length, bytes.length]];
  assertEquals(
    regions,
    parts.map(([from = 0, to = 0]) => [BigInt(from), BigInt(to - from), sha256Of(bytes.subarray(from, to))]),
  );
});
