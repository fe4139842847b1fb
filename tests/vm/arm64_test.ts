/** What only a real kernel can show of arm64: kernels of two generations, with a device tree and with ACPI. */
import { assertEquals, assertMatch, assertNotMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { EXIT } from "../../src/core/program.ts";
import { PURGATORY_SYMBOLS as AT } from "../../src/arch/arm64/purgatory_code.ts";
import { zboot } from "../image/build.ts";
import { elf } from "../image/build_elf.ts";
import { uImage, wholeFit } from "../image/build_uboot.ts";
import { MARK, markedTree } from "./board_tree.ts";
import { machineWith, walk } from "./chain.ts";
import { cpioArchive, MODE } from "./cpio.ts";
import { crashLoaded, crashProfile, panic } from "./crash.ts";
import { ALL } from "./extent.ts";
import { writeFlippedPlan } from "./flipped.ts";
import { loaded, profile, said } from "./guest_profile.ts";
import { diskInitrd, type GuestFiles, initrdBytes } from "./initramfs.ts";
import { fetchKernel, type Kernel, kernelNames } from "./packages.ts";
import { baseCmdline } from "./qemu.ts";

const KERNELS = await Promise.all((await kernelNames("aarch64")).map(fetchKernel));
/** No kernels of Debian, no test. */
const ignore = KERNELS.length < 2;

/** The kernels' configurations, by which warmboot knows that they have no kexec_file_load; and an initrd to put before. */
const FILES: GuestFiles = {
  "/boot/marker.cpio": cpioArchive([{
    path: "/marker",
    mode: MODE.file,
    data: new TextEncoder().encode("unpacked\n"),
  }]),
  ...Object.fromEntries(
    KERNELS.flatMap(({ release, config }) =>
      config === undefined ? [] : [[`/boot/config-${release}`, { file: config }] as const]
    ),
  ),
};
/** As servers are: Linux runs at EL2, with VHE, and interrupts come by GICv3 and its ITS. */
const SERVER = "virt,virtualization=on,gic-version=3";

const RESERVE = "crashkernel=256M";

/** The file of the kernel, packed. */
async function packed(kernel: Kernel | undefined, pack: (image: Uint8Array) => Uint8Array): Promise<GuestFiles> {
  return kernel === undefined ? {} : { [`/boot/vmlinuz-${kernel.name}`]: pack(await Deno.readFile(kernel.image)) };
}

function zstd(image: Uint8Array): Uint8Array {
  return new Uint8Array(zstdCompressSync(image, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }));
}

function gzip(image: Uint8Array): Uint8Array {
  return new Uint8Array(gzipSync(image, { level: 1 }));
}

/** A FIT image for QEMU's board: a kernel that is packed, its initrd, and the board's device tree, with a mark, without memory. */
async function boardFit(kernel: Kernel): Promise<Uint8Array> {
  const data = gzip(await Deno.readFile(kernel.image));
  const whole = {
    ramdisk: await initrdBytes(await diskInitrd([kernel])),
    tree: await markedTree("from the FIT image"),
    compression: "gzip",
  };
  return wholeFit(data, whole, {
    external: "offset",
    configurations: {
      "conf-1": { kernel: "kernel-9" },
      board: { kernel: "kernel-1", ramdisk: "ramdisk-1", fdt: "fdt-1" },
    },
  });
}

/** A way of `steps` steps, by turns. */
function turns(steps: number): readonly Kernel[] {
  return Array.from({ length: steps + 1 }, (_, place) => KERNELS[place % KERNELS.length]).filter((each) =>
    each !== undefined
  );
}

Deno.test({
  name:
    "arm64, device tree: five kernels in a row from each other, every other one packed with gzip, then one from a " +
    "FIT image, which dumps",
  ignore,
  fn: async (t) => {
    const way = turns(5);
    const last = way.at(-1);
    const files = {
      ...FILES,
      ...await packed(KERNELS[1], gzip),
      ...last === undefined ? {} : { "/boot/board.itb": await boardFit(last) },
    };
    await using machine = await machineWith(way, { memory: 1024, append: RESERVE }, files);
    // It is the board's own; the profile of every step names it all the same.
    await machine.output("cp /sys/firmware/fdt /disk/board.dtb");
    const lines = "dtb: /disk/board.dtb\n";
    const initrd = "[/boot/marker.cpio, /boot/initrd]";
    await walk(t, machine, way, { load: "auto", initrd, append: RESERVE, lines });

    await t.step("the last has all initrds, all CPUs, its address space at random, and the device tree", async () => {
      assertEquals(await machine.output("cat /marker; grep -c ^processor /proc/cpuinfo"), "unpacked\n2\n");
      assertMatch(await machine.output("dmesg"), /KASLR enabled/);
      assertEquals(await machine.output("tr -d '\\000' < /proc/device-tree/compatible"), "linux,dummy-virt");
    });

    await t.step("a FIT image boots whole: packed kernel, initrd, and a device tree that names no memory", async () => {
      const cmdline = `${baseCmdline("aarch64")} ${RESERVE} way=fit`;
      await profile(machine, `kernel: { path: /boot/board.itb, configuration: board }\ncmdline: ${cmdline}`);
      const plan = JSON.parse(await machine.output("warmboot plan /run/p.yaml -o json"));
      assertEquals(plan.call.files.map(({ path }: { readonly path: string }) => path), [
        "/boot/board.itb/images/kernel-1",
        "/boot/board.itb/images/ramdisk-1",
        "/boot/board.itb/images/fdt-1",
      ]);
      const boot = await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
      assertEquals(boot, { release: last?.release ?? "", cmdline });
      assertEquals(await machine.output(`tr -d '\\000' < ${MARK}`), "from the FIT image");
    });

    await t.step("a crash kernel is loaded, taken back, and loaded again", async () => {
      await profile(machine, crashProfile("auto", `/boot/vmlinuz-${way.at(-1)?.name}`));
      await machine.output("warmboot load /run/p.yaml");
      assertEquals([await loaded(machine), await crashLoaded(machine)], ["0", "1"]);
      await machine.output("warmboot unload --crash");
      assertEquals(await crashLoaded(machine), "0");
      await machine.output("warmboot load /run/p.yaml");
    });
    await panic(t, machine, { release: way.at(-1)?.release ?? "", arch: "aarch64", cpu: 1 });
  },
});

Deno.test({
  name:
    "arm64, UEFI: kernels boot each other with ACPI and EFI runtime services, one from EFI zboot, the last one dumps",
  ignore,
  fn: async (t) => {
    const way = turns(3).slice(1);
    // A processor with 52-bit addresses (LPA2), which kernels that crash with them when an image is loaded leave alone.
    const append = `${RESERVE} arm64.nolva`;
    const options = { memory: 1024, append, firmware: "uefi", features: ["lpa2"], board: SERVER } as const;
    const files = { ...FILES, ...await packed(KERNELS[0], (image) => zboot(zstd(image), "zstd")) };
    await using machine = await machineWith(way, options, files);
    await walk(t, machine, way, { load: "kexec_load", append });

    await t.step("after the last of them", async () => {
      const messages = await machine.output("dmesg");
      assertMatch(messages, /ACPI: RSDP/);
      assertMatch(messages, /efi: EFI v2/);
      assertMatch(messages, /All CPU\(s\) started at EL2/);
      // By a call of the firmware.
      assertMatch(messages, /rtc-efi rtc-efi\.\d+: setting system clock/);
    });

    await t.step("a crash kernel is loaded", async () => {
      await profile(machine, crashProfile("kexec_load", `/boot/vmlinuz-${way.at(-1)?.name}`));
      await machine.output("warmboot load /run/p.yaml");
      assertEquals(await crashLoaded(machine), "1");
    });
    await panic(t, machine, { release: way.at(-1)?.release ?? "", arch: "aarch64", cpu: 0 });

    await t.step("the machine can be powered off", async () => {
      const before = machine.console().length;
      await assertRejects(() => machine.run("poweroff -f"), Error, "went down");
      assertMatch(machine.console(before), /reboot: Power down/);
    });
  },
});

Deno.test({
  name: "arm64: what would crash the running kernel is refused: a load with 52-bit addresses",
  ignore: ignore || !ALL,
  fn: async () => {
    const kernel = KERNELS.at(-1);
    await using machine = await machineWith(KERNELS.slice(-1), { memory: 1024, features: ["lpa2"] }, FILES);
    await profile(machine, `kernel: /boot/vmlinuz-${kernel?.name}\ncmdline: ${baseCmdline("aarch64")}`);
    const [code, text] = said(await machine.run("warmboot load /run/p.yaml"));
    assertEquals([code, await loaded(machine)], [EXIT.unavailable.code, "0"], text);
    assertStringIncludes(text, "uses 52-bit addresses (LPA2), so it crashes when an image is loaded");
  },
});

Deno.test({
  name: "arm64: an ELF kernel boots as the Image that it was linked as, packed or not, and uImages boot",
  ignore: ignore || !ALL,
  fn: async () => {
    const [kernel] = KERNELS;
    if (kernel === undefined) return;
    const image = await Deno.readFile(kernel.image);
    // As vmlinux is linked: two parts, at virtual addresses.
    const base = 0xffff_8000_0800_0000n;
    const [head, rest] = [image.subarray(0, 0x1_0000), image.subarray(0x1_0000)];
    const vmlinux = elf({
      machine: 183,
      entry: base,
      segments: [{ paddr: base, bytes: head }, { paddr: base + 0x1_0000n, bytes: rest }],
    });
    const initrd = await initrdBytes(await diskInitrd([kernel]));
    const files = {
      ...FILES,
      "/boot/vmlinux": vmlinux,
      "/boot/vmlinux.gz": gzip(vmlinux),
      "/boot/vmlinux.zst": zstd(vmlinux),
      "/boot/uImage": uImage({ data: gzip(image), compression: 1, title: "Linux" }),
      "/boot/uMulti": uImage({ files: [zstd(image), initrd], compression: 6 }),
      "/boot/uInitrd": uImage({ data: initrd, type: 3 }),
    };
    await using machine = await machineWith(KERNELS.slice(0, 1), { memory: 1024 }, files);
    for (
      const [way, files] of [
        ["elf", "kernel: /boot/vmlinux\ninitrd: /boot/initrd"],
        ["gzip", "kernel: /boot/vmlinux.gz\ninitrd: /boot/initrd"],
        ["zstd", "kernel: /boot/vmlinux.zst\ninitrd: /boot/initrd"],
        ["uimage", "kernel: /boot/uImage\ninitrd: /boot/uInitrd"],
        ["multi", "kernel: /boot/uMulti"],
      ]
    ) {
      const cmdline = `${baseCmdline("aarch64")} way=${way}`;
      await profile(machine, `${files}\ncmdline: ${cmdline}`);
      const boot = await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
      assertEquals(boot, { release: kernel.release, cmdline });
    }
  },
});

Deno.test({
  name: "arm64: purgatory refuses what does not match its sum, on the console, before the jump",
  ignore,
  fn: async () => {
    const [kernel] = KERNELS;
    const files = { ...FILES, ...await packed(kernel, gzip) };
    await using machine = await machineWith(KERNELS.slice(0, 1), { memory: 1024, cpus: 1 }, files);
    const cmdline = baseCmdline("aarch64");
    await profile(machine, `kernel: /boot/vmlinuz-${kernel?.name}\ninitrd: /boot/initrd\ncmdline: ${cmdline}`);
    // In the stored code a prime differs from the one with which the sums are taken at load: movz x9, #imm16 at bit 5.
    await writeFlippedPlan(machine, AT.xxh64Region, 1 << 5);
    const before = machine.console().length;
    assertEquals(await machine.output("force_plan /run/flipped.json"), "0\n");
    const halted = machine.sees("does not match its checksum; halted");
    machine.run("warmboot exec --now").catch(() => undefined);
    await halted;
    assertMatch(machine.console(before), /warmboot: segment 1 at 0x[0-9a-f]+ does not match its checksum; halted/);
    assertNotMatch(machine.console(before), /Kernel panic/);
  },
});
