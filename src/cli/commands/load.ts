import { hasErrors } from "../../core/diagnostic.ts";
import { lowerPlan, REBOOT_NOW } from "../../plan/lower.ts";
import type { Plan } from "../../plan/plan.ts";
import { exitOfChecks, mayRun } from "../../plan/rules/table.ts";
import { isCrash } from "../../plan/stored.ts";
import { formatSyscall } from "../../plan/syscall.ts";
import { renderComplaints } from "../../render/plan.ts";
import { visible } from "../../render/visible.ts";
import { carryOut } from "../carry_out.ts";
import { type Command, DRY_RUN_OPTION, isSet, NOW_OPTION } from "../command.ts";
import type { Ports } from "../ports.ts";
import { prepare } from "../prepare.ts";
import { RECORD_DIRECTORY } from "../record_store.ts";
import { complain, report, say } from "../report.ts";
import { reboot, rebootWay, refuseReboot, warnOfOldSystemd } from "./exec.ts";

/** `warmboot load`. */
export const load: Command = {
  name: "load",
  usage: "PROFILE|PLAN",
  words: { min: 1, max: 1 },
  summary: "Load the image of a profile or of a stored plan; --exec reboots into it",
  description:
    "Plans, checks, and hands the image to the kernel. Nothing is loaded if a check fails. The running system goes on until `warmboot exec`, `systemctl kexec` or, for a crash image, a panic.\nA stored plan is carried out as it is, or refused with the reason when files or host have changed since.",
  options: [
    DRY_RUN_OPTION,
    { name: "exec", doc: "Go on and reboot into the image, as `warmboot exec` does" },
    NOW_OPTION,
  ],
  examples: [
    { line: "warmboot load web.yaml", doc: "Load; reboot later with `warmboot exec`" },
    { line: "warmboot load web.yaml --dry-run", doc: "Print the system calls and make none" },
    { line: "warmboot load web.plan.json --exec", doc: "Carry out a reviewed plan and reboot" },
  ],
  async run(invocation, ports) {
    const goOn = isSet(invocation, "exec");
    if (isSet(invocation, "now") && !goOn) {
      complain("--now is about rebooting", "Write --exec --now", ports);
      return "usage";
    }
    using prepared = await prepare(invocation.words[0] ?? "", { facts: undefined, storedPlans: true }, ports);
    const exit = report(prepared.diagnostics, ports);
    const { plan, facts } = prepared;
    if (plan === undefined || facts === undefined || hasErrors(prepared.diagnostics)) return exit;
    if (goOn && isCrash(plan)) {
      complain("--exec does not go with a crash image", "The kernel boots it by itself when it panics", ports);
      return "usage";
    }
    complainOfChecks(plan, ports);
    if (!mayRun(plan.checks)) {
      complain("The plan fails these checks; nothing was loaded", undefined, ports);
      return exitOfChecks(plan.checks);
    }
    const way = rebootWay(facts, isSet(invocation, "now"));
    if (isSet(invocation, "dry-run")) {
      for (const call of lowerPlan(plan)) ports.out.write(`${formatSyscall(call)}\n`);
      if (goOn && way === "systemd") {
        await warnOfOldSystemd(ports);
        ports.out.write("systemctl kexec\n");
      }
      if (goOn && way === "now") { for (const call of REBOOT_NOW) ports.out.write(`${formatSyscall(call)}\n`); }
      return "ok";
    }
    if (goOn) {
      const refused = refuseReboot(way, facts, ports);
      if (refused !== undefined) return refused;
    }
    const outcome = await carryOut(plan, { facts, files: prepared.files }, ports);
    if (outcome !== "ok") return outcome;
    ports.out.write(visible(`Loaded ${plan.release ?? "the image"} from profile ${plan.profile}`) + "\n");
    say(`Recorded in ${RECORD_DIRECTORY}, where warmboot status reads it`, ports);
    if (!goOn) {
      say(nextStep(plan, facts.systemd), ports);
      return "ok";
    }
    return await reboot(way, ports);
  },
};

function complainOfChecks(plan: Plan, ports: Ports): void {
  const complaints = renderComplaints(plan.checks, ports.err.layout);
  if (complaints !== "") ports.err.write(`${complaints}\n`);
}

function nextStep(plan: Plan, systemd: boolean): string {
  if (isCrash(plan)) return "It boots when this kernel panics; take it back with: warmboot unload --crash";
  const also = systemd ? " (`systemctl reboot` boots it as well)" : "";
  return `Reboot into it with: warmboot exec${also}; take it back with: warmboot unload`;
}
