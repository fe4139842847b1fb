/** What the tests of crash kernels share: their profile, the panic, and the memory of the system that panicked. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { readElfCore } from "../arch/read_elf_core.ts";
import type { GuestArch } from "./architecture.ts";
import type { Machine } from "./machine.ts";

/** A crash kernel's profile, as examples/kdump.yaml advises. */
export function crashProfile(load: string, kernel = "/boot/vmlinuz"): string {
  const words = "irqpoll nr_cpus=1 reset_devices cgroup_disable=memory";
  return `kernel: ${kernel}
initrd: /boot/initrd
crash: true
load: ${load}
cmdline: { reuse: true, set: ${words} }`;
}

/** What the kernel says: 0 or 1. */
export async function crashLoaded(machine: Machine): Promise<string> {
  return (await machine.output("cat /sys/kernel/kexec_crash_loaded")).trim();
}

/** EM_X86_64, EM_AARCH64. */
const ELF_MACHINE: { readonly [Arch in GuestArch]: number } = { "x86_64": 62, aarch64: 183 };

/**
 * The panic of a machine with a crash kernel of that release loaded, on a CPU counted from 0; on any, for a kernel that
 * does not tell (CONFIG_DEBUG_BUGVERBOSE).
 */
export async function panic(
  t: Deno.TestContext,
  machine: Machine,
  { release, arch, cpu }: { readonly release: string; readonly arch: GuestArch; readonly cpu?: number },
): Promise<void> {
  const panicked = machine.boot().release;
  await t.step("the panic", async () => {
    // In two parts, so that the marker in memory is that of the file, and not of the command.
    await machine.output("printf '%s%s' warmboot-marker -4711 > /run/marker");
    const before = machine.console().length;
    const pinned = cpu === undefined ? "" : `taskset ${1 << cpu} `;
    const boot = await machine.runToBoot(`${pinned}sh -c 'echo c > /proc/sysrq-trigger'`);
    assertEquals(boot.release, release);
    // On arm64, the device tree has it.
    if (arch === "x86_64") assertMatch(boot.cmdline, /\belfcorehdr=0x/);
    assertMatch(boot.cmdline, /reset_devices cgroup_disable=memory/);
    assert(!boot.cmdline.includes("crashkernel="), boot.cmdline);
    const told = cpu === undefined
      ? /sysrq triggered crash/
      : new RegExp(`CPU: ${cpu} PID: .*sh|CPU: ${cpu} UID: .*sh`);
    assertMatch(machine.console(before), told);
  });

  await t.step("/proc/vmcore is an ELF core of the system that panicked, with what it held in memory", async () => {
    await machine.output("dd if=/proc/vmcore of=/run/head bs=4096 count=8");
    const head = await machine.read("/run/head");
    const count = new DataView(head.buffer).getUint16(56, true);
    const core = readElfCore(head.slice(0, 64 + count * 56));
    assertEquals(core.machine, ELF_MACHINE[arch]);
    assertEquals(core.headers[0]?.type, "NOTE");
    assert(core.headers.filter(({ type }) => type === "LOAD").length > 1);
    assertStringIncludes(new TextDecoder("latin1").decode(head), `OSRELEASE=${panicked}\n`);
    const found = await machine.output("strings -n 20 /proc/vmcore | grep -c -m 1 warmboot-marker-4711");
    assertMatch(found, /^[1-9]/);
  });
}
