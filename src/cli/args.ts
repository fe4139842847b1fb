import { parseArgs } from "@std/cli/parse-args";
import { nearest } from "../core/nearest.ts";
import type { Command, Invocation, Option } from "./command.ts";

/** A command line that is not understood. */
export interface UsageProblem {
  readonly message: string;
  readonly hint?: string;
}

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

/** Reads the words behind a command's name. Every problem is told, the first one first. */
export function parseInvocation(command: Command, args: readonly string[]): Invocation | readonly UsageProblem[] {
  const options = [...command.options, ...GLOBAL_OPTIONS];
  const valued = options.filter((option) => option.value !== undefined);
  const switches = options.filter((option) => option.value === undefined);
  const problems: UsageProblem[] = [];
  const parsed = parseArgs(args, {
    // Words stay words: undeclared, `0x10` would become a number.
    string: ["_", ...valued.map(({ name }) => name)],
    boolean: switches.map(({ name }) => name),
    collect: valued.map(({ name }) => name),
    alias: Object.fromEntries(options.flatMap(({ name, short }) => short === undefined ? [] : [[name, short]])),
    unknown: (argument, key) => {
      if (key === undefined) return true;
      problems.push(unknownOption(argument.split("=", 1)[0] ?? argument, options));
      return false;
    },
  });
  for (const { name } of switches) {
    if (args.some((argument) => argument.startsWith(`--${name}=`))) {
      problems.push({ message: `--${name} takes no value` });
    }
  }
  const read: { [name: string]: string | true } = {};
  for (const { name } of switches) if (parsed[name] === true) read[name] = true;
  for (const option of valued) {
    const values = parsed[option.name];
    if (!Array.isArray(values) || values.length === 0) continue;
    const value = String(values[0]);
    const problem = valueProblem(option, value, values.length);
    if (problem === undefined) read[option.name] = value;
    else problems.push(problem);
  }
  const words = parsed._.map(String);
  const helpOnly = read.help === true || read.version === true;
  if (!helpOnly) problems.push(...wordProblems(command, words));
  return problems.length > 0 ? problems : { words, options: read };
}

function unknownOption(written: string, options: readonly Option[]): UsageProblem {
  const known = options.map(({ name }) => `--${name}`);
  const near = nearest(written, known);
  return {
    message: `The option ${written} is not known`,
    hint: near === undefined ? `Known are ${known.join(", ")}` : `Did you mean ${near}?`,
  };
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

function wordProblems(command: Command, words: readonly string[]): readonly UsageProblem[] {
  const usage = `Usage: warmboot ${command.name} ${command.usage}`;
  if (words.some((word) => word === "")) return [{ message: `${command.name} got an empty word`, hint: usage }];
  if (words.length < command.words.min) return [{ message: `${command.name} needs ${command.usage}`, hint: usage }];
  if (words.length > command.words.max) {
    return [{ message: `${command.name} does not know what to do with "${words[command.words.max]}"`, hint: usage }];
  }
  return [];
}
