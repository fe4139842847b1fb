/** Sound calls, from which every condition departs in one thing. */
import { KEXEC_ARCHITECTURES } from "../../../src/core/kexec_arch.ts";
import { KEXEC_FILE_LOAD_FLAGS, KEXEC_LOAD_FLAGS } from "../../../src/plan/flags.ts";
import type { FileAttempt, Piece, Places, SegmentAttempt } from "./condition.ts";
import { FILES } from "./files.ts";

/** The bits of an architecture's name. */
export function archBits(name: typeof KEXEC_ARCHITECTURES[number]["name"]): bigint {
  return BigInt(KEXEC_ARCHITECTURES.find((row) => row.name === name)?.machine ?? 0) << 16n;
}

/** One page of 16 bytes and zeros, this many pages into the free memory. */
export function piece({ free, pageSize }: Places, page = 0n): Piece {
  return { mem: free + page * pageSize, memsz: pageSize, bufsz: 16 };
}

/** The same at the start of the crash reservation. */
export function crashPiece(places: Places): Piece {
  return { ...piece(places), mem: places.reservation.start };
}

/** A kexec_load(2) call of one page, entered at its start. */
export function load(places: Places, changes: Partial<SegmentAttempt> = {}): SegmentAttempt {
  const pieces = changes.pieces ?? [piece(places)];
  return { call: "kexec_load", entry: pieces[0]?.mem ?? 0n, flags: places.native, ...changes, pieces };
}

/** The same for a crash image. */
export function crashLoad(places: Places, changes: Partial<SegmentAttempt> = {}): SegmentAttempt {
  return load(places, {
    pieces: [crashPiece(places)],
    flags: places.native | KEXEC_LOAD_FLAGS.KEXEC_ON_CRASH,
    ...changes,
  });
}

/** A kexec_load(2) call that unloads. */
export function unload(places: Places): SegmentAttempt {
  return load(places, { pieces: [], flags: 0n });
}

/** A kexec_file_load(2) call of the guest's own kernel, without an initrd unless one is stated. */
export function fileLoad(changes: Partial<FileAttempt> = {}): FileAttempt {
  const initrd = changes.initrd ?? -1;
  const flags = initrd === -1 ? KEXEC_FILE_LOAD_FLAGS.KEXEC_FILE_NO_INITRAMFS : 0n;
  return { call: "kexec_file_load", kernel: FILES.kernel, initrd, cmdline: "ro", flags, ...changes };
}

/** The same for a crash image. */
export function crashFileLoad(): FileAttempt {
  const { KEXEC_FILE_ON_CRASH, KEXEC_FILE_NO_INITRAMFS } = KEXEC_FILE_LOAD_FLAGS;
  return fileLoad({ flags: KEXEC_FILE_ON_CRASH | KEXEC_FILE_NO_INITRAMFS });
}

/** A kexec_file_load(2) call that unloads. */
export function fileUnload(): FileAttempt {
  return fileLoad({ kernel: -1, flags: KEXEC_FILE_LOAD_FLAGS.KEXEC_FILE_UNLOAD });
}
