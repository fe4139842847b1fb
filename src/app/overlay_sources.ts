import { type Diagnostic, hasErrors, type Path } from "../core/diagnostic.ts";
import { lookUp } from "../core/shape.ts";
import { compareText } from "../core/text.ts";
import type { CapturedOverlayFile, CapturedOverlays } from "../host/captured_overlay.ts";
import type { OverlayEntry, OverlayOrigin } from "../image/overlay.ts";
import { ANSWER_MAX, OUTPUT_MAX, type OverlayContent, type OverlayFile } from "../profile/overlay_file.ts";
import { openProblem } from "./files/open_file.ts";
import { type CapturedFiles, captureLacks, howToCapture, localStandsIn } from "./image_file.ts";

/** Where the bytes of an entry are. */
export type OverlayBody =
  /** A folder or a link has none, and what is only known by its size is not here. */
  | { readonly kind: "none" }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "ask"; readonly prompt: string }
  | { readonly kind: "command"; readonly argv: readonly string[] };

/** An entry that is not placed yet, and where its bytes are. */
export interface SourcedEntry {
  readonly entry: OverlayEntry;
  readonly body: OverlayBody;
}

/** What files to add are made of, and what of them cannot be found. */
export interface SourcedFiles {
  readonly entries: readonly SourcedEntry[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Permissions where a profile states none. */
const FILE_MODE = 0o644;
const SECRET_MODE = 0o600;

/** More than anybody puts into an initrd. */
const ENTRIES_MAX = 100_000;

/** Finds what files are made of; `at` is the place of each in the profile. Only names, sizes and permissions are read. */
export function sourceFiles(
  files: readonly { readonly file: OverlayFile; readonly origin: OverlayOrigin; readonly at: Path }[],
  captured: CapturedFiles | undefined,
): SourcedFiles {
  const entries: SourcedEntry[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const { file, origin, at } of files) {
    const { path, content, secret, mode = secret ? SECRET_MODE : FILE_MODE } = file;
    const plain = { kind: "file", path, mode, secret, origin, from: describeContent(content) } as const;
    switch (content.kind) {
      case "text":
      case "base64": {
        const bytes = content.kind === "text"
          ? new TextEncoder().encode(content.text)
          : Uint8Array.fromBase64(content.base64);
        entries.push({ entry: { ...plain, size: bytes.length }, body: { kind: "bytes", bytes } });
        break;
      }
      case "ask":
        entries.push({ entry: { ...plain, most: ANSWER_MAX }, body: content });
        break;
      case "command":
        entries.push({ entry: { ...plain, most: OUTPUT_MAX }, body: content });
        break;
      case "withheld":
        diagnostics.push({
          code: "overlay-withheld",
          severity: "error",
          message: `The content of ${path} is a secret of the profile, which the plan does not hold`,
          path: at,
          hint: "Load the profile itself, or name a file: `from: PATH`",
        });
        break;
      case "from": {
        const found = walk(content.path, captured);
        diagnostics.push(...found.diagnostics.map((diagnostic) => ({ ...diagnostic, path: [...at, "from"] })));
        if (hasErrors(found.diagnostics)) break;
        const [root] = found.rows;
        const refused = root === undefined ? undefined : rootFault(file, root.kind);
        if (refused !== undefined) {
          diagnostics.push({ ...refused, path: [...at, ...refused.path] });
          break;
        }
        for (const row of found.rows) {
          if (row.kind === "file" && row.isCaptured && row.bytes === undefined && !secret) {
            diagnostics.push({ ...captureLacks(row.host), path: [...at, "from"] });
            return { entries, diagnostics };
          }
          entries.push(fromRow(row, file, origin));
          if (entries.length <= ENTRIES_MAX) continue;
          diagnostics.push({
            code: "too-large",
            severity: "error",
            message: `${content.path} has more than ${ENTRIES_MAX} files`,
            path: [...at, "from"],
          });
          return { entries, diagnostics };
        }
      }
    }
  }
  return { entries, diagnostics };
}

/** A folder keeps the permissions of its files, and only a folder has the root as its place. */
function rootFault({ path, mode }: OverlayFile, kind: Row["kind"]): (Diagnostic & { readonly path: Path }) | undefined {
  if (kind === "folder" && mode !== undefined) {
    return {
      code: "conflict",
      severity: "error",
      message: "`mode` would be ignored: `from` is a folder, whose files keep their permissions",
      path: ["mode"],
      hint: "Remove `mode`",
    };
  }
  if (kind === "folder" || path !== "/") return undefined;
  return {
    code: "conflict",
    severity: "error",
    message: "Only a folder can be copied to `/`",
    path: ["path"],
    hint: "Name the file: `path: /NAME`",
  };
}

/** Where a content comes from, for people and plans. */
export function describeContent(content: OverlayContent): string {
  switch (content.kind) {
    case "text":
    case "base64":
      return content.kind;
    case "from":
      return content.path;
    case "ask":
      return `asked: ${content.prompt}`;
    case "command":
      return `printed by: ${content.argv.join(" ")}`;
    case "withheld":
      return "the profile";
  }
}

/** Something below a path that is copied: `below` is the path from there, empty for itself. */
interface RowPlace {
  readonly host: string;
  readonly below: string;
}

type Row =
  & RowPlace
  & (
    | {
      readonly kind: "file";
      readonly mode: number;
      readonly size: number;
      /** Whether it is of another host: then there is nothing to read here. */
      readonly isCaptured: boolean;
      readonly bytes?: Uint8Array;
    }
    | { readonly kind: "folder"; readonly mode: number }
    | { readonly kind: "link"; readonly target: string }
  );

interface Walked {
  readonly rows: readonly Row[];
  readonly diagnostics: readonly Diagnostic[];
}

function fromRow(row: Row, { path, mode, secret }: OverlayFile, origin: OverlayOrigin): SourcedEntry {
  const place = row.below === "" ? path : `${path === "/" ? "" : path}/${row.below}`;
  const same = { path: place, origin, from: row.host };
  switch (row.kind) {
    case "folder":
      return { entry: { ...same, kind: "folder", mode: row.mode, secret: false }, body: { kind: "none" } };
    case "link":
      return {
        entry: { ...same, kind: "link", mode: 0o777, target: row.target, secret: false },
        body: { kind: "none" },
      };
    case "file":
      return {
        entry: { ...same, kind: "file", mode: mode ?? row.mode, size: row.size, secret },
        body: bodyOf(row),
      };
  }
}

function bodyOf({ host, bytes, isCaptured }: Extract<Row, { readonly kind: "file" }>): OverlayBody {
  if (bytes !== undefined) return { kind: "bytes", bytes };
  return isCaptured ? { kind: "none" } : { kind: "file", path: host };
}

/**
 * A path and all that lies below it, folders before what is in them, by name. The path itself may be a link. A captured one
 * comes first, because the plan is for its host.
 */
function walk(path: string, captured: CapturedFiles | undefined): Walked {
  if (lookUp(captured?.overlays ?? {}, path) !== undefined) return walkCaptured(path, captured?.overlays ?? {});
  const { rows, diagnostics } = walkHere(path);
  if (captured === undefined) return { rows, diagnostics };
  if (hasErrors(diagnostics)) {
    return { rows, diagnostics: diagnostics.map((diagnostic) => howToCapture(diagnostic, path, captured)) };
  }
  return { rows, diagnostics: captured.images === undefined ? diagnostics : [localStandsIn(path)] };
}

function walkCaptured(path: string, captured: CapturedOverlays): Walked {
  const names = Object.keys(captured).filter((each) => each === path || each.startsWith(`${path}/`));
  const rows = names.toSorted(compareText).flatMap((host): readonly Row[] => {
    const found = captured[host];
    return found === undefined ? [] : [capturedRow(found, { host, below: host.slice(path.length + 1) })];
  });
  return { rows, diagnostics: [] };
}

function capturedRow(found: CapturedOverlayFile, place: RowPlace): Row {
  if (found.kind !== "file") return { ...place, ...found };
  const { mode, size, base64 } = found;
  const bytes = base64 === undefined ? undefined : Uint8Array.fromBase64(base64);
  return { ...place, kind: "file", mode, size, isCaptured: true, ...(bytes === undefined ? {} : { bytes }) };
}

const SPECIAL = [
  ["isFifo", "a FIFO"],
  ["isSocket", "a socket"],
  ["isBlockDevice", "a block device"],
  ["isCharDevice", "a character device"],
] as const;

function walkHere(path: string): Walked {
  const rows: Row[] = [];
  const diagnostics: Diagnostic[] = [];
  const visit = (host: string, below: string): void => {
    const stats = below === "" ? Deno.statSync(host) : Deno.lstatSync(host);
    const mode = (stats.mode ?? FILE_MODE) & 0o7777;
    if (stats.isSymlink) rows.push({ kind: "link", host, below, target: Deno.readLinkSync(host) });
    else if (stats.isFile) {
      rows.push({ kind: "file", host, below, mode, size: stats.size, isCaptured: false });
    } else if (stats.isDirectory) {
      rows.push({ kind: "folder", host, below, mode });
      const names = Array.from(Deno.readDirSync(host), ({ name }) => name).toSorted(compareText);
      for (const name of names) {
        if (rows.length > ENTRIES_MAX) return;
        attempt(`${host === "/" ? "" : host}/${name}`, below === "" ? name : `${below}/${name}`);
      }
    } else {
      const [, what] = SPECIAL.find(([is]) => stats[is] === true) ?? ["", "not a regular file"];
      diagnostics.push({
        code: "file-unreadable",
        severity: "error",
        message: `${host} is ${what}, which is not copied`,
        hint: "Remove it from the folder, or name the files one by one",
      });
    }
  };
  const attempt = (host: string, below: string): void => {
    try {
      visit(host, below);
    } catch (error) {
      diagnostics.push(openProblem(host, error));
    }
  };
  attempt(path, "");
  return { rows, diagnostics };
}
