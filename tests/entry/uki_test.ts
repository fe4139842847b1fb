import { assert, assertEquals } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import { chooseUkiProfile, type UkiParts, ukiParts, ukiProfiles } from "../../src/entry/uki.ts";
import { findSection, parseSectionPath } from "../../src/entry/section_path.ts";
import { ascii, bzImage, peFile } from "../image/build.ts";

function parts(sections: readonly { readonly name: string; readonly bytes: Uint8Array }[]): UkiParts | undefined {
  const source = memorySource(peFile({ sections }));
  const info = identifyKernel(source);
  assert(info.kind === "uki");
  return ukiParts(source, info);
}

const LINUX = { name: ".linux", bytes: bzImage() };
const text = (name: string, value: string) => ({ name, bytes: ascii(value) });

Deno.test({
  name: "a unified kernel image is taken apart: texts trimmed, sections at their places",
  permissions: "none",
  fn() {
    const found = parts([
      text(".osrel", 'NAME=x\nPRETTY_NAME="Debian 13 (trixie)"\nID=debian\n'),
      text(".cmdline", " root=LABEL=r\n  ro \n\0\0"),
      LINUX,
      text(".initrd", "070701 initrd"),
      text(".ucode", "070701 ucode"),
      text(".uname", "6.12.1\n"),
      text(".dtbauto", "dt"),
      text(".sbat", "s"),
    ]);
    assertEquals([found?.cmdline, found?.title, found?.release], ["root=LABEL=r ro", "Debian 13 (trixie)", "6.12.1"]);
    assertEquals(found?.linux.size, LINUX.bytes.length);
    assertEquals([found?.initrd?.size, found?.ucode?.size], [13, 12]);
    assertEquals(found?.others, [".dtbauto"]);
  },
});

const PROFILES = [
  LINUX,
  text(".cmdline", "root=LABEL=r"),
  text(".initrd", "base"),
  text(".uname", "6.12.1"),
  text(".profile", "ID=main\nTITLE=Normal boot\n"),
  text(".profile", 'ID=rescue\nTITLE="Rescue system"\n'),
  text(".cmdline", "root=LABEL=r rescue"),
  text(".profile", "TITLE=\n"),
  text(".initrd", "another initrd"),
  text(".dtb", "tree"),
];

Deno.test({
  name: "a profile of an image replaces the sections of its names, and has the others in common",
  permissions: "none",
  fn() {
    const source = memorySource(peFile({ sections: PROFILES }));
    const info = identifyKernel(source);
    assert(info.kind === "uki");
    const profiles = ukiProfiles(source, info.sections);
    assertEquals(profiles.map(({ index, id, title }) => [index, id, title]), [
      [0, "main", "Normal boot"],
      [1, "rescue", "Rescue system"],
      [2, undefined, undefined],
    ]);
    const of = (name: string) => ukiParts(source, info, chooseUkiProfile(profiles, name));
    const shown = (name: string) => [of(name)?.cmdline, of(name)?.initrd?.size, of(name)?.others];
    assertEquals(shown("main"), ["root=LABEL=r", 4, []]);
    assertEquals(shown("rescue"), ["root=LABEL=r rescue", 4, []]);
    assertEquals(shown("@2"), ["root=LABEL=r", 14, [".dtb"]]);
    assertEquals(of("1")?.release, "6.12.1");
    for (const name of ["", "3", "@3", "Rescue", "@", "-1", "1.0"]) {
      assertEquals(chooseUkiProfile(profiles, name), undefined, name);
    }
  },
});

Deno.test({
  name: "an image without profiles has none, and a kernel may be a profile's own",
  permissions: "none",
  fn() {
    const source = memorySource(peFile({ sections: [text(".profile", "ID=a"), LINUX] }));
    const info = identifyKernel(source);
    assert(info.kind === "uki");
    const [profile] = ukiProfiles(source, info.sections);
    assertEquals(ukiParts(source, info, profile)?.linux.size, LINUX.bytes.length);
    assertEquals(ukiParts(source, info), undefined);
    const plain = memorySource(peFile({ sections: [LINUX] }));
    const other = identifyKernel(plain);
    assert(other.kind === "uki");
    assertEquals(ukiProfiles(plain, other.sections), []);
  },
});

Deno.test({
  name: "of two sections of one name the first that has content counts",
  permissions: "none",
  fn() {
    const source = memorySource(
      peFile({ sections: [text(".dtb", ""), text(".dtb", "one"), text(".dtb", "second"), LINUX] }),
    );
    const info = identifyKernel(source);
    assert(info.kind === "uki");
    assertEquals(findSection(source, info.sections, { name: ".dtb" })?.size, 3);
  },
});

Deno.test({
  name: "the ID of a profile outweighs a number, of three digits too, and a long text is whole",
  permissions: "none",
  fn() {
    const line = "x".repeat(4000);
    const profiles = Array.from({ length: 120 }, (_, index) => text(".profile", index === 7 ? "ID=3" : "TITLE=x"));
    const source = memorySource(peFile({ sections: [LINUX, text(".cmdline", line), ...profiles, text(".dtb", "t")] }));
    const info = identifyKernel(source);
    assert(info.kind === "uki");
    const found = ukiProfiles(source, info.sections);
    assertEquals(["3", "@3", "4", "119", "120"].map((name) => chooseUkiProfile(found, name)?.index), [
      7,
      3,
      4,
      119,
      undefined,
    ]);
    assertEquals(ukiParts(source, info)?.cmdline, line);
    assertEquals(findSection(source, info.sections, { profile: 119, name: ".dtb" })?.size, 1);
    assertEquals(parseSectionPath("/a.efi/@119/.dtb"), { image: "/a.efi", profile: 119, name: ".dtb" });
  },
});
