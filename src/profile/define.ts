// deno-lint-ignore-file camelcase -- these are the keys as a profile writes them
import type { Checked } from "../core/diagnostic.ts";
import { isMap } from "../core/shape.ts";
import { valueLayer } from "./layer.ts";
import type { LayerReader } from "./layers.ts";
import { MAX_DEPTH } from "./limits.ts";
import { parseLayers } from "./parse.ts";
import type { PlatformName } from "./platform_names.ts";
import type {
  CarriedPart,
  Checksum,
  LoadChoice,
  PreservedState,
  Profile,
  ReusedFrom,
  UnbindFailure,
} from "./profile.ts";
import type { KexecArch } from "../core/kexec_arch.ts";

/** A file: its path, or its path and the SHA-256 that it must have, 64 hexadecimal digits. */
export type FileInput = string | { readonly path: string; readonly sha256?: string | undefined };

/** The kernel: a file, or a unified kernel image and which of its profiles, or a FIT image and which of its configurations. */
export type KernelInput =
  | FileInput
  | {
    readonly path: string;
    readonly sha256?: string | undefined;
    readonly profile?: string | number | undefined;
    readonly configuration?: string | undefined;
  };

/** A file of the next initrd: its path there, and one of `text`, `base64`, `bytes`, `from`, `ask` and `command`. */
export interface OverlayFileInput {
  /** Where it lies in the next root, an absolute path. */
  readonly path: string;
  /** Content: this text, in UTF-8. */
  readonly text?: string | undefined;
  /** Content: these bytes. */
  readonly bytes?: Uint8Array | undefined;
  /** Content: bytes in base64. */
  readonly base64?: string | undefined;
  /** Content: a file or folder of the host. */
  readonly from?: string | undefined;
  /** Content: what is typed at load; the text is the prompt. */
  readonly ask?: string | undefined;
  /** Content: what a program prints at load; its path or name, and its arguments. */
  readonly command?: readonly string[] | undefined;
  /** Permissions, in octal: `0644`. */
  readonly mode?: string | undefined;
  /** Whether its content is in nothing that warmboot writes. Default: true with `ask` and `command`, else false. */
  readonly secret?: boolean | undefined;
}

/** An entry of `initrd`: a file, or files that an archive is made of at load. */
export type InitrdInput = FileInput | { readonly files: readonly OverlayFileInput[] };

/** A LUKS volume that the next initrd opens, and where its key comes from. */
export interface UnlockInput {
  /** Its name in crypttab, the UUID of its header, or a device. */
  readonly volume: string;
  /** One of: a key file of the host; a passphrase that is typed at load, with its prompt; what a program prints at load. */
  readonly key: {
    readonly from?: string | undefined;
    readonly ask?: string | undefined;
    readonly command?: readonly string[] | undefined;
  };
}

/** A module of a Multiboot kernel: a file, and the command line that it gets. */
export type ModuleInput =
  | FileInput
  | { readonly path: string; readonly sha256?: string | undefined; readonly cmdline?: string | undefined };

/** A number of bytes or a physical address: a number, or a text such as `0x100000` or `16MiB`. */
export type NumberInput = bigint | number | string;

/** Parameters of a command line: a text that is split as the kernel splits it, or a list with one in each entry. */
export type ParametersInput = string | readonly string[];

/** A command line: its parameters, or an edit of the running kernel's. */
export type CmdlineInput = ParametersInput | {
  /** Start from the running kernel's command line, that of a unified kernel image, or of the boot entry. Default: true. */
  readonly reuse?: boolean | ReusedFrom | undefined;
  /** Names, of which every parameter is removed, or whole parameters `name=value`. */
  readonly remove?: ParametersInput | undefined;
  /** Parameters that replace those of the same name. */
  readonly set?: ParametersInput | undefined;
  /** Parameters that are added at the end. */
  readonly append?: ParametersInput | undefined;
};

/** An explicit segment of kexec_load(2): an address, and one of `file`, `bytes`, `hex`, `base64` and `zero`. */
export interface SegmentInput {
  /** Physical address, a multiple of the page size. */
  readonly at: NumberInput;
  /** Bytes of memory, filled with zeros after the content. Default: the size of the content, rounded up to pages. */
  readonly size?: NumberInput | undefined;
  /** What plans and messages call it. */
  readonly name?: string | undefined;
  /** Content: a file, or a part of one. */
  readonly file?: FileInput | undefined;
  /** Where in the file the content begins, bytes. Default: 0. */
  readonly offset?: NumberInput | undefined;
  /** How many bytes of the file to take. Default: all up to its end. */
  readonly length?: NumberInput | undefined;
  /** Content: these bytes. */
  readonly bytes?: Uint8Array | undefined;
  /** Content: bytes in hexadecimal. */
  readonly hex?: string | undefined;
  /** Content: bytes in base64. */
  readonly base64?: string | undefined;
  /** Content: zeros, as many as `size`. */
  readonly zero?: true | undefined;
}

/** What the host of a profile must be. */
export interface RequiresInput {
  /** As `uname -m` reports it. */
  readonly architecture?: string | undefined;
  /** The least memory, bytes, as MemTotal of /proc/meminfo has it. */
  readonly memory?: NumberInput | undefined;
  /** A pattern of the host's name, with `*`, `?` and `[a-z]`. */
  readonly hostname?: string | undefined;
  /** Bounds of the running kernel's release, such as `>=6.1 <7`. */
  readonly kernel?: string | undefined;
  /** How the host was started. */
  readonly firmware?: "uefi" | "bios" | undefined;
  /** The platform, one of those on which kexec was reported not to come back. */
  readonly platform?: PlatformName | undefined;
  /** Whether the firmware enforces Secure Boot. */
  readonly secure_boot?: boolean | undefined;
}

/** The way back if the new system does not come up: one or more of these. Durations are texts: `10s`, `2min`, `1h`. */
export interface GuardInput {
  /** How long after a panic the machine resets. */
  readonly panic?: string | undefined;
  /** How long the new system may hang until the hardware watchdog resets the machine. */
  readonly watchdog?: string | undefined;
  /** How long the new system may take to be confirmed, once `warmboot arrive` has run in it. */
  readonly confirm?: string | undefined;
  /** What a cold reboot boots until then: `running` is the kernel that runs now. */
  readonly fallback?: "running" | undefined;
  /** How much memory keeps what the new kernel logs over a reset: `64KiB` to `4MiB`, a power of two. */
  readonly log?: string | undefined;
}

/** The keys of a profile, as a YAML file has them. All but `kernel`, or else `segments` and `entry`, may be left out. */
export interface ProfileInput {
  /** The version of the profile format. Default: 1. */
  readonly version?: 1 | undefined;
  /** What plans and messages call the profile. Default: `profile`, or the stem of `options.file`. */
  readonly name?: string | undefined;
  /** YAML files whose keys this profile takes over, the first the weakest; `options.reader` reads them. */
  readonly extends?: string | readonly string[] | undefined;
  /** For people; nothing reads it. */
  readonly description?: string | undefined;
  /** What the host must be. */
  readonly requires?: RequiresInput | undefined;
  /** The kernel image. */
  readonly kernel?: KernelInput | undefined;
  /** In place of `kernel` and `initrd`: what the boot loader would boot, `default` or the ID of an entry. */
  readonly boot_entry?: string | undefined;
  /** The initial RAM disk, or several, which are concatenated in this order. */
  readonly initrd?: InitrdInput | readonly InitrdInput[] | undefined;
  /** The device tree for an arm64 kernel. */
  readonly dtb?: FileInput | undefined;
  /** The modules of a Multiboot kernel, in order. */
  readonly modules?: readonly ModuleInput[] | undefined;
  /** The kernel's command line. Default: empty. */
  readonly cmdline?: CmdlineInput | undefined;
  /** Whether to load into the reservation of `crashkernel=`, to run on a panic. Default: false. */
  readonly crash?: boolean | undefined;
  /** Whether to save the running system, which continues when the payload returns. Default: false. */
  readonly preserve_context?: boolean | undefined;
  /** With `preserve_context`: the payload leaves its next entry point, so that it can run again without another load. */
  readonly reentrant?: boolean | undefined;
  /** Which system call loads the image. Default: `auto`; the plan says which was chosen, and why. */
  readonly load?: LoadChoice | undefined;
  /** The architecture that kexec_load is given. Default: `default`. */
  readonly arch?: KexecArch | undefined;
  /** The physical address where execution starts; with `segments` only. */
  readonly entry?: NumberInput | undefined;
  /** Explicit segments, in place of `kernel`. */
  readonly segments?: readonly SegmentInput[] | undefined;
  /** The physical addresses between which segments may be placed; `max` is exclusive. */
  readonly memory?: { readonly min?: NumberInput | undefined; readonly max?: NumberInput | undefined } | undefined;
  /** Whether kexec_load verifies the segments just before the jump, and by which checksum. Default: true. */
  readonly checksum?: boolean | Checksum | undefined;
  /** Whether the kernel is unpacked before the reboot; `auto`: where a call allows it. Default: false. */
  readonly predecompress?: boolean | "auto" | undefined;
  /** Whether kexec_load may lose what the running kernel preserves over kexec (KHO). Default: `keep`. */
  readonly preserved_state?: PreservedState | undefined;
  /** Whether kexec_file_load makes the kernel write what it does to its log. Default: false. */
  readonly debug?: boolean | undefined;
  /** Whether kexec_file_load keeps the image out of contiguous memory (CMA). Default: false. */
  readonly no_cma?: boolean | undefined;
  /** Whether kexec_file_load hands over the device tree that an x86_64 host was booted with. Default: false. */
  readonly force_dtb?: boolean | undefined;
  /** LUKS volumes that the next initrd opens without a question, each with its key. */
  readonly unlock?: readonly UnlockInput[] | undefined;
  /** Devices that are taken from their drivers just before the jump: PCI addresses, `driver:NAME`, `BUS:DEVICE`. */
  readonly unbind?: readonly string[] | undefined;
  /** What to do where a device cannot be taken from its driver. Default: `stop`, which does not boot the image. */
  readonly unbind_failure?: UnbindFailure | undefined;
  /** The way back if the new system does not come up. */
  readonly guard?: GuardInput | undefined;
  /** What of the running system the next initrd gets. Default: nothing. */
  readonly carry?: readonly CarriedPart[] | undefined;
  /** Whether to add a digest of what boots to the command line. Default: true with `guard`, else false. */
  readonly stamp?: boolean | undefined;
}

/** What a profile in code is seen as, and who reads the files that it extends. */
export interface DefineOptions {
  /** The path at which the profile would be a file: its folder resolves relative paths, its stem is the default name. */
  readonly file?: string | undefined;
  /** Reads what the profile extends. */
  readonly reader?: LayerReader | undefined;
}

/**
 * Makes a profile in code, as {@linkcode parseProfile} makes one from YAML: with the same defaults, the same checks and
 * the same diagnostics, which have a `path` but no place in a file. Every problem is reported at once; `value` is undefined
 * if one of them is an error. Relative paths start in the folder of `file`, and without it in the working directory.
 *
 * What is in code is spread: `defineProfile({ ...base, ...own })`. A profile that `extends` YAML files needs a `reader`, as
 * {@linkcode layerFiles} is one; problems in these files have a place. A profile in code has no drop-ins of its own.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { defineProfile, type LayerReader } from "@warmboot/warmboot";
 *
 * const { value: profile } = defineProfile({ name: "web", kernel: "/boot/vmlinuz", cmdline: "root=LABEL=root ro" });
 * assertEquals(profile?.load, "auto");
 *
 * const { diagnostics } = defineProfile({ kernel: "/boot/vmlinuz", entry: 0x100000 });
 * assertEquals(diagnostics.map(({ code, path }) => [code, path]), [["conflict", ["entry"]]]);
 *
 * // On a real system: `reader: layerFiles()`.
 * const text = "kernel: /boot/vmlinuz\ncmdline: root=LABEL=root ro\n";
 * const reader: LayerReader = {
 *   read: (path) => ({ kind: "bytes", bytes: new TextEncoder().encode(text), id: path }),
 *   dropIns: () => ({ files: [], diagnostics: [] }),
 * };
 * const layered = defineProfile({ extends: "base.yaml", crash: true }, { reader });
 * assertEquals([layered.value?.kernel?.path, layered.value?.crash], ["/boot/vmlinuz", true]);
 * ```
 */
export function defineProfile(
  input: ProfileInput,
  { file = "profile", reader }: DefineOptions = {},
): Checked<Profile> {
  const context = reader === undefined ? undefined : { reader, id: "", dropIns: { files: [], diagnostics: [] } };
  const { value, diagnostics } = parseLayers(valueLayer(texts({ version: 1, ...input }, 0), file), context);
  return { value, diagnostics };
}

/** A value as YAML's failsafe schema yields it, every scalar a text, which is what the decoder of profiles reads. */
function texts(value: unknown, depth: number): unknown {
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return String(value);
  // The limits of a profile stop what nests without end.
  if (depth > MAX_DEPTH) return value;
  if (Array.isArray(value)) return value.map((each) => texts(each, depth + 1));
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([, each]) => each !== undefined).map(([key, each]) =>
      key === "bytes" && each instanceof Uint8Array ? ["base64", each.toBase64()] : [key, texts(each, depth + 1)]
    ),
  );
}
