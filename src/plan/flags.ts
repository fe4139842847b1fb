import { KEXEC_ARCHITECTURES, type KexecArch } from "../core/kexec_arch.ts";
import type { FileFlagKey } from "../profile/profile.ts";
import type { Call } from "./plan.ts";

/** Flags of kexec_load(2), from include/uapi/linux/kexec.h (Linux 7.3). The upper 16 bits name the architecture. */
export const KEXEC_LOAD_FLAGS = {
  KEXEC_ON_CRASH: 0x1n,
  KEXEC_PRESERVE_CONTEXT: 0x2n,
  KEXEC_UPDATE_ELFCOREHDR: 0x4n,
  KEXEC_CRASH_HOTPLUG_SUPPORT: 0x8n,
} as const;

/** Flags of kexec_file_load(2), from the same file. */
export const KEXEC_FILE_LOAD_FLAGS = {
  KEXEC_FILE_UNLOAD: 0x1n,
  KEXEC_FILE_ON_CRASH: 0x2n,
  KEXEC_FILE_NO_INITRAMFS: 0x4n,
  KEXEC_FILE_DEBUG: 0x8n,
  KEXEC_FILE_NO_CMA: 0x10n,
  KEXEC_FILE_FORCE_DTB: 0x20n,
} as const;

/** The flag that each such key of a profile sets. */
export const FILE_FLAG_OF = {
  debug: "KEXEC_FILE_DEBUG",
  no_cma: "KEXEC_FILE_NO_CMA",
  force_dtb: "KEXEC_FILE_FORCE_DTB",
} as const satisfies { readonly [key in FileFlagKey]: keyof typeof KEXEC_FILE_LOAD_FLAGS };

/** A flag of kexec_load(2). */
export type KexecLoadFlag = keyof typeof KEXEC_LOAD_FLAGS;
/** A flag of kexec_file_load(2). */
export type KexecFileLoadFlag = keyof typeof KEXEC_FILE_LOAD_FLAGS;

/** Flags by name, and as the number that the call gets. */
export interface FlagSet {
  readonly flags: readonly string[];
  readonly flagBits: string;
}

type Bits = { readonly [name: string]: bigint };

/** In addition to its flags, kexec_load takes an architecture. */
const LOAD_BITS: Bits = {
  ...KEXEC_LOAD_FLAGS,
  ...Object.fromEntries(KEXEC_ARCHITECTURES.map(({ constant, machine }) => [constant, BigInt(machine) << 16n])),
};

function bitsOf(syscall: Call["syscall"]): Bits {
  return syscall === "kexec_load" ? LOAD_BITS : KEXEC_FILE_LOAD_FLAGS;
}

/** The names that are not flags of a call. */
export function unknownFlags(syscall: Call["syscall"], names: readonly string[]): readonly string[] {
  return names.filter((name) => !Object.hasOwn(bitsOf(syscall), name));
}

/** The flags of a call as it gets them: the bits of all names together, hexadecimal. */
export function flagBits(syscall: Call["syscall"], names: readonly string[]): string {
  const known = bitsOf(syscall);
  return `0x${names.reduce((sum, name) => sum | (known[name] ?? 0n), 0n).toString(16)}`;
}

/** The flags of a kexec_file_load(2) call. */
export function fileLoadFlags(names: readonly KexecFileLoadFlag[]): FlagSet {
  return { flags: names, flagBits: flagBits("kexec_file_load", names) };
}

/** The flags of a kexec_load(2) call for an architecture. */
export function loadFlags(names: readonly KexecLoadFlag[], arch: KexecArch): FlagSet {
  const row = KEXEC_ARCHITECTURES.find((known) => known.name === arch) ?? KEXEC_ARCHITECTURES[0];
  const flags = [...names, row.constant];
  return { flags, flagBits: flagBits("kexec_load", flags) };
}
