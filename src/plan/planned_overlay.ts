import { anyText, choice, count, flag, list, pattern, record, type Shape, text } from "../core/shape.ts";
import type { InitrdFile } from "../image/boot_files.ts";
import { OVERLAY_ORIGINS, type OverlayEntry, type OverlayOrigin } from "../image/overlay.ts";
import { formatMode } from "../profile/overlay_shape.ts";

/** A file, link or folder that is added to the next initrd, as a plan lists it. */
export interface PlannedOverlayFile {
  /** Where the profile puts it in the next root; links of the initrd may lead elsewhere. */
  readonly path: string;
  /** What it is. */
  readonly kind: OverlayEntry["kind"];
  /** Permissions, four octal digits. */
  readonly mode: string;
  /** Bytes; absent where that is known only at load, and for links and folders. */
  readonly size?: number;
  /** SHA-256 of its content; absent where that is secret or known only at load, and for links and folders. */
  readonly sha256?: string;
  /** Where a link leads. */
  readonly target?: string;
  /** Whether its content is a secret. */
  readonly secret: boolean;
  /** What asks for it. */
  readonly origin: OverlayOrigin;
  /** Where its content comes from. */
  readonly from: string;
}

/** An archive that is made at load. */
export interface PlannedOverlay {
  /** As the call names it: `files:1`. */
  readonly path: string;
  /** Bytes, with room for what is known only at load. */
  readonly size: number;
  /** SHA-256 of the archive; absent where a content is secret or known only at load. */
  readonly sha256?: string;
  /** What is added. */
  readonly files: readonly PlannedOverlayFile[];
  /** Folders that are made, since the initrds before lack them. */
  readonly folders: readonly string[];
}

/** The archives of a plan that are made at load. */
export function plannedOverlays(initrd: readonly InitrdFile[]): readonly PlannedOverlay[] {
  return initrd.flatMap(({ path, size, sha256, overlay }) =>
    overlay === undefined ? [] : [{
      path,
      size,
      ...(overlay.isOpen ? {} : { sha256 }),
      files: overlay.files.map(plannedOverlayFile),
      folders: overlay.folders,
    }]
  );
}

function plannedOverlayFile(
  { path, kind, mode, size, sha256, target, secret, origin, from }: OverlayEntry,
): PlannedOverlayFile {
  return {
    path,
    kind,
    mode: formatMode(mode),
    ...(size === undefined ? {} : { size }),
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(target === undefined ? {} : { target }),
    secret,
    origin,
    from,
  };
}

const optional = { value: undefined };
const digest = pattern("a SHA-256 of 64 hex digits", /^[0-9a-f]{64}$/);

/** The shape of a file that is added. */
export const plannedOverlayFileShape: Shape<PlannedOverlayFile> = record<PlannedOverlayFile>({
  path: { shape: text, doc: "Where the profile puts it in the next root" },
  kind: { shape: choice(["file", "folder", "link"]), doc: "What it is" },
  mode: { shape: pattern("4 octal digits", /^[0-7]{4}$/), doc: "Its permissions in octal" },
  size: { shape: count, doc: "Bytes; absent where that is known only at load", fallback: optional },
  sha256: {
    shape: digest,
    doc: "SHA-256 of its content; absent where that is secret or known only at load",
    fallback: optional,
  },
  target: { shape: anyText, doc: "Where a link leads", fallback: optional },
  secret: { shape: flag, doc: "Whether its content is a secret" },
  origin: {
    shape: choice([...OVERLAY_ORIGINS]),
    doc: "The key of the profile that asks for it; `profile` is `initrd`",
  },
  from: { shape: anyText, doc: "Where its content comes from, for people" },
});

/** The shape of a plan's `overlays`. */
export const plannedOverlaysShape: Shape<readonly PlannedOverlay[]> = list(record<PlannedOverlay>({
  path: { shape: pattern("a name as files:1", /^files:[1-9][0-9]{0,3}$/), doc: "As the call names it" },
  size: { shape: count, doc: "Bytes, with room for what is known only at load" },
  sha256: {
    shape: digest,
    doc: "SHA-256 of the archive; absent where a content is secret or known only at load",
    fallback: optional,
  },
  files: { shape: list(plannedOverlayFileShape), doc: "What is added" },
  folders: { shape: list(text), doc: "Folders that are made, since the initrds before lack them" },
}));
