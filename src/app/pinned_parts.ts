import type { Diagnostic } from "../core/diagnostic.ts";
import { omitUndefined } from "../core/shape.ts";
import type { FilePlace } from "../entry/part_path.ts";
import type { FileRef } from "../profile/profile.ts";
import { hashWithParts } from "./files/open_file.ts";
import type { ImageFile } from "./image_file.ts";

/** A part of a file by its path, and where it lies. */
export interface PlacedPart {
  readonly path: string;
  readonly place: FilePlace;
}

/** The digests of a file's parts, where the file is pinned: the pin of the whole holds for each of them. */
export async function partDigests(
  ref: FileRef,
  file: ImageFile,
  parts: readonly PlacedPart[],
): Promise<
  | { readonly kind: "known"; readonly of: ReadonlyMap<string, string> }
  | { readonly kind: "wrong"; readonly diagnostic: Diagnostic }
> {
  if (ref.sha256 === undefined) return { kind: "known", of: new Map() };
  const found = file.open === undefined
    ? {
      whole: await file.digest(),
      parts: await Promise.all(parts.map(({ place }) => file.digestPart(place.offset, place.size))),
    }
    : await hashWithParts(file.open, parts.map(({ place }) => place));
  if (found.whole !== ref.sha256) return { kind: "wrong", diagnostic: pinMismatch(ref, found.whole) };
  const digests = parts.flatMap(({ path }, index) => {
    const digest = found.parts[index];
    return digest === undefined ? [] : [[path, digest] as const];
  });
  return { kind: "known", of: new Map(digests) };
}

/** A part as a file of a profile, with its digest where that is known. */
export function pinnedPart(path: string, digests: ReadonlyMap<string, string>): FileRef {
  return { path, ...omitUndefined({ sha256: digests.get(path) }) };
}

/** That a file is not what its pin says; undefined where it is, or is not pinned. */
export async function pinFault(ref: FileRef, file: ImageFile): Promise<Diagnostic | undefined> {
  if (ref.sha256 === undefined) return undefined;
  const found = await file.digest();
  return found === ref.sha256 ? undefined : pinMismatch(ref, found);
}

function pinMismatch({ path, sha256 }: FileRef, found: string): Diagnostic {
  return {
    code: "digest-mismatch",
    severity: "error",
    message: `${path} has the SHA-256 ${found}, not the pinned ${sha256}`,
    path: ["kernel", "sha256"],
    hint: "Find out what changed the file; if the change is intended, pin the new digest",
  };
}
