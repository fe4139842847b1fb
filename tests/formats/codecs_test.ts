import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { Packing } from "../../src/formats/unpacked.ts";
import { unpack } from "../../src/formats/codecs.ts";
import { unpackBzip2, unpackLzma } from "../../src/formats/codec_libraries.ts";
import { content } from "../fixtures/packed/content.ts";

const CONTENT = content();
const file = (name: string): Uint8Array =>
  Deno.readFileSync(new URL(`../fixtures/packed/content.${name}`, import.meta.url));

/** The same bytes in every packing: made by the reference tools, as the kernel's build calls them. */
const STREAMS: { readonly [Name in Packing]: Uint8Array } = {
  gzip: new Uint8Array(gzipSync(CONTENT)),
  zstd: new Uint8Array(zstdCompressSync(CONTENT)),
  xz: file("xz"),
  lzma: file("lzma"),
  bzip2: file("bz2"),
  lz4: file("lz4"),
  lzo: file("lzo"),
};
const PACKINGS = Object.keys(STREAMS) as Packing[];

for (const packing of PACKINGS) {
  Deno.test(`${packing} unpacks to what was packed, whether its size is known or not`, () => {
    for (const limit of [{ most: CONTENT.length, size: CONTENT.length }, { most: 1 << 30 }]) {
      const result = unpack(packing, STREAMS[packing], limit);
      assert(result.kind === "unpacked", JSON.stringify(result));
      assertEquals([result.consumed, result.bytes], [STREAMS[packing].length, CONTENT]);
    }
  });

  Deno.test(`${packing} that gives more than allowed is told from what is damaged`, () => {
    for (const limit of [{ most: CONTENT.length - 1, size: CONTENT.length - 1 }, { most: 100 }]) {
      assertEquals(unpack(packing, STREAMS[packing], limit).kind, "too-large");
    }
  });

  Deno.test(`${packing} that is cut off anywhere is damaged`, () => {
    const stream = STREAMS[packing];
    for (const length of [0, 1, 3, 4, 7, 20, stream.length >> 1, stream.length - 1]) {
      // The legacy LZ4 frame has no end mark: between its blocks nothing is missing.
      if (packing === "lz4" && length >= 4 && length < 8) continue;
      assertEquals(unpack(packing, stream.slice(0, length), { most: 1 << 20 }).kind, "damaged", `${length} bytes`);
    }
  });

  Deno.test(`${packing} with any byte changed is damaged, or unpacks to something, and never throws`, () => {
    const stream = STREAMS[packing];
    const kinds = new Map<string, number>();
    for (let at = 0; at < stream.length; at += 37) {
      const changed = stream.map((byte, index) => index === at ? byte ^ 0x41 : byte);
      const { kind } = unpack(packing, changed, { most: CONTENT.length, size: CONTENT.length });
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    assert((kinds.get("damaged") ?? 0) > 0 && !kinds.has("missing"), JSON.stringify([...kinds]));
    // These have a checksum of everything; what others let pass, only the size and the ELF file can show.
    if (["gzip", "xz", "bzip2"].includes(packing)) {
      assert((kinds.get("unpacked") ?? 0) <= 2, JSON.stringify([...kinds]));
    }
  });
}

Deno.test("what follows a stream is neither unpacked nor counted", () => {
  for (const packing of PACKINGS) {
    if (packing === "lz4") continue; // its frame goes to the end of the bytes
    const stream = STREAMS[packing];
    const result = unpack(packing, new Uint8Array([...stream, ...stream]), { most: 1 << 20 });
    assert(result.kind === "unpacked");
    assertEquals([packing, result.consumed, result.bytes.length], [packing, stream.length, CONTENT.length]);
  }
});

Deno.test("several frames of legacy LZ4 are one, as the kernel has it, and a size of zero ends them", () => {
  const stream = STREAMS.lz4;
  const twice = unpack("lz4", new Uint8Array([...stream, ...stream, 0, 0, 0, 0, 9]), { most: 1 << 20 });
  assert(twice.kind === "unpacked");
  assertEquals([twice.consumed, twice.bytes.length], [2 * stream.length, 2 * CONTENT.length]);
});

Deno.test("the frame format of LZ4, which the kernel does not read, is refused in words", () => {
  const result = unpack("lz4", new Uint8Array([0x04, 0x22, 0x4d, 0x18, 0x64, 0x40, 0xa7, 0, 0, 0, 0]), { most: 99 });
  assert(result.kind === "damaged");
  assertStringIncludes(result.why, "legacy");
});

Deno.test("xz with the x86 filter and an .lzma file go to the same library", () => {
  for (const [format, stream] of [["xz", STREAMS.xz], ["lzma", STREAMS.lzma]] as const) {
    assertEquals(unpackLzma(format, stream, { most: 1 << 20 }).kind, "unpacked");
  }
  assertEquals(unpackBzip2(STREAMS.bzip2, { most: 1 << 20 }).kind, "unpacked");
});

Deno.test({
  name: "a library that is not there is named with the packages that bring it",
  fn() {
    const result = unpackLzma("xz", STREAMS.xz, { most: 1 << 20 }, "liblzma.so.none");
    assert(result.kind === "missing");
    assertEquals(result.library, "liblzma.so.none");
    assertStringIncludes(result.packages, "liblzma5 on Debian");
    assertStringIncludes(result.packages, "xz-libs on Fedora");
  },
});
