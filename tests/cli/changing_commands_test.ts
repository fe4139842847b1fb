import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import type { Capture } from "../../src/host/capture.ts";
import { bzImage } from "../image/build.ts";
import { cpio } from "../image/build_elf.ts";
import { type FailingSystem, failingSystem, type Fault, withPrograms } from "../support/failing_system.ts";
import { packedKernel, vmlinux } from "../support/small_kernel.ts";

/** A host with a kernel and profiles with these lines. */
function system(changes: Capture["files"] = {}): FailingSystem {
  const made = failingSystem(changes);
  Deno.writeFileSync(join(made.root, "boot/vmlinuz"), packedKernel(vmlinux()));
  Deno.writeFileSync(join(made.root, "boot/silent"), bzImage({ version: "", payload: new Uint8Array(64) }));
  Deno.writeFileSync(join(made.root, "boot/one.img"), cpio([{ name: "one", bytes: new Uint8Array(1) }]));
  const profiles = {
    web: "kernel: /boot/vmlinuz\ncmdline: ro",
    odd: "kernel: /boot/vmlinuz\ninitrd: /boot/one.img",
    long: `kernel: /boot/vmlinuz\ncmdline: ${"x".repeat(3000)}`,
    gone: "kernel: /boot/gone",
    crash: "kernel: /boot/vmlinuz\ncrash: true",
    payload: "preserve_context: true\nentry: 0x4000000\nsegments: [{ name: a, at: 0x4000000, size: 4KiB, hex: c3 }]",
  };
  for (const [name, lines] of Object.entries(profiles)) {
    Deno.writeTextFileSync(join(made.root, `${name}.yaml`), `version: 1\n${lines}\n`);
  }
  return made;
}

/** What a run prints, in lines, after its exit code; the host's root is `ROOT`, times are `TIME`, and digests `SHA`. */
async function says(on: FailingSystem, args: string, fault?: Fault): Promise<readonly (number | string)[]> {
  const words = args.split(" ").map((word) => /^\w+\.yaml$/.test(word) ? join(on.root, word) : word);
  const { code, said } = await on.run(words, fault);
  const plain = said.replaceAll(on.root, "ROOT").replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ?/g, "TIME")
    .replaceAll(/\b[0-9a-f]{64}\b/g, "SHA").replaceAll(/took [\d.]+ s\b/g, "took a while")
    .replaceAll(/since TIME by [^,\n]+/g, "since TIME by USER");
  return [code, ...plain.trimEnd().split("\n")];
}

Deno.test("load says what it loaded, from where, and what to do next", async () => {
  using on = system();
  assertEquals(await says(on, "load web.yaml --dry-run"), [
    0,
    'kexec_file_load(open("/boot/vmlinuz"), -1, 3, "ro", KEXEC_FILE_NO_INITRAMFS)',
  ]);
  assertEquals(await says(on, "load web.yaml"), [
    0,
    "Loaded 6.1.0-50-amd64 from profile web",
    "Recorded in /run/warmboot, where warmboot status reads it",
    "Reboot into it with: warmboot exec (a newer systemd boots it on `systemctl reboot` as well); unload it with: warmboot unload",
  ]);
  assertEquals(await says(on, "load web.yaml"), [
    0,
    "6.1.0-50-amd64 from profile web is loaded already, since TIME by USER",
    "Nothing was done; --force loads it again",
    "Reboot into it with: warmboot exec (a newer systemd boots it on `systemctl reboot` as well); unload it with: warmboot unload",
  ]);
  assertEquals(await says(on, "load web.yaml --dry-run --exec"), [
    0,
    "6.1.0-50-amd64 from profile web is loaded already, since TIME by USER, so no call loads it",
    "systemctl kexec",
  ]);
  assertEquals(await says(on, "load web.yaml --force --exec"), [
    0,
    "  warn  already-loaded     An image is already loaded; this one replaces it",
    "                           If the load fails, the old one stays loaded",
    "Loaded 6.1.0-50-amd64 from profile web",
    "Recorded in /run/warmboot, where warmboot status reads it",
    "Asking systemd to reboot into the loaded image: systemctl kexec",
  ]);
  assertEquals(await says(on, "load web.yaml --dry-run --exec --now --force"), [
    0,
    "  warn  already-loaded     An image is already loaded; this one replaces it",
    "                           If the load fails, the old one stays loaded",
    'kexec_file_load(open("/boot/vmlinuz"), -1, 3, "ro", KEXEC_FILE_NO_INITRAMFS)',
    "sync()",
    "reboot(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL)",
  ]);
  assertEquals(await says(on, "status --check web.yaml"), [
    0,
    "ok: 6.1.0-50-amd64 from profile web is loaded, as ROOT/web.yaml declares",
  ]);
});

Deno.test("load says why it loads nothing", async () => {
  using on = system();
  assertEquals(await says(on, "load odd.yaml --strict"), [
    69,
    "  warn  initrd-init        The initrd lacks /init: the kernel then mounts",
    "                           `root=` itself, with built-in drivers only",
    "                           Build the initrd again, or name its first program",
    "                           with `rdinit=`",
    "  warn  cmdline-empty      The command line is empty: it names neither a root",
    "                           file system nor a console",
    "                           Set `cmdline`, or use `cmdline: { reuse: true }` to",
    "                           keep the running one",
    "error: There are warnings, so --strict loads nothing",
    "  hint: Fix what they name, or omit --strict",
  ]);
  assertEquals(await says(on, "load odd.yaml -o json"), [
    0,
    "  warn  initrd-init        The initrd lacks /init: the kernel then mounts",
    "                           `root=` itself, with built-in drivers only",
    "                           Build the initrd again, or name its first program",
    "                           with `rdinit=`",
    "  warn  cmdline-empty      The command line is empty: it names neither a root",
    "                           file system nor a console",
    "                           Set `cmdline`, or use `cmdline: { reuse: true }` to",
    "                           keep the running one",
    "Recorded in /run/warmboot, where warmboot status reads it",
    "Reboot into it with: warmboot exec (a newer systemd boots it on `systemctl reboot` as well); unload it with: warmboot unload",
    "{",
    '  "format": "warmboot.outcome/1",',
    '  "command": "load",',
    '  "dryRun": false,',
    '  "changed": true,',
    '  "exit": 0,',
    '  "what": [',
    '    "Loaded 6.1.0-50-amd64 from profile odd"',
    "  ],",
    '  "why": [',
    "    {",
    '      "severity": "warning",',
    '      "message": "The initrd lacks /init: the kernel then mounts `root=` itself, with built-in drivers only",',
    '      "hint": "Build the initrd again, or name its first program with `rdinit=`",',
    '      "code": "initrd-init"',
    "    },",
    "    {",
    '      "severity": "warning",',
    '      "message": "The command line is empty: it names neither a root file system nor a console",',
    '      "hint": "Set `cmdline`, or use `cmdline: { reuse: true }` to keep the running one",',
    '      "code": "cmdline-empty"',
    "    },",
    "    {",
    '      "severity": "info",',
    '      "message": "Recorded in /run/warmboot, where warmboot status reads it"',
    "    },",
    "    {",
    '      "severity": "info",',
    '      "message": "Reboot into it with: warmboot exec (a newer systemd boots it on `systemctl reboot` as well); unload it with: warmboot unload"',
    "    }",
    "  ]",
    "}",
  ]);
  assertEquals(await says(on, "load long.yaml"), [
    69,
    "  warn  already-loaded     An image is already loaded; this one replaces it",
    "                           If the load fails, the old one stays loaded",
    "  FAIL  cmdline-length     The command line takes 3001 bytes with its final NUL;",
    "                           kexec_file_load takes at most 2017 for this kernel",
    "                           Shorten it by 984 bytes",
    "error: 1 check of the plan failed; nothing was loaded",
  ]);
  assertEquals(await says(on, "load gone.yaml"), [
    66,
    "ROOT/gone.yaml:2:9: error: /boot/gone does not exist [file-missing]",
    "  2 | kernel: /boot/gone",
    "    |         ^^^^^^^^^^",
    "  hint: /boot is empty",
  ]);
  assertEquals(await says(on, "load crash.yaml --exec"), [
    64,
    "error: --exec cannot be used with a crash image",
    "  hint: The kernel boots it by itself when it panics",
  ]);
  assertEquals(await says(on, "load web.yaml --now"), [
    64,
    "error: --now requires --exec",
    "  hint: Write --exec --now, or leave --now out",
  ]);
  assertEquals(await says(on, "load"), [
    64,
    "error: load requires PROFILE|PLAN",
    "  hint: Usage: warmboot load PROFILE|PLAN",
    "See warmboot load --help",
  ]);
  assertEquals(await says(on, "load web.yaml", { name: "libc kexec_file_load", path: "", turn: 0, errno: "EINTR" }), [
    71,
    "  warn  already-loaded     An image is already loaded; this one replaces it",
    "                           If the load fails, the old one stays loaded",
    "error: kexec_file_load failed with EINTR: interrupted",
    '  call: kexec_file_load(open("/boot/vmlinuz"), -1, 3, "ro", KEXEC_FILE_NO_INITRAMFS) = -1 EINTR',
  ]);
});

Deno.test("exec says how the image is run, and what came of it", async () => {
  using on = system();
  assertEquals(await says(on, "exec"), [
    69,
    "error: No image is loaded",
    "  hint: Load one first: warmboot load PROFILE",
  ]);
  await says(on, "load web.yaml");
  assertEquals(await says(on, "exec --dry-run"), [0, "systemctl kexec"]);
  assertEquals(await says(on, "exec --dry-run --now"), [
    0,
    "sync()",
    "reboot(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL)",
  ]);
  assertEquals(await says(on, "exec"), [0, "Asking systemd to reboot into the loaded image: systemctl kexec"]);
  assertEquals(await says(on, "exec --now"), [
    0,
    "Rebooting into the loaded image now",
    "The payload returned: it ran for less than a second; suspending and resuming the system took a while",
    "The image stays loaded: run it again with warmboot exec, or unload it with warmboot unload",
  ]);
  assertEquals(await withPrograms({ code: 4 }, () => says(on, "exec")), [
    69,
    "Asking systemd to reboot into the loaded image: systemctl kexec",
    "error: systemctl kexec failed with exit code 4",
    "  hint: See journalctl -b; warmboot exec --now bypasses the init system",
  ]);
  assertEquals(await withPrograms({ code: undefined }, () => says(on, "exec")), [
    69,
    "Asking systemd to reboot into the loaded image: systemctl kexec",
    "error: systemctl cannot be run: No such file or directory",
    "  hint: warmboot exec --now bypasses the init system, and stops no service",
  ]);
  assertEquals(await withPrograms({ stdout: "systemd 245 (245)\n" }, () => says(on, "exec --dry-run")), [
    0,
    "warning: systemd 245 needs /sbin/kexec for this, which does not exist: it would reboot normally",
    "  hint: Install kexec-tools, or bypass systemd: warmboot exec --now",
    "systemctl kexec",
  ]);
  using container = system({ "/proc/self/ns/pid": "pid:[4026532000]\n" });
  container.image = "foreign";
  assertEquals(await says(container, "exec --now"), [
    69,
    "error: This process runs in a PID namespace of its own, from where reboot(2) boots no loaded image",
    "  hint: Run warmboot on the host itself, outside the container",
  ]);
  assertEquals(await says(container, "load web.yaml --exec --now"), [
    69,
    "  warn  already-loaded     An image is already loaded; this one replaces it",
    "                           If the load fails, the old one stays loaded",
    "error: This process runs in a PID namespace of its own, from where reboot(2) boots no loaded image",
    "  hint: Run warmboot on the host itself, outside the container",
  ]);
});

Deno.test("a payload that returns is loaded and run with words of its own", async () => {
  using on = system({
    "/proc/sys/kernel/osrelease": "6.13.0\n",
    "/boot/config-6.13.0": "CONFIG_KEXEC_CORE=y\nCONFIG_KEXEC=y\nCONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_JUMP=y\n",
  });
  assertEquals(await says(on, "load payload.yaml"), [
    0,
    "Loaded the image from profile payload",
    "Recorded in /run/warmboot, where warmboot status reads it",
    "Run it once with: warmboot exec, and load it again before each further run; unload it with: warmboot unload",
  ]);
  assertEquals(await says(on, "exec --dry-run"), [
    0,
    "sync()",
    "reboot(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL)",
  ]);
  assertEquals(await says(on, "exec"), [
    0,
    "Running the loaded payload; the system goes on when it returns",
    "The payload returned: it ran for less than a second; suspending and resuming the system took a while",
    "Load it again with warmboot load before the next run, or unload it with warmboot unload",
  ]);
  assertEquals(await says(on, "exec"), [
    69,
    "error: The payload ran at TIME, and kernel 6.13.0 does not keep its entry point: a second run would crash the system",
    "  hint: Load it again before each run: warmboot load PROFILE. If it leaves its next entry point, set `reentrant: true`",
  ]);
});

Deno.test("unload says what it unloaded, or that nothing is", async () => {
  using on = system();
  assertEquals(await says(on, "unload"), [0, "No image is loaded"]);
  assertEquals(await says(on, "unload --crash"), [0, "No crash image is loaded"]);
  await says(on, "load web.yaml");
  assertEquals(await says(on, "unload --dry-run"), [0, "kexec_file_load(-1, -1, 0, NULL, KEXEC_FILE_UNLOAD)"]);
  assertEquals(await says(on, "unload", { name: "libc kexec_file_load", path: "", turn: 0, errno: "EACCES" }), [
    71,
    "error: kexec_file_load failed with EACCES: the kernel's integrity policy (IMA) or SELinux forbids this image",
    "  hint: Use the distribution's signed kernel; look for `ima` and `avc` in the audit log",
    "  call: kexec_file_load(-1, -1, 0, NULL, KEXEC_FILE_UNLOAD) = -1 EACCES",
  ]);
  assertEquals(await says(on, "unload"), [0, "Unloaded the image"]);
  on.crashImage = "foreign";
  assertEquals(await says(on, "unload --crash -o json"), [
    0,
    "{",
    '  "format": "warmboot.outcome/1",',
    '  "command": "unload",',
    '  "dryRun": false,',
    '  "changed": true,',
    '  "exit": 0,',
    '  "what": [',
    '    "Unloaded the crash image"',
    "  ],",
    '  "why": []',
    "}",
  ]);
});

Deno.test("a dry run shows what the guard of the image does before the jump: of the one to load, and of the loaded one", async () => {
  using on = system({
    "/sys/class/watchdog/watchdog0/identity": "i6300ESB timer\n",
    "/sys/module/watchdog/parameters/stop_on_reboot": "0\n",
  });
  Deno.writeTextFileSync(
    join(on.root, "web.yaml"),
    "version: 1\nkernel: /boot/vmlinuz\ncmdline: ro\nguard: { watchdog: 2min }\n",
  );
  const armed = async (args: string) => (await says(on, args)).filter((line) => /\/dev\/watchdog/.test(String(line)));
  const before = await armed("load web.yaml --exec --now --dry-run");
  assertEquals([before.length, /\/dev\/watchdog0\b.*\b120\b/.test(String(before))], [1, true]);
  assertEquals(await armed("exec --now --dry-run"), []);
  await says(on, "load web.yaml");
  assertEquals(await armed("exec --now --dry-run"), before);
});
