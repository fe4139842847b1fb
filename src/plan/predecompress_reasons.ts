import { virtualBases } from "../arch/x86_64/predecompress.ts";
import { formatSize } from "../core/number.ts";
import type { KernelFile } from "../image/boot_files.ts";
import { bzImageMemory } from "../image/bzimage.ts";
import type { BzImage } from "../image/image.ts";
import type { Profile } from "../profile/profile.ts";
import { estimatedGain } from "./initrd_placement.ts";
import type { PlanInput } from "./input.ts";
import type { Reason } from "./plan.ts";
import { packedReason } from "./predecompress.ts";

/** An x86_64 kernel that is placed unpacked. */
type UnpackedKernel = KernelFile & { readonly info: BzImage } & Required<Pick<KernelFile, "unpacked">>;

/** What happens to the kernel of a kexec_load call for which the profile asks `predecompress`, and to its bases. */
export function segmentReasons(
  input: PlanInput,
  placed: number,
  fixed: string | undefined,
  cmdline: string,
): readonly Reason[] {
  const packed = packedReasons(input, "kexec_load");
  const kernel = unpackedKernel(input);
  if (packed.length > 0 || kernel === undefined) return packed;
  const { payload } = kernel.info;
  return [
    unpackedReason(input, kernel, `${formatSize(placed)} of it are placed`, gainOf(input, payload, placed)),
    basesReason(kernel, cmdline, {
      random: fixed === undefined
        ? "KASLR: the kernel's physical and virtual base are chosen at load"
        : `KASLR: the kernel's virtual base is chosen at load, its physical one is not: ${fixed}`,
      fixed: "The kernel runs where it was linked for",
    }),
  ];
}

/** The same for a kexec_file_load call, whose kernel lies in an image that is built at load. */
export function imageReasons(input: PlanInput, cmdline: string): readonly Reason[] {
  const packed = packedReasons(input, "kexec_file_load");
  const kernel = unpackedKernel(input);
  if (packed.length > 0 || kernel?.built === undefined) return packed;
  const { built } = kernel;
  const what = `a bzImage of ${formatSize(built.size)} without a decompressor is built around it`;
  const { facts: { kernelConfig } } = input;
  return [
    unpackedReason(input, kernel, what, gainText(gainOfImage(input, kernel, built.memory))),
    basesReason(kernel, cmdline, {
      random: "KASLR: the kernel's virtual base is chosen at load; its physical one is where kexec_file_load places it",
      fixed: "The kernel runs at the virtual addresses that it was linked for",
    }),
    ...(kernelConfig.CONFIG_IMA === "n" ? [] : [{
      code: "image-measured",
      message: `If IMA measures kexec images, it measures the one that is built, not ${kernel.path}`,
    }]),
  ];
}

function unpackedKernel({ profile, images: { kernel } }: PlanInput): UnpackedKernel | undefined {
  if (profile.predecompress === false || kernel?.unpacked === undefined || kernel.info.kind !== "bzimage") {
    return undefined;
  }
  return { ...kernel, info: kernel.info, unpacked: kernel.unpacked };
}

function packedReasons(input: PlanInput, syscall: "kexec_load" | "kexec_file_load"): readonly Reason[] {
  const why = packedReason(input, syscall);
  return why === undefined
    ? []
    : [{ code: "kernel-packed", message: `The kernel still decompresses itself, because ${why}` }];
}

function unpackedReason({ profile }: PlanInput, { info }: UnpackedKernel, becomes: string, gain: string): Reason {
  return {
    code: "kernel-unpacked",
    message:
      `The profile says \`predecompress: ${profile.predecompress}\`: the kernel's ${info.payload?.compression} payload is ` +
      `unpacked before the reboot, and ${becomes}${gain}`,
  };
}

function basesReason(
  { info, unpacked }: UnpackedKernel,
  cmdline: string,
  says: { readonly random: string; readonly fixed: string },
): Reason {
  const virtual = virtualBases(info, unpacked.relocations.length > 0, cmdline);
  return virtual.kind === "fixed"
    ? { code: "bases-fixed", message: `${says.fixed}, without KASLR: ${virtual.why}` }
    : { code: "bases-at-load", message: says.random };
}

/** What unpacking the kernel is estimated to gain by kexec_load, as the end of a sentence. */
function gainOf(input: PlanInput, payload: BzImage["payload"], placed: number): string {
  if (payload === undefined) return "";
  const gainBy = (checksum: Profile["checksum"]): number =>
    estimatedGain([{ packing: payload.compression, size: placed }], placed - payload.length, {
      ...input,
      profile: { ...input.profile, checksum },
    });
  const gain = gainBy(input.profile.checksum);
  if (gain > 0) return gainText(gain);
  const quicker = gainBy(true);
  return quicker > 0
    ? `; its SHA-256 is estimated to take as long as unpacking it on this processor; \`checksum: true\` saves ${quicker} ms`
    : gainText(0);
}

/**
 * By kexec_file_load, milliseconds: the kernel's own purgatory verifies all memory of an image by SHA-256, without SHA
 * instructions, packed or not (kexec_calculate_store_digests in kernel/kexec_file.c, Linux 7.2).
 */
function gainOfImage(input: PlanInput, { info, size, unpacked }: UnpackedKernel, memory: number): number {
  const placed = unpacked.elf.loads.reduce((sum, { filesz }) => sum + Number(filesz), 0);
  return estimatedGain(
    [{ packing: info.payload?.compression ?? "", size: placed }],
    memory - bzImageMemory(info, size),
    { profile: { ...input.profile, checksum: "sha256" }, facts: { ...input.facts, cpuFlags: [] } },
  );
}

function gainText(gain: number): string {
  return gain > 0 ? `, which is estimated to save ${gain} ms on a fast core` : ", which is estimated to save no time";
}
