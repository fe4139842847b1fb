import { lookUp } from "../core/shape.ts";
import { machineOf } from "./describe.ts";
import type { ImageInfo } from "./image.ts";
import type { Compression } from "../formats/compression.ts";

const UNPACK: { readonly [Name in Exclude<Compression, "none">]: string } = {
  gzip: "gunzip",
  bzip2: "bunzip2",
  lzma: "unlzma",
  xz: "unxz",
  lzo: "lzop -d",
  lz4: "unlz4",
  zstd: "unzstd",
};

const NAME_64 = "Name a 64-bit Linux kernel of version 3.8 or later";

/** What an x86 kernel is booted by that is entered in 16-bit mode. */
const OLD_BZIMAGE: string =
  "Name a Linux kernel of version 2.6.14 or later; GRUB boots this image (`linux16`, by the BIOS), and kexec-tools may " +
  "(`kexec --type=bzImage --real-mode`)";

/** What to do about an image that the kernel's own loader refuses, and kexec_load(2) takes. */
export const USE_KEXEC_LOAD: string =
  "kexec_load takes it, where the host allows that call: leave `load` out, or write `load: kexec_load`";

/** The kernel files that the loaders of a machine (as `uname -m`) take. */
const KERNEL_FILES: { readonly [machine: string]: string } = {
  "x86_64": "Name a bzImage or an ELF kernel (vmlinux), plain or compressed",
  aarch64: "Name an arm64 Image, plain, compressed, or as an EFI zboot image",
};

/** What to name in place of a file that does not unpack to a kernel: a hint. */
export function kernelFilesOf(machine: string): string {
  return lookUp(KERNEL_FILES, machine) ?? `Name a kernel built for ${machine}`;
}

/** How to come by an image that a call takes on a machine (as `uname -m`), or what else boots this one: a hint. */
export function remedyOf(info: ImageInfo, machine: string): string {
  const meant = machineOf(info);
  const old = machine === "x86_64" && meant === "i386" &&
    (info.kind === "elf" || info.kind === "bzimage" || info.kind === "multiboot");
  if (meant !== undefined && meant !== machine && !old) return `Name a kernel built for ${machine}`;
  switch (info.kind) {
    case "compressed":
      return info.compression === "none"
        ? "Name the kernel itself"
        : `Unpack it with \`${UNPACK[info.compression]}\`, and name the result`;
    case "efi-zboot":
      return "Unpack its payload, and name the result";
    case "uki":
      return "Extract its section `.linux` (and `.initrd`), and name that";
    case "pe":
      return "An EFI program runs on firmware only: name the kernel itself";
    case "fit":
    case "uimage":
      return "Such images are taken apart on arm64 only: take the kernel out with `dumpimage`, and name that";
    case "elf":
      if (old) return `${NAME_64}; kexec-tools may start this one (\`kexec --type=elf-x86\`)`;
      if (machine === "aarch64") return "Name the Image that was built with this vmlinux (arch/arm64/boot/Image)";
      return "Name the bzImage that was built with this vmlinux (arch/x86/boot/bzImage)";
    case "multiboot":
      return machine === "x86_64"
        ? "GRUB boots it, if the firmware has what it requires"
        : `Name a kernel built for ${machine}`;
    case "bzimage":
      return machine === "x86_64" ? OLD_BZIMAGE : `Name a kernel built for ${machine}`;
    case "arm64-image":
    case "not-kernel":
      return `Name a kernel built for ${machine}`;
  }
}
