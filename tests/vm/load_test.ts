import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../src/core/program.ts";
import { isSince } from "../../src/core/release.ts";
import { SEEN_ON } from "./conformance/condition.ts";
import { ALL } from "./extent.ts";
import { KERNEL, loaded, machineWith, profile, said, status } from "./guest_profile.ts";
import type { Machine } from "./machine.ts";
import { fetchKernel, kernelNames } from "./packages.ts";
import { BASE_CMDLINE } from "./qemu.ts";

/** The kernels that conformance_test.ts asks the same, and more; refusal_test.ts and the tutorial load and unload on them. */
const CONFORMANCE: readonly string[] = SEEN_ON;
const KERNELS = await Promise.all(
  (await kernelNames()).filter((name) => ALL || !CONFORMANCE.includes(name)).map(fetchKernel),
);

async function refusals(t: Deno.TestContext, machine: Machine): Promise<void> {
  const refused = async (lines: string, says: string): Promise<void> => {
    await profile(machine, lines);
    const [code, text] = said(await machine.run("warmboot load /run/p.yaml"));
    assertEquals([code, await loaded(machine)], [EXIT.unavailable.code, "0"], text);
    assertStringIncludes(text, says);
  };

  await t.step("an empty kernel is refused, as the kernel would", async () => {
    await refused(`kernel: /boot/empty\ncmdline: ro`, "/boot/empty is empty");
    assertEquals(await machine.output("unchecked /boot/empty 10"), "-1 EINVAL\n");
  });

  await t.step("an initrd given as kernel is refused, as the kernel would", async () => {
    await refused(`kernel: /boot/initrd\ncmdline: ro`, "/boot/initrd is not a kernel");
    assertEquals(await machine.output("unchecked /boot/initrd 10"), "-1 ENOEXEC\n");
  });

  await t.step("2017 bytes of command line are the most, for warmboot and for the kernel", async () => {
    await refused(`kernel: /boot/vmlinuz\ncmdline: ${"x".repeat(2017)}`, "at most 2017");
    assertEquals(await machine.output("unchecked /boot/vmlinuz 2018"), "-1 EINVAL\n");
    assertEquals(await machine.output("unchecked /boot/vmlinuz 2017"), "0\n");
  });
}

for (const kernel of KERNELS) {
  Deno.test(`profiles load, unload and boot on ${kernel.name}: the kernel agrees with the checks, the record with the kernel`, async (t) => {
    await using machine = await machineWith(kernel, { warmboot: "cli.ts", unchecked: "tests/vm/guest/unchecked.ts" });

    if (!CONFORMANCE.includes(kernel.name)) await refusals(t, machine);

    await t.step("load leaves a record, and unload takes both back", async () => {
      await profile(machine, `${KERNEL}\ninitrd: /boot/initrd`);
      await machine.output("warmboot load /run/p.yaml");
      assertEquals(await loaded(machine), "1");
      const { loaded: says, record, profile: name, release } = await status(machine);
      assertEquals([says, record, name, release], ["yes", "matches", "p", kernel.release]);
      assertEquals(await machine.output("stat -c %a /run/warmboot /run/warmboot/reboot.json"), "700\n600\n");
      await machine.output("warmboot unload");
      assertEquals(await loaded(machine), "0");
      assertEquals(await machine.output("ls /run/warmboot"), "lock\n");
    });

    await t.step("with `debug`, a kernel that has the flag writes what it does; without it, nothing", async () => {
      const isNew = isSince(kernel.release, [6, 8]) === true;
      const log = async (key: string): Promise<number> => {
        await profile(machine, `${KERNEL}\n${key}`);
        await machine.output("dmesg -c > /dev/null");
        await machine.run("warmboot load --force /run/p.yaml");
        return Number(await machine.output("dmesg | grep -c 'kexec_file: nr_segments' || true"));
      };
      assertEquals(await log("debug: false"), 0);
      assertEquals(await log("debug: true"), isNew ? 1 : 0);
      assertEquals(
        (await machine.run("warmboot load --force /run/p.yaml")).code,
        isNew ? EXIT.ok.code : EXIT.refused.code,
      );
      await machine.output("warmboot unload");
    });

    await t.step("load of what is loaded makes no call, and --force makes it", async () => {
      const limit = "/proc/sys/kernel/kexec_load_limit_reboot";
      const limited = (await machine.run(`test -e ${limit} && echo 9 > ${limit}`)).code === 0;
      const left = () => machine.output(limited ? `cat ${limit}` : "echo");
      await profile(machine, KERNEL);
      await machine.output("warmboot load /run/p.yaml");
      const once = await left();
      assertStringIncludes(await machine.output("warmboot load /run/p.yaml 2>&1"), "is loaded already");
      assertEquals([await left(), await loaded(machine)], [once, "1"]);
      await machine.output("warmboot load --force /run/p.yaml");
      if (limited) assertEquals([once, await left()], ["8\n", "7\n"]);
      const [code, text] = said(await machine.run("warmboot diff /run/p.yaml @loaded"));
      assertEquals(code, EXIT.ok.code, text);
    });

    await t.step(
      "two initrds in a list are both unpacked, reuse keeps the running command line, the stamp is found",
      async () => {
        await profile(
          machine,
          "kernel: /boot/vmlinuz\ninitrd: [/boot/marker.cpio, /boot/initrd]\ncmdline: { reuse: true, set: second=1 }\nstamp: true",
        );
        await machine.output("cp /run/p.yaml /disk/booted.yaml");
        assertEquals((await machine.run("warmboot status --booted /run/p.yaml")).code, EXIT.differs.code);
        const boot = await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
        assertMatch(boot.cmdline, new RegExp(`^${BASE_CMDLINE} second=1 warmboot\\.plan=[0-9a-f]{16}$`));
        assertEquals(boot.release, kernel.release);
        assertEquals(await machine.output("cat /marker"), "unpacked\n");
        const [code, text] = said(await machine.run("warmboot status --booted /disk/booted.yaml"));
        assertEquals(code, EXIT.ok.code, text);
      },
    );
  });
}
