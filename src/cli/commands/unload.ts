import type { UnloadOutcome } from "../../app/unload.ts";
import type { ExitName } from "../../core/program.ts";
import { type Command, DRY_RUN_OPTION, type Invocation, isSet, OUTCOME_OPTION } from "../command.ts";
import { withOutcome } from "../outcome.ts";
import type { Ports } from "../ports.ts";
import { complain, complainRefusal, report, say, warn } from "../report.ts";

/** `warmboot unload`. */
export const unload: Command = {
  name: "unload",
  usage: "",
  words: { min: 0, max: 0 },
  summary: "Drop the loaded image",
  description:
    "Takes back what `load` did, and what a boot loader was asked for a reboot that `exec` began and that was cancelled (`guard.fallback`). Uses the call that works under kernel lockdown; a kernel without it gets kexec_load with no segments. Where nothing is loaded, no call is made, since the host may limit the number of calls.",
  options: [{ name: "crash", doc: "Drop the crash image, not the one for a reboot" }, DRY_RUN_OPTION, OUTCOME_OPTION],
  examples: [
    { line: "warmboot unload", doc: "The next reboot is an ordinary one again" },
    { line: "warmboot unload --crash", doc: "A panic does not boot a crash kernel any more" },
  ],
  exits: {
    data: "A fact of the host is malformed",
    unavailable: "The host cannot unload images",
    refused: "The kernel refused the call",
    permission: "The host may not be read, or the records may not be written",
  },
  run: (invocation, ports) =>
    withOutcome("unload", invocation, ports, (ports, onChange) => run(invocation, ports, onChange)),
};

async function run(invocation: Invocation, ports: Ports, onChange: () => void): Promise<ExitName> {
  const { planUnload, unload } = await import("../../app/unload.ts");
  const crash = isSet(invocation, "crash");
  if (!isSet(invocation, "dry-run")) {
    const outcome = await unload(crash, {
      onWait: (text) => say(text, ports),
      onWarning: (text) => warn(text, undefined, ports),
      onSignal: () => say("Interrupted; the image was unloaded before", ports),
      onTakenBack: (text) => say(text, ports),
      onChange,
    });
    return show(outcome, crash, ports);
  }
  const planned = planUnload(crash);
  switch (planned.kind) {
    case "no-facts":
      return report(planned.diagnostics, ports);
    case "nothing-loaded":
      say(`${nothing(crash)}, so no call is made`, ports);
      return "ok";
    case "call":
      ports.out.write(`${(await import("../../plan/syscall.ts")).formatSyscall(planned.call)}\n`);
      return "ok";
  }
}

function show(outcome: UnloadOutcome, crash: boolean, ports: Ports): ExitName {
  switch (outcome.kind) {
    case "no-facts":
      return report(outcome.diagnostics, ports);
    case "nothing-loaded":
      ports.out.write(`${nothing(crash)}\n`);
      return "ok";
    case "refused":
      return complainRefusal(outcome.error, ports);
    case "unloaded":
      ports.out.write(crash ? "Unloaded the crash image\n" : "Unloaded the image\n");
      return "ok";
    case "still-recorded":
      complain(
        `The ${crash ? "crash " : ""}image is unloaded, but its record is still there. ${outcome.error.message}`,
        `Remove it with: warmboot unload${crash ? " --crash" : ""}`,
        ports,
      );
      return "io";
  }
}

function nothing(crash: boolean): string {
  return crash ? "No crash image is loaded" : "No image is loaded";
}
