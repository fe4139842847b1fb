import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ALL } from "./extent.ts";
import type { Machine } from "./machine.ts";
import { fetchKernel, type KernelName, kernelNames } from "./packages.ts";
import {
  type Bases,
  basesOf,
  bootedBases,
  boots,
  cmdlineOf,
  LINKED,
  machineWith,
  PUT_LIBRARY,
  writeProfile,
} from "./predecompress.ts";
import type { MachineOptions } from "./qemu.ts";

const names = await kernelNames();
const available = (name: KernelName): KernelName => names.includes("6.1") ? name : names[0] ?? "host";

/** Without it the kernel runs with page tables of 4 levels, wherever it comes from. */
const LEVELS_4 = ["la57"];

interface Host {
  readonly kernel: KernelName;
  readonly options: Partial<MachineOptions> & { readonly memory: number };
}

/** Every two of kernel, firmware, CPUs, levels of page tables and memory come together in one of them. */
const HOSTS: readonly Host[] = [
  { kernel: "6.1", options: { firmware: "bios", cpus: 1, without: LEVELS_4, memory: 1024 } },
  { kernel: "6.1", options: { firmware: "uefi", cpus: 2, memory: 6144 } },
  { kernel: "6.12", options: { firmware: "bios", cpus: 2, memory: 1024 } },
  { kernel: "6.12", options: { firmware: "uefi", cpus: 1, without: LEVELS_4, memory: 6144 } },
  { kernel: "cloud", options: { firmware: "uefi", cpus: 1, memory: 1024 } },
  { kernel: "cloud", options: { firmware: "bios", cpus: 2, without: LEVELS_4, memory: 6144 } },
];

/** The physical and virtual ranges in which the profile at /run/p.yaml lets the kernel lie. */
async function plannedBases(machine: Machine): Promise<{ readonly physical: Ranges; readonly virtual: Ranges }> {
  const { call } = JSON.parse(await machine.output("warmboot plan -o json /run/p.yaml"));
  const range = ({ start, end }: { start: string; end: string }) => ({ start: BigInt(start), end: BigInt(end) });
  return { physical: call.bases.physical.map(range), virtual: [range(call.bases.virtual)] };
}

type Ranges = readonly { readonly start: bigint; readonly end: bigint }[];

function holds(ranges: Ranges, base: bigint): boolean {
  return ranges.some(({ start, end }) => start <= base && base < end);
}

for (const { kernel: name, options } of HOSTS) {
  const { firmware, cpus, without, memory } = options;
  const levels = without === LEVELS_4 ? 4 : 5;
  Deno.test({
    name: `an unpacked kernel boots: ${name}, ${firmware}, ${cpus} CPUs, ${levels} levels, ${memory} MiB`,
    ignore: !ALL,
    fn: async () => {
      const kernel = await fetchKernel(available(name));
      await using machine = await machineWith([kernel], options);
      await machine.output(PUT_LIBRARY);
      // Where there is memory above 4 GiB, the kernel is to lie there.
      await writeProfile(machine, kernel, "way=matrix", memory > 4096 ? "memory: { min: 4GiB }" : "");
      const planned = await plannedBases(machine);
      const { virtual, physical } = await boots(machine, kernel, "way=matrix");
      assert(holds(planned.physical, physical) && holds(planned.virtual, virtual), `${physical} ${virtual}`);
      assertEquals(physical >= 0x1_0000_0000n, memory > 4096);
      assertEquals(await machine.output("grep -c ^processor /proc/cpuinfo"), `${cpus}\n`);
      const flags = await machine.output("grep -m 1 ^flags /proc/cpuinfo");
      assertEquals(/\bla57\b/.test(flags), levels === 5);
      assertEquals(/efi: EFI v2/.test(await machine.output("dmesg")), firmware === "uefi");
    },
  });
}

Deno.test({
  name: "20 reboots run at 20 pairs of bases, each among those that the plan has",
  ignore: !ALL,
  fn: async () => {
    const kernel = await fetchKernel(available("6.12"));
    await using machine = await machineWith([kernel], { memory: 2048, cpus: 1 });
    await machine.output(PUT_LIBRARY);
    await writeProfile(machine, kernel, "way=bases");
    const planned = await plannedBases(machine);
    const seen: Bases[] = [];
    for (let boot = 0; boot < 20; boot++) {
      await machine.output(PUT_LIBRARY);
      await writeProfile(machine, kernel, "way=bases");
      const { virtual, physical } = await boots(machine, kernel, "way=bases");
      assert(holds(planned.physical, physical) && holds(planned.virtual, virtual), `${physical} ${virtual}`);
      seen.push({ virtual, physical });
    }
    assertEquals(new Set(seen.map(({ virtual, physical }) => `${virtual} ${physical}`)).size, 20);
    // Of some 500 places each, 20 draws meet now and then, but not often.
    assert(new Set(seen.map(({ virtual }) => virtual)).size > 12);
    assert(new Set(seen.map(({ physical }) => physical)).size > 12);
    assert(seen.some(({ virtual }) => virtual !== LINKED.virtual));
  },
});

Deno.test({
  name: "a crash kernel that was unpacked before starts within its reservation, and sees the memory of the first",
  ignore: !ALL,
  fn: async () => {
    const kernel = await fetchKernel(available("6.12"));
    await using machine = await machineWith([kernel], { memory: 1536, cpus: 2, append: "crashkernel=512M" });
    await machine.output(PUT_LIBRARY);
    const words = "irqpoll nr_cpus=1 reset_devices cgroup_disable=memory";
    await writeProfile(machine, kernel, words, "crash: true");
    const [, start, last] = /([0-9a-f]+)-([0-9a-f]+) : Crash kernel/.exec(await machine.output("cat /proc/iomem")) ??
      [];
    const reservation = [{ start: BigInt(`0x${start}`), end: BigInt(`0x${last}`) + 1n }];
    const planned = await plannedBases(machine);
    const before = await basesOf(machine);
    await machine.output("warmboot load /run/p.yaml");
    assertEquals(await machine.output("cat /sys/kernel/kexec_crash_loaded"), "1\n");
    await machine.output("printf '%s%s' warmboot-marker -4711 > /run/marker");

    const { virtual, physical } = await bootedBases(machine, "echo c > /proc/sysrq-trigger");
    assert(holds(reservation, physical) && holds(planned.physical, physical), `${physical}`);
    assert(holds(planned.virtual, virtual) && virtual !== before.virtual, `${virtual}`);
    assertMatch(machine.boot().cmdline, /\belfcorehdr=0x/);
    assertStringIncludes(machine.boot().cmdline, cmdlineOf(words));
    assertMatch(
      await machine.output("strings -n 20 /proc/vmcore | grep -c -m 1 warmboot-marker-4711"),
      /^[1-9]/,
    );
  },
});
