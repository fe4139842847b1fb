/**
 * What U-Boot calls the fields of its images: the numbers of a uImage, and the words of a FIT image (include/image.h and
 * the tables of boot/image.c, U-Boot 2026.10-rc2). What has no word here is not used by Linux.
 */
type Names = { readonly [number: number]: string };

/** IH_ARCH_: the CPU. */
export const UBOOT_ARCHITECTURES: Names = {
  1: "alpha",
  2: "arm",
  3: "x86",
  4: "ia64",
  5: "mips",
  6: "mips64",
  7: "powerpc",
  8: "s390",
  9: "sh",
  10: "sparc",
  11: "sparc64",
  12: "m68k",
  14: "microblaze",
  15: "nios2",
  16: "blackfin",
  17: "avr32",
  19: "sandbox",
  20: "nds32",
  21: "or1k",
  22: "arm64",
  23: "arc",
  24: "x86_64",
  25: "xtensa",
  26: "riscv",
};

/** IH_OS_: what is in it. */
export const UBOOT_SYSTEMS: Names = {
  1: "openbsd",
  2: "netbsd",
  3: "freebsd",
  5: "linux",
  14: "vxworks",
  16: "qnx",
  17: "u-boot",
  18: "rtems",
  21: "integrity",
  22: "ose",
  23: "plan9",
  24: "openrtos",
  25: "arm-trusted-firmware",
  26: "tee",
  27: "opensbi",
  28: "efi",
  29: "elf",
};

/** IH_TYPE_: what it is for. */
export const UBOOT_TYPES: Names = {
  1: "standalone",
  2: "kernel",
  3: "ramdisk",
  4: "multi",
  5: "firmware",
  6: "script",
  7: "filesystem",
  8: "flat_dt",
  14: "kernel_noload",
  20: "x86_setup",
  22: "loadable",
  29: "fpga",
  31: "tee",
};

/** IH_COMP_: how its data are packed. */
export const UBOOT_COMPRESSIONS: Names = {
  0: "none",
  1: "gzip",
  2: "bzip2",
  3: "lzma",
  4: "lzo",
  5: "lz4",
  6: "zstd",
};
