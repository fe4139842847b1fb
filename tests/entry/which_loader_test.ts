/** Which boot loader a cold reset starts, from which partition, and whether it can be asked to boot an entry once. */
import { assertEquals } from "@std/assert";
import type { BootFiles } from "../../src/entry/boot_files.ts";
import { type BootHost, bootMenu, coldBoot, readAllEntries } from "../../src/entry/cold_boot.ts";
import { describeEntry } from "../../src/entry/found_entry.ts";
import { coldReboot } from "../../src/entry/cold_reboot.ts";
import {
  ARCH,
  bootNumberVariable,
  DEBIAN,
  layout,
  type LayoutFiles,
  loaderVariables,
  loadOptionVariable,
  SDBOOT,
  UEFI,
} from "../support/boot_layout.ts";

const [ESP, XBOOTLDR, DATA] = [
  "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
  "bc13c2ff-59e6-4262-a352-b275fd6f7172",
  "0fc63daf-8483-4772-8e79-3d69d8477de4",
];
const SD257 = loaderVariables({ LoaderInfo: "systemd-boot 257.1" });

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** A mount of /dev/sdaN, in a line of mountinfo. */
function mount(number: number, point: string, { root = "/", type = "vfat" } = {}): string {
  return `24 1 8:${number} ${root} ${point} rw - ${type} /dev/sda${number} rw\n`;
}

/** What udev says of /dev/sdaN. */
function udev(number: number, partition: string, type?: string): LayoutFiles {
  return {
    [`/run/udev/data/b8:${number}`]: `E:ID_PART_ENTRY_UUID=${partition}\n` +
      (type === undefined ? "" : `E:ID_PART_ENTRY_TYPE=${type}\n`),
  };
}

/** An installation of systemd-boot with one entry. */
function installed(point: string): LayoutFiles {
  return {
    [`${point}/loader/loader.conf`]: "timeout 3\n",
    [`${point}/loader/entries/a.conf`]: "linux /k\n",
    [`${point}/k`]: "k",
  };
}

/** The kernel that systemd-boot boots, or what is said instead. */
function kernelOf(mounts: string, ...files: readonly LayoutFiles[]): string | undefined {
  const { value, diagnostics } = coldBoot(
    layout(Object.assign({ "/proc/self/mountinfo": mount(2, "/", { type: "ext4" }) + mounts }, SD257, ...files)),
    UEFI,
  );
  return value?.kernel ?? diagnostics[0]?.message;
}

const NOT_MOUNTED = "The partition that systemd-boot was started from is not mounted at any place that is known";

pure("where nothing identifies a partition, the first of the usual places that has systemd-boot counts", () => {
  const both = [installed("/efi"), installed("/boot"), installed("/boot/efi")] as const;
  assertEquals(kernelOf("", ...both), "/efi/k");
  assertEquals(kernelOf("", installed("/boot"), installed("/boot/efi")), "/boot/k");
  // Its program shows it as well as its configuration.
  const { "/boot/efi/loader/loader.conf": _, ...program } = installed("/boot/efi");
  assertEquals(kernelOf("", program, { "/boot/efi/EFI/systemd/systemd-bootx64.efi": "MZ" }), "/boot/efi/k");
  assertEquals(kernelOf("", program), NOT_MOUNTED);
  // A place that is known to be another partition does not count; a file system's UUID does not tell that.
  assertEquals(kernelOf(mount(1, "/efi"), ...both, udev(1, "aa")), "/boot/k");
  assertEquals(
    kernelOf(mount(1, "/efi"), ...both, { "/run/udev/data/b8:1": "E:ID_FS_UUID=F00D-BEEF\n" }),
    "/efi/k",
  );
  // What is mounted last at a place is what lies there.
  assertEquals(kernelOf(mount(1, "/efi") + mount(3, "/efi"), ...both, udev(1, "aa")), "/efi/k");
  assertEquals(kernelOf(mount(3, "/efi") + mount(1, "/efi"), ...both, udev(1, "aa")), "/boot/k");
});

pure("the partition that systemd-boot names, else the only ESP, mounted whole", () => {
  const both = [installed("/efi"), installed("/boot/efi"), udev(1, "aa", ESP), udev(3, "bb", ESP)] as const;
  const named = (uuid: string) => loaderVariables({ LoaderDevicePartUUID: uuid });
  const [one, two] = [mount(1, "/efi"), mount(3, "/boot/efi")];
  assertEquals(kernelOf(one + two, ...both, named("AA")), "/efi/k");
  assertEquals(kernelOf(one + two, ...both, named("BB")), "/boot/efi/k");
  assertEquals(
    kernelOf(one + two, ...both, named("CC")),
    NOT_MOUNTED.replace("partition", "partition, with the PARTUUID cc,"),
  );
  assertEquals(kernelOf(two, ...both), "/boot/efi/k");
  // Of two, neither is known to be the one.
  assertEquals(kernelOf(one + two, ...both), NOT_MOUNTED);
  // A folder of it that is mounted elsewhere is not the partition.
  assertEquals(kernelOf(mount(1, "/mnt", { root: "/EFI" }) + one, ...both, named("AA")), "/efi/k");
  assertEquals(kernelOf(mount(1, "/mnt", { root: "/EFI" }) + one, ...both), "/efi/k");
});

pure("the partition for kernels is listed besides the ESP, and once where systemd-boot was started from it", () => {
  const ids = (mounts: string, ...files: readonly LayoutFiles[]) =>
    bootMenu(
      layout(Object.assign({ "/proc/self/mountinfo": mounts }, SD257, installed("/efi"), ...files)),
      UEFI,
    ).value?.entries.map(({ kernel }) => kernel);
  const own = installed("/boot");
  const mounts = mount(1, "/efi") + mount(3, "/boot");
  const esp = udev(1, "aa", ESP);
  assertEquals(ids(mounts, esp, own, udev(3, "bb", XBOOTLDR)), ["/efi/k", "/boot/k"]);
  assertEquals(ids(mounts, esp, own, udev(3, "bb", DATA)), ["/efi/k"]);
  assertEquals(ids(mounts, esp, own), ["/efi/k", "/boot/k"]);
  // Without a mount at /boot, its files are those of the root file system.
  assertEquals(ids(mount(1, "/efi"), esp, own), ["/efi/k"]);
  // The later mount at /boot is the one that is seen.
  assertEquals(ids(`${mount(1, "/efi")}${mount(3, "/boot")}${mount(4, "/boot")}`, esp, own, udev(3, "bb", DATA)), [
    "/efi/k",
    "/boot/k",
  ]);
  assertEquals(ids(`${mount(1, "/efi")}${mount(4, "/boot")}${mount(3, "/boot")}`, esp, own, udev(3, "bb", DATA)), [
    "/efi/k",
  ]);
  const started = loaderVariables({ LoaderDevicePartUUID: "bb" });
  assertEquals(ids(mounts, esp, own, udev(3, "bb", XBOOTLDR), started), ["/boot/k"]);
});

const NAME_KERNEL = "Name the kernel with `kernel` instead of `boot_entry`";

pure("what the firmware started, by the name of its file, and what it starts next", () => {
  const boots = (...more: readonly LayoutFiles[]) => {
    const files = { ...SDBOOT, ...DEBIAN, "/proc/self/mountinfo": DEBIAN["/proc/self/mountinfo"] ?? "" };
    const { value, diagnostics } = coldBoot(layout(Object.assign({}, files, ...more)), UEFI);
    return value?.loader ?? diagnostics[0]?.message.slice(0, 40);
  };
  const started = (file: string, number = 3) => ({
    ...bootNumberVariable("BootCurrent", number),
    ...loadOptionVariable(number, "Linux", file),
  });
  const unknown = "Cannot determine which boot loader a col";
  assertEquals(
    [
      "\\EFI\\systemd\\systemd-bootx64.efi",
      "\\EFI\\Linux\\systemd-bootx64.efi",
      "\\EFI\\SYSTEMD\\x.efi",
      "\\EFI\\systemd\\shimx64.efi",
      "\\EFI\\debian\\grubx64.efi",
      "\\EFI\\debian\\shim-x64.efi",
      "\\EFI\\debian\\grubx64.signed.efi",
      "\\EFI\\debian\\shimx64.efi.bak",
      "\\EFI\\debian\\mygrubx64.efi",
      "\\EFI\\x\\y.efi",
    ].map((file) => boots(started(file))),
    [
      "systemd-boot",
      "systemd-boot",
      "systemd-boot",
      "systemd-boot",
      "GRUB",
      "GRUB",
      "GRUB",
      unknown,
      unknown,
      unknown,
    ],
  );
  assertEquals(["GRUB 2.12", "grub 2.14"].map((info) => boots(loaderVariables({ LoaderInfo: info }))), [
    "GRUB",
    "GRUB",
  ]);
  const sd = started("\\EFI\\systemd\\systemd-bootx64.efi");
  assertEquals([boots(sd, loaderVariables({ LoaderInfo: "" })), boots(loaderVariables({ LoaderInfo: "" }))], [
    "systemd-boot",
    unknown,
  ]);
  assertEquals(boots(loaderVariables({ LoaderInfo: "GRUBBY" })), "The boot loader is GRUBBY, whose entries");
  assertEquals(coldBoot(layout(loaderVariables({ LoaderInfo: "rEFInd" })), UEFI).diagnostics[0]?.hint, NAME_KERNEL);
  const other = "The firmware starts `Other` next (BootNe";
  const next = (file: string, number = 4) => ({
    ...bootNumberVariable("BootNext", number),
    ...loadOptionVariable(number, "Other", file),
  });
  const grub = started("\\EFI\\debian\\grubx64.efi");
  assertEquals([
    boots(grub, next("\\EFI\\debian\\shimx64.efi")),
    boots(grub, next("\\EFI\\systemd\\systemd-bootx64.efi")),
    boots(grub, next("\\EFI\\x\\y.efi")),
    // The firmware does not say what it started: what it starts next decides nothing against that.
    boots(loaderVariables({ LoaderInfo: "GRUB 2.12" }), next("\\EFI\\debian\\grubx64.efi")),
    boots(SD257, next("\\EFI\\x\\y.efi")),
    // What runs is what is started next.
    boots(started("\\EFI\\x\\y.efi"), bootNumberVariable("BootNext", 3), SD257),
    boots(grub, bootNumberVariable("BootNext", 0x1a)),
  ], ["GRUB", other, other, "GRUB", other, "systemd-boot", "The firmware starts Boot001A next (BootN"]);
});

pure("the configuration of GRUB beside the program that the firmware started comes before those in /boot", () => {
  const own = {
    ...bootNumberVariable("BootCurrent", 3),
    ...loadOptionVariable(3, "debian", "\\EFI\\debian\\shimx64.efi"),
    "/boot/efi/EFI/debian/grub.cfg": "set timeout=1\nmenuentry own { linux /k; }\n",
    "/boot/efi/k": "k",
    "/proc/self/mountinfo": `${mount(2, "/", { type: "ext4" })}${mount(1, "/boot/efi")}`,
  };
  const id = (more: LayoutFiles = {}, host: BootHost = UEFI) => coldBoot(layout(DEBIAN, { ...own, ...more }), host);
  assertEquals([id().value?.id, id().value?.kernel], ["own", "/boot/efi/k"]);
  assertEquals(id(loadOptionVariable(3, "x", "\\EFI\\x\\shimx64.efi")).value?.id.startsWith("gnulinux"), true);
  // A program that is not GRUB's has none beside it.
  const shell = {
    ...loaderVariables({ LoaderInfo: "GRUB 2.12" }),
    ...loadOptionVariable(3, "x", "\\EFI\\debian\\x.efi"),
  };
  assertEquals(id(shell).value?.id.startsWith("gnulinux"), true);
  // An ESP at another place is known by its type.
  const { "/boot/efi/EFI/debian/grub.cfg": text, ...rest } = own;
  const elsewhere = { ...rest, "/mnt/EFI/debian/grub.cfg": text, "/mnt/k": "k" };
  const at = (type: string) =>
    coldBoot(
      layout(DEBIAN, {
        ...elsewhere,
        "/proc/self/mountinfo": `${mount(2, "/", { type: "ext4" })}${mount(1, "/mnt")}`,
        ...udev(1, "aa", type),
      }),
      UEFI,
    ).value?.kernel;
  assertEquals([at(ESP), at(DATA)], ["/mnt/k", "/boot/vmlinuz-6.12.117+deb13-amd64"]);
});

pure("the commands of GRUB are those of the platform that it was made for", () => {
  const of = (platform: string, host: BootHost) => {
    const files = {
      "/proc/self/mountinfo": mount(2, "/", { type: "ext4" }),
      "/boot/grub/grub.cfg": "set timeout=1\nfrob\nmenuentry a { linux /k $grub_cpu $grub_platform; }\n",
      [`/boot/grub/${platform}/command.lst`]: "linux: linux\n",
      "/k": "k",
    };
    const { value } = coldBoot(layout(files), host);
    return value?.cmdline;
  };
  const efi = (platformSize: 32 | 64): BootHost => ({
    machine: "x86_64",
    efi: { systab: {}, runtimeMap: [], platformSize },
  });
  assertEquals([
    of("x86_64-efi", UEFI),
    of("x86_64-efi", efi(64)),
    of("i386-efi", efi(32)),
    of("x86_64-efi", efi(32)),
    of("i386-pc", { machine: "x86_64" }),
    of("arm64-efi", { ...UEFI, machine: "aarch64" }),
    of("arm64-efi", { machine: "aarch64" }),
  ], ["x86_64 efi", "x86_64 efi", "i386 efi", undefined, "i386 pc", "arm64 efi", undefined]);
});

pure("a configuration finds the features that a fresh GRUB says it has", () => {
  const names = [
    "chainloader_bpb",
    "ntldr",
    "platform_search_hint",
    "default_font_path",
    "all_video_module",
    "menuentry_id",
  ]
    .concat(["menuentry_options", "200_final", "nativedisk_cmd", "timeout_style"]).map((name) => `feature_${name}`);
  const of = (name: string) => {
    const text = `set timeout=1\nmenuentry a { linux /boot/vmlinuz-6.1.0-50-amd64 x=$${name}; }\n`;
    const { value } = coldBoot(layout(DEBIAN, { "/boot/grub/grub.cfg": text }), UEFI);
    return value?.cmdline ?? value?.unknownCmdline;
  };
  assertEquals(names.map(of), names.map(() => "x=y"));
  assertEquals(of("feature_other"), "`feature_other`, which GRUB sets");
});

pure("an entry whose name systemd-boot takes for a pattern of others cannot be asked for", () => {
  const files = {
    ...ARCH,
    ...SD257,
    "/boot/loader/loader.conf": "default arch.conf\n",
    "/boot/loader/entries/new[1].conf": "linux /k\n",
    "/boot/k": "k",
    "/boot/k/.release": "6.1\n",
  };
  const { impossible } = coldReboot(layout(files), { ...UEFI, release: "6.1", cmdline: "" }, { fallback: "running" });
  assertEquals(
    impossible,
    "LoaderEntryOneShot does not make systemd-boot boot `new[1].conf`: it would boot `arch.conf`",
  );
});

pure("why GRUB cannot be asked comes with what to do, and boot counting is known by its variable as well", () => {
  const of = (changes: Parameters<typeof layout>[1]) =>
    coldReboot(layout(DEBIAN, changes), {
      ...UEFI,
      release: "6.1.0-50-amd64",
      cmdline: "root=UUID=5b1d6a0c-7f0e-4d52-9a47-3c9f0a3f6c11 ro quiet",
    }, { fallback: "running" });
  assertEquals(
    of({ "/boot/grub/grubenv": "x" }).hint,
    "Create it again: grub-editenv /boot/grub/grubenv create",
  );
  // Of two blocks that will not do, the first is named.
  const two = of({
    "/boot/grub/grub.cfg": `load_env -f /boot/a\n${DEBIAN["/boot/grub/grub.cfg"]}`,
    "/boot/a": "x",
    "/boot/grub/grubenv": "y",
  });
  assertEquals(two.hint, "Create it again: grub-editenv /boot/a create");
  // Where one of them will do, it is the one.
  const second = of({
    "/boot/grub/grub.cfg": `load_env -f /boot/a\n${DEBIAN["/boot/grub/grub.cfg"]}`,
    "/boot/a": "x",
    "/boot/grub/grubenv": "# GRUB Environment Block\n".padEnd(1024, "#"),
  });
  assertEquals([second.once?.file, second.impossible], ["/boot/grub/grubenv", undefined]);
  // Of two that ask for an entry, GRUB's first is told.
  const block = (entry: string) => `# GRUB Environment Block\nnext_entry=${entry}\n`.padEnd(1024, "#");
  const asked = of({
    "/boot/grub/grub.cfg": `load_env -f /boot/a\n${DEBIAN["/boot/grub/grub.cfg"]}`,
    "/boot/a": block("first"),
    "/boot/grub/grubenv": block("second"),
  });
  assertEquals(asked.pending, "first");
  assertEquals([of({}).counts, of(loaderVariables({ LoaderBootCountPath: "\\x.conf" })).counts], [undefined, true]);
});

pure("the command line of an image is read for its log as the kernel gets it, without line breaks and padding", () => {
  const image = "/boot/EFI/Linux/a.efi";
  const files = {
    ...ARCH,
    ...SD257,
    "/boot/loader/loader.conf": "default a.efi\n",
    [image]: "MZ",
    [`${image}/.osrel`]: "NAME=A\n",
    [`${image}/.cmdline`]: "a=1\nramoops.mem_size=0x100000\0\0",
  };
  assertEquals(
    coldReboot(layout(files), { ...UEFI, release: "6.1", cmdline: "" }, { log: 1 << 20 }).log?.parameters,
    ["ramoops.mem_size=0x100000"],
  );
});

pure("a capture of what readAllEntries reads says the same of a cold reboot, with its way back and its log", () => {
  const image = "/boot/EFI/Linux/a.efi";
  const uki = {
    ...ARCH,
    ...SD257,
    "/boot/loader/loader.conf": "default arch.conf\n",
    [image]: "MZ",
    [`${image}/.osrel`]: "NAME=A\n",
    [`${image}/.release`]: "6.5\n",
    [`${image}/.cmdline`]: "a=1 ramoops.mem_size=0x100000",
  };
  const debian = {
    ...DEBIAN,
    "/boot/grub/grubenv": "# GRUB Environment Block\n".padEnd(1024, "#"),
    "/boot/vmlinuz-6.1.0-50-amd64/.release": "6.5\n",
    "/proc/self/mountinfo": mount(2, "/", { type: "ext4" }).replace("/dev/sda2", "/dev/root"),
    "/sys/dev/block/8:2/uevent": "DEVNAME=sda2\n",
  };
  const rows: readonly (readonly [LayoutFiles, string, string, string])[] = [
    [uki, "6.5", "a=1 ramoops.mem_size=0x100000", "a.efi"],
    [debian, "6.5", "root=UUID=5b1d6a0c-7f0e-4d52-9a47-3c9f0a3f6c11 ro quiet", "gnulinux-6.1.0-50-amd64-advanced"],
  ];
  for (const [files, release, cmdline, id] of rows) {
    const all = layout(files);
    const read = new Set<string>();
    readAllEntries(
      { read: (path) => (read.add(path), all.read(path)), list: (path) => (read.add(path), all.list(path)) },
      UEFI,
    );
    const only: BootFiles = {
      read: (path) => read.has(path) ? all.read(path) : { kind: "absent" },
      list: (path) => read.has(path) ? all.list(path) : [],
    };
    const of = (each: BootFiles) => coldReboot(each, { ...UEFI, release, cmdline }, { fallback: "running", log: 1 });
    assertEquals(of(only), of(all));
    assertEquals(of(all).once?.entry.includes(id), true, JSON.stringify(of(all)));
  }
});

pure("what is wrong with an entry of GRUB leaves the others in the menu", () => {
  const linux = "linux /boot/vmlinuz-6.1.0-50-amd64";
  const entries = (text: string) =>
    bootMenu(layout(DEBIAN, { "/boot/grub/grub.cfg": `set timeout=1\n${text}` }), UEFI).value?.entries.map(({ id }) =>
      id
    );
  assertEquals(
    entries(
      `menuentry a { frob; }\nmenuentry b { ${linux}; }\nsubmenu c { frob\n menuentry d { ${linux}; }\n}\n` +
        `submenu e {\n menuentry f { frob; }\n menuentry g { ${linux}; }\n}\nmenuentry h { true; }\nmenuentry i { ${linux}; }\n`,
    ),
    ["b", "e>g", "i"],
  );
  const deep = (depth: number) =>
    entries(`${"submenu s {\n".repeat(depth)}menuentry a { ${linux}; }\n${"}\n".repeat(depth)}`);
  assertEquals([deep(3), deep(9)?.length, deep(10)?.length], [["s>s>s>a"], 1, 0]);
});

pure("the entries of `fallback` are tried in turn until one is there, and no further than what cannot be tried", () => {
  const boots = (text: string) => {
    const found = coldBoot(
      layout(DEBIAN, {
        "/boot/grub/grub.cfg":
          `set timeout=1\n${text}\nmenuentry a { linux /gone-a; }\nmenuentry b { linux /gone-b; }\n` +
          "submenu c { menuentry d { true; }\n}\nmenuentry e { linux /boot/vmlinuz-6.1.0-50-amd64; }\n",
      }),
      UEFI,
    );
    return found.value?.id ?? found.diagnostics[0]?.message;
  };
  const gone = "The entry `a` of GRUB boots /gone-a, which does not exist";
  assertEquals(
    ["", "set fallback=3", "set fallback='1 3'", "set fallback='1 2 3'", "set fallback='9 3'", "set fallback=1"].map(
      boots,
    ),
    [gone, "e", "e", gone, gone, gone],
  );
});

pure(
  "submenus of GRUB know the whole path that was chosen, and a saved default is named by the block that had it last",
  () => {
    const block = (text: string) => `# GRUB Environment Block\n${text}`.padEnd(1024, "#");
    const linux = "linux /boot/vmlinuz-6.1.0-50-amd64 chosen=$chosen";
    const of = (text: string) =>
      coldBoot(
        layout(DEBIAN, {
          "/boot/grub/grub.cfg": `set timeout=1\n${text}`,
          "/boot/1": block("saved_entry=b\n"),
          "/boot/2": block("saved_entry=b\n"),
        }),
        UEFI,
      ).value;
    assertEquals(
      of(`set default=0\nsubmenu a { submenu b { menuentry c { ${linux}; }\n}\n}\n`)?.cmdline,
      "chosen=a>b>c",
    );
    assertEquals(
      of(
        `load_env -f /boot/1\nload_env -f /boot/2\nset default=$saved_entry\nmenuentry a { ${linux}; }\nmenuentry b { ${linux}; }\n`,
      )?.rule,
      "`saved_entry` in /boot/2 names it",
    );
  },
);

pure("an entry that is not there, or cannot be started, is the fault of `boot_entry`; the nearest is named", () => {
  const of = (id: string, text = "menuentry linux-old { linux /gone; }") => {
    const { diagnostics } = coldBoot(layout(DEBIAN, { "/boot/grub/grub.cfg": `set timeout=1\n${text}\n` }), UEFI, id);
    return diagnostics.map(({ code, severity, path, hint }) => [code, severity, path?.join(), hint]);
  };
  const other = "Name an entry by its ID, its title, or its place, as `1>2`";
  assertEquals([of("linux-odl"), of("zebra"), of("linux-old"), of("s", "submenu s { true; }")], [
    [["boot-entry", "error", "boot_entry", "Did you mean `linux-old`?"]],
    [["boot-entry", "error", "boot_entry", other]],
    [["boot-entry", "error", "boot_entry", "Write GRUB's configuration again"]],
    [["boot-entry", "error", "boot_entry", "Name one of its entries: `s>0`"]],
  ]);
});

pure("menus of GRUB that cannot be followed: no device, a fault within a submenu, too deep for a name", () => {
  const linux = "linux /boot/vmlinuz-6.1.0-50-amd64";
  const said = (text: string, id?: string, more: Parameters<typeof layout>[1] = {}) => {
    const files = layout(DEBIAN, { "/boot/grub/grub.cfg": `set timeout=1\n${text}\n`, ...more });
    const { value, diagnostics } = coldBoot(files, UEFI, id);
    return value?.id ?? diagnostics[0]?.message;
  };
  assertEquals(
    said(`menuentry a { ${linux}; }`, undefined, { "/proc/self/mountinfo": null }),
    "/boot/grub/grub.cfg does not lie on a mounted device, so the paths in it cannot be followed",
  );
  const broken = `submenu s { frob\n menuentry a { ${linux}; }\n}`;
  const why = "The command `frob` at /boot/grub/grub.cfg:2 is not understood, and could change what GRUB boots";
  assertEquals([said(broken), said(broken, "s>a"), said(broken, "0>0")], [why, why, why]);
  const deep = (depth: number) => `${"submenu s {\n".repeat(depth)}menuentry a { ${linux}; }\n${"}\n".repeat(depth)}`;
  assertEquals([said(deep(9)), said(deep(10))], [
    `${"s>".repeat(9)}a`,
    "The menus of GRUB in /boot/grub/grub.cfg nest more than 10 deep",
  ]);
  assertEquals([said(deep(9), `${"s>".repeat(9)}a`), said(deep(10), `${"s>".repeat(10)}a`)], [
    `${"s>".repeat(9)}a`,
    `\`${"s>".repeat(10)}a\` names more than 10 submenus`,
  ]);
  assertEquals(said(""), "The menu of GRUB in /boot/grub/grub.cfg has no entries");
});

pure("an entry whose command line only GRUB knows has no log that is known, and what runs may have no entry", () => {
  const files = layout(DEBIAN, {
    "/boot/grub/grub.cfg": "set timeout=1\nmenuentry a { linux /boot/vmlinuz-6.1.0-50-amd64 $fw_path; }\n",
  });
  const found = coldReboot(files, { ...UEFI, release: "0" }, { fallback: "running", log: 1 });
  assertEquals(found, {
    entry: { loader: "GRUB", id: "a", kernel: "/boot/vmlinuz-6.1.0-50-amd64", release: "6.1.0-50-amd64" },
    impossible: "No entry of GRUB boots the running kernel, 0",
    hint: "Let one entry of the boot loader have the running kernel and its command line",
  });
});

pure("a configuration knows its device, its folder and its own name", () => {
  const text =
    "set timeout=1\nmenuentry a { linux /boot/vmlinuz-6.1.0-50-amd64 $root $prefix $config_file $config_directory; }\n";
  const of = (mounts: string, path = "/boot/grub") => {
    const files = {
      [`${path}/grub.cfg`]: text,
      "/boot/vmlinuz-6.1.0-50-amd64": "k",
      "/boot/boot/vmlinuz-6.1.0-50-amd64": "k",
    };
    return coldBoot(layout({ "/proc/self/mountinfo": mounts, ...files }), UEFI).value?.cmdline;
  };
  const root = mount(2, "/", { type: "ext4" });
  assertEquals([of(root), of(root + mount(3, "/boot", { type: "ext4" })), of(root, "/boot/grub2")], [
    "fs-device/8:2 (fs-device/8:2)/boot/grub (fs-device/8:2)/boot/grub/grub.cfg (fs-device/8:2)/boot/grub",
    "fs-device/8:3 (fs-device/8:3)/grub (fs-device/8:3)/grub/grub.cfg (fs-device/8:3)/grub",
    "fs-device/8:2 (fs-device/8:2)/boot/grub2 (fs-device/8:2)/boot/grub2/grub.cfg (fs-device/8:2)/boot/grub2",
  ]);
});

pure("where no loader is found, or not which, it is said what to do", () => {
  const hint = (files: LayoutFiles) => coldBoot(layout(files), UEFI).diagnostics.map(({ hint }) => hint);
  const next = { ...bootNumberVariable("BootNext", 4), ...loadOptionVariable(4, "x", "\\x.efi") };
  assertEquals([
    hint({}),
    hint({ "/boot/grub/grub.cfg": { error: "EACCES" } }),
    hint({ ...DEBIAN, "/boot/grub2/grub.cfg": "" }),
    hint({ ...DEBIAN, ...installed("/efi") }),
    hint(installed("/efi")),
    hint({ ...SD257 }),
    hint(next),
  ], [
    ["Mount /boot and the EFI system partition; of a captured host, capture it again with `warmboot facts`"],
    ["Run warmboot as root"],
    [NAME_KERNEL],
    [NAME_KERNEL],
    [NAME_KERNEL],
    ["Mount it at /efi, /boot or /boot/efi"],
    ["Clear it with `efibootmgr --delete-bootnext`"],
  ]);
});

pure("an entry is described by its name, and by its title where that is another", () => {
  const of = (entry: string) => {
    const { value } = coldBoot(
      layout(DEBIAN, { "/boot/grub/grub.cfg": `menuentry ${entry} { linux /boot/vmlinuz-6.1.0-50-amd64; }\n` }),
      UEFI,
    );
    return value === undefined ? undefined : describeEntry(value);
  };
  const rule = "no default is set, so that the first entry counts";
  assertEquals([of("a"), of("A --id a"), of("a --id a")], [
    `GRUB boots \`a\`: ${rule}`,
    `GRUB boots \`a\` (A): ${rule}`,
    `GRUB boots \`a\`: ${rule}`,
  ]);
});

pure("that GRUB waits for a key matters where it boots by itself, not where an entry is named", () => {
  const said = (timeout: string, id?: string) =>
    coldBoot(
      layout(DEBIAN, { "/boot/grub/grub.cfg": `${timeout}\nmenuentry a { linux /boot/vmlinuz-6.1.0-50-amd64; }\n` }),
      UEFI,
      id,
    ).diagnostics.map(({ message }) => message.replace(/^.*: /, ""));
  assertEquals(["", "set timeout=", "set timeout=-1", "set timeout=0", "set timeout=5"].map((line) => said(line)), [
    ["no timeout is set"],
    ["no timeout is set"],
    ["`timeout` is `-1`"],
    [],
    [],
  ]);
  assertEquals([said("set timeout=-1", "a"), said("set timeout=-1", "0")], [[], []]);
  const files = layout(DEBIAN, { "/boot/grub/grub.cfg": "menuentry a { linux /boot/vmlinuz-6.1.0-50-amd64; }\n" });
  assertEquals(coldBoot(files, UEFI).diagnostics.map(({ severity, path, hint }) => [severity, path, hint]), [
    ["warning", ["boot_entry"], "Set GRUB_TIMEOUT to a number of seconds"],
  ]);
});

pure("an entry of GRUB with all that it loads: initrds apart from the device tree, parameters of a program", () => {
  const of = (body: string, fallback = "") => {
    const { value, diagnostics } = coldBoot(
      layout(DEBIAN, {
        "/boot/grub/grub.cfg": `set timeout=1\n${fallback}menuentry 1 { ${body}\n}\nmenuentry 0 { ${body}\n}\n`,
        "/k": "k",
        "/i": "i",
        "/j": "j",
        "/d": "d",
      }),
      UEFI,
    );
    const { initrd, dtb, cmdline, isProgram } = value ?? {};
    return value === undefined ? diagnostics.map(({ message }) => message) : [initrd, dtb, cmdline, isProgram];
  };
  assertEquals(of("linux /k a\ninitrd /i /j\ndevicetree /d"), [["/i", "/j"], "/d", "a", undefined]);
  assertEquals(of("linux /k\ndevicetree /d"), [[], "/d", "", undefined]);
  assertEquals(of("chainloader /k"), [[], undefined, undefined, true]);
  assertEquals(of("chainloader /k a=1"), [[], undefined, "a=1", true]);
  assertEquals(of("linux /k\ninitrd newc:x:/i"), [
    "The entry `1` of GRUB packs a file into the initrd: `newc:x:/i`",
  ]);
  // The entries are called by numbers, which two versions of GRUB take for different things.
  assertEquals(of("linux /k", "set default=1\n"), [
    "Which entry GRUB boots depends on the version of GRUB: `1` can be a number, or the name of an entry",
  ]);
});
