import { choice, count, list, pattern, record, type Report, type Shape, text } from "../core/shape.ts";
import type { Path } from "../core/diagnostic.ts";
import { formatAddress } from "../core/number.ts";
import type { DmCryptKeys, HostFacts } from "../host/facts.ts";
import { dumpedRam } from "../host/iomem.ts";
import type { KernelStart } from "../plan/kernel_start.ts";
import type { Call, Plan } from "../plan/plan.ts";
import { decodePlan } from "../plan/plan_shape.ts";
import { kernelStartShape } from "./expectation.ts";

/** What `load` records about an image that it loaded: the kernel itself only reports 0 or 1. */
export interface LoadRecord {
  /** The form of this document. */
  readonly format: "warmboot.record/1";
  /** The boot in which it was loaded, from /proc/sys/kernel/random/boot_id. */
  readonly bootId?: string;
  /** When, in UTC, as 2026-11-22T10:00:00Z. */
  readonly loadedAt: string;
  /** The user who ran warmboot; the one before sudo, where sudo says so. */
  readonly user: string;
  /** The number of the user. */
  readonly uid: number;
  /** What a crash image describes of the running system. */
  readonly described?: Described;
  /** When a payload that returns was last run, in UTC. */
  readonly ranAt?: string;
  /** What the plan does not say of its archives: digests of those with secrets; absent without any. */
  readonly overlays?: readonly RecordedOverlay[];
  /** How the kernel of the image starts; absent in records of older versions, and of what is not a kernel. */
  readonly kernel?: KernelStart;
  /** The plan that was carried out. */
  readonly plan: Plan;
}

/** An archive of the next initrd with what was secret, or known only at load. */
export interface RecordedOverlay {
  /** As the plan names it: `files:1`. */
  readonly path: string;
  /** HMAC-SHA-256 of its bytes by a key that only root can read: it shows whether another one is the same, and nothing else. */
  readonly keyed: string;
  /** SHA-256 of its bytes; absent where there is a secret in it. */
  readonly sha256?: string;
}

/** What a crash image describes of the system that it will dump. */
export interface Described {
  /** Memory, as `0x100000-0xbfffffff`: physical addresses, the last byte included. */
  readonly memory: readonly string[];
  /** CPUs whose registers it saves. */
  readonly cpus: number;
  /** The dm-crypt keys that it has, by their descriptions; absent in records of older versions. */
  readonly dmCryptKeys?: readonly string[];
}

/** What a crash image that is loaded now by this call would describe. */
export function describedBy({ iomem, crashNotes, kexec }: HostFacts, call: Pick<Call, "syscall">): Described {
  return {
    memory: dumpedRam(iomem).map(({ start, end }) => `${formatAddress(start)}-${formatAddress(end - 1n)}`),
    cpus: crashNotes.length,
    ...(kexec.dmCryptKeys === undefined
      ? {}
      : { dmCryptKeys: call.syscall === "kexec_file_load" ? registeredKeys(kexec.dmCryptKeys) : [] }),
  };
}

/** The registered keys by their descriptions; a folder without one by its name. */
export function registeredKeys({ keys }: DmCryptKeys): readonly string[] {
  return keys.map(({ name, description }) => description ?? name);
}

const DIGEST = pattern("64 hex digits", /^[0-9a-f]{64}$/);

const plan: Shape<Plan> = { schema: {}, expected: "a plan", decode: decodePlan };

const shape: Shape<LoadRecord> = record<LoadRecord>({
  format: { shape: choice(["warmboot.record/1"]), doc: "The format of this document" },
  bootId: { shape: text, doc: "The boot in which it was loaded", fallback: { value: undefined } },
  loadedAt: { shape: text, doc: "When, in UTC" },
  user: { shape: text, doc: "Who ran warmboot" },
  uid: { shape: count, doc: "The user's number" },
  described: {
    shape: record<Described>({
      memory: { shape: list(text), doc: "The memory that it dumps" },
      cpus: { shape: count, doc: "The CPUs whose registers it dumps" },
      dmCryptKeys: { shape: list(text), doc: "The dm-crypt keys that it has", fallback: { value: undefined } },
    }),
    doc: "What a crash image describes of the running system",
    fallback: { value: undefined },
  },
  ranAt: { shape: text, doc: "When a payload that returns was last run, in UTC", fallback: { value: undefined } },
  overlays: {
    shape: list(record<RecordedOverlay>({
      path: { shape: text, doc: "As the plan names it" },
      keyed: { shape: DIGEST, doc: "HMAC-SHA-256 of its bytes, by the key in /run/warmboot/secret.key" },
      sha256: {
        shape: DIGEST,
        doc: "SHA-256 of its bytes, where there is no secret in it",
        fallback: { value: undefined },
      },
    })),
    doc: "The archives of the initrd whose content the plan does not state",
    fallback: { value: undefined },
  },
  kernel: { shape: kernelStartShape, doc: "How the kernel of the image starts", fallback: { value: undefined } },
  plan: { shape: plan, doc: "The plan that was carried out" },
}, "a record of warmboot");

/** Decodes a record. */
export function decodeRecord(value: unknown, at: Path, report: Report): LoadRecord | undefined {
  return shape.decode(value, at, report);
}

/** The record, where it is of the running boot. */
export function recordOfBoot({ bootId }: Pick<HostFacts, "bootId">, found: FoundRecord): LoadRecord | undefined {
  return found.kind === "record" && bootId !== undefined && found.record.bootId === bootId ? found.record : undefined;
}

/** Now, as a record states a time: in UTC, to the second. */
export function recordTime(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, "Z");
}

/** The result of looking for a record. */
export type FoundRecord =
  | { readonly kind: "none" }
  | { readonly kind: "record"; readonly record: LoadRecord }
  | { readonly kind: "interrupted" }
  | { readonly kind: "unreadable"; readonly message: string };
