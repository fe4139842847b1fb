import type { Diagnostic } from "../core/diagnostic.ts";
import type { DropIns, LayerReader } from "../profile/layers.ts";
import { readLayer } from "../profile/layer.ts";
import { type ParsedProfile, parseLayers } from "../profile/parse.ts";
import { isProfileName } from "../profile/search.ts";
import { fileId, findProfile } from "./layer_files.ts";
import { type InputLimit, readWhole } from "./files/read_whole.ts";
import { STDIO } from "./files/stdio.ts";

/** The file that a word on the command line names: its bytes, or why there are none. */
export interface NamedFile {
  /** What messages call it. */
  readonly name: string;
  readonly bytes?: Uint8Array;
  /** What two names of one file have in common. */
  readonly id: string;
  /** The drop-ins, where the word is a profile's name; those of a file are beside it. */
  readonly dropIns?: DropIns;
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads what a word names: the profile of that name, or a file by its path. */
export function readNamed(word: string, limit: InputLimit): NamedFile {
  const { value: found, diagnostics } = isProfileName(word)
    ? findProfile(word)
    : { value: { path: word }, diagnostics: [] };
  if (found === undefined) return { name: word, id: word, diagnostics };
  const read = readWhole(found.path, limit);
  // A stream has no folder beside it.
  const none = read.name !== found.path ? { dropIns: { files: [], diagnostics: [] } } : {};
  const dropIns = found.dropIns === undefined ? none : { dropIns: found.dropIns };
  return { ...read, ...dropIns, id: word === STDIO ? word : fileId(found.path) };
}

/** Parses a profile that was read, with all that it is made of. */
export function parseNamed({ name, bytes, id, dropIns }: NamedFile, reader: LayerReader): ParsedProfile | undefined {
  if (bytes === undefined) return undefined;
  return parseLayers(readLayer(bytes, name, "profile"), { reader, id, ...(dropIns === undefined ? {} : { dropIns }) });
}
