import { assert } from "@std/assert";
import { join } from "@std/path";
import { exitsOf } from "../../src/cli/help.ts";
import { main } from "../../src/cli/main.ts";
import type { ColourChoice, Ports, Sink } from "../../src/cli/ports.ts";
import { COMMANDS } from "../../src/cli/table.ts";
import { COLOURED, PLAIN } from "../../src/render/style.ts";

const ROOT = join(import.meta.dirname ?? ".", "../..");

/** What a run of the program gave. */
export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs the program away from a terminal: in this process, which takes a tenth of the time, or in one of its own where
 * Deno's permissions or the environment matter. Throws an AssertionError if it exits with a code that the help of its
 * command does not list.
 */
export async function run(
  args: readonly string[],
  permissions: readonly string[] = ["-A"],
  env: Record<string, string> = {},
): Promise<Run> {
  const isPlain = permissions.join() === "-A" && Object.keys(env).length === 0;
  const result = isPlain ? await runHere(args) : await runProcess(args, permissions, env);
  const { code } = result;
  const command = COMMANDS.find(({ name }) => name === args[0]);
  const listed = command === undefined ? undefined : exitsOf(command).map((exit) => exit.code);
  assert(listed?.includes(code) !== false, `${args[0]} exits with ${code}, which its help does not list`);
  return result;
}

/** Runs the program in this process. What it reads from standard input is the tests' own: give it none to read. */
export async function runHere(args: readonly string[]): Promise<Run> {
  const texts = { stdout: "", stderr: "" };
  const portsFor = (colour: ColourChoice): Ports => {
    const sink = (name: keyof typeof texts): Sink => ({
      layout: { style: colour === "always" ? COLOURED : PLAIN, width: 80 },
      isTerminal: false,
      write: (text) => void (texts[name] += text),
    });
    return { out: sink("stdout"), err: sink("stderr") };
  };
  const code = await main(args, portsFor);
  return { code, ...texts };
}

/** Runs the program in a process of its own. */
export async function runProcess(
  args: readonly string[],
  permissions: readonly string[],
  env: Record<string, string> = {},
): Promise<Run> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", ...permissions, join(ROOT, "cli.ts"), ...args],
    stdin: "null",
    env,
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A committed schema. */
export function schemaOf(name: string): Record<string, unknown> {
  return JSON.parse(Deno.readTextFileSync(join(ROOT, `schema/${name}.schema.json`)));
}
