import { basename, dirname, join } from "@std/path/posix";
import { closeFile, isOfPath, type OpenFile, openOrThrow } from "./files/open_file.ts";
import { imageRelease } from "../image/describe.ts";
import { identifyKernel } from "../image/identify.ts";
import { compareReleases } from "../core/release.ts";
import { compareNames } from "../core/text.ts";

/** A kernel that is installed. Paths are those of the host, without the folder that replaces its root. */
export interface InstalledKernel {
  readonly path: string;
  /** As uname -r will say, from the image or else from its name. */
  readonly release: string;
  /** It is a unified kernel image, which has its own initrd and command line. */
  readonly isUnified?: true;
}

/** Names of kernels under /boot: of Debian, Fedora, SUSE, Arch; arm64's Image. */
const KERNEL_NAME = /^(?:vmlinuz|vmlinux|Image|kernel)-(.+)$/;

/** Files that are not kernels to boot: rescue kernels, old ones, signatures, and what a package manager has half installed. */
const SET_ASIDE = /rescue|\.(?:old|bak|sig|hmac|tmp|new|dpkg-\w+|rpm\w+)$|[~#]$/;

/** Names of the initrd for a version, as initramfs-tools, dracut, mkinitcpio and SUSE's dracut make them. */
const INITRD_NAMES: readonly ((version: string) => string)[] = [
  (version) => `initrd.img-${version}`,
  (version) => `initramfs-${version}.img`,
  (version) => `initrd-${version}`,
  (version) => `initrd-${version}.img`,
];

/** Names of the initrd of a kernel without a version in its name, such as /boot/vmlinuz. */
const UNVERSIONED_INITRDS: readonly string[] = ["initrd.img", "initramfs.img", "initrd"];

/** Where kernel-install puts TOKEN/VERSION/linux, beside its initrd, and unified kernel images below EFI/Linux. */
const ENTRY_ROOTS = ["/boot", "/efi", "/boot/efi"];

/**
 * Every kernel under /boot, /efi and /usr/lib/modules, the oldest first; of the same release, unified kernel images come
 * first. Rescue kernels and old ones set aside do not count.
 */
export function installedKernels(root: string): readonly InstalledKernel[] {
  const boot = namesIn(`${root}/boot`).filter((name) => KERNEL_NAME.test(name) && !SET_ASIDE.test(name))
    .map((name) => `/boot/${name}`);
  const modules = ["/lib/modules", "/usr/lib/modules"].flatMap((folder) =>
    namesIn(`${root}${folder}`).map((release) => `${folder}/${release}/vmlinuz`)
  );
  const unified = ENTRY_ROOTS.flatMap((folder) =>
    namesIn(`${root}${folder}/EFI/Linux`).filter((name) => /\.efi$/i.test(name) && !SET_ASIDE.test(name))
      .map((name) => `${folder}/EFI/Linux/${name}`)
  );
  const images = unified.flatMap((path): readonly InstalledKernel[] => {
    const found = kernelAt(root, path);
    return found?.isUnified === true && found.release !== undefined
      ? [{ path, release: found.release, isUnified: true }]
      : [];
  });
  const plain = [...modules, ...boot, ...entryKernels(root)].flatMap((path): readonly InstalledKernel[] => {
    const found = kernelAt(root, path);
    if (found === undefined) return [];
    return [{ path, release: found.release ?? KERNEL_NAME.exec(basename(path))?.[1] ?? basename(dirname(path)) }];
  });
  return [...images, ...plain].toSorted((a, b) => compareReleases(a.release, b.release));
}

/** Every file of /boot, and in the folders where kernel-install puts kernels: whatever its name, its content says what it is. */
export function bootFiles(root: string): readonly string[] {
  const boot = namesIn(`${root}/boot`).filter((name) => !SET_ASIDE.test(name)).map((name) => `/boot/${name}`);
  return [...boot, ...entryKernels(root)];
}

function entryKernels(root: string): readonly string[] {
  return ENTRY_ROOTS.flatMap((folder) =>
    namesIn(`${root}${folder}`).flatMap((token) =>
      namesIn(`${root}${folder}/${token}`).map((version) => `${folder}/${token}/${version}/linux`)
    )
  );
}

/**
 * A kernel file, with its release where it says; undefined for what is not a kernel, or does not exist. One that may not be
 * read, as Ubuntu's by others than root, is taken by its name.
 */
export function kernelAt(
  root: string,
  path: string,
): { readonly release: string | undefined; readonly isUnified?: true } | undefined {
  if (!isFileThere(`${root}${path}`)) return undefined;
  const file = openedKernel(`${root}${path}`);
  if (file === undefined) return { release: undefined };
  try {
    const info = identifyKernel(file);
    if (info.kind === "not-kernel") return undefined;
    return { release: imageRelease(info), ...(info.kind === "uki" ? { isUnified: true } : {}) };
  } finally {
    closeFile(file);
  }
}

/** Undefined for what this user may not read. Throws if a failing disk, or the like, is why it cannot be opened. */
function openedKernel(path: string): OpenFile | undefined {
  try {
    return openOrThrow(path).value;
  } catch (error) {
    if (isOfPath(error) || error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

/** The initrd that belongs to a kernel, by the version in its name or else its release; undefined if none is there. */
export function initrdFor(root: string, { path, release }: InstalledKernel): string | undefined {
  const version = KERNEL_NAME.exec(basename(path))?.[1];
  const versions = version === undefined || version === release ? [release] : [version, release];
  const folders = [...new Set([dirname(path), "/boot"])];
  const beside = basename(path) === "linux" ? [`${dirname(path)}/initrd`] : [];
  const named = versions.flatMap((each) =>
    folders.flatMap((folder) => INITRD_NAMES.map((name) => join(folder, name(each))))
  );
  const unversioned = version === undefined ? UNVERSIONED_INITRDS.map((name) => join(dirname(path), name)) : [];
  return [...beside, ...named, ...unversioned].find((candidate) => isFileThere(`${root}${candidate}`));
}

/** Whether there is a file of that name, links followed. Throws what keeps this from being determined, see `isOfPath`. */
export function isFileThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (isOfPath(error)) return false;
    throw error;
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name).toSorted(compareNames);
  } catch (error) {
    if (isOfPath(error)) return [];
    throw error;
  }
}
