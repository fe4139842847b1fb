import type { TreeFile } from "./tree.ts";

/** One block of the archive. */
const BLOCK = 512;

/**
 * A tar archive (POSIX ustar) in which nothing depends on who packed it: owner and group are root's, every time is the same,
 * and the files come in the order given. Folders are those of the files.
 */
export function tarArchive(top: string, files: readonly TreeFile[], seconds: number): Uint8Array<ArrayBuffer> {
  const folders = new Set<string>();
  for (const { path } of files) {
    const steps = `${top}/${path}`.split("/").slice(0, -1);
    for (const [index] of steps.entries()) folders.add(`${steps.slice(0, index + 1).join("/")}/`);
  }
  const blocks = [
    ...[...folders].toSorted().map((name) => header(name, 0o755, 0, seconds, "5")),
    ...files.flatMap(({ path, text, isProgram }) => {
      const bytes = new TextEncoder().encode(text);
      const padded = new Uint8Array(Math.ceil(bytes.length / BLOCK) * BLOCK);
      padded.set(bytes);
      return [header(`${top}/${path}`, isProgram ? 0o755 : 0o644, bytes.length, seconds, "0"), padded];
    }),
    new Uint8Array(2 * BLOCK),
  ];
  const archive = new Uint8Array(blocks.reduce((size, block) => size + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    archive.set(block, at);
    at += block.length;
  }
  return archive;
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
