import { type Fields, list, record, type Shape, text } from "../../core/shape.ts";
import { readWhole } from "../files/read_whole.ts";
import type { Checked, Diagnostic } from "../../core/diagnostic.ts";
import { jsonText } from "../../core/text.ts";

/** A file that was installed. */
export interface InstalledFile {
  readonly path: string;
  readonly sha256: string;
}

/** What an installation consists of, so that it can be taken away again. Paths are without a DESTDIR. */
export interface Manifest {
  readonly format: string;
  readonly version: string;
  /** The folder in which the manifest itself is. */
  readonly folder: string;
  readonly files: readonly InstalledFile[];
  /** The folders that were made for them, the outer before the inner. */
  readonly folders: readonly string[];
}

/** The form of the manifest. */
export const MANIFEST_FORMAT = "warmboot.install/1";

/** Its name, beside the program's. */
export const MANIFEST_NAME = "manifest.json";

const FILE_FIELDS: Fields<InstalledFile> = {
  path: { shape: text, doc: "Where it is." },
  sha256: { shape: text, doc: "What it was." },
};

const SHAPE: Shape<Manifest> = record<Manifest>({
  format: { shape: text, doc: "The form of the manifest." },
  version: { shape: text, doc: "The version of warmboot." },
  folder: { shape: text, doc: "Where the manifest is." },
  files: { shape: list(record(FILE_FIELDS, "a file")), doc: "Every file." },
  folders: { shape: list(text), doc: "Every folder that was made." },
}, "a manifest");

/** No manifest is larger. */
const LIMIT = { what: "a manifest", bytes: 1 << 20 };

/** Reads a manifest; a value and diagnostics are both missing where there is none. */
export function readManifest(path: string): Checked<Manifest> {
  const { bytes, diagnostics } = readWhole(path, LIMIT);
  if (bytes === undefined) {
    return { value: undefined, diagnostics: diagnostics.filter(({ code }) => code !== "file-missing") };
  }
  const problems: Diagnostic[] = [];
  try {
    const value = SHAPE.decode(JSON.parse(new TextDecoder().decode(bytes)), [], (problem) => problems.push(problem));
    if (value?.format === MANIFEST_FORMAT) return { value, diagnostics: [] };
  } catch {
    // Reported below: it is not JSON.
  }
  return {
    value: undefined,
    diagnostics: [{
      code: "wrong-type",
      severity: "error",
      message: `${path} is not what \`warmboot install\` wrote${
        problems[0] === undefined ? "" : `: ${problems[0].message}`
      }`,
      hint: "Without it, warmboot does not know which files are its own: restore it, or remove them by hand",
    }],
  };
}

/** The manifest as it is stored. */
export function manifestText(manifest: Manifest): string {
  return jsonText(manifest);
}
