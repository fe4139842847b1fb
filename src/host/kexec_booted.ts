import type { Report } from "../core/shape.ts";
import type { DeviceTree } from "../formats/fdt.ts";
import type { Captured } from "./captured.ts";
import { DECIMAL, oneValue } from "./one_value.ts";

/** The loader number that every kexec of x86 gives (LOADER_TYPE_KEXEC; bzImage64_load in kexec-bzimage64.c, Linux 7.2). */
const KEXEC_LOADER = 13n;

/**
 * Whether a kexec started the running kernel. x86 kernels report the number of their loader; on others /chosen says it,
 * where warmboot or kexec_file_load made the device tree (drivers/of/kexec.c, Linux 7.2). kexec-tools' own trees lack it.
 */
export function kexecBooted(from: Captured, report: Report, tree: DeviceTree | undefined): boolean | undefined {
  const loader = oneValue(from, report, "bootLoader", DECIMAL);
  if (loader !== undefined) return loader >> 4n === KEXEC_LOADER;
  const chosen = tree?.root.children.find(({ name }) => name === "chosen");
  return chosen?.properties.some(({ name }) => name === "linux,booted-from-kexec");
}
