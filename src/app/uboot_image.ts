import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import { type ComposedUboot, composeFit, composeUImage } from "../entry/compose_uboot.ts";
import { formatUbootPath, readUbootImage, ubootPaths } from "../entry/part_path.ts";
import type { HostFacts } from "../host/facts.ts";
import { machineOf } from "../image/describe.ts";
import type { FitImage, UImage } from "../image/image.ts";
import { isFiles } from "../profile/overlay_file.ts";
import type { FileRef, InitrdItem, KernelRef, Profile } from "../profile/profile.ts";
import { type CapturedFiles, captureLacks, type ImageFile, viewFile } from "./image_file.ts";
import { partDigests, pinnedPart } from "./pinned_parts.ts";

/**
 * The profile with the parts of a FIT image or uImage in place of it: the profile's own initrds and device tree come instead
 * of the image's. An image for another machine stays as it is: the plan says why it cannot run.
 */
export async function withUbootImage(
  profile: Profile,
  kernel: KernelRef,
  file: ImageFile,
  info: FitImage | UImage,
  facts: HostFacts,
): Promise<Checked<Profile>> {
  const machine = machineOf(info);
  // A configuration that is named may be for this machine all the same.
  const isForeign = machine !== undefined && machine !== "aarch64" && kernel.configuration === undefined;
  if (facts.machine !== "aarch64" || isForeign) return { value: profile, diagnostics: [] };
  const opened = { path: kernel.path, source: file.source };
  const composed = info.kind === "fit"
    ? composeFit({ ...opened, image: info }, kernel.configuration)
    : composeUImage({ ...opened, image: info });
  if (!file.isComplete()) return failed(captureLacks(kernel.path));
  if (composed.kind === "fault") {
    const { message, hint, isChoice = false } = composed;
    return failed({
      code: isChoice ? "conflict" : "image-part",
      severity: "error",
      message,
      path: isChoice ? ["kernel", "configuration"] : ["kernel"],
      ...(hint === undefined ? {} : { hint }),
    });
  }
  const digests = await partDigests(kernel, file, ubootPaths(kernel.path, info));
  if (digests.kind === "wrong") return failed(digests.diagnostic);
  const ref = (path: string): FileRef => pinnedPart(path, digests.of);
  const tree = treeOf(profile, composed, kernel.path);
  if (tree.kind === "several") return failed(tree.diagnostic);
  const own = profile.initrd.filter(isFiles);
  // An empty list says that there is none; files alone are added to that of the image.
  const isStated = profile.stated.includes("initrd") && (own.length === 0 || own.length < profile.initrd.length);
  const initrd = isStated ? undefined : composed.initrd;
  return {
    value: {
      ...profile,
      kernel: ref(composed.kernel),
      ...(initrd === undefined ? {} : { initrd: [ref(initrd), ...own] }),
      ...(tree.path === undefined ? {} : { dtb: ref(tree.path) }),
    },
    diagnostics: [
      ...(tree.diagnostic === undefined ? [] : [tree.diagnostic]),
      ...(composed.unused.length === 0
        ? []
        : [unused(`Of ${kernel.path}, only U-Boot would load ${composed.unused.join(", ")}`)]),
    ],
  };
}

/** The device tree of the image, where one is used. */
function treeOf(
  profile: Profile,
  { trees: [first, ...overlays] }: ComposedUboot,
  image: string,
):
  | { readonly kind: "one"; readonly path?: string; readonly diagnostic?: Diagnostic }
  | { readonly kind: "several"; readonly diagnostic: Diagnostic } {
  if (first === undefined || profile.dtb !== undefined) return { kind: "one" };
  if (profile.load === "kexec_file_load") {
    return {
      kind: "one",
      diagnostic: unused(`${first} is not used: kexec_file_load hands over the running device tree`),
    };
  }
  if (overlays.length === 0) return { kind: "one", path: first };
  return {
    kind: "several",
    diagnostic: {
      code: "image-part",
      severity: "error",
      message: `${image} has overlays for its device tree, which are not applied: ${overlays.join(", ")}`,
      path: ["kernel"],
      hint: "Join them with `fdtoverlay`, and name the result as `dtb`; or hand over the running device tree: " +
        "`dtb: /sys/firmware/fdt`",
    },
  };
}

/** The profile with the initrds that uImages hold in place of these, where a host has such. */
export async function withUImageInitrds(
  profile: Profile,
  facts: HostFacts,
  captured: CapturedFiles | undefined,
): Promise<Checked<Profile>> {
  if (facts.machine !== "aarch64") return { value: profile, diagnostics: [] };
  const initrd: InitrdItem[] = [];
  for (const ref of profile.initrd) {
    if (isFiles(ref)) {
      initrd.push(ref);
      continue;
    }
    using opened = viewFile(ref.path, captured);
    const found = opened === undefined ? undefined : readUbootImage(opened.file.source);
    const path = formatUbootPath({ image: ref.path, name: "0" });
    // What a capture lacks, and what is not one, is reported where all files are opened.
    if (opened === undefined || path === undefined || found?.kind !== "uimage-file" || found.type !== "ramdisk") {
      initrd.push(ref);
      continue;
    }
    const digests = await partDigests(ref, opened.file, ubootPaths(ref.path, found));
    if (digests.kind === "wrong") return failed({ ...digests.diagnostic, path: ["initrd"] });
    initrd.push(pinnedPart(path, digests.of));
  }
  return { value: { ...profile, initrd }, diagnostics: [] };
}

function unused(message: string): Diagnostic {
  return { code: "image-part", severity: "warning", message, path: ["kernel"] };
}

function failed(diagnostic: Diagnostic): Checked<Profile> {
  return { value: undefined, diagnostics: [diagnostic] };
}
