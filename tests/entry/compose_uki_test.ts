import { assert, assertEquals } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import {
  companionsIn,
  composeUki,
  type ImageWithSections,
  notComposed,
  readThinStub,
  sectionsOf,
  surroundingsOf,
} from "../../src/entry/compose_uki.ts";
import { findSection, formatSectionPath, parseSectionPath, sectionPaths } from "../../src/entry/section_path.ts";
import { ukiProfiles } from "../../src/entry/uki.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import { mutateBytes } from "../fuzz/mutate_bytes.ts";
import { randomFrom } from "../fuzz/random.ts";
import { ascii, joined, peFile } from "../image/build.ts";

function image(path: string, sections: readonly (readonly [string, string | Uint8Array])[]): ImageWithSections {
  const source = memorySource(
    peFile({
      sections: sections.map(([name, text]) => ({ name, bytes: typeof text === "string" ? ascii(text) : text })),
    }),
  );
  return { path, source, sections: sectionsOf(source) ?? [] };
}

const UKI = image("/efi/EFI/Linux/a.efi", [
  [".osrel", "ID=x\n"],
  [".uname", "6.12.1"],
  [".cmdline", " root=/dev/vda\n\tro \0junk"],
  [".ucode", "ucode"],
  [".initrd", "initrd"],
  [".linux", "kernel"],
  [".dtb", "tree"],
  [".pcrsig", "{}"],
  [".profile", "ID=main\n"],
  [".profile", "ID=rescue\n"],
  [".cmdline", "single"],
  [".initrd", "other"],
]);

Deno.test({
  name:
    "an image is composed as the stub does: addons' microcode in reverse order, the image's, its initrd, the addons'",
  permissions: "none",
  fn() {
    const [first] = ukiProfiles(UKI.source, UKI.sections);
    const global = image("/efi/loader/addons/g.addon.efi", [[".cmdline", "g=1"], [".ucode", "g"], [".initrd", "g"]]);
    const own = image("/efi/EFI/Linux/a.efi.extra.d/o.addon.efi", [
      [".cmdline", "o=1"],
      [".ucode", "o"],
      [".initrd", "o"],
      [".dtb", "o"],
      [".uname", "6.12.1"],
    ]);
    const old = image("/efi/EFI/Linux/a.efi.extra.d/p.addon.efi", [[".cmdline", "p=1"], [".uname", "6.1"]]);
    const uki = image("/efi/EFI/Linux/a.efi.extra.d/q.addon.efi", [[".linux", "k"]]);
    assertEquals(composeUki(UKI, first, [global, own, old, uki]), {
      kernel: "/efi/EFI/Linux/a.efi/.linux",
      initrd: [
        "/efi/EFI/Linux/a.efi.extra.d/o.addon.efi/.ucode",
        "/efi/loader/addons/g.addon.efi/.ucode",
        "/efi/EFI/Linux/a.efi/.ucode",
        "/efi/EFI/Linux/a.efi/.initrd",
        "/efi/loader/addons/g.addon.efi/.initrd",
        "/efi/EFI/Linux/a.efi.extra.d/o.addon.efi/.initrd",
      ],
      dtb: "/efi/EFI/Linux/a.efi/.dtb",
      cmdline: "root=/dev/vda ro g=1 o=1",
      ignored: [
        { path: "/efi/EFI/Linux/a.efi.extra.d/p.addon.efi", why: "is for release 6.1" },
        { path: "/efi/EFI/Linux/a.efi.extra.d/q.addon.efi", why: "is a unified kernel image itself" },
      ],
      trees: ["/efi/EFI/Linux/a.efi.extra.d/o.addon.efi/.dtb"],
    });
  },
});

Deno.test({
  name: "a profile's sections replace those of the same name, and their paths say whose they are",
  permissions: "none",
  fn() {
    const [, rescue] = ukiProfiles(UKI.source, UKI.sections);
    const composed = composeUki(UKI, rescue, []);
    assertEquals([composed?.kernel, composed?.initrd, composed?.cmdline], [
      "/efi/EFI/Linux/a.efi/.linux",
      ["/efi/EFI/Linux/a.efi/.ucode", "/efi/EFI/Linux/a.efi/@1/.initrd"],
      "single",
    ]);
    const read = (path: string): string | undefined => {
      const named = parseSectionPath(path);
      const section = named === undefined ? undefined : findSection(UKI.source, UKI.sections, named);
      return section === undefined
        ? undefined
        : new TextDecoder().decode(UKI.source.read(section.offset, section.size));
    };
    assertEquals(read("/efi/EFI/Linux/a.efi/@1/.initrd"), "other");
    assertEquals(read("/efi/EFI/Linux/a.efi/.initrd"), "initrd");
    assertEquals(read("/efi/EFI/Linux/a.efi/@0/.initrd"), undefined);
    assertEquals(read("/efi/EFI/Linux/a.efi/@7/.initrd"), undefined);
    for (const { path } of sectionPaths(UKI.path, UKI.source, UKI.sections)) {
      const named = parseSectionPath(path);
      assertEquals(named === undefined ? undefined : formatSectionPath(named), path);
    }
  },
});

Deno.test({
  name: "only what can be a section's path is one",
  permissions: "none",
  fn() {
    for (
      const path of [
        "/a.efi/linux",
        "/a.efi/.LINUX",
        "/.linux",

        "/a.efi/.linux/",
        "a",
        "/a.efi/.toolongname",
      ]
    ) {
      assertEquals(parseSectionPath(path), undefined, path);
    }
    assertEquals(parseSectionPath("/a/@x/.linux"), { image: "/a/@x", name: ".linux" });
    assertEquals(parseSectionPath("/a\n/.linux"), { image: "/a\n", name: ".linux" });
  },
});

Deno.test({
  name: "where the stub looks: the partition's folders, then the image's own; what it would add to the initrd is named",
  permissions: "none",
  fn() {
    assertEquals(surroundingsOf("/efi/EFI/Linux/a.efi"), {
      partition: "/efi",
      folders: ["/efi/loader/addons", "/efi/loader/credentials", "/efi/EFI/Linux/a.efi.extra.d"],
    });
    assertEquals(surroundingsOf("/boot/a.efi"), { partition: undefined, folders: ["/boot/a.efi.extra.d"] });
    assertEquals(surroundingsOf("/EFI/BOOT/BOOTX64.EFI").partition, "");
    // A boot counter changes with each boot, and the folder does not.
    const own = (name: string) =>
      surroundingsOf(`/a+1/EFI/Linux/${name}`).folders.at(-1)?.replace("/a+1/EFI/Linux/", "");
    assertEquals(own("a-6.12+3-1.efi"), "a-6.12.efi.extra.d");
    assertEquals(own("a+3.efi"), "a.efi.extra.d");
    assertEquals(own("a+0-3"), "a.extra.d");
    for (const name of ["a+3-.efi", "a+b.efi", "a+3x.efi", "6.12.117+deb13-amd64+3-1.efi"]) {
      assertEquals(own(name), `${name}.extra.d`);
    }
    const companions = companionsIn("/d", [
      "b.addon.efi",
      "A.ADDON.EFI",
      "x.cred",
      "y.raw",
      "z.confext.raw",
      "note.txt",
      "c.efi",
    ]);
    assertEquals(companions, {
      addons: ["/d/A.ADDON.EFI", "/d/b.addon.efi"],
      extras: ["/d/x.cred", "/d/y.raw", "/d/z.confext.raw"],
    });
    assertEquals(notComposed(UKI, companions), ["/efi/EFI/Linux/a.efi/.pcrsig", ...companions.extras]);
  },
});

Deno.test({
  name: "a stub that names its files by path and digest is read, below the partition that it lies on",
  permissions: "none",
  fn() {
    const digest = Uint8Array.from({ length: 32 }, (_, index) => index);
    const stub = image("/boot/EFI/Linux/nixos.efi", [
      [".linux", "\\EFI\\nixos\\kernel.efi"],
      [".linuxh", digest],
      [".initrd", "\\EFI\\nixos\\initrd.efi"],
      [".initrdh", joined(digest)],
      [".cmdline", "init=/nix/store/x/init"],
    ]);
    assertEquals(readThinStub(stub, "/boot"), {
      kernel: { path: "/boot/EFI/nixos/kernel.efi", sha256: digest.toHex() },
      initrd: { path: "/boot/EFI/nixos/initrd.efi", sha256: digest.toHex() },
      cmdline: "init=/nix/store/x/init",
    });
    assertEquals(readThinStub(UKI, "/efi"), undefined);
    const short = image("/boot/x.efi", [[".linux", "\\k"], [".linuxh", "short"], [".initrd", "\\i"], [
      ".initrdh",
      digest,
    ]]);
    assertEquals(readThinStub(short, "/boot"), undefined);
    const climbing = image("/boot/x.efi", [[".linux", "\\..\\..\\etc\\k"], [".linuxh", digest], [".initrd", "\\i"], [
      ".initrdh",
      digest,
    ]]);
    assertEquals(readThinStub(climbing, "/boot"), undefined);
  },
});

Deno.test({
  name: "whatever the headers say, what is composed are sections that their paths find again, within the file",
  permissions: "none",
  fn() {
    const bytes = peFile({
      sections: [".uname", ".cmdline", ".ucode", ".initrd", ".linux", ".profile", ".cmdline", ".profile", ".initrd"]
        .map((name) => ({ name, bytes: ascii(`${name} of it`) })),
    });
    // Fields of the section table: names aside, sizes and places.
    const fields = Array.from({ length: 9 * 6 }, (_, index) => ({
      at: 0x80 + 24 + 160 + Math.floor(index / 6) * 40 + 8 + (index % 6) * 4,
      size: 4 as const,
    }));
    const file = { name: "uki", bytes, fields };
    let composed = 0;
    for (let seed = 0; seed < 2_000; seed++) {
      const changed = mutateBytes(file, [file], randomFrom(seed));
      const source = memorySource(changed);
      const info = identifyKernel(source);
      if (info.kind !== "uki") continue;
      const image = { path: "/a.efi", source, sections: info.sections };
      for (const profile of [undefined, ...ukiProfiles(source, info.sections)]) {
        const uki = composeUki(image, profile, [image]);
        for (const path of uki === undefined ? [] : [uki.kernel, ...uki.initrd]) {
          const named = parseSectionPath(path);
          const section = named === undefined ? undefined : findSection(source, info.sections, named);
          assert(section !== undefined && section.offset + section.size <= source.size, `${seed}: ${path}`);
          composed++;
        }
      }
    }
    assert(composed > 1_000, "hardly an image was one");
  },
});
