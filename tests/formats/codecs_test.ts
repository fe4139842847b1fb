import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { concat } from "@std/bytes";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { xxh32 } from "../../src/formats/checksums.ts";
import { memorySource } from "../../src/core/bytes.ts";
import { type PackedStream, type Packing, unpackBytes, type Unpacking } from "../../src/formats/unpacked.ts";
import { openCodecs } from "../../src/formats/codecs.ts";
import { bzip2Codec, lzmaCodec, zstdCodec } from "../../src/formats/codec_libraries.ts";
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

async function unpack(packing: Packing, bytes: Uint8Array, limit: { readonly most: number; readonly size?: number }) {
  using codecs = openCodecs();
  return await unpackBytes(codecs, { packing, source: memorySource(bytes), offset: 0, end: bytes.length }, limit);
}

/** How the first stream of some bytes ends. */
async function ends(packing: Packing, bytes: Uint8Array): Promise<Unpacking> {
  using codecs = openCodecs();
  return await codecs.unpack({ packing, source: memorySource(bytes), offset: 0, end: bytes.length }, () => true);
}

const PACKINGS = Object.keys(STREAMS) as Packing[];

for (const packing of PACKINGS) {
  Deno.test(`${packing} unpacks to what was packed, whether its size is known or not`, async () => {
    for (const limit of [{ most: CONTENT.length, size: CONTENT.length }, { most: 1 << 30 }]) {
      const result = await unpack(packing, STREAMS[packing], limit);
      assert(result.kind === "unpacked", JSON.stringify(result));
      assertEquals(result.bytes, CONTENT);
    }
    const checksum: { readonly [Name in Packing]?: string } = {
      gzip: "CRC-32",
      xz: "CRC-32",
      bzip2: "CRC-32",
      lzo: "Adler-32",
    };
    assertEquals(await ends(packing, STREAMS[packing]), {
      kind: "whole",
      consumed: STREAMS[packing].length,
      ...(checksum[packing] === undefined ? {} : { checksum: checksum[packing] }),
    });
  });

  Deno.test(`${packing} that gives more than allowed is told from what is damaged`, async () => {
    for (const limit of [{ most: CONTENT.length - 1, size: CONTENT.length - 1 }, { most: 100 }]) {
      assertEquals((await unpack(packing, STREAMS[packing], limit)).kind, "too-large");
    }
  });

  if (packing === "gzip") {
    Deno.test("a buffer that grows counts twice while it does", async () => {
      const stream = gzipSync(new Uint8Array(3 << 20));
      assertEquals((await unpack("gzip", stream, { most: 5 << 20 })).kind, "unpacked");
      assertEquals((await unpack("gzip", stream, { most: 4 << 20 })).kind, "too-large");
      assertEquals((await unpack("gzip", stream, { most: 3 << 20, size: 3 << 20 })).kind, "unpacked");
    });
  }

  Deno.test(`${packing} that is cut off anywhere is damaged`, async () => {
    const stream = STREAMS[packing];
    for (const length of [0, 1, 3, 4, 7, 20, stream.length >> 1, stream.length - 1]) {
      // The legacy LZ4 frame has no end mark: between its blocks nothing is missing.
      if (packing === "lz4" && length >= 4 && length < 8) continue;
      assertEquals((await ends(packing, stream.slice(0, length))).kind, "damaged", `${length} bytes`);
    }
  });

  Deno.test(`${packing} with any byte changed is damaged, or unpacks to something, and never throws`, async () => {
    const stream = STREAMS[packing];
    const kinds = new Map<string, number>();
    for (let at = 0; at < stream.length; at += 37) {
      const changed = stream.map((byte, index) => index === at ? byte ^ 0x41 : byte);
      const { kind } = await unpack(packing, changed, { most: CONTENT.length, size: CONTENT.length });
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    assert((kinds.get("damaged") ?? 0) > 0 && !kinds.has("missing"), JSON.stringify([...kinds]));
    // These have a checksum of everything; what others let pass, only the size and the ELF file can show.
    if (["gzip", "xz", "bzip2", "lzo"].includes(packing)) {
      assert((kinds.get("unpacked") ?? 0) <= 2, JSON.stringify([...kinds]));
    }
  });
}

Deno.test("what follows a stream is neither unpacked nor counted", async () => {
  for (const packing of PACKINGS) {
    if (packing === "lz4") continue; // its frame goes to the end of the bytes
    const stream = STREAMS[packing];
    const result = await ends(packing, new Uint8Array([...stream, ...stream]));
    assertEquals([packing, result.kind === "whole" && result.consumed], [packing, stream.length]);
  }
});

Deno.test("several frames of legacy LZ4 are one, as the kernel has it, and a size of zero ends them", async () => {
  const stream = STREAMS.lz4;
  const twice = await ends("lz4", new Uint8Array([...stream, ...stream, 0, 0, 0, 0, 9]));
  assertEquals(twice, { kind: "whole", consumed: 2 * stream.length });
});

Deno.test("what was read ahead of one file is not taken for another's, nor for what its buffer has later", async () => {
  const member = async (text: string) =>
    new Uint8Array(
      await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer(),
    );
  const files = [await member("first"), await member("other")];
  // Sources that read into one buffer, as those of files do.
  const buffer = new Uint8Array(1000);
  using codecs = openCodecs();
  const texts: string[] = [];
  for (const bytes of files) {
    const source = {
      size: bytes.length * 2,
      read: (offset: number, length: number) => {
        const twice = concat([bytes, bytes]).subarray(offset, offset + length);
        buffer.fill(0xff);
        buffer.set(twice);
        return buffer.subarray(0, twice.length);
      },
    };
    for (const offset of [0, bytes.length]) {
      await codecs.unpack({ packing: "gzip", source, offset, end: source.size }, (piece) => {
        texts.push(new TextDecoder().decode(piece));
        return true;
      });
    }
  }
  assertEquals(texts, ["first", "first", "other", "other"]);
});

Deno.test("a gzip member has the CRC-32 and the size that it states, in any byte of both", async () => {
  for (let at = STREAMS.gzip.length - 8; at < STREAMS.gzip.length; at++) {
    const changed = STREAMS.gzip.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    assertEquals(await ends("gzip", changed), {
      kind: "damaged",
      why: "do not have the CRC-32 or the size that they state",
    });
  }
});

Deno.test("the frame format of LZ4, which the kernel does not read, is refused in words", async () => {
  const result = await ends("lz4", new Uint8Array([0x04, 0x22, 0x4d, 0x18, 0x64, 0x40, 0xa7, 0, 0, 0, 0]));
  assert(result.kind === "damaged");
  assertStringIncludes(result.why, "legacy");
});

Deno.test("a Zstandard frame says whether it has a checksum, and a wrong one is damage", async () => {
  const params = { [constants.ZSTD_c_checksumFlag]: 1 };
  const stream = new Uint8Array(zstdCompressSync(CONTENT, { params }));
  assertEquals(await ends("zstd", stream), { kind: "whole", consumed: stream.length, checksum: "XXH64" });
  const changed = stream.map((byte, index) => index === stream.length - 1 ? byte ^ 1 : byte);
  const result = await ends("zstd", changed);
  assertStringIncludes(result.kind === "damaged" ? result.why : "", "checksum");
});

/** How a stream ends that no kernel is to unpack. */
async function endsBeyond(packing: Packing, bytes: Uint8Array): Promise<Unpacking> {
  using codecs = openCodecs();
  const stream = { packing, source: memorySource(bytes), offset: 0, end: bytes.length, beyondKernel: true };
  return await codecs.unpack(stream, () => true);
}

Deno.test("a gzip header with more than a name is not what the kernel reads, and a name is", async () => {
  const stream = STREAMS.gzip;
  const head = (flags: number, more: readonly number[]) =>
    new Uint8Array([...stream.subarray(0, 3), flags, ...stream.subarray(4, 10), ...more, ...stream.subarray(10)]);
  assertEquals((await ends("gzip", head(8, [0x61, 0]))).kind, "whole");
  for (
    const [flags, more, says] of [
      [4, [1, 0, 9], "an extra field in their header, which the kernel does not read"],
      [16, [65, 0], "a comment in their header, which the kernel does not read"],
      [2, [0, 0], "a header checksum in their header, which the kernel does not read"],
      [4 + 8 + 16 + 2, [0x01, 0x01, ...new Array(0x101).fill(7), 65, 66, 0, 67, 0, 1, 2], "an extra field"],
      [16 + 1, [0], "a comment"],
    ] as const
  ) {
    const bytes = head(flags, more);
    const result = await ends("gzip", bytes);
    assertStringIncludes(result.kind === "damaged" ? result.why : "", says);
    const beyond = await endsBeyond("gzip", bytes);
    assertEquals(beyond, { kind: "whole", consumed: bytes.length, checksum: "CRC-32" }, says);
  }
  for (const unpacked of [ends, endsBeyond]) {
    const result = await unpacked("gzip", head(0x20, []));
    assertStringIncludes(result.kind === "damaged" ? result.why : "", "have reserved flags in their header");
  }
  // Fields that do not end.
  for (const [flags, more] of [[4, [0xff, 0xff]], [16, new Array(70000).fill(65)]] as const) {
    assertEquals(await endsBeyond("gzip", new Uint8Array([...head(flags, more).subarray(0, 10), ...more])), {
      kind: "damaged",
      why: "are cut off",
    });
  }
});

/** The same bytes, with each check that `xz` writes. */
const XZ_CHECKS = [["crc64", "CRC-64"], ["sha256", "SHA-256"], ["none", undefined], ["crc32", "CRC-32"]] as const;

for (const [name, checksum] of XZ_CHECKS) {
  Deno.test(`xz with ${name}: where no kernel unpacks it, liblzma verifies it; a kernel knows CRC-32 and none`, async () => {
    const stream = name === "crc32" ? STREAMS.xz : file(`${name}.xz`);
    const whole = { kind: "whole", consumed: stream.length, ...(checksum === undefined ? {} : { checksum }) } as const;
    assertEquals(await endsBeyond("xz", stream), whole);
    const result = await ends("xz", stream);
    if (checksum === undefined || checksum === "CRC-32") assertEquals(result, whole);
    else {
      assertEquals(result, {
        kind: "damaged",
        why: `have the integrity check ${checksum}, which the kernel does not know (pack with \`xz --check=crc32\`)`,
      });
    }
    if (checksum === undefined) return;
    // The last byte before the index is of the check.
    const index = new DataView(stream.buffer, stream.byteOffset).getUint32(stream.length - 8, true) * 4 + 4;
    const changed = stream.map((byte, at) => at === stream.length - 12 - index - 1 ? byte ^ 1 : byte);
    assertEquals(await endsBeyond("xz", changed), { kind: "damaged", why: "are damaged" });
  });
}

Deno.test("one decoder unpacks many streams, large output comes in pieces, and a sink may have enough", async () => {
  using codecs = openCodecs();
  const zeros = new Uint8Array(9 << 20);
  for (const [packing, stream] of [["zstd", zstdCompressSync(zeros)], ["gzip", gzipSync(zeros)]] as const) {
    for (let round = 0; round < 3; round++) {
      let [size, largest] = [0, 0];
      const result = await codecs.unpack(
        { packing, source: memorySource(stream), offset: 0, end: stream.length },
        (piece) => {
          size += piece.length;
          largest = Math.max(largest, piece.length);
          return round !== 1 || size < 2 << 20;
        },
      );
      assertEquals([packing, result.kind, round === 1 || size === zeros.length], [
        packing,
        round === 1 ? "stopped" : "whole",
        true,
      ]);
      assert(largest <= 1 << 20, `${largest}`);
    }
  }
});

Deno.test("a source that ends before it said is a stream that is cut off", async () => {
  using codecs = openCodecs();
  for (const packing of PACKINGS) {
    const short = STREAMS[packing].subarray(0, 2000);
    const source = {
      size: STREAMS[packing].length,
      read: (at: number, length: number) => short.subarray(at, at + length),
    };
    const result = await codecs.unpack({ packing, source, offset: 0, end: source.size }, () => true);
    assertEquals([packing, result.kind], [packing, "damaged"]);
  }
});

Deno.test("a library that is not there is named with the packages that bring it", () => {
  const stream = { packing: "xz", source: memorySource(STREAMS.xz), offset: 0, end: STREAMS.xz.length } as const;
  for (const codec of [lzmaCodec("xz", "lib.so.none"), bzip2Codec("lib.so.none"), zstdCodec("lib.so.none")]) {
    const result = codec.unpack(stream, () => true);
    assert(result.kind === "missing");
    assertEquals(result.library, "lib.so.none");
    assertStringIncludes(result.packages, "on Debian");
    assertStringIncludes(result.packages, "on Fedora");
    codec[Symbol.dispose]();
  }
});

Deno.test({
  name: "without the permission to open a library, zstd falls back to the runtime and xz says so; gzip needs none",
  permissions: { read: true },
  async fn() {
    assertEquals((await ends("zstd", STREAMS.zstd)).kind, "whole");
    assertEquals((await ends("gzip", STREAMS.gzip)).kind, "whole");
    assertEquals(await ends("xz", STREAMS.xz), { kind: "forbidden", library: "liblzma.so.5" });
  },
});

/** A stream of LZ4 that no kernel is to unpack. */
function frameStream(bytes: Uint8Array): PackedStream {
  return { packing: "lz4", source: memorySource(bytes), offset: 0, end: bytes.length, beyondKernel: true };
}

async function unpackFrame(bytes: Uint8Array, limit: { readonly most: number }) {
  using codecs = openCodecs();
  return await unpackBytes(codecs, frameStream(bytes), limit);
}

async function frameEnds(bytes: Uint8Array): Promise<Unpacking> {
  using codecs = openCodecs();
  return await codecs.unpack(frameStream(bytes), () => true);
}

Deno.test("a stored block of LZ4 may have all of the size that the frame states, and not a byte more", async () => {
  const frame = (size: number) => {
    const header = Uint8Array.of(0x60, 0x40);
    const sum = xxh32();
    sum.add(header);
    const stored = new Uint8Array(4);
    new DataView(stored.buffer).setUint32(0, 0x8000_0000 + size, true);
    return concat([
      Uint8Array.of(0x04, 0x22, 0x4d, 0x18),
      header,
      Uint8Array.of(sum.value() >>> 8 & 0xff),
      stored,
      new Uint8Array(size).fill(7),
      new Uint8Array(4),
    ]);
  };
  const whole = await unpackFrame(frame(64 << 10), { most: 1 << 30 });
  assertEquals(whole.kind === "unpacked" && whole.bytes.length, 64 << 10);
  assertEquals(await unpackFrame(frame((64 << 10) + 1), { most: 1 << 30 }), {
    kind: "damaged",
    why: "have a block that is larger than they state",
  });
});

/** A frame with these flags, whose header has its checksum, and what follows. */
function frameOf(flags: number, descriptor: number, ...rest: readonly number[]): Uint8Array {
  const header = Uint8Array.of(flags, descriptor);
  const sum = xxh32();
  sum.add(header);
  return Uint8Array.of(0x04, 0x22, 0x4d, 0x18, ...header, sum.value() >>> 8 & 0xff, ...rest);
}

Deno.test("a frame of LZ4 of another version or with a dictionary is not unpacked, nor one that states no size", async () => {
  const says = async (flags: number, descriptor = 0x40) => {
    const result = await frameEnds(frameOf(flags, descriptor, 0, 0, 0, 0));
    return result.kind === "damaged" ? result.why : result.kind;
  };
  assertEquals(await says(0x60), "whole");
  assertEquals(await says(0xa0), "have version 2 of the frame format, and 1 is known");
  assertEquals(await says(0x20), "have version 0 of the frame format, and 1 is known");
  assertEquals(await says(0x61), "require a dictionary");
  assertEquals([await says(0x60, 0x30), await says(0x60, 0x70)], ["state no known size of blocks", "whole"]);
});

Deno.test("a block of LZ4 that stands alone refers to nothing before it; one that is linked does", async () => {
  // "ab", then a block that begins with 4 bytes from 2 before it, and ends in "c".
  const first = [3, 0, 0, 0, 0x20, 97, 98];
  const second = [5, 0, 0, 0, 0, 2, 0, 0x10, 99];
  const text = async (flags: number) => {
    const result = await unpackFrame(frameOf(flags, 0x40, ...first, ...second, 0, 0, 0, 0), { most: 1 << 20 });
    return result.kind === "unpacked"
      ? new TextDecoder().decode(result.bytes)
      : result.kind === "damaged"
      ? result.why
      : result.kind;
  };
  assertEquals([await text(0x40), await text(0x60)], ["abababc", "have a block that is not LZ4"]);
});

Deno.test("a stored block of LZ4 counts for the sum of all, which the lz4 program wrote", async () => {
  const frame = Uint8Array.fromHex("04224d186440a7100000803031323334353637383961626364656600000000695bc4c2");
  const result = await unpackFrame(frame, { most: 16 });
  assertEquals(result.kind === "unpacked" && new TextDecoder().decode(result.bytes), "0123456789abcdef");
  frame[frame.length - 1] = 0;
  assertEquals(await frameEnds(frame), { kind: "damaged", why: "differ from their checksum" });
});

Deno.test("a frame of LZ4 that breaks off before its end mark, or before a sum of it, is cut off", async () => {
  const block = [3, 0, 0, 0, 0x20, 97, 98];
  for (
    const frame of [
      frameOf(0x60, 0x40, ...block),
      frameOf(0x70, 0x40, ...block),
      frameOf(0x64, 0x40, ...block, 0, 0, 0, 0),
    ]
  ) {
    assertEquals(await frameEnds(frame), { kind: "damaged", why: "are cut off" });
  }
});

Deno.test("LZ4 is unpacked from its frame format as well, as the lz4 program writes it by default", async () => {
  const frame = file("lz4frame");
  const result = await unpackFrame(frame, { most: 1 << 30 });
  assert(result.kind === "unpacked", JSON.stringify(result));
  // Three times over: its blocks refer to those before them.
  assertEquals(result.bytes, concat([CONTENT, CONTENT, CONTENT]));
  assertEquals(await frameEnds(frame), { kind: "whole", consumed: frame.length, checksum: "XXH32" });
  assertEquals((await unpackFrame(frame, { most: CONTENT.length * 3 - 1 })).kind, "too-large");
  // Every bit of it counts, but for reserved ones: header, blocks and their sums, the sum of all.
  for (let at = 4; at < frame.length; at += 1 + Math.floor(frame.length / 200)) {
    const changed = frame.slice();
    changed[at] = (changed[at] ?? 0) ^ 0x10;
    assertEquals((await unpackFrame(changed, { most: 1 << 30 })).kind, "damaged", `byte ${at}`);
  }
  const last = frame.slice();
  last[frame.length - 1] = (last[frame.length - 1] ?? 0) ^ 1;
  assertEquals(await unpackFrame(last, { most: 1 << 30 }), { kind: "damaged", why: "differ from their checksum" });
  for (const length of [5, 10, 20, frame.length - 1]) {
    assertEquals(await unpackFrame(frame.subarray(0, length), { most: 1 << 30 }), {
      kind: "damaged",
      why: "are cut off",
    });
  }
});
