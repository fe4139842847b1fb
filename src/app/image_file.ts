import type { ByteSource } from "../core/bytes.ts";
import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import { type CapturedImage, type CapturedImages, partDigest, replayedSource } from "../host/captured_image.ts";
import type { Capture } from "../host/capture.ts";
import type { CapturedOverlays } from "../host/captured_overlay.ts";
import { lookUp } from "../core/shape.ts";
import { parsePartPath } from "../entry/part_path.ts";
import { findBanner } from "../image/banner.ts";
import { identifyKernel } from "../image/identify.ts";
import type { ImageInfo } from "../image/image.ts";
import { closeFile, hashFile, hashPart, imageOf, type OpenFile, openFile } from "./files/open_file.ts";

/** Called with the bytes read and in all, while a file is hashed. */
export type Progress = (done: number, total: number) => void;

/** Called with the path of a file that is about to be hashed; what it returns is called while that goes on. */
export type Reading = (path: string) => Progress | undefined;

/** A file that a plan needs: open here, or captured with the host. */
export interface ImageFile {
  /** As the plan names it. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Its bytes, by which it is identified. */
  readonly source: ByteSource;
  /** The file that it is a part of: a unified kernel image, a FIT image, a uImage. */
  readonly image?: string;
  /** The file itself, where it is open. */
  readonly open?: OpenFile;
  /** The banner of an arm64 kernel; read again each time. */
  banner(): string | undefined;
  /** What was captured of it, where it is not open. */
  readonly captured?: CapturedImage;
  /** Its SHA-256. */
  digest(progress?: Progress): Promise<string>;
  /** The SHA-256 of a part; undefined where that was not captured. */
  digestPart(offset: number, length: number): Promise<string | undefined>;
  /** What it is as a kernel, by its bytes. */
  identifyKernel(): ImageInfo;
  /** Whether all that was read of `source` was there. */
  isComplete(): boolean;
}

/** What finding a file gave: the file, perhaps with warnings. */
export interface FoundFile {
  readonly file?: ImageFile;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Finds a file. A captured one comes first, because the plan is for its host. A warning says if a local one differs, or is
 * used because the capture lacks it. `captured` is undefined where the plan is for this host. `seal` may put a copy in place
 * of a file that it opens.
 */
export async function findFile(
  path: string,
  captured: CapturedFiles | undefined,
  seal?: (file: OpenFile) => Checked<OpenFile> | undefined,
  local: LocalFiles = localFiles(),
): Promise<FoundFile> {
  const file = capturedFile(path, captured);
  if (file?.captured !== undefined) return { file, diagnostics: await differs(path, file.captured, local) };
  const opened = openFile(path);
  const { value, diagnostics } = (opened.value === undefined ? undefined : seal?.(opened.value)) ?? opened;
  if (value !== undefined) {
    const warnings = captured?.images === undefined ? [] : [localStandsIn(path)];
    return { file: localFile(value), diagnostics: [...diagnostics, ...warnings] };
  }
  if (captured === undefined) return { diagnostics };
  return { diagnostics: diagnostics.map((diagnostic) => howToCapture(diagnostic, path, captured)) };
}

/**
 * The same file, to look at until this is disposed: no copy is made of it, and the captured one is not compared with the one
 * that is here. Undefined: it cannot be opened.
 */
export function viewFile(
  path: string,
  captured: CapturedFiles | undefined,
): (Disposable & { readonly file: ImageFile }) | undefined {
  const kept = capturedFile(path, captured);
  if (kept !== undefined) return { file: kept, [Symbol.dispose]() {} };
  const { value: open } = openFile(path);
  return open === undefined ? undefined : { file: localFile(open), [Symbol.dispose]: () => closeFile(open) };
}

/** What was captured of a file; undefined where the capture has no images, or not this one. */
export function capturedImage(path: string, captured: CapturedFiles | undefined): CapturedImage | undefined {
  return lookUp(captured?.images ?? {}, path);
}

/** The captured files of another host; `images` is undefined where the capture was taken without any. */
export interface CapturedFiles {
  readonly images: CapturedImages | undefined;
  /** What files of the next initrd are made of. */
  readonly overlays?: CapturedOverlays;
  /** The texts of the capture, by path: among them, the files of the boot loader. */
  readonly files?: Capture["files"];
}

/** That a captured file lacks what a plan asks of it. */
export function captureLacks(path: string): Diagnostic {
  return {
    code: "image-not-captured",
    severity: "error",
    message: `The capture has ${path}, but not the parts of it that this profile needs`,
    hint: CAPTURE_ANEW,
  };
}

const CAPTURE_ANEW = "Capture it on the host with this profile: warmboot facts --images PROFILE";

function localFile(open: OpenFile): ImageFile {
  const image = imageOf(open);
  return {
    path: open.path,
    ...(image === undefined ? {} : { image }),
    size: open.size,
    source: open,
    open,
    banner: () => findBanner(open),
    digest: (progress) => hashFile(open, progress),
    digestPart: (offset, length) => hashPart(open, offset, length),
    identifyKernel: () => identifyKernel(open),
    isComplete: () => true,
  };
}

function capturedFile(path: string, captured: CapturedFiles | undefined): ImageFile | undefined {
  const image = capturedImage(path, captured);
  if (image === undefined) return undefined;
  const { source, isComplete } = replayedSource(image);
  let isIdentified = true;
  const part = parsePartPath(path);
  const isPart = part !== undefined && capturedImage(part.image, captured) !== undefined;
  return {
    path,
    ...(isPart ? { image: part.image } : {}),
    size: image.size,
    source,
    banner: () => image.banner,
    captured: image,
    digest: () => Promise.resolve(image.sha256),
    digestPart: (offset, length) => Promise.resolve(partDigest(image, offset, length)),
    identifyKernel() {
      const { info, complete } = capturedKernel(image);
      isIdentified &&= complete;
      return info;
    },
    isComplete: () => isIdentified && isComplete(),
  };
}

/** What captured images are as kernels: they never change, and many profiles may name one. */
const CAPTURED_KERNELS = new WeakMap<CapturedImage, { readonly info: ImageInfo; readonly complete: boolean }>();

function capturedKernel(image: CapturedImage): { readonly info: ImageInfo; readonly complete: boolean } {
  const known = CAPTURED_KERNELS.get(image);
  if (known !== undefined) return known;
  const { source, isComplete } = replayedSource(image);
  const info = identifyKernel(source);
  const found = { info, complete: isComplete() };
  CAPTURED_KERNELS.set(image, found);
  return found;
}

/** A file that is here, with which a captured one is compared. */
interface LocalFile {
  /** Bytes. */
  readonly size: number;
  /** Its SHA-256; undefined where it cannot be read. */
  digest(): Promise<string | undefined>;
}

/** The file of a path that is here; undefined where none can be opened. */
export type LocalFiles = (path: string) => LocalFile | undefined;

/** Looks at the file of each path once. */
export function localFiles(): LocalFiles {
  const known = new Map<string, LocalFile | undefined>();
  return (path) => {
    if (!known.has(path)) known.set(path, localFileOf(path));
    return known.get(path);
  };
}

function localFileOf(path: string): LocalFile | undefined {
  const { value: open } = openFile(path);
  if (open === undefined) return undefined;
  closeFile(open);
  let digest: Promise<string | undefined> | undefined;
  return { size: open.size, digest: () => digest ??= digestHere(path) };
}

async function digestHere(path: string): Promise<string | undefined> {
  const { value: open } = openFile(path);
  if (open === undefined) return undefined;
  try {
    return await hashFile(open);
  } catch {
    return undefined;
  } finally {
    closeFile(open);
  }
}

/** A warning if there is a file of this path here, and it is another one. If none can be read, that does not matter. */
async function differs(path: string, image: CapturedImage, files: LocalFiles): Promise<readonly Diagnostic[]> {
  const local = files(path);
  if (local === undefined) return [];
  const digest = local.size === image.size ? await local.digest() : "";
  if (digest === undefined || digest === image.sha256) return [];
  return [{
    code: "image-differs",
    severity: "warning",
    message: `The file ${path} here differs from the captured one, which this plan uses`,
    hint: "To plan with the file that is here, make a capture without --images",
  }];
}

/** That a file of this host takes the place of one that a capture lacks. */
export function localStandsIn(path: string): Diagnostic {
  return {
    code: "image-differs",
    severity: "warning",
    message: `The capture has images, but not ${path}; this plan uses the file that is here`,
    hint: CAPTURE_ANEW,
  };
}

/** What is wrong with a file that a capture lacks and that is not here, with what to do about it. */
export function howToCapture(diagnostic: Diagnostic, path: string, { images }: CapturedFiles): Diagnostic {
  if (diagnostic.code !== "file-missing") return diagnostic;
  if (images !== undefined) {
    return {
      code: "image-not-captured",
      severity: "error",
      message: `${path} does not exist here, and the capture does not contain it`,
      hint: CAPTURE_ANEW,
    };
  }
  const how = "apture it with the host: warmboot facts --images PROFILE";
  if (diagnostic.hint === undefined) return { ...diagnostic, hint: `C${how}` };
  // A hint has no full stop of its own.
  return { ...diagnostic, hint: `${diagnostic.hint.replace(/(?<!\?)$/, ".")} Or c${how}` };
}
