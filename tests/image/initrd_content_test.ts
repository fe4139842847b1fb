import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { align4, type ByteSource, memorySource } from "../../src/core/bytes.ts";
import { openCodecs } from "../../src/formats/codecs.ts";
import type { InitrdContent, WholeInitrd } from "../../src/host/image_content.ts";
import { readInitrd, type ReadLimits, type ReadOptions } from "../../src/image/initrd_content.ts";
import { ascii, bzImage, joined } from "./build.ts";
import { header1 } from "./build_multiboot.ts";

const fixture = (name: string): Uint8Array =>
  Deno.readFileSync(new URL(`../fixtures/initrds/${name}`, import.meta.url));
const NEWC = fixture("newc");
const CRC = fixture("crc");
const EARLY = fixture("early");
const PACKED = {
  gzip: fixture("newc.gz"),
  bzip2: fixture("newc.bz2"),
  xz: fixture("newc.xz"),
  lzma: fixture("newc.lzma"),
  lzo: fixture("newc.lzo"),
  lz4: fixture("newc.lz4"),
  zstd: fixture("newc.zst"),
};
const INIT = joined(entry("init", { size: 10, body: "#!/bin/sh\n" }), entry("TRAILER!!!", { mode: 0 }));

async function read(initrd: Uint8Array, options: Partial<ReadOptions> = {}): Promise<InitrdContent> {
  using codecs = openCodecs();
  return await readInitrd(memorySource(initrd), codecs, { programs: [], ...options });
}

/** What many initrds are, by the same decoders. */
async function* readAll(initrds: Iterable<Uint8Array>): AsyncGenerator<readonly [Uint8Array, InitrdContent]> {
  using codecs = openCodecs();
  for (const initrd of initrds) yield [initrd, await readInitrd(memorySource(initrd), codecs, { programs: [] })];
}

async function whole(initrd: Uint8Array, options: Partial<ReadOptions> = {}): Promise<WholeInitrd> {
  const content = await read(initrd, options);
  assert(content.kind === "whole", JSON.stringify(content));
  return content;
}

async function refused(initrd: Uint8Array, says: string, limits?: ReadLimits): Promise<void> {
  const content = await read(initrd, limits === undefined ? {} : { limits });
  const why = content.kind === "damaged" || content.kind === "too-large" ? content.why : JSON.stringify(content);
  assertStringIncludes(why, says);
}

/** What an initrd is with every archive unpacked. */
async function unpacked(initrd: Uint8Array): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  await whole(initrd, { into: (piece) => void pieces.push(piece.slice()) });
  return joined(...pieces);
}

/** Where each entry's body ends, and the next entry begins: read from the sizes in the headers. */
function entriesOf(archive: Uint8Array): readonly { readonly end: number; readonly next: number }[] {
  const field = (at: number): number => parseInt(new TextDecoder().decode(archive.subarray(at, at + 8)), 16);
  const entries = [];
  for (let at = 0; archive[at] === 0x30;) {
    const end = align4(at + 110 + field(at + 94)) + field(at + 54);
    entries.push({ end, next: at = align4(end) });
  }
  return entries;
}

Deno.test("what GNU cpio packs is whole in every compression, and the same is found in it", async () => {
  const found = {
    kind: "whole",
    archives: 1,
    untrailed: 0,
    files: 18,
    memory: 4 * 4096,
    hasCrc: false,
    bootconfig: 0,
    isEarly: false,
    modules: ["6.12.1-test"],
    programs: { "/init": "executable", "/sbin/init": "absent" },
  };
  const programs = ["/init", "/sbin/init"];
  const [, size = 0] = [0, entriesOf(NEWC).at(-1)?.next];
  assertEquals(await read(NEWC, { programs }), { ...found, size, packed: [], isOpen: false } as InitrdContent);
  assertEquals(
    await read(CRC, { programs }),
    { ...found, size, packed: [], isOpen: false, hasCrc: true } as InitrdContent,
  );
  for (const [packing, initrd] of Object.entries(PACKED)) {
    const content = await read(initrd, { programs });
    assertEquals(
      content,
      {
        ...found,
        size: NEWC.length,
        packed: [{ packing, size: NEWC.length }],
        isOpen: packing === "lz4",
      } as InitrdContent,
    );
    assertEquals(await unpacked(initrd), NEWC);
  }
});

Deno.test("LZ4 that up to three zeros follow is still open; a fourth makes them its end mark", async () => {
  const open = [];
  for (let zeros = 0; zeros <= 5; zeros++) open.push((await whole(joined(PACKED.lz4, new Uint8Array(zeros)))).isOpen);
  assertEquals(open, [true, true, true, true, false, false]);
});

Deno.test("a plain archive that is cut anywhere but between entries is damaged, though the kernel says nothing", async () => {
  const entries = entriesOf(NEWC);
  const last = entries.at(-1)?.end ?? 0;
  for (const archive of [NEWC, CRC]) {
    for (let length = 1; length < archive.length; length++) {
      const content = await read(archive.subarray(0, length));
      // Padding that is missing takes nothing of a file.
      const isBetween = length >= last || entries.some(({ end, next }) => end <= length && length <= next);
      assertEquals(content.kind, isBetween ? "whole" : "damaged", `${length} of ${archive.length} bytes`);
      if (content.kind !== "whole") continue;
      assertEquals([content.archives, content.untrailed], [1, length >= last ? 0 : 1]);
    }
  }
});

Deno.test("where an archive breaks off is said: in a header, a name, a file", async () => {
  const init = NEWC.length - ascii(new TextDecoder("latin1").decode(NEWC).split("#!/bin/sh")[1] ?? "").length;
  await refused(NEWC.subarray(0, 50), "ends within the header of an entry");
  await refused(NEWC.subarray(0, 111), "ends within the name of an entry");
  await refused(NEWC.subarray(0, init), "ends within the file init, 14 bytes short of its 23");
  await refused(gzipSync(NEWC.subarray(0, init)), "has a gzip archive at byte 0 that ends within the file init");
  await refused(
    joined(EARLY, gzipSync(NEWC.subarray(0, init))),
    `has a gzip archive at byte ${EARLY.length} that ends`,
  );
});

for (const [packing, initrd] of Object.entries(PACKED)) {
  Deno.test(`${packing}: an initrd that is cut anywhere is damaged`, async () => {
    const cut = Array.from(initrd, (_, length) => initrd.subarray(0, length));
    for await (const [{ length }, { kind }] of readAll(cut)) {
      assertEquals(kind, "damaged", `${length} of ${initrd.length} bytes`);
    }
  });

  Deno.test(`${packing}: a byte that is flipped is noticed, or changes nothing`, async () => {
    const hasChecksum = packing !== "lzma" && packing !== "lz4";
    let damaged = 0;
    const flipped = Array.from(initrd, (_, at) => initrd.map((byte, index) => index === at ? byte ^ 0x20 : byte));
    for await (const [changed, { kind }] of readAll(flipped)) {
      if (kind !== "whole") damaged++;
      else if (hasChecksum) assertEquals(await unpacked(changed), NEWC);
    }
    assert(damaged > initrd.length / (hasChecksum ? 2 : 6), `${damaged} of ${initrd.length}`);
  });
}

Deno.test("an archive with checksums shows every byte of a file that is flipped", async () => {
  const text = new TextDecoder("latin1").decode(CRC);
  const start = text.indexOf("1\n2\n3\n");
  for (let at = start; at < start + 1000; at += 13) {
    await refused(
      CRC.map((byte, index) => index === at ? byte ^ 1 : byte),
      "has the file etc/numbers with a wrong checksum",
    );
  }
});

Deno.test("what is not an initrd is called by what it is", async () => {
  await refused(new Uint8Array(gzipSync("hello\n")), "unpacks to a text file, not to a cpio archive");
  await refused(ascii("hello\n"), "is not an initrd: it is a text file");
  await refused(bzImage(), "is not an initrd: it is a kernel or program");
  await refused(gzipSync(bzImage()), "has a gzip archive at byte 0 that unpacks to");
  const multiboot = joined(header1(0, [0x10_0000, 0x10_0000, 0, 0], 0x10_0020), new Uint8Array(64).fill(0xcc));
  await refused(gzipSync(multiboot), "unpacks to a Multiboot image, not to a cpio archive");
  const swapped = await read(bzImage());
  assertEquals(swapped.kind === "damaged" ? swapped.hint : swapped, "Are `kernel` and `initrd` swapped?");
  await refused(new Uint8Array(4096), "holds no archive, only zero bytes");
  await refused(new Uint8Array(), "is empty");
  await refused(gzipSync(new Uint8Array()), "unpacks to nothing");
  await refused(gzipSync(new Uint8Array(500)), "not to a cpio archive");
  await refused(joined("070707", new Uint8Array(200)), "old portable format (odc)");
  await refused(joined("\x04\x22\x4d\x18", new Uint8Array(200)), "is not an initrd: it is ");
  await refused(joined("\x1f\x8b", new Uint8Array(200)), "gzip");
});

Deno.test("an image of a file system is a ramdisk, packed or not", async () => {
  const ext = new Uint8Array(2048);
  ext.set([0x53, 0xef], 0x438);
  ext[0] = 1;
  assertEquals((await read(ext)).kind, "ramdisk");
  assertEquals((await read(gzipSync(ext))).kind, "ramdisk");
});

Deno.test("each file system that the kernel takes from an initrd is called by its name", async () => {
  const rows: readonly (readonly [number, readonly number[] | string, string])[] = [
    [0x438, [0x53, 0xef], "an ext2, ext3 or ext4 file system"],
    [0x410, [0x7f, 0x13], "a Minix file system"],
    [0x410, [0x8f, 0x13], "a Minix file system"],
    [0, "-rom1fs-", "a romfs file system"],
    [0, [0x45, 0x3d, 0xcd, 0x28], "a cramfs file system"],
    [0, "hsqs", "a squashfs file system"],
  ];
  for (const [offset, magic, what] of rows) {
    const image = new Uint8Array(2048).fill(1);
    image.set(typeof magic === "string" ? ascii(magic) : magic, offset);
    assertEquals(await read(image), { kind: "ramdisk", what });
    assertEquals(await read(gzipSync(image)), { kind: "ramdisk", what: `${what}, compressed` });
  }
});

Deno.test("zeros lie between archives, which begin at multiples of 4 where they are plain", async () => {
  const gz = gzipSync(INIT);
  const two = await whole(joined(EARLY, new Uint8Array(8), gz), { programs: ["/init"] });
  assertEquals([two.archives, two.isEarly, two.programs["/init"]], [2, false, "executable"]);
  assertEquals((await whole(joined(new Uint8Array(12), INIT))).archives, 1);
  const odd = joined(gz, new Uint8Array(gz.length % 4 === 0 ? 1 : 0));
  await refused(joined(odd, INIT), "bytes that belong to no archive");
  assertEquals((await whole(joined(odd, gz))).archives, 2);
  await refused(joined(EARLY, new Uint8Array(3), gz), "not a multiple of 4");
  await refused(joined(INIT, "junk"), "bytes that belong to no archive");
  await refused(gzipSync(joined(INIT, "junk")), "bytes after its archive that belong to none");
});

Deno.test("each packed stream holds whole archives, and an empty one may follow, not lead", async () => {
  const half = INIT.length >> 1;
  await refused(joined(gzipSync(INIT.subarray(0, half)), gzipSync(INIT.subarray(half))), "ends within");
  const nothing = gzipSync(new Uint8Array());
  assertEquals((await whole(joined(gzipSync(INIT), nothing, gzipSync(EARLY), nothing))).archives, 2);
  await refused(joined(nothing, gzipSync(INIT)), "unpacks to nothing");
});

Deno.test("several archives in one stream stay one after the other, and unpacked ones are aligned to 4", async () => {
  const one = joined(EARLY, new Uint8Array(64), INIT);
  assertEquals((await whole(gzipSync(one))).archives, 2);
  const early = EARLY.subarray(0, entriesOf(EARLY).at(-1)?.next);
  const odd = joined(INIT, new Uint8Array(1));
  const initrd = joined(EARLY, gzipSync(odd), zstdCompressSync(INIT));
  assertEquals(await unpacked(initrd), joined(early, odd, new Uint8Array(3), INIT));
  assertEquals((await whole(initrd)).size, early.length + odd.length + 3 + INIT.length);
  assertEquals(await unpacked(await unpacked(initrd)), await unpacked(initrd));
  // A plain archive after a packed one as well.
  const packed = new Uint8Array(gzipSync(odd));
  const plain = joined(packed, new Uint8Array(align4(packed.length) - packed.length), INIT);
  assertEquals(await unpacked(plain), joined(odd, new Uint8Array(3), INIT));
  assertEquals((await whole(plain)).size, odd.length + 3 + INIT.length);
});

function withBootconfig(
  initrd: Uint8Array,
  config: Uint8Array,
  changes: { size?: number; sum?: number } = {},
): Uint8Array {
  const footer = new DataView(new ArrayBuffer(8));
  footer.setUint32(0, changes.size ?? config.length, true);
  footer.setUint32(4, changes.sum ?? config.reduce((sum, byte) => sum + byte, 0), true);
  return joined(initrd, config, new Uint8Array(footer.buffer), "#BOOTCONFIG\n");
}

Deno.test("a bootconfig at the end is no part of the archives, and must be sound", async () => {
  const config = ascii('kernel.root = "LABEL=root"\n\0');
  for (const initrd of [INIT, gzipSync(INIT)]) {
    const good = withBootconfig(initrd, config);
    assertEquals((await whole(good)).bootconfig, config.length + 20);
    // A boot loader may round the size up.
    assertEquals((await whole(joined(good, new Uint8Array(3)))).bootconfig, config.length + 23);
    await refused(withBootconfig(initrd, config, { sum: 1 }), "wrong checksum");
    await refused(withBootconfig(initrd, config, { size: 1 << 20 }), "more than come before it");
    // Its own footer is not a part of what comes before it.
    await refused(withBootconfig(initrd, config, { size: good.length - 19 }), "more than come before it");
  }
  // Without room for a size before it, the magic is text like any other.
  await refused(ascii("abcdefg#BOOTCONFIG\n"), "is not an initrd: it is a text file");
  const kept = await unpacked(withBootconfig(gzipSync(INIT), config));
  assertEquals(kept, withBootconfig(INIT, config));
});

/** An archive of one entry whose header fields are what they are told to be. */
function entry(
  name: string,
  { mode = 0o100755, size = 0, nameSize = name.length + 1, body = "" } = {},
): Uint8Array {
  const fields = [1, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, nameSize, 0].map((field) =>
    field.toString(16).padStart(8, "0")
  );
  const head = joined("070701", fields.join(""), name, "\0");
  return joined(
    head,
    new Uint8Array(align4(head.length) - head.length),
    body,
    "\0".repeat(align4(body.length) - body.length),
  );
}

Deno.test("headers, sizes and names that are not sane are damage", async () => {
  const good = entry("init");
  assertEquals((await whole(good)).untrailed, 1);
  await refused(good.map((byte, at) => at === 20 ? 0x7a : byte), "not hexadecimal");
  await refused(entry("init", { nameSize: 0 }), "a name of 0 bytes");
  await refused(joined(entry("init", { nameSize: 5000 }), new Uint8Array(6000)), "a name of 5000 bytes");
  await refused(joined(entry("init", { nameSize: 4 }), INIT), "does not end in a NUL");
  await refused(entry("init", { mode: 0o150755 }), "unknown file type");
  await refused(entry("", { mode: 0o100644 }), "a name of 1 bytes");
  await refused(entry("link", { mode: 0o120777, size: 0 }), "a target of 0 bytes");
  await refused(joined(good, entry("etc", { size: 1 << 30 })), "ends within the file etc");
  // dracut-cpio pads names with NUL bytes, so that bodies are aligned.
  const padded = joined(
    "070701",
    ...[1, 0o100644, 0, 0, 1, 0, 4, 0, 0, 0, 0, 98, 0].map((field) => field.toString(16).padStart(8, "0")),
    "etc",
    new Uint8Array(95),
    "body",
  );
  assertEquals((await whole(padded)).files, 1);
});

Deno.test("programs are found through symbolic links and directories, as the kernel resolves them", async () => {
  const link = (name: string, target: string) => entry(name, { mode: 0o120777, size: target.length, body: target });
  const archive = joined(
    entry("usr/lib/systemd/systemd"),
    link("lib", "usr/lib"),
    link("init", "lib/systemd/systemd"),
    link("sbin/init", "../lib/systemd/systemd"),
    link("loop", "loop"),
    link("away", "/opt/tool"),
    entry("./bin/plain", { mode: 0o100644 }),
  );
  const { programs } = await whole(archive, {
    programs: ["/init", "/sbin/init", "/loop", "/away", "/bin/plain", "/bin//./../bin/plain", "/none", "/lib/none"],
  });
  assertEquals(programs, {
    "/init": "executable",
    "/sbin/init": "executable",
    "/loop": "dangling",
    "/away": "dangling",
    "/bin/plain": "not-executable",
    "/bin//./../bin/plain": "not-executable",
    "/none": "absent",
    "/lib/none": "dangling",
  });
});

Deno.test("so many symbolic links are followed, and a link is no kernel module", async () => {
  const link = (name: string, target: string) => entry(name, { mode: 0o120777, size: target.length, body: target });
  const chain = async (length: number) => {
    const links = Array.from({ length }, (_, index) => link(`l${index}`, `l${index + 1}`));
    return (await whole(joined(...links, entry(`l${length}`)), { programs: ["/l0"] })).programs["/l0"];
  };
  assertEquals([await chain(40), await chain(41)], ["executable", "dangling"]);
  const programs = ["module:ramoops"];
  const module = "lib/modules/6.1/kernel/ramoops.ko";
  assertEquals((await whole(link(module, "/x"), { programs })).programs, { "module:ramoops": "absent" });
});

Deno.test("what a stream adds to no archive is not packed", async () => {
  const { packed } = await whole(joined(gzipSync(INIT), zstdCompressSync(new Uint8Array())));
  assertEquals(packed, [{ packing: "gzip", size: INIT.length }]);
  const both = await whole(joined(gzipSync(INIT), zstdCompressSync(INIT), gzipSync(INIT)));
  assertEquals(both.packed, [{ packing: "gzip", size: 2 * INIT.length }, { packing: "zstd", size: INIT.length }]);
});

Deno.test("microcode alone is early: what lies under kernel, and the folders around it", async () => {
  const early = async (...names: readonly string[]) =>
    (await whole(joined(...names.map((name) => entry(name))))).isEarly;
  const micro = "kernel/x86/microcode/GenuineIntel.bin";
  assertEquals(await early(micro), true);
  assertEquals(await early(".", "./", "/", "./kernel", "early_cpio", `./${micro}`), true);
  for (const other of ["init", "kernelx", "kernel-6.1", "early_cpio2", "lib/kernel/x"]) {
    assertEquals([other, await early(micro, other)], [other, false]);
  }
});

Deno.test("a file is a program if anybody may execute it, and no longer one where something else takes its place", async () => {
  const of = async (...entries: readonly Uint8Array[]) =>
    (await whole(joined(...entries), { programs: ["/init"] })).programs["/init"];
  const modes = [0o100700, 0o100010, 0o100001, 0o100666, 0o104644];
  assertEquals(await Promise.all(modes.map((mode) => of(entry("init", { mode })))), [
    "executable",
    "executable",
    "executable",
    "not-executable",
    "not-executable",
  ]);
  const [file, folder, device] = [entry("init"), entry("init", { mode: 0o040755 }), entry("init", { mode: 0o020666 })];
  assertEquals([await of(file, folder), await of(file, device), await of(device, file)], [
    "absent",
    "absent",
    "executable",
  ]);
  assertEquals(await of(file, entry("init", { mode: 0o120777, size: 1, body: "x" })), "dangling");
});

Deno.test("hard links, devices and directories are files; the releases of modules are named once", async () => {
  const archive = joined(
    entry("usr/lib/modules/6.1.0/kernel/a.ko.xz", { size: 4, body: "aaaa" }),
    entry("lib/modules/6.2.0/b.ko"),
    entry("lib/modules/6.2.0/c.ko.zst"),
    entry("lib/modules/6.3.0/modules.dep"),
  );
  assertEquals((await whole(archive)).modules, ["6.1.0", "6.2.0"]);
  const releases = async (count: number) =>
    (await whole(joined(...Array.from({ length: count }, (_, index) => entry(`lib/modules/6.${9 + index}/a.ko`)))))
      .modules;
  // In the order of texts, and no more than anybody has.
  assertEquals(await releases(2), ["6.10", "6.9"]);
  assertEquals([(await releases(32)).length, (await releases(33)).length], [32, 32]);
});

Deno.test("what unpacks to more than is read is refused after a window, not after all of it", async () => {
  const limits = { size: 1 << 20, files: 100, streams: 50 };
  const large = entry("zeros", { size: 64 << 20 });
  const bomb = joined(large, new Uint8Array(64 << 20));
  for (const initrd of [gzipSync(bomb), zstdCompressSync(bomb)]) {
    await refused(initrd, "unpacks to more than 1 MiB", limits);
    assertEquals((await whole(initrd)).memory, 64 << 20);
  }
  const many = joined(...Array.from({ length: 200 }, (_, index) => entry(`file${index}`)));
  await refused(many, "more than 100 files", limits);
  await refused(gzipSync(many), "more than 100 files", limits);
  const nothing = gzipSync(new Uint8Array());
  await refused(
    joined(gzipSync(INIT), ...Array.from({ length: 60 }, () => nothing)),
    "more than 50 compressed",
    limits,
  );
});

Deno.test("a limit is the most that is read, and one more is refused: bytes, files, streams", async () => {
  const files = (count: number) => joined(...Array.from({ length: count }, (_, index) => entry(`file${index}`)));
  const of = async (initrd: Uint8Array, more: Partial<ReadLimits>) => {
    const content = await read(initrd, { limits: { size: 1 << 20, files: 100, streams: 50, ...more } });
    return content.kind;
  };
  for (const pack of [(bytes: Uint8Array) => bytes, (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes))]) {
    assertEquals([await of(pack(files(4)), { files: 4 }), await of(pack(files(5)), { files: 4 })], [
      "whole",
      "too-large",
    ]);
  }
  const packed = new Uint8Array(gzipSync(INIT));
  assertEquals([await of(packed, { size: INIT.length }), await of(packed, { size: INIT.length - 1 })], [
    "whole",
    "too-large",
  ]);
  const twice = joined(packed, packed);
  assertEquals([await of(twice, { streams: 2 }), await of(twice, { streams: 1 })], ["whole", "too-large"]);
  // What is unpacked of several streams counts together.
  assertEquals([await of(twice, { size: 2 * INIT.length }), await of(twice, { size: 2 * INIT.length - 1 })], [
    "whole",
    "too-large",
  ]);
});

Deno.test("thousands of empty gzip members are read through once each", async () => {
  const nothing = gzipSync(new Uint8Array());
  const [initrd, read] = [joined(PACKED.gzip, ...Array.from({ length: 9000 }, () => nothing)), { bytes: 0 }];
  using codecs = openCodecs();
  const source = memorySource(initrd);
  const counted: ByteSource = {
    ...source,
    read(offset, length) {
      const bytes = source.read(offset, length);
      read.bytes += bytes.length;
      return bytes;
    },
  };
  const content = await readInitrd(counted, codecs, { programs: [] });
  assertEquals(content.kind, "whole");
  assert(read.bytes < 8 * initrd.length, `${read.bytes} bytes were read of ${initrd.length}`);
});

Deno.test("thousands of empty streams share a decoder", async () => {
  const empty = new Uint8Array([
    ...[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 1, 0x69, 0x22, 0xde, 0x36],
    ...[0, 0, 0, 0, 0x1c, 0xdf, 0x44, 0x21],
    ...[0x90, 0x42, 0x99, 0x0d, 1, 0, 0, 0, 0, 1, 0x59, 0x5a],
  ]);
  const initrd = joined(PACKED.xz, ...Array.from({ length: 5000 }, () => empty));
  assertEquals((await whole(initrd)).archives, 1);
  await refused(
    joined(PACKED.xz, ...Array.from({ length: 20_000 }, () => empty)),
    "more than 10000 compressed streams",
  );
});

Deno.test({
  name: "an initrd whose decoder is not installed is not read, and the package that has it is named",
  permissions: "none",
  async fn() {
    const codecs = {
      unpack: () => Promise.resolve({ kind: "missing", library: "liblzma.so.5", packages: "liblzma5" } as const),
      [Symbol.dispose]() {},
    };
    assertEquals(await readInitrd(memorySource(PACKED.xz), codecs, { programs: [] }), {
      kind: "unread",
      why: "liblzma.so.5, which unpacks xz, is not installed",
      hint: "Install liblzma5",
    });
  },
});

Deno.test({
  name: "plain, gzip, zstd, lz4 and lzo are read without any permission; xz says what is missing",
  permissions: "none",
  async fn() {
    for (const initrd of [NEWC, PACKED.gzip, PACKED.zstd, PACKED.lz4, PACKED.lzo]) await whole(initrd);
    const content = await read(PACKED.xz);
    assertEquals(content.kind, "unread");
    assertStringIncludes(content.kind === "unread" ? content.why : "", "no permission to open liblzma.so.5");
  },
});

Deno.test("a kernel module is found by its name, wherever it lies and however it is packed", async () => {
  const programs = ["module:ramoops"];
  const holding = async (name: string) =>
    (await whole(joined(entry(name, { size: 4, body: "ELF " }), INIT), { programs })).programs;
  for (
    const name of [
      "lib/modules/6.1.0-50-amd64/kernel/fs/pstore/ramoops.ko",
      "usr/lib/modules/6.12.1/kernel/fs/pstore/ramoops.ko.xz",
      "lib/modules/6.12.1/updates/ramoops.ko.zst",
      "lib/modules/6.12.1/updates/ramoops.ko.gz",
    ]
  ) assertEquals(await holding(name), { "module:ramoops": "not-executable" }, name);
  for (
    const name of ["lib/modules/6.1.0/kernel/xramoops.ko", "ramoops.ko", "lib/modules/6.1.0/kernel/ramoops.ko.sig"]
  ) {
    assertEquals(await holding(name), { "module:ramoops": "absent" }, name);
  }
});

Deno.test("the texts that were asked for are kept: plain, packed, in pieces; the last of a path counts", async () => {
  const table = "root UUID=x none luks\n";
  const archive = joined(
    entry("etc/crypttab", { size: 3, body: "old" }),
    entry("./etc/cmdline.d/90crypt.conf", { size: 9, body: "rd.auto=1" }),
    entry("etc/cmdline.d/sub/x", { size: 1, body: "x" }),
    entry("etc/crypttab", { size: table.length, body: table }),
    entry("other", { size: 1, body: "y" }),
    entry("TRAILER!!!", { mode: 0 }),
  );
  const texts = ["/etc/crypttab", "/etc/cmdline.d/*", "/etc/cmdline"];
  const expected = { "/etc/cmdline.d/90crypt.conf": "rd.auto=1", "/etc/crypttab": table };
  assertEquals((await whole(archive, { texts })).texts, expected);
  assertEquals((await whole(gzipSync(archive), { texts })).texts, expected);
  assertEquals((await whole(INIT, { texts })).texts, {});
  assertEquals((await whole(archive)).texts, undefined);
});

Deno.test("what is not a small file is not kept as a text", async () => {
  const large = "x".repeat(256 * 1024 + 1);
  const archive = joined(
    entry("etc/crypttab", { size: 3, body: "old" }),
    entry("etc/crypttab", { size: large.length, body: large }),
    entry("TRAILER!!!", { mode: 0 }),
  );
  assertEquals((await whole(archive, { texts: ["/etc/crypttab"] })).texts, {});
});
