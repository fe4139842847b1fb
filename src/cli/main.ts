import { EXIT, type ExitName } from "../core/exit.ts";
import { nearest } from "../core/nearest.ts";
import { LibcError } from "../kernel/libc.ts";
import { SyscallError } from "../kernel/syscall_error.ts";
import { parseInvocation } from "./args.ts";
import type { Command } from "./command.ts";
import { commandHelp, programHelp } from "./help.ts";
import type { ColourChoice, Ports } from "./ports.ts";
import { StoreError } from "./record_store.ts";
import { complain } from "./report.ts";
import { COMMANDS } from "./table.ts";
import { versionText } from "./versions.ts";
import { WriteError } from "./write_whole.ts";

/** Runs the program: the words behind its name in, the exit code out. */
export async function main(args: readonly string[], portsFor: (colour: ColourChoice) => Ports): Promise<number> {
  const ports = portsFor(colourOf(args));
  try {
    return EXIT[await dispatch(args, ports)].code;
  } catch (error) {
    return EXIT[explain(error, ports)].code;
  }
}

async function dispatch(args: readonly string[], ports: Ports): Promise<ExitName> {
  const [first, ...rest] = args.filter((argument, index) => !(index === 0 && argument.startsWith("--color=")));
  if (first === undefined || first === "--help" || first === "-h" || first === "help" && rest.length === 0) {
    const help = programHelp(COMMANDS, (first === undefined ? ports.err : ports.out).layout);
    (first === undefined ? ports.err : ports.out).write(help);
    return first === undefined ? "usage" : "ok";
  }
  if (first === "--version") {
    ports.out.write(versionText());
    return "ok";
  }
  const [name, words] = first === "help" ? [rest[0] ?? "", ["--help"]] : [first, rest];
  const command = COMMANDS.find((known) => known.name === name);
  return command === undefined ? unknownCommand(name, ports) : await runCommand(command, words, ports);
}

async function runCommand(command: Command, args: readonly string[], ports: Ports): Promise<ExitName> {
  const invocation = parseInvocation(command, args);
  if (!("words" in invocation)) {
    for (const { message, hint } of invocation) complain(message, hint, ports);
    ports.err.write(`See warmboot ${command.name} --help\n`);
    return "usage";
  }
  if (invocation.options.help === true) {
    ports.out.write(commandHelp(command, ports.out.layout));
    return "ok";
  }
  if (invocation.options.version === true) {
    ports.out.write(versionText());
    return "ok";
  }
  return await command.run(invocation, ports);
}

function unknownCommand(name: string, ports: Ports): ExitName {
  const names = COMMANDS.map((command) => command.name);
  if (name.startsWith("-")) {
    complain(`The option ${name} does not stand before a command`, "Write warmboot COMMAND [OPTION...]", ports);
    return "usage";
  }
  const near = nearest(name, names);
  complain(
    `The command "${name}" is not known`,
    near === undefined ? `Known are ${names.join(", ")}` : `Did you mean ${near}?`,
    ports,
  );
  return "usage";
}

/** Turns what was thrown into a message and an exit code. */
function explain(error: unknown, ports: Ports): ExitName {
  if (error instanceof Deno.errors.BrokenPipe) return "io";
  if (error instanceof SyscallError) {
    complain(error.message, error.diagnosis?.remedy, ports);
    ports.err.write(`  call: ${error.made} = -1 ${error.code}\n`);
    return "refused";
  }
  if (error instanceof StoreError) {
    complain(error.message, undefined, ports);
    return error.cause instanceof Deno.errors.PermissionDenied ? "permission" : "io";
  }
  if (error instanceof WriteError) {
    complain(error.message, undefined, ports);
    return "io";
  }
  if (error instanceof LibcError) {
    complain(error.message, undefined, ports);
    return error.cause instanceof Deno.errors.NotCapable ? "permission" : "unavailable";
  }
  if (error instanceof Deno.errors.NotCapable) {
    complain(error.message, "Give Deno the permission: docs/permissions.md lists what each command needs", ports);
    return "permission";
  }
  complain(
    `warmboot has a defect: ${error instanceof Error ? error.stack ?? error.message : error}`,
    "Please report it with the command and the profile",
    ports,
  );
  return "software";
}

function colourOf(args: readonly string[]): ColourChoice {
  const index = args.findLastIndex((argument) => argument === "--color" || argument.startsWith("--color="));
  const value = args[index]?.includes("=") ? args[index]?.split("=")[1] : args[index + 1];
  return index >= 0 && (value === "always" || value === "never") ? value : "auto";
}
