import type { KexecArch } from "../core/kexec_arch.ts";
import type { InitrdFiles } from "./overlay_file.ts";
import type { PlatformName } from "./platform_names.ts";

/** A file that a profile names. */
export interface FileRef {
  /** Absolute, or relative to the working directory: already resolved against the profile's own folder. */
  readonly path: string;
  /** The SHA-256 it must have, 64 lower-case hex digits. */
  readonly sha256?: string;
}

/** An entry of `initrd`: a file of the host, or files that an archive is made of. */
export type InitrdItem = FileRef | InitrdFiles;

/** The kernel that a profile names. */
export interface KernelRef extends FileRef {
  /** Which profile of a unified kernel image: its ID, or its number, `1` or `@1`. Undefined: the first. */
  readonly profile?: string;
  /** Which configuration of a FIT image. Undefined: its default one. */
  readonly configuration?: string;
}

/** A module of a Multiboot image, and its command line. */
export interface ModuleRef extends FileRef {
  /** Empty where none is given. */
  readonly cmdline: string;
}

/** What a command line is taken from, other than the running kernel: a unified kernel image, or a boot entry. */
export type ReusedFrom = "image" | "entry";

/** An entry of the boot loader that a profile names. */
export interface BootEntryRef {
  /** `default`, or as the boot loader names it. */
  readonly id: string;
  /** Which one that is on the host, and by which rule; undefined until the host is known. */
  readonly found?: string;
}

/** A command line as declared: its parameters, or an edit of the running one. Parameters keep their quotes. */
export type CmdlineSpec =
  | { readonly kind: "parameters"; readonly parameters: readonly string[] }
  | {
    readonly kind: "edit";
    /** Start from the running kernel's command line, that of a unified kernel image or boot entry, or from nothing. */
    readonly reuse: boolean | ReusedFrom;
    /** Names (every parameter of that name is removed) or whole parameters `name=value` (only that one is). */
    readonly remove: readonly string[];
    /** Parameters that replace all of the same name, in the first one's place; new names go to the end. */
    readonly set: readonly string[];
    /** Parameters added at the end, before `--`. */
    readonly append: readonly string[];
  };

/** Where the bytes of an explicit segment come from. */
export type SegmentSource =
  | { readonly kind: "file"; readonly file: FileRef; readonly offset: bigint; readonly length?: bigint }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "zero" };

/** An explicit segment of kexec_load(2). */
export interface SegmentSpec {
  /** Its name. */
  readonly name?: string;
  /** Physical address, bytes. */
  readonly at: bigint;
  /** Bytes of memory; zero-filled after the source. Undefined: the source's size, rounded up to pages. */
  readonly size?: bigint;
  /** Where its bytes come from. */
  readonly source: SegmentSource;
}

/** How the image is to be loaded. */
export type LoadChoice = "auto" | "kexec_file_load" | "kexec_load";

/** One bound of a range of kernel releases: `>=6.1`. */
export interface ReleaseBound {
  /** How the release must compare with it. */
  readonly relation: ">=" | ">" | "<=" | "<" | "=";
  /** The numbers of the bound, as many as it has: 6 and 1. */
  readonly numbers: readonly number[];
}

/** What a profile requires of its host. */
export interface Requires {
  /** As uname -m. */
  readonly architecture?: string;
  /** The platform, one of those on which kexec was reported not to come back. */
  readonly platform?: PlatformName;
  /** The minimum of MemTotal, bytes. */
  readonly memory?: bigint;
  /** A pattern of the host's name: `*`, `?` and `[a-z]` as in a shell; case does not matter. */
  readonly hostname?: string;
  /** Bounds of the running kernel's release; all of them must hold. */
  readonly kernel?: readonly ReleaseBound[];
  /** How the host was started. */
  readonly firmware?: "uefi" | "bios";
  /** Whether the firmware enforces Secure Boot. */
  readonly secureBoot?: boolean;
}

/** The checksums by which purgatory can verify the segments. */
export type Checksum = "xxh64" | "sha256";

/** What happens to what the running kernel preserves over kexec, where the call would lose it. */
export type PreservedState = "keep" | "discard";

/** Keys that are flags of kexec_file_load(2), in the order of their bits. */
export const FILE_FLAG_KEYS = ["debug", "no_cma", "force_dtb"] as const;

/** A key that is a flag of kexec_file_load(2). */
export type FileFlagKey = typeof FILE_FLAG_KEYS[number];

/** Which devices are taken from their drivers: one device of a bus, or all that a driver has. */
export type UnbindTarget =
  | { readonly kind: "device"; readonly bus: string; readonly device: string }
  | { readonly kind: "driver"; readonly driver: string };

/** What to do where a device cannot be taken from its driver: not boot the image, or go on. */
export type UnbindFailure = "stop" | "continue";

/** What of the running system the next initrd can get. */
export const CARRIED_PARTS = ["network"] as const;

/** One of these. */
export type CarriedPart = typeof CARRIED_PARTS[number];

/** Where the key of a volume comes from. */
export type KeySource =
  /** A file of this host, by its path. */
  | { readonly kind: "from"; readonly path: string }
  /** What somebody types at load. */
  | { readonly kind: "ask"; readonly prompt: string }
  /** The standard output of a program that runs at load: its path or name, and its arguments. */
  | { readonly kind: "command"; readonly argv: readonly string[] };

/** A LUKS volume that the next initrd opens, and the key that it gets. */
export interface Unlock {
  /** Its name in crypttab, the UUID of its header, or a device. */
  readonly volume: string;
  /** Its key. */
  readonly key: KeySource;
}

/** The way back: what happens if the new system does not come up. Each part is there only if the profile has it. */
export interface Guard {
  /** How long after a panic the machine resets, seconds. */
  readonly panic?: number;
  /** How long the new system may hang until the hardware watchdog resets the machine, seconds. */
  readonly watchdog?: number;
  /** How long the new system may take to be confirmed, once `warmboot arrive` has run in it, seconds. */
  readonly confirm?: number;
  /** What a cold reboot boots until the new system is confirmed; absent: the boot loader's default entry. */
  readonly fallback?: "running";
  /** How much memory keeps what the new kernel logs over a reset, bytes: a power of two. */
  readonly log?: number;
}

/** A boot profile: what a YAML file declares, decoded, with defaults filled in. */
export interface Profile {
  /** The version of the format. */
  readonly version: 1;
  /** Its name. */
  readonly name: string;
  /** For people; it has no effect. */
  readonly description?: string;
  /** What the host must be. */
  readonly requires?: Requires;
  /** The kernel image; absent with explicit segments, and with `bootEntry` until the host is known. */
  readonly kernel?: KernelRef;
  /** What the boot loader would boot, instead of a kernel and initrds. */
  readonly bootEntry?: BootEntryRef;
  /** Initrds, concatenated in this order, and files that an archive among them is made of. */
  readonly initrd: readonly InitrdItem[];
  /** The device tree for an arm64 kernel, instead of the running one's. */
  readonly dtb?: FileRef;
  /** The modules of a Multiboot kernel, in order. */
  readonly modules: readonly ModuleRef[];
  /** The new kernel's command line. */
  readonly cmdline: CmdlineSpec;
  /** Load into the crash reservation, to run on a panic. */
  readonly crash: boolean;
  /** Save the running system, which continues when the payload returns. */
  readonly preserveContext: boolean;
  /** With `preserveContext`: whether the payload leaves its next entry point, so that it can run again without a load. */
  readonly reentrant: boolean;
  /** Which call to make. */
  readonly load: LoadChoice;
  /** The architecture that is passed to the call. */
  readonly arch: KexecArch;
  /** Physical address to jump to, with explicit segments. */
  readonly entry?: bigint;
  /** Explicit segments, instead of a kernel. */
  readonly segments: readonly SegmentSpec[];
  /** Where segments may be placed; physical addresses, `max` exclusive. */
  readonly memory: { readonly min?: bigint; readonly max?: bigint };
  /** Verify the segments just before the jump: by the given checksum; `true` means the fastest. */
  readonly checksum: boolean | Checksum;
  /** Place the decompressed kernel: always (`true`), where that can be done (`auto`), or never. */
  readonly predecompress: boolean | "auto";
  /** Whether what the running kernel preserves over kexec (KHO) may be lost. */
  readonly preservedState: PreservedState;
  /** The flags that kexec_file_load is given for the keys of the same names. */
  readonly fileFlags: readonly FileFlagKey[];
  /** LUKS volumes that the next initrd opens, each with its key. */
  readonly unlock: readonly Unlock[];
  /** Devices that are taken from their drivers just before the jump. */
  readonly unbind: readonly UnbindTarget[];
  /** What to do where that fails. */
  readonly unbindFailure: UnbindFailure;
  /** The way back if the new system does not come up. */
  readonly guard?: Guard;
  /** What of the running system the next initrd gets. */
  readonly carry: readonly CarriedPart[];
  /** Put a digest of what boots on the command line, by which the booted system is recognized. A guard implies it. */
  readonly stamp: boolean;
  /** The top-level keys that the files have, in their order. */
  readonly stated: readonly string[];
}
