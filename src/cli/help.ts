import { EXIT } from "../core/program.ts";
import { wrap } from "../render/wrap.ts";
import { GLOBAL_OPTIONS } from "./args.ts";
import { type Command, COMMON_EXITS, type Option } from "./command.ts";
import { type Layout, NARROW } from "../render/style.ts";

/** The column of the explanations; on a narrow terminal, one that leaves room for them. */
const COLUMN = 28;
const NARROW_COLUMN = 8;

/** The help of the program. */
export function programHelp(commands: readonly Command[], { style, width }: Layout): string {
  return [
    `${style.bold("warmboot")}: reboot Linux from a YAML file`,
    "",
    style.bold("Usage"),
    "  warmboot COMMAND [OPTION...] [ARGUMENT...]",
    "",
    style.bold("Commands"),
    ...commands.map(({ name, usage, summary }) => entry(`${name} ${usage}`, summary, width)),
    "",
    style.bold("Options of every command"),
    ...GLOBAL_OPTIONS.map((option) => optionLine(option, width)),
    "",
    ...exitLines(Object.values(EXIT), { style, width }),
    "",
    wrap("More on a command: warmboot COMMAND --help", width, 0),
    "",
  ].join("\n");
}

/** The help of one command. */
export function commandHelp(command: Command, { style, width }: Layout): string {
  return [
    wrap(`warmboot ${command.name}: ${command.summary}`, width, 2),
    "",
    style.bold("Usage"),
    usageLines(command, width),
    "",
    ...command.description.split("\n").map((paragraph) => wrap(paragraph, width, 0)),
    "",
    style.bold("Options"),
    ...[...command.options, ...GLOBAL_OPTIONS].map((option) => optionLine(option, width)),
    "",
    style.bold("Examples"),
    ...command.examples.flatMap(({ line, doc }) => [`  ${line}`, `      ${style.dim(wrap(doc, width, 6))}`]),
    "",
    ...exitLines(exitsOf(command), { style, width }),
    "",
  ].join("\n");
}

/** The usage of a command; where it is wider than the terminal, broken after a `|`. */
function usageLines({ name, options, usage }: Command, width: number): string {
  const head = `  warmboot ${name}${options.length > 0 ? " [OPTION...]" : ""} `;
  const lines = [head];
  for (const part of usage.split(/(?<=\|)/)) {
    const last = lines.pop() ?? "";
    const isFull = last.length + part.length > width && last !== head;
    lines.push(...(isFull ? [last, " ".repeat(head.length) + part] : [last + part]));
  }
  return lines.join("\n").trimEnd();
}

/** An exit code and what it means. */
interface Exit {
  readonly code: number;
  readonly meaning: string;
}

/** The exit codes that a command can have, in their order. */
export function exitsOf({ exits }: Pick<Command, "exits">): readonly Exit[] {
  const common: readonly string[] = COMMON_EXITS;
  const own: { readonly [name: string]: string | undefined } = exits;
  return Object.entries(EXIT).flatMap(([name, { code, meaning }]) =>
    common.includes(name) ? [{ code, meaning }] : own[name] === undefined ? [] : [{ code, meaning: own[name] }]
  );
}

function exitLines(exits: readonly Exit[], { style, width }: Layout): readonly string[] {
  return [
    style.bold("Exit codes"),
    ...exits.map(({ code, meaning }) => `  ${String(code).padEnd(4)}${wrap(meaning, width, 6)}`),
  ];
}

function optionLine({ name, short, value, optional, doc }: Option, width: number): string {
  const long = value === undefined ? `--${name}` : optional ? `--${name}[=${value}]` : `--${name} ${value}`;
  return entry(short === undefined ? `    ${long}` : `-${short}, ${long}`, doc, width);
}

function entry(term: string, doc: string, width: number): string {
  const head = `  ${term}`;
  const column = width < NARROW ? NARROW_COLUMN : COLUMN;
  const text = wrap(doc, width, column);
  return head.length + 1 < column ? `${head.padEnd(column)}${text}` : `${head}\n${" ".repeat(column)}${text}`;
}
