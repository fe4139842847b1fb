import type { Booted } from "../../app/booted.ts";
import type { CheckedImage } from "../../app/check_loaded.ts";
import { type ExitName, worse } from "../../core/program.ts";
import { visible } from "../../core/text.ts";
import type { HealthKind } from "../../state/health.ts";
import type { RebootNeedKind } from "../../state/reboot_need.ts";
import type { Status } from "../../state/status.ts";
import {
  type Command,
  type DataForm,
  formOf,
  type Invocation,
  isSet,
  type Option,
  outputOption,
  textOption,
} from "../command.ts";
import type { Ports } from "../ports.ts";
import { progressOf } from "../progress.ts";
import { complain, dataText, report, say } from "../report.ts";
import { complainOfSide, sideEvents, writeDiff } from "./diff.ts";

const BOOTED_OPTION: Option = {
  name: "booted",
  value: "PROFILE|PLAN",
  doc: "Say whether the running system is what this declares, and how it differs; exit code 0 if it is, 1 if not",
};

const CHECK_OPTION: Option = {
  name: "check",
  value: "reboot-needed",
  choices: ["reboot-needed"],
  optional: true,
  doc:
    "Say in one line and by the exit code whether what is loaded is what these declare; with --check=reboot-needed, whether " +
    "the host is to be rebooted into the one that is named",
};

const OUTPUT = outputOption("text", "json", "yaml", "openmetrics");
type Form = typeof OUTPUT.choices[number];

/** `warmboot status`. */
export const status: Command = {
  name: "status",
  usage: "[PROFILE|PLAN...]",
  words: { min: 0, max: Infinity },
  summary: "Say what is loaded, by whom and since when, and what the host allows",
  description:
    "Compares what the kernel reports with the record that `warmboot load` left under /run/warmboot, and that with the files as they are now. Says what memory is reserved for a crash kernel, and lists what on this host would prevent a load.\n--check is for monitoring: it prints one line for each profile or plan, about the image of its kind, and the exit code is that of the worst. Without any, an image for a reboot must be loaded, and a crash kernel where memory is reserved for one, each from files that have not changed.\n--check=reboot-needed is for programs that empty a host before they reboot it, such as kured: the exit code is 0 only if what runs is not what the profile or plan declares and its plan is ready, which means that its checks pass, a last reboot into it did not fail, and nobody is asked anything. In any doubt it is another one, and the line says why. It changes nothing.",
  options: [OUTPUT, BOOTED_OPTION, CHECK_OPTION],
  examples: [
    { line: "warmboot status", doc: "Look" },
    { line: "warmboot status --booted web.yaml", doc: "After a reboot, in a script: did we get what was declared?" },
    { line: "warmboot status --check web.yaml kdump.yaml", doc: "For a monitor: is what they declare loaded?" },
    {
      line: "warmboot status --check=reboot-needed web",
      doc: "For kured: is a reboot needed, and would it lead there?",
    },
    { line: "warmboot status -o json", doc: "The same for a program" },
    { line: "warmboot status -o openmetrics", doc: "As metrics, for node_exporter's textfile collector" },
  ],
  exits: {
    differs:
      "With --booted: the running system is not what the profile declares. With --check: the image for a reboot is not. With --check=reboot-needed: no reboot is needed, or the plan is not ready",
    notLoaded: "With --check: no image is loaded for a reboot",
    crashMissing: "With --check: no crash kernel is loaded",
    crashStale: "With --check: the crash kernel is not what is declared, or its files, memory or CPUs have changed",
    data: "A named profile or plan is invalid",
    noinput: "A named file is missing or unreadable",
    unavailable: "With --booted or --check: it cannot be determined",
    permission: "The host may not be read",
  },
  run,
};

async function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
  const { words } = invocation;
  const declared = textOption(invocation, "booted");
  const asked = textOption(invocation, "check");
  if (asked !== undefined || isSet(invocation, "check")) {
    const other = ["booted", "output"].find((name) => textOption(invocation, name) !== undefined);
    if (other === undefined) return asked === undefined ? await runCheck(words, ports) : await runNeed(words, ports);
    complain(`--check cannot be used with --${other}`, "Omit one of them", ports);
    return "usage";
  }
  if (words.length > 0) {
    complain(`Unexpected argument "${words[0]}" for status`, "Write --check PROFILE or --booted PROFILE", ports);
    return "usage";
  }
  const form = formOf(invocation, OUTPUT);
  if (declared !== undefined) {
    if (form !== "openmetrics") return await runBooted(declared, form, ports);
    complain("-o openmetrics cannot be used with --booted", "Omit one of them", ports);
    return "usage";
  }
  const { status: readStatus } = await import("../../app/status.ts");
  const { status, busy, diagnostics } = await readStatus({ coldBoot: form !== "openmetrics" });
  const exit = report(diagnostics, ports);
  if (status === undefined) return exit;
  if (busy) say("Another warmboot is loading an image right now; this is how it was before", ports);
  ports.out.write(await statusText(status, form, ports));
  return "ok";
}

const HEALTH_EXITS: { readonly [kind in HealthKind]: ExitName } = {
  ok: "ok",
  differs: "differs",
  "not-loaded": "notLoaded",
  "crash-missing": "crashMissing",
  "crash-stale": "crashStale",
  undetermined: "unavailable",
};

async function runCheck(words: readonly string[], ports: Ports): Promise<ExitName> {
  const { checkLoaded } = await import("../../app/check_loaded.ts");
  return sayChecked(await checkLoaded(words, sideEvents(ports)), ports);
}

/** A line for each image; the exit code is that of the worst. */
export function sayChecked(images: readonly CheckedImage[], ports: Ports): ExitName {
  let exit: ExitName = "ok";
  for (const checked of images) {
    if (checked.kind !== "health") {
      exit = worse(exit, complainOfSide(checked, ports));
      continue;
    }
    const { kind, message } = checked.health;
    ports.out.write(`${kind}: ${visible(message)}\n`);
    exit = worse(exit, HEALTH_EXITS[kind]);
  }
  return exit;
}

const NEED_EXITS: { readonly [kind in RebootNeedKind]: ExitName } = {
  needed: "ok",
  running: "differs",
  "not-ready": "differs",
  undetermined: "differs",
};

async function runNeed(words: readonly string[], ports: Ports): Promise<ExitName> {
  const [word, another] = words;
  if (word === undefined || another !== undefined) {
    complain(
      word === undefined
        ? "--check=reboot-needed requires PROFILE|PLAN"
        : `Unexpected argument "${another}" for status --check=reboot-needed`,
      "Name one profile or plan: warmboot status --check=reboot-needed PROFILE",
      ports,
    );
    return "usage";
  }
  const { rebootNeeded } = await import("../../app/reboot_needed.ts");
  const { need, diagnostics } = await rebootNeeded(word, progressOf(ports));
  const exit = report(diagnostics, ports);
  if (need === undefined) return exit === "ok" ? "differs" : exit;
  const line = `${need.kind}: ${visible(need.message)}\n`;
  if (need.kind === "needed" || need.kind === "running") ports.out.write(line);
  else ports.err.write(line);
  return NEED_EXITS[need.kind];
}

async function statusText(status: Status, form: Form, { out }: Ports): Promise<string> {
  switch (form) {
    case "text":
      return (await import("../../render/status.ts")).renderStatus(status, out.layout);
    case "openmetrics":
      return (await import("../../render/openmetrics.ts")).renderOpenMetrics(status);
    case "json":
    case "yaml":
      return await dataText(status, form);
  }
}

async function runBooted(word: string, form: "text" | DataForm, ports: Ports): Promise<ExitName> {
  const { compareBooted } = await import("../../app/booted.ts");
  const booted = await compareBooted(word, sideEvents(ports));
  if (!("diff" in booted)) return complainOfSide(booted, ports);
  await writeDiff(booted.diff, form, ports);
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
