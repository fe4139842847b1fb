import { join } from "@std/path";
import { type DeviceTree, flattenDeviceTree, parseDeviceTree } from "../../src/formats/fdt.ts";
import { architecture } from "./architecture.ts";
import { findQemu } from "./find_qemu.ts";
import { output } from "./host_command.ts";

/** Where a guest finds the mark of `markedTree`. */
export const MARK = "/proc/device-tree/warmboot-mark";

/** The same tree with a mark, and without memory, as the trees are that kernels are built with: U-Boot fills it in. */
export async function markedTree(mark: string): Promise<Uint8Array> {
  const tree = await boardTree();
  const root = {
    ...tree.root,
    properties: [...tree.root.properties, { name: "warmboot-mark", value: new TextEncoder().encode(`${mark}\0`) }],
    children: tree.root.children.filter(({ name }) => !name.startsWith("memory")),
  };
  return flattenDeviceTree({ ...tree, root }).bytes;
}

/** The device tree of QEMU's arm64 board with two processors, as it would hand it to the kernel. */
async function boardTree(): Promise<DeviceTree> {
  const { board, cpu } = architecture("aarch64");
  const { path } = await findQemu("aarch64");
  const folder = await Deno.makeTempDir({ prefix: "warmboot-tree-" });
  try {
    const file = join(folder, "board.dtb");
    const machine = ["-machine", `${board},dumpdtb=${file}`, "-cpu", cpu, "-m", "1024", "-smp", "2,sockets=2"];
    await output(path, ["-nodefaults", "-display", "none", ...machine]);
    const parsed = parseDeviceTree(await Deno.readFile(file));
    if (parsed.kind === "fault") throw new Error(`QEMU's device tree ${parsed.why}`);
    return parsed.tree;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
