import { concat } from "@std/bytes";
import type { DeviceNode, DeviceTree } from "../../formats/fdt.ts";
import { parameterKey, parseCmdline } from "../../profile/cmdline/cmdline.ts";
import { cellsOf, nodesAlong, rangesOf, rootChild, textsOf, valueOf } from "./device_tree_nodes.ts";

/** What a PL011 calls itself; ARM's generic UART is a part of one. */
const PL011 = ["arm,pl011", "arm,sbsa-uart"];

/**
 * Where the PL011 of the console lies, physical address: by the device tree's `stdout-path`, else by `earlycon=pl011,` of
 * the command line. Undefined: there is none that is known.
 */
export function consoleOf(tree: DeviceTree | undefined, cmdline: string): bigint | undefined {
  return (tree === undefined ? undefined : stdoutOf(tree)) ?? earlyconOf(cmdline);
}

function stdoutOf(tree: DeviceTree): bigint | undefined {
  const chosen = rootChild(tree, "chosen");
  const [stated] = [...textsOf(chosen, "stdout-path"), ...textsOf(chosen, "linux,stdout-path")];
  const [name = ""] = (stated ?? "").split(":");
  const path = name.startsWith("/") ? name : textsOf(rootChild(tree, "aliases"), name)[0];
  const nodes = path === undefined || path === "" ? undefined : nodesAlong(tree, path);
  const node = nodes?.at(-1);
  if (nodes === undefined || node === undefined) return undefined;
  const [status = "okay"] = textsOf(node, "status");
  if (!textsOf(node, "compatible").some((each) => PL011.includes(each)) || !/^ok(ay)?$/.test(status)) return undefined;
  return addressOf(nodes);
}

/** The first address of a node in the terms of the CPU: each bus on the way up says where it puts the one below it. */
function addressOf(nodes: readonly DeviceNode[]): bigint | undefined {
  const node = nodes.at(-1);
  const parents = nodes.slice(0, -1).toReversed();
  const [parent, ...above] = parents;
  const reg = valueOf(node, "reg");
  if (parent === undefined || reg === undefined) return undefined;
  let address = rangesOf(reg, cellsOf(parent))?.[0]?.start;
  let bus = parent;
  for (const next of above) {
    if (address === undefined) return undefined;
    address = translated(address, bus, next);
    bus = next;
  }
  return address;
}

/** `ranges` of a bus: child address, parent address, size; empty where both are the same. */
function translated(address: bigint, bus: DeviceNode, parent: DeviceNode): bigint | undefined {
  const ranges = valueOf(bus, "ranges");
  if (ranges === undefined) return undefined;
  if (ranges.length === 0) return address;
  const [child, above] = [cellsOf(bus), cellsOf(parent)];
  const width = (child.address + above.address + child.size) * 4;
  for (let at = 0; at + width <= ranges.length; at += width) {
    const own = ranges.subarray(at, at + child.address * 4);
    const rest = ranges.subarray(at + child.address * 4, at + width);
    const size = rest.subarray(above.address * 4);
    const [inner] = rangesOf(concat([own, size]), child) ?? [];
    const [outer] = rangesOf(rest, { address: above.address, size: child.size }) ?? [];
    if (inner !== undefined && outer !== undefined && inner.start <= address && address < inner.end) {
      return address - inner.start + outer.start;
    }
  }
  return undefined;
}

/** `earlycon=pl011,0x9000000`, perhaps with how it is accessed before the address (drivers/tty/serial/earlycon.c). */
function earlyconOf(cmdline: string): bigint | undefined {
  for (const parameter of parseCmdline(cmdline).kernel) {
    if (parameterKey(parameter) !== "earlycon") continue;
    const [, address] = /^pl011,(?:mmio(?:32)?,)?(0x[0-9a-fA-F]{1,16})(?:,.*)?$/.exec(parameter.value ?? "") ?? [];
    if (address !== undefined) return BigInt(address);
  }
  return undefined;
}
