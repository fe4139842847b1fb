import { either, isMap, type JsonSchema, record, type Report, type Shape, wrongType } from "../../core/shape.ts";
import type { Path } from "../../core/diagnostic.ts";
import type { CmdlineSpec, ReusedFrom } from "../profile.ts";
import { MAX_CMDLINE } from "../limits.ts";
import { refine } from "../refine.ts";
import { CONTROL, isNothing, PLAIN_TYPES, reuse } from "../scalars.ts";
import { given, IS_TRUE } from "../schema_terms.ts";
import { parseCmdline, splitParameters } from "./cmdline.ts";
import { parameterProblem, shown } from "./problem.ts";

const QUOTED = `"[^"${CONTROL}]*"`;

/** A string of parameters: white space of any kind between them, quotes closed, no other control characters. */
const STRING_SCHEMA: JsonSchema = {
  type: PLAIN_TYPES,
  maxLength: MAX_CMDLINE,
  pattern: `^(?:[^"\\u0000-\\u0008\\u000e-\\u001f\\u007f-\\u009f]|${QUOTED})*$`,
};

/** One parameter: no white space outside quotes. */
const PARAMETER_SCHEMA: JsonSchema = {
  type: PLAIN_TYPES,
  maxLength: MAX_CMDLINE,
  pattern: `^(?:[^ "${CONTROL}]|${QUOTED})+$`,
};

/** Parameters: a string that is split as the kernel splits it, or a list with one parameter in each entry. */
const parameters: Shape<readonly string[]> = {
  schema: { anyOf: [STRING_SCHEMA, { type: "array", items: PARAMETER_SCHEMA }] },
  expected: "a string of parameters, or a list of them",
  decode(value, at, report) {
    if (Array.isArray(value)) {
      const entries = value.map((entry: unknown, index) => decodeParameter(entry, [...at, index], report));
      return entries.every((entry) => entry !== undefined) ? entries : undefined;
    }
    if (value === "") return [];
    if (isNothing(value) || typeof value !== "string") {
      return void report(wrongType(value, at, parameters.expected, isMap(value) ? mapHint(value, at) : undefined));
    }
    return checkText(value, at, report) ? splitParameters(value).parameters : undefined;
  },
};

function decodeParameter(value: unknown, at: Path, report: Report): string | undefined {
  if (isNothing(value) || typeof value !== "string") {
    return void report(
      wrongType(value, at, "one parameter of a command line", isMap(value) ? colonHint(value) : undefined),
    );
  }
  if (!checkText(value, at, report)) return undefined;
  const split = splitParameters(value).parameters;
  if (split.length === 1 && split[0] === value) return value;
  return void report({
    code: "wrong-type",
    severity: "error",
    message: `\`${shown(value)}\` is not one parameter of a command line`,
    path: at,
    expected: "one parameter in each entry",
    found: split.length === 1 ? "white space around a parameter" : `${split.length} parameters`,
    ...(value.length > 200 ? {} : { hint: entryHint(value, split) }),
  });
}

/** Reports what keeps the parameters of a text from reaching the kernel as they are written. */
function checkText(text: string, at: Path, report: Report): boolean {
  if (text.length > MAX_CMDLINE) {
    report({
      code: "too-complex",
      severity: "error",
      message: `The command line has ${text.length} characters; kernels take some thousand`,
      path: at,
      expected: `at most ${MAX_CMDLINE} characters`,
    });
    return false;
  }
  const { parameters, unclosed } = splitParameters(text);
  if (unclosed !== undefined) {
    report({
      code: "cmdline-quote",
      severity: "error",
      message: `A double quote is not closed in \`${shown(unclosed)}\``,
      path: at,
      expected: "quotes in pairs; the kernel has no way to escape one",
      found: shown(unclosed),
    });
    return false;
  }
  const faults = parameters.flatMap((parameter) => {
    const problem = parameterProblem(parameter);
    return problem === undefined ? [] : [`The parameter \`${shown(parameter)}\` ${problem}`];
  });
  for (const message of faults) {
    report({ code: "cmdline-character", severity: "error", message, path: at, found: shown(text) });
  }
  return faults.length === 0;
}

function listOf(parameters: readonly string[]): string {
  return `[${
    parameters.map((each) => /^[\w./=-]+$/.test(each) ? each : `'${each.replaceAll("'", "''")}'`).join(", ")
  }]`;
}

function entryHint(text: string, parameters: readonly string[]): string {
  const apart = `Write ${listOf(parameters)}`;
  return parameters.length < 2 || /\p{Cc}/u.test(text)
    ? apart
    : `${apart}, or quote what belongs together: '${quoteValue(text)}'`;
}

/** The entry with its value, or else the whole of it, in double quotes. */
function quoteValue(text: string): string {
  const bare = text.trim().replaceAll('"', "");
  const [, name = "", rest = bare] = /^([^\s=]+=)(.*)$/.exec(bare) ?? [];
  return `${name}"${rest}"`.replaceAll("'", "''");
}

/** Somebody wrote `- console: ttyS0` for `- console=ttyS0`. */
function colonHint(map: { readonly [key: string]: unknown }): string {
  return `Write ${listOf(parametersOfMap(map))}`;
}

/** Somebody wrote `set: { console: ttyS0 }` for `set: [console=ttyS0]`. */
function mapHint(map: { readonly [key: string]: unknown }, at: Path): string {
  return `A parameter is \`name=value\` or \`name\`: write \`${at.at(-1)}: ${listOf(parametersOfMap(map))}\``;
}

function parametersOfMap(map: { readonly [key: string]: unknown }): readonly string[] {
  return Object.entries(map).map(([name, value]) => {
    if (typeof value !== "string" || value === "") return name;
    return /\s/.test(value) ? `${name}="${value}"` : `${name}=${value}`;
  });
}

interface Edit {
  readonly reuse: boolean | ReusedFrom;
  readonly remove: readonly string[];
  readonly set: readonly string[];
  readonly append: readonly string[];
}

const settable: Shape<readonly string[]> = refine(parameters, (list, at, report) => {
  if (parseCmdline(list.join(" ")).init === undefined) return list;
  return void report({
    code: "wrong-type",
    severity: "error",
    message: "`set` cannot hold `--`",
    path: at,
    expected: "parameters of the kernel",
    found: "`--`, after which parameters go to init",
    hint: "Write parameters for init in `append`, after `--`",
  });
});

const edit: Shape<Edit> = record<Edit>({
  reuse: {
    shape: reuse,
    doc:
      "Start from the running kernel's command line (true), from that of the unified kernel image that `kernel` names " +
      "(image), from that of the `boot_entry` (entry), or from nothing (false). Parameters that describe the running boot are left out: BOOT_IMAGE, initrd, " +
      "kexec_jump_back_entry, elfcorehdr, dmcryptkeys, warmboot.plan, and crashkernel for a crash kernel.",
  },
  remove: {
    shape: parameters,
    doc: "Names, of which every parameter is removed, or whole parameters `name=value`.",
    fallback: { value: [] },
    examples: [["quiet", "console=tty0"]],
  },
  set: {
    shape: settable,
    doc: "Parameters that replace all of the same name, in the place of the first; a new name goes to the end.",
    fallback: { value: [] },
    examples: [["console=ttyS0,115200"]],
  },
  append: {
    shape: parameters,
    doc: "Parameters added at the end, before `--`.",
    fallback: { value: [] },
    examples: [["systemd.unit=rescue.target"]],
  },
}, "a map of `reuse`, `remove`, `set` and `append`");

const editCmdline: Shape<CmdlineSpec> = refine(
  edit,
  (decoded, at, report) => {
    if (decoded.reuse || decoded.remove.length === 0) return { kind: "edit", ...decoded };
    return void report({
      code: "conflict",
      severity: "error",
      message: "`remove` has nothing to remove from",
      path: [...at, "remove"],
      hint: "Start from the running command line with `reuse: true`, or leave `remove` out",
    });
  },
  {
    ...edit.schema,
    anyOf: [given({ reuse: { anyOf: [IS_TRUE, { enum: ["image", "entry"] }] } }), {
      properties: { remove: { enum: ["", []] } },
    }],
  },
);

const plainCmdline: Shape<CmdlineSpec> = refine(parameters, (list) => ({ kind: "parameters", parameters: list }));

/** The key `cmdline`: parameters, or an edit of the running command line. */
export const cmdline: Shape<CmdlineSpec> = either(
  "a string of parameters, a list of them, or a map of `reuse`, `remove`, `set` and `append`",
  [plainCmdline, editCmdline],
  (value) => isMap(value) ? editCmdline : isNothing(value) && value !== "" ? undefined : plainCmdline,
);
