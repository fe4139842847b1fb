import type { Range } from "../../core/range.ts";
import { parseCmdline } from "../../profile/cmdline/cmdline.ts";
import { shown } from "../../profile/cmdline/problem.ts";

/** What a command line says about the memory in which its kernel may lie. */
export interface MemoryParameters {
  /** The address that it must end at or before, by `mem=` or `memmap=SIZE`. */
  readonly max?: bigint;
  /** The memory that `memmap=` takes away. */
  readonly avoid: readonly Range[];
  /** Why its physical address is not to be chosen at random; a whole sentence. */
  readonly fixed?: string;
  /** Why the kernel cannot be placed in advance; completes "…, because …". */
  readonly objection?: string;
}

/**
 * Reads the parameters that a kernel's decompressor heeds when it chooses a place (handle_mem_options in
 * arch/x86/boot/compressed/kaslr.c, Linux 6.12). The decompressor avoids memory that is wanted for pages of 1 GiB, and
 * memory that can be unplugged: here the kernel then keeps the low address that the plan gives it.
 */
export function memoryParameters(cmdline: string): MemoryParameters {
  const avoid: Range[] = [];
  let max: bigint | undefined;
  let gigabytePages = false;
  const fixed: string[] = [];
  const limit = (size: bigint): void => {
    if (size > 0n && (max === undefined || size < max)) max = size;
  };
  for (const { text, name, value } of parseCmdline(cmdline).kernel) {
    if (name === "mem" && value !== undefined && value !== "nopentium") {
      const size = memparse(value);
      if (size === undefined || size.rest !== "") return { avoid, objection: notUnderstood(text) };
      limit(size.value);
    }
    if (name === "memmap") {
      for (const part of (value ?? "").split(",")) {
        if (part.startsWith("exactmap")) {
          return { avoid, objection: `\`${shown(text)}\` overrides the memory map` };
        }
        const region = memmapPart(part);
        if (region === undefined) return { avoid, objection: notUnderstood(text) };
        if (region === "usable") continue;
        if (typeof region === "bigint") limit(region);
        else avoid.push(region);
      }
    }
    if (name === "hugepagesz") gigabytePages = memparse(value ?? "")?.value === 1n << 30n;
    if (name === "hugepages" && gigabytePages) fixed.push(`\`${shown(text)}\` wants pages of 1 GiB`);
    if (name === "movable_node") fixed.push("`movable_node` keeps the kernel out of memory that can be unplugged");
  }
  const [first] = fixed;
  return { avoid, ...(max === undefined ? {} : { max }), ...(first === undefined ? {} : { fixed: first }) };
}

function notUnderstood(text: string): string {
  return `\`${shown(text)}\` is not understood`;
}

/** One part of `memmap=`: what it takes away, a limit of all memory, or memory that is added; undefined for none. */
function memmapPart(text: string): Range | bigint | "usable" | undefined {
  const size = memparse(text);
  if (size === undefined) return undefined;
  const kind = size.rest[0];
  if (kind === undefined) return size.value;
  const start = memparse(size.rest.slice(1));
  // `%` has types after the address: what kind of memory becomes which.
  if (start === undefined || (start.rest !== "" && kind !== "%")) return undefined;
  if (kind === "@") return "usable";
  return "#$!%".includes(kind) ? { start: start.value, end: start.value + size.value } : undefined;
}

const SHIFTS: { readonly [unit: string]: bigint } = { K: 10n, M: 20n, G: 30n, T: 40n, P: 50n, E: 60n };

/** A number as memparse() of lib/cmdline.c reads it: decimal, 0x, or octal after a 0, with a unit; and what follows. */
function memparse(text: string): { readonly value: bigint; readonly rest: string } | undefined {
  const match = /^(0[xX][0-9a-fA-F]+|[0-9]+)([KMGTPEkmgtpe]?)(.*)$/s.exec(text);
  if (match === null) return undefined;
  const [, digits = "", unit = "", rest = ""] = match;
  const octal = /^0[0-7]+$/.test(digits);
  if (/^0[0-9]+$/.test(digits) && !octal) return undefined;
  const value = octal ? BigInt(`0o${digits.slice(1)}`) : BigInt(digits);
  return { value: value << (SHIFTS[unit.toUpperCase()] ?? 0n), rest };
}
