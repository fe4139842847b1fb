import { guardLines } from "./guard_text.ts";
import { memoryLines } from "./memory_text.ts";
import { formatSize } from "../core/number.ts";
import type { HostFacts } from "../host/facts.ts";
import {
  type Check,
  type FileLoadCall,
  type Plan,
  type PlannedFile,
  rolesOf,
  type SegmentLoadCall,
} from "../plan/plan.ts";
import type { Checksum } from "../profile/profile.ts";
import { describeKey, type PlannedUnlock } from "../plan/unlock/planned.ts";
import type { PlannedUnbind } from "../profile/unbind_shape.ts";
import { carryLines } from "./carry_text.ts";
import type { Outlook } from "../state/expectation.ts";
import { outlookLines } from "./interruption.ts";
import { memoryMap } from "./memory_map.ts";
import { overlayLines } from "./overlay_text.ts";
import { type Layout, NARROW } from "./style.ts";
import { padToWidth } from "./width.ts";
import { wrap } from "./wrap.ts";
import { visible } from "../core/text.ts";

const LABEL = 16;

/** What a plan is shown with. */
export interface PlanDetail {
  /** The host that it is for. */
  readonly facts?: HostFacts | undefined;
  /** Whether the checks that passed are listed, not counted. */
  readonly verbose?: boolean;
  /** How long the reboot will take, by earlier ones of its host. */
  readonly outlook?: Outlook | undefined;
}

/**
 * A plan for an administrator who is about to reboot: what runs, what will run, by which call and why, and the checks.
 * With the facts of its host, the memory is drawn too; without them, only the segments. What failed is last, above the
 * verdict, where a terminal shows it.
 */
export function renderPlan(
  plan: Plan,
  layout: Layout,
  { facts, verbose = false, outlook = {} }: PlanDetail = {},
): string {
  const { style } = layout;
  return [
    style.bold(wrap(visible(headline(plan)), layout.width, 2)),
    "",
    ...planRows(plan, outlook).flatMap(([label, lines]) => row(label, lines, layout)),
    "",
    ...memory(plan, layout, facts),
    style.bold("Checks"),
    ...checkRows(plan.checks, layout, verbose),
    "",
    painted(plan, wrap(verdict(plan), layout.width, 2), layout),
    "",
  ].join("\n");
}

/** A label, and what is said under it, raw. */
export type PlanRow = readonly [label: string, lines: readonly string[]];

/** What runs, what will run, and by which call; rows without lines are left out. */
export function planRows(plan: Plan, outlook: Outlook = {}): readonly PlanRow[] {
  const rows: readonly PlanRow[] = [
    ["Running now", [`${plan.host.release} on ${plan.host.machine}`, ...optional(plan.host.cmdline)]],
    [crash(plan) ? "On a panic" : "Will run", [
      plan.release ?? (isExplicit(plan) ? "explicit segments" : "an image of unknown release"),
      ...(isExplicit(plan) ? [] : [plan.call.cmdline === "" ? "(empty command line)" : plan.call.cmdline]),
    ]],
    ...callRows(plan),
    ["Expected", outlookLines(outlook)],
    ["Unbinds", plan.unbind === undefined ? [] : [unbindText(plan.unbind)]],
    ["Unlocks", (plan.unlock ?? []).map(unlockText)],
    ["Guard", plan.guard === undefined ? [] : guardLines(plan.guard)],
    ["Carries", plan.carry === undefined ? [] : carryLines(plan.carry)],
  ];
  return rows.filter(([, lines]) => lines.length > 0);
}

/** Checks that passed, in one line or as a list; then those that warn, and last those that failed. */
function checkRows(checks: readonly Check[], layout: Layout, verbose: boolean): readonly string[] {
  const of = (status: Check["status"]) => checks.filter((check) => check.status === status);
  const passed = of("pass");
  const list = passed.flatMap((check) => checkLines(check, layout));
  const hint = passed.length === 1 ? "-v lists it" : "-v lists them";
  return [
    ...(verbose || passed.length === 0 ? list : [`  ${layout.style.good(passedText(checks))}; ${hint}`]),
    ...[...of("warn"), ...of("fail")].flatMap((check) => checkLines(check, layout)),
  ];
}

/** How many checks passed. */
export function passedText(checks: readonly Check[]): string {
  const count = checks.filter(({ status }) => status === "pass").length;
  return count === 1 ? "1 check passed" : `${count} checks passed`;
}

/** A text about a plan, in the colour of its verdict. */
export function painted(plan: Plan, text: string, { style }: Layout): string {
  return (isReady(plan) ? style.good : style.bad)(text);
}

/** What a plan does, in one line, raw. */
export function headline(plan: Plan): string {
  const host = plan.host.hostname === undefined ? "" : ` on ${plan.host.hostname}`;
  const image = plan.release ?? (isExplicit(plan) ? "explicit segments" : "an image");
  const what = `${crash(plan) ? "crash kernel " : ""}${image}`;
  return `${plan.profile}: ${crash(plan) ? "load" : "boot"} ${what}${host}`;
}

/** The checks that did not pass, for a command that continues with something else. */
export function renderComplaints(checks: readonly Check[], layout: Layout): string {
  return checks.filter((check) => check.status !== "pass").flatMap((check) => checkLines(check, layout)).join("\n");
}

/** Check verdicts as lines; also used by `status`. On a narrow terminal the message is below the name. */
export function checkLines(check: Check, { style, width }: Layout): readonly string[] {
  const mark = { pass: style.good("ok  "), warn: style.warning("warn"), fail: style.bad("FAIL") }[check.status];
  const name = visible(check.rule);
  const indent = width < NARROW ? 8 : 27;
  const onNextLine = `\n${" ".repeat(indent)}`;
  const message = wrap(visible(check.message), width, indent);
  const hint = check.hint === undefined ? "" : onNextLine + style.accent(wrap(visible(check.hint), width, indent));
  const head = width < NARROW ? name + onNextLine : `${padToWidth(name, 18)} `;
  return `  ${mark}  ${head}${message}${hint}`.split("\n");
}

/** A label and its lines, wrapped. */
export function row(label: string, lines: readonly string[], { style, width }: Layout): readonly string[] {
  return lines.map((line, index) =>
    `  ${style.dim((index === 0 ? label : "").padEnd(LABEL - 2))}${wrap(visible(line), width, LABEL)}`
  );
}

/** What is taken from its driver just before the jump. */
export function unbindText({ targets, failure }: PlannedUnbind): string {
  return `${targets.join(", ")}, just before the jump${failure === "continue" ? "; goes on if that fails" : ""}`;
}

/** A volume that the next initrd opens, and where its key comes from and goes. */
export function unlockText({ volume, key, opened }: PlannedUnlock): string {
  const place = opened === undefined ? "" : `, at ${opened.file} in the initrd`;
  return `${volume}: the key ${describeKey(key)}${place}`;
}

function memory(plan: Plan, layout: Layout, facts: HostFacts | undefined): readonly string[] {
  const placed = plan.call.syscall === "kexec_load" && plan.call.segments.length > 0;
  if (facts === undefined && !placed) return [];
  return [layout.style.bold("Memory"), ...memoryLines(memoryMap(plan, facts), layout), ""];
}

/** Whether a plan has explicit segments and no kernel. */
export function isExplicit({ call }: Plan): boolean {
  return call.syscall === "kexec_load" && rolesOf(call).kernel === undefined && call.segments.length > 0;
}

function crash(plan: Plan): boolean {
  return plan.call.flags.some((flag) => flag.endsWith("_ON_CRASH"));
}

function callRows(plan: Plan): readonly PlanRow[] {
  const { call } = plan;
  const flags = call.flags.length === 0 ? "no flags" : call.flags.join(", ");
  return [
    ...(call.syscall === "kexec_file_load" ? fileRows(call, plan) : segmentFileRows(call, plan)),
    ["Adds", overlayLines(plan.overlays)],
    ["Call", [`${call.syscall}, ${flags}`]],
    ...(call.syscall === "kexec_load" ? segmentCallRows(call) : []),
    ["Because", plan.reasons.map((reason) => reason.message)],
  ];
}

function segmentCallRows({ entry, checksum, mismatch }: SegmentLoadCall): readonly PlanRow[] {
  const verified = checksum === undefined ? [] : [
    `by ${CHECKSUMS[checksum]}, just before the jump`,
    ...(mismatch === undefined ? [] : [`a mismatch is ${mismatch}`]),
  ];
  return [["Entry", [entry]], ["Verified", verified]];
}

const CHECKSUMS: { readonly [Name in Checksum]: string } = { xxh64: "XXH64", sha256: "SHA-256" };

function fileRows(call: FileLoadCall, plan: Plan): readonly PlanRow[] {
  return [
    ["Kernel", fileLines(call.kernel, plan)],
    ...call.initrd.map((file, index): PlanRow => [
      call.initrd.length === 1 ? "Initrd" : `Initrd ${index + 1}`,
      fileLines(file, plan),
    ]),
    ...(call.initrd.length === 0 ? [["Initrd", ["none"]] as const] : []),
  ];
}

function segmentFileRows(call: SegmentLoadCall, plan: Plan): readonly PlanRow[] {
  return call.files.map((file, index): PlanRow => [index === 0 ? "Files" : "", fileLines(file, plan)]);
}

/** The digest of an archive with secrets would be that without them. */
function fileLines(file: PlannedFile, { overlays = [] }: Plan): readonly string[] {
  const overlay = overlays.find(({ path }) => path === file.path);
  const digest = overlay === undefined ? file.sha256 : overlay.sha256;
  return [file.path, `${file.about}, ${formatSize(file.size)}`, ...optional(digest)];
}

/** Whether no check of a plan failed. */
export function isReady({ checks }: Plan): boolean {
  return checks.every((check) => check.status !== "fail");
}

/** The result of the checks of a plan, with the names of those that failed or warn, shown by `show`. */
export function verdict({ checks }: Plan, show: (rule: string) => string = visible): string {
  const [failed, warned] = [namesOf(checks, "fail").map(show), namesOf(checks, "warn").map(show)];
  const warnings = `${warned.length} ${warned.length === 1 ? "warning" : "warnings"}: ${warned.join(", ")}`;
  if (failed.length === 0) return warned.length === 0 ? "Ready to load" : `Ready to load, with ${warnings}`;
  return `Not ready: ${failed.join(", ")}${warned.length === 0 ? "" : `; ${warnings}`}`;
}

/** The rules with such a verdict, each once: a rule may judge several segments. */
function namesOf(checks: readonly Check[], status: Check["status"]): readonly string[] {
  return [...new Set(checks.filter((check) => check.status === status).map(({ rule }) => rule))];
}

function optional(text: string | undefined): readonly string[] {
  return text === undefined ? [] : [text];
}
