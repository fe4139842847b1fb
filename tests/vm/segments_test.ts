import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { assertEquals, assertMatch, assertNotMatch, assertRejects } from "@std/assert";
import { PURGATORY_SYMBOLS as AT } from "../../src/arch/x86_64/purgatory_code.ts";
import { flattenDeviceTree } from "../../src/formats/fdt.ts";
import { codecLibraries } from "./codec_library.ts";
import { ALL } from "./extent.ts";
import { writeFlippedPlan } from "./flipped.ts";
import { machineWith, profile } from "./guest_profile.ts";
import { outputBytes } from "./host_command.ts";
import { denoDisk, diskInitrd, initrdBytes } from "./initramfs.ts";
import { type Machine, startMachine } from "./machine.ts";
import { fetchKernel, kernelNames, usualKernel } from "./packages.ts";
import { BASE_CMDLINE, type MachineOptions } from "./qemu.ts";
import { vmlinuxOf } from "./vmlinux.ts";

const KERNELS = await Promise.all((await kernelNames()).map(fetchKernel));
const LINES = `kernel: /boot/vmlinuz
initrd: [/boot/marker.cpio, /boot/initrd]
cmdline: ${BASE_CMDLINE} way=segments
load: kexec_load`;

/** A device tree with a node, a property of odd length and a reservation. */
const BOARD = flattenDeviceTree({
  bootCpu: 0,
  reservations: [{ address: 0x1000n, size: 0x1000n }],
  root: {
    name: "",
    properties: [{ name: "model", value: new TextEncoder().encode("warmboot test\0") }],
    children: [{ name: "chosen", properties: [{ name: "odd", value: Uint8Array.of(1, 2, 3) }], children: [] }],
  },
}).bytes;

const PROGRAMS = { warmboot: "cli.ts", "force_plan": "tests/vm/guest/force_plan.ts" };

/** What differs from kernel to kernel, so that little, much and high memory, and both depths of page tables, are each seen once. */
const VARIANTS: readonly { readonly options: Partial<MachineOptions>; readonly lines: string }[] = [
  { options: { memory: 1024, cpus: 1 }, lines: LINES },
  { options: { memory: 2560, cpus: 2, append: "no5lvl" }, lines: `${LINES}\nchecksum: false` },
  { options: { memory: 6144, cpus: 1 }, lines: `${LINES}\nmemory: { min: 4GiB }` },
];

for (const [index, kernel] of KERNELS.entries()) {
  const { options, lines } = VARIANTS[index % VARIANTS.length] ?? { options: {}, lines: LINES };
  Deno.test(`kexec_load boots ${kernel.name} from segments, ${options.memory} MiB, ${options.cpus} CPUs`, async (t) => {
    await using machine = await machineWith(kernel, PROGRAMS, options, { "/boot/board.dtb": BOARD });
    await profile(machine, `${lines}\ndtb: /boot/board.dtb`);

    await t.step("the kernel comes up with the profile's command line, both initrds, ACPI and all CPUs", async () => {
      const boot = await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
      assertEquals(boot, { release: kernel.release, cmdline: `${BASE_CMDLINE} way=segments` });
      assertEquals(await machine.output("cat /marker"), "unpacked\n");
      assertMatch(await machine.output("dmesg"), /ACPI: RSDP/);
      assertEquals(await machine.output("grep -c ^processor /proc/cpuinfo"), `${options.cpus}\n`);
    });

    // Debian's kernels lack CONFIG_OF: they have the tree, and ignore it.
    await t.step("the kernel finds the device tree in setup_data, as the file has it", async () => {
      const nodes = "/sys/kernel/boot_params/setup_data";
      await machine.output(`cmp /boot/board.dtb $(dirname $(grep -lx 0x2 ${nodes}/*/type))/data`);
    });
  });
}

const kernel = await usualKernel();

/** Has a guest start an image with a purgatory that meets a mismatch; all is seen on the port that `cmdline` names. */
async function mismatch(
  machine: Machine,
  checksum: "sha256" | "xxh64",
  cmdline: string,
  byte: number,
): Promise<string> {
  await profile(machine, `${LINES.replace("way=segments", cmdline)}\nchecksum: ${checksum}`);
  await writeFlippedPlan(machine, byte);
  assertMatch(
    (await machine.run("warmboot load /run/flipped.json")).stderr,
    /FAIL +stored-plan .*[^]*segment "purgatory": `sha256` is/,
  );
  const plan = await machine.output("warmboot plan /run/p.yaml");
  assertEquals(await machine.output("force_plan /run/flipped.json"), "0\n");
  const before = machine.console().length;
  machine.run("warmboot exec --now").catch(() => undefined);
  await assertRejects(() => machine.nextBoot(20), Error, "No kernel came up within 20 s");
  assertNotMatch(machine.console(before), /warmboot: segment/);
  return plan.replaceAll(/\s+/g, " ");
}

Deno.test(`purgatory refuses what does not match its sha256, on the serial port of the next kernel's console (${kernel.name})`, async () => {
  const file = await Deno.makeTempFile({ prefix: "warmboot-port-" });
  try {
    await using machine = await machineWith(kernel, PROGRAMS, { extra: ["-serial", `file:${file}`] });
    const plan = await mismatch(machine, "sha256", "console=ttyS2,115200n8", AT.regions + AT.regionDigest);
    assertMatch(plan, /a mismatch is reported on ttyS2 \(I\/O port 0x3e8\) at 115200 baud/);
    assertEquals(
      await Deno.readTextFile(file),
      "warmboot: segment 1 at 0x1000000 does not match its checksum; halted\r\n",
    );
  } finally {
    await Deno.remove(file);
  }
});

/**
 * A device's memory that a file of the host is: the place of an 8250 that QEMU does not have. It shows what was written last
 * to each register. No page table of a kernel that goes down has it.
 */
const DEVICE_SIZE = 1 << 20;

Deno.test(`purgatory refuses what does not match its xxh64, on a serial port in memory that it maps itself (${kernel.name})`, async () => {
  const file = await Deno.makeTempFile({ prefix: "warmboot-port-" });
  try {
    const registers = new Uint8Array(DEVICE_SIZE).fill(0xee);
    // The line status: empty, and idle.
    registers.set([0x60, 0, 0, 0], 5 * 4);
    await Deno.writeFile(file, registers);
    await using machine = await machineWith(kernel, PROGRAMS, {
      extra: [
        ...["-object", `memory-backend-file,id=port,share=on,mem-path=${file},size=${DEVICE_SIZE}`],
        ...["-device", "ivshmem-plain,memdev=port"],
      ],
    });
    const [, at = ""] = /^(0x[0-9a-f]+) /.exec(
      await machine.output("sed -n 3p $(dirname $(grep -l 0x1110 /sys/bus/pci/devices/*/device))/resource"),
    ) ?? [];
    const cmdline = `console=uart8250,mmio32,${at},38400e7`;
    // The sums are taken at load, by our own code: in the stored one, a prime differs.
    const plan = await mismatch(machine, "xxh64", cmdline, AT.xxh64Region + 7);
    assertMatch(plan, /a mismatch is reported on memory at 0x[0-9a-f]+ at 38400 baud, 7e1/);
    const words = new Uint32Array((await Deno.readFile(file)).buffer, 0, 8);
    // The last character, no interrupts, the line, DTR and RTS; the speed was closed away again.
    assertEquals([...words], [0x0a, 0, 0xeeee_eeee, 0x1a, 3, 0x60, 0xeeee_eeee, 0xeeee_eeee]);
  } finally {
    await Deno.remove(file);
  }
});

/** How a vmlinux is packed, by the end of its file's name. */
const PACKERS: { readonly [suffix: string]: (vmlinux: Uint8Array) => Uint8Array | Promise<Uint8Array> } = {
  gz: (vmlinux) => gzipSync(vmlinux, { level: 1 }),
  xz: packedWithXz,
  zst: (vmlinux) => zstdCompressSync(vmlinux, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }),
};

async function packedWithXz(bytes: Uint8Array): Promise<Uint8Array> {
  const file = await Deno.makeTempFile({ prefix: "warmboot-vmlinux-" });
  try {
    await Deno.writeFile(file, bytes);
    return await outputBytes("xz", ["-0", "--stdout", file]);
  } finally {
    await Deno.remove(file);
  }
}

Deno.test({
  name: `an ELF vmlinux boots, at another physical base than it was linked for, and packed by ${
    Object.keys(PACKERS).join(", ")
  } (${kernel.name})`,
  // Debian's 6.12 has a zstd payload, which takes nothing but Deno to unpack.
  ignore: !ALL || kernel.name !== "6.12",
  fn: async (t) => {
    const initrd = await diskInitrd([kernel]);
    const vmlinux = await vmlinuxOf(kernel.image);
    const packed: { [path: string]: Uint8Array } = {};
    for (const [suffix, pack] of Object.entries(PACKERS)) packed[`/boot/vmlinux.${suffix}`] = await pack(vmlinux);
    const disk = await denoDisk(PROGRAMS, {
      "/boot/vmlinux": vmlinux,
      ...packed,
      "/boot/initrd": await initrdBytes(initrd),
      ...await codecLibraries(),
    });
    await using machine = await startMachine({ kernel: kernel.image, initrd, disk });
    await profile(
      machine,
      `kernel: /boot/vmlinux\ninitrd: /boot/initrd\ncmdline: ${BASE_CMDLINE} way=elf\nmemory: { min: 256MiB }`,
    );
    const plan = await machine.output("warmboot load --dry-run /run/p.yaml");
    assertMatch(plan, /0x1[0-9a-f]{7}/);
    await machine.output("warmboot load /run/p.yaml");
    const boot = await machine.runToBoot("warmboot exec --now");
    assertEquals(boot, { release: kernel.release, cmdline: `${BASE_CMDLINE} way=elf` });

    for (const path of Object.keys(packed)) {
      await t.step(path, async () => {
        const cmdline = `${BASE_CMDLINE} file=${path}`;
        await profile(machine, `kernel: ${path}\ninitrd: /boot/initrd\ncmdline: ${cmdline}`);
        const boot = await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
        assertEquals(boot, { release: kernel.release, cmdline });
      });
    }
  },
});

Deno.test(`explicit segments run, through purgatory: examples/segments.yaml resets the machine (${kernel.name})`, async () => {
  await using machine = await machineWith(kernel, PROGRAMS);
  await machine.write(
    "/run/reset.yaml",
    await Deno.readTextFile(new URL("../../examples/segments.yaml", import.meta.url)),
  );
  assertMatch(
    await machine.output("warmboot plan /run/reset.yaml"),
    /reset +0x1000000 to 0x1001000, 4 KiB, 7 bytes copied/,
  );
  const before = machine.console().length;
  await machine.output("warmboot load /run/reset.yaml");
  await assertRejects(() => machine.runToBoot("warmboot exec --now"), Error, "went down");
  assertNotMatch(machine.console(before), /Kernel panic/);
});
