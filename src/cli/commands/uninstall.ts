import type { Command } from "../command.ts";

/** `warmboot uninstall`. */
export const uninstall: Command = {
  name: "uninstall",
  usage: "",
  words: { min: 0, max: 0 },
  summary: "Take away what `install` has installed",
  description:
    "Removes exactly the files that the manifest beside the program lists, and the folders that were made for them and are empty. A file that was changed since stays, and is named. Profiles, records and what is loaded stay as well.",
  options: [{ name: "dry-run", doc: "Print what would be removed, and remove nothing" }],
  examples: [{ line: "warmboot uninstall", doc: "The installation that this warmboot is part of" }],
  run: async (...call) => await (await import("../actions/uninstall.ts")).run(...call),
};
