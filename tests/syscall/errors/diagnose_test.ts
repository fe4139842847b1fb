import { assertEquals, assertStringIncludes } from "@std/assert";
import { diagnose } from "../../../src/syscall/errors/diagnose.ts";
import { SyscallError } from "../../../src/syscall/errors/syscall_error.ts";
import type { HostFacts } from "../../../src/host/facts.ts";
import type { Syscall } from "../../../src/plan/syscall.ts";
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

const CASES: readonly (readonly [string, Syscall, string, Partial<HostFacts>, string])[] = [
  ["no capability", load, "EPERM", { capEff: 0n, lockdown: "integrity" }, "lacks the capability CAP_SYS_BOOT"],
  ["a container", load, "EPERM", { initUserNamespace: false }, "user namespace"],
  ["the sysctl", load, "EPERM", { kexec: { ...kexec, loadDisabled: true } }, "kernel.kexec_load_disabled is 1"],
  ["a used-up limit", load, "EPERM", { kexec: { ...kexec, limitReboot: 0 } }, "load limit is used up"],
  ["the limit of the other kind does not count", crashLoad, "EPERM", { kexec: { ...kexec, limitReboot: 0 } }, "policy"],
  ["lockdown", load, "EPERM", { lockdown: "integrity" }, "could verify the image's signature"],
  [
    "lockdown at an unload",
    { name: "kexec_unload", crash: false },
    "EPERM",
    { lockdown: "integrity" },
    "even to unload",
  ],
  ["no such call", load, "ENOSYS", {}, "lacks kexec_file_load"],
  ["no such call at an unload", { name: "kexec_file_unload", crash: false }, "ENOSYS", {}, "lacks kexec_file_load"],
  ["no kexec at all", { name: "kexec_unload", crash: false }, "ENOSYS", {}, "built without kexec"],
  ["LoadPin", load, "EPERM", { lsm: ["loadpin"] }, "LoadPin"],
  ["IMA", load, "EACCES", {}, "IMA"],
  ["no reservation", crashLoad, "EADDRNOTAVAIL", {}, "no memory is reserved"],
  [
    "a small reservation",
    crashLoad,
    "EADDRNOTAVAIL",
    { kexec: { ...kexec, crashSize: 1n << 20n } },
    "reservation of 1 MiB",
  ],
  ["nothing loaded", { name: "reboot_kexec" }, "EINVAL", {}, "no image is loaded"],
  ["a PID namespace", { name: "reboot_kexec" }, "EINVAL", { kexec: { ...kexec, loaded: true } }, "PID namespace"],
];

for (const [name, call, errno, facts, says] of CASES) {
  Deno.test({
    name: `diagnose() names the cause: ${name}`,
    permissions: "none",
    fn() {
      const number = ERRNOS.find((row) => row.name === errno)?.number ?? 0;
      assertStringIncludes(diagnose({ call, errno: number, facts: hostFacts(facts) })?.cause ?? "", says);
    },
  });
}

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
    assertEquals(error.code, "ENOEXEC");
    assertEquals(
      error.message,
      "kexec_file_load failed with ENOEXEC: the running kernel does not support the format of this file",
    );
    assertEquals(error.made, 'kexec_file_load(open("/boot/vmlinuz"), -1, 3, "ro", 0)');
    assertEquals(new SyscallError({ call: load, errno: 999, facts: hostFacts() }).code, "errno 999");
  },
});
