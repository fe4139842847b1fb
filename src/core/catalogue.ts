import type { ExitName } from "./exit.ts";

/** What one diagnostic code stands for: how the program exits on it as an error, and when it is given. */
export interface CatalogueRow {
  readonly exit: ExitName;
  readonly about: string;
}

/** Every diagnostic code. docs/diagnostics.md has a heading for each, and a test keeps the two in step. */
export const CATALOGUE = {
  // Texts that are decoded: profiles, and plans and facts as JSON.
  "wrong-type": { exit: "data", about: "A value does not have the form that its key wants" },
  "unknown-key": { exit: "data", about: "A key is not known; the nearest known one is named" },
  "missing-key": { exit: "data", about: "A required key is missing" },
  // Files.
  "file-missing": { exit: "noinput", about: "A named file does not exist" },
  "file-unreadable": { exit: "noinput", about: "A named file cannot be read, or is no regular file" },
} as const satisfies { readonly [code: string]: CatalogueRow };

/** A diagnostic's code. */
export type DiagnosticCode = keyof typeof CATALOGUE;
