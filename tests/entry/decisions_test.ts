/** Which way each decision about a boot loader goes, on both sides of it: rows of inputs, and what follows. */
import { assert, assertEquals } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import { parseBootEntry } from "../../src/entry/bls.ts";
import type { BootFiles } from "../../src/entry/boot_files.ts";
import { type BootHost, coldBoot, readAllEntries } from "../../src/entry/cold_boot.ts";
import { composeFit, composeUImage } from "../../src/entry/compose_uboot.ts";
import { bootNumber, efiVariable, loadOption, utf16Text } from "../../src/entry/efi_variables.ts";
import { evaluateTest } from "../../src/entry/grub/test_command.ts";
import type { Value } from "../../src/entry/grub/value.ts";
import { readKexecCommand } from "../../src/entry/kexec_command.ts";
import { parsePartPath, ubootPaths } from "../../src/entry/part_path.ts";
import { compareFileVersions, comparePackages, compareVersions } from "../../src/entry/version_order.ts";
import type { FitFile, FitPart } from "../../src/formats/fit.ts";
import { EFI_GLOBAL, EFIVARS } from "../../src/host/sources.ts";
import { layout, type LayoutFiles, loaderVariables, readLayout } from "../support/boot_layout.ts";

const LAYOUTS = ["debian", "fedora", "opensuse", "ostree", "arch_systemd_boot", "debian_systemd_boot"].map((name) =>
  [name, readLayout(name)] as const
);
const [DEBIAN, FEDORA, ARCH] = ["debian", "fedora", "arch_systemd_boot"].map((wanted) =>
  LAYOUTS.find(([name]) => name === wanted)?.[1] ?? {}
) as [LayoutFiles, LayoutFiles, LayoutFiles];
const UEFI: BootHost = { machine: "x86_64", efi: { systab: {}, runtimeMap: [] } };
const BIOS: BootHost = { machine: "x86_64" };
const SD257 = loaderVariables({ LoaderInfo: "systemd-boot 257.1" });

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

type Changes = Parameters<typeof layout>[1];

/** What a cold boot says of a layout: its errors and warnings, without what comes after the period of a hint. */
const said = (files: LayoutFiles, changes: Changes = {}, host: BootHost = UEFI, id?: string): readonly string[] =>
  coldBoot(layout(files, changes), host, id).diagnostics.map(({ message }) => message);

// --- What is read.

pure("a capture of what readAllEntries reads answers for every entry of every layout", () => {
  let entries = 0;
  for (const [name, files] of LAYOUTS) {
    const all = layout(files, name.includes("systemd") ? SD257 : {});
    const read = new Set<string>();
    const recorder: BootFiles = {
      read: (path) => (read.add(path), all.read(path)),
      list: (path) => (read.add(path), all.list(path)),
    };
    readAllEntries(recorder, UEFI);
    const only: BootFiles = {
      read: (path) => read.has(path) ? all.read(path) : { kind: "absent" },
      list: (path) => read.has(path) ? all.list(path) : [],
    };
    for (const id of ["default", "0", "1", "1>0", "1>1", "2", "arch.conf", "arch-fallback.conf"]) {
      const [whole, captured] = [coldBoot(all, UEFI, id), coldBoot(only, UEFI, id)];
      assertEquals([name, id, captured], [name, id, whole]);
      if (whole.value !== undefined) entries++;
    }
  }
  assert(entries > 20, `${entries}`);
});

// --- Which boot loader.

pure("without a loader that is known, what is missing is named, by what the host has", () => {
  const conf = { "/boot/loader/loader.conf": "timeout 3\n" };
  const none =
    "No boot loader is found: there is neither LoaderInfo of systemd-boot, nor a grub.cfg in /boot/grub or /boot/grub2";
  assertEquals(said(conf), [
    "systemd-boot is installed in /boot, but did not start this system: LoaderInfo is not set",
  ]);
  // systemd-boot is a program of UEFI: it cannot be what starts a host without.
  assertEquals(said(conf, {}, BIOS), [none]);
  assertEquals(said({}), [none]);
  assertEquals(said({ "/boot/grub/grub.cfg": { error: "EACCES" } }), [
    "Cannot read /boot/grub/grub.cfg (EACCES), which may be the boot loader's",
  ]);
  assertEquals(coldBoot(layout({}), UEFI).diagnostics.map(({ code, path }) => [code, path]), [
    ["boot-loader", ["boot_entry"]],
  ]);
});

pure("an entry in /boot counts for systemd-boot if /boot is its own, or of the right type", () => {
  const mounts = (type: string): LayoutFiles => ({
    "/proc/self/mountinfo": "24 1 8:2 / / rw - ext4 /dev/sda2 rw\n" +
      "25 24 8:3 / /boot rw - ext4 /dev/sda3 rw\n30 24 8:1 / /efi rw - vfat /dev/sda1 rw\n",
    "/run/udev/data/b8:1":
      "E:ID_PART_ENTRY_UUID=7b7f8f7e-8a0c-4f0d-9c53-8f5d9a3c1b33\nE:ID_PART_ENTRY_TYPE=c12a7328-f81f-11d2-ba4b-00a0c93ec93b\n",
    ...(type === "" ? {} : { "/run/udev/data/b8:3": `E:ID_PART_ENTRY_TYPE=${type}\n` }),
    "/efi/loader/loader.conf": "timeout 3\n",
    "/efi/loader/entries/esp.conf": "linux /vmlinuz\n",
    "/efi/vmlinuz": "k",
    "/boot/loader/entries/z.conf": "sort-key a\nlinux /vmlinuz\n",
    "/boot/vmlinuz": "k",
    ...SD257,
  });
  const kernel = (type: string) => coldBoot(layout(mounts(type)), UEFI).value?.kernel;
  // XBOOTLDR; a type that nothing says; Linux data.
  assertEquals(["bc13c2ff-59e6-4262-a352-b275fd6f7172", "", "0fc63daf-8483-4772-8e79-3d69d8477de4"].map(kernel), [
    "/boot/vmlinuz",
    "/boot/vmlinuz",
    "/efi/vmlinuz",
  ]);
});

pure("systemd-boot: the device tree, the profile of an image and an empty last entry", () => {
  const of = (text: string, more: LayoutFiles = {}) =>
    coldBoot(
      layout(ARCH, {
        ...SD257,
        "/boot/loader/loader.conf": "timeout 3\n",
        "/boot/loader/entries/arch.conf": text,
        "/boot/loader/entries/arch-fallback.conf": null,
        "/boot/dtb/a.dtb": "t",
        ...more,
      }),
      UEFI,
    );
  const tree = of("linux /vmlinuz-linux\ndevicetree \\dtb\\a.dtb\n").value;
  assertEquals([tree?.kernel, tree?.dtb], ["/boot/vmlinuz-linux", "/boot/dtb/a.dtb"]);
  assertEquals(of("linux /vmlinuz-linux\n").value?.dtb, undefined);
  const uki = (profile: string) =>
    of(`uki /a.efi\n${profile}`, { "/boot/a.efi": "MZ", "/boot/a.efi/@1/.profile": "ID=second\n" }).value;
  assertEquals(["", "profile 1", "profile 0", "profile x"].map((line) => uki(line)?.profile), [
    undefined,
    "1",
    undefined,
    undefined,
  ]);
  const saved = (last: string) =>
    of("linux /vmlinuz-linux\n", {
      "/boot/loader/loader.conf": "default @saved\n",
      ...loaderVariables({ LoaderInfo: "systemd-boot 257.1", LoaderEntryLastBooted: last }),
    }).value?.rule;
  assertEquals(["", "arch.conf"].map(saved), [
    "it is the only entry",
    "`default` in /boot/loader/loader.conf is `@saved`, and LoaderEntryLastBooted names it",
  ]);
});

pure("a load option of the firmware is read up to its end, whatever its nodes say", () => {
  const node = (type: number, subtype: number, length: number, ...data: readonly number[]) => [
    type,
    subtype,
    length & 0xff,
    length >> 8,
    ...data,
  ];
  const utf16 = (text: string) => Array.from(text, (each) => [each.charCodeAt(0), 0]).flat();
  const path = (text: string) => node(4, 4, 4 + 2 * text.length, ...utf16(text));
  const END = node(0x7f, 0xff, 4);
  const read = (nodes: readonly number[], size = nodes.length) => {
    const value = Uint8Array.of(7, 0, 0, 0, 1, 0, 0, 0, size & 0xff, size >> 8, ...utf16("A\0"), ...nodes);
    return loadOption(layout({ [`${EFIVARS}/Boot0001-${EFI_GLOBAL}`]: { base64: value.toBase64() } }), 1);
  };
  const rows: readonly (readonly [readonly number[], string | undefined, number?])[] = [
    [path("\\a.efi"), "\\a.efi"],
    [[...path("\\EFI"), ...path("a.efi"), ...END], "\\EFI\\a.efi"],
    [[...path("\\EFI\\"), ...path("a.efi")], "\\EFI\\a.efi"],
    [[...path("\\EFI"), ...path("\\a.efi")], "\\EFI\\a.efi"],
    [[...node(4, 1, 6, 1, 2), ...path("\\a")], "\\a"],
    [[...END, ...path("\\a")], undefined],
    // A node without room for its own header, and one that is longer than what is there.
    [[...node(4, 4, 3), ...path("\\a")], undefined],
    [[...node(1, 1, 0), ...path("\\a")], undefined],
    [node(4, 4, 9, ...utf16("\\a")), undefined],
    [node(4, 4, 8, ...utf16("\\a")), "\\a"],
    // What comes after the paths is not one of them.
    [[...path("\\a"), ...path("\\b")], "\\a", 8],
    [[], undefined],
  ];
  assertEquals(
    rows.map(([nodes, , size]) => read(nodes, size)),
    rows.map(([, file]) => ({ description: "A", ...(file === undefined ? {} : { file }) })),
  );
  const short = (bytes: readonly number[]) =>
    layout({
      [`${EFIVARS}/Boot0001-${EFI_GLOBAL}`]: { base64: Uint8Array.from(bytes).toBase64() },
      [`${EFIVARS}/BootNext-${EFI_GLOBAL}`]: { base64: Uint8Array.from(bytes).toBase64() },
    });
  // Attributes, then eight bytes at least; a number has two.
  assertEquals(loadOption(short([7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]), 1), undefined);
  assertEquals(loadOption(short([7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]), 1), { description: "" });
  assertEquals(
    [[7, 0, 0, 0, 1], [7, 0, 0, 0, 1, 2], [7, 0, 0]].map((bytes) => bootNumber(short(bytes), "BootNext")),
    [undefined, 0x201, undefined],
  );
  const boot = (digits: string) =>
    layout({
      [`${EFIVARS}/Boot${digits}-${EFI_GLOBAL}`]: {
        base64: Uint8Array.of(7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0).toBase64(),
      },
    });
  // The specification has the digits in upper case.
  assertEquals([loadOption(boot("00AB"), 0xab), loadOption(boot("00ab"), 0xab)], [{ description: "" }, undefined]);
  assertEquals(utf16Text(Uint8Array.of(0x61, 0, 0x62)), "a");
  assertEquals(
    [[7, 0, 0], [7, 0, 0, 0]].map((bytes) => efiVariable(short(bytes), "BootNext", EFI_GLOBAL)?.length),
    [undefined, 0],
  );
});

// --- GRUB.

pure("an entry of the specification whose path is only known to the boot loader has that fault alone", () => {
  const problems = (text: string) => parseBootEntry(text, "e.conf").diagnostics.map(({ message }) => message);
  assertEquals(problems("linux ${kernel}x\n"), ["`linux` has `${kernel}`, whose value only the boot loader knows"]);
  assertEquals(problems("linux /a b\n"), [
    "`linux` is not an absolute path: `b`",
    "The line `linux` names several files",
  ]);
});

pure("GRUB reads an entry of the specification up to its first line without a value", () => {
  const [name] = Object.keys(FEDORA).filter((path) => path.endsWith("6.9.7-200.fc40.x86_64.conf"));
  assert(name !== undefined);
  const text = (lines: string) => `title T\nlinux /vmlinuz-6.9.7-200.fc40.x86_64\n${lines}initrd /x.img\n`;
  const initrd = (lines: string) => {
    const { value, diagnostics } = coldBoot(
      layout(FEDORA, { [name]: text(lines), "/boot/x.img": "i" }),
      UEFI,
      name.replace(/^.*\/(.*)\.conf$/, "$1"),
    );
    return value?.initrd ?? diagnostics.map(({ message }) => message);
  };
  assertEquals(["", "# note\n", "options ro\n", "options\n", "options \n", "\n", "word\n"].map(initrd), [
    ["/boot/x.img"],
    ["/boot/x.img"],
    ["/boot/x.img"],
    [],
    [],
    [],
    [],
  ]);
});

pure(
  "paths of GRUB's configuration: the word btrfs_relative_path counts on btrfs only, and subvolumes by their root",
  () => {
    const cfg = "/boot/grub/grub.cfg";
    const kernelOf = (mountinfo: string, config: string, more: LayoutFiles = {}) => {
      const files: LayoutFiles = {
        "/proc/self/mountinfo": mountinfo,
        "/boot/vmlinuz": "k",
        [cfg]: `set timeout=1\n${config}`,
        ...more,
      };
      const { value, diagnostics } = coldBoot(layout(files), BIOS);
      return value?.kernel ?? diagnostics.map(({ message }) => message).join("; ");
    };
    const entry = "menuentry A { linux $dir/vmlinuz }\n";
    const own = "24 1 8:2 / / rw - ext4 /dev/sda2 rw\n25 24 8:3 / /boot rw - ext4 /dev/sda3 rw\n";
    // `prefix` is where the configuration lies on its device: /grub of a /boot of its own.
    assertEquals(
      kernelOf(own, `load_env -f $prefix/env x\nset dir=$x\n${entry}`, {
        "/boot/grub/env": "# GRUB Environment Block\nx=\n".padEnd(1024, "#"),
      }),
      "/boot/vmlinuz",
    );
    assertEquals(
      kernelOf(own, `# btrfs_relative_path\nload_env -f $prefix/env x\nset dir=$x\n${entry}`, {
        "/boot/grub/env": "# GRUB Environment Block\nx=/gone\n".padEnd(1024, "#"),
      }),
      "The entry `A` of GRUB boots /boot/gone/vmlinuz, which does not exist",
    );
    const btrfs = (root: string) => `24 1 0:30 ${root} / rw - btrfs /dev/sda2 rw\n`;
    const relative = "set btrfs_relative_path=yes\nexport btrfs_relative_path\nset dir=/boot\n";
    assertEquals([btrfs("/"), btrfs("/@")].map((mount) => kernelOf(mount, relative + entry)), [
      "/boot/vmlinuz",
      "/boot/vmlinuz",
    ]);
    assertEquals(kernelOf(btrfs("/@"), `set dir=/@/boot\n${entry}`), "/boot/vmlinuz");
    // A configuration that has the word was read by a GRUB that begins at the subvolume.
    assertEquals(
      kernelOf(btrfs("/@"), `# btrfs_relative_path\nload_env -f $prefix/env x\nset dir=$x\n${entry}`, {
        "/boot/grub/env": "# GRUB Environment Block\nx=/boot\n".padEnd(1024, "#"),
      }),
      "/boot/vmlinuz",
    );
  },
);

pure("what an entry of GRUB boots depends on what only GRUB knows: that is said, not that it starts nothing", () => {
  const config = (body: string) => ({
    "/boot/grub/grub.cfg": `set root=fs-uuid/5b1d6a0c-7f0e-4d52-9a47-3c9f0a3f6c11\nset timeout=5\n${body}`,
  });
  const linux = "linux /boot/vmlinuz-6.1.0-50-amd64";
  assertEquals(
    said(DEBIAN, config(`menuentry A {\nif [ $fw_path = x ]; then ${linux} a; else ${linux} b; fi\n}\n`), BIOS),
    ["What the entry `A` of GRUB boots depends on the condition at /boot/grub/grub.cfg:4"],
  );
  assertEquals(said(DEBIAN, config("menuentry A { true; }\n"), BIOS), ["The entry `A` of GRUB starts no kernel"]);
  // The two branches add the same entries, or not the same ones.
  const branches = (then: string, or: string) =>
    config(`if [ $fw_path = x ]; then\n${then}\nelse\n${or}\nfi\nmenuentry Z { ${linux} z; }\n`);
  const one = `menuentry A { ${linux} a; }`;
  const depends = ["Which entry GRUB boots depends on the condition at /boot/grub/grub.cfg:3"];
  assertEquals(said(DEBIAN, branches(one, one), BIOS), depends);
  assertEquals(said(DEBIAN, branches(one, "true"), BIOS), depends);
  assertEquals(said(DEBIAN, branches("true", "true"), BIOS), []);
  assertEquals(
    said(
      DEBIAN,
      config(`function add { ${one}; }\nif [ $fw_path = x ]; then add; else add; fi\n`.replace("{ menu", "{\nmenu")),
      BIOS,
    ),
    [],
  );
  // Unknown in both branches is still unknown, and once only.
  assertEquals(
    said(DEBIAN, branches("blsdir='(hd9,9)/x'; blscfg", `blsdir='(hd9,9)/x'; blscfg`), BIOS)[0],
    "GRUB reads boot loader entries at /boot/grub/grub.cfg:4, which cannot be found: " +
      "`hd9,9` is a name that only GRUB knows, and not searched for",
  );
});

pure("statements of GRUB nest so deep, of each kind, and no deeper", () => {
  const nested = (open: string, close: string, times: number) =>
    said(
      DEBIAN,
      {
        "/boot/grub/grub.cfg": `set timeout=5\nset root=fs-uuid/5b1d6a0c-7f0e-4d52-9a47-3c9f0a3f6c11\n${
          open.repeat(times)
        }true${close.repeat(times)}\nmenuentry A { linux /boot/vmlinuz-6.1.0-50-amd64; }\n`,
      },
      BIOS,
    );
  const kinds: readonly (readonly [string, string])[] = [
    ["if true; then ", "; fi"],
    ["if ", "; then true; fi"],
    ["for i in 1; do ", "; done"],
    ["while false; do ", "; done"],
    ["if false; then true; else ", "; fi"],
    ["if false; then true; elif true; then ", "; fi"],
    ["true { ", "; }"],
  ];
  for (const [open, close] of kinds) {
    assertEquals([open, nested(open, close, 99)], [open, []]);
    const [message = ""] = nested(open, close, 101);
    assertEquals([open, /nests more than 100 deep/.test(message)], [open, true]);
  }
});

pure("`test` of GRUB: a comparison has an operator that is one, between two words", () => {
  const of = (...words: readonly Value[]) => evaluateTest(words, (test, path) => `${test}${path}` === "e/there");
  const rows: readonly (readonly [readonly string[], boolean | undefined])[] = [
    [["a", "=", "a"], true],
    [["a", "==", "b"], false],
    [["a", "!=", "b"], true],
    [["a", "!=", "a"], false],
    [["a", "<", "b"], true],
    [["b", "<", "b"], false],
    [["b", "<=", "b"], true],
    [["c", "<=", "b"], false],
    [["b", ">", "a"], true],
    [["b", ">", "b"], false],
    [["b", ">=", "b"], true],
    [["a", ">=", "b"], false],
    [["10", "-eq", "0xa"], true],
    [["10", "-eq", "012"], true],
    [["10", "-ne", "10"], false],
    [["9", "-ge", "10"], false],
    [["10", "-ge", "10"], true],
    [["10", "-gt", "10"], false],
    [["11", "-gt", "10"], true],
    [["10", "-le", "10"], true],
    [["11", "-le", "10"], false],
    [["10", "-lt", "10"], false],
    [["-2", "-lt", "-1"], true],
    [["", "-eq", "0"], true],
    [["a10", "-pgt", "a9"], true],
    [["a9", "-pgt", "a10"], false],
    [["a9", "-plt", "a10"], true],
    // The digits that are common belong to the number, but for one at the very start.
    [["a100", "-pgt", "a19"], true],
    [["a19", "-plt", "a100"], true],
    [["100", "-pgt", "19"], false],
    [["a", "-pgt", "a"], false],
    [["6.1.10", "-pgt", "6.1.9"], true],
    [["a10", "-plt", "a10"], false],
    // Not operators, so each is a word that is not empty.
    [["a", "toString", "b"], true],
    [["", "constructor", "b"], false],
    [["a", "="], true],
    [["", "="], false],
    [["-n", "x"], true],
    [["-n", ""], false],
    [["-z", ""], true],
    [["-z", "x"], false],
    [["-e", "/there"], true],
    [["-f", "/there"], false],
    [["-e"], true],
    [["!", ""], true],
    [["!", "!", ""], false],
    [["a", "-a", ""], false],
    [["a", "-o", ""], true],
    [["", "-o", "a"], true],
    [["", "-o", "a", "-a", ""], false],
    [["a", "-a", "(", "", "-o", "b", ")"], true],
    [["(", "", ")", "-o", "b"], true],
    [["!", "(", "a", ")"], false],
    [["a", "-nt", "b"], undefined],
    // test_parse() begins with true.
    [[], true],
  ];
  assertEquals(rows.map(([words]) => [words, of(...words)]), rows.map(([words, truth]) => [words, truth]));
  const unknown = { unknown: "x" };
  assertEquals([of(unknown, "=", "a"), of("a", "=", unknown), of("a", unknown, "b"), of("-n", unknown), of(unknown)], [
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  // False whatever is not known; true whatever is not known.
  assertEquals([of(unknown, "-a", ""), of(unknown, "-o", "a"), of(unknown, "-a", "a")], [false, true, undefined]);
  const nested = (depth: number) => of(...Array<string>(depth).fill("("), "a", ...Array<string>(depth).fill(")"));
  assertEquals([nested(100), nested(101)], [true, undefined]);
});

// --- Commands of kexec-tools.

pure("an option of kexec that lacks its value is named as it was written", () => {
  const of = (line: string) => {
    const found = readKexecCommand(line);
    return found.kind === "fault" ? found.message : found.command.kernel;
  };
  const [long, short] = [of("kexec -l k --type"), of("kexec -l k -t")];
  assertEquals([typeof long, typeof short], ["string", "string"]);
  assert(long?.includes("`--type`"), long);
  assert(short?.includes("`-t`"), short);
  assertEquals([of("kexec -l -t bzImage64 k"), of("kexec -l -tbzImage64 k"), of("kexec -lt bzImage64 k")], [
    "k",
    "k",
    "k",
  ]);
});

// --- Images of U-Boot.

const GZIP = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];

const part = (name: string, type: string | undefined, more: Partial<FitPart> = {}): FitPart => ({
  name,
  ...(type === undefined ? {} : { type }),
  system: "linux",
  architecture: "arm64",
  compression: "none",
  data: { kind: "data", offset: 16, size: 10 },
  hashes: [],
  signatures: [],
  isEncrypted: false,
  ...more,
});

const configuration = (
  name: string,
  more: { readonly kernel?: string; readonly ramdisk?: string; readonly fdt?: readonly string[] } = { kernel: "k" },
): FitFile["configurations"][number] => ({ name, fdt: [], others: [], signatures: [], ...more });

function composed(image: Partial<FitFile>, wanted?: string, bytes: readonly number[] = Array<number>(26).fill(0)) {
  const found = composeFit({
    path: "/b/a.itb",
    source: memorySource(Uint8Array.from(bytes)),
    image: {
      images: [part("k", "kernel"), part("r", "ramdisk"), part("t", "flat_dt"), part("o", "flat_dt")],
      configurations: [configuration("c")],
      ...image,
    },
  }, wanted);
  if (found.kind === "fault") return [found.message, found.hint ?? "", ...(found.isChoice === true ? ["choice"] : [])];
  const { kind: _, ...rest } = found;
  return rest;
}

pure("a configuration of a FIT image: the one that is named, the default, or the only one", () => {
  const two = [configuration("c"), configuration("d")];
  const whole = { kernel: "/b/a.itb/images/k", trees: [], unused: [] };
  assertEquals(composed({}), whole);
  assertEquals(composed({ configurations: two, default: "d" }), whole);
  assertEquals(composed({ configurations: two }, "c"), whole);
  // What the profile names outweighs the default.
  assertEquals(composed({ configurations: [configuration("c"), configuration("d", {})], default: "d" }, "c"), whole);
  assertEquals(composed({ configurations: two }), [
    "/b/a.itb has no default configuration",
    "Name one with `configuration`: c, d",
  ]);
  assertEquals(composed({ configurations: [] }), [
    "/b/a.itb has no configurations, which say what belongs together",
    "Name its parts: kernel: /b/a.itb/images/NAME",
  ]);
  assertEquals(composed({ default: "x-9" }), [
    "/b/a.itb has the default configuration `x-9`, which is not in it; it has c",
    "Name one of them with `configuration`",
  ]);
  assertEquals(composed({ configurations: [configuration("conf-1"), configuration("d")] }, "conf-2"), [
    "/b/a.itb has no configuration `conf-2`; it has conf-1, d",
    "Did you mean `conf-1`?",
    "choice",
  ]);
  assertEquals(composed({ configurations: [configuration("c", {}), configuration("d")], default: "c" }), [
    "The configuration `c` of /b/a.itb has no kernel",
    "Name another one with `configuration`: d",
  ]);
  assertEquals(composed({ configurations: [configuration("c", {})] }), [
    "The configuration `c` of /b/a.itb has no kernel",
    "Make the image again, and compare it with `dumpimage -l`",
  ]);
});

pure("an image is used as what its own type says, and as nothing else", () => {
  const of = (types: { readonly [name: string]: string }) => {
    const images = ["k", "r", "t"].map((name) => part(name, types[name] ?? ""));
    const whole = { ...configuration("c", { kernel: "k", ramdisk: "r", fdt: ["t"] }) };
    const found = composed({ images, configurations: [whole] });
    return Array.isArray(found) ? found[0] : "composed";
  };
  const right = { k: "kernel", r: "ramdisk", t: "flat_dt" };
  const why = (what: string, name: string, is: string, not: string) =>
    `The ${what} \`${name}\` of /b/a.itb cannot be used: its type is \`${is}\`, not \`${not}\``;
  assertEquals([
    of(right),
    of({ ...right, k: "flat_dt" }),
    of({ ...right, r: "kernel" }),
    of({ ...right, t: "ramdisk" }),
  ], [
    "composed",
    why("kernel", "k", "flat_dt", "kernel"),
    why("initrd", "r", "kernel", "ramdisk"),
    why("device tree", "t", "ramdisk", "flat_dt"),
  ]);
});

pure("where a kernel is for another machine, the other configurations are named", () => {
  const images = [part("k", "kernel", { architecture: "x86_64" })];
  const configurations = [configuration("c"), configuration("d"), configuration("e")];
  assertEquals(composed({ images, configurations, default: "d" }), [
    "The configuration `d` of /b/a.itb is for x86_64, and this host is arm64",
    "Name another one with `configuration`: c, e",
  ]);
});

pure("the parts of a configuration: kernel, initrd, trees in their order, and what is not used", () => {
  const all = {
    ...configuration("c", { kernel: "k", ramdisk: "r", fdt: ["t", "o"] }),
    others: [{ property: "fpga", image: "f" }, { property: "loadables", image: "l" }],
  };
  assertEquals(composed({ configurations: [all] }), {
    kernel: "/b/a.itb/images/k",
    initrd: "/b/a.itb/images/r",
    trees: ["/b/a.itb/images/t", "/b/a.itb/images/o"],
    unused: ["`f` (`fpga`)", "`l` (`loadables`)"],
  });
  const named = (more: Parameters<typeof configuration>[1]) => composed({ configurations: [configuration("c", more)] });
  const gone = (what: string) => [
    `The configuration \`c\` of /b/a.itb has the ${what} \`x\`, which is not in the file`,
    "Make the image again, and compare it with `dumpimage -l`",
  ];
  assertEquals(named({ kernel: "x" }), gone("kernel"));
  assertEquals(named({ kernel: "k", ramdisk: "x" }), gone("initrd"));
  assertEquals(named({ kernel: "k", fdt: ["t", "x"] }), gone("device tree"));
});

pure("why a part of a FIT image cannot be what its configuration takes it for", () => {
  const kernel = (more: Partial<FitPart> | undefined, bytes?: readonly number[]) => {
    const found = composed({ images: [part("k", "kernel", more)] }, undefined, bytes);
    return Array.isArray(found) ? found[0]?.replace("The kernel `k` of /b/a.itb cannot be used: ", "@ ") : "composed";
  };
  const packed = [...Array<number>(16).fill(0), ...GZIP];
  const rows: readonly (readonly [Partial<FitPart>, string, (readonly number[])?])[] = [
    [{}, "composed"],
    [{ type: "kernel_noload" }, "composed"],
    [{ type: "ramdisk" }, "@ its type is `ramdisk`, not `kernel`"],
    [{ system: "u-boot" }, "@ it is for u-boot, not linux"],
    [{ isEncrypted: true }, "@ it is encrypted, and U-Boot has the key"],
    [{ data: { kind: "fault", why: "end outside of the file" } }, "@ its data end outside of the file"],
    [{ data: { kind: "data", offset: 16, size: 0 } }, "@ it is empty"],
    [{ compression: "gzip" }, "composed", packed],
    [{ compression: "gzip" }, "@ it states `gzip` compression, and its data are not"],
    [{ compression: "lzma" }, "@ it states `lzma` compression, and its data are packed with gzip", packed],
    [{ compression: "none" }, "composed", packed],
    [{ compression: undefined as never }, "composed", packed],
    [{ architecture: "x86_64" }, "The configuration `c` of /b/a.itb is for x86_64, and this host is arm64"],
  ];
  assertEquals(rows.map(([more, , bytes]) => kernel(more, bytes)), rows.map(([, expected]) => expected));
  const { type: _t, ...untyped } = part("k", "kernel");
  const { system: _s, ...free } = part("k", "kernel");
  const { architecture: _a, ...open } = part("k", "kernel");
  const { compression: _c, ...plain } = part("k", "kernel");
  const why = (image: FitPart) => {
    const found = composed({ images: [image] });
    return Array.isArray(found) ? found[0] : "composed";
  };
  assertEquals([untyped, free, open, plain].map(why), [
    "The kernel `k` of /b/a.itb cannot be used: it states no type",
    "The kernel `k` of /b/a.itb cannot be used: it states no operating system",
    "The kernel `k` of /b/a.itb states no architecture",
    "composed",
  ]);
  // A tree is for no system; an initrd stays packed as it is.
  const others = (images: readonly FitPart[]) =>
    composed({
      images: [part("k", "kernel"), ...images],
      configurations: [configuration("c", { kernel: "k", ramdisk: "r", fdt: ["t"] })],
    });
  const { system: _u, ...tree } = part("t", "flat_dt");
  assertEquals(Array.isArray(others([part("r", "ramdisk", { compression: "gzip" }), tree])), false);
  const { system: _v, ...initrd } = part("r", "ramdisk");
  assertEquals(others([initrd, tree]), [
    "The initrd `r` of /b/a.itb cannot be used: it states no operating system",
    "Make the image again, and compare it with `dumpimage -l`",
  ]);
});

pure("a uImage: its kernel, its initrd and its device tree, and files that nothing takes", () => {
  const of = (parts: readonly number[], compression = "none", bytes: readonly number[] = Array<number>(99).fill(0)) => {
    let at = 0;
    const found = composeUImage({
      path: "/b/u",
      source: memorySource(Uint8Array.from(bytes)),
      image: {
        title: "",
        system: "linux",
        architecture: "arm64",
        type: "multi",
        compression,
        load: 0,
        entry: 0,
        parts: parts.map((size) => ({ offset: (at += size) - size, size })),
      } as unknown as Parameters<typeof composeUImage>[0]["image"],
    });
    if (found.kind === "fault") return found.message;
    return [found.kernel, found.initrd, ...found.trees, ...found.unused];
  };
  const at = "/b/u/images";
  assertEquals(of([4]), [`${at}/0`, undefined]);
  assertEquals(of([4, 4]), [`${at}/0`, `${at}/1`]);
  assertEquals(of([4, 4, 4]), [`${at}/0`, `${at}/1`, `${at}/2`]);
  assertEquals(of([4, 4, 4, 4, 4]), [`${at}/0`, `${at}/1`, `${at}/2`, "its file 3", "its file 4"]);
  assertEquals([of([]), of([0, 4])], ["/b/u has no data", "/b/u has no data"]);
  assertEquals(
    of([10], "gzip"),
    "The kernel of /b/u cannot be used: it states `gzip` compression, and its data are not",
  );
  assertEquals(of([10], "gzip", GZIP), [`${at}/0`, undefined]);
});

pure("paths of parts: those of U-Boot's images by the first of a name, and only those that have data", () => {
  const place = { kind: "data", offset: 1, size: 2 } as const;
  const images = [
    part("k", "kernel", { data: place }),
    part("k", "kernel", { data: { kind: "data", offset: 3, size: 4 } }),
    part("lost", "kernel", { data: { kind: "fault", why: "end outside of the file" } }),
    part("not a name", "kernel", { data: place }),
    part("-x", "kernel", { data: place }),
  ];
  assertEquals(ubootPaths("/a", { images }), [{ path: "/a/images/k", place: { offset: 1, size: 2 } }]);
  const parts = [{ offset: 0, size: 1 }, { offset: 1, size: 0 }];
  assertEquals(ubootPaths("/a", { parts } as unknown as Parameters<typeof ubootPaths>[1]), [
    { path: "/a/images/0", place: { offset: 0, size: 1 } },
    { path: "/a/images/1", place: { offset: 1, size: 0 } },
  ]);
  const rows: readonly (readonly [string, unknown])[] = [
    ["/a/images/k", { kind: "uboot", image: "/a", name: "k" }],
    ["/a/images/images/k@1,2._+-", { kind: "uboot", image: "/a/images", name: "k@1,2._+-" }],
    [`/a/images/${"k".repeat(128)}`, { kind: "uboot", image: "/a", name: "k".repeat(128) }],
    [`/a/images/${"k".repeat(129)}`, undefined],
    ["/images/k", undefined],
    ["//images/k", undefined],
    ["/a/images/", undefined],
    ["/a/images/k/x", undefined],
    ["/a/.linux", { kind: "section", image: "/a", name: ".linux" }],
    ["/a", undefined],
  ];
  assertEquals(rows.map(([path]) => parsePartPath(path)), rows.map(([, found]) => found as never));
});

// --- Orders of versions, by the examples of their specifications.

/** Each text that comes later in a list is newer. */
function assertOrder(compare: (a: string, b: string) => number, ascending: readonly string[]): void {
  for (const [index, older] of ascending.entries()) {
    assertEquals([older, compare(older, older)], [older, 0]);
    for (const newer of ascending.slice(index + 1)) {
      assertEquals([older, newer, Math.sign(compare(older, newer)), Math.sign(compare(newer, older))], [
        older,
        newer,
        -1,
        1,
      ]);
    }
  }
}

pure(
  "versions are ordered as the version format specification has them (UAPI.10, and test-string-util.c of systemd)",
  () => {
    assertOrder(compareVersions, [
      "~1",
      "",
      "ab",
      "abb",
      "abc",
      "0001",
      "002",
      "12",
      "122",
      "122.9",
      "123~rc1",
      "123",
      "123-a",
      "123-a.1",
      "123-a1",
      "123-a1.1",
      "123-3",
      "123-3.1",
      "123^patch1",
      "123^1",
      "123.a-1",
      "123.1-1",
      "123a-1",
      "124",
    ]);
    for (const [a, b] of [["123_aa2-67.89", "123aa+2-67.89"], ["11", "011"], ["1_2", "1+2"], ["a", "a"]] as const) {
      assertEquals([a, b, compareVersions(a, b)], [a, b, 0]);
    }
    assertOrder(compareVersions, ["bar-123", "foo-123"]);
    assertOrder(compareVersions, ["B", "a"]);
    assertOrder(compareVersions, ["6.1.0-9", "6.1.0-10", "6.1.0-50"]);
    // Letters by what they have in common; after it the longer text is newer.
    assertOrder(compareVersions, ["1.ab", "1.abc", "1.b"]);
  },
);

pure("packages are ordered by name, version and release, each as RPM does", () => {
  assertOrder(comparePackages, ["a-1-1", "a-1-2", "a-1-10", "a-2-1", "b-1-1"]);
  assertOrder(comparePackages, ["k-1.0~rc1-1", "k-1.0-1", "k-1.0.1-1", "k-1.1-1"]);
  assertOrder(comparePackages, ["k-1.a-1", "k-1.0-1"]);
  assertOrder(comparePackages, ["k-1.0~a+b-1", "k-1.0-1", "k-1.0+git1-1", "k-1.0+git2-1", "k-1.0.1-1"]);
  assertOrder(comparePackages, ["k-6.9.7-200.fc40", "k-6.11.4-301.fc41", "k-6.11.10-300.fc41"]);
});

pure("files are ordered as `sort -V` does: suffixes count only between the same names", () => {
  assertOrder(compareFileVersions, ["", "a.conf", "a1.conf", "a2.conf", "a10.conf", "b.conf"]);
  assertOrder(compareFileVersions, ["", ".a", ".b", "a"]);
  assertOrder(compareFileVersions, ["a-6.1~rc1.conf", "a-6.1.conf", "a-6.1.1.conf", "a-6.2.conf"]);
  assertOrder(compareFileVersions, ["a.efi", "a.img"]);
  // A suffix may have a `~`, and none begins with a digit.
  assertOrder(compareFileVersions, ["a-1.conf~", "a-1.0"]);
  assertOrder(compareFileVersions, ["a~1", "a", "aB", "ab", "a-b", "a_b"]);
});

pure("what systemd-boot would start by itself, and an entry that it does not have", () => {
  const of = (pattern: string, more: LayoutFiles = {}, host: BootHost = UEFI) => {
    const { value, diagnostics } = coldBoot(
      layout(ARCH, { ...SD257, "/boot/loader/loader.conf": `default ${pattern}\n`, ...more }),
      host,
    );
    return value?.id ?? diagnostics[0]?.message;
  };
  const usual = of("gone.conf");
  const shell = { "/boot/shellx64.efi": "MZ" };
  const windows = { "/boot/EFI/Microsoft/Boot/bootmgfw.efi": "MZ" };
  assertEquals([of("auto-efi-shell"), of("auto-windows"), of("gone.conf", shell), of("gone.conf", windows)], [
    usual,
    usual,
    usual,
    usual,
  ]);
  assertEquals(
    [
      of("auto-efi-shell", shell),
      of("auto-windows", windows),
      of("AUTO-*", windows),
      of("AUTO-PowerOff"),
      of("auto-efi-default"),
      of("auto-osx"),
      of("auto-reboot-to-firmware-setup"),
      of("auto-poweroff"),
      of("auto-reboot"),
    ].map((found) => found === usual),
    Array(9).fill(false),
  );
  const asked = (id: string) => coldBoot(layout(ARCH, SD257), UEFI, id).diagnostics[0];
  assertEquals(asked("zebra")?.message, "systemd-boot has no entry `zebra` for this machine");
  assertEquals(asked("zebra")?.hint, "It has `arch.conf`, `arch-fallback.conf`");
  assertEquals(asked("arhc.conf")?.hint, "Did you mean `arch.conf`?");
  // Of many entries five are named.
  const many = Object.fromEntries(
    Array.from({ length: 7 }, (_, index) => [`/boot/loader/entries/entry${index}.conf`, "linux /vmlinuz-linux\n"]),
  );
  const hint = coldBoot(layout(ARCH, { ...SD257, ...many }), UEFI, "zebra").diagnostics[0]?.hint ?? "";
  assertEquals(hint.split(", ").length, 5);
});

pure("a device tree of an entry of the specification is loaded by GRUB as well", () => {
  const [name] = Object.keys(FEDORA).filter((path) => path.endsWith("6.9.7-200.fc40.x86_64.conf"));
  assert(name !== undefined);
  const { value, diagnostics } = coldBoot(
    layout(FEDORA, {
      [name]: "title T\nlinux /vmlinuz-6.9.7-200.fc40.x86_64\ndevicetree /a.dtb\n",
      "/boot/a.dtb": "t",
    }),
    UEFI,
    name.replace(/^.*\/(.*)\.conf$/, "$1"),
  );
  assertEquals([value?.kernel, value?.dtb, diagnostics], ["/boot/vmlinuz-6.9.7-200.fc40.x86_64", "/boot/a.dtb", []]);
});

pure("an option of kexec that is mistyped: the nearest of the long and the short ones", () => {
  const hint = (option: string) => {
    const found = readKexecCommand(`kexec ${option} k`);
    return found.kind === "fault" ? found.hint : undefined;
  };
  assertEquals([hint("--comand-line=x"), hint("--initrdd=x"), hint("--zebrazebra")], [
    "Did you mean `--command-line`?",
    "Did you mean `--initrd`?",
    undefined,
  ]);
  assertEquals(typeof hint("-Z"), "string");
});
