import { EXIT, type ExitName } from "../../core/exit.ts";
import { hasErrors } from "../../core/diagnostic.ts";
import { parseProfileBytes } from "../../profile/parse.ts";
import { type Command, outputOption, textOption } from "../command.ts";
import { readWhole } from "../read_whole.ts";
import { exitOf, report } from "../report.ts";
import { checkText, type FileVerdict } from "../../render/check.ts";

/** `warmboot check`. */
export const check: Command = {
  name: "check",
  usage: "PROFILE...",
  words: { min: 1, max: Infinity },
  summary: "Say whether profiles are valid; no host is needed",
  description:
    "Reads each profile and reports every problem in it, with file, line and column. Neither the host nor the files that the profile names are looked at, so this runs anywhere: in an editor, before a commit, in CI.",
  options: [outputOption("text", "json")],
  examples: [
    { line: "warmboot check web.yaml", doc: "Check one profile" },
    { line: "warmboot check profiles/*.yaml -o json", doc: "Check many, for a program to read" },
  ],
  run(invocation, ports) {
    const verdicts: FileVerdict[] = [];
    let exit: ExitName = "ok";
    const json = textOption(invocation, "output") === "json";
    for (const path of invocation.words) {
      const read = readWhole(path);
      const diagnostics = [
        ...read.diagnostics,
        ...(read.bytes === undefined ? [] : parseProfileBytes(read.bytes, path).diagnostics),
      ];
      verdicts.push({ file: path, valid: !hasErrors(diagnostics), diagnostics });
      const found = json ? exitOf(diagnostics) : report(diagnostics, ports);
      if (EXIT[found].code > EXIT[exit].code) exit = found;
    }
    ports.out.write(
      json
        ? `${JSON.stringify({ format: "warmboot.check/1", files: verdicts }, null, 2)}\n`
        : checkText(verdicts, ports.out.layout),
    );
    return Promise.resolve(exit);
  },
};
