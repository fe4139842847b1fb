/**
 * Offsets of the fields of struct setup_header, by the kernel's names: the same in a bzImage and in struct boot_params
 * (Documentation/arch/x86/boot.rst and arch/x86/include/uapi/asm/bootparam.h, Linux 7.3). Bytes.
 */
export const SETUP_HEADER = {
  /** The header's first field and so its start: u8. */
  setup_sects: 0x1f1,
  syssize: 0x1f4,
  vid_mode: 0x1fa,
  boot_flag: 0x1fe,
  /** A jump of two bytes over the header, which gives its length: `jump + 2` plus the second byte. */
  jump: 0x200,
  header: 0x202,
  version: 0x206,
  kernel_version: 0x20e,
  type_of_loader: 0x210,
  loadflags: 0x211,
  setup_move_size: 0x212,
  code32_start: 0x214,
  ramdisk_image: 0x218,
  ramdisk_size: 0x21c,
  heap_end_ptr: 0x224,
  cmd_line_ptr: 0x228,
  initrd_addr_max: 0x22c,
  kernel_alignment: 0x230,
  relocatable_kernel: 0x234,
  xloadflags: 0x236,
  cmdline_size: 0x238,
  hardware_subarch: 0x23c,
  payload_offset: 0x248,
  payload_length: 0x24c,
  setup_data: 0x250,
  pref_address: 0x258,
  init_size: 0x260,
  handover_offset: 0x264,
  kernel_info_offset: 0x268,
  /** The end of the longest header: the next field of boot_params. */
  end: 0x290,
} as const;

/** The number at `boot_flag`. */
export const BOOT_FLAG = 0xaa55;
/** The text `HdrS` at `header`. */
export const HEADER_MAGIC = 0x5372_6448;

/** Bits of loadflags and xloadflags. */
export const LOADED_HIGH = 0x01;
/** A 64-bit entry. */
export const XLF_KERNEL_64 = 0x01;
/** It may lie anywhere. */
export const XLF_CAN_BE_LOADED_ABOVE_4G = 0x02;
