/** Fields of bytes, parts of sources, and digests by the values of their specification. */
import { assertEquals, assertThrows } from "@std/assert";
import {
  align4,
  bytesOfLatin1,
  type ByteSource,
  fieldsAt,
  fieldsOf,
  latin1,
  memorySource,
  viewOf,
} from "../../src/core/bytes.ts";
import { digestBytes, sha256Of } from "../../src/core/sha256.ts";

function pure(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

const BYTES = Uint8Array.of(0xff, 1, 2, 3, 4, 5, 6, 7, 0x88, 0x41, 0x42, 0, 0x43);

pure("fields are little-endian, at their offset of the view, and never beyond its end", () => {
  const fields = fieldsOf(BYTES);
  assertEquals([fields.size, fields.u8(0), fields.u16(1), fields.u32(1), fields.u64(1)], [
    13,
    0xff,
    0x0201,
    0x0403_0201,
    0x8807_0605_0403_0201n,
  ]);
  // A view within a buffer begins where it begins, and ends where it ends.
  const inner = fieldsOf(BYTES.subarray(1, 9));
  assertEquals([inner.size, inner.u8(0), inner.u64(0)], [8, 1, 0x8807_0605_0403_0201n]);
  assertEquals(viewOf(BYTES.subarray(1, 3)).getUint16(0), 0x0102);
  for (const read of [() => inner.u8(8), () => inner.u16(7), () => inner.u32(5), () => inner.u64(1)]) {
    assertThrows(read, RangeError);
  }
});

pure("a text ends at its first NUL or its length, a byte a character", () => {
  const fields = fieldsOf(BYTES);
  assertEquals([fields.text(9, 4), fields.text(9, 1), fields.text(9, 2), fields.text(11, 2), fields.text(12, 9)], [
    "AB",
    "A",
    "AB",
    "",
    "C",
  ]);
  assertEquals([...fields.bytes(9, 3)], [0x41, 0x42, 0]);
  assertEquals([latin1(Uint8Array.of(0x41, 0xe9, 0xff, 0)), [...bytesOfLatin1("Aéÿ\0")]], ["Aéÿ\0", [
    0x41,
    0xe9,
    0xff,
    0,
  ]]);
});

pure("the next multiple of 4", () => {
  assertEquals([0, 1, 2, 3, 4, 5, 8, 9].map(align4), [0, 4, 4, 4, 4, 8, 8, 12]);
});

pure("a part of a source: whole, or not at all", () => {
  const source = memorySource(BYTES);
  assertEquals([source.size, [...source.read(11, 9)], [...source.read(13, 1)]], [13, [0, 0x43], []]);
  const at = (offset: number, length: number, of: ByteSource = source) => fieldsAt(of, offset, length)?.size;
  assertEquals([at(0, 13), at(0, 14), at(12, 1), at(13, 0), at(13, 1), at(14, 0)], [
    13,
    undefined,
    1,
    0,
    undefined,
    undefined,
  ]);
  // A file that shrinks while it is read gives fewer bytes than it had.
  assertEquals(at(0, 4, { size: 13, read: () => BYTES.subarray(0, 3) }), undefined);
});

// FIPS 180-2, appendix B.1, and the digest of nothing.
const ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

pure("SHA-256 of texts and bytes, by both ways", async () => {
  assertEquals([sha256Of("abc"), sha256Of(Uint8Array.of(0x61, 0x62, 0x63)), sha256Of("")], [ABC, ABC, NOTHING]);
  assertEquals([await digestBytes(Uint8Array.of(0x61, 0x62, 0x63)), await digestBytes(new Uint8Array())], [
    ABC,
    NOTHING,
  ]);
  assertEquals(sha256Of("é"), sha256Of(Uint8Array.of(0xc3, 0xa9)));
});
