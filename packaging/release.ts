// deno-lint-ignore-file no-console
/**
 * `deno task release`: dist/warmboot-VERSION.tar.gz, what it was made of, and their digests. The same bytes from the same
 * commit. `--sign KEY` signs the digests with an SSH key.
 */
import { join } from "@std/path";
import { sha256Of } from "../src/core/sha256.ts";
import { jsonText } from "../src/core/text.ts";
import { REPOSITORY } from "./repository.ts";
import { gzip, tarArchive } from "./tar.ts";
import { buildInputs, checkToolchain } from "./toolchain.ts";
import { releaseTree } from "./tree.ts";
import { VERSION } from "../src/core/program.ts";

/** What the signature is for, to ssh-keygen(1). */
const NAMESPACE = "warmboot-release";

/** What a release may say of its origin. */
export interface Origin {
  /** The commit; undefined where the sources are not in git. */
  readonly commit?: string | undefined;
  /** Called when the program is bundled, before anything is written; may reject. */
  readonly check?: () => Promise<void>;
}

/** Writes the release into a folder, with its provenance and SHA256SUMS; gives the archive's path. */
export async function writeRelease(folder: string, seconds: number, { commit, check }: Origin = {}): Promise<string> {
  const top = `warmboot-${VERSION}`;
  const tree = await releaseTree();
  await check?.();
  const archive = await gzip(tarArchive(top, tree, seconds));
  Deno.mkdirSync(folder, { recursive: true });
  const path = join(folder, `${top}.tar.gz`);
  Deno.writeFileSync(path, archive);
  const provenance = jsonText({
    ...JSON.parse(buildInputs()) as object,
    ...(commit === undefined ? {} : { commit }),
    sourceDateEpoch: seconds,
    archive: { name: `${top}.tar.gz`, sha256: sha256Of(archive) },
  });
  Deno.writeTextFileSync(join(folder, `${top}.provenance.json`), provenance);
  const sums = [[sha256Of(provenance), `${top}.provenance.json`], [sha256Of(archive), `${top}.tar.gz`]];
  Deno.writeTextFileSync(join(folder, "SHA256SUMS"), sums.map((row) => `${row.join("  ")}\n`).join(""));
  return path;
}

/** Signs SHA256SUMS in a folder with an SSH key, into SHA256SUMS.sig. */
export async function signSums(folder: string, key: string): Promise<void> {
  const sums = join(folder, "SHA256SUMS");
  // ssh-keygen asks before it overwrites one.
  await Deno.remove(`${sums}.sig`).catch(() => undefined);
  const { success, stderr } = await new Deno.Command("ssh-keygen", {
    args: ["-Y", "sign", "-n", NAMESPACE, "-f", key, sums],
  }).output();
  if (!success) throw new Error(`Cannot sign with ${key}: ${new TextDecoder().decode(stderr).trim()}`);
}

/** The time of all files, in seconds: SOURCE_DATE_EPOCH (reproducible-builds.org), or that of the last commit. */
async function releaseTime(): Promise<number> {
  const text = Deno.env.get("SOURCE_DATE_EPOCH") ?? await gitOutput(["log", "-1", "--format=%ct"]);
  if (text === undefined) {
    throw new Error("This is not a git checkout: give the time of the release in SOURCE_DATE_EPOCH");
  }
  if (!/^\d+$/.test(text)) {
    throw new Error(`SOURCE_DATE_EPOCH is "${text}", and not a time in seconds since 1970`);
  }
  return Number(text);
}

/** The commit that the sources are, or undefined outside git. Throws if the sources differ from it. */
async function cleanCommit(): Promise<string | undefined> {
  const commit = await gitOutput(["rev-parse", "HEAD"]);
  if (commit === undefined) return undefined;
  const changes = await gitOutput(["status", "--porcelain"]);
  if (changes !== "") {
    throw new Error(`A release is made from a commit, and these files differ from it; commit them first:\n${changes}`);
  }
  return commit;
}

/** What git says; undefined without git, or outside a checkout. */
async function gitOutput(args: readonly string[]): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command("git", { args: [...args], cwd: REPOSITORY }).output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch {
    return undefined;
  }
}

/** The key of `--sign KEY`. */
function signingKey(args: readonly string[]): string | undefined {
  if (args.length === 0) return undefined;
  const [option, key] = args;
  if (args.length !== 2 || option !== "--sign" || key === undefined) {
    throw new Error("Usage: deno task release [--sign KEY]; KEY is the file of a private SSH key");
  }
  return key;
}

if (import.meta.main) {
  try {
    const dist = join(REPOSITORY, "dist");
    const key = signingKey(Deno.args);
    const commit = await cleanCommit();
    const path = await writeRelease(dist, await releaseTime(), { commit, check: checkToolchain });
    if (key !== undefined) await signSums(dist, key);
    const { size } = Deno.statSync(path);
    console.log(`${path}: ${(size / 1024).toFixed(0)} KiB`);
    console.log(Deno.readTextFileSync(join(dist, "SHA256SUMS")).trim());
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}
