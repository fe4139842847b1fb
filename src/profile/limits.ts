import type { Path } from "../core/diagnostic.ts";

/** The largest profile, bytes. */
export const MAX_BYTES = 1 << 20;

/** The most values that a profile may expand to, each alias counted in full; a text counts one per KiB. */
export const MAX_VALUES = 10_000;

/** The longest text of a command line, UTF-16 units: kernels take some KiB (COMMAND_LINE_SIZE). */
export const MAX_CMDLINE = 64 << 10;

/** The longest key, UTF-16 units. */
export const MAX_KEY = 256;

/** The deepest nesting of maps and lists. */
export const MAX_DEPTH = 64;

/** Where a value exceeds a limit, and which one. */
export interface Excess {
  readonly path: Path;
  readonly message: string;
}

/**
 * Counts what a parsed YAML value would expand to, without expanding it: an anchored value is counted once, and its count
 * is added for each alias. Undefined if it is within the limits.
 */
export function excessOf(value: unknown): Excess | undefined {
  const counts = new Map<object, number>();
  const open = new Set<object>();
  const path: (string | number)[] = [];
  let excess: Excess | undefined;

  const stop = (message: string): number => {
    excess ??= { path: [...path], message };
    return Infinity;
  };
  const count = (node: unknown): number => {
    if (typeof node === "string") return 1 + (node.length >> 10);
    if (typeof node !== "object" || node === null) return 1;
    const known = counts.get(node);
    if (known !== undefined) return known;
    if (open.has(node)) return stop("The YAML refers to itself");
    if (path.length >= MAX_DEPTH) return stop(`The YAML nests more than ${MAX_DEPTH} levels deep`);
    open.add(node);
    let total = 1;
    const entries: Iterable<[string | number, unknown]> = Array.isArray(node) ? node.entries() : Object.entries(node);
    for (const [step, child] of entries) {
      if (typeof step === "string" && step.length > MAX_KEY) return stop(`A key has more than ${MAX_KEY} characters`);
      path.push(step);
      total += count(child);
      if (total > MAX_VALUES) stop(`The YAML expands to more than ${MAX_VALUES} values`);
      path.pop();
      if (excess !== undefined) return Infinity;
    }
    open.delete(node);
    counts.set(node, total);
    return total;
  };

  count(value);
  return excess;
}
