import { visible } from "../../core/text.ts";
import type { ExitName } from "../../core/program.ts";
import { type Command, type Invocation, isSet } from "../command.ts";
import type { Ports } from "../ports.ts";
import { complain, report, say, warn } from "../report.ts";

/** `warmboot uninstall`. */
export const uninstall: Command = {
  name: "uninstall",
  usage: "",
  words: { min: 0, max: 0 },
  summary: "Remove what `install` has installed",
  description:
    "Removes exactly the files that the manifest beside the program lists, and the folders that were made for them and are empty. A file that was changed since stays, and is named. Profiles, records and what is loaded stay as well.",
  options: [{ name: "dry-run", doc: "Print what would be removed, and remove nothing" }],
  examples: [{ line: "warmboot uninstall", doc: "The installation that this warmboot is part of" }],
  exits: {
    data: "The list of installed files is damaged",
    noinput: "The list of installed files is missing",
    unavailable: "warmboot was not installed by warmboot install, or was moved",
    permission: "A folder may not be written",
  },
  run,
};

async function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
  const { uninstall } = await import("../../app/install/uninstall.ts");
  const outcome = uninstall(isSet(invocation, "dry-run"));
  switch (outcome.kind) {
    case "invalid":
      return report(outcome.diagnostics, ports);
    case "not-installed":
      complain(
        "This warmboot was not installed by warmboot install",
        "Remove it with what installed it, as a package manager",
        ports,
      );
      return "unavailable";
    case "moved":
      complain(
        `This warmboot was installed in ${outcome.from}, and lies in ${outcome.to} now`,
        `Move it back, or remove the files that ${outcome.manifest} lists by hand`,
        ports,
      );
      return "unavailable";
    case "planned":
      for (const file of outcome.files) ports.out.write(`${visible(file)}\n`);
      return "ok";
    case "removed":
      for (const file of outcome.kept) warn(`${file} was changed since it was installed, and stays`, undefined, ports);
      for (const unit of outcome.enabled) {
        warn(`${unit} is still enabled`, `systemctl disable ${unit}, then systemctl daemon-reload`, ports);
      }
      if (outcome.disableHook !== undefined) {
        warn("The hook warmboot-exec is still enabled", outcome.disableHook, ports);
      }
      ports.out.write(`Removed warmboot ${outcome.version}\n`);
      say("Profiles in /etc/warmboot and what is loaded stay", ports);
      return "ok";
  }
}
