import { assertEquals, assertStringIncludes } from "@std/assert";
import { coldBoot } from "../../src/entry/cold_boot.ts";
import { mountsOf } from "../../src/entry/file_systems.ts";
import { grubEntryNames } from "../../src/entry/grub/boot.ts";
import { describeEntry } from "../../src/entry/found_entry.ts";
import {
  ARCH,
  bootNumberVariable,
  DEBIAN,
  FEDORA,
  layout,
  type LayoutFiles,
  loaderVariables,
  loadOptionVariable,
  OPENSUSE,
  OSTREE,
  SDBOOT,
  UEFI,
} from "../support/boot_layout.ts";

const BIOS = { machine: "x86_64" } as const;
const UUID = "5b1d6a0c-7f0e-4d52-9a47-3c9f0a3f6c11";

type Changes = Parameters<typeof layout>[1];

function found(files: LayoutFiles, changes: Changes = {}, id?: string, host: Parameters<typeof coldBoot>[1] = UEFI) {
  const { value, diagnostics } = coldBoot(layout(files, changes), host, id);
  return {
    id: value?.id,
    kernel: value?.kernel,
    initrd: value?.initrd,
    cmdline: value?.cmdline,
    said: value === undefined ? undefined : describeEntry(value),
    problems: diagnostics.map(({ severity, message }) => `${severity}: ${message}`),
    where: diagnostics.map(({ position }) => position === undefined ? "" : `${position.file}:${position.line}`),
  };
}

Deno.test({
  name: "Debian with GRUB boots the first entry, from the file system that its script searches for",
  permissions: "none",
  fn() {
    for (const host of [UEFI, BIOS]) {
      assertEquals(found(DEBIAN, {}, undefined, host), {
        id: `gnulinux-simple-${UUID}`,
        kernel: "/boot/vmlinuz-6.12.117+deb13-amd64",
        initrd: ["/boot/initrd.img-6.12.117+deb13-amd64"],
        cmdline: `root=UUID=${UUID} ro quiet`,
        said:
          `GRUB boots \`gnulinux-simple-${UUID}\` (Debian GNU/Linux): \`default\` is \`0\`, set at /boot/grub/grub.cfg:19`,
        problems: [],
        where: [],
      });
    }
  },
});

/** Debian's configuration with a line in place of `set default="0"`, or more of it at the end. */
function debian(from: string, to: string): string {
  const text = DEBIAN["/boot/grub/grub.cfg"];
  if (typeof text !== "string" || !text.includes(from)) throw new Error(`The layout has no ${from}`);
  return text.replace(from, () => to);
}

/** A part of what was found. */
function pick<Key extends keyof ReturnType<typeof found>>(all: ReturnType<typeof found>, ...keys: Key[]) {
  return Object.fromEntries(keys.map((key) => [key, all[key]]));
}

function environment(values: { readonly [name: string]: string }): string {
  const lines = Object.entries(values).map(([name, value]) => `${name}=${value.replaceAll("\\", "\\\\")}\n`);
  return `# GRUB Environment Block\n${lines.join("")}`.padEnd(1024, "#");
}

const OLD = `gnulinux-advanced-${UUID}>gnulinux-6.1.0-50-amd64-advanced-${UUID}`;

Deno.test({
  name: "GRUB's default is an entry of a submenu, by number, ID or title",
  permissions: "none",
  fn() {
    const advanced = "Advanced options for Debian GNU/Linux";
    for (
      const wanted of [
        "1>2",
        `gnulinux-advanced-${UUID}>gnulinux-6.1.0-50-amd64-advanced-${UUID}`,
        `${advanced}>Debian GNU/Linux, with Linux 6.1.0-50-amd64`,
        `${advanced}>2`,
      ]
    ) {
      const config = debian('set default="0"', `set default="${wanted}"`);
      assertEquals(pick(found(DEBIAN, { "/boot/grub/grub.cfg": config }), "id", "kernel", "problems"), {
        id: OLD,
        kernel: "/boot/vmlinuz-6.1.0-50-amd64",
        problems: [],
      });
      assertEquals(found(DEBIAN, {}, wanted).kernel, "/boot/vmlinuz-6.1.0-50-amd64");
    }
    // A submenu by itself: within it, no default is set, so that its first entry counts.
    const config = debian('set default="0"', 'set default="1"');
    assertEquals(
      found(DEBIAN, { "/boot/grub/grub.cfg": config }).id,
      `gnulinux-advanced-${UUID}>gnulinux-6.12.117+deb13-amd64-advanced-${UUID}`,
    );
  },
});

Deno.test({
  name: "a submenu of GRUB has only the variables that are exported, and so has a file that it goes on with",
  permissions: "none",
  fn() {
    const [linux, initrd] = ["linux /boot/vmlinuz-6.1.0-50-amd64", "initrd /boot/initrd.img-6.1.0-50-amd64"];
    const words = "plain=$plain ex=$ex late=$late inner=$inner default=$default chosen=$chosen";
    // What GRUB 2.06 says of such variables in a submenu.
    const lines = `set default="1>a>b"
plain=1
export ex late
ex=2
if keystatus; then export maybe; fi
menuentry 'top' { ${linux} ${words}
  ${initrd} }
submenu 'S' --id 'a>b' {
  set inner=3
  menuentry 'E' { ${linux} ${words}
    ${initrd} }
  menuentry 'M' { ${linux} maybe=$maybe }
}
`;
    const grub = (text: string) => ({ "/boot/grub/grub.cfg": `set root=fs-uuid/${UUID}\nset timeout=5\n${text}` });
    const of = (text: string, id?: string, more: Changes = {}) =>
      pick(found(DEBIAN, { ...grub(text), ...more }, id), "cmdline", "problems");
    const inner = "plain= ex=2 late= inner=3 default= chosen=a>>b>E";
    assertEquals(of(lines.replace("1>a>b", "1")), { cmdline: inner, problems: [] });
    assertEquals(of(lines, "0").cmdline, "plain=1 ex=2 late= inner= default= chosen=top");
    assertEquals(of(lines, "1>0").cmdline, inner);
    // A variable that is set again after it was unset is not exported any more.
    assertEquals(of(lines.replace("ex=2", "ex=2; unset ex; ex=4"), "1>0").cmdline, inner.replace("ex=2", "ex="));
    assertEquals(of(`maybe=\n${lines}`, "1>1").cmdline, "maybe=");
    const { value } = coldBoot(layout(DEBIAN, grub(`maybe=5\n${lines}`)), UEFI, "1>1");
    assertEquals(value?.unknownCmdline, "whether `maybe` is exported");
    const other = { "/boot/grub/other.cfg": `set timeout=5\nmenuentry 'E' { ${linux} ${words}\n}\n` };
    const going = `set default=1\nplain=1\nexport ex\nex=2\n`;
    for (const command of ["configfile", "source"]) {
      const { cmdline } = of(`${going}${command} /boot/grub/other.cfg\n`, "0", other);
      const has = command === "source" ? "1" : "";
      assertEquals(cmdline, `plain=${has} ex=2 late= inner= default= chosen=E`);
    }
  },
});

Deno.test({
  name: "GRUB's saved variables choose the entry, and one that counts once is said to",
  permissions: "none",
  fn() {
    const saved = debian('set default="0"', 'set default="${saved_entry}"');
    const of = (values: { readonly [name: string]: string }, config = saved) =>
      found(DEBIAN, { "/boot/grub/grub.cfg": config, "/boot/grub/grubenv": environment(values) });
    assertEquals(
      of({ saved_entry: OLD }).said,
      `GRUB boots \`${OLD}\` (Debian GNU/Linux, with Linux 6.1.0-50-amd64): ` +
        "`saved_entry` in /boot/grub/grubenv names it",
    );
    assertEquals(
      of({ saved_entry: "0", next_entry: "1>2" }).said,
      `GRUB boots \`${OLD}\` (Debian GNU/Linux, with Linux 6.1.0-50-amd64): ` +
        "`next_entry` in /boot/grub/grubenv names it, for the next boot only",
    );
    assertEquals(
      of({ saved_entry: "gone" }).said,
      `GRUB boots \`gnulinux-simple-${UUID}\` (Debian GNU/Linux): \`saved_entry\` in /boot/grub/grubenv is \`gone\`, ` +
        "which no entry is called, so that the first one counts",
    );
    assertStringIncludes(of({}).said ?? "", "no default is set, so that the first entry counts");
  },
});

Deno.test({
  name: "a command that GRUB does not have is named; one that is not understood is refused, if it is reached",
  permissions: "none",
  fn() {
    const list = { "/boot/grub/x86_64-efi/command.lst": "*search: search\nlinux: linux\nfrob: frob\n" };
    const custom = debian("### BEGIN /etc/grub.d/41_custom ###", "warmup --fast\n### BEGIN /etc/grub.d/41_custom ###");
    const line = custom.split("\n").indexOf("warmup --fast") + 1;
    const named = found(DEBIAN, { "/boot/grub/grub.cfg": custom, ...list });
    assertEquals(pick(named, "kernel", "problems", "where"), {
      kernel: "/boot/vmlinuz-6.12.117+deb13-amd64",
      problems: [
        `warning: \`warmup\` at /boot/grub/grub.cfg:${line} is neither a command of this GRUB nor a function: ` +
        "GRUB reports it and goes on",
      ],
      where: [`/boot/grub/grub.cfg:${line}`],
    });
    const mark = "### BEGIN /etc/grub.d/41_custom ###";
    const many = found(DEBIAN, {
      "/boot/grub/grub.cfg": debian(mark, `${"warmup\n".repeat(22)}${mark}`),
      ...list,
    });
    assertEquals(many.problems.length, 21);
    assertEquals(many.problems.at(-1), "warning: There are 2 more problems in GRUB's configuration");
    const refused = (config: string, more: Changes = {}) =>
      pick(found(DEBIAN, { "/boot/grub/grub.cfg": config, ...more }), "problems");
    const message = (command: string) => ({
      problems: [
        `error: The command \`${command}\` at /boot/grub/grub.cfg:${line} is not understood, and could change what GRUB boots`,
      ],
    });
    // Without the list, it may be a command.
    assertEquals(refused(custom), message("warmup"));
    assertEquals(refused(custom.replace("warmup --fast", "frob"), list), message("frob"));
    // In an entry that is not booted, and in a branch that is not taken, it does not matter.
    const other = debian("ro single\n", "ro single\nwarmup\n");
    assertEquals(refused(other), { problems: [] });
    assertEquals(refused(debian('set default="0"', 'set default="0"\nif false; then warmup; fi')), { problems: [] });
    // In the entry that is booted, it does.
    assertStringIncludes(
      String(refused(debian("echo\t'Loading Linux", "warmup\necho\t'Loading Linux")).problems),
      "not understood",
    );
  },
});

Deno.test({
  name: "what only GRUB knows is refused where it decides, and passed over where it does not",
  permissions: "none",
  fn() {
    const of = (line: string) =>
      pick(found(DEBIAN, { "/boot/grub/grub.cfg": debian('set default="0"', line) }), "kernel", "problems");
    const newest = { kernel: "/boot/vmlinuz-6.12.117+deb13-amd64", problems: [] };
    assertEquals(of('if keystatus --shift; then set timeout=-1; fi\nset default="0"'), newest);
    assertEquals(of('if keystatus --shift; then set default=1; else set default=1; fi\nset default="0"'), newest);
    assertEquals(of('if keystatus --shift; then set default="1>2"; else set default=0; fi').problems, [
      "error: Which entry GRUB boots depends on the condition at /boot/grub/grub.cfg:19",
    ]);
    assertEquals(of("read default").problems, [
      "error: Which entry GRUB boots depends on what `read` finds at /boot/grub/grub.cfg:19",
    ]);
    assertEquals(of('set default="$cmdpath"').problems, [
      "error: Which entry GRUB boots depends on `cmdpath`, which GRUB sets",
    ]);
    // Entries that may be there come before the one that is named by its place.
    assertEquals(of('if keystatus; then menuentry "A" { true; }; fi\nset default=0').problems, [
      "error: Which entry GRUB boots depends on the condition at /boot/grub/grub.cfg:19",
    ]);
    assertEquals(of(`if keystatus; then menuentry "A" { true; }; fi\nset default=gnulinux-simple-${UUID}`), newest);
    assertEquals(of(`menuentry "$cmdpath" { true; }\nset default=gnulinux-simple-${UUID}`).problems, [
      "error: Which entry GRUB boots depends on the name of the entry at /boot/grub/grub.cfg:19",
    ]);
    assertEquals(of("while keystatus; do true; done").problems, [
      "error: Cannot know how often the loop at /boot/grub/grub.cfg:19 runs",
    ]);
    assertEquals(of("while true; do true; done").problems, [
      "error: GRUB's configuration takes too many steps to follow",
    ]);
    assertEquals(of("set default=0 && true").problems, [
      "error: /boot/grub/grub.cfg has `&` in `set default=0 && true`",
    ]);
    const recursive = debian("### BEGIN /etc/grub.d/41_custom ###", "function f {\n  f\n}\nf\n###");
    const line = recursive.split("\n").indexOf("  f") + 1;
    assertEquals(found(DEBIAN, { "/boot/grub/grub.cfg": recursive }).problems, [
      `error: Functions and files call each other more than 50 deep at /boot/grub/grub.cfg:${line}`,
    ]);
  },
});

Deno.test({
  name: "a file system that is not mounted is named, and so is a kernel that is missing",
  permissions: "none",
  fn() {
    const other = "00000000-1111-2222-3333-444444444444";
    const config = debian(
      `  search --no-floppy --fs-uuid --set=root --hint-bios=hd0,gpt2 --hint-efi=hd0,gpt2 --hint-baremetal=ahci0,gpt2  ${UUID}\n\telse`,
      `  search --no-floppy --fs-uuid --set=root ${other}\n\telse`,
    );
    assertEquals(found(DEBIAN, { "/boot/grub/grub.cfg": config }).problems, [
      `error: /boot/vmlinuz-6.12.117+deb13-amd64 of the entry \`gnulinux-simple-${UUID}\` of GRUB cannot be found: ` +
      `the file system with the UUID ${other} is not mounted`,
    ]);
    const unsearched = debian(
      "menuentry 'Debian GNU/Linux' ",
      "menuentry 'X' { set root='hd0,gpt2'\nlinux /vmlinuz\n}\nmenuentry 'Debian GNU/Linux' ",
    );
    assertEquals(found(DEBIAN, { "/boot/grub/grub.cfg": unsearched }).problems, [
      "error: /vmlinuz of the entry `X` of GRUB cannot be found: `hd0,gpt2` is a name that only GRUB knows, and not searched for",
    ]);
    const kernel = "/boot/vmlinuz-6.12.117+deb13-amd64";
    assertEquals(found(DEBIAN, { [kernel]: null }).problems, [
      `error: The entry \`gnulinux-simple-${UUID}\` of GRUB boots ${kernel}, which does not exist`,
    ]);
    const fallback = debian('set default="0"', 'set default="0"\nset fallback="2 0"') +
      "menuentry 'Spare' --id spare { search --label --set rescue\nlinux /boot/vmlinuz-6.1.0-50-amd64 ro\n}\n";
    const withLabel = { "/run/udev/data/b8:2": `${DEBIAN["/run/udev/data/b8:2"]}E:ID_FS_LABEL_ENC=rescue\n` };
    // The firmware's entry may come before it: its place is then not known.
    assertEquals(found(DEBIAN, { [kernel]: null, "/boot/grub/grub.cfg": fallback, ...withLabel }).id, undefined);
    assertEquals(
      found(DEBIAN, { [kernel]: null, "/boot/grub/grub.cfg": fallback, ...withLabel }, undefined, BIOS).said,
      `GRUB boots \`spare\` (Spare): the entry \`gnulinux-simple-${UUID}\` cannot start, because ${kernel} is missing, ` +
        "and `fallback` names this one",
    );
  },
});

Deno.test({
  name: "a command line that only GRUB knows leaves the rest known; that GRUB would wait for a key is said",
  permissions: "none",
  fn() {
    // Ubuntu's: vt_handoff depends on a list of graphics cards.
    const config = debian(
      "function gfxmode {\n",
      "hwmatch list 3\nif [ $match = 0 ]; then handoff=vt.handoff=7; else handoff=; fi\nfunction gfxmode {\n",
    )
      .replaceAll("ro  quiet", "ro quiet splash $handoff").replaceAll("set timeout=5", "set timeout=-1");
    const { value, diagnostics } = coldBoot(layout(DEBIAN, { "/boot/grub/grub.cfg": config }), UEFI);
    assertEquals([value?.kernel, value?.cmdline], ["/boot/vmlinuz-6.12.117+deb13-amd64", undefined]);
    assertStringIncludes(value?.unknownCmdline ?? "", "the condition at /boot/grub/grub.cfg:");
    assertEquals(diagnostics.map(({ message }) => message), [
      "GRUB waits for a key before it boots: `timeout` is `-1`",
    ]);
    const forced = { ...SD257, "/boot/loader/loader.conf": "timeout menu-force\ndefault arch.conf\n" };
    assertEquals(found(ARCH, forced).problems, [
      "warning: systemd-boot waits for a key before it boots: its timeout is `menu-force`",
    ]);
  },
});

Deno.test({
  name: "what is not Linux is refused by what it is",
  permissions: "none",
  fn() {
    const of = (body: string) =>
      found(DEBIAN, {
        "/boot/grub/grub.cfg": debian(
          "menuentry 'Debian GNU/Linux' ",
          `menuentry 'X' { ${body} }\nmenuentry 'Debian GNU/Linux' `,
        ),
      }).problems;
    assertEquals(of("multiboot2 /xen.gz"), [
      "error: The command `multiboot2` starts a Multiboot kernel, which kexec cannot do",
    ]);
    assertEquals(of("fwsetup"), [
      "error: The command `fwsetup` opens the setup of the firmware, which kexec cannot do",
    ]);
    assertEquals(of("true"), ["error: The entry `X` of GRUB starts no kernel"]);
    assertEquals(of("linux /boot/vmlinuz-6.1.0-50-amd64 ro\ninitrd newc:x:/boot/initrd.img-6.1.0-50-amd64"), [
      "error: The entry `X` of GRUB packs a file into the initrd: `newc:x:/boot/initrd.img-6.1.0-50-amd64`",
    ]);
  },
});

Deno.test({
  name: "GRUB quotes a parameter with spaces as a whole, and escapes quotes",
  permissions: "none",
  fn() {
    const body = `linux /boot/vmlinuz-6.1.0-50-amd64 "a b" c='d e' f\\"g h=$one "$one" $none end
	initrd /boot/initrd.img-6.1.0-50-amd64 /boot/initrd.img-6.12.117+deb13-amd64`;
    const config = debian(
      "menuentry 'Debian GNU/Linux' ",
      `one="1  2"\nmenuentry 'X' {\n${body}\n}\nmenuentry 'Debian GNU/Linux' `,
    );
    const all = found(DEBIAN, { "/boot/grub/grub.cfg": config });
    assertEquals(all.cmdline, `"a b" "c=d e" f\\"g h=1 2 "1  2" end`);
    assertEquals(all.initrd, ["/boot/initrd.img-6.1.0-50-amd64", "/boot/initrd.img-6.12.117+deb13-amd64"]);
  },
});

const FEDORA_ID = "4ea28d8e2d1b4f5fa5f0c3d9d0a1b2c3";

Deno.test({
  name: "Fedora's GRUB goes from the ESP to /boot, and boots entries by blscfg, with variables of grubenv",
  permissions: "none",
  fn() {
    const firmware = {
      ...bootNumberVariable("BootCurrent", 1),
      ...loadOptionVariable(1, "Fedora", "\\EFI\\fedora\\shimx64.efi"),
    };
    for (const more of [{}, firmware, loaderVariables({ LoaderInfo: "GRUB 2.12" })]) {
      assertEquals(pick(found(FEDORA, more), "id", "kernel", "initrd", "cmdline", "problems"), {
        id: `${FEDORA_ID}-6.11.4-301.fc41.x86_64`,
        kernel: "/boot/vmlinuz-6.11.4-301.fc41.x86_64",
        initrd: ["/boot/initramfs-6.11.4-301.fc41.x86_64.img"],
        cmdline:
          "root=UUID=c0ffee00-0000-4000-8000-000000000001 ro rootflags=subvol=root rhgb quiet isolcpus=2-3 nohz=on",
        problems: [],
      });
    }
    // Without grubenv: the first of the list, which is the newest, and the options of grub.cfg.
    assertEquals(pick(found(FEDORA, { "/boot/grub2/grubenv": null }), "id", "cmdline"), {
      id: `${FEDORA_ID}-6.11.10-300.fc41.x86_64`,
      cmdline: "root=UUID=c0ffee00-0000-4000-8000-000000000001 ro rootflags=subvol=root rhgb quiet",
    });
    const counting = environment({ boot_counter: "0", boot_success: "0", saved_entry: "x" });
    assertEquals(found(FEDORA, { "/boot/grub2/grubenv": counting }).id, `${FEDORA_ID}-6.11.4-301.fc41.x86_64`);
    assertEquals(found(FEDORA, {}, `${FEDORA_ID}-6.9.7-200.fc40.x86_64`).kernel, "/boot/vmlinuz-6.9.7-200.fc40.x86_64");
    assertEquals(found(FEDORA, {}, "3").problems, [
      `error: The entry \`${FEDORA_ID}-0-rescue\` of GRUB boots /boot/vmlinuz-0-rescue-${FEDORA_ID}, which does not exist`,
    ]);
  },
});

Deno.test({
  name: "openSUSE's GRUB reads a subvolume, and CoreOS' the deployment of ostree",
  permissions: "none",
  fn() {
    assertEquals(pick(found(OPENSUSE), "kernel", "cmdline", "problems"), {
      kernel: "/boot/vmlinuz-6.4.0-150600.23.30-default",
      cmdline: "root=UUID=d2f8c6a1-9b0e-4a55-8a3c-0d1e2f3a4b5c splash=silent mitigations=auto quiet security=apparmor",
      problems: ["warning: GRUB reads the default subvolume of /dev/vda2, which is taken to be the one mounted at /"],
    });
    assertEquals(found(OPENSUSE, { "/boot/grub2/grubenv": environment({ env_block: "512+1" }) }).problems, [
      "error: GRUB reads its saved variables at /boot/grub2/grub.cfg:11, and these cannot be found: " +
      "`(fs-device/254:2)512+1` is not an absolute path",
    ]);
    const path = "/boot/ostree/fedora-coreos-9c41";
    assertEquals(pick(found(OSTREE), "id", "kernel", "initrd", "cmdline"), {
      id: "ostree-2",
      kernel: `${path}/vmlinuz-6.11.6-300.fc41.x86_64`,
      initrd: [`${path}/initramfs-6.11.6-300.fc41.x86_64.img`],
      cmdline:
        "rw mitigations=auto,nosmt ostree=/ostree/boot.1/fedora-coreos/9c41/0 ignition.platform.id=metal console=tty0 root=UUID=8a0b",
    });
    const first = { "/boot/ignition.firstboot": "set ignition_network_kcmdline='ip=dhcp'\n" };
    assertStringIncludes(found(OSTREE, first).cmdline ?? "", "nosmt ignition.firstboot ip=dhcp ostree=");
  },
});

const SD257 = loaderVariables({ LoaderInfo: "systemd-boot 257.1" });
const SD260 = loaderVariables({ LoaderInfo: "systemd-boot 260.2" });
const MACHINE = "0123456789abcdef0123456789abcdef";
const ENTRIES = "/boot/efi/loader/entries";

Deno.test({
  name: "systemd-boot's default: one-shot, preferred, variable, loader.conf, then the first of its list",
  permissions: "none",
  fn() {
    const of = (values: { readonly [name: string]: string }, changes: Changes = {}, loader = SD257) =>
      pick(found(SDBOOT, { ...loader, ...loaderVariables(values), ...changes }), "id", "said");
    const [newest, old] = [`${MACHINE}-6.1.0-50-amd64.conf`, `${MACHINE}-6.1.0-9-amd64.conf`];
    const says = (id: string, rule: string) => ({
      id,
      said: `systemd-boot boots \`${id}\` (Debian GNU/Linux 12 (bookworm)): ${rule}`,
    });
    assertEquals(of({}), says(newest, "no default is set, so that the first entry of its list counts"));
    assertEquals(of({ LoaderEntryDefault: old }), says(old, "LoaderEntryDefault names it"));
    assertEquals(
      of({ LoaderEntryDefault: newest, LoaderEntryOneShot: old.toUpperCase() }),
      says(old, "LoaderEntryOneShot names it, for the next boot only"),
    );
    const conf = (text: string) => ({ "/boot/efi/loader/loader.conf": text });
    assertEquals(
      of({}, conf("default *-9-amd64.conf\n")),
      says(old, "`default` in /boot/efi/loader/loader.conf is `*-9-amd64.conf`"),
    );
    assertEquals(of({ LoaderEntryDefault: newest }, conf("default *-9-amd64.conf\n")).id, newest);
    // Of several lines the last one counts, except where its value is not understood.
    assertEquals(of({}, conf(`default ${newest}\ntimeout 3\n  default\t${old}  \r\n`)).id, old);
    assertEquals(of({}, conf(`default ${old}\ndefault ${newest}\n`)).id, newest);
    assertEquals(of({}, conf(`default ${old}\ndefault @other\ndefault\n#default ${newest}\n`)).id, old);
    assertEquals(
      of({ LoaderEntryLastBooted: old }, conf("default @saved\n")),
      says(old, "`default` in /boot/efi/loader/loader.conf is `@saved`, and LoaderEntryLastBooted names it"),
    );
    assertEquals(of({}, conf("default @saved\n")).id, newest);
    assertEquals(of({}, conf("default @other\n")).id, newest);
    assertEquals(of({ LoaderEntryDefault: "gone.conf" }).id, newest);
    // From systemd 260, and only where the entry has tries left.
    assertEquals(of({ LoaderEntryPreferred: old, LoaderEntryDefault: newest }).id, newest);
    assertEquals(
      of({ LoaderEntryPreferred: old, LoaderEntryDefault: newest }, {}, SD260),
      says(old, "LoaderEntryPreferred names it"),
    );
    const text = SDBOOT[`${ENTRIES}/${old}`] ?? "";
    const bad = { [`${ENTRIES}/${old}`]: null, [`${ENTRIES}/${old.replace(".conf", "+0-3.conf")}`]: text };
    assertEquals(of({ LoaderEntryPreferred: old, LoaderEntryDefault: newest }, bad, SD260).id, newest);
  },
});

Deno.test({
  name: "systemd-boot's order: sort key, machine, version, and entries without tries last",
  permissions: "none",
  fn() {
    const entry = (lines: string) => `linux /vmlinuz-linux\n${lines}`;
    const first = (entries: { readonly [name: string]: string }) => {
      const files = Object.fromEntries(
        Object.entries(entries).map(([name, lines]) => [`/boot/loader/entries/${name}`, entry(lines)]),
      );
      return found(ARCH, {
        ...SD257,
        "/boot/loader/loader.conf": "timeout 3\n",
        "/boot/loader/entries/arch.conf": null,
        "/boot/loader/entries/arch-fallback.conf": null,
        ...files,
      }).id;
    };
    assertEquals(first({ "a.conf": "version 1", "b.conf": "version 2" }), "b.conf");
    assertEquals(first({ "a.conf": "sort-key x", "b.conf": "version 2" }), "a.conf");
    assertEquals(
      first({ "a.conf": "sort-key x\nversion 6.1.0-9", "b.conf": "sort-key x\nversion 6.1.0-10" }),
      "b.conf",
    );
    assertEquals(first({ "a.conf": "sort-key x\nversion 6.12~rc1", "b.conf": "sort-key x\nversion 6.12" }), "b.conf");
    assertEquals(first({ "a+3.conf": "sort-key x\nversion 1", "b+0-3.conf": "sort-key x\nversion 2" }), "a.conf");
    assertEquals(first({ "auto-a.conf": "", "b.conf": "architecture aa64", "c.conf": "architecture X64" }), "c.conf");
    assertEquals(first({ "a.conf": "", "b.conf": "efi /shell.efi" }), "a.conf");
    // Which of the fields decides, in turn.
    for (
      const [better, worse] of [
        [["a", "sort-key a"], ["z", "title Z"]],
        [["a", "sort-key a"], ["z", "sort-key b"]],
        [["a", "sort-key a; machine-id 1"], ["z", "sort-key a; machine-id 2"]],
        [["a", "sort-key a; machine-id 1; version 1"], ["z", "sort-key a; machine-id 2; version 9"]],
        [["a", "sort-key a; version 10"], ["z", "sort-key a; version 9"]],
        [["a", "sort-key a; machine-id 1; version 10"], ["z", "sort-key a; machine-id 1; version 9"]],
        [["b-10", ""], ["b-9", ""]],
        [["z", ""], ["a", ""]],
        [["a", ""], ["z+0-3", ""]],
        [["z+3-1", ""], ["z+2-2", ""]],
        [["z+3-1", ""], ["z+3-2", ""]],
      ] as const
    ) {
      const [name, lines, other, others] = [...better, ...worse].map((text) => text.replaceAll("; ", "\n"));
      const wanted = `${name?.replace(/\+.*/, "")}.conf`;
      const pairs = [[`${name}.conf`, lines ?? ""], [`${other}.conf`, others ?? ""]] as const;
      assertEquals([better, worse, first(Object.fromEntries(pairs))], [better, worse, wanted]);
      assertEquals([better, worse, first(Object.fromEntries(pairs.toReversed()))], [better, worse, wanted]);
    }
  },
});

Deno.test({
  name: "systemd-boot's keys that kexec cannot honour are named",
  permissions: "none",
  fn() {
    const of = (lines: string) =>
      found(ARCH, {
        ...SD257,
        "/boot/loader/entries/arch.conf":
          `title T\nlinux /vmlinuz-linux\ninitrd /a\ninitrd \\b\noptions x\noptions y\n${lines}\n`,
      });
    assertEquals(pick(of(""), "initrd", "cmdline", "problems"), {
      initrd: ["/boot/a", "/boot/b"],
      cmdline: "x y",
      problems: [],
    });
    assertEquals(of("devicetree-overlay /a.dtbo /b.dtbo").problems, [
      "error: The entry `arch.conf` of systemd-boot applies the device tree overlays /a.dtbo, /b.dtbo, which warmboot does not",
    ]);
    assertEquals(of("extra /my.cred").problems, [
      "warning: The entry `arch.conf` of systemd-boot adds /my.cred to the initrd, which kexec does not",
    ]);
    assertEquals(of("extra /my.addon.efi").problems, [
      "error: The entry `arch.conf` of systemd-boot has the addons /my.addon.efi, which change what it boots",
    ]);
    assertEquals(
      found(ARCH, {
        ...SD257,
        ...loaderVariables({ LoaderEntryDefault: "auto-windows" }),
        "/boot/EFI/Microsoft/Boot/bootmgfw.efi": { error: "EFBIG" },
      }).problems,
      [
        "error: systemd-boot starts Windows, as LoaderEntryDefault says, and not Linux",
      ],
    );
    assertEquals(found(ARCH, { ...SD257, ...loaderVariables({ LoaderEntrySysFail: "arch-fallback.conf" }) }).problems, [
      "warning: If a firmware update failed, systemd-boot boots `arch-fallback.conf` instead (LoaderEntrySysFail)",
    ]);
    assertEquals(found(ARCH, SD257, "archh").problems, ["error: systemd-boot has no entry `archh` for this machine"]);
    assertEquals(found(ARCH, SD257, "arch-fallback").initrd, ["/boot/initramfs-linux-fallback.img"]);
  },
});

Deno.test({
  name: "unified kernel images are entries, one for each of their profiles",
  permissions: "none",
  fn() {
    const image = "/boot/EFI/Linux/arch-6.12+2-1.efi";
    const files = {
      ...SD257,
      "/boot/loader/loader.conf": "timeout 3\n",
      [`${image}/.osrel`]: 'ID=arch\nPRETTY_NAME="Arch Linux"\nVERSION_ID=6.12\n',
    };
    assertEquals(pick(found(ARCH, files), "id", "kernel", "initrd", "cmdline"), {
      id: "arch-6.12.efi",
      kernel: image,
      initrd: [],
      cmdline: undefined,
    });
    const profiles = {
      ...files,
      [`${image}/@0/.profile`]: "ID=main\n",
      [`${image}/@1/.profile`]: "ID=rescue\nTITLE=Rescue\n",
    };
    const { value } = coldBoot(layout(ARCH, profiles), UEFI, "arch-6.12.efi@rescue");
    assertEquals([value?.kernel, value?.profile, value?.title], [image, "1", "Arch Linux (Rescue)"]);
    assertEquals(found(ARCH, profiles).id, "arch-6.12.efi");
  },
});

Deno.test({
  name: "which boot loader it is: LoaderInfo, else what is there, else what the firmware started; else refused",
  permissions: "none",
  fn() {
    const NONE: LayoutFiles = {};
    const said = (files: LayoutFiles, changes: Changes = {}) =>
      found(files, changes).said?.split(" boots")[0] ?? found(files, changes).problems[0];
    assertEquals(
      said(NONE),
      "error: No boot loader is found: there is neither LoaderInfo of systemd-boot, nor a grub.cfg in /boot/grub or /boot/grub2",
    );
    assertEquals(
      said(NONE, loaderVariables({ LoaderInfo: "rEFInd 0.14.2" })),
      "error: The boot loader is rEFInd 0.14.2, whose entries warmboot does not read",
    );
    const both = { ...SDBOOT, ...DEBIAN, "/proc/self/mountinfo": DEBIAN["/proc/self/mountinfo"] ?? "" };
    assertEquals(said(both, SD257), "systemd-boot");
    assertEquals(
      said(both),
      "error: Cannot determine which boot loader a cold reset starts: there are /boot/grub/grub.cfg of GRUB and systemd-boot in /boot/efi, and no EFI variable says which was started",
    );
    const started = (file: string) => ({
      ...bootNumberVariable("BootCurrent", 3),
      ...loadOptionVariable(3, "Linux", file),
    });
    assertEquals(said(both, started("\\EFI\\systemd\\systemd-bootx64.efi")), "systemd-boot");
    assertEquals(said(both, started("\\EFI\\debian\\shimx64.efi")), "GRUB");
    const next = { ...started("\\EFI\\debian\\shimx64.efi"), ...bootNumberVariable("BootNext", 4) };
    assertEquals(
      said(both, { ...next, ...loadOptionVariable(4, "Windows Boot Manager", "\\EFI\\Microsoft\\Boot\\bootmgfw.efi") }),
      "error: The firmware starts `Windows Boot Manager` next (BootNext), and not the boot loader that started this system",
    );
    assertEquals(said(both, { ...next, ...loadOptionVariable(4, "debian", "\\EFI\\debian\\grubx64.efi") }), "GRUB");
    const twice = { ...DEBIAN, "/boot/grub2/grub.cfg": "" };
    assertEquals(
      said(twice),
      "error: Cannot determine which configuration GRUB reads: there are /boot/grub/grub.cfg and /boot/grub2/grub.cfg",
    );
    assertEquals(
      said(NONE, { "/boot/grub/grub.cfg": { error: "EACCES" } }),
      "error: Cannot read /boot/grub/grub.cfg (EACCES), which may be the boot loader's",
    );
    const elsewhere = loaderVariables({
      LoaderInfo: "systemd-boot 257",
      LoaderDevicePartUUID: "ffffffff-0000-0000-0000-000000000000",
    });
    assertEquals(
      said(SDBOOT, elsewhere),
      "error: The partition, with the PARTUUID ffffffff-0000-0000-0000-000000000000, that systemd-boot was started from is not mounted at any place that is known",
    );
  },
});

Deno.test({
  name: "all entries of GRUB are named as `boot_entry` takes them, those of submenus by their path",
  permissions: "none",
  fn() {
    const names = (config: string) => {
      const files = layout({ ...DEBIAN, "/boot/grub/grub.cfg": config });
      return grubEntryNames({
        host: { files, mounts: mountsOf(files) },
        path: "/boot/grub/grub.cfg",
        platform: undefined,
      });
    };
    const text = String(DEBIAN["/boot/grub/grub.cfg"]);
    const all = names(text);
    assertEquals(all, [
      "gnulinux-simple-5b1d6a0c-7f0e-4d52-9a47-3c9f0a3f6c11",
      "gnulinux-advanced-5b1d6a0c-7f0e-4d52-9a47-3c9f0a3f6c11>gnulinux-6.12.117+deb13-amd64-advanced-5b1d6a0c-7f0e-4d52-9a47-3c9f0a3f6c11",
      "gnulinux-advanced-5b1d6a0c-7f0e-4d52-9a47-3c9f0a3f6c11>gnulinux-6.12.117+deb13-amd64-recovery-5b1d6a0c-7f0e-4d52-9a47-3c9f0a3f6c11",
      "gnulinux-advanced-5b1d6a0c-7f0e-4d52-9a47-3c9f0a3f6c11>gnulinux-6.1.0-50-amd64-advanced-5b1d6a0c-7f0e-4d52-9a47-3c9f0a3f6c11",
    ]);
    for (const name of all.slice(0, 3)) assertEquals(found(DEBIAN, {}, name).id, name);
    // What is wrong with one entry does not hide the others.
    assertEquals(
      names(
        "menuentry 'a>b' { frob; }\nsubmenu c {\nmenuentry d { linux /k; }\nmenuentry e { linux /k; }\n}\nmenuentry f { true; }",
      ),
      ["a>>b", "c>d", "c>e", "f"],
    );
    assertEquals(names("frob"), []);
  },
});

Deno.test({
  name: "GRUB asks for a password where there are superusers, except before entries without a restriction",
  permissions: "none",
  fn() {
    const of = (entry: string) =>
      found(DEBIAN, {
        "/boot/grub/grub.cfg": `set timeout=1\nset superusers="root"\n${
          debian("menuentry 'Debian GNU/Linux' ", entry)
        }`,
      }).problems;
    const [plain, free] = ["menuentry 'Debian GNU/Linux' ", "menuentry 'Debian GNU/Linux' --unrestricted "].map(of);
    assertEquals([plain, free], [[
      "warning: GRUB asks for a password before it boots `gnulinux-simple-5b1d6a0c-7f0e-4d52-9a47-3c9f0a3f6c11`",
    ], []]);
  },
});
