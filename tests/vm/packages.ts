/** What the virtual machines are made of: kernels, busybox, UEFI firmware, from the distribution's packages. */
import { join } from "@std/path";
import {
  debianArchitecture,
  distribution,
  downloadPackage,
  type Package,
  refreshIndex,
  resolvePackages,
  type Suite,
} from "./apt.ts";
import { architecture, type GuestArch } from "./architecture.ts";
import { cached } from "./cache.ts";
import { exists, output, SetupError } from "./host_command.ts";

/** A kernel of the distribution, unpacked. */
export interface Kernel {
  readonly name: KernelName;
  readonly arch: GuestArch;
  /** As uname -r. */
  readonly release: string;
  /** The path of the bzImage, or of the Image of arm64. */
  readonly image: string;
  /** The build configuration's path, where the package brings one. */
  readonly config?: string;
  /** The folder of its modules, as /lib/modules/RELEASE. */
  readonly modules: string;
}

/** The kernels by generation; `cloud` is 6.1 too, with another compression and fewer drivers. `newest` follows Debian's sid; `host` is Ubuntu's own. */
export type KernelName = keyof typeof KERNELS;

const KERNELS = {
  "6.1": { arch: "x86_64", suite: "bookworm", root: "linux-image-amd64" },
  cloud: { arch: "x86_64", suite: "bookworm", root: "linux-image-cloud-amd64" },
  "6.12": { arch: "x86_64", suite: "trixie", root: "linux-image-amd64" },
  newest: { arch: "x86_64", suite: "sid", root: "linux-image-amd64" },
  host: { arch: "x86_64", suite: "host", root: "linux-image-generic" },
  "6.1-arm64": { arch: "aarch64", suite: "bookworm/arm64", root: "linux-image-arm64" },
  "6.12-arm64": { arch: "aarch64", suite: "trixie/arm64", root: "linux-image-arm64" },
} as const satisfies {
  readonly [name: string]: { readonly arch: GuestArch; readonly suite: Suite; readonly root: string };
};

/** The kernel of the tests that need only one: 6.12, or the only one of this host. */
export async function usualKernel(): Promise<Kernel> {
  const names = await kernelNames();
  return await fetchKernel(names.includes("6.12") ? "6.12" : names[0] ?? "host");
}

/** Debian's image is one package, or `image`, `binary`, `base` and `modules` since 7.x. */
const KERNEL_PACKAGES = /^linux-(image|binary|base|modules)-\d/;

/** The kernels that this host can have: three generations on Debian, two for aarch64; on Ubuntu its own. */
export async function kernelNames(arch: GuestArch = "x86_64"): Promise<readonly KernelName[]> {
  if (Deno.build.arch !== "x86_64") throw new SetupError(`Cannot test on ${Deno.build.arch}: the host must be x86_64`);
  switch (await distribution()) {
    case "debian":
      return arch === "aarch64" ? ["6.1-arm64", "6.12-arm64"] : ["6.1", "6.12", "newest"];
    case "ubuntu":
      return arch === "aarch64" ? [] : ["host"];
    case undefined:
      throw new SetupError("Cannot fetch kernels: run this on Debian or Ubuntu, or in a container of one of them");
  }
}

/** A kernel, fetched if the cache lacks it. */
export async function fetchKernel(name: KernelName): Promise<Kernel> {
  const { arch, suite, root } = KERNELS[name];
  const folder = await unpacked(suite, root, KERNEL_PACKAGES);
  for (const parent of ["usr/lib/modules", "lib/modules"]) {
    const release = await firstEntry(join(folder, parent));
    if (release === undefined) continue;
    const modules = join(folder, parent, release);
    const image = await firstExisting([join(folder, "boot", `vmlinuz-${release}`), join(modules, "vmlinuz")]);
    const config = await firstExisting([join(folder, "boot", `config-${release}`), join(modules, "config")]);
    if (image === undefined) continue;
    return { name, arch, release, image, modules, ...(config === undefined ? {} : { config }) };
  }
  throw new Error(`${root} of ${suite} has no kernel image`);
}

/** The path of a static busybox, from the distribution's package. */
export async function fetchBusybox(arch: GuestArch): Promise<string> {
  const folder = await unpacked(await toolSuite(arch), "busybox-static", /^busybox-static$/);
  const path = await firstExisting([join(folder, "bin/busybox"), join(folder, "usr/bin/busybox")]);
  if (path === undefined) throw new Error("The package busybox-static has no busybox");
  return path;
}

/** The folder with initramfs-tools, unpacked: its /init and scripts are below usr/share/initramfs-tools. */
export async function fetchInitramfsTools(): Promise<string> {
  return await unpacked(await toolSuite("x86_64"), "initramfs-tools-core", /^initramfs-tools-core$/);
}

/** The folder with klibc's programs, as ipconfig, and their library, unpacked. */
export async function fetchKlibc(): Promise<string> {
  return await unpacked(await toolSuite("x86_64"), "klibc-utils", /^(?:klibc-utils|libklibc)$/);
}

/** The path of Debian's Memtest86+ as a bzImage: 6.10 of bookworm, and 8 of sid. */
export async function fetchMemtest(suite: "bookworm" | "sid", bits: "x64" | "ia32"): Promise<string> {
  const folder = await unpacked(suite, "memtest86+", /^memtest86\+$/);
  const path = await firstExisting(
    ["memtest86+", "mt86+"].map((name) => join(folder, "boot", `${name}${bits}`))
      .flatMap((path) => [path, `${path}.bin`]),
  );
  if (path === undefined) throw new Error(`memtest86+ of ${suite} has no image for ${bits}`);
  return path;
}

/** The paths of Debian's 32-bit kernel, and of a static busybox for it. */
export async function fetchI386(): Promise<
  { readonly kernel: string; readonly release: string; readonly busybox: string }
> {
  const folder = await unpacked("bookworm/i386", "linux-image-686-pae", /^linux-image-\d/);
  const release = await firstEntry(join(folder, "lib/modules"));
  const tools = await unpacked("bookworm/i386", "busybox-static", /^busybox-static$/);
  if (release === undefined) throw new Error("linux-image-686-pae has no kernel");
  return { kernel: join(folder, "boot", `vmlinuz-${release}`), release, busybox: join(tools, "bin/busybox") };
}

/** The path of Debian's Xen hypervisor, packed with gzip. */
export async function fetchXen(): Promise<string> {
  const folder = await unpacked("bookworm", "xen-hypervisor-4.17-amd64", /^xen-hypervisor-4.17-amd64$/);
  return join(folder, "boot/xen-4.17-amd64.gz");
}

/** The path of Debian's iPXE as a kernel that starts in real mode. */
export async function fetchIpxe(): Promise<string> {
  return join(await unpacked("bookworm", "ipxe", /^ipxe$/), "boot/ipxe.lkrn");
}

/** GRUB's core image for a BIOS, with a configuration of its own, made by Debian's grub-mkimage. */
export async function makeGrubCore(configuration: string, modules: readonly string[]): Promise<Uint8Array> {
  const tools = await unpacked("bookworm", "grub-common", /^grub-common$/);
  const platform = await unpacked("bookworm", "grub-pc-bin", /^grub-pc-bin$/);
  const folder = await Deno.makeTempDir({ prefix: "warmboot-grub-" });
  try {
    const [config, core] = [join(folder, "grub.cfg"), join(folder, "core.img")];
    await Deno.writeTextFile(config, configuration);
    await output(join(tools, "usr/bin/grub-mkimage"), [
      ...["-d", join(platform, "usr/lib/grub/i386-pc"), "-O", "i386-pc", "-o", core, "-p", "(memdisk)", "-c", config],
      ...modules,
    ]);
    return await Deno.readFile(core);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The folder with GRUB's modules for a BIOS. */
export async function grubModules(): Promise<string> {
  return join(await unpacked("bookworm", "grub-pc-bin", /^grub-pc-bin$/), "usr/lib/grub/i386-pc");
}

/** systemd-boot for x86_64. */
export async function fetchSystemdBoot(): Promise<string> {
  return join(
    await unpacked("bookworm", "systemd-boot-efi", /^systemd-boot-efi$/),
    "usr/lib/systemd/boot/efi/systemd-bootx64.efi",
  );
}

/** The stub of unified kernel images: systemd-stub. */
export async function fetchStub(arch: GuestArch): Promise<string> {
  const folder = await unpacked(await toolSuite(arch), "systemd-boot-efi", /^systemd-boot-efi$/);
  return join(folder, `usr/lib/systemd/boot/efi/linux${arch === "aarch64" ? "aa64" : "x64"}.efi.stub`);
}

/** UEFI firmware: code to map read-only, and the variables' template, which each machine copies. */
export async function fetchFirmware(arch: GuestArch): Promise<{ readonly code: string; readonly variables: string }> {
  const { firmware } = architecture(arch);
  const folder = await unpacked(await toolSuite(arch), firmware.package, new RegExp(`^${firmware.package}$`));
  return { code: join(folder, firmware.code), variables: join(folder, firmware.variables) };
}

/** The folder with the root file system of a C library for another architecture than the host's, with what Deno needs. */
export async function fetchLibraries(arch: GuestArch): Promise<string> {
  return await unpacked(await toolSuite(arch), "libgcc-s1", /^(libgcc-s1|libc6)$/);
}

async function toolSuite(arch: GuestArch): Promise<Suite> {
  if (arch === "aarch64") return "bookworm/arm64";
  return await distribution() === "ubuntu" ? "host" : "bookworm";
}

/**
 * The folder with the packages that resolve to `wanted` from `root`, unpacked over each other. An index that names what
 * the mirror no longer has is refreshed, once.
 */
async function unpacked(suite: Suite, root: string, wanted: RegExp): Promise<string> {
  await refreshIndex(suite);
  try {
    return await unpack(suite, await resolvePackages(suite, root, wanted));
  } catch {
    await refreshIndex(suite, true);
    return await unpack(suite, await resolvePackages(suite, root, wanted));
  }
}

async function unpack(suite: Suite, packages: readonly Package[]): Promise<string> {
  const [first] = packages;
  if (first === undefined) throw new Error(`No package of ${suite} to unpack`);
  const rest = packages.length === 1 ? "" : `+${packages.length - 1}`;
  const foreign = debianArchitecture(suite) === "amd64" ? "" : `_${debianArchitecture(suite)}`;
  const key = `packages/${first.name}_${first.version.replaceAll(":", "%3a")}${foreign}${rest}`;
  return await cached(key, async (folder) => {
    for (const row of packages) {
      const file = await downloadPackage(suite, row, folder);
      await output("dpkg-deb", ["-x", file, folder]);
      await Deno.remove(file);
    }
  });
}

async function firstEntry(folder: string): Promise<string | undefined> {
  if (!await exists(folder)) return undefined;
  const names = await Array.fromAsync(Deno.readDir(folder), (entry) => entry.name);
  return names.toSorted()[0];
}

async function firstExisting(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await exists(path)) return path;
  return undefined;
}
