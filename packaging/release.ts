// deno-lint-ignore-file no-console
/**
 * `deno task release`: archives and packages in dist/, what they were made of, and their digests. The same bytes from the
 * same commit. `--sign KEY` signs the digests; `--no-packages` makes only what needs no runtime.
 */
import { join } from "@std/path";
import { compareText, jsonText } from "../src/core/text.ts";
import { sha256Of } from "../src/core/sha256.ts";
import { VERSION } from "../src/core/program.ts";
import { debianPackage } from "./deb.ts";
import { archiveName, packageName, type Target, TARGETS } from "./names.ts";
import { REPOSITORY } from "./repository.ts";
import { rpmPackage } from "./rpm.ts";
import { fetchRuntime } from "./runtime.ts";
import { gzip, tarArchive } from "./tar.ts";
import { buildInputs, checkToolchain } from "./toolchain.ts";
import { packed, releaseTree, type TreeFile, withRuntime } from "./tree.ts";

/** What the signature is for, to ssh-keygen(1). */
const NAMESPACE = "warmboot-release";

/** Signatures of the digests, by the program that makes them. */
const SIGNATURES = { gpg: "SHA256SUMS.asc", ssh: "SHA256SUMS.sig" } as const;

/** What a release is made of besides the checkout. */
export interface Origin {
  /** The commit; undefined where the sources are not in git. */
  readonly commit?: string | undefined;
  /** Called when the program is bundled, before anything is written; may reject. */
  readonly check?: () => Promise<void>;
  /** The Deno of a machine; without it, only the archive without a runtime is made. */
  readonly runtime?: (target: Target) => Promise<Uint8Array>;
}

/** A file of the release, written. */
interface Written {
  readonly name: string;
  readonly sha256: string;
}

/** Writes the release into a folder, with its provenance and SHA256SUMS; gives the path of the archive without a runtime. */
export async function writeRelease(
  folder: string,
  seconds: number,
  { commit, check, runtime }: Origin = {},
): Promise<string> {
  const tree = await releaseTree();
  await check?.();
  const runtimes: (readonly [Target, Uint8Array])[] = [];
  if (runtime !== undefined) { for (const target of TARGETS) runtimes.push([target, await runtime(target)]); }
  Deno.mkdirSync(folder, { recursive: true });
  const write = (name: string, bytes: Uint8Array): Written => {
    Deno.writeFileSync(join(folder, name), bytes);
    return { name, sha256: sha256Of(bytes) };
  };
  const archive = write(archiveName(VERSION), await archiveOf(tree, seconds));
  const packages: Written[] = [];
  for (const [target, program] of runtimes) {
    const whole = withRuntime(tree, program);
    const name = (format: Parameters<typeof packageName>[0]): string => packageName(format, VERSION, target);
    packages.push(
      write(name("archive"), await archiveOf(whole, seconds)),
      write(name("debian"), await debianPackage(target, whole, seconds)),
      write(name("rpm"), await rpmPackage(target, whole, seconds)),
    );
  }
  const provenance = jsonText({
    ...JSON.parse(buildInputs()) as object,
    ...(commit === undefined ? {} : { commit }),
    sourceDateEpoch: seconds,
    archive,
    ...(packages.length === 0 ? {} : { packages }),
  });
  const origin = write(`warmboot-${VERSION}.provenance.json`, new TextEncoder().encode(provenance));
  const sums = [origin, archive, ...packages].toSorted((a, b) => compareText(a.name, b.name));
  // A signature of other digests is worse than none.
  for (const name of Object.values(SIGNATURES)) await Deno.remove(join(folder, name)).catch(() => undefined);
  Deno.writeTextFileSync(join(folder, "SHA256SUMS"), sums.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join(""));
  return join(folder, archive.name);
}

async function archiveOf(tree: readonly TreeFile[], seconds: number): Promise<Uint8Array> {
  return await gzip(tarArchive(packed(`warmboot-${VERSION}`, tree), seconds));
}

/**
 * Signs SHA256SUMS in a folder: with the file of an SSH key into SHA256SUMS.sig, with any other key of GnuPG into
 * SHA256SUMS.asc, armoured. Gives the signature's path.
 */
export async function signSums(folder: string, key: string): Promise<string> {
  const sums = join(folder, "SHA256SUMS");
  const isFile = await Deno.stat(key).then(({ isFile }) => isFile, () => key.includes("/"));
  const signature = join(folder, isFile ? SIGNATURES.ssh : SIGNATURES.gpg);
  // ssh-keygen asks before it overwrites one.
  await Deno.remove(signature).catch(() => undefined);
  const [program, args] = isFile
    ? ["ssh-keygen", ["-Y", "sign", "-n", NAMESPACE, "-f", key, sums]] as const
    : ["gpg", ["--batch", "--local-user", key, "--armor", "--output", signature, "--detach-sign", sums]] as const;
  const { success, stderr } = await new Deno.Command(program, { args: [...args] }).output().catch((error) => {
    throw new Error(`Cannot sign with ${key}: ${program} does not start`, { cause: error });
  });
  if (!success) throw new Error(`Cannot sign with ${key}: ${new TextDecoder().decode(stderr).trim()}`);
  return signature;
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

/** The options. */
function optionsOf(args: readonly string[]): { readonly key?: string; readonly packages: boolean } {
  const [option, key, ...rest] = args;
  if (option === undefined) return { packages: true };
  if (option === "--no-packages") return { ...optionsOf(args.slice(1)), packages: false };
  if (option === "--sign" && key !== undefined) return { ...optionsOf(rest), key };
  throw new Error(
    "Usage: deno task release [--no-packages] [--sign KEY]; KEY is a key of GnuPG, or the file of a private SSH key",
  );
}

if (import.meta.main) {
  try {
    const dist = join(REPOSITORY, "dist");
    const { key, packages } = optionsOf(Deno.args);
    const commit = await cleanCommit();
    const origin = { commit, check: checkToolchain, ...(packages ? { runtime: fetchRuntime } : {}) };
    await writeRelease(dist, await releaseTime(), origin);
    const sums = Deno.readTextFileSync(join(dist, "SHA256SUMS")).trim();
    for (const line of sums.split("\n")) {
      const { size } = Deno.statSync(join(dist, line.slice(66)));
      console.log(`${line}  ${(size / 1024).toFixed(0)} KiB`);
    }
    if (key !== undefined) console.log(await signSums(dist, key));
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}
