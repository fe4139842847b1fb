/** `blscfg` and `uki` of GRUB 2.14. */
import { assertEquals } from "@std/assert";
import { coldBoot } from "../../src/entry/cold_boot.ts";
import { blsukiOptions } from "../../src/entry/grub/blsuki.ts";
import { compareFileVersions } from "../../src/entry/version_order.ts";
import { layout, type LayoutFiles, loaderVariables, readLayout } from "../support/boot_layout.ts";

const UEFI = { machine: "x86_64", efi: { systab: {}, runtimeMap: [] } } as const;
const BIOS = { machine: "x86_64" } as const;

/** As archinstall leaves it: GRUB, and unified kernel images that its `uki` finds. */
const ARCH = readLayout("arch_grub_uki");

function image(path: string, title: string): LayoutFiles {
  return {
    [`${path}/.osrel`]: `ID=arch\nPRETTY_NAME="${title}"\n`,
    [`${path}/.cmdline`]: "root=LABEL=arch rw\n",
    [`${path}/.linux`]: { error: "EFBIG" },
    [path]: { error: "EFBIG" },
  };
}

type Changes = Parameters<typeof layout>[1];

function found(changes: Changes = {}, id?: string, host: Parameters<typeof coldBoot>[1] = UEFI, files = ARCH) {
  const { value, diagnostics } = coldBoot(layout(files, changes), host, id);
  return value === undefined ? diagnostics.map(({ message }) => message) : [
    value.id,
    value.kernel,
    value.cmdline ?? "its own",
    ...diagnostics.map(({ severity, message }) => `${severity}: ${message}`),
  ];
}

const grub = (text: string): LayoutFiles => ({ "/boot/grub/grub.cfg": `set timeout=5\n${text}` });
const [NEW, OLD] = ["arch-linux-6.12.1.efi", "arch-linux-6.9.7.efi"].map((name) => [
  name,
  `/efi/EFI/Linux/${name}`,
  "its own",
]) as [string[], string[]];

Deno.test({
  name: "`uki` of GRUB adds the images of the partition that it was started from, the newest first",
  permissions: "none",
  fn() {
    assertEquals(found(), NEW);
    assertEquals(found({}, "1"), OLD);
    assertEquals(found({}, "arch-linux-6.9.7.efi"), OLD);
    assertEquals(found({}, "Arch Linux 6.9"), OLD);
    assertEquals(found(loaderVariables({ LoaderDevicePartUUID: "1B1D5C10-6A0C-4C7F-9F0C-6A7F8D9E0A11" })), NEW);
    // An image without a name or a kernel is none, and the place of one without a name counts.
    assertEquals(found({ "/efi/EFI/Linux/arch-linux-6.12.1.efi/.osrel": null }), OLD);
    assertEquals(found({ "/efi/EFI/Linux/arch-linux-6.12.1.efi/.linux": null }), OLD);
    // GRUB asks for a password before it boots one.
    assertEquals(found(grub("set superusers=root\nuki\n")), [
      ...NEW,
      "warning: GRUB asks for a password before it boots `arch-linux-6.12.1.efi`",
    ]);
    // GRUB has the command on EFI only.
    assertEquals(found({}, undefined, BIOS), ["The menu of GRUB in /boot/grub/grub.cfg has no entries"]);
    assertEquals(found(grub("uki\n"), undefined, BIOS), [
      "The command `uki` at /boot/grub/grub.cfg:2 is not understood, and could change what GRUB boots",
    ]);
    const list = (lines: string) => ({ "/boot/grub/x86_64-efi/command.lst": lines });
    assertEquals(found(list("*blscfg: blsuki\n*uki: blsuki\n")), NEW);
    assertEquals(found({ ...list("ls: ls\n"), ...grub(`uki\nmenuentry 'A' { linux /x a=1\n}\n`), "/x": "a file" }), [
      "A",
      "/x",
      "a=1",
      "warning: `uki` at /boot/grub/grub.cfg:2 is neither a command of this GRUB nor a function: GRUB reports it and goes on",
    ]);
  },
});

Deno.test({
  name: "what `uki` cannot know leaves the other entries of GRUB known",
  permissions: "none",
  fn() {
    const entry = "menuentry 'A' { linux /x a=1\n}\n";
    const unmounted = { "/run/udev/data/b259:1": "E:ID_PART_ENTRY_TYPE=0fc63daf-8483-4772-8e79-3d69d8477de4\n" };
    assertEquals(found(unmounted), [
      "Which entry GRUB boots depends on the unified kernel images that GRUB reads at /boot/grub/grub.cfg:4: " +
      "the partition that GRUB was started from, which is not mounted at any place that is known",
    ]);
    const first = { ...grub(`${entry}set default=A\nuki\n`), "/x": "a file" };
    assertEquals(found({ ...unmounted, ...first }), ["A", "/x", "a=1"]);
    // The partition that GRUB names is not mounted; of two ESPs, neither is known to be the one, and one that is mounted
    // twice is one.
    const [why] = found(unmounted);
    assertEquals(found(loaderVariables({ LoaderDevicePartUUID: "00000000-6a0c-4c7f-9f0c-6a7f8d9e0a11" })), [why]);
    const mounts = String(ARCH["/proc/self/mountinfo"]);
    const more = (device: string) => ({
      "/proc/self/mountinfo": `${mounts}35 26 ${device} / /esp2 rw - vfat /dev/x rw\n`,
    });
    const second = { "/run/udev/data/b259:3": "E:ID_PART_ENTRY_TYPE=c12a7328-f81f-11d2-ba4b-00a0c93ec93b\n" };
    assertEquals([found({ ...more("259:3"), ...second }), found(more("259:3")), found(more("259:1"))], [
      [why],
      NEW,
      NEW,
    ]);
    // Where nobody says what a partition is for, it is the FAT at one of the usual places.
    const bare = (line: string) => ({
      "/run/udev/data/b259:1": null,
      "/proc/self/mountinfo": `26 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n34 26 259:1 / ${line} /dev/nvme0n1p1 rw\n`,
    });
    assertEquals(["/efi rw - vfat", "/efi rw - ext4", "/mnt rw - vfat"].map((line) => found(bare(line))), [NEW, [why], [
      why,
    ]]);
    // GRUB takes the command line for a script.
    const quoted = { "/efi/EFI/Linux/arch-linux-6.12.1.efi/.cmdline": 'root="LABEL=arch os" rw' };
    assertEquals(found(quoted), [
      "Which entry GRUB boots depends on how GRUB reads the command line of /efi/EFI/Linux/arch-linux-6.12.1.efi, " +
      "which it takes for a script",
    ]);
    assertEquals(found(quoted, "arch-linux-6.9.7.efi"), OLD);
    for (const character of `"'\\$;#{}|&<>*?\n`) {
      const text = { "/efi/EFI/Linux/arch-linux-6.12.1.efi/.cmdline": `a${character}b` };
      assertEquals([character, found(text).length], [character, 1]);
    }
    for (const text of ["a=1,2 b", " a\n", "a-b_c.d/e:f@g+h%i[j]"]) {
      assertEquals(found({ "/efi/EFI/Linux/arch-linux-6.12.1.efi/.cmdline": text }), NEW);
    }
    const odd = image("/efi/EFI/Linux/arch-linux-7'1.efi", "Odd");
    assertEquals(found(odd), [
      "Which entry GRUB boots depends on the name of /efi/EFI/Linux/arch-linux-7'1.efi",
    ]);
    assertEquals(found(odd, "arch-linux-6.9.7.efi"), [
      "Which entry `arch-linux-6.9.7.efi` is depends on the name of /efi/EFI/Linux/arch-linux-7'1.efi",
    ]);
    assertEquals(
      found(image("/efi/EFI/Linux/arch-linux-6.12.01.efi", "Other")).map((text) => text.replace(/^.*linux-/, "")),
      [
        "6.12.01.efi is the same version as another file, and GRUB takes only one of the two",
      ],
    );
    const same = image("/efi/EFI/Linux/arch-linux-6.09.7.efi", "Other");
    assertEquals(found(same), [
      "/efi/EFI/Linux/arch-linux-6.09.7.efi is the same version as another file, and GRUB takes only one of the two",
    ]);
  },
});

Deno.test({
  name: "the options of `uki` and of the new `blscfg`",
  permissions: "none",
  fn() {
    const of = (command: string, id?: string) => found(grub(`set default=arch-linux-6.9.7.efi\n${command}\n`), id);
    assertEquals(of("uki"), OLD);
    assertEquals(of("uki -n", "0"), NEW);
    assertEquals(of("uki -d", "0"), OLD);
    assertEquals(of("uki -e arch-linux-6.12.1.efi", "0"), NEW);
    assertEquals(of("uki --entry=arch-linux-6.12.1.efi -d", "1"), OLD);
    assertEquals(of("uki -p /other", "0"), ["GRUB has no entry `0`"]);
    assertEquals(of("uki -p /other -f", "0"), NEW);
    assertEquals(of("uki -fp /other", "0"), NEW);
    assertEquals(
      of("search --fs-uuid --set=dev 5b1d6a0c-7f0e-4d52-9a47-3c9f0a3f6c11\nuki -p ($dev)/images -f", "0"),
      NEW,
    );
    for (const path of ["/x.conf", "/x.efi"]) {
      assertEquals(of(`uki -p ${path}`, "0"), [
        "Which entry `0` is depends on which entries `uki` adds at /boot/grub/grub.cfg:3",
      ]);
    }
    assertEquals(of("uki -x", "0"), [
      "Which entry `0` is depends on which entries `uki` adds at /boot/grub/grub.cfg:3",
    ]);
    assertEquals(blsukiOptions(["-dn", "passed over"]), { fallback: false, showDefault: true, showOthers: true });
    const none = { fallback: false, showDefault: false, showOthers: false };
    assertEquals(blsukiOptions(["-e", "x"]), { ...none, entry: "x" });
    assertEquals(blsukiOptions(["-d", "-fp", "/x"]), { ...none, showDefault: true, fallback: true, path: "/x" });
    assertEquals(blsukiOptions(["--show-non-default"]), { ...none, showOthers: true });
    assertEquals(blsukiOptions(["--path"]), undefined);
    assertEquals(blsukiOptions(["-pf", "/x"]), undefined);
    assertEquals(blsukiOptions(["--show-default=1"]), undefined);
    assertEquals(blsukiOptions([{ unknown: "x" }]), undefined);
  },
});

Deno.test({
  name: "the new `blscfg` reads /loader/entries in the order of versions, with options of its own",
  permissions: "none",
  fn() {
    const files: LayoutFiles = {
      "/proc/self/mountinfo":
        "26 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n34 26 259:1 / /boot rw - ext4 /dev/nvme0n1p1 rw\n",
      "/boot/loader/entries/a-6.9.conf": "title Nine\nlinux /k9\ninitrd /i9\noptions $opts\n",
      "/boot/loader/entries/a-6.12.conf": "title Twelve\nlinux /k12\noptions $opts b=2\n",
      "/boot/more/b-1.conf": "title More\nlinux /k9\noptions more\n",
      "/boot/k9": "a file",
      "/boot/k12": "a file",
      "/boot/i9": "a file",
      "/boot/grub/x86_64-efi/command.lst": "*blscfg: blsuki\n",
    };
    const of = (command: string, id?: string) =>
      found(grub(`set early_initrd=none\nset opts="a=1 c=3"\nset default=a-6.9.conf\n${command}\n`), id, UEFI, files);
    const [nine, twelve] = [["a-6.9", "/boot/k9", "a=1 c=3"], ["a-6.12", "/boot/k12", "a=1 c=3 b=2"]];
    assertEquals(of("blscfg", "0"), twelve);
    assertEquals(of("blscfg", "a-6.9"), nine);
    assertEquals(of("blscfg -d", "0"), nine);
    assertEquals(of("blscfg -n", "0"), twelve);
    assertEquals(of("blscfg --path /more", "0"), ["b-1", "/boot/k9", "more"]);
    // An entry without a kernel is none, and its place counts.
    const none = { ...files, "/boot/loader/entries/a-7.conf": "title None\n" };
    assertEquals(found(grub("set default=1\nblscfg -d\n"), "0", UEFI, none).slice(0, 2), ["a-6.12", "/boot/k12"]);
    assertEquals(found(grub("set default=0\nblscfg -d\n"), "0", UEFI, none), ["GRUB has no entry `0`"]);
    assertEquals(of("blscfg --path /nothing", "0"), ["GRUB has no entry `0`"]);
    assertEquals(of("blscfg --path /nothing --enable-fallback", "0"), twelve);
    assertEquals(of("blscfg --path /more --enable-fallback", "0"), ["b-1", "/boot/k9", "more"]);
    assertEquals(of("blscfg --path /more --enable-fallback", "1"), ["GRUB has no entry `1`"]);
    assertEquals(
      found(grub("blscfg -n\n"), "0", UEFI, { ...files, "/boot/loader/entries/z.conf": { error: "EACCES" } }),
      [
        "Cannot read /boot/loader/entries/z.conf, which GRUB reads",
      ],
    );
    const many = (count: number): LayoutFiles =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`/boot/more/${index}.conf`, "title T\n"]));
    const first = (count: number) => found(grub("blscfg -p /more -n\n"), "0", UEFI, { ...files, ...many(count) })[0];
    assertEquals([first(999), first(1000)], ["b-1", "/boot/more has 1001 entries, more than 1000"]);
    // An option says that it is the new one, whose module is then not needed to know it.
    const { "/boot/grub/x86_64-efi/command.lst": _list, ...unlisted } = files;
    assertEquals(found(grub("blscfg -n\n"), "0", UEFI, unlisted), ["a-6.12", "/boot/k12", "b=2"]);
  },
});

Deno.test({
  name: "files are in the order of `sort -V`",
  permissions: "none",
  fn() {
    const sorted = [
      ".hidden.efi",
      "a~rc1-1.efi",
      "a.efi",
      "a-1.conf.efi",
      "a-1.efi",
      "a-1.2.efi",
      "a-1.10~rc1.efi",
      "a-1.10.efi",
      "a-1.10a.efi",
      "a-1.10-1.efi",
      "b",
    ];
    assertEquals(sorted.toReversed().toSorted(compareFileVersions), sorted);
    assertEquals(compareFileVersions("a-01.efi", "a-1.efi"), 0);
  },
});
