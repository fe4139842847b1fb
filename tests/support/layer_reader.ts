import type { LayerReader } from "../../src/profile/layers.ts";

/** Supplies the files of profiles from texts by path; drop-ins are the files in `FILE.d/`. `reads` notes each reading. */
export function layerReader(
  files: { readonly [path: string]: string },
  reads: string[] = [],
): LayerReader {
  const normal = (path: string): string => path.replace(/[^/]+\/\.\.\//g, "");
  return {
    read(path) {
      reads.push(path);
      const text = files[normal(path)];
      return text === undefined
        ? {
          kind: "failed",
          diagnostic: { code: "file-missing", severity: "error", message: `${path} does not exist` },
        }
        : { kind: "bytes", bytes: new TextEncoder().encode(text), id: normal(path) };
    },
    dropIns: (file) => ({
      files: Object.keys(files).filter((path) => path.startsWith(`${normal(file)}.d/`)).toSorted(),
      diagnostics: [],
    }),
  };
}
