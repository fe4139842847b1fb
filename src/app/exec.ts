import { type Diagnostic, reasonOf } from "../core/diagnostic.ts";
import { omitUndefined } from "../core/shape.ts";
import type { BoundDevice, HostFacts } from "../host/facts.ts";
import { REBOOT_NOW, rebootCalls } from "../plan/lower.ts";
import type { Plan } from "../plan/plan.ts";
import { type FailedPlan, failedPlanOf } from "../plan/failed_plan.ts";
import type { Syscall } from "../plan/syscall.ts";
import { describeDevice } from "../plan/unbind.ts";
import type { PlannedUnbind } from "../profile/unbind_shape.ts";
import type { AttemptWay } from "../state/attempt.ts";
import { unkeptGuard } from "../state/deadline.ts";
import { type FoundRecord, type LoadRecord, recordOfBoot, recordTime } from "../state/record.ts";
import { findRecord, lockStore, StoreError, type StoreLock } from "../state/record_store.ts";
import { comesBack, isSpent, type RoundTrip, roundTrip, runsOnce } from "../state/round_trip.ts";
import { SyscallError } from "../syscall/errors/syscall_error.ts";
import { errnoName } from "../syscall/errno.ts";
import { execute } from "../syscall/execute.ts";
import { type Libc, openLibc } from "../syscall/libc.ts";
import { disarm, refusedByStore, type RefusedWatchdog, setKexecWatchdog, watchdogNow } from "./arm_watchdog.ts";
import { failedPlans } from "./attempts.ts";
import { giveUp, recordGuardedDeparture } from "./departure.ts";
import { isThere } from "./files/write_whole.ts";
import { type Asked, askInit, type InitRequest, type LastSteps, type NoCleanWay, requestTo } from "./ask_init.ts";
import { holdSignals } from "./hold_signals.ts";
import type { RefusedFallback } from "./one_shot.ts";
import { readFacts } from "./read_facts.ts";
import { runProgram, systemProgram } from "./system_program.ts";
import { goesOn, interfacesUp, unbindNow, unbindOfLoaded } from "./unbind.ts";

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
  /** The last reboot into the loaded image failed, and nobody insists on another. */
  | { readonly kind: "attempt-failed"; readonly failed: FailedPlan }
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

/**
 * Looks whether an image is loaded, and how to run it; `now` is for not asking the init system, `force` for an image into
 * which the last reboot failed.
 */
export function readyToExec(now: boolean, force = false): Readiness {
  const { facts, diagnostics } = readFacts(undefined);
  if (facts === undefined) return { kind: "no-facts", diagnostics };
  if (facts.kexec.loaded !== true) return { kind: facts.kexec.loaded === false ? "nothing-loaded" : "unknown" };
  const { found } = findRecord("reboot");
  const spent = spentBy(facts, found);
  if (spent !== undefined) return spent;
  const failed = force || found.kind !== "record" || found.record.bootId !== facts.bootId
    ? undefined
    : failedPlanOf(found.record.plan.call, failedPlans(facts));
  if (failed !== undefined) return { kind: "attempt-failed", failed };
  const way = rebootWay(facts, now, comesBack(facts, found), {
    unbind: unbindOfLoaded(facts, found) !== undefined,
    watchdog: watchdogOfLoaded(facts, found) !== undefined,
  });
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
export function rebootWay(
  facts: HostFacts,
  now: boolean,
  returns: boolean | undefined,
  last: LastSteps,
): RebootWay | NoCleanWay {
  if (returns === true) return { kind: "round-trip" };
  return now ? { kind: "now" } : requestTo(facts, last);
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
  /** The guard asks for a way back that the boot loader does not give: nothing was begun. */
  | RefusedFallback
  | SpentPayload
  | RefusedWatchdog;

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

/** The last calls of this system. */
export interface LastCalls {
  /** The calls, in their order. */
  readonly calls: readonly Syscall[];
  /** What the profile takes from its drivers. */
  readonly unbind: PlannedUnbind | undefined;
  /** What of that names no device that has a driver. */
  readonly missing: readonly string[];
}

/**
 * The calls that boot the loaded image at once: the watchdog of its profile's guard is armed, the devices of `unbind` are taken
 * from their drivers, and the network interfaces down. An image that comes back leaves all of these as they are. `plan`: that of an image that is not loaded yet.
 */
export function lastCalls(way: RebootWay, plan?: Plan): LastCalls {
  const { facts } = way.kind === "now" ? readFacts(undefined) : {};
  if (facts === undefined) return { calls: REBOOT_NOW, unbind: undefined, missing: [] };
  const { unbind, guard } = plan ?? loadedPlan(facts, findRecord("reboot").found) ?? {};
  const { devices, missing } = unbindNow(unbind, facts);
  const watchdog = watchdogNow(guard?.watchdog, facts);
  return { calls: rebootCalls({ watchdog, unbind: devices, interfaces: interfacesUp() }), unbind, missing };
}

/** How taking devices from their drivers ended, without a jump. */
export type UnbindOutcome =
  | { readonly kind: "no-facts"; readonly diagnostics: readonly Diagnostic[] }
  | { readonly kind: "unbound"; readonly devices: readonly BoundDevice[] }
  /** The devices before the one that stays have no driver any more. */
  | { readonly kind: "refused"; readonly error: SyscallError; readonly devices: readonly BoundDevice[] };

/** Takes the devices of the loaded image's profile from their drivers: what systemd does late in a shutdown. */
export function unbindLoaded({ onWarning = () => {} }: Pick<ExecOptions, "onWarning"> = {}): UnbindOutcome {
  const { facts, diagnostics } = readFacts(undefined);
  if (facts === undefined) return { kind: "no-facts", diagnostics };
  const unbind = unbindOfLoaded(facts, findRecord("reboot").found);
  const { devices, missing } = unbindNow(unbind, facts);
  using libc = openLibc();
  const calls = devices.map((device) => ({ name: "unbind", device }) as const);
  const run = runCalls({ calls, unbind, missing }, libc, onWarning);
  return run.refused === undefined
    ? { kind: "unbound", devices: run.unbound }
    : { kind: "refused", error: run.refused, devices: run.unbound };
}

/**
 * Runs the loaded image. Does not return where the kernel goes along, unless the init system was asked or the payload comes
 * back. A reboot is written down as an attempt before. The record of a payload that comes back says that it ran, from before
 * the jump on.
 * @throws {StoreError} if the record cannot be written: then nothing has run
 */
export async function execLoaded(way: RebootWay, options: ExecOptions = {}): Promise<ExecOutcome> {
  if (way.kind === "round-trip") return await runWay(way, options);
  const { onWarning = () => {} } = options;
  const { facts } = readFacts(undefined);
  const attempt = facts && await tried(() => recordGuardedDeparture(attemptWay(way), facts), onWarning);
  if (attempt !== undefined && "kind" in attempt) return attempt;
  const unkept = attempt === undefined ? undefined : unkeptGuard(attempt);
  if (unkept !== undefined) onWarning(unkept);
  const unarmed = way.kind === "ask" && way.init === "systemd" ? await armSystemd(facts) : undefined;
  const outcome = unarmed ?? await runWay(way, options);
  if (outcome.kind === "asked") return outcome;
  // The running system goes on: no reboot began. systemd keeps the watchdog of the image, which is still loaded.
  if (attempt !== undefined) {
    const problem = await tried(() => giveUp(attempt), onWarning);
    if (problem !== undefined) onWarning(problem);
  }
  return outcome;
}

/** The plan of what is loaded; undefined without a record of this boot. */
function loadedPlan(facts: HostFacts, found: FoundRecord): Plan | undefined {
  return recordOfBoot(facts, found)?.plan;
}

function watchdogOfLoaded(facts: HostFacts, found: FoundRecord): number | undefined {
  return loadedPlan(facts, found)?.guard?.watchdog;
}

/** Has systemd arm the watchdog of the loaded image's guard, or why it cannot. Without a guard, as it was before. */
async function armSystemd(facts: HostFacts | undefined): Promise<RefusedWatchdog | undefined> {
  const seconds = facts === undefined ? undefined : watchdogOfLoaded(facts, findRecord("reboot").found);
  const set = await setKexecWatchdog(seconds).catch(refusedByStore);
  return set.kind === "watchdog-refused" ? set : undefined;
}

function attemptWay(way: Exclude<RebootWay, { readonly kind: "round-trip" }>): AttemptWay {
  if (way.kind === "now") return "now";
  return way.init === "systemd" ? "systemd" : "init";
}

/** What the store of attempts gives; a warning where it cannot be used, which does not keep a machine from rebooting. */
async function tried<T>(action: () => T | Promise<T>, onWarning: (text: string) => void): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return void onWarning(`The history of this host will lack this reboot. ${error.message}`);
  }
}

async function runWay(way: RebootWay, options: ExecOptions): Promise<ExecOutcome> {
  if (way.kind === "ask" && way.init === "systemd") return await askSystemd(way);
  if (way.kind === "now") return await runLoaded(way, options);
  const { onWait = () => {}, onWarning = () => {} } = options;
  using own = options.store === undefined ? await lockStore({ onWait, onWarning }) : undefined;
  const store = options.store ?? own;
  // The lock is held until the shutdown has begun, and with it the folder of the flag is there and root's.
  if (way.kind === "ask") return await unstopped(() => askInit(way));
  const { facts } = readFacts(undefined);
  const { found } = findRecord("reboot");
  if (store === undefined || facts === undefined || found.kind !== "record") {
    return await runLoaded(way, options);
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
  const outcome = await runLoaded(way, options, runsOnce(record.plan, facts.release));
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
  { onReturn = () => {}, onWarning = () => {} }: ExecOptions,
  once = false,
): Promise<ExecOutcome> {
  using libc = openLibc();
  const last = lastCalls(way);
  // A Ctrl-C that comes while the system is suspended must not suppress the report; then there is nothing left to stop.
  return await holdSignals((): ExecOutcome => {
    const { refused, took } = runCalls(last, libc, onWarning, way.kind === "round-trip");
    if (refused !== undefined) return { kind: "refused", error: refused };
    if (took === undefined) throw new Error("The last calls do not reboot");
    onReturn(took, once);
    return { kind: "returned", took, once };
  }, () => {});
}

/** What became of the last calls: the first that was refused, or how long the payload took that came back. */
interface Run {
  readonly refused?: SyscallError;
  readonly took?: RoundTrip;
  /** The devices that were taken from their drivers. */
  readonly unbound: readonly BoundDevice[];
}

function runCalls(
  { calls, unbind, missing }: LastCalls,
  libc: Libc,
  onWarning: (text: string) => void,
  returns = false,
): Run {
  for (const target of missing) onWarning(`No device with a driver matches \`${target}\` of \`unbind\``);
  const unbound: BoundDevice[] = [];
  const down: string[] = [];
  let took: RoundTrip | undefined;
  const errorOf = (call: Syscall, errno: number): SyscallError => {
    const { facts } = readFacts(undefined);
    if (facts === undefined) throw new Error("Cannot read the facts of the host");
    return new SyscallError({ call, errno, facts, ...(returns ? { returns } : {}) });
  };
  let refused: SyscallError | undefined;
  let armed: { readonly fd: number; readonly seconds: number } | undefined;
  for (const call of calls) {
    const result = roundTrip(() => execute(call, [], libc), libc);
    if (!result.ok) {
      // An interface goes away with its device.
      if (call.name === "set_interface" && errnoName(result.errno) === "ENODEV") continue;
      const error = errorOf(call, result.errno);
      if (goesOn(call, unbind)) {
        onWarning(`${whatStays(call)}: ${error.message}`);
        continue;
      }
      refused = error;
      break;
    }
    if (call.name === "arm_watchdog") armed = { fd: result.value, seconds: call.seconds };
    if (call.name === "unbind") unbound.push(call.device);
    if (call.name === "set_interface") down.push(call.interface);
    // A payload that another program loaded may come back as well.
    if (call.name === "reboot_kexec") took = result.took;
  }
  // This system goes on.
  const goesOff = armed && disarm(armed.fd, armed.seconds, libc, () => readFacts(undefined).facts);
  if (goesOff !== undefined) onWarning(goesOff);
  for (const name of down) execute({ name: "set_interface", interface: name, up: true }, [], libc);
  if (down.length > 0) {
    onWarning(`Network interfaces were down, and are up again: ${down.join(", ")}; routes may be lost`);
  }
  if (refused !== undefined && unbound.length > 0) {
    onWarning(`These devices have no driver now: ${unbound.map(describeDevice).join(", ")}`);
  }
  return { unbound, ...omitUndefined({ refused, took }) };
}

/** What is left as it was by a call that does not stop the reboot: the error names the call alone. */
function whatStays(call: Syscall): string {
  if (call.name === "set_interface") return `The network interface ${call.interface} stays up`;
  return call.name === "unbind" ? `${describeDevice(call.device)} stays with its driver` : call.name;
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
  const end = await runProgram("systemctl", ["--version"]);
  // That systemctl cannot be run shows, and is reported, when it is asked to reboot.
  return end.kind === "missing" ? "" : end.stdout;
}

/** With its own standard output and error, where it may ask for a password. */
async function askSystemd({ command: words }: InitRequest): Promise<Asked> {
  const [program, ...args] = words;
  const command = words.join(" ");
  try {
    const { success, code } = await new Deno.Command(systemProgram(program), { args, stdin: "null" }).spawn().status;
    return success ? { kind: "asked" } : { kind: "init-failed", command, code, text: "" };
  } catch (error) {
    return { kind: "init-missing", command, reason: reasonOf(error) };
  }
}
