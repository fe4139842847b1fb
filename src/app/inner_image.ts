import { digestBytes } from "../core/sha256.ts";
import { memorySource } from "../core/bytes.ts";
import { formatSize } from "../core/number.ts";
import { type CapturedImage, notedSource, replayedSource } from "../host/captured_image.ts";
import { findBanner } from "../image/banner.ts";
import { describeImage } from "../image/describe.ts";
import { identifyKernel } from "../image/identify.ts";
import type { Arm64Image, ImageInfo } from "../image/image.ts";
import { packedImage, UNPACKED_KERNEL_MAX } from "../image/payload.ts";
import { unpackBytes } from "../formats/unpacked.ts";
import type { ImageFile } from "./image_file.ts";
import type { MemoryBudget } from "./memory_limit.ts";
import type { FoundInner } from "../image/boot_files.ts";

/** The image that a packed kernel file holds, and its bytes where the file is here. */
export interface UnpackedInner {
  readonly inner: FoundInner;
  readonly bytes?: Uint8Array;
}

/** Unpacks the image that a kernel file holds whole; undefined where it holds none in itself. */
export async function unpackInner(
  file: ImageFile,
  info: ImageInfo,
  budget?: MemoryBudget,
): Promise<UnpackedInner | undefined> {
  if (file.open === undefined) {
    return file.captured?.unpacked === undefined ? undefined : capturedInner(file.captured.unpacked);
  }
  const packed = packedImage(file.source, info);
  if (packed === undefined) return undefined;
  const { offset, length, packing } = packed;
  using codecs = (await import("../formats/codecs.ts")).openCodecs();
  const stream = { packing, source: file.source, offset, end: offset + length };
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
      if (inside.kind !== "arm64-image") return fault(`it unpacks to ${describeImage(inside)}, not to an arm64 Image`);
      const info = withBanner(inside, findBanner(memorySource(bytes)));
      return { inner: { kind: "image", image: { info, size: bytes.length, sha256: await digestBytes(bytes) } }, bytes };
    }
  }
}

/** What a capture is to hold of an image inside of a file: its header, and its digest. */
export function captureInner({ inner, bytes }: UnpackedInner): CapturedImage["unpacked"] {
  if (inner.kind === "fault" || bytes === undefined) return undefined;
  const noted = notedSource(memorySource(bytes));
  identifyKernel(noted.source);
  const { size, sha256, info: { versionString: banner } } = inner.image;
  return { size, sha256, ranges: noted.ranges(), ...(banner === undefined ? {} : { banner }) };
}

/** An arm64 Image with what it says of itself. */
export function withBanner(info: Arm64Image, banner: string | undefined): Arm64Image {
  return banner === undefined ? info : { ...info, versionString: banner };
}

function capturedInner(
  { size, sha256, ranges, banner }: NonNullable<CapturedImage["unpacked"]>,
): UnpackedInner | undefined {
  const { source, isComplete } = replayedSource({ size, sha256, ranges, parts: [] });
  const info = identifyKernel(source);
  return info.kind === "arm64-image" && isComplete()
    ? { inner: { kind: "image", image: { info: withBanner(info, banner), size, sha256 } } }
    : undefined;
}

function fault(why: string): UnpackedInner {
  return { inner: { kind: "fault", why } };
}
