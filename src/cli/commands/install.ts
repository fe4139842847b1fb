import { visible } from "../../core/text.ts";
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
    "Run from an unpacked release, as `bin/warmboot install`, or from a checkout, as `deno task install`. It checks the release by its digests, fills in the paths, and keeps a list of the installed files. A newer release replaces an older one, and `warmboot uninstall` removes it. Files of others are never overwritten: if one is in the way, nothing is installed.\nEverything is installed below the prefix. With /usr and /usr/local, hooks and profiles are in /etc.\nThe hooks do nothing until a profile follows the newest kernel, and no unit is enabled.",
  options: [
    { name: "prefix", value: "DIR", doc: "Where to install (/usr/local)" },
    { name: "destdir", value: "DIR", doc: "A folder that replaces / while a package is made ($DESTDIR)" },
    ...FOLDER_OPTIONS.map(({ name, doc }) => ({ name, value: "DIR", doc })),
    {
      name: "deno",
      value: "PATH",
      doc: "The Deno to run with. By default the one that runs now; with --destdir, the one that is found when it runs",
    },
    ...Object.entries(OPTIONAL).map(([group, what]) => ({ name: `no-${group}`, doc: `Leave out ${what}` })),
    { name: "dry-run", doc: "Print what would be installed, and install nothing" },
  ],
  examples: [
    { line: "bin/warmboot install", doc: "Below /usr/local" },
    { line: "bin/warmboot install --prefix /usr --destdir pkg --no-hooks", doc: "For a package" },
  ],
  exits: {
    data: "The release is damaged",
    noinput: "A file of the release is missing",
    unavailable: "There is no release to install, or files of others are in the way",
    permission: "A folder may not be written",
  },
  run,
};

async function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
  const { install } = await import("../../app/install/install.ts");
  const prefix = textOption(invocation, "prefix");
  const destdir = textOption(invocation, "destdir") ?? Deno.env.get("DESTDIR") ?? "";
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
    case "temporary":
      complain(
        `The Deno that runs this does not last: ${outcome.path}`,
        "Install Deno for all users, as in /usr/local/bin (npm install --global deno, or https://deno.com), and run this with it; or name one: --deno PATH",
        ports,
      );
      return "unavailable";
    case "untrusted":
      complain(
        `Root would run ${outcome.path}, but ${outcome.part} ${outcome.why}`,
        "Install Deno for all users, as in /usr/local/bin, and name it: --deno PATH",
        ports,
      );
      return "unavailable";
    case "unusable":
      complain(
        `${outcome.path} is not a path that can be installed into`,
        "Begin it with /, and use only letters, digits and . _ + -, because scripts and units contain it",
        ports,
      );
      return "usage";
    case "invalid":
      return report(outcome.diagnostics, ports);
    case "no-release":
      complain(
        "This warmboot is not an unpacked release, so there is nothing to install from",
        "Unpack a release and run its bin/warmboot install; in a checkout: deno task install",
        ports,
      );
      return "unavailable";
    case "foreign":
      for (const path of outcome.paths) {
        complain(`${path} exists, and was not installed by warmboot`, undefined, ports);
      }
      say("Nothing was installed; move these files away, or choose another --prefix", ports);
      return "unavailable";
    case "planned":
      for (const path of outcome.files) ports.out.write(`${visible(path)}\n`);
      for (const path of outcome.removed) ports.out.write(`remove ${visible(path)}\n`);
      return "ok";
    case "installed":
      ports.out.write(`Installed warmboot ${VERSION}: ${outcome.program} and ${outcome.files.length - 1} more files\n`);
      if (outcome.deno === undefined && destdir === "") {
        say("It runs with the Deno that is found then: on PATH, or in /usr/local/bin", ports);
      }
      if (destdir === "" && !without.includes("units")) {
        say("Make systemd read the units: systemctl daemon-reload", ports);
      }
      if (outcome.idleHooks !== undefined) {
        say(
          `No distribution runs the hooks in ${outcome.idleHooks}; link them from /etc, or use --sysconfdir /etc`,
          ports,
        );
      }
      say(`Remove it with: ${outcome.program} uninstall`, ports);
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
