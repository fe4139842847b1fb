import { join } from "@std/path";
import { LICENCES, REPOSITORY } from "./repository.ts";

/**
 * The program in one file, with all that it imports. Its bytes depend on the sources alone, not on the folders of the
 * sources or the libraries. Rejects if it contains a library that packaging/THIRD-PARTY.md does not name.
 */
export async function bundleProgram(): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--frozen", "--config", join(REPOSITORY, "deno.json"), join(REPOSITORY, "cli.ts")],
    cwd: REPOSITORY,
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) throw new Error(`deno bundle failed: ${new TextDecoder().decode(stderr)}`);
  // Each module is named by its path, and those of libraries by theirs in this machine's cache.
  const libraries = new Set<string>();
  const text = new TextDecoder().decode(stdout).replaceAll(
    /[^\s"']*\/npm\/[^/\s"']+\/((?:@[^/\s"']+\/)?[^/\s"']+)\/(\d[^/\s"']*)\//g,
    (_, name: string, version: string) => {
      libraries.add(name);
      return `npm:${name}@${version}/`;
    },
  );
  const unknown = [...libraries].filter((name) => !LICENCES.includes(`\`${name}\``));
  if (unknown.length > 0) throw new Error(`packaging/THIRD-PARTY.md does not name ${unknown.join(", ")}`);
  if (text.includes("/npm/")) throw new Error("The bundle names a path of this machine");
  // What is left beyond ASCII is in comments. V8 keeps a text of ASCII alone in half the memory, and starts it sooner.
  return text.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
