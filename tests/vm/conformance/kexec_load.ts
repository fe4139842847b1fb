/** What kexec_load(2) answers to calls that are wrong in one thing, with all permissions. */
import { KEXEC_ARCHITECTURES } from "../../../src/core/kexec_arch.ts";
import { KEXEC_LOAD_FLAGS } from "../../../src/plan/flags.ts";
import { ARCHITECTURES } from "../architecture.ts";
import { archBits, crashLoad, crashPiece, load, piece } from "./attempts.ts";
import type { Condition } from "./condition.ts";

const { KEXEC_PRESERVE_CONTEXT, KEXEC_UPDATE_ELFCOREHDR, KEXEC_CRASH_HOTPLUG_SUPPORT } = KEXEC_LOAD_FLAGS;

/** Architectures that the man page does not have, and the kernel's header has. */
const NOT_ON_THE_PAGE: readonly string[] = ["parisc", "aarch64", "riscv", "loongarch"];

/** The list of segments: sanity_check_segment_list and kexec_load_check in kernel/kexec{,_core}.c. */
const LIST: readonly Condition[] = [
  {
    id: "segment-address",
    title: "A segment's address is not a multiple of the page size",
    page: "page-size",
    attempt: (places) => load(places, { pieces: [{ ...piece(places), mem: places.free + 16n }] }),
    answer: "EADDRNOTAVAIL",
    ours: { by: "profile", says: "segment-alignment" },
  },
  {
    id: "segment-memory-size",
    title: "A segment's size is not a multiple of the page size",
    page: "page-size",
    attempt: (places) => load(places, { pieces: [{ ...piece(places), memsz: 5000n }] }),
    answer: "EADDRNOTAVAIL",
    ours: { by: "profile", says: "segment-alignment" },
  },
  {
    id: "segment-wraps",
    title: "A segment ends beyond 64 bits",
    attempt: (places) => load(places, { pieces: [{ mem: -places.pageSize & MASK, memsz: 8192n, bufsz: 16 }] }),
    answer: "EADDRNOTAVAIL",
    ours: { by: "stored plan", says: "segment-limit" },
  },
  {
    id: "segment-beyond-limit",
    title: "A segment ends beyond what the kernel can address",
    attempt: (places) => load(places, { pieces: [{ ...piece(places), mem: places.limit }] }),
    answer: "EADDRNOTAVAIL",
    ours: { by: "profile", says: "segment-limit" },
  },
  {
    id: "crash-segment",
    title: "A segment of a crash image lies outside of the reservation",
    page: "crash-range",
    attempt: (places) => crashLoad(places, { pieces: [crashPiece(places), piece(places)] }),
    answer: "EADDRNOTAVAIL",
    ours: { by: "profile", says: "segment-crash" },
  },
  {
    id: "crash-segment-end",
    title: "A segment of a crash image reaches out of the reservation by a page",
    page: "crash-range",
    attempt: (places) => {
      const last = { mem: places.reservation.end - places.pageSize, memsz: 2n * places.pageSize, bufsz: 16 };
      return crashLoad(places, { pieces: [last] });
    },
    answer: "EADDRNOTAVAIL",
    ours: { by: "profile", says: "segment-crash" },
  },
  {
    id: "crash-entry",
    title: "The entry of a crash image lies outside of the reservation",
    attempt: (places) => crashLoad(places, { entry: places.free }),
    answer: "EADDRNOTAVAIL",
    ours: { by: "profile", says: "segment-crash" },
  },
  {
    id: "crash-none",
    title: "A crash image, and nothing is reserved",
    page: "crash-range",
    state: "no reservation",
    attempt: crashLoad,
    answer: "EADDRNOTAVAIL",
    ours: { by: "profile", says: "segment-crash" },
  },
  {
    id: "segment-bytes",
    title: "A segment has more bytes than memory",
    page: "bufsz",
    attempt: (places) => load(places, { pieces: [{ ...piece(places), bufsz: 4097 }] }),
    answer: "EINVAL",
    ours: { by: "profile", says: "conflict" },
  },
  {
    id: "segment-bytes-stored",
    title: "A segment has more bytes than memory, in an edited plan",
    page: "bufsz",
    attempt: (places) => load(places, { pieces: [{ ...piece(places), bufsz: 4097 }] }),
    answer: "EINVAL",
    ours: { by: "stored plan", says: "segment-size" },
  },
  {
    id: "segment-count",
    title: "There are 17 segments",
    page: "count",
    attempt: (places) => load(places, { pieces: Array.from({ length: 17 }, (_, page) => piece(places, BigInt(page))) }),
    answer: "EINVAL",
    ours: { by: "profile", says: "segment-count" },
  },
  {
    id: "segment-overlap",
    title: "Two segments share a page",
    page: "overlap",
    attempt: (places) => load(places, { pieces: [{ ...piece(places), memsz: 8192n }, piece(places, 1n)] }),
    answer: "EINVAL",
    ours: { by: "profile", says: "segment-overlap" },
  },
  {
    id: "segment-half",
    title: "One segment takes more than half of the memory",
    attempt: (places) => load(places, { pieces: [{ ...piece(places), memsz: places.half + places.pageSize }] }),
    answer: "EINVAL",
    ours: { by: "profile", says: "segment-half" },
  },
  {
    id: "segments-half",
    title: "Two segments together take more than half of the memory",
    attempt: (places) => {
      const first = { ...piece(places), memsz: places.half };
      return load(places, { pieces: [first, { ...piece(places), mem: places.free + places.half }] });
    },
    answer: "EINVAL",
    ours: { by: "profile", says: "segment-half" },
  },
  {
    id: "crash-full",
    title: "The segments of a crash image leave nothing of the reservation to the kernel",
    page: "memory",
    attempt: (places) => {
      const { start, end } = places.reservation;
      return crashLoad(places, { pieces: [{ mem: start, memsz: end - start, bufsz: 16 }] });
    },
    answer: "ENOMEM",
    ours: { by: "profile", says: "segment-crash-room" },
  },
  {
    id: "segment-buffer",
    title: "A segment's bytes are where the process has no memory",
    attempt: (places) => load(places, { pieces: [{ ...piece(places), unmapped: true }] }),
    answer: "EFAULT",
    ours: { by: "nothing", why: "warmboot maps the bytes itself" },
  },
  {
    id: "segment-array",
    title: "The array of segments is where the process has no memory",
    attempt: (places) => load(places, { unmapped: true }),
    answer: "EFAULT",
    ours: { by: "nothing", why: "warmboot packs the array itself" },
  },
];

const FLAGS: readonly Condition[] = [
  {
    id: "load-flag",
    title: "A flag that no kernel has (0x20)",
    page: "flags",
    attempt: (places) => load(places, { flags: places.native | 0x20n }),
    answer: "EINVAL",
    ours: { by: "stored plan", says: "conflict" },
  },
  {
    id: "load-debug",
    title: "The flag 0x10, KEXEC_DEBUG of newer kexec-tools",
    page: "flags",
    attempt: (places) => load(places, { flags: places.native | 0x10n }),
    answer: "EINVAL",
    ours: { by: "stored plan", says: "conflict" },
  },
  {
    id: "load-preserve",
    title: "KEXEC_PRESERVE_CONTEXT, and the kernel is built without CONFIG_KEXEC_JUMP",
    page: "flags",
    attempt: (places) => load(places, { flags: places.native | KEXEC_PRESERVE_CONTEXT }),
    answer: "EINVAL",
    ours: { by: "profile", says: "preserve-context" },
  },
  {
    id: "load-elfcorehdr",
    title: "KEXEC_UPDATE_ELFCOREHDR, a flag since Linux 6.6",
    page: "flags",
    attempt: (places) => load(places, { flags: places.native | KEXEC_UPDATE_ELFCOREHDR }),
    answer: { "6.1": "EINVAL", "6.12": "accepted" },
    ours: { by: "stored plan", says: "flag-known", status: "warn" },
  },
  {
    id: "load-hotplug",
    title: "KEXEC_CRASH_HOTPLUG_SUPPORT, a flag since Linux 6.10",
    page: "flags",
    attempt: (places) => load(places, { flags: places.native | KEXEC_CRASH_HOTPLUG_SUPPORT }),
    answer: { "6.1": "EINVAL", "6.12": "accepted" },
    ours: { by: "stored plan", says: "flag-known", status: "warn" },
  },
  ...KEXEC_ARCHITECTURES.filter(({ name }) => name !== "default").map(({ name, constant }): Condition => ({
    id: `arch-${name}`,
    title: constant,
    ...(NOT_ON_THE_PAGE.includes(name) ? {} : { page: "flags" }),
    group: "architecture",
    attempt: (places) => load(places, { flags: archBits(name) }),
    answer: "EINVAL",
    ...(Object.hasOwn(ARCHITECTURES, name) ? { on: { [name]: "accepted" } } : {}),
    ours: { by: "profile", says: "architecture-flag" },
  })),
];

const MASK = 0xffff_ffff_ffff_ffffn;

/** The conditions of kexec_load(2) that lie in the call itself. */
export const KEXEC_LOAD: readonly Condition[] = [...LIST, ...FLAGS];
