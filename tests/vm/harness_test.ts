import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { announce } from "./host_command.ts";
import { denoInitrd, initrdBytes, tinyInitrd } from "./initramfs.ts";
import { type Machine, startMachine } from "./machine.ts";
import { fetchKernel, type Kernel, kernelModule, kernelNames } from "./packages.ts";
import { BASE_CMDLINE, type MachineOptions } from "./qemu.ts";

const KERNELS = await Promise.all((await kernelNames()).map(fetchKernel));
/** What does not depend on the kernel is tried on one. */
const ONE = KERNELS.find((kernel) => kernel.name === "6.12") ?? KERNELS[0];

/** Runs a part of a test and prints how long it took on the host. */
async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const value = await work();
  announce(`${what}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return value;
}

async function bootTimed(kernel: Kernel, options: Omit<MachineOptions, "kernel">): Promise<Machine> {
  const name = `boot of ${kernel.name}, ${options.firmware ?? "bios"}`;
  return await timed(name, () => startMachine({ kernel: kernel.image, ...options }));
}

for (const kernel of KERNELS) {
  Deno.test(`the kernel ${kernel.name} boots, and Deno runs on it`, async (t) => {
    const initrd = await denoInitrd({ smoke: "tests/vm/guest/smoke.ts" });
    await using machine = await bootTimed(kernel, { initrd, append: `marker="a b"` });

    await t.step("the hello tells release and command line", () => {
      assertEquals(machine.boot(), { release: kernel.release, cmdline: `${BASE_CMDLINE} marker="a b"` });
      assertStringIncludes(machine.console(), `Linux version ${kernel.release}`);
    });

    await t.step("Deno runs a bundle that has its npm packages inside", async () => {
      const run = () => machine.output("smoke 'a b'");
      const stdout = await timed("Deno, first start", run);
      assertEquals(JSON.parse(stdout), { yaml: { answer: 42 }, release: kernel.release, args: ["a b"] });
      assertEquals(await timed("Deno, next start", run), stdout);
    });
  });
}

Deno.test({
  name: "the agent runs commands and carries files",
  ignore: ONE === undefined,
  fn: async (t) => {
    if (ONE === undefined) return;
    await using machine = await bootTimed(ONE, { initrd: await tinyInitrd({ "/etc/given": "text\n" }) });

    await t.step("standard output, standard error and exit code come apart", async () => {
      const result = await machine.run("echo out; echo >&2 'ä err'; exit 3");
      assertEquals(result, { code: 3, stdout: "out\n", stderr: "ä err\n" });
    });

    await t.step("a command gets its standard input, and the files of the initrd", async () => {
      assertEquals(await machine.output("cat - /etc/given", { stdin: "@end 0 0\n" }), "@end 0 0\ntext\n");
    });

    await t.step("two commands at once run one after the other", async () => {
      const results = await Promise.all([machine.output("sleep 1; echo a"), machine.output("echo b")]);
      assertEquals(results, ["a\n", "b\n"]);
    });

    await t.step("a large file goes there and back unchanged", async () => {
      const bytes = crypto.getRandomValues(new Uint8Array(60_000));
      const twice = new Uint8Array([...bytes, ...bytes]);
      await timed("writing 120 kB", () => machine.write("/run/it's/here", twice));
      assertEquals(await timed("reading 120 kB", () => machine.read("/run/it's/here")), twice);
    });

    await t.step("a command that takes too long is killed, and the next one runs", async () => {
      await assertRejects(() => machine.run("echo begun; sleep 60", { timeout: 2 }), Error, "killed after 2 s\nbegun");
      assertEquals(await machine.output("echo next"), "next\n");
    });

    await t.step("a panic ends the machine, and the error shows the console", async () => {
      const error = await assertRejects(() => machine.run("echo c > /proc/sysrq-trigger"), Error, "sysrq_handle_crash");
      assertStringIncludes(error.message, "The machine went down");
      await assertRejects(() => machine.nextBoot(), Error, "The machine went down");
    });
  },
});

Deno.test({
  name: "a guest starts kernels by kexec, from initrds of both kinds",
  ignore: ONE === undefined,
  fn: async (t) => {
    if (ONE === undefined) return;
    const initrd = await denoInitrd({ kexec: "tests/vm/guest/kexec.ts" }, {
      "/boot/vmlinuz": { file: ONE.image },
      "/boot/tiny": await initrdBytes(await tinyInitrd()),
    });
    await using machine = await bootTimed(ONE, { initrd });
    const { release } = ONE;

    await t.step("with an initrd that the guest makes of itself, Deno and all", async () => {
      await timed("repack", () => machine.output("repack /run/self"));
      const kexec = `kexec /boot/vmlinuz /run/self "${BASE_CMDLINE} second"`;
      const boot = await timed("kexec into the same with Deno", () => machine.runToBoot(kexec));
      assertEquals(boot, { release, cmdline: `${BASE_CMDLINE} second` });
    });

    await t.step("a command that does not boot says why", async () => {
      await assertRejects(() => machine.runToBoot("kexec /etc/none"), Error, "usage: kexec KERNEL INITRD CMDLINE");
    });

    await t.step("with the tiny initrd", async () => {
      const kexec = `kexec /boot/vmlinuz /boot/tiny "${BASE_CMDLINE} third"`;
      const boot = await timed("kexec into the tiny initrd", () => machine.runToBoot(kexec));
      assertEquals(boot, { release, cmdline: `${BASE_CMDLINE} third` });
      assertEquals((await machine.run("deno")).code, 127);
    });
  },
});

const OLDEST = KERNELS.find((kernel) => kernel.name === "6.1");
Deno.test({
  name: "a kernel boots through UEFI",
  ignore: OLDEST === undefined,
  fn: async () => {
    if (OLDEST === undefined) return;
    const module = await kernelModule(OLDEST, "kernel/fs/efivarfs/efivarfs.ko");
    const initrd = await tinyInitrd({ "/modules/efivarfs.ko": module });
    await using machine = await bootTimed(OLDEST, { initrd, firmware: "uefi" });
    assertEquals(await machine.output("cat /sys/firmware/efi/fw_platform_size"), "64\n");
    assertMatch(await machine.output("ls /sys/firmware/efi/efivars"), /^SecureBoot-/m);
    assertStringIncludes(machine.boot().cmdline, BASE_CMDLINE);
  },
});
