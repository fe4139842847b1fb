import { digestBytes } from "../core/sha256.ts";
import { memorySource } from "../core/bytes.ts";
import { formatSize } from "../core/number.ts";
import { type CapturedImage, notedSource, replayedSource } from "../host/captured_image.ts";
import { findBanner } from "../image/banner.ts";
import { describeImage } from "../image/describe.ts";
import { identifyKernel } from "../image/identify.ts";
import type { Arm64Image, ImageInfo } from "../image/image.ts";
import { packedImage, UNPACKED_KERNEL_MAX } from "../image/payload.ts";
import type { Packing, Unpack, Unpacked } from "../formats/unpacked.ts";
import type { ImageFile } from "./image_file.ts";
import type { KernelFile } from "../image/boot_files.ts";

/** The image that a packed kernel file holds, and its bytes where the file is here. */
export interface UnpackedInner {
  readonly inner: NonNullable<KernelFile["inner"]>;
  readonly bytes?: Uint8Array;
}

/** Unpacks the image that a kernel file holds whole; undefined where it holds none in itself. */
export async function unpackInner(file: ImageFile, info: ImageInfo): Promise<UnpackedInner | undefined> {
  if (file.open === undefined) return file.unpacked === undefined ? undefined : capturedInner(file.unpacked);
  const packed = packedImage(file.source, info);
  if (packed === undefined) return undefined;
  const { offset, length, packing } = packed;
  const result = attempt(await codecs(), packing, file.source.read(offset, length));
  if (result === undefined) {
    return fault(`it is packed with ${packing}, and this program may not open the library for that (run it with -A)`);
  }
  switch (result.kind) {
    case "missing":
      return fault(`it is packed with ${packing}, and ${result.library} is not installed (${result.packages})`);
    case "damaged":
      return fault(`its ${packing} data cannot be unpacked: ${result.why}`);
    case "too-large":
      return fault(`it unpacks to more than ${formatSize(UNPACKED_KERNEL_MAX)}`);
    case "unpacked": {
      const { bytes } = result;
      const inside = identifyKernel(memorySource(bytes));
      if (inside.kind !== "arm64-image") return fault(`it unpacks to ${describeImage(inside)}, not to an arm64 Image`);
      const info = withBanner(inside, findBanner(memorySource(bytes)));
      return { inner: { info, size: bytes.length, sha256: await digestBytes(bytes) }, bytes };
    }
  }
}

/** Undefined: a library is needed, and the runtime was given no permission for it. */
function attempt(unpack: Unpack, packing: Packing, packed: Uint8Array): Unpacked | undefined {
  try {
    return unpack(packing, packed, { most: UNPACKED_KERNEL_MAX });
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

/** What a capture is to hold of an image inside of a file: its header, and its digest. */
export function captureInner({ inner, bytes }: UnpackedInner): CapturedImage["unpacked"] {
  if ("why" in inner || bytes === undefined) return undefined;
  const noted = notedSource(memorySource(bytes));
  identifyKernel(noted.source);
  const { size, sha256, info: { versionString: banner } } = inner;
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
    ? { inner: { info: withBanner(info, banner), size, sha256 } }
    : undefined;
}

function fault(why: string): UnpackedInner {
  return { inner: { why } };
}

/** Loaded where something is unpacked only: it takes the runtime some time to start node's modules. */
async function codecs(): Promise<Unpack> {
  return (await import("../formats/codecs.ts")).unpack;
}
