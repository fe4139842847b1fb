import { EXIT, type ExitName } from "../../core/exit.ts";
import { type Diagnostic, hasErrors } from "../../core/diagnostic.ts";
import { parseProfileBytes } from "../../profile/parse.ts";
import { type Command, outputOption, textOption } from "../command.ts";
import { readOwn } from "../read_plan.ts";
import { PROFILE_LIMIT, readWhole, STDIO } from "../read_whole.ts";
import { exitOf, report } from "../report.ts";
import { jsonText, yamlText } from "../serialise.ts";
import { checkText, type FileVerdict } from "../../render/check.ts";

/** `warmboot check`. */
export const check: Command = {
  name: "check",
  usage: "PROFILE...",
  words: { min: 1, max: Infinity },
  summary: "Say whether profiles are valid; no host is needed",
  description:
    "Reads each profile and reports every problem in it, with file, line and column. Neither the host nor the files that the profile names are looked at, so this runs anywhere: in an editor, before a commit, in CI.",
  options: [outputOption("text", "json", "yaml")],
  examples: [
    { line: "warmboot check web.yaml", doc: "Check one profile" },
    { line: "warmboot check profiles/*.yaml -o json", doc: "Check many, for a program to read" },
  ],
  run(invocation, ports) {
    const verdicts: FileVerdict[] = [];
    let exit: ExitName = "ok";
    const form = textOption(invocation, "output") ?? "text";
    for (const path of invocation.words) {
      const read = readWhole(path, PROFILE_LIMIT);
      const diagnostics = [...read.diagnostics, ...(read.bytes === undefined ? [] : problemsOf(read.bytes, read.name))];
      verdicts.push({ file: path === STDIO ? read.name : path, valid: !hasErrors(diagnostics), diagnostics });
      const found = form !== "text" ? exitOf(diagnostics) : report(diagnostics, ports);
      if (EXIT[found].code > EXIT[exit].code) exit = found;
    }
    const result = { format: "warmboot.check/1", files: verdicts };
    ports.out.write(
      form === "json" ? jsonText(result) : form === "yaml" ? yamlText(result) : checkText(verdicts, ports.out.layout),
    );
    return Promise.resolve(exit);
  },
};

function problemsOf(bytes: Uint8Array, name: string): readonly Diagnostic[] {
  return (readOwn(bytes, name, false) ?? parseProfileBytes(bytes, name)).diagnostics;
}
