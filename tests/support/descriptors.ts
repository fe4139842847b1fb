/** The files that this process has open, with their descriptors; those of other tests that run beside this one as well. */
export function openFiles(): readonly { readonly descriptor: number; readonly path: string }[] {
  return Array.from(Deno.readDirSync("/proc/self/fd"), ({ name }) => {
    try {
      return { descriptor: Number(name), path: Deno.readLinkSync(`/proc/self/fd/${name}`) };
    } catch {
      // It was closed meanwhile.
      return { descriptor: Number(name), path: "" };
    }
  });
}

/** The paths that this process has open below a folder, or at a path. */
export function openBelow(folder: string): readonly string[] {
  return openFiles().map(({ path }) => path).filter((path) => path.startsWith(folder));
}
