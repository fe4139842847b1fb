/** What reading one source gave: its bytes, or why there are none. */
export type SourceResult =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "absent" }
  | { readonly kind: "error"; readonly error: string };

/** Where facts come from: the live host, or a capture. Two readers behind one interface. */
export interface HostReader {
  read(path: string): SourceResult;
  /** The names in a directory, sorted as numbers where they are numbers; empty if there is none. */
  list(directory: string): readonly string[];
}
