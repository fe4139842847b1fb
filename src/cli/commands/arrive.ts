import type { ExitName } from "../../core/program.ts";
import type { HostFacts } from "../../host/facts.ts";
import { type Command, isSet, OUTCOME_OPTION } from "../command.ts";
import { withOutcome } from "../outcome.ts";
import { withHost } from "../host.ts";
import type { Ports } from "../ports.ts";
import { complain, say, warn } from "../report.ts";

/** `warmboot arrive`. */
export const arrive: Command = {
  name: "arrive",
  usage: "",
  words: { min: 0, max: 0 },
  summary: "Write down how the last reboot ended; at each boot",
  description:
    "For warmboot-arrive.service, or the boot scripts of another init system. Holds the running system against the last reboot into a loaded image: did that image arrive, or did the firmware boot something else? It writes the answer to /var/lib/warmboot/attempts, where `warmboot history` finds it. In a crash kernel it does nothing.\nThe clock of `guard.confirm` starts with it. With --wait it stays until the running system is confirmed: for warmboot-deadline.service, or a supervisor of another init system. When the time is up, it writes that down, unloads what is loaded, and has the init system reboot through the firmware; if the shutdown hangs, it reboots without stopping services, and at last by the system call.",
  options: [
    {
      name: "wait",
      doc: "Stay until the running system is confirmed, and reboot through the firmware when its guard's time is up",
    },
    OUTCOME_OPTION,
  ],
  examples: [
    { line: "warmboot arrive", doc: "Early in the boot, once /var is mounted" },
    { line: "warmboot arrive --wait", doc: "The same, and the deadline of a guarded reboot" },
  ],
  exits: {
    data: "A fact of the host is malformed",
    refused: "With --wait: the kernel refused to reboot",
    permission: "The host may not be read, or the attempts may not be written",
  },
  run: (invocation, ports) =>
    withOutcome(
      "arrive",
      invocation,
      ports,
      (ports, onChange) =>
        withHost(
          ports,
          (facts) => isSet(invocation, "wait") ? wait(facts, ports, onChange) : arriveAt(facts, ports, onChange),
        ),
    ),
};

async function arriveAt(facts: HostFacts, ports: Ports, onChange: () => void): Promise<ExitName> {
  const { arrive, findDeadline } = await import("../../app/attempts.ts");
  const { describeEnd } = await import("../../render/history.ts");
  const arrival = arrive(facts);
  switch (arrival.kind) {
    case "crash-kernel":
      say("This is a crash kernel, so that no attempt is looked at", ports);
      return "ok";
    case "nothing-open":
      ports.out.write("No reboot is waiting for its end\n");
      break;
    case "ended":
      onChange();
      for (const problem of arrival.problems) warn(problem, undefined, ports);
      ports.out.write(`The reboot of ${arrival.attempt.askedAt}: ${describeEnd(arrival.attempt)}\n`);
      break;
  }
  const deadline = findDeadline(facts);
  if (deadline !== undefined) {
    const { formatDuration } = await import("../../core/duration.ts");
    const left = Math.max(0, Math.ceil(deadline.due - Deno.osUptime()));
    say(
      `Its guard gives it ${formatDuration(deadline.confirm)} to be confirmed, of which ${left} s are left`,
      ports,
    );
  }
  return "ok";
}

/** Arrives, and stays as long as the guard of the running system runs. */
async function wait(facts: HostFacts, ports: Ports, onChange: () => void): Promise<ExitName> {
  const { findConfirmed, findDeadline, isCrashKernel } = await import("../../app/attempts.ts");
  const { noteKeeper } = await import("../../app/keep_watchdog.ts");
  const { StoreError } = await import("../../state/record_store.ts");
  const events = {
    onSay: (text: string) => say(text, ports),
    onWarning: (text: string) => warn(text, undefined, ports),
  };
  for (const step of [() => noteKeeper(facts), () => arriveAt(facts, ports, onChange)]) {
    try {
      await step();
    } catch (error) {
      // A full disk, or one that is read-only, does not end the guard.
      if (!(error instanceof StoreError)) throw error;
      warn(error.message, undefined, ports);
    }
  }
  const deadline = isCrashKernel(facts) ? undefined : findDeadline(facts);
  const { awaitDeadline, keepUnstopped } = await import("../../app/deadline.ts");
  if (deadline === undefined) {
    ports.out.write("No guard waits for a confirmation\n");
    const confirmed = findConfirmed(facts);
    if (confirmed !== undefined) await keepUnstopped(confirmed, facts, events);
    return "ok";
  }
  const end = await awaitDeadline(deadline, facts, events);
  switch (end.kind) {
    case "confirmed":
      ports.out.write(`${facts.release} is confirmed\n`);
      return "ok";
    case "refused":
      complain(`The kernel refused to reboot: ${end.errno}`, "Reboot by hand", ports);
      return "refused";
  }
}
