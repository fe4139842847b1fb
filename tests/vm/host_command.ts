import { join } from "@std/path";

/** What the host lacks for running virtual machines. The message says what to install. */
export class SetupError extends Error {
  override readonly name: string = "SetupError";
}

/** Runs a host program and returns its standard output. @throws {Error} with standard error's end if it fails */
export async function output(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: { readonly [name: string]: string } } = {},
): Promise<string> {
  return new TextDecoder().decode(await outputBytes(program, args, options));
}

/** The same, in bytes. */
export async function outputBytes(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: { readonly [name: string]: string } } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const result = await new Deno.Command(program, {
    args: [...args],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { LC_ALL: "C", ...options.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (result.success) return result.stdout;
  const complaint = new TextDecoder().decode(result.stderr).trim().split("\n").slice(-10).join("\n");
  throw new Error(`Cannot run ${program} ${args.at(-1) ?? ""}: exit code ${result.code}\n${complaint}`);
}

/** The absolute path of a program on PATH, or undefined. */
export async function onPath(program: string): Promise<string | undefined> {
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    if (folder !== "" && await exists(join(folder, program))) return join(folder, program);
  }
  return undefined;
}

/** Whether something is at that path; follows symbolic links. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Tells the person, in one line, what takes time or changes the host. */
export function announce(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`vm: ${line}\n`));
}
