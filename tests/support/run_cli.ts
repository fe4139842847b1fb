import { assert } from "@std/assert";
import { join } from "@std/path";
import { exitsOf } from "../../src/cli/help.ts";
import { COMMANDS } from "../../src/cli/table.ts";

const ROOT = join(import.meta.dirname ?? ".", "../..");

/** What a run of the program gave. */
export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs the program as a process of its own, with the given Deno permissions, away from a terminal. Throws an
 * AssertionError if it exits with a code that the help of its command does not list.
 */
export async function run(
  args: readonly string[],
  permissions: readonly string[] = ["-A"],
  env: Record<string, string> = {},
): Promise<Run> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", ...permissions, join(ROOT, "cli.ts"), ...args],
    stdin: "null",
    env,
  }).output();
  const command = COMMANDS.find(({ name }) => name === args[0]);
  const listed = command === undefined ? undefined : exitsOf(command).map((exit) => exit.code);
  assert(listed?.includes(code) !== false, `${args[0]} exits with ${code}, which its help does not list`);
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A committed schema. */
export function schemaOf(name: string): Record<string, unknown> {
  return JSON.parse(Deno.readTextFileSync(join(ROOT, `schema/${name}.schema.json`)));
}
