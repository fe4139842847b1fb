/** What GRUB's environment block holds: names and values, in the file's order. */
export type GrubEnvironment = ReadonlyMap<string, string>;

/** How each block begins (include/grub/lib/envblk.h of GRUB). */
const SIGNATURE = "# GRUB Environment Block\n";

/**
 * Reads an environment block as GRUB does (grub_envblk_iterate() in grub-core/lib/envblk.c, GRUB 2.12): lines
 * `name=value`, in which a backslash protects the character after it, a line break too; lines that begin with `#` are
 * comments, as is the padding at the end. Undefined: the text is not such a block.
 */
export function parseGrubenv(text: string): GrubEnvironment | undefined {
  if (!text.startsWith(SIGNATURE)) return undefined;
  const environment = new Map<string, string>();
  for (const [line] of text.slice(SIGNATURE.length).matchAll(/(?:[^\\\n]|\\[^])+/g)) {
    const equals = line.indexOf("=");
    if (line.startsWith("#") || equals < 1) continue;
    environment.set(line.slice(0, equals), line.slice(equals + 1).replaceAll(/\\([^])/g, "$1"));
  }
  return environment;
}
