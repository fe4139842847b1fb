import type { Report } from "../core/shape.ts";
import { type Captured, type Found, malformed } from "./captured.ts";
import type { SourceName } from "./sources.ts";

/** How a file that holds one value writes it. `read` gives undefined for anything else. */
export interface ValueForm<T> {
  readonly expected: string;
  read(text: string): T | undefined;
}

/** One line that is not empty. */
export const LINE: ValueForm<string> = {
  expected: "one line of text",
  read: (text) => text !== "" && !text.includes("\n") ? text : undefined,
};

/** `0` or `1`. */
export const FLAG: ValueForm<boolean> = {
  expected: "0 or 1",
  read: (text) => text === "1" ? true : text === "0" ? false : undefined,
};

/** A decimal number without a sign. */
export const DECIMAL: ValueForm<bigint> = {
  expected: "a decimal number",
  read: (text) => /^\d{1,20}$/.test(text) ? BigInt(text) : undefined,
};

/** A number of loads: -1 for any, else zero or more (an int in the kernel). */
export const LOADS: ValueForm<number> = {
  expected: "-1, or a number of loads",
  read: (text) => /^(?:-1|\d{1,10})$/.test(text) ? Number(text) : undefined,
};

/** A hexadecimal number, with or without `0x`; 64 bits. */
export const HEX: ValueForm<bigint> = {
  expected: "a hexadecimal number",
  read: (text) => /^(?:0x)?[0-9a-f]{1,16}$/i.test(text) ? BigInt(`0x${text.replace(/^0x/i, "")}`) : undefined,
};

/** A form and a condition on what it reads. */
export function restricted<T>(form: ValueForm<T>, expected: string, allowed: (value: T) => boolean): ValueForm<T> {
  return {
    expected,
    read(text) {
      const value = form.read(text);
      return value !== undefined && allowed(value) ? value : undefined;
    },
  };
}

/** The value of a source that holds one; undefined if it is absent, or malformed, which is reported. */
export function oneValue<T>(from: Captured, report: Report, name: SourceName, form: ValueForm<T>): T | undefined {
  const found = from.one(name);
  return found === undefined ? undefined : valueOf(found, report, form);
}

/** The value of one found file. */
export function valueOf<T>(found: Found, report: Report, form: ValueForm<T>): T | undefined {
  const value = form.read(found.text);
  if (value === undefined) report(malformed(found, form.expected));
  return value;
}
