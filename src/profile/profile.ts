import type { KexecArch } from "../core/kexec_arch.ts";

/** A file that a profile names. */
export interface FileRef {
  /** Absolute, or relative to the working directory: already resolved against the profile's own folder. */
  readonly path: string;
  /** The SHA-256 it must have, 64 lower-case hex digits. */
  readonly sha256?: string;
}

/** A command line as declared: words as they stand, or an edit of the running one. Words keep their quotes. */
export type Cmdline =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | {
    readonly kind: "edit";
    /** Start from the running kernel's command line, not from nothing. */
    readonly reuse: boolean;
    /** Names (every word of that name goes) or whole words `name=value` (only that word goes). */
    readonly remove: readonly string[];
    /** Words that replace all words of their name, in the first one's place; new names go to the end. */
    readonly set: readonly string[];
    /** Words added at the end, before `--`. */
    readonly append: readonly string[];
  };

/** Where the bytes of an explicit segment come from. */
export type SegmentSource =
  | { readonly kind: "file"; readonly file: FileRef; readonly offset: bigint; readonly length?: bigint }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "zero" };

/** An explicit segment of kexec_load(2). */
export interface SegmentSpec {
  readonly name?: string;
  /** Physical address, bytes. */
  readonly at: bigint;
  /** Bytes of memory; zero-filled behind the source. Undefined: the source's size, rounded up to pages. */
  readonly size?: bigint;
  readonly source: SegmentSource;
}

/** How the image is to be loaded. */
export type LoadChoice = "auto" | "kexec_file_load" | "kexec_load";

/** A boot profile: what a YAML file declares, decoded, with defaults filled in. */
export interface Profile {
  readonly version: 1;
  readonly name: string;
  readonly description?: string;
  readonly kernel?: FileRef;
  readonly initrd: readonly FileRef[];
  readonly cmdline: Cmdline;
  readonly crash: boolean;
  readonly preserveContext: boolean;
  readonly load: LoadChoice;
  readonly arch: KexecArch;
  readonly entry?: bigint;
  readonly segments: readonly SegmentSpec[];
  readonly memory: { readonly min?: bigint; readonly max?: bigint };
  readonly checksum: boolean;
  readonly predecompress: boolean;
  /** The top-level keys that the file states, in the file's order. */
  readonly stated: readonly string[];
}
