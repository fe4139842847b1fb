/** What use cases do on the way that is seldom taken: a host that cannot be read, a call that throws, another machine. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { carryOut } from "../../src/app/carry_out.ts";
import { loadedImage } from "../../src/app/diff_operands.ts";
import { execLoaded, lastCalls, readyToExec, unbindLoaded } from "../../src/app/exec.ts";
import { closeFile, openFile } from "../../src/app/files/open_file.ts";
import { fixFiles } from "../../src/app/fix_files.ts";
import { templateFromRunning } from "../../src/app/init_installed.ts";
import { isForHost } from "../../src/app/install/layout.ts";
import { FOLDER_OPTIONS } from "../../src/app/install/options.ts";
import { findProfile } from "../../src/app/layer_files.ts";
import { loadPlan } from "../../src/app/load.ts";
import { planMatrix } from "../../src/app/plan_matrix.ts";
import { prepareFrom } from "../../src/app/prepare.ts";
import { capturedHost, readFacts } from "../../src/app/read_facts.ts";
import type { Diagnostic } from "../../src/core/diagnostic.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { defineProfile } from "../../src/profile/define.ts";
import { lockStore } from "../../src/state/record_store.ts";
import { capturedFacts, hostCapture } from "../host/fixture.ts";
import { arm64Image, bzImage, peFile } from "../image/build.ts";
import { failingSystem } from "../support/failing_system.ts";
import { fakeLibc } from "../support/fake_libc.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, kernelFile, profileOf } from "../support/profiles.ts";
import { packedKernel, vmlinux } from "../support/small_kernel.ts";
import { withFiles } from "../support/temp_files.ts";

Deno.test("a host whose facts cannot be read runs nothing, and says why", async () => {
  using on = failingSystem();
  Deno.removeSync(join(on.root, "proc/sys/kernel/osrelease"));
  const ready = on.on(() => readyToExec(true));
  assertEquals([ready.kind, "diagnostics" in ready && ready.diagnostics.map(({ code }) => code)], ["no-facts", [
    "facts-missing",
  ]]);
  assertEquals(on.on(() => unbindLoaded()).kind, "no-facts");
  assertEquals(on.on(() => lastCalls({ kind: "now" })).calls.map(({ name }) => name), ["sync", "reboot_kexec"]);
  assertEquals((await on.on(() => loadPlan(join(on.root, "none.yaml")))).kind, "unplanned");
});

Deno.test("what came back has its network interfaces up again, and says that they were down", async () => {
  using on = failingSystem({ "/sys/class/net/eth0/flags": "0x1003\n", "/sys/class/net/lo/flags": "0x9\n" });
  on.image = "ro";
  const named = () => on.on(() => lastCalls({ kind: "now" })).calls.map(({ name }) => name);
  assertEquals(named(), ["sync", "set_interface", "reboot_kexec"]);
  const warnings: string[] = [];
  const outcome = await on.on(() => execLoaded({ kind: "now" }, { onWarning: (text) => void warnings.push(text) }));
  assertEquals(outcome.kind, "returned");
  assertEquals(warnings.filter((text) => text.startsWith("Network")), [
    "Network interfaces were down, and are up again: eth0; routes may be lost",
  ]);
  // Down and up: the flags are read and written twice.
  const { operations } = await on.run(["exec", "--now"]);
  assertEquals(operations.filter(({ name }) => name === "libc ioctl").length, 4);
});

Deno.test("a crash kernel is loaded like another image, and once; only `exec` is nothing for it", async () => {
  using on = failingSystem();
  Deno.writeFileSync(join(on.root, "boot/vmlinuz"), packedKernel(vmlinux()));
  Deno.writeTextFileSync(join(on.root, "crash.yaml"), "version: 1\nkernel: /boot/vmlinuz\ncmdline: ro\ncrash: true\n");
  const load = (exec: boolean) =>
    on.on(async () => {
      let judged: string | undefined;
      using outcome = await loadPlan(join(on.root, "crash.yaml"), { exec }, {
        onJudged: (_, plan) => void (judged = plan?.profile),
      });
      return [outcome.kind, judged];
    });
  assertEquals(await load(true), ["crash-exec", undefined]);
  const [kind, judged] = await load(false);
  assert(kind === "loaded" || kind === "checks-failed", kind);
  assertEquals(judged, "crash");
  if (kind === "loaded") assertEquals(await load(false), ["already", undefined]);
});

Deno.test("a defect within a call leaves no pending record", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-defect-" });
  const path = `${folder}/vmlinuz`;
  Deno.writeTextFileSync(path, "kernel");
  const { value: file } = openFile(path);
  const { value: plan } = planBoot({
    profile: profileOf({ initrd: [] }),
    facts: hostFacts(),
    images: images({ kernel: kernelFile({ path }), initrd: [] }),
  });
  assert(file !== undefined && plan !== undefined);
  try {
    using store = await lockStore({ directory: folder });
    const libc = {
      ...fakeLibc(),
      kexecFileLoad: () => {
        throw new TypeError("defect");
      },
    };
    await assertRejects(
      () => carryOut(plan, { facts: hostFacts(), files: [file] }, store, { open: () => libc }),
      TypeError,
      "defect",
    );
    assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name).toSorted(), ["lock", "vmlinuz"]);
  } finally {
    closeFile(file);
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("what is loaded is asked of the kernel, and of a record; where neither says, that is said of either image", () => {
  const { kexec: { loaded: _, crashLoaded: __, ...kexec } } = hostFacts();
  const note = (crash: boolean) => loadedImage(hostFacts({ kexec }), crash, { kind: "none" }).status.note;
  assertEquals([note(false), note(true)], [
    "Cannot determine whether an image is loaded: neither the kernel nor a record says",
    "Cannot determine whether a crash image is loaded: neither the kernel nor a record says",
  ]);
});

Deno.test("a device tree of the boot loader's entry is loaded on arm64 by kexec_load, and nowhere else", async () => {
  const root = Deno.makeTempDirSync({ prefix: "warmboot-tree-" });
  try {
    Deno.writeFileSync(join(root, "vmlinuz"), arm64Image());
    Deno.writeFileSync(join(root, "x86"), bzImage());
    Deno.writeTextFileSync(join(root, "a.dtb"), "tree");
    const planned = async (host: "arm64-uefi-vm" | "bios-vm", load: "auto" | "kexec_load" | "kexec_file_load") => {
      const capture = hostCapture(host);
      const kernel = host === "bios-vm" ? "x86" : "vmlinuz";
      const { value: profile, diagnostics } = defineProfile({ boot_entry: "default", load });
      assert(profile !== undefined, JSON.stringify(diagnostics));
      const prepared = await prepareFrom(
        { kind: "profile", profile, files: [], place: (diagnostic: Diagnostic) => diagnostic },
        capturedHost({
          ...capture,
          files: {
            ...capture.files,
            "/proc/self/mountinfo": `22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 8:2 / ${root} rw - ext4 /dev/sda2 rw\n`,
            "/run/udev/data/b8:2": "E:ID_FS_UUID=aaaa-bbbb\n",
            ...Object.fromEntries([kernel, "a.dtb"].map((name) => [`${root}/${name}`, { error: "EFBIG" }])),
            "/boot/grub/grub.cfg":
              `set timeout=5\nsearch --set=root --fs-uuid aaaa-bbbb\nmenuentry A { linux /${kernel} ro\ndevicetree /a.dtb\n}\n`,
          },
        }),
      );
      using _prepared = prepared;
      return prepared.diagnostics.some(({ severity, message }) => severity === "error" && message.includes("a.dtb")) ||
        JSON.stringify(prepared.plan?.call ?? "").includes("a.dtb");
    };
    // The text is not a device tree: that it was to be loaded shows by the error.
    assertEquals([
      await planned("arm64-uefi-vm", "auto"),
      await planned("arm64-uefi-vm", "kexec_load"),
      await planned("arm64-uefi-vm", "kexec_file_load"),
      await planned("bios-vm", "kexec_load"),
    ], [true, true, false, false]);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("a command line of a unified kernel image that is not UTF-8 is named with the section's kernel", async () => {
  const root = Deno.makeTempDirSync({ prefix: "warmboot-text-" });
  try {
    const image = join(root, "a.efi");
    Deno.writeFileSync(
      image,
      peFile({
        sections: [{ name: ".cmdline", bytes: Uint8Array.of(0x61, 0xff) }, { name: ".linux", bytes: bzImage() }],
      }),
    );
    const { value: profile } = defineProfile({ kernel: image });
    assert(profile !== undefined);
    const prepared = await prepareFrom(
      { kind: "profile", profile, files: [], place: (diagnostic: Diagnostic) => diagnostic },
      capturedHost(hostCapture("bios-vm")),
    );
    using _prepared = prepared;
    assertEquals(prepared.plan, undefined);
    assertEquals(prepared.diagnostics.map(({ message }) => message.includes(image)), [true]);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("a fix has the code of what it corrects", () => {
  withFiles({ "a.yaml": "version: 1\nkernal: /k\nload: kexec-load\n" }, (root) => {
    assertEquals(
      fixFiles([join(root, "a.yaml")]).map(({ code, from, to, line, column }) => [code, from, to, line, column]),
      [
        ["unknown-key", "kernal", "kernel", 2, 1],
        ["wrong-type", "kexec-load", "kexec_load", 3, 7],
      ],
    );
    assertEquals(Deno.readTextFileSync(join(root, "a.yaml")), "version: 1\nkernel: /k\nload: kexec_load\n");
  });
});

Deno.test("a profile that is written says for which machine it is, where the host has one that profiles name", () => {
  const release = "6.12.117+deb13-amd64";
  withFiles({}, (root) => {
    Deno.mkdirSync(join(root, "boot"));
    Deno.writeFileSync(join(root, "boot/vmlinuz"), bzImage({ version: `${release} (b@e) #1 SMP` }));
    const of = (machine: string) =>
      templateFromRunning({ ...capturedFacts("bios-vm"), release, machine, cmdline: "ro" }, root).value?.architecture;
    assertEquals(of("x86_64"), "x86_64");
  });
});

Deno.test("which hooks of init systems are of use, by what is in /etc", () => {
  const of = (hook: string, ...files: readonly string[]) =>
    isForHost(`share/warmboot/hooks/${hook}/warmboot`, (name) => files.includes(name));
  assertEquals(
    [
      of("sysvinit", "rc6.d", "inittab"),
      of("sysvinit", "rc6.d", "runit"),
      of("sysvinit", "rc6.d"),
      of("sysvinit", "inittab", "runit"),
      of("sysvinit", "rc6.d", "inittab", "runlevels"),
      of("openrc", "runlevels"),
      of("openrc", "rc6.d", "inittab"),
      of("runit", "runit/shutdown.d"),
      of("runit", "runit"),
      of("debian"),
      isForHost("share/warmboot/hooks/sysvinit-other/x", () => false),
    ],
    [true, true, false, false, false, true, false, true, false, true, true],
  );
  assertEquals(FOLDER_OPTIONS.map(({ name, folder }) => [name, folder]), [
    ["bindir", "bin"],
    ["libdir", "lib"],
    ["unitdir", "units"],
    ["sysconfdir", "sysconf"],
    ["mandir", "man"],
    ["zshdir", "zsh"],
  ]);
});

Deno.test("an empty profile and a link to nothing hide one of a later folder; a link that leads nowhere is read, and named", () => {
  withFiles({ "etc/a.yaml": "", "usr/a.yaml": "version: 1\n", "etc/c.yaml": "version: 1\n" }, (root) => {
    Deno.symlinkSync("/dev/null", join(root, "etc/b.yaml"));
    Deno.symlinkSync("gone", join(root, "etc/d.yaml"));
    const found = (name: string) => {
      const { value, diagnostics } = findProfile(name, [join(root, "etc"), join(root, "usr")]);
      return value?.path.replace(root, "") ?? diagnostics.map(({ code }) => code);
    };
    assertEquals(["a", "b", "c", "d", "e"].map(found), [
      ["profile-masked"],
      ["profile-masked"],
      "/etc/c.yaml",
      "/etc/d.yaml",
      ["profile-missing"],
    ]);
  });
});

Deno.test("a folder without captures, and a capture that is damaged, are named; a matrix of nothing is none", async () => {
  const root = Deno.makeTempDirSync({ prefix: "warmboot-matrix-" });
  try {
    Deno.mkdirSync(join(root, "hosts"));
    Deno.writeTextFileSync(join(root, "a.yaml"), "version: 1\nkernel: /k\n");
    const matrix = async () => {
      const said: string[] = [];
      const found = await planMatrix([join(root, "a.yaml")], join(root, "hosts"), {
        onDiagnostics: (diagnostics) => said.push(...diagnostics.map(({ code }) => code)),
      });
      return [found === undefined ? undefined : "matrix", ...said];
    };
    const [none, ...codes] = await matrix();
    assertEquals([none, codes.length], [undefined, 1]);
    Deno.writeTextFileSync(join(root, "hosts/a.json"), JSON.stringify(hostCapture("bios-vm")));
    assertEquals(await matrix(), ["matrix"]);
    Deno.writeTextFileSync(join(root, "hosts/a.json"), "{");
    assertEquals((await matrix()).length, 2);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("a capture may be YAML; one that breaks off is damaged, with its place", () => {
  withFiles({
    "a.yaml":
      "format: warmboot.facts/1\nfiles:\n  /proc/sys/kernel/arch: x86_64\n  /proc/sys/kernel/osrelease: 6.1.0\n",
    "b.yaml": "format: warmboot.facts/1\nfiles: { /proc/iomem: [\n",
  }, (root) => {
    const whole = readFacts(join(root, "a.yaml"));
    assertEquals([whole.facts?.release, whole.diagnostics], ["6.1.0", []]);
    const broken = readFacts(join(root, "b.yaml"));
    assertEquals(broken.facts, undefined);
    assertEquals(broken.diagnostics.map(({ position }) => [position?.file.replace(root, ""), typeof position?.line]), [
      ["/b.yaml", "number"],
    ]);
  });
});
