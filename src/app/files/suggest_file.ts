import { nearest } from "../../core/nearest.ts";
import { compareNames } from "../../core/text.ts";

/**
 * A hint for a file that is missing from its directory: the name that was probably meant, and the newest version of the same
 * kind, `vmlinuz-6.1.0-50` for `vmlinuz-6.1.0-49` or for `vmlinuz`. Undefined if the directory has neither.
 */
export function suggestFile(missing: string, names: readonly string[]): string | undefined {
  const near = nearest(missing, names);
  const [kind = ""] = /^[^-.\d]*/.exec(missing) ?? [];
  const newest = kind === "" ? undefined : names.filter((name) => name.startsWith(kind) && /\d/.test(name))
    .toSorted(compareNames).at(-1);
  if (near === undefined) return newest === undefined ? undefined : `The newest one there is \`${newest}\``;
  return newest === undefined || newest === near
    ? `Did you mean \`${near}\`?`
    : `Did you mean \`${near}\`, or the newest one, \`${newest}\`?`;
}
