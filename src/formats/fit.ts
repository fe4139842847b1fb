import { align4, type ByteSource, latin1 } from "../core/bytes.ts";
import { omitUndefined } from "../core/shape.ts";
import { outlineDeviceTree, type OutlineNode } from "./fdt_outline.ts";

/**
 * A FIT image: a device tree blob whose nodes hold images and say which belong together (doc/usage/fit/source_file_format.rst
 * and boot/image-fit.c, U-Boot 2026.10-rc2).
 */
export interface FitFile {
  /** What it is. */
  readonly kind: "fit-file";
  /** What its maker wrote about it. */
  readonly description?: string;
  /** The nodes below /images. */
  readonly images: readonly FitPart[];
  /** The nodes below /configurations. */
  readonly configurations: readonly FitConfiguration[];
  /** The name of the default configuration. */
  readonly default?: string;
}

/** An image in it. The words are the file's own: `kernel`, `arm64`, `linux`, `gzip`; undefined where it has none. */
export interface FitPart {
  /** The name of its node. */
  readonly name: string;
  /** `kernel`, `ramdisk`, `flat_dt`. */
  readonly type?: string;
  /** `arm64`. */
  readonly architecture?: string;
  /** `linux`. */
  readonly system?: string;
  /** `none`, `gzip`. */
  readonly compression?: string;
  /** Where its bytes lie in the file; or a clause about them. */
  readonly data: FitData;
  /** Checksums of its data. */
  readonly hashes: readonly FitHash[];
  /** Signatures of its data. */
  readonly signatures: readonly FitSignature[];
  /** Its data are encrypted (a node `cipher`). */
  readonly isEncrypted: boolean;
}

/** Where the data of an image lie. `why` completes "its data …". */
export type FitData =
  | { readonly kind: "data"; readonly offset: number; readonly size: number }
  | { readonly kind: "fault"; readonly why: string };

/** A checksum of an image's data. */
export interface FitHash {
  /** `sha256`, `crc32`; undefined where the node names none. */
  readonly algorithm?: string;
  /** Its bytes; empty where the node has none. */
  readonly value: Uint8Array;
}

/** A signature, which nothing here verifies: the keys are in U-Boot. */
export interface FitSignature {
  /** `sha256,rsa2048`. */
  readonly algorithm?: string;
  /** The name of the key. */
  readonly key?: string;
}

/** Images that are booted together. */
export interface FitConfiguration {
  /** The name of its node. */
  readonly name: string;
  /** What its maker wrote about it. */
  readonly description?: string;
  /** The name of the kernel's node. */
  readonly kernel?: string;
  /** The name of the initrd's node. */
  readonly ramdisk?: string;
  /** The device tree; then its overlays. */
  readonly fdt: readonly string[];
  /** What U-Boot loads besides: `loadables`, `firmware`, `fpga`, `setup`, `script`. */
  readonly others: readonly { readonly property: string; readonly image: string }[];
  /** Signatures of the whole configuration. */
  readonly signatures: readonly FitSignature[];
}

/** What reading a device tree blob as a FIT image gives. */
export type ParsedFit =
  | FitFile
  /** It has no images: another device tree. */
  | { readonly kind: "device-tree" }
  | { readonly kind: "cut"; readonly wanted: number }
  /** `why` completes "the device tree …". */
  | { readonly kind: "fault"; readonly why: string };

/** The longest text of a property that is read, bytes. */
const TEXT_MAX = 1024;

/** The largest value of a checksum, bytes: SHA-512 has 64. */
const HASH_MAX = 128;

const OTHERS: readonly string[] = ["loadables", "firmware", "fpga", "setup", "script"];

/** Reads what a FIT image says of its images, and not these. Throws what reading the source throws. */
export function parseFit(source: ByteSource): ParsedFit {
  const outline = outlineDeviceTree(source);
  if (outline.kind !== "outline") return outline;
  const { root, totalSize } = outline;
  const images = childOf(root, "images");
  if (images === undefined) return { kind: "device-tree" };
  const read = propertiesOf(source);
  const configurations = childOf(root, "configurations");
  const description = read.text(root, "description");
  const standard = configurations === undefined ? undefined : read.text(configurations, "default");
  return {
    kind: "fit-file",
    ...omitUndefined({ description, default: standard }),
    images: images.children.map((node) => partOf(node, read, source.size, align4(totalSize))),
    configurations: (configurations?.children ?? []).map((node) => configurationOf(node, read)),
  };
}

/**
 * The node that a name means, as libfdt finds it (fdt_subnode_offset, dtc 1.7): the first of that name, where a name
 * without a unit address also means one with it.
 */
export function findNamed<Node extends { readonly name: string }>(
  nodes: readonly Node[],
  name: string,
): Node | undefined {
  return nodes.find((node) => node.name === name || !name.includes("@") && node.name.startsWith(`${name}@`));
}

function childOf(node: OutlineNode, name: string): OutlineNode | undefined {
  return findNamed(node.children, name);
}

/** Reads the values of properties. */
interface Properties {
  bytes(node: OutlineNode, name: string, most: number): Uint8Array | undefined;
  /** The text up to its NUL; undefined where there is none, or it is empty. */
  text(node: OutlineNode, name: string): string | undefined;
  texts(node: OutlineNode, name: string): readonly string[];
  number(node: OutlineNode, name: string): number | undefined;
}

function propertiesOf(source: ByteSource): Properties {
  const bytes: Properties["bytes"] = (node, name, most) => {
    const property = node.properties.find((each) => each.name === name);
    return property === undefined ? undefined : source.read(property.offset, Math.min(most, property.size));
  };
  const texts: Properties["texts"] = (node, name) =>
    latin1(bytes(node, name, TEXT_MAX) ?? new Uint8Array()).split("\0").filter((text) => text !== "");
  return {
    bytes,
    texts,
    text: (node, name) => texts(node, name)[0],
    number(node, name) {
      const value = bytes(node, name, 4);
      return value?.length !== 4 ? undefined : new DataView(value.buffer, value.byteOffset, 4).getUint32(0);
    },
  };
}

function partOf(node: OutlineNode, read: Properties, fileSize: number, externalAt: number): FitPart {
  const words = {
    type: read.text(node, "type"),
    architecture: read.text(node, "arch"),
    system: read.text(node, "os"),
    compression: read.text(node, "compression"),
  };
  return {
    name: node.name,
    ...omitUndefined(words),
    data: dataOf(node, read, fileSize, externalAt),
    // With `uboot-ignore`, U-Boot itself does not compare.
    hashes: nodesOf(node, "hash").filter((each) => (read.number(each, "uboot-ignore") ?? 0) === 0).map((each) => ({
      ...omitUndefined({ algorithm: read.text(each, "algo") }),
      value: read.bytes(each, "value", HASH_MAX)?.slice() ?? new Uint8Array(),
    })),
    signatures: nodesOf(node, "signature").map((each) => signatureOf(each, read)),
    isEncrypted: nodesOf(node, "cipher").length > 0,
  };
}

/** The nodes below one whose names begin so. */
function nodesOf({ children }: OutlineNode, prefix: string): readonly OutlineNode[] {
  return children.filter(({ name }) => name.startsWith(prefix));
}

function signatureOf(node: OutlineNode, read: Properties): FitSignature {
  return omitUndefined({ algorithm: read.text(node, "algo"), key: read.text(node, "key-name-hint") });
}

/** In the tree itself, at a position in the file, or at an offset from where the tree ends (fit_image_get_data). */
function dataOf(node: OutlineNode, read: Properties, fileSize: number, externalAt: number): FitData {
  const [position, offset] = [read.number(node, "data-position"), read.number(node, "data-offset")];
  const start = position ?? (offset === undefined ? undefined : externalAt + offset);
  if (start === undefined) {
    const data = node.properties.find(({ name }) => name === "data");
    return data === undefined
      ? { kind: "fault", why: "are missing" }
      : { kind: "data", offset: data.offset, size: data.size };
  }
  const size = read.number(node, "data-size");
  if (size === undefined) return { kind: "fault", why: "lie outside of the tree, and their size is not stated" };
  return start + size > fileSize
    ? { kind: "fault", why: `are cut off: they end at byte ${start + size}, and the file at ${fileSize}` }
    : { kind: "data", offset: start, size };
}

function configurationOf(node: OutlineNode, read: Properties): FitConfiguration {
  return {
    name: node.name,
    ...omitUndefined({
      description: read.text(node, "description"),
      kernel: read.text(node, "kernel"),
      ramdisk: read.text(node, "ramdisk"),
    }),
    fdt: read.texts(node, "fdt"),
    others: OTHERS.flatMap((property) => read.texts(node, property).map((image) => ({ property, image }))),
    signatures: nodesOf(node, "signature").map((each) => signatureOf(each, read)),
  };
}
