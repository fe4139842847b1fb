import { assert, assertEquals } from "@std/assert";
import { stringify } from "@std/yaml";
import { PURGATORY_SYMBOLS as ARM64 } from "../../src/arch/arm64/purgatory_code.ts";
import { PURGATORY_SYMBOLS as X86_64 } from "../../src/arch/x86_64/purgatory_code.ts";
import { parseDeviceTree } from "../../src/formats/fdt.ts";
import { type Diagnostic, hasErrors } from "../../src/core/diagnostic.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { type Plan, planText, type SegmentLoadCall } from "../../src/plan/plan.ts";
import { decodePlan } from "../../src/plan/plan_shape.ts";
import { planBoot } from "../../src/plan/planner.ts";
import type { Checksum, Profile } from "../../src/profile/profile.ts";
import { renderPlan } from "../../src/render/plan.ts";
import { PLAIN } from "../../src/render/style.ts";
import { readBootParams } from "../arch/read_boot_params.ts";
import { kernelAnswer } from "../plan/kernel_model.ts";
import { type Case, sha256 } from "./draw.ts";
import { type BzImageEntry, bzImageEntry, entryFault, loaderFault } from "./loader_model.ts";
import { crashRange, memoryFault } from "./memory_model.ts";
import { multibootMemory } from "./multiboot_model.ts";

/** What became of a case. */
export type Verdict = "diagnostics" | "failed checks" | "sound";

/** Plans a case by one of the calls, and holds the plan against the models. @throws {AssertionError} */
export function judge(subject: Case, load: Plan["call"]["syscall"]): Verdict {
  const input = { ...subject.input, profile: { ...subject.input.profile, load } };
  const { value: plan, diagnostics } = planBoot(input);
  for (const diagnostic of diagnostics) assert(diagnostic.message.length > 10, `no message: ${diagnostic.code}`);
  if (plan === undefined) {
    assert(hasErrors(diagnostics), "neither a plan nor an error");
    return "diagnostics";
  }
  const sound = plan.checks.every(({ status }) => status !== "fail");
  judgeTexts(plan, input.facts, sound);
  if (!sound) return "failed checks";
  const { call } = plan;
  if (call.syscall === "kexec_load") judgeSegments(subject, call);
  else {
    const kernel = subject.files.get(call.kernel.path);
    assert(kernel !== undefined);
    assertEquals(loaderFault(kernel, call.cmdline, input.facts), undefined);
  }
  return "sound";
}

// deno-lint-ignore no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;
/** What turns the direction of writing is text to YAML. */
const CONTROL_OR_BIDI = new RegExp(`${CONTROL.source}|[\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]`);

/** Every form of the plan can be shown on a terminal, and its JSON is the plan. */
function judgeTexts(plan: Plan, facts: HostFacts, sound: boolean): void {
  const json = planText(plan);
  assertShowable(renderPlan(plan, { style: PLAIN, width: 80 }, { facts }), CONTROL_OR_BIDI);
  assertShowable(json, CONTROL_OR_BIDI);
  assertShowable(stringify(plan, { lineWidth: -1, useAnchors: false }), CONTROL);
  const problems: Diagnostic[] = [];
  const read = decodePlan(JSON.parse(json), [], (problem) => problems.push(problem));
  if (read === undefined) {
    // A call without segments would unload: such a plan is shown, and never stored for use.
    assert(!sound && plan.call.syscall === "kexec_load", `not read back: ${JSON.stringify(problems)}`);
    return;
  }
  if (planText(read) !== json) assertEquals(read, plan);
}

function assertShowable(text: string, forbidden: RegExp): void {
  const at = text.search(forbidden);
  assert(at < 0, `a control character: ${JSON.stringify(text.slice(Math.max(0, at - 60), at + 20))}`);
}

interface Listed {
  readonly name: string;
  readonly mem: bigint;
  readonly memsz: bigint;
  readonly bufsz: bigint;
  readonly bytes: Uint8Array;
  readonly holes: readonly { readonly offset: number; readonly length: number }[];
}

/** Holds the segments against what the kernel checks, and against what it does not and the machine would die of. */
function judgeSegments({ input: { facts, profile }, files, iomem }: Case, call: SegmentLoadCall): void {
  const list = call.segments.map(({ name, mem, memsz, bufsz, source }): Listed => {
    const file = source.kind === "file" ? files.get(source.path) : undefined;
    const bytes = source.kind === "bytes"
      ? Uint8Array.fromBase64(source.base64)
      : source.kind === "file"
      ? file?.subarray(source.offset, source.offset + source.length) ?? new Uint8Array()
      : new Uint8Array();
    const holes = source.kind === "bytes" ? source.random ?? [] : [];
    return { name, mem: BigInt(mem), memsz: BigInt(memsz), bufsz: BigInt(bufsz), bytes, holes };
  });
  for (const [index, { name, bytes, bufsz }] of list.entries()) {
    assertEquals(BigInt(bytes.length), bufsz, `${name}: bytes`);
    assertEquals(call.segments[index]?.sha256, sha256(bytes), `${name}: digest`);
  }
  const reserved = profile.crash ? crashRange(iomem) : undefined;
  const entry = BigInt(call.entry);
  const wide = facts.machine === "x86_64" ? (1n << (facts.cpuFlags.includes("la57") ? 52n : 46n)) - 1n : undefined;
  const answer = kernelAnswer(list, entry, {
    pageSize: facts.pageSize,
    memTotal: facts.memTotal ?? 1n << 60n,
    limit: wide ?? (1n << 64n) - 1n,
    ...(reserved === undefined ? {} : { crash: { first: reserved.start, last: reserved.end - 1n } }),
  });
  assertEquals(answer, undefined);
  assert(list.length > 0, "no segment");
  const kernel = profile.kernel === undefined ? undefined : files.get(profile.kernel.path);
  if (kernel !== undefined) assertEquals(entryFault(kernel, call.cmdline, facts), undefined);
  assert(!profile.crash || reserved !== undefined, "a crash image without a reservation");
  for (const { name, mem, memsz } of profile.crash ? [] : list) {
    const fault = memoryFault({ start: mem, end: mem + memsz }, iomem, facts.firmwareMap, facts.machine);
    assertEquals(fault, undefined, name);
  }
  assertCode(list, entry, "the entry");
  const { min = 0n, max = 1n << 64n } = profile.memory;
  for (const { name, mem, memsz } of profile.kernel === undefined ? [] : list) {
    assert(mem >= min && mem + memsz <= max, `${name} lies outside of \`memory\``);
  }
  judgePurgatory(list, entry, call, profile.checksum, facts.machine === "aarch64" ? ARM64 : X86_64);
  judgeBootParams(list, call, profile.crash);
  if (kernel !== undefined) judgeEntry(list, entry, kernel, bzImageEntry(kernel, facts), profile);
  if (kernel !== undefined) judgeMultiboot(list, entry, kernel, profile);
  judgeTree(list, call);
}

/** The image lies in memory as its file says, below 4 GiB, moved as a whole or not, and gets the magic number. */
function judgeMultiboot(list: readonly Listed[], entry: bigint, file: Uint8Array, { crash }: Profile): void {
  const info = list.find(({ name }) => name === "multiboot_info");
  if (info === undefined) return;
  const wanted = multibootMemory(file);
  assert(wanted !== undefined && typeof wanted !== "string" && !crash, `a Multiboot image: ${wanted}`);
  const purgatory = list.find(({ mem }) => mem === entry);
  assert(purgatory !== undefined);
  for (const { name, mem, memsz } of list) assert(mem + memsz <= 1n << 32n, `${name} lies above 4 GiB`);
  const view = new DataView(purgatory.bytes.buffer, purgatory.bytes.byteOffset, purgatory.bytes.byteLength);
  assertEquals(view.getUint32(X86_64.multibootMagic, true), wanted.version === 1 ? 0x2bad_b002 : 0x36d7_6289);
  assertEquals(view.getBigUint64(X86_64.bootParams, true), info.mem);
  assert((view.getUint32(X86_64.flags, true) & X86_64.flagEntry32) !== 0, "enters in 32-bit mode");
  const moved = view.getBigUint64(X86_64.entry, true) - BigInt(wanted.entry);
  assert(moved === 0n || wanted.movable, "an image that may not move has moved");
  for (const { start, bytes, memory } of wanted.parts) {
    const at = BigInt(start) + moved;
    const holder = list.find(({ mem, memsz }) => mem <= at && at + BigInt(memory) <= mem + memsz);
    assert(holder !== undefined, `no segment for ${start}`);
    const from = Number(at - holder.mem);
    assertEquals(sha256(holder.bytes.subarray(from, from + bytes.length)), sha256(bytes), `the bytes for ${start}`);
    const rest = holder.bytes.subarray(from + bytes.length, from + memory);
    assert(rest.every((byte) => byte === 0), `zeros after the bytes for ${start}`);
  }
}

/** A bzImage is entered in the mode that it needs, and everything lies where it can be reached there. */
function judgeEntry(
  list: readonly Listed[],
  entry: bigint,
  file: Uint8Array,
  wanted: BzImageEntry | undefined,
  { crash, predecompress }: Profile,
): void {
  const kernel = list.find(({ name }) => name === "kernel");
  const purgatory = list.find(({ mem }) => mem === entry);
  const params = list.find(({ name }) => name === "boot_params");
  if (wanted === undefined || predecompress) return;
  assert(kernel !== undefined && purgatory !== undefined);
  assert(!crash || !wanted.in32, "a crash kernel in 32-bit mode");
  for (const { name, mem, memsz } of list) assert(mem + memsz <= wanted.limit, `${name} lies above 4 GiB`);
  for (const { name, mem, bufsz } of list.filter(({ name }) => name.startsWith("initrd"))) {
    assert(mem + bufsz <= wanted.initrdLimit, `${name} lies above initrd_addr_max`);
  }
  const view = new DataView(purgatory.bytes.buffer, purgatory.bytes.byteOffset, purgatory.bytes.byteLength);
  assertEquals((view.getUint32(X86_64.flags, true) & X86_64.flagEntry32) !== 0, wanted.in32, "enters in 32-bit mode");
  const setup = list.find(({ name }) => name === "setup");
  assertEquals((view.getUint32(X86_64.flags, true) & X86_64.flagEntry16) !== 0, wanted.in16, "enters in real mode");
  assertEquals(setup !== undefined, wanted.in16, "setup code");
  if (setup !== undefined) {
    judgeSetup(setup, kernel, view, list.find(({ name }) => name.startsWith("initrd")), file);
    return;
  }
  assert(params !== undefined);
  assertEquals(view.getBigUint64(X86_64.entry, true) - kernel.mem, wanted.in32 ? 0n : 0x200n, "the entry");
  const said = new DataView(params.bytes.buffer, params.bytes.byteOffset).getUint32(0x214, true);
  if (wanted.in32) assertEquals(BigInt(said), kernel.mem, "code32_start");
}

/** Setup code below 640 KiB, as the file has it but for its header, which says where the rest is. */
function judgeSetup(
  setup: Listed,
  kernel: Listed,
  purgatory: DataView,
  initrd: Listed | undefined,
  file: Uint8Array,
): void {
  const view = new DataView(setup.bytes.buffer, setup.bytes.byteOffset, setup.bytes.byteLength);
  const size = ((file[0x1f1] || 4) + 1) * 512;
  assert(
    setup.mem + setup.memsz <= 0xa_0000n && setup.mem >= 0x1_0000n,
    "setup code where real mode does not reach it",
  );
  assertEquals(purgatory.getBigUint64(X86_64.entry, true), setup.mem + 0x200n, "the entry in real mode");
  assertEquals(BigInt(purgatory.getUint32(X86_64.realBase, true)), setup.mem, "the segment");
  const [stack, stub] = [purgatory.getUint32(X86_64.realStack, true), purgatory.getUint32(X86_64.realStub, true)];
  const stubEnd = BigInt(stub + X86_64.stubEnd - X86_64.stub);
  assert(size < stack && BigInt(stub) >= setup.mem + setup.bufsz && stubEnd <= setup.mem + setup.memsz, "room");
  assertEquals(sha256(setup.bytes.subarray(0x264, size)), sha256(file.subarray(0x264, size)), "setup code");
  const high = (view.getUint8(0x211) & 1) !== 0;
  assertEquals(kernel.mem, high ? 0x10_0000n : 0x1_0000n, "protected-mode code");
  assertEquals(sha256(kernel.bytes), sha256(file.subarray(size)), "protected-mode code");
  assertEquals(
    BigInt(view.getUint32(0x218, true)),
    initrd?.mem ?? BigInt(new DataView(file.buffer, file.byteOffset).getUint32(0x218, true)),
  );
  const modern = high && view.getUint16(0x206, true) >= 0x202;
  const line = modern ? view.getUint32(0x228, true) - Number(setup.mem) : view.getUint16(0x22, true);
  assert(line >= stack && line < setup.bytes.length, "the command line lies after the stack");
}

function assertCode(list: readonly Listed[], address: bigint, what: string): void {
  const inside = list.some(({ mem, bufsz }) => mem <= address && address < mem + bufsz);
  assert(inside, `${what} 0x${address.toString(16)} is not among the bytes of a segment`);
}

/** The purgatory knows every byte of the other segments, but for what is drawn later, and jumps among them. */
function judgePurgatory(
  list: readonly Listed[],
  entry: bigint,
  call: SegmentLoadCall,
  checksum: boolean | Checksum,
  AT: typeof ARM64 | typeof X86_64,
): void {
  const purgatory = list.find(({ name, mem }) => name === "purgatory" && mem === entry);
  if (purgatory === undefined) return;
  const others = list.filter((each) => each !== purgatory);
  const view = new DataView(purgatory.bytes.buffer, purgatory.bytes.byteOffset, purgatory.bytes.byteLength);
  assertCode(others, view.getBigUint64(AT.entry, true), "what the purgatory jumps to,");
  const flags = view.getUint32(AT.flags, true);
  const verify = checksum === true ? "xxh64" : checksum;
  assertEquals((flags & AT.flagVerify) !== 0, verify !== false, "verifies");
  assertEquals((flags & AT.flagXxh64) !== 0, verify === "xxh64", "verifies by sums");
  assertEquals(call.checksum ?? false, verify, "says by what it verifies");
  if (verify === false) return;
  const regions = Array.from({ length: view.getUint32(AT.regionCount, true) }, (_, index) => {
    const at = AT.regions + index * AT.regionSize;
    return {
      start: view.getBigUint64(at + AT.regionAddress, true),
      length: view.getBigUint64(at + AT.regionLength, true),
      digest: purgatory.bytes.subarray(at + AT.regionDigest, at + AT.regionDigest + 32).toHex(),
    };
  });
  assert(regions.length <= AT.regionMax, "too many regions");
  for (const { name, mem, bytes, holes } of others) {
    // The running kernel keeps this one up to date itself.
    if (name === "elfcorehdr" && call.flags.includes("KEXEC_UPDATE_ELFCOREHDR")) continue;
    // Sums are taken of random bytes as well, at load.
    let verified = verify === "xxh64" ? 0 : holes.reduce((sum, { length }) => sum + length, 0);
    for (const { start, length, digest } of regions) {
      if (start < mem || start + length > mem + BigInt(bytes.length)) continue;
      const from = Number(start - mem);
      const planned = verify === "xxh64" ? "00".repeat(32) : sha256(bytes.subarray(from, from + Number(length)));
      assertEquals(digest, planned, `${name}: verified digest`);
      verified += Number(length);
    }
    assertEquals(verified, bytes.length, `${name}: verified bytes`);
  }
}

/** A device tree says where the initrd lies and what the command line is, and the kernel lies where an Image may. */
function judgeTree(list: readonly Listed[], call: SegmentLoadCall): void {
  const dtb = list.find(({ name }) => name === "dtb");
  const kernel = list.find(({ name }) => name === "kernel");
  if (dtb === undefined || kernel === undefined) return;
  const parsed = parseDeviceTree(dtb.bytes);
  assert(parsed.kind === "tree", "the next kernel's device tree can be read");
  const chosen = parsed.tree.root.children.find(({ name }) => name === "chosen");
  const value = (name: string) => chosen?.properties.find((property) => property.name === name)?.value;
  const bootargs = new TextDecoder().decode(value("bootargs") ?? new Uint8Array(1));
  assertEquals(bootargs, `${call.cmdline}\0`, "command line");
  const [first] = list.filter(({ name }) => name.startsWith("initrd"));
  const start = value("linux,initrd-start");
  assertEquals(start === undefined ? undefined : BigInt(`0x${start.toHex()}`), first?.mem, "initrd");
  const textOffset = new DataView(kernel.bytes.buffer, kernel.bytes.byteOffset).getBigUint64(8, true);
  assertEquals((kernel.mem - textOffset) % (2n << 20n), 0n, "the kernel lies behind a multiple of 2 MiB");
}

/** What boot_params points to is where it says. */
function judgeBootParams(list: readonly Listed[], call: SegmentLoadCall, crash: boolean): void {
  const params = list.find(({ name }) => name === "boot_params");
  if (params === undefined) return;
  const read = readBootParams(params.bytes, params.mem);
  assertEquals(read.cmdline, call.cmdline, "command line");
  const [first] = list.filter(({ name }) => name.startsWith("initrd"));
  assertEquals(read.ramdisk.address, first?.mem ?? 0n, "initrd");
  assert(read.e820.some(({ type }) => type === 1), "no memory");
  if (!crash) return;
  const told = read.e820.filter(({ type }) => type === 1);
  for (const { name, mem, memsz } of list.filter(({ name }) => /^(kernel|initrd|boot_params)/.test(name))) {
    assert(
      told.some(({ start, end }) => start <= mem && mem + memsz <= end),
      `the crash kernel is not told of ${name}`,
    );
  }
}
