/** The same call in the words of a profile, of a stored plan, and of a lowered plan. */
import { KEXEC_ARCHITECTURES } from "../../../src/core/kexec_arch.ts";
import type { HostFacts } from "../../../src/host/facts.ts";
import { KEXEC_FILE_LOAD_FLAGS, KEXEC_LOAD_FLAGS } from "../../../src/plan/flags.ts";
import { type Plan, plannedFile, type PlannedSegment } from "../../../src/plan/plan.ts";
import { plannedHost } from "../../../src/plan/planner.ts";
import type { Syscall } from "../../../src/plan/syscall.ts";
import type { Attempt, FileArgument, FileAttempt, Piece, SegmentAttempt } from "./condition.ts";
import type { Images } from "../../../src/image/boot_files.ts";

const ARCH_MASK = 0xffff0000n;

/** A profile that asks for this call. */
export function profileText(attempt: Attempt): string {
  const lines = attempt.call === "kexec_load" ? segmentLines(attempt) : fileLines(attempt);
  return `version: 1\nload: ${attempt.call}\n${lines.join("\n")}\n`;
}

function segmentLines({ entry, pieces, flags }: SegmentAttempt): readonly string[] {
  const arch = KEXEC_ARCHITECTURES.find(({ machine }) => BigInt(machine) << 16n === (flags & ARCH_MASK));
  return [
    `arch: ${arch?.name}`,
    `entry: 0x${entry.toString(16)}`,
    "checksum: false",
    ...((flags & KEXEC_LOAD_FLAGS.KEXEC_ON_CRASH) === 0n ? [] : ["crash: true"]),
    ...((flags & KEXEC_LOAD_FLAGS.KEXEC_PRESERVE_CONTEXT) === 0n ? [] : ["preserve_context: true"]),
    "segments:",
    ...pieces.map((piece) => `  - { at: 0x${piece.mem.toString(16)}, size: ${piece.memsz}, ${contentLine(piece)} }`),
  ];
}

function contentLine({ bufsz }: Piece): string {
  return bufsz === 0 ? "zero: true" : `base64: ${content(bufsz).toBase64()}`;
}

function fileLines({ kernel, initrd, cmdline, flags }: FileAttempt): readonly string[] {
  return [
    `kernel: ${pathOf(kernel)}`,
    ...(initrd === -1 ? [] : [`initrd: ${pathOf(initrd)}`]),
    `cmdline: ${cmdline}`,
    ...((flags & KEXEC_FILE_LOAD_FLAGS.KEXEC_FILE_ON_CRASH) === 0n ? [] : ["crash: true"]),
  ];
}

/** A path; that of no file where the descriptor is -1. */
export function pathOf(file: FileArgument): string {
  return file === -1 ? "/run/conformance/none" : typeof file === "string" ? file : file.forWriting;
}

/** The bytes of a segment. */
export function content(size: number): Uint8Array {
  return new Uint8Array(size).fill(0xf4);
}

/** A stored plan of this call, as JSON holds it. Flags without a name stand in its bits alone. */
export async function storedPlan(attempt: Attempt, facts: HostFacts, images: Images): Promise<unknown> {
  const plan: Plan = {
    format: "warmboot.plan/1",
    profile: "conformance",
    host: plannedHost(facts),
    call: attempt.call === "kexec_load" ? await segmentCall(attempt) : fileCall(attempt, images),
    reasons: [],
    checks: [],
  };
  const { kernel } = images;
  const release = kernel?.info.kind === "bzimage" ? kernel.info.release : undefined;
  return JSON.parse(JSON.stringify({ ...plan, release }));
}

async function segmentCall(attempt: SegmentAttempt): Promise<Plan["call"]> {
  const planned = async ({ mem, memsz, bufsz }: Piece, index: number): Promise<PlannedSegment> => {
    const bytes = content(bufsz);
    return {
      name: `segment ${index + 1}`,
      mem: `0x${mem.toString(16)}`,
      memsz: Number(memsz),
      bufsz,
      sha256: new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as BufferSource)).toHex(),
      source: bufsz === 0 ? { kind: "zero" } : { kind: "bytes", base64: bytes.toBase64() },
    };
  };
  return {
    syscall: "kexec_load",
    ...flagsOf(attempt),
    entry: `0x${attempt.entry.toString(16)}`,
    cmdline: "",
    segments: await Promise.all(attempt.pieces.map(planned)),
    files: [],
  };
}

function fileCall(attempt: FileAttempt, { kernel, initrd }: Images): Plan["call"] {
  if (kernel === undefined) throw new Error(`Cannot store a plan without a kernel: ${pathOf(attempt.kernel)}`);
  return {
    syscall: "kexec_file_load",
    ...flagsOf(attempt),
    kernel: plannedFile(kernel, "a kernel"),
    initrd: initrd.map((file) => plannedFile(file, "an initrd")),
    cmdline: attempt.cmdline,
  };
}

function flagsOf(attempt: Attempt): { readonly flags: readonly string[]; readonly flagBits: string } {
  const known = Object.entries<bigint>(attempt.call === "kexec_load" ? KEXEC_LOAD_FLAGS : KEXEC_FILE_LOAD_FLAGS);
  const arch = KEXEC_ARCHITECTURES.find(({ machine }) => BigInt(machine) << 16n === (attempt.flags & ARCH_MASK));
  return {
    flags: [
      ...known.filter(([, bit]) => (attempt.flags & bit) !== 0n).map(([name]) => name),
      ...(attempt.call === "kexec_load" && arch !== undefined ? [arch.constant] : []),
    ],
    flagBits: `0x${attempt.flags.toString(16)}`,
  };
}

/** The call as a plan is lowered to. */
export function syscallOf(attempt: Attempt): Syscall {
  const { flags } = flagsOf(attempt);
  if (attempt.call === "kexec_load") {
    if (attempt.pieces.length === 0) return { name: "kexec_unload", crash: flags.includes("KEXEC_ON_CRASH") };
    const segments = attempt.pieces.map(({ mem, memsz, bufsz }) => ({
      source: { kind: "bytes", base64: content(bufsz).toBase64() } as const,
      bufsz: BigInt(bufsz),
      mem,
      memsz,
    }));
    return { name: "kexec_load", entry: attempt.entry, segments, flags, flagBits: attempt.flags };
  }
  if (flags.includes("KEXEC_FILE_UNLOAD")) {
    return { name: "kexec_file_unload", crash: flags.includes("KEXEC_FILE_ON_CRASH") };
  }
  return {
    name: "kexec_file_load",
    kernel: pathOf(attempt.kernel),
    initrd: attempt.initrd === -1 ? [] : [pathOf(attempt.initrd)],
    cmdline: attempt.cmdline,
    flags,
    flagBits: attempt.flags,
  };
}
