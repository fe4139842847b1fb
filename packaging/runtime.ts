/** The Deno that packages bring: the program of npm's platform packages, pinned by digest. */
import { join } from "@std/path";
import { sha256Of } from "../src/core/sha256.ts";
import type { Target } from "./names.ts";
import { DENO } from "./toolchain.ts";

/** The oldest C library that runs this Deno, on both machines; a test reads it off the program. */
export const GLIBC = "2.27";

/** The program of a machine: that of the running Deno if it is the pinned one, else fetched by npm. */
export async function fetchRuntime(
  { machine }: Pick<Target, "machine">,
  npm = "npm",
): Promise<Uint8Array<ArrayBuffer>> {
  const { name, sha256 } = DENO.packages[machine];
  if (machine === Deno.build.arch) {
    const own = Deno.readFileSync(Deno.execPath());
    if (sha256Of(own) === sha256) return own;
  }
  const fetched = await unpackedProgram(`${name}@${DENO.version}`, npm);
  const digest = sha256Of(fetched);
  if (digest !== sha256) {
    throw new Error(`${name} ${DENO.version} of npm has a Deno with the SHA-256 ${digest}, not ${sha256}`);
  }
  return fetched;
}

/** `npm pack` runs no script of the package, and checks the archive by the digest that the registry has for it. */
async function unpackedProgram(spec: string, npm: string): Promise<Uint8Array<ArrayBuffer>> {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-runtime-" });
  try {
    const archive = (await ran(npm, ["pack", "--silent", "--pack-destination", folder, spec], spec)).trim();
    await ran("tar", ["-xzf", join(folder, archive), "-C", folder, "package/deno"], spec);
    return Deno.readFileSync(join(folder, "package/deno"));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Standard output of a program that must succeed. */
async function ran(command: string, args: readonly string[], spec: string): Promise<string> {
  const hint = "Packages bring it; --no-packages makes the archive without a runtime alone";
  try {
    const { success, stdout, stderr } = await new Deno.Command(command, { args: [...args] }).output();
    if (success) return new TextDecoder().decode(stdout);
    throw new Error(`${command} cannot fetch ${spec}. ${hint}. ${new TextDecoder().decode(stderr).trim()}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error(`Cannot find ${command}, which fetches ${spec}. ${hint}`);
  }
}
