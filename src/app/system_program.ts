import { reasonOf } from "../core/diagnostic.ts";

/** How a program of the system ended. */
export type ProgramOutput =
  | { readonly kind: "ended"; readonly code: number; readonly stdout: string; readonly stderr: string }
  | { readonly kind: "missing"; readonly reason: string };

/** Runs a program of the system to its end, without an input. */
export async function runProgram(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ProgramOutput> {
  try {
    const { code, stdout, stderr } = await new Deno.Command(systemProgram(name), {
      args: [...args],
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    const [out = "", err = ""] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    return { kind: "ended", code, stdout: out, stderr: err };
  } catch (error) {
    return { kind: "missing", reason: reasonOf(error) };
  }
}

/** Where programs of the system are: what a user's PATH has in front does not run as root. NixOS has them in the last. */
const FOLDERS: readonly string[] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/run/current-system/sw/bin"];

/**
 * What to run for a program of the system. For root it is its path in one of these folders, in the first where none has it,
 * so that its start reports it as missing. For others it is its name, which PATH finds.
 */
export function systemProgram(
  name: string,
  { uid = Deno.uid(), folders = FOLDERS }: { readonly uid?: number | null; readonly folders?: readonly string[] } = {},
): string {
  if (uid !== 0) return name;
  const paths = folders.map((folder) => `${folder}/${name}`);
  return paths.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  }) ?? paths[0] ?? name;
}
