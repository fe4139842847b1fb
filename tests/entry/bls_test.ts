import { assertEquals } from "@std/assert";
import { parseBootEntry } from "../../src/entry/bls.ts";
import { templateText } from "../../src/profile/profile_template.ts";
import { parseProfile } from "../../src/profile/parse.ts";

const ENTRY = [
  "# comment",
  "title      Fedora Linux 43",
  "version    6.17.1",
  "machine-id 0123",
  "linux      /vmlinuz-6.17.1\r",
  "initrd     /microcode.img",
  "  initrd   /initramfs-6.17.1.img",
  "options    root=UUID=1 ro",
  'options    rhgb foo="a b"',
  "architecture AA64",
  "grub_users $grub_users",
  "",
].join("\n");

const problems = (text: string): readonly string[] =>
  parseBootEntry(text, "e.conf").diagnostics.map(({ message, position }) => `${position?.line} ${message}`);

Deno.test({
  name: "an entry is read as the specification says: repeated keys in order, unknown ones passed over",
  permissions: "none",
  fn() {
    assertEquals(parseBootEntry(ENTRY, "e.conf"), {
      value: {
        title: "Fedora Linux 43",
        version: "6.17.1",
        linux: "/vmlinuz-6.17.1",
        initrd: ["/microcode.img", "/initramfs-6.17.1.img"],
        options: 'root=UUID=1 ro rhgb foo="a b"',
        architecture: "aarch64",
        hasDevicetree: false,
      },
      diagnostics: [],
    });
  },
});

Deno.test({
  name: "what only the boot loader knows, or is no kernel, is refused at its line",
  permissions: "none",
  fn() {
    assertEquals(problems("title x\n"), ["1 The entry names no kernel: it has no line `linux`"]);
    assertEquals(problems(""), ["1 The entry names no kernel: it has no line `linux`"]);
    assertEquals(problems("\nefi /EFI/shell.efi\n"), ["2 The entry starts an EFI program, /EFI/shell.efi"]);
    assertEquals(problems("uki /EFI/Linux/a.efi\n"), ["1 The entry starts a unified kernel image, /EFI/Linux/a.efi"]);
    assertEquals(problems("linux /a\nlinux /b\n"), ["2 The entry names a second kernel"]);
    assertEquals(problems("linux a\n"), ["1 `linux` is no absolute path"]);
    assertEquals(problems("linux /a\ninitrd /i $tuned_initrd\noptions $kernelopts x\n"), [
      "2 `initrd` has `$tuned_initrd`, which the boot loader replaces by what only it knows",
      "3 `options` has `$kernelopts`, which the boot loader replaces by what only it knows",
    ]);
    assertEquals(problems("linux /a\noptions root=${root}\noptions a=x$y\n"), [
      "2 `options` has `${root}`, which the boot loader replaces by what only it knows",
      "3 `options` has `$y`, which the boot loader replaces by what only it knows",
    ]);
    assertEquals(problems("linux /a\noptions memmap=64K$0x18690000 memmap=1G$4G a=$\n"), []);
  },
});

Deno.test({
  name: "a profile that is written says what it was given, whatever characters are in it",
  permissions: "none",
  fn() {
    const hostile = { path: "/boot/a: #b'\" \\x" };
    for (const cmdline of ["ro", "", 'a="b c" -- init', "# no", "x: y", "- a", "à='1'"]) {
      const text = templateText({
        about: ["One\nversion: 2", "long ".repeat(60)],
        description: 'say "hi"\nthere: you',
        architecture: "x86_64",
        kernel: { ...hostile, sha256: "a".repeat(64) },
        initrd: [{ path: "/i 1" }, { ...hostile, sha256: "b".repeat(64) }],
        cmdline,
        notes: { kernel: "k\r\nkernel: evil", cmdline: "c" },
      });
      const { value, diagnostics } = parseProfile(text, "p.yaml");
      if (cmdline.startsWith("à")) {
        assertEquals(diagnostics.map(({ code }) => code), ["cmdline-character"]);
        continue;
      }
      assertEquals(diagnostics, [], text);
      assertEquals(value?.description, 'say "hi"\nthere: you');
      assertEquals(value?.kernel, { ...hostile, sha256: "a".repeat(64) });
      assertEquals(value?.initrd, [{ path: "/i 1" }, { ...hostile, sha256: "b".repeat(64) }]);
      assertEquals(value?.cmdline.kind === "parameters" ? value.cmdline.parameters.join(" ") : undefined, cmdline);
    }
    const reuse =
      parseProfile(templateText({ about: [], kernel: { path: "/k" }, initrd: [], notes: {} }), "p.yaml").value;
    assertEquals(reuse?.cmdline, { kind: "edit", reuse: true, remove: [], set: [], append: [] });
  },
});
