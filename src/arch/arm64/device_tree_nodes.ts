import { latin1 } from "../../core/bytes.ts";
import type { DeviceNode, DeviceTree } from "../../formats/fdt.ts";
import type { Range } from "../../core/range.ts";

/** How many 32-bit cells the addresses and sizes of the nodes below a node have. */
export interface Cells {
  readonly address: number;
  readonly size: number;
}

/** The value of a property; undefined where there is none of that name. */
export function valueOf(node: DeviceNode | undefined, name: string): Uint8Array | undefined {
  return node?.properties.find((property) => property.name === name)?.value;
}

/** The texts of a property, each ended by a NUL; empty where there is none. */
export function textsOf(node: DeviceNode | undefined, name: string): readonly string[] {
  const value = valueOf(node, name);
  return value === undefined ? [] : latin1(value).split("\0").slice(0, -1);
}

/** The number of a property of 4 or 8 bytes. */
export function numberOf(node: DeviceNode | undefined, name: string): bigint | undefined {
  const value = valueOf(node, name);
  return value === undefined || (value.length !== 4 && value.length !== 8) ? undefined : cellsToNumber(value);
}

/** The cells of the nodes below one; the specification's defaults where it does not say (section 2.3.5). */
export function cellsOf(node: DeviceNode): Cells {
  return {
    address: Number(numberOf(node, "#address-cells") ?? 2n),
    size: Number(numberOf(node, "#size-cells") ?? 1n),
  };
}

/** The nodes from the root down to a path as `/soc/serial@9000000`; undefined where one is missing. */
export function nodesAlong({ root }: Pick<DeviceTree, "root">, path: string): readonly DeviceNode[] | undefined {
  const nodes = [root];
  for (const name of path.split("/").filter((part) => part !== "")) {
    const last = nodes.at(-1);
    // A path may leave the unit address out where the name is the only one.
    const child = last?.children.find((node) => node.name === name) ??
      last?.children.find((node) => node.name.split("@", 1)[0] === name);
    if (child === undefined) return undefined;
    nodes.push(child);
  }
  return nodes;
}

/** The child of the root of this name. */
export function rootChild({ root }: Pick<DeviceTree, "root">, name: string): DeviceNode | undefined {
  return root.children.find((node) => node.name === name);
}

/** The addresses and sizes of a list such as `reg`; undefined where its length or its cells are odd. */
export function rangesOf(value: Uint8Array, { address, size }: Cells): readonly Range[] | undefined {
  const width = (address + size) * 4;
  const known = [address, size].every((cells) => cells >= 1 && cells <= 2);
  if (!known || value.length % width !== 0) return undefined;
  return Array.from({ length: value.length / width }, (_, index) => {
    const at = index * width;
    const start = cellsToNumber(value.subarray(at, at + address * 4));
    return { start, end: start + cellsToNumber(value.subarray(at + address * 4, at + width)) };
  });
}

/** Whether a node describes memory. */
export function isMemory(node: DeviceNode): boolean {
  return textsOf(node, "device_type")[0] === "memory";
}

/** The memory that a device tree names; undefined where it names none, as on a machine with ACPI. */
export function memoryOf(tree: DeviceTree): readonly Range[] | undefined {
  const nodes = tree.root.children.filter(isMemory);
  const ranges = nodes.flatMap((node) => rangesOf(valueOf(node, "reg") ?? new Uint8Array(), cellsOf(tree.root)) ?? []);
  const used = ranges.filter(({ start, end }) => start < end);
  return used.length === 0 ? undefined : used;
}

/** Whether a device tree hands over what UEFI says of memory: with it, it need name none itself. */
export function hasUefiMap(tree: DeviceTree): boolean {
  return valueOf(rootChild(tree, "chosen"), "linux,uefi-mmap-start") !== undefined;
}

function cellsToNumber(bytes: Uint8Array): bigint {
  let number = 0n;
  for (const byte of bytes) number = number << 8n | BigInt(byte);
  return number;
}
