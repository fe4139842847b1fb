import { formatAddress } from "../core/number.ts";
import type { BoundDevice } from "../host/facts.ts";
import type { PlannedSource } from "./plan.ts";
import type { Sums } from "./sums.ts";

/** A segment as kexec_load(2) gets it: struct kexec_segment, except that its buffer is still a source. */
export interface CallSegment {
  /** Where its bytes come from. */
  readonly source: PlannedSource;
  /** Bytes copied. */
  readonly bufsz: bigint;
  /** Physical address. */
  readonly mem: bigint;
  /** Bytes of memory. */
  readonly memsz: bigint;
}

/** A system call as data: what `--dry-run` prints is what `load` runs. */
export type Syscall =
  | {
    readonly name: "kexec_file_load";
    readonly kernel: string;
    /** What the kernel file unpacks to is handed over instead, as a memfd. */
    readonly unpacked?: true;
    /** A bzImage that is built around what the kernel file unpacks to is handed over instead, as a memfd. */
    readonly built?: true;
    /** The initrds, handed over as one file: the file itself if it is the only one, else a memfd that joins them. */
    readonly initrd: readonly string[];
    /** The end of one of them, which comes after all others. */
    readonly bootconfig?: { readonly path: string; readonly size: number };
    readonly cmdline: string;
    readonly flags: readonly string[];
    readonly flagBits: bigint;
  }
  | {
    readonly name: "kexec_load";
    readonly entry: bigint;
    readonly segments: readonly CallSegment[];
    readonly flags: readonly string[];
    readonly flagBits: bigint;
    /** The sums of the segments' bytes, which are computed and stored in purgatory before the call. */
    readonly sums?: Sums;
  }
  | { readonly name: "kexec_file_unload"; readonly crash: boolean }
  | { readonly name: "kexec_unload"; readonly crash: boolean }
  | { readonly name: "sync" }
  /** Starts a hardware watchdog, which stays open: `device` is its name below /dev. */
  | { readonly name: "arm_watchdog"; readonly device: string; readonly seconds: number }
  /** Takes a device from its driver, by the file of sysfs. */
  | { readonly name: "unbind"; readonly device: BoundDevice }
  /** Takes a network interface down, or up again. */
  | { readonly name: "set_interface"; readonly interface: string; readonly up: boolean }
  | { readonly name: "reboot_kexec" };

/** A system call by name. */
export type SyscallOf<Name extends Syscall["name"]> = Extract<Syscall, { readonly name: Name }>;

/** Writes a call the way strace does. Descriptors are shown as the files that they refer to. */
export function formatSyscall(call: Syscall): string {
  switch (call.name) {
    case "kexec_file_load": {
      const [only, ...more] = call.initrd;
      const initrd = only === undefined ? "-1" : more.length === 0 && !isArchive(only) ? open(only) : `memfd(${
        [
          ...call.initrd.map(formatInitrd),
          ...(call.bootconfig === undefined ? [] : [`bootconfig(${JSON.stringify(call.bootconfig.path)})`]),
        ].join(" + ")
      })`;
      const length = new TextEncoder().encode(call.cmdline).length + 1;
      const flags = call.flags.length === 0 ? "0" : call.flags.join("|");
      const unpacked = `unpacked(${JSON.stringify(call.kernel)})`;
      const kernel = call.built === true
        ? `memfd(bzImage(${unpacked}))`
        : call.unpacked === true
        ? `memfd(${unpacked})`
        : open(call.kernel);
      return `kexec_file_load(${kernel}, ${initrd}, ${length}, ${JSON.stringify(call.cmdline)}, ${flags})`;
    }
    case "kexec_load": {
      const segments = call.segments.map((segment, index) =>
        `{${formatBuffer(segment.source)}${index === call.sums?.purgatory ? "+sums" : ""}, ${segment.bufsz}, ${
          formatAddress(segment.mem)
        }, ${segment.memsz}}`
      );
      const list = segments.length === 0 ? "NULL" : `[${segments.join(", ")}]`;
      return `kexec_load(${formatAddress(call.entry)}, ${segments.length}, ${list}, ${call.flags.join("|")})`;
    }
    case "kexec_file_unload":
      return `kexec_file_load(-1, -1, 0, NULL, KEXEC_FILE_UNLOAD${call.crash ? "|KEXEC_FILE_ON_CRASH" : ""})`;
    case "kexec_unload":
      return `kexec_load(0, 0, NULL, ${call.crash ? "KEXEC_ON_CRASH" : "0"})`;
    case "sync":
      return "sync()";
    case "arm_watchdog":
      return `ioctl(${open(`/dev/${call.device}`)}, WDIOC_SETTIMEOUT, [${call.seconds}])`;
    case "unbind":
      return `write(${open(unbindFile(call.device))}, ${JSON.stringify(call.device.device)})`;
    case "set_interface":
      return `ioctl(SIOCSIFFLAGS, {${JSON.stringify(call.interface)}, ${call.up ? "" : "~"}IFF_UP})`;
    case "reboot_kexec":
      return "reboot(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL)";
  }
}

/** The file that takes a device from its driver, when the device's name is written to it. */
export function unbindFile({ bus, driver }: BoundDevice): string {
  return `/sys/bus/${bus}/drivers/${driver}/unbind`;
}

/** Whether the name of an initrd is that of an archive that is made at load; files have absolute paths. */
export function isArchive(path: string): boolean {
  return path.startsWith("files:");
}

function formatInitrd(path: string): string {
  return isArchive(path) ? `archive(${path})` : JSON.stringify(path);
}

function formatBuffer(source: PlannedSource): string {
  switch (source.kind) {
    case "overlay":
      return formatInitrd(source.path);
    case "file":
      return `mmap(${JSON.stringify(source.path)})${
        source.offset === 0 ? "" : `+${formatAddress(BigInt(source.offset))}`
      }`;
    case "unpacked":
      return `unpacked(${JSON.stringify(source.path)})${
        source.offset === 0 ? "" : `+${formatAddress(BigInt(source.offset))}`
      }`;
    case "bytes":
      return "bytes";
    case "zero":
      return "NULL";
  }
}

function open(path: string): string {
  return `open(${JSON.stringify(path)})`;
}

/** KEXEC_SEGMENT_MAX (include/linux/kexec.h, Linux 7.3). */
export const KEXEC_SEGMENT_MAX = 16;
