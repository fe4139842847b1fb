import { lookUp } from "../core/shape.ts";
import { compareText } from "../core/text.ts";
import type { ByteSource } from "../core/bytes.ts";
import { type Diagnostic, hasErrors } from "../core/diagnostic.ts";
import {
  type CapturedImage,
  type CapturedImages,
  type CapturedPart,
  notedSource,
  withoutContent,
} from "../host/captured_image.ts";
import type { InitrdContent } from "../host/image_content.ts";
import type { HostFacts } from "../host/facts.ts";
import { fileChanged, hashPart, isUnchanged } from "./files/open_file.ts";
import { identifyKernel } from "../image/identify.ts";
import { identifyInitrd } from "../image/initrd.ts";
import { partsNeeded } from "../plan/segment_call.ts";
import { namedFilesOn, profileOn } from "./boot_image.ts";
import type { CapturedOverlays } from "../host/captured_overlay.ts";
import { captureOverlays } from "./capture_overlays.ts";
import { captureUboot } from "./capture_uboot.ts";
import { captureUki } from "./capture_uki.ts";
import { fileItems } from "../profile/overlay_file.ts";
import { openImages } from "./images.ts";
import { captureInner } from "./inner_image.ts";
import { layerFiles } from "./layer_files.ts";
import type { Reading } from "./image_file.ts";
import { absolutePath, absoluteSegments, profileFiles } from "./named_files.ts";
import { notProfile } from "./own_document.ts";
import { parseNamed, readNamed } from "./read_profile.ts";
import { PROFILE_LIMIT } from "./files/read_whole.ts";
import type { IdentifiedFile } from "../image/boot_files.ts";

/** The captured files of profiles, and every complaint about these. */
export interface CaptureOfImages {
  readonly images: CapturedImages;
  /** The files of the host that profiles add to the next initrd, but for the content of secrets. */
  readonly overlays: CapturedOverlays;
  readonly diagnostics: readonly Diagnostic[];
}

/** How files are captured. */
export interface ImageCaptureOptions {
  /** Leave out what initrds hold. */
  readonly redact?: boolean;
  /** Called before each file is hashed. */
  readonly onReading?: Reading | undefined;
}

/** Captures the files that profiles name, as a plan for this host needs to know them: by either call, whichever it makes. */
export async function captureImages(
  profiles: readonly string[],
  facts: HostFacts,
  options: ImageCaptureOptions = {},
): Promise<CaptureOfImages> {
  const images: { [path: string]: CapturedImage } = {};
  let overlays: CapturedOverlays = {};
  const diagnostics: Diagnostic[] = [];
  for (const word of profiles) {
    const one = await imagesOf(word, facts, options);
    diagnostics.push(...one.diagnostics);
    for (const [path, image] of Object.entries(one.images)) {
      const before = images[path];
      if (before !== undefined && before.sha256 !== image.sha256) diagnostics.push(fileChanged(path));
      images[path] = both(before, image);
    }
    overlays = { ...overlays, ...withoutSecrets(one.overlays, overlays) };
  }
  return {
    images: Object.fromEntries(Object.entries(images).toSorted(([a], [b]) => compareText(a, b))),
    overlays: Object.fromEntries(Object.entries(overlays).toSorted(([a], [b]) => compareText(a, b))),
    diagnostics,
  };
}

async function imagesOf(
  word: string,
  facts: HostFacts,
  { redact = false, onReading }: ImageCaptureOptions,
): Promise<CaptureOfImages> {
  const read = readNamed(word, PROFILE_LIMIT);
  if (read.bytes === undefined) return { images: {}, overlays: {}, diagnostics: read.diagnostics };
  const other = notProfile(read.bytes, read.name);
  if (other !== undefined) return { images: {}, overlays: {}, diagnostics: [other] };
  const parsed = parseNamed(read, layerFiles());
  const diagnostics = [...parsed?.diagnostics ?? []];
  if (parsed?.value === undefined) return { images: {}, overlays: {}, diagnostics };
  const { value: profile, diagnostics: unresolved } = await profileOn(parsed.value, facts, undefined);
  diagnostics.push(...unresolved.map(parsed.place));
  if (profile === undefined) return { images: {}, overlays: {}, diagnostics };
  const refs = profileFiles(profile, [facts]);
  using opened = await openImages(refs, { onReading, facts });
  diagnostics.push(...opened.diagnostics.map(parsed.place));
  if (hasErrors(opened.diagnostics)) return { images: {}, overlays: {}, diagnostics };
  const added = captureOverlays(refs, opened.images.initrd);
  diagnostics.push(...added.diagnostics.map(parsed.place));
  const parts = partsNeeded({ profile: absoluteSegments(profile), facts, images: opened.images });
  const { kernel, initrd, dtb, modules = [], segments = [] } = opened.images;
  const images: { [path: string]: CapturedImage } = {};
  const add = async (
    file: IdentifiedFile<unknown>,
    look: (source: ByteSource) => unknown,
    more: Pick<CapturedImage, "banner" | "unpacked" | "kernel" | "initrd"> = {},
  ) => {
    const open = opened.files.find(({ path }) => path === file.path);
    if (open === undefined) return;
    const noted = notedSource(open);
    look(noted.source);
    const digests: CapturedPart[] = [];
    for (const { path, offset, length, unpacked } of parts) {
      if (unpacked === true) continue;
      const whole = offset === 0 && length === file.size;
      if (path !== file.path || whole || offset + length > file.size) continue;
      digests.push({ offset, length, sha256: await hashPart(open, offset, length) });
    }
    if (!isUnchanged(open)) diagnostics.push(fileChanged(file.path));
    const { size, sha256, label } = file;
    const ranges = noted.ranges();
    const image = {
      size,
      sha256,
      ranges: redact && look === identifyInitrd ? withoutContent(ranges) : ranges,
      parts: digests,
      ...(label === undefined ? {} : { label }),
      ...(file.part === undefined ? {} : { part: file.part }),
      ...more,
    };
    images[file.path] = both(lookUp(images, file.path), image);
  };
  if (kernel !== undefined) {
    const bytes = opened.contents.get(kernel.path);
    const { info, inner, content } = kernel;
    const placed = parts.filter(({ path, unpacked }) => unpacked === true && path === kernel.path);
    const unpacked = inner === undefined || bytes === undefined
      ? undefined
      : await captureInner({ inner, bytes }, placed);
    await add(kernel, identifyKernel, {
      ...(info.kind === "arm64-image" && info.versionString !== undefined ? { banner: info.versionString } : {}),
      ...(content === undefined ? {} : { kernel: content }),
      ...(unpacked === undefined ? {} : { unpacked }),
    });
  }
  for (const file of initrd) {
    await add(file, identifyInitrd, file.content === undefined ? {} : { initrd: file.content });
  }
  if (dtb !== undefined) await add(dtb, (source) => source.read(0, source.size));
  for (const file of modules) await add(file, () => undefined);
  for (const file of segments) await add(file, () => undefined);
  const stated = namedFilesOn(parsed.value, facts, undefined).value;
  const kernels = stated?.kernel === undefined ? [] : [stated.kernel];
  // An image may be named as a file as well: an initrd that is a FIT image is one that the kernel does not unpack.
  const compose = (found: CapturedImages) => {
    for (const [path, image] of Object.entries(found)) images[path] = both(lookUp(images, path), image);
  };
  for (const { path } of kernels) compose(await captureUki(absolutePath(path), opened.images.uki?.content, redact));
  // Of these, only an arm64 host takes parts.
  for (const { path } of facts.machine === "aarch64" ? [...kernels, ...fileItems(stated?.initrd ?? [])] : []) {
    compose(await captureUboot(absolutePath(path), redact));
  }
  return { images, overlays: added.overlays, diagnostics };
}

/** Of a file that one profile takes for a secret, no other one gives the content away. */
function withoutSecrets(overlays: CapturedOverlays, before: CapturedOverlays): CapturedOverlays {
  const secrets = Object.keys(overlays).filter((path) => {
    const [own, other] = [overlays[path], before[path]];
    return other?.kind === "file" && other.base64 === undefined && own?.kind === "file";
  });
  return Object.fromEntries(
    Object.entries(overlays).map(([path, each]) => [path, secrets.includes(path) ? before[path] ?? each : each]),
  );
}

/** What two profiles need of one file. */
function both(first: CapturedImage | undefined, second: CapturedImage): CapturedImage {
  if (first === undefined) return second;
  const initrd = bothContents(first.initrd, second.initrd);
  const ranges = [...first.ranges, ...second.ranges];
  const parts = [...first.parts, ...second.parts];
  return {
    ...first,
    ...second,
    ...(initrd === undefined ? {} : { initrd }),
    ranges: ranges.filter((range, at) =>
      ranges.findIndex(({ offset, base64 }) => offset === range.offset && base64 === range.base64) === at
    ),
    parts: parts.filter((part, at) =>
      parts.findIndex(({ offset, length }) => offset === part.offset && length === part.length) === at
    ),
  };
}

/** Two profiles may start different programs, and only one of them may ask for the names of the entries. */
function bothContents(
  first: InitrdContent | undefined,
  second: InitrdContent | undefined,
): InitrdContent | undefined {
  if (first?.kind !== "whole" || second?.kind !== "whole") return second ?? first;
  return { ...first, ...second, programs: { ...first.programs, ...second.programs } };
}
