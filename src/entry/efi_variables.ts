import { fieldsOf } from "../core/bytes.ts";
import { EFI_GLOBAL, EFIVARS } from "../host/sources.ts";
import type { BootFiles } from "./boot_files.ts";

/** The vendor of variables that boot loaders and systemd share (Boot Loader Interface). */
export const LOADER_VENDOR = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

/** The value of a variable, without its attributes; undefined where it is not set. */
export function efiVariable(files: BootFiles, name: string, vendor: string): Uint8Array | undefined {
  const result = files.read(`${EFIVARS}/${name}-${vendor}`);
  return result.kind === "bytes" && result.bytes.length >= 4 ? result.bytes.subarray(4) : undefined;
}

/** A variable of boot loaders that holds a text. */
export function loaderVariable(files: BootFiles, name: string): string | undefined {
  const value = efiVariable(files, name, LOADER_VENDOR);
  return value === undefined ? undefined : utf16Text(value);
}

/** UTF-16 up to a NUL. */
export function utf16Text(bytes: Uint8Array): string {
  const text = new TextDecoder("utf-16le").decode(bytes.subarray(0, bytes.length - bytes.length % 2));
  return text.split("\0", 1)[0] ?? "";
}

/** One of the programs that the firmware can start. */
export interface LoadOption {
  readonly description: string;
  /** The path of the program on its partition, with backslashes; undefined where it is not a file. */
  readonly file?: string;
}

/** The number in BootCurrent or BootNext. */
export function bootNumber(files: BootFiles, name: "BootCurrent" | "BootNext"): number | undefined {
  const value = efiVariable(files, name, EFI_GLOBAL);
  return value !== undefined && value.length >= 2 ? fieldsOf(value).u16(0) : undefined;
}

/** The name of the variable for a number: `Boot0003`. */
export function optionName(number: number): string {
  return `Boot${number.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** A variable Boot#### (EFI_LOAD_OPTION, UEFI specification 2.10, 3.1.3). */
export function loadOption(files: BootFiles, number: number): LoadOption | undefined {
  const value = efiVariable(files, optionName(number), EFI_GLOBAL);
  if (value === undefined || value.length < 8) return undefined;
  const fields = fieldsOf(value);
  const description = utf16Text(value.subarray(6));
  const start = 6 + 2 * (description.length + 1);
  const end = Math.min(value.length, start + fields.u16(4));
  let file = "";
  for (let at = start; at + 4 <= end;) {
    const [type, subtype, length] = [fields.u8(at), fields.u8(at + 1), fields.u16(at + 2)];
    if (length < 4 || at + length > end || type === 0x7f) break;
    // Media device path, file path; several of them make one path.
    if (type === 4 && subtype === 4) {
      const part = utf16Text(value.subarray(at + 4, at + length));
      file = file === "" || file.endsWith("\\") || part.startsWith("\\") ? file + part : `${file}\\${part}`;
    }
    at += length;
  }
  return { description, ...(file === "" ? {} : { file }) };
}
