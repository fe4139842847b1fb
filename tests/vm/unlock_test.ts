/**
 * `unlock` on a Debian whose root lies on LUKS2: a cold boot asks for the passphrase, and a reboot into what `load` was given
 * the key for does not.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { distribution } from "./apt.ts";
import { encryptedCmdline, encryptedMachine, type InitrdTool, KEYS, QUESTIONS, UUID } from "./encrypted_root.ts";
import { ALL } from "./extent.ts";
import { loaded } from "./guest_profile.ts";
import type { GuestFiles } from "./initramfs.ts";
import type { Machine } from "./machine.ts";
import { BASE_CMDLINE } from "./qemu.ts";

const CALLS = ["kexec_load", "kexec_file_load"] as const;

function profile(tool: InitrdTool, load: string, key: string): string {
  return `version: 1\nkernel: /boot/vmlinuz\ninitrd: /boot/initrd\nload: ${load}\n` +
    `cmdline: ${BASE_CMDLINE} ${encryptedCmdline(tool)}\nunlock: [{ volume: root, key: ${key} }]\n`;
}

function files(tool: InitrdTool): GuestFiles {
  return {
    ...Object.fromEntries(CALLS.flatMap((load) => [
      [`/etc/warmboot/${load}.yaml`, profile(tool, load, "{ from: /etc/keys/root.key }")],
    ])),
    "/etc/keys/root.key": KEYS.file,
  };
}

/** Reboots into what is loaded, which says hello only once the root file system is open. */
async function unattended(machine: Machine, tool: InitrdTool): Promise<void> {
  const before = machine.console().length;
  const { cmdline } = await machine.runToBoot("warmboot exec --now");
  assertStringIncludes(cmdline, "root=/dev/mapper/root");
  assert(!machine.console(before).includes(QUESTIONS[tool]), machine.console(before).slice(-2000));
  assertStringIncludes(await machine.output("cat /sys/class/block/dm-0/dm/uuid"), UUID.replaceAll("-", ""));
}

for (const tool of ["initramfs-tools", "dracut"] as const) {
  Deno.test({
    name: `an encrypted root reboots unattended with an initrd of ${tool}`,
    // The packages are those of Debian; making the initrds takes minutes, and the rights to mount.
    ignore: !ALL || await distribution() !== "debian" || Deno.uid() !== 0,
    async fn(t) {
      await using machine = await encryptedMachine({ tool, programs: { warmboot: "cli.ts" }, files: files(tool) });

      await t.step("a cold boot asks", async () => {
        assertStringIncludes(machine.console(), QUESTIONS[tool]);
        assertEquals(await machine.output("cat /sys/class/block/dm-0/dm/name"), "root\n");
      });

      for (const load of CALLS) {
        await t.step(`${load}: a key file that does not fit is refused at load, and nothing is loaded`, async () => {
          await machine.output("printf x >> /etc/keys/root.key");
          const { code, stderr } = await machine.run(`warmboot load /etc/warmboot/${load}.yaml`);
          await machine.output("truncate -s -1 /etc/keys/root.key");
          assertEquals(code, 69, stderr);
          assertStringIncludes(stderr, "The key does not open the volume `root`");
          assertEquals(await loaded(machine), "0");
        });

        await t.step(`${load}: with the key file, the reboot asks nothing`, async () => {
          await machine.output(`warmboot load /etc/warmboot/${load}.yaml`);
          await unattended(machine, tool);
        });
      }
    },
  });
}
