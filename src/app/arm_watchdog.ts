import { join } from "@std/path/posix";
import { formatDuration } from "../core/duration.ts";
import type { HostFacts } from "../host/facts.ts";
import { chosenWatchdog, describeWatchdog } from "../plan/watchdog.ts";
import { resetAfter } from "../plan/watchdog_drivers.ts";
import { makeOwnFolder, RECORD_DIRECTORY, removeIfThere, StoreError, useStore } from "../state/record_store.ts";
import type { Libc } from "../syscall/libc.ts";
import type { ProgramEnd } from "./ask_init.ts";
import { isThere, PRIVATE, replaceFile } from "./files/write_whole.ts";
import { runProgram } from "./system_program.ts";

/** What is done to have systemd arm the watchdog; tests pass one of their own. */
export interface BusHost {
  /** Runs busctl to its end. */
  run(args: readonly string[]): Promise<ProgramEnd>;
  /** Where what systemd had before is kept. */
  readonly directory: string;
}

/** How the request to systemd ended. */
export type SetKexecWatchdog =
  /** systemd arms the watchdog before it jumps, or no longer does. */
  | { readonly kind: "set" }
  /** It was as it is to be. */
  | { readonly kind: "unchanged" }
  | RefusedWatchdog;

/** systemd cannot be asked to arm the watchdog. */
export interface RefusedWatchdog {
  /** The name of this outcome. */
  readonly kind: "watchdog-refused";
  /** Why, for people. */
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
}

/** The file that has what systemd had before, in microseconds: from then on until that is restored. */
const SAVED = "kexec-watchdog";

/** The property of systemd's manager: how long until the watchdog resets a machine whose reboot by kexec hangs. */
const PROPERTY = [
  "org.freedesktop.systemd1",
  "/org/freedesktop/systemd1",
  "org.freedesktop.systemd1.Manager",
  "KExecWatchdogUSec",
] as const;

/**
 * Has systemd arm the watchdog before it jumps, for so many seconds; or, without any, leaves it as it was before the first of
 * them. systemd forgets it at the reboot.
 * @throws {StoreError} if what it had before cannot be kept
 */
export async function setKexecWatchdog(seconds: number | undefined, host: BusHost = LIVE): Promise<SetKexecWatchdog> {
  const path = join(host.directory, SAVED);
  const saved = readSaved(path);
  if (seconds === undefined) {
    if (saved === undefined) return { kind: "unchanged" };
    const refused = await setProperty(saved, host);
    if (refused !== undefined) return refused;
    useStore(`remove ${path}`, () => removeIfThere(path));
    return { kind: "set" };
  }
  const before = await host.run(["get-property", ...PROPERTY]);
  const value = before.kind === "ended" && before.code === 0 ? /^t (\d+)\s*$/.exec(before.text)?.[1] : undefined;
  if (value === undefined) return refusedBy(before);
  if (saved === undefined) {
    useStore(`write ${path}`, () => {
      makeOwnFolder(host.directory);
      replaceFile(path, `${value}\n`, PRIVATE);
    });
  }
  const wanted = `${BigInt(seconds) * 1_000_000n}`;
  return value === wanted ? { kind: "unchanged" } : await setProperty(wanted, host) ?? { kind: "set" };
}

/**
 * The same for an image that was loaded just now, or unloaded: whoever asks systemd to boot it, the watchdog is armed. A crash
 * image changes nothing: systemd does not boot it. Elsewhere the watchdog is armed by the one who jumps.
 */
export async function followLoaded(
  { crash, seconds }: { readonly crash: boolean; readonly seconds?: number | undefined },
  { systemd }: Pick<HostFacts, "systemd">,
  onWarning: (text: string) => void,
  host: BusHost = LIVE,
): Promise<void> {
  if (!systemd || crash) return;
  const set = await setKexecWatchdog(seconds, host).catch(refusedByStore);
  if (set.kind === "watchdog-refused") onWarning(`${set.message}. Only warmboot itself can boot the image guarded`);
}

function readSaved(path: string): string | undefined {
  return useStore(`read ${path}`, () => {
    if (!isThere(path)) return undefined;
    const text = Deno.readTextFileSync(path).trim();
    // Nobody but root writes there; what is cut off is worth nothing.
    return /^\d{1,20}$/.test(text) ? text : "0";
  });
}

async function setProperty(value: string, host: BusHost): Promise<RefusedWatchdog | undefined> {
  const end = await host.run(["set-property", ...PROPERTY, "t", value]);
  return end.kind === "ended" && end.code === 0 ? undefined : refusedBy(end);
}

function refusedBy(end: ProgramEnd): RefusedWatchdog {
  const why = end.kind === "missing" ? `busctl cannot be run: ${end.reason}` : `busctl: ${end.text.trim()}`;
  return {
    kind: "watchdog-refused",
    message: `systemd cannot be asked to arm the watchdog (KExecWatchdogUSec): ${why}`,
    hint: "systemd 245 and newer have it, and need D-Bus for it; or jump without systemd: `warmboot exec --now`",
  };
}

/** This machine. */
const LIVE: BusHost = {
  async run(args) {
    const end = await runProgram("busctl", ["--system", ...args], { LC_ALL: "C" });
    if (end.kind === "missing") return end;
    return { kind: "ended", code: end.code, text: end.code === 0 ? end.stdout : end.stderr };
  },
  directory: RECORD_DIRECTORY,
};

/** The watchdog that is armed just before the jump; undefined without a guard that has one. */
export function watchdogNow(
  seconds: number | undefined,
  facts: HostFacts,
): { readonly device: string; readonly seconds: number } | undefined {
  if (seconds === undefined) return undefined;
  // Where there is none, opening it says so.
  return { device: chosenWatchdog(facts)?.name ?? "watchdog0", seconds };
}

/** Disarms a watchdog, since the jump did not happen; says what that leaves where it cannot be stopped. */
export function disarm(
  fd: number,
  seconds: number,
  libc: Pick<Libc, "disarmWatchdog">,
  factsNow: () => HostFacts | undefined,
): string | undefined {
  const { ok } = libc.disarmWatchdog(fd);
  const facts = factsNow();
  const chosen = facts === undefined ? undefined : chosenWatchdog(facts);
  if (ok && chosen?.device?.active !== true) return undefined;
  const name = chosen === undefined ? "The watchdog" : describeWatchdog(chosen);
  const within = formatDuration(resetAfter(seconds, chosen?.driver));
  return `${name} cannot be stopped, and resets the machine within ${within} unless something opens and pings it`;
}

/** What `StoreError` says where the watchdog's former value cannot be kept. */
export function refusedByStore(error: unknown): RefusedWatchdog {
  if (!(error instanceof StoreError)) throw error;
  return {
    kind: "watchdog-refused",
    message: `The watchdog of systemd is left as it is: ${error.message}`,
    hint: "Free space in /run; or jump without systemd: `warmboot exec --now`",
  };
}
