/**
 * The architectures that kexec_load(2) can be asked for: the name in a profile, the constant's name, and the ELF machine
 * number, which is in the upper 16 bits of the flags (include/uapi/linux/kexec.h, Linux 7.3).
 */
export const KEXEC_ARCHITECTURES = [
  { name: "default", constant: "KEXEC_ARCH_DEFAULT", machine: 0 },
  { name: "386", constant: "KEXEC_ARCH_386", machine: 3 },
  { name: "68k", constant: "KEXEC_ARCH_68K", machine: 4 },
  { name: "mips", constant: "KEXEC_ARCH_MIPS", machine: 8 },
  { name: "mips_le", constant: "KEXEC_ARCH_MIPS_LE", machine: 10 },
  { name: "parisc", constant: "KEXEC_ARCH_PARISC", machine: 15 },
  { name: "ppc", constant: "KEXEC_ARCH_PPC", machine: 20 },
  { name: "ppc64", constant: "KEXEC_ARCH_PPC64", machine: 21 },
  { name: "s390", constant: "KEXEC_ARCH_S390", machine: 22 },
  { name: "arm", constant: "KEXEC_ARCH_ARM", machine: 40 },
  { name: "sh", constant: "KEXEC_ARCH_SH", machine: 42 },
  { name: "ia_64", constant: "KEXEC_ARCH_IA_64", machine: 50 },
  { name: "x86_64", constant: "KEXEC_ARCH_X86_64", machine: 62 },
  { name: "aarch64", constant: "KEXEC_ARCH_AARCH64", machine: 183 },
  { name: "riscv", constant: "KEXEC_ARCH_RISCV", machine: 243 },
  { name: "loongarch", constant: "KEXEC_ARCH_LOONGARCH", machine: 258 },
] as const;

/** An architecture's name in a profile. */
export type KexecArch = typeof KEXEC_ARCHITECTURES[number]["name"];
