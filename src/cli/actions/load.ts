import type { ExitName } from "../../core/program.ts";
import { hasErrors } from "../../core/diagnostic.ts";
import type { HostFacts } from "../../host/facts.ts";
import { alreadyLoaded } from "../../state/already_loaded.ts";
import type { LoadRecord } from "../../state/record.ts";
import { preservesContext } from "../../state/round_trip.ts";
import { lowerPlan, REBOOT_NOW } from "../../plan/lower.ts";
import type { Plan } from "../../plan/plan.ts";
import { exitOfChecks, mayRun } from "../../plan/rules/table.ts";
import { isCrash } from "../../plan/stored.ts";
import { formatSyscall } from "../../plan/syscall.ts";
import { renderComplaints } from "../../render/plan.ts";
import { carryOut, type CheckedAgainst } from "../../app/carry_out.ts";
import { type Invocation, isSet } from "../command.ts";
import type { Ports } from "../ports.ts";
import { prepare } from "../../app/prepare.ts";
import { findRecord, lockStore, RECORD_DIRECTORY, type StoreLock } from "../../state/record_store.ts";
import { complain, report, say } from "../report.ts";
import { reboot, type RebootWay, rebootWay, refuseReboot, warnOfOldSystemd } from "./exec.ts";
import { visible } from "../../core/text.ts";

/** Does what `warmboot load` is asked to. */
export async function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
  if (isSet(invocation, "now") && !isSet(invocation, "exec")) {
    complain("--now is about rebooting", "Write --exec --now", ports);
    return "usage";
  }
  using judged = await judge(invocation, ports);
  if (judged.kind === "over") return judged.exit;
  if (isSet(invocation, "dry-run")) return await dryRun(judged, isSet(invocation, "exec"), ports);
  if (judged.already !== undefined) return await leaveLoaded(judged, judged.already, invocation, ports);
  // Held until a reboot is under way: what another warmboot loads is what would boot.
  using store = await lockStore({ onWait: (text) => say(text, ports) });
  if (!store.waited) return await loadNow(judged, store, invocation, ports);
  // The other one may have loaded this very image, or have taken the last load that the kernel allows.
  using again = await judge(invocation, ports);
  if (again.kind === "over") return again.exit;
  return again.already === undefined
    ? await loadNow(again, store, invocation, ports)
    : await leaveLoaded(again, again.already, invocation, ports);
}

/** What is to be done, and what it was judged by. */
interface Task extends Disposable {
  readonly kind: "task";
  readonly plan: Plan;
  readonly checked: CheckedAgainst;
  /** The record of the very image, where it is loaded. */
  readonly already: LoadRecord | undefined;
  readonly way: RebootWay;
}

/** Nothing is to be done; why was told. */
interface Over extends Disposable {
  readonly kind: "over";
  readonly exit: ExitName;
}

/** Plans, and holds the plan against the host as it is now. */
async function judge(invocation: Invocation, ports: Ports): Promise<Task | Over> {
  const goOn = isSet(invocation, "exec");
  const prepared = await prepare(invocation.words[0] ?? "", { facts: undefined, storedPlans: true }, ports);
  const close = () => prepared[Symbol.dispose]();
  const over = (exit: ExitName): Over => ({ kind: "over", exit, [Symbol.dispose]: close });
  const exit = report(prepared.diagnostics, ports);
  const { plan, facts, files, contents } = prepared;
  if (plan === undefined || facts === undefined || hasErrors(prepared.diagnostics)) return over(exit);
  if (goOn && isCrash(plan)) {
    complain("--exec does not go with a crash image", "The kernel boots it by itself when it panics", ports);
    return over("usage");
  }
  const already = isSet(invocation, "force") ? undefined : loadedAlready(plan, facts);
  if (already === undefined) complainOfChecks(plan, ports);
  if (already === undefined && !mayRun(plan.checks)) {
    complain("The plan fails these checks; nothing was loaded", undefined, ports);
    return over(exitOfChecks(plan.checks));
  }
  const way = rebootWay(facts, isSet(invocation, "now"), preservesContext(plan));
  const refused = goOn && !isSet(invocation, "dry-run") ? refuseReboot(way, facts, ports) : undefined;
  if (refused !== undefined) return over(refused);
  return { kind: "task", plan, checked: { facts, files, contents }, already, way, [Symbol.dispose]: close };
}

async function dryRun({ plan, already, way }: Task, goOn: boolean, ports: Ports): Promise<ExitName> {
  if (already !== undefined) say(`${describeLoaded(already)}, so that no call loads it`, ports);
  else for (const call of lowerPlan(plan)) ports.out.write(`${formatSyscall(call)}\n`);
  if (goOn && way === "systemd") {
    await warnOfOldSystemd(ports);
    ports.out.write("systemctl kexec\n");
  }
  if (goOn && way !== "systemd") { for (const call of REBOOT_NOW) ports.out.write(`${formatSyscall(call)}\n`); }
  return "ok";
}

async function loadNow(task: Task, store: StoreLock, invocation: Invocation, ports: Ports): Promise<ExitName> {
  const { plan, checked } = task;
  const outcome = await carryOut(plan, checked, store, ports);
  if (outcome !== "ok") return outcome;
  ports.out.write(visible(`Loaded ${plan.release ?? "the image"} from profile ${plan.profile}`) + "\n");
  say(`Recorded in ${RECORD_DIRECTORY}, where warmboot status reads it`, ports);
  return await goOn(task, invocation, ports);
}

async function leaveLoaded(
  task: Task,
  already: LoadRecord,
  invocation: Invocation,
  ports: Ports,
): Promise<ExitName> {
  ports.out.write(`${visible(describeLoaded(already))}\n`);
  say("Nothing was done; --force loads it anew", ports);
  return await goOn(task, invocation, ports);
}

async function goOn({ plan, checked, way }: Task, invocation: Invocation, ports: Ports): Promise<ExitName> {
  if (isSet(invocation, "exec")) return await reboot(way, ports);
  say(nextStep(plan, checked.facts.systemd), ports);
  return "ok";
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
