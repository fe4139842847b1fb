import { assertEquals } from "@std/assert";
import {
  EFI_GLOBAL,
  FILES_LIMIT,
  IMAGES_LIMIT,
  PIECES_LIMIT,
  sourceLimit,
  type SourceName,
  SOURCES,
} from "../../src/host/sources.ts";
import { expandPath } from "../../src/host/source_path.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const below = (folder: string, ...names: readonly string[]) => names.map((name) => `${folder}/${name}`);

const EFI_VARIABLES = "/sys/firmware/efi/efivars";
const KEYS = "/sys/kernel/config/crash_dm_crypt_keys";

/**
 * Every file that is looked for, the newest place first, by Documentation/ABI, Documentation/admin-guide and the manual pages:
 * on a host of Linux 6.1.0 that has one of each thing, its number 7, and a key `swap`.
 */
const FILES: { readonly [Name in SourceName]: readonly string[] } = {
  ostype: ["/proc/sys/kernel/ostype"],
  release: ["/proc/sys/kernel/osrelease"],
  version: ["/proc/sys/kernel/version"],
  machine: ["/proc/sys/kernel/arch"],
  hostname: ["/proc/sys/kernel/hostname"],
  bootId: ["/proc/sys/kernel/random/boot_id"],
  cmdline: ["/proc/cmdline"],
  bootLoader: ["/proc/sys/kernel/bootloader_type"],
  iomem: ["/proc/iomem"],
  meminfo: ["/proc/meminfo"],
  auxv: ["/proc/self/auxv"],
  status: ["/proc/self/status"],
  uidMap: ["/proc/self/uid_map"],
  pidNamespace: ["/proc/self/ns/pid"],
  dmi: below("/sys/class/dmi/id", "sys_vendor", "product_name", "board_name", "chassis_asset_tag"),
  xenGuest: ["/sys/hypervisor/guest_type"],
  xenCapabilities: ["/proc/xen/capabilities"],
  devices: ["/sys/bus"],
  rootDisks: ["/sys/dev/block"],
  consoles: ["/sys/class/tty/console"],
  crypttab: ["/etc/crypttab"],
  openVolumes: ["/sys/class/block"],
  diskLinks: ["/dev/disk"],
  init: ["/proc/1/comm"],
  initProgram: ["/proc/1/exe"],
  openrc: ["/run/openrc"],
  systemd: ["/run/systemd/system"],
  cpusOnline: ["/sys/devices/system/cpu/online"],
  cpuinfo: ["/proc/cpuinfo"],
  kexecLoaded: ["/sys/kernel/kexec/loaded", "/sys/kernel/kexec_loaded"],
  crashLoaded: ["/sys/kernel/kexec/crash_loaded", "/sys/kernel/kexec_crash_loaded"],
  crashSize: ["/sys/kernel/kexec/crash_size", "/sys/kernel/kexec_crash_size"],
  crashElfcorehdrSize: ["/sys/kernel/kexec/crash_elfcorehdr_size", "/sys/kernel/crash_elfcorehdr_size"],
  cpuCrashHotplug: ["/sys/devices/system/cpu/crash_hotplug"],
  memoryCrashHotplug: ["/sys/devices/system/memory/crash_hotplug"],
  crashCmaRanges: ["/sys/kernel/kexec/crash_cma_ranges", "/sys/kernel/kexec_crash_cma_ranges"],
  dmCryptState: below(KEYS, "count", "reuse"),
  dmCryptKeys: [`${KEYS}/swap/description`],
  loadDisabled: ["/proc/sys/kernel/kexec_load_disabled"],
  limitReboot: ["/proc/sys/kernel/kexec_load_limit_reboot"],
  limitPanic: ["/proc/sys/kernel/kexec_load_limit_panic"],
  handoverScratchPhys: ["/sys/kernel/debug/kho/out/scratch_phys"],
  handoverScratchLen: ["/sys/kernel/debug/kho/out/scratch_len"],
  liveUpdate: ["/sys/class/misc/liveupdate"],
  openDevices: ["/proc/7/fd"],
  fileDescriptorStores: ["systemctl show"],
  watchdogs: below(
    "/sys/class/watchdog/watchdog7",
    ...["dev", "identity", "state", "timeout", "min_timeout", "max_timeout", "nowayout", "bootstatus"],
  ),
  watchdogDrivers: ["/sys/class/watchdog/watchdog7/device/driver"],
  watchdogParameters: below(
    "/sys/module/watchdog/parameters",
    ...["stop_on_reboot", "handle_boot_enabled", "open_timeout"],
  ),
  watchdogModule: ["/sys/module/watchdog/initstate"],
  legacyWatchdog: ["/sys/class/misc/watchdog/dev"],
  ipmiWatchdog: ["/sys/module/ipmi_watchdog"],
  watchdogKeeper: [
    "/etc/systemd/system/sysinit.target.wants/warmboot-arrive.service",
    "/run/warmboot/waits",
  ],
  pstoreBackend: ["/sys/module/pstore/parameters/backend"],
  imaMeasurements: ["/sys/kernel/security/ima/runtime_measurements_count"],
  lockdown: ["/sys/kernel/security/lockdown"],
  lsm: ["/sys/kernel/security/lsm"],
  loadPin: ["/proc/sys/kernel/loadpin/enforce"],
  imaPolicy: ["/sys/kernel/security/ima/policy", "/etc/ima/ima-policy", "/etc/sysconfig/ima-policy"],
  // EFI_GLOBAL_VARIABLE_GUID, and MEMORY_ONLY_RESET_CONTROL_GUID of include/linux/efi.h.
  secureBoot: [`${EFI_VARIABLES}/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c`],
  memoryOverwrite: [`${EFI_VARIABLES}/MemoryOverwriteRequestControl-e20939be-32d4-41be-a150-897f85d49829`],
  setupMode: [`${EFI_VARIABLES}/SetupMode-8be4df61-93ca-11d2-aa0d-00e098032b8c`],
  efiPlatformSize: ["/sys/firmware/efi/fw_platform_size"],
  efiSystab: ["/sys/firmware/efi/systab"],
  efiFwVendor: ["/sys/firmware/efi/fw_vendor"],
  efiRuntime: ["/sys/firmware/efi/runtime"],
  efiConfigTable: ["/sys/firmware/efi/config_table"],
  efiRuntimeMap: below(
    "/sys/firmware/efi/runtime-map/7",
    ...["type", "phys_addr", "virt_addr", "num_pages", "attribute"],
  ),
  memmap: below("/sys/firmware/memmap/7", "start", "end", "type"),
  bootParams: ["/sys/kernel/boot_params/data"],
  bootProtocol: ["/sys/kernel/boot_params/version"],
  bios: ["/dev/mem"],
  framebuffers: ["/proc/fb"],
  serialPorts: below("/sys/class/tty/ttyS7", "io_type", "port", "iomem_base", "iomem_reg_shift", "uartclk"),
  setupDataType: ["/sys/kernel/boot_params/setup_data/7/type"],
  setupData: ["/sys/kernel/boot_params/setup_data/7/data"],
  deviceTree: ["/sys/firmware/fdt", "/proc/device-tree"],
  vmcoreinfo: ["/sys/kernel/vmcoreinfo"],
  crashNotes: below("/sys/devices/system/cpu/cpu7", "crash_notes", "crash_notes_size"),
  kcore: ["/proc/kcore"],
  networkLinks: ["/sys/class/net"],
  networkAddresses: ["getifaddrs"],
  ipv6Addresses: ["/proc/net/if_inet6"],
  vlans: ["/proc/net/vlan/config"],
  ipv4Routes: ["/proc/net/route"],
  ipv4Tables: ["/proc/net/fib_trie"],
  ipv6Routes: ["/proc/net/ipv6_route"],
  resolver: ["/etc/resolv.conf"],
  resolvedServers: ["/run/systemd/resolve/resolv.conf"],
  kernelConfig: ["/proc/config.gz", "/boot/config-6.1.0", "/lib/modules/6.1.0/config"],
};

const list = (folder: string) => folder === KEYS ? ["swap"] : ["7", "cpu7", "watchdog7", "ttyS7"];

const names = (holds: (source: typeof SOURCES[SourceName]) => boolean): readonly string[] =>
  Object.entries(SOURCES).flatMap(([name, source]) => holds(source) ? [name] : []);

pure("each source is looked for where the kernel, systemd and the distributions have it", () => {
  const files = Object.entries(SOURCES).map(([name, { paths }]) => [
    name,
    paths.flatMap((pattern) => expandPath(pattern, "6.1.0", list).map(({ path }) => path)),
  ]);
  assertEquals(Object.fromEntries(files), FILES);
  assertEquals(EFI_GLOBAL, "8be4df61-93ca-11d2-aa0d-00e098032b8c");
});

pure("what is bytes is never taken as text, and of four folders only their being there counts", () => {
  assertEquals(names(({ form }) => form === "directory"), ["openrc", "systemd", "liveUpdate", "ipmiWatchdog"]);
  assertEquals(names(({ form }) => form === "binary"), [
    "auxv",
    "secureBoot",
    "memoryOverwrite",
    "setupMode",
    "bootParams",
    "bios",
    "setupData",
    "deviceTree",
    "kcore",
  ]);
});

pure("an administrator is told that these cannot be read; of the others where it matters", () => {
  assertEquals(names(({ rare }) => rare !== true), [
    ...["ostype", "release", "version", "machine", "hostname", "bootId", "cmdline", "bootLoader", "iomem", "meminfo"],
    ...["auxv", "status", "uidMap", "pidNamespace", "xenGuest", "init", "openrc", "systemd", "cpusOnline", "cpuinfo"],
    ...["kexecLoaded", "crashLoaded", "crashSize", "crashElfcorehdrSize", "cpuCrashHotplug", "memoryCrashHotplug"],
    ...["crashCmaRanges", "loadDisabled", "limitReboot", "limitPanic", "liveUpdate", "ipmiWatchdog", "lockdown", "lsm"],
    ...["loadPin", "secureBoot", "setupMode", "efiPlatformSize", "efiSystab", "efiFwVendor", "efiRuntime"],
    ...["efiConfigTable", "efiRuntimeMap", "memmap", "bootParams", "bootProtocol", "setupDataType", "setupData"],
    ...["deviceTree", "vmcoreinfo", "crashNotes", "kernelConfig"],
  ]);
});

pure("the network is read for carry alone; processes and services where something can be found out by them", () => {
  assertEquals(names(({ forCarry }) => forCarry === true), [
    ...["networkLinks", "networkAddresses", "ipv6Addresses", "vlans", "ipv4Routes", "ipv4Tables", "ipv6Routes"],
    ...["resolver", "resolvedServers"],
  ]);
  const watchdogs = ["/sys/class/watchdog/watchdog0", "/sys/class/misc/watchdog"];
  const only = Object.entries(SOURCES).flatMap(([name, { onlyWith }]) =>
    onlyWith === undefined ? [] : [[name, onlyWith]]
  );
  assertEquals(only, [
    ["openDevices", ["/sys/class/misc/liveupdate", ...watchdogs]],
    ["fileDescriptorStores", ["/sys/class/misc/liveupdate"]],
    ["watchdogKeeper", watchdogs],
  ]);
});

pure("a source may be as long as the largest hosts have it", () => {
  const limits = Object.entries(FILES).map(([name]) => [name, sourceLimit(name as SourceName)] as const);
  const of = (limit: number) => limits.flatMap(([name, each]) => each === limit ? [name] : []);
  assertEquals(of(1 << 20), ["iomem", "ipv6Addresses", "vlans", "ipv4Routes", "ipv6Routes"]);
  assertEquals(of(2 << 20), [
    ...["devices", "diskLinks", "cpuinfo", "imaPolicy", "setupData", "deviceTree", "networkLinks", "networkAddresses"],
    "kernelConfig",
  ]);
  // 18,000 program headers of an ELF64 file, and what is before them.
  assertEquals(sourceLimit("kcore"), 64 + 18_000 * 56);
  assertEquals(of(64 << 10).length, limits.length - 15);
  assertEquals([FILES_LIMIT, IMAGES_LIMIT, PIECES_LIMIT], [25_000, 1000, 1000]);
});

/** A file as the kernel or a person writes it, and the lines of it that a capture has. */
const KEPT: readonly (readonly [SourceName, readonly string[], readonly string[]])[] = [
  ["meminfo", ["MemTotal:  8 kB", "MemFree:  1 kB", "MemAvailable:  4 kB", "HugePages_Total:  0"], [
    "MemTotal:  8 kB",
    "MemAvailable:  4 kB",
  ]],
  ["status", ["Name:\tCapEff:", "NSpid:\t7", "CapPrm:\t0", "CapEff:\t0", "CapBnd:\t0"], ["NSpid:\t7", "CapEff:\t0"]],
  ["cpuinfo", [
    ...["processor\t: 0", "model\t\t: 6", "model name\t: A", "flags\t\t: fpu", "vmx flags\t: x", "bugs\t\t:"],
    ...["processor\t: 1", "model name\t: B", "flags\t\t: lm"],
  ], ["model name\t: A", "flags\t\t: fpu"]],
  ["cpuinfo", ["processor\t: 0", "Features\t: fp asimd", "CPU part\t: 0xd0c", "Features\t: fp"], [
    "Features\t: fp asimd",
  ]],
  ["openDevices", [
    ...["3 anon_inode:[luo_session] a", "4 anon_inode:[eventfd]", "5 /dev/watchdog", "6 /dev/watchdog1"],
    ...["7 /dev/watchdog1 (deleted)", "8 /home/x", "x /dev/watchdog", "9 /x 5 /dev/watchdog"],
  ], ["3 anon_inode:[luo_session] a", "5 /dev/watchdog", "6 /dev/watchdog1"]],
  ["watchdogKeeper", ["[Unit]", "Description=Wait", "Environment=TOKEN=x", "#Description=x"], ["Description=Wait"]],
  ["imaPolicy", [
    ...["# appraise all", "appraise func=KEXEC_KERNEL_CHECK", " dont_appraise fsmagic=1", "\tmeasure func=X"],
    ...["dont_measure fsmagic=2", "audit func=BPRM_CHECK", "appraised", "hash func=FILE_CHECK", "x appraise"],
  ], ["appraise func=KEXEC_KERNEL_CHECK", " dont_appraise fsmagic=1", "\tmeasure func=X", "dont_measure fsmagic=2"]],
  ["ipv4Tables", ["Id 100:", "  +-- 0.0.0.0/0 3 0 5", "     |-- Main: x", "Main:", "Local:", " Id 7:", "Id x:"], [
    "Id 100:",
    "Main:",
    "Local:",
  ]],
  ...(["resolver", "resolvedServers"] as const).map((name) =>
    [name, [
      ...["# nameserver 9.9.9.9", "nameserver 10.0.2.3", "  nameserver\tfe80::1", "search lan", "\tdomain lan"],
      ...["options timeout:1", "sortlist 10.0.0.0", "nameservers 1.1.1.1", "x search lan"],
    ], ["nameserver 10.0.2.3", "  nameserver\tfe80::1", "search lan", "\tdomain lan"]] as const
  ),
  ["kernelConfig", [
    ...[
      "#",
      "# Kexec and crash features",
      "CONFIG_KEXEC=y",
      "# CONFIG_KEXEC_FILE is not set",
      "CONFIG_ARCH_SUPPORTS_KEXEC=y",
    ],
    ...["CONFIG_KEXEC_HANDOVER=y", "CONFIG_LIVEUPDATE=y", "CONFIG_CRASH_DUMP=y", "CONFIG_PROC_VMCORE=y"],
    ...["CONFIG_HIBERNATION=y", "CONFIG_IMA=y", 'CONFIG_IMA_DEFAULT_HASH="sha256"', "CONFIG_IMAGE_X=y"],
    ...["CONFIG_SECURITY_LOCKDOWN_LSM=y", "CONFIG_MODULE_SIG=y", "CONFIG_MODULE_SIG_FORCE=y", "CONFIG_MODULE_SIGS=y"],
    ...["CONFIG_RELOCATABLE=y", "CONFIG_RANDOMIZE_BASE=y", "CONFIG_PSTORE=y", "CONFIG_PSTORE_RAM=m"],
    ...["CONFIG_PSTORE_CONSOLE=y", "CONFIG_PSTORE_RAM_X=y", "CONFIG_OF=y", "CONFIG_OF_EARLY_FLATTREE=y"],
    ...[
      "# CONFIG_OF is not set",
      "CONFIG_OF_IRQ=y",
      'CONFIG_CMDLINE="CONFIG_KEXEC=y"',
      "xCONFIG_KEXEC=y",
      "# CONFIG_KEXEC: no",
    ],
  ], [
    ...["CONFIG_KEXEC=y", "# CONFIG_KEXEC_FILE is not set", "CONFIG_ARCH_SUPPORTS_KEXEC=y", "CONFIG_KEXEC_HANDOVER=y"],
    ...["CONFIG_LIVEUPDATE=y", "CONFIG_CRASH_DUMP=y", "CONFIG_HIBERNATION=y", "CONFIG_IMA=y"],
    ...['CONFIG_IMA_DEFAULT_HASH="sha256"', "CONFIG_SECURITY_LOCKDOWN_LSM=y", "CONFIG_MODULE_SIG=y"],
    ...["CONFIG_MODULE_SIG_FORCE=y", "CONFIG_RELOCATABLE=y", "CONFIG_RANDOMIZE_BASE=y", "CONFIG_PSTORE_RAM=m"],
    ...["CONFIG_PSTORE_CONSOLE=y", "CONFIG_OF=y", "CONFIG_OF_EARLY_FLATTREE=y", "# CONFIG_OF is not set"],
  ]],
];

pure("of these files a capture has the lines that facts are made of, and no others", () => {
  for (const [name, lines, expected] of KEPT) {
    const kept = SOURCES[name].keep?.(new TextEncoder().encode(lines.map((line) => `${line}\n`).join("")));
    assertEquals(new TextDecoder().decode(kept).split("\n").slice(0, -1), expected, name);
    assertEquals(kept && SOURCES[name].keep?.(kept), kept, name);
  }
});

pure("what has a part that is kept", () => {
  assertEquals(names(({ keep }) => keep !== undefined), [
    ...["meminfo", "auxv", "status", "cpuinfo", "openDevices", "fileDescriptorStores", "watchdogKeeper", "imaPolicy"],
    ...["bios", "deviceTree", "ipv4Tables", "resolver", "resolvedServers", "kernelConfig"],
  ]);
  // The interrupt vectors and the BIOS's data up to the size of memory: behind it are the last keystrokes.
  assertEquals(SOURCES.bios.keep?.(new Uint8Array(4096)).length, 0x415);
});
