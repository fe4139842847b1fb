import { choice, count, either, isMap, mapOf, record, type Shape, text } from "../core/shape.ts";
import { BASE64 } from "./base64.ts";

/** A file, folder or symbolic link of the host that a profile adds to the next initrd, as it was captured. */
export type CapturedOverlayFile =
  /** `base64`: its content; absent where that is secret. */
  | { readonly kind: "file"; readonly mode: number; readonly size: number; readonly base64?: string }
  | { readonly kind: "folder"; readonly mode: number }
  | { readonly kind: "link"; readonly target: string };

/** Those that were captured with a host, by their absolute path there; what lies in a folder has rows of its own. */
export type CapturedOverlays = { readonly [path: string]: CapturedOverlayFile };

type OfKind<Kind extends CapturedOverlayFile["kind"]> = Extract<CapturedOverlayFile, { readonly kind: Kind }>;

const KIND_DOC = "What it is";
const MODE = { shape: count, doc: "Its permissions, as a decimal number" };

const KINDS: { readonly [Kind in CapturedOverlayFile["kind"]]: Shape<OfKind<Kind>> } = {
  file: record<OfKind<"file">>({
    kind: { shape: choice(["file"]), doc: KIND_DOC },
    mode: MODE,
    size: { shape: count, doc: "Bytes" },
    base64: { shape: BASE64, doc: "Its content; absent where that is secret", fallback: { value: undefined } },
  }),
  folder: record<OfKind<"folder">>({ kind: { shape: choice(["folder"]), doc: KIND_DOC }, mode: MODE }),
  link: record<OfKind<"link">>({
    kind: { shape: choice(["link"]), doc: KIND_DOC },
    target: { shape: text, doc: "Where it leads" },
  }),
};

const FILE: Shape<CapturedOverlayFile> = either<CapturedOverlayFile>(
  "a file, a folder or a link",
  Object.values<Shape<CapturedOverlayFile>>(KINDS),
  (value) => {
    const kind = isMap(value) ? value.kind : undefined;
    return kind === "file" || kind === "folder" || kind === "link" ? KINDS[kind] : undefined;
  },
);

/** The `overlays` of a capture. */
export const OVERLAYS: Shape<CapturedOverlays> = mapOf(FILE);

/** The same without the content of files. */
export function redactOverlays(overlays: CapturedOverlays): CapturedOverlays {
  const redacted = (file: CapturedOverlayFile): CapturedOverlayFile => {
    if (file.kind !== "file") return file;
    const { base64: _base64, ...rest } = file;
    return rest;
  };
  return Object.fromEntries(Object.entries(overlays).map(([path, file]) => [path, redacted(file)]));
}
