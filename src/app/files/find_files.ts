import { compareText } from "../../core/text.ts";
import type { Diagnostic } from "../../core/diagnostic.ts";
import { isOfPath, openProblem } from "./open_file.ts";
import { isStream } from "./stdio.ts";

/** Files found in folders, and what could not be read. */
export interface FoundFiles {
  readonly files: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Whether findFiles searches a path as a folder. A descriptor is read as a file, whatever the shell has opened. Throws the
 * system's error if a failing disk, or the like, keeps it from being determined.
 */
export function isFolder(path: string): boolean {
  if (isStream(path)) return false;
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (isOfPath(error)) return false;
    throw error;
  }
}

/**
 * The files below a folder whose names match, sorted by path. Hidden files are skipped, and links to folders are not followed,
 * so that a loop of links cannot trap it.
 */
export function findFiles(folder: string, name: RegExp): FoundFiles {
  const files: string[] = [];
  const diagnostics: Diagnostic[] = [];
  if (isFile(folder)) return { files, diagnostics: [noFolder(folder)] };
  const visit = (current: string): void => {
    try {
      const entries = Array.from(Deno.readDirSync(current)).toSorted((a, b) => compareText(a.name, b.name));
      for (const entry of entries) {
        if (entry.name.startsWith(".")) continue;
        const path = current.endsWith("/") ? `${current}${entry.name}` : `${current}/${entry.name}`;
        if (entry.isDirectory) visit(path);
        else if (name.test(entry.name) && !(entry.isSymlink && isFolder(path))) files.push(path);
      }
    } catch (error) {
      diagnostics.push(openProblem(current, error));
    }
  };
  visit(folder);
  return { files, diagnostics };
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function noFolder(path: string): Diagnostic {
  return {
    code: "file-unreadable",
    severity: "error",
    message: `${path} is a file`,
    expected: "a folder",
    found: "a file",
  };
}
