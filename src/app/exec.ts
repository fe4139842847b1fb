import type { Diagnostic } from "../core/diagnostic.ts";
import type { HostFacts } from "../host/facts.ts";
import { type InitSystem, initSystem } from "../host/init_system.ts";
import { REBOOT_NOW } from "../plan/lower.ts";
import { type FoundRecord, type LoadRecord, recordTime } from "../state/record.ts";
import { findRecord, lockStore, StoreError, type StoreLock } from "../state/record_store.ts";
import { comesBack, isSpent, type RoundTrip, roundTrip, runsOnce } from "../state/round_trip.ts";
import { SyscallError } from "../syscall/errors/syscall_error.ts";
import { execute } from "../syscall/execute.ts";
import { openLibc } from "../syscall/libc.ts";
import { isThere } from "./files/write_whole.ts";
import { holdSignals } from "./hold_signals.ts";
import { readFacts } from "./read_facts.ts";
import { systemProgram } from "./system_program.ts";

/**
 * How to run the loaded image: by asking systemd, by the system call itself, or by that call for an image that comes back.
 * systemd would stop the system, which is to go on.
 */
export type RebootWay = "systemd" | "now" | "round-trip";

/** Whether, and how, the loaded image can be run. */
export type Readiness =
  | { readonly kind: "ready"; readonly way: RebootWay }
  /** The facts of the host cannot be read. */
  | { readonly kind: "no-facts"; readonly diagnostics: readonly Diagnostic[] }
  | { readonly kind: "nothing-loaded" }
  /** The kernel does not say whether an image is loaded. */
  | { readonly kind: "unknown" }
  | NoCleanWay
  /** This process is in a PID namespace of its own, from where reboot(2) boots no loaded image. */
  | { readonly kind: "pid-namespace" }
  /** systemd would be asked, and the record does not say whether the image returns to a system that systemd has stopped. */
  | { readonly kind: "unrecorded"; readonly reason: string }
  | SpentPayload;

/** No init system is known that could stop the services first, and that was not waived. */
export interface NoCleanWay {
  /** What is missing. */
  readonly kind: "no-clean-way";
  /** What PID 1 is. */
  readonly system: InitSystem;
  /** The name of PID 1, where it can be seen. */
  readonly name: string | undefined;
}

/** The payload has run at `ranAt`, and a second run without another load would crash the system. */
export interface SpentPayload {
  /** How it ended. */
  readonly kind: "spent";
  /** The running kernel's release. */
  readonly release: string;
  /** When it ran, in UTC. */
  readonly ranAt: string;
}

/** Looks whether an image is loaded, and how to run it; `now` is for not asking the init system. */
export function readyToExec(now: boolean): Readiness {
  const { facts, diagnostics } = readFacts(undefined);
  if (facts === undefined) return { kind: "no-facts", diagnostics };
  if (facts.kexec.loaded !== true) return { kind: facts.kexec.loaded === false ? "nothing-loaded" : "unknown" };
  const { found } = findRecord("reboot");
  const spent = spentBy(facts, found);
  if (spent !== undefined) return spent;
  const way = rebootWay(facts, now, comesBack(facts, found));
  if (way === undefined) return noCleanWay(facts);
  if (way === "systemd" && found.kind === "unreadable") return { kind: "unrecorded", reason: found.message };
  if (way === "systemd" && found.kind === "interrupted") {
    return { kind: "unrecorded", reason: "The load that was to record it was cut off" };
  }
  return canReboot(way, facts) ? { kind: "ready", way } : { kind: "pid-namespace" };
}

function spentBy(facts: HostFacts, found: FoundRecord): SpentPayload | undefined {
  if (found.kind !== "record" || comesBack(facts, found) !== true || !isSpent(found.record, facts)) return undefined;
  return { kind: "spent", release: facts.release, ranAt: found.record.ranAt ?? "" };
}

/**
 * Through the init system, unless `now`, or the image is known to come back; undefined where no init system is known that
 * could be asked: nothing would stop the services.
 */
export function rebootWay(facts: HostFacts, now: boolean, returns: boolean | undefined): RebootWay | undefined {
  if (returns === true) return "round-trip";
  if (now) return "now";
  return initSystem(facts) === "systemd" ? "systemd" : undefined;
}

/** Why the system cannot be rebooted cleanly. */
export function noCleanWay(facts: HostFacts): NoCleanWay {
  return { kind: "no-clean-way", system: initSystem(facts), name: facts.init };
}

/** Whether this process can reboot into a loaded image, as far as is known: not from within a container. */
export function canReboot(way: RebootWay, facts: HostFacts): boolean {
  return way === "systemd" || facts.initPidNamespace !== false;
}

/** How running the loaded image ended. A reboot by the system call does not return, so no value describes it. */
export type ExecOutcome =
  | { readonly kind: "systemd-asked" }
  | { readonly kind: "systemd-failed"; readonly code: number }
  | { readonly kind: "systemd-missing"; readonly reason: string }
  /** The payload came back; `once` if it must be loaded again before it may run once more. */
  | { readonly kind: "returned"; readonly took: RoundTrip; readonly once: boolean }
  | { readonly kind: "refused"; readonly error: SyscallError }
  | SpentPayload;

/** What a caller may want to know while the loaded image runs, and what it holds already. */
export interface ExecOptions {
  /** Called at once when the payload comes back, before a signal that came meanwhile is acted on. */
  readonly onReturn?: (took: RoundTrip, once: boolean) => void;
  /** Called with what to say where another warmboot must be waited for. */
  readonly onWait?: (text: string) => void;
  /** Called with what failed without changing how it ended, such as giving the lock back. */
  readonly onWarning?: (text: string) => void;
  /** The lock, where the caller holds it. */
  readonly store?: StoreLock | undefined;
}

/**
 * Runs the loaded image. Does not return where the kernel goes along, unless systemd was asked or the payload comes back.
 * The record of a payload that comes back says that it ran, from before the jump on.
 * @throws {StoreError} if the record cannot be written: then nothing has run
 */
export async function execLoaded(way: RebootWay, options: ExecOptions = {}): Promise<ExecOutcome> {
  if (way === "systemd") return await askSystemd();
  if (way === "now") return await runLoaded(way, options.onReturn);
  const { onWait = () => {}, onWarning = () => {} } = options;
  using own = options.store === undefined ? await lockStore({ onWait, onWarning }) : undefined;
  const store = options.store ?? own;
  const { facts } = readFacts(undefined);
  const { found } = findRecord("reboot");
  if (store === undefined || facts === undefined || found.kind !== "record") {
    return await runLoaded(way, options.onReturn);
  }
  const spent = spentBy(facts, found);
  if (spent !== undefined) return spent;
  const { record } = found;
  const write = (changed: LoadRecord): void => {
    store.prepare("reboot", changed);
    try {
      store.commit("reboot");
    } catch (error) {
      store.discard("reboot");
      throw error;
    }
  };
  write({ ...record, ranAt: recordTime() });
  const outcome = await runLoaded(way, options.onReturn, runsOnce(record.plan, facts.release));
  // What did not run can still be run.
  try {
    if (outcome.kind === "refused") write(record);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    onWarning(`The record says that the payload ran, though it did not: ${error.message}`);
  }
  return outcome;
}

async function runLoaded(
  way: RebootWay,
  onReturn: ExecOptions["onReturn"] = () => {},
  once = false,
): Promise<ExecOutcome> {
  const returns = way === "round-trip";
  using libc = openLibc();
  // A Ctrl-C that comes while the system is suspended must not suppress the report; then there is nothing left to stop.
  return await holdSignals((): ExecOutcome => {
    let took: RoundTrip | undefined;
    for (const call of REBOOT_NOW) {
      const result = roundTrip(() => execute(call, [], libc), libc);
      if (!result.ok) {
        const { facts } = readFacts(undefined);
        if (facts === undefined) throw new Error("Cannot read the facts of the host");
        const error = new SyscallError({ call, errno: result.errno, facts, ...(returns ? { returns } : {}) });
        return { kind: "refused", error };
      }
      // A payload that another program loaded may come back as well.
      if (call.name === "reboot_kexec") took = result.took;
    }
    if (took === undefined) throw new Error("REBOOT_NOW does not reboot");
    onReturn(took, once);
    return { kind: "returned", took, once };
  }, () => {});
}

/** Before it, systemd left the last step to this program, and without it rebooted through the firmware. */
const SYSTEMD_WITHOUT_KEXEC_TOOLS = 246;

/** The version of a systemd that needs /sbin/kexec, where that is not there; undefined if it boots the image by itself. */
export function systemdTooOld(versionOutput: string, hasKexecTool: boolean): number | undefined {
  const version = Number(/^systemd (\d+)/.exec(versionOutput)?.[1] ?? Infinity);
  return hasKexecTool || version >= SYSTEMD_WITHOUT_KEXEC_TOOLS ? undefined : version;
}

/** The same of the systemd of this host. */
export async function oldSystemd(): Promise<number | undefined> {
  return systemdTooOld(await systemdVersion(), isThere("/sbin/kexec"));
}

async function systemdVersion(): Promise<string> {
  try {
    const { stdout } = await new Deno.Command(systemProgram("systemctl"), { args: ["--version"], stdin: "null" })
      .output();
    return new TextDecoder().decode(stdout);
  } catch {
    // That systemctl cannot be run shows, and is reported, when it is asked to reboot.
    return "";
  }
}

async function askSystemd(): Promise<ExecOutcome> {
  try {
    const { success, code } = await new Deno.Command(systemProgram("systemctl"), { args: ["kexec"], stdin: "null" })
      .spawn().status;
    return success ? { kind: "systemd-asked" } : { kind: "systemd-failed", code };
  } catch (error) {
    return { kind: "systemd-missing", reason: error instanceof Error ? error.message : String(error) };
  }
}
