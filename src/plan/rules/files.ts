import { formatSize } from "../../core/number.ts";
import { compareReleases, isSince } from "../../core/release.ts";
import { entry32Reason } from "../../arch/x86_64/entry_mode.ts";
import { imageRelease, initrdIs, machineOf, runsOn } from "../../image/describe.ts";
import { startsInRealMode } from "../../image/bzimage.ts";
import { initrdObjection } from "../../image/initrd.ts";
import { incompatibility } from "../../image/call_compatibility.ts";
import { kernelFilesOf, remedyOf, USE_KEXEC_LOAD } from "../../image/remedy.ts";
import { demandsDisk } from "../../host/security.ts";
import type { WholeInitrd } from "../../host/image_content.ts";
import { cannotEnterBelow } from "./long_mode.ts";
import { initProgramOf } from "../init_program.ts";
import { fail, pass, type Rule, type RuleInput, type Verdict, warn } from "./rule.ts";
import { describeKernel, imageFiles, type InitrdFile, kernelInfo, loadedInfo } from "../../image/boot_files.ts";

/** kernel_read_file() takes at most this much for kexec (kernel/kexec_file.c, KEXEC_FILE_SIZE_MAX, Linux 6.1). */
const FILE_SIZE_MAX = 4 * 2 ** 30;

const pinnedDigest: Rule = {
  name: "pinned-digest",
  about: "Every file with a pinned SHA-256 has that digest",
  exit: "unavailable",
  check({ call, facts, images }) {
    const pinned = imageFiles(images).filter((file) => file.pinned !== undefined);
    if (pinned.length === 0) return undefined;
    const wrong = pinned.find((file) => file.pinned !== file.sha256);
    if (wrong !== undefined) {
      return fail(
        `${wrong.path} has the SHA-256 ${wrong.sha256}, not the pinned ${wrong.pinned}`,
        "Find out what changed the file; if the change is intended, pin the new digest",
      );
    }
    const held = pinned.length === 1
      ? `${pinned[0]?.path} has its pinned digest`
      : `${pinned.length} files have their pinned digests`;
    const demanding = call.syscall === "kexec_file_load" ? demandsDisk(facts) : undefined;
    // Else `load` hands over the sealed copy that it hashed.
    return pass(
      demanding === undefined
        ? held
        : `${held}; ${demanding} demands ${
          pinned.length === 1 ? "the file itself" : "the files themselves"
        }, so that ` +
          `this holds until the call, and not while the kernel reads ${pinned.length === 1 ? "it" : "them"}`,
    );
  },
};

const fileSize: Rule = {
  name: "file-size",
  about: "No file is empty, or larger than the kernel reads",
  exit: "unavailable",
  check({ images }) {
    const files = imageFiles(images);
    for (const file of files) {
      if (file.size === 0) {
        return fail(`${file.path} is empty`, "Copy or build the file again; the kernel answers EINVAL to an empty one");
      }
      if (file.size > FILE_SIZE_MAX) {
        return fail(`${file.path} has ${formatSize(file.size)}; the kernel reads at most ${formatSize(FILE_SIZE_MAX)}`);
      }
    }
    if (files.length === 0) return undefined;
    return pass(files.map((file) => `${file.path} has ${formatSize(file.size)}`).join(", "));
  },
};

const kernelImage: Rule = {
  name: "kernel-image",
  about: "The chosen call accepts the kernel file",
  exit: "unavailable",
  check({ call, images, facts }) {
    const kernel = images.kernel;
    if (kernel === undefined || kernel.size === 0) return undefined;
    const info = loadedInfo(kernel);
    if (info.kind === "not-kernel") {
      return fail(`${kernel.path} is not a kernel: it is ${info.what}`, info.hint);
    }
    // An image for another machine is the subject of the rule `architecture`.
    if (!runsOn(info, facts.machine)) return undefined;
    if (kernel.inner?.kind === "fault") {
      return fail(
        `${call.syscall} cannot take ${kernel.path}: ${kernel.inner.why}`,
        kernelFilesOf(facts.machine),
      );
    }
    const objection = incompatibility(call.syscall, info, facts.machine, kernel.path);
    return objection === undefined
      ? pass(`${kernel.path} is ${describeKernel(kernel)}`)
      : fail(objection.message, objection.hint);
  },
};

const architecture: Rule = {
  name: "architecture",
  about: "The CPU of the host can run the image",
  exit: "unavailable",
  check({ images, facts }) {
    const kernel = images.kernel;
    const machine = kernel === undefined ? undefined : machineOf(loadedInfo(kernel));
    if (kernel === undefined || machine === undefined) return undefined;
    if (machine === facts.machine) return pass(`${kernel.path} and this host are both ${machine}`);
    return runsOn(loadedInfo(kernel), facts.machine)
      ? pass(`${kernel.path} is for ${machine}, which x86_64 runs`)
      : fail(
        `${kernel.path} is for ${machine}, and this host is ${facts.machine}: it is ${describeKernel(kernel)}`,
        remedyOf(loadedInfo(kernel), facts.machine),
      );
  },
};

const fiveLevelPaging: Rule = {
  name: "five-level-paging",
  about: "A kernel for a host with 5-level paging can start in that mode, or is entered after it is left",
  exit: "unavailable",
  check({ call, images, facts }) {
    const info = kernelInfo(images);
    if (info?.kind !== "bzimage" || !facts.cpuFlags.includes("la57")) return undefined;
    if (info.la57) return pass("The running kernel uses 5-level paging, and the new one can start in that mode");
    const has32 = info.code32Start !== 0 || startsInRealMode(info);
    if (call.syscall === "kexec_load" && has32) {
      return pass("The running kernel uses 5-level paging, and purgatory leaves it before it enters the new one");
    }
    return fail(
      "The running kernel uses 5-level paging, but the new one cannot start in that mode",
      has32 ? USE_KEXEC_LOAD : "Boot the running kernel with `no5lvl`, or use a newer kernel",
    );
  },
};

const entryMode: Rule = {
  name: "entry-mode",
  about: "A kernel that is entered in 32-bit mode is not a crash kernel, and the processor can leave 64-bit mode",
  exit: "unavailable",
  check({ call, crash, images, facts }) {
    const info = kernelInfo(images);
    if (call.syscall !== "kexec_load" || info?.kind !== "bzimage" || facts.machine !== "x86_64") return undefined;
    const why = entry32Reason(info, facts);
    if (why === undefined || startsInRealMode(info)) return undefined;
    const enters = `The kernel is entered in 32-bit mode, since ${why}`;
    return cannotEnterBelow(`${enters}, but`, crash, facts) ??
      pass(`${enters}; all of the image lies below 4 GiB, and purgatory leaves 64-bit mode`);
  },
};

const efiBits: Rule = {
  name: "efi-bits",
  about: "The firmware's runtime services are 64-bit, as bzImage64_probe demands (arch/x86/kernel/kexec-bzimage64.c)",
  exit: "unavailable",
  check({ call, facts }) {
    if (call.syscall !== "kexec_file_load" || facts.machine !== "x86_64") return undefined;
    if (facts.efi?.platformSize === undefined) return undefined;
    return facts.efi.platformSize === 64 ? pass("The UEFI firmware is 64-bit") : fail(
      "The UEFI firmware is 32-bit, and kexec_file_load then accepts no kernel",
      "Boot the running kernel with `noefi`",
    );
  },
};

const KERNEL_AGAIN = "Install the kernel again, and compare its checksum with the package's";

const kernelContent: Rule = {
  name: "kernel-content",
  about: "The kernel is whole: a signed one has the digest that was signed, another one's payload its own checksum",
  exit: "unavailable",
  check({ images: { kernel } }) {
    const content = kernel?.content;
    if (kernel === undefined || content === undefined) return undefined;
    switch (content.kind) {
      case "signed":
        return pass(`${kernel.path} has the ${content.algorithm} that its signature states`);
      case "whole":
        return pass(
          `${kernel.path} is whole: its ${content.packing} payload unpacks to ${formatSize(content.size)}, and its ` +
            `${content.checksum} is right`,
        );
      case "unverifiable":
        // The image that it is a part of has a checksum: the subject of `image-parts`.
        if (kernel.part?.kind === "checked" && kernel.part.algorithms.length > 0) return undefined;
        return pass(`${kernel.path} cannot be verified: ${content.why}`);
      case "damaged":
        return fail(`${kernel.path} ${content.why}`, KERNEL_AGAIN);
      case "unread":
        return warn(`${kernel.path} was not read through: ${content.why}`, content.hint);
    }
  },
};

const ukiContent: Rule = {
  name: "uki-content",
  about: "A signed unified kernel image has the digest that was signed",
  exit: "unavailable",
  check({ images: { uki } }) {
    if (uki?.content === undefined) return undefined;
    return uki.content.kind === "damaged"
      ? fail(`${uki.path} ${uki.content.why}`, "Make or install the image again")
      : uki.content.kind === "signed"
      ? pass(`${uki.path} has the ${uki.content.algorithm} that its signature states`)
      : undefined;
  },
};

const ukiSections: Rule = {
  name: "uki-sections",
  about: "The kernel takes sections of a unified kernel image, which reach it as files in memory",
  exit: "unavailable",
  check({ call, facts, images }) {
    const sections = imageFiles(images).filter(({ image, part }) => image !== undefined && part === undefined);
    const [first] = sections;
    if (first === undefined) return undefined;
    const demanding = call.syscall === "kexec_file_load" ? demandsDisk(facts) : undefined;
    if (demanding !== undefined) {
      return fail(
        `${demanding} demands files on a disk, and ${first.path} is a section of ${first.image}`,
        "Write its parts to files of their own: warmboot init --uki FILE --extract DIR",
      );
    }
    const what = sections.map(({ path }) => path).join(", ");
    return pass(
      call.syscall === "kexec_load"
        ? `${what} ${sections.length === 1 ? "is" : "are"} copied into segments`
        : `${what} ${sections.length === 1 ? "is" : "are"} handed over in memory; the signature that counts is the ` +
          "kernel's own, not that of the image",
    );
  },
};

const imageParts: Rule = {
  name: "image-parts",
  about: "The kernel takes parts of a FIT image or uImage, which have the checksums that the image states",
  exit: "unavailable",
  check({ call, facts, images }) {
    const parts = imageFiles(images).flatMap(({ path, image, part }) =>
      part === undefined ? [] : [{ path, image, part }]
    );
    const [first] = parts;
    if (first === undefined) return undefined;
    for (const { path, part } of parts) {
      if (part.kind === "damaged") return fail(`${path} ${part.why}`, "Copy the image again, or make it again");
    }
    const demanding = call.syscall === "kexec_file_load" ? demandsDisk(facts) : undefined;
    if (demanding !== undefined) {
      return fail(
        `${demanding} demands files on a disk, and ${first.path} is a part of ${first.image}`,
        "Write its parts to files of their own with `dumpimage`, and name these",
      );
    }
    const checked = parts.flatMap(({ path, part }) => part.kind === "checked" ? [{ path, ...part }] : []);
    const unknown = checked.find((part) => part.unknown.length > 0);
    if (unknown !== undefined) {
      return warn(
        `${unknown.path} has a checksum that is not known: ${unknown.unknown.join(", ")}`,
        "Make the image with sha256",
      );
    }
    const signatures = [...new Set(checked.flatMap((part) => part.signatures))];
    return pass(
      checked.map(({ path, algorithms }) =>
        algorithms.length === 0 ? `${path} has no checksum` : `${path} has its ${algorithms.join(" and ")}`
      ).join(", ") +
        (signatures.length === 0 ? "" : `; it is signed (${signatures.join("; ")}), which is for U-Boot to verify`),
    );
  },
};

const ukiExtras: Rule = {
  name: "uki-extras",
  about: "Nothing is lost that systemd-stub would add to the initrd of a unified kernel image",
  exit: "unavailable",
  check({ images: { uki } }) {
    if (uki === undefined) return undefined;
    return uki.notComposed.length === 0
      ? pass(`${uki.path} has no credentials, extension images or PCR signatures`)
      : warn(
        `The initrd lacks what systemd-stub would put into /.extra: ${uki.notComposed.join(", ")}`,
        "Boot through the firmware if the next system needs them; a disk that the TPM unlocks does",
      );
  },
};

/** The first release that unpacks archives with checksums, and the first that cuts a bootconfig off. */
const CRC_SINCE = [5, 19] as const;
const BOOTCONFIG_SINCE = [5, 6] as const;

const initrdContent: Rule = {
  name: "initrd-content",
  about: "Each initrd is whole, and an archive that the kernel unpacks to its end",
  exit: "unavailable",
  check({ images }) {
    if (images.initrd.length === 0) return undefined;
    // An empty file is the subject of `file-size`.
    const verdicts = images.initrd.filter(({ size }) => size > 0)
      .map((file, index, all) => contentVerdict(file, all.slice(index + 1), releaseOf(images)));
    for (const status of ["fail", "warn"] as const) {
      const found = verdicts.find((verdict) => verdict.status === status);
      if (found !== undefined) return found;
    }
    return verdicts.length === 0 ? undefined : pass(verdicts.map(({ message }) => message).join("; "));
  },
};

/** The release of the kernel that boots, where that is known. */
function releaseOf(images: RuleInput["images"]): string | undefined {
  const info = kernelInfo(images);
  return info === undefined ? undefined : imageRelease(info);
}

function contentVerdict(file: InitrdFile, after: readonly InitrdFile[], release: string | undefined): Verdict {
  const { path, content, info } = file;
  const [next] = after;
  // A bootconfig is moved after archives that are made at load.
  const lost = after.find(({ overlay }) => overlay === undefined);
  const isBefore = (version: readonly [number, number]): boolean =>
    release !== undefined && isSince(release, version) === false;
  if (content === undefined) {
    const objection = initrdObjection(info);
    return objection === undefined
      ? pass(`${path} is ${initrdIs(info)}`)
      : fail(`${path}: ${objection.message}`, objection.hint);
  }
  switch (content.kind) {
    case "damaged":
      return fail(`${path} ${content.why}`, content.hint);
    case "too-large":
      return fail(`${path} ${content.why}, the limit of what is read through`, content.hint);
    case "unread":
      return warn(`${path} was not read through: ${content.why}`, content.hint);
    case "ramdisk":
      return warn(
        `${path} is ${content.what}, which only a kernel with CONFIG_BLK_DEV_RAM mounts as its root`,
        "Make an initramfs instead: a cpio archive in the format newc",
      );
    case "whole":
      break;
  }
  if (content.hasCrc && isBefore(CRC_SINCE)) {
    return fail(
      `${path} has an archive in the crc format, which Linux unpacks since 5.19, and the kernel is ${release}`,
      "Pack it with `cpio -o -H newc`",
    );
  }
  if (content.bootconfig > 0 && lost !== undefined) {
    return fail(
      `${path} ends in a bootconfig, where the kernel stops unpacking: ${lost.path} after it would be lost`,
      "Apply the bootconfig to the last initrd",
    );
  }
  if (content.isOpen && next !== undefined) {
    return fail(
      `${path} ends in LZ4, which has no end mark: the kernel would read on in ${next.path}`,
      "Name it last, or compress it in another format",
    );
  }
  if (content.bootconfig > 0 && isBefore(BOOTCONFIG_SINCE)) {
    return warn(
      `${path} ends in a bootconfig, which Linux reads since 5.6, and the kernel is ${release}`,
      "Remove it with `bootconfig -d`",
    );
  }
  return pass(describeContent(path, content));
}

function describeContent(path: string, content: WholeInitrd): string {
  const { archives, untrailed, files, size, packed, bootconfig } = content;
  const count = (number: number, one: string): string => `${number} ${one}${number === 1 ? "" : "s"}`;
  const packings = packed.length === 0 ? "" : ` (${packed.map(({ packing }) => packing).join(", ")})`;
  const trailers = untrailed === 0
    ? ""
    : untrailed === archives
    ? ", without TRAILER!!!"
    : `, ${untrailed} of them without TRAILER!!!`;
  return `${path} is whole: ${count(archives, "archive")}${packings}${trailers}, ${count(files, "file")}, ` +
    `${formatSize(size)} unpacked${bootconfig > 0 ? ", and a bootconfig" : ""}`;
}

/** Every initrd's content; undefined where one of them is not known to be whole. */
function wholeContents(images: RuleInput["images"]): readonly WholeInitrd[] | undefined {
  const contents = images.initrd.flatMap(({ content }) => content?.kind === "whole" ? [content] : []);
  return contents.length > 0 && contents.length === images.initrd.length ? contents : undefined;
}

const initrdInit: Rule = {
  name: "initrd-init",
  about: "The program that starts first is in the initrd: /init, or what `rdinit=` names",
  exit: "unavailable",
  check({ call, images }) {
    const contents = wholeContents(images);
    if (contents === undefined) return undefined;
    if (contents.every(({ isEarly }) => isEarly)) return pass("The initrd holds early microcode or tables only");
    const path = initProgramOf(call.cmdline);
    const found = new Set(contents.flatMap(({ programs }) => Object.hasOwn(programs, path) ? [programs[path]] : []));
    if (found.size === 0) return undefined;
    const which = contents.length === 1 ? "The initrd" : "Every initrd";
    const asRoot = "the kernel then mounts `root=` itself, with built-in drivers only";
    if (found.has("executable")) return pass(`The initrd has ${path}`);
    if (found.has("not-executable")) {
      return warn(
        `${path} of the initrd is not executable, so it cannot start`,
        "Make it executable, and build the initrd again",
      );
    }
    if (found.has("dangling")) {
      // What it leads to may lie in another one.
      return contents.length > 1
        ? pass(`The initrds have ${path}`)
        : warn(`${path} of the initrd is a symbolic link whose target is missing there: ${asRoot}`, INIT_HINT);
    }
    return warn(`${which} lacks ${path}: ${asRoot}`, INIT_HINT);
  },
};

const INIT_HINT = "Build the initrd again, or name its first program with `rdinit=`";

const initrdModules: Rule = {
  name: "initrd-modules",
  about: "The kernel modules of the initrd, if it has any, are for the kernel's release",
  exit: "unavailable",
  check({ images }) {
    const release = releaseOf(images);
    const releases = [...new Set(wholeContents(images)?.flatMap(({ modules }) => modules) ?? [])].sort(compareReleases);
    if (release === undefined || releases.length === 0) return undefined;
    return releases.includes(release) ? pass(`The initrd has modules for ${release}`) : warn(
      `The initrd has modules for ${releases.join(", ")}, and the kernel is ${release}`,
      "Name the initrd that was made for this kernel; with this one, only built-in drivers work",
    );
  },
};

/** The rules about the files that the call reads. */
export const FILE_RULES: readonly Rule[] = [
  pinnedDigest,
  fileSize,
  kernelImage,
  architecture,
  fiveLevelPaging,
  entryMode,
  efiBits,
  kernelContent,
  ukiContent,
  ukiSections,
  imageParts,
  ukiExtras,
  initrdContent,
  initrdInit,
  initrdModules,
];
