/** Deno for the guests: the host's own, or that of npm for another architecture, with the shared libraries that it needs. */
import { join } from "@std/path";
import { architecture, type GuestArch } from "./architecture.ts";
import { cached, removeTree } from "./cache.ts";
import { announce, output } from "./host_command.ts";
import type { GuestFiles } from "./initramfs.ts";
import { fetchLibraries } from "./packages.ts";

/** Those that Deno for aarch64 names, and the loader, by their paths in Debian's packages. */
const AARCH64_LIBRARIES: readonly string[] = [
  "/lib/ld-linux-aarch64.so.1",
  ...["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "libgcc_s.so.1"]
    .map((name) => `/lib/aarch64-linux-gnu/${name}`),
];

/** The program /bin/deno, and its libraries. */
export async function denoFiles(arch: GuestArch): Promise<GuestFiles> {
  const { deno } = architecture(arch);
  return deno === undefined ? await ownDeno() : await foreignDeno(deno, await fetchLibraries(arch));
}

async function ownDeno(): Promise<GuestFiles> {
  return { "/bin/deno": { file: Deno.execPath() }, ...await librariesOf(Deno.execPath()) };
}

/** The shared libraries of a program of the host, and the loader, by their paths. */
export async function librariesOf(program: string): Promise<{ readonly [path: string]: { readonly file: string } }> {
  const libraries = (await output("ldd", [program])).matchAll(/(?:=> |^\s+)(\/\S+)/gm);
  const paths = [...libraries].flatMap(([, path]) => path === undefined ? [] : [path]);
  return Object.fromEntries(paths.map((path) => [path, { file: path }]));
}

/** The version is that of the host's Deno, which fetches and verifies the package as it does those of the project. */
async function foreignDeno(name: string, libraries: string): Promise<GuestFiles> {
  const version = Deno.version.deno;
  const folder = await cached(`packages/${name.replace("/", "_")}_${version}`, async (partial) => {
    announce(`downloading ${name} ${version}`);
    const registry = join(partial, "deno");
    await output(Deno.execPath(), ["cache", "--quiet", "--no-lock", "--no-config", `npm:${name}@${version}`], {
      env: { DENO_DIR: registry },
    });
    const found = (await output("find", [registry, "-path", `*/${name}/${version}/deno`])).trim();
    await Deno.rename(found, join(partial, "program"));
    await removeTree(registry);
  });
  return {
    "/bin/deno": { file: join(folder, "program") },
    ...Object.fromEntries(AARCH64_LIBRARIES.map((path) => [path, { file: join(libraries, path) }])),
  };
}
