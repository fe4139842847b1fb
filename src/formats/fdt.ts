import { align4, latin1, viewOf } from "../core/bytes.ts";

/** A flattened device tree, unflattened: what a machine without ACPI is made of. */
export interface DeviceTree {
  /** The CPU that boots (boot_cpuid_phys). */
  readonly bootCpu: number;
  /** Memory that no kernel may take; physical addresses, bytes. */
  readonly reservations: readonly Reservation[];
  /** The root node, whose name is empty. */
  readonly root: DeviceNode;
}

/** An entry of the memory reservation block. */
export interface Reservation {
  /** Physical address of its first byte. */
  readonly address: bigint;
  /** Bytes. */
  readonly size: bigint;
}

/** A node with its properties and the nodes below it, each in the blob's order. */
export interface DeviceNode {
  /** `cpu@0`; empty for the root. */
  readonly name: string;
  /** Its properties. */
  readonly properties: readonly DeviceProperty[];
  /** The nodes below it. */
  readonly children: readonly DeviceNode[];
}

/** A property: numbers in it are big-endian. */
export interface DeviceProperty {
  /** As `bootargs`. */
  readonly name: string;
  /** Its bytes; a flag has none. */
  readonly value: Uint8Array;
}

/** What reading a blob gives. */
export type ParsedTree =
  | { readonly kind: "tree"; readonly tree: DeviceTree }
  | DeviceTreeFault;

/** Why bytes are not a device tree. */
export interface DeviceTreeFault {
  /** Not a tree. */
  readonly kind: "fault";
  /** Completes "the device tree …". */
  readonly why: string;
}

/** Devicetree Specification 0.4, chapter 5. */
export const FDT_MAGIC = 0xd00dfeed;
export const FDT_HEADER_SIZE = 40;
const VERSION = 17;
const LAST_COMPATIBLE = 16;
export const FDT_TOKEN = { beginNode: 1, endNode: 2, property: 3, nop: 4, end: 9 } as const;

/** Far deeper than any machine nests; the kernel's own limit is 64 (FDT_MAX_DEPTH in drivers/of/fdt.c, Linux 7.3). */
export const FDT_DEPTH_MAX = 64;

/** Where the blocks of a blob lie; offsets, bytes. */
interface Blocks {
  readonly kind: "blocks";
  readonly reservations: number;
  readonly struct: number;
  readonly structEnd: number;
  readonly strings: number;
  readonly stringsEnd: number;
  readonly bootCpu: number;
}

function fault(why: string): DeviceTreeFault {
  return { kind: "fault", why };
}

/** Reads the header, and compares it with the bytes. What follows the blocks may be missing: it is room for edits. */
function blocksOf(view: DataView): Blocks | DeviceTreeFault {
  const size = view.byteLength;
  if (size < FDT_HEADER_SIZE || view.getUint32(0) !== FDT_MAGIC) {
    return fault("has no header that begins with 0xd00dfeed");
  }
  const [version, compatible] = [view.getUint32(20), view.getUint32(24)];
  if (version < LAST_COMPATIBLE || compatible > VERSION) {
    return fault(`has version ${version}, compatible with ${compatible}, and 16 and 17 are known`);
  }
  const [struct, strings, reservations] = [view.getUint32(8), view.getUint32(12), view.getUint32(16)];
  const structEnd = version >= 17 ? struct + view.getUint32(36) : strings > struct ? strings : size;
  const stringsEnd = strings + view.getUint32(32);
  if (struct % 4 !== 0 || struct < FDT_HEADER_SIZE || structEnd > size || stringsEnd > size || reservations % 8 !== 0) {
    return fault("has a header whose blocks do not lie in it");
  }
  return { kind: "blocks", reservations, struct, structEnd, strings, stringsEnd, bootCpu: view.getUint32(28) };
}

/** How many bytes of a blob mean something; undefined for what is not a device tree. */
export function usedSize(bytes: Uint8Array): number | undefined {
  const view = viewOf(bytes);
  const blocks = blocksOf(view);
  if (blocks.kind === "fault") return undefined;
  const { end } = readReservations(view, blocks);
  return end === undefined ? undefined : Math.max(blocks.structEnd, blocks.stringsEnd, end);
}

/** Unflattens a blob of version 16 or 17. Throws nothing, whatever the bytes. */
export function parseDeviceTree(bytes: Uint8Array): ParsedTree {
  const view = viewOf(bytes);
  const blocks = blocksOf(view);
  if (blocks.kind === "fault") return blocks;
  const { reservations, end } = readReservations(view, blocks);
  if (end === undefined) return fault("has a reservation block without an end");
  const nodes = readNodes(bytes, view, blocks);
  if (nodes.kind === "fault") return nodes;
  return { kind: "tree", tree: { bootCpu: blocks.bootCpu, reservations, root: nodes.root } };
}

function readReservations(
  view: DataView,
  blocks: Blocks,
): { readonly reservations: readonly Reservation[]; readonly end: number | undefined } {
  const reservations: Reservation[] = [];
  for (let at = blocks.reservations; at + 16 <= view.byteLength; at += 16) {
    const [address, size] = [view.getBigUint64(at), view.getBigUint64(at + 8)];
    if (address === 0n && size === 0n) return { reservations, end: at + 16 };
    reservations.push({ address, size });
  }
  return { reservations, end: undefined };
}

/** A node while it is read. */
interface Draft {
  readonly name: string;
  readonly properties: DeviceProperty[];
  readonly children: DeviceNode[];
}

function readNodes(
  bytes: Uint8Array,
  view: DataView,
  blocks: Blocks,
): { readonly kind: "root"; readonly root: DeviceNode } | DeviceTreeFault {
  const { structEnd, strings, stringsEnd } = blocks;
  const open: Draft[] = [];
  let root: DeviceNode | undefined;
  let at = blocks.struct;
  while (at + 4 <= structEnd) {
    const token = view.getUint32(at);
    at += 4;
    const parent = open.at(-1);
    switch (token) {
      case FDT_TOKEN.beginNode: {
        const end = bytes.indexOf(0, at);
        if (end < 0 || end >= structEnd) return fault("has a node whose name does not end");
        if (open.length >= FDT_DEPTH_MAX) return fault(`nests deeper than ${FDT_DEPTH_MAX} nodes`);
        if (parent === undefined && root !== undefined) return fault("has a second root");
        const draft: Draft = { name: latin1(bytes.subarray(at, end)), properties: [], children: [] };
        parent?.children.push(draft);
        root ??= draft;
        open.push(draft);
        at = align4(end + 1);
        break;
      }
      case FDT_TOKEN.property: {
        if (at + 8 > structEnd) return fault("breaks off in a property");
        const [length, nameAt] = [view.getUint32(at), strings + view.getUint32(at + 4)];
        const end = at + 8 + length;
        const nameEnd = nameAt < stringsEnd ? bytes.indexOf(0, nameAt) : -1;
        if (end > structEnd) return fault("has a property that reaches beyond its end");
        if (nameEnd < 0 || nameEnd >= stringsEnd) return fault("has a property whose name lies outside of it");
        if (parent === undefined) return fault("has a property outside of every node");
        if (parent.children.length > 0) return fault(`has a property after the nodes of \`${parent.name || "/"}\``);
        const name = latin1(bytes.subarray(nameAt, nameEnd));
        parent.properties.push({ name, value: bytes.slice(at + 8, end) });
        at = align4(end);
        break;
      }
      case FDT_TOKEN.endNode:
        if (open.pop() === undefined) return fault("ends a node that it did not begin");
        break;
      case FDT_TOKEN.nop:
        break;
      case FDT_TOKEN.end:
        if (open.length > 0 || root === undefined) return fault("ends within a node");
        return { kind: "root", root };
      default:
        return fault(`has the unknown token ${token}`);
    }
  }
  return fault("breaks off before its end");
}

/** A blob, and where the values of its properties lie in it. */
export interface FlatTree {
  /** Version 17, without room for edits. */
  readonly bytes: Uint8Array;
  /** Offset of a property's value, bytes; by the very property of the tree. */
  offsetOf(property: DeviceProperty): number | undefined;
}

/** Flattens a tree: header, reservations, nodes, names. The same tree, the same bytes. */
export function flattenDeviceTree({ bootCpu, reservations, root }: DeviceTree): FlatTree {
  const names = new Map<string, number>();
  const strings: Uint8Array[] = [];
  let stringsSize = 0;
  const nameOffset = (name: string): number => {
    const known = names.get(name);
    if (known !== undefined) return known;
    const encoded = ended(name);
    const offset = stringsSize;
    names.set(name, offset);
    strings.push(encoded);
    stringsSize += encoded.length;
    return offset;
  };
  const offsets = new Map<DeviceProperty, number>();
  const pieces: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  const struct = FDT_HEADER_SIZE + (reservations.length + 1) * 16;
  let at = struct;
  const words = (...values: readonly number[]): void => {
    const bytes = new Uint8Array(values.length * 4);
    const view = viewOf(bytes);
    for (const [index, value] of values.entries()) view.setUint32(index * 4, value);
    put(bytes);
  };
  const put = (bytes: Uint8Array): void => {
    pieces.push({ at, bytes });
    at += align4(bytes.length);
  };
  const writeNode = (node: DeviceNode): void => {
    words(FDT_TOKEN.beginNode);
    put(ended(node.name));
    for (const property of node.properties) {
      words(FDT_TOKEN.property, property.value.length, nameOffset(property.name));
      offsets.set(property, at);
      put(property.value);
    }
    node.children.forEach(writeNode);
    words(FDT_TOKEN.endNode);
  };
  writeNode(root);
  words(FDT_TOKEN.end);
  const structSize = at - struct;
  strings.forEach((bytes) => {
    pieces.push({ at, bytes });
    at += bytes.length;
  });
  const bytes = new Uint8Array(at);
  for (const piece of pieces) bytes.set(piece.bytes, piece.at);
  const view = viewOf(bytes);
  const header = [FDT_MAGIC, at, struct, struct + structSize, FDT_HEADER_SIZE, VERSION, LAST_COMPATIBLE, bootCpu];
  for (const [index, value] of [...header, stringsSize, structSize].entries()) view.setUint32(index * 4, value);
  for (const [index, { address, size }] of reservations.entries()) {
    view.setBigUint64(FDT_HEADER_SIZE + index * 16, address);
    view.setBigUint64(FDT_HEADER_SIZE + index * 16 + 8, size);
  }
  return { bytes, offsetOf: (property) => offsets.get(property) };
}

function ended(name: string): Uint8Array {
  return Uint8Array.from(`${name}\0`, (character) => character.charCodeAt(0));
}
