/** Where the content of a file in the next initrd comes from. */
export type OverlayContent =
  /** Text of the profile. */
  | { readonly kind: "text"; readonly text: string }
  /** Bytes of the profile, in base64 without white space. */
  | { readonly kind: "base64"; readonly base64: string }
  /** A file or folder of this host, by its path. */
  | { readonly kind: "from"; readonly path: string }
  /** What somebody types at load. */
  | { readonly kind: "ask"; readonly prompt: string }
  /** The standard output of a program that runs at load: its path or name, and its arguments. */
  | { readonly kind: "command"; readonly argv: readonly string[] }
  /** A secret text of the profile, in a stored plan: only the profile has it. */
  | { readonly kind: "withheld" };

/** A file that is added to the next initrd. */
export interface OverlayFile {
  /** Where it lies in the next root: absolute, without `.`, `..` and doubled slashes. */
  readonly path: string;
  /** Its permissions. Undefined: those of the file that it is from, else 0600 for a secret and 0644 for all others. */
  readonly mode?: number;
  /** Whether its content is in nothing that warmboot writes. */
  readonly secret: boolean;
  /** Where its content comes from. */
  readonly content: OverlayContent;
}

/** An entry of `initrd` that is made at load: an archive of these files. */
export interface InitrdFiles {
  /** The files, in order. */
  readonly files: readonly OverlayFile[];
}

/** Whether an entry of `initrd` is an archive that is made at load. */
export function isFiles<Ref extends object>(item: Ref | InitrdFiles): item is InitrdFiles {
  return "files" in item;
}

/** The entries of `initrd` that are files of the host. */
export function fileItems<Ref extends object>(initrd: readonly (Ref | InitrdFiles)[]): readonly Ref[] {
  return initrd.flatMap((item) => isFiles(item) ? [] : [item]);
}

/** All files that a profile adds to its initrd. */
export function overlayFiles(initrd: readonly (object | InitrdFiles)[]): readonly OverlayFile[] {
  return initrd.flatMap((item) => isFiles(item) ? item.files : []);
}

/** The most that an answer has, bytes: what a terminal takes in one line. */
export const ANSWER_MAX = 4096;

/** The most that a program may print, bytes: the archive has room for it before it runs. */
export const OUTPUT_MAX = 64 << 10;

/** The most that the files of a profile have together, bytes. */
export const OVERLAY_MAX = 64 << 20;
