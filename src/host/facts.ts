import type { Iomem } from "./iomem.ts";

/** One row of /sys/firmware/memmap: inclusive in the file, half-open here. */
export interface MemmapEntry {
  readonly start: bigint;
  readonly end: bigint;
  readonly type: string;
}

/** What the kernel says of kexec; undefined where it does not say. */
export interface KexecState {
  readonly loaded?: boolean;
  readonly crashLoaded?: boolean;
  /** Bytes reserved by crashkernel=, high and low together. */
  readonly crashSize?: bigint;
  readonly crashElfcorehdrSize?: bigint;
  /** The sysctl kernel.kexec_load_disabled. */
  readonly loadDisabled?: boolean;
  /** Loads left; -1 is unlimited. Every attempt takes one, failed ones and unloads too. */
  readonly limitReboot?: number;
  readonly limitPanic?: number;
}

/** The state of the running kernel's lockdown (security/lockdown). */
export type Lockdown = "none" | "integrity" | "confidentiality";

/** UEFI Secure Boot, from the variables SecureBoot and SetupMode. */
export type SecureBoot = "enabled" | "disabled" | "setup";

/** What the kernel's EFI directory says; addresses are physical, bytes. */
export interface EfiFacts {
  /** From systab: ACPI20, ACPI, SMBIOS3, SMBIOS. */
  readonly systab: { readonly [name: string]: bigint };
  readonly fwVendor?: bigint;
  readonly runtime?: bigint;
  readonly configTable?: bigint;
  readonly runtimeMap: readonly {
    readonly type: number;
    readonly physAddr: bigint;
    readonly virtAddr: bigint;
    readonly numPages: bigint;
    readonly attribute: bigint;
  }[];
}

/** Everything the planner knows of a host, decoded from a capture. Undefined: the host did not say. */
export interface HostFacts {
  readonly hostname?: string;
  /** As uname -m: x86_64, aarch64. */
  readonly machine: string;
  /** As uname -r. */
  readonly release: string;
  /** As uname -v. */
  readonly version?: string;
  readonly bootId?: string;
  readonly cmdline?: string;
  /** Bytes. */
  readonly pageSize: bigint;
  /** MemTotal, bytes. */
  readonly memTotal?: bigint;
  /** MemAvailable, bytes. */
  readonly memAvailable?: bigint;
  /** CapEff of the process that captured, a bit set. */
  readonly capEff?: bigint;
  /** Whether that process ran in the initial user namespace. */
  readonly initUserNamespace?: boolean;
  readonly cpusOnline?: number;
  /** The first CPU's flags (x86) or features (arm64). */
  readonly cpuFlags: readonly string[];
  readonly iomem: Iomem;
  readonly firmwareMap: readonly MemmapEntry[];
  readonly kexec: KexecState;
  readonly lockdown?: Lockdown;
  /** Active Linux security modules, as `lockdown,capability,...`. */
  readonly lsm: readonly string[];
  readonly secureBoot?: SecureBoot;
  readonly efi?: EfiFacts;
  /** /sys/kernel/boot_params/data: the running kernel's 4096 bytes. */
  readonly bootParams?: Uint8Array;
  readonly vmcoreinfo?: { readonly address: bigint; readonly size: bigint };
  readonly crashNotes: readonly { readonly cpu: number; readonly address: bigint; readonly size: bigint }[];
  /** The options CONFIG_ about kexec that are known: from /proc/config.gz or /boot/config-RELEASE; `n` where unset. */
  readonly kernelConfig: { readonly [option: string]: string };
  /** Whether PID 1 is systemd: /run/systemd/system exists. */
  readonly systemd: boolean;
}
