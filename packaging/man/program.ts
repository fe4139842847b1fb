import { compareText } from "../../src/core/text.ts";
import { EXIT, VERSION } from "../../src/core/program.ts";
import { GLOBAL_OPTIONS } from "../../src/cli/args.ts";
import type { Option } from "../../src/cli/command.ts";
import { ENVIRONMENT } from "../../src/cli/environment.ts";
import { PLACEHOLDERS } from "../../src/cli/placeholders.ts";
import { PROFILE_ROOTS } from "../../src/profile/search.ts";
import { type CommandDocs, NOTICE } from "../completions/table.ts";
import { FILES } from "./files.ts";
import { argument, escape, paragraphs, prose } from "./roff.ts";

/** The date at the foot of the pages: that of the last change to their content, set by hand. */
export const DATE = "November 25, 2026";

/** The page warmboot(8), in mdoc(7). */
export function programPage(commands: readonly CommandDocs[]): string {
  return [
    `.\\" ${NOTICE}`,
    `.Dd ${DATE}`,
    ".Dt WARMBOOT 8",
    `.Os warmboot ${VERSION}`,
    ".Sh NAME",
    ".Nm warmboot",
    ".Nd reboot Linux from a YAML file",
    ".Sh SYNOPSIS",
    ".Nm",
    ".Ar COMMAND",
    ".Op Ar OPTION ...",
    ".Op Ar WORD ...",
    ".Sh DESCRIPTION",
    paragraphs(
      "A profile says what to boot next: see warmboot.profile(5). warmboot makes a plan from it: which system call, why, and the verdict of every safety check. It shows the plan, and carries it out with kexec_file_load(2) or kexec_load(2), without the firmware and without a kexec program.\n" +
        "What cannot work is refused before anything happens, with the cause and what to do. Results go to standard output, diagnostics to standard error.",
    ),
    ".Sh COMMANDS",
    ...commands.flatMap(commandSection),
    ".Sh OPTIONS OF EVERY COMMAND",
    list(GLOBAL_OPTIONS.map(optionItem)),
    ".Sh WORDS",
    "What the words in capitals mean:",
    list(Object.entries(PLACEHOLDERS).map(([word, { doc }]) => [`.It Ar ${word}`, prose(doc)])),
    ".Sh ENVIRONMENT",
    list(ENVIRONMENT.map(({ name, doc }) => [`.It Ev ${name}`, prose(doc)])),
    ".Sh FILES",
    list(FILES.map(({ path, doc }) => [`.It Pa ${escape(path)}`, prose(doc)])),
    ".Sh EXIT STATUS",
    list(Object.values(EXIT).map(({ code, meaning }) => [`.It ${code}`, prose(`${meaning}.`)])),
    ".Sh EXAMPLES",
    "Look before a reboot, then reboot:",
    ".Bd -literal -offset indent",
    "warmboot init \\-\\-out web.yaml",
    "warmboot plan web.yaml",
    "warmboot load web.yaml",
    "warmboot exec",
    ".Ed",
    ".Sh SEE ALSO",
    ...seeAlso(["kexec_load 2", "reboot 2", "warmboot.profile 5", "systemctl 1"]),
    "",
  ].join("\n");
}

/** Cross references, in the order that mandoc asks for: by section, then by name. */
export function seeAlso(pages: readonly string[]): readonly string[] {
  const sorted = pages.map((page) => page.split(" ")).toSorted(([a = "", m = ""], [b = "", n = ""]) =>
    compareText(m, n) || compareText(a, b)
  );
  return sorted.map((page, index) => `.Xr ${page.join(" ")}${index < sorted.length - 1 ? " ," : ""}`);
}

/** Where a profile of a name is looked for, for both pages. */
export const PROFILE_FOLDERS = PROFILE_ROOTS.join(", ");

/** A tagged list; each item is its head and its text. */
export function list(items: readonly (readonly string[])[]): string {
  return [".Bl -tag -width Ds", ...items.flat(), ".El"].join("\n");
}

function commandSection({ name, usage, summary, description, options, examples }: CommandDocs): readonly string[] {
  return [
    // The last characters may be delimiters to mdoc.
    `.Ss ${escape(`${name} ${usage}`.trimEnd())}\\&`,
    prose(`${summary}.`),
    ".Pp",
    paragraphs(description),
    ...(options.length > 0 ? [list(options.map(optionItem))] : []),
    ...(examples.length > 0 ? [".Pp", examples.length > 1 ? "Examples:" : "Example:"] : []),
    list(examples.map(({ line, doc }) => [`.It Li ${argument(line)}`, prose(doc)])),
  ];
}

function optionItem({ name, short, value, optional, doc }: Option): readonly string[] {
  const names = [...(short === undefined ? [] : [short]), `-${name}`].map((flag) => `Fl ${escape(flag)}`);
  const taken = value === undefined ? "" : optional ? ` Ns Op = Ns Ar ${argument(value)}` : ` Ar ${argument(value)}`;
  return [`.It ${names.join(" , ")}${taken}`, prose(`${doc}.`.replace(/\.\.$/, "."))];
}
