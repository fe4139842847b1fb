/** uImages and FIT images: as `mkimage` 2023.01 made them, as they are built here, and damaged. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import { crc16, crc32, xxh32 } from "../../src/formats/checksums.ts";
import { outlineDeviceTree } from "../../src/formats/fdt_outline.ts";
import { findNamed, type FitFile, parseFit } from "../../src/formats/fit.ts";
import { parseUImage, type UImageFile } from "../../src/formats/uimage.ts";
import { fitImage, type Properties, smallTree, uImage, wholeFit } from "../image/build_uboot.ts";

function fixture(name: string): Uint8Array {
  return Deno.readFileSync(new URL(`../fixtures/uboot/${name}`, import.meta.url));
}

const MADE = Object.fromEntries(
  ["inside.itb", "offset.itb", "position.itb", "signed.itb", "kernel.uimage", "multi.uimage", "ramdisk.uimage"]
    .map((name) => [name, fixture(name)]),
);

function made(name: string): Uint8Array {
  return MADE[name] ?? new Uint8Array();
}

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function fitOf(bytes: Uint8Array): FitFile {
  const found = parseFit(memorySource(bytes));
  assert(found.kind === "fit-file", JSON.stringify(found));
  return found;
}

function uimageOf(bytes: Uint8Array): UImageFile {
  const found = parseUImage(memorySource(bytes));
  assert(found.kind === "uimage-file", JSON.stringify(found));
  return found;
}

const text = new TextEncoder();

pure("a uImage says what it is, and where its data lie", () => {
  assertEquals(uimageOf(made("kernel.uimage")), {
    kind: "uimage-file",
    title: "Linux-6.1",
    system: "linux",
    architecture: "arm64",
    type: "kernel",
    compression: "gzip",
    load: 0x8_0000,
    entry: 0x8_0000,
    data: { offset: 64, size: 84 },
    dataCrc: uimageOf(made("kernel.uimage")).dataCrc,
    parts: [{ offset: 64, size: 84 }],
  });
  const { type, compression, architecture } = uimageOf(made("ramdisk.uimage"));
  assertEquals([type, compression, architecture], ["ramdisk", "none", "arm64"]);
  // Numbers that have no name.
  const odd = uimageOf(uImage({ system: 200, architecture: 201, type: 202, compression: 203 }));
  assertEquals([odd.system, odd.architecture, odd.type, odd.compression], ["200", "201", "202", "203"]);
});

pure("the files of a uImage of several begin at multiples of 4 bytes", () => {
  assertEquals(uimageOf(made("multi.uimage")).parts, [
    { offset: 80, size: 84 },
    { offset: 164, size: 244 },
    { offset: 408, size: 72 },
  ]);
  const parts = [text.encode("abc"), text.encode("defgh"), text.encode("i")];
  const several = uImage({ files: parts });
  assertEquals(uimageOf(several).parts.map(({ offset, size }) => several.subarray(offset, offset + size)), parts);
});

pure("the whole header of a uImage is held against its checksum, and its data against the file", () => {
  const whole = uImage({ data: text.encode("kernel") });
  for (let at = 4; at < 64; at++) {
    const changed = whole.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    const found = parseUImage(memorySource(changed));
    assert(found.kind === "fault", `byte ${at}`);
    assertStringIncludes(found.why, "its header has the CRC-32 0x");
  }
  assertEquals(parseUImage(memorySource(whole.subarray(0, 69))), { kind: "cut", wanted: 70 });
  assertEquals(parseUImage(memorySource(whole.subarray(0, 63))), { kind: "cut", wanted: 64 });
  const longer = new Uint8Array([...whole, 1, 2, 3]);
  assertEquals(uimageOf(longer), uimageOf(whole), "what follows it, as on a flash partition, is not its data");
});

pure("where a uImage is put, where it is entered, and the sum of its data are three fields", () => {
  const whole = uImage({ data: text.encode("kernel") });
  const view = new DataView(whole.buffer);
  [0, 0x1000, 0x2040].forEach((value, index) => view.setUint32(index === 0 ? 4 : 12 + index * 4, value));
  view.setUint32(4, crc32(whole.subarray(0, 64)));
  const { load, entry, dataCrc } = uimageOf(whole);
  assertEquals([load, entry, dataCrc], [0x1000, 0x2040, crc32(text.encode("kernel"))]);
});

pure("a table of files that cannot be is named", () => {
  const why = (data: readonly number[]): string => {
    const found = parseUImage(memorySource(uImage({ type: 4, data: Uint8Array.from(data) })));
    return found.kind === "fault" ? found.why : found.kind;
  };
  assertEquals(why([0, 0, 0, 0]), "its table lists no file");
  assertEquals(why([0, 0, 0, 9, 0, 0, 0, 0, 1, 2, 3, 4]), "the files that its table lists do not fit in it");
  assertEquals(why([0, 0, 0, 1]), "its table of files does not end, or lists more than 16");
  assertEquals(why(Array.from({ length: 80 }, () => 1)), "its table of files does not end, or lists more than 16");
});

for (const name of ["inside.itb", "offset.itb", "position.itb"]) {
  pure(`the images of a FIT image are where mkimage put them: ${name}`, () => {
    const bytes = made(name);
    const { images, configurations, default: standard, description } = fitOf(bytes);
    assertEquals([description, standard], ["Board images", "conf-1"]);
    assertEquals(
      configurations.map(({ name: each, kernel, ramdisk, fdt, others }) => ({ each, kernel, ramdisk, fdt, others })),
      [
        { each: "conf-1", kernel: "kernel-1", ramdisk: "ramdisk-1", fdt: ["fdt-1"], others: [] },
        {
          each: "conf-2",
          kernel: "kernel-1",
          ramdisk: undefined,
          fdt: [],
          others: [{ property: "loadables", image: "fdt-1" }],
        },
      ],
    );
    const starts = images.map(({ name: each, data }) => {
      assert(data.kind === "data");
      return [each, data.size, bytes.subarray(data.offset, data.offset + 4).toHex()];
    });
    assertEquals(starts, [
      ["kernel-1", 84, "1f8b0800"],
      ["fdt-1", 72, "d00dfeed"],
      ["ramdisk-1", 244, "30373037"],
    ]);
    assertEquals(images[0]?.hashes.map(({ algorithm, value }) => [algorithm, value.length]), [
      ["crc32", 4],
      ["sha256", 32],
      ["sha1", 20],
      ["md5", 16],
      ["sha512", 64],
      ["sha384", 48],
      ["crc16-ccitt", 2],
    ]);
  });
}

pure("a part of a FIT image has the sums that U-Boot compares, and says whether it is encrypted", () => {
  const hash = (more: { readonly [name: string]: number } = {}) => ({
    algo: "sha512",
    value: new Uint8Array(64),
    ...more,
  });
  const part = (nodes: { readonly [name: string]: ReturnType<typeof hash> | { readonly algo: string } }) => {
    const { images: [image] } = fitOf(fitImage({ images: { k: { data: text.encode("k"), nodes } } }));
    return [image?.hashes.map(({ value }) => value.length), image?.isEncrypted];
  };
  const ignored = { "uboot-ignore": 1 };
  assertEquals(part({ "hash-1": hash(), "hash@2": hash({ "uboot-ignore": 0 }) }), [[64, 64], false]);
  assertEquals(part({ "hash-1": hash(ignored), "hash-2": { algo: "crc32" } }), [[0], false]);
  assertEquals(part({ cipher: { algo: "aes256" }, "hash-1": hash() }), [[64], true]);
});

pure(
  "a FIT image states a position in the file before an offset after the tree, and data that lie nowhere are a fault",
  () => {
    const data = (properties: Properties) => fitOf(fitImage({ images: { k: { properties } } })).images[0]?.data;
    const size =
      fitImage({ images: { k: { properties: { "data-size": 8, "data-position": 0, "data-offset": 4 } } } }).length;
    assertEquals(data({ "data-size": 8, "data-position": 16, "data-offset": 4 }), {
      kind: "data",
      offset: 16,
      size: 8,
    });
    assertEquals(data({ "data-size": 8, "data-position": size - 8, "data-offset": 4 }), {
      kind: "data",
      offset: size - 8,
      size: 8,
    });
    assertEquals(data({ "data-size": 8, "data-position": size - 7, "data-offset": 4 }), {
      kind: "fault",
      why: `are cut off: they end at byte ${size + 1}, and the file at ${size}`,
    });
    assertEquals(data({ "data-offset": 4 }), {
      kind: "fault",
      why: "lie outside of the tree, and their size is not stated",
    });
    assertEquals(data({}), { kind: "fault", why: "are missing" });
  },
);

pure("what U-Boot loads beside kernel, initrd and tree is named by its property, in this order", () => {
  const conf = { kernel: "k", script: "s", setup: "x", fpga: "f", firmware: "a", loadables: ["l", "m"] };
  const { configurations: [found] } = fitOf(fitImage({ images: {}, configurations: { conf } }));
  assertEquals(found?.others.map(({ property, image }) => `${property} ${image}`), [
    "loadables l",
    "loadables m",
    "firmware a",
    "fpga f",
    "setup x",
    "script s",
  ]);
});

pure("the signatures of a configuration have their algorithm and the name of the key", () => {
  assertEquals(fitOf(made("signed.itb")).configurations.map(({ signatures }) => signatures), [
    [{ algorithm: "sha256,rsa2048", key: "dev" }],
    [],
  ]);
});

pure("the data of a large FIT image are not read", () => {
  const bytes = wholeFit(new Uint8Array(8 << 20), { ramdisk: new Uint8Array(4 << 20) });
  let count = 0;
  const source = memorySource(bytes);
  const found = parseFit({
    size: source.size,
    read(offset, length) {
      const part = source.read(offset, length);
      count += part.length;
      return part;
    },
  });
  assertEquals(found.kind, "fit-file");
  assert(count < 64 * 1024, `${count} bytes`);
});

pure("data that are missing, cut off, or of no size are said of their image only", () => {
  const data = (properties: Properties) => {
    const { images: [image] } = fitOf(fitImage({ images: { k: { properties } } }));
    return image?.data;
  };
  assertEquals(data({}), { kind: "fault", why: "are missing" });
  assertEquals(data({ "data-offset": 0 }), {
    kind: "fault",
    why: "lie outside of the tree, and their size is not stated",
  });
  const cut = data({ "data-position": 100, "data-size": 1 << 20 });
  assert(cut?.kind === "fault");
  assertStringIncludes(cut.why, "are cut off: they end at byte 1048676");
  const offset = fitImage({ images: { k: { data: text.encode("data") } }, external: "offset" });
  assertEquals(fitOf(offset.subarray(0, -1)).images[0]?.data.kind, "fault");
});

pure("a device tree without images is another thing, and one that breaks off says where it should end", () => {
  assertEquals(parseFit(memorySource(smallTree())), { kind: "device-tree" });
  const whole = wholeFit(text.encode("k"));
  assertEquals(parseFit(memorySource(whole.subarray(0, whole.length - 1))), { kind: "cut", wanted: whole.length });
  assertEquals(parseFit(memorySource(whole.subarray(0, 20))), { kind: "cut", wanted: 40 });
});

pure("a tree that contradicts itself is a fault, and none runs on without an end", () => {
  const whole = wholeFit(text.encode("kernel"), { tree: smallTree() });
  const faults = new Set<string>();
  for (let at = 0; at < whole.length; at++) {
    for (const value of [0, 1, 0x7f, 0xff]) {
      const bytes = whole.slice();
      bytes[at] = value;
      const found = outlineDeviceTree(memorySource(bytes));
      if (found.kind === "fault") faults.add(found.why.replace(/\d+|`.*`/g, "N"));
    }
  }
  for (
    const why of [
      "has no header that begins with NxdNdfeed",
      "has version N, compatible with N, and N and N are known",
      "has a header whose blocks do not lie in it",
      "has a property that reaches beyond its end",
      "has a property whose name lies outside of it",
      "has the unknown token N",
      "ends a node that it did not begin",
      "breaks off before its end",
    ]
  ) assert(faults.has(why), `${why} of ${[...faults].join("; ")}`);
});

pure("a name finds the node of that name, or of that name with an address, as libfdt does", () => {
  const nodes = [{ name: "kernel@1" }, { name: "kernel" }, { name: "kernels" }];
  assertEquals(findNamed(nodes, "kernel"), nodes[0]);
  assertEquals(findNamed(nodes, "kernel@1"), nodes[0]);
  assertEquals(findNamed(nodes, "kernels"), nodes[2]);
  assertEquals(findNamed(nodes, "kern"), undefined);
});

pure("CRC-16 and XXH32 have the values of their specifications", () => {
  // The check value of CRC-16/XMODEM, and of XXH32 with seed 0.
  assertEquals(crc16(text.encode("123456789")), 0x31c3);
  const sum = (...parts: readonly string[]): number => {
    const running = xxh32();
    for (const part of parts) running.add(text.encode(part));
    return running.value();
  };
  assertEquals(sum(), 0x02cc5d05);
  assertEquals(sum("abc"), 0x32d153ff);
  const long = "Nobody inspects the spammish repetition";
  assertEquals(sum(long), 0xe2293b2f);
  assertEquals(sum(long.slice(0, 5), long.slice(5, 30), long.slice(30)), 0xe2293b2f);
  assertEquals(sum(...long), 0xe2293b2f);
  // As `lz4` has it of its content: of one stripe, and of one byte less than two.
  const stripe = "0123456789abcdef";
  assertEquals([sum(stripe), sum(stripe + stripe.slice(0, 15))], [0xc2c45b69, 0x82370882]);
  assertEquals([sum(stripe, stripe.slice(0, 15)), sum("0123456789", "abcdef")], [0x82370882, 0xc2c45b69]);
  assertEquals(crc16(text.encode("6789"), crc16(text.encode("12345"))), 0x31c3);
});
