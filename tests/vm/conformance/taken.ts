/** What the kernel takes: sound calls, and calls that are not and that it does not look through. */
import { crashFileLoad, crashLoad, crashPiece, fileLoad, load, piece } from "./attempts.ts";
import type { Condition } from "./condition.ts";
import { FILES } from "./files.ts";

/** What the kernel does not look at: only warmboot stands between such a call and a reboot that fails. */
const UNSEEN: readonly Condition[] = [
  {
    id: "no-memory-there",
    title: "A segment lies where there is no memory",
    attempt: (places) => load(places, { pieces: [{ ...piece(places), mem: places.nowhere }] }),
    answer: "accepted",
    ours: { by: "profile", says: "segment-memory" },
  },
  {
    id: "reserved-there",
    title: "A segment lies in the crash reservation, and is of no crash image",
    attempt: (places) => load(places, { pieces: [crashPiece(places)] }),
    answer: "accepted",
    ours: { by: "profile", says: "segment-memory" },
  },
  {
    id: "entry-nowhere",
    title: "The entry is not in any segment",
    attempt: (places) => load(places, { entry: places.free - places.pageSize }),
    answer: "accepted",
    ours: { by: "profile", says: "segment-entry" },
  },
  {
    id: "entry-zeros",
    title: "The entry lies in a segment, after its bytes",
    attempt: (places) => load(places, { entry: places.free + 16n }),
    answer: "accepted",
    ours: { by: "profile", says: "segment-entry" },
  },
  {
    id: "segment-empty",
    title: "A segment takes no memory",
    attempt: (places) => load(places, { pieces: [piece(places), { ...piece(places, 1n), memsz: 0n, bufsz: 0 }] }),
    answer: "accepted",
    ours: { by: "stored plan", says: "segment-size", status: "warn" },
  },
  {
    id: "no-segment",
    title: "There is no segment: the call unloads",
    attempt: (places) => load(places, { pieces: [] }),
    answer: "accepted",
    ours: { by: "stored plan", says: "conflict" },
  },
  {
    id: "kernel-cut",
    title: "The kernel is cut off in its compressed part",
    attempt: () => fileLoad({ kernel: FILES.cut }),
    answer: "accepted",
    ours: { by: "profile", says: "kernel-image" },
  },
  {
    id: "initrd-text",
    title: "The initrd is a text",
    attempt: () => fileLoad({ initrd: FILES.script }),
    answer: "accepted",
    ours: { by: "profile", says: "initrd-content" },
  },
];

/** Calls that are right, and that warmboot, too, finds no fault with. */
const SOUND: readonly Condition[] = [
  {
    id: "load-sound",
    title: "A sound image",
    attempt: load,
    answer: "accepted",
    ours: { by: "agreement" },
  },
  {
    id: "load-default-arch",
    title: "A sound image for KEXEC_ARCH_DEFAULT",
    attempt: (places) => load(places, { flags: 0n }),
    answer: "accepted",
    ours: { by: "agreement" },
  },
  {
    id: "load-sixteen",
    title: "A sound image of 16 segments",
    attempt: (places) => load(places, { pieces: Array.from({ length: 16 }, (_, page) => piece(places, BigInt(page))) }),
    answer: "accepted",
    ours: { by: "agreement" },
  },
  {
    id: "load-last-page",
    title: "A sound crash image up to the last page of the reservation",
    attempt: (places) => {
      const last = { ...piece(places), mem: places.reservation.end - places.pageSize };
      return crashLoad(places, { pieces: [last] });
    },
    answer: "accepted",
    ours: { by: "agreement" },
  },
  {
    id: "file-sound",
    title: "A kernel with an initrd",
    attempt: () => fileLoad({ initrd: FILES.initrd }),
    answer: "accepted",
    ours: { by: "agreement" },
  },
  {
    id: "file-crash-sound",
    title: "A crash kernel",
    attempt: crashFileLoad,
    answer: "accepted",
    ours: { by: "agreement" },
  },
];

/** The conditions that the kernel has no objection to. */
export const TAKEN: readonly Condition[] = [...UNSEEN, ...SOUND];
