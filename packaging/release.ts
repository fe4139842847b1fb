// deno-lint-ignore-file no-console
/** `deno task release`: dist/warmboot-VERSION.tar.gz and dist/SHA256SUMS, the same bytes from the same commit. */
import { join } from "@std/path";
import { sha256Of } from "../src/core/sha256.ts";
import { REPOSITORY } from "./repository.ts";
import { gzip, tarArchive } from "./tar.ts";
import { releaseTree } from "./tree.ts";
import { VERSION } from "../src/core/program.ts";

/** Writes the release into a folder; gives the archive's path. */
export async function writeRelease(folder: string, seconds: number): Promise<string> {
  const top = `warmboot-${VERSION}`;
  const archive = await gzip(tarArchive(top, await releaseTree(), seconds));
  Deno.mkdirSync(folder, { recursive: true });
  const path = join(folder, `${top}.tar.gz`);
  Deno.writeFileSync(path, archive);
  Deno.writeTextFileSync(join(folder, "SHA256SUMS"), `${sha256Of(archive)}  ${top}.tar.gz\n`);
  return path;
}

/** The time of all files, in seconds: SOURCE_DATE_EPOCH (reproducible-builds.org), or that of the last commit. */
async function releaseTime(): Promise<number> {
  const given = Deno.env.get("SOURCE_DATE_EPOCH");
  const text = given ?? await gitOutput(["log", "-1", "--format=%ct"]);
  if (!/^\d+$/.test(text)) {
    throw new Error(`SOURCE_DATE_EPOCH is "${text}", and not a time in seconds since 1970`);
  }
  return Number(text);
}

async function gitOutput(args: readonly string[]): Promise<string> {
  try {
    const { success, stdout } = await new Deno.Command("git", { args: [...args], cwd: REPOSITORY }).output();
    if (success) return new TextDecoder().decode(stdout).trim();
  } catch {
    // Without git, as from an archive.
  }
  throw new Error("This is not a git checkout: give the time of the release in SOURCE_DATE_EPOCH");
}

if (import.meta.main) {
  try {
    const path = await writeRelease(join(REPOSITORY, "dist"), await releaseTime());
    const { size } = Deno.statSync(path);
    console.log(`${path}: ${(size / 1024).toFixed(0)} KiB`);
    console.log(Deno.readTextFileSync(join(REPOSITORY, "dist/SHA256SUMS")).trim());
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}
