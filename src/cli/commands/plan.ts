import { type Command, FACTS_OPTION, outputOption } from "../command.ts";

/** `warmboot plan`. */
export const plan: Command = {
  name: "plan",
  usage: "PROFILE|DIR...",
  words: { min: 1, max: Infinity },
  summary: "Show what would happen, and change nothing",
  description:
    "Reads the host, opens and hashes the files that the profile names, chooses the system call, says why, and checks everything that can be checked before the call.\nThe plan can be stored with --out, reviewed, and carried out with `warmboot load FILE`: exactly as it is, or not at all.\nThe text and -o svg draw the host's memory, with each segment where it will lie.\nWith --facts-dir, plans each profile for each captured host of a folder and prints which fits which: ok, warn or fail, with the first reason. It exits 69 if a profile fits no host.",
  options: [
    outputOption("text", "json", "yaml", "svg"),
    {
      name: "out",
      value: "FILE",
      doc:
        "Store the plan in FILE for `warmboot load` (JSON; YAML with -o yaml); - is standard output, and shows it only there",
    },
    FACTS_OPTION,
    { name: "facts-dir", value: "DIR", doc: "Plan every profile for every host captured in DIR, and print the matrix" },
  ],
  examples: [
    { line: "warmboot plan web.yaml", doc: "Look before a reboot" },
    { line: "warmboot plan web.yaml --out web.plan.json", doc: "Store the plan for review" },
    { line: "warmboot plan web.yaml --facts host.json", doc: "Plan for a captured host, as CI does" },
    { line: "warmboot plan web.yaml --facts host.json -o svg > web.svg", doc: "A picture for a review" },
    { line: "warmboot plan profiles --facts-dir hosts", doc: "Which profile fits which host?" },
  ],
  run: async (...call) => await (await import("../actions/plan.ts")).run(...call),
};
