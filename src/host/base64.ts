import { scalar, type Shape } from "../core/shape.ts";

/** Bytes as text: base64 with its padding, as `Uint8Array.fromBase64` and every other reader take it alike. */
export const BASE64: Shape<string> = scalar(
  "a text in padded base64",
  {
    type: "string",
    contentEncoding: "base64",
    pattern: "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
  },
  (value) => typeof value === "string" && isBase64(value) ? value : undefined,
);

function isBase64(value: string): boolean {
  try {
    return Uint8Array.fromBase64(value).toBase64() === value;
  } catch {
    return false;
  }
}
