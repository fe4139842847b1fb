/**
 * Offsets of the x86 setup header's fields: the same in a bzImage and in struct boot_params (Documentation/arch/x86/boot.rst
 * and arch/x86/include/uapi/asm/bootparam.h, Linux 7.3). Bytes.
 */
export const SETUP_HEADER = {
  /** The header's first field and so its start: u8. */
  setupSects: 0x1f1,
  syssize: 0x1f4,
  bootFlag: 0x1fe,
  /** A jump of two bytes over the header, which tells its length: `jump + 2` plus the second of them. */
  jump: 0x200,
  magic: 0x202,
  version: 0x206,
  kernelVersion: 0x20e,
  typeOfLoader: 0x210,
  loadflags: 0x211,
  ramdiskImage: 0x218,
  ramdiskSize: 0x21c,
  cmdLinePtr: 0x228,
  initrdAddrMax: 0x22c,
  kernelAlignment: 0x230,
  relocatableKernel: 0x234,
  xloadflags: 0x236,
  cmdlineSize: 0x238,
  hardwareSubarch: 0x23c,
  payloadOffset: 0x248,
  payloadLength: 0x24c,
  setupData: 0x250,
  prefAddress: 0x258,
  initSize: 0x260,
  /** Behind the longest header: the next field of boot_params. */
  limit: 0x290,
} as const;

/** The number at `bootFlag`, and the text `HdrS` at `magic`. */
export const BOOT_FLAG = 0xaa55;
/** See `BOOT_FLAG`. */
export const HEADER_MAGIC = 0x5372_6448;

/** Bits of loadflags and xloadflags. */
export const LOADED_HIGH = 0x01;
/** A 64-bit entry. */
export const XLF_KERNEL_64 = 0x01;
/** It may lie anywhere. */
export const XLF_CAN_BE_LOADED_ABOVE_4G = 0x02;
