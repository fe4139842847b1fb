import { reasonOf } from "../core/diagnostic.ts";
import { omitUndefined } from "../core/shape.ts";
import { formatDuration } from "../core/duration.ts";
import type { HostFacts } from "../host/facts.ts";
import { type InitSystem, initSystem } from "../host/init_system.ts";
import type { Attempt } from "../state/attempt.ts";
import type { Deadline } from "../state/deadline.ts";
import { StoreError } from "../state/record_store.ts";
import { errnoName } from "../syscall/errno.ts";
import { type CallResult, type Libc, LibcError, openLibc } from "../syscall/libc.ts";
import { EXEC_FLAG, type ProgramEnd } from "./ask_init.ts";
import { expire, isConfirmed, noteDeadline } from "./attempts.ts";
import { isActiveHere, keepWatchdog, type KeptWatchdog, pingInterval, watchdogHere } from "./keep_watchdog.ts";
import { systemProgram } from "./system_program.ts";
import { unload, type UnloadOutcome } from "./unload.ts";

/** What waiting for the deadline and a cold reboot need of the host; tests pass one of their own. */
export interface DeadlineHost {
  /** Seconds of CLOCK_BOOTTIME. */
  uptime(): number;
  /** Waits for so many seconds. */
  pause(seconds: number): Promise<void>;
  /** Whether somebody confirmed the running system. */
  isConfirmed(): boolean;
  /** Writes down that nobody did; false where somebody did meanwhile. @throws {StoreError} */
  expire(): boolean;
  /** Unloads the image for a reboot. @throws {StoreError | LibcError} */
  unload(): Promise<UnloadOutcome>;
  /** Removes the flag by which the hooks of init systems boot a loaded image. */
  removeFlag(): void;
  /** From now on, the stop of the unit that this runs in does not end it. */
  stay(): void;
  /** Waits until this process is stopped. */
  untilStopped(): Promise<void>;
  /** The watchdog that is pinged meanwhile; absent where nothing is to keep one. */
  readonly watchdog?: KeptWatchdog | undefined;
  /** Runs a program of the system, for so many seconds at most. */
  run(command: Command, seconds: number): Promise<ProgramEnd | { readonly kind: "hangs" }>;
  /** sync(2). */
  sync(): void;
  /** reboot(2), through the firmware. */
  restart(): CallResult;
  /** The same at a time of CLOCK_BOOTTIME in seconds, whatever this process hangs in. */
  restartAt(time: number): CallResult;
}

type Command = readonly [string, ...string[]];

/** Whom to say what happens. */
export interface DeadlineEvents {
  /** Called with what happens. */
  readonly onSay: (text: string) => void;
  /** Called with what failed; the reboot goes on. */
  readonly onWarning: (text: string) => void;
}

/** How waiting ended; where nobody confirmed, the machine reboots, and nothing is returned unless that fails. */
export type DeadlineEnd =
  | { readonly kind: "confirmed" }
  /** The kernel refused to reboot. */
  | { readonly kind: "refused"; readonly errno: string };

/** Seconds between two looks whether the system is confirmed. */
const INTERVAL = 5;

/** Seconds for an init system's program to answer. */
const ANSWER = 30;

/**
 * What asks for a cold reboot, one after the other, each with the seconds that the shutdown may then take. The first stops
 * services. The second, where there is one, stops none, but unmounts. None of them boots a loaded image, if none is loaded;
 * those of systemd do not even then: `systemctl reboot` heeds SYSTEMCTL_SKIP_AUTO_KEXEC (257), and --force never boots one.
 */
const COLD: { readonly [init in InitSystem]: readonly (readonly [command: Command, seconds: number])[] } = {
  systemd: [[["systemctl", "reboot", "-i"], 180], [["systemctl", "reboot", "--force"], 60]],
  sysvinit: [[["shutdown", "-r", "now"], 180]],
  "openrc-init": [[["openrc-shutdown", "--reboot", "now"], 180]],
  runit: [[["init", "6"], 180]],
  s6: [[["reboot"], 180]],
  dinit: [[["reboot"], 180]],
  busybox: [[["reboot"], 180]],
  unknown: [],
};

/**
 * Seconds after the deadline at which a thread of its own asks the kernel: after all of the above, and the minute in which
 * another warmboot may hold the lock.
 */
const LAST_RESORT = 420;

/**
 * Waits until the running system is confirmed, or its time is up. Then the machine reboots through the firmware, never by
 * kexec: what is loaded is unloaded, and the init system asked; where the shutdown hangs, without stopping services, and at
 * last by reboot(2). A thread of libc's makes that call too, some minutes after the deadline, whatever this process hangs in.
 */
export async function keepDeadline(
  { due, confirm }: Deadline,
  init: InitSystem,
  { onSay, onWarning }: DeadlineEvents,
  host: DeadlineHost,
): Promise<DeadlineEnd> {
  const armed = host.restartAt(due + LAST_RESORT);
  if (!armed.ok) {
    onWarning(`If this process hangs, nothing takes its place: timer_create failed with ${errnoName(armed.errno)}`);
  }
  for (let left = due - host.uptime(); left > 0; left = due - host.uptime()) {
    if (host.isConfirmed()) return await confirmed(host, onSay);
    await host.pause(Math.min(left, INTERVAL));
  }
  host.stay();
  onSay(`Nobody confirmed this system within ${formatDuration(confirm)}: rebooting through the firmware`);
  try {
    if (!host.expire()) return await confirmed(host, onSay);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    onWarning(`The history of this host will lack that nobody confirmed this system. ${error.message}`);
  }
  // From here on, systemd has it watch the shutdown (RebootWatchdogSec=), and can have it only if it is closed.
  if (host.watchdog?.close() === false) onWarning(RUNS_ON);
  return await rebootCold(init, { onSay, onWarning }, host);
}

const RUNS_ON = "The watchdog cannot be stopped (nowayout): this process pings it until the machine goes down";

async function confirmed(host: DeadlineHost, onSay: DeadlineEvents["onSay"]): Promise<DeadlineEnd> {
  if (host.watchdog?.close() === false) {
    onSay(RUNS_ON);
    await host.untilStopped();
  }
  return { kind: "confirmed" };
}

async function rebootCold(
  init: InitSystem,
  { onSay, onWarning }: DeadlineEvents,
  host: DeadlineHost,
): Promise<DeadlineEnd> {
  host.removeFlag();
  const unloaded = await unloadAll(host, onWarning);
  // An init system may boot what is loaded (Gentoo's sysvinit); reboot(2) does not.
  const ways = unloaded || init === "systemd" ? COLD[init] : [];
  for (const [command, seconds] of ways) {
    const line = command.join(" ");
    onSay(line);
    const end = await host.run(command, ANSWER);
    const failure = failureOf(end);
    if (failure === undefined) {
      await host.pause(seconds);
      onWarning(`${line} was accepted, but the machine still runs ${seconds} s later`);
    } else onWarning(`${line} ${failure}`);
  }
  onSay("Rebooting by the system call");
  host.sync();
  const restarted = host.restart();
  return { kind: "refused", errno: restarted.ok ? "no error" : errnoName(restarted.errno) };
}

/** Whether no image for a reboot is loaded any more. */
async function unloadAll(host: DeadlineHost, onWarning: DeadlineEvents["onWarning"]): Promise<boolean> {
  try {
    const outcome = await host.unload();
    switch (outcome.kind) {
      case "unloaded":
      case "nothing-loaded":
        return true;
      case "still-recorded":
        onWarning(outcome.error.message);
        return true;
      case "no-facts":
        onWarning("The loaded image cannot be unloaded: the facts of the host cannot be read");
        return false;
      case "refused":
        onWarning(`The loaded image cannot be unloaded: ${outcome.error.message}`);
        return false;
    }
  } catch (error) {
    if (!(error instanceof StoreError || error instanceof LibcError)) throw error;
    onWarning(`The loaded image cannot be unloaded: ${error.message}`);
    return false;
  }
}

function failureOf(end: Awaited<ReturnType<DeadlineHost["run"]>>): string | undefined {
  switch (end.kind) {
    case "missing":
      return `cannot be run: ${end.reason}`;
    case "hangs":
      return `did not answer within ${ANSWER} s`;
    case "ended":
      if (end.code === 0) return undefined;
      return `failed with exit code ${end.code}${end.text === "" ? "" : `: ${end.text.trim()}`}`;
  }
}

/** Waits on this machine; see `keepDeadline`. @throws {LibcError} if libc cannot be opened */
export async function awaitDeadline(
  deadline: Deadline,
  facts: HostFacts,
  events: DeadlineEvents,
): Promise<DeadlineEnd> {
  using libc = openLibc();
  let stays = false;
  const note = (what: "kept" | "stopped"): void => {
    try {
      noteDeadline(deadline, what);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      events.onWarning(`A later boot will not know how this one ended. ${error.message}`);
    }
  };
  using watchdog = pinged(deadline.attempt, facts, events, libc, {
    mayEnd: () => !stays || isLastStage(),
    // Not once its time is up: then the outcome says so.
    onEnd: () => stays || note("stopped"),
  });
  note("kept");
  return await keepDeadline(deadline, initSystem(facts), events, {
    watchdog: watchdog.kept,
    untilStopped: forever,
    uptime: () => Number(libc.clock("boottime")) / 1e9,
    pause,
    isConfirmed: () => isConfirmed(deadline.attempt),
    expire: () => expire(deadline),
    unload: () => unload(false, events),
    removeFlag: () => {
      try {
        Deno.removeSync(EXEC_FLAG);
      } catch {
        // Nobody asked for a reboot into the loaded image.
      }
    },
    stay: () => {
      stays = true;
      for (const signal of ["SIGINT", "SIGHUP"] as const) Deno.addSignalListener(signal, () => {});
    },
    run,
    sync: () => libc.sync(),
    restart: () => libc.restart(),
    restartAt: (time) => libc.restartAt(BigInt(Math.ceil(time)) * 1_000_000_000n),
  });
}

/** What a SIGTERM does. */
interface Ending {
  /** Whether it ends this process. */
  readonly mayEnd: () => boolean;
  /** Called before that. */
  readonly onEnd: () => void;
}

/**
 * Pings the watchdog of an attempt's guard from now on, if warmboot is to keep it. Where a SIGTERM ends this process, what is kept
 * is left in order.
 */
function pinged(
  { guard }: Attempt,
  facts: HostFacts,
  events: DeadlineEvents,
  libc: Libc,
  { mayEnd, onEnd }: Ending,
): Disposable & { readonly kept?: KeptWatchdog } {
  const { watchdog: seconds, device } = guard ?? {};
  const kept = seconds === undefined || device?.keeper !== "warmboot"
    ? undefined
    : keepWatchdog(watchdogHere(device, facts), seconds, events, {
      armWatchdog: (path, time) => libc.armWatchdog(path, time),
      pingWatchdog: (fd) => libc.pingWatchdog(fd),
      disarmWatchdog: (fd) => libc.disarmWatchdog(fd),
      isActive: isActiveHere,
    });
  kept?.ping();
  const timer = kept && setInterval(() => kept.ping(), pingInterval(seconds ?? 0));
  const stop = (): void => {
    if (!mayEnd()) return;
    kept?.leave();
    onEnd();
    Deno.exit(0);
  };
  Deno.addSignalListener("SIGTERM", stop);
  return {
    ...omitUndefined({ kept }),
    [Symbol.dispose]() {
      clearInterval(timer);
      Deno.removeSignalListener("SIGTERM", stop);
    },
  };
}

/**
 * Goes on where another process like this one ended: a watchdog that could not be stopped when the system was confirmed is
 * pinged until this process is stopped. Returns at once where there is none. @throws {LibcError} if libc cannot be opened
 */
export async function keepUnstopped(attempt: Attempt, facts: HostFacts, events: DeadlineEvents): Promise<void> {
  const { device } = attempt.guard ?? {};
  if (device?.keeper !== "warmboot" || isActiveHere(watchdogHere(device, facts)) !== true) return;
  using libc = openLibc();
  using watchdog = pinged(attempt, facts, events, libc, { mayEnd: () => true, onEnd: () => {} });
  if (watchdog.kept?.ping() !== true) return;
  events.onSay(RUNS_ON);
  await forever();
}

/** Never resolves; a timer of the watchdog keeps the process alive. */
function forever(): Promise<void> {
  return new Promise(() => {});
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** Whether PID 1 is systemd-shutdown, which ends all processes, unmounts and reboots, each in bounded time. */
function isLastStage(): boolean {
  try {
    return Deno.readTextFileSync("/proc/1/comm").startsWith("systemd-shutdow");
  } catch {
    return true;
  }
}

/** As systemd would otherwise turn a reboot into a kexec (257). */
const ENVIRONMENT = { SYSTEMCTL_SKIP_AUTO_KEXEC: "1", SYSTEMCTL_SKIP_AUTO_SOFT_REBOOT: "1" };

async function run([program, ...args]: Command, seconds: number): ReturnType<DeadlineHost["run"]> {
  try {
    const child = new Deno.Command(systemProgram(program), {
      args,
      env: ENVIRONMENT,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const ended = child.output().then(({ code, stderr }) => ({
      kind: "ended" as const,
      code,
      text: new TextDecoder().decode(stderr),
    }));
    const end = await Promise.race([ended, pause(seconds).then(() => ({ kind: "hangs" as const }))]);
    if (end.kind === "hangs") child.kill("SIGKILL");
    return end;
  } catch (error) {
    return { kind: "missing", reason: reasonOf(error) };
  }
}
