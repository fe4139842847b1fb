import type { Compression } from "../formats/compression.ts";
import type { MultibootHeader } from "../formats/multiboot.ts";
import type { FitFile } from "../formats/fit.ts";
import type { PeSection } from "../formats/pe.ts";
import type { UImageFile } from "../formats/uimage.ts";

/** An x86 bzImage: the setup header of the boot protocol (Documentation/arch/x86/boot.rst), and what surrounds it. */
export interface BzImage {
  /** What it is. */
  readonly kind: "bzimage";
  /** Boot protocol, as 0x020f. */
  readonly protocol: number;
  /** The version string of the header, as `6.1.0-50-amd64 (debian-kernel@...) #1 SMP ...`. */
  readonly versionString?: string;
  /** Its first word. */
  readonly release?: string;
  /** Sectors of real-mode code after the first. */
  readonly setupSects: number;
  /** A bzImage, not a zImage. */
  readonly loadedHigh: boolean;
  /** Whether it runs at other addresses than its preferred one. */
  readonly relocatable: boolean;
  /** Bytes; a power of two, 1 where the header asks for none. */
  readonly alignment: number;
  /** Preferred physical address. */
  readonly prefAddress: bigint;
  /**
   * code32_start: where the 32-bit entry lies if the code is loaded at its usual address. 0: there is none, as in iPXE,
   * whose protected-mode code is packed.
   */
  readonly code32Start: number;
  /** Memory that the image needs from its load address, bytes; 0 before protocol 2.10, which does not say. */
  readonly initSize: number;
  /** Highest address of an initrd for the 32-bit entry. */
  readonly initrdAddrMax: number;
  /** Longest command line without its NUL. */
  readonly cmdlineSize: number;
  /** The bits XLF_ of xloadflags. */
  readonly xloadflags: number;
  /** XLF_KERNEL_64: it has a 64-bit entry point. */
  readonly entry64: boolean;
  /** XLF_CAN_BE_LOADED_ABOVE_4G. */
  readonly above4G: boolean;
  /** It has an EFI handover entry. */
  readonly efiHandover: boolean;
  /** XLF_EFI_KEXEC: it takes over EFI runtime services. */
  readonly efiKexec: boolean;
  /** XLF_5LEVEL: it starts from 5-level paging. */
  readonly la57: boolean;
  /** Where the compressed vmlinux lies in the file, bytes. */
  readonly payload?: {
    readonly offset: number;
    readonly length: number;
    readonly compression: Compression | "unknown";
  };
  /** The setup header as it is in the file, from byte 0x1f1 to where the header says that it ends. */
  readonly header: Uint8Array;
  /** Boot sector and setup code as they are in the file, where the image starts with these: see `startsInRealMode`. */
  readonly setup?: Uint8Array;
  /** Whether a PE certificate table is attached (Secure Boot signature); says nothing of its validity. */
  readonly signed: boolean;
}

/** An arm64 Image (Documentation/arch/arm64/booting.rst). */
export interface Arm64Image {
  /** What it is. */
  readonly kind: "arm64-image";
  /** What it says of itself when it boots, as `6.1.0-50-arm64 (debian-kernel@...) (gcc-12 ...) #1 SMP ...`: see `findBanner`. */
  readonly versionString?: string;
  /** From a 2 MiB boundary to where it is loaded, bytes. */
  readonly textOffset: bigint;
  /** Memory that it needs, bytes. */
  readonly imageSize: bigint;
  /** The header's flags. */
  readonly flags: bigint;
  /** Whether it is a big-endian kernel. */
  readonly bigEndian: boolean;
  /** Bytes; undefined where the header leaves it open. */
  readonly pageSize?: number;
  /** Whether a PE certificate table is attached. */
  readonly signed: boolean;
}

/** An EFI application that unpacks a compressed kernel (drivers/firmware/efi/libstub/zboot-header.S). */
export interface EfiZboot {
  /** What it is. */
  readonly kind: "efi-zboot";
  /** IMAGE_FILE_MACHINE_ or EM_ number. */
  readonly machine: number;
  /** Where the compressed kernel lies in the file, bytes. */
  readonly payload: { readonly offset: number; readonly length: number; readonly compression: string };
  /** Whether a PE certificate table is attached. */
  readonly signed: boolean;
}

/** A unified kernel image: a PE file with `.linux`; sections by name, in bytes of the file. */
export interface Uki {
  /** What it is. */
  readonly kind: "uki";
  /** IMAGE_FILE_MACHINE_ or EM_ number. */
  readonly machine: number;
  /** Its sections. */
  readonly sections: readonly PeSection[];
  /** The kernel's release, where a `.uname` section says it. */
  readonly release?: string;
  /** Whether a PE certificate table is attached. */
  readonly signed: boolean;
}

/** A uImage of U-Boot with a Linux kernel. */
export interface UImage extends Omit<UImageFile, "kind"> {
  /** What it is. */
  readonly kind: "uimage";
}

/** A FIT image of U-Boot: kernels, initrds and device trees, and configurations that say which belong together. */
export interface FitImage extends Omit<FitFile, "kind"> {
  /** What it is. */
  readonly kind: "fit";
}

/** Another PE file. */
export interface OtherPe {
  /** What it is. */
  readonly kind: "pe";
  /** IMAGE_FILE_MACHINE_ or EM_ number. */
  readonly machine: number;
  /** IMAGE_SUBSYSTEM_: 10 is an EFI application, 11 and 12 are EFI drivers; 0 where there is none. */
  readonly subsystem: number;
  /** Whether a PE certificate table is attached. */
  readonly signed: boolean;
}

/** An ELF file. */
export interface ElfImage {
  /** What it is. */
  readonly kind: "elf";
  /** ELF class. */
  readonly bits: 32 | 64;
  /** ELF byte order. */
  readonly littleEndian: boolean;
  /** IMAGE_FILE_MACHINE_ or EM_ number. */
  readonly machine: number;
  /** ET_EXEC is 2, ET_DYN 3. */
  readonly type: number;
  /** Entry address. */
  readonly entry: bigint;
  /** Its PT_LOAD segments; addresses and sizes in bytes. */
  readonly loads: readonly {
    readonly offset: bigint;
    readonly paddr: bigint;
    readonly vaddr: bigint;
    readonly filesz: bigint;
    readonly memsz: bigint;
    readonly align: bigint;
  }[];
}

/** A Multiboot image for x86, ELF or flat. Addresses are physical; addresses and sizes in bytes. */
export interface MultibootImage {
  /** What it is. */
  readonly kind: "multiboot";
  /** Its Multiboot header. */
  readonly header: MultibootHeader;
  /** ELF class; undefined where the Multiboot header itself says what goes where. */
  readonly bits?: 32 | 64;
  /** What goes where, by address. */
  readonly loads: readonly {
    readonly offset: bigint;
    readonly paddr: bigint;
    readonly filesz: bigint;
    readonly memsz: bigint;
  }[];
  /** Where it is entered. */
  readonly entry: bigint;
}

/** A file that begins with a compression's magic number: a kernel or an initrd inside, which only unpacking shows. */
export interface CompressedFile {
  /** What it is. */
  readonly kind: "compressed";
  /** By its magic number. */
  readonly compression: Compression;
}

/** What cannot be loaded as a kernel, and what it seems to be. `what` completes "this is …". */
export interface NotKernel {
  /** What it is. */
  readonly kind: "not-kernel";
  /** Completes "it is …". */
  readonly what: string;
  /** What the person probably wanted. */
  readonly hint?: string;
}

/** What a file named as kernel turned out to be. */
export type ImageInfo =
  | BzImage
  | Arm64Image
  | EfiZboot
  | Uki
  | UImage
  | FitImage
  | OtherPe
  | ElfImage
  | MultibootImage
  | CompressedFile
  | NotKernel;

/**
 * What a file named as initrd turned out to be. `unknown` loads, with a warning; its `what` completes "this is …".
 * The kernel unpacks the cpio formats newc and, since 5.19, crc; never odc (init/initramfs.c).
 */
export type InitrdInfo =
  | { readonly kind: "cpio"; readonly format: "newc" | "crc" | "odc" }
  | { readonly kind: "compressed"; readonly compression: Compression }
  | { readonly kind: "unknown"; readonly what: string; readonly hint?: string };

/** Places in the kernel that hold a virtual address of it, and so change with its virtual base. */
export interface RelocationSet {
  /** The distance is added to 32 bits or 64, or (`inverse32`) taken from 32. */
  readonly kind: "add64" | "inverse32" | "add32";
  /** Where the list lies in what the payload unpacks to, bytes. */
  readonly offset: number;
  /** How many entries of 4 bytes it has. */
  readonly count: number;
}

/** A kernel as its payload unpacks: an ELF file, and the relocations after it. */
export interface Vmlinux {
  /** The file's headers; what ends a part in zeros counts as memory, not as bytes of the file. */
  readonly elf: ElfImage;
  /** What changes with its virtual base; empty where that is fixed. */
  readonly relocations: readonly RelocationSet[];
}
