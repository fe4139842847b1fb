/** Which node a name means, and where a blob or a header contradicts itself. */
import { assertEquals } from "@std/assert";
import { fieldsOf, memorySource } from "../../src/core/bytes.ts";
import { readElfHeader, readProgramHeaders } from "../../src/formats/elf.ts";
import { flattenDeviceTree, parseDeviceTree } from "../../src/formats/fdt.ts";
import { findNamed } from "../../src/formats/fit.ts";
import { elf } from "../image/build_elf.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

pure("the node that a name means: with its unit address, or the first without it", () => {
  const nodes = ["kernel@1", "kernel@2", "fdt", "kernelx", "a@1@2"].map((name) => ({ name }));
  const of = (name: string) => findNamed(nodes, name)?.name;
  assertEquals(["kernel@2", "kernel", "fdt", "kern", "fdt@1", "kernel@", "a", "a@1", ""].map(of), [
    "kernel@2",
    "kernel@1",
    "fdt",
    undefined,
    undefined,
    undefined,
    "a@1@2",
    undefined,
    undefined,
  ]);
});

pure("the entries of an ELF file's table have the size that their class has", () => {
  const table = (bits: 32 | 64, entrySize: number) => {
    const bytes = elf({ bits, segments: [{ paddr: 0x1000n, vaddr: 0x1000n, bytes: new Uint8Array(16) }] });
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    view.setUint16(bits === 64 ? 54 : 42, entrySize, true);
    const source = memorySource(bytes);
    const header = readElfHeader(fieldsOf(bytes));
    if (header?.kind !== "elf-file") return header?.kind;
    const found = readProgramHeaders(source, header);
    return found.kind === "damaged-elf" ? found.why : found.kind;
  };
  assertEquals([table(64, 56), table(64, 57), table(64, 32), table(32, 32), table(32, 56)], [
    "headers",
    "its program headers have 57 bytes each, not 56",
    "its program headers have 32 bytes each, not 56",
    "headers",
    "its program headers have 56 bytes each, not 32",
  ]);
});

pure("a property comes before the nodes of its node; the root is named `/`", () => {
  const leaf = { name: "a", properties: [], children: [] };
  const one = (name: string) => ({
    name,
    properties: [{ name: "p", value: Uint8Array.of(1, 2, 3, 4) }],
    children: [leaf],
  });
  const blob = flattenDeviceTree({ bootCpu: 0, reservations: [], root: one("") }).bytes;
  assertEquals(parseDeviceTree(blob).kind, "tree");
  // The property after the node: [begin, name, PROP(16 bytes), begin a, end] with the last two before the property.
  const swapped = (nested: boolean) => {
    const root = nested ? { name: "", properties: [], children: [one("bus")] } : one("");
    const bytes = flattenDeviceTree({ bootCpu: 0, reservations: [], root }).bytes.slice();
    const view = new DataView(bytes.buffer);
    const start = view.getUint32(8) + (nested ? 8 + 8 : 8);
    const property = bytes.slice(start, start + 16);
    const child = bytes.slice(start + 16, start + 28);
    bytes.set(child, start);
    bytes.set(property, start + 12);
    const found = parseDeviceTree(bytes);
    return found.kind === "tree" ? "a tree" : found.why;
  };
  assertEquals([swapped(false), swapped(true)], [
    "has a property after the nodes of `/`",
    "has a property after the nodes of `bus`",
  ]);
});
