import { describeImage, machineOf, protocolName } from "./describe.ts";
import type { Arm64Image, BzImage, Compression, ImageInfo } from "./image.ts";

/** Why a call would refuse an image, and what to do about it. */
export interface Objection {
  readonly message: string;
  readonly hint?: string;
}

/** One condition of a kernel's loader. */
interface Rule<Image> {
  readonly holds: (image: Image) => boolean;
  readonly message: (image: Image) => string;
  readonly hint: string;
}

const USE_64 = "Use a 64-bit Linux kernel of version 3.8 or later";

/** bzImage64_probe in arch/x86/kernel/kexec-bzimage64.c, Linux 7.3; identifyKernel has seen to size and boot sector. */
const BZIMAGE_RULES: readonly Rule<BzImage>[] = [
  {
    holds: (image) => image.protocol >= 0x20c,
    message: (image) => `its boot protocol is ${protocolName(image.protocol)}, and 2.12 is required`,
    hint: USE_64,
  },
  { holds: (image) => image.loadedHigh, message: () => "it is a zImage, not a bzImage", hint: USE_64 },
  {
    holds: (image) => image.above4G,
    message: () => "it cannot be loaded above 4 GiB (XLF_CAN_BE_LOADED_ABOVE_4G)",
    hint: USE_64,
  },
];

/** image_load in arch/arm64/kernel/kexec_image.c, Linux 7.3; page size and byte order depend on the CPU. */
const ARM64_RULES: readonly Rule<Arm64Image>[] = [
  {
    holds: (image) => image.imageSize !== 0n,
    message: () => "its header leaves the image size zero",
    hint: "Use a kernel of version 3.17 or later",
  },
];

/** What the loader of each machine (as `uname -m`) takes. */
const LOADERS: {
  readonly [machine: string]: {
    readonly kind: ImageInfo["kind"];
    readonly takes: string;
  };
} = {
  "x86_64": { kind: "bzimage", takes: "a bzImage" },
  "aarch64": { kind: "arm64-image", takes: "an uncompressed Image" },
};

const UNPACK: { readonly [Name in Exclude<Compression, "none">]: string } = {
  gzip: "gunzip",
  bzip2: "bunzip2",
  lzma: "unlzma",
  xz: "unxz",
  lzo: "lzop -d",
  lz4: "unlz4",
  zstd: "unzstd",
};

/**
 * Why kexec_file_load(2) on a machine (as `uname -m`) would refuse this image; undefined if its header gives no reason.
 * What depends on the host's state is not looked at: signatures, 5-level paging without XLF_5LEVEL, 32-bit EFI. Nor is
 * the machine that the image is for.
 */
export function fileLoadObjection(info: ImageInfo, machine: string): Objection | undefined {
  if (info.kind === "not-kernel") {
    return { message: `The kernel is ${info.what}`, ...(info.hint === undefined ? {} : { hint: info.hint }) };
  }
  const loader = Object.hasOwn(LOADERS, machine) ? LOADERS[machine] : undefined;
  if (loader === undefined) {
    return {
      message: `What kexec_file_load takes on ${machine} is not known`,
      hint: `Known are ${Object.keys(LOADERS).join(" and ")}`,
    };
  }
  // One fault, one message: an image for another machine is the subject of the rule `architecture`.
  const meant = machineOf(info);
  if (meant !== undefined && meant !== machine) return undefined;
  if (info.kind === loader.kind) return unmet(info);
  return {
    message: `The kernel (${describeImage(info)}) is not ${loader.takes}, all that kexec_file_load on ${machine} takes`,
    hint: remedyOf(info, machine),
  };
}

/** The first condition of its loader that an image of the right format does not meet. */
function unmet(info: ImageInfo): Objection | undefined {
  switch (info.kind) {
    case "bzimage":
      return firstBroken(BZIMAGE_RULES, info);
    case "arm64-image":
      return firstBroken(ARM64_RULES, info);
    default:
      return undefined;
  }
}

function firstBroken<Image>(rules: readonly Rule<Image>[], image: Image): Objection | undefined {
  const rule = rules.find(({ holds }) => !holds(image));
  return rule && { message: `kexec_file_load refuses this kernel: ${rule.message(image)}`, hint: rule.hint };
}

/** How to come by an image in the right format. */
function remedyOf(info: ImageInfo, machine: string): string {
  switch (info.kind) {
    case "compressed":
      return info.compression === "none"
        ? "Name the kernel itself"
        : `Unpack it with \`${UNPACK[info.compression]}\`, and name the result`;
    case "efi-zboot":
      return "Unpack its payload, and name the result";
    case "uki":
      return "Extract its section `.linux` (and `.initrd`), and name that";
    case "elf":
      return machine === "aarch64"
        ? "Name the Image that was built with this vmlinux (arch/arm64/boot/Image)"
        : "Name the bzImage that was built with this vmlinux (arch/x86/boot/bzImage)";
    case "pe":
      return "An EFI program runs on firmware only: name the kernel itself";
    default:
      return `Name a kernel for ${machine}`;
  }
}
