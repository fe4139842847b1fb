import type { ExitName } from "../core/program.ts";
import type { Ports } from "./ports.ts";

/** One option of a command. Without `value` it is a switch. */
export interface Option {
  readonly name: string;
  readonly short?: string;
  /** The placeholder of its value in the help: `FILE`, `text|json`. */
  readonly value?: string;
  /** The values that it takes, where they are few; the first is the default. */
  readonly choices?: readonly string[];
  /** Whether it is a switch without a value, which then can only follow as `--name=value`: the next word stays a word. */
  readonly optional?: true;
  readonly doc: string;
}

/** The words and options of a call, understood. */
export interface Invocation {
  readonly words: readonly string[];
  /** Options by name: a text, or true for a switch. */
  readonly options: { readonly [name: string]: string | true };
}

/** The exit codes that every command has. */
export const COMMON_EXITS = ["ok", "usage", "software", "io"] as const satisfies readonly ExitName[];

/** The other exit codes of a command, with what they mean there, as a sentence without its period. */
export type CommandExits = { readonly [Name in Exclude<ExitName, (typeof COMMON_EXITS)[number]>]?: string };

/** A command: what help, errors, completions and documentation say of it, and what it does. */
export interface Command {
  readonly name: string;
  /** The words it takes, as in `PROFILE...`. */
  readonly usage: string;
  /** How many words, at least and at most. */
  readonly words: { readonly min: number; readonly max: number };
  readonly summary: string;
  readonly description: string;
  readonly options: readonly Option[];
  readonly examples: readonly { readonly line: string; readonly doc: string }[];
  /** The exit codes that it can have, in addition to those of every command. */
  readonly exits: CommandExits;
  run(invocation: Invocation, ports: Ports): Promise<ExitName>;
}

/** An option's text, or undefined. */
export function textOption({ options }: Invocation, name: string): string | undefined {
  const value = options[name];
  return typeof value === "string" ? value : undefined;
}

/** Whether a switch is set. */
export function isSet({ options }: Invocation, name: string): boolean {
  return options[name] === true;
}

/** `-o`, with the forms that a command has. */
export interface OutputOption<Form extends string> extends Option {
  readonly choices: readonly [Form, ...Form[]];
}

/** `-o`, the form of the output; the first form is the default. */
export function outputOption<Form extends string>(...forms: readonly [Form, ...Form[]]): OutputOption<Form> {
  return {
    name: "output",
    short: "o",
    value: forms.join("|"),
    choices: forms,
    doc: `Form of the output (${forms[0]})`,
  };
}

/** The form that `-o` asks for, else the first. */
export function formOf<Form extends string>(invocation: Invocation, { choices }: OutputOption<Form>): Form {
  const given = textOption(invocation, "output");
  return choices.find((form) => form === given) ?? choices[0];
}

/** The forms in which a result is data. */
export type DataForm = "json" | "yaml";

/** `-o` of a command that changes something: its result as data. */
export const OUTCOME_OPTION: OutputOption<"text" | DataForm> = outputOption("text", "json", "yaml");

/** `--facts`: plan for a captured host. */
export const FACTS_OPTION: Option = {
  name: "facts",
  value: "FILE",
  doc: "Plan for the host captured in FILE (`warmboot facts`) instead of this one",
};

/** `--max-age`: of captures. */
export const MAX_AGE_OPTION: Option = {
  name: "max-age",
  value: "AGE",
  doc: "Warn of captures that are older than AGE (30d, 12h), or do not say how old they are",
};

/** Why `--max-age` is refused without captures, and what to do. */
export const MAX_AGE_ALONE: readonly [message: string, hint: string] = [
  "--max-age requires --facts or --facts-dir",
  "This host is not captured: omit --max-age",
];

/** `--dry-run`. */
export const DRY_RUN_OPTION: Option = { name: "dry-run", doc: "Print the system calls and make none" };

/** `--strict`. */
export const STRICT_OPTION: Option = { name: "strict", doc: "Treat warnings as errors; for timers and CI" };

/** `--now`. */
export const NOW_OPTION: Option = {
  name: "now",
  doc: "Do not ask the init system: sync and reboot at once; no service is stopped",
};
