import { choice, list, record, type Shape, text } from "../core/shape.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Plan } from "../plan/plan.ts";
import { isCrash } from "../plan/stored.ts";
import { type FoundRecord, type LoadRecord, recordOfBoot, registeredKeys } from "./record.ts";

/** The dm-crypt keys that are registered for a crash kernel. */
export interface DumpKeysStatus {
  /** Their descriptions. */
  readonly keys: readonly string[];
  /** Whether the loaded crash image has them. */
  readonly loaded: "yes" | "no" | "unknown";
  /** The same for people. */
  readonly note: string;
}

/** The registered keys, and whether the loaded crash image has them; undefined where none is registered. */
export function dumpKeysStatus(facts: HostFacts, crash: FoundRecord): DumpKeysStatus | undefined {
  const registered = facts.kexec.dmCryptKeys;
  if (registered === undefined || registered.keys.length === 0) return undefined;
  const keys = registeredKeys(registered);
  if (facts.kexec.crashLoaded === false) {
    return { keys, loaded: "no", note: "No crash image is loaded that could have them" };
  }
  const record = currentRecord(facts, crash);
  const has = record?.described?.dmCryptKeys;
  if (record === undefined || has === undefined) {
    return { keys, loaded: "unknown", note: "Cannot determine whether the loaded crash image has them" };
  }
  if (String(has) === String(keys)) return { keys, loaded: "yes", note: "The loaded crash image has them" };
  return {
    keys,
    loaded: "no",
    note: record.plan.call.syscall === "kexec_load"
      ? "The crash image was loaded by kexec_load, which hands over no keys"
      : "The crash image was loaded with other keys: load it again",
  };
}

/**
 * Whether the kernel shall keep the keys of the loaded crash image (`reuse`), since logon keys often expire soon after a volume
 * was opened: where this boot's record says that the image has the very keys that are registered. With another number of keys
 * the kernel would copy more than there is (get_keys_from_kdump_reserved_memory in kernel/crash_dump_dm_crypt.c, Linux 7.2).
 */
export function keepsKeys(plan: Plan, facts: HostFacts, found: FoundRecord): boolean {
  const registered = facts.kexec.dmCryptKeys;
  if (!isCrash(plan) || plan.call.syscall !== "kexec_file_load" || facts.kexec.crashLoaded !== true) return false;
  if (registered === undefined || registered.keys.length === 0 || registered.reuse === undefined) return false;
  const has = currentRecord(facts, found)?.described?.dmCryptKeys;
  return has !== undefined && String(has) === String(registeredKeys(registered));
}

/** The record of the image that is loaded; undefined where it may be of another boot. */
function currentRecord(facts: HostFacts, found: FoundRecord): LoadRecord | undefined {
  const record = recordOfBoot(facts, found);
  return record !== undefined && isCrash(record.plan) ? record : undefined;
}

/** The shape of `dumpKeys` in `status -o json`. */
export const dumpKeysShape: Shape<DumpKeysStatus> = record<DumpKeysStatus>({
  keys: { shape: list(text), doc: "Their descriptions" },
  loaded: { shape: choice(["yes", "no", "unknown"]), doc: "Whether the loaded crash image has them" },
  note: { shape: text, doc: "The same, for people" },
});
