import { anyText, count, flag, list, omitUndefined, record, type Shape, text } from "../core/shape.ts";
import type { HostFacts } from "../host/facts.ts";
import { CARD_RESET } from "../host/watchdog.ts";

/** What is found after a fall back about why the new system did not come up. */
export interface Evidence {
  /** The watchdogs whose drivers say why the machine was reset. */
  readonly watchdogs: readonly WatchdogReport[];
  /** What the kernel that failed left in persistent storage (pstore), by name. */
  readonly pstore: readonly PstoreFile[];
}

/** What a watchdog's driver says of the reset before this boot. */
export interface WatchdogReport {
  /** `watchdog0`. */
  readonly name: string;
  /** What its driver calls it. */
  readonly identity?: string;
  /** WDIOF_ bits of include/uapi/linux/watchdog.h. */
  readonly bootStatus: number;
  /** Whether the watchdog caused the reset (WDIOF_CARDRESET). */
  readonly reset: boolean;
}

/** A file of pstore: a kernel log, or a console's output. */
export interface PstoreFile {
  /** Its path. */
  readonly path: string;
  /** Its end, as much as is kept; control characters but line breaks and tabs are spaces. */
  readonly text: string;
  /** Bytes that the file has. */
  readonly size: number;
}

/** How much is kept of all files together, and how many, so that an attempt stays small. */
const KEPT_BYTES = 64 << 10;
const KEPT_FILES = 16;

/** What was read of a file: its end, at most as much as is kept. */
export interface ReadFile {
  readonly path: string;
  readonly end: Uint8Array;
  readonly size: number;
}

/** How much of the end of a file is read at most. */
export const READ_BYTES = KEPT_BYTES / 2;

/** What is kept of what was found; undefined where there is nothing. */
export function evidenceOf(
  { watchdog }: Pick<HostFacts, "watchdog">,
  files: readonly ReadFile[],
): Evidence | undefined {
  const watchdogs = (watchdog?.devices ?? []).flatMap(({ name, identity, bootStatus = 0 }): WatchdogReport[] =>
    bootStatus === 0
      ? []
      : [{ name, ...omitUndefined({ identity }), bootStatus, reset: (bootStatus & CARD_RESET) !== 0 }]
  );
  const pstore: PstoreFile[] = [];
  let left = KEPT_BYTES;
  for (const { path, end, size } of files.slice(0, KEPT_FILES)) {
    const kept = end.subarray(Math.max(0, end.length - Math.min(left, READ_BYTES)));
    left -= kept.length;
    pstore.push({ path, text: readable(kept), size });
  }
  return watchdogs.length === 0 && pstore.length === 0 ? undefined : { watchdogs, pstore };
}

/** Kernel logs are text, and may have been cut or damaged. */
function readable(bytes: Uint8Array): string {
  // deno-lint-ignore no-control-regex
  return new TextDecoder().decode(bytes).replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f]/g, " ");
}

const optional = { value: undefined };

/** The shape of what an attempt has of it. */
export const evidenceShape: Shape<Evidence> = record<Evidence>({
  watchdogs: {
    shape: list(record<WatchdogReport>({
      name: { shape: text, doc: "Its name" },
      identity: { shape: text, doc: "What its driver calls it", fallback: optional },
      bootStatus: { shape: count, doc: "Why the machine was reset: bits of include/uapi/linux/watchdog.h" },
      reset: { shape: flag, doc: "Whether the watchdog caused it" },
    })),
    doc: "The watchdogs whose drivers say why the machine was reset",
  },
  pstore: {
    shape: list(record<PstoreFile>({
      path: { shape: text, doc: "Its path" },
      text: { shape: anyText, doc: "The end of its text, at most 32 KiB; 64 KiB of all files together" },
      size: { shape: count, doc: "The size of the file, bytes" },
    })),
    doc: "What the kernel that failed left in persistent storage",
  },
});
