import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { main } from "../../src/cli/main.ts";
import type { Capture } from "../../src/host/capture.ts";
import { PLAIN } from "../../src/render/style.ts";
import { CAPTURES } from "../host/fixture.ts";
import { bzImage } from "../image/build.ts";
import { cpio } from "../image/build_elf.ts";
import { type FailingSystem, failingSystem, type Fault, withPrograms } from "../support/failing_system.ts";
import { type ChangedLibc, changeLibc } from "../support/loadable_system.ts";
import { ownSignals } from "../support/signals.ts";
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
  const { code, said } = await on.run(wordsOf(on, args), fault);
  return linesOf(on, code, said);
}

function wordsOf(on: FailingSystem, args: string): readonly string[] {
  return args.split(" ").map((word) => /^\w+\.yaml$/.test(word) ? join(on.root, word) : word);
}

function linesOf(on: FailingSystem, code: number, said: string): readonly (number | string)[] {
  const plain = said.replaceAll(on.root, "ROOT").replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ?/g, "TIME")
    .replaceAll(/\b[0-9a-f]{64}\b/g, "SHA").replaceAll(/took [\d.]+ s\b/g, "took a while")
    .replaceAll(/since TIME by [^,\n]+/g, "since TIME by USER");
  return [code, ...plain.trimEnd().split("\n")];
}

/** The same on a host with such functions, where links of sysfs lead below /sys. */
async function saysWith(on: FailingSystem, args: string, changed: ChangedLibc): Promise<readonly (number | string)[]> {
  let said = "";
  const sink = { layout: { style: PLAIN, width: 80 }, isTerminal: false, write: (text: string) => void (said += text) };
  const code = await on.on(() => {
    const { realPathSync } = Deno;
    changeLibc(changed);
    Object.assign(Deno, { realPathSync: (path: string) => realPathSync(path).replace(`${on.root}/sys/`, "/sys/") });
    return main(wordsOf(on, args), () => ({ out: sink, err: sink }));
  });
  return linesOf(on, code, said);
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
  const warned = await withPrograms({ stdout: "systemd 245 (245)\n" }, () => says(on, "exec"));
  assertEquals(warned.slice(0, 2), [
    0,
    "warning: systemd 245 needs /sbin/kexec for this, which does not exist: it would reboot normally",
  ]);
  // What is loaded already is not loaded again before a jump.
  assertEquals((await says(on, "load web.yaml --exec --now")).slice(0, 4), [
    0,
    "6.1.0-50-amd64 from profile web is loaded already, since TIME by USER",
    "Nothing was done; --force loads it again",
    "Rebooting into the loaded image now",
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

Deno.test("exec: what an init system other than systemd says when it fails is told, without the journal of systemd", async () => {
  using on = system({ "/proc/1/comm": "openrc-init\n", "/run/openrc/softlevel": "default\n" });
  Deno.removeSync(join(on.root, "run/systemd/system"));
  await new Deno.Command("mkfifo", { args: [join(on.root, "run/openrc/init.ctl")] }).output();
  await says(on, "load web.yaml");
  assertEquals(await withPrograms({ code: 1, stdout: "openrc-shutdown: no\n" }, () => says(on, "exec")), [
    69,
    "Asking openrc-init to reboot into the loaded image: openrc-shutdown --kexec now",
    "error: openrc-shutdown --kexec now failed with exit code 1: openrc-shutdown: no",
    "  hint: warmboot exec --now bypasses the init system",
  ]);
});

Deno.test("what happens with a crash image is said with its own commands", async () => {
  using on = withKeys("0");
  assertEquals((await says(on, "load crash.yaml")).slice(-2), [
    "Recorded in /run/warmboot, where warmboot status reads it",
    "It boots when this kernel panics; unload it with: warmboot unload --crash",
  ]);
  for (const [profile, command] of [["web", "warmboot unload"], ["crash", "warmboot unload --crash"]]) {
    const { operations } = await on.run(wordsOf(on, `load ${profile}.yaml --force`));
    const last = operations.findLast(({ name, path }) => name === "renameSync" && path.startsWith("/run/warmboot/"));
    const fault: Fault = { name: "renameSync", path: last?.path ?? "", turn: last?.turn ?? -1, errno: "EIO" };
    const lines = await says(on, `load ${profile}.yaml --force`, fault);
    assertEquals([lines[0], lines.at(-1)], [74, `  hint: Unload it with: ${command}`], lines.join("\n"));
  }
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

Deno.test("a payload that leaves its next entry point is run as often as one likes, also right after its load", async () => {
  using on = system({
    "/proc/sys/kernel/osrelease": "6.14.0\n",
    "/boot/config-6.14.0": "CONFIG_KEXEC_CORE=y\nCONFIG_KEXEC=y\nCONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_JUMP=y\n",
  });
  assertEquals(
    (await says(on, "load payload.yaml")).at(-1),
    "Run it with: warmboot exec, as often as you like; unload it with: warmboot unload",
  );
  const ran = [
    "Running the loaded payload; the system goes on when it returns",
    "The payload returned: it ran for less than a second; suspending and resuming the system took a while",
    "The image stays loaded: run it again with warmboot exec, or unload it with warmboot unload",
  ];
  const json = (await says(on, "exec -o json")).map(String);
  assertEquals(JSON.parse(json.slice(json.indexOf("{")).join("\n")).changed, true);
  // The lock of the load is the one of the run: nobody is waited for.
  for (const args of ["load payload.yaml --exec", "load payload.yaml --exec --force", "exec"]) {
    const [code, ...lines] = await says(on, args);
    assertEquals([code, ...lines.slice(-3)], [0, ...ran], args);
    assertEquals(lines.filter((line) => /[Ww]ait/.test(String(line))), []);
  }
});

Deno.test("unload says what it unloaded, or that nothing is", async () => {
  using on = system();
  for (const [args, image] of [["", "image"], [" --crash", "crash image"]]) {
    assertEquals(await says(on, `unload --dry-run${args}`), [0, `No ${image} is loaded, so no call is made`]);
  }
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
  assertEquals(await says(on, "unload --dry-run"), [0, "No image is loaded, so no call is made"]);
  assertEquals(await says(on, "unload --crash --dry-run"), [
    0,
    "kexec_file_load(-1, -1, 0, NULL, KEXEC_FILE_UNLOAD|KEXEC_FILE_ON_CRASH)",
  ]);
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

/** A host with these devices of the driver e1000. */
function withDevices(...devices: readonly string[]): FailingSystem {
  const on = system({ "/sys/bus/pci/drivers/e1000/unbind": "" });
  for (const device of devices) {
    Deno.mkdirSync(join(on.root, "sys/devices/pci0000:00", device), { recursive: true });
    Deno.symlinkSync(
      `../../../../devices/pci0000:00/${device}`,
      join(on.root, "sys/bus/pci/drivers/e1000", device),
    );
  }
  return on;
}

Deno.test("exec --unbind says which devices it took from their drivers, and has changed something only then", async () => {
  using on = withDevices("0000:00:03.0", "0000:00:04.0");
  const folder = join(on.root, "sys/bus/pci/drivers/e1000");
  Deno.writeTextFileSync(
    join(on.root, "web.yaml"),
    "version: 1\nkernel: /boot/vmlinuz\ncmdline: ro\nunbind: ['driver:e1000']\n",
  );
  /** What the kernel was asked for. The devices of `busy` stay. */
  const asked: string[] = [];
  const sysfs = (busy: readonly string[] = []): ChangedLibc => (own) => ({
    open: (path: Uint8Array) => {
      asked.push(new TextDecoder().decode(path.subarray(0, -1)));
      return 1000;
    },
    write: (fd: number, bytes: Uint8Array, length: bigint) => {
      if (fd !== 1000) return own.write(fd, bytes as BufferSource, length);
      const device = new TextDecoder().decode(bytes);
      asked.push(device);
      if (busy.includes(device)) return -1n;
      Deno.removeSync(join(folder, device));
      return length;
    },
    close: (fd: number) => fd === 1000 ? 0 : own.close(fd),
  });
  const outcome = async (args: string, changed = sysfs()) => {
    const lines = await saysWith(on, args, changed);
    return JSON.parse(lines.slice(lines.indexOf("{")).join("\n"));
  };
  assertEquals((await saysWith(on, "load web.yaml", sysfs()))[0], 0);
  assertEquals(await saysWith(on, "exec --unbind --dry-run", sysfs()), [
    0,
    'write(open("/sys/bus/pci/drivers/e1000/unbind"), "0000:00:03.0")',
    'write(open("/sys/bus/pci/drivers/e1000/unbind"), "0000:00:04.0")',
  ]);
  assertEquals(asked, []);
  const { changed, dryRun } = await outcome("exec --unbind --dry-run -o json");
  assertEquals([changed, dryRun], [false, true]);
  const unbound = await outcome("exec --unbind -o json");
  assertEquals([unbound.command, unbound.exit, unbound.changed, unbound.what, unbound.why], ["exec", 0, true, [
    "Unbound 0000:00:03.0 (e1000)",
    "Unbound 0000:00:04.0 (e1000)",
  ], []]);
  const file = "/sys/bus/pci/drivers/e1000/unbind";
  assertEquals(asked.splice(0), [file, "0000:00:03.0", file, "0000:00:04.0"]);
  // The second stays, and the first has no driver any more.
  for (const device of ["0000:00:03.0", "0000:00:04.0"]) {
    Deno.symlinkSync(`../../../../devices/pci0000:00/${device}`, join(folder, device));
  }
  const half = await outcome("exec --unbind -o json", sysfs(["0000:00:04.0"]));
  assertEquals([half.exit, half.changed, half.what], [71, true, ["Unbound 0000:00:03.0 (e1000)"]]);
  Deno.removeSync(join(folder, "0000:00:04.0"));
  asked.length = 0;
  // Now none of them has a driver.
  const nothing = await outcome("exec --unbind -o json");
  assertEquals([nothing.exit, nothing.changed, nothing.what, nothing.why], [0, false, [], [{
    severity: "warning",
    message: "No device with a driver matches `driver:e1000` of `unbind`",
  }]]);
  assertEquals([asked, on.image], [[], "ro"]);
});

Deno.test("exec --unbind: what cannot be taken from its driver is refused, and nothing has changed", async () => {
  using on = withDevices("0000:00:03.0");
  assertEquals(await says(on, "exec --unbind --now"), [
    64,
    "error: --unbind and --now are mutually exclusive",
    "  hint: Omit one of them: --now unbinds and jumps",
  ]);
  Deno.writeTextFileSync(
    join(on.root, "web.yaml"),
    "version: 1\nkernel: /boot/vmlinuz\ncmdline: ro\nunbind: ['driver:e1000']\n",
  );
  // The driver's file is not one that libc can open here.
  assertEquals((await saysWith(on, "load web.yaml", () => ({})))[0], 0);
  const lines = await saysWith(on, "exec --unbind -o json", () => ({}));
  const { exit, changed, what } = JSON.parse(lines.slice(lines.indexOf("{")).join("\n"));
  assertEquals([lines[0], exit, changed, what], [71, 71, false, []]);
});

/** A host with a reservation for a crash kernel, and these keys of dm-crypt for it. */
function withKeys(reuse: string, ...keys: readonly string[]): FailingSystem {
  const folder = "/sys/kernel/config/crash_dm_crypt_keys";
  return system({
    "/proc/iomem": String(CAPTURES.get("bios-vm")?.files["/proc/iomem"]).replace(
      "7ffdc000-7fffffff",
      "  30000000-4fffffff : Crash kernel\n7ffdc000-7fffffff",
    ),
    "/sys/kernel/kexec_crash_size": "536870912\n",
    [`${folder}/count`]: `${keys.length}\n`,
    [`${folder}/reuse`]: `${reuse}\n`,
    ...Object.fromEntries(keys.map((key) => [`${folder}/${key}/description`, `cryptsetup:${key}\n`])),
  });
}

Deno.test("a dry run has the kernel keep the keys of a crash image for the call alone, and only where they are its keys", async () => {
  const calls = async (on: FailingSystem): Promise<readonly (number | string)[]> =>
    (await says(on, "load crash.yaml --force --dry-run")).filter((line) => /^[a-z_]+\(/.test(String(line)));
  const load = 'kexec_file_load(open("/boot/vmlinuz"), -1, 1, "", KEXEC_FILE_ON_CRASH|KEXEC_FILE_NO_INITRAMFS)';
  const write = (text: string): string => `write(open("/sys/kernel/config/crash_dm_crypt_keys/reuse"), "${text}", 1)`;
  using on = withKeys("0", "a");
  // No crash image is loaded that could have them.
  assertEquals(await calls(on), [load]);
  assertEquals((await says(on, "load crash.yaml"))[0], 0);
  assertEquals(await calls(on), [write("1"), load, write("0")]);
  // They are kept already, and go on being kept.
  Deno.writeTextFileSync(join(on.root, "sys/kernel/config/crash_dm_crypt_keys/reuse"), "1\n");
  assertEquals(await calls(on), [write("1"), load]);
  // The image has another key.
  Deno.writeTextFileSync(join(on.root, "sys/kernel/config/crash_dm_crypt_keys/a/description"), "cryptsetup:b\n");
  assertEquals(await calls(on), [load]);
  Deno.writeTextFileSync(join(on.root, "sys/kernel/config/crash_dm_crypt_keys/reuse"), "0\n");
  assertEquals(await calls(on), [load]);
});

Deno.test("an image whose files change while it is loaded is unloaded, and the hint says whether that went well", async () => {
  for (
    const [profile, command, gone] of [
      ["web", "warmboot unload", "It was unloaded again"],
      ["crash", "warmboot unload --crash", "It was unloaded again, and no crash kernel is loaded now"],
    ] as const
  ) {
    for (const unloads of [true, false]) {
      using on = withKeys("0");
      const kernel = join(on.root, "boot/vmlinuz");
      let calls = 0;
      const lines = await saysWith(on, `load ${profile}.yaml`, (own) => ({
        "kexec_file_load": (...args: Parameters<typeof own.kexec_file_load>) => {
          calls++;
          if (calls === 1) Deno.writeTextFileSync(kernel, "other", { append: true });
          return calls === 1 || unloads ? own.kexec_file_load(...args) : -1n;
        },
      }));
      assertEquals([lines[0], ...lines.slice(-2), calls], [
        69,
        "error: /boot/vmlinuz changed while the kernel read it, so the loaded image is not the planned one",
        `  hint: ${unloads ? `${gone}; load again when nothing writes the file` : `Unload it: ${command}`}`,
        2,
      ]);
      assertEquals((profile === "web" ? on.image : on.crashImage) === undefined, unloads);
    }
  }
});

Deno.test("a file that changes before the call is not loaded; one that cannot be looked at after it does not stay loaded", async () => {
  const again = "; load again when the file can be read";
  for (
    const [profile, gone] of [
      ["web", "It was unloaded again"],
      ["crash", "It was unloaded again, and no crash kernel is loaded now"],
    ] as const
  ) {
    using on = withKeys("0");
    const { operations } = await on.run(wordsOf(on, `load ${profile}.yaml`));
    const last = operations.findLast(({ name, path }) => name === "handle statSync" && path === "/boot/vmlinuz");
    const fault: Fault = { name: "handle statSync", path: "/boot/vmlinuz", turn: last?.turn ?? -1, errno: "EIO" };
    const failed = await says(on, `load ${profile}.yaml --force`, fault);
    assertEquals([failed[0], ...failed.slice(-2), on.image, on.crashImage], [
      74,
      "error: Cannot look at /boot/vmlinuz: Input/output error; the loaded image may not be the planned one",
      `  hint: ${gone}${again}`,
      undefined,
      undefined,
    ]);
    const changed = await saysWith(on, `load ${profile}.yaml`, () => {
      Deno.writeTextFileSync(join(on.root, "boot/vmlinuz"), "other", { append: true });
      return {};
    });
    assertEquals([changed[0], ...changed.slice(-2), on.image, on.crashImage], [
      69,
      "error: /boot/vmlinuz changed while it was read",
      "  hint: Wait until the program that writes it is done, then load again",
      undefined,
      undefined,
    ]);
  }
});

Deno.test("a signal during the load keeps --exec from rebooting, and the image is loaded", async () => {
  using signals = ownSignals();
  using on = system();
  const lines = await saysWith(on, "load web.yaml --exec", (own) => ({
    "kexec_file_load": (...args: Parameters<typeof own.kexec_file_load>) => {
      signals.raise("SIGHUP");
      return own.kexec_file_load(...args);
    },
  }));
  assertEquals(lines, [
    130,
    "error: Interrupted; the image is loaded, and nothing else was done",
    "  hint: Undo it with: warmboot unload",
  ]);
  assertEquals([on.image, on.started], ["ro", []]);
  assertEquals((await says(on, "status --check web.yaml"))[0], 0);
});

Deno.test("a signal during unload says that the image is gone, and a history that cannot be written stops no reboot", async () => {
  using signals = ownSignals();
  using on = system();
  await says(on, "load web.yaml");
  const lines = await saysWith(on, "unload", (own) => ({
    "kexec_file_load": (...args: Parameters<typeof own.kexec_file_load>) => {
      signals.raise("SIGHUP");
      return own.kexec_file_load(...args);
    },
  }));
  assertEquals([on.image, lines], [undefined, [0, "Interrupted; the image was unloaded before", "Unloaded the image"]]);
  await says(on, "load web.yaml");
  const path = `/var/lib/warmboot/attempts/.warmboot-${Deno.pid}.new`;
  const [code, announced, warning] = await says(on, "exec", { name: "renameSync", path, turn: 0, errno: "EROFS" });
  assertEquals([code, announced, on.started.at(-1)], [
    0,
    "Asking systemd to reboot into the loaded image: systemctl kexec",
    "kexec",
  ]);
  assertEquals(
    String(warning).startsWith(
      "warning: The history of this host will lack this reboot. Cannot write /var/lib/warmboot/",
    ),
    true,
    String(warning),
  );
});

Deno.test("a refused load says what it left of the crash kernel, and a record that stays is named with its command", async () => {
  using on = withKeys("0");
  const fault: Fault = { name: "libc kexec_file_load", path: "", turn: 0, errno: "EIO" };
  const none = "No crash kernel is loaded now: a panic would leave no dump";
  const said = async (args: string) => {
    const [code, ...lines] = await says(on, args, fault);
    return [code, lines.filter((line) => String(line).includes("crash kernel is"))];
  };
  assertEquals(await said("load crash.yaml"), [71, [none]]);
  assertEquals((await says(on, "load crash.yaml"))[0], 0);
  // The kernel drops the image before it reads the new one; a refused load of the other kind drops nothing.
  assertEquals(await said("load web.yaml"), [71, []]);
  assertEquals(await said("load crash.yaml --force"), [71, [
    `The crash kernel that was loaded before is gone. ${none}`,
  ]]);
  for (const [profile, option, image] of [["web", "", "image"], ["crash", " --crash", "crash image"]]) {
    assertEquals((await says(on, `load ${profile}.yaml`))[0], 0);
    const path = `/run/warmboot/${option === "" ? "reboot" : "crash"}.json`;
    assertEquals(await says(on, `unload${option}`, { name: "removeSync", path, turn: 0, errno: "EIO" }), [
      74,
      `error: The ${image} is unloaded, but its record is still there. Cannot remove ${path}: Input/output error`,
      `  hint: Remove it with: warmboot unload${option}`,
    ]);
  }
});

Deno.test("what is loaded is not always known: another warmboot loads right now, or another program has", async () => {
  using on = system();
  await says(on, "load web.yaml");
  const folder = join(on.root, "run/warmboot");
  const busy = "Another warmboot is loading an image right now; this is how it was before";
  {
    Deno.writeTextFileSync(join(folder, "reboot.json.new"), "");
    using lock = Deno.openSync(join(folder, "lock"), { write: true });
    lock.lockSync(true);
    assertEquals((await says(on, "status")).slice(0, 2), [0, busy]);
    assertEquals((await says(on, "diff web.yaml @loaded")).slice(0, 3), [0, busy, "From @loaded to ROOT/web.yaml"]);
  }
  Deno.removeSync(join(folder, "reboot.json.new"));
  assertEquals((await says(on, "diff web.yaml")).slice(0, 2), [0, "From @loaded to ROOT/web.yaml"]);
  Deno.removeSync(join(on.root, "sys/kernel/kexec_loaded"));
  assertEquals((await says(on, "diff web.yaml @loaded")).slice(0, 3), [
    0,
    "warning: Loaded by warmboot; cannot determine whether the image is still loaded",
    "From @loaded to ROOT/web.yaml",
  ]);
  assertEquals(await says(on, "exec"), [
    69,
    "error: The running kernel does not say whether an image is loaded, and so may not be able to load any",
    "  hint: See what this host allows: warmboot status",
  ]);
  on.image = "foreign";
  Deno.removeSync(join(folder, "reboot.json"));
  const other = "Another program loaded it; warmboot has no record of it";
  assertEquals((await says(on, "diff web.yaml")).slice(0, 3), [
    1,
    `${other}; compared with the running system`,
    "From @running to ROOT/web.yaml",
  ]);
  assertEquals(await says(on, "diff web.yaml @loaded"), [
    69,
    `error: ${other}`,
    "  hint: Load one with warmboot load, or compare with @running",
  ]);
  assertEquals(await says(on, "diff @running"), [
    69,
    `error: There is nothing to compare @running with: ${other}`,
    "  hint: Name a profile or a plan",
  ]);
});

Deno.test("without CAP_SYS_BOOT nothing is loaded, and the exit code says what is missing", async () => {
  const path = "/proc/self/status";
  const text = String(CAPTURES.get("bios-vm")?.files[path]).replace(/^CapEff:.*$/m, "CapEff:\t0000000000000000");
  using on = system({ [path]: text });
  for (const args of ["load web.yaml", "load web.yaml --dry-run", "plan web.yaml"]) {
    assertEquals([(await says(on, args))[0], on.image], [77, undefined], args);
  }
});

Deno.test("checks that warn are warnings for the journal, and with one that fails they are errors", async () => {
  using on = system();
  const severities = async (args: string) => {
    const found: unknown[] = [];
    const layout = { style: PLAIN, width: 80 };
    const sink = { layout, isTerminal: false, write: () => {} };
    const err = {
      ...sink,
      write: (text: string, severity?: unknown) => void (/^ {2}(?:warn|FAIL) /.test(text) && found.push(severity)),
    };
    await on.on(() => main(wordsOf(on, args), () => ({ out: sink, err })));
    return found;
  };
  assertEquals([await severities("load odd.yaml"), await severities("load long.yaml")], [["warning"], ["error"]]);
});

Deno.test("a running system that fits as far as is known is no difference, and its exit code is 0", async () => {
  using on = system({
    "/proc/cmdline": "ro\n",
    "/proc/sys/kernel/osrelease": "6.1.0-50-amd64\n",
    "/proc/sys/kernel/version": "#1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1\n",
  });
  const alike = await says(on, "diff @running web.yaml");
  assertEquals([alike[0], alike.at(-1)], [0, "No differences in what is known"]);
  const booted = await says(on, "status --booted web.yaml");
  assertEquals([booted[0], booted.at(-1)], [
    0,
    "The running system is what ROOT/web.yaml declares, by release and command line; with `stamp: true` it is certain",
  ]);
  const other = await says(on, "diff @running odd.yaml");
  assertEquals([other[0], other.at(-1)], [1, "1 removed"]);
});
