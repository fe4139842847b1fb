/** Multiboot images: one of the project's own that says what it was given, Xen, and GRUB. */
import { assertEquals, assertMatch } from "@std/assert";
import { distribution } from "./apt.ts";
import { cpioArchive, MODE } from "./cpio.ts";
import { ALL } from "./extent.ts";
import { machineWith, profile } from "./guest_profile.ts";
import type { GuestFiles } from "./initramfs.ts";
import type { Machine } from "./machine.ts";
import { LINKED, multibootImage, type MultibootSpec, readSeen, type Seen, sumOf } from "./multiboot.ts";
import { moduleFiles } from "./modules.ts";
import { fetchBusybox, fetchKernel, fetchXen, makeGrubCore, usualKernel } from "./packages.ts";
import type { MachineOptions } from "./qemu.ts";
import { seen } from "./started.ts";

const kernel = await usualKernel();

const isDebian = await distribution() === "debian";

/** A guest with these files. */
function guest(options: Partial<MachineOptions>, files: GuestFiles): Promise<Machine> {
  return machineWith(kernel, { warmboot: "cli.ts" }, options, files);
}

/** Loads /run/p.yaml, all of it below 4 GiB; what its plan says of the image. */
async function load(machine: Machine, lines: string): Promise<string> {
  await profile(machine, lines);
  const plan = JSON.parse(await machine.output("warmboot plan -o json /run/p.yaml"));
  assertEquals(plan.call.syscall, "kexec_load");
  for (const { mem, memsz } of plan.call.segments) assertEquals(BigInt(mem) + BigInt(memsz) <= 1n << 32n, true);
  await machine.output("warmboot load /run/p.yaml");
  return plan.checks.find(({ rule }: { rule: string }) => rule === "multiboot")?.message ?? "";
}

/** The types of memory, by the kernel's names. */
const TYPES: { readonly [name: string]: number } = {
  "System RAM": 1,
  "ACPI Tables": 3,
  "ACPI Non-volatile Storage": 4,
  "Unusable memory": 5,
};

/** The firmware's memory map as the image has to see it. */
async function firmwareMap(machine: Machine): Promise<Seen["map"]> {
  const text = await machine.output(
    "cd /sys/firmware/memmap; for i in *; do echo $(cat $i/start) $(cat $i/end) $(cat $i/type); done",
  );
  return text.trimEnd().split("\n").map((line) => {
    const [start = "", end = "", ...type] = line.split(" ");
    return { start: BigInt(start), size: BigInt(end) - BigInt(start) + 1n, type: TYPES[type.join(" ")] ?? 2 };
  }).toSorted((a, b) => a.start < b.start ? -1 : 1);
}

/** Bytes that no two modules share. */
const module = (size: number, seed: number): Uint8Array => Uint8Array.from({ length: size }, (_, at) => at * 7 + seed);

/** One image on one machine. */
interface Case {
  readonly name: string;
  readonly spec: MultibootSpec;
  readonly options: Partial<MachineOptions>;
  readonly isQuick?: boolean;
  /** What the firmware left on the machine's screen; without, there is none. */
  readonly screen?: "text" | "pixels";
}

const CASES: readonly Case[] = [
  {
    name: "Multiboot 1, flat",
    spec: { version: 1, as: "flat" },
    options: { memory: 1536 },
    isQuick: true,
  },
  {
    name: "Multiboot 2, ELF32, which may move",
    spec: { version: 2, as: 32, movable: true },
    options: { memory: 1536 },
    isQuick: true,
  },
  {
    name: "Multiboot 1, ELF32, memory above 4 GiB, a screen of text",
    spec: { version: 1, as: 32 },
    options: { memory: 6144, devices: ["VGA"] },
    screen: "text",
  },
  {
    name: "Multiboot 2, ELF64, on UEFI, a screen of pixels",
    spec: { version: 2, as: 64 },
    options: { firmware: "uefi", memory: 2048, devices: ["VGA"] },
    screen: "pixels",
  },
  { name: "Multiboot 2, flat, from 4-level paging", spec: { version: 2, as: "flat" }, options: { append: "no5lvl" } },
];

/** The types of a screen in both versions of Multiboot. */
const [RGB, EGA_TEXT] = [1, 2];

/** The screen as the image has to see it: address, pitch, width, height, depth and type. */
async function firmwareScreen(machine: Machine, screen: Case["screen"]): Promise<Seen["screen"]> {
  if (screen !== "pixels") return screen && [0xb_8000, 160, 80, 25, 16, EGA_TEXT];
  const [bar = ""] = (await machine.output(
    "cat $(dirname $(grep -l 0x030000 /sys/bus/pci/devices/*/class))/resource",
  )).split(" ");
  // lfb_width and lfb_height of screen_info.
  const info = new DataView((await machine.read("/sys/kernel/boot_params/data")).buffer);
  const [width, height] = [info.getUint16(0x12, true), info.getUint16(0x14, true)];
  assertEquals(width >= 640 && height >= 480, true, `${width} x ${height}`);
  return [Number(bar), width * 4, width, height, 32, RGB];
}

for (const { name, spec, options, isQuick = false, screen } of CASES) {
  Deno.test({
    name: `${name}: the image gets its command line, modules and memory map (${kernel.name})`,
    // Where there is kexec-tools of Debian, peer_images_test.ts starts these.
    ignore: !ALL && (isDebian || !isQuick),
    fn: async () => {
      const modules = [module(5000, 1), module(4096, 2), module(1, 3)];
      await using machine = await guest(options, {
        "/boot/image": await multibootImage(spec),
        ...Object.fromEntries(modules.map((bytes, index) => [`/boot/module${index}`, bytes])),
      });
      const map = await firmwareMap(machine);
      const onScreen = await firmwareScreen(machine, screen);
      const systab = options.firmware === "uefi" ? await machine.output("cat /sys/firmware/efi/systab") : "";
      const says = await load(
        machine,
        "kernel: /boot/image\ncmdline: one two=3 -- four\n" +
          'modules:\n  - { path: /boot/module0, cmdline: "first of  three" }\n  - /boot/module1\n  - /boot/module2',
      );
      assertMatch(says, /entered in 32-bit mode, below 4 GiB, with command line, 3 modules, memory map/);
      const was = readSeen(await seen(machine, /warmboot-multiboot[^]*\n\.\n/));
      assertEquals(was.magic, spec.version === 1 ? 0x2bad_b002 : 0x36d7_6289);
      assertEquals([was.at, was.bss], [spec.movable === true ? 0x200_0000 : LINKED, 0]);
      assertEquals([was.cmdline, was.loader.split(" ")[0]], ["/boot/image one two=3 -- four", "warmboot"]);
      assertEquals(was.map, map);
      const low = map.find(({ start }) => start === 0n);
      assertEquals(was.lower, Number(low?.type === 1 ? low.size >> 10n : 0n));
      const upper = map.find(({ start, size, type }) => type === 1 && start <= 0x10_0000n && start + size > 0x10_0000n);
      assertEquals(was.upper, Number(((upper?.start ?? 0n) + (upper?.size ?? 0n) - 0x10_0000n) >> 10n));
      assertEquals(
        was.modules.map(({ start, end, cmdline, sum }) => [start % 4096, end - start, cmdline, sum]),
        modules.map((bytes, index) => [
          0,
          bytes.length,
          `/boot/module${index}${index === 0 ? " first of  three" : ""}`,
          sumOf(bytes),
        ]),
      );
      if (spec.version === 2) {
        assertEquals(was.base, spec.movable === true ? was.at : undefined);
        assertEquals(was.rsdp !== undefined, options.firmware === "uefi");
      }
      if (was.rsdp !== undefined) {
        assertMatch(systab, /ACPI20=/);
        assertEquals([was.rsdp.length, was.rsdp[15]], [36, 2]);
        assertEquals(new TextDecoder().decode(was.rsdp.subarray(0, 8)), "RSD PTR ");
        assertEquals(was.rsdp.reduce((sum, byte) => (sum + byte) & 0xff, 0), 0);
      }
      assertEquals(was.screen, onScreen);
    },
  });
}

/** What dom0 runs: it says what it is, and ends. */
const DOM0_INIT = "#!/bin/busybox sh\n" +
  "/bin/busybox mount -t proc proc /proc\n/bin/busybox mount -t sysfs sysfs /sys\n" +
  "for module in /modules/*; do /bin/busybox insmod $module; done\n/bin/busybox mount -t xenfs xenfs /proc/xen\n" +
  "echo warmboot-dom0 $(/bin/busybox cat /sys/hypervisor/type) $(/bin/busybox uname -r) $(/bin/busybox cat /proc/cmdline)\n" +
  "echo warmboot-xen $(/bin/busybox cat /sys/hypervisor/version/major).$(/bin/busybox cat /sys/hypervisor/version/minor)" +
  " $(/bin/busybox cat /sys/hypervisor/guest_type) $(/bin/busybox cat /proc/xen/capabilities)\n/bin/busybox poweroff -f\n";

Deno.test({
  name: `Xen comes up, and its dom0 to user space (${kernel.name})`,
  ignore: !isDebian || !ALL,
  fn: async () => {
    const dom0 = await fetchKernel("6.1");
    const initrd = cpioArchive([
      { path: "/init", mode: MODE.file, data: new TextEncoder().encode(DOM0_INIT) },
      { path: "/bin/busybox", mode: MODE.file, data: await Deno.readFile(await fetchBusybox("x86_64")) },
      { path: "/proc/.keep", mode: MODE.file, data: new Uint8Array() },
      { path: "/sys/.keep", mode: MODE.file, data: new Uint8Array() },
      ...Object.entries(await moduleFiles(dom0, "xenfs", "/modules")).map(([path, data]) => ({
        path,
        mode: MODE.file,
        data,
      })),
    ]);
    await using machine = await guest({ memory: 2048 }, {
      "/boot/xen.gz": { file: await fetchXen() },
      "/boot/dom0": { file: dom0.image },
      "/boot/dom0.cpio": initrd,
    });
    await load(
      machine,
      "kernel: /boot/xen.gz\ncmdline: console=com1 com1=115200,8n1 no-real-mode edd=off dom0_mem=768M\nmodules:\n" +
        "  - { path: /boot/dom0, cmdline: console=hvc0 panic=-1 mark=one }\n  - /boot/dom0.cpio",
    );
    const text = await seen(machine, /warmboot-xen [^\n]*\n/);
    assertMatch(text, /Xen version 4\.17/);
    assertMatch(text, /Command line: console=com1 com1=115200,8n1 no-real-mode edd=off dom0_mem=768M\n/);
    assertMatch(text, /Bootloader: warmboot/);
    assertMatch(text, new RegExp(RegExp.escape(`warmboot-dom0 xen ${dom0.release} `) + "[^\\n]*mark=one"));
    // What the check `xen-domain` goes by.
    assertMatch(text, /warmboot-xen 4\.17 PV control_d\n/);
  },
});

Deno.test({
  name: `GRUB's core image goes back to real mode, and shows its prompt (${kernel.name})`,
  ignore: !isDebian || !ALL,
  fn: async () => {
    const core = await makeGrubCore(
      "serial --unit=0 --speed=115200\nterminal_input serial\nterminal_output serial\necho warmboot-grub $grub_platform\n",
      ["serial", "terminal", "normal", "echo", "ls", "lsmmap"],
    );
    await using machine = await guest({}, { "/boot/core.img": core });
    await load(machine, "kernel: /boot/core.img");
    const text = await seen(machine, /grub> /);
    assertMatch(text, /warmboot-grub pc/);
    assertMatch(text, /GNU GRUB +version 2\./);
  },
});
