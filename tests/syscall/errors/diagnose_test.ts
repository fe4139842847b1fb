import { assertEquals, assertStringIncludes } from "@std/assert";
import { CAUSES, diagnose } from "../../../src/syscall/errors/diagnose.ts";
import { REBOOT_CAUSES } from "../../../src/syscall/errors/reboot_causes.ts";
import { UNBIND_CAUSES } from "../../../src/syscall/errors/unbind_causes.ts";
import { WATCHDOG_CAUSES } from "../../../src/syscall/errors/watchdog_causes.ts";
import { SyscallError } from "../../../src/syscall/errors/syscall_error.ts";
import type { HostFacts } from "../../../src/host/facts.ts";
import type { Syscall } from "../../../src/plan/syscall.ts";
import { parseImaRules } from "../../../src/host/ima.ts";
import { hostFacts } from "../../support/host_facts.ts";
import { ERRNOS } from "../../../src/syscall/errno.ts";

const kexec = hostFacts().kexec;
const load: Syscall = {
  name: "kexec_file_load",
  kernel: "/boot/vmlinuz",
  initrd: [],
  cmdline: "ro",
  flags: [],
  flagBits: 0n,
};
const crashLoad: Syscall = { ...load, flags: ["KEXEC_FILE_ON_CRASH"], flagBits: 2n };

const segmentLoad: Syscall = {
  name: "kexec_load",
  entry: 0n,
  segments: [],
  flags: ["KEXEC_ARCH_X86_64"],
  flagBits: 0x3e0000n,
};
const payloadLoad: Syscall = { ...segmentLoad, flags: ["KEXEC_PRESERVE_CONTEXT"], flagBits: 0x3e0002n };
const segmentCrash: Syscall = { ...segmentLoad, flags: ["KEXEC_ON_CRASH"], flagBits: 0x3e0001n };
const unload: Syscall = { name: "kexec_unload", crash: false };
const fileUnload: Syscall = { name: "kexec_file_unload", crash: false };
const crashUnload: Syscall = { name: "kexec_unload", crash: true };
const reboot: Syscall = { name: "reboot_kexec" };
const ARM: Syscall = { name: "arm_watchdog", device: "watchdog0", seconds: 120 };

interface Case {
  readonly name: string;
  readonly call: Syscall;
  readonly errno: string;
  readonly facts?: Partial<HostFacts>;
  readonly returns?: boolean;
  /** The whole cause. */
  readonly cause: string;
}

const LOAD_LIMIT = "the load limit is used up (kernel.kexec_load_limit_reboot, or _panic for a crash image)";
const POLICY = "a security policy forbids it (a container's seccomp profile also answers EPERM)";
const LOADPIN = "LoadPin allows files only from the pinned file system";
const OWN_NAMESPACE = "this process runs in a user namespace of its own, where CAP_SYS_BOOT does not count for kexec";
const IN_PROGRESS = "another load, an unload, or a change of the crash reservation is in progress";
const NOT_STOPPED = "a device or a CPU could not be stopped for the payload";
const UNUSABLE_SEGMENTS =
  "a flag is unknown, segments overlap, there are more than 16, or they take more than half of the memory";

/** A host whose IMA appraises kernels. */
const APPRAISING: Partial<HostFacts> = {
  kernelConfig: {},
  ima: { inForce: true, rules: parseImaRules("appraise func=KEXEC_KERNEL_CHECK") },
};

const UNBIND: Syscall = {
  name: "unbind",
  device: { bus: "pci", device: "0000:00:03.0", driver: "e1000", path: "pci0000:00/0000:00:03.0" },
};

const CASES: readonly Case[] = [
  {
    name: "no capability, before any other cause of EPERM",
    call: load,
    errno: "EPERM",
    facts: { capEff: 0n, lockdown: "integrity", initUserNamespace: false, lsm: ["loadpin"] },
    cause: "this process lacks the capability CAP_SYS_BOOT",
  },
  { name: "a container", call: load, errno: "EPERM", facts: { initUserNamespace: false }, cause: OWN_NAMESPACE },
  {
    name: "the sysctl",
    call: load,
    errno: "EPERM",
    facts: { kexec: { ...kexec, loadDisabled: true } },
    cause: "kernel.kexec_load_disabled is 1",
  },
  {
    name: "a used-up limit",
    call: load,
    errno: "EPERM",
    facts: { kexec: { ...kexec, limitReboot: 0 } },
    cause: LOAD_LIMIT,
  },
  {
    name: "a limit with one load left",
    call: load,
    errno: "EPERM",
    facts: { kexec: { ...kexec, limitReboot: 1 } },
    cause: POLICY,
  },
  ...[crashLoad, segmentCrash, crashUnload].flatMap((call): readonly Case[] => [
    {
      name: "the limit of the other kind does not count",
      call,
      errno: "EPERM",
      facts: { kexec: { ...kexec, limitReboot: 0 } },
      cause: POLICY,
    },
    {
      name: "the limit of crash images",
      call,
      errno: "EPERM",
      facts: { kexec: { ...kexec, limitPanic: 0 } },
      cause: LOAD_LIMIT,
    },
  ]),
  {
    name: "lockdown",
    call: load,
    errno: "EPERM",
    facts: { lockdown: "integrity" },
    cause: "the kernel is locked down (integrity), and none of its trusted keys could verify the image's signature",
  },
  {
    name: "lockdown of kexec_load",
    call: segmentLoad,
    errno: "EPERM",
    facts: { lockdown: "confidentiality" },
    cause: "the kernel is locked down (confidentiality), which forbids kexec_load",
  },
  {
    name: "lockdown at an unload",
    call: unload,
    errno: "EPERM",
    facts: { lockdown: "integrity" },
    cause: "the kernel is locked down (integrity), which forbids kexec_load, even to unload",
  },
  {
    name: "lockdown does not forbid kexec_file_load to unload",
    call: fileUnload,
    errno: "EPERM",
    facts: { lockdown: "integrity" },
    cause: POLICY,
  },
  { name: "LoadPin", call: load, errno: "EPERM", facts: { lsm: ["loadpin"] }, cause: LOADPIN },
  { name: "nothing that is known", call: load, errno: "EPERM", facts: { lsm: ["lockdown"] }, cause: POLICY },
  {
    name: "IMA",
    call: load,
    errno: "EACCES",
    cause: "the kernel's integrity policy (IMA) or SELinux forbids this image",
  },
  {
    name: "IMA's policy appraises kernels, which kexec_load cannot show",
    call: segmentLoad,
    errno: "EACCES",
    facts: APPRAISING,
    cause: "IMA's policy (`appraise func=KEXEC_KERNEL_CHECK`) appraises kernels, which kexec_load cannot show",
  },
  {
    name: "IMA's policy appraises the kernel",
    call: load,
    errno: "EACCES",
    facts: APPRAISING,
    cause: "IMA's policy (`appraise func=KEXEC_KERNEL_CHECK`) does not take the kernel or the initrd",
  },
  {
    name: "IMA's policy, which may not be the one in force",
    call: load,
    errno: "EACCES",
    facts: { kernelConfig: {}, ima: { inForce: false, rules: parseImaRules("appraise func=KEXEC_KERNEL_CHECK") } },
    cause: "IMA's policy (`appraise func=KEXEC_KERNEL_CHECK`) does not take the kernel or the initrd",
  },
  {
    name: "IMA's policy appraises the initrd, which kexec_load has no file of",
    call: segmentLoad,
    errno: "EACCES",
    facts: { kernelConfig: {}, ima: { inForce: true, rules: parseImaRules("appraise func=KEXEC_INITRAMFS_CHECK") } },
    cause: "the kernel's integrity policy (IMA) or SELinux forbids this image",
  },
  {
    name: "IMA's policy appraises the initrd",
    call: load,
    errno: "EACCES",
    facts: { kernelConfig: {}, ima: { inForce: true, rules: parseImaRules("appraise func=KEXEC_INITRAMFS_CHECK") } },
    cause: "IMA's policy (`appraise func=KEXEC_INITRAMFS_CHECK`) does not take the kernel or the initrd",
  },
  ...[load, segmentLoad].map((call): Case => ({
    name: "arm64 stops the other CPUs at load",
    call,
    errno: "EBUSY",
    facts: { machine: "aarch64" },
    cause:
      "another load is in progress, or the running kernel cannot stop its other CPUs (machine_kexec_prepare on arm64)",
  })),
  { name: "x86_64 does not", call: load, errno: "EBUSY", cause: IN_PROGRESS },
  {
    name: "a crash image needs no stopped CPUs",
    call: crashLoad,
    errno: "EBUSY",
    facts: { machine: "aarch64" },
    cause: IN_PROGRESS,
  },
  {
    name: "nor does an unload",
    call: unload,
    errno: "EBUSY",
    facts: { machine: "aarch64" },
    cause: IN_PROGRESS,
  },
  {
    name: "a format",
    call: load,
    errno: "ENOEXEC",
    cause: "the running kernel does not support the format of this file",
  },
  ...[load, fileUnload].map((call): Case => ({
    name: "no such call",
    call,
    errno: "ENOSYS",
    cause: `the running kernel ${hostFacts().release} lacks kexec_file_load (CONFIG_KEXEC_FILE)`,
  })),
  {
    name: "kexec_file_load alone",
    call: segmentLoad,
    errno: "ENOSYS",
    cause: `the running kernel ${hostFacts().release} lacks kexec_load (CONFIG_KEXEC)`,
  },
  ...[segmentLoad, unload].map((call): Case => ({
    name: "no kexec at all",
    call,
    errno: "ENOSYS",
    // Without /sys/kernel/kexec_loaded.
    facts: { kexec: {} },
    cause: `the running kernel ${hostFacts().release} is built without kexec`,
  })),
  { name: "a writer", call: load, errno: "ETXTBSY", cause: "the kernel file or an initrd is open for writing" },
  {
    name: "a payload",
    call: payloadLoad,
    errno: "EINVAL",
    cause: "the running kernel cannot resume after a payload (it lacks CONFIG_KEXEC_JUMP), or a segment is invalid",
  },
  { name: "segments", call: segmentLoad, errno: "EINVAL", cause: UNUSABLE_SEGMENTS },
  {
    name: "an image that arm64 does not accept",
    call: load,
    errno: "EINVAL",
    facts: { machine: "aarch64" },
    cause: "the running kernel does not accept this image (format, page size or byte order), a file is empty, the " +
      "device tree could not be rebuilt, or the image takes more than half of the memory",
  },
  {
    name: "an argument",
    call: load,
    errno: "EINVAL",
    cause: "an argument is invalid: the command line is too long, a file is empty, or the image takes more than half " +
      "of the memory",
  },
  {
    name: "a segment's place",
    call: segmentLoad,
    errno: "EADDRNOTAVAIL",
    cause: "a segment is not page-aligned, or ends beyond what the kernel can address",
  },
  {
    name: "no reservation",
    call: crashLoad,
    errno: "EADDRNOTAVAIL",
    cause: "no memory is reserved for a crash kernel",
  },
  {
    name: "no reservation, by kexec_load",
    call: segmentCrash,
    errno: "EADDRNOTAVAIL",
    cause: "no memory is reserved for a crash kernel",
  },
  {
    name: "a small reservation",
    call: crashLoad,
    errno: "EADDRNOTAVAIL",
    facts: { kexec: { ...kexec, crashSize: 1n << 20n } },
    cause: "the image does not fit in the crash reservation of 1 MiB",
  },
  {
    name: "a reservation of a size that is not known",
    call: crashLoad,
    errno: "EADDRNOTAVAIL",
    facts: { kexec: { loaded: false } },
    cause: "the image does not fit in the crash reservation",
  },
  {
    name: "small scratch areas",
    call: load,
    errno: "EADDRNOTAVAIL",
    facts: {
      handover: {
        services: [],
        reservedMemory: [],
        scratch: [{ start: 0n, end: 4n << 20n }, { start: 1n << 30n, end: 1037n << 20n }],
      },
    },
    cause: "kexec handover (KHO) is on, and the image does not fit into its scratch areas (4 MiB, 13 MiB)",
  },
  {
    name: "scratch areas that are not shown",
    call: load,
    errno: "EADDRNOTAVAIL",
    facts: { handover: { services: [], reservedMemory: [] } },
    cause: "kexec handover (KHO) is on, and the image does not fit into its scratch areas",
  },
  {
    name: "a segment's place, with kexec handover",
    call: segmentLoad,
    errno: "EADDRNOTAVAIL",
    facts: { handover: { services: [], reservedMemory: [] } },
    cause: "a segment is not page-aligned, or ends beyond what the kernel can address",
  },
  {
    name: "no room",
    call: load,
    errno: "EADDRNOTAVAIL",
    cause: "the kernel found no free range of memory for the image",
  },
  { name: "a large file", call: load, errno: "EFBIG", cause: "the kernel file or an initrd is larger than 4 GiB" },
  {
    name: "little memory",
    call: load,
    errno: "ENOMEM",
    facts: { memAvailable: 3n << 20n },
    cause: "memory is short: 3 MiB is available",
  },
  ...(["EACCES", "EKEYREJECTED", "ELIBBAD", "ENODATA"] as const).map((errno) => ({
    name: "an image that is built has no signature",
    call: { ...load, built: true } as const,
    errno,
    cause: "the image that is built around the unpacked kernel has no signature, and the running kernel or its " +
      "integrity policy (IMA) demands one",
  })),
  {
    name: "no signature",
    call: load,
    errno: "ENODATA",
    cause: "the kernel requires a signature, but the image has none",
  },
  ...["ENOKEY", "EKEYEXPIRED", "EKEYREVOKED"].map((errno): Case => ({
    name: "a dm-crypt key for the crash kernel",
    call: crashLoad,
    errno,
    facts: { kexec: { ...kexec, dmCryptKeys: { keys: [{ name: "a", description: "cryptsetup:a" }] } } },
    cause: "a dm-crypt key that is registered for the crash kernel is not, or no longer, in a keyring of this process",
  })),
  ...[crashLoad, load].map((call): Case => ({
    name: "no dm-crypt key is registered, or none is asked for",
    call,
    errno: "ENOKEY",
    facts: {
      kexec: {
        ...kexec,
        dmCryptKeys: { keys: call === crashLoad ? [] : [{ name: "a", description: "cryptsetup:a" }] },
      },
    },
    cause: "the image is not signed with a key that the running kernel trusts",
  })),
  {
    name: "a signature of a stranger",
    call: load,
    errno: "ENOKEY",
    cause: "the image is not signed with a key that the running kernel trusts",
  },
  {
    name: "a bad signature",
    call: load,
    errno: "EKEYREJECTED",
    cause: "the image's signature is bad, revoked, or of a kind that this kernel cannot verify",
  },
  {
    name: "a signature's wrapper",
    call: load,
    errno: "ELIBBAD",
    cause: "the image's PE structure or its signature wrapper cannot be read",
  },
  { name: "an unreadable signature", call: load, errno: "EBADMSG", cause: "the image's signature cannot be read" },
  {
    name: "an algorithm",
    call: load,
    errno: "ENOPKG",
    cause: "the running kernel lacks an algorithm of the signature",
  },
  {
    name: "a read error",
    call: load,
    errno: "EIO",
    cause: "a file could not be read completely, or its size changed while it was read",
  },
  {
    name: "nothing loaded",
    call: reboot,
    errno: "EINVAL",
    facts: { kexec: { ...kexec, loaded: false } },
    cause: "no image is loaded",
  },
  {
    name: "a PID namespace",
    call: reboot,
    errno: "EINVAL",
    facts: { kexec: { ...kexec, loaded: true } },
    cause: "reboot(2) was called from a child PID namespace, or the kernel lacks kexec",
  },
  {
    name: "something that cannot be stopped for a payload",
    call: reboot,
    errno: "EBUSY",
    facts: { kexec: { ...kexec, loaded: true } },
    returns: true,
    cause: "a process, a device or a CPU could not be stopped for the payload (or a load is in progress)",
  },
  ...["EIO", "EINVAL", "ENOMEM"].map((errno): Case => ({
    name: "a driver that refuses",
    call: reboot,
    errno,
    facts: { kexec: { ...kexec, loaded: true } },
    returns: true,
    cause: NOT_STOPPED,
  })),
  {
    name: "a reboot into a payload that is not permitted",
    call: reboot,
    errno: "EPERM",
    facts: { kexec: { ...kexec, loaded: true } },
    returns: true,
    cause: POLICY,
  },
  {
    name: "a reboot without return, during a load",
    call: reboot,
    errno: "EBUSY",
    facts: { kexec: { ...kexec, loaded: true } },
    returns: false,
    cause: IN_PROGRESS,
  },
  ...([
    ["ENOENT", "the driver does not let go of its devices: it has no such file"],
    ["ENODEV", "the driver no longer has this device"],
    ["EACCES", "this process may not write to /sys"],
    ["EROFS", "/sys cannot be written here"],
  ] as const).map(([errno, cause]) => ({ name: "a device that stays with its driver", call: UNBIND, errno, cause })),
  ...([
    ["EBUSY", "another process has the watchdog open, and only one can"],
    ["ENOENT", "this watchdog does not exist"],
    ["EINVAL", "the watchdog does not take this timeout"],
    ["EOPNOTSUPP", "the timeout of this watchdog is fixed"],
    ["EACCES", "this process may not open the watchdog"],
    ["EIO", "the driver cannot start the watchdog: the firmware may have disabled it"],
  ] as const).map(([errno, cause]) => ({ name: "a watchdog that is not armed", call: ARM, errno, cause })),
];

for (const { name, call, errno, facts, returns, cause } of CASES) {
  Deno.test({
    name: `diagnose() gives the cause of ${errno} of ${call.name}: ${name}`,
    permissions: "none",
    fn() {
      const number = ERRNOS.find((row) => row.name === errno)?.number ?? 0;
      const refusal = { call, errno: number, facts: hostFacts(facts) };
      assertEquals(diagnose(returns === undefined ? refusal : { ...refusal, returns })?.cause, cause);
    },
  });
}

Deno.test({
  name: "what the host does not say is not taken for the cause",
  permissions: "none",
  fn() {
    const { capEff: _capEff, initUserNamespace: _namespace, ...silent } = hostFacts();
    assertEquals(diagnose({ call: load, errno: 1, facts: silent })?.cause, POLICY);
    assertEquals(diagnose({ call: load, errno: 1, facts: hostFacts({ kexec: {} }) })?.cause, POLICY);
    const { loaded: _loaded, ...unknown } = kexec;
    const cause = "reboot(2) was called from a child PID namespace, or the kernel lacks kexec";
    assertEquals(diagnose({ call: reboot, errno: 22, facts: hostFacts({ kexec: unknown }) })?.cause, cause);
    assertEquals(
      diagnose({ call: ARM, errno: 95, facts: hostFacts() })?.cause,
      "the timeout of this watchdog is fixed",
    );
    assertEquals(diagnose({ call: ARM, errno: 1, facts: hostFacts() }), undefined);
  },
});

Deno.test({
  name: "a host that does not say how much memory is available still lacks it",
  permissions: "none",
  fn() {
    const { memAvailable: _, ...facts } = hostFacts();
    assertEquals(diagnose({ call: load, errno: 12, facts })?.cause, "memory is short");
  },
});

Deno.test({
  name: "each row of causes is the answer to a case here",
  permissions: "none",
  fn() {
    const given = new Set(CASES.map(({ cause }) => cause));
    const missing = [...CAUSES, ...REBOOT_CAUSES, ...UNBIND_CAUSES, ...WATCHDOG_CAUSES].flatMap(({ cause }) =>
      typeof cause !== "string" || given.has(cause) ? [] : [cause]
    );
    assertEquals(missing, []);
  },
});

Deno.test({
  name: "every errno of the man pages is explained for a load",
  permissions: "none",
  fn() {
    const named = ["EADDRNOTAVAIL", "EBUSY", "EINVAL", "ENOEXEC", "ENOMEM", "EPERM"];
    const missing = named.filter((name) => {
      const errno = ERRNOS.find((row) => row.name === name)?.number ?? 0;
      return diagnose({ call: load, errno, facts: hostFacts() }) === undefined;
    });
    assertEquals(missing, []);
  },
});

Deno.test({
  name: "what failed in preparing a call is not explained as that call's refusal",
  permissions: "none",
  fn() {
    const table = [
      [24, "memfd_create", "memfd_create for kexec_file_load failed with EMFILE: this process cannot open more files"],
      [28, "sendfile", "sendfile for kexec_file_load failed with ENOSPC: no space is left"],
      [122, "write", "write for kexec_file_load failed with EDQUOT: the tmpfs quota"],
      [14, "madvise", "madvise for kexec_file_load failed with EFAULT: a file could not be read completely"],
      [13, "mprotect", "mprotect for kexec_file_load failed with EACCES: a security policy forbids running the code"],
      [22, "write", "write for kexec_file_load failed with EINVAL: invalid argument"],
    ] as const;
    for (const [errno, name, says] of table) {
      const error = new SyscallError({ call: load, errno, function: name, facts: hostFacts({ capEff: 0n }) });
      assertStringIncludes(error.message, says);
      assertEquals([error.function, error.made], [name, `${name}(...)`]);
    }
  },
});

Deno.test({
  name: "a SyscallError holds the call, the errno's name, the cause and the remedy",
  permissions: "none",
  fn() {
    const error = new SyscallError({ call: load, errno: 8, facts: hostFacts() });
    assertEquals([error.code, error.errno, error.call, error.function], ["ENOEXEC", 8, load, undefined]);
    assertEquals(error.diagnosis, diagnose({ call: load, errno: 8, facts: hostFacts() }));
    assertEquals(error.diagnosis?.cause, "the running kernel does not support the format of this file");
    assertEquals(
      error.message,
      "kexec_file_load failed with ENOEXEC: the running kernel does not support the format of this file",
    );
    assertEquals(error.made, 'kexec_file_load(open("/boot/vmlinuz"), -1, 3, "ro", 0)');
    assertEquals(new SyscallError({ call: load, errno: 999, facts: hostFacts() }).code, "errno 999");
  },
});
