import {
  plannedBootParams,
  type Redaction,
  withoutKernelLines,
  withoutSecretParameters,
  withoutSeeds,
} from "./redaction.ts";
import {
  firstLines,
  keepBios,
  keepPageSize,
  keepStores,
  keepUsedTree,
  type KeptPart,
  lines,
} from "./capture_filter.ts";

/** What a source holds: text, bytes, or nothing but the fact that the directory is there. */
export type SourceForm = "text" | "binary" | "directory";

/** One thing that is read of a host. */
export interface Source {
  /**
   * Where it lies, the newest place first; the first that is there is read. `*` is a decimal number, of `{a,b}` each is
   * read, RELEASE is the running kernel's release, NAME any name in that folder.
   */
  readonly paths: readonly string[];
  readonly form: SourceForm;
  /** What it is for, and where the kernel makes it. */
  readonly doc: string;
  /** The part that is kept of it; applying it twice changes nothing. */
  readonly keep?: KeptPart;
  /** What a redacted capture has of it. */
  readonly redaction: Redaction;
  /** Few need it, and hosts withhold it for good reasons: that it cannot be read is said where it is needed. */
  readonly rare?: boolean;
  /** It is read for a capture and for a profile with `carry`, and for nothing else. */
  readonly forCarry?: boolean;
  /** It is read only where one of these files or folders is. */
  readonly onlyWith?: readonly string[];
}

const CONFIG_LINE =
  /^(?:# )?CONFIG_(?:\w*_)?(?:KEXEC|LIVEUPDATE|CRASH|HIBERNATION|IMA|LOCKDOWN|MODULE_SIG|RELOCATABLE|RANDOMIZE)(?:_\w+)?(?:=| is not set)|^(?:# )?CONFIG_PSTORE_(?:RAM|CONSOLE)(?:=| is not set)|^(?:# )?CONFIG_OF(?:_EARLY_FLATTREE)?(?:=| is not set)/;

const SETTING: Redaction = { kind: "keep", why: "It has neither addresses of the kernel nor secrets" };

const FIRMWARE: Redaction = {
  kind: "keep",
  why: "Its addresses are those of the firmware and of reservations: they do not show where the kernel is",
};

const COMMAND_LINE: Redaction = {
  kind: "edit",
  why: "Parameters such as systemd.set_credential= have secrets as their values",
  edit: withoutSecretParameters,
};

const MEMORY_MAP: Redaction = {
  kind: "edit",
  why: "The lines `Kernel code`, `Kernel rodata`, `Kernel data` and `Kernel bss` show where KASLR put the kernel",
  edit: withoutKernelLines,
};

const BOOT_PARAMS: Redaction = {
  kind: "edit",
  why: "It has pointers to what the boot loader placed; only the fields that plans copy are kept",
  edit: plannedBootParams,
};

const SETUP_DATA: Redaction = {
  kind: "leave-out",
  why: "Nodes can have random seeds, and addresses of what the running kernel was given",
};

const DEVICE_TREE: Redaction = {
  kind: "edit",
  why: "/chosen can have random seeds, keys, and a command line with secrets",
  edit: withoutSeeds,
};

const NETWORK: Redaction = { kind: "keep", why: "Addresses of a network are neither those of the kernel nor secrets" };

const DUMP: Redaction = { kind: "leave-out", why: "It shows where the running kernel keeps its data" };

const KASLR: Redaction = { kind: "leave-out", why: "It shows where KASLR put the kernel and the map of all memory" };

/** Where the kernel shows the rules of IMA that are in force (security/integrity/ima/ima_fs.c). */
export const IMA_POLICY = "/sys/kernel/security/ima/policy";

/** Where dm-crypt keys are registered for the crash kernel (configfs; kernel/crash_dump_dm_crypt.c, Linux 6.16). */
export const DM_CRYPT_KEYS = "/sys/kernel/config/crash_dm_crypt_keys";

/** What the source of the addresses of all links is called: they are in no file. */
export const ADDRESSES = "getifaddrs";

/** Where debugfs has the addresses of the scratch areas of kexec handover. */
export const KHO_SCRATCH = "/sys/kernel/debug/kho/out/scratch_phys";

/** Present where live update is on. The device itself is never opened: only one process may have it open at a time. */
const LIVE_UPDATE = "/sys/class/misc/liveupdate";

/** Present where a driver of the watchdog core has a device (drivers/watchdog/watchdog_dev.c), or one outside of it. */
const WATCHDOG = "/sys/class/watchdog/watchdog0";
const LEGACY_WATCHDOG = "/sys/class/misc/watchdog";

/**
 * What shows that a process waits in each boot for a guarded reboot to be confirmed, and pings the watchdog until then: the unit
 * that starts it is enabled; elsewhere than under systemd, it ran in this boot and left a mark.
 */
export const KEEPER_MARK = "/run/warmboot/waits";
const KEEPER_UNIT = "/etc/systemd/system/sysinit.target.wants/warmboot-arrive.service";

/** Where the kernel shows EFI variables. */
export const EFIVARS = "/sys/firmware/efi/efivars";

/** The vendor of variables that UEFI defines. */
export const EFI_GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c";

const ROWS = {
  ostype: text(SETTING, "/proc/sys/kernel/ostype", "`Linux` (kernel/utsname_sysctl.c)"),
  release: text(SETTING, "/proc/sys/kernel/osrelease", "The kernel's release, as uname -r (kernel/utsname_sysctl.c)"),
  version: text(SETTING, "/proc/sys/kernel/version", "The kernel's version, as uname -v (kernel/utsname_sysctl.c)"),
  machine: text(
    SETTING,
    "/proc/sys/kernel/arch",
    "The machine, as uname -m (kernel/utsname_sysctl.c, from Linux 6.1; before it, the answer of uname itself)",
  ),
  hostname: text(SETTING, "/proc/sys/kernel/hostname", "The host's name (kernel/utsname_sysctl.c)"),
  bootId: text(
    SETTING,
    "/proc/sys/kernel/random/boot_id",
    "A UUID of this boot, to notice a reboot (drivers/char/random.c)",
  ),
  cmdline: text(COMMAND_LINE, "/proc/cmdline", "The running kernel's command line (fs/proc/cmdline.c)"),
  bootLoader: text(
    SETTING,
    "/proc/sys/kernel/bootloader_type",
    "What loaded the running kernel, on x86: 13 in the upper four bits is a kexec (arch/x86/kernel/setup.c)",
  ),
  iomem: text(
    MEMORY_MAP,
    "/proc/iomem",
    "The memory map; addresses are zero for a reader without CAP_SYS_ADMIN (kernel/resource.c)",
  ),
  meminfo: text(
    SETTING,
    "/proc/meminfo",
    "Total and available memory (fs/proc/meminfo.c)",
    lines(/^Mem(?:Total|Available):/),
  ),
  auxv: binary(
    SETTING,
    "/proc/self/auxv",
    "The page size, from the entry AT_PAGESZ; the others hold addresses and are left out (fs/binfmt_elf.c)",
    keepPageSize,
  ),
  status: text(
    SETTING,
    "/proc/self/status",
    "The reader's effective capabilities, and its depth in PID namespaces (fs/proc/array.c)",
    lines(/^(?:CapEff|NSpid):/),
  ),
  uidMap: text(
    SETTING,
    "/proc/self/uid_map",
    "Whether the reader is in the initial user namespace (kernel/user_namespace.c)",
  ),
  pidNamespace: text(
    SETTING,
    "/proc/self/ns/pid",
    "The target of this link: the reader's PID namespace; reboot(2) acts on the host only from the first (fs/nsfs.c)",
  ),
  dmi: {
    ...text(
      SETTING,
      "/sys/class/dmi/id/{sys_vendor,product_name,board_name,chassis_asset_tag}",
      "What the firmware says of the machine (drivers/firmware/dmi-id.c)",
    ),
    rare: true,
  },
  xenGuest: text(
    SETTING,
    "/sys/hypervisor/guest_type",
    "The kind of a Xen guest (drivers/xen/sys-hypervisor.c, Linux 4.13)",
  ),
  xenCapabilities: {
    ...text(SETTING, "/proc/xen/capabilities", "`control_d` in Xen's control domain (drivers/xen/xenfs/super.c)"),
    rare: true,
  },
  devices: {
    ...text(
      SETTING,
      "/sys/bus",
      "The devices that have a driver: bus, driver, device, and its path below /sys/devices (drivers/base/bus.c)",
    ),
    rare: true,
  },
  rootDisks: {
    ...text(
      SETTING,
      "/sys/dev/block",
      "The disks that the root file system lies on, as paths below /sys/devices (block/genhd.c, by /proc/self/mountinfo)",
    ),
    rare: true,
  },
  consoles: {
    ...text(
      SETTING,
      "/sys/class/tty/console",
      "The devices of the consoles: name, and path below /sys/devices (drivers/tty/tty_io.c)",
    ),
    rare: true,
  },
  crypttab: {
    ...text(SETTING, "/etc/crypttab", "The encrypted volumes that the system opens, see crypttab(5)"),
    rare: true,
  },
  openVolumes: {
    ...text(
      SETTING,
      "/sys/class/block",
      "The dm-crypt devices that are open: name, UUID, and the device that each lies on (drivers/md/dm-sysfs.c)",
    ),
    rare: true,
  },
  diskLinks: {
    ...text(SETTING, "/dev/disk", "The names that udev gives disks: link, and the device that it leads to"),
    rare: true,
  },
  init: text(SETTING, "/proc/1/comm", "The name of PID 1, which carries out the reboot (fs/proc/array.c)"),
  initProgram: {
    ...text(
      SETTING,
      "/proc/1/exe",
      "The target of this link: the program of PID 1, by which inits that are all named `init` differ (fs/proc/base.c)",
    ),
    rare: true,
  },
  openrc: {
    paths: ["/run/openrc"],
    form: "directory",
    redaction: SETTING,
    doc: "Present where OpenRC starts the services, whatever PID 1 is",
  },
  systemd: {
    paths: ["/run/systemd/system"],
    form: "directory",
    redaction: SETTING,
    doc: "Present where PID 1 is systemd, see sd_booted(3)",
  },
  cpusOnline: text(
    SETTING,
    "/sys/devices/system/cpu/online",
    "The CPUs that are on, as a list of ranges (drivers/base/cpu.c)",
  ),
  cpuinfo: text(
    SETTING,
    "/proc/cpuinfo",
    "The first CPU's name and flags (arch/x86/kernel/cpu/proc.c) or features (arch/arm64/kernel/cpuinfo.c)",
    firstLines(/^model name\s*:/, /^(?:flags|Features)\s*:/),
  ),
  kexecLoaded: text(
    SETTING,
    ["/sys/kernel/kexec/loaded", "/sys/kernel/kexec_loaded"],
    "Whether an image is loaded (kernel/ksysfs.c; the first place from Linux 7.0)",
  ),
  crashLoaded: text(
    SETTING,
    ["/sys/kernel/kexec/crash_loaded", "/sys/kernel/kexec_crash_loaded"],
    "Whether a crash kernel is loaded (kernel/ksysfs.c; the first place from Linux 7.0)",
  ),
  crashSize: text(
    SETTING,
    ["/sys/kernel/kexec/crash_size", "/sys/kernel/kexec_crash_size"],
    "Bytes reserved by crashkernel=, high and low together (kernel/ksysfs.c; the first place from Linux 7.0)",
  ),
  crashElfcorehdrSize: text(
    SETTING,
    ["/sys/kernel/kexec/crash_elfcorehdr_size", "/sys/kernel/crash_elfcorehdr_size"],
    "Bytes of elfcorehdr that the kernel can update by itself (kernel/ksysfs.c; the first place from Linux 7.0)",
  ),
  cpuCrashHotplug: text(
    SETTING,
    "/sys/devices/system/cpu/crash_hotplug",
    "Whether the kernel itself updates the loaded crash image when CPUs come and go (drivers/base/cpu.c)",
  ),
  memoryCrashHotplug: text(
    SETTING,
    "/sys/devices/system/memory/crash_hotplug",
    "Whether the kernel itself updates the loaded crash image when memory comes and goes (drivers/base/memory.c)",
  ),
  crashCmaRanges: text(
    FIRMWARE,
    ["/sys/kernel/kexec/crash_cma_ranges", "/sys/kernel/kexec_crash_cma_ranges"],
    "Memory of crashkernel=SIZE,cma: the system's until a panic, then the crash kernel's (kernel/ksysfs.c, Linux 7.0)",
  ),
  dmCryptState: {
    ...text(
      SETTING,
      `${DM_CRYPT_KEYS}/{count,reuse}`,
      "How many dm-crypt keys are registered for the crash kernel, and whether the next load takes those that the loaded " +
        "image has (kernel/crash_dump_dm_crypt.c, Linux 6.16)",
    ),
    rare: true,
  },
  dmCryptKeys: {
    ...text(
      SETTING,
      `${DM_CRYPT_KEYS}/NAME/description`,
      "The description of each of these keys: not the key (kernel/crash_dump_dm_crypt.c, Linux 6.16)",
    ),
    rare: true,
  },
  loadDisabled: text(
    SETTING,
    "/proc/sys/kernel/kexec_load_disabled",
    "1 forbids every load until reboot (kernel/kexec_core.c)",
  ),
  limitReboot: text(
    SETTING,
    "/proc/sys/kernel/kexec_load_limit_reboot",
    "Loads of a normal image that are left, -1 for any number (kernel/kexec_core.c, from Linux 6.3)",
  ),
  limitPanic: text(
    SETTING,
    "/proc/sys/kernel/kexec_load_limit_panic",
    "Loads of a crash image that are left, -1 for any number (kernel/kexec_core.c, from Linux 6.3)",
  ),
  handoverScratchPhys: {
    ...text(
      FIRMWARE,
      KHO_SCRATCH,
      "Where the scratch areas of kexec handover begin (kernel/liveupdate/kexec_handover_debugfs.c, from Linux 6.16)",
    ),
    rare: true,
  },
  handoverScratchLen: {
    ...text(
      FIRMWARE,
      "/sys/kernel/debug/kho/out/scratch_len",
      "How large the scratch areas of kexec handover are (kernel/liveupdate/kexec_handover_debugfs.c, from Linux 6.16)",
    ),
    rare: true,
  },
  liveUpdate: {
    paths: [LIVE_UPDATE],
    form: "directory",
    redaction: SETTING,
    doc: "Present where live update is on (kernel/liveupdate/luo_core.c, from Linux 6.19)",
  },
  openDevices: {
    ...text(
      SETTING,
      "/proc/*/fd",
      "The live update sessions that each process holds, as links to `[luo_session] NAME` " +
        "(kernel/liveupdate/luo_session.c), and the watchdogs that it has open",
      lines(/^\d+ (?:anon_inode:\[luo_session\] |\/dev\/watchdog\d*$)/),
    ),
    rare: true,
    onlyWith: [LIVE_UPDATE, WATCHDOG, LEGACY_WATCHDOG],
  },
  fileDescriptorStores: {
    ...text(
      SETTING,
      "systemctl show",
      "Version of systemd; Id, NFileDescriptorStore and FileDescriptorStorePreserve of each service that stores descriptors",
      keepStores,
    ),
    rare: true,
    onlyWith: [LIVE_UPDATE],
  },
  watchdogs: {
    ...text(
      SETTING,
      "/sys/class/watchdog/watchdog*/{dev,identity,state,timeout,min_timeout,max_timeout,nowayout,bootstatus}",
      "The hardware watchdogs, and what they are set to (drivers/watchdog/watchdog_dev.c; most with CONFIG_WATCHDOG_SYSFS)",
    ),
    rare: true,
  },
  watchdogDrivers: {
    ...text(
      SETTING,
      "/sys/class/watchdog/watchdog*/device/driver",
      "The target of this link: the watchdog's driver, where its device is known (drivers/base/bus.c)",
    ),
    rare: true,
  },
  watchdogParameters: {
    ...text(
      SETTING,
      "/sys/module/watchdog/parameters/{stop_on_reboot,handle_boot_enabled,open_timeout}",
      "What the watchdog core does at a reboot and at boot (drivers/watchdog/watchdog_core.c and watchdog_dev.c)",
    ),
    rare: true,
  },
  watchdogModule: {
    ...text(
      SETTING,
      "/sys/module/watchdog/initstate",
      "Present where the watchdog core is a module, which can be loaded again (kernel/module/sysfs.c)",
    ),
    rare: true,
  },
  legacyWatchdog: {
    ...text(
      SETTING,
      `${LEGACY_WATCHDOG}/dev`,
      "Present where there is a /dev/watchdog, also of a driver outside of the watchdog core (drivers/char/misc.c)",
    ),
    rare: true,
  },
  ipmiWatchdog: {
    paths: ["/sys/module/ipmi_watchdog"],
    form: "directory",
    redaction: SETTING,
    doc: "Present where the driver of a BMC's watchdog is there (drivers/char/ipmi/ipmi_watchdog.c)",
  },
  watchdogKeeper: {
    ...text(
      SETTING,
      [KEEPER_UNIT, KEEPER_MARK],
      "Present where `warmboot arrive --wait` starts with each boot, and pings the watchdog of a guarded one until it is confirmed",
      lines(/^Description=/),
    ),
    rare: true,
    onlyWith: [WATCHDOG, LEGACY_WATCHDOG],
  },
  pstoreBackend: {
    ...text(
      SETTING,
      "/sys/module/pstore/parameters/backend",
      "What keeps kernel logs over a reset: `ramoops`, or the firmware's storage (fs/pstore/platform.c)",
    ),
    rare: true,
  },
  imaMeasurements: {
    ...text(
      SETTING,
      "/sys/kernel/security/ima/runtime_measurements_count",
      "How many measurements kexec_file_load hands to the next kernel (security/integrity/ima/ima_fs.c)",
    ),
    rare: true,
  },
  lockdown: text(
    SETTING,
    "/sys/kernel/security/lockdown",
    "The lockdown level, in brackets (security/lockdown/lockdown.c)",
  ),
  lsm: text(SETTING, "/sys/kernel/security/lsm", "The active security modules (security/inode.c)"),
  loadPin: text(
    SETTING,
    "/proc/sys/kernel/loadpin/enforce",
    "Whether kernels must come from the file system that the first one came from (security/loadpin/loadpin.c)",
  ),
  imaPolicy: {
    ...text(
      SETTING,
      [IMA_POLICY, "/etc/ima/ima-policy", "/etc/sysconfig/ima-policy"],
      "IMA's rules about what is appraised and measured: those in force (CONFIG_IMA_READ_POLICY), or those that systemd or " +
        "dracut load",
      lines(/^\s*(?:dont_)?(?:appraise|measure)\b/),
    ),
    rare: true,
  },
  secureBoot: binary(
    SETTING,
    `${EFIVARS}/SecureBoot-${EFI_GLOBAL}`,
    "Whether Secure Boot is on; 4 bytes of attributes, 1 of value (fs/efivarfs/file.c)",
  ),
  memoryOverwrite: {
    ...binary(
      SETTING,
      `${EFIVARS}/MemoryOverwriteRequestControl-e20939be-32d4-41be-a150-897f85d49829`,
      "Whether the firmware clears the memory at the next reset; 4 bytes of attributes, 1 of value " +
        "(drivers/firmware/efi/libstub/tpm.c)",
    ),
    rare: true,
  },
  setupMode: binary(
    SETTING,
    `${EFIVARS}/SetupMode-${EFI_GLOBAL}`,
    "Whether Secure Boot has no keys yet; 4 bytes of attributes, 1 of value (fs/efivarfs/file.c)",
  ),
  efiPlatformSize: text(
    SETTING,
    "/sys/firmware/efi/fw_platform_size",
    "32 or 64, bits of the firmware (drivers/firmware/efi/efi.c)",
  ),
  efiSystab: text(
    FIRMWARE,
    "/sys/firmware/efi/systab",
    "Addresses of the ACPI and SMBIOS tables (drivers/firmware/efi/efi.c)",
  ),
  efiFwVendor: text(
    FIRMWARE,
    "/sys/firmware/efi/fw_vendor",
    "Address of the firmware vendor's name (drivers/firmware/efi/efi.c)",
  ),
  efiRuntime: text(
    FIRMWARE,
    "/sys/firmware/efi/runtime",
    "Address of the runtime services (drivers/firmware/efi/efi.c)",
  ),
  efiConfigTable: text(
    FIRMWARE,
    "/sys/firmware/efi/config_table",
    "Address of the configuration tables (drivers/firmware/efi/efi.c)",
  ),
  efiRuntimeMap: text(
    FIRMWARE,
    "/sys/firmware/efi/runtime-map/*/{type,phys_addr,virt_addr,num_pages,attribute}",
    "The memory of the EFI runtime services (arch/x86/platform/efi/runtime-map.c)",
  ),
  memmap: text(
    FIRMWARE,
    "/sys/firmware/memmap/*/{start,end,type}",
    "The firmware's memory map, from which the next e820 is made (drivers/firmware/memmap.c, x86)",
  ),
  bootParams: binary(
    BOOT_PARAMS,
    "/sys/kernel/boot_params/data",
    "The running kernel's boot_params (arch/x86/kernel/ksysfs.c)",
  ),
  bootProtocol: text(
    SETTING,
    "/sys/kernel/boot_params/version",
    "The boot protocol it came with (arch/x86/kernel/ksysfs.c)",
  ),
  bios: {
    ...binary(
      FIRMWARE,
      "/dev/mem",
      "The BIOS's interrupt vectors and where its data is: the first bytes, of a machine that was not booted by UEFI " +
        "(drivers/char/mem.c)",
      keepBios,
    ),
    rare: true,
  },
  framebuffers: {
    ...text(SETTING, "/proc/fb", "The driver of each framebuffer (drivers/video/fbdev/core/fb_procfs.c)"),
    rare: true,
  },
  serialPorts: {
    ...text(
      FIRMWARE,
      "/sys/class/tty/ttyS*/{io_type,port,iomem_base,iomem_reg_shift,uartclk}",
      "Where the registers of each serial port are (drivers/tty/serial/serial_core.c)",
    ),
    rare: true,
  },
  setupDataType: text(
    SETTING,
    "/sys/kernel/boot_params/setup_data/*/type",
    "The kind of each setup_data node (arch/x86/kernel/ksysfs.c)",
  ),
  setupData: binary(
    SETUP_DATA,
    "/sys/kernel/boot_params/setup_data/*/data",
    "The content of each setup_data node (arch/x86/kernel/ksysfs.c)",
  ),
  deviceTree: binary(
    DEVICE_TREE,
    ["/sys/firmware/fdt", "/proc/device-tree"],
    "The device tree that the running kernel was given (drivers/of/fdt.c; the second place is flattened again)",
    keepUsedTree,
  ),
  vmcoreinfo: text(DUMP, "/sys/kernel/vmcoreinfo", "Address and size of the vmcoreinfo note (kernel/ksysfs.c)"),
  crashNotes: text(
    DUMP,
    "/sys/devices/system/cpu/cpu*/{crash_notes,crash_notes_size}",
    "Address and size of each CPU's note for a crash dump (drivers/base/cpu.c)",
  ),
  kcore: {
    ...binary(
      KASLR,
      "/proc/kcore",
      "Where the running kernel maps itself and the memory: the program headers, and nothing after them (fs/proc/kcore.c)",
    ),
    rare: true,
  },
  networkLinks: {
    ...text(
      NETWORK,
      "/sys/class/net",
      "The network links: name, attribute and value (net/core/net-sysfs.c), with what bonds and bridges are set to",
    ),
    rare: true,
    forCarry: true,
  },
  networkAddresses: {
    ...text(NETWORK, ADDRESSES, "The addresses of the links, each with its prefix: getifaddrs(3)"),
    rare: true,
    forCarry: true,
  },
  ipv6Addresses: {
    ...text(NETWORK, "/proc/net/if_inet6", "The state of IPv6 addresses (net/ipv6/addrconf.c)"),
    rare: true,
    forCarry: true,
  },
  vlans: {
    ...text(NETWORK, "/proc/net/vlan/config", "Identifier and parent of each VLAN (net/8021q/vlanproc.c)"),
    rare: true,
    forCarry: true,
  },
  ipv4Routes: {
    ...text(NETWORK, "/proc/net/route", "The IPv4 routes of the main table (net/ipv4/fib_trie.c)"),
    rare: true,
    forCarry: true,
  },
  ipv4Tables: {
    ...text(
      NETWORK,
      "/proc/net/fib_trie",
      "The IPv4 tables that there are, by which policy routing is known (net/ipv4/fib_trie.c)",
      lines(/^(?:Id \d+|Main|Local):/),
    ),
    rare: true,
    forCarry: true,
  },
  ipv6Routes: {
    ...text(NETWORK, "/proc/net/ipv6_route", "The IPv6 routes of all tables (net/ipv6/route.c)"),
    rare: true,
    forCarry: true,
  },
  resolver: {
    ...text(
      NETWORK,
      "/etc/resolv.conf",
      "Name servers and search domains, see resolv.conf(5)",
      lines(/^\s*(?:nameserver|search|domain)\s/),
    ),
    rare: true,
    forCarry: true,
  },
  resolvedServers: {
    ...text(
      NETWORK,
      "/run/systemd/resolve/resolv.conf",
      "The name servers that systemd-resolved asks",
      lines(/^\s*(?:nameserver|search|domain)\s/),
    ),
    rare: true,
    forCarry: true,
  },
  kernelConfig: text(
    SETTING,
    ["/proc/config.gz", "/boot/config-RELEASE", "/lib/modules/RELEASE/config"],
    "The kernel's build options about kexec, crash dumps, signatures and device trees (kernel/configs.c; unpacked)",
    lines(CONFIG_LINE),
  ),
} satisfies { readonly [name: string]: Source };

/** The name of a row of {@link SOURCES}. */
export type SourceName = keyof typeof ROWS;

/**
 * Every source that warmboot reads of a host, in the order of a capture. To read another one, add a row here and a
 * decoder. Kernel files are those of Linux 7.3 where no version is named.
 */
export const SOURCES: { readonly [Name in SourceName]: Source } = ROWS;

/** A kernel has options of some 300 KiB, a device tree at most 2 MiB. */
const LARGE = 2 << 20;

/** Other files of sysfs have at most a page, /proc/cmdline 2 KiB and the 32 KiB of a bootconfig. */
const SMALL = 64 << 10;

const LIMITS: { readonly [Name in SourceName]?: number } = {
  // Those of large servers have some hundred KiB.
  iomem: 1 << 20,
  cpuinfo: LARGE,
  devices: LARGE,
  diskLinks: LARGE,
  imaPolicy: LARGE,
  setupData: LARGE,
  deviceTree: LARGE,
  kernelConfig: LARGE,
  networkLinks: LARGE,
  networkAddresses: LARGE,
  ipv6Addresses: 1 << 20,
  vlans: 1 << 20,
  ipv4Routes: 1 << 20,
  ipv6Routes: 1 << 20,
  // The headers of an ELF file with a mapping for each range of memory; the largest hosts have some thousand.
  kcore: 64 + 56 * 18_000,
};

/** What is longer than this, bytes, is not what the kernel wrote; a capture that has it is refused. */
export function sourceLimit(name: SourceName): number {
  return LIMITS[name] ?? SMALL;
}

/** How many files a capture may have: a host of 8192 CPUs has 17,000. */
export const FILES_LIMIT = 25_000;

/** How many kernels, initrds and other files a capture may have of a host: those that its profiles name. */
export const IMAGES_LIMIT = 1000;

/** How many ranges, and how many parts, a capture may have of one file: an image has some dozens. */
export const PIECES_LIMIT = 1000;

function text(redaction: Redaction, paths: string | readonly string[], doc: string, keep?: KeptPart): Source {
  return {
    paths: typeof paths === "string" ? [paths] : paths,
    form: "text",
    redaction,
    doc,
    ...(keep === undefined ? {} : { keep }),
  };
}

function binary(redaction: Redaction, path: string | readonly string[], doc: string, keep?: KeptPart): Source {
  return { ...text(redaction, path, doc, keep), form: "binary" };
}
