import type { Checked, Diagnostic } from "../../core/diagnostic.ts";
import { formatAddress } from "../../core/number.ts";
import { type Range, subtract } from "../../core/range.ts";
import type { HostFacts } from "../../host/facts.ts";
import { walk } from "../../host/iomem.ts";
import { type Cmdline, kernelParameter, parseCmdline } from "../../profile/cmdline/cmdline.ts";

/** A range of the next kernel's memory map. `type` is the number that the boot protocol uses; 1 is memory. */
export interface E820Entry extends Range {
  /** E820_TYPE_ of arch/x86/include/asm/e820/types.h. */
  readonly type: number;
}

/** Memory that the kernel may use. */
export const E820_RAM = 1;

/** Memory for which dax_hmem and kmem of the next kernel look. */
export const E820_SOFT_RESERVED = 0xefff_ffff;

/** Memory that it must keep away from. */
const E820_RESERVED = 2;

/**
 * The kernel's names for the types, in lower case, since releases differ in capitals (e820_type_to_string() in
 * arch/x86/kernel/e820.c, Linux 4.4 to 7.3, and its rewording of 2025).
 */
const TYPES: ReadonlyMap<string, number> = new Map([
  ["system ram", E820_RAM],
  ["reserved", E820_RESERVED],
  ["device reserved", E820_RESERVED],
  ["unknown e820 type", E820_RESERVED],
  ["acpi tables", 3],
  ["acpi non-volatile storage", 4],
  ["unusable memory", 5],
  ["persistent memory", 7],
  ["persistent memory (legacy)", 12],
  ["soft reserved", E820_SOFT_RESERVED],
]);

function isPersistent(name: string): boolean {
  return /^persistent memory(?: \(legacy\))?$/i.test(name);
}

/** Parameters of the running command line that hide memory from /proc/iomem, though not from the firmware's map. */
const LIMITS: readonly string[] = ["mem", "memmap"];

/**
 * The memory map that is handed over to the next kernel: the firmware's, which `mem=` of the running kernel does not limit. Where
 * the kernel has none to show, or `add_efi_memmap` added to it what the firmware's map lacks, that of /proc/iomem.
 * Sorted by address; ranges that overlap stay, the next kernel settles them (e820__update_table(), the higher type
 * wins). Errors: neither map is known, or it has no memory.
 */
export function e820Of(facts: HostFacts): Checked<readonly E820Entry[]> {
  const running = parseCmdline(facts.cmdline ?? "");
  const { value, diagnostics } =
    facts.firmwareMap.length === 0 || kernelParameter(running, "add_efi_memmap") !== undefined
      ? fromIomem(facts, running)
      : fromFirmware(facts);
  if (value === undefined) return { value, diagnostics };
  const entries = value.filter(({ start, end }) => start < end).toSorted(byAddress);
  return entries.some(({ type }) => type === E820_RAM)
    ? { value: entries, diagnostics }
    : { value: undefined, diagnostics: [...diagnostics, noMemory()] };
}

/**
 * A type that no release names is reserved, with a warning: to offer less memory is safe, to offer more is not. Before
 * Linux 5.8 persistent memory that a driver has added as memory is in this map, too (firmware_map_add_hotplug() in
 * mm/memory_hotplug.c): the next kernel would overwrite it.
 */
function fromFirmware({ firmwareMap, iomem }: HostFacts): Checked<readonly E820Entry[]> {
  const unknown = new Map<string, Diagnostic>();
  const persistent = iomem.visibility === "full" ? [...walk(iomem)].filter(({ name }) => isPersistent(name)) : [];
  const value = firmwareMap.flatMap(({ start, end, type: name }): readonly E820Entry[] => {
    const type = TYPES.get(name.toLowerCase());
    if (type === undefined && !unknown.has(name)) unknown.set(name, unknownType(name, start));
    if (type === E820_RAM) return subtract([{ start, end }], persistent).map((range) => ({ ...range, type }));
    return [{ start, end, type: type ?? E820_RESERVED }];
  });
  return { value, diagnostics: [...unknown.values()] };
}

/**
 * Memory counts on the top level alone: `System RAM` elsewhere belongs to a driver. Other types count at any depth, since
 * what firmware reserves often lies inside a bus, such as the memory-mapped PCI configuration.
 */
function fromIomem({ iomem }: HostFacts, running: Cmdline): Checked<readonly E820Entry[]> {
  if (iomem.visibility !== "full") return { value: undefined, diagnostics: [hidden(iomem.visibility)] };
  const value = [...walk(iomem)].flatMap((node): readonly E820Entry[] => {
    const type = TYPES.get(node.name.toLowerCase());
    if (type === undefined || (type === E820_RAM && !iomem.roots.includes(node))) return [];
    return [{ start: node.start, end: node.end, type }];
  });
  const limit = LIMITS.find((name) => kernelParameter(running, name) !== undefined);
  return { value, diagnostics: limit === undefined ? [] : [limited(limit)] };
}

function byAddress(a: E820Entry, b: E820Entry): number {
  const difference = a.start !== b.start ? a.start - b.start : a.end !== b.end ? a.end - b.end : 0n;
  return difference < 0n ? -1 : difference > 0n ? 1 : a.type - b.type;
}

function unknownType(name: string, start: bigint): Diagnostic {
  return {
    code: "e820-type",
    severity: "warning",
    message: `The firmware's memory map has the unknown type \`${name}\` at ${formatAddress(start)}; ` +
      "the next kernel is handed it as reserved",
  };
}

function hidden(visibility: "zeroed" | "absent"): Diagnostic {
  return visibility === "zeroed"
    ? {
      code: "iomem-zeroed",
      severity: "error",
      message: "The next kernel's memory map must come from /proc/iomem, which shows every address as zero",
      hint: "Take the facts as root, outside of containers",
    }
    : {
      code: "e820-unknown",
      severity: "error",
      message: "The next kernel's memory map is unknown: neither /sys/firmware/memmap nor /proc/iomem says it",
      hint: "Take the facts on the host itself, as root",
    };
}

function noMemory(): Diagnostic {
  return {
    code: "e820-unknown",
    severity: "error",
    message: "The next kernel's memory map has no `System RAM`, so that it could not start",
    hint: "Take the facts again, on the host itself, as root",
  };
}

function limited(name: string): Diagnostic {
  return {
    code: "e820-limited",
    severity: "warning",
    message:
      `The running kernel's \`${name}=\` limits /proc/iomem, and the next kernel will see no more memory than that`,
    hint: `Reboot through the firmware without \`${name}=\` if the next kernel is to have all memory`,
  };
}
