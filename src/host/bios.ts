import { fieldsOf } from "../core/bytes.ts";
import type { Report } from "../core/shape.ts";
import { type Captured, malformed } from "./captured.ts";
import type { BiosFacts } from "./facts.ts";

/** Where the BIOS keeps what is read here: 256 vectors of 4 bytes, then its data area. */
const VECTORS = 256;
const EBDA_SEGMENT = 0x40e;
const BASE_MEMORY = 0x413;

/** Decodes the first bytes of memory; undefined where they cannot be read, and on a machine that was booted by UEFI. */
export function biosFacts(from: Captured, report: Report): BiosFacts | undefined {
  const found = from.one("bios");
  if (found === undefined) return undefined;
  if (found.bytes.length < BASE_MEMORY + 2) {
    return void report(malformed({ ...found, text: "" }, `the first ${BASE_MEMORY + 2} bytes of memory`));
  }
  const fields = fieldsOf(found.bytes);
  const linear = (at: number): bigint => BigInt(fields.u16(at + 2) * 16 + fields.u16(at));
  return {
    vectors: Array.from({ length: VECTORS }, (_, vector) => linear(vector * 4)),
    extendedData: BigInt(fields.u16(EBDA_SEGMENT) * 16),
    baseMemory: BigInt(fields.u16(BASE_MEMORY)) << 10n,
  };
}
