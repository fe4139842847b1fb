import type { Diagnostic } from "../core/diagnostic.ts";
import { parseNumber } from "../core/number.ts";
import { READ_LIMITS, type ReadLimits } from "../image/initrd_content.ts";
import { environmentVariable } from "./environment_variable.ts";

/** A limit that the environment may set. */
interface LimitVariable {
  /** The variable. */
  readonly name: string;
  readonly limit: keyof ReadLimits;
  /** For the manual. */
  readonly doc: string;
}

/** How much of an initrd is read through at most: the environment variables that raise or lower it. */
export const LIMIT_VARIABLES: readonly LimitVariable[] = [
  {
    name: "WARMBOOT_INITRD_LIMIT",
    limit: "size",
    doc: "How much an initrd may unpack to; a larger one is refused. 16GiB by default.",
  },
  {
    name: "WARMBOOT_INITRD_FILES_LIMIT",
    limit: "files",
    doc: "How many files an initrd may have. 2000000 by default.",
  },
  {
    name: "WARMBOOT_INITRD_STREAMS_LIMIT",
    limit: "streams",
    doc: "How many compressed streams an initrd may be made of. 10000 by default.",
  },
];

/**
 * The limits that hold: the usual ones, but for what the environment sets. A variable that is not a positive number is an
 * error, `wrong-type`.
 */
export function readLimits(
  variable: (name: string) => string | undefined = environmentVariable,
): { readonly limits: ReadLimits; readonly diagnostics: readonly Diagnostic[] } {
  const limits: { -readonly [Limit in keyof ReadLimits]: number } = { ...READ_LIMITS };
  const diagnostics: Diagnostic[] = [];
  for (const { name, limit } of LIMIT_VARIABLES) {
    const text = variable(name) ?? "";
    if (text === "") continue;
    const value = Number(parseNumber(text) ?? 0n);
    if (value > 0 && Number.isSafeInteger(value)) limits[limit] = value;
    else {
      const expected = limit === "size" ? "a size such as 32GiB" : "a positive number";
      const found = JSON.stringify(text);
      diagnostics.push({
        code: "wrong-type",
        severity: "error",
        message: `${name} is not ${expected}`,
        expected,
        found,
      });
    }
  }
  return { limits, diagnostics };
}
