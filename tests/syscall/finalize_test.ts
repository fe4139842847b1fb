import { assert, assertEquals, assertNotEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { sha256 } from "@noble/hashes/sha2.js";
import { buildPurgatory, PURGATORY } from "../../src/arch/x86_64/purgatory.ts";
import { PURGATORY_SYMBOLS as AT } from "../../src/arch/x86_64/purgatory_code.ts";
import { describeVmlinux } from "../../src/arch/x86_64/vmlinux.ts";
import { fieldsOf, memorySource } from "../../src/core/bytes.ts";
import { mapSegments } from "../../src/syscall/map_segments.ts";
import { buildImage, builtLayout } from "../../src/arch/x86_64/built_image.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import { drawSecurely, finalize, finalizeImage } from "../../src/syscall/finalize.ts";
import { lowerPlan } from "../../src/plan/lower.ts";
import type { FileLoadCall, PlannedSegment, SegmentLoadCall } from "../../src/plan/plan.ts";
import { formatSyscall } from "../../src/plan/syscall.ts";
import type { Checksum } from "../../src/profile/profile.ts";
import { fakeLibc } from "../support/fake_libc.ts";
import { listed, packedKernel, vmlinux } from "../support/small_kernel.ts";

const PATH = "/boot/vmlinuz";
const IMAGE = vmlinux({ add64: [listed(8)], inverse32: [listed(0x20)], add32: [listed(0x30)] });
const DESCRIBED = describeVmlinux(IMAGE);
const [LOAD] = DESCRIBED.kind === "fault" ? [] : DESCRIBED.vmlinux.elf.loads;
const OFFSET = Number(LOAD?.offset);
const LENGTH = Number(LOAD?.filesz);
const PART = IMAGE.subarray(OFFSET, OFFSET + LENGTH);
const CONTENTS = new Map([[PATH, IMAGE]]);

/** A call with this kernel at 16 MiB, verified by its purgatory. */
function callOf(bases: SegmentLoadCall["bases"], verify: Checksum = "sha256"): SegmentLoadCall {
  const digest = sha256(PART).toHex();
  const code = buildPurgatory({
    entry: 0x100_0040n,
    bootParams: 0x300_0000n,
    regions: [
      { address: 0x100_0000n, length: BigInt(LENGTH), ...(verify === "sha256" ? { sha256: digest } : {}) },
      { address: 0x300_0000n, length: 4n, ...(verify === "sha256" ? { sha256: "c".repeat(64) } : {}) },
    ],
    verify,
    sha: false,
    console: { vga: false },
  });
  const segments: readonly PlannedSegment[] = [
    {
      name: "kernel",
      mem: "0x1000000",
      memsz: 0x4000,
      bufsz: LENGTH,
      sha256: digest,
      source: { kind: "unpacked", path: PATH, offset: OFFSET, length: LENGTH },
    },
    {
      name: "boot_params",
      mem: "0x3000000",
      memsz: 0x1000,
      bufsz: 4,
      sha256: "c".repeat(64),
      source: { kind: "bytes", base64: "AAAAAA==" },
    },
    {
      name: "purgatory",
      mem: "0x4000000",
      memsz: code.length,
      bufsz: code.length,
      sha256: sha256(code).toHex(),
      source: { kind: "bytes", base64: code.toBase64() },
    },
  ];
  return {
    syscall: "kexec_load",
    flags: [],
    flagBits: "0x0",
    entry: "0x4000000",
    cmdline: "",
    segments,
    // Plans of before XXH64 do not say it.
    ...(verify === "sha256" ? {} : { checksum: verify }),
    ...(bases === undefined ? {} : { bases }),
    files: [{ path: PATH, size: 1, sha256: "a".repeat(64), about: "" }],
  };
}

const BASES = {
  physical: [{ start: "0x10000000", end: "0x10600000" }, { start: "0x20000000", end: "0x20400000" }],
  virtual: { start: "0xffffffff81000000", end: "0xffffffffc0000000" },
  alignment: "0x200000",
} as const;

async function settled(call: SegmentLoadCall, indices: readonly bigint[]) {
  const left = [...indices];
  const bounds: bigint[] = [];
  const result = await finalize(call, CONTENTS, (bound) => {
    bounds.push(bound);
    return left.shift() ?? 0n;
  });
  assert(result.kind === "finalized", JSON.stringify(result));
  return { ...result, bounds };
}

function purgatoryOf(call: SegmentLoadCall): Uint8Array {
  const source = call.segments.find(({ name }) => name === "purgatory")?.source;
  assert(source?.kind === "bytes");
  return Uint8Array.fromBase64(source.base64);
}

Deno.test("the chosen bases move the kernel's segment, what purgatory verifies, and where it jumps to", async () => {
  const { call, bounds } = await settled(callOf(BASES), [4n, 7n]);
  assertEquals(bounds, [5n, 504n]);
  const [kernel, , purgatory] = call.segments;
  assertEquals([kernel?.mem, purgatory?.mem], ["0x20200000", "0x4000000"]);
  const code = purgatoryOf(call);
  assertEquals(PURGATORY.target(code), 0x2020_0040n);
  const fields = fieldsOf(code);
  assertEquals(fields.u64(AT.regions + AT.regionAddress), 0x2020_0000n);
  assertEquals(fields.bytes(AT.regions + AT.regionDigest, 32).toHex(), kernel?.sha256);
  // The other region stays.
  assertEquals(fields.u64(AT.regions + AT.regionSize + AT.regionAddress), 0x300_0000n);
  assertEquals(fields.bytes(AT.regions + AT.regionSize + AT.regionDigest, 32).toHex(), "c".repeat(64));
  assertEquals(purgatory?.sha256, sha256(code).toHex());
  assertEquals(call.bases, undefined);
});

Deno.test("purgatory's sums are of where the kernel moved to, and are taken of its moved bytes later", async () => {
  const { call } = await settled(callOf(BASES, "xxh64"), [4n, 7n]);
  const code = purgatoryOf(call);
  assertEquals(PURGATORY.sumSlots(code)?.map(({ address }) => address), [0x2020_0000n, 0x300_0000n]);
  for (const { offset } of PURGATORY.sumSlots(code) ?? []) {
    assertEquals(code.slice(offset, offset + 32), new Uint8Array(32));
  }
  assertEquals(PURGATORY.target(code), 0x2020_0040n);
  const [lowered] = lowerPlan({ call, host: { machine: "x86_64", release: "6.12" } });
  assert(lowered?.name === "kexec_load");
  assertStringIncludes(formatSyscall(lowered), "{bytes+sums, ");
  const { checksum: _, ...unsaid } = call;
  assertThrows(
    () => lowerPlan({ call: unsaid, host: { machine: "x86_64", release: "6.12" } }),
    Error,
    "it compares xxh64",
  );
  assertEquals(lowered.sums?.of[0], { segment: 0, start: 0n, length: BigInt(LENGTH), offset: AT.regions + 16 });
});

Deno.test("the bytes that are handed over are relocated, and are those of the digest; what was unpacked stays", async () => {
  const before = IMAGE.slice();
  const { call, contents } = await settled(callOf(BASES), [0n, 3n]);
  const image = contents.get(PATH);
  assert(image !== undefined);
  const part = image.subarray(OFFSET, OFFSET + LENGTH);
  assertEquals(sha256(part).toHex(), call.segments[0]?.sha256);
  assertNotEquals(call.segments[0]?.sha256, sha256(PART).toHex());
  const distance = 3n * 0x20_0000n;
  const [was, is] = [fieldsOf(PART), fieldsOf(part)];
  assertEquals(is.u64(8), was.u64(8) + distance);
  assertEquals(is.u32(0x20), was.u32(0x20) - Number(distance));
  assertEquals(is.u32(0x30), was.u32(0x30) + Number(distance));
  assertEquals(IMAGE, before);
});

Deno.test("a kernel whose physical base stays moves in its virtual one only", async () => {
  const { call, bounds } = await settled(callOf({ ...BASES, physical: [] }), [9n]);
  assertEquals([bounds.length, call.segments[0]?.mem, PURGATORY.target(purgatoryOf(call))], [
    1,
    "0x1000000",
    0x100_0040n,
  ]);
  assertNotEquals(call.segments[0]?.sha256, sha256(PART).toHex());
});

Deno.test("the only place that a kernel can have is taken, and other contents stay as they are", async () => {
  const physical = [{ start: "0x20000000", end: "0x20200000" }];
  const other = new Uint8Array([1]);
  const result = await finalize(callOf({ ...BASES, physical }), new Map([...CONTENTS, ["files:1", other]]), () => 0n);
  assert(result.kind === "finalized");
  assertEquals(result.call.segments[0]?.mem, "0x20000000");
  assertEquals([result.contents.size, result.contents.get("files:1")], [2, other]);
});

Deno.test("a plan that has bases and no purgatory is refused: nothing would verify the kernel that moved", async () => {
  const call = callOf(BASES);
  const segments = call.segments.filter(({ name }) => name !== "purgatory");
  assertEquals(await finalize({ ...call, segments }, CONTENTS), {
    kind: "refused",
    message: "The plan has bases for the kernel but no purgatory",
  });
});

Deno.test("without bases the call is made as it was planned", async () => {
  const call = callOf(undefined);
  assertEquals((await settled(call, [])).call, call);
});

Deno.test("a kernel that cannot be moved is not moved", async () => {
  for (const contents of [new Map(), new Map([[PATH, new Uint8Array(99)]])]) {
    const result = await finalize(callOf(BASES), contents);
    assert(result.kind === "refused");
    assertStringIncludes(result.message, "/boot/vmlinuz does not unpack to a relocatable kernel");
  }
});

Deno.test("a purgatory of another version is not told of anything", async () => {
  const call = callOf(BASES);
  const segments = call.segments.map((segment) => {
    if (segment.source.kind !== "bytes" || segment.name !== "purgatory") return segment;
    const code = Uint8Array.fromBase64(segment.source.base64);
    code[AT.layout] = 9;
    return { ...segment, source: { ...segment.source, base64: code.toBase64() } };
  });
  const result = await finalize({ ...call, segments }, CONTENTS);
  assert(result.kind === "refused");
  assertStringIncludes(result.message, "does not know the plan's purgatory");
});

Deno.test("draws stay below their bound, and all of a small one come up", () => {
  for (const bound of [1n, 2n, 3n, 10n]) {
    const seen = new Set(Array.from({ length: 400 }, () => drawSecurely(bound)));
    assertEquals([seen.size, [...seen].every((drawn) => drawn >= 0n && drawn < bound)], [Number(bound), true]);
  }
});

Deno.test("draws of a bound that does not divide 2^64 are not biased towards its lower part", () => {
  // A remainder alone would put half of them below 2^62, where a third belongs: eleven standard deviations apart from this.
  const bound = 3n << 62n;
  const low = Array.from({ length: 4000 }, () => drawSecurely(bound)).filter((drawn) => drawn < 1n << 62n).length;
  assertEquals(low > 1000 && low < 1666, true, `${low} of 4000`);
});

Deno.test({
  name: "what a file unpacks to is handed over where it lies, without a copy",
  permissions: "none",
  fn() {
    const libc = fakeLibc();
    const source = { kind: "unpacked", path: PATH, offset: OFFSET, length: LENGTH } as const;
    const segment = { source, bufsz: BigInt(LENGTH), mem: 0x100_0000n, memsz: 0x4000n };
    const mapped = mapSegments({ segments: [segment] }, [], libc, CONTENTS);
    assert(mapped.ok);
    using _ = mapped;
    assertEquals(libc.calls, [["address_of", LENGTH]]);
  },
});

/** What kexec_file_load is given for this kernel, and what its file is. */
function builtCall(bases: FileLoadCall["bases"]) {
  assert(DESCRIBED.kind === "vmlinux");
  const info = identifyKernel(memorySource(packedKernel(IMAGE)));
  const { value: layout } = builtLayout(DESCRIBED.vmlinux, PATH);
  assert(layout !== undefined && info.kind === "bzimage");
  const file = buildImage(info, IMAGE, layout, bases !== undefined);
  const call: FileLoadCall = {
    syscall: "kexec_file_load",
    flags: [],
    flagBits: "0x0",
    kernel: { path: PATH, size: 1, sha256: "a".repeat(64), about: "" },
    built: { size: file.length, sha256: sha256(file).toHex(), memory: layout.memory },
    ...(bases === undefined ? {} : { bases }),
    initrd: [],
    cmdline: "",
  };
  return { call, info, file, layout };
}

Deno.test("a built image has its virtual base drawn among those of the plan, and its kernel relocated to it", async () => {
  const { call, info, file, layout } = builtCall({ ...BASES, physical: [] });
  const bounds: bigint[] = [];
  const result = await finalizeImage(call, info, CONTENTS, (bound) => {
    bounds.push(bound);
    return 3n;
  });
  assert(result.kind === "finalized");
  // From 16 MiB to 1 GiB by 2 MiB, less what the image takes.
  assertEquals([bounds, result.call], [[504n - BigInt(layout.memory) / 0x20_0000n + 1n], call]);
  const moved = result.contents.get(PATH);
  assert(moved !== undefined);
  const at = (offset: number) => 1024 + 0x20_0000 + offset;
  const [before, after] = [fieldsOf(file), fieldsOf(moved)];
  assertEquals(after.u64(at(8)), before.u64(at(8)) + 0x60_0000n);
  assertEquals(after.u32(at(0x20)), (before.u32(at(0x20)) - 0x60_0000) >>> 0);
  assertEquals(after.u32(at(0x30)), (before.u32(at(0x30)) + 0x60_0000) >>> 0);
  assertEquals(moved.length, file.length);
  assertEquals(sha256(CONTENTS.get(PATH) ?? new Uint8Array()), sha256(IMAGE));
});

Deno.test("without bases a built image is the one of the plan to the byte; a call without one is left alone", async () => {
  const { call, info, file } = builtCall(undefined);
  const draw = () => {
    throw new Error("There is nothing to draw");
  };
  const other = new Uint8Array([1]);
  const result = await finalizeImage(call, info, new Map([...CONTENTS, ["files:1", other]]), draw);
  assert(result.kind === "finalized");
  assertEquals([result.contents.get(PATH), result.contents.get("files:1")], [file, other]);
  const { built: _, ...plain } = call;
  assertEquals(await finalizeImage(plain, info, CONTENTS, draw), {
    kind: "finalized",
    call: plain,
    contents: CONTENTS,
  });
});

Deno.test("an image that cannot be built, or would be another one, is refused in words", async () => {
  const { call, info } = builtCall({ ...BASES, physical: [] });
  const lacks = "/boot/vmlinuz does not unpack to a relocatable kernel";
  const differs = "The image that is built from /boot/vmlinuz is not the one of the plan";
  for (
    const [what, contents, says] of [
      [info, new Map(), lacks],
      [info, new Map([[PATH, new Uint8Array(9)]]), lacks],
      [undefined, CONTENTS, lacks],
      [{ ...info, alignment: 0x100_0000 }, CONTENTS, differs],
    ] as const
  ) {
    assertEquals(await finalizeImage(call, what, contents), { kind: "refused", message: says });
  }
  const { call: { built, ...rest } } = builtCall(undefined);
  const wrong = { ...rest, built: { size: 1, memory: 1, ...built, sha256: "0".repeat(64) } };
  assertEquals(await finalizeImage(wrong, info, CONTENTS), { kind: "refused", message: differs });
});
