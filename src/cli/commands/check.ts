import type { CheckedFiles } from "../../app/check_files.ts";
import { isStdin } from "../../app/files/stdio.ts";
import type { Diagnostic } from "../../core/diagnostic.ts";
import { type ExitName, VERSION, worse } from "../../core/program.ts";
import { jsonText } from "../../core/text.ts";
import type { AppliedFix } from "../../render/check.ts";
import type { OriginReport } from "../../render/origin.ts";
import {
  type Command,
  type DataForm,
  formOf,
  type Invocation,
  isSet,
  outputOption,
  STRICT_OPTION,
} from "../command.ts";
import type { Ports } from "../ports.ts";
import { complain, dataText, exitOf, report, say } from "../report.ts";

const OUTPUT = outputOption("text", "json", "yaml", "sarif", "junit");
type Form = typeof OUTPUT.choices[number];

/** `warmboot check`. */
export const check: Command = {
  name: "check",
  usage: "PROFILE|DIR...",
  words: { min: 1, max: Infinity },
  summary: "Say whether profiles are valid; no host is needed",
  description:
    "Reads each profile, with what it extends and its drop-ins, and reports every problem with the file, line and column that set the value. In a folder, every file *.yaml or *.yml with a `version` is a profile; hidden files are left out, and files without a version are parts of others. Neither the host nor the files that a profile names are looked at, so this runs anywhere: in an editor, before a commit, in CI.\nThe exit code of several profiles is the highest of theirs; that of one is its first error's.",
  options: [
    OUTPUT,
    STRICT_OPTION,
    { name: "origin", doc: "Print each profile as it is after merging, and which file and line set each value" },
    { name: "fix", doc: "Correct what has only one likely correction, in the files; then check what is left" },
  ],
  examples: [
    { line: "warmboot check web.yaml", doc: "Check one profile" },
    { line: "warmboot check profiles", doc: "Check all profiles of a folder, and those below it" },
    { line: "warmboot check profiles -o sarif > check.sarif", doc: "Check them, for a code review to show" },
    { line: "warmboot check profiles --fix", doc: "Correct mistyped keys and values in place" },
    { line: "warmboot check web --origin", doc: "Say where each value of the profile web comes from" },
  ],
  exits: {
    data: "A profile is invalid",
    noinput: "A profile, or a file that it extends, is missing or unreadable",
    permission: "A file may not be read, or with --fix not be written",
  },
  run,
};

async function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
  const form = formOf(invocation, OUTPUT);
  const origin = isSet(invocation, "origin");
  if (origin && (form === "sarif" || form === "junit")) {
    complain(`--origin has no form ${form}`, "Write -o text, -o json or -o yaml", ports);
    return "usage";
  }
  const fix = isSet(invocation, "fix");
  if (fix && invocation.words.some(isStdin)) {
    complain("--fix cannot change standard input", "Name the file by its path", ports);
    return "usage";
  }
  const fixed = fix ? (await import("../../app/fix_files.ts")).fixFiles(invocation.words) : undefined;
  for (const { file, line, column, from, to } of fixed ?? []) {
    say(`${file}:${line}:${column}: replaced ${from} by ${to}`, ports);
  }
  const { checkProfiles } = await import("../../app/check_files.ts");
  let exit: ExitName = "ok";
  const shows = form === "text" || origin;
  const strict = isSet(invocation, "strict");
  const shown = new Set<string>();
  const checked = checkProfiles(invocation.words, (diagnostics) => {
    exit = worse(exit, exitOf(diagnostics));
    if (strict && diagnostics.length > 0) exit = worse(exit, "data");
    if (shows) report(diagnostics.filter((each) => isNew(each, shown)), ports);
  });
  ports.out.write(
    origin && form !== "sarif" && form !== "junit"
      ? await originIn(form, checked, ports)
      : await verdictIn(form, checked, fixed, ports),
  );
  return exit;
}

async function verdictIn(
  form: Form,
  checked: CheckedFiles,
  fixed: readonly AppliedFix[] | undefined,
  ports: Ports,
): Promise<string> {
  const files = checked.profiles.map(({ verdict }) => verdict);
  switch (form) {
    case "sarif":
      return jsonText((await import("../../render/sarif.ts")).sarifLog([...files, ...unusedParts(checked)], VERSION));
    case "junit":
      return (await import("../../render/junit.ts")).junitXml(files, checked.parts);
    case "text":
    case "json":
    case "yaml": {
      const { checkResult, checkText } = await import("../../render/check.ts");
      const result = checkResult(files, checked.parts, fixed);
      return form === "text" ? checkText(result, ports.out.layout) : await dataText(result, form);
    }
  }
}

/** Whether a problem was not shown yet: a problem of a base is found in every profile that extends it. */
function isNew({ code, message, position }: Diagnostic, shown: Set<string>): boolean {
  if (position === undefined) return true;
  const key = `${position.file}\0${position.line}\0${position.column}\0${code}\0${message}`;
  if (shown.has(key)) return false;
  shown.add(key);
  return true;
}

/** The files that no profile uses: a warning, in forms that know only of files. */
function unusedParts({ parts }: CheckedFiles): CheckedFiles["profiles"][number]["verdict"][] {
  return parts.filter(({ used }) => !used).map(({ file, diagnostics }) => ({ file, valid: true, diagnostics }));
}

async function originIn(form: "text" | DataForm, { profiles }: CheckedFiles, ports: Ports): Promise<string> {
  const { originRows } = await import("../../profile/origin_rows.ts");
  const result: OriginReport = {
    format: "warmboot.origin/1",
    profiles: profiles.flatMap(({ verdict, parsed }) =>
      parsed?.merged === undefined ? [] : [{
        file: verdict.file,
        layers: parsed.layers.map(({ file, role }) => ({ file, role })),
        keys: originRows(parsed.merged),
      }]
    ),
  };
  if (form !== "text") return await dataText(result, form);
  return (await import("../../render/origin.ts")).originText(result, ports.out.layout);
}
