/**
 * Debian's kexec-tools as files of a guest: the peer that plans are compared with. Nothing of it is installed; a bench runs
 * it here, where the kernel refuses it.
 */
import { join } from "@std/path";
import { distribution, downloadPackage, refreshIndex, resolvePackages } from "./apt.ts";
import { cached, removeTree } from "./cache.ts";
import { output, SetupError } from "./host_command.ts";
import type { Content } from "./initramfs.ts";

/** The program, and the Xen libraries that Debian links it against; libc comes with Deno. */
const PACKAGES = /^(kexec-tools|libxen[a-z]+[\d.]*)$/;

/** The program where it was unpacked, and the environment that it needs to be run there. */
export async function runnableKexec(): Promise<{ readonly program: string; readonly env: { [name: string]: string } }> {
  return runnableIn(await unpackedPackages());
}

function runnableIn(folder: string): { readonly program: string; readonly env: { [name: string]: string } } {
  return {
    program: join(folder, "sbin/kexec"),
    env: { LD_LIBRARY_PATH: join(folder, "usr/lib/x86_64-linux-gnu") },
  };
}

/** The program /bin/kexec, and its shared libraries. For guests that have Deno, since libc is taken from there. */
export async function kexecTools(): Promise<{ readonly [path: string]: Content }> {
  const folder = await unpackedPackages();
  const { program, env } = runnableIn(folder);
  // This only lists what the loader would load.
  const listed = [...(await output("ldd", [program], { env })).matchAll(/^\s+(\S+) => (.*?)(?: \(0x|$)/gm)];
  const lacking = listed.find(([, , path]) => path === "not found");
  if (lacking !== undefined) throw new SetupError(`Cannot run kexec-tools in a guest: it lacks ${lacking[1]}`);
  const own = listed.flatMap(([, name = "", path = ""]) => path.startsWith(folder) ? [{ name, path }] : []);
  return {
    "/bin/kexec": { file: program },
    ...Object.fromEntries(own.map(({ name, path }) => [`/lib/${name}`, { file: path }])),
  };
}

async function unpackedPackages(): Promise<string> {
  const suite = await distribution() === "ubuntu" ? "host" : "bookworm";
  const fetch = async (force: boolean): Promise<string> => {
    await refreshIndex(suite, force);
    const packages = await resolvePackages(suite, "kexec-tools", PACKAGES);
    const versions = [...new Set(packages.map(({ version }) => version))].join("_").replaceAll(":", "%3a");
    return await cached(`packages/kexec-tools_${versions}`, async (folder) => {
      const archives = join(folder, "archives");
      await Deno.mkdir(archives);
      for (const row of packages) await output("dpkg-deb", ["-x", await downloadPackage(suite, row, archives), folder]);
      await removeTree(archives);
    });
  };
  // An index that names what the mirror no longer has is refreshed, once.
  return await fetch(false).catch(() => fetch(true));
}
