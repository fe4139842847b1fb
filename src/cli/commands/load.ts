import type { LoadOutcome, LoadTask } from "../../app/load.ts";
import type { ExitName } from "../../core/program.ts";
import { visible } from "../../core/text.ts";
import type { Check, Plan } from "../../plan/plan.ts";
import type { OutcomeMessage } from "../../render/outcome.ts";
import type { LoadRecord } from "../../state/record.ts";
import {
  type Command,
  DRY_RUN_OPTION,
  type Invocation,
  isSet,
  NOW_OPTION,
  OUTCOME_OPTION,
  STRICT_OPTION,
} from "../command.ts";
import { withOutcome } from "../outcome.ts";
import type { Ports } from "../ports.ts";
import { progressOf } from "../progress.ts";
import { complain, complainRefusal, exitOf, report, say, warn } from "../report.ts";
import { complainOfInit, complainOfNamespace, dryReboot, reboot } from "./exec.ts";

/** `warmboot load`. */
export const load: Command = {
  name: "load",
  usage: "PROFILE|PLAN",
  words: { min: 1, max: 1 },
  summary: "Load the image of a profile or of a stored plan; --exec reboots into it",
  description:
    "Plans, checks, and hands the image to the kernel. Nothing is loaded if a check fails. The running system goes on until `warmboot exec`, `systemctl kexec` or, for a crash image, a panic.\nA stored plan is carried out as it is, or refused with the reason when files or host have changed since.\nAn image that is already loaded, with the same digests, is not loaded again, since the host may limit the number of loads; --force loads it anyway.\nA plan whose last reboot on this host did not come up, or was not found good, is refused, so that no timer makes a machine fall again and again; --force tries it again, and a plan with another kernel, initrd or command line is not refused.",
  options: [
    DRY_RUN_OPTION,
    { name: "exec", doc: "Go on and reboot into the image, as `warmboot exec` does" },
    { ...NOW_OPTION, doc: "With --exec, do not ask the init system: sync and reboot at once; no service is stopped" },
    { name: "force", doc: "Load the image even if it is already loaded, or if the last reboot into it failed" },
    STRICT_OPTION,
    OUTCOME_OPTION,
  ],
  examples: [
    { line: "warmboot load web.yaml", doc: "Load; reboot later with `warmboot exec`" },
    { line: "warmboot load web.yaml --dry-run", doc: "Print the system calls and make none" },
    { line: "warmboot load web.yaml -o json", doc: "For a program: was anything changed, and why" },
    { line: "warmboot load web.plan.json --exec", doc: "Carry out a reviewed plan and reboot" },
  ],
  exits: {
    data: "The profile or the plan is invalid",
    noinput: "A named file is missing or unreadable",
    unavailable: "A check of the plan failed, or the files or the host have changed since",
    refused: "The kernel refused the call",
    permission: "A file or the host may not be read, or warmboot lacks CAP_SYS_BOOT",
    interrupted: "A signal came while the image was being loaded: it is loaded, and --exec was not done",
  },
  run: (invocation, ports) =>
    withOutcome("load", invocation, ports, (ports, onChange) => run(invocation, ports, onChange)),
};

async function run(invocation: Invocation, ports: Ports, onChange: () => void): Promise<ExitName> {
  const [exec, now] = [isSet(invocation, "exec"), isSet(invocation, "now")];
  if (now && !exec) {
    complain("--now requires --exec", "Write --exec --now, or leave --now out", ports);
    return "usage";
  }
  const { judgeLoad, loadPlan } = await import("../../app/load.ts");
  const { renderComplaints } = await import("../../render/plan.ts");
  const { mayRun } = await import("../../plan/rules/table.ts");
  const [what = ""] = invocation.words;
  const options = { force: isSet(invocation, "force"), strict: isSet(invocation, "strict"), exec, now };
  const events = {
    onReading: progressOf(ports),
    onJudged: (diagnostics: Parameters<typeof report>[0], plan: Plan | undefined): void => {
      report(diagnostics, ports);
      for (const message of (plan?.checks ?? []).flatMap(messagesOf)) ports.onMessage?.(message);
      const complaints = plan === undefined ? "" : renderComplaints(plan.checks, ports.err.layout);
      if (plan !== undefined && complaints !== "") {
        ports.err.write(`${complaints}\n`, mayRun(plan.checks) ? "warning" : "error");
      }
    },
    onWait: (text: string) => say(text, ports),
    onChange,
    onWarning: (text: string) => warn(text, undefined, ports),
  };
  if (isSet(invocation, "dry-run")) {
    using judged = await judgeLoad(what, options, events);
    return judged.kind === "task" ? await dryRun(judged, exec, ports) : await complainOf(judged, ports);
  }
  using outcome = await loadPlan(what, options, events);
  if (outcome.kind !== "loaded" && outcome.kind !== "already") return await complainOf(outcome, ports);
  if (outcome.kind === "loaded") await sayLoaded(outcome.task.plan, ports);
  else sayAlready(outcome.record, ports);
  const { way } = outcome.task;
  if (exec && way.kind !== "no-clean-way") return await reboot(way, ports, onChange, outcome.store);
  say(await nextStep(outcome.task), ports);
  return "ok";
}

/** How many checks failed: those that warn are listed with them. */
function failedText(checks: readonly Check[]): string {
  const count = checks.filter(({ status }) => status === "fail").length;
  return count === 1 ? "1 check of the plan failed" : `${count} checks of the plan failed`;
}

/** A check that warns or fails, as the result has it. */
function messagesOf({ rule, status, message, hint }: Check): readonly OutcomeMessage[] {
  if (status === "pass") return [];
  const severity = status === "fail" ? "error" : "warning";
  return [{ severity, message, ...(hint === undefined ? {} : { hint }), code: rule }];
}

async function dryRun({ plan, checked, already, way }: LoadTask, exec: boolean, ports: Ports): Promise<ExitName> {
  if (already !== undefined) {
    say(`${describeLoaded(already)}, so no call loads it`, ports);
  } else {
    const { lowerPlan } = await import("../../plan/lower.ts");
    const { formatSyscall } = await import("../../plan/syscall.ts");
    const { REUSE_KEYS } = await import("../../app/dump_keys.ts");
    const keep = (text: string): void => {
      if (checked.keepsKeys === true) ports.out.write(`write(open("${REUSE_KEYS}"), "${text}", 1)\n`);
    };
    keep("1");
    for (const call of lowerPlan(plan)) ports.out.write(`${formatSyscall(call)}\n`);
    if (checked.facts.kexec.dmCryptKeys?.reuse === false) keep("0");
  }
  if (exec && way.kind !== "no-clean-way") await dryReboot(way, ports, plan);
  return "ok";
}

/** Says why nothing is loaded; what planning found was shown before. */
async function complainOf(
  outcome: Exclude<LoadOutcome, { readonly kind: "loaded" | "already" }>,
  ports: Ports,
): Promise<ExitName> {
  switch (outcome.kind) {
    case "unplanned":
      return exitOf(outcome.diagnostics);
    case "crash-exec":
      complain("--exec cannot be used with a crash image", "The kernel boots it by itself when it panics", ports);
      return "usage";
    case "no-clean-way":
      return complainOfInit(outcome, ports);
    case "checks-failed":
      complain(`${failedText(outcome.plan.checks)}; nothing was loaded`, undefined, ports);
      return (await import("../../plan/rules/table.ts")).exitOfChecks(outcome.plan.checks);
    case "warned":
      complain("There are warnings, so --strict loads nothing", "Fix what they name, or omit --strict", ports);
      return "unavailable";
    case "pid-namespace":
      return complainOfNamespace(ports);
    case "interrupted":
      complain("Interrupted; the image is loaded, and nothing else was done", "Undo it with: warmboot unload", ports);
      return "interrupted";
    case "unrecorded":
      complain(
        `The image is loaded, but was not recorded. ${outcome.error.message}`,
        `Unload it with: ${unloadCommand(outcome.crash)}`,
        ports,
      );
      return "io";
    case "changed":
      complain(
        `${outcome.path} changed while it was read`,
        "Wait until the program that writes it is done, then load again",
        ports,
      );
      return "unavailable";
    case "misplaced":
      complain(outcome.message, "Re-create the plan and load it", ports);
      return "unavailable";
    case "refused": {
      const before = outcome.crashKernel === "dropped" ? "The crash kernel that was loaded before is gone. " : "";
      if (outcome.crashKernel !== "kept") {
        say(`${before}No crash kernel is loaded now: a panic would leave no dump`, ports);
      }
      return complainRefusal(outcome.error, ports);
    }
    case "tampered":
      complain(
        `${outcome.path} changed while the kernel read it, so the loaded image is not the planned one`,
        afterwards(outcome, "load again when nothing writes the file"),
        ports,
      );
      return "unavailable";
    case "unverified":
      complain(
        `${outcome.error.message}; the loaded image may not be the planned one`,
        afterwards(outcome, "load again when the file can be read"),
        ports,
      );
      return "io";
  }
}

/** What became of an image that must not stay loaded, and what to do next. */
function afterwards(
  { crash, unloaded }: { readonly crash: boolean; readonly unloaded: boolean },
  next: string,
): string {
  if (!unloaded) return `Unload it: ${unloadCommand(crash)}`;
  return `It was unloaded again${crash ? ", and no crash kernel is loaded now" : ""}; ${next}`;
}

function unloadCommand(crash: boolean): string {
  return `warmboot unload${crash ? " --crash" : ""}`;
}

async function sayLoaded(plan: Plan, ports: Ports): Promise<void> {
  const { RECORD_DIRECTORY } = await import("../../state/record_store.ts");
  ports.out.write(visible(`Loaded ${plan.release ?? "the image"} from profile ${plan.profile}`) + "\n");
  say(`Recorded in ${RECORD_DIRECTORY}, where warmboot status reads it`, ports);
}

function sayAlready(record: LoadRecord, ports: Ports): void {
  ports.out.write(`${visible(describeLoaded(record))}\n`);
  say("Nothing was done; --force loads it again", ports);
}

function describeLoaded({ plan, loadedAt, user }: LoadRecord): string {
  const what = plan.release ?? "The image";
  return `${what} from profile ${plan.profile} is loaded already, since ${loadedAt} by ${user}`;
}

async function nextStep({ plan, checked, way }: LoadTask): Promise<string> {
  const { isCrash } = await import("../../plan/stored.ts");
  const { preservesContext, runsOnce } = await import("../../state/round_trip.ts");
  if (isCrash(plan)) return "It boots when this kernel panics; unload it with: warmboot unload --crash";
  if (runsOnce(plan, checked.facts.release)) {
    return "Run it once with: warmboot exec, and load it again before each further run; unload it with: warmboot unload";
  }
  if (preservesContext(plan)) {
    return "Run it with: warmboot exec, as often as you like; unload it with: warmboot unload";
  }
  const also = checked.facts.systemd ? " (a newer systemd boots it on `systemctl reboot` as well)" : "";
  const exec = way.kind === "no-clean-way"
    ? "warmboot exec --now (stops no service; warmboot exec says why the init system cannot be asked)"
    : "warmboot exec";
  return `Reboot into it with: ${exec}${also}; unload it with: warmboot unload`;
}
