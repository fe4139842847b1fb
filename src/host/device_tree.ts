import { type DeviceNode, type DeviceTree, flattenDeviceTree, parseDeviceTree } from "../formats/fdt.ts";
import type { Report } from "../core/shape.ts";
import { type Captured, malformed } from "./captured.ts";
import { compareNames } from "../core/text.ts";

/** Decodes the device tree. */
export function deviceTree(from: Captured, report: Report): DeviceTree | undefined {
  const found = from.one("deviceTree");
  if (found === undefined || found.bytes.length === 0) return undefined;
  const parsed = parseDeviceTree(found.bytes);
  if (parsed.kind === "tree") return parsed.tree;
  return void report(malformed({ ...found, text: "" }, `a device tree (it ${parsed.why})`));
}

/** A folder with the nodes and properties of a device tree: how it is listed, and its files read. */
export interface TreeFolder {
  list(path: string): readonly { readonly name: string; readonly isDirectory: boolean }[];
  read(path: string): Uint8Array;
}

/** Far deeper than any machine nests, so that a loop of folders ends. */
const DEPTH_MAX = 32;

/**
 * Flattens /proc/device-tree, where the kernel keeps the tree as folders and files in no order: nodes and properties by
 * name, so that cpu@2 precedes cpu@10. `name` is what the kernel adds to each node. Reservations are not shown there; what
 * they keep, /proc/iomem shows as reserved.
 */
export function flattenFolder(path: string, folder: TreeFolder): Uint8Array {
  const node = (at: string, name: string, depth: number): DeviceNode => {
    const entries = depth > DEPTH_MAX ? [] : folder.list(at).toSorted((a, b) => compareNames(a.name, b.name));
    return {
      name,
      properties: entries.filter((entry) => !entry.isDirectory && entry.name !== "name")
        .map((entry) => ({ name: entry.name, value: folder.read(`${at}/${entry.name}`) })),
      children: entries.filter((entry) => entry.isDirectory)
        .map((entry) => node(`${at}/${entry.name}`, entry.name, depth + 1)),
    };
  };
  return flattenDeviceTree({ bootCpu: 0, reservations: [], root: node(path, "", 0) }).bytes;
}
