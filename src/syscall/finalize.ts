import { digestBytes } from "../core/sha256.ts";
import { buildImage, builtLayout, moveImage } from "../arch/x86_64/built_image.ts";
import { movedPurgatory, PURGATORY } from "../arch/x86_64/purgatory.ts";
import { relocated } from "../arch/x86_64/relocations.ts";
import { describeVmlinux } from "../arch/x86_64/vmlinux.ts";
import { formatAddress } from "../core/number.ts";
import type { ImageInfo } from "../image/image.ts";
import { countBases, kernelRange, physicalBase } from "../plan/bases.ts";
import { type FileLoadCall, isKernel, type PlannedSegment, type SegmentLoadCall } from "../plan/plan.ts";
import { purgatoryOf } from "../plan/purgatory_segment.ts";

/** What files unpack to, by path. */
export type Contents = ReadonlyMap<string, Uint8Array>;

/** A call in which nothing is left to choose, with the content of its unpacked segments; or why there is none. */
export type Finalized =
  | { readonly kind: "finalized"; readonly call: SegmentLoadCall; readonly contents: Contents }
  /** A whole sentence. */
  | { readonly kind: "refused"; readonly message: string };

/** Draws a number from 0 to `bound` - 1, all equally likely. */
export type Draw = (bound: bigint) => bigint;

/** Draws from the system's random numbers (getrandom). Numbers that would introduce a bias are drawn again. */
export function drawSecurely(bound: bigint): bigint {
  const limit = (1n << 64n) / bound * bound;
  for (;;) {
    const [drawn = 0n] = crypto.getRandomValues(new BigUint64Array(1));
    if (drawn < limit) return drawn % bound;
  }
}

/**
 * Chooses what a plan leaves open until the load: the physical and the virtual base of an unpacked kernel. Its segments move,
 * its relocations are applied, and purgatory is adapted to both. `contents` must be what was
 * planned: the planner takes the digests of its parts.
 */
export async function finalize(
  call: SegmentLoadCall,
  contents: Contents,
  draw: Draw = drawSecurely,
): Promise<Finalized> {
  const kernel = kernelRange(call);
  const [first] = call.segments.filter(isKernel);
  if (call.bases === undefined || kernel === undefined || first?.source.kind !== "unpacked") {
    return { kind: "finalized", call, contents };
  }
  const { path } = first.source;
  const image = contents.get(path);
  const described = image === undefined ? undefined : describeVmlinux(image);
  if (image === undefined || described?.kind !== "vmlinux") {
    return { kind: "refused", message: `${path} does not unpack to a relocatable kernel` };
  }
  const { vmlinux } = described;
  const purgatory = purgatoryOf(call);
  if (purgatory?.source.kind !== "bytes") {
    return { kind: "refused", message: "The plan has bases for the kernel but no purgatory" };
  }
  const unmoved = Uint8Array.fromBase64(purgatory.source.base64);
  const verifies = PURGATORY.verifies(unmoved);
  if (verifies === undefined) {
    return { kind: "refused", message: "This version of warmboot does not know the plan's purgatory" };
  }
  // XXH64 sums are computed later, from the moved bytes.
  const isHashed = verifies === "sha256";
  const size = kernel.end - kernel.start;
  const count = countBases(call.bases, size);
  const physical = count.physical === 0n ? undefined : physicalBase(call.bases, size, draw(count.physical));
  const distance = draw(count.virtual) * BigInt(call.bases.alignment);
  const moved = relocated(image, vmlinux.relocations, vmlinux.elf.loads, distance);
  const delta = (physical ?? kernel.start) - kernel.start;

  const kernels: { readonly planned: PlannedSegment; readonly finalized: PlannedSegment }[] = [];
  for (const planned of call.segments.filter(isKernel)) {
    const { mem, source, sha256 } = planned;
    const digest = isHashed && source.kind === "unpacked" ? await digestBytes(partOf(moved, source)) : sha256;
    kernels.push({ planned, finalized: { ...planned, mem: formatAddress(BigInt(mem) + delta), sha256: digest } });
  }
  const code = movedPurgatory(
    unmoved,
    kernels.map(({ planned, finalized }) => ({
      from: BigInt(planned.mem),
      size: BigInt(planned.memsz),
      to: BigInt(finalized.mem),
      ...(isHashed ? { sha256: finalized.sha256 } : {}),
    })),
  );
  const adapted: PlannedSegment = {
    ...purgatory,
    sha256: await digestBytes(code),
    source: { ...purgatory.source, base64: code.toBase64() },
  };
  const { bases: _, ...rest } = call;
  return {
    kind: "finalized",
    call: {
      ...rest,
      segments: call.segments.map((segment) =>
        segment === purgatory ? adapted : kernels.find(({ planned }) => planned === segment)?.finalized ?? segment
      ),
    },
    contents: new Map([...contents, [path, moved]]),
  };
}

/** A kexec_file_load call whose image is built, in `contents` under the path of the kernel's file; or why there is none. */
export type BuiltCall =
  | { readonly kind: "finalized"; readonly call: FileLoadCall; readonly contents: Contents }
  /** A whole sentence. */
  | { readonly kind: "refused"; readonly message: string };

/**
 * Builds the image of a kexec_file_load call that has one, and chooses its kernel's virtual base. `contents` must be what was
 * planned, and `info` what the kernel file is: before the base is chosen, the image must be the very one of the plan.
 */
export async function finalizeImage(
  call: FileLoadCall,
  info: ImageInfo | undefined,
  contents: Contents,
  draw: Draw = drawSecurely,
): Promise<BuiltCall> {
  const { built, bases, kernel: { path } } = call;
  if (built === undefined) return { kind: "finalized", call, contents };
  const image = contents.get(path);
  const described = image === undefined ? undefined : describeVmlinux(image);
  const layout = described?.kind === "vmlinux" ? builtLayout(described.vmlinux, path).value : undefined;
  if (image === undefined || described?.kind !== "vmlinux" || layout === undefined || info?.kind !== "bzimage") {
    return { kind: "refused", message: `${path} does not unpack to a relocatable kernel` };
  }
  const file = buildImage(info, image, layout, bases !== undefined);
  if (await digestBytes(file) !== built.sha256) {
    return { kind: "refused", message: `The image that is built from ${path} is not the one of the plan` };
  }
  if (bases !== undefined) {
    const { virtual } = countBases(bases, BigInt(built.memory));
    moveImage(file, image, described.vmlinux, layout, draw(virtual) * BigInt(bases.alignment));
  }
  return { kind: "finalized", call, contents: new Map([...contents, [path, file]]) };
}

/** A part of what a file unpacks to. */
export function partOf(bytes: Uint8Array, { offset, length }: { offset: number; length: number }): Uint8Array {
  return bytes.subarray(offset, offset + length);
}
