import type { ByteSource } from "../../src/core/bytes.ts";

/** The headers of a real file, as tests/fixtures/images/headers.json has them; the rest of the file counts as zeros. */
interface Headers {
  readonly name: string;
  /** Debian's package and its version. */
  readonly package: string;
  /** Bytes of the whole file. */
  readonly size: number;
  readonly parts: readonly { readonly at: number; readonly hex: string }[];
}

const ALL: readonly Headers[] = JSON.parse(
  Deno.readTextFileSync(new URL("../fixtures/images/headers.json", import.meta.url)),
);

/** A real file by its name, of which only the headers are kept. */
export function realFile(name: string): ByteSource {
  const found = ALL.find((each) => each.name === name);
  if (found === undefined) throw new Error(`No headers of ${name}`);
  const { size, parts } = found;
  const end = Math.max(...parts.map(({ at, hex }) => at + hex.length / 2));
  const head = new Uint8Array(end);
  for (const { at, hex } of parts) head.set(Uint8Array.fromHex(hex), at);
  return {
    size,
    read: (offset, length) => {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
      bytes.set(head.subarray(Math.min(offset, end), Math.min(offset + bytes.length, end)));
      return bytes;
    },
  };
}
