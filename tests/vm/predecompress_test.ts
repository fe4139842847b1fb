import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { gzipSync } from "node:zlib";
import { concatenate, cpioArchive, MODE } from "./cpio.ts";
import { ALL } from "./extent.ts";
import { said } from "./guest_profile.ts";
import { announce, output } from "./host_command.ts";
import { denoDisk, diskInitrd, type GuestFiles, initrdBytes } from "./initramfs.ts";
import { type Machine, startMachine } from "./machine.ts";
import { fetchKernel, type Kernel, kernelNames } from "./packages.ts";
import { BASE_CMDLINE, type MachineOptions } from "./qemu.ts";

const names = await kernelNames();
const [oldest, ...newer] = await Promise.all(names.map(fetchKernel));
/** xz, lz4 and zstd, the last by two generations; where the host has one kernel, that. */
const KERNELS = [oldest, ...names.includes("6.1") ? [await fetchKernel("cloud")] : [], ...newer.toReversed()]
  .filter((kernel) => kernel !== undefined);

/** Where a kernel runs that was not moved: __START_KERNEL_map and CONFIG_PHYSICAL_START. */
const LINKED = 0xffff_ffff_8100_0000n;

/** The library for xz, beside its place, so that what lacks it is seen first. */
async function lzmaLibrary(): Promise<GuestFiles> {
  const [, path] = /liblzma\.so\.5 .*x86-64.*=> (\S+)/.exec(await output("ldconfig", ["-p"])) ?? [];
  assert(path !== undefined, "this host has no liblzma.so.5");
  return { [`/opt/lib${path}`]: { file: path } };
}

/** Puts the library in its place; what is not on the disk is gone with each boot. */
const PUT_LIBRARY = "cp -rf /opt/lib/* /";

async function machineWith(
  kernels: readonly Kernel[],
  options: Partial<MachineOptions>,
  pack: (initrd: Uint8Array) => Uint8Array = (initrd) => initrd,
): Promise<Machine> {
  const first = kernels.at(-1);
  if (first === undefined) throw new Error("There is no kernel to test");
  const initrd = await diskInitrd([...new Set(kernels)]);
  const images = kernels.map(({ name, image }) => [`/boot/vmlinuz-${name}`, { file: image }] as const);
  const disk = await denoDisk({ warmboot: "cli.ts" }, {
    "/boot/initrd": pack(await initrdBytes(initrd)),
    ...await lzmaLibrary(),
    ...Object.fromEntries(images),
  });
  return await startMachine({ kernel: first.image, initrd, disk, ...options });
}

async function writeProfile(machine: Machine, { name }: Kernel, words: string, lines = ""): Promise<void> {
  await machine.write(
    "/run/p.yaml",
    `version: 1\nkernel: /boot/vmlinuz-${name}\ninitrd: /boot/initrd\ncmdline: ${BASE_CMDLINE} ${words}\n` +
      `predecompress: true\n${lines}\n`,
  );
}

interface Bases {
  readonly virtual: bigint;
  readonly physical: bigint;
}

/** Where the running kernel is, in virtual and in physical memory. */
async function basesOf(machine: Machine): Promise<Bases> {
  const text = await machine.output("grep -w _text /proc/kallsyms; grep 'Kernel code' /proc/iomem");
  const [, virtual, physical] = /^([0-9a-f]+) T _text\n +([0-9a-f]+)-/.exec(text) ?? [];
  return { virtual: BigInt(`0x${virtual}`), physical: BigInt(`0x${physical}`) };
}

/** Loads and boots what /run/p.yaml says, and makes sure that it did not unpack itself. */
async function boots(machine: Machine, kernel: Kernel, words: string): Promise<Bases> {
  const start = performance.now();
  const seen = machine.console().length;
  const boot = await machine.runToBoot("warmboot load --exec --now /run/p.yaml", { timeout: 120 });
  assertEquals(boot, { release: kernel.release, cmdline: `${BASE_CMDLINE} ${words}` });
  announce(`${kernel.release} unpacked: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  assert(!machine.console().slice(seen).includes("Decompressing Linux"), "it decompressed itself");
  assertMatch(await machine.output("dmesg"), /ACPI: RSDP/);
  return await basesOf(machine);
}

Deno.test("kernels of every packing boot unpacked, each at bases of its own, until `nokaslr`", async (t) => {
  await using machine = await machineWith(KERNELS, { memory: 2560, cpus: 1 });
  const seen: Bases[] = [];

  await t.step("without liblzma, xz is refused in words and nothing is loaded", async () => {
    await writeProfile(machine, KERNELS[0] ?? fail(), "step=0");
    if (KERNELS[0]?.name === "6.1") {
      const [code, text] = said(await machine.run("warmboot load /run/p.yaml"));
      assertEquals(code, 69);
      assertStringIncludes(text, "packed with xz, and liblzma.so.5 is not installed");
      assertStringIncludes(text, "liblzma5 on Debian");
    }
  });

  for (const [step, kernel] of (KERNELS.length === 1 ? KERNELS : KERNELS.slice(0, -1)).entries()) {
    await t.step(`${machine.boot().release} boots ${kernel.release}`, async () => {
      const words = `step=${step}`;
      await writeProfile(machine, kernel, words);
      await machine.output(PUT_LIBRARY);
      const bases = await boots(machine, kernel, words);
      assertEquals([bases.virtual % 0x20_0000n, bases.physical % 0x20_0000n], [0n, 0n]);
      seen.push(bases);
    });
  }

  await t.step("no two of them ran at the same bases", () => {
    assertEquals(new Set(seen.map(({ virtual, physical }) => `${virtual} ${physical}`)).size, seen.length);
    assert(seen.some(({ virtual }) => virtual !== LINKED));
  });

  await t.step("`nokaslr` has the kernel run where it was linked for; what was unpacked is kept", async () => {
    const kernel = KERNELS.at(-1) ?? fail();
    await machine.output(PUT_LIBRARY);
    await writeProfile(machine, kernel, "nokaslr");
    const plan = await machine.output("warmboot plan /run/p.yaml", { timeout: 120 });
    assertStringIncludes(plan.replaceAll(/\s+/g, " "), "without KASLR: the command line has `nokaslr`");
    assertMatch(await machine.output("ls /var/cache/warmboot"), /^[0-9a-f]{64}\.[0-9a-f]{64}$/m);
    assertEquals(await boots(machine, kernel, "nokaslr"), { virtual: LINKED, physical: 0x100_0000n });
  });
});

/** Large enough that unpacking it takes some time. */
const FILLER = cpioArchive([{ path: "/filler", mode: MODE.file, data: new Uint8Array(48 << 20) }]);

/** Early microcode as it is, then a gzip-compressed archive and another, as distributions' initrds are. */
function packed(initrd: Uint8Array): Uint8Array {
  const microcode = cpioArchive([{ path: "/kernel/x86/microcode/none.bin", mode: MODE.file, data: new Uint8Array(9) }]);
  return concatenate([microcode, gzipSync(initrd), gzipSync(FILLER)]);
}

Deno.test({
  name: "on UEFI, above 4 GiB, with 4-level paging and two CPUs, kernel and initrd boot unpacked and keep EFI",
  ignore: !ALL,
  fn: async () => {
    const kernel = KERNELS.at(-1) ?? fail();
    const options = { firmware: "uefi", memory: 6144, cpus: 2, append: "no5lvl" } as const;
    await using machine = await machineWith([kernel], options, packed);
    await machine.output(PUT_LIBRARY);
    await writeProfile(machine, kernel, "no5lvl way=uefi", "memory: { min: 4GiB }\nchecksum: false");
    const { physical } = await boots(machine, kernel, "no5lvl way=uefi");
    assert(physical >= 0x1_0000_0000n);
    const params = await machine.read("/sys/kernel/boot_params/data");
    assert(new DataView(params.buffer).getUint32(0x21c, true) > FILLER.length, "the initrd was handed over packed");
    assertEquals(await machine.output("wc -c < /filler"), `${48 << 20}\n`);
    assertEquals(await machine.output("grep -c ^processor /proc/cpuinfo"), "2\n");
    assertMatch(await machine.output("ls /sys/firmware/efi/runtime-map"), /^0$/m);
    assertMatch(await machine.output("dmesg"), /efi: EFI v2/);
  },
});

function fail(): never {
  throw new Error("There is no kernel to test");
}
