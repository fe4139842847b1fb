import { memorySource } from "../core/bytes.ts";
import { type Diagnostic, hasErrors, type Path } from "../core/diagnostic.ts";
import { formatSize } from "../core/number.ts";
import { sha256Of } from "../core/sha256.ts";
import { layOutCpio, writeCpio } from "../formats/cpio_writer.ts";
import type { InitrdFile } from "../image/boot_files.ts";
import { identifyInitrd } from "../image/initrd.ts";
import { CRYPT_TEXTS } from "../image/initrd_crypt.ts";
import { readInitrd } from "../image/initrd_content.ts";
import { addToTree, type InitrdTree } from "../image/initrd_tree.ts";
import {
  cpioEntries,
  type OverlayEntry,
  type OverlayFault,
  type OverlayOrigin,
  overlaySize,
  type PlacedEntry,
  placeOverlay,
} from "../image/overlay.ts";
import { OVERLAY_MAX, type OverlayFile } from "../profile/overlay_file.ts";
import { closeFile, fileChanged, openFile, ReadError, readInto } from "./files/open_file.ts";
import type { CapturedFiles } from "./image_file.ts";
import { type OverlayBody, sourceFiles } from "./overlay_sources.ts";

/** Files to add, and what asks for them. */
export interface OverlayPart {
  readonly origin: OverlayOrigin;
  readonly files: readonly OverlayFile[];
  /** Where in the profile each of them is. */
  readonly at: (index: number) => Path;
}

/** An archive of a plan; with secrets in it, all but these. */
export interface MadeOverlay {
  /** As the plan names it: `files:1`. */
  readonly path: string;
  /** What it holds, in order. */
  readonly entries: readonly PlacedEntry[];
  /** Where the bytes of each entry are. */
  readonly bodies: readonly OverlayBody[];
  /** The archive, in which secrets and what is known only at load are empty. Zeros follow, as many as these may need. */
  readonly form: Uint8Array;
  /** Whether there are any. */
  readonly isOpen: boolean;
}

/** An archive, and how the planner sees it. */
export interface FoundOverlay {
  readonly made?: MadeOverlay;
  readonly file?: InitrdFile;
  readonly diagnostics: readonly Diagnostic[];
}

/** The name of an archive in plans; 1 is the first. */
export function overlayPath(number: number): string {
  return `files:${number}`;
}

/** The names of the initrds so far, as one tree; or which of them are not known, and why. */
export function treeOfInitrds(initrd: readonly InitrdFile[]): InitrdTree | OverlayFault {
  const tree: InitrdTree = new Map();
  for (const { path, content, overlay } of initrd) {
    if (content?.kind !== "whole" || content.tree === undefined && overlay === undefined) {
      return unknownNames(path, content);
    }
    addToTree(tree, content.tree ?? "");
  }
  return tree;
}

function unknownNames(path: string, content: InitrdFile["content"]): OverlayFault {
  const why = content === undefined || content.kind === "whole"
    ? "they were not kept"
    : content.kind === "ramdisk"
    ? `it is ${content.what}`
    : content.kind === "unread"
    ? `it was not read through: ${content.why}`
    : `it ${content.why}`;
  const hint = content !== undefined && "hint" in content ? content.hint : undefined;
  return {
    message: `No files can be added after ${path}, whose links and folders are unknown: ${why}`,
    hint: hint ?? "Name another initrd, or the files before it",
  };
}

/**
 * Makes an archive of files, and places them after the initrds so far. Nobody is asked and no program runs: what is known only
 * at load, and what is secret, is left empty. `tree` gets what is added.
 */
export async function makeOverlay(
  path: string,
  parts: readonly OverlayPart[],
  tree: InitrdTree | OverlayFault,
  { captured, programs }: { readonly captured?: CapturedFiles | undefined; readonly programs: readonly string[] },
): Promise<FoundOverlay> {
  const files = parts.flatMap(({ files, origin, at }) => files.map((file, index) => ({ file, origin, at: at(index) })));
  const found = sourceFiles(files, captured);
  if (hasErrors(found.diagnostics)) return { diagnostics: found.diagnostics };
  const stated = found.entries.map(({ entry }) => entry);
  const total = stated.reduce((sum, { size = 0 }) => sum + size, 0);
  if (total > OVERLAY_MAX) {
    return { diagnostics: [tooLarge(stated, total, files[0]?.at)] };
  }
  const isKnown = tree instanceof Map;
  const { entries, folders, faults } = isKnown
    ? placeOverlay(stated, tree)
    : { entries: [], folders: [], faults: [tree] };
  const bodies = entries.map(({ source }) => source === undefined ? NO_BODY : found.entries[source]?.body ?? NO_BODY);
  const form = new Uint8Array(overlaySize(entries));
  const digests = await fillForm(entries, bodies, form);
  if (digests.kind === "failed") return { diagnostics: [digests.diagnostic] };
  const isOpen = entries.some(isLeftOpen);
  const source = memorySource(form.subarray(0, digests.end));
  const content = await readInitrd(source, NO_CODECS, { programs, tree: true, texts: CRYPT_TEXTS });
  const [fault] = faults;
  return {
    made: { path, entries, bodies, form, isOpen },
    file: {
      path,
      size: form.length,
      sha256: await digestOf(form),
      info: identifyInitrd(source),
      content,
      overlay: {
        files: stated.map((entry, index): OverlayEntry => {
          const sha256 = digests.of.get(index);
          return sha256 === undefined ? entry : { ...entry, sha256 };
        }),
        folders,
        ...(fault === undefined ? {} : { fault }),
        isOpen,
      },
    },
    diagnostics: found.diagnostics,
  };
}

const NO_BODY: OverlayBody = { kind: "none" };

/** An archive of our own is not packed. */
const NO_CODECS: Parameters<typeof readInitrd>[1] = {
  unpack: () => Promise.reject(new Error("Cannot happen: the archive is not packed")),
  [Symbol.dispose]() {},
};

/** Whether the content of an entry is left empty until the load. */
export function isLeftOpen({ kind, secret, size }: PlacedEntry): boolean {
  return kind === "file" && (secret || size === undefined);
}

/** The digests of what was stated, by its index; or what cannot be read. */
type FilledForm =
  | {
    readonly kind: "filled";
    readonly of: ReadonlyMap<number, string>;
    /** Where the archive ends, bytes. */
    readonly end: number;
  }
  | { readonly kind: "failed"; readonly diagnostic: Diagnostic };

async function fillForm(
  entries: readonly PlacedEntry[],
  bodies: readonly OverlayBody[],
  form: Uint8Array,
): Promise<FilledForm> {
  const written = cpioEntries(entries, (entry) => isLeftOpen(entry) ? 0 : entry.size ?? 0);
  writeCpio(written, form);
  const { bodies: places, size: end } = layOutCpio(written);
  const of = new Map<number, string>();
  for (const [index, entry] of entries.entries()) {
    const { kind, size = 0, source } = entry;
    const body = bodies[index] ?? NO_BODY;
    if (kind !== "file" || isLeftOpen(entry) || source === undefined) continue;
    const start = places[index] ?? 0;
    const into = form.subarray(start, start + size);
    if (body.kind === "bytes") into.set(body.bytes);
    const diagnostic = body.kind === "file" ? readBody(body.path, into) : undefined;
    if (diagnostic !== undefined) return { kind: "failed", diagnostic };
    of.set(source, await digestOf(into));
  }
  return { kind: "filled", of, end };
}

/** Reads a file that has exactly so many bytes. */
export function readBody(path: string, into: Uint8Array): Diagnostic | undefined {
  const { value: file, diagnostics } = openFile(path);
  if (file === undefined) return diagnostics.find(({ severity }) => severity === "error");
  try {
    if (file.size === into.length && readInto(file, into) === into.length) return undefined;
    return fileChanged(path);
  } catch (error) {
    if (error instanceof ReadError) return { code: "file-io", severity: "error", message: error.message };
    throw error;
  } finally {
    closeFile(file);
  }
}

/** Up to this size plain code is quick; node's module, which kernels are hashed by as well, makes no copy of what is larger. */
const SMALL = 16 << 10;

async function digestOf(bytes: Uint8Array): Promise<string> {
  if (bytes.length <= SMALL) return sha256Of(bytes);
  const { createHash } = await import("node:crypto");
  return createHash("sha256").update(bytes).digest("hex");
}

function tooLarge(entries: readonly OverlayEntry[], total: number, at: Path | undefined): Diagnostic {
  const largest = entries.reduce((a, b) => (b.size ?? 0) > (a.size ?? 0) ? b : a);
  return {
    code: "too-large",
    severity: "error",
    message: `The files that are added to the initrd have ${formatSize(total)} together; ${largest.path} alone has ` +
      formatSize(largest.size ?? 0),
    expected: `at most ${formatSize(OVERLAY_MAX)}`,
    ...(at === undefined ? {} : { path: at }),
    hint: "Put large files into an initrd of their own, and name its path",
  };
}
