import { linuxMachine } from "../arch/machines.ts";
import type { Sums } from "../plan/sums.ts";
import type { CallResult, Libc } from "./libc.ts";

/**
 * Computes the sums that purgatory will compare, and writes them into it. `buffers`: the address of each segment's bytes in
 * this process. Purgatory's own function computes them: it is mapped, and called like a C function.
 */
export function takeSums({ machine, purgatory, of }: Sums, buffers: readonly bigint[], libc: Libc): CallResult {
  const sum = linuxMachine(machine)?.purgatory.sumCode();
  const into = buffers[purgatory];
  if (sum === undefined || into === undefined) throw new Error(`Cannot make the call: no purgatory for ${machine}`);
  const mapped = libc.mapCode(sum.code);
  if (!mapped.ok) return mapped;
  try {
    for (const { segment, start, length, offset } of of) {
      const buffer = buffers[segment];
      if (buffer === undefined) throw new Error(`Cannot make the call: the plan has no segment ${segment} to sum`);
      const value = length === 0n ? EMPTY : libc.call(mapped.value + BigInt(sum.offset), buffer + start, length);
      libc.put(into + BigInt(offset), new Uint8Array(new BigUint64Array([value]).buffer));
    }
    return { ok: true, value: 0 };
  } finally {
    libc.unmap(mapped.value, sum.code.length);
  }
}

/** The XXH64 of no bytes: an empty segment has no address in this process. */
const EMPTY = 0xef46_db37_51d8_e999n;
