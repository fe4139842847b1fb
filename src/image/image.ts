/** How a payload is compressed, by its magic number; `none` is an uncompressed one. */
export type Compression = "gzip" | "bzip2" | "lzma" | "xz" | "lzo" | "lz4" | "zstd" | "none";

/** An x86 bzImage: the setup header of the boot protocol (Documentation/arch/x86/boot.rst), and what surrounds it. */
export interface BzImage {
  readonly kind: "bzimage";
  /** Boot protocol, as 0x020f. */
  readonly protocol: number;
  /** The version string of the header, as `6.1.0-50-amd64 (debian-kernel@...) #1 SMP ...`. */
  readonly versionString?: string;
  /** Its first word. */
  readonly release?: string;
  readonly setupSects: number;
  readonly loadedHigh: boolean;
  readonly relocatable: boolean;
  /** Bytes; a power of two. */
  readonly alignment: number;
  readonly prefAddress: bigint;
  /** Memory that the image needs from its load address, bytes. */
  readonly initSize: number;
  readonly initrdAddrMax: number;
  /** Longest command line without its NUL. */
  readonly cmdlineSize: number;
  /** The bits XLF_ of xloadflags. */
  readonly xloadflags: number;
  readonly entry64: boolean;
  readonly above4G: boolean;
  readonly efiHandover: boolean;
  readonly efiKexec: boolean;
  readonly la57: boolean;
  /** Where the compressed vmlinux lies in the file, bytes. */
  readonly payload?: {
    readonly offset: number;
    readonly length: number;
    readonly compression: Compression | "unknown";
  };
  /** Whether a PE certificate table is attached (Secure Boot signature); says nothing of its validity. */
  readonly signed: boolean;
}

/** An arm64 Image (Documentation/arch/arm64/booting.rst). */
export interface Arm64Image {
  readonly kind: "arm64-image";
  readonly textOffset: bigint;
  readonly imageSize: bigint;
  readonly flags: bigint;
  readonly bigEndian: boolean;
  /** Bytes; undefined where the header leaves it open. */
  readonly pageSize?: number;
  readonly signed: boolean;
}

/** An EFI application that unpacks a compressed kernel (drivers/firmware/efi/libstub/zboot-header.S). */
export interface EfiZboot {
  readonly kind: "efi-zboot";
  readonly machine: number;
  readonly payload: { readonly offset: number; readonly length: number; readonly compression: string };
  readonly signed: boolean;
}

/** A unified kernel image: a PE file with `.linux`; sections by name, in bytes of the file. */
export interface Uki {
  readonly kind: "uki";
  readonly machine: number;
  readonly sections: readonly { readonly name: string; readonly offset: number; readonly size: number }[];
  readonly signed: boolean;
}

/** Another PE file. */
export interface OtherPe {
  readonly kind: "pe";
  readonly machine: number;
  readonly signed: boolean;
}

/** An ELF file. */
export interface ElfImage {
  readonly kind: "elf";
  readonly bits: 32 | 64;
  readonly littleEndian: boolean;
  readonly machine: number;
  /** ET_EXEC is 2, ET_DYN 3, ET_CORE 4. */
  readonly type: number;
  readonly entry: bigint;
  readonly loads: readonly {
    readonly offset: bigint;
    readonly paddr: bigint;
    readonly vaddr: bigint;
    readonly filesz: bigint;
    readonly memsz: bigint;
    readonly align: bigint;
  }[];
}

/** A file that begins with a compression's magic number: a kernel or an initrd inside, which only unpacking tells. */
export interface CompressedFile {
  readonly kind: "compressed";
  readonly compression: Compression;
}

/** What cannot be loaded as a kernel, and what it seems to be. `what` completes "this is …". */
export interface NotKernel {
  readonly kind: "not-kernel";
  readonly what: string;
  /** What the person probably wanted. */
  readonly hint?: string;
}

/** What a file named as kernel turned out to be. */
export type ImageInfo = BzImage | Arm64Image | EfiZboot | Uki | OtherPe | ElfImage | CompressedFile | NotKernel;

/** What a file named as initrd turned out to be. `unknown` loads, with a warning. */
export type InitrdInfo =
  | { readonly kind: "cpio"; readonly format: "newc" | "crc" | "odc" }
  | { readonly kind: "compressed"; readonly compression: Compression }
  | { readonly kind: "unknown"; readonly what: string };
