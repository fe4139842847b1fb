import { visible } from "../core/text.ts";
import type { Attempt, AttemptEnd, AttemptWay, History } from "../state/attempt.ts";
import { row } from "./plan.ts";
import type { Layout, Style } from "./style.ts";

/** The reboots of a host, the newest first: what was tried, by whom, and how it ended. */
export function renderHistory({ attempts }: History, layout: Layout): string {
  if (attempts.length === 0) return "No reboot into an image of warmboot is remembered\n";
  return attempts.map((attempt) => attemptRows(attempt, layout).join("\n")).join("\n\n") + "\n";
}

function attemptRows(attempt: Attempt, layout: Layout): readonly string[] {
  const { askedAt, profile, plan, user, way, from, to } = attempt;
  const { style } = layout;
  const paint = paintOf(attempt, style);
  return [
    style.bold(visible(`${askedAt}  ${from.release} -> ${to.release ?? "an image of unknown release"}`)),
    ...row("Outcome", [describeEnd(attempt)], layout).map((line) => paint(line)),
    ...row("Asked by", [`${user}, ${WAYS[way]}`], layout),
    ...row("Plan", [`profile ${profile}, ${plan}`, ...(to.cmdline === "" ? [] : [to.cmdline])], layout),
  ];
}

const WAYS: { readonly [way in AttemptWay]: string } = {
  systemd: "through systemd",
  init: "through the init system",
  now: "by the system call itself",
  found: "without warmboot: the shutdown into the image was under way",
};

const ENDS: { readonly [end in AttemptEnd]: string } = {
  arrived: "arrived",
  confirmed: "arrived and confirmed",
  "not-confirmed": "not confirmed in time",
  "fell-back": "fell back",
  firmware: "went through the firmware",
  unknown: "unknown",
};

/** How an attempt ended, in a sentence. */
export function describeEnd({ outcome, leftAt }: Attempt): string {
  if (outcome === undefined) return leftAt === undefined ? "not begun" : "under way";
  return `${ENDS[outcome.end]}: ${outcome.why}`;
}

function paintOf({ outcome }: Attempt, style: Style): (text: string) => string {
  switch (outcome?.end) {
    case "arrived":
    case "confirmed":
      return style.good;
    case "fell-back":
    case "not-confirmed":
      return style.bad;
    case "firmware":
    case "unknown":
    case undefined:
      return style.warning;
  }
}
