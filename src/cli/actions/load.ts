import type { ExitName } from "../../core/exit.ts";
import { hasErrors } from "../../core/diagnostic.ts";
import type { HostFacts } from "../../host/facts.ts";
import { alreadyLoaded } from "../../kernel/already_loaded.ts";
import type { LoadRecord } from "../../kernel/record.ts";
import { preservesContext } from "../../kernel/round_trip.ts";
import { lowerPlan, REBOOT_NOW } from "../../plan/lower.ts";
import type { Plan } from "../../plan/plan.ts";
import { exitOfChecks, mayRun } from "../../plan/rules/table.ts";
import { isCrash } from "../../plan/stored.ts";
import { formatSyscall } from "../../plan/syscall.ts";
import { renderComplaints } from "../../render/plan.ts";
import { visible } from "../../render/visible.ts";
import { carryOut } from "../carry_out.ts";
import { type Invocation, isSet } from "../command.ts";
import type { Ports } from "../ports.ts";
import { prepare } from "../prepare.ts";
import { findRecord, RECORD_DIRECTORY } from "../record_store.ts";
import { complain, report, say } from "../report.ts";
import { reboot, rebootWay, refuseReboot, warnOfOldSystemd } from "./exec.ts";

/** Does what `warmboot load` is asked to. */
export async function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
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
  const already = isSet(invocation, "force") ? undefined : loadedAlready(plan, facts);
  if (already === undefined) complainOfChecks(plan, ports);
  if (already === undefined && !mayRun(plan.checks)) {
    complain("The plan fails these checks; nothing was loaded", undefined, ports);
    return exitOfChecks(plan.checks);
  }
  const way = rebootWay(facts, isSet(invocation, "now"), preservesContext(plan));
  if (isSet(invocation, "dry-run")) {
    if (already !== undefined) say(`${describeLoaded(already)}, so that no call loads it`, ports);
    else for (const call of lowerPlan(plan)) ports.out.write(`${formatSyscall(call)}\n`);
    if (goOn && way === "systemd") {
      await warnOfOldSystemd(ports);
      ports.out.write("systemctl kexec\n");
    }
    if (goOn && way !== "systemd") { for (const call of REBOOT_NOW) ports.out.write(`${formatSyscall(call)}\n`); }
    return "ok";
  }
  if (goOn) {
    const refused = refuseReboot(way, facts, ports);
    if (refused !== undefined) return refused;
  }
  if (already !== undefined) {
    ports.out.write(`${visible(describeLoaded(already))}\n`);
    say("Nothing was done; --force loads it anew", ports);
  } else {
    const outcome = await carryOut(plan, { facts, files: prepared.files, contents: prepared.contents }, ports);
    if (outcome !== "ok") return outcome;
    ports.out.write(visible(`Loaded ${plan.release ?? "the image"} from profile ${plan.profile}`) + "\n");
    say(`Recorded in ${RECORD_DIRECTORY}, where warmboot status reads it`, ports);
  }
  if (!goOn) {
    say(nextStep(plan, facts.systemd), ports);
    return "ok";
  }
  return await reboot(way, ports);
}

/** The record of the very image that the plan would load; while another warmboot is loading one, none is to be relied on. */
function loadedAlready(plan: Plan, facts: HostFacts): LoadRecord | undefined {
  const { found, busy } = findRecord(isCrash(plan) ? "crash" : "reboot");
  return busy ? undefined : alreadyLoaded(plan, facts, found);
}

function describeLoaded({ plan, loadedAt, user }: LoadRecord): string {
  const what = plan.release ?? "The image";
  return `${what} from profile ${plan.profile} is loaded already, since ${loadedAt} by ${user}`;
}

function complainOfChecks(plan: Plan, ports: Ports): void {
  const complaints = renderComplaints(plan.checks, ports.err.layout);
  if (complaints !== "") {
    ports.err.write(`${complaints}\n`, mayRun(plan.checks) ? "warning" : "error");
  }
}

function nextStep(plan: Plan, systemd: boolean): string {
  if (isCrash(plan)) return "It boots when this kernel panics; take it back with: warmboot unload --crash";
  if (preservesContext(plan)) {
    return "Run it with: warmboot exec, as often as you like; take it back with: warmboot unload";
  }
  const also = systemd ? " (a newer systemd boots it on `systemctl reboot` as well)" : "";
  return `Reboot into it with: warmboot exec${also}; take it back with: warmboot unload`;
}
