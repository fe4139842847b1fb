/** Where programs of the system are: what a user's PATH has in front does not run as root. NixOS has them in the last. */
const FOLDERS: readonly string[] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/run/current-system/sw/bin"];

/**
 * What to run for a program of the system. For root it is its path in one of these folders, in the first where none has it,
 * so that its start reports it as missing. For others it is its name, which PATH finds.
 */
export function systemProgram(
  name: string,
  { uid = Deno.uid(), folders = FOLDERS }: { readonly uid?: number | null; readonly folders?: readonly string[] } = {},
): string {
  if (uid !== 0) return name;
  const paths = folders.map((folder) => `${folder}/${name}`);
  return paths.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  }) ?? paths[0] ?? name;
}
