import { PERMISSION_RULES } from "../plan/rules/permission.ts";
import { ADDRESS_RULES } from "../plan/rules/arm64_addresses.ts";
import {
  anyText,
  choice,
  flag,
  type JsonSchema,
  list,
  omitUndefined,
  record,
  type Shape,
  text,
} from "../core/shape.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Call, Check, PlannedHost } from "../plan/plan.ts";
import { checksShape, hostShape } from "../plan/plan_shape.ts";
import { plannedHost } from "../plan/planner.ts";
import {
  changesSince,
  type FileDigests,
  reservationShape,
  type ReservationStatus,
  reservationStatus,
} from "./crash_status.ts";
import { type PastAttempt, pastAttemptShape } from "./attempt.ts";
import { dumpKeysShape, type DumpKeysStatus, dumpKeysStatus } from "./dump_keys.ts";
import type { FoundRecord, LoadRecord } from "./record.ts";
import { isSpent, preservesContext, runsOnce } from "./round_trip.ts";

/** Whether an image is loaded, and what is known about it. */
export interface ImageStatus {
  /** Which image: the one for a reboot, or the one for a panic. */
  readonly image: "reboot" | "crash";
  /** What the kernel reports. */
  readonly loaded: "yes" | "no" | "unknown";
  /** How the record agrees with what the kernel reports. */
  readonly record: "matches" | "unconfirmed" | "none" | "stale" | "interrupted" | "unreadable";
  /** The same, for people. */
  readonly note: string;
  /** The profile that it was loaded from. */
  readonly profile?: string;
  /** The release of its kernel. */
  readonly release?: string;
  /** Its command line. */
  readonly cmdline?: string;
  /** When it was loaded, UTC, as 2026-11-22T10:00:00Z. */
  readonly loadedAt?: string;
  /** Who loaded it. */
  readonly user?: string;
  /** How files and host have changed since it was loaded; whole sentences. */
  readonly changes?: readonly string[];
  /** Whether it preserves the running system, which resumes when the payload returns. */
  readonly returns?: boolean;
  /** Whether it can run only once for each load; `spent` if it has. */
  readonly runs?: "often" | "once" | "spent";
}

/** What `warmboot status` reports. */
export interface Status {
  /** The form of this document. */
  readonly format: "warmboot.status/1";
  /** The host. */
  readonly host: PlannedHost;
  /** The image for a reboot, and the one for a panic. */
  readonly images: readonly ImageStatus[];
  /** What is reserved for crash kernels. */
  readonly crash: ReservationStatus;
  /** The dm-crypt keys that are registered for a crash kernel; absent where there are none. */
  readonly dumpKeys?: DumpKeysStatus;
  /** What the host allows. */
  readonly allows: readonly Check[];
  /** Whether an ordinary `systemctl reboot` will boot the loaded image. */
  readonly rebootIsKexec: boolean;
  /** What a cold reset boots; absent where nobody looked. */
  readonly coldBoot?: ColdBootStatus;
  /** The last reboot into a loaded image, while it matters: until the boot in which it ended is over, or if it failed. */
  readonly lastAttempt?: PastAttempt;
}

/** The entry that the boot loader starts by itself. */
export interface ColdBootStatus {
  /** Which entry, and by which rule, or why that is not known; for people. */
  readonly note: string;
  /** The boot loader; absent where the entry is not known. */
  readonly loader?: string;
  /** The entry, as the loader names it. */
  readonly entry?: string;
  /** Its kernel. */
  readonly kernel?: string;
  /** Its command line; absent where a unified kernel image has its own. */
  readonly cmdline?: string;
  /** What to know of it; whole sentences. */
  readonly warnings?: readonly string[];
}

/** Compares the kernel's report with the records, and these with the current files, where given. Pure. */
export function statusOf(facts: HostFacts, reboot: FoundRecord, crash: FoundRecord, files?: FileDigests): Status {
  return {
    format: "warmboot.status/1",
    host: plannedHost(facts),
    images: [
      withChanges(imageStatus("reboot", facts.kexec.loaded, reboot, facts), reboot, facts, files),
      withChanges(imageStatus("crash", facts.kexec.crashLoaded, crash, facts), crash, facts, files),
    ],
    crash: reservationStatus(facts),
    ...omitUndefined({ dumpKeys: dumpKeysStatus(facts, crash) }),
    allows: allows(facts),
    rebootIsKexec: facts.systemd && facts.kexec.loaded === true,
  };
}

/** Changes matter only for an image that is still loaded. */
function withChanges(
  status: ImageStatus,
  found: FoundRecord,
  facts: HostFacts,
  files: FileDigests | undefined,
): ImageStatus {
  const current = status.record === "matches" || status.record === "unconfirmed";
  return found.kind === "record" && current ? { ...status, changes: changesSince(found.record, facts, files) } : status;
}

function imageStatus(
  image: ImageStatus["image"],
  loaded: boolean | undefined,
  found: FoundRecord,
  { bootId, release }: Pick<HostFacts, "bootId" | "release">,
): ImageStatus {
  const state = { image, loaded: loaded === undefined ? "unknown" : loaded ? "yes" : "no" } as const;
  switch (found.kind) {
    case "none":
      return {
        ...state,
        record: "none",
        note: loaded ? "Another program loaded it; warmboot has no record of it" : "Nothing is recorded",
      };
    case "interrupted":
      return {
        ...state,
        record: "interrupted",
        note: loaded === false
          ? "A load by warmboot was interrupted, and nothing is loaded"
          : "A load by warmboot was interrupted; cannot determine whether its image is the loaded one",
      };
    case "unreadable":
      return { ...state, record: "unreadable", note: found.message };
    case "record": {
      const { plan, loadedAt, user } = found.record;
      const known = {
        profile: plan.profile,
        ...(plan.release === undefined ? {} : { release: plan.release }),
        cmdline: plan.call.cmdline,
        loadedAt,
        user,
        returns: preservesContext(plan),
        ...(preservesContext(plan) ? { runs: runsOf(found.record, release) } : {}),
      };
      if (bootId !== undefined && found.record.bootId !== undefined && bootId !== found.record.bootId) {
        return { ...state, record: "stale", note: "The record is from an earlier boot", ...known };
      }
      if (loaded === false) {
        return { ...state, record: "stale", note: "The recorded image was unloaded by another program", ...known };
      }
      if (loaded === undefined) {
        const note = "Loaded by warmboot; cannot determine whether the image is still loaded";
        return { ...state, record: "unconfirmed", note, ...known };
      }
      return { ...state, record: "matches", note: "Loaded by warmboot, as recorded", ...known };
    }
  }
}

function runsOf(record: LoadRecord, release: string): NonNullable<ImageStatus["runs"]> {
  if (isSpent(record, { release })) return "spent";
  return runsOnce(record.plan, release) ? "once" : "often";
}

/** Calls of no image in particular. */
const NO_IMAGE = { flags: [], flagBits: "0x0", cmdline: "" } as const;
const FILE_LOAD: Call = {
  ...NO_IMAGE,
  syscall: "kexec_file_load",
  kernel: { path: "", size: 0, sha256: "", about: "" },
  initrd: [],
};
const SEGMENT_LOAD: Call = { ...NO_IMAGE, syscall: "kexec_load", entry: "0x0", segments: [], files: [] };

function allows(facts: HostFacts): readonly Check[] {
  // For a kernel without kexec_file_load, check kexec_load.
  const call = facts.kernelConfig.CONFIG_KEXEC_FILE === "n" ? SEGMENT_LOAD : FILE_LOAD;
  const verdicts = [...PERMISSION_RULES, ...ADDRESS_RULES].flatMap((rule) =>
    [false, true].flatMap((crash) => {
      const verdict = rule.check({ call, crash, facts, images: { initrd: [] } });
      return verdict === undefined ? [] : [{ rule: rule.name, ...verdict }];
    })
  );
  // Most rules give the same verdict for both images.
  return verdicts.filter(({ message }, index) => verdicts.findIndex((each) => each.message === message) === index);
}

const optional = { value: undefined };

const shape: Shape<Status> = record<Status>({
  format: { shape: choice(["warmboot.status/1"]), doc: "The format of this document" },
  host: { shape: hostShape, doc: "The host" },
  images: {
    shape: list(record<ImageStatus>({
      image: { shape: choice(["reboot", "crash"]), doc: "Which image" },
      loaded: { shape: choice(["yes", "no", "unknown"]), doc: "What the kernel reports" },
      record: {
        shape: choice(["matches", "unconfirmed", "none", "stale", "interrupted", "unreadable"]),
        doc: "How warmboot's record agrees with that",
      },
      note: { shape: text, doc: "The same, for people" },
      profile: { shape: text, doc: "The profile it was loaded from", fallback: optional },
      release: { shape: text, doc: "The kernel's release", fallback: optional },
      cmdline: { shape: anyText, doc: "The kernel's command line", fallback: optional },
      loadedAt: { shape: text, doc: "When it was loaded, UTC", fallback: optional },
      user: { shape: text, doc: "Who loaded it", fallback: optional },
      changes: {
        shape: list(text),
        doc: "How its files, and what a crash image describes, have changed since; empty if they have not",
        fallback: optional,
      },
      returns: { shape: flag, doc: "Whether the running system resumes when it returns", fallback: optional },
      runs: {
        shape: choice(["often", "once", "spent"]),
        doc: "Of a payload that returns: whether it can run only once for each load; `spent` if it has run",
        fallback: optional,
      },
    })),
    doc: "The image for a reboot, and the one for a crash",
  },
  crash: { shape: reservationShape, doc: "What is reserved for crash kernels" },
  dumpKeys: {
    shape: dumpKeysShape,
    doc: "The dm-crypt keys that are registered for a crash kernel",
    fallback: optional,
  },
  allows: { shape: checksShape, doc: "What the host allows" },
  rebootIsKexec: { shape: flag, doc: "Whether an ordinary `systemctl reboot` boots the loaded image" },
  coldBoot: {
    shape: record<ColdBootStatus>({
      note: { shape: text, doc: "Which entry, and by which rule, or why that is not known" },
      loader: { shape: text, doc: "The boot loader", fallback: optional },
      entry: { shape: text, doc: "The entry, as the loader names it", fallback: optional },
      kernel: { shape: text, doc: "Its kernel", fallback: optional },
      cmdline: {
        shape: anyText,
        doc: "Its command line, unless a unified kernel image has its own",
        fallback: optional,
      },
      warnings: { shape: list(text), doc: "What to know of it", fallback: optional },
    }),
    doc: "What a cold reset boots",
    fallback: optional,
  },
  lastAttempt: {
    shape: pastAttemptShape,
    doc: "The last reboot into a loaded image, until the boot in which it ended is over, or if it failed",
    fallback: optional,
  },
});

/** The JSON Schema of `status -o json`. */
export function statusSchema(): JsonSchema {
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "warmboot status",
    description: "What `warmboot status -o json` prints",
    ...shape.schema,
  };
}
