import type { Command } from "../command.ts";

/** `warmboot schema`. */
export const schema: Command = {
  name: "schema",
  usage: "[profile|plan|facts|status|check|diff|origin|matrix|layer]",
  words: { min: 0, max: 1 },
  summary: "Print the JSON Schema of profiles, or of what the other commands print",
  description:
    "For editors and validators: draft-07. The first line of a profile may point an editor at it: # yaml-language-server: $schema=profile.schema.json",
  options: [],
  examples: [{ line: "warmboot schema > profile.schema.json", doc: "The schema of profiles" }],
  run: async (...call) => await (await import("../actions/schema.ts")).run(...call),
};
