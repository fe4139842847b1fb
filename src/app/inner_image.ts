import { EM_AARCH64 } from "../formats/elf.ts";
import { digestBytes } from "../core/sha256.ts";
import { memorySource } from "../core/bytes.ts";
import { formatSize } from "../core/number.ts";
import { type CapturedImage, notedSource, replayedSource } from "../host/captured_image.ts";
import { findBanner } from "../image/banner.ts";
import { describeImage } from "../image/describe.ts";
import { identifyKernel } from "../image/identify.ts";
import type { Arm64Image, ElfImage, ImageInfo } from "../image/image.ts";
import { packedImage, UNPACKED_KERNEL_MAX } from "../image/payload.ts";
import { unpackBytes } from "../formats/unpacked.ts";
import type { ImageFile } from "./image_file.ts";
import type { MemoryBudget } from "./memory_limit.ts";
import { arm64ImageOf } from "../image/flat_image.ts";
import type { FoundInner, InnerInfo } from "../image/boot_files.ts";

/** The image that a packed kernel file holds, and its bytes where the file is here. */
export interface UnpackedInner {
  readonly inner: FoundInner;
  readonly bytes?: Uint8Array;
}

/**
 * The image that a kernel file holds whole, and that a call takes in place of the file: what it unpacks to, and of an ELF
 * kernel for arm64 the Image that it was linked as. Undefined where the file is handed over as it is.
 */
export async function unpackInner(
  file: ImageFile,
  info: ImageInfo,
  budget?: MemoryBudget,
): Promise<UnpackedInner | undefined> {
  if (file.open === undefined) {
    return file.captured?.unpacked === undefined ? undefined : capturedInner(file.captured.unpacked);
  }
  if (info.kind === "elf") return isArm64Elf(info) ? await flattened(file, info, budget) : undefined;
  const packed = packedImage(file.source, info);
  if (packed === undefined) return undefined;
  const { offset, length, packing } = packed;
  using codecs = (await import("../formats/codecs.ts")).openCodecs();
  const stream = { packing, source: file.source, offset, end: offset + length, beyondKernel: true } as const;
  const most = Math.min(UNPACKED_KERNEL_MAX, budget?.left() ?? UNPACKED_KERNEL_MAX);
  const result = await unpackBytes(codecs, stream, { most });
  switch (result.kind) {
    case "forbidden":
      return fault(
        `it is packed with ${packing}, and warmboot has no permission to open ${result.library} (run it with -A)`,
      );
    case "missing":
      return fault(`it is packed with ${packing}, and ${result.library} is not installed (${result.packages})`);
    case "damaged":
      return fault(`its ${packing} data ${result.why}`);
    case "too-large":
      return fault(`it does not unpack within ${formatSize(most)} of memory`);
    case "unpacked": {
      const { bytes } = result;
      budget?.take(bytes.length);
      const inside = identifyKernel(memorySource(bytes));
      if (inside.kind === "elf" && isArm64Elf(inside)) return await flattenedBytes(bytes, inside, budget);
      return isInner(inside)
        ? await innerImage(inside, bytes)
        : fault(`it unpacks to ${describeImage(inside)}, not to a kernel image`);
    }
  }
}

function isInner(info: ImageInfo): info is InnerInfo {
  return info.kind === "arm64-image" || info.kind === "bzimage" || info.kind === "elf" ||
    info.kind === "multiboot";
}

async function innerImage(inside: InnerInfo, bytes: Uint8Array): Promise<UnpackedInner> {
  const info = inside.kind === "arm64-image" ? withBanner(inside, findBanner(memorySource(bytes))) : inside;
  return { inner: { kind: "image", image: { info, size: bytes.length, sha256: await digestBytes(bytes) } }, bytes };
}

function isArm64Elf({ machine, bits, littleEndian }: ElfImage): boolean {
  return machine === EM_AARCH64 && bits === 64 && littleEndian;
}

async function flattened(file: ImageFile, info: ElfImage, budget: MemoryBudget | undefined): Promise<UnpackedInner> {
  const most = Math.min(UNPACKED_KERNEL_MAX, budget?.left() ?? UNPACKED_KERNEL_MAX);
  if (file.size > most) return fault(`it does not fit into ${formatSize(most)} of memory`);
  return await flattenedBytes(file.source.read(0, file.size), info, budget);
}

/** An ELF kernel for arm64 as the Image that objcopy makes of it: only that has the header with its size. */
async function flattenedBytes(
  elf: Uint8Array,
  info: ElfImage,
  budget: MemoryBudget | undefined,
): Promise<UnpackedInner> {
  const most = Math.min(UNPACKED_KERNEL_MAX, budget?.left() ?? UNPACKED_KERNEL_MAX);
  const flat = arm64ImageOf(elf, info, most);
  if (flat.kind === "fault") return fault(flat.why);
  budget?.take(flat.bytes.length);
  const inside = identifyKernel(memorySource(flat.bytes));
  return inside.kind === "arm64-image"
    ? await innerImage(inside, flat.bytes)
    : fault("its segments, laid out in memory, are not an arm64 Image");
}

/** What a capture is to hold of an image inside of a file: its header, and its digest. */
export async function captureInner(
  { inner, bytes }: UnpackedInner,
  parts: readonly { readonly offset: number; readonly length: number }[],
): Promise<CapturedImage["unpacked"]> {
  if (inner.kind === "fault" || bytes === undefined) return undefined;
  const noted = notedSource(memorySource(bytes));
  identifyKernel(noted.source);
  const { size, sha256, info } = inner.image;
  const banner = info.kind === "arm64-image" ? info.versionString : undefined;
  const digests = [];
  for (const { offset, length } of parts) {
    digests.push({ offset, length, sha256: await digestBytes(bytes.subarray(offset, offset + length)) });
  }
  return { size, sha256, ranges: noted.ranges(), parts: digests, ...(banner === undefined ? {} : { banner }) };
}

/** An arm64 Image with what it says of itself. */
export function withBanner(info: Arm64Image, banner: string | undefined): Arm64Image {
  return banner === undefined ? info : { ...info, versionString: banner };
}

function capturedInner(
  { size, sha256, ranges, banner, parts }: NonNullable<CapturedImage["unpacked"]>,
): UnpackedInner | undefined {
  const { source, isComplete } = replayedSource({ size, sha256, ranges, parts: [] });
  const found = identifyKernel(source);
  if (!isInner(found) || !isComplete()) return undefined;
  const info = found.kind === "arm64-image" ? withBanner(found, banner) : found;
  return { inner: { kind: "image", image: { info, size, sha256, ...(parts === undefined ? {} : { parts }) } } };
}

function fault(why: string): UnpackedInner {
  return { inner: { kind: "fault", why } };
}
