import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { unpackArchives } from "../../src/formats/initrd_archives.ts";
import type { Unpack } from "../../src/formats/unpacked.ts";
import { joined } from "../image/build.ts";
import { cpio } from "../image/build_elf.ts";

/** Stands in for a real packing: gzip's magic, a size, and the bytes as they are. */
const unpackStored: Unpack = (_packing, packed, { most }) => {
  const size = new DataView(packed.buffer, packed.byteOffset).getUint32(4, true);
  if (packed.length < 8 + size) return { kind: "damaged", why: "it is cut off" };
  return size > most
    ? { kind: "too-large" }
    : { kind: "unpacked", bytes: packed.slice(8, 8 + size), consumed: 8 + size };
};

function stored(bytes: Uint8Array): Uint8Array {
  const head = new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
  new DataView(head.buffer).setUint32(4, bytes.length, true);
  return joined(head, bytes);
}

const MICROCODE = cpio([{ name: "kernel/x86/microcode/GenuineIntel.bin", bytes: new Uint8Array(333).fill(7) }]);
const MAIN = cpio([{ name: "init", bytes: new Uint8Array(1001).fill(9) }]);
const MORE = cpio([{ name: "etc/more", bytes: new Uint8Array(3) }]);

function unpacked(initrd: Uint8Array, most = 1 << 20) {
  return unpackArchives(initrd, unpackStored, most);
}

/** The files in plain archives, as the kernel comes upon them: one at each multiple of 4 that is not zero. */
function filesIn(bytes: Uint8Array): readonly string[] {
  const names: string[] = [];
  const text = (from: number, to: number) => new TextDecoder("latin1").decode(bytes.subarray(from, to));
  for (let at = 0; at < bytes.length;) {
    if (bytes[at] === 0) {
      at++;
      continue;
    }
    assertEquals([at % 4, text(at, at + 6)], [0, "070701"]);
    const nameSize = parseInt(text(at + 94, at + 102), 16);
    const data = Math.ceil((at + 110 + nameSize) / 4) * 4;
    const name = text(at + 110, at + 110 + nameSize - 1);
    if (name !== "TRAILER!!!") names.push(name);
    at = Math.ceil((data + parseInt(text(at + 54, at + 62), 16)) / 4) * 4;
  }
  return names;
}

Deno.test({
  name: "microcode in front stays first and as it is, and packed archives follow it, each at a multiple of 4",
  permissions: "none",
  fn() {
    const odd = joined(MAIN, new Uint8Array(1));
    for (const padding of [0, 512 - MICROCODE.length % 512]) {
      const result = unpacked(joined(MICROCODE, new Uint8Array(padding), stored(odd), stored(MORE)));
      assert(!("why" in result));
      assertEquals(result.archives, [{ packing: "gzip", size: odd.length }, { packing: "gzip", size: MORE.length }]);
      assertEquals(result.bytes.subarray(0, MICROCODE.length), MICROCODE);
      assertEquals(filesIn(result.bytes), ["kernel/x86/microcode/GenuineIntel.bin", "init", "etc/more"]);
    }
  },
});

Deno.test({
  name: "a packed archive may begin anywhere, a plain one behind it at a multiple of 4 only",
  permissions: "none",
  fn() {
    const first = stored(joined(MAIN, new Uint8Array(3)));
    const gap = new Uint8Array(-first.length & 3);
    const result = unpacked(joined(first, gap, MORE));
    assert(!("why" in result));
    assertEquals(filesIn(result.bytes), ["init", "etc/more"]);
    const shifted = unpacked(joined(first, gap, new Uint8Array(1), MORE));
    assert("why" in shifted);
    assertStringIncludes(shifted.why, "is not known");
  },
});

Deno.test({
  name: "several archives in one packed stream stay as they are",
  permissions: "none",
  fn() {
    const result = unpacked(stored(joined(MICROCODE, new Uint8Array(64), MAIN)));
    assert(!("why" in result));
    assertEquals(filesIn(result.bytes), ["kernel/x86/microcode/GenuineIntel.bin", "init"]);
  },
});

Deno.test({
  name: "an empty packed stream behind an archive is nothing; before any, the kernel takes it for junk",
  permissions: "none",
  fn() {
    const nothing = stored(new Uint8Array());
    const result = unpacked(joined(stored(MAIN), nothing, stored(MORE), nothing));
    assert(!("why" in result));
    assertEquals(filesIn(result.bytes), ["init", "etc/more"]);
    assertEquals(result.archives.length, 2);
    const first = unpacked(joined(nothing, stored(MAIN)));
    assert("why" in first);
    assertStringIncludes(first.why, "at byte 0 unpacks to no cpio archive");
  },
});

Deno.test({
  name: "what is not compressed, not known, damaged or too large is told, and nothing of it is used",
  permissions: "none",
  fn() {
    const cases: readonly (readonly [Uint8Array, string, number?])[] = [
      [MAIN, "it is not compressed"],
      [joined(MICROCODE, MAIN), "it is not compressed"],
      [new Uint8Array(512), "it is not compressed"],
      [joined(stored(MAIN), "junk"), `what it holds at byte ${stored(MAIN).length} is not known`],
      [stored(MAIN).slice(0, -1), "it is cut off"],
      [stored(MAIN), "more than the 500 bytes that it may take", 500],
      [stored(new Uint8Array(2000).fill(1)), "unpacks to no cpio archive"],
      [joined(MICROCODE.subarray(0, 300), stored(MAIN)), "cannot be followed to its end"],
    ];
    for (const [initrd, says, most] of cases) {
      const result = unpacked(initrd, most);
      assert("why" in result, says);
      assertStringIncludes(result.why, says);
    }
  },
});
