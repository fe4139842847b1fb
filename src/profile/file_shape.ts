import { either, type Fields, isMap, list, record, type Shape } from "../core/shape.ts";
import { literalPath } from "./path_variables.ts";
import type { FileRef, KernelRef, ModuleRef } from "./profile.ts";
import { refine } from "./refine.ts";
import { constantPath, label, path, sha256 } from "./scalars.ts";

const bare: Shape<FileRef> = refine(path, (value) => ({ path: value }));

const FILE_KEYS: Fields<FileRef> = {
  path: { shape: path, doc: "Absolute, or relative to the profile's own folder." },
  sha256: {
    shape: sha256,
    doc: "SHA-256 that the file must have; otherwise nothing is loaded.",
    fallback: { value: undefined },
  },
};

const OTHER_NAMES = {
  file: "path",
  checksum: "sha256",
  digest: "sha256",
  hash: "sha256",
  pin: "sha256",
  sha256sum: "sha256",
};

const pinned: Shape<FileRef> = record<FileRef>(FILE_KEYS, "a map of `path` and `sha256`", { otherNames: OTHER_NAMES });

const KERNEL_MAP = "a map of `path`, `sha256`, `profile` and `configuration`";

const kernelMap: Shape<KernelRef> = record<KernelRef>(
  {
    ...FILE_KEYS,
    profile: {
      shape: label,
      doc: "Which profile of a unified kernel image to boot: its ID or its number. Default: the first.",
      fallback: { value: undefined },
      examples: ["rescue", "1"],
    },
    configuration: {
      shape: label,
      doc: "Which configuration of a FIT image to boot. Default: its own default.",
      fallback: { value: undefined },
      examples: ["conf-1"],
    },
  },
  KERNEL_MAP,
  {
    otherNames: {
      ...OTHER_NAMES,
      uki_profile: "profile",
      "uki-profile": "profile",
      config: "configuration",
      conf: "configuration",
    },
  },
);

const bareModule: Shape<ModuleRef> = refine(path, (value) => ({ path: value, cmdline: "" }));

const moduleMap: Shape<ModuleRef> = record<ModuleRef>(
  {
    ...FILE_KEYS,
    cmdline: {
      shape: label,
      doc: "The module's command line: text of one line, which the image reads as it likes.",
      fallback: { value: "" },
      examples: ["root=LABEL=root ro"],
    },
  },
  "a map of `path`, `sha256` and `cmdline`",
  { otherNames: { ...OTHER_NAMES, args: "cmdline", options: "cmdline", parameters: "cmdline", string: "cmdline" } },
);

/** A file: its path, or a map that also pins its content. The path is as written, not resolved yet. */
export const fileRef: Shape<FileRef> = either(
  "a path, or a map of `path` and `sha256`",
  [bare, pinned],
  (value) => Array.isArray(value) ? undefined : isMap(value) ? pinned : bare,
);

/**
 * The kernel: its path, or a map that also pins its content, or chooses a profile of a unified kernel image or a configuration
 * of a FIT image.
 */
export const kernelRef: Shape<KernelRef> = either(
  `a path, or ${KERNEL_MAP}`,
  [bare, kernelMap],
  (value) => Array.isArray(value) ? undefined : isMap(value) ? kernelMap : bare,
);

/** A module of a Multiboot image: its path, or a map that also pins its content, or gives it a command line. */
export const moduleRef: Shape<ModuleRef> = either(
  "a path, or a map of `path`, `sha256` and `cmdline`",
  [bareModule, moduleMap],
  (value) => Array.isArray(value) ? undefined : isMap(value) ? moduleMap : bareModule,
);

const basePath: Shape<string> = refine(constantPath, literalPath);
const severalPaths: Shape<readonly string[]> = list(basePath);

/** A path, or a list of paths, of files that a profile extends. */
export const paths: Shape<readonly string[]> = {
  expected: "a path, or a list of paths",
  schema: { anyOf: [basePath.schema, severalPaths.schema] },
  decode(value, at, report) {
    if (Array.isArray(value)) return severalPaths.decode(value, at, report);
    const only = basePath.decode(value, at, report);
    return only === undefined ? undefined : [only];
  },
};
