import { anyText, choice, count, either, flag, isMap, list, mapOf, record, type Shape, text } from "../core/shape.ts";
import type { Packing } from "../formats/unpacked.ts";

/** Whether the program that starts first is in an initrd. */
export type Program =
  | "executable"
  /** It is there, and may not be executed. */
  | "not-executable"
  /** A symbolic link leads to what this initrd does not hold; another one may. */
  | "dangling"
  | "absent";

/** An initrd that the kernel unpacks whole. */
export interface WholeInitrd {
  /** What was found. */
  readonly kind: "whole";
  /** How many cpio archives it has. */
  readonly archives: number;
  /** Those without `TRAILER!!!`, which is legal. */
  readonly untrailed: number;
  /** Entries of all of them. */
  readonly files: number;
  /** Bytes of all archives, one after the other, unpacked. */
  readonly size: number;
  /** Memory that its files take once they are unpacked, in pages of 4 KiB, bytes. */
  readonly memory: number;
  /** How its archives were packed, each once in order, and the bytes that they unpack to. */
  readonly packed: readonly { readonly packing: Packing; readonly size: number }[];
  /** Whether any of it has a format that only Linux 5.19 and later unpack. */
  readonly hasCrc: boolean;
  /** Bytes of the bootconfig at its end; 0: there is none. */
  readonly bootconfig: number;
  /** The last archive is legacy LZ4, which has no end mark: the kernel reads on in the next initrd. */
  readonly isOpen: boolean;
  /** It holds only what the kernel takes from it before it unpacks it, such as microcode. */
  readonly isEarly: boolean;
  /** The releases that it has kernel modules for. */
  readonly modules: readonly string[];
  /** The programs that were looked for, by their path. */
  readonly programs: { readonly [path: string]: Program };
  /** The names of all entries, as initrd_tree.ts writes them; only where files are added to the initrd. */
  readonly tree?: string;
  /** The text of files that say how volumes are opened, by path; absent where nothing asked for them. */
  readonly texts?: { readonly [path: string]: string };
}

/** What reading an initrd through found. */
export type InitrdContent =
  | WholeInitrd
  /** The kernel unpacks it in part, or not at all. `why` completes "the initrd NAME …". */
  | { readonly kind: "damaged"; readonly why: string; readonly hint?: string }
  /** The image of a file system, which old kernels mount as their root. */
  | { readonly kind: "ramdisk"; readonly what: string }
  /** It is more than the limits allow to read. */
  | { readonly kind: "too-large"; readonly why: string; readonly hint?: string }
  /** It could not be read through here. `why` completes "NAME was not read through: …". */
  | { readonly kind: "unread"; readonly why: string; readonly hint?: string };

/** Whether a kernel file is what was built, as far as it says so itself. */
export type KernelContent =
  /** The file has the digest that its signature states; whose signature that is, is another question. */
  | { readonly kind: "signed"; readonly algorithm: string }
  /** Its payload unpacks to what it states, and matches its own checksum. */
  | { readonly kind: "whole"; readonly packing: string; readonly size: number; readonly checksum: string }
  /** Nothing in the file shows whether it is damaged. `why` completes "NAME cannot be verified: …". */
  | { readonly kind: "unverifiable"; readonly why: string }
  /** `why` completes "NAME …". */
  | { readonly kind: "damaged"; readonly why: string }
  /** It could not be read through here. `why` completes "NAME was not read through: …". */
  | { readonly kind: "unread"; readonly why: string; readonly hint?: string };

/** Whether a part of a FIT image or uImage has the checksums that the image states. */
export type PartContent =
  | {
    readonly kind: "checked";
    /** Those that it has: `sha256`, `crc32`; empty where none is stated. */
    readonly algorithms: readonly string[];
    /** Those that are stated and not known here. */
    readonly unknown: readonly string[];
    /** The signatures over it, none of which is verified: `sha256,rsa2048 with the key \`dev\``. */
    readonly signatures: readonly string[];
  }
  /** `why` completes "NAME …". */
  | { readonly kind: "damaged"; readonly why: string };

const PACKINGS: readonly Packing[] = ["gzip", "bzip2", "lzma", "xz", "lzo", "lz4", "zstd"];
const PROGRAMS: readonly Program[] = ["executable", "not-executable", "dangling", "absent"];

/** The fields of one kind of content; `kind` itself is added. */
function ofKind<const Kind extends string>(kind: Kind): { readonly shape: Shape<Kind>; readonly doc: string } {
  return { shape: choice([kind]), doc: "What reading the file through came to" };
}

const WHY = { shape: text, doc: "Why, for people" };
const HINT = { shape: text, doc: "What to do about it", fallback: { value: undefined } };
const BYTES = { shape: count, doc: "Bytes" };

type OfKind<Content extends { readonly kind: string }, Kind extends Content["kind"]> = Extract<
  Content,
  { readonly kind: Kind }
>;

const INITRD_KINDS: { readonly [Kind in InitrdContent["kind"]]: Shape<OfKind<InitrdContent, Kind>> } = {
  whole: record<WholeInitrd>({
    kind: ofKind("whole"),
    archives: { shape: count, doc: "The number of its cpio archives" },
    untrailed: { shape: count, doc: "How many of them end without `TRAILER!!!`" },
    files: { shape: count, doc: "The number of entries" },
    size: { shape: count, doc: "Bytes of all archives unpacked" },
    memory: { shape: count, doc: "Bytes of memory that its files take" },
    packed: {
      shape: list(record<WholeInitrd["packed"][number]>({
        packing: { shape: choice(PACKINGS), doc: "How archives were packed" },
        size: { shape: count, doc: "Bytes that they unpack to" },
      })),
      doc: "Its compressed archives",
    },
    hasCrc: { shape: flag, doc: "Whether an archive has the crc format, which Linux unpacks since 5.19" },
    bootconfig: { shape: count, doc: "Bytes of the bootconfig at its end" },
    isOpen: { shape: flag, doc: "Whether it ends in LZ4, which has no end mark" },
    isEarly: { shape: flag, doc: "Whether it holds early microcode or tables only" },
    modules: { shape: list(text), doc: "The releases that it has kernel modules for" },
    programs: { shape: mapOf(choice(PROGRAMS)), doc: "The programs that may start first, by path" },
    tree: {
      shape: anyText,
      doc: "The names of its entries, one a line; `/` follows a folder, a tab and the target a symbolic link",
      fallback: { value: undefined },
    },
    texts: {
      shape: mapOf(anyText),
      doc: "The text of files that say how encrypted volumes are opened, by path",
      fallback: { value: undefined },
    },
  }),
  damaged: record<OfKind<InitrdContent, "damaged">>({ kind: ofKind("damaged"), why: WHY, hint: HINT }),
  ramdisk: record<OfKind<InitrdContent, "ramdisk">>({ kind: ofKind("ramdisk"), what: WHY }),
  "too-large": record<OfKind<InitrdContent, "too-large">>({ kind: ofKind("too-large"), why: WHY, hint: HINT }),
  unread: record<OfKind<InitrdContent, "unread">>({ kind: ofKind("unread"), why: WHY, hint: HINT }),
};

const KERNEL_KINDS: { readonly [Kind in KernelContent["kind"]]: Shape<OfKind<KernelContent, Kind>> } = {
  signed: record<OfKind<KernelContent, "signed">>({
    kind: ofKind("signed"),
    algorithm: { shape: text, doc: "The hash of its signature" },
  }),
  whole: record<OfKind<KernelContent, "whole">>({
    kind: ofKind("whole"),
    packing: { shape: text, doc: "How its payload is packed" },
    size: BYTES,
    checksum: { shape: text, doc: "The checksum of its payload" },
  }),
  unverifiable: record<OfKind<KernelContent, "unverifiable">>({ kind: ofKind("unverifiable"), why: WHY }),
  damaged: record<OfKind<KernelContent, "damaged">>({ kind: ofKind("damaged"), why: WHY }),
  unread: record<OfKind<KernelContent, "unread">>({ kind: ofKind("unread"), why: WHY, hint: HINT }),
};

function byKind<T>(kinds: { readonly [kind: string]: Shape<T> }): Shape<T> {
  return either("what reading the file through found", Object.values(kinds), (value) => {
    const kind = isMap(value) ? value.kind : undefined;
    return typeof kind === "string" && Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  });
}

const PART_KINDS: { readonly [Kind in PartContent["kind"]]: Shape<OfKind<PartContent, Kind>> } = {
  checked: record<OfKind<PartContent, "checked">>({
    kind: ofKind("checked"),
    algorithms: { shape: list(text), doc: "The stated checksums that it has" },
    unknown: { shape: list(text), doc: "The stated checksums that are not known" },
    signatures: { shape: list(text), doc: "The signatures over it, which are not verified" },
  }),
  damaged: record<OfKind<PartContent, "damaged">>({ kind: ofKind("damaged"), why: WHY }),
};

/** What is said of a part in a capture. */
export const PART_CONTENT: Shape<PartContent> = byKind<PartContent>(PART_KINDS);

/** An initrd's content in a capture or a cache. */
export const INITRD_CONTENT: Shape<InitrdContent> = byKind<InitrdContent>(INITRD_KINDS);

/** A kernel's content in a capture or a cache. */
export const KERNEL_CONTENT: Shape<KernelContent> = byKind<KernelContent>(KERNEL_KINDS);
