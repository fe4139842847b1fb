import { align4, type ByteSource, latin1, viewOf } from "../core/bytes.ts";
import { FDT_DEPTH_MAX, FDT_HEADER_SIZE, FDT_MAGIC, FDT_TOKEN } from "./fdt.ts";

/** A node of a flattened device tree in a file, whose values stay there: they may be whole kernels. */
export interface OutlineNode {
  /** `kernel-1`; empty for the root. */
  readonly name: string;
  /** Its properties, in the blob's order. */
  readonly properties: readonly OutlineProperty[];
  /** The nodes below it, in the blob's order. */
  readonly children: readonly OutlineNode[];
}

/** A property, and where its value lies in the file. */
export interface OutlineProperty {
  readonly name: string;
  /** From the start of the file, bytes. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** What reading a blob's nodes gives. */
export type ParsedOutline =
  | {
    readonly kind: "outline";
    readonly root: OutlineNode;
    /** The size of the blob that its header states, bytes; more may follow it in the file. */
    readonly totalSize: number;
  }
  /** The file ends before byte `wanted`. */
  | { readonly kind: "cut"; readonly wanted: number }
  /** `why` completes "the device tree …". */
  | { readonly kind: "fault"; readonly why: string };

/** Far more than an image's description has: a blob with more is not such a description. */
const TOKENS_MAX = 1 << 16;
const STRINGS_MAX = 64 * 1024;
const NAME_MAX = 256;

/** Bytes that are read of the structure at once: little, since large values lie between its tokens. */
const WINDOW = 1024;

/** Whether a file begins as a flattened device tree does. */
export function startsAsDeviceTree(head: Uint8Array): boolean {
  return head.length >= 4 && viewOf(head).getUint32(0) === FDT_MAGIC;
}

/** Reads the nodes of a blob of version 16 or 17, without the values of its properties. Throws nothing, whatever the bytes. */
export function outlineDeviceTree(source: ByteSource): ParsedOutline {
  const head = source.read(0, FDT_HEADER_SIZE);
  if (head.length < FDT_HEADER_SIZE) return { kind: "cut", wanted: FDT_HEADER_SIZE };
  const header = viewOf(head);
  if (header.getUint32(0) !== FDT_MAGIC) return fault("has no header that begins with 0xd00dfeed");
  const [totalSize, struct, strings] = [header.getUint32(4), header.getUint32(8), header.getUint32(12)];
  const [version, compatible] = [header.getUint32(20), header.getUint32(24)];
  if (version < 16 || compatible > 17) {
    return fault(`has version ${version}, compatible with ${compatible}, and 16 and 17 are known`);
  }
  if (totalSize > source.size) return { kind: "cut", wanted: totalSize };
  const stringsSize = header.getUint32(32);
  const structEnd = version >= 17 ? struct + header.getUint32(36) : strings > struct ? strings : totalSize;
  const isOutside = struct % 4 !== 0 || struct < FDT_HEADER_SIZE || structEnd > totalSize ||
    strings + stringsSize > totalSize;
  if (isOutside) return fault("has a header whose blocks do not lie in it");
  if (stringsSize > STRINGS_MAX) return fault(`has ${stringsSize} bytes of property names`);
  const names = source.read(strings, stringsSize);
  const nodes = readNodes(source, struct, structEnd, names);
  return nodes.kind === "fault" ? nodes : { kind: "outline", root: nodes.root, totalSize };
}

interface Draft {
  readonly name: string;
  readonly properties: OutlineProperty[];
  readonly children: OutlineNode[];
}

function readNodes(
  source: ByteSource,
  start: number,
  end: number,
  names: Uint8Array,
): { readonly kind: "root"; readonly root: OutlineNode } | { readonly kind: "fault"; readonly why: string } {
  const read = windowOf(source, end);
  const word = (at: number): number | undefined => {
    const bytes = read(at, 4);
    return bytes === undefined ? undefined : viewOf(bytes).getUint32(0);
  };
  const open: Draft[] = [];
  let root: Draft | undefined;
  let at = start;
  for (let count = 0; count < TOKENS_MAX; count++) {
    const token = word(at);
    if (token === undefined) return fault("breaks off before its end");
    at += 4;
    const parent = open.at(-1);
    switch (token) {
      case FDT_TOKEN.beginNode: {
        const bytes = read(at, Math.min(NAME_MAX, end - at));
        const length = bytes?.indexOf(0) ?? -1;
        if (bytes === undefined || length < 0) return fault("has a node whose name does not end");
        if (open.length >= FDT_DEPTH_MAX) return fault(`nests deeper than ${FDT_DEPTH_MAX} nodes`);
        if (parent === undefined && root !== undefined) return fault("has a second root");
        const draft: Draft = { name: latin1(bytes.subarray(0, length)), properties: [], children: [] };
        parent?.children.push(draft);
        root ??= draft;
        open.push(draft);
        at = align4(at + length + 1);
        break;
      }
      case FDT_TOKEN.property: {
        const [size, nameAt] = [word(at), word(at + 4)];
        if (size === undefined || nameAt === undefined) return fault("breaks off in a property");
        const offset = at + 8;
        if (offset + size > end) return fault("has a property that reaches beyond its end");
        const nameEnd = nameAt < names.length ? names.indexOf(0, nameAt) : -1;
        if (nameEnd < 0) return fault("has a property whose name lies outside of it");
        if (parent === undefined) return fault("has a property outside of every node");
        parent.properties.push({ name: latin1(names.subarray(nameAt, nameEnd)), offset, size });
        at = align4(offset + size);
        break;
      }
      case FDT_TOKEN.endNode:
        if (open.pop() === undefined) return fault("ends a node that it did not begin");
        break;
      case FDT_TOKEN.nop:
        break;
      case FDT_TOKEN.end:
        return open.length > 0 || root === undefined ? fault("ends within a node") : { kind: "root", root };
      default:
        return fault(`has the unknown token ${token}`);
    }
  }
  return fault(`has more than ${TOKENS_MAX} nodes and properties`);
}

/** Reads the structure through a small window; undefined beyond its end. */
function windowOf(source: ByteSource, end: number): (at: number, length: number) => Uint8Array | undefined {
  let start = 0;
  let bytes = new Uint8Array();
  return (at, length) => {
    if (at + length > end) return undefined;
    if (at < start || at + length > start + bytes.length) {
      start = at;
      bytes = new Uint8Array(source.read(at, Math.min(Math.max(length, WINDOW), end - at)));
    }
    return bytes.length < at - start + length ? undefined : bytes.subarray(at - start, at - start + length);
  };
}

function fault(why: string): { readonly kind: "fault"; readonly why: string } {
  return { kind: "fault", why };
}
