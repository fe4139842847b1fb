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

Deno.test({
  name: "what an entry lacks is an error that says that it cannot be used",
  permissions: "none",
  fn() {
    for (
      const text of ["", "uki /a.efi\n", "linux a\n", "linux /a\nlinux /b\n", "linux /$x\n", "linux /a\noptions $x\n"]
    ) {
      const { value, diagnostics } = parseBootEntry(text, "e.conf");
      assertEquals([text, value, [...new Set(diagnostics.map(({ code, severity }) => `${code} ${severity}`))]], [
        text,
        undefined,
        ["entry-unusable error"],
      ]);
    }
  },
});

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
        expanded: [],
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
    assertEquals(problems("linux a\n"), ["1 `linux` is not an absolute path: `a`"]);
    assertEquals(problems("linux /a\noptions root=${root}\noptions a=x$y\n"), [
      "2 `options` has `${root}`, whose value only the boot loader knows",
      "3 `options` has `$y`, whose value only the boot loader knows",
    ]);
    assertEquals(problems("linux $kernel\ninitrd b /c\n"), [
      "1 `linux` has `$kernel`, whose value only the boot loader knows",
      "2 `initrd` is not an absolute path: `b`",
    ]);
    assertEquals(problems("linux /a /b\n"), ["1 The line `linux` names several files"]);
    assertEquals(problems("linux /a\noptions memmap=64K$0x18690000 memmap=1G$4G a=$\n"), []);
  },
});

Deno.test({
  name:
    "variables come from the environment block, and those of distributions may be unset; two initrds on a line are two",
  permissions: "none",
  fn() {
    const text = [
      "linux /vmlinuz-5.14",
      "initrd /initrd.img  $tuned_initrd",
      "initrd /a.img /b.img",
      "options $ignition_firstboot $kernelopts quiet $tuned_params memmap=64K$0x1869",
      "options extra=${saved_entry}",
    ].join("\n");
    const read = (environment: Readonly<Record<string, string>>) =>
      parseBootEntry(text, "e.conf", new Map(Object.entries({ saved_entry: "one", ...environment }))).value;
    const full = read({ kernelopts: "root=/dev/a ro", tuned_params: "isolcpus=2-3", tuned_initrd: "/tuned.img" });
    assertEquals(full?.initrd, ["/initrd.img", "/tuned.img", "/a.img", "/b.img"]);
    assertEquals(full?.options, "root=/dev/a ro quiet isolcpus=2-3 memmap=64K$0x1869 extra=one");
    assertEquals(full?.expanded, [
      { variable: "$tuned_initrd", value: "/tuned.img" },
      { variable: "$ignition_firstboot" },
      { variable: "$kernelopts", value: "root=/dev/a ro" },
      { variable: "$tuned_params", value: "isolcpus=2-3" },
      { variable: "${saved_entry}", value: "one" },
    ]);
    const bare = read({});
    assertEquals([bare?.initrd, bare?.options], [
      ["/initrd.img", "/a.img", "/b.img"],
      "quiet memmap=64K$0x1869 extra=one",
    ]);
    // A variable that is written in two ways is one.
    const twice = "linux /a\noptions a=$tuned_params b=${tuned_params}\noptions c=$kernelopts d=$kernelopts\n";
    const environment = new Map([["tuned_params", "x"]]);
    assertEquals(parseBootEntry(twice, "e.conf", environment).value?.expanded, [
      { variable: "${tuned_params}", value: "x" },
      { variable: "$kernelopts" },
    ]);
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

Deno.test({
  name: "a key that counts once is the first of its lines, and an architecture is what uname -m says of it",
  permissions: "none",
  fn() {
    const { value } = parseBootEntry("title A\ntitle B\nversion 1\nversion 2\nlinux /k\n", "e.conf");
    assertEquals([value?.title, value?.version], ["A", "1"]);
    const twice = parseBootEntry("linux /k\noptions $tuned_params ${tuned_params} $kernelopts\n", "e.conf").value;
    assertEquals(twice?.expanded, [{ variable: "${tuned_params}" }, { variable: "$kernelopts" }]);
    const tree = (text: string) => parseBootEntry(`linux /k\n${text}`, "e.conf").value?.hasDevicetree;
    assertEquals([tree(""), tree("devicetree /d\n"), tree("devicetree /d\ndevicetree /e\n"), tree("devicetree\n")], [
      false,
      true,
      true,
      false,
    ]);
    const machine = (name: string) => parseBootEntry(`linux /k\narchitecture ${name}\n`, "e.conf").value?.architecture;
    assertEquals(["x64", "IA32", "aa64", "arm", "riscv64", "loongarch64", "mips", "toString"].map(machine), [
      "x86_64",
      "i686",
      "aarch64",
      "armv7l",
      "riscv64",
      "loongarch64",
      undefined,
      undefined,
    ]);
  },
});
