import { formatSize } from "../../core/number.ts";
import { initrdIs, machineOf } from "../../image/describe.ts";
import { initrdObjection } from "../../image/initrd.ts";
import { incompatibility } from "../../image/compatibility.ts";
import { remedyOf } from "../../image/remedy.ts";
import { fail, pass, type Rule, type RuleInput, warn } from "./rule.ts";
import { describeKernel, type IdentifiedFile, loadedInfo } from "../../image/boot_files.ts";

/** kernel_read_file() takes at most this much for kexec (kernel/kexec_file.c, KEXEC_FILE_SIZE_MAX, Linux 6.1). */
const FILE_SIZE_MAX = 4 * 2 ** 30;

const pinnedDigest: Rule = {
  name: "pinned-digest",
  about: "Every file with a pinned SHA-256 has that digest",
  exit: "unavailable",
  check({ images }) {
    const pinned = files(images).filter((file) => file.pinned !== undefined);
    if (pinned.length === 0) return undefined;
    const wrong = pinned.find((file) => file.pinned !== file.sha256);
    if (wrong !== undefined) {
      return fail(
        `${wrong.path} has the SHA-256 ${wrong.sha256}, not the pinned ${wrong.pinned}`,
        "Find out what changed the file; if the change is intended, pin the new digest",
      );
    }
    return pass(
      pinned.length === 1
        ? `${pinned[0]?.path} has its pinned digest`
        : `${pinned.length} files have their pinned digests`,
    );
  },
};

const fileSize: Rule = {
  name: "file-size",
  about: "No file is empty, or larger than the kernel reads",
  exit: "unavailable",
  check({ images }) {
    for (const file of files(images)) {
      if (file.size === 0) {
        return fail(`${file.path} is empty`, "Copy or build the file again; the kernel answers EINVAL to an empty one");
      }
      if (file.size > FILE_SIZE_MAX) {
        return fail(`${file.path} has ${formatSize(file.size)}; the kernel reads at most ${formatSize(FILE_SIZE_MAX)}`);
      }
    }
    if (files(images).length === 0) return undefined;
    return pass(files(images).map((file) => `${file.path} has ${formatSize(file.size)}`).join(", "));
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
    if ((machineOf(info) ?? facts.machine) !== facts.machine) return undefined;
    if (kernel.inner !== undefined && "why" in kernel.inner && facts.machine === "aarch64") {
      return fail(
        `${call.syscall} cannot take ${kernel.path}: ${kernel.inner.why}`,
        "Name an arm64 Image, plain, compressed, or as an EFI zboot image",
      );
    }
    const objection = incompatibility(call.syscall, info, facts.machine);
    return objection === undefined
      ? pass(`${kernel.path} is ${describeKernel(kernel)}`)
      : fail(`${call.syscall} cannot take ${kernel.path}: ${objection.message}`, objection.hint);
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
    return machine === facts.machine ? pass(`${kernel.path} and this host are both ${machine}`) : fail(
      `${kernel.path} is for ${machine}, and this host is ${facts.machine}: it is ${describeKernel(kernel)}`,
      remedyOf(loadedInfo(kernel), facts.machine),
    );
  },
};

const fiveLevelPaging: Rule = {
  name: "five-level-paging",
  about: "A kernel for a host with 5-level paging can start in that mode",
  exit: "unavailable",
  check({ images, facts }) {
    const info = images.kernel?.info;
    if (info?.kind !== "bzimage" || !facts.cpuFlags.includes("la57")) return undefined;
    return info.la57 ? pass("The running kernel uses 5-level paging, and the new one can start in that mode") : fail(
      "The running kernel uses 5-level paging, but the new one cannot start in that mode",
      "Boot the running kernel with `no5lvl`, or use a newer kernel",
    );
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

const initrdContent: Rule = {
  name: "initrd-content",
  about: "Each initrd looks like one",
  exit: "unavailable",
  check({ images }) {
    if (images.initrd.length === 0) return undefined;
    for (const { path, size, info } of images.initrd) {
      const objection = size === 0 ? undefined : initrdObjection(info);
      if (objection !== undefined) return warn(`${path}: ${objection.message}`, objection.hint);
    }
    return pass(images.initrd.map(({ path, info }) => `${path} is ${initrdIs(info)}`).join(", "));
  },
};

function files(images: RuleInput["images"]): readonly IdentifiedFile<unknown>[] {
  return [
    ...(images.kernel === undefined ? [] : [images.kernel]),
    ...images.initrd,
    ...(images.dtb === undefined ? [] : [images.dtb]),
    ...(images.segments ?? []),
  ];
}

/** The rules about the files that the call reads. */
export const FILE_RULES: readonly Rule[] = [
  pinnedDigest,
  fileSize,
  kernelImage,
  architecture,
  fiveLevelPaging,
  efiBits,
  initrdContent,
];
