import type { Diagnostic } from "../core/diagnostic.ts";
import { describeEntry } from "../entry/found_entry.ts";
import type { HostFacts } from "../host/facts.ts";
import { filesOf } from "../plan/plan.ts";
import type { FileDigests } from "../state/crash_status.ts";
import type { FoundRecord } from "../state/record.ts";
import { findRecord, type ImageSlot } from "../state/record_store.ts";
import { hasFailed, isCurrent } from "../state/attempt.ts";
import { type ColdBootStatus, type Status, statusOf } from "../state/status.ts";
import { readHistory } from "./attempts.ts";
import { coldBootOn } from "./entry_files.ts";
import { closeFile, hashFile, openFile } from "./files/open_file.ts";
import { readFacts } from "./read_facts.ts";

/** What is loaded on this host, and what it allows. */
export interface FoundStatus {
  /** Undefined where the facts of the host cannot be read. */
  readonly status: Status | undefined;
  /** Whether another warmboot is loading an image right now; then it is the status from before. */
  readonly busy: boolean;
  /** What is wrong with the facts of the host. */
  readonly diagnostics: readonly Diagnostic[];
}

/** What is looked at. */
export interface StatusOptions {
  /** Whether to say what a cold reset boots, for which the boot loader's files are read. Default: true. */
  readonly coldBoot?: boolean;
}

/**
 * Compares what the kernel reports with the records of loads, and these with the files as they are now. What
 * `warmboot status` shows. Needs `--allow-all`. @throws {StoreError} if the records cannot be read
 */
export async function status({ coldBoot = true }: StatusOptions = {}): Promise<FoundStatus> {
  const { facts, diagnostics } = readFacts(undefined);
  if (facts === undefined) return { status: undefined, busy: false, diagnostics };
  const { status, busy } = await statusOfHost(facts);
  const [last] = readHistory(facts).history.attempts;
  return {
    status: {
      ...status,
      ...(coldBoot ? { coldBoot: coldBootStatus(facts) } : {}),
      ...(last !== undefined && (isCurrent(last, facts) || hasFailed(last)) ? { lastAttempt: last } : {}),
    },
    busy,
    diagnostics,
  };
}

/** What a cold reset of this host would boot. */
function coldBootStatus(facts: HostFacts): ColdBootStatus {
  const { value, diagnostics } = coldBootOn(facts, undefined);
  if (value === undefined) {
    return { note: diagnostics.find(({ severity }) => severity === "error")?.message ?? "Nothing is known" };
  }
  const { loader, id, kernel, cmdline } = value;
  const warnings = diagnostics.map(({ message }) => message);
  return {
    note: describeEntry(value),
    loader,
    entry: id,
    kernel,
    ...(cmdline === undefined ? {} : { cmdline }),
    ...(warnings.length === 0 ? {} : { warnings }),
  };
}

/** The status of this host, and the records that it is made from. */
export interface StatusOfHost {
  readonly status: Status;
  readonly busy: boolean;
  readonly records: { readonly [slot in ImageSlot]: FoundRecord };
}

/** The same where the facts are known already. @throws {StoreError} */
export async function statusOfHost(facts: HostFacts): Promise<StatusOfHost> {
  const [reboot, crash] = [findRecord("reboot"), findRecord("crash")];
  const status = statusOf(facts, reboot.found, crash.found, await digests([reboot.found, crash.found]));
  return { status, busy: reboot.busy || crash.busy, records: { reboot: reboot.found, crash: crash.found } };
}

/** The digests of the files that the recorded images came from, as they are now. */
async function digests(records: readonly FoundRecord[]): Promise<FileDigests> {
  const paths = new Set(
    records.flatMap((found) => found.kind === "record" ? filesOf(found.record.plan.call).map(({ path }) => path) : []),
  );
  const found = new Map<string, string | undefined>();
  for (const path of paths) {
    const { value: file } = openFile(path);
    found.set(path, file === undefined ? undefined : await hashFile(file).catch(() => undefined));
    if (file !== undefined) closeFile(file);
  }
  return found;
}
