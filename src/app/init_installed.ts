import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import type { HostFacts } from "../host/facts.ts";
import { kernelParameter, parseCmdline } from "../profile/cmdline/cmdline.ts";
import type { ProfileTemplate } from "../profile/profile_template.ts";
import { bootFiles, initrdFor, type InstalledKernel, installedKernels, kernelAt } from "./installed_kernels.ts";

/** A profile of the running kernel: its file, where it is still there, and its command line. */
export function templateFromRunning(facts: HostFacts, root: string): Checked<ProfileTemplate> {
  const { release } = facts;
  const kernelsAt = (paths: readonly string[]) =>
    paths.flatMap((path) => {
      const kernel = kernelAt(root, path);
      return kernel === undefined ? [] : [{ path, ...kernel }];
    });
  const found = kernelsAt(candidates(facts));
  // An image that does not say its release is known by its name alone.
  const kernel = found.find((each) => each.release === release) ??
    found.find((each) => each.release === undefined && each.path.includes(release)) ??
    kernelsAt(bootFiles(root)).find((each) => each.release === release);
  if (kernel === undefined) return { value: undefined, diagnostics: [notThere(release, found)] };
  const about = [`Boots the kernel that was running when this was written, ${release}.`];
  return { value: draftOf({ ...kernel, release }, root, about, facts.machine), diagnostics: [] };
}

/** Which of the installed kernels count. */
export interface Wanted {
  /** The release of one that is about to go. */
  readonly without?: string;
  /** Whether a kernel counts only with its initrd, if any has one: that of the newest may not be built yet. */
  readonly withInitrd?: boolean;
}

/** A profile of the newest kernel under /boot, /efi and /usr/lib/modules. */
export function templateFromNewest(
  root: string,
  { without, withInitrd = false }: Wanted = {},
): Checked<ProfileTemplate> {
  const kernels = installedKernels(root).filter(({ release }) => release !== without);
  const complete = withInitrd
    ? kernels.filter((kernel) => kernel.isUnified === true || initrdFor(root, kernel) !== undefined)
    : [];
  const newest = (complete.length > 0 ? complete : kernels).at(-1);
  if (newest === undefined) {
    return {
      value: undefined,
      diagnostics: [{
        code: "kernel-not-found",
        severity: "error",
        message: `There is no kernel under ${root}/boot, ${root}/efi or ${root}/usr/lib/modules`,
        hint: "Name a boot loader entry with --bls FILE, or a unified kernel image with --uki FILE",
      }],
    };
  }
  const about = [`Boots the newest kernel that was installed when this was written, ${newest.release}.`];
  return { value: draftOf(newest, root, about, undefined), diagnostics: [] };
}

/** What is above every profile that is written: what to do with it. */
export const NEXT_STEPS =
  "Written by `warmboot init`. Look before use: `warmboot plan FILE`; then `warmboot load FILE`.";

function draftOf(
  kernel: InstalledKernel,
  root: string,
  about: readonly string[],
  architecture: string | undefined,
): ProfileTemplate {
  const initrd = kernel.isUnified === true ? undefined : initrdFor(root, kernel);
  const stays = "An update may remove this file and install another.";
  return {
    about: [...about, NEXT_STEPS],
    ...(architecture === undefined ? {} : { architecture }),
    kernel: { path: kernel.path },
    ...(kernel.isUnified === true ? { isUnified: true } : {}),
    initrd: initrd === undefined ? [] : [{ path: initrd }],
    notes: {
      kernel: kernel.path.includes(kernel.release) ? stays : `Release ${kernel.release}. ${stays}`,
      initrd: initrd === undefined
        ? "None was found beside the kernel. If the kernel needs one to find its root file system, name it here."
        : "The initrd that was made for this kernel.",
      cmdline:
        "The running kernel's, without what the boot loader added (BOOT_IMAGE, initrd). To state it whole instead: cmdline: root=LABEL=root ro",
    },
  };
}

/** Where the running kernel's file may be: what the boot loader said, and where distributions have it. */
function candidates({ cmdline, release }: HostFacts): readonly string[] {
  const named = kernelParameter(parseCmdline(cmdline ?? ""), "BOOT_IMAGE")?.value;
  // GRUB writes (hd0,gpt2)/vmlinuz; the path is from the root of that file system, which may be mounted on /boot.
  const path = named?.replace(/^\([^)]*\)/, "");
  return [
    ...(path?.startsWith("/") ? [path, `/boot${path}`] : []),
    ...["vmlinuz", "vmlinux", "Image", "kernel"].map((name) => `/boot/${name}-${release}`),
    `/usr/lib/modules/${release}/vmlinuz`,
    `/lib/modules/${release}/vmlinuz`,
  ];
}

function notThere(
  release: string,
  found: readonly { readonly path: string; readonly release: string | undefined }[],
): Diagnostic {
  const others = found.map((each) => `${each.path} is ${each.release ?? "of an unknown release"}`).join(", ");
  return {
    code: "kernel-not-found",
    severity: "error",
    message: `No file was found for the running kernel ${release}${others === "" ? "" : `: ${others}`}`,
    hint: "A package update may have removed it; `--newest` writes a profile for the newest installed kernel",
  };
}
