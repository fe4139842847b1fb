import type { Command } from "../command.ts";
import { FOLDER_OPTIONS, OPTIONAL } from "../../app/install/options.ts";

/** `warmboot install`. */
export const install: Command = {
  name: "install",
  usage: "",
  words: { min: 0, max: 0 },
  summary: "Install this release: program, units, hooks, manual pages, completions",
  description:
    "Run from an unpacked release, as `bin/warmboot install`, or from a checkout, as `deno task install`. Checks the release by its digests, fills in the paths, and writes down what it installs: over it, a newer release installs; `warmboot uninstall` takes it away. What others put in its places is never overwritten: then nothing is installed.\nThe hooks do nothing until a profile follows the newest kernel, and no unit is enabled.",
  options: [
    { name: "prefix", value: "DIR", doc: "Where to install (/usr/local)" },
    { name: "destdir", value: "DIR", doc: "A folder that stands in for / while it is packaged" },
    ...FOLDER_OPTIONS.map(({ name, doc }) => ({ name, value: "DIR", doc })),
    {
      name: "deno",
      value: "PATH",
      doc: "The deno to run with; without --destdir the one that runs now, with it the one that is found then",
    },
    ...Object.entries(OPTIONAL).map(([group, what]) => ({ name: `no-${group}`, doc: `Leave out ${what}` })),
    { name: "dry-run", doc: "Print what would be installed, and install nothing" },
  ],
  examples: [
    { line: "bin/warmboot install", doc: "Below /usr/local" },
    { line: "bin/warmboot install --prefix /usr --destdir pkg --no-hooks", doc: "For a package" },
  ],
  run: async (...call) => await (await import("../actions/install.ts")).run(...call),
};
