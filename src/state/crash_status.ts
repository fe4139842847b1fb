import { choice, count, list, pattern, record, type Shape, text } from "../core/shape.ts";
import { formatAddress, formatSize } from "../core/number.ts";
import { type Range, rangeSize, totalSize } from "../core/range.ts";
import type { HostFacts } from "../host/facts.ts";
import { contradictedReservation, crashReservations } from "../host/iomem.ts";
import { reservationHint } from "../plan/crash_size.ts";
import { differingCrashSize } from "../plan/placement/free_memory.ts";
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
  /** Whether memory is reserved. */
  readonly state: "reserved" | "none" | "unknown";
  /** Bytes reserved, as the kernel reports. */
  readonly size?: number;
  /** Empty where the addresses are unknown. */
  readonly ranges: readonly ReservedRange[];
  /** The same for people. */
  readonly note: string;
}

/** The current SHA-256 of files, by path; undefined for one that is gone or cannot be read. */
export type FileDigests = ReadonlyMap<string, string | undefined>;

/** The reservations of crashkernel=: where and how large they are, and which is for what. */
export function reservationStatus({ iomem, kexec }: HostFacts): ReservationStatus {
  const reserved = crashReservations(iomem);
  const ranges = [
    ...reserved.map((range, index) => rangeOf(range, index === reserved.length - 1 ? "image" : "low")),
    ...(kexec.crashCmaRanges ?? []).map((range) => rangeOf(range, "borrowed")),
  ];
  const size = reserved.length > 0 ? totalSize(reserved) : kexec.crashSize;
  const contradiction = contradictedReservation(iomem);
  if (size === undefined) {
    if (contradiction !== undefined) return { state: "unknown", ranges: [], note: contradiction };
    return iomem.visibility === "full"
      ? { state: "none", size: 0, ranges: [], note: NOTHING }
      : { state: "unknown", ranges: [], note: "Cannot determine whether memory is reserved for a crash kernel" };
  }
  if (size === 0n) return { state: "none", size: 0, ranges: [], note: NOTHING };
  const differs = differingCrashSize({ iomem, kexec });
  const note = differs !== undefined
    ? `Reserved by crashkernel=; the kernel reports ${formatSize(differs)}, and the smaller counts`
    : reserved.length > 0
    ? "Reserved by crashkernel="
    : contradiction !== undefined
    ? `Reserved by crashkernel=. ${contradiction}`
    : "Reserved by crashkernel=; the kernel shows the addresses to root only";
  return { state: "reserved", size: Number(size), ranges, note };
}

const NOTHING = `No memory is reserved for a crash kernel. ${reservationHint("256M")}`;

function rangeOf(range: Range, use: ReservedRange["use"]): ReservedRange {
  return { start: formatAddress(range.start), size: Number(rangeSize(range)), use };
}

/**
 * What has changed since an image was loaded: its files were replaced, or a crash image describes memory and CPUs that have
 * come and gone, which the kernel itself corrects where it can (crash_hotplug). Whole sentences; empty where nothing has
 * changed. Without `files`, these are not compared.
 */
export function changesSince(
  { plan, described }: LoadRecord,
  facts: HostFacts,
  files: FileDigests | undefined,
): readonly string[] {
  const ofFiles = files === undefined ? [] : filesOf(plan.call).flatMap(({ path, sha256 }) => {
    const now = files.get(path);
    if (now === sha256) return [];
    return [now === undefined ? `${path} is gone or cannot be read` : `${path} has changed since it was loaded`];
  });
  if (described === undefined) return ofFiles;
  const now = describedBy(facts, plan.call);
  const memory = now.memory.length > 0 && String(now.memory) !== String(described.memory) &&
    facts.kexec.memoryCrashHotplug !== true;
  const cpus = now.cpus !== 0 && now.cpus !== described.cpus && facts.kexec.cpuCrashHotplug !== true;
  const keys = described.dmCryptKeys !== undefined && now.dmCryptKeys !== undefined &&
    String(now.dmCryptKeys) !== String(described.dmCryptKeys);
  return [
    ...ofFiles,
    ...(keys ? ["The dm-crypt keys that are registered for a crash kernel have changed since"] : []),
    ...(memory ? ["Memory was added or removed since, so a dump would not match it"] : []),
    ...(cpus
      ? [`The host had ${described.cpus} CPUs and now has ${now.cpus}, so a dump would not have the registers of all`]
      : []),
  ];
}

/** The shape of `crash` in `status -o json`. */
export const reservationShape: Shape<ReservationStatus> = record<ReservationStatus>({
  state: { shape: choice(["reserved", "none", "unknown"]), doc: "Whether memory is reserved for a crash kernel" },
  size: { shape: count, doc: "Its size, bytes", fallback: { value: undefined } },
  ranges: {
    shape: list(record<ReservedRange>({
      start: { shape: pattern("a hexadecimal number", /^0x[0-9a-f]{1,16}$/), doc: "Its physical address" },
      size: { shape: count, doc: "Its size, bytes" },
      use: {
        shape: choice(["image", "low", "borrowed"]),
        doc: "Holds the image; is for its devices, below 4 GiB; or is the running system's until a panic",
      },
    })),
    doc: "The ranges; empty where the addresses are unknown",
  },
  note: { shape: text, doc: "The same, for people" },
});
