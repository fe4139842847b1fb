import { type ByteSource, latin1 } from "../core/bytes.ts";
import type { MultibootImage, NotKernel } from "./image.ts";
import { multibootFlat } from "./multiboot.ts";
import { NAME_THE_KERNEL } from "./probe.ts";
import { printable, shorten } from "../core/text.ts";

/** How files that are not kernels are known: bytes, one character each, at an offset. The first row that fits counts. */
interface KnownFormat {
  readonly offset: number;
  readonly magic: string;
  readonly what: string;
  readonly hint: string;
}

const SWAPPED = "This looks like the initrd: are `kernel` and `initrd` swapped?";
const UNPACK = "Take the kernel out of it, and name that";
const MOUNT = "Mount it, and name the kernel inside";
const NOT_SUPPORTED = "Only x86 and arm64 kernels are supported";

const OLD_FORMAT = "Linux gave this format up before 64-bit kernels came: name a bzImage or a vmlinux";
const NETWORK = "Firmware loads it over the network (PXE); name the kernel that it would fetch";

const LOOKALIKES: readonly KnownFormat[] = [
  { offset: 0, magic: "070701", what: "a cpio archive (newc)", hint: SWAPPED },
  { offset: 0, magic: "070702", what: "a cpio archive (crc)", hint: SWAPPED },
  { offset: 0, magic: "070707", what: "a cpio archive in the old portable format (odc)", hint: SWAPPED },
  { offset: 0, magic: "!<arch>\ndebian-binary", what: "a Debian package", hint: "Unpack it with `dpkg-deb -x`" },
  { offset: 0, magic: "!<arch>\n", what: "an ar archive", hint: UNPACK },
  { offset: 0, magic: "\xed\xab\xee\xdb", what: "an RPM package", hint: "Unpack it with `rpm2cpio`" },
  { offset: 257, magic: "ustar", what: "a tar archive", hint: UNPACK },
  { offset: 0, magic: "PK\x03\x04", what: "a ZIP archive", hint: UNPACK },
  { offset: 0x8001, magic: "CD001", what: "an ISO 9660 image", hint: MOUNT },
  { offset: 0, magic: "hsqs", what: "a squashfs file system", hint: MOUNT },
  { offset: 0, magic: "sqsh", what: "a squashfs file system", hint: MOUNT },
  { offset: 0x438, magic: "\x53\xef", what: "an ext2, ext3 or ext4 file system", hint: MOUNT },
  { offset: 0, magic: "XFSB", what: "an XFS file system", hint: MOUNT },
  { offset: 0x10040, magic: "_BHRfS_M", what: "a Btrfs file system", hint: MOUNT },
  { offset: 0, magic: "QFI\xfb", what: "a qcow2 disk image", hint: MOUNT },
  { offset: 0, magic: "ANDROID!", what: "an Android boot image", hint: UNPACK },
  { offset: 0, magic: "VNDRBOOT", what: "an Android vendor boot image", hint: UNPACK },
  { offset: 0x24, magic: "\x18\x28\x6f\x01", what: "a 32-bit ARM zImage", hint: NOT_SUPPORTED },
  { offset: 0x30, magic: "RISCV\0\0\0", what: "a RISC-V Image", hint: NOT_SUPPORTED },
  { offset: 0, magic: "KDUMP   ", what: "a compressed kernel dump", hint: NAME_THE_KERNEL },
  { offset: 512, magic: "EFI PART", what: "a disk image with a GPT partition table", hint: MOUNT },
  { offset: 510, magic: "\x55\xaa", what: "a disk image or boot sector (MBR)", hint: MOUNT },
];

/** What a Multiboot header outweighs: a few bytes prove little. */
const WEAK: readonly KnownFormat[] = [
  { offset: 0, magic: "\xea\x05\0\xc0\x07", what: "a boot sector, such as those for PXE", hint: NETWORK },
  { offset: 0, magic: "\x07\x01\x64\0", what: "an a.out program for i386 (OMAGIC)", hint: OLD_FORMAT },
  { offset: 0, magic: "\x08\x01\x64\0", what: "an a.out program for i386 (NMAGIC)", hint: OLD_FORMAT },
  { offset: 0, magic: "\x0b\x01\x64\0", what: "an a.out program for i386 (ZMAGIC)", hint: OLD_FORMAT },
  { offset: 0, magic: "\xcc\0\x64\0", what: "an a.out program for i386 (QMAGIC)", hint: OLD_FORMAT },
  { offset: 0, magic: "MZ", what: "a DOS program", hint: NAME_THE_KERNEL },
  { offset: 0, magic: "\xc7\x71", what: "a cpio archive in the old binary format", hint: SWAPPED },
  { offset: 0, magic: "\x71\xc7", what: "a cpio archive in the old binary format", hint: SWAPPED },
];

/** Bytes that the rows look at. */
const WINDOW = Math.max(...LOOKALIKES.map(({ offset, magic }) => offset + magic.length));

/** Kinds of text. `what` gets what the pattern's group holds. */
const TEXTS: readonly { readonly pattern: RegExp; readonly what: (found: string) => string; readonly hint: string }[] =
  [
    {
      pattern: /^#![ \t]*(\S+)/,
      what: (interpreter) => `a script for ${interpreter}`,
      hint: "Name the kernel that the script uses",
    },
    {
      pattern: /^\s*<(?:!doctype html|html|head)\b/i,
      what: () => "an HTML page",
      hint: "A download probably got an error page: fetch it again",
    },
    { pattern: /^version \S*git-lfs/, what: () => "a Git LFS pointer", hint: "Fetch the file itself: `git lfs pull`" },
    // Not quoted: a file named by mistake may hold secrets, and messages end up in logs.
    { pattern: /^/, what: () => "a text file", hint: NAME_THE_KERNEL },
  ];

/** What a file that has no header of a kernel seems to be, by its first 64 KiB: a Multiboot image may begin with anything. */
export function knownFormatOf(source: ByteSource): MultibootImage | NotKernel {
  if (source.size === 0) {
    return { kind: "not-kernel", what: "an empty file", hint: "Its copy or download probably failed: fetch it again" };
  }
  const start = source.read(0, WINDOW);
  const found = ({ offset, magic }: KnownFormat): boolean =>
    latin1(start.subarray(offset, offset + magic.length)) === magic;
  const strong = LOOKALIKES.find(found);
  const multiboot = strong === undefined ? multibootFlat(source, start) : undefined;
  if (multiboot !== undefined) return multiboot;
  const row = strong ?? WEAK.find(found);
  if (row !== undefined) return { kind: "not-kernel", what: row.what, hint: row.hint };

  if (start.every((byte) => byte === 0)) {
    const what = start.length === source.size
      ? "a file of zero bytes only"
      : `a file whose first ${start.length} bytes are zero`;
    return { kind: "not-kernel", what, hint: "Its copy was probably cut off by a crash: fetch it again" };
  }
  const text = textOf(start.subarray(0, 512));
  if (text !== undefined) {
    for (const { pattern, what, hint } of TEXTS) {
      const match = pattern.exec(text);
      if (match === null) continue;
      return { kind: "not-kernel", what: what(shorten(printable(match[1] ?? ""), 80)), hint };
    }
  }
  const bytes = Array.from(start.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const what = source.size < 1024
    ? `a file of ${source.size} bytes, too short for a kernel (${bytes})`
    : `of no known format: it begins with the bytes ${bytes}`;
  return { kind: "not-kernel", what, hint: NAME_THE_KERNEL };
}

/** The bytes as text if they are UTF-8 without control characters; the last character may be cut. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    // deno-lint-ignore no-control-regex
    return /[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}
