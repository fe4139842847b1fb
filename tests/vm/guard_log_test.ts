/**
 * `guard: { log }`: a kernel that panics in its initrd leaves its log in memory, and the kernel that the reset boots, of another
 * version, reads it. The attempt keeps it.
 */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Attempt } from "../../src/state/attempt.ts";
import { cpioArchive, MODE } from "./cpio.ts";
import { ALL } from "./extent.ts";
import { machineWith, profile } from "./guest_profile.ts";
import type { GuestFiles } from "./initramfs.ts";
import { kernelModule } from "./modules.ts";
import { fetchBusybox, fetchKernel, type Kernel, type KernelName } from "./packages.ts";

/** What an administrator adds to the fallback's command line: what a plan without it asks for on this machine. */
const PARAMETERS =
  "memmap=1M$0x20000000 ramoops.mem_address=0x20000000 ramoops.mem_size=0x100000 ramoops.record_size=0x10000 " +
  "ramoops.console_size=0x80000 ramoops.ftrace_size=0 ramoops.pmsg_size=0 ramoops.ecc=1 pstore.backend=ramoops";

/** Loads the modules in a folder as modprobe does: with the parameters of the command line. */
const LOAD = `load_ramoops() {
  set --
  for word in $(cat /proc/cmdline); do case "$word" in ramoops.*) set -- "$@" "\${word#ramoops.}" ;; esac; done
  insmod "$FOLDER/reed_solomon.ko" && insmod "$FOLDER/ramoops.ko" "$@"
}
load_ramoops`;

async function ramoops(kernel: Kernel, folder: string): Promise<{ readonly [path: string]: Uint8Array }> {
  const found: { [path: string]: Uint8Array } = {};
  for (const name of ["reed_solomon", "ramoops"]) {
    const bytes = await kernelModule(kernel, name);
    if (bytes === undefined) throw new Error(`${kernel.release} has no module ${name}`);
    found[`${folder}/${name}.ko`] = bytes;
  }
  return found;
}

/** An initrd that loads ramoops, and panics. */
async function panicking(kernel: Kernel): Promise<Uint8Array> {
  const folder = `/lib/modules/${kernel.release}/kernel`;
  const script = `#!/bin/sh
mount -t proc proc /proc
FOLDER=${folder}
${LOAD}
echo c > /proc/sysrq-trigger
`;
  const modules = await ramoops(kernel, folder);
  const applets = ["sh", "mount", "cat", "insmod", "echo"];
  const folders = folder.split("/").slice(1).map((_, index, names) => `/${names.slice(0, index + 1).join("/")}`);
  return cpioArchive([
    ...["/bin", "/proc", "/dev", ...folders].map((path) => ({ path, mode: MODE.folder, data: new Uint8Array() })),
    { path: "/bin/busybox", mode: MODE.file, data: await Deno.readFile(await fetchBusybox("x86_64")) },
    ...applets.map((name) => ({ path: `/bin/${name}`, mode: MODE.link, data: new TextEncoder().encode("busybox") })),
    ...Object.entries(modules).map(([path, data]) => ({ path, mode: MODE.file, data })),
    { path: "/init", mode: MODE.file, data: new TextEncoder().encode(script) },
  ]);
}

/** The attempts outlast a reset: they are on the disk. */
const KEEP_ATTEMPTS = "mkdir -p /disk/attempts /var/lib/warmboot && mount --bind /disk/attempts /var/lib/warmboot";

const PAIRS: readonly (readonly [running: KernelName, tried: KernelName])[] = [["6.1", "6.12"]];

for (const [name, other] of PAIRS) {
  Deno.test({
    name:
      `the log of a kernel that panics in its initrd outlasts the reset, and the old one reads it (${other} to ${name})`,
    // CI has two other failures, in guard_test.ts and watchdog_test.ts.
    ignore: !ALL,
    async fn(t) {
      const [running, tried] = [await fetchKernel(name), await fetchKernel(other)];
      const files: GuestFiles = {
        "/boot/tried": await Deno.readFile(tried.image),
        "/boot/panics": await panicking(tried),
        ...await ramoops(running, "/root"),
      };
      await using machine = await machineWith(
        running,
        { warmboot: "cli.ts" },
        { append: `no_timer_check ${PARAMETERS}`, resets: true },
        files,
      );
      await profile(
        machine,
        "kernel: /boot/tried\ninitrd: /boot/panics\ncmdline: console=ttyS0 warmboot.vm no_timer_check\nguard: { panic: 1s, log: 1MiB }",
      );
      await machine.output(KEEP_ATTEMPTS);

      await t.step("the plan takes the place that the running kernel keeps free", async () => {
        const plan = JSON.parse(await machine.output("warmboot plan -o json /run/p.yaml"));
        assertEquals([plan.guard.ramoops.from, plan.guard.ramoops.address, plan.guard.ramoops.module], [
          "running",
          "0x20000000",
          "in-initrd",
        ]);
        assertEquals(plan.guard.ramoops.parameters.join(" "), PARAMETERS);
        assertStringIncludes(plan.call.cmdline, PARAMETERS);
        assertMatch(await machine.output("cat /proc/iomem"), /^20000000-200fffff : Reserved$/m);
      });

      await t.step("the new kernel panics, and the machine is reset", async () => {
        const before = machine.console().length;
        await machine.output("warmboot arrive");
        const { cmdline } = await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
        assertStringIncludes(cmdline, PARAMETERS);
        const said = machine.console(before);
        assertStringIncludes(said, "pstore: Registered ramoops as persistent store backend");
        assertStringIncludes(said, "Kernel panic - not syncing: sysrq triggered crash");
      });

      await t.step("the old kernel finds the log, and the attempt keeps it", async () => {
        await machine.output(`${KEEP_ATTEMPTS} && mkdir -p /sys/fs/pstore && mount -t pstore pstore /sys/fs/pstore`);
        await machine.output(`FOLDER=/root\n${LOAD}`);
        assertStringIncludes(await machine.output("warmboot arrive"), "fell back: ");
        const [attempt]: readonly Attempt[] = JSON.parse(await machine.output("warmboot history -o json")).attempts;
        const [log] = attempt?.outcome?.evidence?.pstore ?? [];
        assertEquals([attempt?.outcome?.end, attempt?.guard?.log, log?.path], [
          "fell-back",
          1 << 20,
          "/sys/fs/pstore/dmesg-ramoops-0",
        ]);
        assertMatch(log?.text ?? "", /^Panic#1 Part1\n/);
        assertStringIncludes(log?.text ?? "", `Linux version ${tried.release}`);
        assertStringIncludes(log?.text ?? "", "Kernel panic - not syncing: sysrq triggered crash");
        assertStringIncludes(await machine.output("warmboot history"), "Kernel panic - not syncing");
      });
    },
  });
}
