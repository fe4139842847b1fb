import type { Diagnostic, Position } from "../core/diagnostic.ts";
import { isMap } from "../core/shape.ts";

/** What messages show in place of a secret. */
export const MASK = "(secret)";

/** The keys of a file of `files` whose value is its content. */
const LITERAL_KEYS = ["text", "base64"] as const;

const TRUE = /^true$/i;

/** Whether the content of a file of `files` is kept out of messages; nothing of it is decoded yet. */
export function isMarkedSecret(file: unknown): boolean {
  return isMap(file) && typeof file["secret"] === "string" && TRUE.test(file["secret"]);
}

/** Whether a key of such a file is its content. */
export function isLiteralKey(key: string): boolean {
  return LITERAL_KEYS.some((each) => each === key);
}

/** The lines of the secrets that the files of a profile state, the longest first; `maps` are not decoded yet. */
export function literalSecrets(maps: readonly unknown[]): readonly string[] {
  const lines = maps.flatMap((map) => isMap(map) ? ["initrd", "initrd+"].map((key) => map[key]) : [])
    .flatMap((initrd): readonly unknown[] => Array.isArray(initrd) ? initrd : [initrd])
    .flatMap((item): readonly unknown[] => isMap(item) && Array.isArray(item["files"]) ? item["files"] : [])
    .flatMap((file) => isMap(file) && isMarkedSecret(file) ? LITERAL_KEYS.map((key) => file[key]) : [])
    .flatMap((value) => typeof value === "string" ? value.split("\n").map((line) => line.trim()) : []);
  return [...new Set(lines)].filter((line) => line !== "").toSorted((a, b) => b.length - a.length);
}

/** A diagnostic in which the secrets of a profile are not shown: the source line of its place may have one. */
export function maskSecrets(diagnostic: Diagnostic, secrets: readonly string[]): Diagnostic {
  if (secrets.length === 0) return diagnostic;
  const masked = (text: string): string => secrets.reduce((all, secret) => all.replaceAll(secret, MASK), text);
  const placed = (position: Position): Position =>
    position.source === undefined ? position : { ...position, source: masked(position.source) };
  const { message, expected, found, hint, position, related } = diagnostic;
  return {
    ...diagnostic,
    message: masked(message),
    ...(expected === undefined ? {} : { expected: masked(expected) }),
    ...(found === undefined ? {} : { found: masked(found) }),
    ...(hint === undefined ? {} : { hint: masked(hint) }),
    ...(position === undefined ? {} : { position: placed(position) }),
    ...(related === undefined ? {} : {
      related: related.map((each) => each.position === undefined ? each : { ...each, position: placed(each.position) }),
    }),
  };
}
