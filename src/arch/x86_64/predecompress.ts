import type { VirtualBases } from "../kernel_loader.ts";
import { alignDown, alignUp, intersect, type Range, subtract } from "../../core/range.ts";
import type { HostFacts } from "../../host/facts.ts";
import type { BzImage } from "../../image/image.ts";
import { demandsDisk, demandsSignature } from "../../host/security.ts";
import { parseCmdline } from "../../profile/cmdline/cmdline.ts";
import { guestFlag } from "./encrypted_guest.ts";
import { memoryParameters } from "./memory_parameters.ts";
import type { KernelFile } from "../../image/boot_files.ts";
import { KERNEL_IMAGE_SIZE, PMD_SIZE, START_KERNEL_MAP } from "./memory_layout.ts";

/** XLF_5LEVEL_ENABLED: the kernel itself runs with page tables of five levels, not only its decompressor. */
const XLF_5LEVEL_ENABLED = 0x40;

/**
 * Why a kernel must decompress itself here, since its decompressor does what nobody else can; undefined where it need not.
 * Completes "The kernel still decompresses itself, because …".
 */
export function predecompressObjection(
  { info }: Pick<KernelFile, "info">,
  facts: HostFacts,
  cmdline: string,
): string | undefined {
  if (info.kind !== "bzimage") return "its file is not a compressed one that starts in 64-bit mode";
  if (!info.entry64 || !info.above4G || !info.relocatable) return "it cannot be entered in 64-bit mode at any address";
  const { payload } = info;
  if (payload === undefined || payload.compression === "none" || payload.compression === "unknown") {
    return "how its payload is packed is not known";
  }
  return encryption(facts, cmdline) ?? pagingLevels(info, facts, cmdline) ?? memoryParameters(cmdline).objection;
}

/**
 * Why an unpacked kernel cannot be handed to kexec_file_load(2), where `predecompressObjection` has nothing against it: the
 * host takes no image that is built at load, or the place matters that the running kernel's loader chooses. Completes
 * "The kernel still decompresses itself, because …".
 */
export function builtImageObjection(facts: HostFacts, cmdline: string): string | undefined {
  const signed = demandsSignature(facts);
  if (signed !== undefined) return `${signed}, and an image that is built at load has no signature`;
  const disk = demandsDisk(facts);
  if (disk !== undefined) return `${disk} demands files on a disk, and an image that is built at load lies in memory`;
  const { max, avoid, fixed } = memoryParameters(cmdline);
  const unheeded = "and kexec_file_load chooses the kernel's place without heeding that";
  if (max !== undefined || avoid.length > 0) return `\`mem=\` or \`memmap=\` takes memory away, ${unheeded}`;
  return fixed === undefined ? undefined : `${fixed}, ${unheeded}`;
}

/** What a guest's memory is encrypted by; the flags of /proc/cpuinfo. */
const GUEST_FLAGS: readonly string[] = ["sev", "sev_es", "sev_snp", "tdx_guest"];

/** Memory encryption: the decompressor talks to the hypervisor, or sets a bit that the kernel then finds. */
function encryption(facts: HostFacts, cmdline: string): string | undefined {
  const flag = guestFlag(facts, GUEST_FLAGS);
  if (flag !== undefined) return `the memory of this guest may be encrypted (${flag})`;
  const on = [cmdline, facts.cmdline ?? ""].some((text) => hasParameter(text, "mem_encrypt", "on"));
  return on ? "`mem_encrypt=on` has memory encrypted" : undefined;
}

/**
 * Only the decompressor goes from page tables of four levels to five, or back; a kernel that is entered directly keeps
 * what runs now (configure_5level_paging in arch/x86/boot/compressed/pgtable_64.c, Linux 6.12).
 */
function pagingLevels(info: BzImage, facts: HostFacts, cmdline: string): string | undefined {
  if (facts.cpuFlags.includes("la57")) {
    if (hasParameter(cmdline, "no5lvl")) {
      return "`no5lvl` has it go from 5-level paging, which is on, to 4-level paging";
    }
    return (info.xloadflags & XLF_5LEVEL_ENABLED) === 0
      ? "it does not run with 5-level paging, which is on"
      : undefined;
  }
  return hasParameter(facts.cmdline ?? "", "no5lvl") && !hasParameter(cmdline, "no5lvl")
    ? "without `no5lvl`, which the running kernel has, it may go to 5-level paging"
    : undefined;
}

/** Whether the kernel's part of a command line has a parameter; with a value, that value. */
function hasParameter(cmdline: string, name: string, value?: string): boolean {
  return parseCmdline(cmdline).kernel.some((parameter) => parameter.name === name && parameter.value === value);
}

/** Where the virtual base may lie; or why there is nothing to choose, which completes "without KASLR: …". */
export type VirtualChoice =
  | { readonly kind: "bases"; readonly bases: VirtualBases }
  | { readonly kind: "fixed"; readonly why: string };

/** The step by which an unpacked kernel moves, bytes. */
export function kernelStep({ alignment }: Pick<BzImage, "alignment">): bigint {
  return BigInt(alignment) > PMD_SIZE ? BigInt(alignment) : PMD_SIZE;
}

/**
 * The virtual addresses among which the base is chosen, as the kernel's own decompressor has them
 * (find_random_virt_addr in arch/x86/boot/compressed/kaslr.c, Linux 6.12).
 */
export function virtualBases(info: BzImage, movable: boolean, cmdline: string): VirtualChoice {
  if (hasParameter(cmdline, "nokaslr")) return { kind: "fixed", why: "the command line has `nokaslr`" };
  if (!movable) return { kind: "fixed", why: "it is built without KASLR" };
  const alignment = kernelStep(info);
  const [start, end] = [START_KERNEL_MAP + info.prefAddress, START_KERNEL_MAP + KERNEL_IMAGE_SIZE];
  return { kind: "bases", bases: { start, end, alignment } };
}

/** The physical ranges in which a kernel of this size has at least one place; they start and end on its alignment. */
export function physicalBases(
  free: readonly Range[],
  taken: readonly Range[],
  within: Range,
  { size, alignment }: { readonly size: bigint; readonly alignment: bigint },
): readonly Range[] {
  return subtract(free, taken).flatMap((range) => {
    const part = intersect(range, within);
    if (part === undefined) return [];
    const whole = { start: alignUp(part.start, alignment), end: alignDown(part.end, PMD_SIZE) };
    return whole.end - whole.start >= size && whole.end > whole.start ? [whole] : [];
  });
}
