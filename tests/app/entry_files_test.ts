import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { captureBootFiles, capturedBootFiles, liveBootFiles } from "../../src/app/boot_files.ts";
import { diffOperands } from "../../src/app/diff_operands.ts";
import { planStored } from "../../src/app/plan_profile.ts";
import { prepareFrom } from "../../src/app/prepare.ts";
import { openImages } from "../../src/app/images.ts";
import { planFiles } from "../../src/app/named_files.ts";
import { capturedHost, type ReadFacts } from "../../src/app/read_facts.ts";
import { templateFromBootEntry } from "../../src/app/init_boot_entry.ts";
import { templateText } from "../../src/profile/profile_template.ts";
import { type Capture, parseCapture, redactCapture } from "../../src/host/capture.ts";
import { NOT_CAPABLE } from "../../src/host/reader.ts";
import { defineProfile, type ProfileInput } from "../../src/profile/define.ts";
import { parseProfile } from "../../src/profile/parse.ts";
import { arm64Image, ascii, bzImage, peFile } from "../image/build.ts";
import { smallTree } from "../image/build_uboot.ts";
import { failingSystem } from "../support/failing_system.ts";
import { hostFacts } from "../support/host_facts.ts";
import { loaderVariables } from "../support/boot_layout.ts";
import { cpioArchive, MODE } from "../vm/cpio.ts";

const HOSTS = join(import.meta.dirname ?? ".", "../fixtures/hosts");
const HOST = join(HOSTS, "bios-vm.json");

const INITRD = cpioArchive([{ path: "/init", mode: MODE.file, data: ascii("#!/bin/sh\n") }]);

/** A file system with kernels, mounted on a captured host whose GRUB or systemd-boot boots from it. */
function machine(capturedOn = HOST): { readonly root: string; host(files: Capture["files"]): ReadFacts } & Disposable {
  const root = Deno.makeTempDirSync({ prefix: "warmboot-entry-" });
  for (const name of ["vmlinuz-1", "vmlinuz-2"]) Deno.writeFileSync(join(root, name), bzImage());
  Deno.writeFileSync(join(root, "initrd"), INITRD);
  Deno.writeFileSync(join(root, "Image"), arm64Image());
  Deno.writeFileSync(join(root, "board.dtb"), smallTree({ address: 0x4000_0000, size: 0x6000_0000 }));
  Deno.writeFileSync(
    join(root, "linux.efi"),
    peFile({
      sections: [
        { name: ".cmdline", bytes: ascii("root=/dev/uki quiet") },
        { name: ".initrd", bytes: INITRD },
        { name: ".linux", bytes: bzImage() },
      ],
    }),
  );
  const { value: capture } = parseCapture(Deno.readTextFileSync(capturedOn), capturedOn);
  assert(capture !== undefined);
  return {
    root,
    host: (files) =>
      capturedHost({
        ...capture,
        files: {
          ...capture.files,
          "/proc/self/mountinfo": `22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 8:2 / ${root} rw - ext4 /dev/sda2 rw\n`,
          "/run/udev/data/b8:2": "E:ID_FS_UUID=aaaa-bbbb\n",
          // A file is here on the captured host, and too large for a configuration.
          ...Object.fromEntries(
            ["vmlinuz-1", "vmlinuz-2", "initrd", "linux.efi", "Image", "board.dtb"].map((
              name,
            ) => [`${root}/${name}`, { error: "EFBIG" }]),
          ),
          ...files,
        },
      }),
    [Symbol.dispose]: () => Deno.removeSync(root, { recursive: true }),
  };
}

const grub = (kernel: string, text = "root=LABEL=x ro quiet") => ({
  "/boot/grub/grub.cfg": `set timeout=5
search --set=root --fs-uuid aaaa-bbbb
menuentry "First" { linux /${kernel} ${text}
initrd /initrd
}
menuentry "Second" { linux /vmlinuz-1 second
}
menuentry "Image" { chainloader /linux.efi
}
`,
});

async function planned(input: ProfileInput, host: ReadFacts) {
  const { value: profile, diagnostics } = defineProfile(input);
  assert(profile !== undefined, JSON.stringify(diagnostics));
  using prepared = await prepareFrom({ kind: "profile", profile, files: [], place: (each) => each }, host);
  const call = prepared.plan?.call;
  return {
    plan: prepared.plan,
    kernel: call?.syscall === "kexec_file_load" ? call.kernel.path : undefined,
    initrd: call?.syscall === "kexec_file_load" ? call.initrd.map(({ path }) => path) : undefined,
    cmdline: call?.cmdline,
    messages: prepared.diagnostics.map(({ severity, message }) => `${severity}: ${message}`),
  };
}

Deno.test("boot_entry: the entry's files and command line are planned, and a reason says which entry it is", async () => {
  using disk = machine();
  const host = disk.host(grub("vmlinuz-2"));
  const { plan, ...found } = await planned({ boot_entry: "default" }, host);
  assertEquals(found, {
    kernel: `${disk.root}/vmlinuz-2`,
    initrd: [`${disk.root}/initrd`],
    cmdline: "root=LABEL=x ro quiet",
    messages: [],
  });
  const reason = "GRUB boots `First`: no default is set, so that the first entry counts";
  assertEquals(plan?.reasons[0], { code: "boot-entry", message: reason });
  assertEquals(plan?.declared?.bootEntry, { id: "default", found: reason });
  assertEquals((await planned({ boot_entry: "Second" }, host)).cmdline, "second");
  // Found again for each plan.
  assertEquals(
    (await planned({ boot_entry: "default" }, disk.host(grub("vmlinuz-1")))).kernel,
    `${disk.root}/vmlinuz-1`,
  );
});

Deno.test("boot_entry: its command line can be edited, replaced, and taken from the running one", async () => {
  using disk = machine();
  const host = disk.host(grub("vmlinuz-1"));
  const cmdline = async (cmdline: ProfileInput["cmdline"], id = "default") =>
    (await planned({ boot_entry: id, cmdline }, host)).cmdline;
  assertEquals(await cmdline({ reuse: "entry", remove: "quiet", append: "debug" }), "root=LABEL=x ro debug");
  assertEquals(await cmdline("single"), "single");
  assertStringIncludes(await cmdline({ reuse: true, append: "debug" }) ?? "", " debug");
  assertEquals(await cmdline({ reuse: "entry", append: "debug" }, "Image"), "root=/dev/uki quiet debug");
  assertEquals(await cmdline(undefined, "Image"), "root=/dev/uki quiet");
  // What describes another boot is left out, and for a crash kernel what would reserve memory.
  const crash = { boot_entry: "default", crash: true, load: "kexec_file_load" } as const;
  const reserving = disk.host(grub("vmlinuz-1", "root=/dev/x crashkernel=256M initrd=a hugepages=9 ro"));
  assertEquals(
    (await planned({ boot_entry: "default" }, reserving)).cmdline,
    "root=/dev/x crashkernel=256M hugepages=9 ro",
  );
  assertEquals((await planned(crash, reserving)).cmdline, "root=/dev/x ro");
  assertEquals(
    (await planned({ boot_entry: "default", cmdline: { reuse: "entry", remove: "nothing" } }, host)).messages,
    [
      "warning: `remove` matches no parameter `nothing`",
    ],
  );
});

Deno.test("boot_entry: the entry's device tree is handed over by kexec_load on arm64, and dropped with a warning by kexec_file_load", async () => {
  const config = `set timeout=5
search --set=root --fs-uuid aaaa-bbbb
menuentry "First" { linux /Image ro
devicetree /board.dtb
}
`;
  using disk = machine(join(HOSTS, "arm64-vm.json"));
  const own = `${disk.root}/own.dtb`;
  Deno.writeFileSync(own, smallTree({ address: 0x4000_0000, size: 0x6000_0000 }));
  const host = disk.host({ "/boot/grub/grub.cfg": config });
  const found = async (input: ProfileInput) => {
    const { plan, messages } = await planned({ boot_entry: "default", ...input }, host);
    return [plan?.call.syscall, plan?.declared?.dtb?.replace(disk.root, ""), messages];
  };
  assertEquals(await found({}), ["kexec_load", "/board.dtb", []]);
  assertEquals(await found({ dtb: own }), ["kexec_load", "/own.dtb", []]);
  assertEquals(await found({ load: "kexec_file_load" }), ["kexec_file_load", undefined, [
    `warning: The device tree ${disk.root}/board.dtb of the entry \`First\` of GRUB is not used: kexec_file_load hands ` +
    "over the running one",
  ]]);
  // Linux on x86_64 does not read the tree that a boot loader installs.
  using other = machine();
  const text = config.replace("Image", "vmlinuz-1");
  for (const load of ["kexec_load", "kexec_file_load"] as const) {
    const { plan, messages } = await planned(
      { boot_entry: "default", load },
      other.host({ "/boot/grub/grub.cfg": text }),
    );
    assertEquals([plan?.call.syscall, plan?.declared?.dtb, messages], [load, undefined, []]);
  }
});

Deno.test("boot_entry: what the loader starts as a program must be a unified kernel image", async () => {
  using disk = machine();
  const config = {
    "/boot/grub/grub.cfg": "search --set=root --fs-uuid aaaa-bbbb\nmenuentry A { chainloader /initrd\n}\n",
  };
  assertEquals((await planned({ boot_entry: "default" }, disk.host(config))).messages, [
    `error: The entry \`A\` of GRUB starts ${disk.root}/initrd, which is not a unified kernel image: ` +
    "a cpio archive (newc)",
  ]);
});

Deno.test("boot_entry: a command line that no profile could state is refused, but for one that replaces it", async () => {
  using disk = machine();
  const host = disk.host(grub("vmlinuz-1", "a=\u0001"));
  assertEquals((await planned({ boot_entry: "default" }, host)).messages, [
    "error: The command line of the entry `First` of GRUB has a control character",
  ]);
  const broken = disk.host(grub("vmlinuz-1", "a=\ufffd"));
  assertEquals((await planned({ boot_entry: "default" }, broken)).messages, [
    "error: The command line of the entry `First` of GRUB is not UTF-8 text",
  ]);
  assertEquals((await planned({ boot_entry: "default", cmdline: "ro" }, broken)).cmdline, "ro");
});

Deno.test("a stored plan of the default entry is refused when the boot loader would boot something else", async () => {
  using disk = machine();
  const before = disk.host(grub("vmlinuz-1"));
  const { plan } = await planned({ boot_entry: "default" }, before);
  assert(plan !== undefined && before.facts !== undefined);
  const again = async (host: ReadFacts) => {
    using opened = await openImages(planFiles(plan), { captured: host.captured, hasDigests: true });
    assert(host.facts !== undefined);
    return await planStored(plan, host.facts, opened, host.captured);
  };
  assertEquals((await again(before)).value?.checks[0]?.status, "pass");
  const changed = { "/boot/grub/grub.cfg": `set default=1\n${grub("vmlinuz-1")["/boot/grub/grub.cfg"]}` };
  const { value, diagnostics } = await again(disk.host(changed));
  assertEquals(value, undefined);
  assertEquals(diagnostics.map(({ message }) => message), [
    "Since the plan was made, the boot loader changed. Then: GRUB boots `First`: no default is set, so that the first " +
    "entry counts. Now: GRUB boots `Second`: `default` is `1`, set at /boot/grub/grub.cfg:1",
  ]);
  // Another entry is what it was, whichever is the default.
  const { plan: named } = await planned({ boot_entry: "Second" }, before);
  assert(named !== undefined);
  using prepared = await prepareFrom({ kind: "plan", plan: named }, disk.host(changed));
  assertEquals([prepared.plan?.checks[0]?.status, prepared.diagnostics], ["pass", []]);
  // Where it boots nothing that is known any more, that is why.
  const program = "search --set=root --fs-uuid aaaa-bbbb\nmenuentry A { chainloader /initrd\n}\n";
  for (
    const [files, says] of [
      [{}, /boot loader/],
      [{ "/boot/grub/grub.cfg": program }, /which is not a unified kernel image/],
    ] as const
  ) {
    const gone = await again(disk.host(files));
    assertEquals([gone.value, gone.diagnostics.map(({ severity }) => severity)], [undefined, ["error"]]);
    assertMatch(gone.diagnostics[0]?.message ?? "", says);
  }
});

Deno.test("a stored plan with a guard says again what a cold reboot boots, as the host is now", async () => {
  using disk = machine();
  const before = disk.host(grub("vmlinuz-1"));
  const { plan } = await planned({ kernel: `${disk.root}/vmlinuz-1`, cmdline: "ro", guard: { panic: "10s" } }, before);
  assert(plan !== undefined);
  const entry = async (host: ReadFacts) => {
    using prepared = await prepareFrom({ kind: "plan", plan }, host);
    const { plan: again } = prepared;
    return [again?.checks[0]?.status, again?.guard?.coldReboot?.entry?.id];
  };
  assertEquals(plan.guard?.coldReboot?.entry?.id, "First");
  assertEquals(await entry(before), ["pass", "First"]);
  const changed = { "/boot/grub/grub.cfg": `set default=1\n${grub("vmlinuz-1")["/boot/grub/grub.cfg"]}` };
  assertEquals(await entry(disk.host(changed)), ["pass", "Second"]);
});

Deno.test("diff has the side @default: from what runs to what a cold reset would boot", async () => {
  using disk = machine();
  const host = disk.host(grub("vmlinuz-2"));
  const found = await diffOperands(["@default", "@running"], { path: "host.json", read: () => host });
  assert(found.kind === "sides", JSON.stringify(found));
  assertEquals(found.sides.map(({ kind }) => kind), ["default", "running"]);
  const none = await diffOperands(["@default", "@running"], { path: "host.json", read: () => disk.host({}) });
  assertEquals(none.kind === "invalid" ? none.diagnostics.map(({ code, path }) => [code, path]) : none.kind, [
    ["boot-loader", undefined],
  ]);
});

Deno.test("init writes a profile that is valid, and says what the entry is now", () => {
  using disk = machine();
  const { facts, captured } = disk.host(grub("vmlinuz-2"));
  assert(facts !== undefined);
  const { value } = templateFromBootEntry("default", facts, captured);
  assert(value !== undefined);
  const text = templateText(value);
  assertStringIncludes(text, "\nboot_entry: default\n");
  assertStringIncludes(text.replaceAll("\n# ", " "), "When this was written, GRUB boots `First`");
  assertEquals(parseProfile(text, "a.yaml").value?.bootEntry, { id: "default" });
  // There is no profile yet that it could have a place in.
  assertEquals(
    templateFromBootEntry("Third", facts, captured).diagnostics.map(({ message, path }) => [message, path]),
    [
      ["GRUB has no entry `Third`", undefined],
    ],
  );
});

Deno.test("the live reader: folders, large files, links and sections are what they are; passwords are left out", () => {
  using disk = machine();
  const { root } = disk;
  const profiles = peFile({
    sections: [
      { name: ".osrel", bytes: ascii("ID=a\n") },
      { name: ".cmdline", bytes: ascii("ro quiet\n") },
      { name: ".linux", bytes: bzImage() },
      { name: ".profile", bytes: ascii("ID=one\n") },
      { name: ".profile", bytes: ascii("ID=two\n") },
      { name: ".osrel", bytes: ascii("ID=b\n") },
    ],
  });
  Deno.writeFileSync(`${root}/p.efi`, profiles);
  Deno.writeFileSync(`${root}/large`, new Uint8Array((1 << 20) + 1));
  Deno.writeTextFileSync(
    `${root}/user.cfg`,
    "GRUB2_PASSWORD=grub.pbkdf2.sha512.10000.AB12.CD34\npassword me secret\nset a=b\n",
  );
  const files = liveBootFiles();
  const text = (path: string) => {
    const result = files.read(`${root}/${path}`);
    return result.kind === "bytes"
      ? new TextDecoder().decode(result.bytes)
      : result.kind === "error"
      ? result.error
      : "absent";
  };
  assertEquals([text(""), text("none"), text("initrd/none"), text("large")], ["EISDIR", "absent", "absent", "EFBIG"]);
  assertEquals(text("user.cfg"), "GRUB2_PASSWORD=redacted\npassword me redacted\nset a=b\n");
  assertEquals(
    [text("p.efi/.osrel"), text("p.efi/@0/.profile"), text("p.efi/@1/.profile"), text("p.efi/@2/.profile")],
    [
      "ID=a",
      "ID=one",
      "ID=two",
      "absent",
    ],
  );
  assertEquals([text("p.efi/@1/.osrel"), text("p.efi/@0/.osrel"), text("initrd/.osrel")], ["ID=b", "absent", "absent"]);
  // Of a kernel in an image, it only counts that it is there.
  assertEquals(["cmdline", "linux"].map((name) => text(`p.efi/.${name}`)), ["ro quiet", "EFBIG"]);
  assertEquals(text("initrd/.linux"), "absent");
  // What a kernel says of its release counts, whatever its name.
  assertEquals([text("vmlinuz-1/.release"), text("initrd/.release"), text("none/.release")], [
    "6.1.0-50-amd64\n",
    "absent",
    "absent",
  ]);
  // A name that cannot be is of no file; a link that leads nowhere is something else.
  Deno.symlinkSync("loop", `${root}/loop`);
  assertEquals([text("loop"), text("x".repeat(300))], ["ELOOP", "absent"]);
  new Deno.Command("mkfifo", { args: [`${root}/fifo`] }).outputSync();
  assertEquals(text("fifo"), "EACCES");
  assertEquals(files.list(`${root}/none`), []);
  Deno.writeTextFileSync(`${root}/user.cfg`, "set a=c\n");
  assertEquals(text("user.cfg").includes("a=b"), true, "each is read once");
});

Deno.test("the live reader gives links to disks as they are, and not what they lead to", () => {
  const { readLinkSync } = Deno;
  const links = new Map([["/dev/disk/by-uuid/aaaa", "../../sda1"], ["/dev/md/root", "../md127"]]);
  Object.assign(Deno, {
    readLinkSync: (path: string) => {
      const target = links.get(path);
      if (target === undefined) throw Object.assign(new Deno.errors.NotFound("none"), { code: "ENOENT" });
      return target;
    },
  });
  try {
    const { read } = liveBootFiles();
    const found = [...links.keys(), "/dev/disk/by-uuid/none"].map((path) => {
      const result = read(path);
      return result.kind === "bytes" ? new TextDecoder().decode(result.bytes) : result.kind;
    });
    assertEquals(found, ["../../sda1\n", "../md127\n", "absent"]);
  } finally {
    Object.assign(Deno, { readLinkSync });
  }
});

Deno.test("a capture of this host has the mounts and is taken as a capture; redacted, it has no secrets", () => {
  const files = captureBootFiles(hostFacts());
  assert("/proc/self/mountinfo" in files);
  const text = (more: Capture["files"]) => JSON.stringify({ format: "warmboot.facts/1", files: { ...files, ...more } });
  const boot = {
    "/boot/loader/entries/a.conf": "options root=x rd.password=hunter2 ro\n",
    ...loaderVariables({ LoaderInfo: "systemd-boot 257" }),
  };
  const { value, diagnostics } = parseCapture(text(boot), "a.json");
  assertEquals(diagnostics, []);
  assert(value !== undefined);
  assertEquals(redactCapture(value).files["/boot/loader/entries/a.conf"], "options root=x rd.password=<redacted> ro\n");
  assertEquals(parseCapture(text({ "/proc/self/mountinfos": "" }), "a.json").diagnostics.map(({ code }) => code), [
    "facts-unknown-source",
  ]);
});

Deno.test("files of a boot loader are captured by their paths: text, bytes that are none, and why one cannot be read", () => {
  const [variable = ""] = Object.keys(loaderVariables({ LoaderInfo: "systemd-boot 257" }));
  using on = failingSystem({
    ...loaderVariables({ LoaderInfo: "systemd-boot 257" }),
    "/proc/self/mountinfo": [
      "22 1 8:1 / / rw - ext4 /dev/sda1 rw",
      "23 22 0:21 / /run rw - tmpfs tmpfs rw",
      "24 22 0:22 / /srv rw - cifs //user:hunter2@server/share rw",
      "",
    ].join("\n"),
    "/run/udev/data/b8:1": "N:sda1\nE:ID_FS_UUID=aaaa-bbbb\nE:ID_SERIAL=hunter2\n",
  });
  const latin1 = Uint8Array.of(0x23, 0xe9, 0x0a);
  Deno.mkdirSync(join(on.root, "boot/loader/entries"), { recursive: true });
  Deno.writeFileSync(join(on.root, "boot/loader/loader.conf"), latin1);
  for (const name of ["b", "c", "a", "d"]) {
    Deno.writeTextFileSync(join(on.root, `boot/loader/entries/${name}.conf`), "linux /vmlinuz\n");
  }
  Deno.writeFileSync(join(on.root, "boot/loader/entries/large.conf"), new Uint8Array((1 << 20) + 1));
  const { files, names } = on.on(() => {
    const live = liveBootFiles();
    const names = live.list("/boot/loader/entries");
    Deno.writeTextFileSync(join(on.root, "boot/loader/entries/later.conf"), "");
    assertEquals(live.list("/boot/loader/entries"), names, "each is read once");
    Deno.removeSync(join(on.root, "boot/loader/entries/later.conf"));
    return { files: captureBootFiles(hostFacts()), names };
  });
  assertEquals(names, ["a.conf", "b.conf", "c.conf", "d.conf", "large.conf"]);
  assertEquals(Object.keys(files), Object.keys(files).toSorted());
  assertEquals(files["/boot/loader/loader.conf"], { base64: latin1.toBase64() });
  assertEquals(files["/boot/loader/entries/a.conf"], "linux /vmlinuz\n");
  assertEquals(files["/boot/loader/entries/large.conf"], { error: "EFBIG" });
  // Its bytes could pass for text.
  assertEquals(typeof files[variable], "object");
  // Of mounts and devices, what says where the boot loader's files lie.
  assertEquals(files["/proc/self/mountinfo"], "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
  assertEquals(files["/run/udev/data/b8:1"], "E:ID_FS_UUID=aaaa-bbbb\n");
});

Deno.test({
  name: "files that Deno may not read are said to be so, and are not absent",
  permissions: "none",
  fn() {
    const { read } = liveBootFiles();
    for (const path of ["/boot/grub/grub.cfg", "/dev/disk/by-uuid/a", "/etc"]) {
      assertEquals(read(path), { kind: "error", error: NOT_CAPABLE }, path);
    }
  },
});

Deno.test({
  name: "a file of a capture that is larger than any configuration is none",
  permissions: "none",
  fn() {
    const { read } = capturedBootFiles({ "/a": "x".repeat(1 << 20), "/b": "x".repeat((1 << 20) + 1) });
    assertEquals([read("/a").kind, read("/b")], ["bytes", { kind: "error", error: "EFBIG" }]);
  },
});
