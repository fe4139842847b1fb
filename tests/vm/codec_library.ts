import { output, SetupError } from "./host_command.ts";
import type { GuestFiles } from "./initramfs.ts";

/** The libraries that unpack, and the packages that Debian has them in. */
const LIBRARIES = { "liblzma.so.5": "liblzma5", "libbz2.so.1.0": "libbz2-1.0", "libzstd.so.1": "libzstd1" } as const;

/** The library that unpacks xz, as a file below `folder`; for guests that have Deno, since libc is taken from there. */
export async function lzmaLibrary(folder = ""): Promise<GuestFiles> {
  return await libraryFile("liblzma.so.5", folder);
}

/** All of the libraries that unpack, likewise. */
export async function codecLibraries(): Promise<GuestFiles> {
  const files = await Promise.all(
    Object.keys(LIBRARIES).map((name) => libraryFile(name as keyof typeof LIBRARIES, "")),
  );
  return Object.assign({}, ...files);
}

async function libraryFile(name: keyof typeof LIBRARIES, folder: string): Promise<GuestFiles> {
  const line = (await output("ldconfig", ["-p"])).split("\n").find((row) =>
    row.trim().startsWith(`${name} `) && row.includes("x86-64")
  );
  const path = line?.split(" => ")[1];
  if (path === undefined) throw new SetupError(`This host has no ${name} (Debian: ${LIBRARIES[name]})`);
  return { [`${folder}${path}`]: { file: path } };
}
