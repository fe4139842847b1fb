import { nearest } from "../core/nearest.ts";
import type { Command, Invocation, Option } from "./command.ts";

/** A command line that is not understood. */
export interface UsageProblem {
  readonly message: string;
  readonly hint?: string;
}

/** What reading arguments needs to know of a command. */
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

/** How many arguments before the command's name are a `--color` and its value. */
export function leadingArguments(args: readonly string[]): number {
  let count = 0;
  while (args[count] === "--color" || args[count]?.startsWith("--color=")) count += args[count] === "--color" ? 2 : 1;
  return Math.min(count, args.length);
}

/** Reads the words behind a command's name. Every problem is told, the first one first. */
export function parseInvocation(command: Grammar, args: readonly string[]): Invocation | readonly UsageProblem[] {
  const options = [...command.options, ...GLOBAL_OPTIONS];
  const { words, given, problems } = readArguments(args, options);
  const read: { [name: string]: string | true } = {};
  for (const option of options) {
    const values = given.filter(({ name }) => name === option.name).map(({ value }) => value);
    const [value] = values;
    if (value === undefined) continue;
    const problem = option.value === undefined ? undefined : valueProblem(option, value, values.length);
    if (problem === undefined) read[option.name] = option.value === undefined ? true : value;
    else problems.push(problem);
  }
  const helpOnly = read.help === true || read.version === true;
  if (!helpOnly) problems.push(...wordProblems(command, words));
  return problems.length > 0 ? problems : { words, options: read };
}

interface Arguments {
  readonly words: string[];
  readonly given: { readonly name: string; readonly value: string }[];
  readonly problems: UsageProblem[];
}

/**
 * Tells words from options, as getopt_long does: `--name=value`, `--name value`, `-nvalue`, `-n value`; behind `--` stand
 * words only. A lone `-` is a word or a value. A switch takes no value in any form, so that none can turn it off.
 */
function readArguments(args: readonly string[], options: readonly Option[]): Arguments {
  const result: Arguments = { words: [], given: [], problems: [] };
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] ?? "";
    if (argument === "--") {
      result.words.push(...args.slice(index + 1));
      break;
    }
    if (!argument.startsWith("-") || argument === "-") {
      result.words.push(argument);
      continue;
    }
    const isLong = argument.startsWith("--");
    const [, written = argument, attached] = (isLong ? /^([^=]*)=?([^]*)$/ : /^(-[^])=?([^]*)$/).exec(argument) ?? [];
    const option = options.find(({ name, short }) => isLong ? written === `--${name}` : written === `-${short}`);
    const hasValue = argument.length > written.length;
    const next = args[index + 1];
    if (option === undefined) {
      result.problems.push(unknownOption(argument.split("=", 1)[0] ?? argument, options));
    } else if (option.value === undefined) {
      if (hasValue) result.problems.push({ message: `${written} takes no value` });
      else result.given.push({ name: option.name, value: "" });
    } else if (hasValue || next === undefined || next.startsWith("-") && next !== "-") {
      result.given.push({ name: option.name, value: hasValue ? attached ?? "" : "" });
    } else {
      result.given.push({ name: option.name, value: next });
      index++;
    }
  }
  return result;
}

function unknownOption(written: string, options: readonly Option[]): UsageProblem {
  const known = options.map(({ name }) => `--${name}`);
  const near = theOnlyOne(known.filter((name) => written.length > 3 && name.startsWith(written))) ??
    nearest(written, known);
  return {
    message: `The option ${written} is not known`,
    hint: near === undefined ? `Known are ${known.join(", ")}` : `Did you mean ${near}?`,
  };
}

function theOnlyOne<T>(items: readonly T[]): T | undefined {
  return items.length === 1 ? items[0] : undefined;
}

function valueProblem({ name, value, choices }: Option, given: string, times: number): UsageProblem | undefined {
  if (times > 1) return { message: `--${name} is given ${times} times` };
  if (given === "") return { message: `--${name} needs a value`, hint: `Write --${name}=${value}` };
  if (choices !== undefined && !choices.includes(given)) {
    const near = nearest(given, choices);
    return {
      message: `--${name} does not take "${given}"`,
      hint: near === undefined
        ? `It takes ${choices.join(", ")}`
        : `Did you mean ${near}? It takes ${choices.join(", ")}`,
    };
  }
  return undefined;
}

function wordProblems(command: Grammar, words: readonly string[]): readonly UsageProblem[] {
  const usage = `Usage: warmboot ${command.name} ${command.usage}`.trimEnd();
  if (words.some((word) => word === "")) return [{ message: `${command.name} got an empty word`, hint: usage }];
  if (words.length < command.words.min) return [{ message: `${command.name} needs ${command.usage}`, hint: usage }];
  if (words.length > command.words.max) {
    return [{ message: `${command.name} does not know what to do with "${words[command.words.max]}"`, hint: usage }];
  }
  return [];
}
