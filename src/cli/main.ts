import { EXIT, type ExitName, VERSION } from "../core/program.ts";
import { nearest } from "../core/nearest.ts";
import { type Grammar, leadingArguments, parseInvocation } from "./args.ts";
import type { Command, Invocation } from "./command.ts";
import { commandHelp, programHelp } from "./help.ts";
import type { ColourChoice, Ports } from "./ports.ts";
import { isStdin } from "../app/files/stdio.ts";
import { complain } from "./report.ts";
import { COMMANDS } from "./table.ts";

/** Runs the program: the words after its name in, the exit code out. */
export async function main(args: readonly string[], portsFor: (colour: ColourChoice) => Ports): Promise<number> {
  const ports = portsFor(colourOf(args));
  try {
    return EXIT[await dispatch(args, ports)].code;
  } catch (error) {
    // What an error needs to be explained is loaded where there is one.
    return EXIT[(await import("./explain.ts")).explain(error, ports)].code;
  }
}

/** What may be given in place of a command. */
const HELP: Grammar = { name: "help", usage: "[COMMAND]", words: { min: 0, max: 1 }, options: [] };
const VERSION_WORDS: Grammar = { name: "--version", usage: "", words: { min: 0, max: 0 }, options: [] };

async function dispatch(args: readonly string[], ports: Ports): Promise<ExitName> {
  const count = leadingArguments(args);
  const leading = args.slice(0, count);
  const [first, ...rest] = args.slice(count);
  if (first === undefined) {
    ports.err.write(programHelp(COMMANDS, ports.err.layout));
    return "usage";
  }
  const words = [...leading, ...rest];
  if (first === "--help" || first === "-h" || first === "help") return help(words, ports);
  if (first === "--version") {
    const invocation = understood(VERSION_WORDS, words, ports);
    if (invocation !== undefined) ports.out.write(versionText());
    return invocation === undefined ? "usage" : "ok";
  }
  const command = commandNamed(first, ports);
  return command === undefined ? "usage" : await runCommand(command, words, ports);
}

function help(args: readonly string[], ports: Ports): ExitName {
  const invocation = understood(HELP, args, ports);
  if (invocation === undefined) return "usage";
  const [name] = invocation.words;
  const command = name === undefined ? undefined : commandNamed(name, ports);
  if (name !== undefined && command === undefined) return "usage";
  const { layout } = ports.out;
  ports.out.write(command === undefined ? programHelp(COMMANDS, layout) : commandHelp(command, layout));
  return "ok";
}

async function runCommand(command: Command, args: readonly string[], ports: Ports): Promise<ExitName> {
  const invocation = understood(command, args, ports);
  if (invocation === undefined) return "usage";
  if (invocation.options.help === true) {
    ports.out.write(commandHelp(command, ports.out.layout));
    return "ok";
  }
  if (invocation.options.version === true) {
    ports.out.write(versionText());
    return "ok";
  }
  const [, again] = readFromStdin(invocation);
  if (again !== undefined) {
    complain(`${again} is read twice: standard input has one file`, "Name the other one by its path", ports);
    return "usage";
  }
  return await command.run(invocation, ports);
}

/** The words and values that mean standard input. `--out -` is standard output. */
function readFromStdin({ words, options }: Invocation): readonly string[] {
  const values = Object.entries(options).flatMap(([name, value]) => name === "out" || value === true ? [] : [value]);
  return [...words, ...values].filter(isStdin);
}

/** The arguments as a grammar reads them; undefined after reporting what is wrong with them. */
function understood(grammar: Grammar, args: readonly string[], ports: Ports): Invocation | undefined {
  const invocation = parseInvocation(grammar, args);
  if (invocation.kind === "invocation") return invocation;
  for (const { message, hint, unknown } of invocation.problems) {
    const owners = unknown === undefined ? [] : commandsWith(unknown);
    complain(message, owners.length === 0 ? hint : `It is an option of ${owners.join(" and ")}`, ports);
  }
  const isCommand = COMMANDS.some(({ name }) => name === grammar.name);
  ports.err.write(`See warmboot ${isCommand ? `${grammar.name} ` : ""}--help\n`);
  return undefined;
}

/** The commands that have an option, as they are called. */
function commandsWith(option: string): readonly string[] {
  return COMMANDS.filter(({ options }) => options.some(({ name }) => name === option)).map(({ name }) =>
    `warmboot ${name}`
  );
}

/** What to write in place of an option that is not allowed before a command. */
function leadingWay(option: string): string {
  if (/^-[vV]$/.test(option)) return "Did you mean --version?";
  const near = nearest(option, ["--help", "--version"]);
  if (near !== undefined) return `Did you mean ${near}?`;
  const [owner] = commandsWith(option.slice(2).split("=", 1)[0] ?? "");
  return owner === undefined ? "Write warmboot COMMAND [OPTION...]" : `Write it after the command: ${owner} ${option}`;
}

/** The command of a name; undefined after telling that there is none. */
function commandNamed(name: string, ports: Ports): Command | undefined {
  const command = COMMANDS.find((known) => known.name === name);
  if (command !== undefined) return command;
  const names = COMMANDS.map((known) => known.name);
  if (name.startsWith("-")) {
    complain(`The option ${name} is not allowed before a command`, leadingWay(name), ports);
    return undefined;
  }
  const near = nearest(name, [...names, "help", "--version"]);
  complain(
    `The command "${name}" is not known`,
    near === undefined ? `Known are ${names.join(", ")}` : `Did you mean ${near}?`,
    ports,
  );
  return undefined;
}

/** Read before the arguments are, so that problems with them are shown in the colours that were asked for. */
function colourOf(args: readonly string[]): ColourChoice {
  const end = args.indexOf("--");
  const options = end < 0 ? args : args.slice(0, end);
  const index = options.findLastIndex((argument) => argument === "--color" || argument.startsWith("--color="));
  const value = options[index]?.includes("=") ? options[index]?.split("=")[1] : options[index + 1];
  return index >= 0 && (value === "always" || value === "never") ? value : "auto";
}

/** What `--version` prints. */
export function versionText(): string {
  return `warmboot ${VERSION} (deno ${Deno.version.deno}, ${Deno.build.arch})\n`;
}
