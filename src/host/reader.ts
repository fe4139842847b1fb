/** What reading one source gave: its bytes, or why there are none. */
export type SourceResult =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "absent" }
  | { readonly kind: "error"; readonly error: string };

/** Where facts come from: the live host, or a capture. Two readers behind one interface. */
export interface HostReader {
  /**
   * A directory reads as no bytes, a link under /proc/self/ns as its target, /proc/config.gz as what it unpacks to,
   * /proc/kcore as its headers, /proc/device-tree as the blob that its folders stand for.
   */
  read(path: string): SourceResult;
  /** The names in a directory, sorted as numbers where they are numbers; empty if there is none. */
  list(directory: string): readonly string[];
}

/** The `error` of a source that the runtime's own permissions withhold; every other one is an errno's name. */
export const NOT_CAPABLE = "NotCapable";

/** The order of names in a directory: digits by their value, so that `cpu2` precedes `cpu10`. */
export function compareNames(a: string, b: string): number {
  // Not by Intl.Collator: starting one takes longer than all else that happens before the first source is read.
  const left = a.split(/(\d+)/);
  const right = b.split(/(\d+)/);
  for (const [index, part] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    const order = index % 2 === 1 ? Number(part) - Number(other) : part < other ? -1 : part > other ? 1 : 0;
    if (order !== 0) return order;
  }
  return left.length < right.length ? -1 : 0;
}
