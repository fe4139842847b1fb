import { type Checked, type Diagnostic, hasErrors } from "../core/diagnostic.ts";
import { nearest } from "../core/nearest.ts";
import {
  type Companions,
  companionsIn,
  type ComposedUki,
  composeUki,
  type ImageWithSections,
  notComposed,
  readThinStub,
  sectionsOf,
  surroundingsOf,
} from "../entry/compose_uki.ts";
import { chooseUkiProfile, type UkiProfile, ukiProfiles } from "../entry/uki.ts";
import type { HostFacts } from "../host/facts.ts";
import { describeImage } from "../image/describe.ts";
import { isUboot } from "../image/uboot.ts";
import { resolveCmdline } from "../profile/cmdline/resolve.ts";
import { resolvePaths } from "../profile/path_variables.ts";
import type { FileRef, KernelRef, Profile } from "../profile/profile.ts";
import { sectionPaths } from "../entry/section_path.ts";
import { type CapturedFiles, capturedImage, captureLacks, type ImageFile, viewFile } from "./image_file.ts";
import { entryOn } from "./entry_files.ts";
import { absolutePath } from "./named_files.ts";
import { partDigests, pinFault, pinnedPart } from "./pinned_parts.ts";
import { withUbootImage, withUImageInitrds } from "./uboot_image.ts";

/**
 * A profile as it is on a host: its paths resolved, the boot loader's entry replaced by its files, and a unified kernel image,
 * a FIT image or a uImage by what it is made of, as systemd-stub and U-Boot compose it. `captured` are the host's files where
 * the host is captured.
 */
export async function profileOn(
  profile: Profile,
  facts: HostFacts,
  captured: CapturedFiles | undefined,
): Promise<Checked<Profile>> {
  const resolved = namedFilesOn(profile, facts, captured);
  const { value } = resolved;
  if (value?.kernel === undefined) return resolved;
  const kernel = { ...value.kernel, path: absolutePath(value.kernel.path) };
  const unwrapped = await withUImageInitrds(value, facts, captured);
  const composed = unwrapped.value === undefined
    ? unwrapped
    : await composedProfile(unwrapped.value, kernel, facts, captured);
  return { ...composed, diagnostics: [...resolved.diagnostics, ...composed.diagnostics] };
}

/** The same, with a unified kernel image as it is. */
export function namedFilesOn(
  profile: Profile,
  facts: HostFacts,
  captured: CapturedFiles | undefined,
): Checked<Profile> {
  const resolved = resolvePaths(profile, facts);
  if (resolved.value?.bootEntry === undefined) return resolved;
  const { value, diagnostics } = entryOn(resolved.value, resolved.value.bootEntry, facts, captured);
  return { value, diagnostics: [...resolved.diagnostics, ...diagnostics] };
}

async function composedProfile(
  profile: Profile,
  kernel: KernelRef,
  facts: HostFacts,
  captured: CapturedFiles | undefined,
): Promise<Checked<Profile>> {
  using opened = viewFile(kernel.path, captured);
  // A file that is missing is reported where all files are opened.
  if (opened === undefined) return { value: profile, diagnostics: [] };
  const { file } = opened;
  const info = file.identifyKernel();
  if (kernel.profile !== undefined && info.kind !== "uki") {
    return failed({
      code: "conflict",
      severity: "error",
      message: `Only a unified kernel image has profiles, and ${kernel.path} is ${describeImage(info)}`,
      path: ["kernel", "profile"],
      hint: info.kind === "fit" ? "Name its configuration with `configuration`" : "Remove `profile`",
    });
  }
  if (kernel.configuration !== undefined && info.kind !== "fit") {
    return failed({
      code: "conflict",
      severity: "error",
      message: `Only a FIT image has configurations, and ${kernel.path} is ${describeImage(info)}`,
      path: ["kernel", "configuration"],
      hint: info.kind === "uki" ? "Name its profile with `profile`" : "Remove `configuration`",
    });
  }
  if (isUboot(info)) return await withUbootImage(profile, kernel, file, info, facts);
  if (info.kind !== "uki") return { value: profile, diagnostics: [] };
  const image = { path: kernel.path, source: file.source, sections: info.sections };
  const profiles = ukiProfiles(image.source, image.sections);
  const chosen = kernel.profile === undefined ? profiles[0] : chooseUkiProfile(profiles, kernel.profile);
  const thin = thinParts(image);
  // What a capture lacks reads as zeros.
  if (!file.isComplete()) return failed(captureLacks(kernel.path));
  if (kernel.profile !== undefined && chosen === undefined) {
    return failed(unknownProfile(kernel.path, profiles, kernel.profile));
  }
  if (thin !== undefined) {
    const wrong = await pinFault(kernel, file);
    return wrong === undefined ? withParts(profile, thin, facts) : failed(wrong);
  }
  using addons = new DisposableStack();
  const found: ImageWithSections[] = [];
  const files = [file];
  for (const path of companionsOf(kernel.path, captured).addons) {
    const addon = viewFile(path, captured);
    if (addon === undefined) continue;
    files.push(addons.use(addon).file);
    const sections = sectionsOf(addon.file.source);
    if (sections !== undefined) found.push({ path, source: addon.file.source, sections });
  }
  const composed = composeUki(image, chosen, found);
  const lacking = files.find((each) => !each.isComplete());
  if (lacking !== undefined) return failed(captureLacks(lacking.path));
  if (composed === undefined) return { value: profile, diagnostics: [] };
  const sections = sectionPaths(image.path, image.source, image.sections);
  const digests = await partDigests(kernel, file, sections.map(({ path, section }) => ({ path, place: section })));
  if (digests.kind === "wrong") return failed(digests.diagnostic);
  const ref = (path: string): FileRef => pinnedPart(path, digests.of);
  const parts: Parts = {
    kernel: ref(composed.kernel),
    initrd: composed.initrd.map(ref),
    ...(composed.dtb === undefined ? {} : { dtb: ref(composed.dtb) }),
    ...(composed.cmdline === undefined ? {} : { cmdline: composed.cmdline }),
  };
  const result = withParts(profile, parts, facts);
  return { ...result, diagnostics: [...passedOver(composed), ...result.diagnostics] };
}

/** What takes the place of an image in a profile. */
interface Parts {
  readonly kernel: FileRef;
  readonly initrd: readonly FileRef[];
  readonly dtb?: FileRef;
  readonly cmdline?: string;
}

/** The profile with the parts of the image: the profile's own initrds come after, its device tree and text come instead. */
function withParts(profile: Profile, parts: Parts, facts: HostFacts): Checked<Profile> {
  const isStated = profile.stated.includes("cmdline");
  const spec = isStated ? profile.cmdline : { kind: "edit", reuse: "image", remove: [], set: [], append: [] } as const;
  const { value: text, diagnostics } = spec.kind === "edit" && spec.reuse === "image"
    ? resolveCmdline(spec, { crash: profile.crash, image: parts.cmdline ?? "" })
    : { value: undefined, diagnostics: [] };
  if (hasErrors(diagnostics)) return { value: undefined, diagnostics };
  if (text?.includes("\ufffd") === true) return failed(notUtf8(parts.kernel.path));
  const bare = text === "" && !isStated ? [noCmdline(parts.kernel.path)] : [];
  // Other kernels do not read the tree that the stub installs.
  const tree = profile.dtb === undefined && facts.machine === "aarch64" ? parts.dtb : undefined;
  const isUnused = profile.load === "kexec_file_load";
  const dtb = profile.dtb ?? (isUnused ? undefined : tree);
  return {
    value: {
      ...profile,
      kernel: parts.kernel,
      initrd: [...parts.initrd, ...profile.initrd],
      ...(dtb === undefined ? {} : { dtb }),
      ...(text === undefined
        ? {}
        : { cmdline: { kind: "parameters", parameters: text === "" ? [] : [text] } as const }),
    },
    diagnostics: [...diagnostics, ...bare, ...(tree !== undefined && isUnused ? [treeUnused(tree.path)] : [])],
  };
}

/** A stub that names its files, below the root of the partition that it lies on. */
function thinParts(image: ImageWithSections): Parts | undefined {
  const { partition } = surroundingsOf(image.path);
  if (partition === undefined) return undefined;
  const thin = readThinStub(image, partition);
  return thin === undefined ? undefined : { kernel: thin.kernel, initrd: [thin.initrd], cmdline: thin.cmdline };
}

/** The files that the stub would add: those that are there, or that were captured with the image. */
export function companionsOf(image: string, captured: CapturedFiles | undefined): Companions {
  const known = capturedImage(image, captured);
  if (known !== undefined) return known.companions ?? { addons: [], extras: [] };
  const all = surroundingsOf(image).folders.map((folder) => companionsIn(folder, namesIn(folder)));
  return { addons: all.flatMap(({ addons }) => addons), extras: all.flatMap(({ extras }) => extras) };
}

/** What the stub would add to the initrd of an image and kexec does not, by paths. */
export function notComposedOf(
  image: string,
  source: ImageFile["source"],
  captured: CapturedFiles | undefined,
): readonly string[] {
  const sections = sectionsOf(source);
  return sections === undefined ? [] : notComposed({ path: image, source, sections }, companionsOf(image, captured));
}

/** The files of a folder; none where it cannot be read, since the stub passes over it as well. */
function namesIn(folder: string): readonly string[] {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name);
  } catch {
    return [];
  }
}

function failed(diagnostic: Diagnostic): Checked<Profile> {
  return { value: undefined, diagnostics: [diagnostic] };
}

function unknownProfile(file: string, profiles: readonly UkiProfile[], asked: string): Diagnostic {
  const names = profiles.map(({ id, index }) => id ?? String(index));
  const near = nearest(asked, names);
  return {
    code: "conflict",
    severity: "error",
    message: profiles.length === 0
      ? `${file} has no profiles, and so none named \`${asked}\``
      : `${file} has no profile \`${asked}\`; it has ${names.join(", ")}`,
    path: ["kernel", "profile"],
    ...(profiles.length === 0
      ? { hint: "Remove `profile`" }
      : near === undefined
      ? {}
      : { hint: `Did you mean \`${near}\`?` }),
  };
}

function notUtf8(kernel: string): Diagnostic {
  return {
    code: "uki-part",
    severity: "error",
    message: `The command line of the image of ${kernel} is not UTF-8 text`,
    path: ["kernel"],
    hint: "State `cmdline`",
  };
}

function noCmdline(kernel: string): Diagnostic {
  return {
    code: "uki-part",
    severity: "warning",
    message: `The image of ${kernel} has no command line: its boot loader gives it one`,
    path: ["kernel"],
    hint: "State `cmdline`",
  };
}

function treeUnused(tree: string): Diagnostic {
  return {
    code: "uki-part",
    severity: "warning",
    message: `${tree} is not used: kexec_file_load hands over the running device tree`,
    path: ["kernel"],
  };
}

/** Addons that the stub itself passes over, and device trees that it would choose or apply. */
function passedOver({ ignored, trees }: ComposedUki): readonly Diagnostic[] {
  const warning = (message: string): Diagnostic => ({
    code: "uki-part",
    severity: "warning",
    message,
    path: ["kernel"],
  });
  return [
    ...ignored.map(({ path, why }) => warning(`The addon ${path} is not used: it ${why}`)),
    ...trees.map((path) =>
      warning(`${path} is not used: the next kernel gets the running device tree, or that of \`dtb\``)
    ),
  ];
}
