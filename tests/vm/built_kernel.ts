/**
 * Kernels unlike Debian's: for x86_64 one with all that kexec has (jump, handover, device tree, dump keys) and one without
 * kexec_load, for aarch64 one with CONFIG_KEXEC_FILE. Built from Debian's source packages, as small as the tests allow (guest/NAME.config), and kept in the
 * cache until source or configuration change.
 */
import { fromFileUrl, join } from "@std/path";
import { distribution, downloadPackage, refreshIndex, resolvePackages, type Suite } from "./apt.ts";
import type { GuestArch } from "./architecture.ts";
import { cached, locked } from "./cache.ts";
import { announce, exists, onPath, output, SetupError } from "./host_command.ts";
import { kernelNames } from "./packages.ts";

/** A built kernel. It has no modules. */
export interface BuiltKernel {
  readonly arch: GuestArch;
  /** As uname -r. */
  readonly release: string;
  /** The path of the bzImage, or of the Image of arm64. */
  readonly image: string;
}

/** How one is built. */
interface Build {
  readonly arch: GuestArch;
  readonly suite: Suite;
  /** Debian's package of the source. */
  readonly source: string;
  /** ARCH= and more, for make. */
  readonly variables: readonly string[];
  /** The target of make, which is made at that path below `folder`. */
  readonly target: string;
  readonly folder: string;
  /** The first letter of the folders of the source that have its architecture. */
  readonly letter: string;
  readonly compiler: Tool;
}

/** A program or header by which it is known, and Debian's package of it. */
interface Tool {
  readonly sign: string;
  readonly package: string;
}

/** The builds, by the names of their configurations. */
const BUILDS = {
  kexec_full: {
    arch: "x86_64",
    suite: "sid",
    source: "linux-source-7.2",
    variables: ["ARCH=x86_64"],
    target: "bzImage",
    folder: "arch/x86/boot",
    letter: "x",
    compiler: { sign: "gcc", package: "gcc" },
  },
  // Without CONFIG_KEXEC, for the long tests only.
  kexec_file_only: {
    arch: "x86_64",
    suite: "sid",
    source: "linux-source-7.2",
    variables: ["ARCH=x86_64"],
    target: "bzImage",
    folder: "arch/x86/boot",
    letter: "x",
    compiler: { sign: "gcc", package: "gcc" },
  },
  // Of before 6.14, for the long tests only.
  kexec_jump: {
    arch: "x86_64",
    suite: "trixie",
    source: "linux-source-6.12",
    variables: ["ARCH=x86_64"],
    target: "bzImage",
    folder: "arch/x86/boot",
    letter: "x",
    compiler: { sign: "gcc", package: "gcc" },
  },
  kexec_file: {
    arch: "aarch64",
    suite: "trixie",
    source: "linux-source-6.12",
    variables: ["ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-"],
    target: "Image",
    folder: "arch/arm64/boot",
    letter: "a",
    compiler: { sign: "aarch64-linux-gnu-gcc", package: "gcc-aarch64-linux-gnu" },
  },
} as const satisfies { readonly [name: string]: Build };

/** The name of a build. */
export type BuildName = keyof typeof BUILDS;

/** What every build needs, beside a compiler for the kernel. */
const TOOLS: readonly Tool[] = [
  { sign: "gcc", package: "gcc" },
  { sign: "make", package: "make" },
  { sign: "flex", package: "flex" },
  { sign: "bison", package: "bison" },
  { sign: "bc", package: "bc" },
  { sign: "xz", package: "xz-utils" },
  { sign: "zstd", package: "zstd" },
  { sign: "/usr/include/stdio.h", package: "libc6-dev" },
  { sign: "/usr/include/gelf.h", package: "libelf-dev" },
];

/** Of the source, what none of the configurations compiles; the files of Kconfig stay. */
const LEFT_OUT: readonly string[] = [
  "*/Documentation/*.rst",
  "*/Documentation/*.yaml",
  "*/Documentation/*.txt",
  "*/tools/testing/*",
  "*/tools/perf/*",
  "*/boot/dts/*",
  "*/drivers/gpu/*.[chS]",
  "*/drivers/media/*.[ch]",
  "*/drivers/net/*/*.[ch]",
  "*/drivers/staging/*.[ch]",
  "*/sound/*.[ch]",
];

/** A kernel, built if the cache lacks it: some minutes on two CPUs. */
export async function builtKernel(name: BuildName): Promise<BuiltKernel> {
  const row = BUILDS[name];
  await refreshIndex(row.suite);
  const [source] = await resolvePackages(row.suite, row.source, new RegExp(`^${row.source}$`));
  if (source === undefined) throw new Error(`Cannot find ${row.source} in ${row.suite}`);
  const config = await Deno.readFile(configOf(name));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", config)).toHex().slice(0, 12);
  const folder = await cached(`kernels/${name}_${source.version}_${digest}`, async (folder) => {
    await bringTools([row.compiler, ...TOOLS]);
    const tree = join(folder, "source");
    await Deno.mkdir(tree);
    await unpackSource(await downloadPackage(row.suite, source, folder), tree, row);
    const release = await build(tree, row, configOf(name));
    await Deno.rename(join(tree, row.folder, row.target), join(folder, row.target));
    await Deno.writeTextFile(join(folder, "release"), release);
    await Deno.remove(tree, { recursive: true });
  });
  const release = await Deno.readTextFile(join(folder, "release"));
  return { arch: row.arch, release, image: join(folder, row.target) };
}

function configOf(name: BuildName): string {
  return fromFileUrl(new URL(`guest/${name}.config`, import.meta.url));
}

async function unpackSource(file: string, tree: string, { source, letter }: Build): Promise<void> {
  const unpacked = join(tree, "package");
  await output("dpkg-deb", ["-x", file, unpacked]);
  await Deno.remove(file);
  const tarball = join(unpacked, "usr/src", `${source}.tar.xz`);
  const without = [...LEFT_OUT, `*/arch/[!${letter}]*/*.[chS]`].map((pattern) => `--exclude=${pattern}`);
  await output("tar", ["-x", "-C", tree, "--strip-components=1", "-I", "xz -T0", "-f", tarball, ...without]);
  await Deno.remove(unpacked, { recursive: true });
}

/** Builds the kernel, and returns its release. */
async function build(tree: string, { variables, target }: Build, config: string): Promise<string> {
  const common = ["-s", "-C", tree, ...variables];
  const make = (...args: string[]) => output("make", [...common, ...args]);
  announce(`building the kernel of ${config}, which takes some minutes`);
  await make(`KCONFIG_ALLCONFIG=${config}`, "allnoconfig");
  const wanted = (await Deno.readTextFile(config)).split("\n").filter((line) => line.startsWith("CONFIG_"));
  const taken = new Set((await Deno.readTextFile(join(tree, ".config"))).split("\n"));
  const dropped = wanted.filter((line) => !taken.has(line));
  if (dropped.length > 0) throw new Error(`Kconfig does not take ${dropped.join(", ")} of ${config}`);
  // Virtual machines that run meanwhile come first.
  await output("nice", ["-n", "5", "make", ...common, `-j${navigator.hardwareConcurrency}`, target]);
  return (await make("kernelrelease")).trim();
}

async function bringTools(tools: readonly Tool[]): Promise<void> {
  const missing = await missingTools(tools);
  if (missing.length === 0) return;
  const install = ["install", "-y", "--no-install-recommends", ...missing];
  if (await distribution() === undefined || Deno.uid() !== 0) {
    throw new SetupError(`Cannot build a kernel without ${missing.join(", ")} (Debian: apt-get ${install.join(" ")})`);
  }
  await locked("build-tools", async () => {
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    announce(`apt-get ${install.join(" ")}`);
    await output("apt-get", install, { env }).catch(async () => {
      await output("apt-get", ["update"]);
      await output("apt-get", install, { env });
    });
  });
}

async function missingTools(tools: readonly Tool[]): Promise<readonly string[]> {
  const found = await Promise.all(tools.map(({ sign }) => sign.startsWith("/") ? exists(sign) : onPath(sign)));
  return tools.filter((_, index) => !found[index]).map((tool) => tool.package);
}

// As a program, it builds a kernel ahead of the test that needs it, beside other tests.
if (import.meta.main && (await kernelNames()).includes("6.12")) await builtKernel("kexec_full");
