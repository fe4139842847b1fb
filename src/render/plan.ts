import { formatSize } from "../core/number.ts";
import type { Check, FileLoadCall, Plan, PlannedFile } from "../plan/plan.ts";
import type { Style } from "./style.ts";
import { wrap } from "./wrap.ts";

/** How text is laid out: its colours, and the columns there are. */
export interface Layout {
  /** Its colours. */
  readonly style: Style;
  /** Columns. */
  readonly width: number;
}

const LABEL = 16;

/** A plan for an administrator who is about to reboot: what runs, what will run, by which call and why, the checks. */
export function renderPlan(plan: Plan, layout: Layout): string {
  const { style } = layout;
  const host = plan.host.hostname === undefined ? "" : ` on ${plan.host.hostname}`;
  const what = `${crash(plan) ? "crash kernel " : ""}${plan.release ?? "an image"}`;
  return [
    style.bold(`${plan.profile}: ${crash(plan) ? "load" : "boot"} ${what}${host}`),
    "",
    ...row("Running now", [`${plan.host.release} on ${plan.host.machine}`, ...optional(plan.host.cmdline)], layout),
    ...row(crash(plan) ? "On a panic" : "Will run", [
      plan.release ?? "an image without a release",
      plan.call.cmdline === "" ? "(empty command line)" : plan.call.cmdline,
    ], layout),
    ...callRows(plan, layout),
    "",
    style.bold("Checks"),
    ...plan.checks.flatMap((check) => checkLines(check, layout)),
    "",
    verdict(plan, style),
    "",
  ].join("\n");
}

/** The checks that did not pass, for a command that goes on to something else. */
export function renderComplaints(checks: readonly Check[], layout: Layout): string {
  return checks.filter((check) => check.status !== "pass").flatMap((check) => checkLines(check, layout)).join("\n");
}

/** Check verdicts as lines; also used by `status`. */
export function checkLines(check: Check, { style, width }: Layout): readonly string[] {
  const mark = { pass: style.good("ok  "), warn: style.warning("warn"), fail: style.bad("FAIL") }[check.status];
  const name = check.rule.padEnd(18);
  const indent = 27;
  const lines = [`  ${mark}  ${name} ${wrap(check.message, width, indent)}`];
  if (check.hint !== undefined) lines.push(`${" ".repeat(indent)}${style.accent(wrap(check.hint, width, indent))}`);
  return lines;
}

/** A label and its lines, wrapped. */
export function row(label: string, lines: readonly string[], { style, width }: Layout): readonly string[] {
  return lines.map((line, index) =>
    `  ${style.dim((index === 0 ? label : "").padEnd(LABEL - 2))}${wrap(line, width, LABEL)}`
  );
}

function crash(plan: Plan): boolean {
  return plan.call.flags.some((flag) => flag.endsWith("_ON_CRASH"));
}

function callRows(plan: Plan, layout: Layout): readonly string[] {
  const { call } = plan;
  const flags = call.flags.length === 0 ? "no flags" : call.flags.join(", ");
  return [
    ...(call.syscall === "kexec_file_load" ? fileRows(call, layout) : []),
    ...row("Call", [`${call.syscall}, ${flags}`], layout),
    ...row("Because", plan.reasons.map((reason) => reason.message), layout),
  ];
}

function fileRows(call: FileLoadCall, layout: Layout): readonly string[] {
  return [
    ...row("Kernel", fileLines(call.kernel), layout),
    ...call.initrd.flatMap((file, index) =>
      row(call.initrd.length === 1 ? "Initrd" : `Initrd ${index + 1}`, fileLines(file), layout)
    ),
    ...(call.initrd.length === 0 ? row("Initrd", ["none"], layout) : []),
  ];
}

function fileLines(file: PlannedFile): readonly string[] {
  return [file.path, `${file.about}, ${formatSize(file.size)}`, file.sha256];
}

function verdict(plan: Plan, style: Style): string {
  const failed = plan.checks.filter((check) => check.status === "fail").length;
  const warned = plan.checks.filter((check) => check.status === "warn").length;
  const warnings = warned === 0 ? "" : `, with ${warned} ${warned === 1 ? "warning" : "warnings"}`;
  return failed === 0
    ? style.good(`Ready to load${warnings}`)
    : style.bad(`Not ready: ${failed} ${failed === 1 ? "check" : "checks"} failed${warnings}`);
}

function optional(text: string | undefined): readonly string[] {
  return text === undefined ? [] : [text];
}
