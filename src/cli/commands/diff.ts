import { type Command, FACTS_OPTION, outputOption } from "../command.ts";

/** `warmboot diff`. */
export const diff: Command = {
  name: "diff",
  usage: "A [B]",
  words: { min: 1, max: 2 },
  summary: "Show what would change: profiles, plans, what is loaded, what runs",
  description:
    "Compares two sides: a profile, a stored plan, @running (the running system) or @loaded (the loaded image). Without B it is @loaded, or where nothing is, @running.\nIt reads forwards in time, however the sides are given: from the running system to what is loaded, and from there to what a profile or a plan declares; two of one kind, from A to B. + is added, - removed, ~ changed.\nA running system tells its release and command line, and no more: what is not known is said. -o svg draws both sides' memory, side by side. The exit code is 0 if nothing differs and 1 if something does.",
  options: [outputOption("text", "json", "yaml", "svg"), FACTS_OPTION],
  examples: [
    { line: "warmboot diff web.yaml", doc: "What loading this profile would change" },
    { line: "warmboot diff old.plan.json new.plan.json", doc: "Two stored plans; needs no host" },
    { line: "warmboot diff web.yaml @running", doc: "After a reboot: did we get what was declared?" },
    { line: "warmboot diff a.yaml b.yaml --facts host.json", doc: "In review, for a captured host" },
    { line: "warmboot diff old.yaml new.yaml --facts host.json -o svg > diff.svg", doc: "A picture for a review" },
  ],
  run: async (...call) => await (await import("../actions/diff.ts")).run(...call),
};
