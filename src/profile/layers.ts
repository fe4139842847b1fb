import { dirname, isAbsolute } from "@std/path/posix";
import type { Diagnostic } from "../core/diagnostic.ts";
import { type Layer, readLayer } from "./layer.ts";

/** A further file of a profile: its bytes, or why it could not be read. */
export type LayerFile =
  | {
    readonly kind: "bytes";
    readonly bytes: Uint8Array;
    /** The same for all names of one file. */
    readonly id: string;
  }
  | { readonly kind: "failed"; readonly diagnostic: Diagnostic };

/** Paths of drop-ins, in their order, and why some could not be listed. */
export interface DropIns {
  /** The files. */
  readonly files: readonly string[];
  /** Every problem. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Supplies the other files that a profile is made of. */
export interface LayerReader {
  /** Reads a file. */
  read(path: string): LayerFile;
  /** The drop-ins of a file: those in the folder `FILE.d` that count, in their order. */
  dropIns(file: string): DropIns;
}

/** What a profile's file comes with: who reads others, which file it is, and its drop-ins, where not those beside it. */
export interface LayerContext {
  /** Who reads the others. */
  readonly reader: LayerReader;
  /** What two names of its file have in common. */
  readonly id?: string;
  /** Its drop-ins, where they are not those beside it. */
  readonly dropIns?: DropIns;
}

/** The longest chain of files that extend one another, the profile itself counted. */
export const MAX_CHAIN = 8;

/** The most files that one profile is made of. */
export const MAX_LAYERS = 64;

/** The files of a profile, the lowest first: a higher one overrides a lower one. */
export interface LayerStack {
  readonly layers: readonly Layer[];
  readonly diagnostics: readonly Diagnostic[];
}

interface Link {
  readonly id: string;
  readonly file: string;
}

/**
 * Collects the files of a profile: what it extends, in order, each with what that extends below it; then the profile;
 * then its drop-ins. A file that several extend counts once, where it comes first. A base has its own drop-ins.
 */
export function collectLayers(main: Layer, context: LayerContext | undefined): LayerStack {
  const layers: Layer[] = [];
  const diagnostics: Diagnostic[] = [];
  const done = new Set<string>();

  const add = (layer: Layer, chain: readonly Link[], dropIns: DropIns | undefined): void => {
    for (const [index, base] of (layer.bases ?? []).entries()) addBase(layer, base, index, chain);
    layers.push(layer);
    diagnostics.push(...dropIns?.diagnostics ?? []);
    for (const file of dropIns?.files ?? []) addDropIn(file);
  };
  const addBase = (layer: Layer, base: string, index: number, chain: readonly Link[]): void => {
    const path = pathBeside(base, layer.file);
    const position = layer.source?.locate(["extends", index], "value");
    const problem = (diagnostic: Diagnostic): void =>
      void diagnostics.push({ ...diagnostic, ...(position === undefined ? {} : { position }) });
    if (context === undefined) return problem(alone(base));
    if (done.size + 1 >= MAX_LAYERS) return problem(tooMany(path));
    const found = context.reader.read(path);
    if (found.kind === "failed") return problem(found.diagnostic);
    const circle = chain.findIndex(({ id }) => id === found.id);
    if (circle >= 0) return problem(circular(path, chain.slice(circle)));
    if (chain.length >= MAX_CHAIN) return problem(tooDeep(path, chain));
    if (done.has(found.id)) return;
    done.add(found.id);
    add(readLayer(found.bytes, path, "base"), [...chain, { id: found.id, file: path }], context.reader.dropIns(path));
  };
  const addDropIn = (path: string): void => {
    if (layers.length >= MAX_LAYERS) return void diagnostics.push(tooMany(path));
    const found = context?.reader.read(path);
    if (found === undefined) return;
    if (found.kind === "failed") return void diagnostics.push(found.diagnostic);
    const layer = readLayer(found.bytes, path, "drop-in");
    layers.push({ ...layer, bases: [] });
    if (layer.bases?.length !== 0) diagnostics.push(extendingDropIn(layer));
  };

  add(
    main,
    [{ id: context?.id ?? main.file, file: main.file }],
    context?.dropIns ?? context?.reader.dropIns(main.file),
  );
  return { layers, diagnostics };
}

function alone(base: string): Diagnostic {
  return {
    code: "layer-unavailable",
    severity: "error",
    message: `The profile extends ${base}, but no reader of files was given`,
    hint: "Give parseProfile or defineProfile a `reader`, such as layerFiles()",
  };
}

function circular(path: string, chain: readonly Link[]): Diagnostic {
  return {
    code: "layer-cycle",
    severity: "error",
    message: chain.length === 1
      ? `${path} extends itself`
      : `${path} extends itself: ${[...chain.map(({ file }) => file), path].join(" extends ")}`,
    hint: "Remove one `extends` of the chain",
  };
}

function tooDeep(path: string, chain: readonly Link[]): Diagnostic {
  return {
    code: "layer-depth",
    severity: "error",
    message: `Too many files extend one another: ${[...chain.map(({ file }) => file), path].join(" extends ")}`,
    expected: `a chain of at most ${MAX_CHAIN} files`,
    hint: "List the bases next to each other: `extends: [a.yaml, b.yaml]`",
  };
}

function tooMany(path: string): Diagnostic {
  return {
    code: "layer-depth",
    severity: "error",
    message: `The profile has too many files; ${path} is the first beyond the limit`,
    expected: `at most ${MAX_LAYERS} files, including drop-ins`,
    hint: "Merge several of them into one",
  };
}

function extendingDropIn({ source }: Layer): Diagnostic {
  const position = source?.locate(["extends"], "key");
  return {
    code: "conflict",
    severity: "error",
    message: "A drop-in cannot have `extends`: its base would be neither above nor below the profile",
    path: ["extends"],
    ...(position === undefined ? {} : { position }),
    hint: "Move `extends` to the profile, or write the keys into the drop-in",
  };
}

/**
 * A path resolved from the folder of the file that has it, without the `./` before it. `..` stays: after a symbolic link it
 * does not lead back.
 */
export function pathBeside(path: string, file: string): string {
  const folder = dirname(file);
  if (isAbsolute(path) || folder === ".") return path;
  const parts = path.split("/");
  const first = parts.findIndex((part) => part !== "." && part !== "");
  const relative = first < 1 ? path : parts.slice(first).join("/");
  return folder.endsWith("/") ? `${folder}${relative}` : `${folder}/${relative}`;
}
