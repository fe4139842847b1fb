/** Device trees word by word, read whole and in outline. */
import { assertEquals } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import { flattenDeviceTree, parseDeviceTree, usedSize } from "../../src/formats/fdt.ts";
import { outlineDeviceTree } from "../../src/formats/fdt_outline.ts";
import { ascii, joined } from "../image/build.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name: `device tree: ${name}`, permissions: "none", fn });
}

const [BEGIN, END_NODE, PROPERTY, NOP, END] = [1, 2, 3, 4, 9];

function big(...words: readonly number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(words.length * 4);
  words.forEach((word, index) => new DataView(bytes.buffer).setUint32(index * 4, word));
  return bytes;
}

interface Parts {
  readonly words: readonly number[];
  readonly names?: string;
  readonly version?: number;
  /** What the header states of the names, bytes. */
  readonly namesSize?: number;
  /** What the header states of the whole, bytes. */
  readonly total?: number;
}

/** Header, an empty block of reservations, nodes, names. */
function blob({ words, names = "p\0", version = 17, namesSize = names.length, total }: Parts): Uint8Array {
  const struct = 40 + 16;
  const strings = struct + words.length * 4;
  const size = total ?? strings + names.length;
  const header = big(
    0xd00dfeed,
    size,
    struct,
    strings,
    40,
    version,
    16,
    0,
    namesSize,
    version < 17 ? 0 : words.length * 4,
  );
  return joined(header, new Uint8Array(16), big(...words), ascii(names));
}

/** What both readers make of a blob: `tree`, or why not. */
function read(parts: Parts): readonly [whole: string, outline: string] {
  const bytes = blob(parts);
  const [whole, outline] = [parseDeviceTree(bytes), outlineDeviceTree(memorySource(bytes))];
  return [
    whole.kind === "fault" ? whole.why : "tree",
    outline.kind === "fault" ? outline.why : outline.kind === "cut" ? `cut before ${outline.wanted}` : "tree",
  ];
}

const SMALL = [BEGIN, 0, END_NODE, END];
/** A property of the name at the start of the names, and no value. */
const FLAG = [PROPERTY, 0, 0];

pure("both readers take the same, and refuse the same in the same words", () => {
  const cases: readonly (readonly [Parts, string])[] = [
    [{ words: SMALL }, "tree"],
    [{ words: [NOP, BEGIN, 0, NOP, ...FLAG, NOP, END_NODE, NOP, END] }, "tree"],
    [{ words: [BEGIN, 0, PROPERTY, 4, 0, 7, END_NODE, END] }, "tree"],
    [{ words: SMALL, version: 16 }, "tree"],
    [{ words: [BEGIN, 0, END_NODE, BEGIN, 0, END_NODE, END] }, "has a second root"],
    [{ words: [BEGIN, 0, END] }, "ends within a node"],
    [{ words: [END] }, "ends within a node"],
    [{ words: [NOP, END] }, "ends within a node"],
    [{ words: [BEGIN, 0, END_NODE, END_NODE, END] }, "ends a node that it did not begin"],
    [{ words: [BEGIN, 0x6161_6161] }, "has a node whose name does not end"],
    [{ words: [...FLAG, END] }, "has a property outside of every node"],
    [{ words: [BEGIN, 0, ...FLAG, END_NODE, ...FLAG, END] }, "has a property outside of every node"],
    [{ words: [BEGIN, 0, PROPERTY, 0] }, "breaks off in a property"],
    [{ words: [BEGIN, 0, PROPERTY, 0, 0] }, "breaks off before its end"],
    [{ words: [BEGIN, 0, PROPERTY, 12, 0, END_NODE, END] }, "has a property that reaches beyond its end"],
    [{ words: [BEGIN, 0, PROPERTY, 9, 0, END_NODE, END] }, "has a property that reaches beyond its end"],
    [{ words: [BEGIN, 0, PROPERTY, 0, 2, END_NODE, END] }, "has a property whose name lies outside of it"],
    [{ words: [BEGIN, 0, ...FLAG, END_NODE, END], names: "p" }, "has a property whose name lies outside of it"],
    [{ words: [BEGIN, 0, ...FLAG, END_NODE, END], namesSize: 1 }, "has a property whose name lies outside of it"],
    [{ words: SMALL, version: 15 }, "has version 15, compatible with 16, and 16 and 17 are known"],
    [{ words: SMALL, namesSize: 3 }, "has a header whose blocks do not lie in it"],
    [{ words: [BEGIN, 0, 6, END] }, "has the unknown token 6"],
    [{ words: Array(64).fill([BEGIN, 0]).flat() }, "breaks off before its end"],
    [{ words: Array(65).fill([BEGIN, 0]).flat() }, "nests deeper than 64 nodes"],
  ];
  for (const [parts, says] of cases) assertEquals(read(parts), [says, says], JSON.stringify(parts).slice(0, 200));
});

pure("an outline is of a file, which may end too early, and of a description, which is small", () => {
  const whole = blob({ words: SMALL }).length;
  assertEquals(read({ words: SMALL, total: whole + 1 })[1], `cut before ${whole + 1}`);
  const found = outlineDeviceTree(memorySource(joined(blob({ words: SMALL }), new Uint8Array(9))));
  assertEquals(found.kind === "outline" ? found.totalSize : found, whole);
  const names = (size: number) => read({ words: SMALL, names: "p\0".padEnd(size, "q") })[1];
  assertEquals([names(65_536), names(65_537)], ["tree", "has 65537 bytes of property names"]);
  const nops = (count: number) => read({ words: [BEGIN, 0, ...Array(count).fill(NOP), END_NODE, END] })[1];
  assertEquals([nops(65_533), nops(65_534)], ["tree", "has more than 65536 nodes and properties"]);
});

pure("an outline says where each value lies, however much lies between them", () => {
  const value = new Uint8Array(5001).fill(7);
  const { bytes, offsetOf } = flattenDeviceTree({
    bootCpu: 0,
    reservations: [{ address: 0n, size: 4096n }],
    root: {
      name: "",
      properties: [{ name: "data", value }],
      children: [{ name: "a@1", properties: [], children: [] }],
    },
  });
  const found = outlineDeviceTree(memorySource(bytes));
  const root = found.kind === "outline" ? found.root : undefined;
  assertEquals(root?.properties, [{ name: "data", offset: 40 + 32 + 8 + 12, size: 5001 }]);
  assertEquals(root?.children.map(({ name }) => name), ["a@1"]);
  assertEquals(offsetOf({ name: "data", value }), undefined);
  // Memory from address 0 is reserved as well: both words are zero at the end alone.
  const tree = parseDeviceTree(bytes);
  assertEquals(tree.kind === "tree" ? tree.tree.reservations : tree, [{ address: 0n, size: 4096n }]);
});

pure("what is read of a tree stays when its bytes are used again, and a name is written once", () => {
  const flag = { name: "status", value: Uint8Array.of(1, 2, 3, 4) };
  const { bytes } = flattenDeviceTree({
    bootCpu: 0,
    reservations: [],
    root: { name: "", properties: [flag], children: [{ name: "a", properties: [flag], children: [] }] },
  });
  const parsed = parseDeviceTree(bytes);
  const names = new DataView(bytes.buffer).getUint32(32);
  bytes.fill(0);
  assertEquals(parsed.kind === "tree" ? parsed.tree.root.properties : parsed, [flag]);
  assertEquals(names, "status\0".length);
});

pure("reservations that come last count as used", () => {
  const before = blob({ words: SMALL });
  const view = new DataView(before.buffer);
  const at = Math.ceil(before.length / 8) * 8;
  view.setUint32(16, at);
  const bytes = joined(before, new Uint8Array(at - before.length), big(0, 1, 0, 1), new Uint8Array(16), ascii("room"));
  assertEquals(usedSize(bytes), at + 32);
});
