import { assertEquals } from "@std/assert";
import { type MultibootFinding, readMultiboot } from "../../src/formats/multiboot.ts";
import { joined } from "../image/build.ts";
import { header1, header2, type HeaderTag } from "../image/build_multiboot.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name: `Multiboot header: ${name}`, permissions: "none", fn });
}

/** What a header comes to: what is unmet, or how it is damaged. */
function verdict(bytes: Uint8Array): string | undefined {
  const found = readMultiboot(bytes);
  return found === undefined ? "none" : found.kind === "damaged" ? `damaged: ${found.why}` : found.header.unmet;
}

function headerOf(bytes: Uint8Array): Extract<MultibootFinding, { readonly kind: "header" }>["header"] {
  const found = readMultiboot(bytes);
  if (found?.kind !== "header") throw new Error(`No header: ${JSON.stringify(found)}`);
  return found.header;
}

test("version 1 has flags, and addresses where a flag says so", () => {
  assertEquals(headerOf(joined(new Uint8Array(8), header1(3))), {
    version: 1,
    offset: 8,
    requests: [],
    needsScreen: false,
  });
  assertEquals(headerOf(header1(4, [0x10_0000, 0x10_0000, 0x10_1000, 0x10_2000], 0x10_0020)), {
    version: 1,
    offset: 0,
    addresses: { header: 0x10_0000, load: 0x10_0000, loadEnd: 0x10_1000, bssEnd: 0x10_2000 },
    entry: 0x10_0020,
    requests: [],
    needsScreen: true,
  });
});

test("a required flag of version 1 that the specification does not have is unmet", () => {
  assertEquals(verdict(header1(3)), undefined);
  assertEquals(verdict(header1(0x21)), "requires what bit 5 of its header's flags means, which is not known");
  // The upper half is for what a loader may ignore.
  assertEquals(verdict(header1(0x0002_0003)), undefined);
});

test("version 2 comes first where there are both, as in Xen", () => {
  assertEquals(headerOf(joined(header1(), new Uint8Array(4), header2())).version, 2);
});

test("the tags of version 2 are read", () => {
  const header = headerOf(header2([
    { type: 1, words: [4, 6, 15] },
    { type: 1, optional: true, words: [17] },
    { type: 2, words: [0x20_0000, 0x20_0000, 0, 0] },
    { type: 3, words: [0x20_0040] },
    { type: 4, words: [2] },
    { type: 5, optional: true, words: [0, 0, 0] },
    { type: 6 },
    { type: 8, words: [1] },
    { type: 9, words: [1] },
    { type: 10, words: [0x10_0000, 0xffff_ffff, 0x20_0000, 2] },
    { type: 99, optional: true, words: [1, 2, 3] },
  ]));
  assertEquals(header, {
    version: 2,
    offset: 0,
    addresses: { header: 0x20_0000, load: 0x20_0000, loadEnd: 0, bssEnd: 0 },
    entry: 0x20_0040,
    requests: [4, 6, 15],
    needsScreen: false,
    relocatable: { min: 0x10_0000, max: 0xffff_ffff, align: 0x20_0000 },
  });
});

const UNMET: readonly (readonly [readonly HeaderTag[], string])[] = [
  [[{ type: 7 }], "requires EFI boot services (header tag 7), which are over once Linux runs"],
  [[{ type: 7, optional: true }], "undefined"],
  [[{ type: 0 }, { type: 99 }], "undefined"],
  [[{ type: 99 }], "requires the header tag 99, which is not known"],
  [[{ type: 10, words: [0, 0xffff_ffff, 3, 0] }], "damaged: its alignment 3 is not a power of two"],
  [[{ type: 1, size: 4 }], "damaged: its header tag 1 has 4 bytes, which do not fit it"],
  [[{ type: 1, size: 4000 }], "damaged: its header tag 1 has 4000 bytes, which do not fit it"],
  [[{ type: 10, words: [1] }], "damaged: its header tag 10 has 12 bytes, and 24 are required"],
  [[{ type: 2, words: [1, 1, 0, 0] }], "damaged: it has load addresses, but no entry address"],
];

for (const [tags, says] of UNMET) {
  test(`version 2 with the tags ${tags.map(({ type }) => type).join(", ")}: ${says}`, () => {
    assertEquals(String(verdict(header2(tags))), says);
  });
}

test("a screen is needed where a console or framebuffer tag says so", () => {
  const needs = (...tags: readonly HeaderTag[]) => headerOf(header2(tags)).needsScreen;
  assertEquals(needs({ type: 4, words: [1] }), true);
  assertEquals(needs({ type: 5, words: [800, 600, 32] }), true);
  assertEquals(needs({ type: 5, optional: true, words: [800, 600, 32] }), false);
  assertEquals(needs({ type: 4, words: [1] }, { type: 5, optional: true, words: [800, 600, 32] }), true);
  assertEquals(needs({ type: 5, words: [800, 600, 32] }, { type: 4, words: [2] }), true);
});

test("another machine, a wrong checksum, and a header that is cut are named", () => {
  assertEquals(verdict(header2([], 4)), "is for the machine 4, not for 0 (i386)");
  // The first thing that is unmet is named.
  assertEquals(verdict(header2([{ type: 7 }, { type: 99 }], 4)), "is for the machine 4, not for 0 (i386)");
  assertEquals(verdict(header2([{ type: 99 }, { type: 7 }])), "requires the header tag 99, which is not known");
  assertEquals(verdict(header2().fill(1, 12, 16)), "damaged: the checksum of its header is wrong");
  assertEquals(verdict(header1().fill(1, 8, 12)), "damaged: the checksum of its header is wrong");
  assertEquals(
    verdict(header2([{ type: 6 }]).subarray(0, 24)),
    "damaged: its header extends beyond the first 24 bytes of the file",
  );
  assertEquals(
    verdict(header1(3, [1, 1, 0, 0], 1).subarray(0, 20)),
    "damaged: its header extends beyond the end of the file",
  );
  // One that is right outweighs one that is not.
  assertEquals(verdict(joined(header1().fill(1, 8, 12), header1())), undefined);
});

test("it lies on a multiple of 4 bytes among the first 8192, of version 2 of 8 among the first 32768", () => {
  const at = (offset: number, header: Uint8Array) => verdict(joined(new Uint8Array(offset), header));
  assertEquals([at(8180, header1()), at(8192, header1()), at(2, header1())], [undefined, "none", "none"]);
  assertEquals([at(32744, header2()), at(32768, header2()), at(4, header2())], [undefined, "none", "none"]);
});
