import { parseArgs } from "@std/cli/parse-args";
import { nearest } from "../core/nearest.ts";
import type { Command, Invocation, Option } from "./command.ts";

/** A mistake in the command line. */
export interface UsageProblem {
  readonly message: string;
  readonly hint?: string;
  /** The name of the long option that this command does not have; others may. */
  readonly unknown?: string;
}

/** What a command line says; or every mistake in it. */
export type ParsedArguments =
  | Invocation & { readonly kind: "invocation" }
  | { readonly kind: "problems"; readonly problems: readonly UsageProblem[] };

/** What the parser of arguments needs to know about a command. */
export type Grammar = Pick<Command, "name" | "usage" | "words" | "options">;

/** The options that every command has. */
export const GLOBAL_OPTIONS: readonly Option[] = [
  { name: "help", short: "h", doc: "Show this help" },
  { name: "version", doc: "Show the versions of warmboot and what it runs on" },
  {
    name: "color",
    value: "auto|always|never",
    choices: ["auto", "always", "never"],
    doc: "Use colours (auto: on a terminal, unless NO_COLOR is set)",
  },
];

/** How many arguments before the command's name belong to `--color`. */
export function leadingArguments(args: readonly string[]): number {
  let count = 0;
  while (args[count] === "--color" || args[count]?.startsWith("--color=")) count += args[count] === "--color" ? 2 : 1;
  return Math.min(count, args.length);
}

/** Reads the arguments after a command's name. Reports every problem, in the order of the command line. */
export function parseInvocation(command: Grammar, args: readonly string[]): ParsedArguments {
  const options = [...command.options, ...GLOBAL_OPTIONS];
  const { words, given, problems } = readArguments(args, options);
  const read: { [name: string]: string | true } = {};
  for (const option of options) {
    const found = given.filter(({ name }) => name === option.name);
    if (found.length === 0) continue;
    const value = found.find((each) => each.value !== undefined)?.value;
    const problem = value === undefined ? undefined : valueProblem(option, value, found.length);
    if (problem === undefined) read[option.name] = value ?? true;
    else problems.push(problem);
  }
  const helpOnly = read.help === true || read.version === true;
  if (!helpOnly) problems.push(...wordProblems(command, words));
  return problems.length > 0 ? { kind: "problems", problems } : { kind: "invocation", words, options: read };
}

interface Arguments {
  readonly words: readonly string[];
  /** Each option as often as it is given; a switch has no value. */
  readonly given: readonly { readonly name: string; readonly value: string | undefined }[];
  readonly problems: UsageProblem[];
}

/** Reads a command line with `parseArgs`, strictly: what the table of options does not allow is a problem. */
function readArguments(args: readonly string[], options: readonly Option[]): Arguments {
  const { flags, words, bare } = unambiguous(args, options);
  const withValue = options.filter(({ value }) => value !== undefined).map(({ name }) => name);
  const switches: string[] = [...bare];
  const refused = new Set<string>();
  const values = parseArgs([...flags], {
    string: withValue,
    collect: withValue,
    // Switches are not declared: `parseArgs` would read any value of one as true. So they arrive here, as written.
    unknown(argument) {
      const option = options.find(({ name, value }) => value === undefined && argument === `--${name}`);
      if (option === undefined) refused.add(argument);
      else switches.push(option.name);
      return false;
    },
  });
  return {
    words,
    given: [
      ...switches.map((name) => ({ name, value: undefined })),
      ...withValue.flatMap((name) => textsOf(values[name]).map((value) => ({ name, value }))),
    ],
    problems: [...refused].map((argument) => refusal(argument, options)),
  };
}

/**
 * The command line in forms that `parseArgs` reads in one way only. Values are joined to their options as
 * `--name=value`, from any form that getopt_long reads: `--name=value`, `--name value`, `-nvalue`, `-n value`. Options that
 * may lack their value, and do, are `bare`: `parseArgs` would give them an empty one. Words are kept apart, since `parseArgs` takes `true` or `false` after a switch for its value, and numbers for numbers. After
 * `--` there are only words, and a lone `-` is a word or a value.
 */
function unambiguous(
  args: readonly string[],
  options: readonly Option[],
): { readonly flags: readonly string[]; readonly words: readonly string[]; readonly bare: readonly string[] } {
  const flags: string[] = [];
  const bare: string[] = [];
  const words: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] ?? "";
    if (argument === "--") {
      words.push(...args.slice(index + 1));
      break;
    }
    if (isWord(argument)) {
      words.push(argument);
      continue;
    }
    const { option, attached } = split(argument, options);
    const next = args[index + 1];
    if (option === undefined) flags.push(nameOf(argument));
    else if (option.value === undefined) flags.push(attached === undefined ? `--${option.name}` : argument);
    else if (option.optional && attached === undefined) bare.push(option.name);
    else if (attached !== undefined || next === undefined || !isWord(next)) {
      flags.push(`--${option.name}=${attached ?? ""}`);
    } else {
      flags.push(`--${option.name}=${next}`);
      index++;
    }
  }
  return { flags, words, bare };
}

/** Whether it is a word, or the value of the option before it. */
function isWord(argument: string): boolean {
  return !argument.startsWith("-") || argument === "-";
}

/** The option that an argument names, and the value that is attached to the name. */
function split(
  argument: string,
  options: readonly Option[],
): { readonly option: Option | undefined; readonly attached: string | undefined } {
  const isLong = argument.startsWith("--");
  const [, written, attached] = (isLong ? /^(--[^=]+)=?([^]*)$/ : /^(-[^])=?([^]*)$/).exec(argument) ?? [];
  const option = options.find(({ name, short }) => written === (isLong ? `--${name}` : `-${short}`));
  return { option, attached: argument === written ? undefined : attached };
}

/** The name as written, without a value: `parseArgs` reads `--no-facts=FILE` as `--facts=FILE`. */
function nameOf(argument: string): string {
  const name = /^--?[^=]+/.exec(argument)?.[0] ?? "--";
  return name === "--" ? argument : name;
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

/** Why an argument is refused: a switch with a value, or an option that is not in the table. */
function refusal(argument: string, options: readonly Option[]): UsageProblem {
  const { option } = split(argument, options);
  if (option === undefined) return unknownOption(argument, options);
  const written = argument.startsWith("--") ? `--${option.name}` : `-${option.short}`;
  return { message: `${written} takes no value`, hint: `Write ${written}` };
}

function unknownOption(written: string, options: readonly Option[]): UsageProblem {
  const known = options.map(({ name }) => `--${name}`);
  const near = theOnlyOne(known.filter((name) => written.length > 3 && name.startsWith(written))) ??
    nearest(written, known);
  return {
    message: `Unknown option ${written}`,
    hint: near === undefined ? `The options are ${known.join(", ")}` : `Did you mean ${near}?`,
    ...(near === undefined && written.startsWith("--") ? { unknown: written.slice(2) } : {}),
  };
}

function theOnlyOne<T>(items: readonly T[]): T | undefined {
  return items.length === 1 ? items[0] : undefined;
}

function valueProblem({ name, value, choices }: Option, given: string, times: number): UsageProblem | undefined {
  if (times > 1) return { message: `--${name} is given ${times} times` };
  if (given === "") return { message: `--${name} requires a value`, hint: `Write --${name}=${value}` };
  if (choices !== undefined && !choices.includes(given)) {
    const near = nearest(given, choices);
    return {
      message: `--${name} does not accept "${given}"`,
      hint: near === undefined
        ? `The values are ${choices.join(", ")}`
        : `Did you mean ${near}? The values are ${choices.join(", ")}`,
    };
  }
  return undefined;
}

function wordProblems(command: Grammar, words: readonly string[]): readonly UsageProblem[] {
  const usage = `Usage: warmboot ${command.name} ${command.usage}`.trimEnd();
  if (words.some((word) => word === "")) return [{ message: `Empty argument for ${command.name}`, hint: usage }];
  if (words.length < command.words.min) return [{ message: `${command.name} requires ${command.usage}`, hint: usage }];
  if (words.length > command.words.max) {
    return [{ message: `Unexpected argument "${words[command.words.max]}" for ${command.name}`, hint: usage }];
  }
  return [];
}
