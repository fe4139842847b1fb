import { assertEquals, assertStringIncludes } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import type { BzImage, NotKernel } from "../../src/image/image.ts";
import { ascii, bzImage, type BzImageSpec, joined, PAYLOAD_AT, VERSION } from "./build.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name: `bzImage: ${name}`, permissions: "none", fn });
}

function identified(spec: BzImageSpec): BzImage {
  const info = identifyKernel(memorySource(bzImage(spec)));
  if (info.kind !== "bzimage") throw new Error(`identified as ${JSON.stringify(info)}`);
  return info;
}

function refused(bytes: Uint8Array): NotKernel {
  const info = identifyKernel(memorySource(bytes));
  if (info.kind !== "not-kernel") throw new Error(`identified as ${info.kind}`);
  return info;
}

test("every field of a current header is read", () => {
  assertEquals(identified({}), {
    kind: "bzimage",
    protocol: 0x20f,
    versionString: VERSION,
    release: "6.1.0-50-amd64",
    setupSects: 7,
    loadedHigh: true,
    relocatable: true,
    alignment: 0x20_0000,
    prefAddress: 0x100_0000n,
    code32Start: 0x10_0000,
    initSize: 0x3f9_8000,
    initrdAddrMax: 0x7fff_ffff,
    cmdlineSize: 2047,
    xloadflags: 0x7f,
    entry64: true,
    above4G: true,
    efiHandover: true,
    efiKexec: true,
    la57: true,
    payload: { offset: 8 * 512 + PAYLOAD_AT, length: 96, compression: "xz" },
    header: bzImage().slice(0x1f1, 0x26c),
    signed: false,
  });
});

test("a file that ends within its setup code is cut, though it does not say how long its code is", () => {
  const whole = bzImage({ protocol: 0x203, initSize: 0, xloadflags: 0 });
  const kindAt = (size: number) => identifyKernel(memorySource(whole.subarray(0, size))).kind;
  assertEquals([8 * 512 + 1, 8 * 512, 8 * 512 - 1, 8 * 512 - 15].map(kindAt), [
    "bzimage",
    "bzimage",
    "not-kernel",
    "not-kernel",
  ]);
});

test("a 64-bit kernel says how much memory it needs, and any other one may leave that open", () => {
  const kindOf = (spec: BzImageSpec) => identifyKernel(memorySource(bzImage(spec))).kind;
  assertEquals([
    kindOf({ initSize: 0, xloadflags: 1 }),
    kindOf({ initSize: 0, xloadflags: 0 }),
    kindOf({ initSize: 100, xloadflags: 0 }),
  ], ["not-kernel", "bzimage", "not-kernel"]);
});

test("a payload that is not packed is an ELF file, by its whole mark", () => {
  const of = (start: string) => {
    const info = identifyKernel(memorySource(bzImage({ payload: ascii(start.padEnd(96, "\0")) })));
    return info.kind === "bzimage" ? info.payload?.compression : info.kind;
  };
  assertEquals(["\x7fELF", "\x7fELG", "\x7fEKF", "\x7fFLF", "\x7eELF", "ELF"].map(of), [
    "none",
    ...Array<"unknown">(5).fill("unknown"),
  ]);
});

test("a certificate table lies in the file to its end", () => {
  const signed = bzImage({ pe: true, certificate: 64 });
  const of = (bytes: Uint8Array) => {
    const info = identifyKernel(memorySource(bytes));
    return info.kind === "bzimage" ? info.signed : info.kind;
  };
  assertEquals([of(bzImage({ pe: true })), of(signed), of(signed.subarray(0, -1)), of(joined(signed, "\0"))], [
    false,
    true,
    "not-kernel",
    true,
  ]);
});

test("an alignment is a power of two where the kernel can be moved, or names one", () => {
  const of = (relocatable: number, alignment: number) => {
    const info = identifyKernel(memorySource(bzImage({ relocatable, alignment })));
    return info.kind === "bzimage" ? info.alignment : info.kind;
  };
  assertEquals([of(1, 0), of(1, 1), of(1, 3), of(1, 0x1000), of(0, 0), of(0, 1), of(0, 3)], [
    "not-kernel",
    1,
    "not-kernel",
    0x1000,
    1,
    1,
    "not-kernel",
  ]);
});

test("an image has its setup code with it where it is started in real mode", () => {
  const sizeOf = (spec: BzImageSpec) => identified({ initSize: 0, xloadflags: 0, ...spec }).setup?.length;
  assertEquals([
    sizeOf({ protocol: 0x203 }),
    sizeOf({ protocol: 0x204 }),
    sizeOf({ protocol: 0x204, code32Start: 0 }),
    sizeOf({ loadflags: 0 }),
    sizeOf({ xloadflags: 1, initSize: 1 << 20, code32Start: 0 }),
  ], [4096, undefined, 4096, 4096, undefined]);
});

test("the version lies within the setup code, to its NUL", () => {
  const version = (change: (bytes: Uint8Array<ArrayBuffer>, view: DataView) => void) => {
    const bytes = new Uint8Array(bzImage({ setupSects: 3 }));
    change(bytes, new DataView(bytes.buffer));
    const info = identifyKernel(memorySource(bytes));
    return info.kind === "bzimage" ? info.versionString : info.kind;
  };
  assertEquals(version(() => {}), VERSION);
  assertEquals(version((_, view) => view.setUint16(0x20e, 0, true)), undefined);
  // Behind the setup code.
  assertEquals(
    version((bytes, view) => {
      bytes.set(ascii("6.1\0"), 2048 + 8);
      view.setUint16(0x20e, 2048 + 8 - 0x200, true);
    }),
    undefined,
  );
  // Up to the end of the setup code, without and with its NUL.
  const filled = (nul: string) =>
    version((bytes, view) => {
      bytes.set(ascii(`${"v".repeat(15)}${nul}`), 2048 - 16);
      view.setUint16(0x20e, 2048 - 16 - 0x200, true);
    });
  assertEquals([filled("v"), filled("\0")], [undefined, "v".repeat(15)]);
});

test("before 2.04, the size of the code has 16 bits, and what is above them counts for nothing", () => {
  const kindOf = (protocol: number) => {
    const bytes = bzImage({ protocol, initSize: 0, xloadflags: 0 });
    new DataView(bytes.buffer).setUint16(0x1f6, 0xffff, true);
    return identifyKernel(memorySource(bytes)).kind;
  };
  assertEquals([0x203, 0x204].map(kindOf), ["bzimage", "not-kernel"]);
});

test("the header ends where the jump over it lands, and never reaches into the next field of boot_params", () => {
  const lengthOf = (protocol: number, displacement: number) => {
    const bytes = bzImage({ protocol });
    bytes[0x201] = displacement;
    const info = identifyKernel(memorySource(bytes));
    return info.kind === "bzimage" ? 0x1f1 + info.header.length : info.kind;
  };
  assertEquals([0x62, 0x66, 0x6a, 0x7f].map((jump) => lengthOf(0x20f, jump)), [0x264, 0x268, 0x26c, 0x281]);
  assertEquals([0x61, 0x8f, 0xff].map((jump) => lengthOf(0x20f, jump)), Array(3).fill("not-kernel"));
  assertEquals([0x00, 0x24, 0xff].map((jump) => lengthOf(0x202, jump)), [0x202, 0x226, 0x290]);
  // The last field of 2.04 is initrd_addr_max, that of 2.05 relocatable_kernel, that of 2.10 init_size.
  assertEquals([0x2d, 0x2e].map((jump) => lengthOf(0x204, jump)), ["not-kernel", 0x230]);
  assertEquals([0x32, 0x33].map((jump) => lengthOf(0x205, jump)), ["not-kernel", 0x235]);
  assertEquals([0x61, 0x62].map((jump) => lengthOf(0x20a, jump)), ["not-kernel", 0x264]);
});

test("the header is a copy, which later changes of the file's bytes do not reach", () => {
  const bytes = bzImage();
  const info = identifyKernel(memorySource(bytes));
  bytes.fill(0xff);
  assertEquals(info.kind === "bzimage" && info.header, bzImage().slice(0x1f1, 0x26c));
});

test("each bit of xloadflags has its own meaning", () => {
  const flags = [0x01, 0x02, 0x04, 0x08, 0x10, 0x20].map((xloadflags) => {
    const { entry64, above4G, efiHandover, efiKexec, la57 } = identified({ xloadflags });
    return [entry64, above4G, efiHandover, efiKexec, la57].map(Number).join("");
  });
  assertEquals(flags, ["10000", "01000", "00100", "00100", "00010", "00001"]);
});

test("a 64-bit address keeps all its bits", () => {
  assertEquals(identified({ prefAddress: 0xffff_ffff_ffff_f001n }).prefAddress, 0xffff_ffff_ffff_f001n);
});

test("a field counts only from the protocol version that has it", () => {
  const at = (protocol: number) => identified({ protocol, initrdAddrMax: 5, cmdlineSize: 9 });
  assertEquals([at(0x202).initrdAddrMax, at(0x203).initrdAddrMax], [0x37ff_ffff, 5]);
  assertEquals([at(0x204).relocatable, at(0x205).relocatable], [false, true]);
  assertEquals([at(0x204).alignment, at(0x205).alignment], [1, 0x20_0000]);
  assertEquals([at(0x205).cmdlineSize, at(0x206).cmdlineSize], [255, 9]);
  assertEquals([at(0x207).payload?.compression, at(0x208).payload?.compression], [undefined, "xz"]);
  assertEquals([at(0x209).prefAddress, at(0x20a).prefAddress], [0x10_0000n, 0x100_0000n]);
  assertEquals([at(0x209).initSize, at(0x20a).initSize], [0, 0x3f9_8000]);
  assertEquals([at(0x20b).entry64, at(0x20c).entry64], [false, true]);
});

test("a zero setup_sects means four", () => {
  const info = identified({ setupSects: 0 });
  assertEquals([info.setupSects, info.payload?.offset], [4, 5 * 512 + PAYLOAD_AT]);
});

test("an image that is not loaded high stays a bzImage that says so", () => {
  const info = identified({ protocol: 0x200, loadflags: 0 });
  assertEquals([info.loadedHigh, info.prefAddress], [false, 0x1_0000n]);
});

test("iPXE's kind of image, with an old protocol and an end inside the last paragraph, is whole", () => {
  const spec = { protocol: 0x207, relocatable: 0, alignment: 0, version: "1.0.0+git", short: 7, code32Start: 0 };
  const info = identified(spec);
  assertEquals([info.protocol, info.entry64, info.alignment, info.release], [0x207, false, 1, "1.0.0+git"]);
  assertEquals(info.code32Start, 0);
});

test("the payload's compression is that of its magic number", () => {
  const compression = (magic: string) =>
    identified({ payload: joined(magic, new Uint8Array(60)) }).payload?.compression;
  assertEquals(
    ["\x1f\x8b\x08", "\x02!L\x18", "\x28\xb5\x2f\xfd", "\x89LZO\0\r\n\x1a\n", "BZh", "\x7fELF", "????"].map(
      compression,
    ),
    ["gzip", "lz4", "zstd", "lzo", "bzip2", "none", "unknown"],
  );
});

test("a payload that the header places outside the file is left out", () => {
  const bytes = bzImage();
  new DataView(bytes.buffer).setUint32(0x24c, bytes.length, true);
  const info = identifyKernel(memorySource(bytes));
  assertEquals(info.kind === "bzimage" && info.payload, undefined);
});

test("a version string that is not clean text is left out", () => {
  assertEquals(identified({ version: "6.1\x1b[31m (a@b) #1" }).versionString, undefined);
  assertEquals("versionString" in identified({ version: "" }), false);
});

test("a pointer to a version string outside the setup code is not followed", () => {
  const bytes = bzImage();
  new DataView(bytes.buffer).setUint16(0x20e, 0xfff0, true);
  const info = identifyKernel(memorySource(bytes));
  assertEquals(info.kind === "bzimage" && info.versionString, undefined);
});

test("a certificate table makes it signed, an empty one does not", () => {
  assertEquals(identified({ pe: true, certificate: 1472 }).signed, true);
  assertEquals(identified({ pe: true }).signed, false);
});

test("a file cut by a whole paragraph or more is truncated, with both sizes", () => {
  const whole = bzImage();
  const cut = refused(whole.subarray(0, whole.length - 16));
  assertStringIncludes(cut.what, "a truncated bzImage");
  assertStringIncludes(cut.what, `${whole.length - 16} bytes`);
  assertStringIncludes(cut.what, `at least ${whole.length}`);
});

test("a file cut within its certificates is truncated", () => {
  const whole = bzImage({ pe: true, certificate: 1472 });
  assertStringIncludes(refused(whole.subarray(0, whole.length - 1)).what, `at least ${whole.length}`);
});

test("a file cut anywhere is never taken for a kernel", () => {
  for (const whole of [bzImage(), bzImage({ pe: true, certificate: 64 })]) {
    for (let length = 0; length <= whole.length - 16; length++) refused(whole.subarray(0, length));
  }
});

test("a header that contradicts itself is damaged, and the message says how", () => {
  assertStringIncludes(refused(bzImage({ bootFlag: 0 })).what, "0xaa55");
  assertStringIncludes(refused(bzImage({ alignment: 0x30_0000 })).what, "0x300000 is not a power of two");
  assertStringIncludes(refused(bzImage({ alignment: 0x1003, relocatable: 0 })).what, "0x1003 is not a power of two");
  assertStringIncludes(refused(bzImage({ initSize: 100 })).what, "asks for 100 bytes");
  assertStringIncludes(refused(bzImage({ initSize: 100, xloadflags: 0 })).what, "asks for 100 bytes");
});

test("the mark HdrS elsewhere makes no bzImage", () => {
  assertEquals(refused(joined(new Uint8Array(0x201), ascii("HdrS"), new Uint8Array(4096))).kind, "not-kernel");
});
