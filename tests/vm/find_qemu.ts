/** Which QEMU runs the guests. */
import { join } from "@std/path";
import { distribution, downloadClosure, refreshIndex, type Suite } from "./apt.ts";
import { architecture, type GuestArch } from "./architecture.ts";
import { cached, locked } from "./cache.ts";
import { announce, onPath, output, SetupError } from "./host_command.ts";

/** A QEMU. */
export interface Qemu {
  readonly path: string;
  /** As in 10.0.13. */
  readonly version: string;
  /** The first number of that. */
  readonly major: number;
}

/**
 * From this version on the host's own is taken. Before 8.2 the processor has no SHA instructions, which every real one of
 * the last years has.
 */
const RECENT = 9;

/** Where Debian has one that is. */
const SUITE: Suite = "trixie";

const found = new Map<GuestArch, Promise<Qemu>>();

/**
 * The QEMU for an architecture: the host's if it is recent; else, on Debian, that of a newer release with its libraries,
 * from the cache, so that nothing is installed; else whatever there is. On Ubuntu it is installed where we may.
 */
export function findQemu(arch: GuestArch): Promise<Qemu> {
  const known = found.get(arch) ?? find(arch);
  found.set(arch, known);
  return known;
}

async function find(arch: GuestArch): Promise<Qemu> {
  const { program, package: wanted } = architecture(arch).qemu;
  const host = await onPath(program);
  const ours = host === undefined ? undefined : await described(host);
  if (ours !== undefined && ours.major >= RECENT) return ours;
  const system = await distribution();
  if (system === "debian") return await described(await fetchQemu(arch));
  if (ours !== undefined) return ours;
  if (system === undefined || Deno.uid() !== 0) {
    throw new SetupError(`Cannot find ${program}: install QEMU (Debian, Ubuntu: apt-get install ${wanted})`);
  }
  return await described(await install(program, wanted));
}

async function described(path: string): Promise<Qemu> {
  const [, version = "0"] = /version ([\d.]+)/.exec(await output(path, ["--version"])) ?? [];
  return { path, version, major: parseInt(version) };
}

/** A script that starts the unpacked program by its own loader, with its own libraries and firmware. */
async function fetchQemu(arch: GuestArch): Promise<string> {
  const { program, package: wanted } = architecture(arch).qemu;
  const folder = await cached(`qemu/${wanted}-${SUITE}`, async (folder) => {
    await refreshIndex(SUITE);
    const packages = join(folder, "packages");
    for (const file of await downloadClosure(SUITE, [wanted], packages)) await output("dpkg-deb", ["-x", file, folder]);
    await Deno.remove(packages, { recursive: true });
    await Deno.writeTextFile(join(folder, program), script(program), { mode: 0o755 });
  });
  return join(folder, program);
}

function script(program: string): string {
  return `#!/bin/sh
root=$(dirname "$0")/usr
exec "$root/lib64/ld-linux-x86-64.so.2" --library-path "$root/lib/x86_64-linux-gnu" "$root/bin/${program}" \\
  -L "$root/share/qemu" -L "$root/share/seabios" "$@"
`;
}

async function install(program: string, wanted: string): Promise<string> {
  return await locked("qemu", async () => {
    const install = ["install", "-y", "--no-install-recommends", wanted];
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    if (await onPath(program) === undefined) {
      announce(`apt-get ${install.join(" ")}`);
      await output("apt-get", install, { env }).catch(async () => {
        await output("apt-get", ["update"]);
        await output("apt-get", install, { env });
      });
    }
    const installed = await onPath(program);
    if (installed === undefined) throw new SetupError(`The package ${wanted} brought no ${program}`);
    return installed;
  });
}
