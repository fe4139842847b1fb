// deno-lint-ignore-file camelcase -- these are the keys as a profile writes them
import { KEXEC_ARCHITECTURES, type KexecArch } from "../core/kexec_arch.ts";
import { choice, type Fields, type KeyAdvice, list, record, type Shape } from "../core/shape.ts";
import { formatAddress } from "../core/number.ts";
import { cmdline } from "./cmdline/shape.ts";
import { fileRef, kernelRef, moduleRef, paths } from "./file_shape.ts";
import { carry } from "./carry_shape.ts";
import { guard } from "./guard_shape.ts";
import { initrdItems } from "./overlay_shape.ts";
import type {
  CarriedPart,
  CmdlineSpec,
  FileRef,
  Guard,
  InitrdItem,
  LoadChoice,
  ModuleRef,
  PreservedState,
  Profile,
  Requires,
  SegmentSpec,
  UnbindFailure,
  UnbindTarget,
  Unlock,
} from "./profile.ts";
import { refine } from "./refine.ts";
import { requires } from "./requires_shape.ts";
import { address, boolean, bootEntry, checksum, label, predecompress, prose } from "./scalars.ts";
import { segment } from "./segment_shape.ts";
import { unbindTarget } from "./unbind_shape.ts";
import { unlock } from "./unlock_shape.ts";

/** A profile's keys as its files have them, decoded, with defaults filled in. */
export interface Stated {
  readonly version: 1;
  readonly extends?: readonly string[];
  readonly name?: string;
  readonly description?: string;
  readonly requires?: Requires;
  readonly kernel?: FileRef;
  readonly boot_entry?: string;
  readonly initrd: readonly InitrdItem[];
  readonly dtb?: FileRef;
  readonly modules: readonly ModuleRef[];
  readonly cmdline: CmdlineSpec;
  readonly crash: boolean;
  readonly preserve_context: boolean;
  readonly reentrant: boolean;
  readonly load: LoadChoice;
  readonly arch: KexecArch;
  readonly entry?: bigint;
  readonly segments: readonly SegmentSpec[];
  readonly memory: Profile["memory"];
  readonly checksum: Profile["checksum"];
  readonly predecompress: Profile["predecompress"];
  readonly preserved_state: PreservedState;
  readonly debug: boolean;
  readonly no_cma: boolean;
  readonly force_dtb: boolean;
  readonly unlock: readonly Unlock[];
  readonly unbind: readonly UnbindTarget[];
  readonly unbind_failure: UnbindFailure;
  readonly guard?: Guard;
  readonly carry: readonly CarriedPart[];
  readonly stamp: boolean;
}

const version: Shape<1> = refine(choice(["1"]), () => 1 as const, { enum: [1, "1"] });

/** What `uname -m` and packages call an architecture. */
const OTHER_ARCHITECTURES: { readonly [name: string]: KexecArch } = {
  amd64: "x86_64",
  x64: "x86_64",
  "x86-64": "x86_64",
  i386: "386",
  i686: "386",
  arm64: "aarch64",
};

/** The same by what is handed over, and by the options of kexec(8). */
const OTHER_LOADS: { readonly [name: string]: LoadChoice } = {
  file: "kexec_file_load",
  "kexec_load_file": "kexec_file_load",
  "kexec-file-syscall": "kexec_file_load",
  segments: "kexec_load",
  "kexec-syscall": "kexec_load",
};

/** An editor's YAML parser reads the name 386 as a number. */
const arch: Shape<KexecArch> = refine(
  choice(KEXEC_ARCHITECTURES.map(({ name }) => name), OTHER_ARCHITECTURES),
  (name) => name,
  { enum: [...KEXEC_ARCHITECTURES.map(({ name }) => name), 386] },
);

const optional = { fallback: { value: undefined } };

const memory: Shape<Profile["memory"]> = refine(
  record<Profile["memory"]>({
    min: { shape: address, doc: "The lowest address.", ...optional, examples: ["1MiB"] },
    max: { shape: address, doc: "The end: the first address that is not used.", ...optional, examples: ["4GiB"] },
  }, "a map of `min` and `max`"),
  (range, at, report) => {
    if (range.min === undefined || range.max === undefined || range.max > range.min) return range;
    return void report({
      code: "conflict",
      severity: "error",
      message: `\`max\` ${formatAddress(range.max)} is not above \`min\` ${formatAddress(range.min)}`,
      path: [...at, "max"],
    });
  },
);

/** Every key of a profile: how it is decoded, what an editor says of it, and what it means. */
export const FIELDS: Fields<Stated> = {
  version: { shape: version, doc: "Version of the profile format: 1." },
  name: {
    shape: label,
    doc: "What plans and messages call the profile. Default: the file's name without its extension.",
    ...optional,
    examples: ["web"],
  },
  description: { shape: prose, doc: "What the profile is for, for people.", ...optional },
  extends: {
    shape: paths,
    doc: "A profile, or several, that supply the keys that this one lacks; a later one overrides an earlier one. " +
      "Maps merge key by key, lists replace; `initrd+`, `modules+`, `segments+`, `unlock+`, `unbind+`, `cmdline+`, and `remove+`, `set+` and `append+` " +
      "within `cmdline`, add to the list below. Relative to this file's own folder.",
    ...optional,
    examples: ["base.yaml", ["base.yaml", "serial.yaml"]],
  },
  requires: {
    shape: requires,
    doc: "What the host must be. Any other host is refused, and so is one for which it is unknown.",
    ...optional,
    examples: [{ architecture: "x86_64", kernel: ">=6.1 <7" }],
  },
  kernel: {
    shape: kernelRef,
    doc:
      "The kernel to boot: a path, or a map that also pins its content. Relative to the profile's own folder. In every " +
      "path, `${release}` and `${machine}` are the running kernel's, as `uname -r` and `uname -m` print them; `$${` is a " +
      "literal `${`. A unified kernel image is taken whole: its kernel, initrd and command line, and the addons beside it. So is " +
      "a FIT image or uImage on arm64: its kernel, and the initrd and device tree that the profile does not name itself.",
    ...optional,
    examples: ["/boot/vmlinuz", "/boot/vmlinuz-${release}", { path: "/boot/vmlinuz", sha256: "0".repeat(64) }],
  },
  boot_entry: {
    shape: bootEntry,
    doc:
      "Instead of `kernel` and `initrd`: what the boot loader would boot, found again for each plan. `default` is the entry " +
      "that a cold reset starts; any other text names one, by the ID that systemd-boot or GRUB gives it.",
    ...optional,
    examples: ["default", "debian-6.12.conf", "gnulinux-advanced>gnulinux-6.12"],
  },
  initrd: {
    shape: initrdItems,
    doc:
      "The initial RAM disk, or several, which are concatenated in order. An entry `files` is an archive that is made at " +
      "load of the files it lists. An empty list means none.",
    fallback: { value: [] },
    examples: [
      "/boot/initrd.img",
      ["/boot/microcode.img", "/boot/initrd.img"],
      ["/boot/initrd.img", { files: [{ path: "/etc/motd", text: "Installed by warmboot\n" }] }],
    ],
  },
  dtb: {
    shape: fileRef,
    doc: "The flattened device tree for the kernel, only with kexec_load. On arm64 it takes the place of the running " +
      "kernel's, and its `/chosen` is rewritten; on x86_64 the kernel gets it as it is, by setup_data.",
    ...optional,
    examples: ["board.dtb"],
  },
  modules: {
    shape: list(moduleRef),
    doc:
      "The modules of a Multiboot kernel, such as Xen's dom0 kernel and its initrd, each with a command line of its own.",
    fallback: { value: [] },
    examples: [[{ path: "/boot/vmlinuz", cmdline: "root=LABEL=root ro" }, "/boot/initrd.img"]],
  },
  cmdline: {
    shape: cmdline,
    doc: "The kernel's command line: a string, a list of parameters, or an edit of the running one.",
    fallback: { value: { kind: "parameters", parameters: [] } },
    examples: ["root=LABEL=root ro", { reuse: true, remove: ["quiet"], append: ["systemd.unit=rescue.target"] }],
  },
  crash: {
    shape: boolean,
    doc: "Load into the reservation of `crashkernel=`, to run when the running kernel panics.",
    fallback: { value: false },
  },
  preserve_context: {
    shape: boolean,
    doc: "Save the running system, which continues when the loaded payload returns.",
    fallback: { value: false },
  },
  reentrant: {
    shape: boolean,
    doc:
      "With `preserve_context`: the payload leaves its next entry point on the stack, after the return address, so that " +
      "it can run again without another load on kernels before 6.14. Later kernels keep the entry point themselves.",
    fallback: { value: false },
  },
  load: {
    shape: choice(["auto", "kexec_file_load", "kexec_load"], OTHER_LOADS),
    doc: "The system call to load with. `auto` chooses one, and the plan says why.",
    fallback: { value: "auto" },
  },
  arch: {
    shape: arch,
    doc: "The architecture passed to kexec_load: `default`, or a KEXEC_ARCH_ name in lower case.",
    fallback: { value: "default" },
    examples: ["x86_64", "aarch64"],
  },
  entry: {
    shape: address,
    doc: "Physical address where execution starts; only with explicit `segments`.",
    ...optional,
    examples: ["0x100000"],
  },
  segments: {
    shape: list(segment),
    doc: "Explicit segments, instead of `kernel`. An empty list means none.",
    fallback: { value: [] },
    examples: [[{ at: "0x100000", hex: "f4 eb fd" }]],
  },
  memory: {
    shape: memory,
    doc: "The physical addresses where segments may be placed.",
    fallback: { value: {} },
    examples: [{ min: "1MiB", max: "4GiB" }],
  },
  checksum: {
    shape: checksum,
    doc:
      "With kexec_load: verify the segments just before the jump, by `xxh64` or `sha256`; `true` means the faster one.",
    fallback: { value: true },
    examples: [true, false, "sha256"],
  },
  predecompress: {
    shape: predecompress,
    doc:
      "Unpack the kernel before the reboot, so that the reboot does not have to: `true` insists on it, `auto` takes " +
      "whichever call allows it and otherwise leaves the kernel packed.",
    fallback: { value: false },
    examples: ["auto", true],
  },
  preserved_state: {
    shape: choice(["keep", "discard"]),
    doc:
      "What kexec_load may do to what the running kernel preserves over kexec (KHO), such as live update sessions: " +
      "`keep` refuses to lose it, `discard` accepts that.",
    fallback: { value: "keep" },
  },
  debug: {
    shape: boolean,
    doc: "With kexec_file_load: the kernel writes what it does to its log (KEXEC_FILE_DEBUG, since Linux 6.8).",
    fallback: { value: false },
  },
  no_cma: {
    shape: boolean,
    doc:
      "With kexec_file_load: the kernel does not load the image into contiguous memory (CMA), but copies it at the " +
      "jump as before (KEXEC_FILE_NO_CMA, since Linux 6.17).",
    fallback: { value: false },
  },
  force_dtb: {
    shape: boolean,
    doc: "With kexec_file_load on x86_64: hand over the device tree that the running kernel was booted with " +
      "(KEXEC_FILE_FORCE_DTB, since Linux 6.18).",
    fallback: { value: false },
  },
  unlock: {
    shape: unlock,
    doc:
      "LUKS volumes that the next initrd opens without a question, each with its key. The key is put where that initrd " +
      "looks for it, and tried against the volume at load: a wrong one is refused before the reboot.",
    fallback: { value: [] },
    examples: [
      [{ volume: "root", key: { from: "/etc/keys/root.key" } }],
      [{ volume: "root", key: { ask: "Passphrase of the root volume:" } }],
    ],
  },
  unbind: {
    shape: list(unbindTarget),
    doc: "Devices that are taken from their drivers just before the jump, when services are stopped: a PCI address, " +
      "`driver:NAME` for all devices of a driver, or `BUS:DEVICE` as in /sys/bus/BUS/devices. A driver that hangs cannot be " +
      "passed over: it holds the lock of its device, which the kernel's own shutdown takes as well.",
    fallback: { value: [] },
    examples: [["0000:01:00.0", "driver:nouveau"]],
  },
  unbind_failure: {
    shape: choice(["stop", "continue"]),
    doc:
      "Where a device of `unbind` cannot be taken from its driver: `stop` does not boot the image, `continue` boots it.",
    fallback: { value: "stop" },
  },
  guard: {
    shape: guard,
    doc: "The way back: what happens if the new system panics, hangs, or is not confirmed. It implies `stamp`.",
    ...optional,
    examples: [{ panic: "10s", watchdog: "2min", confirm: "10min", fallback: "running" }],
  },
  carry: {
    shape: carry,
    doc:
      "What of the running system the next initrd gets, as files that are made at load. `network`: addresses, routes, " +
      "name servers and the names of links, for systemd-networkd, dracut or initramfs-tools, whichever the initrd has.",
    fallback: { value: [] },
    examples: [["network"]],
  },
  stamp: {
    shape: boolean,
    doc: "Add `warmboot.plan=DIGEST` to the command line, a digest of kernel, initrds and command line, so that " +
      "`status --booted` can verify whether this is what booted. Default: true with a `guard`, else false.",
    fallback: { value: false },
  },
};

/** Names of a profile's keys elsewhere: in boot loader entries, GRUB, kexec-tools, libvirt, and in conversation. */
const OTHER_NAMES: NonNullable<KeyAdvice["otherNames"]> = {
  append: "cmdline",
  args: "cmdline",
  bootargs: "cmdline",
  "boot-args": "cmdline",
  "command-line": "cmdline",
  commandline: "cmdline",
  kargs: "cmdline",
  "kernel-args": "cmdline",
  "kernel-cmdline": "cmdline",
  options: "cmdline",
  params: "cmdline",
  parameters: "cmdline",
  image: "kernel",
  linux: "kernel",
  vmlinuz: "kernel",
  initramfs: "initrd",
  ramdisk: "initrd",
  entry: "boot_entry",
  "boot-entry": "boot_entry",
  bootentry: "boot_entry",
  "device-tree": "dtb",
  kho: "preserved_state",
  liveupdate: "preserved_state",
  devicetree: "dtb",
  module: "modules",
  module2: "modules",
  multiboot: "kernel",
  multiboot2: "kernel",
  network: "carry",
  luks: "unlock",
  crypttab: "unlock",
  cryptsetup: "unlock",
  decrypt: "unlock",
  passphrase: "unlock",
  keyfile: "unlock",
};

/** What to suggest for an unknown key of a profile. The lists that have `key+` are in overlay.ts. */
export const KEY_ADVICE: KeyAdvice = {
  otherNames: OTHER_NAMES,
  further: ["initrd+", "modules+", "segments+", "cmdline+", "unlock+", "unbind+"],
};

/** The shape of a whole profile, key by key. conflicts.ts has what keys require of each other. */
export const PROFILE: Shape<Stated> = record(FIELDS, "a map", KEY_ADVICE);
