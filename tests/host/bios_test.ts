import { assertEquals } from "@std/assert";
import { keepBios } from "../../src/host/capture_filter.ts";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import { CAPTURES } from "./fixture.ts";

/** The first page of memory, with these bytes at these offsets. */
function page(...rows: readonly (readonly [offset: number, ...bytes: readonly number[]])[]): Uint8Array {
  const bytes = new Uint8Array(4096);
  for (const [offset, ...values] of rows) bytes.set(values, offset);
  return bytes;
}

/** The facts of a BIOS machine that has these first bytes of memory. */
function facts(bytes: Uint8Array) {
  const capture = CAPTURES.get("bios-vm");
  if (capture === undefined) throw new Error("No capture of bios-vm");
  const files = { ...capture.files, "/dev/mem": { base64: bytes.toBase64() } };
  return decodeFacts({ ...capture, files });
}

Deno.test({
  name: "the BIOS's vectors, its extended data and the size of base memory are read from the first bytes of memory",
  permissions: "none",
  fn() {
    const { value } = facts(page([0x4c, 0x65, 0xf0, 0x00, 0xf0], [0x40e, 0xc0, 0x9f], [0x413, 0x7f, 0x02]));
    const { bios } = value ?? {};
    assertEquals([bios?.vectors.length, bios?.vectors[0x13], bios?.vectors[0x10]], [256, 0xf_f065n, 0n]);
    assertEquals([bios?.extendedData, bios?.baseMemory], [0x9_fc00n, 639n << 10n]);
  },
});

Deno.test({
  name: "a capture keeps no keystrokes of the BIOS, and what it keeps is enough",
  permissions: "none",
  fn() {
    const typed = page([0x41e, 0x73, 0x1f, 0x65, 0x12], [0x413, 0x80, 0x02]);
    const kept = keepBios(typed);
    assertEquals([kept.length, keepBios(kept)], [0x415, kept]);
    assertEquals(facts(kept).value?.bios?.baseMemory, 640n << 10n);
  },
});

Deno.test({
  name: "less than that is not the BIOS's, and named",
  permissions: "none",
  fn() {
    const { value, diagnostics } = facts(new Uint8Array(1024));
    assertEquals(value?.bios, undefined);
    assertEquals(
      diagnostics.map(({ message }) => message).filter((message) => message.includes("/dev/mem")),
      ["/dev/mem does not hold the first 1045 bytes of memory; it is ignored"],
    );
  },
});
