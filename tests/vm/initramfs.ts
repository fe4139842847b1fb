/**
 * The guests' root file systems: busybox with the agent (guest/init) as the tiny one, and on top Deno with bundled
 * programs. They are parts that the kernel unpacks one over the other, so that the large one is built once.
 */
import { fromFileUrl, join } from "@std/path";
import { cached, REPOSITORY } from "./cache.ts";
import { concatenate, cpioArchive, type CpioEntry, MODE } from "./cpio.ts";
import { exists, output } from "./host_command.ts";
import { fetchBusybox } from "./packages.ts";

/** Bytes, or the host's file that holds them. */
export type Content = Uint8Array | { readonly file: string };

/** Archives to put one behind the other. */
export type Initrd = readonly Content[];

/** Files of the guest by absolute path; a string is the file's text. */
export interface GuestFiles {
  readonly [path: string]: Content | string;
}

/** Programs of the guest: the name of a command in /bin, and the module that it runs, from the repository's root. */
export interface GuestPrograms {
  readonly [name: string]: string;
}

/** The whole of an initrd in memory, for example as a file of another guest. */
export async function initrdBytes(initrd: Initrd): Promise<Uint8Array<ArrayBuffer>> {
  return concatenate(await Promise.all(initrd.map(contentBytes)));
}

/** The small root file system: busybox and the agent. About 2 MB. */
export async function tinyInitrd(files: GuestFiles = {}): Promise<Initrd> {
  const busybox = await fetchBusybox();
  const applets = (await output(busybox, ["--list"])).trim().split("\n").filter((name) => name !== "busybox");
  return [cpioArchive([
    await entry("/init", { file: guestFile("init") }),
    await entry("/bin/repack", { file: guestFile("repack") }),
    await entry("/bin/busybox", { file: busybox }),
    ...applets.map((name) => ({ path: `/bin/${name}`, mode: MODE.link, data: new TextEncoder().encode("busybox") })),
    ...await Promise.all(Object.entries(files).map(([path, content]) => entry(path, content))),
  ])];
}

/** The root file system with Deno and the programs besides: `await denoInitrd({ warmboot: "cli.ts" })`. */
export async function denoInitrd(programs: GuestPrograms, files: GuestFiles = {}): Promise<Initrd> {
  const bundled: { [path: string]: Content | string } = {};
  for (const [name, module] of Object.entries(programs)) {
    bundled[`/opt/${name}.js`] = await bundle(module);
    bundled[`/bin/${name}`] = wrapper(name);
  }
  return [{ file: await denoArchive() }, ...await tinyInitrd({ ...bundled, ...files })];
}

/** The archive of Deno and the shared libraries that it needs; kept in the cache. */
async function denoArchive(): Promise<string> {
  const deno = Deno.execPath();
  const { mtime, size } = await Deno.stat(deno);
  const folder = await cached(`deno/${Deno.version.deno}-${size}-${mtime?.getTime() ?? 0}`, async (folder) => {
    const libraries = (await output("ldd", [deno])).matchAll(/(?:=> |^\s+)(\/\S+)/gm);
    const entries = [await entry("/bin/deno", { file: deno })];
    for (const [, path] of libraries) if (path !== undefined) entries.push(await entry(path, { file: path }));
    await Deno.writeFile(join(folder, "deno.cpio"), cpioArchive(entries));
  });
  return join(folder, "deno.cpio");
}

/** One JavaScript file of a module and all that it imports, npm packages too. */
async function bundle(module: string): Promise<string> {
  const source = join(REPOSITORY, module);
  if (!await exists(source)) throw new Error(`Cannot bundle ${module}: no such module`);
  const config = join(REPOSITORY, "deno.json");
  return await output(Deno.execPath(), ["bundle", "--quiet", "--no-lock", "--config", config, source]);
}

/** The command of a bundled program. A warm start takes seconds under emulation, hence no configuration to look for. */
function wrapper(name: string): string {
  return `#!/bin/sh\nexec deno run -A --no-prompt --quiet --no-config --no-lock --cached-only /opt/${name}.js "$@"\n`;
}

function guestFile(name: string): string {
  return fromFileUrl(new URL(`guest/${name}`, import.meta.url));
}

async function entry(path: string, content: Content | string): Promise<CpioEntry> {
  const data = typeof content === "string" ? new TextEncoder().encode(content) : await contentBytes(content);
  return { path, mode: MODE.file, data };
}

async function contentBytes(content: Content): Promise<Uint8Array> {
  return content instanceof Uint8Array ? content : await Deno.readFile(content.file);
}
