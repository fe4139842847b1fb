import { assertEquals } from "@std/assert";
import { KEXEC_ARCHITECTURES } from "../../src/core/kexec_arch.ts";

/** `EM_` of include/uapi/linux/elf-em.h, which KEXEC_ARCH_ of include/uapi/linux/kexec.h is in its upper 16 bits. */
const ELF_MACHINES: { readonly [name: string]: number } = {
  default: 0,
  "386": 3,
  "68k": 4,
  mips: 8,
  "mips_le": 10,
  parisc: 15,
  ppc: 20,
  ppc64: 21,
  s390: 22,
  arm: 40,
  sh: 42,
  "ia_64": 50,
  "x86_64": 62,
  aarch64: 183,
  riscv: 243,
  loongarch: 258,
};

Deno.test({
  name: "each architecture has the number of its ELF machine, and a name that is its constant's",
  permissions: "none",
  fn() {
    assertEquals(Object.fromEntries(KEXEC_ARCHITECTURES.map(({ name, machine }) => [name, machine])), ELF_MACHINES);
    assertEquals(
      KEXEC_ARCHITECTURES.map(({ constant }) => constant),
      KEXEC_ARCHITECTURES.map(({ name }) => `KEXEC_ARCH_${name.toUpperCase()}`),
    );
  },
});
