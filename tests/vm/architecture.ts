/** What differs between the guests of one architecture and those of another. */

/** The guests' architectures, as uname -m. */
export type GuestArch = keyof typeof ARCHITECTURES;

/** An architecture of the guests. */
export interface GuestArchitecture {
  /** As the packages of the distribution have it. */
  readonly debian: "amd64" | "arm64";
  readonly qemu: { readonly program: string; readonly package: string };
  /** The board, unless another is wanted. */
  readonly board: string;
  /** The processor. */
  readonly cpu: string;
  /** The console's device in the guest. */
  readonly console: string;
  /** Has the agent's port on this chardev. guest/agent knows what the port is called in the guest. */
  readonly agentPort: (chardev: string) => readonly string[];
  /** UEFI firmware: its package, and the paths of the code and of the variables' template there. */
  readonly firmware: { readonly package: string; readonly code: string; readonly variables: string };
  /** The npm package of Deno for it; not there where the guests run the host's own. */
  readonly deno?: string;
}

/** The table. */
export const ARCHITECTURES = {
  x86_64: {
    debian: "amd64",
    qemu: { program: "qemu-system-x86_64", package: "qemu-system-x86" },
    board: "q35",
    // Everything that can be emulated, but for the two features that have kernels copy memory byte by byte: a real
    // processor is fast at that, QEMU's emulation eight times slower than at words.
    cpu: "max,erms=off,fsrm=off",
    console: "ttyS0",
    agentPort: (chardev) => ["-serial", `chardev:${chardev}`],
    firmware: {
      package: "ovmf",
      code: "usr/share/OVMF/OVMF_CODE_4M.fd",
      variables: "usr/share/OVMF/OVMF_VARS_4M.fd",
    },
  },
  aarch64: {
    debian: "arm64",
    qemu: { program: "qemu-system-aarch64", package: "qemu-system-arm" },
    board: "virt",
    // Pointers are authenticated by QEMU's own cipher: the architected one takes most of the time of an emulation. With
    // 52-bit addresses (LPA2), loading an image ends in an oops of kernels that use them (arch/arm64/mm/trans_pgd.c, 6.12).
    cpu: "max,pauth-impdef=on,lpa2=off",
    console: "ttyAMA0",
    // The board has one port.
    agentPort: (chardev) => ["-device", `pci-serial,chardev=${chardev}`],
    firmware: {
      package: "qemu-efi-aarch64",
      code: "usr/share/AAVMF/AAVMF_CODE.fd",
      variables: "usr/share/AAVMF/AAVMF_VARS.fd",
    },
    deno: "@deno/linux-arm64-glibc",
  },
} as const satisfies { readonly [arch: string]: GuestArchitecture };

/** An architecture's row. */
export function architecture(arch: GuestArch): GuestArchitecture {
  return ARCHITECTURES[arch];
}
