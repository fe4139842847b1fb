import { visible } from "../../core/text.ts";
import type { Nested, Numbered } from "./model.ts";

/** Texts in lists in lists as JSON: each text once, and its number where it was. No text can turn the direction of others. */
export function packTexts(value: Nested): string {
  const numbers = new Map<string, number>();
  const numbered = (each: Nested): Numbered => {
    if (typeof each !== "string") return each.map(numbered);
    const known = numbers.get(each);
    if (known !== undefined) return known;
    numbers.set(each, numbers.size);
    return numbers.size - 1;
  };
  const packed = numbered(value);
  return JSON.stringify([[...numbers.keys()].map((text) => visible(text.toWellFormed())), packed]);
}

/** Text as base64 of its UTF-8, deflated (RFC 1951): what the page reads by DecompressionStream. */
export async function deflated(text: string): Promise<string> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer()).toBase64();
}
