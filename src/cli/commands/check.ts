import { type Command, outputOption } from "../command.ts";

/** `warmboot check`. */
export const check: Command = {
  name: "check",
  usage: "PROFILE|DIR...",
  words: { min: 1, max: Infinity },
  summary: "Say whether profiles are valid; no host is needed",
  description:
    "Reads each profile, with what it extends and its drop-ins, and reports every problem with the file, line and column that set the value. Of a folder every file *.yaml or *.yml with a `version` is a profile; hidden ones are left out, and files without a version are parts of others. Neither the host nor the files that a profile names are looked at, so this runs anywhere: in an editor, before a commit, in CI.",
  options: [
    outputOption("text", "json", "yaml", "sarif", "junit"),
    { name: "origin", doc: "Print each profile as it is after merging, and which file and line set each value" },
  ],
  examples: [
    { line: "warmboot check web.yaml", doc: "Check one profile" },
    { line: "warmboot check profiles", doc: "Check all profiles of a folder, and those below it" },
    { line: "warmboot check profiles -o sarif > check.sarif", doc: "Check them, for a code review to show" },
    { line: "warmboot check web --origin", doc: "Say where each value of the profile web comes from" },
  ],
  run: async (...call) => await (await import("../actions/check.ts")).run(...call),
};
