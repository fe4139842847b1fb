import { anyText, either, flag, isMap, list, pattern, record, type Shape, text } from "../core/shape.ts";
import { BASE64 } from "../host/base64.ts";
import type { InitrdItem } from "../profile/profile.ts";
import type { OverlayContent, OverlayFile } from "../profile/overlay_file.ts";
import { formatMode } from "../profile/overlay_shape.ts";
import { refine } from "../profile/refine.ts";

/** A file of the next initrd as a plan keeps it: with one content, or none where that is a secret of the profile. */
export interface DeclaredFile {
  /** Where it lies in the next root. */
  readonly path: string;
  /** Content: this text. */
  readonly text?: string;
  /** Content: bytes. */
  readonly base64?: string;
  /** Content: a file or folder of the host. */
  readonly from?: string;
  /** Content: what is typed at load. */
  readonly ask?: string;
  /** Content: what a program prints at load. */
  readonly command?: readonly string[];
  /** Permissions in octal. */
  readonly mode?: string;
  /** Its content is in nothing that warmboot writes. */
  readonly secret: boolean;
}

/** An entry of `initrd` as a plan keeps it: an absolute path, or the files that an archive is made of. */
export type DeclaredInitrd = string | { readonly files: readonly DeclaredFile[] };

/** What a plan keeps of an archive that is made at load. A secret text of the profile is left out. */
export function declaredFiles(files: readonly OverlayFile[]): DeclaredInitrd {
  return {
    files: files.map(({ path, content, mode, secret }) => ({
      path,
      ...declaredContent(content, secret),
      ...(mode === undefined ? {} : { mode: formatMode(mode) }),
      secret,
    })),
  };
}

function declaredContent(content: OverlayContent, secret: boolean): Partial<DeclaredFile> {
  switch (content.kind) {
    case "text":
      return secret ? {} : { text: content.text };
    case "base64":
      return secret ? {} : { base64: content.base64 };
    case "from":
      return { from: content.path };
    case "ask":
      return { ask: content.prompt };
    case "command":
      return { command: content.argv };
    case "withheld":
      return {};
  }
}

/** The entry of a profile that a plan keeps. */
export function itemOf(declared: DeclaredInitrd): InitrdItem {
  if (typeof declared === "string") return { path: declared };
  return {
    files: declared.files.map(({ path, mode, secret, ...content }): OverlayFile => ({
      path,
      ...(mode === undefined ? {} : { mode: Number.parseInt(mode, 8) }),
      secret,
      content: contentOf(content),
    })),
  };
}

function contentOf({ text, base64, from, ask, command }: Partial<DeclaredFile>): OverlayContent {
  if (text !== undefined) return { kind: "text", text };
  if (base64 !== undefined) return { kind: "base64", base64 };
  if (from !== undefined) return { kind: "from", path: from };
  if (ask !== undefined) return { kind: "ask", prompt: ask };
  return command === undefined ? { kind: "withheld" } : { kind: "command", argv: command };
}

const optional = { value: undefined };
// A NUL would end the path early.
// deno-lint-ignore no-control-regex
const path = pattern("an absolute path", /^\/[^\u0000]*$/);

const file: Shape<DeclaredFile> = refine(
  record<DeclaredFile>({
    path: { shape: path, doc: "Where it lies in the next root" },
    text: { shape: anyText, doc: "Content: this text", fallback: optional },
    base64: { shape: BASE64, doc: "Content: these bytes", fallback: optional },
    from: { shape: path, doc: "Content: a file or folder of the host", fallback: optional },
    ask: { shape: text, doc: "Content: what is typed at load; the prompt", fallback: optional },
    command: {
      shape: list(anyText),
      doc: "Content: what a program prints at load; the program and its arguments",
      fallback: optional,
    },
    mode: { shape: pattern("4 octal digits", /^[0-7]{4}$/), doc: "Its permissions in octal", fallback: optional },
    secret: { shape: flag, doc: "Its content is in nothing that warmboot writes" },
  }),
  (decoded, at, report) => {
    const { text, base64, from, ask, command } = decoded;
    const contents = [text, base64, from, ask, command].filter((each) => each !== undefined);
    if (contents.length <= 1 && (contents.length === 1 || decoded.secret)) return decoded;
    return void report({
      code: "conflict",
      severity: "error",
      message: `The file ${decoded.path} of the plan does not have exactly one content`,
      path: at,
    });
  },
);

const files = record<Exclude<DeclaredInitrd, string>>({
  files: { shape: list(file), doc: "The files that an archive is made of at load" },
});

/** An entry of `initrd` in a plan's `declared`. */
export const declaredInitrd: Shape<DeclaredInitrd> = either<DeclaredInitrd>(
  "an absolute path, or a map of `files`",
  [path, files],
  (value) => isMap(value) ? files : path,
);
