import type { Diagnostic } from "../core/diagnostic.ts";
import { findFiles, type FoundFiles, isFolder } from "./files/find_files.ts";

/** Captures end so. */
const CAPTURE_NAME = /\.(?:json|ya?ml)$/i;

/** The captured hosts of a folder, and what is wrong with it; that there are none is an error. */
export function findCaptures(folder: string): FoundFiles {
  const { files, diagnostics } = findFiles(folder, CAPTURE_NAME);
  return { files, diagnostics: files.length + diagnostics.length === 0 ? [noHosts(folder)] : diagnostics };
}

/** The captures that a path names: those of a folder, or itself. */
export function capturesOf(path: string): readonly string[] {
  return isFolder(path) ? findCaptures(path).files : [path];
}

/** The name of a host: its capture, without the folder and the ending. */
export function captureName(file: string, folder: string): string {
  return file.slice(folder.length).replace(/^\/+/, "").replace(CAPTURE_NAME, "");
}

function noHosts(folder: string): Diagnostic {
  return {
    code: "facts-format",
    severity: "error",
    message: `There is no captured host under ${folder}`,
    hint: "Make one with `warmboot facts > HOST.json`; every *.json, *.yaml and *.yml file in the folder is read",
  };
}
