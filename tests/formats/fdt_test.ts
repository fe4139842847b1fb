import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  type DeviceNode,
  type DeviceTree,
  flattenDeviceTree,
  parseDeviceTree,
  usedSize,
} from "../../src/formats/fdt.ts";
import { hostCapture } from "../host/fixture.ts";

/** A real one: of QEMU's machine `virt`, as the kernel kept it. */
const REAL = bytesOf("arm64-vm");

function bytesOf(host: "arm64-vm" | "arm64-uefi-vm"): Uint8Array {
  const file = hostCapture(host).files["/sys/firmware/fdt"];
  if (typeof file !== "object" || !("base64" in file)) throw new Error(`The fixture ${host} has no device tree`);
  return Uint8Array.fromBase64(file.base64);
}

function parsed(bytes: Uint8Array): DeviceTree {
  const result = parseDeviceTree(bytes);
  if (result.kind === "fault") throw new Error(result.why);
  return result.tree;
}

function pure(name: string, fn: () => void): void {
  Deno.test({ name: `device tree: ${name}`, permissions: "none", fn });
}

pure("a real one has its nodes and properties, and comes back the same", () => {
  const tree = parsed(REAL);
  assertEquals(tree.root.children.length > 40, true);
  const memory = tree.root.children.find(({ name }) => name === "memory@40000000");
  assertEquals(memory?.properties.map(({ name }) => name), ["reg", "device_type"]);
  assertEquals(parsed(flattenDeviceTree(tree).bytes), tree);
});

pure("room that firmware left behind it may be missing", () => {
  assertEquals(usedSize(REAL), REAL.length);
  const padded = new Uint8Array(1 << 20);
  padded.set(REAL);
  assertEquals(usedSize(padded), REAL.length);
  assertEquals(parsed(padded), parsed(REAL));
});

pure("the values of its properties are found in the bytes", () => {
  const seed = { name: "seed", value: new Uint8Array(5) };
  const root: DeviceNode = { name: "", properties: [{ name: "a", value: Uint8Array.of(1) }, seed], children: [] };
  const { bytes, offsetOf } = flattenDeviceTree({ bootCpu: 3, reservations: [{ address: 1n, size: 2n }], root });
  const at = offsetOf(seed) ?? -1;
  bytes.fill(7, at, at + 5);
  const tree = parsed(bytes);
  assertEquals(tree.root.properties[1], { name: "seed", value: new Uint8Array(5).fill(7) });
  assertEquals([tree.bootCpu, tree.reservations], [3, [{ address: 1n, size: 2n }]]);
  assertEquals(offsetOf({ ...seed }), undefined);
});

pure("any tree comes back the same", () => {
  const name = fc.string({ unit: fc.constantFrom(..."abc#,-@0"), minLength: 1, maxLength: 6 });
  const property = fc.record({ name, value: fc.uint8Array({ maxLength: 9 }) });
  const properties = fc.array(property, { maxLength: 3 });
  const leaf = fc.record({ name, properties, children: fc.constant([]) });
  const inner = fc.record({ name, properties, children: fc.array(leaf, { maxLength: 2 }) });
  const node: fc.Arbitrary<DeviceNode> = fc.record({ name, properties, children: fc.array(inner, { maxLength: 2 }) });
  const size = fc.bigInt({ min: 1n, max: (1n << 64n) - 1n });
  const tree = fc.record({
    bootCpu: fc.nat(),
    reservations: fc.array(fc.record({ address: size, size }), { maxLength: 3 }),
    root: node.map((each) => ({ ...each, name: "" })),
  });
  fc.assert(fc.property(tree, (each) => assertEquals(parsed(flattenDeviceTree(each).bytes), each)));
});

pure("what breaks off anywhere is reported, and nothing throws", () => {
  for (let length = 0; length < REAL.length; length += 7) {
    assertEquals(parseDeviceTree(REAL.subarray(0, length)).kind, "fault", `${length} bytes`);
  }
});

pure("changed bytes give a tree or a reason, and nothing throws", () => {
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.nat(REAL.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
    (changes) => {
      const bytes = REAL.slice();
      for (const [at, value] of changes) bytes[at] = value;
      const result = parseDeviceTree(bytes);
      if (result.kind === "tree") assertEquals(parsed(flattenDeviceTree(result.tree).bytes), result.tree);
    },
  ));
});

const struct = (...words: readonly number[]): Uint8Array => {
  const bytes = new Uint8Array(56 + words.length * 4);
  const view = new DataView(bytes.buffer);
  const size = words.length * 4;
  for (const [at, value] of [0xd00dfeed, bytes.length, 56, 56 + size, 40, 17, 16, 0, 0, size].entries()) {
    view.setUint32(at * 4, value);
  }
  for (const [at, word] of words.entries()) view.setUint32(56 + at * 4, word);
  return bytes;
};

for (
  const [what, bytes, why] of [
    ["no magic number", new Uint8Array(64), "has no header that begins with 0xd00dfeed"],
    ["an end within a node", struct(1, 0, 9), "ends within a node"],
    ["a second root", struct(1, 0, 2, 1, 0, 2, 9), "has a second root"],
    ["an end of no node", struct(2), "ends a node that it did not begin"],
    ["an unknown token", struct(1, 0, 5), "has the unknown token 5"],
    ["no end", struct(1, 0, 2), "breaks off before its end"],
    ["a property that is too long", struct(1, 0, 3, 0xffff_fff0, 0), "has a property that reaches beyond its end"],
    ["a name outside", struct(1, 0, 3, 0, 0xffff, 2, 9), "has a property whose name lies outside of it"],
    ["nodes without end", struct(...Array(200).fill([1, 0]).flat()), "nests deeper than 64 nodes"],
  ] as const
) pure(`${what} is refused`, () => assertEquals(parseDeviceTree(bytes), { kind: "fault", why }));

Deno.test({
  name: "device tree: dtc reads what is written as it reads the original",
  ignore: !await has("dtc"),
  async fn() {
    const source = async (bytes: Uint8Array) => {
      const file = await Deno.makeTempFile();
      try {
        await Deno.writeFile(file, bytes);
        const args = ["-q", "-I", "dtb", "-O", "dts", "-s", file];
        const { success, stdout } = await new Deno.Command("dtc", { args }).output();
        assert(success);
        return new TextDecoder().decode(stdout);
      } finally {
        await Deno.remove(file);
      }
    };
    const padded = new Uint8Array(1 << 20);
    padded.set(REAL);
    assertEquals(await source(flattenDeviceTree(parsed(REAL)).bytes), await source(padded));
  },
});

async function has(tool: string): Promise<boolean> {
  try {
    return (await new Deno.Command(tool, { args: ["--version"] }).output()).success;
  } catch {
    return false;
  }
}
