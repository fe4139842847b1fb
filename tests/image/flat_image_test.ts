import { assertEquals } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import { arm64ImageOf } from "../../src/image/flat_image.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import { elf, type ElfSegment } from "./build_elf.ts";

function flat(segments: readonly ElfSegment[], most = 4096) {
  const file = elf({ machine: 183, segments });
  const info = identifyKernel(memorySource(file));
  if (info.kind !== "elf") throw new Error(`identified as ${info.kind}`);
  const found = arm64ImageOf(file, info, most);
  return found.kind === "image" ? [...found.bytes] : found.why;
}

const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);

Deno.test({
  name:
    "the segments of an ELF kernel lie in its Image as in memory, from the lowest address to the last byte of the file",
  permissions: "none",
  fn() {
    const [low, high] = [{ paddr: 0x1000n, bytes: bytes(1, 2) }, { paddr: 0x1004n, bytes: bytes(3, 4, 5) }];
    assertEquals(flat([low, high]), [1, 2, 0, 0, 3, 4, 5]);
    assertEquals(flat([high, low]), [1, 2, 0, 0, 3, 4, 5]);
    assertEquals(flat([high]), [3, 4, 5]);
    // Memory that no byte of the file fills is not written out, wherever it lies.
    const bss = (paddr: bigint) => ({ paddr, bytes: bytes(), memsz: 0x1000n });
    assertEquals(flat([bss(0n), low, { ...high, memsz: 0x1000n }, bss(0x9000n)]), [1, 2, 0, 0, 3, 4, 5]);
    assertEquals([flat([low, high], 7).length, flat([low, high], 6)], [
      7,
      "its segments lie too far apart for one Image",
    ]);
    assertEquals(flat([bss(0x1000n)]), "it has no bytes to load");
  },
});
