import { dirname, fromFileUrl } from "@std/path/posix";
import type { Checked } from "../../core/diagnostic.ts";
import { readWhole } from "../files/read_whole.ts";
import { sha256Of } from "../../core/sha256.ts";

/** A file of an unpacked release. */
export interface ReleaseFile {
  /** From the release's folder. */
  readonly path: string;
  /** Text, but for the runtime. */
  readonly content: string | Uint8Array;
}

/** The Deno that a release may bring, beside the program. */
export const RUNTIME = "lib/warmboot/deno";

/** The digests of all files of a release, in the form of sha256sum(1). */
export const SUMS_NAME = "SHA256SUMS";

/** No file of a release is larger, and no runtime. */
const LIMIT = { what: "a file of a release", bytes: 16 << 20 };
const RUNTIME_LIMIT = { what: "the runtime of a release", bytes: 512 << 20 };

/** The folder of the module that was started; undefined if it came from elsewhere than a file. */
export function programFolder(): string | undefined {
  return Deno.mainModule.startsWith("file:") ? dirname(fromFileUrl(Deno.mainModule)) : undefined;
}

/** Reads the release that the running program is part of, every file of it checked by its digest. */
export function readRelease(): Checked<readonly ReleaseFile[]> {
  const folder = programFolder();
  const root = folder === undefined ? undefined : dirname(dirname(folder));
  const sums = root === undefined ? undefined : readWhole(`${root}/${SUMS_NAME}`, LIMIT);
  if (sums?.bytes === undefined) {
    // Without them this is not a release; the caller reports that.
    return { value: undefined, diagnostics: (sums?.diagnostics ?? []).filter(({ code }) => code !== "file-missing") };
  }
  const files: ReleaseFile[] = [];
  for (const line of new TextDecoder().decode(sums.bytes).split("\n").filter((each) => each !== "")) {
    const [, digest, path = ""] = /^([0-9a-f]{64}) {2}(?:\.\/)?([^\0]+)$/.exec(line) ?? [];
    if (digest === undefined) {
      return damaged(`${root}/${SUMS_NAME} has a line that is not a digest and a path: ${line}`);
    }
    const { bytes, diagnostics } = readWhole(`${root}/${path}`, path === RUNTIME ? RUNTIME_LIMIT : LIMIT);
    if (bytes === undefined) return { value: undefined, diagnostics };
    if (sha256Of(bytes) !== digest) return damaged(`${root}/${path} does not match ${SUMS_NAME}`);
    files.push({ path, content: path === RUNTIME ? bytes : new TextDecoder().decode(bytes) });
  }
  return { value: files, diagnostics: [] };
}

function damaged(message: string): Checked<never> {
  return {
    value: undefined,
    diagnostics: [{ code: "file-damaged", severity: "error", message, hint: "Unpack the release again" }],
  };
}
