import { startsInRealMode } from "./bzimage.ts";
import { formatAddress } from "../core/number.ts";
import { describeImage, machineOf, protocolName, runsOn } from "./describe.ts";
import { MULTIBOOT2_INFORMATION } from "../formats/multiboot.ts";
import type { Arm64Image, BzImage, ElfImage, ImageInfo, MultibootImage } from "./image.ts";
import { remedyOf, USE_KEXEC_LOAD } from "./remedy.ts";

/** Why a call would refuse an image, and what to do about it. */
export interface Incompatibility {
  readonly message: string;
  readonly hint?: string;
}

/** The calls that load an image. */
export type LoadCall = "kexec_file_load" | "kexec_load";

/** One condition of a kernel's loader. */
interface Rule<Image> {
  readonly holds: (image: Image) => boolean;
  /** Completes "it cannot be loaded by kexec_load: ...". */
  readonly message: (image: Image) => string;
}

/** bzImage64_probe in arch/x86/kernel/kexec-bzimage64.c, Linux 7.3; identifyKernel has seen to size and boot sector. */
const BZIMAGE_RULES: readonly Rule<BzImage>[] = [
  {
    holds: (image) => image.protocol >= 0x20c,
    message: (image) => `its boot protocol is ${protocolName(image.protocol)}, and 2.12 is required`,
  },
  { holds: (image) => image.loadedHigh, message: () => "it is a zImage, which runs below 1 MiB" },
  { holds: (image) => image.entry64, message: () => "it has no 64-bit entry (XLF_KERNEL_64)" },
  {
    holds: (image) => image.above4G,
    message: () => "it cannot be loaded above 4 GiB (XLF_CAN_BE_LOADED_ABOVE_4G)",
  },
];

/** What can be laid out for one of its entries, of 64, 32 or 16 bits: Documentation/arch/x86/boot.rst, Linux 7.3. */
const SEGMENT_RULES: readonly Rule<BzImage>[] = [
  {
    holds: (image) => image.protocol >= 0x200,
    message: (image) => `its boot protocol is ${protocolName(image.protocol)}, and 2.00 is required`,
  },
  {
    // A real boot sector, setup code and heap have 38 KiB together.
    holds: (image) => !startsInRealMode(image) || image.setupSects <= SETUP_SECTS_MAX,
    message: (image) => `it starts in real mode, and its setup code has ${image.setupSects} sectors, more than 64`,
  },
];

const SETUP_SECTS_MAX = 64;

/** image_load in arch/arm64/kernel/kexec_image.c, Linux 7.3; page size and byte order depend on the CPU. */
const ARM64_RULES: readonly Rule<Arm64Image>[] = [
  {
    holds: (image) => image.imageSize !== 0n,
    message: () => "its header leaves the image size zero, as kernels before 3.17 do",
  },
  {
    // Segments begin on a page, and the base on a multiple of 2 MiB.
    holds: (image) => image.textOffset % 4096n === 0n,
    message: ({ textOffset }) => `its text_offset ${formatAddress(textOffset)} is not a multiple of a page`,
  },
];

/** What is entered in 64-bit mode as Linux is (Documentation/arch/x86/boot.rst); the kernel itself looks at none of it. */
const ELF_RULES: readonly Rule<ElfImage>[] = [
  {
    holds: (image) => machineOf(image) === "x86_64" && image.bits === 64 && image.littleEndian,
    message: ({ bits, littleEndian, machine }) =>
      `it is a ${bits}-bit ${littleEndian ? "little" : "big"}-endian ELF file for the machine ${machine}, ` +
      "not 64-bit little-endian for 62 (x86_64)",
  },
];

/** What no loader that follows Linux can give a Multiboot image, by its header, or that kexec_load(2) cannot place. */
const MULTIBOOT_RULES: readonly Rule<MultibootImage>[] = [
  {
    holds: ({ header }) => header.unmet === undefined,
    message: ({ header }) => `it ${header.unmet}`,
  },
  {
    holds: ({ header }) => header.requests.every((type) => MULTIBOOT2_INFORMATION.includes(type)),
    message: ({ header }) =>
      `it requires the information tag ${
        header.requests.find((type) => !MULTIBOOT2_INFORMATION.includes(type))
      }, which ` +
      "is not available once Linux runs",
  },
  { holds: ({ loads }) => loads.length > 0, message: () => "nothing in it is loaded" },
  {
    holds: ({ loads }) => loads.every(({ paddr, memsz }) => paddr + memsz <= 1n << 32n),
    message: ({ loads }) => {
      const high = loads.find(({ paddr, memsz }) => paddr + memsz > 1n << 32n);
      return `its segment for ${formatAddress(high?.paddr ?? 0n)} ends above 4 GiB, which 32-bit mode does not reach`;
    },
  },
  {
    holds: ({ loads, entry }) => loads.some(({ paddr, memsz }) => paddr <= entry && entry < paddr + memsz),
    message: ({ entry }) => `its entry ${formatAddress(entry)} lies in none of its segments`,
  },
];

/** What each call takes on each machine (as `uname -m`). */
const LOADERS: {
  readonly [call in LoadCall]: {
    readonly [machine: string]: { readonly kinds: readonly ImageInfo["kind"][]; readonly takes: string };
  };
} = {
  "kexec_file_load": {
    "x86_64": { kinds: ["bzimage"], takes: "a bzImage" },
    aarch64: { kinds: ["arm64-image"], takes: "an arm64 Image, plain or packed" },
  },
  "kexec_load": {
    "x86_64": {
      kinds: ["bzimage", "elf", "multiboot"],
      takes: "a bzImage, an ELF kernel (vmlinux) or a Multiboot image",
    },
    aarch64: { kinds: ["arm64-image"], takes: "an arm64 Image, plain or packed" },
  },
};

/**
 * Why an image cannot be loaded by a call on a machine (as `uname -m`); undefined if its header gives no reason. What
 * kexec_load(2) is given is what the kernel's own loader would take, an ELF kernel, a bzImage that lies below 4 GiB or is
 * entered in 32-bit mode, and a Multiboot image. What depends on the host's state is not looked at: signatures, 5-level paging without
 * XLF_5LEVEL, 32-bit EFI, whether the processor can leave 64-bit mode. Nor is the machine that the image is for, where it
 * names another that cannot run here. `subject` is what the message calls the image.
 */
export function incompatibility(
  call: LoadCall,
  info: ImageInfo,
  machine: string,
  subject = "The kernel",
): Incompatibility | undefined {
  if (info.kind === "not-kernel") {
    return { message: `The kernel is ${info.what}`, ...(info.hint === undefined ? {} : { hint: info.hint }) };
  }
  const loaders = LOADERS[call];
  const loader = Object.hasOwn(loaders, machine) ? loaders[machine] : undefined;
  if (loader === undefined) {
    return {
      message: `What ${call} takes on ${machine} is not known`,
      hint: `Known are ${Object.keys(loaders).join(" and ")}`,
    };
  }
  // One fault, one message: an image for another machine is the subject of the rule `architecture`.
  if (!runsOn(info, machine)) return undefined;
  const bySegments = call === "kexec_file_load" && incompatibility("kexec_load", info, machine) === undefined;
  const hint = bySegments ? USE_KEXEC_LOAD : remedyOf(info, machine);
  if (loader.kinds.includes(info.kind)) {
    const why = unmet(call, info);
    return why === undefined ? undefined : {
      message: `${subject} (${describeImage(info)}) cannot be loaded by ${call}: ${why}`,
      hint,
    };
  }
  return {
    message: `${subject} (${describeImage(info)}) is not ${loader.takes}, all that ${call} on ${machine} takes`,
    hint,
  };
}

/** The first condition of its loader that an image of the right format does not meet. */
function unmet(call: LoadCall, info: ImageInfo): string | undefined {
  switch (info.kind) {
    case "bzimage":
      return firstBroken(call === "kexec_load" ? SEGMENT_RULES : BZIMAGE_RULES, info);
    case "arm64-image":
      return firstBroken(ARM64_RULES, info);
    case "elf":
      return firstBroken(ELF_RULES, info);
    case "multiboot":
      return firstBroken(MULTIBOOT_RULES, info);
    default:
      return undefined;
  }
}

function firstBroken<Image>(rules: readonly Rule<Image>[], image: Image): string | undefined {
  return rules.find(({ holds }) => !holds(image))?.message(image);
}
