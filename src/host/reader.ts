/** What reading one source gave: its bytes, or why there are none. */
export type SourceResult =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "absent" }
  | { readonly kind: "error"; readonly error: string };

/** Where facts come from: the live host, or a capture. Two readers with one interface. */
export interface HostReader {
  /**
   * A directory reads as no bytes, a link under /proc/self/ns or to a watchdog's driver as its target, /proc/config.gz as what it unpacks to,
   * /proc/kcore as its headers, /proc/device-tree as the blob that its folders represent.
   */
  read(path: string): SourceResult;
  /** The names in a directory, sorted as numbers where they are numbers; empty if there is none. */
  list(directory: string): readonly string[];
}

/** The `error` of a source that the runtime's own permissions withhold; every other one is an errno's name. */
export const NOT_CAPABLE = "NotCapable";
