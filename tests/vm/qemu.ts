import { join } from "@std/path";
import { architecture, type GuestArch } from "./architecture.ts";
import type { GrubDisk } from "./disk.ts";
import type { GuestFiles, Initrd } from "./initramfs.ts";
import { findQemu } from "./find_qemu.ts";
import { onPath } from "./host_command.ts";
import { fetchFirmware } from "./packages.ts";

/** A virtual machine to start. */
export interface MachineOptions {
  /** `x86_64` unless told. */
  readonly arch?: GuestArch;
  /** The path of a bzImage, or of an Image of arm64. */
  readonly kernel: string;
  readonly initrd: Initrd;
  /** The files of a disk; the initrd must be one of `diskInitrd`. */
  readonly disk?: GuestFiles;
  /** A folder whose tree the disk holds below these files: a root file system, which the initrd then switches to. */
  readonly diskBase?: string;
  /** What is done to the image of the disk before the machine starts. */
  readonly onDisk?: (image: string) => Promise<void>;
  /** Room on the disk, beside its files, as mke2fs takes it; 2G unless told. */
  readonly diskSize?: string;
  /** What the console asks before the machine's first hello, and the line that is typed then. */
  readonly asks?: { readonly question: string; readonly answer: string };
  /** Words for the kernel's command line, behind those that the harness needs. */
  readonly append?: string;
  /** MiB; 2048 unless told. */
  readonly memory?: number;
  /** 2 unless told. */
  readonly cpus?: number;
  /** Features that the processor is to lack, as QEMU names them. */
  readonly without?: readonly string[];
  /** Features that it is to have besides. */
  readonly features?: readonly string[];
  /** `bios` unless told, which on aarch64 is none: QEMU enters the kernel, with a device tree. */
  readonly firmware?: "bios" | "uefi";
  /** Devices besides those that the harness needs, as QEMU's -device has them. */
  readonly devices?: readonly string[];
  /** As QEMU names it; `q35` unless told, on aarch64 `virt`. */
  readonly board?: string;
  /** A socket that is the guest's third serial port, on which the host listens; x86_64 only. */
  readonly terminal?: string;
  /** Further arguments of QEMU; a `-serial` among them is the guest's next port. */
  readonly extra?: readonly string[];
  /** Has QEMU count instructions, each of which then takes 2^N ns of the guest's time. */
  readonly icount?: number;
  /** The firmware boots from the disks, and QEMU loads no kernel; with GRUB on the disk, if it is for a BIOS. */
  readonly fromDisk?: GrubDisk | true;
  /** Whether a reset boots the machine again, as its firmware would, instead of ending QEMU. */
  readonly resets?: boolean;
}

/**
 * What every kernel of the harness is told, those booted by kexec too: the console, to stop instead of hanging after a
 * panic, and the mark by which guest programs know that they are in a guest.
 */
export function baseCmdline(arch: GuestArch): string {
  return `console=${architecture(arch).console} panic=-1 warmboot.vm`;
}

/** The same for x86_64. */
export const BASE_CMDLINE: string = baseCmdline("x86_64");

/** Files of one machine, in a folder that lives as long as its start. */
export interface MachineFiles {
  readonly initrd: string;
  readonly disk: string;
  /** The socket of the agent's serial port, on which the host listens. */
  readonly socket: string;
  /** The socket of QEMU's monitor, likewise. */
  readonly monitor: string;
  /** The machine's own copy of the UEFI variables. */
  readonly variables: string;
}

/** Names the files of a machine. */
export function machineFiles(folder: string): MachineFiles {
  const at = (name: string) => join(folder, name);
  return {
    initrd: at("initrd"),
    disk: at("disk"),
    socket: at("agent"),
    monitor: at("monitor"),
    variables: at("variables"),
  };
}

/** The program and arguments that start the machine; the console is QEMU's standard output and input. */
export async function qemuCommand(
  options: MachineOptions,
  files: MachineFiles,
): Promise<{ readonly program: string; readonly args: string[] }> {
  const {
    arch = "x86_64",
    kernel,
    disk,
    append = "",
    memory = 2048,
    cpus = 2,
    without = [],
    features = [],
    devices = [],
    firmware = "bios",
    terminal,
    extra = [],
    icount,
    resets = false,
    fromDisk,
  } = options;
  const { cpu, agentPort, ...row } = architecture(arch);
  const qemu = await findQemu(arch);
  const args = [
    ["-nodefaults", "-no-user-config", ...(resets ? [] : ["-no-reboot"])],
    ["-display", "none"],
    // A socket for each: the firmware's MP table, for kernels without ACPI, lists one CPU of a socket.
    [
      "-accel",
      // One thread for all CPUs: with one for each, QEMU ends now and then by an assertion (iotlb_to_section) when a kernel maps
      // its devices again, and is not quicker where the host has two CPUs.
      "tcg,thread=single",
      "-cpu",
      [cpu, ...without.map((name) => `${name}=off`), ...features.map((name) => `${name}=on`)].join(","),
      "-machine",
      options.board ?? row.board,
      "-m",
      `${memory}`,
      "-smp",
      `${cpus},sockets=${cpus}`,
    ],
    ["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"],
    ["-chardev", `socket,id=agent,path=${optionValue(files.socket)}`, ...agentPort("agent")],
    ["-chardev", `socket,id=monitor,path=${optionValue(files.monitor)}`, "-mon", "chardev=monitor,mode=control"],
    ...(terminal === undefined ? [] : [
      ["-chardev", `socket,id=terminal,path=${optionValue(terminal)}`, "-serial", "chardev:terminal"],
    ]),
    extra,
    ...(icount === undefined ? [] : [["-icount", `shift=${icount}`]]),
    ...(fromDisk === undefined
      ? [["-kernel", kernel, "-initrd", files.initrd, "-append", `${baseCmdline(arch)} ${append}`.trim()]]
      : []),
    ...(disk === undefined ? [] : diskDrive(files.disk)),
    ...devices.map((device) => ["-device", device]),
    ...(firmware === "uefi" ? await flashDrives(arch, files.variables) : []),
  ].flat();
  // A test process that is killed takes its machines along.
  const setpriv = await onPath("setpriv");
  return setpriv === undefined
    ? { program: qemu.path, args }
    : { program: setpriv, args: ["--pdeathsig", "KILL", qemu.path, ...args] };
}

/** What is written need not outlast QEMU. */
function diskDrive(path: string): readonly string[][] {
  const drive = `if=none,id=disk,format=raw,cache=unsafe,file=${optionValue(path)}`;
  return [["-drive", drive, "-device", "virtio-blk-pci,drive=disk"]];
}

async function flashDrives(arch: GuestArch, variables: string): Promise<readonly string[][]> {
  const firmware = await fetchFirmware(arch);
  await Deno.copyFile(firmware.variables, variables);
  return [
    ["-drive", `if=pflash,format=raw,readonly=on,file=${optionValue(firmware.code)}`],
    ["-drive", `if=pflash,format=raw,file=${optionValue(variables)}`],
  ];
}

/** A comma ends a value in QEMU's options unless doubled. */
function optionValue(text: string): string {
  return text.replaceAll(",", ",,");
}
