import { omitUndefined, type Report } from "../core/shape.ts";
import { type Captured, malformed } from "./captured.ts";
import type { EfiFacts } from "./facts.ts";
import { DECIMAL, HEX, oneValue, restricted, valueOf } from "./one_value.ts";
import type { SourceName } from "./sources.ts";

const PLATFORM_SIZE = restricted(DECIMAL, "32 or 64", (bits) => bits === 32n || bits === 64n);

/** The type of an EFI memory descriptor is 32 bits wide. */
const TYPE = restricted(HEX, "a type of EFI memory", (type) => type <= 0xffff_ffffn);

/** Any of these is there on a host that was booted through UEFI, also for a reader without privileges. */
const SIGNS: readonly SourceName[] = ["efiPlatformSize", "efiSystab", "efiFwVendor", "efiRuntime", "efiConfigTable"];

/** Decodes the kernel's EFI directory; undefined on a host without UEFI. */
export function efiFacts(from: Captured, report: Report): EfiFacts | undefined {
  if (SIGNS.every((name) => from.one(name) === undefined && from.unreadable(name).length === 0)) return undefined;
  const platformSize = oneValue(from, report, "efiPlatformSize", PLATFORM_SIZE);
  return omitUndefined({
    platformSize: platformSize === undefined ? undefined : platformSize === 64n ? 64 as const : 32 as const,
    systab: systab(from, report),
    fwVendor: oneValue(from, report, "efiFwVendor", HEX),
    runtime: oneValue(from, report, "efiRuntime", HEX),
    configTable: oneValue(from, report, "efiConfigTable", HEX),
    runtimeMap: runtimeMap(from, report),
  });
}

/** Lines `ACPI20=0x...`. */
function systab(from: Captured, report: Report): EfiFacts["systab"] {
  const found = from.one("efiSystab");
  if (found === undefined || found.text === "") return {};
  const rows = found.text.split("\n").flatMap((line, index) => {
    const [, name, address = ""] = /^(\w+)=(0x[0-9a-f]+)$/i.exec(line) ?? [];
    const value = HEX.read(address);
    if (name !== undefined && value !== undefined) return [[name, value] as const];
    report(malformed(found, "`NAME=0xADDRESS`", index + 1));
    return [];
  });
  return Object.fromEntries(rows);
}

function runtimeMap(from: Captured, report: Report): EfiFacts["runtimeMap"] {
  const rows = Map.groupBy(from.all("efiRuntimeMap"), (found) => found.index);
  return [...rows.values()].flatMap((row) => {
    const value = (field: string, form = HEX) => {
      const found = row.find((each) => each.field === field);
      return found === undefined ? undefined : valueOf(found, report, form);
    };
    const type = value("type", TYPE);
    const physAddr = value("phys_addr");
    const virtAddr = value("virt_addr");
    const numPages = value("num_pages");
    const attribute = value("attribute");
    if (
      type !== undefined && physAddr !== undefined && virtAddr !== undefined && numPages !== undefined &&
      attribute !== undefined
    ) return [{ type: Number(type), physAddr, virtAddr, numPages, attribute }];
    if (row[0] !== undefined && row.length < 5) report(malformed(row[0], "an entry with all five of its files"));
    return [];
  });
}
