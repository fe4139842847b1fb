/** The paths that this process has open below a folder; other tests may run beside this one, in the same process. */
export function openBelow(folder: string): readonly string[] {
  return Array.from(Deno.readDirSync("/proc/self/fd"), ({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${name}`);
    } catch {
      return "";
    }
  }).filter((target) => target.startsWith(folder));
}
