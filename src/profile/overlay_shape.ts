import type { Diagnostic, Path } from "../core/diagnostic.ts";
import { either, isMap, list, record, type Shape, suggestedKey, wrongType } from "../core/shape.ts";
import { fileRef } from "./file_shape.ts";
import { ANSWER_MAX, type InitrdFiles, type OverlayContent, type OverlayFile } from "./overlay_file.ts";
import type { InitrdItem } from "./profile.ts";
import { refine } from "./refine.ts";
import { base64Digits, boolean, CONTROL, label, path, patterned, PLAIN_TYPES } from "./scalars.ts";

/** A file of the next initrd as a profile has it. */
interface StatedFile {
  readonly path: string;
  readonly text?: string;
  readonly base64?: string;
  readonly from?: string;
  readonly ask?: string;
  readonly command?: readonly string[];
  readonly mode?: number;
  readonly secret?: boolean;
}

/** The name that ends an archive. */
const TRAILER = "TRAILER!!!";

/** Of one name of a path, and of a whole path (NAME_MAX and PATH_MAX), bytes. */
const NAME_MAX = 255;
const PATH_MAX = 4095;

const PART = `(?!\\.{1,2}(?:/|$))[^/${CONTROL}]+`;
const TARGET = new RegExp(`^/(?:${PART}(?:/${PART})*)?$`);

/** Where a file lies in the next root. */
const target: Shape<string> = refine(
  patterned("an absolute path in the next initrd", TARGET, [
    [/^[^/]/, "Begin it with `/`: the root of the next initrd"],
    [/(?:^|\/)\.{1,2}(?:\/|$)/, "Write the path without `.` and `..`"],
    [/\/\//, "Write one slash between two names"],
    [/\/$/, "Leave out the slash at the end; the folders are made"],
  ]),
  (value, at, report) => {
    const why = targetFault(value);
    return why === undefined ? value : void report(wrongType(value, at, "an absolute path in the next initrd", why));
  },
);

function targetFault(value: string): string | undefined {
  const bytes = (part: string): number => new TextEncoder().encode(part).length;
  if (value === `/${TRAILER}`) return "This name ends a cpio archive: choose another one";
  if (bytes(value) > PATH_MAX) return `A path has at most ${PATH_MAX} bytes`;
  return value.split("/").some((part) => bytes(part) > NAME_MAX) ? `A name has at most ${NAME_MAX} bytes` : undefined;
}

/** A text that may be empty. */
const content: Shape<string> = {
  schema: { type: PLAIN_TYPES },
  expected: "a text",
  decode(value, at, report) {
    // The value is not repeated: it may be a secret.
    if (typeof value !== "string") return void report({ ...wrongType(undefined, at, "a text"), found: kindOf(value) });
    return value.isWellFormed() ? value : void report({
      ...wrongType(undefined, at, "a text", "Half of a surrogate pair is not a character: correct the escape"),
      found: "half of a surrogate pair",
    });
  },
};

function kindOf(value: unknown): string {
  return Array.isArray(value) ? "a list" : isMap(value) ? "a map" : "nothing";
}

const MODE = /^(?:0o?)?[0-7]{3,4}$/;

/** Permissions in octal digits, as chmod takes them. */
export const mode: Shape<number> = refine(
  patterned("permissions of 3 or 4 octal digits, such as 0644", MODE, [
    [/^0x/, "Write it in octal: `0644`"],
    [/^[ugoa]*[-+=][rwxXst]/, "Write it in octal: `u=rw,go=r` is `0644`"],
    [/^[r-][w-][xsS-]/, "Write it in octal: `rw-r--r--` is `0644`"],
    [/[89]/, "Octal digits are 0 to 7"],
  ]),
  (digits) => Number.parseInt(digits.replace(/^0o/, ""), 8),
  { type: ["string", "integer"], pattern: MODE.source },
);

/** Permissions as a profile and a plan write them. */
export function formatMode(value: number): string {
  return value.toString(8).padStart(4, "0");
}

const words: Shape<readonly string[]> = refine(list(label), (argv, at, report) => {
  if (argv.length > 0) return argv;
  return void report(wrongType([], at, "a list of a program and its arguments", "Name the program"));
});

const optional = { fallback: { value: undefined } };

const CONTENTS = ["text", "base64", "from", "ask", "command"] as const;

const ADVICE = {
  otherNames: {
    content: "text",
    contents: "text",
    inline: "text",
    data: "base64",
    source: "from",
    src: "from",
    file: "from",
    "copy-from": "from",
    prompt: "ask",
    password: "ask",
    run: "command",
    exec: "command",
    permissions: "mode",
    perm: "mode",
    target: "path",
    dest: "path",
    name: "path",
  },
} as const;

const stated: Shape<StatedFile> = record<StatedFile>(
  {
    path: {
      shape: target,
      doc: "Where the file lies in the next root, an absolute path. Folders that the initrds before it lack are made.",
      examples: ["/etc/motd", "/etc/dropbear/authorized_keys"],
    },
    text: { shape: content, doc: "Content: this text, in UTF-8.", ...optional },
    base64: { shape: base64Digits, doc: "Content: bytes in base64.", ...optional },
    from: {
      shape: path,
      doc: "Content: a file of this host, or a folder with all that is in it. It is read for each plan.",
      ...optional,
      examples: ["/etc/hostname"],
    },
    ask: {
      shape: label,
      doc:
        `Content: what is typed at load, at most ${ANSWER_MAX} bytes, without the end of the line. The text is the prompt.`,
      ...optional,
      examples: ["Passphrase of the root volume:"],
    },
    command: {
      shape: words,
      doc: "Content: what a program prints at load. The list is the program and its arguments; no shell runs it.",
      ...optional,
      examples: [["systemd-creds", "decrypt", "/etc/credstore.encrypted/root.key", "-"]],
    },
    mode: {
      shape: mode,
      doc:
        "Its permissions in octal. Default: those of the file that it is from, else 0600 for a secret and 0644 for others.",
      ...optional,
      examples: ["0600", "0755"],
    },
    secret: {
      shape: boolean,
      doc:
        "Keep its content out of plans, records, captures, logs and errors, and wipe it after the load. Default: true with " +
        "`ask` and `command`, else false.",
      ...optional,
    },
  },
  "a map with `path` and a content",
  ADVICE,
);

const KNOWN = ["path", ...CONTENTS, "mode", "secret"];

/** A file of `initrd: [{ files: [...] }]`. */
export const overlayFile: Shape<OverlayFile> = {
  expected: stated.expected,
  schema: { ...stated.schema, oneOf: CONTENTS.map((key) => ({ required: [key] })) },
  decode(value, at, report) {
    const decoded = stated.decode(value, at, report);
    if (!isMap(value)) return undefined;
    const faults = contentFaults(value, at);
    faults.forEach(report);
    const of = decoded === undefined || faults.length > 0 ? undefined : contentOf(decoded);
    if (decoded === undefined || of === undefined) return undefined;
    if (decoded.path === "/" && of.kind !== "from") {
      return void report(wrongType(decoded.path, [...at, "path"], "a file", "Only a folder can be copied to `/`"));
    }
    return {
      path: decoded.path,
      ...(decoded.mode === undefined ? {} : { mode: decoded.mode }),
      secret: decoded.secret ?? (of.kind === "ask" || of.kind === "command"),
      content: of,
    };
  },
};

function contentFaults(map: { readonly [key: string]: unknown }, at: Path): readonly Diagnostic[] {
  const keys = new Set(Object.keys(map).map((key) => KNOWN.includes(key) ? key : suggestedKey(key, KNOWN, ADVICE)));
  const [first, ...more] = CONTENTS.filter((key) => keys.has(key));
  if (first === undefined) {
    return [{
      code: "missing-key",
      severity: "error",
      message: "The file has no content",
      path: at,
      expected: `one of ${CONTENTS.join(", ")}`,
    }];
  }
  return more.map((key): Diagnostic => ({
    code: "conflict",
    severity: "error",
    message: `\`${first}\` and \`${key}\` are mutually exclusive: a file has one content`,
    path: [...at, key],
    hint: "Remove one of them",
    related: [{ message: `\`${first}\` is set here`, path: [...at, first] }],
  }));
}

function contentOf({ text, base64, from, ask, command }: StatedFile): OverlayContent | undefined {
  if (text !== undefined) return { kind: "text", text };
  if (base64 !== undefined) return { kind: "base64", base64 };
  if (from !== undefined) return { kind: "from", path: from };
  if (ask !== undefined) return { kind: "ask", prompt: ask };
  return command === undefined ? undefined : { kind: "command", argv: command };
}

/** The entry `{ files: [...] }` of `initrd`. */
const files: Shape<InitrdFiles> = refine(
  record<InitrdFiles>({
    files: {
      shape: list(overlayFile),
      doc:
        "Files that are added to the next initrd. A cpio archive is made of them at load, and never written to a disk.",
      examples: [[{ path: "/etc/motd", text: "Installed by warmboot\n" }]],
    },
  }, "a map of `files`"),
  (decoded, at, report) => {
    if (decoded.files.length > 0) return decoded;
    return void report(wrongType([], [...at, "files"], "a list of files", "Leave the entry out for no files"));
  },
);

const item: Shape<InitrdItem> = either<InitrdItem>(
  "a path, a map of `path` and `sha256`, or a map of `files`",
  [fileRef, files],
  (value) => Array.isArray(value) ? undefined : isMap(value) && Object.hasOwn(value, "files") ? files : fileRef,
);

const several: Shape<readonly InitrdItem[]> = list(item);

/** The key `initrd`: an entry, or a list of them. */
export const initrdItems: Shape<readonly InitrdItem[]> = {
  expected: "a path, a map of `path` and `sha256`, a map of `files`, or a list of them",
  schema: { anyOf: [item.schema, several.schema] },
  decode(value, at, report) {
    if (Array.isArray(value)) return several.decode(value, at, report);
    const only = item.decode(value, at, report);
    return only === undefined ? undefined : [only];
  },
};
