import { type Command, type Option, outputOption } from "../command.ts";

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
    "Holds what the kernel says (loaded or not) against the record that `warmboot load` left under /run/warmboot, and that against the files as they are now; says what memory is reserved for a crash kernel, and lists what on this host would stand in the way of a load.",
  options: [outputOption("text", "json", "yaml"), BOOTED_OPTION],
  examples: [
    { line: "warmboot status", doc: "Look" },
    { line: "warmboot status --booted web.yaml", doc: "After a reboot, in a script: did we get what was declared?" },
    { line: "warmboot status -o json", doc: "The same for a program" },
  ],
  run: async (...call) => await (await import("../actions/status.ts")).run(...call),
};
