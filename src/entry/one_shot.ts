import { record, type Shape, text } from "../core/shape.ts";
import { EFIVARS } from "../host/sources.ts";
import { type BootFiles, textAt } from "./boot_files.ts";
import { LOADER_VENDOR, utf16Text } from "./efi_variables.ts";
import { type Mount, mountAt } from "./file_systems.ts";
import { type BootLoader, bootLoader } from "./found_entry.ts";
import { parseGrubenv } from "./grubenv.ts";

/** An entry that a boot loader boots at the next cold boot alone, and where that is written. */
export interface OneShot {
  /** The boot loader. */
  readonly loader: BootLoader;
  /** The entry, as the boot loader names it. */
  readonly entry: string;
  /** GRUB's environment block, as a path of the host; systemd-boot has an EFI variable. */
  readonly file?: string;
}

/** The shape of an entry that is booted once. */
export const oneShotShape: Shape<OneShot> = record<OneShot>({
  loader: { shape: bootLoader, doc: "The boot loader" },
  entry: { shape: text, doc: "The entry, as the boot loader names it" },
  file: {
    shape: text,
    doc: "GRUB's environment block; systemd-boot has an EFI variable",
    fallback: { value: undefined },
  },
});

/** Where efivarfs has the variable of systemd-boot. */
export const ONE_SHOT_VARIABLE: string = `${EFIVARS}/LoaderEntryOneShot-${LOADER_VENDOR}`;

/** Where a one-shot entry is written. */
export function oneShotFile({ file }: OneShot): string {
  return file ?? ONE_SHOT_VARIABLE;
}

/** EFI_VARIABLE_NON_VOLATILE | BOOTSERVICE_ACCESS | RUNTIME_ACCESS (UEFI specification 2.10, 8.2). */
const ATTRIBUTES = 7;

/** A text as efivarfs takes a variable (Documentation/filesystems/efivarfs.rst): attributes, then UTF-16LE with a NUL. */
export function variableBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(4 + 2 * (text.length + 1));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, ATTRIBUTES, true);
  for (let at = 0; at < text.length; at++) view.setUint16(4 + 2 * at, text.charCodeAt(at), true);
  return bytes;
}

/** The entry that the bytes of such a file name; undefined where they name none. */
export function oneShotIn({ loader }: Pick<OneShot, "loader">, bytes: Uint8Array): string | undefined {
  const named = loader === "GRUB"
    ? parseGrubenv(new TextDecoder().decode(bytes))?.get(NEXT_ENTRY)
    : bytes.length < 4
    ? undefined
    : utf16Text(bytes.subarray(4));
  return named === "" ? undefined : named;
}

/** The variable of GRUB's environment block that names the entry of the next boot alone. */
export const NEXT_ENTRY = "next_entry";

/** File systems whose files GRUB overwrites in place: it knows their blocks, and nothing checks these (grub-core/commands/loadenv.c, GRUB 2.12). */
const WRITABLE: readonly string[] = ["ext2", "ext3", "ext4", "xfs", "vfat", "msdos"];

/** Disks and partitions of a kernel's drivers: not LVM, RAID, LUKS or another device on top of these, which GRUB cannot write. */
const PLAIN_DEVICE = /^(?:(?:[hsv]|xv)d[a-z]+\d*|nvme\d+n\d+(?:p\d+)?|(?:mmcblk|pmem)\d+(?:p\d+)?|dasd[a-z]+\d*)$/;

/** Why GRUB cannot write to a file: completes "...: "; undefined where it can. */
export function whyGrubCannotWrite(files: BootFiles, mounts: readonly Mount[], file: string): string | undefined {
  const mount = mountAt(mounts, file);
  if (mount === undefined) return "it does not lie on a mounted device";
  const { type, source, device } = mount;
  if (!WRITABLE.includes(type)) return `it is on ${type}`;
  const named = /^DEVNAME=(.+)$/m.exec(textAt(files, `/sys/dev/block/${device}/uevent`) ?? "")?.[1] ??
    source.replace(/^\/dev\//, "");
  return PLAIN_DEVICE.test(named)
    ? undefined
    : `it is on ${source}, which is not a plain partition${layerOf(named, source)}`;
}

function layerOf(name: string, source: string): string {
  if (/^md/.test(name)) return " but RAID";
  return /^(?:dm-|mapper\/)/.test(name) || source.startsWith("/dev/mapper/") ? " but LVM, LUKS or another mapping" : "";
}
