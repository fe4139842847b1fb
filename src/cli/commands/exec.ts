import type { NoCleanWay } from "../../app/ask_init.ts";
import type { ExecOutcome, RebootWay, SpentPayload } from "../../app/exec.ts";
import type { StoreLock } from "../../state/record_store.ts";
import type { ExitName } from "../../core/program.ts";
import { type Command, DRY_RUN_OPTION, type Invocation, isSet, NOW_OPTION, OUTCOME_OPTION } from "../command.ts";
import { withOutcome } from "../outcome.ts";
import type { Plan } from "../../plan/plan.ts";
import { visible } from "../../core/text.ts";
import type { Ports } from "../ports.ts";
import { complain, complainRefusal, report, say, warn } from "../report.ts";

/** `warmboot exec`. */
export const exec: Command = {
  name: "exec",
  usage: "",
  words: { min: 0, max: 0 },
  summary: "Reboot into the loaded image",
  description:
    "Asks the init system, so that services stop and file systems are unmounted: systemd (`systemctl kexec`), openrc-init (`openrc-shutdown --kexec now`), or sysvinit, OpenRC and runit by an ordinary reboot, at whose end the hook warmboot-exec boots the image. Elsewhere it refuses without --now, which syncs the file systems and makes the system call at once: nothing is stopped or unmounted.\nJust before the jump, the hardware watchdog of the profile's `guard` is armed: by systemd (its property KExecWatchdogUSec), else by warmboot itself. The devices of the profile's `unbind` are taken from their drivers: by --now and the hook, and under systemd by warmboot-unbind.service, which must be enabled. A driver that hangs then cannot be passed over: it holds the lock that the kernel's own shutdown of the device takes as well. --now also takes the network interfaces down.\nAn image that was loaded with `preserve_context` always gets the system call: the running system is suspended, continues when the payload returns, and reports how long that took. The image stays loaded; kernels before 6.14 need another load before each further run, unless the profile has `reentrant: true`.\nThe system call does not return where it boots a kernel: then -o json prints nothing.",
  options: [
    NOW_OPTION,
    { name: "force", doc: "Reboot into the image even if the last reboot into it failed" },
    {
      name: "unbind",
      doc:
        "Only take the devices of `unbind` from their drivers, and do not jump: for warmboot-unbind.service, late in a shutdown",
    },
    DRY_RUN_OPTION,
    OUTCOME_OPTION,
  ],
  examples: [
    { line: "warmboot exec", doc: "Reboot into the loaded image" },
    { line: "warmboot exec --now", doc: "Without stopping services: for rescue systems and tests" },
  ],
  exits: {
    data: "A fact of the host is malformed",
    unavailable:
      "No image is loaded, the loaded image is unknown, the last reboot into it failed, this host cannot reboot into it, or its init system cannot be asked",
    refused: "The kernel refused the call",
    permission: "The host may not be read",
  },
  run: (invocation, ports) =>
    withOutcome("exec", invocation, ports, (ports, onChange) => run(invocation, ports, onChange)),
};

async function run(invocation: Invocation, ports: Ports, onChange: () => void): Promise<ExitName> {
  if (isSet(invocation, "unbind")) return await unbind(invocation, ports, onChange);
  const { readyToExec } = await import("../../app/exec.ts");
  const ready = readyToExec(isSet(invocation, "now"), isSet(invocation, "force"));
  switch (ready.kind) {
    case "no-facts":
      return report(ready.diagnostics, ports);
    case "nothing-loaded":
      complain("No image is loaded", "Load one first: warmboot load PROFILE", ports);
      return "unavailable";
    case "unknown":
      complain(
        "The running kernel does not say whether an image is loaded, and so may not be able to load any",
        "See what this host allows: warmboot status",
        ports,
      );
      return "unavailable";
    case "no-clean-way":
      return complainOfInit(ready, ports);
    case "pid-namespace":
      return complainOfNamespace(ports);
    case "attempt-failed":
      complain(
        `The last reboot into the loaded image, asked for at ${ready.failed.askedAt}, ${ready.failed.how}`,
        "See warmboot history; --force tries it again",
        ports,
      );
      return "unavailable";
    case "unrecorded":
      complain(
        `What is loaded is not known: ${ready.reason}. If it returns to this system, the init system must not stop it before`,
        "Load it again with warmboot load, or run it as it is, without stopping services: warmboot exec --now",
        ports,
      );
      return "unavailable";
    case "spent":
      return complainOfSpent(ready, ports);
    case "ready":
      if (!isSet(invocation, "dry-run")) return await reboot(ready.way, ports, onChange);
      await dryReboot(ready.way, ports);
      return "ok";
  }
}

/** Takes devices from their drivers, and does not jump. */
async function unbind(invocation: Invocation, ports: Ports, onChange: () => void): Promise<ExitName> {
  if (isSet(invocation, "now")) {
    complain("--unbind and --now are mutually exclusive", "Omit one of them: --now unbinds and jumps", ports);
    return "usage";
  }
  const { lastCalls, unbindLoaded } = await import("../../app/exec.ts");
  if (isSet(invocation, "dry-run")) {
    const { formatSyscall } = await import("../../plan/syscall.ts");
    for (const call of lastCalls({ kind: "now" }).calls) {
      if (call.name === "unbind") ports.out.write(`${formatSyscall(call)}\n`);
    }
    return "ok";
  }
  const outcome = unbindLoaded({ onWarning: (text) => warn(text, undefined, ports) });
  if (outcome.kind === "no-facts") return report(outcome.diagnostics, ports);
  const { describeDevice } = await import("../../plan/unbind.ts");
  if (outcome.devices.length > 0) onChange();
  for (const device of outcome.devices) ports.out.write(`Unbound ${visible(describeDevice(device))}\n`);
  return outcome.kind === "refused" ? complainRefusal(outcome.error, ports) : "ok";
}

function complainOfSpent({ ranAt, release }: SpentPayload, ports: Ports): ExitName {
  complain(
    `The payload ran at ${ranAt}, and kernel ${release} does not keep its entry point: a second run would crash the system`,
    "Load it again before each run: warmboot load PROFILE. If it leaves its next entry point, set `reentrant: true`",
    ports,
  );
  return "unavailable";
}

/** Says why no init system is asked to reboot. */
export function complainOfInit({ message, hint }: NoCleanWay, ports: Ports): ExitName {
  complain(message, hint, ports);
  return "unavailable";
}

/** Says that this process cannot reboot the host. */
export function complainOfNamespace(ports: Ports): ExitName {
  complain(
    "This process runs in a PID namespace of its own, from where reboot(2) boots no loaded image",
    "Run warmboot on the host itself, outside the container",
    ports,
  );
  return "unavailable";
}

/** Prints what a reboot would do; `plan` is that of an image that would be loaded before. */
export async function dryReboot(way: RebootWay, ports: Ports, plan?: Plan): Promise<void> {
  if (way.kind === "ask") {
    if (way.init === "systemd") await warnOfOldSystemd(ports);
    ports.out.write(`${way.command.join(" ")}\n`);
    return;
  }
  const { lastCalls } = await import("../../app/exec.ts");
  const { formatSyscall } = await import("../../plan/syscall.ts");
  for (const call of lastCalls(way, plan).calls) ports.out.write(`${formatSyscall(call)}\n`);
}

function announcement(way: RebootWay): string {
  switch (way.kind) {
    case "ask":
      return `Asking ${way.init} to reboot into the loaded image: ${way.command.join(" ")}`;
    case "now":
      return "Rebooting into the loaded image now";
    case "round-trip":
      return "Running the loaded payload; the system goes on when it returns";
  }
}

/** Runs the loaded image. Does not return where the kernel goes along, unless the payload comes back. */
export async function reboot(
  way: RebootWay,
  ports: Ports,
  onChange: () => void,
  store?: StoreLock,
): Promise<ExitName> {
  const { execLoaded } = await import("../../app/exec.ts");
  const { describeRoundTrip } = await import("../../state/round_trip.ts");
  if (way.kind === "ask" && way.init === "systemd") await warnOfOldSystemd(ports);
  say(announcement(way), ports);
  const outcome = await execLoaded(way, {
    store,
    onWait: (text) => say(text, ports),
    onWarning: (text) => warn(text, undefined, ports),
    onReturn: (took, once) => {
      onChange();
      ports.out.write(`${describeRoundTrip(took)}\n`);
      say(
        once
          ? "Load it again with warmboot load before the next run, or unload it with warmboot unload"
          : "The image stays loaded: run it again with warmboot exec, or unload it with warmboot unload",
        ports,
      );
    },
  });
  if (outcome.kind === "asked") onChange();
  return exitOfExec(outcome, ports);
}

function exitOfExec(outcome: ExecOutcome, ports: Ports): ExitName {
  switch (outcome.kind) {
    case "asked":
    case "returned":
      return "ok";
    case "spent":
      return complainOfSpent(outcome, ports);
    case "fallback-refused":
    case "watchdog-refused":
      complain(outcome.message, outcome.hint, ports);
      return "unavailable";
    case "refused":
      return complainRefusal(outcome.error, ports);
    case "init-failed":
      complain(
        `${outcome.command} failed with exit code ${outcome.code}${
          outcome.text === "" ? "" : `: ${outcome.text.trim()}`
        }`,
        `${
          outcome.command.startsWith("systemctl") ? "See journalctl -b; " : ""
        }warmboot exec --now bypasses the init system`,
        ports,
      );
      return "unavailable";
    case "init-missing":
      complain(
        `${outcome.command.split(" ", 1)[0]} cannot be run: ${outcome.reason}`,
        "warmboot exec --now bypasses the init system, and stops no service",
        ports,
      );
      return "unavailable";
    case "init-silent":
      complain(
        `${outcome.command} succeeded, but no shutdown began within 30 s`,
        "See what PID 1 prints on the console; warmboot exec --now bypasses the init system, and stops no service",
        ports,
      );
      return "unavailable";
  }
}

/** Says so where systemd is too old to boot the image by itself. */
async function warnOfOldSystemd(ports: Ports): Promise<void> {
  const version = await (await import("../../app/exec.ts")).oldSystemd();
  if (version === undefined) return;
  warn(
    `systemd ${version} needs /sbin/kexec for this, which does not exist: it would reboot normally`,
    "Install kexec-tools, or bypass systemd: warmboot exec --now",
    ports,
  );
}
