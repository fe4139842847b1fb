import { assertEquals } from "@std/assert";
import { fieldsOf, memorySource } from "../../src/core/bytes.ts";
import { signaturesOf, signedParts } from "../../src/formats/authenticode.ts";
import { adler32, crc32 } from "../../src/formats/checksums.ts";
import { compressionOf, kernelCompressionOf } from "../../src/formats/compression.ts";
import { gzipBody, gzipTrailer, zstdFrame } from "../../src/formats/compression_frames.ts";
import { cpioFormat, CpioReader } from "../../src/formats/cpio.ts";
import { hasAbiTag, readElfHeader, readProgramHeaders } from "../../src/formats/elf.ts";
import { type DeviceNode, flattenDeviceTree, parseDeviceTree, usedSize } from "../../src/formats/fdt.ts";
import { copyMatch, LZ4_BLOCK_SIZE, unpackBlock, unpackLz4Legacy } from "../../src/formats/lz4_legacy.ts";
import { unpackLzop } from "../../src/formats/lzop.ts";
import { parsePe, type PeFile } from "../../src/formats/pe.ts";
import { type PackedStream, type Packing, unpackBytes, windowOn } from "../../src/formats/unpacked.ts";
import { ascii, joined, peFile } from "../image/build.ts";
import { elf, note } from "../image/build_elf.ts";

function pure(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

function stream(packing: Packing, bytes: Uint8Array, offset = 0, end = bytes.length): PackedStream {
  return { packing, source: memorySource(bytes), offset, end };
}

const big = (...values: readonly number[]): Uint8Array => {
  const bytes = new Uint8Array(values.length * 4);
  values.forEach((value, index) => new DataView(bytes.buffer).setUint32(index * 4, value));
  return bytes;
};
const little = (...values: readonly number[]): Uint8Array => {
  const bytes = new Uint8Array(values.length * 4);
  values.forEach((value, index) => new DataView(bytes.buffer).setUint32(index * 4, value, true));
  return bytes;
};

// --- Checksums, by the values that their specifications and other programs give.

pure("Adler-32 and CRC-32 of known bytes", () => {
  assertEquals([adler32(new Uint8Array()), adler32(ascii("Wikipedia"))], [1, 0x11e6_0398]);
  assertEquals([crc32(new Uint8Array()), crc32(ascii("123456789"))], [0, 0xcbf4_3926]);
  // A million bytes of 0xff: the sums leave 32 bits if they are not reduced in time (zlib.adler32).
  assertEquals(adler32(new Uint8Array(1_000_000).fill(0xff)), ADLER_OF_A_MILLION);
});

// python3 -c 'import zlib; print(zlib.adler32(b"\xff" * 1000000))'
const ADLER_OF_A_MILLION = 943972798;

// --- Compressions.

pure("the two bytes by which the kernel knows each compression", () => {
  const of = (...bytes: readonly number[]) => kernelCompressionOf(Uint8Array.from(bytes));
  assertEquals(
    [[0x1f, 0x8b], [0x1f, 0x9e], [0x42, 0x5a], [0x5d, 0], [0xfd, 0x37], [0x89, 0x4c], [2, 0x21], [0x28, 0xb5]].map((
      pair,
    ) => of(...pair)),
    ["gzip", "gzip", "bzip2", "lzma", "xz", "lzo", "lz4", "zstd"],
  );
  assertEquals([of(4, 0x22), of(0x28), of(), of(0x8b, 0x1f)], [undefined, undefined, undefined, undefined]);
  assertEquals([of(0x5d), of(0x5d, 1)], [undefined, undefined]);
});

pure("what is LZMA by its header, at the limits", () => {
  const lzma = (dictionary: number, size: bigint, length = 13, first = 0x5d) => {
    const bytes = new Uint8Array(13);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, first);
    view.setUint32(1, dictionary, true);
    view.setBigUint64(5, size, true);
    return compressionOf(bytes.subarray(0, length));
  };
  assertEquals([lzma(4096, 0n), lzma(2048, 0n), lzma(2 ** 31, 0n), lzma(6144, 0n)], [
    "lzma",
    undefined,
    "lzma",
    "lzma",
  ]);
  assertEquals([lzma(4096 + 1024, 0n), lzma(0, 0n)], [undefined, undefined]);
  assertEquals([lzma(4096, 2n ** 40n - 1n), lzma(4096, 2n ** 40n), lzma(4096, 2n ** 64n - 1n)], [
    "lzma",
    undefined,
    "lzma",
  ]);
  assertEquals([lzma(4096, 0n, 12), lzma(4096, 0n, 13, 0x5e)], [undefined, undefined]);
});

pure("what follows skippable frames", () => {
  const skip = (size: number, magic = 0x184d2a50) => joined(little(magic, size), new Uint8Array(size));
  const zstd = "\x28\xb5\x2f\xfd";
  assertEquals(compressionOf(joined(skip(4), zstd)), "zstd");
  assertEquals(compressionOf(joined(skip(4, 0x184d2a5f), "\x04\x22M\x18")), "lz4");
  assertEquals(compressionOf(joined(skip(4), skip(0), zstd)), "zstd");
  assertEquals(compressionOf(joined(skip(4), "BZh9")), undefined);
  assertEquals(compressionOf(joined(skip(4, 0x184d2a60), zstd)), undefined);
  // What follows is out of sight.
  assertEquals(compressionOf(skip(4)), "zstd");
  assertEquals(compressionOf(joined(skip(4), "\x04\x22M")), "zstd");
});

pure("where the data of a gzip member begin, and what its header may not have", () => {
  const body = (flags: number, rest: string | Uint8Array = new Uint8Array(20), method = 8) => {
    const found = gzipBody(stream("gzip", joined(Uint8Array.of(0x1f, 0x8b, method, flags, 0, 0, 0, 0, 0, 3), rest)));
    return found.kind === "body" ? found.offset : found.kind === "damaged" ? found.why : found.kind;
  };
  const refused = (field: string) => `have ${field} in their header, which the kernel does not read`;
  assertEquals([0, 1, 8, 9].map((flags) => body(flags, "name\0_________")), [10, 10, 15, 15]);
  assertEquals([2, 4, 16, 32, 6, 20, 18].map((flags) => body(flags)), [
    refused("a header checksum"),
    refused("an extra field"),
    refused("a comment"),
    refused("reserved flags"),
    refused("an extra field"),
    refused("an extra field"),
    refused("a comment"),
  ]);
  assertEquals(body(0, undefined, 7), "are packed by method 7, and only deflate (8) is known");
  assertEquals([body(0, "1234567"), body(0, "12345678")], ["cut", 10]);
  assertEquals(body(8, "name without end"), "cut");
  const trailer = (end: number) => gzipTrailer(stream("gzip", little(1, 0xdead_beef, 0x8000_0001), 0, end), 4);
  assertEquals([trailer(12), trailer(11)], [{ crc: 0xdead_beef, size: 0x8000_0001 }, undefined]);
});

pure("a Zstandard frame: its length, checksum, and each form of its size", () => {
  const magic = "\x28\xb5\x2f\xfd";
  // A last block that is stored, of 3 bytes.
  const block = Uint8Array.of(3 << 3 | 1, 0, 0, 7, 7, 7);
  const frame = (descriptor: number, fields: readonly number[], ...rest: readonly (Uint8Array | string)[]) =>
    zstdFrame(stream("zstd", joined(magic, Uint8Array.of(descriptor, ...fields), ...rest)));
  const plain = { length: 12, hasChecksum: false };
  assertEquals(frame(0, [0], block), plain);
  assertEquals(frame(4, [0], block, "sums"), { length: 16, hasChecksum: true });
  assertEquals(frame(4, [0], block, "sum"), undefined);
  assertEquals(frame(0x20, [9], block), { ...plain, contentSize: 9n });
  assertEquals(frame(0x60, [1, 2], block), { length: 13, hasChecksum: false, contentSize: 513n + 256n });
  assertEquals(frame(0x40, [0, 1, 2], block), { length: 14, hasChecksum: false, contentSize: 513n + 256n });
  assertEquals(frame(0x80, [0, 1, 2, 3, 4], block), { length: 16, hasChecksum: false, contentSize: 0x0403_0201n });
  assertEquals(frame(0xc0, [0, 1, 0, 0, 0, 0, 0, 0, 1], block), {
    length: 20,
    hasChecksum: false,
    contentSize: 0x0100_0000_0000_0001n,
  });
  assertEquals(
    [1, 2, 3].map((flag) => frame(flag, [0, 1, 2, 3, 4].slice(0, 1 + (flag === 3 ? 4 : flag)), block)?.length),
    [
      13,
      14,
      16,
    ],
  );
  // A block of one byte that is repeated 100 times, then the last.
  const run = Uint8Array.of(100 << 3 & 0xff | 2, 100 >> 5, 0, 1);
  assertEquals(frame(0, [0], run, block), { length: 16, hasChecksum: false });
  assertEquals(frame(0, [0], Uint8Array.of(7, 0, 0)), undefined);
  assertEquals(frame(0, [0], block.subarray(0, 5)), undefined);
  assertEquals(zstdFrame(stream("zstd", joined("\x29\xb5\x2f\xfd", "\0\0", block))), undefined);
});

pure("legacy LZ4: literals, matches, long lengths, and each fault", () => {
  const unpack = (...parts: readonly (Uint8Array | string)[]) => {
    const pieces: number[] = [];
    const result = unpackLz4Legacy(stream("lz4", joined("\x02\x21\x4c\x18", ...parts)), (piece) => {
      pieces.push(...piece);
      return true;
    }, new Uint8Array(64));
    return result.kind === "whole" ? String.fromCharCode(...pieces) : result.kind === "damaged" ? result.why : result;
  };
  const block = (...bytes: readonly number[]) => joined(little(bytes.length), Uint8Array.from(bytes));
  const odd = "have a block that is not LZ4";
  assertEquals(unpack(block(0x30, 97, 98, 99)), "abc");
  assertEquals(unpack(block(0x20, 97, 98, 2, 0, 0x10, 99)), "abababc");
  assertEquals(unpack(block(0x20, 97, 98, 2, 0, 0x10, 99).slice(0, 10)), "are cut off");
  // "ab", then 4 + 1 bytes from 2 before, then "c".
  assertEquals(unpack(block(0x21, 97, 98, 2, 0, 0x10, 99)), "abababac");
  assertEquals(unpack(block(0xf0, 1, ...Array(16).fill(120))), "x".repeat(16));
  assertEquals(unpack(block(0x1f, 97, 1, 0, 2, 0x10, 98)), `${"a".repeat(1 + 19 + 2)}b`);
  assertEquals(unpack(block(0x10, 97, 0, 0, 0x10, 98)), odd);
  assertEquals(unpack(block(0x10, 97, 2, 0, 0x10, 98)), odd);
  assertEquals(unpack(block(0x1f, 97, 1, 0, 45, 0x10, 98)), odd);
  assertEquals(unpack(block(0xf0)), odd);
  assertEquals(unpack(block(0x1f, 97, 1, 0)), odd);
  assertEquals(unpack(block(0x10)), odd);
  assertEquals(unpack(little(0), "rest"), "");
  assertEquals(unpack("\x02\x21\x4c\x18", block(0x10, 97)), "a");
  assertEquals(unpack(little(0x7fff_ffff)), "are cut off");
  assertEquals(LZ4_BLOCK_SIZE, 8_388_608);
  // A part of a buffer is not left, neither by literals nor by a match, though the buffer goes on.
  const within = (end: number, ...packed: readonly number[]) =>
    unpackBlock(Uint8Array.from(packed), new Uint8Array(20), 0, end);
  assertEquals([within(3, 0x30, 97, 98, 99), within(2, 0x30, 97, 98, 99)], [3, undefined]);
  assertEquals([within(7, 0x20, 97, 98, 2, 0, 0x10, 99), within(5, 0x20, 97, 98, 2, 0, 0x10, 99)], [7, undefined]);
  assertEquals([within(6, 0x20, 97, 98, 2, 0, 0), within(5, 0x20, 97, 98, 2, 0, 0)], [6, undefined]);
  assertEquals(within(20, 0x10, 97, 1), undefined, "half a distance");
  const bytes = Uint8Array.from([1, 2, 3, 0, 0, 0, 0]);
  assertEquals([copyMatch(bytes, 3, 3, 4), [...bytes]], [true, [1, 2, 3, 1, 2, 3, 1]]);
  assertEquals([copyMatch(bytes, 3, 4, 1), copyMatch(bytes, 3, 0, 1), copyMatch(bytes, 3, 1, 5)], [
    false,
    false,
    false,
  ]);
});

pure("lzop: stored blocks, both checksums, and each fault", () => {
  const header = (flags: number, version = 0x1030) =>
    joined(
      "\x89LZO\0\r\n\x1a\n",
      Uint8Array.of(version >> 8, version & 0xff, 0x20, 0x90),
      version >= 0x940 ? Uint8Array.of(9, 0x40, 1, 5) : Uint8Array.of(1),
      big(flags),
      (flags & 0x800) === 0 ? "" : big(0),
      big(0, 0),
      version >= 0x940 ? big(0) : "",
      "\x01f",
      big(0),
    );
  const unpack = (...parts: readonly (Uint8Array | string)[]) => {
    const pieces: number[] = [];
    const result = unpackLzop(stream("lzo", joined(...parts)), (piece) => {
      pieces.push(...piece);
      return true;
    });
    return result.kind === "whole"
      ? [String.fromCharCode(...pieces), result.checksum]
      : result.kind === "damaged"
      ? result.why
      : result;
  };
  const text = ascii("abcdef");
  const block = (sum: number, size = 6, packed = 6) => joined(big(size, packed, sum), text);
  const end = big(0);
  for (const version of [0x0900, 0x0940, 0x1030]) {
    for (const filter of [0, 0x800]) {
      assertEquals(unpack(header(1 | filter, version), block(adler32(text)), end), ["abcdef", "Adler-32"]);
      assertEquals(unpack(header(0x100 | filter, version), block(crc32(text)), end), ["abcdef", "CRC-32"]);
    }
  }
  const wrong = "have a block with a wrong checksum";
  assertEquals(unpack(header(1), block(adler32(text) + 1), end), wrong);
  assertEquals(unpack(header(0x100), block(adler32(text)), end), wrong);
  const sums = "do not have exactly one checksum of each block, which the kernel takes for granted";
  assertEquals([0, 3, 0x101, 0x300, 2, 0x200].map((flags) => unpack(header(flags), end)), Array(6).fill(sums));
  assertEquals(unpack(header(1)), "are cut off");
  assertEquals(unpack(header(1), big(6, 6)), "are cut off");
  assertEquals(unpack(header(1), big(6, 6, 0), "abcde"), "are cut off");
  const odd = "have a block that is not LZO1X";
  assertEquals(unpack(header(1), block(0, 6, 0), end), odd);
  assertEquals(unpack(header(1), block(0, 5, 6), end), odd);
  assertEquals(unpack(header(1), big(262_145, 1, 0), end), odd);
  // 256 KiB is the most that a block has, stored ones too.
  const stored = (size: number) => {
    const bytes = new Uint8Array(size);
    const file = joined(header(1), big(size, size, adler32(bytes)), bytes, end);
    return unpackLzop(stream("lzo", file), (piece) => piece.length === size).kind;
  };
  assertEquals([stored(262_145), stored(262_144)], ["damaged", "whole"]);
  const header0 = "have an lzop header that the kernel does not read";
  assertEquals(unpack("\x89LZO\0\r\n\x1a\n"), header0);
  // A name that goes on beyond the file, and a header that ends before its name.
  assertEquals(unpack(header(1).subarray(0, -5)), header0);
  assertEquals(unpack(header(0x801).subarray(0, 37)), header0);
});

pure("lzop: what an instruction means depends on how many literals came before it", () => {
  const copied = (text: string, distance: number, length: number): string => {
    let whole = text;
    for (let count = 0; count < length; count++) whole += whole[whole.length - distance];
    return whole;
  };
  /** A match that is so long that the block gets smaller; literals may follow it. */
  const match = (distance: number, length: number, trailing = 0): Uint8Array => {
    const rest = length - 2 - 31 - 1;
    const pair = (distance - 1) << 2 | trailing;
    return Uint8Array.of(32, ...Array(Math.floor(rest / 255)).fill(0), rest % 255 + 1, pair & 0xff, pair >> 8);
  };
  const end = Uint8Array.of(17, 0, 0);
  const unpack = (text: string, ...parts: readonly (Uint8Array | string)[]): string => {
    const [block, bytes] = [joined(...parts, end), ascii(text)];
    const header = joined(
      "\x89LZO\0\r\n\x1a\n",
      Uint8Array.of(0x10, 0x30, 0x20, 0x90, 9, 0x40, 1, 5),
      big(1, 0, 0, 0),
      "\x01f",
      big(0),
    );
    let found = "";
    const file = joined(header, big(bytes.length, block.length, adler32(bytes)), block, big(0));
    const result = unpackLzop(stream("lzo", file), (piece) => {
      found += String.fromCharCode(...piece);
      return true;
    });
    return result.kind === "whole" ? found : result.kind === "damaged" ? result.why : result.kind;
  };
  const odd = "have a block that is not LZO1X";
  // A stream ends where its block does, with as many bytes as the block has; one that does not get smaller is stored.
  const run = (length: number) => [Uint8Array.of(18), "a", match(1, length - 1)];
  assertEquals(unpack("a".repeat(100), ...run(100)), "a".repeat(100));
  assertEquals(unpack("a".repeat(101), ...run(100)), odd);
  assertEquals(unpack("a".repeat(100), ...run(100), end), odd);
  assertEquals(unpack("a".repeat(100), ...run(100), Uint8Array.of(17)), odd);
  assertEquals(unpack("abc", Uint8Array.of(20), "abc"), odd);
  assertEquals(unpack("a".repeat(100), Uint8Array.of(255), "a"), odd);
  assertEquals(unpack("a".repeat(100), Uint8Array.of(18), "a", match(1, 90, 3), "b"), odd);
  // One to three literals at the start: a short match is of 2 bytes, and near.
  for (const literals of ["a", "ab", "abc"]) {
    const { length } = literals;
    const short = Uint8Array.of(length - 1 << 2, 0);
    const text = copied(copied(literals, length, 2), length, 100);
    assertEquals(unpack(text, Uint8Array.of(17 + length), literals, short, match(length, 100)), text, literals);
  }
  // Four or more, at the start or later: it is of 3 bytes, and more than 2048 bytes away.
  const far = Uint8Array.of(0, 0);
  for (const literals of ["abcd", "abcde"]) {
    const head = joined(Uint8Array.of(17 + literals.length), literals);
    assertEquals(unpack("a".repeat(100), head, far, match(1, 90)), odd, literals);
    const before = copied(literals, 4, 2100);
    const text = copied(copied(`${before}wxyz`, 2049, 3), 1, 40);
    assertEquals(unpack(text, head, match(4, 2100), Uint8Array.of(1), "wxyz", far, match(1, 40)), text, literals);
  }
  // Literals that follow a match count alike; without any, the same byte begins a run of literals.
  for (const literals of ["w", "wx", "wxy"]) {
    const text = `${copied("abcd", 4, 100)}${literals}`;
    const whole = copied(copied(text, 1, 2), 1, 40);
    const head = [Uint8Array.of(21), "abcd", match(4, 100, literals.length), literals];
    assertEquals(unpack(whole, ...head, far, match(1, 40)), whole, literals);
  }
  // Matches that are farther than 16 KiB, and than 32 KiB.
  const before = copied("abcdefg", 7, 40_000);
  for (const [bit, base] of [[0, 0x4000], [8, 0x8000]] as const) {
    const text = copied(before, base + 5, 3);
    assertEquals(
      unpack(text, Uint8Array.of(24), "abcdefg", match(7, 40_000), Uint8Array.of(16 | bit | 1, 20, 0)),
      text,
    );
  }
});

pure("a stream in one piece: as much memory as is allowed, and not a byte more", async () => {
  const unpacked = async (pieces: readonly number[], most: number, size?: number) => {
    const codecs = {
      unpack: (_: unknown, sink: (piece: Uint8Array) => boolean) =>
        Promise.resolve(
          pieces.every((length) => sink(new Uint8Array(length).fill(1))) ? { kind: "whole" } : { kind: "stopped" },
        ),
    };
    const result = await unpackBytes(codecs as never, stream("xz", new Uint8Array()), {
      most,
      ...(size === undefined ? {} : { size }),
    });
    return result.kind === "unpacked" ? [result.bytes.length, result.bytes.every((byte) => byte === 1)] : result.kind;
  };
  assertEquals(await unpacked([3, 4], 7, 7), [7, true]);
  assertEquals(await unpacked([3, 4], 6, 7), "too-large");
  assertEquals(await unpacked([3, 4], 100, 3), [7, true]);
  // Both buffers count: 3 bytes and 7.
  assertEquals([await unpacked([3, 4], 10, 3), await unpacked([3, 4], 9, 3)], [[7, true], "too-large"]);
});

pure("a window reads what is asked for, and nothing beyond the end of the stream", () => {
  const reads: [number, number][] = [];
  const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251);
  const source = {
    size: bytes.length,
    read: (offset: number, length: number) => {
      reads.push([offset, length]);
      return bytes.slice(offset, offset + length);
    },
  };
  const window = windowOn({ packing: "xz", source, offset: 0, end: 299_000 });
  const at = (offset: number, length: number) => {
    const found = window.at(offset, length);
    return found === undefined ? undefined : [found.length, found[0]];
  };
  assertEquals(at(10, 4), [4, 10]);
  assertEquals(at(262_150, 4), [4, 262_150 % 251]);
  assertEquals(at(262_151, 4), [4, 262_151 % 251]);
  assertEquals(at(0, 290_000), [290_000, 0]);
  assertEquals([at(298_996, 4), at(298_997, 4)], [[4, 298_996 % 251], undefined]);
  assertEquals(reads, [[10, 262_144], [262_151, 36_849], [0, 290_000], [298_996, 4]]);
  // A file that got shorter meanwhile.
  const short = { size: 100, read: (_offset: number, length: number) => new Uint8Array(Math.min(length, 3)) };
  const shorter = windowOn({ packing: "xz", source: short, offset: 0, end: 100 });
  assertEquals([shorter.at(0, 4), shorter.at(0, 3)?.length], [undefined, 3]);
});

// --- cpio.

/** An entry of a cpio archive, padded as the format has it. */
const entry = (
  name: string,
  body = "",
  changes: { mode?: string; size?: string; nameSize?: string; magic?: string; sum?: string } = {},
) => {
  const hex = (value: number) => value.toString(16).padStart(8, "0");
  const head = (changes.magic ?? "070701") + hex(1) + (changes.mode ?? "000081a4") + hex(0).repeat(4) +
    (changes.size ?? hex(body.length)) + hex(0).repeat(4) + (changes.nameSize ?? hex(name.length + 1)) +
    (changes.sum ?? hex(0));
  const pad = (text: string) => text + "\0".repeat((4 - text.length % 4) % 4);
  return pad(pad(`${head}${name}\0`) + body);
};

pure("a cpio archive: its entries, and each fault with where it is", () => {
  const read = (text: string, step = text.length || 1) => {
    const entries: unknown[] = [];
    const reader = new CpioReader(({ name, mode, size, target }) => entries.push([name, mode, size, target]));
    const bytes = ascii(text);
    for (let at = 0; at < bytes.length; at += step) {
      const progress = reader.push(bytes.subarray(at, at + step));
      if (progress.kind === "fault") return [progress.at, progress.why];
      if (progress.kind === "other") return ["other", at + progress.taken];
    }
    return [entries, reader.archives, reader.endOfEntries, reader.breakOff()];
  };
  const a = entry("a", "hello");
  const trailer = entry("TRAILER!!!");
  for (const step of [undefined, 1, 7]) {
    assertEquals(read(a + trailer + entry("b"), step), [
      [["a", 0o100644, 5, undefined], ["b", 0o100644, 0, undefined]],
      { withTrailer: 1, without: 1 },
      a.length + trailer.length + 112,
      undefined,
    ]);
  }
  assertEquals(read(entry("l", "to/x", { mode: "0000a1ff" })), [
    [["l", 0o120777, 4, "to/x"]],
    { withTrailer: 0, without: 1 },
    116,
    undefined,
  ]);
  // The kernel passes over what a trailer has.
  assertEquals(read(entry("TRAILER!!!", "data") + entry("b")).slice(0, 2), [
    [["b", 0o100644, 0, undefined]],
    { withTrailer: 1, without: 1 },
  ]);
  const cut = (text: string) => read(text).at(-1);
  assertEquals([cut(a.slice(0, 109)), cut(a.slice(0, 111)), cut(a.slice(0, 114)), cut(a.slice(0, 117))], [
    "the header of an entry",
    "the name of an entry",
    "the file a, 3 bytes short of its 5",
    "the padding after a",
  ]);
  assertEquals(cut(entry("l", "to/x", { mode: "0000a1ff" }).slice(0, 114)), "the target of the symbolic link l");
  assertEquals(read(`${a}\0\0${a}`), [a.length + 2, "goes on at a place that is not a multiple of 4 bytes"]);
  assertEquals(read(`${a}xx`), ["other", a.length]);
  const fault = (text: string) => read(a + text);
  const at = a.length;
  assertEquals(fault(entry("b", "", { magic: "070707" })), [
    at,
    "is in the old portable format (odc), which the kernel does not unpack",
  ]);
  assertEquals(fault(entry("b", "", { magic: "070700" })), [at, "has bytes that do not begin a cpio header"]);
  assertEquals(fault(entry("b", "", { mode: "0000g1ff" })), [at, "has a header with a field that is not hexadecimal"]);
  assertEquals(fault(entry("b", "", { mode: "0000:1ff" })), [at, "has a header with a field that is not hexadecimal"]);
  const names = (size: number) => `has an entry with a name of ${size} bytes, and 2 to 4096 are possible`;
  assertEquals(fault(entry("b", "", { nameSize: "00000001" })), [at, names(1)]);
  assertEquals(fault(entry("b", "", { nameSize: "00001001" })), [at, names(4097)]);
  assertEquals(fault(entry("bc", "", { nameSize: "00000002" })), [
    at,
    "has an entry whose name does not end in a NUL byte",
  ]);
  assertEquals(fault(entry("\0")), [at, "has an entry without a name"]);
  assertEquals(fault(entry("b", "", { mode: "000001ff" })), [at, "has the entry b with an unknown file type"]);
  assertEquals(fault(entry("b", "", { mode: "0000a1ff" })), [at, "has the symbolic link b with a target of 0 bytes"]);
  assertEquals(fault(entry("b", "", { mode: "0000a1ff", size: "00001001" })), [
    at,
    "has the symbolic link b with a target of 4097 bytes",
  ]);
  assertEquals(fault(entry("b", "a\0", { mode: "0000a1ff" })), [at, "has no target for the symbolic link b"]);
  const summed = (sum: string) => read(entry("b", "\x01\xff", { magic: "070702", sum }));
  assertEquals(summed("00000101"), [0, "has the file b with a wrong checksum"]);
  assertEquals(summed("00000100")[3], undefined);
  assertEquals(["070701", "070702", "070707", "070703", ""].map((magic) => cpioFormat(ascii(magic))), [
    "newc",
    "crc",
    "odc",
    undefined,
    undefined,
  ]);
});

pure("a sum is that of one regular file: of nothing else, and of no file before it", () => {
  const crc = (name: string, body: string, sum: number, mode = "000081a4") =>
    entry(name, body, { magic: "070702", sum: sum.toString(16).padStart(8, "0"), mode });
  const read = (text: string) => {
    const progress = new CpioReader(() => {}).push(ascii(text));
    return progress.kind === "fault" ? progress.why : progress.kind;
  };
  assertEquals(read(crc("a", "\x01\x02", 3) + crc("b", "\x04", 4)), "more");
  // A folder, and a further name of a file, have no bytes of their own.
  assertEquals(read(crc("f", "", 5, "000041ed") + crc("l", "", 7)), "more");
  assertEquals(read(crc("a", "\x01\x02", 3) + crc("b", "\x04", 5)), "has the file b with a wrong checksum");
});

pure("a body may be passed over where nobody takes or sums it, and a sink takes that of its entry alone", () => {
  const archive = (magic: string) =>
    ascii(entry("a", "hello", { magic, sum: magic === "070701" ? "00000000" : "00000214" }));
  const afterName = (reader: CpioReader, bytes: Uint8Array) => {
    reader.push(bytes.subarray(0, 112));
    return reader.skippable;
  };
  const plain = new CpioReader(() => {});
  assertEquals([plain.skippable, afterName(plain, archive("070701"))], [0, 5]);
  plain.skip(5);
  assertEquals([plain.breakOff(), plain.isBetween], ["the padding after a", false]);
  assertEquals(plain.push(archive("070701").subarray(117)), { kind: "more" });
  assertEquals([plain.isBetween, plain.endOfEntries], [true, 120]);
  assertEquals(afterName(new CpioReader(() => {}), archive("070702")), 0);
  const taken: number[] = [];
  const sunk = new CpioReader(({ name }) =>
    name === "a" ? (piece: Uint8Array) => void taken.push(...piece) : undefined
  );
  assertEquals(afterName(sunk, archive("070701")), 0);
  sunk.push(archive("070701").subarray(112, 114));
  sunk.push(joined(archive("070701").subarray(114), entry("b", "no"), entry("a", "!")));
  assertEquals(String.fromCharCode(...taken), "hello!");
});

pure("an archive ends with the stream that it is in, and goes on at its place in the next", () => {
  const reader = new CpioReader(() => {});
  reader.push(ascii(entry("a")));
  reader.moveTo(4096);
  assertEquals([reader.archives, reader.endOfEntries], [{ withTrailer: 0, without: 1 }, 4096]);
  reader.push(ascii(entry("b") + entry("TRAILER!!!")));
  reader.moveTo(8192);
  assertEquals(reader.archives, { withTrailer: 1, without: 1 });
  assertEquals(reader.push(ascii("\0\0x")), {
    kind: "fault",
    at: 8194,
    why: "goes on at a place that is not a multiple of 4 bytes",
  });
  const names = new CpioReader(() => {});
  assertEquals(names.push(ascii(entry(`${"n".repeat(4095)}`))), { kind: "more" });
  assertEquals(names.formats, ["newc"]);
  names.push(ascii(entry("a", "", { magic: "070702" })));
  assertEquals(names.formats, ["newc", "crc"]);
});

pure("the sum of a file in a crc archive has 32 bits, however large the file is", () => {
  // 255 times this leaves 32 bits, as in a real initrd of some 100 MiB.
  const size = (1 << 24) + (1 << 17);
  const left = 255 * size - 2 ** 32;
  const piece = new Uint8Array(1 << 17).fill(0xff);
  const faultOf = (sum: number): string | undefined => {
    const hex = (value: number) => value.toString(16).padStart(8, "0");
    const reader = new CpioReader(() => {});
    reader.push(
      ascii(`070702${hex(1)}000081a4${hex(0).repeat(4)}${hex(size)}${hex(0).repeat(4)}${hex(2)}${hex(sum)}b\0`),
    );
    for (let done = 0; done < size; done += piece.length) {
      const progress = reader.push(piece);
      if (progress.kind === "fault") return progress.why;
    }
    return reader.breakOff();
  };
  assertEquals([left > 0, faultOf(left), faultOf(left + 1)], [true, undefined, "has the file b with a wrong checksum"]);
});

// --- ELF and PE.

pure("ELF headers of both classes and byte orders", () => {
  const header = (bits: 32 | 64, littleEndian: boolean) => {
    const bytes = elf({ bits, littleEndian, machine: 0x1234, entry: 0x1122_3344n });
    const found = readElfHeader(fieldsOf(bytes));
    if (found?.kind !== "elf-file") return found;
    const read = readProgramHeaders(memorySource(bytes), found);
    const program = read.kind === "headers" ? read.headers[0] : undefined;
    return [
      found.bits,
      found.littleEndian,
      found.machine,
      found.type,
      found.entry,
      found.table.entrySize,
      program?.type,
    ];
  };
  assertEquals([header(64, true), header(64, false), header(32, true), header(32, false)], [
    [64, true, 0x1234, 2, 0x1122_3344n, 56, 1],
    [64, false, 0x1234, 2, 0x1122_3344n, 56, 1],
    [32, true, 0x1234, 2, 0x1122_3344n, 32, 1],
    [32, false, 0x1234, 2, 0x1122_3344n, 32, 1],
  ]);
});

pure("an ELF file of neither class or byte order is damaged, and its table ends within it", () => {
  const bytes = elf({ bits: 64 });
  const verdict = (at: number, value: number) => {
    const found = readElfHeader(fieldsOf(bytes.with(at, value)));
    return found?.kind === "damaged-elf" ? found.why : found?.kind;
  };
  assertEquals([verdict(4, 3), verdict(5, 3), verdict(5, 0), verdict(5, 2)], [
    "its class is 3, neither 1 nor 2",
    "its byte order is 3, neither 1 nor 2",
    "its byte order is 0, neither 1 nor 2",
    "elf-file",
  ]);
  const header = readElfHeader(fieldsOf(bytes));
  if (header?.kind !== "elf-file") throw new Error("Not an ELF file");
  const table = { ...header.table, offset: 100n, count: 2 };
  const read = (size: number) => readProgramHeaders(memorySource(new Uint8Array(size)), { ...header, table }).kind;
  assertEquals([read(100 + 2 * 56), read(100 + 2 * 56 - 1)], ["headers", "cut-elf"]);
});

pure("every field of a program header has its own place, in either class", () => {
  const fields = (bits: 32 | 64) => {
    const size = bits === 64 ? 56 : 32;
    const bytes = new Uint8Array(100 + size);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < size; at += 4) view.setUint32(100 + at, at + 1, true);
    const found = readProgramHeaders(memorySource(bytes), {
      kind: "elf-file",
      bits,
      littleEndian: true,
      machine: 62,
      type: 2,
      entry: 0n,
      table: { offset: 100n, count: 1, entrySize: size },
    });
    if (found.kind !== "headers") return found;
    const { type, offset, vaddr, paddr, filesz, memsz, align } = found.headers[0] ?? { type: 0 } as never;
    return [type, ...[offset, vaddr, paddr, filesz, memsz, align].map((value) => Number(value & 0xffff_ffffn))];
  };
  assertEquals(fields(32), [1, 5, 9, 13, 17, 21, 29]);
  assertEquals(fields(64), [1, 9, 17, 25, 33, 41, 49]);
});

pure("the note of the C library's ABI is found after others, and only that one", () => {
  const gnu = note("GNU", 1, new Uint8Array(16));
  const build = note("GNU", 3, new Uint8Array(20));
  const other = note("Xen", 1, new Uint8Array(5));
  assertEquals([hasAbiTag(gnu, true), hasAbiTag(joined(build, other, gnu), true)], [true, true]);
  assertEquals([
    hasAbiTag(build, true),
    hasAbiTag(other, true),
    hasAbiTag(gnu, false),
    hasAbiTag(gnu.subarray(0, 15), true),
  ], [
    false,
    false,
    false,
    false,
  ]);
});

pure("a PE file: sections, certificates, extent; and where each is not there", () => {
  const of = (spec: Parameters<typeof peFile>[0], change: (view: DataView) => void = () => {}) => {
    const bytes = peFile(spec);
    change(new DataView(bytes.buffer));
    const found = parsePe(memorySource(bytes));
    return found?.kind === "pe-file"
      ? [found.machine, found.subsystem, found.sections, found.certificate, found.extent === bytes.length]
      : found;
  };
  const section = { name: ".text", bytes: new Uint8Array(700) };
  const rows = [32, 64].map((bits) => of({ bits: bits as 32 | 64, sections: [section], certificate: 16 }));
  assertEquals(rows, [
    [0x8664, 10, [{ name: ".text", offset: 512, size: 700 }], { offset: 1536, size: 16 }, true],
    [0x8664, 10, [{ name: ".text", offset: 512, size: 700 }], { offset: 1536, size: 16 }, true],
  ]);
  assertEquals(of({ sections: [{ ...section, virtualSize: 2000 }] }), [
    0x8664,
    10,
    [{ name: ".text", offset: 512, size: 1024 }],
    undefined,
    true,
  ]);
  assertEquals(of({}, (view) => view.setUint32(0x80, 0, true)), undefined);
  // NumberOfRvaAndSizes: the certificates are directory 4, so 5 are needed.
  const directories = (count: number) => of({ certificate: 8 }, (view) => view.setUint32(0x80 + 24 + 108, count, true));
  assertEquals([4, 5].map((count) => (directories(count) as unknown[])[3] === undefined), [true, false]);
  // Its table of sections follows 0x80 + 24 bytes, and 160 of the optional header: VirtualSize, SizeOfRawData, where it is.
  const row = 0x80 + 24 + 160;
  const patched = (...fields: readonly (readonly [number, number])[]) => {
    const found = of(
      { sections: [section] },
      (view) => fields.forEach(([at, value]) => view.setUint32(row + at, value, true)),
    );
    return Array.isArray(found) ? [found[2], found[4]] : found;
  };
  const text = { name: ".text", offset: 512, size: 1024 };
  assertEquals(patched([8, 0]), [[text], true]);
  // Memory that is filled with zeros takes nothing of the file, whatever size it has.
  const bytes = peFile({ sections: [section] });
  new DataView(bytes.buffer).setUint32(row + 16, 0x9000, true);
  new DataView(bytes.buffer).setUint32(row + 20, 0, true);
  const zeros = parsePe(memorySource(bytes));
  assertEquals(zeros?.kind === "pe-file" && zeros.extent, row + 40);
  // An optional header that ends before the certificates has none, though sections follow it.
  const short = of({ certificate: 8 }, (view) => view.setUint16(0x80 + 20, 112 + 39, true));
  assertEquals(Array.isArray(short) && short[3], undefined);
  assertEquals(parsePe(memorySource(ascii("MZ"))), { kind: "cut-pe", extent: 64 });
  assertEquals(parsePe(memorySource(ascii("ZM"))), undefined);
  const whole = peFile({});
  assertEquals(parsePe(memorySource(whole.subarray(0, 0x80 + 23))), { kind: "cut-pe", extent: 0x80 + 24 });
  assertEquals(parsePe(memorySource(whole.subarray(0, 0x80 + 24))), { kind: "cut-pe", extent: 0x80 + 24 + 160 + 40 });
});

/** A DER value. */
const der = (tag: number, ...parts: readonly Uint8Array[]): Uint8Array => {
  const content = joined(...parts);
  const length = content.length < 0x80
    ? Uint8Array.of(content.length)
    : Uint8Array.of(0x82, content.length >> 8, content.length & 0xff);
  return joined(Uint8Array.of(tag), length, content);
};
const OIDS = {
  "SHA-1": "2b0e03021a",
  "SHA-256": "608648016503040201",
  "SHA-384": "608648016503040202",
  "SHA-512": "608648016503040203",
};
function signature(oid: string, digest: Uint8Array): Uint8Array {
  const algorithm = der(0x30, der(0x06, Uint8Array.fromHex(oid)));
  const spc = der(0x30, der(0x30), der(0x30, algorithm, der(0x04, digest)));
  const signedData = der(0x30, der(0x02, Uint8Array.of(1)), der(0x31), der(0x30, der(0x06), der(0xa0, spc)));
  return der(0x30, der(0x06), der(0xa0, signedData));
}

pure("the digests that the signatures of a file state, or why they cannot be read", () => {
  const table = (...entries: readonly (readonly [Uint8Array, number, number?])[]) => {
    const parts = entries.map(([content, type, length = content.length + 8]) => {
      const head = joined(little(length), Uint8Array.of(0, 2, type, 0));
      return joined(head, content, new Uint8Array((8 - content.length % 8) % 8));
    });
    const bytes = joined(new Uint8Array(16), ...parts);
    const certificate = { offset: 16, size: bytes.length - 16 };
    const found = signaturesOf(memorySource(bytes), { certificate } as PeFile);
    return found.kind === "signed" ? found.digests.map(({ algorithm, digest }) => [algorithm, [...digest]]) : found.why;
  };
  const bytes = Uint8Array.of(1, 2, 3);
  for (const [name, oid] of Object.entries(OIDS)) {
    assertEquals(table([signature(oid, bytes), 2]), [[name, [1, 2, 3]]]);
  }
  const sha256 = signature(OIDS["SHA-256"], bytes);
  assertEquals(table([sha256, 2], [Uint8Array.of(1), 1], [signature(OIDS["SHA-1"], bytes), 2]), [
    ["SHA-256", [1, 2, 3]],
    ["SHA-1", [1, 2, 3]],
  ]);
  assertEquals(table([signature(OIDS["SHA-256"], new Uint8Array(300)), 2]), [["SHA-256", Array(300).fill(0)]]);
  const odd = "has a signature that is not PKCS #7 over a PE file";
  assertEquals(table([signature("2b0e03021b", bytes), 2]), odd);
  assertEquals(table([new Uint8Array(8), 2]), odd);
  assertEquals(table([sha256.subarray(0, -1), 2]), odd);
  // What is there in place of a digest, and of an algorithm, has another tag.
  const tagged = (from: number, to: number) => sha256.with(sha256.lastIndexOf(from), to);
  assertEquals([table([tagged(0x04, 0x05), 2]), table([tagged(0x06, 0x05), 2])], [odd, odd]);
  // Lengths that are not the shortest form are taken; those of more than 4 bytes, or of none that is stated, are not.
  const long = (...length: readonly number[]) => joined(Uint8Array.of(0x30, ...length), sha256.subarray(2));
  const size = sha256[1] ?? 0;
  assertEquals(table([long(0x84, 0, 0, 0, size), 2]), [["SHA-256", [1, 2, 3]]]);
  assertEquals([table([long(0x85, 0, 0, 0, 0, size), 2]), table([long(0x80), 2])], [odd, odd]);
  assertEquals(table([sha256, 1]), "has no signature that is known");
  assertEquals(table([sha256, 2, 7]), "has an entry that ends beyond it");
  assertEquals(table([sha256, 2, sha256.length + 17]), "has an entry that ends beyond it");
  const none = signaturesOf(memorySource(new Uint8Array()), {} as PeFile);
  assertEquals(none, { kind: "signed", digests: [] });
  const beyond = signaturesOf(memorySource(new Uint8Array(20)), { certificate: { offset: 16, size: 8 } } as PeFile);
  assertEquals(beyond, { kind: "unreadable", why: "ends beyond the file" });
});

pure("in a PE file of 32 bits the entry of the certificates lies earlier", () => {
  const bytes = peFile({ bits: 32, sections: [{ name: "a", bytes: new Uint8Array(3) }], certificate: 16 });
  const pe = parsePe(memorySource(bytes));
  if (pe?.kind !== "pe-file") throw new Error("Not a PE file");
  new DataView(bytes.buffer).setUint32(0x80 + 24 + 60, 512, true);
  assertEquals(signedParts(memorySource(bytes), pe)?.slice(0, 3), [
    { offset: 0, length: 0x80 + 88 },
    { offset: 0x80 + 92, length: 24 + 96 + 32 - 92 },
    { offset: 0x80 + 24 + 96 + 40, length: 512 - (0x80 + 24 + 96 + 40) },
  ]);
});

pure("what a signature covers: all but the checksum, the certificates' entry and the certificates", () => {
  const bytes = peFile({
    sections: [{ name: "b", bytes: new Uint8Array(600) }, { name: "a", bytes: new Uint8Array(3) }],
    certificate: 16,
  });
  const pe = parsePe(memorySource(bytes));
  if (pe?.kind !== "pe-file") throw new Error("Not a PE file");
  new DataView(bytes.buffer).setUint32(0x80 + 24 + 60, 512, true);
  const parts = [
    { offset: 0, length: 0x80 + 88 },
    { offset: 0x80 + 92, length: 24 + 112 + 32 - 92 },
    { offset: 0x80 + 24 + 112 + 40, length: 512 - (0x80 + 24 + 112 + 40) },
    { offset: 512, length: 1024 },
    { offset: 1536, length: 512 },
  ];
  assertEquals(signedParts(memorySource(bytes), pe), parts);
  const swapped = { ...pe, rawSections: pe.rawSections.toReversed() };
  assertEquals(signedParts(memorySource(bytes), swapped), parts);
  const later = { ...pe, certificate: { offset: 2056, size: 8 } };
  assertEquals(signedParts(memorySource(joined(bytes, new Uint8Array(99))), later)?.at(-1), {
    offset: 2048,
    length: 8,
  });
  assertEquals(signedParts(memorySource(bytes), { ...pe, certificate: { offset: 2047, size: 8 } }), undefined);
  // A section that takes no bytes of the file is not hashed, wherever it says that it is.
  const empty = { ...pe, rawSections: [...pe.rawSections, { offset: 700, size: 0 }] };
  assertEquals(signedParts(memorySource(bytes), empty), parts);
  const { certificate: _, ...unsigned } = pe;
  assertEquals(signedParts(memorySource(bytes), unsigned), undefined);
  const odd = bytes.slice();
  new DataView(odd.buffer).setUint16(0x80 + 24, 0x107, true);
  assertEquals(signedParts(memorySource(odd), pe), undefined);
  assertEquals(signedParts(memorySource(bytes.subarray(0, 0x80 + 50)), pe), undefined);
});

// --- Device trees.

pure("a device tree: each fault in words", () => {
  const child: DeviceNode = {
    name: "cpu@0",
    properties: [{ name: "reg", value: Uint8Array.of(0, 0, 0, 1) }],
    children: [],
  };
  const root: DeviceNode = { name: "", properties: [{ name: "model", value: ascii("x\0") }], children: [child] };
  const { bytes } = flattenDeviceTree({ bootCpu: 7, reservations: [], root });
  const struct = 40 + 16;
  assertEquals([...big(0xd00dfeed, bytes.length, struct, struct + 64, 40, 17, 16, 7, 10, 64)], [
    ...bytes.subarray(0, 40),
  ]);
  const why = (at: number, value: number, from: Uint8Array = bytes) => {
    const changed = from.slice();
    new DataView(changed.buffer).setUint32(at, value);
    const found = parseDeviceTree(changed);
    return found.kind === "fault" ? found.why : found.kind;
  };
  const version = (known: number, compatible: number) =>
    `has version ${known}, compatible with ${compatible}, and 16 and 17 are known`;
  const blocks = "has a header whose blocks do not lie in it";
  assertEquals(why(0, 0), "has no header that begins with 0xd00dfeed");
  assertEquals([why(20, 15), why(20, 16), why(20, 18), why(24, 18), why(24, 17)], [
    version(15, 16),
    "tree",
    "tree",
    version(17, 18),
    "tree",
  ]);
  assertEquals([why(8, struct + 2), why(8, 36), why(36, 999), why(32, 11), why(16, 44)], [
    blocks,
    blocks,
    blocks,
    blocks,
    blocks,
  ]);
  assertEquals(why(16, bytes.length - bytes.length % 8), "has a reservation block without an end");
  // begin root "", property model, begin cpu@0, property reg, two ends, end.
  assertEquals(why(struct, 2), "ends a node that it did not begin");
  assertEquals(why(struct, 5), "has the unknown token 5");
  assertEquals(why(struct, 9), "ends within a node");
  assertEquals(why(struct + 8, 9), "ends within a node");
  assertEquals(why(struct + 12, 99), "has a property that reaches beyond its end");
  assertEquals(why(struct + 16, 10), "has a property whose name lies outside of it");
  assertEquals(why(struct + 16, 9), "tree");
  assertEquals(why(struct + 52, 4), "ends within a node");
  assertEquals(why(struct + 60, 4), "breaks off before its end");
  assertEquals(why(36, 60), "breaks off before its end");
  assertEquals(usedSize(bytes), bytes.length);
  const deep = (levels: number) => {
    let node: DeviceNode = { name: "x", properties: [], children: [] };
    for (let level = 1; level < levels; level++) {
      node = { name: level === levels - 1 ? "" : "x", properties: [], children: [node] };
    }
    return parseDeviceTree(flattenDeviceTree({ bootCpu: 0, reservations: [], root: node }).bytes);
  };
  assertEquals([deep(64).kind, deep(65)], ["tree", { kind: "fault", why: "nests deeper than 64 nodes" }]);
});
