import { assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { crashLoaded, crashProfile, panic } from "./crash.ts";
import { ALL } from "./extent.ts";
import { loaded, machineWith, profile } from "./guest_profile.ts";
import { fetchKernel, type KernelName, kernelNames } from "./packages.ts";
import { BASE_CMDLINE, type MachineOptions } from "./qemu.ts";

interface Crash {
  readonly kernel: KernelName;
  readonly load: "kexec_file_load" | "kexec_load";
  readonly firmware: "bios" | "uefi";
  /** Which CPU panics, from 0. */
  readonly cpu: number;
  readonly options?: Partial<MachineOptions>;
}

/** Each kernel, call and firmware is among the first two; with ALL, every combination is tested. */
const SOME: readonly Crash[] = [
  { kernel: "6.1", load: "kexec_file_load", firmware: "bios", cpu: 1 },
  { kernel: "6.12", load: "kexec_load", firmware: "uefi", cpu: 0 },
];
const PAIRS: readonly Crash[] = [
  ...SOME,
  { kernel: "6.1", load: "kexec_load", firmware: "uefi", cpu: 0 },
  { kernel: "6.12", load: "kexec_file_load", firmware: "bios", cpu: 1 },
];
const OTHERS = PAIRS.map((crash): Crash => ({ ...crash, firmware: crash.firmware === "bios" ? "uefi" : "bios" }));

const names = await kernelNames();
const wanted = ALL ? [...PAIRS, ...OTHERS] : SOME;
const crashes = names.includes("6.12") ? wanted : wanted.filter(({ kernel }) => kernel === "6.1");

/** 64 MiB of RAM become memory that firmware sets aside for a driver: type 1 becomes E820_TYPE_SOFT_RESERVED. */
const SOFT_RESERVED = "memmap=64M%0x10000000-1+0xefffffff";

for (const { kernel: name, load, firmware, cpu } of crashes) {
  const kernel = await fetchKernel(names.includes(name) ? name : "host");
  Deno.test(`a panic on CPU ${cpu} starts the crash kernel, which sees the memory of the first (${kernel.name}, ${load}, ${firmware})`, async (t) => {
    await using machine = await machineWith(kernel, { warmboot: "cli.ts" }, {
      append: `crashkernel=256M ${SOFT_RESERVED}`,
      memory: 896,
      firmware,
    });
    await profile(machine, crashProfile(load).replace("reuse: true,", 'reuse: true, remove: "memmap=*",'));
    assertMatch(await machine.output("cat /proc/iomem"), /10000000-13ffffff : Soft Reserved/);

    await t.step("load, reload while loaded, unload --crash", async () => {
      if (firmware === "uefi") return; // nothing of this depends on the firmware
      assertStringIncludes(await machine.output("warmboot load /run/p.yaml"), `Loaded ${kernel.release}`);
      assertEquals(await crashLoaded(machine), "1");
      await machine.output("warmboot load --force /run/p.yaml");
      await machine.output("warmboot unload --crash");
      assertEquals(await crashLoaded(machine), "0");
    });

    await t.step("an image for a reboot beside it: neither disturbs the other", async () => {
      await machine.output("warmboot load /run/p.yaml");
      if (firmware === "uefi") return;
      await machine.write(
        "/run/normal.yaml",
        `version: 1\nkernel: /boot/vmlinuz\ninitrd: /boot/initrd\ncmdline: ${BASE_CMDLINE}\nload: ${load}\n`,
      );
      await machine.output("warmboot load /run/normal.yaml");
      assertEquals([await loaded(machine), await crashLoaded(machine)], ["1", "1"]);
      await machine.output("warmboot unload");
      assertEquals([await loaded(machine), await crashLoaded(machine)], ["0", "1"]);
      assertMatch(await machine.output("warmboot status"), /On a panic +\S+, from profile p/);
    });

    await panic(t, machine, { release: kernel.release, arch: kernel.arch, cpu });

    await t.step("neither call tells the crash kernel of Soft Reserved memory", async () => {
      assertNotMatch(await machine.output("cat /proc/iomem; dmesg"), /soft reserved/i);
    });
  });
}
