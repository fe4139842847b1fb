import { type Diagnostic, reasonOf } from "../core/diagnostic.ts";
import type { HostFacts } from "../host/facts.ts";
import { REBOOT_NOW } from "../plan/lower.ts";
import { type FoundRecord, type LoadRecord, recordTime } from "../state/record.ts";
import { findRecord, lockStore, StoreError, type StoreLock } from "../state/record_store.ts";
import { comesBack, isSpent, type RoundTrip, roundTrip, runsOnce } from "../state/round_trip.ts";
import { SyscallError } from "../syscall/errors/syscall_error.ts";
import { execute } from "../syscall/execute.ts";
import { openLibc } from "../syscall/libc.ts";
import { isThere } from "./files/write_whole.ts";
import { type Asked, askInit, type InitRequest, type NoCleanWay, requestTo } from "./ask_init.ts";
import { holdSignals } from "./hold_signals.ts";
import { readFacts } from "./read_facts.ts";
import { systemProgram } from "./system_program.ts";

/**
 * How to run the loaded image: by asking the init system, by the system call itself, or by that call for an image that comes
 * back. An init system would stop the system, which is to go on.
 */
export type RebootWay = InitRequest | { readonly kind: "now" } | { readonly kind: "round-trip" };

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
  /** The init system would be asked, and the record does not say whether the image returns to a system that is stopped then. */
  | { readonly kind: "unrecorded"; readonly reason: string }
  | SpentPayload;

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
  if (way.kind === "no-clean-way") return way;
  if (way.kind === "ask" && found.kind === "unreadable") return { kind: "unrecorded", reason: found.message };
  if (way.kind === "ask" && found.kind === "interrupted") {
    return { kind: "unrecorded", reason: "The load that was to record it was cut off" };
  }
  return canReboot(way, facts) ? { kind: "ready", way } : { kind: "pid-namespace" };
}

function spentBy(facts: HostFacts, found: FoundRecord): SpentPayload | undefined {
  if (found.kind !== "record" || comesBack(facts, found) !== true || !isSpent(found.record, facts)) return undefined;
  return { kind: "spent", release: facts.release, ranAt: found.record.ranAt ?? "" };
}

/** Through the init system, unless `now`, or the image is known to come back; or why the init system cannot be asked. */
export function rebootWay(facts: HostFacts, now: boolean, returns: boolean | undefined): RebootWay | NoCleanWay {
  if (returns === true) return { kind: "round-trip" };
  return now ? { kind: "now" } : requestTo(facts);
}

/** Whether this process can reboot into a loaded image, as far as is known: not from within a container. */
export function canReboot(way: RebootWay, facts: HostFacts): boolean {
  return way.kind === "ask" && way.init === "systemd" || facts.initPidNamespace !== false;
}

/** How running the loaded image ended. A reboot by the system call does not return, so no value describes it. */
export type ExecOutcome =
  | Asked
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
 * Runs the loaded image. Does not return where the kernel goes along, unless the init system was asked or the payload comes back.
 * The record of a payload that comes back says that it ran, from before the jump on.
 * @throws {StoreError} if the record cannot be written: then nothing has run
 */
export async function execLoaded(way: RebootWay, options: ExecOptions = {}): Promise<ExecOutcome> {
  if (way.kind === "ask" && way.init === "systemd") return await askSystemd(way);
  if (way.kind === "now") return await runLoaded(way, options.onReturn);
  const { onWait = () => {}, onWarning = () => {} } = options;
  using own = options.store === undefined ? await lockStore({ onWait, onWarning }) : undefined;
  const store = options.store ?? own;
  // The lock is held until the shutdown has begun, and with it the folder of the flag is there and root's.
  if (way.kind === "ask") return await unstopped(() => askInit(way));
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
  const returns = way.kind === "round-trip";
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

/** Runs something that takes time and is over soon; a signal that would stop it before is dropped. */
async function unstopped<T>(action: () => Promise<T>): Promise<T> {
  const drop = (): void => {};
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) Deno.addSignalListener(signal, drop);
  try {
    return await action();
  } finally {
    for (const signal of signals) Deno.removeSignalListener(signal, drop);
  }
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

/** With its own standard output and error, where it may ask for a password. */
async function askSystemd({ command: [program, ...args] }: InitRequest): Promise<Asked> {
  const command = [program, ...args].join(" ");
  try {
    const { success, code } = await new Deno.Command(systemProgram(program), { args, stdin: "null" }).spawn().status;
    return success ? { kind: "asked" } : { kind: "init-failed", command, code, text: "" };
  } catch (error) {
    return { kind: "init-missing", command, reason: reasonOf(error) };
  }
}
