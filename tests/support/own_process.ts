import { assert } from "@std/assert";
import { join } from "@std/path";

const ROOT = join(import.meta.dirname ?? ".", "../..");

/**
 * What a program prints that runs in a process of its own: the current folder, the umask and the environment are those of a
 * whole process, in which other tests run at the same time. `modules` are files of the checkout by the names that the program
 * uses for what they export.
 */
export async function inOwnProcess(
  modules: { readonly [path: string]: string },
  program: string,
  env: Record<string, string> = {},
): Promise<string> {
  const imports = Object.entries(modules).map(([path, names]) =>
    `import { ${names} } from "file://${join(ROOT, path)}";`
  );
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", [...imports, program].join("\n")],
    cwd: ROOT,
    stdin: "null",
    env,
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
