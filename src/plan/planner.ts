import { type Checked, type Diagnostic, hasErrors } from "../core/diagnostic.ts";
import { virtualBases } from "../arch/x86_64/predecompress.ts";
import { formatAddress, formatSize } from "../core/number.ts";
import { VERSION } from "../core/program.ts";
import { omitUndefined } from "../core/shape.ts";
import { shown } from "../profile/cmdline/problem.ts";
import { configuresNetwork, reusedNetwork } from "../profile/carry_parameters.ts";
import { splitParameters } from "../profile/cmdline/cmdline.ts";
import { contradictions } from "../profile/guard_parameters.ts";
import type { Guard } from "../profile/profile.ts";
import { statedElfcorehdr } from "../profile/suspicions.ts";
import { resolveCmdline, STAMP } from "../profile/cmdline/resolve.ts";
import { imageRelease, imageVersion } from "../image/describe.ts";
import { type Choice, chooseCall } from "./choose.ts";
import { plannedCarry } from "./carry/planned_carry.ts";
import { declaredOf } from "./declared.ts";
import { FILE_FLAG_OF, fileLoadFlags } from "./flags.ts";
import { guardParameters, planGuard, withGuardParameters } from "./guard.ts";
import { plannedBootconfig, plannedInitrds } from "./initrd_pieces.ts";
import type { PlanInput } from "./input.ts";
import { type Call, type FileLoadCall, type Plan, plannedFile, type PlannedHost, type Reason } from "./plan.ts";
import { plannedRequires } from "../profile/planned_requires.ts";
import { plannedUnbind } from "../profile/unbind_shape.ts";
import { runRules } from "./rules/table.ts";
import { packedReason } from "./predecompress.ts";
import { imageReasons } from "./predecompress_reasons.ts";
import { notUnpacked, planSegmentCall } from "./segment_call.ts";
import { plannedOverlays } from "./planned_overlay.ts";
import { stamped, stampIn } from "./stamp.ts";
import { withoutFurther } from "./further_files.ts";
import { plannedUnlock, planUnlock } from "./unlock/unlock.ts";
import { describeKernel, innerOf, type KernelFile, kernelInfo } from "../image/boot_files.ts";
import { startsInRealMode } from "../image/bzimage.ts";

/**
 * Turns a profile into a plan for one host. Pure: the same profile, facts and images give the same plan. A plan whose checks
 * fail is still a plan, so that it can be shown; where there is none, the diagnostics say why.
 */
export function planBoot(input: PlanInput): Checked<Plan> {
  const { profile, facts, images } = input;
  const { value: cmdline, diagnostics } = resolveCmdline(profile.cmdline, {
    crash: profile.crash,
    ...(facts.cmdline === undefined ? {} : { running: facts.cmdline }),
  });
  if (cmdline === undefined || hasErrors(diagnostics)) return { value: undefined, diagnostics };
  const stated = profile.crash ? statedElfcorehdr(cmdline) : undefined;
  if (stated !== undefined) return { value: undefined, diagnostics: [...diagnostics, stated] };
  const second = profile.stamp ? statedStamp(cmdline) : undefined;
  if (second !== undefined) return { value: undefined, diagnostics: [...diagnostics, second] };
  const misplaced = treeFault(input);
  if (misplaced !== undefined) return { value: undefined, diagnostics: [...diagnostics, misplaced] };
  const guard = profile.guard === undefined ? undefined : planGuard(profile.guard, { ...input, cmdline });
  const unguarded = profile.guard === undefined ? [] : guardFaults(profile.guard, input, cmdline);
  if (unguarded.length > 0) return { value: undefined, diagnostics: [...diagnostics, ...unguarded] };
  const stray = profile.carry.includes("network") ? networkParameter(cmdline) : undefined;
  if (stray !== undefined) {
    return { value: undefined, diagnostics: [...diagnostics, reusedNetwork(stray, profile.cmdline)] };
  }
  const choice = chooseCall(input);
  const guarded = guard === undefined ? cmdline : withGuardParameters(cmdline, guard);
  const planned = planCall(input, choice, profile.stamp ? withStamp(guarded, input) : guarded);
  const call = planned.value;
  const all = [...diagnostics, ...planned.diagnostics];
  if (call === undefined || hasErrors(all)) return { value: undefined, diagnostics: all };
  const info = kernelInfo(images);
  const release = info === undefined ? undefined : imageRelease(info);
  const version = info === undefined ? undefined : imageVersion(info);
  const unbind = plannedUnbind(profile);
  const carry = plannedCarry(profile.carry, images.initrd, facts);
  const overlays = plannedOverlays(images.initrd);
  const { outcomes: unlock } = planUnlock({
    unlock: profile.unlock,
    cmdline,
    images: { initrd: withoutFurther(images.initrd) },
    facts,
  });
  const plan: Plan = {
    format: "warmboot.plan/1",
    warmboot: VERSION,
    profile: profile.name,
    host: plannedHost(facts),
    ...(profile.requires === undefined ? {} : { requires: plannedRequires(profile.requires) }),
    ...(unbind === undefined ? {} : { unbind }),
    ...(unlock.length === 0 ? {} : { unlock: plannedUnlock(unlock) }),
    ...(guard === undefined ? {} : { guard }),
    ...(carry === undefined ? {} : { carry }),
    declared: declaredOf(profile, images, guarded, call),
    call,
    ...(overlays.length === 0 ? {} : { overlays }),
    ...(release === undefined ? {} : { release }),
    ...(version === undefined ? {} : { version }),
    reasons: [...entryReasons(profile), ...choice.reasons, ...innerReasons(input), ...planned.reasons],
    checks: runRules({
      call,
      ...insisting(input, call),
      crash: profile.crash,
      ...(profile.preservedState === "keep" ? {} : { preservedState: profile.preservedState }),
      ...(profile.requires === undefined ? {} : { requires: profile.requires }),
      unbind: profile.unbind,
      unlock,
      ...(guard === undefined ? {} : { guard }),
      ...(carry === undefined ? {} : { carry }),
      ...(input.failed === undefined ? {} : { failed: input.failed }),
      facts,
      images,
    }),
  };
  return { value: plan, diagnostics: all };
}

/** Why the kernel stays packed against the will of a profile that insists on the opposite. */
function insisting(input: PlanInput, { syscall }: Call): { readonly packed?: string } {
  const isPacked = kernelInfo(input.images)?.kind === "bzimage";
  const packed = input.profile.predecompress === true && isPacked ? packedReason(input, syscall) : undefined;
  return packed === undefined ? {} : { packed };
}

/** Which entry of the boot loader the profile's `boot_entry` is. */
function entryReasons({ bootEntry }: PlanInput["profile"]): readonly Reason[] {
  return bootEntry?.found === undefined ? [] : [{ code: "boot-entry", message: bootEntry.found }];
}

/** A device tree that would be ignored, or that is not one. */
function treeFault(input: PlanInput): Diagnostic | undefined {
  const { profile, images: { dtb } } = input;
  if (profile.dtb === undefined) return undefined;
  const ignored = treeObjection(input);
  if (ignored !== undefined) {
    return { code: "device-tree-unused", severity: "error", path: ["dtb"], ...ignored };
  }
  if (dtb?.info.kind !== "fault") return undefined;
  return {
    code: "device-tree-damaged",
    severity: "error",
    message: `${dtb.path} is not a device tree: it ${dtb.info.why}`,
    path: ["dtb"],
    hint: "Name a flattened device tree: a .dtb file, as `dtc` or the kernel build writes it",
  };
}

/** Why a device tree would be ignored: on x86_64, a kernel of Linux takes one that is not entered in real mode. */
function treeObjection({ facts: { machine }, images }: PlanInput): Pick<Diagnostic, "message" | "hint"> | undefined {
  if (machine === "aarch64") return undefined;
  if (machine !== "x86_64") {
    return {
      message: `\`dtb\` would be ignored on this ${machine} host: only kernels for arm64 and x86_64 get a device tree`,
      hint: "Remove `dtb`",
    };
  }
  const info = kernelInfo(images);
  if (info?.kind === "elf" || (info?.kind === "bzimage" && !startsInRealMode(info))) return undefined;
  return {
    message:
      "`dtb` would be ignored: on x86_64, only a bzImage that starts in 64-bit or 32-bit mode, or a vmlinux, gets " +
      "a device tree",
    hint: "Remove `dtb`",
  };
}

/** Where the command line says otherwise than the guard, or would not reach a Linux kernel. */
function guardFaults(guard: Guard, input: PlanInput, cmdline: string): readonly Diagnostic[] {
  if (kernelInfo(input.images)?.kind === "multiboot") {
    return [{
      code: "conflict",
      severity: "error",
      message: "`guard` would be ignored: a Multiboot kernel is not Linux",
      path: ["guard"],
      hint: "Remove `guard`",
    }];
  }
  return contradictions(guardParameters(guard, { ...input, cmdline }), input.profile.cmdline);
}

/** A parameter, of those before and after `--`, by which the initrd would configure the network. */
function networkParameter(cmdline: string): string | undefined {
  return splitParameters(cmdline).parameters.find(configuresNetwork);
}

/** A second stamp would be the one that counts. */
function statedStamp(cmdline: string): Diagnostic | undefined {
  const stated = stampIn(cmdline);
  return stated === undefined ? undefined : {
    code: "cmdline-stamp",
    severity: "error",
    message: `The command line states \`${shown(`${STAMP}=${stated}`)}\`, but \`stamp: true\` adds it`,
    path: ["cmdline"],
    hint: "Remove it; each plan computes the digest again",
  };
}

function withStamp(cmdline: string, { images }: PlanInput): string {
  const { kernel, initrd } = images;
  // Explicit segments have no command line; the profile's decoder reports `stamp` with them.
  return kernel === undefined
    ? cmdline
    : stamped({ kernel: kernel.sha256, initrd: initrd.map(({ sha256 }) => sha256), cmdline });
}

/** The host as a plan describes it. */
export function plannedHost(facts: PlanInput["facts"]): PlannedHost {
  return {
    ...(facts.hostname === undefined ? {} : { hostname: facts.hostname }),
    machine: facts.machine,
    release: facts.release,
    ...(facts.cmdline === undefined ? {} : { cmdline: facts.cmdline }),
  };
}

/** What a packed file holds, in a sentence. */
const INNER_NAMES = {
  "arm64-image": "Image",
  bzimage: "bzImage",
  elf: "ELF kernel",
  multiboot: "Multiboot image",
} as const;

/** Why a kernel is handed over in another form than its file. */
function innerReasons({ profile, facts, images: { kernel } }: PlanInput): readonly Reason[] {
  if (kernel === undefined) return [];
  const inner = innerOf(kernel);
  if (inner !== undefined) {
    const what = inner.info.kind === "arm64-image"
      ? "An arm64 kernel does not unpack itself: the Image"
      : `Neither call takes a packed file: the ${INNER_NAMES[inner.info.kind]}`;
    return [{
      code: "kernel-unpacked",
      message: `${what} in ${kernel.path}, ${formatSize(inner.size)}, is handed over instead`,
    }];
  }
  if (facts.machine !== "aarch64") return [];
  return profile.predecompress !== false && kernel.info.kind === "arm64-image"
    ? [{ code: "kernel-plain", message: `${kernel.path} is not compressed, so there is nothing to unpack` }]
    : [];
}

function planCall(
  input: PlanInput,
  choice: Choice,
  cmdline: string,
): Checked<Call> & { readonly reasons: readonly Reason[] } {
  const { profile, images } = input;
  if (choice.syscall === "kexec_load" || images.kernel === undefined) return planSegmentCall(input, cmdline);
  const inner = innerOf(images.kernel);
  const image = builtImage(input, images.kernel, cmdline);
  if (image.value === undefined) return { value: undefined, diagnostics: image.diagnostics, reasons: [] };
  const flags = fileLoadFlags([
    ...(profile.crash ? ["KEXEC_FILE_ON_CRASH"] as const : []),
    ...(images.initrd.length === 0 ? ["KEXEC_FILE_NO_INITRAMFS"] as const : []),
    ...profile.fileFlags.map((key) => FILE_FLAG_OF[key]),
  ]);
  return {
    value: {
      syscall: "kexec_file_load",
      ...flags,
      kernel: plannedFile(images.kernel, describeKernel(images.kernel)),
      ...(inner === undefined ? {} : { unpacked: { size: inner.size, sha256: inner.sha256 } }),
      ...image.value,
      initrd: plannedInitrds(images.initrd),
      ...omitUndefined({ bootconfig: plannedBootconfig(images.initrd) }),
      cmdline,
    },
    diagnostics: [],
    reasons: imageReasons(input, cmdline),
  };
}

/** The image that kexec_file_load gets in place of an x86_64 kernel's file where the profile asks for an unpacked one. */
function builtImage(
  input: PlanInput,
  { path, info, unpacked, built }: KernelFile,
  cmdline: string,
): Checked<Pick<FileLoadCall, "built" | "bases">> {
  const { profile, facts } = input;
  const isPacked = profile.predecompress === false || facts.machine !== "x86_64" || info.kind !== "bzimage" ||
    packedReason(input, "kexec_file_load") !== undefined;
  if (isPacked) return { value: {}, diagnostics: [] };
  if (unpacked === undefined || built === undefined) return { value: undefined, diagnostics: [notUnpacked(path)] };
  const virtual = virtualBases(info, unpacked.relocations.length > 0, cmdline);
  if (virtual.kind === "fixed") return { value: { built }, diagnostics: [] };
  const { start, end, alignment } = virtual.bases;
  const bases = {
    physical: [],
    virtual: { start: formatAddress(start), end: formatAddress(end) },
    alignment: formatAddress(alignment),
  };
  return { value: { built, bases }, diagnostics: [] };
}
