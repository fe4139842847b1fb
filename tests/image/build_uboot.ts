/** Builds the images that U-Boot boots, as `mkimage` does: complete and self-consistent, with every field free to be set. */
import { concat } from "@std/bytes";
import { crc32 } from "../../src/formats/checksums.ts";
import { type DeviceNode, type DeviceProperty, flattenDeviceTree } from "../../src/formats/fdt.ts";
import { sha256Of } from "../../src/core/sha256.ts";

/** The fields of a uImage's header; numbers as in include/image.h. */
export interface UImageSpec {
  readonly data?: Uint8Array;
  /** Several files in place of `data`: type 4. */
  readonly files?: readonly Uint8Array[];
  readonly system?: number;
  readonly architecture?: number;
  readonly type?: number;
  readonly compression?: number;
  readonly title?: string;
}

/** A uImage: of a Linux kernel for arm64 unless the fields say otherwise. */
export function uImage(spec: UImageSpec): Uint8Array {
  const { files, system = 5, architecture = 22, compression = 0, title = "Linux" } = spec;
  const data = files === undefined ? spec.data ?? new Uint8Array() : severalFiles(files);
  const header = new Uint8Array(64);
  const view = new DataView(header.buffer);
  view.setUint32(0, 0x27051956);
  view.setUint32(12, data.length);
  view.setUint32(16, 0x8_0000);
  view.setUint32(20, 0x8_0000);
  view.setUint32(24, crc32(data));
  header.set([system, architecture, spec.type ?? (files === undefined ? 2 : 4), compression], 28);
  header.set(new TextEncoder().encode(title).subarray(0, 32), 32);
  view.setUint32(4, crc32(header));
  return concat([header, data]);
}

function severalFiles(files: readonly Uint8Array[]): Uint8Array {
  const table = new Uint8Array((files.length + 1) * 4);
  files.forEach(({ length }, index) => new DataView(table.buffer).setUint32(index * 4, length));
  return concat([table, ...files.map((file) => concat([file, new Uint8Array(-file.length & 3)]))]);
}

/** A value of a property: a text, several, a number, bytes. */
type Value = string | readonly string[] | number | Uint8Array;

/** Properties of a node; one that is undefined is left out. */
export type Properties = { readonly [name: string]: Value | undefined };

/** An image in a FIT image; a property that is undefined is left out. */
export interface FitImageSpec {
  readonly data?: Uint8Array;
  readonly properties?: Properties;
  /** Nodes in it; without, a `hash-1` of sha256. */
  readonly nodes?: { readonly [name: string]: { readonly [name: string]: Value } };
}

/** What a FIT image is made of. */
export interface FitSpec {
  readonly images: { readonly [name: string]: FitImageSpec };
  readonly configurations?: { readonly [name: string]: { readonly [name: string]: Value } };
  readonly default?: string;
  /** The nodes within a configuration. */
  readonly signatures?: { readonly [configuration: string]: { readonly [name: string]: Value } };
  /** Where the data lie: in the tree, or after it at an offset or a position. */
  readonly external?: "offset" | "position";
}

/** The properties of a kernel, an initrd and a device tree. */
export const FIT_KERNEL: Properties = {
  type: "kernel",
  arch: "arm64",
  os: "linux",
  compression: "none",
  load: 0x8_0000,
  entry: 0x8_0000,
};
export const FIT_RAMDISK: Properties = {
  type: "ramdisk",
  arch: "arm64",
  os: "linux",
  compression: "none",
};
export const FIT_TREE: Properties = { type: "flat_dt", arch: "arm64", compression: "none" };

/** A FIT image. */
export function fitImage(spec: FitSpec): Uint8Array {
  const build = (start: number): { readonly bytes: Uint8Array; readonly rest: readonly Uint8Array[] } => {
    const rest: Uint8Array[] = [];
    let at = 0;
    const placed = (data: Uint8Array): readonly DeviceProperty[] => {
      if (spec.external === undefined) return [{ name: "data", value: data }];
      const offset = at;
      rest.push(concat([data, new Uint8Array(-data.length & 3)]));
      at += data.length + (-data.length & 3);
      return [
        { name: "data-size", value: bytesOf(data.length) },
        spec.external === "offset"
          ? { name: "data-offset", value: bytesOf(offset) }
          : { name: "data-position", value: bytesOf(start + offset) },
      ];
    };
    const images = Object.entries(spec.images).map(([name, { data, properties = {}, nodes }]): DeviceNode => ({
      name,
      properties: [...propertiesOf({ description: name, ...properties }), ...(data === undefined ? [] : placed(data))],
      children: Object.entries(nodes ?? (data === undefined ? {} : { "hash-1": sha256Node(data) })).map(nodeOf),
    }));
    const configurations = Object.entries(spec.configurations ?? {}).map(([name, properties]): DeviceNode => ({
      name,
      properties: propertiesOf(properties),
      children: Object.entries(spec.signatures ?? {}).flatMap(([of, signature]) =>
        of === name ? [nodeOf(["signature-1", signature])] : []
      ),
    }));
    const root: DeviceNode = {
      name: "",
      properties: propertiesOf({ timestamp: 1, description: "Images", "#address-cells": 1 }),
      children: [
        { name: "images", properties: [], children: images },
        {
          name: "configurations",
          properties: propertiesOf({ default: spec.default }),
          children: configurations,
        },
      ],
    };
    return { bytes: flattenDeviceTree({ bootCpu: 0, reservations: [], root }).bytes, rest };
  };
  const start = (build(0).bytes.length + 3) & ~3;
  const { bytes, rest } = build(start);
  return rest.length === 0 ? bytes : concat([bytes, new Uint8Array(start - bytes.length), ...rest]);
}

/** A kernel, an initrd and a device tree as one configuration that is the default. */
export function wholeFit(
  kernel: Uint8Array,
  parts: { readonly ramdisk?: Uint8Array; readonly tree?: Uint8Array; readonly compression?: string } = {},
  more: Partial<FitSpec> = {},
): Uint8Array {
  const { ramdisk, tree, compression = "none" } = parts;
  return fitImage({
    images: {
      "kernel-1": { data: kernel, properties: { ...FIT_KERNEL, compression } },
      ...(ramdisk === undefined ? {} : { "ramdisk-1": { data: ramdisk, properties: FIT_RAMDISK } }),
      ...(tree === undefined ? {} : { "fdt-1": { data: tree, properties: FIT_TREE } }),
    },
    configurations: {
      "conf-1": {
        kernel: "kernel-1",
        ...(ramdisk === undefined ? {} : { ramdisk: "ramdisk-1" }),
        ...(tree === undefined ? {} : { fdt: "fdt-1" }),
      },
    },
    default: "conf-1",
    ...more,
  });
}

/** A checksum of data. */
function sha256Node(data: Uint8Array): { readonly algo: string; readonly value: Uint8Array } {
  return { algo: "sha256", value: Uint8Array.fromHex(sha256Of(data)) };
}

/** A device tree with so much memory; none without. */
export function smallTree(memory?: { readonly address: number; readonly size: number }): Uint8Array {
  const root: DeviceNode = {
    name: "",
    properties: propertiesOf({ "#address-cells": 2, "#size-cells": 2, compatible: "test,board" }),
    children: memory === undefined ? [] : [{
      name: "memory@0",
      properties: propertiesOf({
        device_type: "memory",
        reg: concat([0, memory.address, 0, memory.size].map((number) => bytesOf(number))),
      }),
      children: [],
    }],
  };
  return flattenDeviceTree({ bootCpu: 0, reservations: [], root }).bytes;
}

function nodeOf([name, properties]: readonly [string, { readonly [name: string]: Value }]): DeviceNode {
  return { name, properties: propertiesOf(properties), children: [] };
}

function propertiesOf(values: { readonly [name: string]: Value | undefined }): readonly DeviceProperty[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value: bytesOf(value) }]
  );
}

function bytesOf(value: Value): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === "number") return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
  return new TextEncoder().encode(typeof value === "string" ? `${value}\0` : value.map((text) => `${text}\0`).join(""));
}
