import { assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { memorySource } from "../../src/core/bytes.ts";
import { signaturesOf, type SignedDigest } from "../../src/formats/authenticode.ts";
import { openCodecs } from "../../src/formats/codecs.ts";
import { parsePe } from "../../src/formats/pe.ts";
import type { KernelContent } from "../../src/host/image_content.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import { readKernel } from "../../src/image/kernel_content.ts";
import { content } from "../fixtures/packed/content.ts";
import { arm64Image, bzImage, joined, zboot } from "./build.ts";

/** Signed by osslsigncode: see make.sh there. */
const signed = (name: string): Uint8Array => Deno.readFileSync(new URL(`../fixtures/signed/${name}`, import.meta.url));
const SIGNED = signed("bzimage.sha256");

async function read(image: Uint8Array): Promise<KernelContent | undefined> {
  using codecs = openCodecs();
  const source = memorySource(image);
  return await readKernel(source, identifyKernel(source), codecs, async (parts, algorithm) => {
    const bytes = joined(...parts.map(({ offset, length }) => image.subarray(offset, offset + length)));
    return new Uint8Array(await crypto.subtle.digest(algorithm, bytes.slice()));
  });
}

/** Damage; `says` is part of why. */
async function refused(image: Uint8Array, says: string): Promise<void> {
  const found = await read(image);
  assertStringIncludes(found?.kind === "damaged" ? found.why : JSON.stringify(found), says);
}

Deno.test("a unified kernel image is held against its signature, where it has one", async () => {
  using codecs = openCodecs();
  const held = async (image: Uint8Array, signed: boolean) => {
    const info = { kind: "uki", machine: 0x8664, sections: [], signed } as const;
    const found = await readKernel(memorySource(image), info, codecs, async (parts, algorithm) => {
      const bytes = joined(...parts.map(({ offset, length }) => image.subarray(offset, offset + length)));
      return new Uint8Array(await crypto.subtle.digest(algorithm, bytes.slice()));
    });
    return found?.kind;
  };
  assertEquals([await held(SIGNED, true), await held(overwritten(SIGNED, 2000), true), await held(SIGNED, false)], [
    "signed",
    "damaged",
    undefined,
  ]);
});

/** Sixteen bytes overwritten. */
function overwritten(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, index) => index >= at && index < at + 16 ? byte ^ 0xa5 : byte);
}

function certificateOf(image: Uint8Array): { readonly offset: number; readonly size: number } {
  const pe = parsePe(memorySource(image));
  if (pe?.kind !== "pe-file" || pe.certificate === undefined) throw new Error("The fixture is not signed");
  return pe.certificate;
}

Deno.test("a kernel that osslsigncode signed has the digest that its signature states", async () => {
  assertEquals(await read(SIGNED), { kind: "signed", algorithm: "SHA-256" });
  assertEquals(await read(signed("bzimage.sha512")), { kind: "signed", algorithm: "SHA-512" });
  assertEquals(await read(signed("image.sha256")), { kind: "signed", algorithm: "SHA-256" });
  // The second signature is an attribute of the first, which the kernel does not read either.
  assertEquals(await read(signed("bzimage.nested")), { kind: "signed", algorithm: "SHA-256" });
});

Deno.test("the digest is the one that osslsigncode states of the same file", () => {
  const source = memorySource(SIGNED);
  const pe = parsePe(source);
  const signatures = pe?.kind === "pe-file" ? signaturesOf(source, pe) : undefined;
  const digests: readonly SignedDigest[] = signatures?.kind === "signed" ? signatures.digests : [];
  assertEquals(digests.map(({ algorithm, digest }) => [algorithm, digest.toHex()]), [
    ["SHA-256", "bbac9b0cab549019a24b81dc889ce4d08629ea9db7b23c4bfd32e6252a20dbb6"],
  ]);
});

Deno.test("sections are signed in the order of their bytes, whatever the order of their table", async () => {
  const image = SIGNED.slice();
  const view = new DataView(image.buffer);
  const { offset } = certificateOf(SIGNED);
  const start = view.getUint32(0x3c, true);
  const table = start + 24 + view.getUint16(start + 20, true);
  image.set(SIGNED.subarray(table + 40, table + 80), table);
  image.set(SIGNED.subarray(table, table + 40), table + 40);
  // The bytes of this file in their order, without the checksum and the entry of the certificates.
  const [checksum, entry] = [start + 24 + 64, start + 24 + 112 + 32];
  const covered = joined(
    image.subarray(0, checksum),
    image.subarray(checksum + 4, entry),
    image.subarray(entry + 8, offset),
  );
  const states = (bytes: Uint8Array): readonly SignedDigest[] => {
    const pe = parsePe(memorySource(bytes));
    const found = pe?.kind === "pe-file" ? signaturesOf(memorySource(bytes), pe) : undefined;
    return found?.kind === "signed" ? found.digests : [];
  };
  const before = states(SIGNED)[0]?.digest ?? new Uint8Array(32);
  const at = SIGNED.findIndex((_, index) =>
    index >= offset && before.every((byte, place) => SIGNED[index + place] === byte)
  );
  image.set(new Uint8Array(await crypto.subtle.digest("SHA-256", covered.slice())), at);
  assertNotEquals(states(image), states(SIGNED));
  assertEquals(await read(image), { kind: "signed", algorithm: "SHA-256" });
});

Deno.test("every byte that is signed is noticed; the checksum in the header is not signed", async () => {
  const checksum = 0x40 + 24 + 64;
  for (let at = 0; at < certificateOf(SIGNED).offset; at++) {
    const kind = (await read(SIGNED.map((byte, index) => index === at ? byte ^ 4 : byte)))?.kind;
    if (at >= checksum && at < checksum + 4) assertEquals(kind, "signed", `byte ${at}`);
    // Other headers may make it another file, or an unsigned one, which is judged by its payload.
    else if (at < 0x400) assertNotEquals(kind, "signed", `byte ${at}`);
    else assertEquals(kind, "damaged", `byte ${at}`);
  }
});

Deno.test("a signed kernel that was changed is not the file that was signed", async () => {
  for (let at = 0x1000; at + 16 <= certificateOf(SIGNED).offset; at += 61) {
    await refused(overwritten(SIGNED, at), "is not the file that was signed: its SHA-256 is ");
  }
  await refused(overwritten(signed("bzimage.sha512"), 0x1200), "its SHA-512 is ");
  await refused(overwritten(signed("image.sha256"), 0x300), "its SHA-256 is ");
});

Deno.test("a certificate table that cannot be read is damage, wherever it breaks off", async () => {
  const { offset, size } = certificateOf(SIGNED);
  const changed = (change: (view: DataView, bytes: Uint8Array) => void): Uint8Array => {
    const bytes = SIGNED.slice();
    change(new DataView(bytes.buffer), bytes);
    return bytes;
  };
  await refused(changed((view) => view.setUint32(offset, size + 8, true)), "has an entry that ends beyond it");
  await refused(changed((view) => view.setUint32(offset, 7, true)), "has an entry that ends beyond it");
  await refused(changed((view) => view.setUint16(offset + 6, 9, true)), "has no signature that is known");
  await refused(changed((_, bytes) => bytes.fill(0, offset + 8)), "has a signature that is not PKCS #7");
  for (let length = 8; length < size; length += 37) {
    await refused(changed((view) => view.setUint32(offset, length, true)), "has a signature that is not PKCS #7");
  }
  // A second entry counts as well: here the same signature, and one over another file.
  const twice = (second: Uint8Array): Uint8Array => {
    const bytes = joined(SIGNED, second.subarray(certificateOf(second).offset));
    new DataView(bytes.buffer).setUint32(0x40 + 24 + 112 + 36, bytes.length - offset, true);
    return bytes;
  };
  assertEquals(await read(twice(SIGNED)), { kind: "signed", algorithm: "SHA-256" });
  assertEquals(await read(twice(signed("bzimage.sha512"))), { kind: "signed", algorithm: "SHA-256, SHA-512" });
  await refused(twice(signed("image.sha256")), "is not the file that was signed");
});

const CONTENT = content();
const packed = (name: string): Uint8Array =>
  Deno.readFileSync(new URL(`../fixtures/packed/content.${name}`, import.meta.url));
/** The unpacked size follows every packing but gzip's, which ends with it. */
const sized = (stream: Uint8Array, size = CONTENT.length): Uint8Array =>
  joined(stream, new Uint8Array(Uint32Array.of(size).buffer));
const CHECKED = zstdCompressSync(CONTENT, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });

/** Payloads as the kernel's build packs them, and what checks them. */
const PAYLOADS: readonly { readonly packing: string; readonly payload: Uint8Array; readonly checksum?: string }[] = [
  { packing: "gzip", payload: gzipSync(CONTENT), checksum: "CRC-32" },
  { packing: "xz", payload: sized(packed("xz")), checksum: "CRC-32" },
  { packing: "bzip2", payload: sized(packed("bz2")), checksum: "CRC-32" },
  { packing: "lzo", payload: sized(packed("lzo")), checksum: "Adler-32" },
  { packing: "zstd", payload: sized(CHECKED), checksum: "XXH64" },
  { packing: "zstd", payload: sized(zstdCompressSync(CONTENT)) },
  { packing: "lzma", payload: sized(packed("lzma")) },
  { packing: "lz4", payload: sized(packed("lz4")) },
];

/** Bytes in front of a packing's data whose change need not show: gzip's time and operating system, lzop's likewise. */
const HEADER = 80;

for (const { packing, payload, checksum } of PAYLOADS) {
  const image = bzImage({ payload });
  const start = image.length - Math.ceil((0x2cc + payload.length + 15) / 16) * 16 + 0x2cc;

  Deno.test(`the ${packing} payload of an unsigned kernel: ${checksum ?? "no checksum"}`, async () => {
    const whole: KernelContent = checksum === undefined
      ? { kind: "unverifiable", why: `it is unsigned, and its ${packing} payload carries no checksum` }
      : { kind: "whole", packing, size: CONTENT.length, checksum };
    assertEquals(await read(image), whole);
    const places = Array.from({ length: 60 }, (_, step) => HEADER + Math.floor((payload.length - 120) * step / 59));
    let noticed = 0;
    for (const place of places) {
      const found = await read(overwritten(image, start + place));
      if (found?.kind === "damaged") noticed++;
      else assertEquals([checksum, found?.kind], [undefined, "unverifiable"], `${packing} at byte ${place}`);
    }
    if (checksum !== undefined) assertEquals(noticed, places.length);
  });

  Deno.test(`the ${packing} payload must have the size that it states: ${checksum ?? "no checksum"}`, async () => {
    const resized = (size: number): Uint8Array =>
      bzImage({ payload: joined(payload.subarray(0, -4), new Uint8Array(Uint32Array.of(size).buffer)) });
    // gzip's own size is part of its data.
    const tooLittle = packing === "gzip" ? "do not have the CRC-32 or the size" : `unpacks to ${CONTENT.length} bytes`;
    await refused(resized(CONTENT.length - 1), "unpacks to more than the 59999 bytes");
    await refused(resized(CONTENT.length + 1), tooLittle);
    await refused(resized(0), "claims to unpack to 0 ");
    await refused(resized(0xffff_ffff), "claims to unpack to ");
    await refused(bzImage({ payload: sized(payload.subarray(0, payload.length >> 1)) }), "");
  });
}

Deno.test("what carries neither signature nor checksum says so", async () => {
  assertEquals(await read(arm64Image()), { kind: "unverifiable", why: "it is unsigned and carries no checksum" });
  assertEquals(await read(zboot(gzipSync(CONTENT))), {
    kind: "unverifiable",
    why: "it is unsigned and carries no checksum",
  });
  const plain = bzImage({ payload: joined("\x7fELF", new Uint8Array(200)) });
  assertEquals(await read(plain), {
    kind: "unverifiable",
    why: "it is unsigned, and its payload is not one that warmboot unpacks",
  });
});
