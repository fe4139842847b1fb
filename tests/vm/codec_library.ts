import { output, SetupError } from "./host_command.ts";
import type { GuestFiles } from "./initramfs.ts";

/** The library that unpacks xz, as a file below `folder`; for guests that have Deno, since libc is taken from there. */
export async function lzmaLibrary(folder = ""): Promise<GuestFiles> {
  const [, path] = /liblzma\.so\.5 .*x86-64.*=> (\S+)/.exec(await output("ldconfig", ["-p"])) ?? [];
  if (path === undefined) throw new SetupError("This host has no liblzma.so.5 (Debian: liblzma5)");
  return { [`${folder}${path}`]: { file: path } };
}
