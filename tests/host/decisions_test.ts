/** What one line, one name or one variable of a host decides: by a value that does, and its neighbours that do not. */
import { assertEquals } from "@std/assert";
import { isBootSource, redactBootFile, withoutPasswords } from "../../src/host/boot_source.ts";
import { type Capture, CAPTURE_FORMAT, type CapturedFile, parseCapture } from "../../src/host/capture.ts";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import { drmDriver } from "../../src/host/framebuffers.ts";
import { initSystem } from "../../src/host/init_system.ts";
import { crashReservations } from "../../src/host/iomem.ts";
import { firstProblems } from "../../src/host/many_problems.ts";
import { withoutKernelLines } from "../../src/host/redaction.ts";
import { demandsDisk, demandsSignature, imaActsOnSecureBoot, isLockedDown } from "../../src/host/security.ts";
import { expandPath, isSourcePath } from "../../src/host/source_path.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { hostFacts } from "../support/host_facts.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function decode(files: { readonly [path: string]: CapturedFile }) {
  return decodeFacts({
    format: CAPTURE_FORMAT,
    files: { "/proc/sys/kernel/arch": "x86_64\n", "/proc/sys/kernel/osrelease": "6.1.0\n", ...files },
  });
}

pure("PID 1 is known by its program, and by its name where the program cannot be seen", () => {
  const of = (facts: Partial<HostFacts>) => initSystem(hostFacts(facts));
  const rows: readonly (readonly [Partial<HostFacts>, string])[] = [
    [{ systemd: true, initProgram: "/usr/bin/busybox" }, "systemd"],
    [{ initProgram: "/sbin/init" }, "sysvinit"],
    [{ initProgram: "/sbin/openrc-init" }, "openrc-init"],
    [{ initProgram: "/usr/bin/runit" }, "runit"],
    [{ initProgram: "/usr/bin/runit-init" }, "runit"],
    [{ initProgram: "/usr/bin/s6-svscan" }, "s6"],
    [{ initProgram: "/usr/bin/dinit" }, "dinit"],
    [{ initProgram: "/bin/busybox" }, "busybox"],
    [{ initProgram: "/bin/busybox (deleted)" }, "busybox"],
    [{ initProgram: "/sbin/init.dpkg-tmp" }, "sysvinit"],
    [{ initProgram: "/sbin/init.dpkg-new (deleted)" }, "sysvinit"],
    // systemd that does not run the host: of a container, say.
    [{ initProgram: "/usr/lib/systemd/systemd" }, "unknown"],
    [{ initProgram: "/usr/bin/other" }, "unknown"],
    [{ initProgram: "/usr/bin/other", init: "runit" }, "runit"],
    [{ init: "dinit" }, "dinit"],
    [{ init: "init" }, "unknown"],
    [{ init: "systemd" }, "unknown"],
    [{ init: "bash" }, "unknown"],
    [{ init: "toString" }, "unknown"],
    [{}, "unknown"],
  ];
  assertEquals(rows.map(([facts]) => [facts, of(facts)]), rows.map(([facts, init]) => [facts, init]));
});

pure("what accepts only signed images, or only files on a disk", () => {
  const signature = (facts: Partial<HostFacts>) => demandsSignature(hostFacts(facts));
  const config = (more: HostFacts["kernelConfig"]) => ({ kernelConfig: { ...hostFacts().kernelConfig, ...more } });
  const { lockdown: _, ...rest } = hostFacts();
  assertEquals([
    isLockedDown(rest),
    ...(["none", "integrity", "confidentiality"] as const).map((lockdown) => isLockedDown(hostFacts({ lockdown }))),
  ], [false, false, true, true]);
  assertEquals(
    [
      signature({}),
      signature({ lockdown: "integrity" }),
      signature(config({ CONFIG_KEXEC_SIG_FORCE: "y" })),
      signature(config({ CONFIG_KEXEC_SIG_FORCE: "n" })),
      signature({ secureBoot: "enabled" }),
      signature({ secureBoot: "setup" }),
      signature({ secureBoot: "disabled" }),
      signature({ secureBoot: "enabled", ...config({ CONFIG_IMA: "n" }) }),
      signature({ secureBoot: "enabled", ...config({ CONFIG_IMA_ARCH_POLICY: "n" }) }),
    ],
    [
      undefined,
      "the running kernel is locked down (integrity)",
      "the running kernel requires signed images (CONFIG_KEXEC_SIG_FORCE)",
      undefined,
      "Secure Boot is on, so that the kernel's integrity policy (IMA) requires signed images",
      undefined,
      undefined,
      undefined,
      undefined,
    ],
  );
  assertEquals(
    [{}, { CONFIG_IMA: "y" }, { CONFIG_IMA: "n" }, { CONFIG_IMA: "y", CONFIG_IMA_ARCH_POLICY: "n" }].map((more) =>
      imaActsOnSecureBoot(hostFacts({ kernelConfig: more }))
    ),
    [true, true, false, false],
  );
  const disk = (facts: Partial<HostFacts>) => demandsDisk(hostFacts(facts));
  assertEquals(
    [
      disk({}),
      disk({ lsm: ["loadpin"] }),
      disk({ lsm: ["loadpin"], loadPin: false }),
      disk({ lsm: [], loadPin: true }),
      disk({ cmdline: "ima_policy=secure_boot" }),
      disk({ cmdline: "ima_policy=appraise_tcb" }),
      disk({ cmdline: "ima_policy=appraise_tcb ima_appraise=off" }),
      disk({ cmdline: "ima_policy=appraise_tcb", ...config({ CONFIG_IMA: "n" }) }),
    ],
    [
      undefined,
      "LoadPin",
      undefined,
      "LoadPin",
      "IMA appraisal",
      "IMA appraisal",
      undefined,
      undefined,
    ],
  );
});

pure("which files of a boot loader a capture may have, and none besides", () => {
  const vendor = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
  const may = [
    "/proc/self/mountinfo",
    "/sys/class/block/nvme0n1p1/dev",
    "/run/udev/data/b8:1",
    "/dev/disk/by-uuid/a",
    "/dev/disk/by-label/a",
    "/dev/disk/by-partuuid/a",
    "/dev/md/a",
    `/sys/firmware/efi/efivars/LoaderInfo-${vendor}`,
    `/sys/firmware/efi/efivars/BootCurrent-${vendor}`,
    `/sys/firmware/efi/efivars/BootNext-${vendor}`,
    `/sys/firmware/efi/efivars/Boot00AF-${vendor}`,
    "/boot/grub/grub.cfg",
    "/efi/loader/loader.conf",
    "/procedure",
  ];
  const mayNot = [
    "/proc/self/mountinfo2",
    "/proc/self/environ",
    "/sys/class/block/a/b/dev",
    "/run/udev/data/c8:1",
    "/run/udev/data/b8",
    "/dev/disk/by-id/a",
    "/dev/disk/by-uuid/a/b",
    "/dev/sda",
    `/sys/firmware/efi/efivars/Boot00af-${vendor}`,
    `/sys/firmware/efi/efivars/BootOrder-${vendor}`,
    "/sys/firmware/efi/efivars/LoaderInfo",
    "/etc/shadow",
    "/usr/lib/x",
    "/lib",
    "/run",
    "boot/grub/grub.cfg",
    "",
  ];
  assertEquals(may.filter((path) => !isBootSource(path)), []);
  assertEquals(mayNot.filter(isBootSource), []);
});

pure("no password of GRUB's users is in a configuration that is kept, and all else is", () => {
  const kept = (line: string) => withoutPasswords(line);
  assertEquals(
    [
      "password_pbkdf2 root grub.pbkdf2.sha512.10000.AB12.CD34",
      "password root secret",
      "  password\troot\tsecret; set a=1",
      "set password=x",
      "echo password root secret",
      "a\npassword b c\npassword d e",
    ].map(kept),
    [
      "password_pbkdf2 root redacted",
      "password root redacted",
      "  password\troot\tredacted; set a=1",
      "set password=x",
      "echo password root secret",
      "a\npassword b redacted\npassword d redacted",
    ],
  );
  const redacted = text(redactBootFile(bytes("linux /k ro rd.luks.key=/key\ntitle A\n")));
  assertEquals([redacted.startsWith("linux /k ro "), redacted.endsWith("\ntitle A\n"), redacted.split("\n").length], [
    true,
    true,
    3,
  ]);
});

pure("lines of the memory map: the kernel's own are left out, and so is what cannot be read", () => {
  const without = (...lines: readonly string[]) =>
    text(withoutKernelLines(bytes(`${lines.join("\n")}\n`))).split("\n").slice(0, -1);
  const ram = "00001000-0009ffff : System RAM";
  assertEquals(without(ram, "  00001000-00001fff : Kernel code", "  00003000-00003fff : Kernel data"), [ram]);
  for (const name of ["Kernel code", "Kernel rodata", "Kernel data", "Kernel bss"]) {
    assertEquals(without(ram, `  00001000-00001fff : ${name}`, `  00002000-00002fff : ${name} x`), [
      ram,
      `  00002000-00002fff : ${name} x`,
    ]);
  }
  // Nested in it, a line moves up; between code and data, `reserved` shows the same.
  assertEquals(without(ram, "  00001000-00001fff : Kernel code", "    00001000-000010ff : a"), [
    ram,
    "  00001000-000010ff : a",
  ]);
  const around = (first: string, last: string) =>
    without(
      "  00001000-00001fff : Kernel code",
      `  ${first}-${last} : reserved`,
      "  00003000-00003fff : Kernel data",
    ).length;
  assertEquals([around("00002000", "00002fff"), around("00002001", "00002fff"), around("00002000", "00002ffe")], [
    0,
    1,
    1,
  ]);
  const other = "  00002000-00002fff : ACPI Tables";
  assertEquals(without("  00001000-00001fff : Kernel code", other, "  00003000-00003fff : Kernel data"), [other]);
  assertEquals(without("x 00001000-00001fff : a", "\t00001000-00001fff : b", "00001000 : c", ram, "0-g : d"), [ram]);
});

pure("reservations for a crash kernel are listed the lowest first, without those that are not set up", () => {
  const { value } = decode({
    "/proc/iomem": "100000000-2ffffffff : System RAM\n  280000000-28fffffff : Crash kernel\n" +
      "00100000-7fffffff : System RAM\n  20000000-2fffffff : Crash kernel\n00000000-00000000 : Crash kernel\n",
  });
  assertEquals(
    value && crashReservations(value.iomem).map(({ start, end }) => [start, end]),
    [[0x2000_0000n, 0x3000_0000n], [0x2_8000_0000n, 0x2_9000_0000n]],
  );
});

pure("framebuffers by their names, and the driver that took the screen over", () => {
  const names = (content: string | undefined) =>
    decode(content === undefined ? {} : { "/proc/fb": content }).value?.framebuffers;
  assertEquals([names(undefined), names(""), names("0 EFI VGA\n"), names("0 i915drmfb\n1 udl  \nx y\n")], [
    undefined,
    undefined,
    ["EFI VGA"],
    ["i915drmfb", "udl"],
  ]);
  const driver = (...framebuffers: readonly string[]) => drmDriver({ framebuffers });
  assertEquals([drmDriver({}), driver("EFI VGA"), driver("i915drmfb"), driver("drmfb"), driver("i915drmfbx")], [
    undefined,
    undefined,
    "i915",
    undefined,
    undefined,
  ]);
  // What these show is what the firmware set up.
  for (const name of ["simple", "simpledrm", "efidrm", "vesadrm", "ofdrm"]) {
    assertEquals([driver(`${name}drmfb`), driver(`${name}drmfb`, "amdgpudrmfb")], [undefined, "amdgpu"]);
  }
});

pure("a source that is not what the kernel writes is shown with its line", () => {
  const { diagnostics } = decode({ "/sys/kernel/security/lockdown": "none integrity\n" });
  assertEquals(diagnostics.map(({ position }) => position), [{
    file: "/sys/kernel/security/lockdown",
    line: 1,
    column: 1,
    length: 14,
    source: "none integrity",
  }]);
  const empty = decode({ "/sys/kernel/security/lockdown": "\n" }).diagnostics[0]?.position;
  assertEquals([empty?.length, empty?.source], [1, ""]);
});

pure("a path that no fact is read from is shown where it is in the capture", () => {
  const capture: Capture = { format: CAPTURE_FORMAT, files: { "/proc/iomen": "x" } };
  const { diagnostics } = parseCapture(JSON.stringify(capture, undefined, 2), "c.json");
  assertEquals(diagnostics.map(({ code, path, position, hint }) => [code, path, position?.line, hint]), [
    ["facts-unknown-source", ["files", "/proc/iomen"], 4, "Did you mean `/proc/iomem`?"],
  ]);
});

pure("of many problems twenty are shown, and the others counted", () => {
  const problem = (severity: "error" | "warning") => ({ code: "facts-malformed", severity, message: "x" }) as const;
  const shown = (count: number, last: "error" | "warning" = "warning") =>
    firstProblems([...Array(count - 1).fill(problem("warning")), problem(last)], "the plan").slice(20).map((
      { code, severity, message },
    ) => [code, severity, message]);
  const more = (message: string, severity = "warning") => [["too-many-problems", severity, message]];
  assertEquals([shown(19), shown(20)], [[], []]);
  assertEquals(shown(21), more("There is 1 more problem in the plan"));
  assertEquals(shown(22, "error"), more("There are 2 more problems in the plan", "error"));
  // An error that is shown makes none of those that are not.
  const warned = firstProblems([problem("error"), ...Array(20).fill(problem("warning"))], "the capture");
  assertEquals(warned.slice(20), [{
    code: "too-many-problems",
    severity: "warning",
    message: "There is 1 more problem in the capture",
    hint: "Capture the host again with `warmboot facts`",
  }]);
});

pure("the files that a path of the table names: by number, by name, by word, by release", () => {
  const list = (folder: string) =>
    folder === "/s" ? ["cpu0", "cpu10", "cpu1x", "cpu", "xcpu2", "cpu2"] : folder === "/n" ? ["b", "a"] : [];
  const of = (pattern: string, release?: string) => expandPath(pattern, release, list);
  assertEquals(of("/s/cpu*/x"), [
    { path: "/s/cpu0/x", index: 0 },
    { path: "/s/cpu10/x", index: 10 },
    { path: "/s/cpu2/x", index: 2 },
  ]);
  assertEquals(of("/s/cpu*/{p,q}").map(({ path, index, field }) => [path, index, field]).slice(0, 2), [
    ["/s/cpu0/p", 0, "p"],
    ["/s/cpu0/q", 0, "q"],
  ]);
  assertEquals(of("/n/NAME/x"), [{ path: "/n/b/x", name: "b" }, { path: "/n/a/x", name: "a" }]);
  assertEquals([of("/b/config-RELEASE"), of("/b/config-RELEASE", "6.$&1")], [[], [{ path: "/b/config-6.$&1" }]]);
  assertEquals(of("/plain"), [{ path: "/plain" }]);
  assertEquals(["/proc/iomem", "/proc/iomem2", "x/proc/iomem", "/proc/iome"].map(isSourcePath), [
    true,
    false,
    false,
    false,
  ]);
});

pure("the page size is a power of two from 4096 on; anything else is what the machine has", () => {
  const of = (size: number, tag = 6, length = 16) => {
    const auxv = new Uint8Array(length);
    const view = new DataView(auxv.buffer);
    view.setBigUint64(0, BigInt(tag), true);
    if (length >= 16) view.setBigUint64(8, BigInt(size), true);
    const { value, diagnostics } = decode({ "/proc/self/auxv": { base64: auxv.toBase64() } });
    return [value?.pageSize, diagnostics.length];
  };
  assertEquals([of(4096), of(16_384), of(65_536), of(2048), of(0), of(4097), of(12_288)], [
    [4096n, 0],
    [16_384n, 0],
    [65_536n, 0],
    [4096n, 1],
    [4096n, 1],
    [4096n, 1],
    [4096n, 1],
  ]);
  assertEquals([of(65_536, 7), of(65_536, 6, 8), of(65_536, 6, 24)], [[4096n, 1], [4096n, 1], [4096n, 1]]);
});

pure("the first namespaces, and capabilities, of the process that looks", () => {
  const of = (files: { readonly [path: string]: CapturedFile }) => {
    const { value, diagnostics } = decode(files);
    return [value?.initUserNamespace, value?.initPidNamespace, value?.capEff, diagnostics.length];
  };
  const map = (text: string) => of({ "/proc/self/uid_map": text })[0];
  assertEquals([map("         0          0 4294967295\n"), map("0 0 4294967294\n"), map("0 1000 1\n")], [
    true,
    false,
    false,
  ]);
  assertEquals(map("0 0 4294967295\n1 1 1\n"), false);
  const pid = (link: string) => of({ "/proc/self/ns/pid": `${link}\n` })[1];
  assertEquals([pid("pid:[4026531836]"), pid("pid:[4026531837]")], [true, false]);
  const status = (text: string) => of({ "/proc/self/status": text }).slice(1);
  assertEquals(status("Name:\tx\nNSpid:\t7\nCapEff:\t0000000000400000\n"), [undefined, 0x40_0000n, 0]);
  assertEquals(status("NSpid:\t7\t1\nCapEff:\t0\n"), [false, 0n, 0]);
  assertEquals(status("Name:\tCapEff:1\nCapEff:\t0\n"), [undefined, 0n, 0]);
  assertEquals(status("CapInh:\t0\n")[2], 1);
  assertEquals(status("CapEff:\tx\n").slice(1), [undefined, 1]);
});
