import type { DeviceTree } from "../formats/fdt.ts";
import type { Range } from "../core/range.ts";
import type { Iomem } from "./iomem.ts";
import type { NetworkFacts } from "./network_facts.ts";
import type { DiskLink, OpenVolume } from "./volumes.ts";

/** One row of /sys/firmware/memmap: inclusive in the file, half-open here. */
export interface MemmapEntry {
  /** Physical address of its first byte. */
  readonly start: bigint;
  /** Physical address after its last byte. */
  readonly end: bigint;
  /** Its type, as the file says. */
  readonly type: string;
}

/** The dm-crypt keys that are registered for a crash kernel: what they are called, never what they are. */
export interface DmCryptKeys {
  /** By the name of its folder; `description` is that of a logon key in a keyring, undefined where none is stated. */
  readonly keys: readonly { readonly name: string; readonly description?: string }[];
  /** Whether the next load takes the keys that the loaded image has, and not those in the keyring. */
  readonly reuse?: boolean;
}

/** What the kernel says of kexec; undefined where it does not say. */
export interface KexecState {
  /** Whether an image for a reboot is loaded. */
  readonly loaded?: boolean;
  /** Whether a crash image is loaded. */
  readonly crashLoaded?: boolean;
  /** Bytes reserved by crashkernel=, high and low together. */
  readonly crashSize?: bigint;
  /** What crashkernel=SIZE,cma lends to a crash kernel; undefined where the kernel does not know of it. */
  readonly crashCmaRanges?: readonly Range[];
  /** Bytes that an elfcorehdr segment needs for hotplug. */
  readonly crashElfcorehdrSize?: bigint;
  /** Whether the kernel itself keeps the loaded crash image in step with CPUs and memory that come and go. */
  readonly cpuCrashHotplug?: boolean;
  /** The same for memory. */
  readonly memoryCrashHotplug?: boolean;
  /** The dm-crypt keys that are registered for a crash kernel; undefined where the kernel does not know of such. */
  readonly dmCryptKeys?: DmCryptKeys;
  /** The sysctl kernel.kexec_load_disabled. */
  readonly loadDisabled?: boolean;
  /** Loads left; -1 is unlimited. Every attempt takes one, failed ones and unloads too. */
  readonly limitReboot?: number;
  /** The same for crash images. */
  readonly limitPanic?: number;
}

/** A live update session, in which a process preserves file descriptors over kexec. */
export interface LiveUpdateSession {
  /** Its name, as /proc shows it. */
  readonly name: string;
  /** The process that holds it. */
  readonly pid: number;
}

/** A service whose stored file descriptors systemd hands to the next kernel. */
export interface StoringService {
  /** The name of its unit. */
  readonly unit: string;
  /** How many descriptors it has stored. */
  readonly descriptors: number;
}

/** What the running kernel hands to the next one, where kexec handover (KHO) is on. */
export interface KexecHandover {
  /**
   * The scratch areas, in the kernel's order: kexec_file_load places images in them alone. Undefined where debugfs does not
   * show them.
   */
  readonly scratch?: readonly Range[];
  /** What `kho_scratch=` of the running command line says. */
  readonly scratchParameter?: string;
  /** The live update sessions that are open; undefined where the reader may not see them. */
  readonly sessions?: readonly LiveUpdateSession[];
  /** The services with stored file descriptors. */
  readonly services: readonly StoringService[];
  /** The names of what `reserve_mem=` set aside. */
  readonly reservedMemory: readonly string[];
}

/** The state of the running kernel's lockdown (security/lockdown). */
export type Lockdown = "none" | "integrity" | "confidentiality";

/** UEFI Secure Boot, from the variables SecureBoot and SetupMode. */
export type SecureBoot = "enabled" | "disabled" | "setup";

/** What a rule of IMA's policy does with a file; `audit` and `hash` do not matter here. */
export type ImaAction = "appraise" | "dont_appraise" | "measure" | "dont_measure";

/** A rule of IMA's policy (Documentation/ABI/testing/ima_policy). */
export interface ImaRule {
  /** What it does. */
  readonly action: ImaAction;
  /** Its other words, as `func=KEXEC_KERNEL_CHECK` or `appraise_type=imasig`. */
  readonly conditions: readonly string[];
}

/** IMA's policy, the rules in order. */
export interface ImaPolicy {
  /** Whether the kernel said so; otherwise they are in a file that the init system loads, if it does. */
  readonly inForce: boolean;
  /** Its rules; the first that matches a file decides. */
  readonly rules: readonly ImaRule[];
}

/** What the kernel's EFI directory says; addresses are physical, bytes. */
export interface EfiFacts {
  /** Bits of the firmware. */
  readonly platformSize?: 32 | 64;
  /** From systab: ACPI20, ACPI, SMBIOS3, SMBIOS. */
  readonly systab: { readonly [name: string]: bigint };
  /** Address of the firmware vendor's name. */
  readonly fwVendor?: bigint;
  /** Address of the runtime services. */
  readonly runtime?: bigint;
  /** Address of the configuration tables. */
  readonly configTable?: bigint;
  /** The memory of the runtime services. */
  readonly runtimeMap: readonly {
    readonly type: number;
    readonly physAddr: bigint;
    readonly virtAddr: bigint;
    readonly numPages: bigint;
    readonly attribute: bigint;
  }[];
}

/** What the DMI tables say of the machine, trimmed; each as the firmware has it. */
export interface DmiFacts {
  /** The maker of the machine, or of its hypervisor. */
  readonly vendor?: string;
  /** The model. */
  readonly product?: string;
  /** The main board. */
  readonly board?: string;
  /** The chassis' asset tag, by which Azure is known. */
  readonly assetTag?: string;
}

/** How the kernel runs under Xen. */
export interface XenFacts {
  /** `PV`, `PVH`, `HVM`, or `Xen` on arm64. */
  readonly guest?: string;
  /** Whether this is the control domain, dom0. */
  readonly isControl: boolean;
}

/** One node of the running kernel's list setup_data (arch/x86/include/uapi/asm/setup_data.h). */
export interface SetupData {
  /** Its type, as the file says. */
  readonly type: number;
  /** Its bytes; undefined where they cannot be read. */
  readonly data?: Uint8Array;
}

/** A serial port that the running kernel drives as ttySN. */
export interface SerialPortFacts {
  /** N of ttySN. */
  readonly line: number;
  /** How its registers are reached: UPIO_ of include/linux/serial_core.h; 0 by I/O ports, 2 and more in memory. */
  readonly ioType: number;
  /** Its first I/O port; 0 where it has none. */
  readonly port: bigint;
  /** Physical address of its first register; 0 where it has none. */
  readonly address: bigint;
  /** Its registers in memory lie `1 << shift` bytes apart. */
  readonly shift: number;
  /** Its clock, Hz; undefined where unknown. */
  readonly clock?: number;
}

/** One piece of physical memory that the running kernel maps. */
export interface KernelMapping {
  /** Virtual address of its first byte. */
  readonly vaddr: bigint;
  /** Physical address of its first byte. */
  readonly paddr: bigint;
  /** Bytes. */
  readonly size: bigint;
}

/** What the BIOS left in low memory. Physical addresses. */
export interface BiosFacts {
  /** Where each of the 256 interrupt vectors points. */
  readonly vectors: readonly bigint[];
  /** Where its extended data area begins; 0 for none. */
  readonly extendedData: bigint;
  /** Memory from 0 on that it leaves to programs, bytes. */
  readonly baseMemory: bigint;
}

/** A device that a driver has, as sysfs shows it. */
export interface BoundDevice {
  /** The bus: `pci`. */
  readonly bus: string;
  /** The driver's name on that bus. */
  readonly driver: string;
  /** The device's name on that bus: `0000:01:00.0`. */
  readonly device: string;
  /** Where it is below /sys/devices: the path of what it leads to begins with it. */
  readonly path: string;
}

/** A watchdog of the kernel's core (/sys/class/watchdog); undefined: the kernel does not show it. */
export interface WatchdogDevice {
  /** Its name, `watchdog0`: the device is /dev/watchdog0, and that one is /dev/watchdog as well. */
  readonly name: string;
  /** What its driver calls it: `i6300ESB timer`. */
  readonly identity?: string;
  /** The name of its driver, where its device is known. */
  readonly driver?: string;
  /** Whether it counts, since a program has it open. */
  readonly active?: boolean;
  /** What it is set to, seconds. */
  readonly timeout?: number;
  /** The least that it takes, seconds; 0 where the driver does not say. */
  readonly minTimeout?: number;
  /** The most that it takes, seconds; 0 where the driver does not say. */
  readonly maxTimeout?: number;
  /** Whether it cannot be stopped once it is started. */
  readonly nowayout?: boolean;
  /** Why the machine was reset, as the driver saw it when it found the device: WDIOF_ of include/uapi/linux/watchdog.h. */
  readonly bootStatus?: number;
  /** The processes that have it open; undefined where the reader may not see them. */
  readonly holders?: readonly number[];
}

/** The hardware watchdogs of a host. */
export interface WatchdogFacts {
  /** Those of the kernel's core, by number. */
  readonly devices: readonly WatchdogDevice[];
  /** watchdog.stop_on_reboot: whether each is stopped at a reboot; undefined: as its driver has it. */
  readonly stopOnReboot?: boolean;
  /** watchdog.handle_boot_enabled: whether the kernel pings a running one until a program opens it. */
  readonly handleBootEnabled?: boolean;
  /** watchdog.open_timeout: for how long, seconds; 0 for ever. */
  readonly openTimeout?: number;
  /** Whether the core is a module, which can be loaded again with other parameters. */
  readonly coreIsModule: boolean;
  /** Whether /dev/watchdog is that of a BMC (ipmi_watchdog), which is not in the core. */
  readonly ipmi: boolean;
  /** Whether warmboot starts with each boot, and pings the watchdog of a guarded one until it is confirmed. */
  readonly keeper?: true;
}

/** Everything the planner knows of a host, decoded from a capture. Undefined: the host did not say. */
export interface HostFacts {
  /** Whether they come from a capture that leaves out addresses of the kernel, and secrets. */
  readonly redacted?: true;
  /** As uname -n. */
  readonly hostname?: string;
  /** As uname -m: x86_64, aarch64. */
  readonly machine: string;
  /** As uname -r. */
  readonly release: string;
  /** As uname -v. */
  readonly version?: string;
  /** An identifier of this boot. */
  readonly bootId?: string;
  /** The running kernel's command line. */
  readonly cmdline?: string;
  /** Whether a kexec started the running kernel; undefined where it does not say. */
  readonly kexecBooted?: boolean;
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
  /** Whether it ran in the initial PID namespace; from another one, reboot(2) cannot start a loaded kernel. */
  readonly initPidNamespace?: boolean;
  /** CPUs that are online. */
  readonly cpusOnline?: number;
  /** The first CPU's flags (x86) or features (arm64). */
  readonly cpuFlags: readonly string[];
  /** The name of the first CPU, where x86 has one. */
  readonly cpuModel?: string;
  /** What the firmware says of the machine; undefined where it says nothing. */
  readonly dmi?: DmiFacts;
  /** How the kernel runs under Xen; undefined where it does not, or does not say. */
  readonly xen?: XenFacts;
  /** The memory map of /proc/iomem. */
  readonly iomem: Iomem;
  /** The firmware's memory map, x86 only. */
  readonly firmwareMap: readonly MemmapEntry[];
  /** What is loaded, and what may be. */
  readonly kexec: KexecState;
  /** What kexec handover preserves; undefined where it is off. */
  readonly handover?: KexecHandover;
  /** The kernel's lockdown. */
  readonly lockdown?: Lockdown;
  /** Active Linux security modules, as `lockdown,capability,...`. */
  readonly lsm: readonly string[];
  /** Whether LoadPin is enforced; undefined where it is not built in. */
  readonly loadPin?: boolean;
  /** IMA's policy; undefined: not readable. */
  readonly ima?: ImaPolicy;
  /** How many measurements IMA has taken; undefined where that is not shown. */
  readonly imaMeasurements?: number;
  /** The firmware's Secure Boot. */
  readonly secureBoot?: SecureBoot;
  /** What the BIOS left in low memory; undefined where that cannot be read, and on a machine that was booted by UEFI. */
  readonly bios?: BiosFacts;
  /** Whether the firmware clears the memory at the next reset, as it was asked to; undefined where it cannot be asked. */
  readonly memoryOverwrite?: boolean;
  /** Undefined on a machine that was not booted by UEFI. */
  readonly efi?: EfiFacts;
  /** /sys/kernel/boot_params/data: the running kernel's 4096 bytes. */
  readonly bootParams?: Uint8Array;
  /** The boot protocol that the running kernel was loaded with, as 0x020f. */
  readonly bootProtocol?: number;
  /** The nodes of its list setup_data, where it has any. */
  readonly setupData?: readonly SetupData[];
  /** Who drives each framebuffer, as /proc/fb names it, such as `i915drmfb`; undefined where there is no framebuffer. */
  readonly framebuffers?: readonly string[];
  /** The serial ports ttySN that the running kernel says it drives. */
  readonly serialPorts?: readonly SerialPortFacts[];
  /** The device tree that the running kernel was given; where there is ACPI, little more than what UEFI says. */
  readonly deviceTree?: DeviceTree;
  /** Where the note for crash dumps lies; bytes. */
  readonly vmcoreinfo?: { readonly address: bigint; readonly size: bigint };
  /** Where each CPU leaves its registers in a crash; bytes. */
  readonly crashNotes: readonly { readonly cpu: number; readonly address: bigint; readonly size: bigint }[];
  /** Where the running kernel maps itself and the memory; undefined where /proc/kcore does not say. */
  readonly kernelMap?: readonly KernelMapping[];
  /**
   * The build options about kexec, crash dumps, signatures, device trees and ramoops that are known, by their whole name, `CONFIG_KEXEC`; `n`
   * where unset. From /proc/config.gz, or what the distribution installed for this release.
   */
  readonly kernelConfig: { readonly [option: string]: string };
  /** The devices that have a driver; undefined where that cannot be seen. */
  readonly devices?: readonly BoundDevice[];
  /** The disks that the root file system lies on, as paths below /sys/devices; undefined where they are not known. */
  readonly rootDisks?: readonly string[];
  /** The text of /etc/crypttab. */
  readonly crypttab?: string;
  /** The LUKS volumes that are open. */
  readonly openVolumes?: readonly OpenVolume[];
  /** The names that udev gives disks, and what they lead to. */
  readonly diskLinks?: readonly DiskLink[];
  /** The devices of the consoles: the console's name, and a path below /sys/devices. */
  readonly consoles?: readonly { readonly name: string; readonly path: string }[];
  /** The hardware watchdogs; undefined where there is none. */
  readonly watchdog?: WatchdogFacts;
  /** What keeps kernel logs over a reset, as pstore names it: `ramoops`, `efi_pstore`; undefined where nothing does. */
  readonly pstoreBackend?: string;
  /** The running network; undefined where the capture does not say. */
  readonly network?: NetworkFacts;
  /** The name of PID 1, at most 15 characters. */
  readonly init?: string;
  /** The program of PID 1, links followed; unknown to readers without CAP_SYS_PTRACE. */
  readonly initProgram?: string;
  /** True where OpenRC starts the services: /run/openrc exists. */
  readonly openrc?: boolean;
  /** Whether PID 1 is systemd: /run/systemd/system exists. */
  readonly systemd: boolean;
}
