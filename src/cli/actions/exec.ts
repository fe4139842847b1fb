import type { ExitName } from "../../core/program.ts";
import type { HostFacts } from "../../host/facts.ts";
import { execute } from "../../syscall/execute.ts";
import { openLibc } from "../../syscall/libc.ts";
import { comesBack, describeRoundTrip, roundTrip } from "../../state/round_trip.ts";
import { SyscallError } from "../../syscall/errors/syscall_error.ts";
import { REBOOT_NOW } from "../../plan/lower.ts";
import { formatSyscall } from "../../plan/syscall.ts";
import { type Invocation, isSet } from "../command.ts";
import { holdSignals } from "../../app/hold_signals.ts";
import type { Ports } from "../ports.ts";
import { readFacts } from "../../app/prepare.ts";
import { findRecord } from "../../state/record_store.ts";
import { complain, report, say, warn } from "../report.ts";
import { isThere } from "../../app/files/write_whole.ts";

/**
 * How to run the loaded image: by asking systemd, by the system call itself, or by that call for an image that comes back.
 * systemd would stop the system, which is to go on.
 */
export type RebootWay = "systemd" | "now" | "round-trip";

/** Does what `warmboot exec` is asked to. */
export async function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
  const { facts, diagnostics } = readFacts(undefined);
  if (facts === undefined) return report(diagnostics, ports);
  if (facts.kexec.loaded !== true) {
    if (facts.kexec.loaded === false) complain("No image is loaded", "Load one first: warmboot load PROFILE", ports);
    else {
      complain(
        "The running kernel does not say whether an image is loaded, and so may not be able to load any",
        "See what this host allows: warmboot status",
        ports,
      );
    }
    return "unavailable";
  }
  const way = rebootWay(facts, isSet(invocation, "now"), comesBack(facts, findRecord("reboot").found));
  const refused = refuseReboot(way, facts, ports);
  if (refused !== undefined) return refused;
  if (!isSet(invocation, "dry-run")) return await reboot(way, ports);
  if (way === "systemd") await warnOfOldSystemd(ports);
  if (way === "systemd") ports.out.write("systemctl kexec\n");
  else for (const call of REBOOT_NOW) ports.out.write(`${formatSyscall(call)}\n`);
  return "ok";
}

/** Through systemd where it is PID 1, unless told otherwise, or the image is known to come back. */
export function rebootWay(facts: HostFacts, now: boolean, returns: boolean | undefined): RebootWay {
  if (returns === true) return "round-trip";
  return facts.systemd && !now ? "systemd" : "now";
}

/** Says why this process cannot reboot into a loaded image; undefined if, as far as is known, it can. */
export function refuseReboot(way: RebootWay, facts: HostFacts, ports: Ports): ExitName | undefined {
  if (way === "systemd" || facts.initPidNamespace !== false) return undefined;
  complain(
    "This process runs in a PID namespace of its own, from where reboot(2) boots no loaded image",
    "Run warmboot on the host itself, outside the container",
    ports,
  );
  return "unavailable";
}

/** Runs the loaded image. Does not return where the kernel goes along, unless the payload comes back. */
export async function reboot(way: RebootWay, ports: Ports): Promise<ExitName> {
  if (way === "systemd") return await askSystemd(ports);
  const returns = way === "round-trip";
  say(
    returns ? "Running the loaded payload; the system goes on when it returns" : "Rebooting into the loaded image now",
    ports,
  );
  using libc = openLibc();
  // A Ctrl-C that comes while the system stands still must not keep the report back; then there is nothing left to stop.
  return await holdSignals(() => {
    for (const call of REBOOT_NOW) {
      const result = roundTrip(() => execute(call, [], libc), libc);
      if (!result.ok) {
        const { facts } = readFacts(undefined);
        if (facts === undefined) throw new Error("Cannot read the facts of the host");
        throw new SyscallError({ call, errno: result.errno, facts, ...(returns ? { returns } : {}) });
      }
      // A payload that another program loaded may come back as well.
      if (call.name === "reboot_kexec") {
        ports.out.write(`${describeRoundTrip(result.took)}\n`);
        say("The image stays loaded: run it again with warmboot exec, or take it back with warmboot unload", ports);
      }
    }
    return "ok";
  }, () => {});
}

/** Before it, systemd left the last step to this program, and without it rebooted through the firmware. */
const SYSTEMD_WITHOUT_KEXEC_TOOLS = 246;

/** What to warn of before `systemctl kexec`, from what `systemctl --version` says; undefined if it boots the image. */
export function oldSystemdWarning(versionOutput: string, hasKexecTool: boolean): string | undefined {
  const version = Number(/^systemd (\d+)/.exec(versionOutput)?.[1] ?? Infinity);
  if (hasKexecTool || version >= SYSTEMD_WITHOUT_KEXEC_TOOLS) return undefined;
  return `systemd ${version} needs /sbin/kexec for this, which is not there: it would reboot in the ordinary way`;
}

/** Says so where systemd is too old to boot the image by itself. */
export async function warnOfOldSystemd(ports: Ports): Promise<void> {
  const warning = oldSystemdWarning(await systemdVersion(), isThere("/sbin/kexec"));
  if (warning !== undefined) warn(warning, "Install kexec-tools, or go without systemd: warmboot exec --now", ports);
}

async function systemdVersion(): Promise<string> {
  try {
    const { stdout } = await new Deno.Command("systemctl", { args: ["--version"], stdin: "null" }).output();
    return new TextDecoder().decode(stdout);
  } catch {
    // That systemctl cannot be run shows, and is told, when it is asked to reboot.
    return "";
  }
}

async function askSystemd(ports: Ports): Promise<ExitName> {
  await warnOfOldSystemd(ports);
  say("Asking systemd to reboot into the loaded image: systemctl kexec", ports);
  try {
    const { success, code } = await new Deno.Command("systemctl", { args: ["kexec"], stdin: "null" }).spawn().status;
    if (success) return "ok";
    complain(
      `systemctl kexec failed with exit code ${code}`,
      "See journalctl -b; warmboot exec --now goes without systemd",
      ports,
    );
  } catch (error) {
    complain(
      `systemctl cannot be run: ${error instanceof Error ? error.message : error}`,
      "warmboot exec --now goes without systemd, and stops no service",
      ports,
    );
  }
  return "unavailable";
}
