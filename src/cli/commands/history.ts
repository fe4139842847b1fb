import type { ExitName } from "../../core/program.ts";
import { visible } from "../../core/text.ts";
import type { HostFacts } from "../../host/facts.ts";
import { type Command, formOf, type Invocation, isSet, type Option, outputOption, textOption } from "../command.ts";
import { withHost } from "../host.ts";
import type { Ports } from "../ports.ts";
import { complain, dataText, warn } from "../report.ts";

const OUTPUT = outputOption("text", "json", "yaml", "svg");

const ENDED_OPTION: Option = {
  name: "ended",
  doc:
    "Say in one line how the last reboot ended; exit code 1 as long as it has not: the next system is still to come, to be confirmed, or to be left again",
};

/** `warmboot history`. */
export const history: Command = {
  name: "history",
  usage: "",
  words: { min: 0, max: 0 },
  summary: "List the reboots into loaded images: how each ended, and how long it took",
  description:
    "Reads what `exec`, `load --exec` and the units left under /var/lib/warmboot/attempts, the last 50, and holds those that are still open against the running system. Nothing is written. A bar shows for each how long it interrupted the host, phase by phase, beside what was expected; -o svg is the same as a picture. An end is stated only where it is certain: warmboot-arrive.service watches each boot for that.",
  options: [OUTPUT, ENDED_OPTION],
  examples: [
    { line: "warmboot history", doc: "What was tried, did it arrive, and how long did it take?" },
    { line: "warmboot history -o svg > history.svg", doc: "The same as a picture" },
    { line: "warmboot history -o json", doc: "The same for a program" },
    { line: "warmboot history --ended", doc: "For a program that waits: has the last reboot come to its end?" },
  ],
  exits: {
    differs: "With --ended: the last reboot has not ended",
    data: "A fact of the host is malformed",
    permission: "The host or the attempts may not be read",
  },
  run: async (invocation, ports) => {
    if (isSet(invocation, "ended") && textOption(invocation, "output") !== undefined) {
      complain("--ended cannot be used with --output", "Omit one of them", ports);
      return "usage";
    }
    return await withHost(ports, (facts) => run(facts, invocation, ports));
  },
};

async function run(facts: HostFacts, invocation: Invocation, ports: Ports): Promise<ExitName> {
  const { readHistory } = await import("../../app/attempts.ts");
  const { history, problems } = readHistory(facts);
  for (const problem of problems) warn(problem, "Remove it, if it is not needed", ports);
  if (isSet(invocation, "ended")) {
    const [last] = history.attempts;
    const { describeEnd, NO_ATTEMPTS } = await import("../../render/history.ts");
    const { isOver } = await import("../../state/attempt.ts");
    ports.out.write(`${last === undefined ? NO_ATTEMPTS : visible(describeEnd(last))}\n`);
    return last === undefined || isOver(last, facts) ? "ok" : "differs";
  }
  const form = formOf(invocation, OUTPUT);
  ports.out.write(
    form === "text"
      ? (await import("../../render/history.ts")).renderHistory(history, ports.out.layout)
      : form === "svg"
      ? (await import("../../render/history_svg.ts")).renderHistorySvg(history)
      : await dataText(history, form),
  );
  return "ok";
}
