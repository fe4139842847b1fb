import { FOLDER_OPTIONS, OPTIONAL } from "../../app/install/options.ts";
import type { Folders, Group } from "../../app/install/layout.ts";
import { type ExitName, VERSION } from "../../core/program.ts";
import { type Command, type Invocation, isSet, textOption } from "../command.ts";
import type { Ports } from "../ports.ts";
import { complain, report, say } from "../report.ts";

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
  run,
};

async function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
  const { install } = await import("../../app/install/install.ts");
  const prefix = textOption(invocation, "prefix");
  const destdir = textOption(invocation, "destdir") ?? "";
  const deno = textOption(invocation, "deno");
  const without = leftOut(invocation);
  const outcome = install({
    ...(prefix === undefined ? {} : { prefix }),
    ...(deno === undefined ? {} : { deno }),
    destdir,
    folders: foldersFrom(invocation),
    without,
    dryRun: isSet(invocation, "dry-run"),
  });
  switch (outcome.kind) {
    case "unusable":
      complain(
        `${outcome.path} is no path to install into`,
        "Scripts and units name it: begin it with /, and use letters, digits and . _ + - only",
        ports,
      );
      return "usage";
    case "invalid":
      return report(outcome.diagnostics, ports);
    case "no-release":
      complain(
        "This warmboot is no unpacked release, so there is nothing to install from",
        "Unpack a release and run its bin/warmboot install; in a checkout: deno task install",
        ports,
      );
      return "unavailable";
    case "foreign":
      for (const path of outcome.paths) {
        complain(`${path} is there, and is not what warmboot installed`, undefined, ports);
      }
      say("Nothing was installed; move these away, or install elsewhere with --prefix", ports);
      return "unavailable";
    case "planned":
      for (const path of outcome.files) ports.out.write(`${path}\n`);
      for (const path of outcome.removed) ports.out.write(`remove ${path}\n`);
      return "ok";
    case "installed":
      ports.out.write(`Installed warmboot ${VERSION}: ${outcome.program} and ${outcome.files.length - 1} more files\n`);
      if (outcome.deno === undefined && destdir === "") {
        say("It runs with the deno that is found then: on PATH, or in /usr/local/bin", ports);
      }
      if (destdir === "" && !without.includes("units")) {
        say("systemd sees the units after: systemctl daemon-reload", ports);
      }
      say(`Take it away with: ${outcome.program} uninstall`, ports);
      return "ok";
  }
}

function foldersFrom(invocation: Invocation): Partial<Folders> {
  return Object.fromEntries(FOLDER_OPTIONS.flatMap(({ name, folder }) => {
    const path = textOption(invocation, name);
    return path === undefined ? [] : [[folder, path]];
  }));
}

function leftOut(invocation: Invocation): readonly Group[] {
  const groups: readonly (keyof typeof OPTIONAL)[] = ["units", "hooks", "man", "completions", "docs"];
  return groups.filter((group) => isSet(invocation, `no-${group}`));
}
