/**
 * A kernel with CONFIG_KEXEC_JUMP, which Debian's lack: built from Debian's source of 6.12, as small as the tests allow
 * (guest/kexec_jump.config), and kept in the cache until source or configuration change.
 */
import { fromFileUrl, join } from "@std/path";
import { distribution, downloadPackage, refreshIndex, resolvePackages } from "./apt.ts";
import { cached, locked } from "./cache.ts";
import { announce, exists, onPath, output, SetupError } from "./host_command.ts";
import { kernelNames } from "./packages.ts";

/** The built kernel. */
export interface BuiltKernel {
  /** As uname -r. */
  readonly release: string;
  /** The bzImage's path. */
  readonly image: string;
}

const SUITE = "trixie";
const SOURCE = "linux-source-6.12";
const CONFIG = fromFileUrl(new URL("guest/kexec_jump.config", import.meta.url));

/** What the build needs: a program or header by which it is known, and Debian's package of it. */
const TOOLS: readonly { readonly sign: string; readonly package: string }[] = [
  { sign: "gcc", package: "gcc" },
  { sign: "make", package: "make" },
  { sign: "flex", package: "flex" },
  { sign: "bison", package: "bison" },
  { sign: "bc", package: "bc" },
  { sign: "xz", package: "xz-utils" },
  { sign: "/usr/include/stdio.h", package: "libc6-dev" },
  { sign: "/usr/include/gelf.h", package: "libelf-dev" },
];

/** Of the source, what no configuration for x86 compiles; the files of Kconfig stay. */
const LEFT_OUT: readonly string[] = [
  "*/Documentation/*.rst",
  "*/Documentation/*.yaml",
  "*/Documentation/*.txt",
  "*/tools/testing/*",
  "*/tools/perf/*",
  "*/arch/[!x]*/*.[chS]",
  "*/boot/dts/*",
  "*/drivers/gpu/*.[chS]",
  "*/drivers/media/*.[ch]",
  "*/drivers/net/*/*.[ch]",
  "*/drivers/staging/*.[ch]",
  "*/sound/*.[ch]",
];

/** The kernel, built if the cache lacks it: some minutes on two CPUs. */
export async function kexecJumpKernel(): Promise<BuiltKernel> {
  await refreshIndex(SUITE);
  const [source] = await resolvePackages(SUITE, SOURCE, new RegExp(`^${SOURCE}$`));
  if (source === undefined) throw new Error(`Cannot find ${SOURCE} in ${SUITE}`);
  const config = await Deno.readFile(CONFIG);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", config)).toHex().slice(0, 12);
  const folder = await cached(`kernels/kexec_jump_${source.version}_${digest}`, async (folder) => {
    await bringTools();
    const tree = join(folder, "source");
    await Deno.mkdir(tree);
    await unpackSource(await downloadPackage(SUITE, source, folder), tree);
    const release = await build(tree);
    await Deno.rename(join(tree, "arch/x86/boot/bzImage"), join(folder, "bzImage"));
    await Deno.writeTextFile(join(folder, "release"), release);
    await Deno.remove(tree, { recursive: true });
  });
  return { release: await Deno.readTextFile(join(folder, "release")), image: join(folder, "bzImage") };
}

async function unpackSource(file: string, tree: string): Promise<void> {
  const unpacked = join(tree, "package");
  await output("dpkg-deb", ["-x", file, unpacked]);
  await Deno.remove(file);
  const tarball = join(unpacked, "usr/src", `${SOURCE}.tar.xz`);
  const without = LEFT_OUT.map((pattern) => `--exclude=${pattern}`);
  await output("tar", ["-x", "-C", tree, "--strip-components=1", "-I", "xz -T0", "-f", tarball, ...without]);
  await Deno.remove(unpacked, { recursive: true });
}

/** Builds the kernel, and returns its release. */
async function build(tree: string): Promise<string> {
  const make = (...args: string[]) => output("make", ["-s", "-C", tree, "ARCH=x86_64", ...args]);
  announce("building a kernel with CONFIG_KEXEC_JUMP, which takes some minutes");
  await make(`KCONFIG_ALLCONFIG=${CONFIG}`, "allnoconfig");
  const wanted = (await Deno.readTextFile(CONFIG)).split("\n").filter((line) => line.startsWith("CONFIG_"));
  const taken = new Set((await Deno.readTextFile(join(tree, ".config"))).split("\n"));
  const dropped = wanted.filter((line) => !taken.has(line));
  if (dropped.length > 0) throw new Error(`Kconfig does not take ${dropped.join(", ")} of ${CONFIG}`);
  // Virtual machines that run meanwhile come first.
  await output("nice", [
    "-n",
    "5",
    "make",
    "-s",
    "-C",
    tree,
    "ARCH=x86_64",
    `-j${navigator.hardwareConcurrency}`,
    "bzImage",
  ]);
  return (await make("kernelrelease")).trim();
}

async function bringTools(): Promise<void> {
  const missing = await missingTools();
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

async function missingTools(): Promise<readonly string[]> {
  const found = await Promise.all(TOOLS.map(({ sign }) => sign.startsWith("/") ? exists(sign) : onPath(sign)));
  return TOOLS.filter((_, index) => !found[index]).map((tool) => tool.package);
}

// As a program, it builds the kernel ahead of the test that needs it, beside other tests.
if (import.meta.main && (await kernelNames()).includes("6.12")) await kexecJumpKernel();
