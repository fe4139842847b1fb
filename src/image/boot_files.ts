import type { DeviceTree, ParsedTree } from "../formats/fdt.ts";
import type { ImaLabel } from "../host/ima_label.ts";
import type { InitrdContent, KernelContent, PartContent } from "../host/image_content.ts";
import { describeImage } from "./describe.ts";
import type { Overlay } from "./overlay.ts";
import type { Arm64Image, BzImage, ElfImage, ImageInfo, InitrdInfo, MultibootImage, Vmlinux } from "./image.ts";

/** A file that was opened, hashed and identified. */
export interface IdentifiedFile<Info> {
  /** As the plan names it. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  /** What it must hash to, where the profile or a stored plan pins it. */
  readonly pinned?: string;
  /** The file that it is a part of: a unified kernel image, a FIT image, a uImage. */
  readonly image?: string;
  /** What IMA looks at of it; undefined where nobody looked, as where IMA appraises nothing. */
  readonly label?: ImaLabel;
  /** Of a part of a FIT image or uImage: whether it is what the image states. */
  readonly part?: PartContent;
  /** What it turned out to be. */
  readonly info: Info;
}

/** A kernel, and what its payload unpacks to where that was looked at. */
export interface KernelFile extends IdentifiedFile<ImageInfo> {
  /** What reading it through found; undefined where nothing did, as with captures of before. */
  readonly content?: KernelContent;
  /** The kernel that is placed in place of the file. */
  readonly unpacked?: Vmlinux & { readonly size: number };
  /** The bzImage around it that kexec_file_load gets in place of the file, before its relocations are applied. */
  readonly built?: BuiltFile;
  /** Why it stays packed though it could be unpacked: completes "The kernel still decompresses itself, because …". */
  readonly kept?: string;
  /** The kernel image that a packed file holds, and that is handed over in its place; or why there is none. */
  readonly inner?: FoundInner;
}

/** A file that is built at load. */
export interface BuiltFile {
  /** Bytes. */
  readonly size: number;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  /** The memory that it takes when it is loaded, bytes. */
  readonly memory: number;
}

/** What can be handed over in place of a file: what a call takes, on either machine. */
export type InnerInfo = Arm64Image | BzImage | ElfImage | MultibootImage;

/** What a packed kernel file was found to hold. */
export type FoundInner =
  | { readonly kind: "image"; readonly image: InnerImage }
  /** A clause that says why it cannot be handed over. */
  | { readonly kind: "fault"; readonly why: string };

/** What a packed kernel file holds whole. */
export interface InnerImage {
  /** What it is. */
  readonly info: InnerInfo;
  /** Bytes. */
  readonly size: number;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  /** The digests of its parts, where the file itself is not here. */
  readonly parts?: readonly { readonly offset: number; readonly length: number; readonly sha256: string }[];
}

/** The image that a kernel file holds in itself. */
export function innerOf({ inner }: Pick<KernelFile, "inner">): InnerImage | undefined {
  return inner?.kind === "image" ? inner.image : undefined;
}

/** What a kernel file hands over: the image that it holds in itself, else itself. */
export function loadedInfo(kernel: Pick<KernelFile, "info" | "inner">): ImageInfo {
  return innerOf(kernel)?.info ?? kernel.info;
}

/** A kernel file in one line for people: `arm64 Image, 4 KiB pages, unsigned, gzip-compressed`. */
export function describeKernel(kernel: Pick<KernelFile, "info" | "inner">): string {
  const inner = innerOf(kernel);
  if (inner === undefined) return describeImage(kernel.info);
  switch (kernel.info.kind) {
    case "compressed":
      return `${describeImage(inner.info)}, ${kernel.info.compression}-compressed`;
    case "elf":
      return `${describeImage(inner.info)}, in an ELF file`;
    default:
      return `${describeImage(inner.info)}, in an ${describeImage(kernel.info)}`;
  }
}

/** An initrd, and what it holds. */
export interface InitrdFile extends IdentifiedFile<InitrdInfo> {
  /** What reading it through found; undefined where nothing did, as with captures of before. */
  readonly content?: InitrdContent;
  /** Why it stays packed though it could be unpacked before the reboot: completes "NAME stays as it is: …". */
  readonly kept?: string;
  /** What it is made of, where warmboot makes it at load. Its digest is then that with its secrets left empty. */
  readonly overlay?: Overlay;
}

/** The files that a profile names. */
export interface Images {
  /** The kernel; absent with explicit segments. */
  readonly kernel?: KernelFile;
  /** The unified kernel image that the kernel is a section of. */
  readonly uki?: {
    readonly path: string;
    /** What reading it through found: whether it is what was signed. */
    readonly content?: KernelContent;
    /** What systemd-stub would add to the initrd and kexec does not: files, and sections by their paths. */
    readonly notComposed: readonly string[];
  };
  /** The initrds, in order. */
  readonly initrd: readonly InitrdFile[];
  /** The device tree that the profile names. */
  readonly dtb?: IdentifiedFile<ParsedTree>;
  /** The modules of a Multiboot image, in order. */
  readonly modules?: readonly IdentifiedFile<undefined>[];
  /** The files of explicit segments. */
  readonly segments?: readonly IdentifiedFile<undefined>[];
}

/** All of these files, but an image that the kernel is a section of. */
export function imageFiles(
  { kernel, initrd, dtb, modules = [], segments = [] }: Images,
): readonly IdentifiedFile<unknown>[] {
  return [kernel, ...initrd, dtb, ...modules, ...segments].filter((file) => file !== undefined);
}

/** What is loaded of the kernel; undefined without one. */
export function kernelInfo({ kernel }: Pick<Images, "kernel">): ImageInfo | undefined {
  return kernel === undefined ? undefined : loadedInfo(kernel);
}

/** The device tree that takes the place of the host's; undefined where none is named, or the file is not a device tree. */
export function namedTree({ dtb }: Pick<Images, "dtb">): DeviceTree | undefined {
  return dtb?.info.kind === "tree" ? dtb.info.tree : undefined;
}
