import { gzipSync } from "node:zlib";
import { assertEquals, assertMatch, assertNotMatch, assertRejects } from "@std/assert";
import { PURGATORY_SYMBOLS as AT } from "../../src/arch/x86_64/purgatory_code.ts";
import { ALL } from "./extent.ts";
import { writeFlippedPlan } from "./flipped.ts";
import { machineWith, profile } from "./guest_profile.ts";
import { denoDisk, diskInitrd, initrdBytes } from "./initramfs.ts";
import { startMachine } from "./machine.ts";
import { fetchKernel, kernelNames } from "./packages.ts";
import { BASE_CMDLINE, type MachineOptions } from "./qemu.ts";
import { vmlinuxOf } from "./vmlinux.ts";

const KERNELS = await Promise.all((await kernelNames()).map(fetchKernel));
const LINES = `kernel: /boot/vmlinuz
initrd: [/boot/marker.cpio, /boot/initrd]
cmdline: ${BASE_CMDLINE} way=segments
load: kexec_load`;

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
    await using machine = await machineWith(kernel, PROGRAMS, options);
    await profile(machine, lines);

    await t.step("the kernel comes up with the profile's command line, both initrds, ACPI and all CPUs", async () => {
      const boot = await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
      assertEquals(boot, { release: kernel.release, cmdline: `${BASE_CMDLINE} way=segments` });
      assertEquals(await machine.output("cat /marker"), "unpacked\n");
      assertMatch(await machine.output("dmesg"), /ACPI: RSDP/);
      assertEquals(await machine.output("grep -c ^processor /proc/cpuinfo"), `${options.cpus}\n`);
    });
  });
}

const names = await kernelNames();
const kernel = await fetchKernel(names.includes("6.12") ? "6.12" : names[0] ?? "host");

for (
  const [checksum, byte] of [
    ["sha256", AT.regions + AT.regionDigest],
    // The sums are taken at load, by our own code: in the stored one, a prime differs.
    ["xxh64", AT.xxh64Region + 7],
  ] as const
) {
  Deno.test(`purgatory refuses what does not match its ${checksum}, on the console, before the jump (${kernel.name})`, async () => {
    await using machine = await machineWith(kernel, PROGRAMS);
    await profile(machine, `${LINES}\nchecksum: ${checksum}`);
    await writeFlippedPlan(machine, byte);
    assertMatch(
      (await machine.run("warmboot load /run/flipped.json")).stderr,
      /FAIL +stored-plan .*[^]*segment "purgatory": `sha256` is/,
    );
    assertEquals(await machine.output("force_plan /run/flipped.json"), "0\n");
    const halted = machine.sees("warmboot: segment 1 at 0x1000000 does not match its checksum; halted");
    machine.run("warmboot exec --now").catch(() => undefined);
    await halted;
    await assertRejects(() => machine.nextBoot(5), Error, "No kernel came up within 5 s");
  });
}

Deno.test({
  name:
    `an ELF vmlinux boots, at another physical base than it was linked for, and one that gzip packed (${kernel.name})`,
  // Debian's 6.12 has a zstd payload, which takes nothing but Deno to unpack.
  ignore: !ALL || kernel.name !== "6.12",
  fn: async () => {
    const initrd = await diskInitrd([kernel]);
    const vmlinux = await vmlinuxOf(kernel.image);
    const disk = await denoDisk(PROGRAMS, {
      "/boot/vmlinux": vmlinux,
      "/boot/vmlinux.gz": new Uint8Array(gzipSync(vmlinux, { level: 1 })),
      "/boot/initrd": await initrdBytes(initrd),
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
    await profile(machine, `kernel: /boot/vmlinux.gz\ninitrd: /boot/initrd\ncmdline: ${BASE_CMDLINE} way=packed`);
    const packed = await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
    assertEquals(packed, { release: kernel.release, cmdline: `${BASE_CMDLINE} way=packed` });
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
