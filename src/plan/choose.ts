import { entry32Reason } from "../arch/x86_64/entry_mode.ts";
import { incompatibility } from "../image/call_compatibility.ts";
import { describeImage } from "../image/describe.ts";
import type { BzImage, ImageInfo } from "../image/image.ts";
import { formatImaRule, refusesKexecLoad } from "../host/ima.ts";
import { demandsOf } from "../profile/demands.ts";
import { FILE_FLAG_OF } from "./flags.ts";
import { handoverFit } from "./handover_fit.ts";
import type { PlanInput } from "./input.ts";
import type { Call, Reason } from "./plan.ts";
import { packedReason } from "./predecompress.ts";
import { resolvedCmdline } from "./resolved_cmdline.ts";
import { preservedState, preservedText } from "../host/kexec_handover.ts";
import { imaActsOnSecureBoot, isLockedDown } from "../host/security.ts";
import { kernelInfo } from "../image/boot_files.ts";

/** Which call is made, and why. */
export interface Choice {
  readonly syscall: Call["syscall"];
  readonly reasons: readonly Reason[];
}

/**
 * Chooses the call before any is made: every attempt, a failing one too, takes one of the loads that
 * kernel.kexec_load_limit_reboot allows (kernel/kexec_core.c, Linux 7.3), so the other call is not
 * tried after a failure. The profile decides first, then what the host allows and the image needs, then which is quicker
 * where the profile asks for an unpacked kernel.
 */
export function chooseCall(input: PlanInput): Choice {
  const { profile, facts, images } = input;
  if (profile.load !== "auto") {
    return {
      syscall: profile.load,
      reasons: [{ code: "profile-names-call", message: `The profile says \`load: ${profile.load}\`` }],
    };
  }
  const demands = demandsOf(profile);
  if (demands.length > 0) {
    return {
      syscall: "kexec_load",
      reasons: demands.map(({ message }) => ({ code: "profile-demands", message })),
    };
  }
  if (profile.fileFlags.length > 0) {
    return {
      syscall: "kexec_file_load",
      reasons: profile.fileFlags.map((key) => ({
        code: "profile-demands",
        message: `\`${key}\` is a flag of kexec_file_load (${FILE_FLAG_OF[key]})`,
      })),
    };
  }
  if (facts.kernelConfig.CONFIG_KEXEC_FILE === "n") {
    return {
      syscall: "kexec_load",
      reasons: [{
        code: "host-lacks-file-load",
        message: `The running kernel ${facts.release} is built without kexec_file_load (CONFIG_KEXEC_FILE)`,
      }],
    };
  }
  const restricted = restriction(facts);
  if (restricted !== undefined) return { syscall: "kexec_file_load", reasons: [restricted] };
  const info = kernelInfo(images);
  const needed = info === undefined ? undefined : segmentsNeeded(info, facts);
  if (needed !== undefined) return { syscall: "kexec_load", reasons: [needed] };
  const handover = profile.crash ? undefined : handoverChoice(input);
  if (handover !== undefined) return handover;
  if (profile.predecompress !== false) {
    if (facts.kernelConfig.CONFIG_KEXEC === "n") {
      return {
        syscall: "kexec_file_load",
        reasons: [{
          code: "host-lacks-load",
          message: `The running kernel ${facts.release} is built without kexec_load (CONFIG_KEXEC)`,
        }],
      };
    }
    // Where the kernel stays packed by either call, `auto` changes nothing.
    if (profile.predecompress === true || packedReason(input, "kexec_load") === undefined) {
      return {
        syscall: "kexec_load",
        reasons: [{
          code: "segments-are-quicker",
          message: "kexec_load is allowed here, and places what is unpacked before the reboot with the least to verify",
        }],
      };
    }
  }
  return {
    syscall: "kexec_file_load",
    reasons: [{
      code: "kernel-does-it",
      message:
        "Nothing in the profile needs kexec_load; with kexec_file_load, the kernel itself checks and places the image",
    }],
  };
}

/** What kexec handover decides; undefined where either call does. */
function handoverChoice(input: PlanInput): Choice | undefined {
  const { profile, facts, images } = input;
  const preserved = preservedState(facts);
  if (preserved.length > 0 && profile.preservedState === "keep") {
    return {
      syscall: "kexec_file_load",
      reasons: [{
        code: "host-hands-over",
        message: `Only kexec_file_load hands over what the running kernel preserves: ${preservedText(preserved)}`,
      }],
    };
  }
  const fit = handoverFit({ facts, images, cmdline: resolvedCmdline(input) ?? "", forceDtb: false });
  if (fit?.kind !== "no-room" || facts.kernelConfig.CONFIG_KEXEC === "n") return undefined;
  return {
    syscall: "kexec_load",
    reasons: [{
      code: "host-scratch-small",
      message: `kexec_file_load has no room for ${fit.failed.name} in the scratch areas of kexec handover (KHO), and ` +
        (preserved.length === 0 ? "nothing is known to be preserved" : "the profile discards what is preserved"),
    }],
  };
}

/** Why only kexec_load can start an image here; undefined where kexec_file_load can, or neither. */
function segmentsNeeded(info: ImageInfo, facts: PlanInput["facts"]): Reason | undefined {
  const { machine } = facts;
  const objection = incompatibility("kexec_file_load", info, machine)?.message ??
    (machine === "x86_64" && info.kind === "bzimage" ? fiveLevelObjection(info, facts) : undefined);
  // What neither takes is reported for the kernel's own loader, but an ELF file or a Multiboot image is only for the other.
  if (objection === undefined) return undefined;
  if (info.kind !== "elf" && info.kind !== "multiboot" && incompatibility("kexec_load", info, machine) !== undefined) {
    return undefined;
  }
  return { code: "image-needs-segments", message: objection };
}

/** Why kexec_file_load does not take a kernel that kexec_load enters in 32-bit mode for this host's 5-level paging. */
function fiveLevelObjection(info: BzImage, facts: PlanInput["facts"]): string | undefined {
  const why = entry32Reason(info, facts);
  return why === undefined ? undefined : `The kernel (${describeImage(info)}) is entered in 32-bit mode: ${why}`;
}

/** Why kexec_file_load is the only call that can succeed. */
function restriction(facts: PlanInput["facts"]): Reason | undefined {
  if (isLockedDown(facts)) {
    return {
      code: "host-locked-down",
      message: `The running kernel is locked down (${facts.lockdown}), which allows only kexec_file_load`,
    };
  }
  if (facts.secureBoot === "enabled" && imaActsOnSecureBoot(facts)) {
    return {
      code: "host-secure-boot",
      message: "Secure Boot is on, so the kernel's integrity policy (IMA) allows only kexec_file_load",
    };
  }
  const appraised = refusesKexecLoad(facts);
  if (appraised !== undefined) {
    return {
      code: "host-appraises",
      message: `IMA's policy appraises kernels (\`${
        formatImaRule(appraised.rule)
      }\`), which allows only kexec_file_load`,
    };
  }
  return undefined;
}
