/** The profiles that the tests of this folder read, at import time: the tests themselves have no permission. */

/** A profile in a file. `expected` are the lines `# LINE:COLUMN CODE` in it. */
export interface ProfileFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Without the byte-order mark. */
  readonly text: string;
  readonly expected: readonly string[];
}

function readFolder(folder: string): readonly ProfileFile[] {
  const url = new URL(folder, import.meta.url);
  return [...Deno.readDirSync(url)].map(({ name }) => name).filter((name) => name.endsWith(".yaml")).toSorted().map(
    (name) => {
      const bytes = Deno.readFileSync(new URL(name, url));
      const text = new TextDecoder().decode(bytes);
      return {
        name,
        bytes,
        text,
        expected: [...text.matchAll(/^# (\d+:\d+ [a-z-]+)\r?$/gm)].map((line) => line[1] ?? ""),
      };
    },
  );
}

/** Profiles without any diagnostic. */
export const VALID: readonly ProfileFile[] = readFolder("../fixtures/profiles/valid/");

/** Profiles with exactly the diagnostics that they say. */
export const INVALID: readonly ProfileFile[] = readFolder("../fixtures/profiles/invalid/");

/** The profiles that users read. */
export const EXAMPLES: readonly ProfileFile[] = readFolder("../../examples/");
