import type { ByteSource, Fields } from "../core/bytes.ts";
import { printable, shorten } from "../core/text.ts";
import { startsAsDeviceTree } from "../formats/fdt_outline.ts";
import { findNamed, parseFit } from "../formats/fit.ts";
import { parseUImage, startsAsUImage } from "../formats/uimage.ts";
import type { FitImage, ImageInfo, UImage } from "./image.ts";
import { damaged, NAME_THE_KERNEL, truncated } from "./probe.ts";

/** What a uImage of Linux may be to be booted. */
const KERNEL_TYPES: readonly string[] = ["kernel", "kernel_noload", "multi"];

/** Recognises a uImage by its magic number, and holds its header against its checksum. */
export function probeUImage(source: ByteSource, head: Fields): ImageInfo | undefined {
  if (!startsAsUImage(head.bytes(0, 4))) return undefined;
  const found = parseUImage(source);
  if (found.kind === "cut") return truncated("uImage", source, found.wanted);
  if (found.kind === "fault") return damaged("uImage", found.why);
  const { type, system } = found;
  if (type === "ramdisk") {
    return {
      kind: "not-kernel",
      what: "a uImage with an initrd",
      hint: "Name it as `initrd`, and the kernel as `kernel`",
    };
  }
  if (!KERNEL_TYPES.includes(type)) {
    return { kind: "not-kernel", what: `a uImage of the type ${named(type)}`, hint: NAME_THE_KERNEL };
  }
  if (system !== "linux") {
    return { kind: "not-kernel", what: `a uImage for the operating system ${named(system)}`, hint: NAME_THE_KERNEL };
  }
  return { ...found, kind: "uimage" };
}

/** Recognises a FIT image: a device tree blob with a node /images. */
export function probeFit(source: ByteSource, head: Fields): ImageInfo | undefined {
  if (!startsAsDeviceTree(head.bytes(0, 4))) return undefined;
  const found = parseFit(source);
  switch (found.kind) {
    case "cut":
      return truncated("FIT image or device tree", source, found.wanted);
    case "fault":
      return damaged("FIT image or device tree", `it ${found.why}`);
    case "device-tree":
      return {
        kind: "not-kernel",
        what: "a device tree blob",
        hint: "Name it as `dtb`, and the kernel as `kernel`",
      };
    case "fit-file":
      return { ...found, kind: "fit" };
  }
}

/** A number that has no name, or a name. */
function named(word: string): string {
  return /^\d+$/.test(word) ? `number ${word}` : word;
}

/** The machine (as `uname -m`) that a word of U-Boot's means. */
const MACHINES: { readonly [architecture: string]: string } = {
  arm64: "aarch64",
  x86: "i386",
  powerpc: "ppc",
  ppc: "ppc",
  riscv: "riscv64",
  s390: "s390x",
};

/** The machine that a uImage is for, or the kernel of a FIT image's default configuration; undefined where it does not say. */
export function ubootMachineOf(info: FitImage | UImage): string | undefined {
  const architecture = info.kind === "uimage" ? info.architecture : fitArchitecture(info);
  return architecture === undefined || /^\d+$/.test(architecture)
    ? undefined
    : MACHINES[architecture] ?? printable(architecture);
}

function fitArchitecture({ images, configurations, default: standard }: FitImage): string | undefined {
  const chosen = standard === undefined ? configurations[0] : findNamed(configurations, standard);
  const kernel = chosen?.kernel === undefined
    ? images.find(({ type }) => type === "kernel" || type === "kernel_noload")
    : findNamed(images, chosen.kernel);
  return kernel?.architecture;
}

/** What is said of one, after its name. */
export function ubootDetails(info: FitImage | UImage): readonly string[] {
  if (info.kind === "uimage") {
    return [
      info.title === "" ? "" : `\`${shorten(printable(info.title))}\``,
      info.parts.length > 1 ? `${info.parts.length} files` : "",
      info.compression === "none" ? "uncompressed" : `${named(info.compression)}-compressed`,
    ];
  }
  const count = info.configurations.length;
  return [
    info.description === undefined ? "" : `\`${shorten(printable(info.description))}\``,
    count === 0 ? "no configurations" : `${count} configuration${count === 1 ? "" : "s"}`,
  ];
}

/** Whether an image is one that U-Boot boots, and that is taken apart. */
export function isUboot(info: ImageInfo): info is FitImage | UImage {
  return info.kind === "fit" || info.kind === "uimage";
}
