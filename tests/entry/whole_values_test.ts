import { assertEquals } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import { companionsIn, composeUki, notComposed, readThinStub, surroundingsOf } from "../../src/entry/compose_uki.ts";
import { readKexecCommand } from "../../src/entry/kexec_command.ts";
import { findSection, formatSectionPath, parseSectionPath, sectionPaths } from "../../src/entry/section_path.ts";
import { baseSections, chooseUkiProfile, textOf, ukiParts, ukiProfiles, type UkiSection } from "../../src/entry/uki.ts";
import { ascii, joined } from "../image/build.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** A file of sections, one after the other. */
function file(path: string, ...sections: readonly (readonly [string, string | Uint8Array])[]) {
  let at = 0;
  const parts = sections.map(([, content]) => typeof content === "string" ? ascii(content) : content);
  const rows = sections.map(([name], index): UkiSection => {
    const size = parts[index]?.length ?? 0;
    at += size;
    return { name, offset: at - size, size };
  });
  return { path, source: memorySource(joined(...parts)), sections: rows };
}

const IMAGE = file(
  "/e/EFI/Linux/a.efi",
  [".linux", "L"],
  [".uname", "6.1"],
  [".osrel", 'ID=x\nPRETTY_NAME="Debian 13"\n'],
  [".initrd", "I"],
  [".ucode", "U"],
  [".cmdline", "ro\n  quiet\n\n"],
  [".dtb", "D"],
  [".dtbauto", "A"],
  [".pcrsig", "{}"],
  [".profile", "ID=main\nTITLE='Main one'\n"],
  [".cmdline", "debug"],
  [".profile", "TITLE=\n"],
  [".initrd", ""],
);

pure("paths of sections, there and back, and what is not one", () => {
  assertEquals(
    [
      "/a/.linux",
      "/a/@1/.cmdline",
      "/a.efi/@12/.x",
      "/a/@1234/.x",
      "/a/.LINUX",
      "/a/.12",
      "/.linux",
      "/a/.abcdefgh",
      "a/.b",
    ].map(parseSectionPath),
    [
      { image: "/a", name: ".linux" },
      { image: "/a", profile: 1, name: ".cmdline" },
      { image: "/a.efi", profile: 12, name: ".x" },
      { image: "/a/@1234", name: ".x" },
      undefined,
      undefined,
      undefined,
      undefined,
      { image: "a", name: ".b" },
    ],
  );
  assertEquals([
    formatSectionPath({ image: "/a", name: ".b" }),
    formatSectionPath({ image: "/a", profile: 0, name: ".b" }),
  ], ["/a/.b", "/a/@0/.b"]);
  const { path, source, sections } = IMAGE;
  assertEquals(sectionPaths(path, source, sections).map(({ path }) => path), [
    "/e/EFI/Linux/a.efi/.linux",
    "/e/EFI/Linux/a.efi/.uname",
    "/e/EFI/Linux/a.efi/.osrel",
    "/e/EFI/Linux/a.efi/.initrd",
    "/e/EFI/Linux/a.efi/.ucode",
    "/e/EFI/Linux/a.efi/.cmdline",
    "/e/EFI/Linux/a.efi/.dtb",
    "/e/EFI/Linux/a.efi/.dtbauto",
    "/e/EFI/Linux/a.efi/.pcrsig",
    "/e/EFI/Linux/a.efi/@0/.cmdline",
  ]);
  const found = (name: string, profile?: number) => {
    const section = findSection(source, sections, { name, ...(profile === undefined ? {} : { profile }) });
    return section === undefined ? undefined : textOf(source, section);
  };
  assertEquals([
    found(".cmdline"),
    found(".cmdline", 0),
    found(".cmdline", 1),
    found(".linux", 0),
    found(".initrd", 1),
    found(".cmdline", 2),
  ], ["ro\n  quiet", "debug", undefined, undefined, undefined, undefined]);
});

pure("a unified kernel image taken apart, with each profile", () => {
  const { source, sections } = IMAGE;
  const profiles = ukiProfiles(source, sections);
  assertEquals(profiles.map(({ index, id, title, sections }) => [index, id, title, sections.map(({ name }) => name)]), [
    [0, "main", "Main one", [".cmdline"]],
    [1, undefined, undefined, [".initrd"]],
  ]);
  assertEquals(["main", "0", "@1", "1", "@2", "other", "@"].map((name) => chooseUkiProfile(profiles, name)?.index), [
    0,
    0,
    1,
    1,
    undefined,
    undefined,
    undefined,
  ]);
  assertEquals(baseSections(sections).length, 9);
  const parts = (profile?: number) =>
    ukiParts(source, { sections, release: "6.1" }, profile === undefined ? undefined : profiles[profile]);
  const whole = {
    linux: { name: ".linux", offset: 0, size: 1 },
    ucode: { name: ".ucode", offset: 34, size: 1 },
    initrd: { name: ".initrd", offset: 33, size: 1 },
    cmdline: "ro quiet",
    isCmdlineBroken: false,
    title: "Debian 13",
    release: "6.1",
    others: [".dtb", ".dtbauto"],
  };
  const { initrd: _, ...second } = whole;
  assertEquals([parts(), parts(0), parts(1)], [whole, { ...whole, cmdline: "debug" }, second]);
  const of = (...rows: Parameters<typeof file>[1][]) => {
    const made = file("/x", ...rows);
    const found = ukiParts(made.source, { sections: made.sections });
    return found === undefined ? undefined : [found.cmdline, found.isCmdlineBroken, found.title, found.others];
  };
  assertEquals([of([".linux", ""]), of([".initrd", "I"])], [undefined, undefined]);
  assertEquals(of([".linux", "L"]), [undefined, false, undefined, []]);
  assertEquals(of([".linux", "L"], [".cmdline", " \n"]), [undefined, false, undefined, []]);
  assertEquals(of([".linux", "L"], [".cmdline", Uint8Array.of(0x61, 0xff)])?.slice(0, 2), ["a\ufffd", true]);
  assertEquals(
    of(
      [".linux", "L"],
      [".cmdline", "a\0b"],
      [".osrel", "PRETTY_NAME='a b'"],
      [".dtbauto", "x"],
      [".efifw", "x"],
      [".hwids", "x"],
      [".text", "x"],
      [".dtbauto", "y"],
    ),
    [
      "a",
      false,
      "a b",
      [".dtbauto", ".efifw"],
    ],
  );
});

pure("an image is composed with its addons in the order of systemd-stub", () => {
  const addon = (name: string, ...rows: Parameters<typeof file>[1][]) => file(`/e/${name}.addon.efi`, ...rows);
  const addons = [
    addon("a", [".ucode", "1"], [".initrd", "1"], [".cmdline", "a=1\n"]),
    addon("b", [".uname", "6.1"], [".ucode", "2"], [".initrd", "2"], [".dtb", "x"], [".dtbauto", "x"]),
    addon("c", [".uname", "6.2"], [".cmdline", "c=1"]),
    addon("d", [".linux", "x"]),
  ];
  const profiles = ukiProfiles(IMAGE.source, IMAGE.sections);
  assertEquals(composeUki(IMAGE, undefined, addons), {
    kernel: "/e/EFI/Linux/a.efi/.linux",
    initrd: [
      "/e/b.addon.efi/.ucode",
      "/e/a.addon.efi/.ucode",
      "/e/EFI/Linux/a.efi/.ucode",
      "/e/EFI/Linux/a.efi/.initrd",
      "/e/a.addon.efi/.initrd",
      "/e/b.addon.efi/.initrd",
    ],
    dtb: "/e/EFI/Linux/a.efi/.dtb",
    cmdline: "ro quiet a=1",
    ignored: [{ path: "/e/c.addon.efi", why: "is for release 6.2" }, {
      path: "/e/d.addon.efi",
      why: "is a unified kernel image itself",
    }],
    trees: ["/e/EFI/Linux/a.efi/.dtbauto", "/e/b.addon.efi/.dtb", "/e/b.addon.efi/.dtbauto"],
  });
  assertEquals(composeUki(IMAGE, profiles[0], []), {
    kernel: "/e/EFI/Linux/a.efi/.linux",
    initrd: ["/e/EFI/Linux/a.efi/.ucode", "/e/EFI/Linux/a.efi/.initrd"],
    dtb: "/e/EFI/Linux/a.efi/.dtb",
    cmdline: "debug",
    ignored: [],
    trees: ["/e/EFI/Linux/a.efi/.dtbauto"],
  });
  assertEquals(composeUki(file("/x", [".initrd", "I"]), undefined, []), undefined);
  assertEquals(composeUki(file("/x", [".linux", "L"]), undefined, addons.slice(2)), {
    kernel: "/x/.linux",
    initrd: [],
    cmdline: "c=1",
    ignored: [{ path: "/e/d.addon.efi", why: "is a unified kernel image itself" }],
    trees: [],
  });
  assertEquals(notComposed(IMAGE, { addons: [], extras: ["/e/x.cred"] }), ["/e/EFI/Linux/a.efi/.pcrsig", "/e/x.cred"]);
  const measured = file("/x", [".pcrpkey", "k"], [".pcrsig", "{}"], [".linux", "L"]);
  assertEquals(notComposed(measured, { addons: ["/a.efi"], extras: [] }), ["/x/.pcrsig", "/x/.pcrpkey"]);
  assertEquals(companionsIn("/f", ["b.addon.efi", "a.ADDON.EFI", "x.efi", "y.cred", "b.raw", "z.Raw", "raw"]), {
    addons: ["/f/a.ADDON.EFI", "/f/b.addon.efi"],
    extras: ["/f/b.raw", "/f/y.cred", "/f/z.Raw"],
  });
  assertEquals([
    surroundingsOf("/efi/EFI/Linux/a.efi"),
    surroundingsOf("/boot/efi/efi/a.efi"),
    surroundingsOf("/EFI/a.efi"),
    surroundingsOf("/x/a.efi"),
    surroundingsOf("EFI/a.efi"),
    surroundingsOf("/x/EFI"),
  ], [
    { partition: "/efi", folders: ["/efi/loader/addons", "/efi/loader/credentials", "/efi/EFI/Linux/a.efi.extra.d"] },
    {
      partition: "/boot/efi",
      folders: ["/boot/efi/loader/addons", "/boot/efi/loader/credentials", "/boot/efi/efi/a.efi.extra.d"],
    },
    { partition: "", folders: ["/loader/addons", "/loader/credentials", "/EFI/a.efi.extra.d"] },
    { partition: undefined, folders: ["/x/a.efi.extra.d"] },
    // Nothing is above it.
    { partition: undefined, folders: ["EFI/a.efi.extra.d"] },
    { partition: undefined, folders: ["/x/EFI.extra.d"] },
  ]);
});

pure("a stub that names its files: by paths that stay on the partition, and whole digests", () => {
  const digest = new Uint8Array(32).fill(0xab);
  const stub = (kernel = "\\EFI\\k.efi", hash = digest) =>
    readThinStub(
      file("/x", [".linux", kernel], [".linuxh", hash], [".initrd", "/EFI/i.efi"], [".initrdh", digest], [
        ".cmdline",
        "a\n b",
      ]),
      "/esp",
    );
  assertEquals(stub(), {
    kernel: { path: "/esp/EFI/k.efi", sha256: "ab".repeat(32) },
    initrd: { path: "/esp/EFI/i.efi", sha256: "ab".repeat(32) },
    cmdline: "a b",
  });
  // Sections may be padded.
  assertEquals(
    stub("\\EFI\\k.efi", new Uint8Array(joined(digest, new Uint8Array(32))))?.kernel.sha256,
    "ab".repeat(32),
  );
  assertEquals([stub("EFI\\k"), stub("\\..\\k"), stub("\\a/../k"), stub(undefined, digest.subarray(1))], [
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

pure("a kexec command whole, and each fault in words", () => {
  const read = (line: string) => readKexecCommand(line);
  assertEquals(
    [
      "kexec -l /k --initrd=/i --append='a b'",
      'kexec --load /k --ramdisk /i --command-line "x \\"y\\""',
      "sudo kexec -p /k --reuse-cmdline --append=x",
      'kexec -l /boot/vmlinuz-$(uname -r) --append="$(cat /proc/cmdline) x"',
      "kexec /k --dtb /d -s",
      "kexec -e",
      "kexec",
      "kexec -l",
      "kexec -l /k --apend=x",
      "kexec -l /k --append 'x",
      "kexec -l /k; reboot",
      "kexec -l /k\nkexec -e",
    ].map(read),
    [
      {
        kind: "command",
        command: {
          kernel: "/k",
          initrd: "/i",
          cmdline: "a b",
          reuse: false,
          crash: false,
          modules: [],
          memory: {},
          unverified: false,
          flags: [],
          without: [],
        },
      },
      {
        kind: "command",
        command: {
          kernel: "/k",
          initrd: "/i",
          cmdline: 'x "y"',
          reuse: false,
          crash: false,
          modules: [],
          memory: {},
          unverified: false,
          flags: [],
          without: [],
        },
      },
      {
        kind: "command",
        command: {
          kernel: "/k",
          cmdline: "x",
          reuse: true,
          crash: true,
          modules: [],
          memory: {},
          unverified: false,
          flags: [],
          without: [],
        },
      },
      {
        kind: "command",
        command: {
          kernel: "/boot/vmlinuz-${release}",
          cmdline: "x",
          reuse: true,
          crash: false,
          modules: [],
          memory: {},
          unverified: false,
          flags: [],
          without: [],
        },
      },
      {
        kind: "command",
        command: {
          kernel: "/k",
          reuse: false,
          crash: false,
          load: "kexec_file_load",
          modules: [],
          memory: {},
          unverified: false,
          flags: [],
          without: [{
            option: "kexec KERNEL",
            instead: "without `-l`, kexec also shuts the system down, as `warmboot load --exec PROFILE` does",
          }, {
            option: "--dtb",
            instead: "kexec_file_load has no use for it, and kexec-tools ignores it there",
          }],
        },
      },
      {
        kind: "fault",
        message: "The kexec command names no kernel",
        hint: "`warmboot exec` shuts the system down and jumps; `warmboot exec --now` only jumps",
      },
      { kind: "fault", message: "The kexec command names no kernel" },
      { kind: "fault", message: "The kexec command names no kernel" },
      {
        kind: "fault",
        message: "`--apend` is not an option of kexec for x86_64 or arm64",
        hint: "Did you mean `--append`?",
      },
      { kind: "fault", message: "The kexec command has an unclosed quote or bracket" },
      {
        kind: "fault",
        message: "Only one kexec command is read, and `;` ends it",
        hint: "Give one command, without what comes before or after it",
      },
      {
        kind: "fault",
        message: "Only one kexec command is read, and a line break ends it",
        hint: "Give one command, without what comes before or after it",
      },
    ],
  );
});
