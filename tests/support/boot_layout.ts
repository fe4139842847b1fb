import type { BootFiles } from "../../src/entry/boot_files.ts";
import { LOADER_VENDOR } from "../../src/entry/efi_variables.ts";
import { EFI_GLOBAL, EFIVARS } from "../../src/host/sources.ts";
import { capturedBootFiles } from "../../src/app/boot_files.ts";
import type { Capture } from "../../src/host/capture.ts";

/** The files of a host's boot loader, by path, and changes to them: null removes a file. */
export type LayoutFiles = {
  readonly [path: string]: string | { readonly base64: string } | { readonly error: string };
};

const FOLDER = new URL("../entry/fixtures/", import.meta.url);

/** Reads a layout: files after lines `==> PATH <==`. To be called outside of tests, which may read nothing. */
export function readLayout(name: string): LayoutFiles {
  const [, ...parts] = Deno.readTextFileSync(new URL(`${name}.txt`, FOLDER)).split(/^==> (.+) <==\n/m);
  return Object.fromEntries(
    parts.flatMap((part, index) => index % 2 === 0 ? [[part, parts[index + 1] ?? ""] as const] : []),
  );
}

/** A layout with files changed or removed, as a boot loader's code reads it. */
export function layout(
  files: LayoutFiles,
  changes: { readonly [path: string]: LayoutFiles[string] | null } = {},
): BootFiles {
  return capturedBootFiles(layoutFiles(files, changes));
}

/** The same as the files of a capture. */
export function layoutFiles(
  files: LayoutFiles,
  changes: { readonly [path: string]: LayoutFiles[string] | null } = {},
): Capture["files"] {
  return Object.fromEntries(
    Object.entries({ ...files, ...changes }).flatMap(([path, file]) => file === null ? [] : [[path, file] as const]),
  );
}

function variable(name: string, vendor: string, value: Uint8Array): LayoutFiles {
  return { [`${EFIVARS}/${name}-${vendor}`]: { base64: Uint8Array.from([7, 0, 0, 0, ...value]).toBase64() } };
}

function utf16(text: string): Uint8Array {
  const units = Array.from(`${text}\0`, (_, index) => `${text}\0`.charCodeAt(index));
  return Uint8Array.from(units.flatMap((unit) => [unit & 0xff, unit >> 8]));
}

/** EFI variables of boot loaders that hold a text. */
export function loaderVariables(values: { readonly [name: string]: string }): LayoutFiles {
  return Object.assign(
    {},
    ...Object.entries(values).map(([name, value]) => variable(name, LOADER_VENDOR, utf16(value))),
  );
}

/** BootCurrent or BootNext. */
export function bootNumberVariable(name: "BootCurrent" | "BootNext", value: number): LayoutFiles {
  return variable(name, EFI_GLOBAL, Uint8Array.from([value & 0xff, value >> 8]));
}

/** A variable Boot#### of a program on the ESP. */
export function loadOptionVariable(number: number, description: string, file: string): LayoutFiles {
  const path = utf16(file);
  const node = [4, 4, (path.length + 4) & 0xff, (path.length + 4) >> 8, ...path, 0x7f, 0xff, 4, 0];
  const name = `Boot${number.toString(16).toUpperCase().padStart(4, "0")}`;
  return variable(
    name,
    EFI_GLOBAL,
    Uint8Array.from([1, 0, 0, 0, node.length & 0xff, node.length >> 8, ...utf16(description), ...node]),
  );
}

/** What installers and grub-mkconfig or bootctl write, by distribution: the pages of tests/entry/fixtures. */
export const [DEBIAN, FEDORA, OPENSUSE, OSTREE, ARCH, SDBOOT] = [
  "debian",
  "fedora",
  "opensuse",
  "ostree",
  "arch_systemd_boot",
  "debian_systemd_boot",
].map(readLayout) as [LayoutFiles, LayoutFiles, LayoutFiles, LayoutFiles, LayoutFiles, LayoutFiles];

/** A machine with EFI. */
export const UEFI = { machine: "x86_64", efi: { systab: {}, runtimeMap: [] } } as const;
