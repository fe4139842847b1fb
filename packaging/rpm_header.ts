/** The header structure of rpm packages (rpm's docs/manual/format_header.md): an index of tags, and a store of their values. */
import { concat } from "@std/bytes";
import { bytesOf } from "./tar.ts";

/** A value, by the type that its tag has. */
export type TagValue =
  | { readonly type: "int16" | "int32"; readonly values: readonly number[] }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "bytes"; readonly value: Uint8Array }
  /** `i18n` has one text for each locale of HEADERI18NTABLE. */
  | { readonly type: "strings" | "i18n"; readonly values: readonly string[] };

/** Numbers of the types. */
const TYPE = { int16: 3, int32: 4, string: 6, bytes: 7, strings: 8, i18n: 9 } as const;

/** Bytes of an entry of the index. */
const ENTRY = 16;

/** The tag of the region that a header is: HEADERSIGNATURES or HEADERIMMUTABLE. */
export type Region = 62 | 63;

/** A header: its tags in order, in one region, whose trailer is at the end of the store. */
export function headerBytes(region: Region, tags: ReadonlyMap<number, TagValue>): Uint8Array<ArrayBuffer> {
  const store: Uint8Array[] = [];
  let at = 0;
  const put = (bytes: Uint8Array, align = 1): number => {
    const padding = -at & (align - 1);
    store.push(new Uint8Array(padding), bytes);
    const offset = at + padding;
    at = offset + bytes.length;
    return offset;
  };
  const sorted = [...tags].toSorted(([a], [b]) => a - b);
  const entries = sorted.map(([tag, value]) => {
    const align = value.type === "int16" ? 2 : value.type === "int32" ? 4 : 1;
    return int32s([tag, TYPE[value.type], put(storeBytes(value), align), countOf(value)]);
  });
  const count = entries.length + 1;
  // The trailer is an entry that leads back to the first one of the index.
  const trailer = put(int32s([region, TYPE.bytes, -count * ENTRY, ENTRY]));
  const index = [int32s([region, TYPE.bytes, trailer, ENTRY]), ...entries];
  return concat([new Uint8Array([0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0]), int32s([count, at]), ...index, ...store]);
}

function storeBytes(value: TagValue): Uint8Array {
  switch (value.type) {
    case "int32":
      return int32s(value.values);
    case "int16":
      return concat(value.values.map((each) => new Uint8Array([each >> 8, each])));
    case "string":
      return bytesOf(`${value.value}\0`);
    case "bytes":
      return value.value;
    case "strings":
    case "i18n":
      return bytesOf(value.values.map((each) => `${each}\0`).join(""));
  }
}

function countOf(value: TagValue): number {
  switch (value.type) {
    case "string":
      return 1;
    case "bytes":
      return value.value.length;
    default:
      return value.values.length;
  }
}

/** Big-endian, as all numbers of the format; negative ones in two's complement. */
function int32s(values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  for (const [index, value] of values.entries()) view.setInt32(4 * index, value | 0);
  return new Uint8Array(view.buffer);
}
