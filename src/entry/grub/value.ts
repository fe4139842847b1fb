/** A text that is known, or why it is not. */
export type Value = string | Unknown;

/** What only GRUB knows when it runs. */
export interface Unknown {
  /** Completes "depends on ...". */
  readonly unknown: string;
  /** What precedes the unknown part. */
  readonly prefix?: string;
}

/** Whether a value is known. */
export function isKnown(value: Value): value is string {
  return typeof value === "string";
}

/** What holds, does not hold, or cannot be known: undefined. */
export type Truth = boolean | undefined;

/** Not. */
export function not(truth: Truth): Truth {
  return truth === undefined ? undefined : !truth;
}

/** Both hold. */
export function and(a: Truth, b: Truth): Truth {
  return a === false || b === false ? false : a === undefined || b === undefined ? undefined : true;
}

/** One of them holds. */
export function or(a: Truth, b: Truth): Truth {
  return not(and(not(a), not(b)));
}
