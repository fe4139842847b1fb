import { reasonOf } from "../core/diagnostic.ts";
import { formatDuration } from "../core/duration.ts";
import type { HostFacts } from "../host/facts.ts";
import { type InitSystem, initSystem } from "../host/init_system.ts";
import type { Deadline } from "../state/deadline.ts";
import { StoreError } from "../state/record_store.ts";
import { errnoName } from "../syscall/errno.ts";
import { type CallResult, LibcError, openLibc } from "../syscall/libc.ts";
import { EXEC_FLAG, type ProgramEnd } from "./ask_init.ts";
import { expire, isConfirmed } from "./attempts.ts";
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
    if (host.isConfirmed()) return { kind: "confirmed" };
    await host.pause(Math.min(left, INTERVAL));
  }
  host.stay();
  onSay(`Nobody confirmed this system within ${formatDuration(confirm)}: rebooting through the firmware`);
  try {
    if (!host.expire()) return { kind: "confirmed" };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    onWarning(`The history of this host will lack that nobody confirmed this system. ${error.message}`);
  }
  return await rebootCold(init, { onSay, onWarning }, host);
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
  return await keepDeadline(deadline, initSystem(facts), events, {
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
      for (const signal of ["SIGINT", "SIGHUP"] as const) Deno.addSignalListener(signal, () => {});
      Deno.addSignalListener("SIGTERM", () => {
        if (isLastStage()) Deno.exit(0);
      });
    },
    run,
    sync: () => libc.sync(),
    restart: () => libc.restart(),
    restartAt: (time) => libc.restartAt(BigInt(Math.ceil(time)) * 1_000_000_000n),
  });
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
