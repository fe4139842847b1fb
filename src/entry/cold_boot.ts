import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import { omitUndefined } from "../core/shape.ts";
import type { HostFacts } from "../host/facts.ts";
import { type BootFiles, kindAt, withFile } from "./boot_files.ts";
import { bootNumber, loaderVariable, loadOption, optionName } from "./efi_variables.ts";
import { ESP, type Mount, mountsOf, XBOOTLDR } from "./file_systems.ts";
import { type FoundEntry, loaderProblem, startOf } from "./found_entry.ts";
import { type GrubConfig, grubEntry, type GrubMenu, grubMenu, nextEntryOf } from "./grub/boot.ts";
import { ONE_SHOT_VARIABLE, type OneShot, oneShotIn, variableBytes, whyGrubCannotWrite } from "./one_shot.ts";
import { cmdlineOf, releaseOf } from "./running_entry.ts";
import { type BootPartitions, systemdBootEntry, systemdBootFound } from "./systemd_boot.ts";

/** What is asked of the host besides the boot loader's files. */
export type BootHost = Pick<HostFacts, "machine" | "efi">;

/** The word in a profile that means what the boot loader would boot by itself. */
export const DEFAULT_ENTRY = "default";

/** The boot loader that a cold reset starts. */
type Loader =
  | { readonly kind: "systemd-boot"; readonly partitions: BootPartitions }
  | { readonly kind: "grub"; readonly config: string };

/**
 * What a cold reset would boot: the entry that the boot loader would start by itself, or the one that `id` names. Found
 * from the loader's own files, EFI variables and what is mounted; without a value, a diagnostic says why not.
 */
export function coldBoot(files: BootFiles, host: BootHost, id: string = DEFAULT_ENTRY): Checked<FoundEntry> {
  const partitions = usualPartitions(files);
  const mounts = mountsOf(files);
  const { value: loader, diagnostics } = findLoader(files, host, mounts, partitions);
  if (loader === undefined) return { value: undefined, diagnostics };
  const asked = id === DEFAULT_ENTRY ? undefined : id;
  switch (loader.kind) {
    case "systemd-boot":
      return systemdBootEntry(files, loader.partitions, host.machine, asked);
    case "grub":
      return grubEntry(grubConfig(files, host, mounts, loader.config), asked);
  }
}

/** What the boot loader has, and whether it can be asked to boot an entry once. */
export interface BootMenu {
  /** Every entry that starts Linux. */
  readonly entries: readonly FoundEntry[];
  /** The entry that it is already asked to boot once. */
  readonly pending?: string;
  /** Whether, and how, an entry would be booted once. */
  nextEntry(entry: FoundEntry): OneShotWay;
}

/** How an entry is booted once. */
export type OneShotWay =
  | { readonly kind: "possible"; readonly oneShot: OneShot; readonly notes: readonly string[] }
  /** A whole sentence says why not. */
  | { readonly kind: "impossible"; readonly why: string; readonly hint?: string };

/** The menu of the boot loader that a cold reset starts. */
export function bootMenu(files: BootFiles, host: BootHost): Checked<BootMenu> {
  const partitions = usualPartitions(files);
  const mounts = mountsOf(files);
  const { value: loader, diagnostics } = findLoader(files, host, mounts, partitions);
  if (loader === undefined) return { value: undefined, diagnostics };
  switch (loader.kind) {
    case "systemd-boot": {
      const found = systemdBootFound(files, loader.partitions, host.machine);
      if (found.value === undefined) return { value: undefined, diagnostics: found.diagnostics };
      const pending = pendingIn(files, { loader: "systemd-boot" }, ONE_SHOT_VARIABLE);
      return {
        value: {
          entries: found.value,
          ...omitUndefined({ pending }),
          nextEntry: (entry) => systemdBootOnce(files, host, entry),
        },
        diagnostics: [],
      };
    }
    case "grub": {
      const config = grubConfig(files, host, mounts, loader.config);
      const { value: menu, diagnostics } = grubMenu(config);
      if (menu === undefined) return { value: undefined, diagnostics };
      const { entries, blocks } = menu;
      const [pending] = blocks.flatMap((path) => pendingIn(files, { loader: "GRUB" }, path) ?? []);
      return {
        value: { entries, ...omitUndefined({ pending }), nextEntry: (entry) => grubOnce(files, config, blocks, entry) },
        diagnostics: [],
      };
    }
  }
}

/** The entry that a file asks to boot once. */
function pendingIn(files: BootFiles, loader: Pick<OneShot, "loader">, path: string): string | undefined {
  const result = files.read(path);
  return result.kind === "bytes" ? oneShotIn(loader, result.bytes) : undefined;
}

/** systemd-boot with the variable set is tried, and must boot the entry. */
function systemdBootOnce(files: BootFiles, host: BootHost, entry: FoundEntry): OneShotWay {
  const oneShot: OneShot = { loader: "systemd-boot", entry: entry.id };
  const trial = withFile(files, ONE_SHOT_VARIABLE, variableBytes(entry.id));
  const { value: booted, diagnostics } = coldBoot(trial, host);
  if (booted === undefined || startOf(booted) !== startOf(entry)) {
    const why = diagnostics.find(({ severity }) => severity === "error")?.message ??
      `it would boot ${booted === undefined ? "nothing" : `\`${booted.id}\``}`;
    return { kind: "impossible", why: `LoaderEntryOneShot does not make systemd-boot boot \`${entry.id}\`: ${why}` };
  }
  return { kind: "possible", oneShot, notes: diagnostics.map(({ message }) => message) };
}

function grubOnce(
  files: BootFiles,
  config: GrubConfig,
  blocks: GrubMenu["blocks"],
  entry: FoundEntry,
): OneShotWay {
  const next = nextEntryOf(config, blocks, entry);
  if (next.kind === "ignored") {
    const { why, hint } = next;
    return { kind: "impossible", why, ...(hint === undefined ? {} : { hint }) };
  }
  const { path: file, notes } = next;
  const unwritable = whyGrubCannotWrite(files, config.host.mounts, file);
  if (unwritable !== undefined) {
    return {
      kind: "impossible",
      why: `GRUB cannot write ${file}, and so would boot the entry again and again: ${unwritable}`,
      hint: "Put /boot on a partition of its own, with ext4, XFS or FAT",
    };
  }
  return {
    kind: "possible",
    oneShot: { loader: "GRUB", entry: entry.id, file },
    notes: notes.map(({ message }) => message),
  };
}

/**
 * Reads everything that any entry may need, and what says which one could be booted once, so that a capture of what was read
 * answers for each of them.
 */
export function readAllEntries(files: BootFiles, host: BootHost): void {
  coldBoot(files, host);
  const { value: menu } = bootMenu(files, host);
  for (const entry of menu?.entries ?? []) {
    releaseOf(files, entry.kernel);
    cmdlineOf(files, entry);
  }
  const [first] = menu?.entries ?? [];
  if (first !== undefined) menu?.nextEntry(first);
}

/** Where distributions mount the ESP and the partition for kernels. */
const PLACES = ["/efi", "/boot", "/boot/efi"] as const;

/** Those of the usual places that hold systemd-boot. Looking makes systemd mount them, where it does so on demand. */
function usualPartitions(files: BootFiles): readonly string[] {
  return PLACES.filter((place) =>
    kindAt(files, `${place}/loader/loader.conf`) === "file" || files.list(`${place}/EFI/systemd`).length > 0
  );
}

function grubConfig(files: BootFiles, host: BootHost, mounts: readonly Mount[], path: string): GrubConfig {
  const bootDevice = host.efi === undefined ? undefined : bootDeviceOf(files, mounts);
  return {
    host: { files, mounts },
    path,
    platform: platformOf(host),
    ...(bootDevice === undefined ? {} : { bootDevice }),
  };
}

/** The partition that the firmware started the boot loader from: by its UUID, or the only one that it can be. */
function bootDeviceOf(files: BootFiles, mounts: readonly Mount[]): string | undefined {
  const wanted = loaderVariable(files, "LoaderDevicePartUUID")?.toLowerCase();
  if (wanted !== undefined && wanted !== "") {
    return mounts.find(({ partitionUuid }) => partitionUuid === wanted)?.device;
  }
  const devicesOf = (found: readonly Mount[]): readonly string[] => [...new Set(found.map(({ device }) => device))];
  const typed = devicesOf(mounts.filter(({ partitionType }) => partitionType === ESP));
  const [device, ...others] = typed.length > 0
    ? typed
    : devicesOf(mounts.filter(({ point, type, partitionType }) =>
      type === "vfat" && partitionType === undefined && PLACES.some((place) => place === point)
    ));
  return others.length === 0 ? device : undefined;
}

function platformOf({ machine, efi }: BootHost): string | undefined {
  if (machine === "x86_64") return efi === undefined ? "i386-pc" : efi.platformSize === 32 ? "i386-efi" : "x86_64-efi";
  return machine === "aarch64" && efi !== undefined ? "arm64-efi" : undefined;
}

function findLoader(
  files: BootFiles,
  host: BootHost,
  mounts: readonly Mount[],
  usual: readonly string[],
): Checked<Loader> {
  const info = loaderVariable(files, "LoaderInfo");
  const configs = GRUB_CONFIGS.filter((path) => kindAt(files, path) === "file");
  const unreadable = [...GRUB_CONFIGS, ...PLACES.map((place) => `${place}/loader/loader.conf`)].flatMap((path) => {
    const result = files.read(path);
    return kindAt(files, path) === undefined && result.kind === "error" ? [`${path} (${result.error})`] : [];
  });
  const current = bootNumber(files, "BootCurrent");
  const next = bootNumber(files, "BootNext");
  if (next !== undefined && next !== current) {
    const option = loadOption(files, next);
    const started = programKind(option?.file);
    if (started === undefined || started !== (programKind(startedFile(files)) ?? started)) {
      return failed(
        loaderProblem(
          `The firmware starts ${
            option === undefined ? optionName(next) : `\`${option.description}\``
          } next (BootNext), ` +
            "and not the boot loader that started this system",
          "Clear it with `efibootmgr --delete-bootnext`",
        ),
      );
    }
  }
  if (info !== undefined && info.startsWith("systemd-boot")) return systemdBoot(files, mounts, usual);
  if (info !== undefined && info !== "" && !/^GRUB\b/i.test(info)) {
    return failed(loaderProblem(`The boot loader is ${info}, whose entries warmboot does not read`, NAME_KERNEL));
  }
  const isGrub = info !== undefined && info !== "";
  const started = isGrub ? "grub" : programKind(startedFile(files));
  if (started === "systemd-boot") return systemdBoot(files, mounts, usual);
  const own = grubOfFirmware(files, mounts);
  if (started !== "grub" && usual.length > 0 && configs.length > 0) {
    return failed(
      loaderProblem(
        `Cannot determine which boot loader a cold reset starts: there are ${configs[0]} of GRUB and systemd-boot in ` +
          `${usual[0]}, and no EFI variable says which was started`,
        NAME_KERNEL,
      ),
    );
  }
  if (own !== undefined) return { value: { kind: "grub", config: own }, diagnostics: [] };
  const [config, other] = configs;
  if (config !== undefined && other !== undefined) {
    return failed(
      loaderProblem(`Cannot determine which configuration GRUB reads: there are ${config} and ${other}`, NAME_KERNEL),
    );
  }
  if (config !== undefined) return { value: { kind: "grub", config }, diagnostics: [] };
  if (unreadable.length > 0) {
    return failed(
      loaderProblem(`Cannot read ${unreadable.join(", ")}, which may be the boot loader's`, "Run warmboot as root"),
    );
  }
  if (usual.length > 0 && host.efi !== undefined) {
    return failed(
      loaderProblem(
        `systemd-boot is installed in ${usual[0]}, but did not start this system: LoaderInfo is not set`,
        NAME_KERNEL,
      ),
    );
  }
  return failed(
    loaderProblem(
      "No boot loader is found: there is neither LoaderInfo of systemd-boot, nor a grub.cfg in /boot/grub or /boot/grub2",
      "Mount /boot and the EFI system partition; of a captured host, capture it again with `warmboot facts`",
    ),
  );
}

const NAME_KERNEL = "Name the kernel with `kernel` instead of `boot_entry`";

function failed(diagnostic: Diagnostic): Checked<Loader> {
  return { value: undefined, diagnostics: [diagnostic] };
}

/** Where GRUB's configuration is: Debian, Arch; Fedora, openSUSE. */
const GRUB_CONFIGS: readonly string[] = ["/boot/grub/grub.cfg", "/boot/grub2/grub.cfg"];

/** The file that the firmware started, with backslashes. */
function startedFile(files: BootFiles): string | undefined {
  const current = bootNumber(files, "BootCurrent");
  return current === undefined ? undefined : loadOption(files, current)?.file;
}

/** What a program of the ESP is, by its name: shim starts GRUB, unless it lies with systemd-boot. */
function programKind(file: string | undefined): "systemd-boot" | "grub" | undefined {
  const path = (file ?? "").toLowerCase().replaceAll("\\", "/");
  if (/\/efi\/systemd\/|systemd-boot/.test(path)) return "systemd-boot";
  return /\/(?:grub|shim)[\w.-]*\.efi$/.test(path) ? "grub" : undefined;
}

/** The configuration beside the GRUB that the firmware started, on the ESP; it mostly goes on with that in /boot. */
function grubOfFirmware(files: BootFiles, mounts: readonly Mount[]): string | undefined {
  const file = startedFile(files);
  if (programKind(file) !== "grub" || file === undefined) return undefined;
  const folder = file.replaceAll("\\", "/").replace(/\/[^/]*$/, "");
  const roots = [...mounts.filter(({ partitionType }) => partitionType === ESP).map(({ point }) => point), ...PLACES];
  return [...new Set(roots)].map((root) => `${root}${folder}/grub.cfg`).find((path) => kindAt(files, path) === "file");
}

function systemdBoot(files: BootFiles, mounts: readonly Mount[], usual: readonly string[]): Checked<Loader> {
  const wanted = loaderVariable(files, "LoaderDevicePartUUID")?.toLowerCase();
  const known = mounts.filter(({ root }) => root === "/");
  const byUuid = known.find(({ partitionUuid }) => wanted !== undefined && partitionUuid === wanted);
  const byType = known.filter(({ partitionType }) => partitionType === ESP);
  const esp = byUuid?.point ?? (byType.length === 1 && wanted === undefined ? byType[0]?.point : undefined) ??
    placeWithoutIdentity(known, usual);
  if (esp === undefined) {
    const which = wanted === undefined ? "" : `, with the PARTUUID ${wanted},`;
    return failed(
      loaderProblem(
        `The partition${which} that systemd-boot was started from is not mounted at any place that is known`,
        "Mount it at /efi, /boot or /boot/efi",
      ),
    );
  }
  const typed = known.filter(({ partitionType }) => partitionType === XBOOTLDR).map(({ point }) => point);
  // Without types, a partition of its own at /boot that has entries is the one for kernels.
  const [xbootldr = isUntyped(known, "/boot") && files.list("/boot/loader/entries").length > 0 ? "/boot" : undefined] =
    typed;
  return {
    value: {
      kind: "systemd-boot",
      partitions: { esp, ...(xbootldr === undefined || xbootldr === esp ? {} : { xbootldr }) },
    },
    diagnostics: [],
  };
}

/** The first of the usual places, unless it is known to be another partition. */
function placeWithoutIdentity(mounts: readonly Mount[], usual: readonly string[]): string | undefined {
  return usual.find((place) => mounts.findLast(({ point }) => point === place)?.partitionUuid === undefined);
}

function isUntyped(mounts: readonly Mount[], place: string): boolean {
  const mount = mounts.findLast(({ point }) => point === place);
  return mount !== undefined && mount.partitionType === undefined;
}
