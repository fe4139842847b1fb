import type { Range } from "../../core/range.ts";

/**
 * __START_KERNEL_map: from here on the kernel maps itself, below it all memory (Documentation/arch/x86/x86_64/mm.rst);
 * and how much is mapped there with KASLR built in (KERNEL_IMAGE_SIZE), Linux 6.1 to 7.2.
 */
export const START_KERNEL_MAP = 0xffff_ffff_8000_0000n;

/** See `START_KERNEL_MAP`. */
export const KERNEL_IMAGE_SIZE: bigint = 1n << 30n;

/**
 * PMD_SIZE: the kernel is mapped by pages of 2 MiB, and moves by them; __startup_64() halts if it was moved by anything
 * else (arch/x86/boot/startup/map_kernel.c, Linux 7.3).
 */
export const PMD_SIZE: bigint = 2n << 20n;

/** Where a kernel goes that does not say where it would like to be: 16 MiB, above what old firmware uses. */
export const LOWEST_ADDRESS = 0x100_0000n;

/** The first MiB: firmware's data, and the trampolines with which CPUs start. */
export const LOW_MEMORY: Range = { start: 0n, end: 1n << 20n };

/** 4 GiB: the end of the memory that 32-bit mode without paging reaches. */
export const LIMIT_32: bigint = 1n << 32n;

/** The lower 32 bits of START_KERNEL_MAP: a relocation, extended by its sign, less this, is a physical address as linked. */
export const START_KERNEL_MAP_LOW: number = Number(START_KERNEL_MAP & 0xffff_ffffn);
