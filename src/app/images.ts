import type { ByteSource } from "../core/bytes.ts";
import { omitUndefined } from "../core/shape.ts";
import { parsePartPath } from "../entry/part_path.ts";
import { compressionOf } from "../formats/compression.ts";
import { parseDeviceTree, type ParsedTree } from "../formats/fdt.ts";
import { unpackBytes } from "../formats/unpacked.ts";
import type { Diagnostic, Path } from "../core/diagnostic.ts";
import { closeFile, type OpenFile } from "./files/open_file.ts";
import type { HostFacts } from "../host/facts.ts";
import type { ImaLabel } from "../host/ima_label.ts";
import type { InitrdContent } from "../host/image_content.ts";
import { demandsDisk } from "../host/security.ts";
import { type Libc, LibcError, openLibc } from "../syscall/libc.ts";
import { readLabel } from "./files/read_label.ts";
import { notComposedOf } from "./boot_image.ts";
import { type MadeOverlay, makeOverlay, type OverlayPart, overlayPath, treeOfInitrds } from "./overlay.ts";
import { type ContentReader, contentReader } from "./read_contents.ts";
import type { Sealer } from "./files/seal_files.ts";
import { readLimits } from "./read_limits.ts";
import { type VerdictCache, verdictCache } from "../state/unpacked_cache.ts";
import { identifyInitrd } from "../image/initrd.ts";
import { asksForFiles, furtherFiles } from "../plan/further_files.ts";
import type { FilePart } from "../plan/input.ts";
import { fileItems, isFiles } from "../profile/overlay_file.ts";
import type { FileRef } from "../profile/profile.ts";
import type { Contents } from "../syscall/finalize.ts";
import { unpackInner, withBanner } from "./inner_image.ts";
import { partReader } from "./read_part.ts";
import type { MemoryBudget } from "./memory_limit.ts";
import type { NamedFiles } from "./named_files.ts";
import {
  type CapturedFiles,
  captureLacks,
  findFile,
  type ImageFile,
  type LocalFiles,
  type Reading,
  viewFile,
} from "./image_file.ts";
import type { IdentifiedFile, Images, InitrdFile, KernelFile } from "../image/boot_files.ts";

/** The files of a plan. What was hashed is what is handed to the kernel. */
export interface OpenImages extends Disposable {
  readonly images: Images;
  /** Those that are open: all of them, but for captured ones. */
  readonly files: readonly OpenFile[];
  /** The image that the kernel file holds packed, by its path. */
  readonly contents: Contents;
  /** The archives that are made at load, as far as they are known. */
  readonly overlays: readonly MadeOverlay[];
  readonly diagnostics: readonly Diagnostic[];
  /** The memory that is left for what they unpack to; undefined: nothing of it is taken. */
  readonly budget: MemoryBudget | undefined;
  /** The SHA-256 of a part; undefined where it is not known. */
  digestPart(part: FilePart): Promise<string | undefined>;
}

/** Far more than any device tree: arm64 kernels take 2 MiB. */
const TREE_MAX = 16 << 20;

/** A device tree, which a FIT image may hold packed. */
async function readTree(source: ByteSource): Promise<ParsedTree> {
  if (source.size > TREE_MAX) return { kind: "fault", why: "is far larger than any" };
  const bytes = source.read(0, source.size);
  const packing = compressionOf(bytes.subarray(0, 64));
  if (packing === undefined || packing === "none") return parseDeviceTree(bytes);
  using codecs = (await import("../formats/codecs.ts")).openCodecs();
  const stream = { packing, source, offset: 0, end: source.size, beyondKernel: true } as const;
  const unpacked = await unpackBytes(codecs, stream, { most: TREE_MAX });
  switch (unpacked.kind) {
    case "unpacked":
      return parseDeviceTree(unpacked.bytes);
    case "damaged":
      return { kind: "fault", why: `is packed with ${packing}, and its data ${unpacked.why}` };
    case "too-large":
      return { kind: "fault", why: `is packed with ${packing}, and far larger than any` };
    case "missing":
      return { kind: "fault", why: `is packed with ${packing}, and ${unpacked.library} is not installed` };
    case "forbidden":
      return {
        kind: "fault",
        why: `is packed with ${packing}, and warmboot has no permission to open ${unpacked.library}`,
      };
  }
}

/** What is said of the image that a kernel is a section of. */
async function readUki(
  path: string,
  captured: CapturedFiles | undefined,
  reader: ContentReader,
): Promise<Images["uki"]> {
  using opened = viewFile(path, captured);
  if (opened === undefined) return undefined;
  const { file } = opened;
  const info = file.identifyKernel();
  const content = info.kind === "uki" && info.signed ? await reader.kernel(file, await file.digest(), info) : undefined;
  return {
    path,
    ...(content === undefined ? {} : { content }),
    notComposed: notComposedOf(path, file.source, captured),
  };
}

/** How files are found. */
export interface OpenOptions {
  /** The files that were captured with the host; undefined where the plan is for this host. */
  readonly captured?: CapturedFiles | undefined;
  /** Called before a file is hashed. */
  readonly onReading?: Reading | undefined;
  /** Puts sealed copies in place of files, where they are to be loaded. */
  readonly sealer?: Sealer | undefined;
  /** Whether every file has a digest to hold to, as in a stored plan; else those that are pinned have. */
  readonly hasDigests?: boolean;
  /** The memory that what files unpack to may take. */
  readonly budget?: MemoryBudget | undefined;
  /** Where is kept what reading files through found. */
  readonly cache?: VerdictCache;
  /** The host, if it is this one: where its IMA may appraise files, what it looks at of them is read. */
  readonly facts?: HostFacts | undefined;
  /** Opens libc for that; tests pass one of their own. */
  readonly open?: (() => Libc) | undefined;
  /** The files that are here, with which captured ones are compared. */
  readonly local?: LocalFiles | undefined;
}

/** Reads what IMA looks at of files, where this host has an IMA that may appraise them and libc may be opened. */
function labelReader(
  facts: HostFacts | undefined,
  open: () => Libc,
): Disposable & { label(file: ImageFile): ImaLabel | undefined } {
  const isAppraised = facts !== undefined && demandsDisk(facts) === "IMA appraisal";
  const libc = isAppraised ? openedLibc(open) : undefined;
  return {
    label: ({ open: file, captured }) =>
      captured?.label ?? (file === undefined || libc === undefined ? undefined : readLabel(file, libc)),
    [Symbol.dispose]: () => libc?.[Symbol.dispose](),
  };
}

/** A plan can be made without the permission to call libc; it then says what it does not know. */
function openedLibc(open: () => Libc): Libc | undefined {
  try {
    return open();
  } catch (error) {
    if (error instanceof LibcError) return undefined;
    throw error;
  }
}

/**
 * Opens, hashes and identifies a kernel, initrds, and the files of explicit segments; takes them from a capture where they
 * are in one. Every file that cannot be opened is a diagnostic.
 */
export async function openImages(
  { kernel: kernelRef, initrd: items, further, dtb: dtbRef, modules: moduleRefs = [], segments: segmentRefs, programs }:
    NamedFiles,
  { captured, onReading, sealer, hasDigests = false, budget, cache = verdictCache(), facts, open = openLibc, local }:
    OpenOptions = {},
): Promise<OpenImages> {
  const initrds = fileItems(items);
  const tree = initrds.length < items.length || (further !== undefined && asksForFiles(further));
  const refs = [kernelRef, ...initrds, dtbRef, ...moduleRefs, ...segmentRefs].filter((ref) => ref !== undefined);
  const hasDigest = (path: string): boolean =>
    hasDigests || refs.some((ref) => ref.path === path && ref.sha256 !== undefined);
  const seal = (file: OpenFile) => sealer?.seal(file, hasDigest(file.path), onReading?.(file.path));
  const found: ImageFile[] = [];
  const digests = new Map<ImageFile, string>();
  const diagnostics: Diagnostic[] = [];
  const find = async (ref: FileRef, path: Path): Promise<ImageFile | undefined> => {
    // A file that is named twice is opened and hashed once.
    const known = found.find((file) => file.path === ref.path);
    if (known !== undefined) return known;
    const result = await findFile(ref.path, captured, seal, local);
    diagnostics.push(...result.diagnostics.map((diagnostic) => ({ ...diagnostic, path })));
    if (result.file !== undefined) found.push(result.file);
    return result.file;
  };
  const kernelFile = kernelRef === undefined ? undefined : await find(kernelRef, ["kernel"]);
  const initrdFiles = [];
  for (const ref of initrds) initrdFiles.push(await find(ref, ["initrd", items.indexOf(ref)]));
  const dtbFile = dtbRef === undefined ? undefined : await find(dtbRef, ["dtb"]);
  const moduleFiles = [];
  for (const [index, ref] of moduleRefs.entries()) moduleFiles.push(await find(ref, ["modules", index]));
  const segmentFiles = [];
  for (const [index, ref] of segmentRefs.entries()) segmentFiles.push(await find(ref, ["segments", index, "file"]));
  using labels = labelReader(captured === undefined ? facts : undefined, open);
  using parts = partReader();
  const complete = diagnostics.every(({ severity }) => severity !== "error");
  const identified = async <Info>(
    file: ImageFile | undefined,
    ref: FileRef,
    path: Path,
    identify: (file: ImageFile) => Info | Promise<Info>,
  ): Promise<readonly IdentifiedFile<Info>[]> => {
    if (!complete || file === undefined) return [];
    const sha256 = digests.get(file) ?? await file.digest(onReading?.(file.path));
    digests.set(file, sha256);
    const info = await identify(file);
    if (!file.isComplete()) {
      diagnostics.push({ ...captureLacks(file.path), path });
      return [];
    }
    const label = labels.label(file);
    return [{
      path: file.path,
      size: file.size,
      sha256,
      ...(label === undefined ? {} : { label }),
      ...(ref.sha256 === undefined ? {} : { pinned: ref.sha256 }),
      ...(file.image === undefined ? {} : { image: file.image }),
      ...omitUndefined({ part: await parts.part(file, sha256) }),
      info,
    }];
  };
  const { limits, diagnostics: wrongLimits } = readLimits();
  diagnostics.push(...wrongLimits);
  using reader = contentReader(cache, limits);
  const initrd: InitrdFile[] = [];
  const contentOf = new Map<ImageFile, InitrdContent | undefined>();
  const overlays: MadeOverlay[] = [];
  const addOverlay = async (parts: readonly OverlayPart[]): Promise<void> => {
    if (!complete) return;
    const path = overlayPath(overlays.length + 1);
    const made = await makeOverlay(path, parts, treeOfInitrds(initrd), { captured, programs });
    diagnostics.push(...made.diagnostics);
    if (made.made !== undefined) overlays.push(made.made);
    if (made.file !== undefined) initrd.push(made.file);
  };
  for (const [index, item] of items.entries()) {
    if (isFiles(item)) {
      await addOverlay([{ origin: "profile", files: item.files, at: (at) => ["initrd", index, "files", at] }]);
      continue;
    }
    const file = initrdFiles[initrds.indexOf(item)];
    for (const each of await identified(file, item, ["initrd", index], ({ source }) => identifyInitrd(source))) {
      if (file !== undefined && !contentOf.has(file)) {
        contentOf.set(file, await reader.initrd(file, each.sha256, { programs, tree }));
      }
      const content = file === undefined ? undefined : contentOf.get(file);
      initrd.push({ ...each, ...(content === undefined ? {} : { content }) });
    }
  }
  if (complete && further !== undefined && asksForFiles(further)) {
    const added = furtherFiles(further, { facts, initrd });
    if (added.length > 0) await addOverlay(added.map((part) => ({ ...part, at: () => [part.origin] })));
  }
  const [dtb] = dtbRef === undefined
    ? []
    : await identified(dtbFile, dtbRef, ["dtb"], ({ source }) => readTree(source));
  const modules: IdentifiedFile<undefined>[] = [];
  for (const [index, ref] of moduleRefs.entries()) {
    modules.push(...await identified(moduleFiles[index], ref, ["modules", index], () => undefined));
  }
  const segments: IdentifiedFile<undefined>[] = [];
  for (const [index, ref] of segmentRefs.entries()) {
    segments.push(...await identified(segmentFiles[index], ref, ["segments", index, "file"], () => undefined));
  }
  const [identifiedKernel] = kernelRef === undefined
    ? []
    : await identified(kernelFile, kernelRef, ["kernel"], (file) => {
      const info = file.identifyKernel();
      return info.kind === "arm64-image" ? withBanner(info, kernelFile?.banner()) : info;
    });
  const content = identifiedKernel === undefined || kernelFile === undefined
    ? undefined
    : await reader.kernel(kernelFile, identifiedKernel.sha256, identifiedKernel.info);
  const unpacked = identifiedKernel === undefined || kernelFile === undefined
    ? undefined
    : await unpackInner(kernelFile, identifiedKernel.info, budget);
  const kernel: KernelFile | undefined = identifiedKernel === undefined ? undefined : {
    ...identifiedKernel,
    ...(content === undefined ? {} : { content }),
    ...(unpacked === undefined ? {} : { inner: unpacked.inner }),
  };
  const uki = kernelFile?.image === undefined || kernel === undefined ||
      parsePartPath(kernelFile.path)?.kind !== "section"
    ? undefined
    : await readUki(kernelFile.image, captured, reader);
  const files = found.flatMap(({ open }) => open ?? []);
  return {
    images: {
      ...(kernel === undefined ? {} : { kernel }),
      ...(uki === undefined ? {} : { uki }),
      initrd,
      ...(dtb === undefined ? {} : { dtb }),
      ...(modules.length === 0 ? {} : { modules }),
      segments,
    },
    files,
    overlays,
    contents: new Map(kernel === undefined || unpacked?.bytes === undefined ? [] : [[kernel.path, unpacked.bytes]]),
    diagnostics,
    budget,
    digestPart: async ({ path, offset, length }) =>
      await found.find((file) => file.path === path)?.digestPart(offset, length),
    [Symbol.dispose]: () => files.forEach(closeFile),
  };
}
