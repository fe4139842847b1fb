/**
 * `guard: { panic }` on a Debian: an initrd that does not find its root, and a kernel without one that panics, reset the
 * machine, and the firmware boots the old system. That says what happened, and does not try the plan again by itself.
 */
import { join } from "@std/path";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Attempt } from "../../src/state/attempt.ts";
import { distribution } from "./apt.ts";
import { REPOSITORY } from "./cache.ts";
import { debianMachine } from "./debian_root.ts";
import { ALL } from "./extent.ts";
import { dracutInitrds, dropInProfile, initramfsToolsInitrd } from "./guarded_initrd.ts";
import { machineWith, said } from "./guest_profile.ts";
import type { GuestFiles } from "./initramfs.ts";
import { fetchKernel } from "./packages.ts";

/** Their consoles are the machine's, and no parameter of the harness resets after a panic. */
const CMDLINE = "console=ttyS0 warmboot.vm no_timer_check root=/dev/none";

const PROFILES: GuestFiles = {
  "/etc/warmboot/lost.yaml":
    `version: 1\nkernel: /boot/vmlinuz\ninitrd: /boot/initrd.tools\ncmdline: ${CMDLINE}\nguard: { panic: 2s }\n`,
  "/etc/warmboot/bare.yaml": `version: 1\nkernel: /boot/vmlinuz\ncmdline: ${CMDLINE}\nguard: { panic: 3s }\n`,
};

/** The unit that the timer and the path unit start, as an administrator would copy it. */
async function loadUnit(): Promise<GuestFiles> {
  const path = join(REPOSITORY, "contrib/systemd/warmboot-load@.service");
  return { "/etc/systemd/system/warmboot-load@.service": await Deno.readTextFile(path) };
}

Deno.test({
  name: "an initrd of initramfs-tools that finds no root resets, the old system says so and does not try again",
  // CI has two other failures, in guard_test.ts and watchdog_test.ts.
  ignore: !ALL || await distribution() === undefined,
  async fn(t) {
    const suite = await distribution() === "ubuntu" ? "host" : "bookworm";
    const kernel = await fetchKernel(suite === "host" ? "host" : "6.1");
    const files = { ...PROFILES, ...await loadUnit(), "/boot/initrd.tools": await initramfsToolsInitrd() };
    await using machine = await debianMachine(suite, kernel, { warmboot: "cli.ts" }, { resets: true }, files);

    await t.step("root not found: the initrd resets the machine, and the firmware boots the old system", async () => {
      await machine.output("warmboot arrive");
      const before = machine.console().length;
      const { cmdline } = await machine.runToBoot("warmboot load --exec --now /etc/warmboot/lost.yaml");
      const said = machine.console(before);
      assertStringIncludes(said, "ALERT!  /dev/none does not exist.");
      assertStringIncludes(said, "Rebooting automatically due to panic= boot argument");
      assert(!cmdline.includes("warmboot.plan="), cmdline);
    });

    await t.step("the old system says so", async () => {
      assertStringIncludes(await machine.output("warmboot arrive"), "fell back: ");
      const attempt: Attempt = JSON.parse(await machine.output("cat /var/lib/warmboot/attempts/*.json"));
      assertEquals(
        [attempt.profile, attempt.guard?.panic, attempt.guard?.initrd, attempt.outcome?.end],
        ["lost", 2, "initramfs-tools", "fell-back"],
      );
      const status = await machine.output("warmboot status");
      assertMatch(status, /fell back: /);
      assertMatch(status, /This plan is not loaded again without --force/);
    });

    await t.step("neither by hand nor by its unit is it loaded again, but with --force", async () => {
      const refused = await machine.run("warmboot load /etc/warmboot/lost.yaml");
      assertEquals(refused.code, 69);
      assertMatch(refused.stderr, /attempt-failed\s+The last reboot into this plan, asked for at\s+2\d/);
      assertEquals((await machine.run("systemctl start warmboot-load@lost")).code, 1);
      assertStringIncludes((await machine.run("systemctl status warmboot-load@lost")).stdout, "status=69");
      assertEquals(await machine.output("cat /sys/kernel/kexec_loaded"), "0\n");
      await machine.output("warmboot load --force /etc/warmboot/lost.yaml");
      assertEquals(await machine.output("cat /sys/kernel/kexec_loaded"), "1\n");
      const exec = await machine.run("warmboot exec --now");
      assertEquals(exec.code, 69);
      assertStringIncludes(exec.stderr, "The last reboot into the loaded image");
    });

    await t.step("a kernel that panics by itself resets as well", async () => {
      const before = machine.console().length;
      await machine.runToBoot("warmboot load --exec --now /etc/warmboot/bare.yaml");
      assertStringIncludes(machine.console(before), "Rebooting in 3 seconds..");
      assertStringIncludes(await machine.output("warmboot arrive"), "fell back: ");
    });
  },
});

/** How an initrd that dracut made fails: by the way that decides what `panic` must add, and what it says of that. */
const FAILURES = [
  // Each waits for minutes otherwise.
  {
    maker: "systemd-reset",
    initrd: "/boot/systemd",
    more: "rootflags=x-systemd.device-timeout=5s",
    says: "emergency",
  },
  { maker: "dracut-systemd", initrd: "/boot/dracut-systemd", more: "rd.timeout=5", says: "emergency" },
  { maker: "dracut", initrd: "/boot/dracut", more: "rd.retry=3", says: "Boot has failed" },
] as const;

Deno.test({
  name: "initrds of dracut, with systemd and without, and of systemd with the drop-in, reset where they find no root",
  ignore: !ALL || await distribution() === undefined,
  async fn(t) {
    const kernel = await fetchKernel("6.1");
    const initrds = await dracutInitrds();
    await using machine = await machineWith(kernel, { warmboot: "cli.ts" }, {
      append: "no_timer_check",
      resets: true,
    }, {
      "/boot/dracut": initrds.dracut,
      "/boot/dracut-systemd": initrds["dracut-systemd"],
      "/boot/systemd": initrds.systemd,
    });
    const withDropIn = await dropInProfile();
    const tries = async (initrd: string, more: string, isGiven = false): Promise<void> => {
      const cmdline = `${CMDLINE} systemd.show_status=1 ${more}`;
      await machine.write(
        "/run/p.yaml",
        isGiven
          ? withDropIn.replace("/boot/initrd.img", initrd).replace(/^cmdline: .*$/m, `cmdline: ${cmdline}`)
          : `version: 1\nkernel: /boot/vmlinuz\ninitrd: ${initrd}\ncmdline: ${cmdline}\nguard: { panic: 2s }\n`,
      );
    };

    await t.step(
      "without the drop-in, the plan says that systemd waits at a prompt, and where to read on",
      async () => {
        await tries("/boot/systemd", "quiet");
        const [, plan] = said(await machine.run("warmboot plan /run/p.yaml"));
        assertStringIncludes(plan, "systemd waits at a prompt");
        assertStringIncludes(plan, "docs/guard-panic.md has a profile to copy");
      },
    );

    for (const { maker, initrd, more, says } of FAILURES) {
      await t.step(maker, async () => {
        await tries(initrd, more, maker === "systemd-reset");
        const plan = JSON.parse(await machine.output("warmboot plan -o json /run/p.yaml"));
        assertEquals(plan.guard.initrd, maker);
        const before = machine.console().length;
        const { cmdline } = await machine.runToBoot("warmboot load --exec --now --force /run/p.yaml");
        assert(!cmdline.includes("warmboot.plan="), cmdline);
        const console = machine.console(before);
        assertStringIncludes(console, plan.call.cmdline);
        assertMatch(console, new RegExp(says, "i"));
      });
    }
  },
});
