import { REBOOT_CAUSES } from "./reboot_causes.ts";
import { BUILT_IMAGE_CAUSES, SIGNATURE_CAUSES } from "./signature_causes.ts";
import { UNBIND_CAUSES } from "./unbind_causes.ts";
import { WATCHDOG_CAUSES } from "./watchdog_causes.ts";
import { formatSize } from "../../core/number.ts";
import { hasSysBoot } from "../../host/capabilities.ts";
import type { Syscall } from "../../plan/syscall.ts";
import { PREPARATION_CAUSES } from "./preparation_causes.ts";
import type { CauseRow, Diagnosis, Refusal } from "./cause.ts";
import { fileAppraisal, formatImaRule, type FoundImaRule, refusesKexecLoad } from "../../host/ima.ts";
import { scratchText } from "../../host/kexec_handover.ts";
import { isLockedDown } from "../../host/security.ts";
import { errnoName } from "../errno.ts";

const FILE_LOAD: readonly Syscall["name"][] = ["kexec_file_load"];
const FILE_CALLS: readonly Syscall["name"][] = [...FILE_LOAD, "kexec_file_unload"];
const SEGMENT_LOAD: readonly Syscall["name"][] = ["kexec_load"];

const isCrash = ({ call }: Refusal): boolean =>
  "crash" in call ? call.crash : "flags" in call && call.flags.some((flag) => flag.endsWith("_ON_CRASH"));
const lacksCapability = ({ facts }: Refusal): boolean => hasSysBoot(facts) === false;
const lockedDown = ({ facts }: Refusal): boolean => isLockedDown(facts);
const imaRule = (found: FoundImaRule | undefined): string =>
  found === undefined ? "" : ` (\`${formatImaRule(found.rule)}\`)`;
const noPermitLeft = (refusal: Refusal): boolean =>
  (isCrash(refusal) ? refusal.facts.kexec.limitPanic : refusal.facts.kexec.limitReboot) === 0;

/** Every known cause, the most certain first: kernel/kexec.c, kernel/kexec_file.c, kernel/kexec_core.c, kernel/reboot.c, Linux 7.3. */
export const CAUSES: readonly CauseRow[] = [
  {
    errno: "EPERM",
    when: lacksCapability,
    cause: "this process lacks the capability CAP_SYS_BOOT",
    remedy: "Run warmboot as root on the host itself",
  },
  {
    errno: "EPERM",
    when: ({ facts }) => facts.initUserNamespace === false,
    cause: "this process runs in a user namespace of its own, where CAP_SYS_BOOT does not count for kexec",
    remedy: "Run warmboot on the host itself, outside the container",
  },
  {
    errno: "EPERM",
    when: ({ facts }) => facts.kexec.loadDisabled === true,
    cause: "kernel.kexec_load_disabled is 1",
    remedy: "It cannot be reset; reboot normally, and find what sets it",
  },
  {
    errno: "EPERM",
    when: noPermitLeft,
    cause: "the load limit is used up (kernel.kexec_load_limit_reboot, or _panic for a crash image)",
    remedy: "It cannot be raised; reboot normally",
  },
  {
    errno: "EPERM",
    calls: ["kexec_unload"],
    when: lockedDown,
    cause: ({ facts }) => `the kernel is locked down (${facts.lockdown}), which forbids kexec_load, even to unload`,
    remedy: "Reboot normally",
  },
  {
    errno: "EPERM",
    calls: SEGMENT_LOAD,
    when: lockedDown,
    cause: ({ facts }) => `the kernel is locked down (${facts.lockdown}), which forbids kexec_load`,
    remedy: "Use a signed kernel and `load: kexec_file_load`",
  },
  {
    errno: "EPERM",
    calls: FILE_LOAD,
    when: lockedDown,
    cause: ({ facts }) =>
      `the kernel is locked down (${facts.lockdown}), and none of its trusted keys could verify the image's signature`,
    remedy: "Use a kernel whose signing key the running kernel trusts; `dmesg` may name the key that it looked for",
  },
  {
    errno: "EPERM",
    when: ({ facts }) => facts.lsm.includes("loadpin"),
    cause: "LoadPin allows files only from the pinned file system",
    remedy: "Move kernel and initrd to the pinned file system, the read-only one that holds the modules",
  },
  {
    errno: "EPERM",
    cause: "a security policy forbids it (a container's seccomp profile also answers EPERM)",
    remedy: "Run warmboot on the host itself, and check the audit log",
  },
  ...BUILT_IMAGE_CAUSES,
  {
    errno: "EACCES",
    calls: SEGMENT_LOAD,
    when: ({ facts }) => refusesKexecLoad(facts) !== undefined,
    cause: ({ facts }) =>
      `IMA's policy${imaRule(refusesKexecLoad(facts))} appraises kernels, which kexec_load cannot show`,
    remedy: "Use `load: kexec_file_load`, and a kernel with an IMA signature",
  },
  {
    errno: "EACCES",
    calls: FILE_LOAD,
    when: ({ facts }) => fileAppraisal(facts) !== undefined,
    cause: ({ facts }) => `IMA's policy${imaRule(fileAppraisal(facts))} does not take the kernel or the initrd`,
    remedy:
      "See the check `ima-appraisal` of `warmboot plan`; the audit log has the reason (`type=INTEGRITY_DATA`), or `dmesg`",
  },
  {
    errno: "EACCES",
    cause: "the kernel's integrity policy (IMA) or SELinux forbids this image",
    remedy: "Use the distribution's signed kernel; look for `ima` and `avc` in the audit log",
  },
  {
    errno: "EBUSY",
    calls: [...SEGMENT_LOAD, ...FILE_LOAD],
    when: (refusal) => refusal.facts.machine === "aarch64" && !isCrash(refusal),
    cause:
      "another load is in progress, or the running kernel cannot stop its other CPUs (machine_kexec_prepare on arm64)",
    remedy: "Try again; if it keeps failing, the firmware lacks PSCI to stop CPUs, or KVM is protected: reboot with " +
      "`nr_cpus=1`, or without `kvm-arm.mode=protected`, then load",
  },
  {
    errno: "EBUSY",
    cause: "another load, an unload, or a change of the crash reservation is in progress",
    remedy: "Wait a moment and try again",
  },
  {
    errno: "ENOEXEC",
    cause: "the running kernel does not support the format of this file",
    remedy: "Check what `warmboot plan` reports about the kernel image; `dmesg` may say more",
  },
  {
    errno: "ENOSYS",
    calls: FILE_CALLS,
    cause: ({ facts }) => `the running kernel ${facts.release} lacks kexec_file_load (CONFIG_KEXEC_FILE)`,
    remedy: "Use `load: kexec_load`; `warmboot unload` falls back to it automatically",
  },
  {
    errno: "ENOSYS",
    calls: SEGMENT_LOAD,
    // Either call has the kernel show it (kernel/ksysfs.c).
    when: ({ facts }) => facts.kexec.loaded !== undefined,
    cause: ({ facts }) => `the running kernel ${facts.release} lacks kexec_load (CONFIG_KEXEC)`,
    remedy: "Use `load: kexec_file_load`, and remove what only kexec_load does",
  },
  {
    errno: "ENOSYS",
    cause: ({ facts }) => `the running kernel ${facts.release} is built without kexec`,
    remedy: "Boot a kernel that has CONFIG_KEXEC",
  },
  {
    errno: "ETXTBSY",
    cause: "the kernel file or an initrd is open for writing",
    remedy:
      "Wait until the writer is done (perhaps an update of the kernel or the initramfs); `fuser -v FILE` shows it",
  },
  {
    errno: "EINVAL",
    calls: SEGMENT_LOAD,
    when: ({ call }) => call.name === "kexec_load" && call.flags.includes("KEXEC_PRESERVE_CONTEXT"),
    cause: "the running kernel cannot resume after a payload (it lacks CONFIG_KEXEC_JUMP), or a segment is invalid",
    remedy: "Boot a kernel that has CONFIG_KEXEC_JUMP; Debian's kernels lack it, Ubuntu's have it",
  },
  {
    errno: "EINVAL",
    calls: SEGMENT_LOAD,
    cause: "a flag is unknown, segments overlap, there are more than 16, or they take more than half of the memory",
    remedy: "See the checks of `warmboot plan`; if all pass, `dmesg` may say more",
  },
  {
    errno: "EADDRNOTAVAIL",
    calls: SEGMENT_LOAD,
    when: (refusal) => !isCrash(refusal),
    cause: "a segment is not page-aligned, or ends beyond what the kernel can address",
    remedy: "See the checks of `warmboot plan`",
  },
  {
    errno: "EADDRNOTAVAIL",
    when: (refusal) => isCrash(refusal) && refusal.facts.kexec.crashSize === 0n,
    cause: "no memory is reserved for a crash kernel",
    remedy: "Boot with `crashkernel=256M` (or more) on the command line",
  },
  {
    errno: "EADDRNOTAVAIL",
    when: isCrash,
    cause: ({ facts }) =>
      `the image does not fit in the crash reservation${
        facts.kexec.crashSize === undefined ? "" : ` of ${formatSize(facts.kexec.crashSize)}`
      }`,
    remedy: "Boot with a larger `crashkernel=`, or use a smaller initrd",
  },
  {
    errno: "EADDRNOTAVAIL",
    calls: FILE_LOAD,
    when: ({ facts }) => facts.handover !== undefined,
    cause: ({ facts }) =>
      `kexec handover (KHO) is on, and the image does not fit into its scratch areas${
        facts.handover?.scratch === undefined ? "" : ` (${scratchText(facts.handover.scratch)})`
      }`,
    remedy:
      "Boot with a larger `kho_scratch=` or with `kho=off`; or, where the kernel has it, use `load: kexec_load`, " +
      "which hands nothing over",
  },
  {
    errno: "EADDRNOTAVAIL",
    cause: "the kernel found no free range of memory for the image",
    remedy: "Use a smaller initrd",
  },
  {
    errno: "EINVAL",
    calls: FILE_LOAD,
    when: ({ facts }) => facts.machine === "aarch64",
    cause: "the running kernel does not accept this image (format, page size or byte order), a file is empty, the " +
      "device tree could not be rebuilt, or the image takes more than half of the memory",
    remedy: "See the checks of `warmboot plan`; if all pass, `dmesg` may say more",
  },
  {
    errno: "EINVAL",
    calls: FILE_LOAD,
    cause:
      "an argument is invalid: the command line is too long, a file is empty, or the image takes more than half of the memory",
    remedy: "See the checks of `warmboot plan`; if all pass, `dmesg` may say more",
  },
  {
    errno: "EFBIG",
    cause: "the kernel file or an initrd is larger than 4 GiB",
    remedy: "Use a smaller initrd",
  },
  {
    errno: "ENOMEM",
    cause: ({ facts }) =>
      `memory is short${facts.memAvailable === undefined ? "" : `: ${formatSize(facts.memAvailable)} is available`}`,
    remedy: "Free memory, or use a smaller initrd",
  },
  ...(["ENOKEY", "EKEYEXPIRED", "EKEYREVOKED"] as const).map((errno): CauseRow => ({
    errno,
    calls: FILE_LOAD,
    when: (refusal) => isCrash(refusal) && (refusal.facts.kexec.dmCryptKeys?.keys.length ?? 0) > 0,
    cause: "a dm-crypt key that is registered for the crash kernel is not, or no longer, in a keyring of this process",
    remedy: "Add its logon key again and load again, or remove its folder in /sys/kernel/config/crash_dm_crypt_keys; " +
      "`dmesg` names the key",
  })),
  ...SIGNATURE_CAUSES,
  {
    errno: "EIO",
    cause: "a file could not be read completely, or its size changed while it was read",
    remedy: "Check the disk (`dmesg`), and whether another program writes the file",
  },
];

/** Explains a refusal; undefined for an errno without a known cause. */
export function diagnose(refusal: Refusal): Diagnosis | undefined {
  const name = errnoName(refusal.errno);
  if (refusal.function !== undefined) return PREPARATION_CAUSES[name];
  const { name: call } = refusal.call;
  const table = tableOf(call);
  const row = table.find((candidate) =>
    (candidate.errno === undefined || candidate.errno === name) &&
    (candidate.calls === undefined || candidate.calls.includes(refusal.call.name)) &&
    (candidate.when === undefined || candidate.when(refusal))
  );
  if (row === undefined) return undefined;
  return { cause: typeof row.cause === "string" ? row.cause : row.cause(refusal), remedy: row.remedy };
}

function tableOf(call: Syscall["name"]): readonly CauseRow[] {
  switch (call) {
    case "unbind":
      return UNBIND_CAUSES;
    case "arm_watchdog":
      return WATCHDOG_CAUSES;
    case "reboot_kexec":
      return [...REBOOT_CAUSES, ...CAUSES];
    default:
      return CAUSES;
  }
}
