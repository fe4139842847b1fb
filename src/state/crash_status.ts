import { choice, count, list, pattern, record, type Shape, text } from "../core/shape.ts";
import { formatAddress } from "../core/number.ts";
import { type Range, rangeSize } from "../core/range.ts";
import type { HostFacts } from "../host/facts.ts";
import { crashReservations } from "../host/iomem.ts";
import { reservationHint } from "../plan/crash_size.ts";
import { filesOf } from "../plan/plan.ts";
import { describedBy, type LoadRecord } from "./record.ts";

/** A range of memory that is set aside for crash kernels. */
export interface ReservedRange {
  /** Physical address, hexadecimal. */
  readonly start: string;
  /** Bytes. */
  readonly size: number;
  /** `image`: where the image lies; `low`: for its devices; `borrowed`: the system's own until a panic. */
  readonly use: "image" | "low" | "borrowed";
}

/** What is reserved for crash kernels. */
export interface ReservationStatus {
  readonly state: "reserved" | "none" | "unknown";
  /** Bytes reserved, by the kernel's own account. */
  readonly size?: number;
  /** Empty where the addresses are not known. */
  readonly ranges: readonly ReservedRange[];
  /** The same for people. */
  readonly note: string;
}

/** The SHA-256 of files now, by path; undefined for one that is gone or cannot be read. */
export type FileDigests = ReadonlyMap<string, string | undefined>;

/** The reservations of crashkernel=: where and how large they are, and which is for what. */
export function reservationStatus({ iomem, kexec }: HostFacts): ReservationStatus {
  const reserved = crashReservations(iomem);
  const ranges = [
    ...reserved.map((range, index) => rangeOf(range, index === reserved.length - 1 ? "image" : "low")),
    ...(kexec.crashCmaRanges ?? []).map((range) => rangeOf(range, "borrowed")),
  ];
  const size = reserved.length > 0 ? reserved.reduce((sum, range) => sum + rangeSize(range), 0n) : kexec.crashSize;
  if (size === undefined) {
    return iomem.visibility === "full"
      ? { state: "none", size: 0, ranges: [], note: NOTHING }
      : { state: "unknown", ranges: [], note: "Whether memory is reserved for a crash kernel is not known" };
  }
  if (size === 0n) return { state: "none", size: 0, ranges: [], note: NOTHING };
  const note = reserved.length > 0
    ? "Reserved by crashkernel="
    : "Reserved by crashkernel=; where, the kernel tells root only";
  return { state: "reserved", size: Number(size), ranges, note };
}

const NOTHING = `No memory is reserved for a crash kernel. ${reservationHint("256M")}`;

function rangeOf(range: Range, use: ReservedRange["use"]): ReservedRange {
  return { start: formatAddress(range.start), size: Number(rangeSize(range)), use };
}

/**
 * How the world has moved on since an image was loaded: the files that it came from are others now, or a crash image
 * describes memory and CPUs that have come and gone, which the kernel itself mends where it can (crash_hotplug). Whole
 * sentences; empty where all is as it was. Without `files` these are not looked at.
 */
export function changesSince(
  { plan, described }: LoadRecord,
  facts: HostFacts,
  files: FileDigests | undefined,
): readonly string[] {
  const ofFiles = files === undefined ? [] : filesOf(plan.call).flatMap(({ path, sha256 }) => {
    const now = files.get(path);
    if (now === sha256) return [];
    return [now === undefined ? `${path} is gone, or cannot be read` : `${path} is another file than the one loaded`];
  });
  if (described === undefined) return ofFiles;
  const now = describedBy(facts);
  const memory = now.memory.length > 0 && String(now.memory) !== String(described.memory) &&
    facts.kexec.memoryCrashHotplug !== true;
  const cpus = now.cpus !== 0 && now.cpus !== described.cpus && facts.kexec.cpuCrashHotplug !== true;
  return [
    ...ofFiles,
    ...(memory ? ["Memory was added or removed since, and a dump would not show it as it is"] : []),
    ...(cpus
      ? [`The host had ${described.cpus} CPUs and has ${now.cpus}, and a dump would not have the registers of all`]
      : []),
  ];
}

/** The form of `crash` in `status -o json`. */
export const reservationShape: Shape<ReservationStatus> = record<ReservationStatus>({
  state: { shape: choice(["reserved", "none", "unknown"]), doc: "Whether memory is reserved for a crash kernel" },
  size: { shape: count, doc: "How much, bytes", fallback: { value: undefined } },
  ranges: {
    shape: list(record<ReservedRange>({
      start: { shape: pattern("a hexadecimal number", /^0x[0-9a-f]{1,16}$/), doc: "Its physical address" },
      size: { shape: count, doc: "Its size, bytes" },
      use: {
        shape: choice(["image", "low", "borrowed"]),
        doc: "Holds the image; is for its devices, below 4 GiB; or is the running system's until a panic",
      },
    })),
    doc: "Where; empty where the addresses are not known",
  },
  note: { shape: text, doc: "The same, for people" },
});
