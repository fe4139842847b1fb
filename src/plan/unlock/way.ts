/** How an initrd finds the key of an encrypted volume. */
import type { Volume } from "../../host/volumes.ts";

/** What a way of opening volumes comes to for one volume. */
export type Way =
  /** The initrd opens it, and takes the key from this file. */
  | {
    readonly kind: "opens";
    /** The name of the opened volume in the initrd. */
    readonly name: string;
    /** The device, as the initrd finds it. */
    readonly source: string;
    /** The path of the key in the initrd. */
    readonly key: string;
    /** The options by which it is opened, without those that say where a key comes from. */
    readonly options: readonly string[];
    /** The crypttab that the initrd needs for it, where its own does not do. */
    readonly crypttab?: string;
  }
  /** How it finds keys is not known, or cannot be changed by a file. */
  | { readonly kind: "unknown"; readonly why: string; readonly hint: string }
  /** It does not open the volume. */
  | { readonly kind: "closed"; readonly why: string; readonly hint: string };

/** What is known of the next initrd and its command line. */
export interface Surroundings {
  /** The text of the crypttab that it reads; absent where it has none. */
  readonly crypttab?: string;
  /** The parameters of the next command line, those after `--` too, with those that the initrd has itself. */
  readonly parameters: readonly Word[];
  /** Whether a source in a crypttab is the volume. */
  readonly isVolume: (source: string) => boolean;
}

/** A parameter: its name, and its value where it has one. */
export interface Word {
  readonly name: string;
  readonly value?: string;
}

/** How one tool opens volumes. */
export type FindWay = (volume: Volume, surroundings: Surroundings) => Way;

/** Where keys go that have no place yet, except for Debian's scripts. */
const KEYS = "/etc/cryptsetup-keys.d";

/** The path at which systemd looks for the key of a volume by itself (src/cryptsetup/cryptsetup.c, since v246). */
export function usualKey(name: string): string {
  return `${KEYS}/${name}.key`;
}

/** The path of a key in the initrds of Debian's cryptsetup-initramfs, as its own hook names it. */
export function debianKey(name: string): string {
  return `/cryptroot/keyfiles/${name}.key`;
}

/** Folders over which the initrd mounts file systems: what is there before is not seen. */
const HIDDEN = /^\/(?:dev|proc|sys|run)(?:\/|$)/;

/** Whether a file that is put at this path is what the initrd reads there. */
export function isPlace(path: string): boolean {
  return /^\/[^\0]*[^/\0]$/.test(path) && !/\/(?:\.{1,2})?(?:\/|$)/.test(path) && !HIDDEN.test(path);
}

/**
 * Options of a crypttab that say where a key comes from, or which part of a file it is. systemd takes a key file beside a
 * token for what the token decrypts.
 */
const KEY_OPTIONS: readonly string[] = [
  "keyscript",
  "keyfile-offset",
  "keyfile-size",
  "tpm2-device",
  "fido2-device",
  "pkcs11-uri",
];

/** Whether an option says where a key comes from. */
export function isKeyOption(option: string): boolean {
  return KEY_OPTIONS.includes(option.split("=", 1)[0] ?? option);
}

/** Options of volumes that are not LUKS. */
const OTHER_TYPES: readonly string[] = [
  "plain",
  "tcrypt",
  "tcrypt-hidden",
  "tcrypt-system",
  "tcrypt-veracrypt",
  "veracrypt",
  "tcrypthidden",
  "bitlk",
  "fvault2",
  "swap",
  "tmp",
];

/** That a crypttab makes something else of the volume; undefined where it is LUKS. */
export function notLuks(name: string, options: readonly string[]): Way | undefined {
  const other = options.find((option) => OTHER_TYPES.includes(option.split("=", 1)[0] ?? option));
  return other === undefined ? undefined : {
    kind: "closed",
    why: `crypttab in the initrd has the option \`${other}\` for ${name}, and only LUKS volumes have keys to try`,
    hint: "Remove the volume from `unlock`",
  };
}

/** Names that mean the same in every crypttab and unit. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.+@=-]*$/;

/** That a name cannot be written into a crypttab or path as it is; undefined where it can. */
export function unusualName(name: string): Way | undefined {
  return NAME.test(name) ? undefined : {
    kind: "unknown",
    why: `the name of the volume, \`${name}\`, has characters that are written differently in each place`,
    hint: BY_HAND,
  };
}

/** What remains where a key has no known place. */
export const BY_HAND =
  "Put the key where this initrd looks for it: `initrd: [..., { files: [{ path: PATH, from: KEY }] }]`";

/** The boolean that a parameter says, as systemd's parse_boolean and dracut's getargbool read it; undefined: neither. */
export function booleanOf(value: string | undefined): boolean | undefined {
  if (value === undefined || /^(?:1|yes|y|true|t|on)$/i.test(value)) return true;
  return /^(?:0|no|n|false|f|off)$/i.test(value) ? false : undefined;
}
