import type { HostOnce, NoSide, SideEvents, SideNotice } from "../../app/diff_operands.ts";
import { nearest } from "../../core/nearest.ts";
import { type ExitName, worse } from "../../core/program.ts";
import type { Diff } from "../../diff/diff.ts";
import type { FleetDiff } from "../../diff/fleet.ts";
import { inOrder, LIVE_SIDES, type Side } from "../../diff/side.ts";
import type { HostFacts } from "../../host/facts.ts";
import type { PlannedHost } from "../../plan/plan.ts";
import {
  type Command,
  type DataForm,
  FACTS_OPTION,
  formOf,
  type Invocation,
  MAX_AGE_ALONE,
  MAX_AGE_OPTION,
  outputOption,
  textOption,
} from "../command.ts";
import type { Ports } from "../ports.ts";
import { progressOf } from "../progress.ts";
import { complain, dataText, exitOf, report, say, warn } from "../report.ts";
import { reportOldCaptures } from "../old_captures.ts";

const OUTPUT = outputOption("text", "json", "yaml", "svg", "markdown");

/** `warmboot diff`. */
export const diff: Command = {
  name: "diff",
  usage: "A [B]",
  words: { min: 1, max: 2 },
  summary: "Show what would change: profiles, plans, what is loaded, what runs",
  description:
    "Compares two sides: a profile, a stored plan, @running (the running system), @loaded (the loaded image) or @default (what the boot loader would boot after a cold reset). Without B, it compares with @loaded, or with @running if nothing is loaded.\nIt reads forwards in time, however the sides are given: from the running system to what is loaded, from there to what a cold reset boots, and to what a profile or a plan declares; two of one kind, from A to B. + is added, - removed, ~ changed.\nA running system reports its release and command line only; the diff says what is unknown. -o svg draws both sides' memory, side by side. The exit code is 0 if nothing differs and 1 if something does.\nWith --facts-dir, A is a profile or a folder of them, and each is planned for each captured host that it is for. Without B, or with @running, that is compared with the system that ran when the host was captured; with another folder or file as B, from the profiles of A to those of the same names in B. Hosts with the same change are listed together. -o markdown is for a pull request; foreign text in it is escaped.",
  options: [
    OUTPUT,
    FACTS_OPTION,
    { name: "facts-dir", value: "DIR", doc: "Compare for every host captured in DIR that a profile is for" },
    MAX_AGE_OPTION,
  ],
  examples: [
    { line: "warmboot diff web.yaml", doc: "What loading this profile would change" },
    { line: "warmboot diff old.plan.json new.plan.json", doc: "Two stored plans; needs no host" },
    { line: "warmboot diff web.yaml @running", doc: "After a reboot: did we get what was declared?" },
    { line: "warmboot diff @running @default", doc: "What a cold reset would change" },
    { line: "warmboot diff a.yaml b.yaml --facts host.json", doc: "In review, for a captured host" },
    { line: "warmboot diff old.yaml new.yaml --facts host.json -o svg > diff.svg", doc: "A picture for a review" },
    { line: "warmboot diff profiles --facts-dir hosts", doc: "What all profiles would change on all hosts" },
    {
      line: "warmboot diff before/profiles profiles --facts-dir hosts -o markdown",
      doc: "What a change of profiles does, for a pull request",
    },
  ],
  exits: {
    differs: "There are differences",
    data: "A profile, a plan or the capture is invalid",
    noinput: "A named file is missing or unreadable",
    unavailable:
      "There is nothing to compare with: no image is loaded, or the capture does not say. With --facts-dir: a profile cannot be planned for a host",
    permission: "A file or the host may not be read",
  },
  run,
};

async function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
  const misfit = misfitOf(invocation);
  if (misfit !== undefined) {
    complain(...misfit, ports);
    return "usage";
  }
  const captures = textOption(invocation, "facts-dir") ?? textOption(invocation, "facts");
  if (captures !== undefined && await reportOldCaptures(captures, invocation, ports) === undefined) return "usage";
  if (textOption(invocation, "facts-dir") !== undefined) return await runFleet(invocation, ports);
  const { diffOperands, hostOnce } = await import("../../app/diff_operands.ts");
  const { diffPlans } = await import("../../diff/compare.ts");
  const events = sideEvents(ports);
  const host = hostOnce(textOption(invocation, "facts"), events);
  const found = await diffOperands(invocation.words, host, events);
  if (found.kind !== "sides") return complainOfSide(found, ports);
  const diff = diffPlans(...found.sides);
  const form = formOf(invocation, OUTPUT);
  if (form === "markdown") throw new Error("-o markdown was refused");
  if (form === "svg") ports.out.write(await picture(diff, found.sides, host));
  else await writeDiff(diff, form, ports);
  return diff.same ? "ok" : "differs";
}

/** Options that cannot be combined, and what to do. */
function misfitOf({ options, words }: Invocation): readonly [message: string, hint: string] | undefined {
  const { facts, output } = options;
  const folder = options["facts-dir"];
  if (folder === undefined) {
    if (output === "markdown") return ["-o markdown requires --facts-dir", "Use -o text, json, yaml or svg"];
    return facts === undefined && options["max-age"] !== undefined ? MAX_AGE_ALONE : undefined;
  }
  if (facts !== undefined) return ["--facts cannot be combined with --facts-dir", "Omit one of them"];
  if (output === "svg") return ["-o svg cannot be combined with --facts-dir", "Use -o text, json, yaml or markdown"];
  const live = words.find((word) => word.startsWith("@") && word !== "@running");
  if (live !== undefined) {
    return [`${live} cannot be compared with --facts-dir`, "Name folders of profiles, profiles or @running"];
  }
  return words.every((word) => word === "@running")
    ? ["There is nothing to compare @running with", "Name a folder of profiles or a profile"]
    : undefined;
}

async function runFleet(invocation: Invocation, ports: Ports): Promise<ExitName> {
  const { diffFleet } = await import("../../app/diff_fleet.ts");
  const profiles = invocation.words.filter((word) => word !== "@running");
  const [before, after] = profiles.length > 1 ? profiles : [undefined, profiles[0]];
  let exit: ExitName = "ok";
  const hosts = textOption(invocation, "facts-dir") ?? "";
  const fleet = await diffFleet({ before, after: after ?? "", hosts }, {
    onReading: progressOf(ports),
    onDiagnostics: (diagnostics) => {
      exit = worse(exit, report(diagnostics, ports));
    },
  });
  if (fleet === undefined) return exit;
  ports.out.write(await fleetText(fleet, formOf(invocation, OUTPUT), ports));
  if (exit !== "ok") return exit;
  if (fleet.entries.some(({ state }) => state === "failed")) return "unavailable";
  return fleet.entries.every(({ state }) => state === "same") ? "ok" : "differs";
}

async function fleetText(fleet: FleetDiff, form: typeof OUTPUT.choices[number], { out }: Ports): Promise<string> {
  if (form === "json" || form === "yaml") return await dataText(fleet, form);
  const { fleetDiffMarkdown, fleetDiffText } = await import("../../render/fleet_diff.ts");
  return form === "markdown" ? fleetDiffMarkdown(fleet) : fleetDiffText(fleet, out.layout);
}

/** Shows what reading the sides finds. */
export function sideEvents(ports: Ports): SideEvents {
  return {
    onReading: progressOf(ports),
    onDiagnostics: (diagnostics) => void report(diagnostics, ports),
    onNotice: (notice) => showNotice(notice, ports),
  };
}

function showNotice(notice: SideNotice, ports: Ports): void {
  switch (notice.kind) {
    case "busy":
      return say("Another warmboot is loading an image right now; this is how it was before", ports);
    case "unconfirmed":
      return warn(notice.note, undefined, ports);
    case "running-instead":
      return say(`${notice.note}; compared with the running system`, ports);
  }
}

/** Says why there is nothing to compare; what is wrong with a file was shown when it was found. */
export function complainOfSide(why: NoSide, ports: Ports): ExitName {
  switch (why.kind) {
    case "invalid":
      return exitOf(why.diagnostics);
    case "unknown": {
      const near = nearest(why.word, LIVE_SIDES);
      const known = `The sides without a file are ${LIVE_SIDES.join(", ")}; write a file as ./${why.word}`;
      complain(`Unknown side "${why.word}"`, near === undefined ? known : `Did you mean ${near}?`, ports);
      return "usage";
    }
    case "captured":
      complain(
        "A capture does not say which image is loaded",
        "Run diff on the host itself, without --facts, or compare with @running",
        ports,
      );
      return "unavailable";
    case "not-loaded":
      complain(why.note, "Load one with warmboot load, or compare with @running", ports);
      return "unavailable";
    case "alone": {
      const note = why.note === undefined ? "" : `: ${why.note}`;
      complain(`There is nothing to compare @running with${note}`, "Name a profile or a plan", ports);
      return why.note === undefined ? "usage" : "unavailable";
    }
  }
}

/**
 * Two stored plans need no host, and so their memory is drawn only with --facts. A plan made for another host than the one
 * at hand is drawn without its memory.
 */
async function picture(diff: Diff, sides: readonly [Side, Side], host: HostOnce): Promise<string> {
  const { renderDiffSvg } = await import("../../render/pictures.ts");
  const stored = sides.every(({ kind }) => kind === "plan") && host.path === undefined;
  const facts = stored ? undefined : host.read().facts;
  const factsOf = (side: Side): HostFacts | undefined =>
    side.kind === "running" || facts === undefined || isFor(side.plan.host, facts) ? facts : undefined;
  const [from, to] = inOrder(...sides);
  return renderDiffSvg(diff, [from, to], [factsOf(from), factsOf(to)]);
}

function isFor({ hostname, machine }: PlannedHost, facts: HostFacts): boolean {
  return hostname === facts.hostname && machine === facts.machine;
}

/** Writes a diff in a form that any two sides have. */
export async function writeDiff(diff: Diff, form: "text" | DataForm, ports: Ports): Promise<void> {
  const text = form === "text"
    ? (await import("../../render/diff.ts")).renderDiff(diff, ports.out.layout)
    : await dataText(diff, form);
  ports.out.write(text);
}
