/**
 * Debian's archive beside the host's own apt: sources, indexes and downloads of one suite live in the cache folder, and
 * nothing of the host's changes. The mirror is the one that the host itself uses.
 */
import { dirname, join } from "@std/path";
import { cacheFolder, locked, removeTree } from "./cache.ts";
import { announce, exists, output, SetupError } from "./host_command.ts";

/** A suite of Debian's archive, for amd64 unless told; or `host` for the sources that the host has (Ubuntu). */
export type Suite = "bookworm" | "trixie" | "sid" | "host" | "bookworm/i386" | "bookworm/arm64" | "trixie/arm64";

/** A package in the index of a suite. */
export interface Package {
  readonly name: string;
  readonly version: string;
}

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const INDEX_AGE = 7 * 24 * 3600 * 1000;

/** The host's distribution as this harness tells them apart, by ID of os-release(5). */
export async function distribution(): Promise<"debian" | "ubuntu" | undefined> {
  const text = await exists("/etc/os-release") ? await Deno.readTextFile("/etc/os-release") : "";
  const id = /^ID="?(\w+)"?$/m.exec(text)?.[1];
  return id === "debian" || id === "ubuntu" ? id : undefined;
}

/** Debian's name of the architecture that a suite is for. */
export function debianArchitecture(suite: Suite): string {
  return suite.split("/")[1] ?? "amd64";
}

/** Where apt's state of a suite is. */
function stateFolder(suite: Suite): string {
  return join(cacheFolder(), "apt", suite.replace("/", "-"));
}

/** Options of apt that keep its whole state in the cache. */
function stateOptions(suite: Suite): readonly string[] {
  const folder = stateFolder(suite);
  const arch = debianArchitecture(suite);
  const settings = [
    `Dir::State::lists=${folder}/lists`,
    "Dir::State::status=/dev/null",
    `Dir::Cache=${folder}`,
    "Dir::Etc::preferences=/dev/null",
    "Dir::Etc::preferencesparts=/dev/null",
    "APT::Default-Release=",
    "APT::Sandbox::User=root",
    `APT::Architecture=${arch}`,
    `APT::Architectures=${arch}`,
    "APT::Update::Error-Mode=any",
    "Acquire::Languages=none",
    "Acquire::Retries=2",
    "Acquire::http::Timeout=30",
    ...(suite === "host" ? [] : [`Dir::Etc::sourcelist=${folder}/sources.list`, "Dir::Etc::sourceparts=/dev/null"]),
  ];
  return settings.flatMap((setting) => ["-o", setting]);
}

/** The archive that the host takes Debian itself from, as apt tells it; without indexes apt says nothing. */
async function configuredArchive(options: readonly string[]): Promise<string | undefined> {
  const rows = await output("apt-get", [
    ...options,
    "indextargets",
    "--format",
    "$(ORIGIN)\t$(LABEL)\t$(COMPONENT)\t$(REPO_URI)",
    "Created-By: Packages",
  ]);
  return /^Debian\tDebian\tmain\t(\S+)$/m.exec(rows)?.[1];
}

async function debianArchive(): Promise<string> {
  const known = await configuredArchive([]);
  if (known !== undefined) return known;
  await refreshIndex("host");
  const found = await configuredArchive(stateOptions("host"));
  if (found !== undefined) return found;
  throw new SetupError("Cannot find Debian's archive in the sources of this host's apt: add it, then `apt-get update`");
}

/**
 * Makes the index of a suite usable: downloads it if it is missing, older than a week, or if `force` says so. A failing
 * refresh of an index that is there is announced and changes nothing.
 */
export async function refreshIndex(suite: Suite, force = false): Promise<void> {
  const folder = stateFolder(suite);
  const stamp = join(folder, "updated");
  await locked(`apt-${suite}`, async () => {
    const present = await exists(stamp);
    const age = present ? Date.now() - ((await Deno.stat(stamp)).mtime?.getTime() ?? 0) : Infinity;
    if (age < (force ? 60_000 : INDEX_AGE)) return;
    try {
      await Deno.mkdir(join(folder, "lists", "partial"), { recursive: true });
      await Deno.mkdir(join(folder, "archives", "partial"), { recursive: true });
      if (suite !== "host") {
        const line = `deb [signed-by=${KEYRING}] ${await debianArchive()} ${suite.split("/")[0]} main\n`;
        await Deno.writeTextFile(join(folder, "sources.list"), line);
      }
      announce(`downloading the package index of ${suite}`);
      await output("apt-get", [...stateOptions(suite), "-q", "update"]);
      await removeTree(join(folder, "resolved"));
      await Deno.writeTextFile(stamp, "");
    } catch (error) {
      if (!present) throw error;
      announce(`cannot refresh the package index of ${suite}, going on with the old one`);
    }
  });
}

/**
 * The packages whose names match `wanted`, in the newest version that the suite's index has: searched from `root` along
 * the dependencies that match too. Kept until the index is refreshed, since apt needs seconds for it.
 */
export async function resolvePackages(suite: Suite, root: string, wanted: RegExp): Promise<readonly Package[]> {
  return await locked(`apt-${suite}`, async () => {
    const record = join(stateFolder(suite), "resolved", `${root}.json`);
    if (await exists(record)) return JSON.parse(await Deno.readTextFile(record));
    const found: Package[] = [];
    const names = [root];
    for (const name of names) {
      const { version, depends } = await findPackage(suite, name);
      if (wanted.test(name)) found.push({ name, version });
      names.push(...depends.filter((next) => wanted.test(next) && !names.includes(next)));
    }
    await Deno.mkdir(dirname(record), { recursive: true });
    await Deno.writeTextFile(`${record}.new`, JSON.stringify(found));
    await Deno.rename(`${record}.new`, record);
    return found;
  });
}

async function findPackage(suite: Suite, name: string): Promise<{ version: string; depends: readonly string[] }> {
  const stanza = await output("apt-cache", [...stateOptions(suite), "show", "--no-all-versions", name]);
  const version = /^Version: (\S+)$/m.exec(stanza)?.[1];
  if (version === undefined) throw new Error(`Cannot find the package ${name} in ${suite}`);
  const depends = /^Depends: (.+)$/m.exec(stanza)?.[1] ?? "";
  return { version, depends: depends.split(/[,|]/).map((row) => row.trim().split(/[ :]/, 1)[0] ?? "") };
}

/** Downloads packages and all that they depend on, verified by apt, into the folder. Gives the files' paths. */
export async function downloadClosure(suite: Suite, names: readonly string[], folder: string): Promise<string[]> {
  announce(`downloading ${names[0]}, ${names.length - 1} others, and what they depend on, of ${suite}`);
  await Deno.mkdir(join(folder, "partial"), { recursive: true });
  const how = ["-q", "-y", "--no-install-recommends", "--download-only"];
  await output("apt-get", [
    ...stateOptions(suite),
    "-o",
    `Dir::Cache::archives=${folder}`,
    ...how,
    "install",
    ...names,
  ]);
  const files = await Array.fromAsync(Deno.readDir(folder), ({ name }) => join(folder, name));
  return files.filter((path) => path.endsWith(".deb")).toSorted();
}

/** Downloads a package, verified by apt, into the folder, and returns the file's path. */
export async function downloadPackage(suite: Suite, { name, version }: Package, folder: string): Promise<string> {
  announce(`downloading ${name} ${version}`);
  await output("apt-get", [...stateOptions(suite), "-q", "download", `${name}=${version}`], { cwd: folder });
  for await (const entry of Deno.readDir(folder)) {
    if (entry.name.startsWith(`${name}_`) && entry.name.endsWith(".deb")) return join(folder, entry.name);
  }
  throw new Error(`apt-get download ${name}=${version} left no file`);
}
