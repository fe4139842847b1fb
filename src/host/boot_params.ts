import { omitUndefined, type Report } from "../core/shape.ts";
import { type Captured, malformed } from "./captured.ts";
import type { HostFacts, SetupData } from "./facts.ts";
import { HEX, oneValue, restricted, valueOf } from "./one_value.ts";

/** What the boot loader gave to the running x86 kernel. */
export type BootParamsFacts = Pick<HostFacts, "bootParams" | "bootProtocol" | "setupData">;

/** The size of struct boot_params (arch/x86/include/uapi/asm/bootparam.h). */
const BOOT_PARAMS_SIZE = 4096;

const PROTOCOL = restricted(HEX, "a boot protocol such as 0x020f", (version) => version <= 0xffffn);

const TYPE = restricted(HEX, "a type of setup_data", (type) => type <= 0xffff_ffffn);

/** Decodes /sys/kernel/boot_params; the bytes stay as they are. */
export function bootParamsFacts(from: Captured, report: Report): BootParamsFacts {
  const data = from.one("bootParams");
  const whole = data?.bytes.length === BOOT_PARAMS_SIZE;
  if (data !== undefined && !whole) report(malformed(data, `${BOOT_PARAMS_SIZE} bytes (but ${data.bytes.length})`));
  const nodes = setupData(from, report);
  const protocol = oneValue(from, report, "bootProtocol", PROTOCOL);
  return omitUndefined({
    bootParams: whole ? data.bytes : undefined,
    bootProtocol: protocol === undefined ? undefined : Number(protocol),
    setupData: nodes.length === 0 ? undefined : nodes,
  });
}

function setupData(from: Captured, report: Report): readonly SetupData[] {
  const contents = new Map(from.all("setupData").map(({ index, bytes }) => [index, bytes]));
  return from.all("setupDataType").flatMap((found) => {
    const type = valueOf(found, report, TYPE);
    const data = contents.get(found.index);
    if (type === undefined) return [];
    return [{ type: Number(type), ...(data === undefined ? {} : { data }) }];
  });
}
