import { assertEquals } from "@std/assert";
import { join, relative } from "@std/path";
import { templateFromEntry, templateFromUki } from "../../src/app/init_entry.ts";
import { NEXT_STEPS } from "../../src/app/init_installed.ts";
import { templateFromKexec } from "../../src/app/init_kexec.ts";
import { sha256Of } from "../../src/core/sha256.ts";
import type { Checked } from "../../src/core/diagnostic.ts";
import { ascii, bzImage, peFile } from "../image/build.ts";
import { openBelow } from "../support/descriptors.ts";
import { type TempFiles, withFiles } from "../support/temp_files.ts";

/** What `look` gives in a folder with these files, or its diagnostics in one row each; the folder is `ROOT` in both. */
async function inFolder(
  files: TempFiles,
  look: (root: string) => Checked<unknown> | Promise<Checked<unknown>>,
): Promise<unknown> {
  return await withFiles(files, async (root) => {
    const { value, diagnostics } = await look(root);
    const rows = diagnostics.map(({ code, message, hint, expected }) => [code, message, hint ?? expected]);
    return JSON.parse(JSON.stringify(value ?? rows).replaceAll(root, "ROOT"));
  });
}

const ENTRY = `title Debian 12
version 6.1.0
architecture x64
linux /vmlinuz
initrd /a.img
initrd /b.img
devicetree /board.dtb
options root=LABEL=root $kernelopts $tuned_params
`;
const BOOT = { "boot/vmlinuz": "k", "boot/a.img": "a", "boot/b.img": "b" };
const at = "boot/loader/entries/one.conf";

Deno.test("a boot loader entry becomes a profile: its files below the folder that has loader/entries, its options, notes", async () => {
  const grubenv = "# GRUB Environment Block\nkernelopts=ro quiet\n".padEnd(1024, "#");
  assertEquals(
    await inFolder(
      { ...BOOT, [at]: ENTRY, "boot/grub2/grubenv": grubenv },
      (root) => templateFromEntry(join(root, at), undefined),
    ),
    {
      about: ["Boots what the boot loader entry one.conf boots.", NEXT_STEPS],
      description: "Debian 12",
      architecture: "x86_64",
      kernel: { path: "ROOT/boot/vmlinuz" },
      initrd: [{ path: "ROOT/boot/a.img" }, { path: "ROOT/boot/b.img" }],
      cmdline: "root=LABEL=root ro quiet",
      notes: {
        kernel:
          "Version 6.1.0. An update may remove this file and install another. The entry names a device tree; the next kernel gets the running one instead.",
        cmdline:
          "The entry's options. What the boot loader adds by itself is not among them. From ROOT/boot/grub2/grubenv, $kernelopts is `ro quiet`; write the profile again when that changes. $tuned_params is not set in ROOT/boot/grub2/grubenv, and so expands to nothing.",
      },
    },
  );
  assertEquals(
    await inFolder(
      { ...BOOT, [at]: "linux /vmlinuz\noptions ro $kernelopts $tuned_params\n" },
      (root) => templateFromEntry(join(root, at), undefined),
    ),
    {
      about: ["Boots what the boot loader entry one.conf boots.", NEXT_STEPS],
      kernel: { path: "ROOT/boot/vmlinuz" },
      initrd: [],
      cmdline: "ro",
      notes: {
        kernel: "An update may remove this file and install another.",
        initrd: "The entry has none.",
        cmdline:
          "The entry's options. What the boot loader adds by itself is not among them. $kernelopts, $tuned_params are not set (there is no grubenv beside loader/), and so expand to nothing.",
      },
    },
  );
  assertEquals(
    await inFolder(
      { ...BOOT, [at]: "linux /vmlinuz\noptions ro\n" },
      (root) => templateFromEntry(join(root, at), undefined),
    ),
    {
      about: [
        "Boots what the boot loader entry one.conf boots.",
        NEXT_STEPS,
      ],
      kernel: { path: "ROOT/boot/vmlinuz" },
      initrd: [],
      cmdline: "ro",
      notes: {
        kernel: "An update may remove this file and install another.",
        initrd: "The entry has none.",
        cmdline: "The entry's options. What the boot loader adds by itself is not among them.",
      },
    },
  );
});

Deno.test("where the paths of an entry begin is said by `boot`; one that lies there is found from the root, too", async () => {
  const elsewhere = (root: string, boot?: string) =>
    templateFromEntry(join(root, "one.conf"), boot === undefined ? undefined : `${root}${boot}`);
  assertEquals(await inFolder({ ...BOOT, "one.conf": "linux /vmlinuz\n" }, (root) => elsewhere(root)), [[
    "entry-unusable",
    "ROOT/one.conf is in no folder loader/entries, so the root of its paths is unknown",
    "Say where they begin: --boot /boot",
  ]]);
  assertEquals(await inFolder({ ...BOOT, "one.conf": "linux /vmlinuz\n" }, (root) => elsewhere(root, "/boot//")), {
    about: [
      "Boots what the boot loader entry one.conf boots.",
      NEXT_STEPS,
    ],
    kernel: { path: "ROOT/boot/vmlinuz" },
    initrd: [],
    cmdline: "",
    notes: {
      kernel: "An update may remove this file and install another.",
      initrd: "The entry has none.",
      cmdline: "The entry's options. What the boot loader adds by itself is not among them.",
    },
  });
  assertEquals(
    await inFolder({ "boot/vmlinuz": "k" }, (root) => {
      Deno.writeTextFileSync(join(root, "one.conf"), `linux ${root}/boot/vmlinuz\n`);
      return elsewhere(root, "/boot");
    }),
    {
      about: [
        "Boots what the boot loader entry one.conf boots.",
        NEXT_STEPS,
      ],
      kernel: { path: "ROOT/boot/vmlinuz" },
      initrd: [],
      cmdline: "",
      notes: {
        kernel: "An update may remove this file and install another.",
        initrd: "The entry has none.",
        cmdline: "The entry's options. What the boot loader adds by itself is not among them.",
      },
    },
  );
  // A file of the boot file system goes before one of that path on the host.
  const both = withFiles({ "k": "host" }, (root) => {
    Deno.mkdirSync(join(root, "boot", root), { recursive: true });
    Deno.writeTextFileSync(join(root, "boot", root, "k"), "boot");
    Deno.writeTextFileSync(join(root, "one.conf"), `linux ${root}/k\n`);
    return elsewhere(root, "/boot").value?.kernel?.path === join(root, "boot", root, "k");
  });
  assertEquals(both, true);
});

Deno.test("GRUB's environment lies on the file system that the paths begin at; grub2's comes before grub's", async () => {
  const block = (value: string) => `# GRUB Environment Block\nkernelopts=${value}\n`.padEnd(1024, "#");
  const options = async (files: TempFiles, boot?: string) => {
    const found = await inFolder(
      { ...BOOT, [at]: "linux /vmlinuz\noptions ro $kernelopts\n", "else/vmlinuz": "k", ...files },
      (root) => {
        const { value, diagnostics } = templateFromEntry(join(root, at), boot && join(root, boot));
        return { value: value?.cmdline, diagnostics };
      },
    );
    return found;
  };
  assertEquals(await options({ "boot/grub/grubenv": block("one") }), "ro one");
  assertEquals(await options({ "boot/grub/grubenv": block("one"), "boot/grub2/grubenv": block("two") }), "ro two");
  assertEquals(
    await options({ "boot/grub/grubenv": block("one"), "else/grub2/grubenv": block("else") }, "else"),
    "ro else",
  );
});

Deno.test("an entry is read up to its limit, from the folder loader/entries itself, by a path from anywhere", async () => {
  const of = async (size: number, name = at) =>
    await inFolder({ ...BOOT, [name]: "linux /vmlinuz\n".padEnd(size, "#") }, (root) => {
      const { value, diagnostics } = templateFromEntry(join(root, name), undefined);
      return { value: value?.kernel?.path, diagnostics };
    });
  assertEquals(await of(64 << 10), "ROOT/boot/vmlinuz");
  assertEquals(JSON.stringify(await of((64 << 10) + 1)).includes("too-large"), true);
  assertEquals(
    JSON.stringify(await of(0, "boot/loader/entries/more/one.conf")).includes("in no folder loader/entries"),
    true,
  );
  // `..` stays: after a link it leads elsewhere.
  withFiles({ ...BOOT, [at]: "linux /vmlinuz\n", "one.conf": "linux /vmlinuz\n" }, (root) => {
    const from = relative(Deno.cwd(), root);
    const kernel = (file: string, boot?: string) => templateFromEntry(file, boot).value?.kernel?.path;
    const expected = `${Deno.cwd()}/${from}/boot/vmlinuz`;
    assertEquals(kernel(`./${from}/${at}`), expected);
    assertEquals(kernel(join(root, "one.conf"), `./${from}/./boot/`), expected);
  });
});

Deno.test("an entry that cannot be used says why: files that are missing, bytes that are not text, no kernel", async () => {
  const of = (text: string | Uint8Array) =>
    inFolder({ "boot/a.img": "a", [at]: text }, (root) => templateFromEntry(join(root, at), undefined));
  assertEquals(await of("linux /vmlinuz\ninitrd /a.img\ninitrd /c.img\n"), [[
    "file-missing",
    "ROOT/boot/vmlinuz does not exist",
    null,
  ], ["file-missing", "ROOT/boot/c.img does not exist", "Did you mean `a.img`?"]]);
  assertEquals(await of(Uint8Array.of(0x6c, 0xff, 0x0a)), [[
    "entry-unusable",
    "ROOT/boot/loader/entries/one.conf is not UTF-8, and a profile cannot hold it",
    "Boot it, and take the running command line: warmboot init --running",
  ]]);
  assertEquals(await of("title x\n"), [[
    "entry-unusable",
    "The entry names no kernel: it has no line `linux`",
    "Name an entry of type 1",
  ]]);
  assertEquals(await inFolder({}, (root) => templateFromEntry(join(root, at), undefined)), [[
    "file-missing",
    "ROOT/boot/loader/entries/one.conf does not exist",
    "The directory ROOT/boot does not exist",
  ]]);
});

const section = (name: string, text: string | Uint8Array) => ({
  name,
  bytes: typeof text === "string" ? ascii(text) : text,
});
const KERNEL = bzImage({ version: "6.1.0 (x) #1 SMP" });
const LINUX = section(".linux", KERNEL);
const PLAIN = peFile({
  sections: [
    section(".osrel", 'PRETTY_NAME="Debian 12"\n'),
    section(".uname", "6.1.0"),
    section(".cmdline", "root=LABEL=root ro"),
    section(".ucode", "microcode"),
    section(".initrd", "initrd"),
    section(".splash", "BM"),
    LINUX,
  ],
});
const DIGESTS = {
  linux: sha256Of(KERNEL),
  ucode: sha256Of("microcode"),
  initrd: sha256Of("initrd"),
  other: sha256Of(""),
};
const PROFILES = peFile({
  sections: [
    section(".cmdline", "ro"),
    LINUX,
    section(".profile", "ID=main\nTITLE=Normal\n"),
    section(".profile", "TITLE=Rescue\n"),
    section(".cmdline", "ro single"),
  ],
});

const uki = (image: Uint8Array, options: Parameters<typeof templateFromUki>[1] = {}) =>
  inFolder(
    { "image.efi": image },
    (root) =>
      templateFromUki(join(root, "image.efi"), {
        ...options,
        ...(options.folder === undefined ? {} : { folder: join(root, options.folder) }),
      }),
  );

Deno.test("a unified kernel image becomes a profile that names it, with the profile that was chosen", async () => {
  assertEquals(await uki(PLAIN), {
    about: [
      "Boots the unified kernel image image.efi as it is then: its kernel, initrd and command line.",
      NEXT_STEPS,
    ],
    description: "Debian 12",
    kernel: { path: "ROOT/image.efi" },
    isUnified: true,
    initrd: [],
    notes: { kernel: "Release 6.1.0. To change its command line: cmdline: { reuse: image, append: debug }" },
  });
  assertEquals(await uki(peFile({ sections: [LINUX] })), {
    about: [
      "Boots the unified kernel image image.efi as it is then: its kernel, initrd and command line.",
      NEXT_STEPS,
    ],
    kernel: { path: "ROOT/image.efi" },
    isUnified: true,
    initrd: [],
    notes: { kernel: "To change its command line: cmdline: { reuse: image, append: debug }" },
  });
  assertEquals(await uki(PROFILES, { profile: "main" }), {
    about: [
      "Boots the unified kernel image image.efi as it is then: its kernel, initrd and command line.",
      NEXT_STEPS,
    ],
    kernel: { path: "ROOT/image.efi", profile: "main" },
    isUnified: true,
    initrd: [],
    notes: { kernel: "To change its command line: cmdline: { reuse: image, append: debug }" },
  });
  assertEquals(await uki(PROFILES, { profile: "@1" }), {
    about: [
      "Boots the unified kernel image image.efi as it is then: its kernel, initrd and command line.",
      NEXT_STEPS,
    ],
    kernel: { path: "ROOT/image.efi", profile: "@1" },
    isUnified: true,
    initrd: [],
    notes: { kernel: "To change its command line: cmdline: { reuse: image, append: debug }" },
  });
});

Deno.test("the parts of a unified kernel image are written, pinned, and never over a file", async () => {
  const written = (image: Uint8Array, profile?: string) =>
    inFolder({ "image.EFI": image, "out/other": "" }, async (root) => {
      const out = join(root, "out");
      const { value, diagnostics } = await templateFromUki(join(root, "image.EFI"), { folder: out, profile });
      const files = Array.from(
        Deno.readDirSync(out),
        ({ name }) => [name, sha256Of(Deno.readFileSync(join(out, name)))],
      ).toSorted();
      return { value: { value, files, problems: diagnostics.map(({ message }) => message) }, diagnostics };
    });
  assertEquals(await written(PLAIN), {
    value: {
      about: [
        "Boots what the unified kernel image image.EFI boots. Its parts were written beside one another, and are pinned: when the image is updated, write them again.",
        NEXT_STEPS,
      ],
      description: "Debian 12",
      kernel: {
        path: "ROOT/out/image.linux",
        sha256: DIGESTS.linux,
      },
      initrd: [{
        path: "ROOT/out/image.ucode",
        sha256: DIGESTS.ucode,
      }, { path: "ROOT/out/image.initrd", sha256: DIGESTS.initrd }],
      cmdline: "root=LABEL=root ro",
      notes: {
        kernel: "The section .linux, release 6.1.0.",
        initrd: "The sections .ucode, if there is one, and .initrd.",
        cmdline: "The section .cmdline.",
      },
    },
    files: [
      ["image.initrd", DIGESTS.initrd],
      ["image.linux", DIGESTS.linux],
      ["image.ucode", DIGESTS.ucode],
      ["other", DIGESTS.other],
    ],
    problems: [],
  });
  assertEquals(await written(PROFILES, "@1"), {
    value: {
      about: [
        "Boots what the unified kernel image image.EFI boots with its profile @1. Its parts were written beside one another, and are pinned: when the image is updated, write them again.",
        NEXT_STEPS,
      ],
      kernel: {
        path: "ROOT/out/image.profile1.linux",
        sha256: DIGESTS.linux,
      },
      initrd: [],
      cmdline: "ro single",
      notes: { kernel: "The section .linux.", initrd: "The image has none.", cmdline: "The section .cmdline." },
    },
    files: [["image.profile1.linux", DIGESTS.linux], [
      "other",
      DIGESTS.other,
    ]],
    problems: [],
  });
  assertEquals(await written(peFile({ sections: [LINUX, section(".cmdline", Uint8Array.of(0xff))] })), {
    files: [["other", DIGESTS.other]],
    problems: ["The section .cmdline of ROOT/image.EFI is not UTF-8, and a profile cannot hold it"],
  });
  assertEquals(
    await inFolder({ "image.efi": PLAIN, "image.initrd": "mine" }, async (root) => {
      const found = await templateFromUki(join(root, "image.efi"), { folder: root });
      assertEquals(Array.from(Deno.readDirSync(root), ({ name }) => name).toSorted(), ["image.efi", "image.initrd"]);
      return found;
    }),
    [[
      "entry-unusable",
      "ROOT/image.initrd already exists, and init never overwrites a file",
      "Name another folder with --extract, or remove the file",
    ]],
  );
});

Deno.test("the only profile of an image is the one that boots; an image is named by its absolute path, and closed", async () => {
  const ONE = peFile({
    sections: [
      section(".cmdline", "ro"),
      LINUX,
      section(".dtbauto", "tree"),
      section(".profile", "ID=only\n"),
      section(".cmdline", "ro only"),
    ],
  });
  const BARE = peFile({ sections: [LINUX] });
  const BROKEN = peFile({ sections: [LINUX, section(".cmdline", Uint8Array.of(0xff))] });
  await withFiles({ "one.efi": ONE, "bare.efi": BARE, "broken.efi": BROKEN, "out/a": "" }, async (root) => {
    const from = relative(Deno.cwd(), root);
    const { value: whole } = await templateFromUki(`${from}/one.efi`, {});
    assertEquals(whole?.kernel, { path: `${Deno.cwd()}/${from}/one.efi`, profile: "only" });
    const { value: parts } = await templateFromUki(`${from}/one.efi`, { folder: `./${from}/out` });
    assertEquals([parts?.kernel?.path, parts?.cmdline], [`${Deno.cwd()}/${from}/out/one.linux`, "ro only"]);
    assertEquals(parts?.about[0]?.includes("Its sections .dtbauto have no place in a profile"), true);
    // What the boot loader would give it is not guessed.
    assertEquals((await templateFromUki(join(root, "bare.efi"), { folder: join(root, "out") })).value?.cmdline, "");
    // Taken whole, the image keeps its own command line, whatever that is.
    assertEquals((await templateFromUki(join(root, "broken.efi"), {})).value?.isUnified, true);
    assertEquals(openBelow(root), []);
  });
  assertEquals(await uki(KERNEL, { profile: "main" }), await uki(KERNEL));
});

Deno.test("an image that is none, or a choice of profile that cannot be made, is an error that says what there is", async () => {
  assertEquals(await uki(KERNEL), [[
    "entry-unusable",
    "ROOT/image.efi is not a unified kernel image: Linux 6.1.0, bzImage 2.15, xz payload, unsigned",
    "a PE file with a section .linux",
  ]]);
  assertEquals(await uki(PLAIN, { profile: "main" }), [[
    "entry-unusable",
    "ROOT/image.efi has no profiles, and so none named `main`",
    "Leave --uki-profile out",
  ]]);
  assertEquals(await uki(PROFILES), [[
    "entry-unusable",
    "ROOT/image.efi has 2 profiles: main (Normal), @1 (Rescue)",
    "Choose one: --uki-profile main",
  ]]);
  assertEquals(await uki(PROFILES, { profile: "mian" }), [[
    "entry-unusable",
    "ROOT/image.efi has no profile `mian`; it has main (Normal), @1 (Rescue)",
    "Choose one: --uki-profile main",
  ]]);
  assertEquals(await uki(PROFILES, { profile: "@2" }), [[
    "entry-unusable",
    "ROOT/image.efi has no profile `@2`; it has main (Normal), @1 (Rescue)",
    "Choose one: --uki-profile @1",
  ]]);
  assertEquals(await inFolder({}, (root) => templateFromUki(join(root, "gone.efi"), {})), [[
    "file-missing",
    "ROOT/gone.efi does not exist",
    "ROOT is empty",
  ]]);
});

Deno.test("a command line of kexec-tools becomes a profile with the keys of its options; the others are named", async () => {
  const of = (line: string) => inFolder({}, () => templateFromKexec(line));
  assertEquals(
    await of(
      "kexec -l /boot/vmlinuz-`uname -r` --initrd=/boot/initrd.img-$(uname -r) --reuse-cmdline --append=debug --dtb=/b.dtb",
    ),
    {
      about: [
        "Loads what this command of kexec-tools loads:",
        "kexec -l /boot/vmlinuz-`uname -r` --initrd=/boot/initrd.img-$(uname -r) --reuse-cmdline --append=debug --dtb=/b.dtb",
        NEXT_STEPS,
      ],
      hasVariables: true,
      kernel: { path: "/boot/vmlinuz-${release}" },
      initrd: [{ path: "/boot/initrd.img-${release}" }],
      cmdline: { append: "debug" },
      dtb: { path: "/b.dtb" },
      settings: [],
      notes: {},
    },
  );
  assertEquals(
    await of(
      "kexec -p /boot/vmlinuz --command-line='ro quiet' -c -i --mem-min=0x1000 --mem-max=0xffffffff --no-ifdown",
    ),
    {
      about: [
        "Loads what this command of kexec-tools loads:",
        "kexec -p /boot/vmlinuz --command-line='ro quiet' -c -i --mem-min=0x1000 --mem-max=0xffffffff --no-ifdown",
        "Without `--no-ifdown`: `warmboot exec --now` always takes network interfaces down.",
        NEXT_STEPS,
      ],
      hasVariables: true,
      kernel: { path: "/boot/vmlinuz" },
      initrd: [],
      cmdline: "ro quiet",
      settings: ["crash: true", "load: kexec_load", "checksum: false", "memory: { min: 0x1000, max: 0x100000000 }"],
      notes: {},
    },
  );
  assertEquals(await of("kexec -s -l /k --mem-max=1G --debug"), {
    about: [
      "Loads what this command of kexec-tools loads:",
      "kexec -s -l /k --mem-max=1G --debug",
      "Without `--mem-max`: kexec_file_load has no use for it, and kexec-tools ignores it there.",
      "Without `--debug`: `warmboot plan PROFILE` shows what would be loaded; `debug: true` has the kernel write what it does.",
      NEXT_STEPS,
    ],
    hasVariables: true,
    kernel: { path: "/k" },
    initrd: [],
    cmdline: "",
    settings: ["load: kexec_file_load"],
    notes: {},
  });
  assertEquals(await of("kexec -l /k --reuse-cmdline"), {
    about: [
      "Loads what this command of kexec-tools loads:",
      "kexec -l /k --reuse-cmdline",
      NEXT_STEPS,
    ],
    hasVariables: true,
    kernel: { path: "/k" },
    initrd: [],
    settings: [],
    notes: {},
  });
  assertEquals(await of("kexec -l $KERNEL"), [[
    "entry-unusable",
    "`$KERNEL` in the kexec command is something that only a shell replaces",
    "Write the path itself",
  ]]);
  assertEquals(await of('kexec -l /k --append="root=$ROOT"'), [[
    "entry-unusable",
    "`$ROOT` in the kexec command is something that only a shell replaces",
    "Write the parameters themselves; only `$(cat /proc/cmdline)` is understood",
  ]]);
  assertEquals(await of("kexec -u"), [[
    "entry-unusable",
    "The kexec command names no kernel",
    "`warmboot unload` unloads, with `--crash` the crash kernel",
  ]]);
  // A relative path is from the working directory.
  assertEquals(templateFromKexec("kexec -l k --initrd=./i").value?.kernel, { path: join(Deno.cwd(), "k") });
});

Deno.test("what an option of kexec-tools without a key does instead is a warning", () => {
  assertEquals(
    templateFromKexec("kexec -l /k --no-ifdown --console-vga").diagnostics.map((
      { severity, code, message },
    ) => [severity, code, message]),
    [[
      "warning",
      "entry-unusable",
      "`--no-ifdown` is not in the profile: `warmboot exec --now` always takes network interfaces down",
    ], [
      "warning",
      "entry-unusable",
      "`--console-vga` is not in the profile: purgatory always writes to a VGA text screen",
    ]],
  );
});

Deno.test("modules keep their command lines, flags and each bound of the memory are keys of their own", () => {
  const template = (line: string) => {
    const { value } = templateFromKexec(line);
    return [value?.modules, value?.settings];
  };
  assertEquals(template("kexec -l /k --module='m one two' --module=/n"), [
    [{ path: join(Deno.cwd(), "m"), cmdline: "one two" }, { path: "/n", cmdline: "" }],
    [],
  ]);
  assertEquals(template("kexec -l -c /k --mem-min=0x1000"), [undefined, [
    "load: kexec_load",
    "memory: { min: 0x1000 }",
  ]]);
  assertEquals(template("kexec -l -c /k --mem-max=0x1fff"), [undefined, [
    "load: kexec_load",
    "memory: { max: 0x2000 }",
  ]]);
  assertEquals(template("kexec -s -l /k --force-dtb --no-cma"), [undefined, [
    "load: kexec_file_load",
    "no_cma: true",
    "force_dtb: true",
  ]]);
});
