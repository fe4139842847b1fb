import { assertEquals } from "@std/assert";
import { compressionOf } from "../../src/formats/compression.ts";
import { ascii, joined } from "../image/build.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name: `compression: ${name}`, permissions: "none", fn });
}

/** A .lzma header. */
function lzma(dictionary: number, size: bigint): Uint8Array {
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x5d);
  view.setUint32(1, dictionary, true);
  view.setBigUint64(5, size, true);
  return bytes;
}

/** A skippable frame with so many bytes in it. */
function skippable(size: number): Uint8Array {
  const bytes = new Uint8Array(8 + size);
  new DataView(bytes.buffer).setUint32(0, 0x184d2a53, true);
  new DataView(bytes.buffer).setUint32(4, size, true);
  return bytes;
}

const ZSTD = "\x28\xb5\x2f\xfd";
const LZ4_FRAME = "\x04\x22\x4d\x18";

test("each magic number is known, and none of them when cut by a byte", () => {
  const table = [
    ["gzip", "\x1f\x8b\x08"],
    ["bzip2", "BZh"],
    ["xz", "\xfd7zXZ\0"],
    ["lzo", "\x89LZO\0\r\n\x1a\n"],
    ["lz4", "\x02\x21\x4c\x18"],
    ["lz4", LZ4_FRAME],
    ["zstd", ZSTD],
  ] as const;
  for (const [name, magic] of table) {
    assertEquals(compressionOf(ascii(magic)), name);
    assertEquals(compressionOf(ascii(magic).slice(0, -1)), undefined);
  }
});

test("LZMA is known by a plausible header, known size or not", () => {
  assertEquals(compressionOf(lzma(0x80_0000, 0xffff_ffff_ffff_ffffn)), "lzma");
  assertEquals(compressionOf(lzma(0xc0_0000, 50_000_000n)), "lzma");
  assertEquals(compressionOf(lzma(0x8000_0000, 0n)), "lzma");
});

test("0x5d with an implausible dictionary or size is not LZMA", () => {
  assertEquals(compressionOf(lzma(0, 5n)), undefined);
  assertEquals(compressionOf(lzma(0x12_3456, 5n)), undefined);
  assertEquals(compressionOf(lzma(0x80_0000, 1n << 50n)), undefined);
  assertEquals(compressionOf(lzma(0x80_0000, 5n).subarray(0, 12)), undefined);
});

test("skippable frames are passed over to the frame behind them", () => {
  assertEquals(compressionOf(joined(skippable(4), ZSTD)), "zstd");
  assertEquals(compressionOf(joined(skippable(4), skippable(0), LZ4_FRAME)), "lz4");
  assertEquals(compressionOf(joined(skippable(4), "????")), undefined);
  assertEquals(compressionOf(skippable(100).subarray(0, 50)), "zstd");
});

test("text, zeros and nothing are not compressed", () => {
  assertEquals([ascii("hello, world of text"), new Uint8Array(64), new Uint8Array()].map(compressionOf), [
    undefined,
    undefined,
    undefined,
  ]);
});
