import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../src/core/program.ts";
import { builtKernel } from "./built_kernel.ts";
import { ALL } from "./extent.ts";
import { loaded, machineWith as guestWith, planned, profile, said } from "./guest_profile.ts";
import { diskInitrd, initrdBytes } from "./initramfs.ts";
import type { Machine } from "./machine.ts";
import { fetchKernel, type Kernel, kernelNames } from "./packages.ts";
import {
  type Bases,
  bootedBases,
  boots,
  cmdlineOf,
  LINKED,
  machineWith,
  PUT_LIBRARY,
  withoutDecompressor,
  writeProfile,
} from "./predecompress.ts";

const NAMES = await kernelNames();
/** Every generation, oldest first; the decompressors of their images halt at once. */
const KERNELS = await Promise.all(NAMES.map(fetchKernel));
/** The one that is booted always. */
const USUAL = KERNELS[Math.max(0, NAMES.indexOf("6.12"))] ?? fail();

/** What makes the planner take kexec_file_load where kexec_load is allowed as well. */
const BY_FILE = "load: kexec_file_load";

/** KASLR_FLAG of boot_params.hdr.loadflags, as the running kernel got it. */
async function kaslrFlag(machine: Machine): Promise<boolean> {
  const params = await machine.read("/sys/kernel/boot_params/data");
  return ((params[0x211] ?? 0) & 2) !== 0;
}

/** Loads and boots a kernel by kexec_file_load; where it then runs is chosen at random. */
async function bootsByFile(machine: Machine, kernel: Kernel, words: string, lines = ""): Promise<Bases> {
  await machine.output(PUT_LIBRARY);
  await writeProfile(machine, kernel, words, `${BY_FILE}\n${lines}`);
  await machine.output("warmboot load /run/p.yaml");
  const bases = await bootedBases(machine, "warmboot exec --now");
  assertEquals(machine.boot(), { release: kernel.release, cmdline: cmdlineOf(words) });
  assert(LINKED.virtual <= bases.virtual && bases.virtual < 0xffff_ffff_c000_0000n, `${bases.virtual}`);
  assertEquals(await kaslrFlag(machine), true);
  return bases;
}

Deno.test("kexec_file_load boots an unpacked kernel, at another virtual base each time, until `nokaslr`", async (t) => {
  await using machine = await machineWith([USUAL], { memory: 2048, cpus: 2 });
  const seen: Bases[] = [];

  await t.step("the plan has what is built, and where it may run", async () => {
    await writeProfile(machine, USUAL, "step=0", BY_FILE);
    const { call } = JSON.parse(await machine.output("warmboot plan -o json /run/p.yaml"));
    assertEquals([call.syscall, call.bases.physical], ["kexec_file_load", []]);
    assertMatch(call.built.sha256, /^[0-9a-f]{64}$/);
    assertEquals(BigInt(call.bases.virtual.start), LINKED.virtual);
  });

  for (const step of [1, 2]) {
    await t.step(`boot ${step}`, async () => {
      seen.push(await bootsByFile(machine, USUAL, `step=${step}`));
      assertEquals(await machine.output("grep -c ^processor /proc/cpuinfo"), "2\n");
    });
  }

  await t.step("no two of them ran at the same base", () => {
    assertEquals(new Set(seen.map(({ virtual }) => virtual)).size, seen.length);
  });

  await t.step("`nokaslr` has the kernel run at the virtual addresses that it was linked for", async () => {
    await writeProfile(machine, USUAL, "nokaslr", BY_FILE);
    assertEquals((await boots(machine, USUAL, "nokaslr")).virtual, LINKED.virtual);
    assertEquals(await kaslrFlag(machine), false);
  });
});

Deno.test({
  name: "kexec_file_load of every generation boots unpacked kernels of another",
  ignore: !ALL,
  fn: async (t) => {
    await using machine = await machineWith(KERNELS, { memory: 2560, cpus: 1 });
    for (const kernel of [...KERNELS, KERNELS.at(-2) ?? fail()]) {
      await t.step(`${machine.boot().release} boots ${kernel.release}`, async () => {
        await bootsByFile(machine, kernel, `to=${kernel.name}`);
      });
    }
  },
});

Deno.test({
  name: "by kexec_file_load on UEFI, with 5-level paging and memory above 4 GiB, an unpacked kernel keeps EFI",
  ignore: !ALL,
  fn: async () => {
    await using machine = await machineWith([USUAL], { firmware: "uefi", memory: 6144, cpus: 2 });
    const { physical } = await bootsByFile(machine, USUAL, "way=uefi");
    assert(physical >= 0x1_0000_0000n, `${physical}`);
    assertMatch(await machine.output("grep -m 1 ^flags /proc/cpuinfo"), /\bla57\b/);
    assertMatch(await machine.output("dmesg"), /efi: EFI v2/);
    assertMatch(await machine.output("ls /sys/firmware/efi/runtime-map"), /^0$/m);
  },
});

Deno.test({
  name:
    "a crash kernel that kexec_file_load got unpacked starts within its reservation, and sees the memory of the first",
  ignore: !ALL,
  fn: async () => {
    await using machine = await machineWith([USUAL], { memory: 1536, cpus: 2, append: "crashkernel=512M" });
    const words = "irqpoll nr_cpus=1 reset_devices cgroup_disable=memory";
    await writeProfile(machine, USUAL, words, `crash: true\n${BY_FILE}`);
    const [, start, last] = /([0-9a-f]+)-([0-9a-f]+) : Crash kernel/.exec(await machine.output("cat /proc/iomem")) ??
      [];
    await machine.output("warmboot load /run/p.yaml");
    await machine.output("printf '%s%s' warmboot-marker -4711 > /run/marker");
    await machine.runToBoot("echo c > /proc/sysrq-trigger");
    const base = BigInt(`0x${/^ *([0-9a-f]+)-.*Kernel code/m.exec(await machine.output("cat /proc/iomem"))?.[1]}`);
    assert(BigInt(`0x${start}`) <= base && base < BigInt(`0x${last}`), `${base}`);
    assertMatch(machine.boot().cmdline, /\belfcorehdr=0x/);
    assertMatch(await machine.output("strings -n 20 /proc/vmcore | grep -c -m 1 warmboot-marker-4711"), /^[1-9]/);
  },
});

Deno.test({
  name: "on a kernel that is built without kexec_load, `load` and `predecompress: auto` take kexec_file_load",
  ignore: !ALL,
  fn: async (t) => {
    const running = await builtKernel("kexec_file_only");
    await using machine = await guestWith(running, { warmboot: "cli.ts" }, { append: "no_timer_check" }, {
      "/boot/halts": await withoutDecompressor(USUAL),
      "/boot/initrd": await initrdBytes(await diskInitrd([USUAL])),
    });
    assertEquals(machine.boot().release, running.release);
    // Of this kernel's configuration, the part that warmboot looks for.
    const config = `/boot/config-${running.release}`;
    const lines = (words: string, more = "") =>
      `kernel: /boot/halts\ninitrd: /boot/initrd\ncmdline: ${cmdlineOf(words)}\n${more}`;
    const lacking = `The running kernel ${running.release} `;

    await t.step(
      "where the configuration is not known, the kernel's ENOSYS says it, and nothing is loaded",
      async () => {
        await profile(machine, lines("way=none", "load: kexec_load"));
        const [code, text] = said(await machine.run("warmboot load /run/p.yaml"));
        assertEquals(code, EXIT.refused.code, text);
        assertStringIncludes(text, `ENOSYS: the running kernel ${running.release} lacks kexec_load (CONFIG_KEXEC)`);
        assertEquals(await loaded(machine), "0");
      },
    );

    // From here on, it is known.
    await machine.write(config, "CONFIG_KEXEC_CORE=y\n# CONFIG_KEXEC is not set\nCONFIG_KEXEC_FILE=y\n");

    await t.step("what is loaded is unloaded", async () => {
      await profile(machine, lines("way=unload", "predecompress: auto"));
      await machine.output("warmboot load /run/p.yaml");
      assertEquals(await loaded(machine), "1");
      await machine.output("warmboot unload");
      assertEquals(await loaded(machine), "0");
    });

    await t.step("the plan says why", async () => {
      for (const predecompress of ["auto", "true"]) {
        const [code, text] = await planned(machine, lines("way=plan", `predecompress: ${predecompress}`));
        assertEquals(code, EXIT.ok.code, text);
        assertStringIncludes(text, `${lacking}is built without kexec_load (CONFIG_KEXEC)`);
        assertStringIncludes(text, "without a decompressor is built around it");
        assertMatch(text, /ok +call-available +The running kernel has kexec_file_load/);
      }
      const [, text] = await planned(machine, lines("way=plan"));
      assertMatch(text, /ok +call-available +The running kernel has kexec_file_load/);
    });

    await t.step("kexec_load is refused before, and what is left is named", async () => {
      const [code, text] = await planned(machine, lines("way=none", "load: kexec_load"));
      assertEquals(code, EXIT.unavailable.code, text);
      assertStringIncludes(text, `${lacking}lacks kexec_load: CONFIG_KEXEC is not set`);
      assertStringIncludes(text, "Use `load: kexec_file_load`");
    });

    await t.step("a kernel that cannot decompress itself boots", async () => {
      await profile(machine, lines("way=auto", "predecompress: auto"));
      await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
      assertEquals(machine.boot(), { release: USUAL.release, cmdline: cmdlineOf("way=auto") });
      assertEquals(await kaslrFlag(machine), true);
    });
  },
});

function fail(): never {
  throw new Error("There is no kernel to test");
}
