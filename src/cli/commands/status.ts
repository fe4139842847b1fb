import type { Booted } from "../../app/booted.ts";
import type { ExitName } from "../../core/program.ts";
import type { Status } from "../../state/status.ts";
import { type Command, type Invocation, type Option, outputOption, textOption } from "../command.ts";
import type { Ports } from "../ports.ts";
import { complain, dataText, report, say } from "../report.ts";
import { complainOfSide, sideEvents, writeDiff } from "./diff.ts";

const BOOTED_OPTION: Option = {
  name: "booted",
  value: "PROFILE|PLAN",
  doc: "Say whether the running system is what this declares, and how not; exit code 0 if it is, 1 if not",
};

/** `warmboot status`. */
export const status: Command = {
  name: "status",
  usage: "",
  words: { min: 0, max: 0 },
  summary: "Say what is loaded, by whom and since when, and what the host allows",
  description:
    "Holds what the kernel says (loaded or not) against the record that `warmboot load` left under /run/warmboot, and that against the files as they are now; says what memory is reserved for a crash kernel, and lists what on this host would prevent a load.",
  options: [outputOption("text", "json", "yaml", "openmetrics"), BOOTED_OPTION],
  examples: [
    { line: "warmboot status", doc: "Look" },
    { line: "warmboot status --booted web.yaml", doc: "After a reboot, in a script: did we get what was declared?" },
    { line: "warmboot status -o json", doc: "The same for a program" },
    { line: "warmboot status -o openmetrics", doc: "As metrics, for node_exporter's textfile collector" },
  ],
  exits: {
    differs: "With --booted: the running system is not what the profile declares",
    data: "The profile of --booted is invalid",
    noinput: "The profile of --booted is missing or unreadable",
    unavailable: "With --booted: it cannot be determined",
    permission: "The host may not be read",
  },
  run,
};

async function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
  const declared = textOption(invocation, "booted");
  const form = textOption(invocation, "output") ?? "text";
  if (declared !== undefined && form === "openmetrics") {
    complain("-o openmetrics cannot be used with --booted", "Omit one of them", ports);
    return "usage";
  }
  if (declared !== undefined) return await runBooted(declared, invocation, ports);
  const { status: readStatus } = await import("../../app/status.ts");
  const { status, busy, diagnostics } = await readStatus();
  const exit = report(diagnostics, ports);
  if (status === undefined) return exit;
  if (busy) say("Another warmboot is loading an image right now; this is how it was before", ports);
  ports.out.write(await statusText(status, form, ports));
  return "ok";
}

async function statusText(status: Status, form: string, { out }: Ports): Promise<string> {
  if (form === "text") return (await import("../../render/status.ts")).renderStatus(status, out.layout);
  if (form === "openmetrics") return (await import("../../render/openmetrics.ts")).renderOpenMetrics(status);
  return await dataText(status, form);
}

async function runBooted(word: string, invocation: Invocation, ports: Ports): Promise<ExitName> {
  const { compareBooted } = await import("../../app/booted.ts");
  const booted = await compareBooted(word, sideEvents(ports));
  if (!("diff" in booted)) return complainOfSide(booted, ports);
  await writeDiff(booted.diff, invocation, ports);
  return sayBooted(booted, word, ports);
}

function sayBooted(booted: Extract<Booted, { readonly diff: unknown }>, word: string, ports: Ports): ExitName {
  switch (booted.kind) {
    case "differs":
      say(`The running system is not what ${word} declares`, ports);
      return "differs";
    case "stamped":
      say(`The running system is what ${word} declares: its stamp says so, for certain`, ports);
      return "ok";
    case "undetermined": {
      const { side, what } = booted.unknown;
      complain(
        `Cannot determine whether the running system is what ${word} declares: ${side} does not say ${what}`,
        "Set `stamp: true` in the profile before the next boot",
        ports,
      );
      return "unavailable";
    }
    case "alike":
      say(
        `The running system is what ${word} declares, by release and command line; with \`stamp: true\` it is certain`,
        ports,
      );
      return "ok";
  }
}
