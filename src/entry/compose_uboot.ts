import type { ByteSource } from "../core/bytes.ts";
import { nearest } from "../core/nearest.ts";
import { printable, shorten } from "../core/text.ts";
import { compressionOf } from "../formats/compression.ts";
import { findNamed, type FitConfiguration, type FitFile, type FitPart } from "../formats/fit.ts";
import type { UImageFile } from "../formats/uimage.ts";
import { formatUbootPath } from "./part_path.ts";

/** What U-Boot would boot of an image, by the paths of its parts. */
export interface ComposedUboot {
  readonly kind: "composed";
  readonly kernel: string;
  readonly initrd?: string;
  /** The device tree; after it, the overlays that U-Boot would apply. */
  readonly trees: readonly string[];
  /** What U-Boot would also load and warmboot does not: clauses after "…: ". */
  readonly unused: readonly string[];
}

/** Why an image cannot be taken apart. */
export interface UbootFault {
  readonly kind: "fault";
  readonly message: string;
  readonly hint?: string;
  /** It is about the configuration that the profile names. */
  readonly isChoice?: boolean;
}

/** An image that was opened. */
interface Opened<Image> {
  readonly path: string;
  readonly source: ByteSource;
  readonly image: Image;
}

const MAKE_AGAIN = "Make the image again, and compare it with `dumpimage -l`";

/** What the images of a configuration must be (fit_image_load in boot/image-fit.c, U-Boot 2026.10-rc2). */
const ROLES = {
  kernel: { what: "kernel", types: ["kernel", "kernel_noload"], isForLinux: true },
  ramdisk: { what: "initrd", types: ["ramdisk"], isForLinux: true },
  fdt: { what: "device tree", types: ["flat_dt"], isForLinux: false },
} as const;

/** The configuration of a FIT image that is named, or its default one. */
export function composeFit(
  { path, source, image }: Opened<Omit<FitFile, "kind">>,
  wanted: string | undefined,
): ComposedUboot | UbootFault {
  const chosen = chooseConfiguration(path, image, wanted);
  if (chosen.kind === "fault") return chosen;
  const { configuration } = chosen;
  const named = `The configuration \`${show(configuration.name)}\` of ${path}`;
  if (configuration.kernel === undefined) return fault(`${named} has no kernel`, otherOf(image, configuration));
  const part = (role: keyof typeof ROLES, name: string): { readonly path: string } | UbootFault => {
    const found = findNamed(image.images, name);
    const { what, types, isForLinux } = ROLES[role];
    if (found === undefined) {
      return fault(`${named} has the ${what} \`${show(name)}\`, which is not in the file`, MAKE_AGAIN);
    }
    const why = partFault(found, source, types, isForLinux);
    if (why !== undefined) {
      return fault(`The ${what} \`${show(found.name)}\` of ${path} cannot be used: ${why}`, MAKE_AGAIN);
    }
    const at = formatUbootPath({ image: path, name: found.name });
    return at === undefined
      ? fault(
        `The ${what} \`${show(found.name)}\` of ${path} cannot be named in a path`,
        "Name it by letters and digits",
      )
      : { path: at };
  };
  const kernel = part("kernel", configuration.kernel);
  if ("kind" in kernel) return kernel;
  const { architecture } = findNamed(image.images, configuration.kernel) ?? {};
  if (architecture !== "arm64") {
    return fault(
      architecture === undefined
        ? `The kernel \`${show(configuration.kernel)}\` of ${path} states no architecture`
        : `${named} is for ${show(architecture)}, and this host is arm64`,
      otherOf(image, configuration),
    );
  }
  const initrd = configuration.ramdisk === undefined ? undefined : part("ramdisk", configuration.ramdisk);
  if (initrd !== undefined && "kind" in initrd) return initrd;
  const trees: string[] = [];
  for (const name of configuration.fdt) {
    const tree = part("fdt", name);
    if ("kind" in tree) return tree;
    trees.push(tree.path);
  }
  return {
    kind: "composed",
    kernel: kernel.path,
    ...(initrd === undefined ? {} : { initrd: initrd.path }),
    trees,
    unused: configuration.others.map(({ property, image: name }) => `\`${show(name)}\` (\`${property}\`)`),
  };
}

function chooseConfiguration(
  path: string,
  { configurations, default: standard }: Omit<FitFile, "kind">,
  wanted: string | undefined,
): { readonly kind: "chosen"; readonly configuration: FitConfiguration } | UbootFault {
  const names = configurations.map(({ name }) => name);
  if (configurations.length === 0) {
    return fault(
      `${path} has no configurations, which say what belongs together`,
      `Name its parts: kernel: ${path}/images/NAME`,
    );
  }
  const name = wanted ?? standard;
  // With one there is nothing to choose.
  const found = name === undefined
    ? configurations.length === 1 ? configurations[0] : undefined
    : findNamed(configurations, name);
  if (found !== undefined) return { kind: "chosen", configuration: found };
  const list = names.map(show).join(", ");
  if (name === undefined) {
    return fault(`${path} has no default configuration`, `Name one with \`configuration\`: ${list}`);
  }
  const near = nearest(name, names);
  return {
    ...fault(
      wanted === undefined
        ? `${path} has the default configuration \`${show(name)}\`, which is not in it; it has ${list}`
        : `${path} has no configuration \`${show(name)}\`; it has ${list}`,
      near === undefined ? "Name one of them with `configuration`" : `Did you mean \`${show(near)}\`?`,
    ),
    ...(wanted === undefined ? {} : { isChoice: true }),
  };
}

/** A hint: the other configurations. */
function otherOf({ configurations }: Omit<FitFile, "kind">, { name }: FitConfiguration): string {
  const others = configurations.filter((each) => each.name !== name).map((each) => show(each.name));
  return others.length === 0 ? MAKE_AGAIN : `Name another one with \`configuration\`: ${others.join(", ")}`;
}

/** Why an image cannot be what a configuration takes it for: completes "… cannot be used: ". */
function partFault(
  { type, system, compression = "none", data, isEncrypted }: FitPart,
  source: ByteSource,
  types: readonly string[],
  isForLinux: boolean,
): string | undefined {
  if (type === undefined || !types.includes(type)) {
    return type === undefined ? "it states no type" : `its type is \`${show(type)}\`, not \`${types[0]}\``;
  }
  if (isForLinux && system !== "linux") {
    return system === undefined ? "it states no operating system" : `it is for ${show(system)}, not linux`;
  }
  if (isEncrypted) return "it is encrypted, and U-Boot has the key";
  if (data.kind === "fault") return `its data ${data.why}`;
  if (data.size === 0) return "it is empty";
  // An initrd is handed over as it is.
  return type === "ramdisk" ? undefined : packingFault(compression, source, data.offset, data.size);
}

/** What a packed image does not begin with. */
function packingFault(stated: string, source: ByteSource, offset: number, size: number): string | undefined {
  const found = compressionOf(source.read(offset, Math.min(size, HEAD)));
  return stated === "none" || stated === found
    ? undefined
    : `it states \`${show(stated)}\` compression, and its data are ${
      found === undefined ? "not" : `packed with ${found}`
    }`;
}

/** Enough to know a compression by, bytes. */
const HEAD = 64;

/** The files of a uImage: the kernel, the initrd, the device tree (bootm in boot/bootm.c, U-Boot 2026.10-rc2). */
export function composeUImage({ path, source, image }: Opened<Omit<UImageFile, "kind">>): ComposedUboot | UbootFault {
  const { parts, compression } = image;
  const at = (index: number): string | undefined =>
    parts[index] === undefined ? undefined : formatUbootPath({ image: path, name: String(index) });
  const [kernel, initrd, tree] = [at(0), at(1), at(2)];
  const [first] = parts;
  if (kernel === undefined || first === undefined || first.size === 0) return fault(`${path} has no data`, MAKE_AGAIN);
  const why = packingFault(compression, source, first.offset, first.size);
  if (why !== undefined) return fault(`The kernel of ${path} cannot be used: ${why}`, MAKE_AGAIN);
  return {
    kind: "composed",
    kernel,
    ...(initrd === undefined ? {} : { initrd }),
    trees: tree === undefined ? [] : [tree],
    unused: parts.slice(3).map((_, index) => `its file ${index + 3}`),
  };
}

function fault(message: string, hint: string): UbootFault {
  return { kind: "fault", message, hint };
}

function show(name: string): string {
  return shorten(printable(name));
}
