import { concat } from "@std/bytes";

/** A file of an archive or a package; `mode` has the permissions. */
export interface PackedFile {
  readonly path: string;
  readonly content: string | Uint8Array;
  readonly mode: number;
}

/** A folder that is to be there, even empty. */
export interface PackedFolder {
  readonly path: string;
  readonly mode: number;
}

/** One block of the archive. */
const BLOCK = 512;

/**
 * A tar archive (POSIX ustar) in which nothing depends on who packed it: owner and group are root's, every time is the same,
 * and the files come in the order given. It has the folders of its files, and those that are given.
 */
export function tarArchive(
  files: readonly PackedFile[],
  seconds: number,
  folders: readonly PackedFolder[] = [],
): Uint8Array<ArrayBuffer> {
  return concat([
    ...withParents(files, folders).map(({ path, mode }) => header(`${path}/`, mode, 0, seconds, "5")),
    ...files.flatMap(({ path, content, mode }) => {
      const bytes = bytesOf(content);
      return [header(path, mode, bytes.length, seconds, "0"), bytes, new Uint8Array(-bytes.length & (BLOCK - 1))];
    }),
    new Uint8Array(2 * BLOCK),
  ]);
}

/** The folders that are given, and all that lead to them and to the files: by path, the outer before the inner. */
export function withParents(files: readonly PackedFile[], folders: readonly PackedFolder[]): readonly PackedFolder[] {
  const modes = new Map(folders.map(({ path, mode }) => [path, mode]));
  for (const { path } of [...files, ...folders]) {
    const steps = path.split("/").slice(0, -1);
    for (const [index] of steps.entries()) {
      const parent = steps.slice(0, index + 1).join("/");
      if (parent !== "" && !modes.has(parent)) modes.set(parent, 0o755);
    }
  }
  return Array.from(modes, ([path, mode]) => ({ path, mode }))
    .toSorted((a, b) => `${a.path}/` < `${b.path}/` ? -1 : 1);
}

/** A file's bytes. */
export function bytesOf(content: string | Uint8Array): Uint8Array {
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}

/** Compressed by gzip, whose header has no name and no time here. */
export async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The fields of a header: where each begins, and its text. */
function header(name: string, mode: number, size: number, seconds: number, type: "0" | "5"): Uint8Array {
  const encoder = new TextEncoder();
  if (encoder.encode(name).length > 100) throw new Error(`${name} is too long a name for this archive`);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, "0")}\0`;
  const block = new Uint8Array(BLOCK);
  const fields: readonly (readonly [number, string])[] = [
    [0, name],
    [100, octal(mode, 7)],
    [108, octal(0, 7)],
    [116, octal(0, 7)],
    [124, octal(size, 11)],
    [136, octal(seconds, 11)],
    // The checksum is made with blanks in its own place.
    [148, " ".repeat(8)],
    [156, type],
    [257, "ustar\x0000"],
    [265, "root"],
    [297, "root"],
  ];
  for (const [at, text] of fields) block.set(encoder.encode(text), at);
  block.set(encoder.encode(`${octal(block.reduce((sum, byte) => sum + byte, 0), 6)} `), 148);
  return block;
}
