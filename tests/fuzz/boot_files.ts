/** Boot loaders' files with changes, and what must hold of whatever they hold. */
import { assert } from "@std/assert";
import { coldBoot, readAllEntries } from "../../src/entry/cold_boot.ts";
import { describeEntry } from "../../src/entry/found_entry.ts";
import { parseScript } from "../../src/entry/grub/script.ts";
import { layout, type LayoutFiles, loaderVariables, readLayout } from "../support/boot_layout.ts";
import type { Random } from "./random.ts";

// Read here: the tests have no permission.
const LAYOUTS = [
  "debian",
  "fedora",
  "opensuse",
  "ostree",
  "arch_grub_uki",
  "arch_systemd_boot",
  "debian_systemd_boot",
].map((name) => ({ name, files: readLayout(name) }));

const HOSTS = [
  { machine: "x86_64", efi: { systab: {}, runtimeMap: [] } },
  { machine: "x86_64" },
  { machine: "aarch64", efi: { systab: {}, runtimeMap: [] } },
] as const;

/** What a change may put into a configuration. */
const WORDS: readonly string[] = [
  "if",
  "then",
  "elif",
  "else",
  "fi",
  "while",
  "until",
  "do",
  "done",
  "for x in a b; do",
  "function f {",
  "}",
  "{",
  "menuentry 'X' {",
  "submenu 'Y' --id y {",
  "[ -f /boot/x ]",
  '[ "$default" = 1 -o ! -z "${x}" ]',
  "true",
  "false",
  "keystatus",
  "f",
  "set default=1",
  'set default="1>2"',
  "set root=hd0,gpt1",
  "search --set=root --fs-uuid 6A31-09FB",
  "search --file /boot/grub/grub.cfg --set",
  "load_env",
  "load_env -f",
  "source $prefix/grub.cfg",
  "configfile $prefix/grub.cfg",
  "blscfg",
  "blscfg -n -p /loader/entries -f",
  "uki",
  "uki -d --path=($root)/EFI/Linux",
  "export x default",
  "unset x",
  "linux /boot/vmlinuz $x",
  "initrd newc:a:/b",
  "chainloader +1",
  "eval",
  "unknown",
  "x=$x$x",
  "$x",
  '"$x',
  "'",
  "\\",
  "\n",
  ";",
  "*",
  "\u0000",
  "\u0007",
  "\ufffd",
  "default @saved",
  "default *",
  "preferred [a-z",
  "sort-key \u{1f600}",
  "version 99999999999999999999~^.-",
  "linux \\..\\..\\etc",
  "uki-url http://x",
  "devicetree-overlay /a",
  "architecture x64",
];

const VARIABLES: readonly string[] = [
  "LoaderInfo",
  "LoaderEntryOneShot",
  "LoaderEntryPreferred",
  "LoaderEntryDefault",
  "LoaderEntrySysFail",
  "LoaderEntryLastBooted",
  "LoaderDevicePartUUID",
];

const VALUES: readonly string[] = [
  "",
  "systemd-boot 257",
  "systemd-boot 260",
  "GRUB 2.12",
  "arch.conf",
  "*",
  "@saved",
  "[",
  "auto-windows",
  "\ud800",
];

/** A boot loader's files with some changes. */
export function drawBootFiles(
  random: Random,
): { readonly name: string; readonly files: LayoutFiles; readonly host: typeof HOSTS[number]; readonly id: string } {
  const { name, files } = random.pick(LAYOUTS);
  const changed: { [path: string]: LayoutFiles[string] } = { ...files };
  for (let times = 1 + random.below(4); times > 0; times--) {
    const path = random.pick(Object.keys(files));
    const file = changed[path];
    if (file === undefined) continue;
    if (random.oneIn(12)) delete changed[path];
    else if (random.oneIn(20)) changed[path] = { error: random.pick(["EACCES", "EISDIR", "EFBIG", "EIO"]) };
    else if (typeof file === "string") changed[path] = changeText(file, random);
  }
  const variables = Object.fromEntries(
    VARIABLES.flatMap((each) => random.oneIn(4) ? [[each, random.pick(VALUES)]] : []),
  );
  if (name.includes("systemd") && !random.oneIn(4)) variables.LoaderInfo = "systemd-boot 260";
  return {
    name,
    files: { ...changed, ...loaderVariables(variables) },
    host: random.pick(HOSTS),
    id: random.oneIn(2) ? "default" : random.pick(["1>2", "0", "arch", "x>>y", "\u0000", "y>0"]),
  };
}

function changeText(text: string, random: Random): string {
  const lines = text.split("\n");
  const at = random.below(lines.length);
  const line = lines[at] ?? "";
  switch (random.below(8)) {
    case 0:
      lines.splice(at, 1);
      break;
    case 1:
      lines.splice(at, 0, random.pick(WORDS));
      break;
    case 2:
      lines[at] = `${line} ${random.pick(WORDS)}`;
      break;
    case 3:
      lines[at] = line.slice(0, random.below(line.length + 1));
      break;
    case 4:
      lines.splice(at, 0, random.pick(lines), random.pick(lines));
      break;
    case 5:
      lines[at] = line.replace(/\S+/, () => random.pick(WORDS));
      break;
    case 6:
      lines.splice(at, 0, ...Array.from({ length: 1 + random.below(200) }, () => random.pick(WORDS)));
      break;
    default:
      lines[at] = line.slice(0, random.below(line.length + 1)) + String.fromCharCode(random.below(256)) + line.slice(1);
  }
  return lines.join("\n");
}

/** Nothing throws, an entry names its files by absolute paths, and where there is none, an error says why. */
export function judgeBootFiles({ files, host, id }: ReturnType<typeof drawBootFiles>): "entry" | "refused" {
  const boot = layout(files);
  readAllEntries(boot, host);
  const { value, diagnostics } = coldBoot(boot, host, id);
  for (const { message } of diagnostics) assert(message.length > 10, `no message: ${message}`);
  const again = coldBoot(boot, host, id);
  assert(JSON.stringify(again) === JSON.stringify({ value, diagnostics }), "it comes out otherwise the second time");
  for (const file of Object.values(files)) if (typeof file === "string") parseScript(file);
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  if (value === undefined) {
    assert(errors.length > 0, "neither an entry nor an error");
    return "refused";
  }
  assert(errors.length === 0, "an entry and an error");
  assert([value.kernel, ...value.initrd].every((path) => path.startsWith("/")), "a path is not absolute");
  assert(describeEntry(value).length > 10);
  return "entry";
}
