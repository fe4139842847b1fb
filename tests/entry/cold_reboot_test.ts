import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { coldReboot } from "../../src/entry/cold_reboot.ts";
import { bootMenu } from "../../src/entry/cold_boot.ts";
import { type FoundEntry, startOf } from "../../src/entry/found_entry.ts";
import { cmdlineOf, releaseOf, runningEntry } from "../../src/entry/running_entry.ts";
import {
  ARCH,
  DEBIAN,
  FEDORA,
  layout,
  type LayoutFiles,
  loaderVariables,
  OPENSUSE,
  OSTREE,
  SDBOOT,
  UEFI,
} from "../support/boot_layout.ts";

const UUID = "5b1d6a0c-7f0e-4d52-9a47-3c9f0a3f6c11";
const [OLD, NEW] = ["6.1.0-50-amd64", "6.12.117+deb13-amd64"];
const CMDLINE = `root=UUID=${UUID} ro quiet`;

type Changes = Parameters<typeof layout>[1];

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function block(values: string): string {
  return `# GRUB Environment Block\n${values}`.padEnd(1024, "#");
}

/** The environment block of a layout with the size that GRUB's have. */
function padded(files: LayoutFiles): LayoutFiles {
  const path = "/boot/grub2/grubenv";
  return { [path]: String(files[path]).replace(/#*\n?$/, "").padEnd(1024, "#") };
}

/** Debian's grubenv, as grub-editenv creates it. */
const GRUBENV = { "/boot/grub/grubenv": block("") };

function cold(files: LayoutFiles, changes: Changes, release: string, cmdline: string) {
  return coldReboot(layout(files, changes), { ...UEFI, release, cmdline }, { fallback: "running" });
}

function running(files: LayoutFiles, changes: Changes, release: string, cmdline: string) {
  const found = layout(files, changes);
  const { value } = bootMenu(found, UEFI);
  const entry = runningEntry(found, value?.entries ?? [], { release, cmdline });
  return entry.kind === "entry" ? { id: entry.entry.id, lacks: entry.lacks } : entry.why;
}

function debian(from: string, to: string): LayoutFiles {
  const text = DEBIAN["/boot/grub/grub.cfg"];
  if (typeof text !== "string" || !text.includes(from)) throw new Error(`The layout has no ${from}`);
  return { "/boot/grub/grub.cfg": text.replace(from, () => to) };
}

const DEBIAN_OLD = `gnulinux-advanced-${UUID}>gnulinux-${OLD}-advanced-${UUID}`;
const DEBIAN_NEW = `gnulinux-advanced-${UUID}>gnulinux-${NEW}-advanced-${UUID}`;

pure(
  "the entry of the running kernel is found by release and command line, and named so that it stays the same",
  () => {
    const on = (release: string, cmdline: string) => running(DEBIAN, GRUBENV, release, cmdline);
    assertEquals(on(OLD, `BOOT_IMAGE=/boot/vmlinuz-${OLD} ${CMDLINE}`), { id: DEBIAN_OLD, lacks: [] });
    // Not `gnulinux-simple-...`, which is another kernel once a newer one is installed.
    assertEquals(on(NEW, CMDLINE), { id: DEBIAN_NEW, lacks: [] });
    assertEquals(on(NEW, `root=UUID=${UUID} ro single`), {
      id: DEBIAN_NEW.replace(
        "-advanced-5b1d6a0c-7f0e-4d52-9a47-3c9f0a3f6c11>",
        "-advanced-5b1d6a0c-7f0e-4d52-9a47-3c9f0a3f6c11>",
      )
        .replace(/-advanced-([^>]*)$/, "-recovery-$1"),
      lacks: [],
    });
    assertEquals(on(NEW, `quiet ro root=UUID=${UUID} mitigations=off`), { id: DEBIAN_NEW, lacks: ["mitigations=off"] });
    // What a guard added, and the stamp, are of that boot.
    assertEquals(
      on(NEW, `${CMDLINE} panic=10 rd.shell=0 warmboot.guard=panic,rd.shell warmboot.plan=0123456789abcdef`),
      {
        id: DEBIAN_NEW,
        lacks: [],
      },
    );
    assertEquals(on(NEW, `${CMDLINE} panic=10`), { id: DEBIAN_NEW, lacks: ["panic=10"] });
    assertEquals(on(OLD, "root=/dev/nfs"), { id: DEBIAN_OLD, lacks: undefined });
    // As /proc/cmdline has it where a boot loader separated parameters by other characters, or ended them by a NUL.
    for (const between of ["\n", "\r\n", "\t", "\0", " \0 "]) {
      const cmdline = ["", ...CMDLINE.split(" "), "a=1", ""].join(between);
      assertEquals(on(OLD, cmdline), { id: DEBIAN_OLD, lacks: ["a=1"] }, JSON.stringify(between));
    }
    assertEquals(
      on("6.1.0-49-amd64", CMDLINE),
      "No entry of GRUB boots the running kernel, 6.1.0-49-amd64",
    );
    assertEquals(
      on(NEW, "root=/dev/nfs"),
      `Which entry of GRUB boots the running system is ambiguous: \`${DEBIAN_NEW}\`, ` +
        `\`${DEBIAN_NEW.replace(/-advanced-([^>]*)$/, "-recovery-$1")}\`, \`gnulinux-simple-${UUID}\` ` +
        `boot ${NEW}, and none is known to be the one`,
    );
  },
);

pure("with a log, what the entry of the cold reboot says of ramoops is read as GRUB does", () => {
  const log = "memmap=1M$0x20000000 ramoops.mem_address=0x20000000 ramoops.mem_size=0x100000";
  const files = { ...DEBIAN };
  const text = String(DEBIAN["/boot/grub/grub.cfg"]);
  // As grub-mkconfig writes what is in /etc/default/grub.
  const escaped = {
    ...files,
    "/boot/grub/grub.cfg": text.replaceAll("ro  quiet", () => `ro  quiet ${log.replace("$", "\\$")}`),
  };
  const on = (layoutFiles: LayoutFiles, guard: Parameters<typeof coldReboot>[2]) =>
    coldReboot(layout(layoutFiles, GRUBENV), { ...UEFI, release: OLD, cmdline: `${CMDLINE} ${log}` }, guard).log;
  assertEquals(on(escaped, { log: 1 << 20 }), {
    loader: "GRUB",
    entry: `gnulinux-simple-${UUID}`,
    parameters: log.split(" "),
  });
  assertEquals(on(escaped, { log: 1 << 20, fallback: "running" }), {
    loader: "GRUB",
    entry: DEBIAN_OLD,
    parameters: log.split(" "),
  });
  assertEquals(on(files, { log: 1 << 20 })?.parameters, []);
  assertEquals(on(escaped, { fallback: "running" }), undefined);
  // Of a list, that of the guard alone is not the entry's to have.
  const running_ =
    `${CMDLINE} memmap=4G!8G ${log} warmboot.guard=memmap=1M$0x20000000,ramoops.mem_address,ramoops.mem_size`;
  assertEquals(running(files, GRUBENV, OLD, running_), { id: DEBIAN_OLD, lacks: ["memmap=4G!8G"] });
});

pure("a kernel's own word for its release counts more than the name of its file", () => {
  const stated = { ...GRUBENV, [`/boot/vmlinuz-${OLD}/.release`]: "6.1.0-51-amd64\n" };
  assertEquals(running(DEBIAN, stated, "6.1.0-51-amd64", CMDLINE), { id: DEBIAN_OLD, lacks: [] });
  assertEquals(running(DEBIAN, stated, OLD, CMDLINE), `No entry of GRUB boots the running kernel, ${OLD}`);
});

pure("where entries differ only in the initrd, what the boot loader said of this boot decides, or nothing does", () => {
  const info = {
    "/boot/vmlinuz-linux/.release": "6.12.1-arch1-1\n",
    ...loaderVariables({ LoaderInfo: "systemd-boot 257" }),
  };
  const on = (cmdline: string, more: LayoutFiles = {}) =>
    running(ARCH, { ...info, ...more }, "6.12.1-arch1-1", cmdline);
  const plain = 'root="LABEL=arch_os" rw';
  assertMatch(String(on(plain)), /is ambiguous: `arch(?:-fallback)?\.conf`, `arch/);
  assertEquals(on(`initrd=\\intel-ucode.img initrd=\\initramfs-linux.img ${plain}`), { id: "arch.conf", lacks: [] });
  assertEquals(on(`initrd=\\initramfs-linux-fallback.img ${plain}`), { id: "arch-fallback.conf", lacks: [] });
  assertEquals(on(plain, loaderVariables({ LoaderEntrySelected: "arch-fallback.conf" })), {
    id: "arch-fallback.conf",
    lacks: [],
  });
});

pure("GRUB boots an entry once where its configuration heeds and clears next_entry", () => {
  const heeded = (files: LayoutFiles, changes: Changes, release: string, cmdline: string) =>
    cold(files, changes, release, cmdline).once;
  assertEquals(cold(DEBIAN, GRUBENV, OLD, CMDLINE), {
    entry: { loader: "GRUB", id: `gnulinux-simple-${UUID}`, kernel: `/boot/vmlinuz-${NEW}`, release: NEW },
    once: { loader: "GRUB", entry: DEBIAN_OLD, file: "/boot/grub/grubenv" },
  });
  const fedora =
    "root=UUID=c0ffee00-0000-4000-8000-000000000001 ro rootflags=subvol=root rhgb quiet isolcpus=2-3 nohz=on";
  assertEquals(
    heeded(FEDORA, padded(FEDORA), "6.9.7-200.fc40.x86_64", fedora),
    {
      loader: "GRUB",
      entry: "4ea28d8e2d1b4f5fa5f0c3d9d0a1b2c3-6.9.7-200.fc40.x86_64",
      file: "/boot/grub2/grubenv",
    },
  );
});

pure("GRUB is not asked where that would fail, or would never end, and the reason says why", () => {
  const why = (files: LayoutFiles, changes: Changes, release = OLD, cmdline = CMDLINE) => {
    return cold(files, changes, release, cmdline).impossible ?? "possible";
  };
  assertEquals(
    why(DEBIAN, { "/boot/grub/grubenv": null }),
    "/boot/grub/grub.cfg reads no environment block, so that GRUB cannot be asked to boot an entry once",
  );
  assertEquals(
    why(DEBIAN, { "/boot/grub/grubenv": "next_entry=\n" }),
    "/boot/grub/grubenv is not an environment block that can be changed",
  );
  assertEquals(why(DEBIAN, { "/boot/grub/grubenv": block(`a=${"x".repeat(990)}\n`) }), "/boot/grub/grubenv is full");
  assertEquals(
    why(DEBIAN, { ...GRUBENV, ...debian("   save_env next_entry\n", "") }),
    "/boot/grub/grub.cfg does not clear `next_entry` in /boot/grub/grubenv, so that each later boot would be into that entry",
  );
  assertStringIncludes(
    why(DEBIAN, { ...GRUBENV, ...debian('set default="${next_entry}"', 'set default="0"') }),
    `\`next_entry\` in /boot/grub/grubenv does not make GRUB boot \`${DEBIAN_OLD}\``,
  );
  // Whether it is cleared hangs on what only GRUB knows.
  assertStringIncludes(
    why(DEBIAN, {
      ...GRUBENV,
      ...debian("   save_env next_entry\n", '   if [ "${shim_lock}" = y ]; then save_env next_entry; fi\n'),
    }),
    "does not clear `next_entry`",
  );
  const on = (line: string) =>
    why(DEBIAN, { ...GRUBENV, "/proc/self/mountinfo": `24 1 8:2 / / rw,relatime shared:1 - ${line} rw\n` });
  assertEquals(on("ext4 /dev/sda2"), "possible");
  assertEquals(on("xfs /dev/nvme0n1p2"), "possible");
  for (const disk of ["hda1", "vda2", "xvda1", "mmcblk0p2", "pmem0p1", "dasda1"]) {
    assertEquals(on(`ext4 /dev/${disk}`), "possible", disk);
  }
  const refusal = "GRUB cannot write /boot/grub/grubenv, and so would boot the entry again and again: ";
  assertEquals(
    on("ext4 /dev/mapper/vg-root"),
    `${refusal}it is on /dev/mapper/vg-root, which is not a plain partition but LVM, LUKS or another mapping`,
  );
  assertEquals(on("ext4 /dev/md0"), `${refusal}it is on /dev/md0, which is not a plain partition but RAID`);
  assertEquals(on("f2fs /dev/sda2"), `${refusal}it is on f2fs`);
  // The kernel names the root device `/dev/root` where no initrd mounted it.
  const uevent = (name: string) =>
    why(DEBIAN, {
      ...GRUBENV,
      "/proc/self/mountinfo": "24 1 8:2 / / rw,relatime shared:1 - ext4 /dev/root rw\n",
      "/sys/dev/block/8:2/uevent": `MAJOR=8\nMINOR=2\nDEVNAME=${name}\n`,
    });
  assertEquals(uevent("sda2"), "possible");
  assertStringIncludes(uevent("dm-0"), "not a plain partition but LVM");
  const suse = OPENSUSE["/boot/grub2/grub.cfg"];
  const cmdline = /^\s*linux\S*\s+\S+\s+(.*)$/m.exec(String(suse))?.[1] ?? "";
  assertStringIncludes(why(OPENSUSE, padded(OPENSUSE), "6.4.0-150600.23.30-default", cmdline), "it is on btrfs");
  assertStringIncludes(why(OSTREE, {}, "6.11.6-300.fc41.x86_64"), "reads no environment block");
});

pure("what else there is to know of that boot: a key that GRUB waits for, a password, another command line", () => {
  const notes = (changes: Changes, cmdline = CMDLINE) => {
    const found = cold(DEBIAN, { ...GRUBENV, ...changes }, OLD, cmdline);
    return found.notes ?? found.impossible;
  };
  assertEquals(notes(debian("    set timeout=5\n  # Fallback", "    set timeout=-1\n  # Fallback")), [
    "GRUB waits for a key before it boots: `timeout` is `-1`",
  ]);
  assertEquals(
    notes({ "/boot/grub/grub.cfg": `set superusers=root\nexport superusers\n${DEBIAN["/boot/grub/grub.cfg"]}` }),
    [
      `GRUB asks for a password before it boots \`${DEBIAN_OLD}\``,
    ],
  );
  assertEquals(notes({}, `${CMDLINE} a=1 b`), [
    `The entry \`${DEBIAN_OLD}\` of GRUB boots the running kernel without \`a=1\` \`b\``,
  ]);
});

pure("systemd-boot boots an entry once by its variable; what is asked already, and boot counting, are found", () => {
  const info = loaderVariables({ LoaderInfo: "systemd-boot 252.39" });
  const id = "0123456789abcdef0123456789abcdef-6.1.0-9-amd64.conf";
  const text = String(SDBOOT[`/boot/efi/loader/entries/${id}`]);
  const cmdline = /^options\s+(.*)$/m.exec(text)?.[1] ?? "";
  const found = cold(SDBOOT, info, "6.1.0-9-amd64", cmdline);
  assertEquals(found, {
    entry: {
      loader: "systemd-boot",
      id: id.replace("-9-", "-50-"),
      kernel: "/boot/efi/0123456789abcdef0123456789abcdef/6.1.0-50-amd64/linux",
    },
    once: { loader: "systemd-boot", entry: id },
  });
  const waits = cold(
    SDBOOT,
    { ...info, ...loaderVariables({ LoaderConfigTimeout: "menu-force" }) },
    "6.1.0-9-amd64",
    cmdline,
  );
  assertEquals(waits.notes, ["systemd-boot waits for a key before it boots: its timeout is `menu-force`"]);
  const asked = loaderVariables({ LoaderEntryOneShot: id });
  assertEquals(cold(SDBOOT, { ...info, ...asked }, "6.1.0-9-amd64", cmdline).pending, id);
  assertEquals(cold(DEBIAN, { "/boot/grub/grubenv": block("next_entry=1>2\n") }, OLD, CMDLINE).pending, "1>2");
  assertEquals(cold(DEBIAN, { "/boot/grub/grubenv": block("next_entry=\n") }, OLD, CMDLINE).pending, undefined);
  const counted = {
    [`/boot/efi/loader/entries/${id}`]: null,
    [`/boot/efi/loader/entries/${id.replace(".conf", "+2-1.conf")}`]: text,
  };
  const counting = cold(SDBOOT, { ...info, ...counted }, "6.1.0-9-amd64", cmdline);
  assertEquals(counting.counts, true);
  const both = cold(SDBOOT, { ...info, ...counted, ...asked }, "6.1.0-9-amd64", cmdline);
  assertEquals([both.counts, both.pending], [true, id]);
});

pure("without a boot loader that is known there is no way, and the reason says so", () => {
  const found = cold({}, {}, OLD, CMDLINE);
  assertMatch(found.unknown ?? "", /^No boot loader is found/);
  assertEquals(found.impossible, found.unknown);
});

pure(
  "the release of a kernel is what it says, else by the name of its file, else by its folder if that is running",
  () => {
    const of = (kernel: string, stated?: string, running = "6.1") =>
      releaseOf(layout(stated === undefined ? {} : { [`${kernel}/.release`]: stated }), kernel, running);
    assertEquals(
      ["vmlinuz", "vmlinux", "Image", "kernel", "linux", "initrd", "xvmlinuz"].map((name) => of(`/boot/${name}-6.2`)),
      ["6.2", "6.2", "6.2", "6.2", "6.2", undefined, undefined],
    );
    assertEquals([of("/boot/vmlinuz-rescue"), of("/boot/vmlinuz"), of("/boot/6.1/linux"), of("/boot/6.0/linux")], [
      undefined,
      undefined,
      "6.1",
      undefined,
    ]);
    assertEquals([of("/boot/vmlinuz-6.2", " 6.3\n"), of("/boot/vmlinuz-6.2", "\n")], ["6.3", "6.2"]);
    assertEquals(releaseOf(layout({}), "/boot/6.1/linux"), undefined);
  },
);

/** An entry that boots the kernel that runs. */
function found(id: string, more: Partial<FoundEntry> = {}): FoundEntry {
  return { loader: "systemd-boot", id, rule: "", kernel: "/boot/vmlinuz-6.1", initrd: [], cmdline: "a", ...more };
}

/** Which of some entries runs. */
function which(entries: readonly FoundEntry[], cmdline: string, files: LayoutFiles = {}): string | undefined {
  const entry = runningEntry(layout(files), entries, { release: "6.1", cmdline });
  return entry.kind === "entry" ? entry.entry.id : undefined;
}

pure("of several entries that could be running, files on the command line and LoaderEntrySelected decide", () => {
  const [bare, small, large] = [
    found("bare"),
    found("small", { initrd: ["/boot/a.img"] }),
    found("large", { initrd: ["/boot/a.img", "/boot/b.img"] }),
  ];
  const all = [bare, small, large];
  assertEquals([
    which(all, "a"),
    which(all, "initrd=\\a.img a"),
    which(all, "initrd=/x/a.img initrd=\\y\\b.img a"),
    which(all, "initrd=\\b.img initrd=\\a.img a"),
    // No initrd on the command line says nothing: GRUB puts none there.
    which([small, bare], "a"),
  ], [undefined, "small", "large", undefined, undefined]);
  const selected = (of: readonly FoundEntry[]) => which(of, "a", loaderVariables({ LoaderEntrySelected: "Small" }));
  assertEquals(selected(all), "small");
  assertEquals(selected(all.map((each) => ({ ...each, loader: "GRUB" }))), undefined);
  const images = [found("one", { kernel: "/boot/vmlinuz-6.1" }), found("two", { kernel: "/boot/Image-6.1" })];
  assertEquals([
    which(images, "BOOT_IMAGE=(hd0,gpt2)/Image-6.1 a"),
    which(images, "BOOT_IMAGE=/x/vmlinuz-6.1 a"),
    which(images, "BOOT_IMAGE=/x/other a"),
  ], ["two", "one", undefined]);
});

pure("of entries that have all of their parameters on the command line, the one that lacks none of it runs", () => {
  const [all, some, other] = [found("all", { cmdline: "a b" }), found("some"), found("other", { cmdline: "c" })];
  assertEquals([which([some, all, other], "b a"), which([some, other], "b a"), which([all, other], "a")], [
    "all",
    "some",
    undefined,
  ]);
});

pure("two entries boot the same if nothing of what they start differs, whatever they are called", () => {
  const one = found("one", { cmdline: "a", dtb: "/t", initrd: ["/i"] });
  const same = (more: Partial<FoundEntry>) => startOf({ ...one, ...more }) === startOf(one);
  assertEquals(same({ id: "two", title: "T", rule: "r", profile: "0", isCounted: true }), true);
  const changes: readonly Partial<FoundEntry>[] = [
    { loader: "GRUB" },
    { kernel: "/k" },
    { profile: "1" },
    { initrd: [] },
    { initrd: ["/i", "/j"] },
    { dtb: "/u" },
    { cmdline: "b" },
    { isProgram: true },
  ];
  assertEquals(changes.filter(same), []);
  assertEquals(which([found("a", { profile: "1" }), found("b", { profile: "2" })], "a"), undefined);
  assertEquals(which([found("a", { profile: "1" }), found("b", { profile: "1" })], "a"), "a");
});

pure("the parameters that are compared are the kernel's and init's, each as often as it is there", () => {
  const lacks = (running: string, entry: string) => {
    const result = runningEntry(layout({}), [found("one", { cmdline: entry })], { release: "6.1", cmdline: running });
    return result.kind === "entry" ? result.lacks : result.why;
  };
  assertEquals(lacks("a b=1 c", "c a"), ["b=1"]);
  assertEquals([lacks("a-b=1", "a_b=1"), lacks('a="1"', "a=1"), lacks("a", "a a"), lacks("a a", "a")], [
    [],
    [],
    undefined,
    ["a"],
  ]);
  assertEquals([lacks("a -- single", "a"), lacks("a -- single", "a -- single"), lacks("a single", "a -- single")], [
    ["-- single"],
    [],
    undefined,
  ]);
  assertEquals(lacks("a initrd=x BOOT_IMAGE=y warmboot.plan=0 warmboot.guard=", "a"), []);
});

pure("the command line of an entry is its own, else that of its image, by profile", () => {
  const image = "/efi/a.efi";
  const files = layout({ [`${image}/.cmdline`]: "all", [`${image}/@1/.cmdline`]: "one" });
  const of = (more: Partial<FoundEntry>) => {
    const { cmdline: _, ...rest } = found("x", { kernel: image });
    return cmdlineOf(files, { ...rest, ...more });
  };
  assertEquals([
    of({ isProgram: true }),
    of({ isProgram: true, profile: "1" }),
    of({ isProgram: true, profile: "2" }),
    of({ isProgram: true, cmdline: "own" }),
    // Of a kernel whose command line is not known, nothing in its file is it.
    of({}),
  ], ["all", "one", "all", "own", undefined]);
});
