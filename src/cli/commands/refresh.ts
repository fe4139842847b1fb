import { visible } from "../../core/text.ts";
import { withoutEndSlashes } from "../../core/text.ts";
import type { Refreshed } from "../../app/refresh.ts";
import { type ExitName, worse } from "../../core/program.ts";
import { type Command, type Invocation, OUTCOME_OPTION, textOption } from "../command.ts";
import { withOutcome } from "../outcome.ts";
import type { Ports } from "../ports.ts";
import { complain, report, say } from "../report.ts";

/** `warmboot refresh`. */
export const refresh: Command = {
  name: "refresh",
  usage: "[FILE|DIR...]",
  words: { min: 0, max: Infinity },
  summary: "Update profiles that follow the newest kernel",
  description:
    "For hooks that run when a kernel is installed or removed. Of a folder (/etc/warmboot by default), it updates the files that `warmboot init --newest --follow` wrote: with the newest kernel that has its initrd, and if they are pinned, with the digests of today. It never writes a file that a person wrote, or changed since.\nIt loads nothing: units that watch the file do that.",
  options: [
    { name: "without", value: "RELEASE", doc: "Leave out this kernel, which is about to be removed" },
    { name: "root", value: "DIR", doc: "Look for kernels, and for the default folder, under DIR instead of /" },
    OUTCOME_OPTION,
  ],
  examples: [
    { line: "warmboot refresh", doc: "What follows the newest kernel under /etc/warmboot" },
    { line: "warmboot refresh profiles/next.yaml", doc: "One file" },
  ],
  exits: {
    data: "A profile is invalid",
    noinput: "A profile is missing or unreadable, or no kernel is installed",
    unavailable: "A profile does not follow a kernel, or was changed by hand",
    permission: "A profile may not be read or written",
  },
  run: (invocation, ports) =>
    withOutcome("refresh", invocation, ports, (ports, onChange) => run(invocation, ports, onChange)),
};

async function run(invocation: Invocation, ports: Ports, onChange: () => void): Promise<ExitName> {
  const { refreshProfiles } = await import("../../app/refresh.ts");
  const root = withoutEndSlashes(textOption(invocation, "root") ?? "");
  const without = textOption(invocation, "without");
  let exit: ExitName = "ok";
  await refreshProfiles(
    { paths: invocation.words, root, ...(without === undefined ? {} : { without }) },
    (refreshed) => {
      if (refreshed.kind === "written") onChange();
      exit = worse(exit, show(refreshed, ports));
    },
  );
  return exit;
}

function show(refreshed: Refreshed, ports: Ports): ExitName {
  const { file } = refreshed;
  switch (refreshed.kind) {
    case "unreadable":
      return report(refreshed.diagnostics, ports);
    case "failed":
      return report(refreshed.diagnostics.map((problem) => ({ ...problem, hint: `${file} stays as it is` })), ports);
    case "unmanaged":
      complain(
        `${file} does not follow a kernel: it was written by hand`,
        "Write one with: warmboot init --newest --follow --out FILE",
        ports,
      );
      return "unavailable";
    case "changed":
      complain(
        `${file} was changed since it was written, and is left as it is`,
        "Move your keys to a profile that extends it, and remove this file; or remove its first line to keep it",
        ports,
      );
      return "unavailable";
    case "unchanged":
      ports.out.write(`${visible(`${file}: as it was, ${refreshed.kernel}`)}\n`);
      return "ok";
    case "written":
      ports.out.write(`${visible(`${file}: updated, ${refreshed.kernel}`)}\n`);
      if (!refreshed.initrd) say("No initrd was found for it, nor for any other kernel", ports);
      return "ok";
  }
}
