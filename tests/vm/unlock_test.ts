/**
 * `unlock` on a Debian whose root lies on LUKS2: a cold boot asks for the passphrase, and a reboot into what `load` was given
 * the key for does not. The key is nowhere but in the loaded image.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { distribution } from "./apt.ts";
import {
  encryptedCmdline,
  encryptedMachine,
  type InitrdTool,
  KEYS,
  MEMORY,
  PLAIN,
  QUESTIONS,
  turned,
  unattended,
} from "./encrypted_root.ts";
import { ALL } from "./extent.ts";
import { loaded } from "./guest_profile.ts";
import type { GuestFiles } from "./initramfs.ts";
import { BASE_CMDLINE } from "./qemu.ts";

const CALLS = ["kexec_load", "kexec_file_load"] as const;

/** The profile whose key is asked for. */
const TYPED = "/etc/warmboot/typed.yaml";

function profile(tool: InitrdTool, load: string, key: string): string {
  return `version: 1\nkernel: /boot/vmlinuz\ninitrd: /boot/initrd\nload: ${load}\n` +
    `cmdline: ${BASE_CMDLINE} ${encryptedCmdline(tool)}\nunlock: [{ volume: root, key: ${key} }]\n`;
}

function files(tool: InitrdTool): GuestFiles {
  return {
    ...Object.fromEntries(CALLS.flatMap((load) => [
      [`/etc/warmboot/${load}.yaml`, profile(tool, load, "{ from: /etc/keys/root.key }")],
    ])),
    [TYPED]: profile(tool, "kexec_file_load", "{ ask: 'The passphrase?' }"),
    "/etc/keys/root.key": KEYS.file,
  };
}

/** Loads a profile or a stored plan, and types the passphrase at a terminal of its own once it is asked for. */
function loadTyping(passphrase: string, path: string): string {
  return "rm -f /root/asked /root/keys; mkfifo -m 600 /root/keys; " +
    `{ until grep -q 'The passphrase?' /root/asked; do sleep 0.2; done 2>/dev/null; ` +
    `printf '%s\\n' '${turned(passphrase)}' | ${PLAIN}; sleep 600; } > /root/keys & typing=$!; ` +
    `script -qefc 'warmboot load ${path}' /root/asked < /root/keys > /dev/null; code=$?; ` +
    "kill $typing; cat /root/asked; exit $code";
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

      await t.step("a passphrase that does not fit is refused at load, and nothing is loaded", async () => {
        const { code, stdout } = await machine.run(loadTyping("Wrong Horse", TYPED));
        assertEquals(code, 69, stdout);
        assertStringIncludes(stdout, "The passphrase does not open the volume `root`");
        assertEquals(await loaded(machine), "0");
      });

      await t.step(
        "a typed passphrase is loaded by a stored plan, without an echo, and is in the image alone",
        async () => {
          await machine.output(`warmboot plan -o json --out /root/plan.json ${TYPED}`);
          const { code, stdout } = await machine.run(loadTyping(KEYS.typed, "/root/plan.json"));
          assertEquals(code, 0, stdout);
          assert(!stdout.includes(KEYS.typed), "The terminal echoes the passphrase");
          assertEquals(await loaded(machine), "1");
          // What the kernel frees it clears: `init_on_free=1`. This covers the processes and the page cache.
          await machine.output("sync; echo 3 > /proc/sys/vm/drop_caches");
          assertEquals(await machine.countInMemory(KEYS.typed, MEMORY * 2 ** 20), 1);
          const passphrase = `"$(echo '${turned(KEYS.typed)}' | ${PLAIN})"`;
          const search = `grep -rlF -e ${passphrase} /run /var /etc/warmboot /root /proc/cmdline`;
          assertEquals((await machine.run(search)).stdout, "");
          assertEquals(await machine.output(`journalctl --no-pager | grep -cF -e ${passphrase} || true`), "0\n");
          await machine.output("warmboot unload");
          assertEquals(await machine.countInMemory(KEYS.typed, MEMORY * 2 ** 20), 0);
        },
      );

      await t.step("with the typed passphrase, the reboot asks nothing", async () => {
        const { code, stdout } = await machine.run(loadTyping(KEYS.typed, TYPED));
        assertEquals(code, 0, stdout);
        await unattended(machine, tool);
      });
    },
  });
}
