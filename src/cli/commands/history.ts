import type { ExitName } from "../../core/program.ts";
import type { HostFacts } from "../../host/facts.ts";
import { type Command, formOf, type Invocation, outputOption } from "../command.ts";
import { withHost } from "../host.ts";
import type { Ports } from "../ports.ts";
import { dataText, warn } from "../report.ts";

const OUTPUT = outputOption("text", "json", "yaml", "svg");

/** `warmboot history`. */
export const history: Command = {
  name: "history",
  usage: "",
  words: { min: 0, max: 0 },
  summary: "List the reboots into loaded images: how each ended, and how long it took",
  description:
    "Reads what `exec`, `load --exec` and the units left under /var/lib/warmboot/attempts, the last 50, and holds those that are still open against the running system. Nothing is written. A bar shows for each how long it interrupted the host, phase by phase, beside what was expected; -o svg is the same as a picture. An end is stated only where it is certain: warmboot-arrive.service watches each boot for that.",
  options: [OUTPUT],
  examples: [
    { line: "warmboot history", doc: "What was tried, did it arrive, and how long did it take?" },
    { line: "warmboot history -o svg > history.svg", doc: "The same as a picture" },
    { line: "warmboot history -o json", doc: "The same for a program" },
  ],
  exits: {
    data: "A fact of the host is malformed",
    permission: "The host or the attempts may not be read",
  },
  run: (invocation, ports) => withHost(ports, (facts) => run(facts, invocation, ports)),
};

async function run(facts: HostFacts, invocation: Invocation, ports: Ports): Promise<ExitName> {
  const { readHistory } = await import("../../app/attempts.ts");
  const { history, problems } = readHistory(facts);
  for (const problem of problems) warn(problem, "Remove it, if it is not needed", ports);
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
