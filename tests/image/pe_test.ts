import { assertEquals, assertStringIncludes } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import type { ImageInfo } from "../../src/image/image.ts";
import { arm64Image, ascii, bzImage, joined, peFile, zboot } from "./build.ts";
import { parsePe } from "../../src/formats/pe.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name: `PE: ${name}`, permissions: "none", fn });
}

const identified = (bytes: Uint8Array): ImageInfo => identifyKernel(memorySource(bytes));
const whatOf = (info: ImageInfo): string => info.kind === "not-kernel" ? info.what : `a ${info.kind}`;

test("an EFI application is another PE file, with its machine, subsystem and signature", () => {
  assertEquals(identified(peFile({})), { kind: "pe", machine: 0x8664, subsystem: 10, signed: false });
  assertEquals(
    identified(peFile({ machine: 0xaa64, subsystem: 12, certificate: 8 })),
    { kind: "pe", machine: 0xaa64, subsystem: 12, signed: true },
  );
});

test("the 32-bit header keeps its directories elsewhere", () => {
  assertEquals(
    identified(peFile({ bits: 32, machine: 0x14c, certificate: 16 })),
    { kind: "pe", machine: 0x14c, subsystem: 10, signed: true },
  );
});

test("a certificate table that the header does not count is none", () => {
  const bytes = peFile({ certificate: 16 });
  new DataView(bytes.buffer).setUint32(0x80 + 24 + 108, 4, true);
  assertEquals(identified(bytes).kind === "pe" && parsePe(memorySource(bytes)), {
    kind: "pe-file",
    machine: 0x8664,
    subsystem: 10,
    sections: [{ name: ".text", offset: 512, size: 512 }],
    rawSections: [{ offset: 512, size: 512 }],
    extent: 1024,
  });
});

test("a section .linux makes a unified kernel image, its sections with their true sizes", () => {
  const linux = bzImage();
  const bytes = peFile({
    sections: [
      { name: ".uname", bytes: ascii("6.12.1-amd64\n") },
      { name: ".cmdline", bytes: ascii("root=/dev/vda1 ro") },
      { name: ".linux", bytes: linux },
      { name: ".bss", bytes: new Uint8Array(10), virtualSize: 0x10000 },
    ],
    certificate: 1472,
  });
  const info = identified(bytes);
  assertEquals(info, {
    kind: "uki",
    machine: 0x8664,
    sections: [
      { name: ".uname", offset: 512, size: 13 },
      { name: ".cmdline", offset: 1024, size: 17 },
      { name: ".linux", offset: 1536, size: linux.length },
      { name: ".bss", offset: 1536 + Math.ceil(linux.length / 512) * 512, size: 512 },
    ],
    release: "6.12.1-amd64",
    signed: true,
  });
  const inner = info.kind === "uki" ? info.sections[2] : undefined;
  assertEquals(inner && bytes.subarray(inner.offset, inner.offset + inner.size), linux);
});

test("a unified kernel image without a clean .uname has no release", () => {
  const bytes = peFile({
    sections: [{ name: ".uname", bytes: ascii("a b\x1b") }, { name: ".linux", bytes: bzImage() }],
  });
  assertEquals("release" in identified(bytes), false);
});

test("an EFI zboot image tells where its payload lies and how it is packed", () => {
  const payload = joined("\x1f\x8b\x08", new Uint8Array(77));
  const bytes = zboot(payload);
  assertEquals(identified(bytes), {
    kind: "efi-zboot",
    machine: 0xaa64,
    payload: { offset: 512, length: 80, compression: "gzip" },
    signed: false,
  });
});

test("an EFI zboot image whose payload goes past its end is truncated", () => {
  const bytes = zboot(new Uint8Array(100));
  new DataView(bytes.buffer).setUint32(12, 5000, true);
  assertStringIncludes(whatOf(identified(bytes)), "a truncated EFI zboot image: 1024 bytes");
  new DataView(bytes.buffer).setUint32(12, 0, true);
  assertStringIncludes(whatOf(identified(bytes)), "a damaged EFI zboot image");
});

test("an arm64 Image with an EFI stub is an Image, not a PE file", () => {
  assertEquals(identified(arm64Image({ certificate: 32 })), {
    kind: "arm64-image",
    textOffset: 0n,
    imageSize: 0x1aa_0000n,
    flags: 0xan,
    bigEndian: false,
    pageSize: 4096,
    signed: true,
  });
});

test("the flags of an arm64 Image give byte order and page size", () => {
  const read = (flags: bigint) => {
    const info = identified(arm64Image({ flags, pe: false }));
    return info.kind === "arm64-image" ? [info.bigEndian, info.pageSize] : [];
  };
  assertEquals([0n, 1n, 2n, 4n, 6n].map(read), [
    [false, undefined],
    [true, undefined],
    [false, 4096],
    [false, 16384],
    [false, 65536],
  ]);
});

test("an arm64 Image without a size lies at the old offset", () => {
  const info = identified(arm64Image({ imageSize: 0n, textOffset: 7n, pe: false }));
  assertEquals(info.kind === "arm64-image" && info.textOffset, 0x80000n);
});

test("a PE file cut anywhere is truncated, under its own name", () => {
  const files: readonly (readonly [string, Uint8Array])[] = [
    ["PE file", peFile({ certificate: 8 })],
    ["unified kernel image", peFile({ sections: [{ name: ".linux", bytes: bzImage() }] })],
    ["EFI zboot image", zboot(new Uint8Array(512))],
    ["arm64 Image", arm64Image()],
  ];
  for (const [name, whole] of files) {
    // Below 2 bytes there is no MZ; the tables that tell the name end before 512.
    for (let length = 2; length < whole.length; length++) {
      const what = whatOf(identified(whole.subarray(0, length)));
      assertStringIncludes(what, "a truncated ");
      if (length >= 512) assertStringIncludes(what, name);
    }
  }
});

test("MZ without a PE header is a DOS program", () => {
  assertEquals(whatOf(identified(joined("MZ", new Uint8Array(2000)))), "a DOS program");
});
