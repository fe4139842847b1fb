/**
 * The guests' root file systems: an initrd with busybox and the agent (guest/init, guest/agent), and a disk with Deno and bundled
 * programs, whose files the agent links into the root file system, and which outlasts a kexec.
 */
import { fromFileUrl, join } from "@std/path";
import type { GuestArch } from "./architecture.ts";
import type { BuiltKernel } from "./built_kernel.ts";
import { REPOSITORY } from "./cache.ts";
import { concatenate, cpioArchive, type CpioEntry, MODE } from "./cpio.ts";
import { denoFiles } from "./deno_files.ts";
import { exists, output } from "./host_command.ts";
import { driveModules } from "./modules.ts";
import { fetchBusybox, type Kernel } from "./packages.ts";

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

/** The small root file system: busybox, whose other names /init links, and the agent. About 2 MB. */
export async function tinyInitrd(files: GuestFiles = {}, arch: GuestArch = "x86_64"): Promise<Initrd> {
  return [cpioArchive([
    await entry("/init", { file: guestFile("init") }),
    await entry("/bin/agent", { file: guestFile("agent") }),
    await entry("/bin/busybox", { file: await fetchBusybox(arch) }),
    { path: "/bin/sh", mode: MODE.link, data: new TextEncoder().encode("busybox") },
    ...await Promise.all(Object.entries(files).map(([path, content]) => entry(path, content))),
  ])];
}

/** The small root file system with what these kernels, those that are not built by us, need to find the machine's disk. */
export async function diskInitrd(kernels: readonly (Kernel | BuiltKernel)[], files: GuestFiles = {}): Promise<Initrd> {
  const modules = await Promise.all(kernels.map((kernel) => "modules" in kernel ? driveModules(kernel) : {}));
  return await tinyInitrd(Object.assign({}, ...modules, files), kernels[0]?.arch);
}

/** The files of a disk with Deno and the programs: `await denoDisk({ warmboot: "cli.ts" })`. */
export async function denoDisk(
  programs: GuestPrograms,
  files: GuestFiles = {},
  arch: GuestArch = "x86_64",
): Promise<GuestFiles> {
  return { ...await denoFiles(arch), ...await bundled(programs), ...files };
}

async function bundled(programs: GuestPrograms): Promise<GuestFiles> {
  const files: { [path: string]: string } = {};
  for (const [name, module] of Object.entries(programs)) {
    files[`/opt/${name}.js`] = await bundle(module);
    files[`/bin/${name}`] = wrapper(name);
  }
  return files;
}

/** One JavaScript file of a module and all that it imports, npm packages too. */
export async function bundle(module: string): Promise<string> {
  const source = join(REPOSITORY, module);
  if (!await exists(source)) throw new Error(`Cannot bundle ${module}: no such module`);
  const config = join(REPOSITORY, "deno.json");
  return await output(Deno.execPath(), ["bundle", "--quiet", "--no-lock", "--config", config, source]);
}

/** How the guests start Deno. */
export const DENO_RUN = "deno run -A --no-prompt --quiet --no-config --no-lock --cached-only";

/**
 * The command of a bundled program. Under emulation a start takes seconds, a third of them for machine code that V8 makes
 * and QEMU must translate anew, hence none of that.
 */
function wrapper(name: string): string {
  return `#!/bin/sh\nexec ${DENO_RUN} --v8-flags=--jitless /opt/${name}.js "$@"\n`;
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
