/**
 * `unlock` beyond one key file: a key that a program prints, two volumes at once, a header that lies in a file; and a key slot
 * that goes between the load and the reboot, under a guard.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Attempt } from "../../src/state/attempt.ts";
import { distribution } from "./apt.ts";
import {
  DATA_UUID,
  encryptedCmdline,
  encryptedMachine,
  type InitrdTool,
  KEYS,
  openVolumes,
  PLAIN,
  QUESTIONS,
  ROOT_CMDLINE,
  turned,
  unattended,
  UUID,
} from "./encrypted_root.ts";
import { ALL } from "./extent.ts";
import { loaded } from "./guest_profile.ts";
import type { GuestFiles } from "./initramfs.ts";
import type { Machine } from "./machine.ts";
import { BASE_CMDLINE } from "./qemu.ts";

/** The root volume's key is printed by a program, that of the other volume is a file. */
const UNLOCK = `unlock:
  - { volume: root, key: { command: [sh, -c, "printf %s '${turned(KEYS.typed)}' | ${PLAIN}"] } }
  - { volume: VOLUME, key: { from: /etc/keys/data.key } }
`;

/** The crypttab that each initrd reads. */
const CRYPTTABS: { readonly [tool in InitrdTool]: string } = {
  "initramfs-tools": "/cryptroot/crypttab",
  "dracut": "/etc/crypttab",
};

/** An initrd whose crypttab has another line for the volume on the second disk, and this file. */
function initrdWith(tool: InitrdTool, line: string, more = ""): string {
  const lines = `root UUID=${UUID} none luks,discard,initramfs\\n${line}\\n`;
  return `[/boot/initrd, { files: [{ path: ${CRYPTTABS[tool]}, text: "${lines}" }${more}] }]`;
}

/** The harness' words, without that for panics, which are the guard's. */
const CMDLINE = BASE_CMDLINE.replace(" panic=-1", "");

function profile(initrd: string, cmdline: string, more: string): string {
  return `version: 1\nkernel: /boot/vmlinuz\ninitrd: ${initrd}\ncmdline: ${CMDLINE} ${cmdline}\n${more}`;
}

const HEADER = "/etc/keys/data.header";

function files(tool: InitrdTool): GuestFiles {
  const line = `data UUID=${DATA_UUID} none luks,initramfs`;
  const initrd = tool === "dracut" ? "/boot/initrd" : initrdWith(tool, line);
  const cmdline = encryptedCmdline(tool) + (tool === "dracut" ? ` rd.luks.name=${DATA_UUID}=data` : "");
  const detached = initrdWith(
    tool,
    `data /dev/vdb none luks,header=${HEADER},initramfs`,
    `, { path: ${HEADER}, from: ${HEADER} }`,
  );
  return {
    "/etc/warmboot/both.yaml": profile(initrd, cmdline, `load: kexec_load\n${UNLOCK.replace("VOLUME", DATA_UUID)}`),
    "/etc/warmboot/detached.yaml": profile(detached, ROOT_CMDLINE, UNLOCK.replace("VOLUME", "/dev/vdb")),
    "/etc/warmboot/guarded.yaml": profile(
      "/boot/initrd",
      encryptedCmdline(tool),
      "guard: { panic: 10s }\nunlock: [{ volume: root, key: { from: /etc/keys/root.key } }]\n",
    ),
    "/etc/keys/root.key": KEYS.file,
    "/etc/keys/data.key": KEYS.data,
  };
}

/** Both volumes are open, and the second one can be read. */
async function bothAreOpen(machine: Machine): Promise<void> {
  assertEquals(await openVolumes(machine), {
    root: UUID.replaceAll("-", ""),
    data: DATA_UUID.replaceAll("-", ""),
  });
  await machine.output("mkdir -p /mnt/data");
  const device = "/dev/$(basename $(dirname $(dirname $(grep -lx data /sys/class/block/dm-*/dm/name))))";
  assertEquals(
    await machine.output(`mount -o ro ${device} /mnt/data && cat /mnt/data/hello; umount /mnt/data`),
    "data\n",
  );
}

/** The last reboot in the history. */
async function latest(machine: Machine): Promise<Attempt> {
  const { attempts: [attempt] } = JSON.parse(await machine.output("warmboot history -o json"));
  return attempt;
}

for (const tool of ["initramfs-tools", "dracut"] as const) {
  Deno.test({
    name: `a key that a program prints, two encrypted volumes, and a header in a file (${tool})`,
    ignore: !ALL || await distribution() !== "debian" || Deno.uid() !== 0,
    async fn(t) {
      await using machine = await encryptedMachine({
        tool,
        programs: { warmboot: "cli.ts" },
        files: files(tool),
        data: { "/hello": "data\n" },
      });

      await t.step("a cold boot opens the root alone", async () => {
        assertEquals(Object.keys(await openVolumes(machine)), ["root"]);
      });

      await t.step("of two keys, the second does not fit: refused, and nothing is loaded", async () => {
        await machine.output("printf x >> /etc/keys/data.key");
        const { code, stderr } = await machine.run("warmboot load /etc/warmboot/both.yaml");
        await machine.output("truncate -s -1 /etc/keys/data.key");
        assertEquals(code, 69, stderr);
        assertStringIncludes(stderr, `The key does not open the volume \`${DATA_UUID}\``);
        assertEquals(await loaded(machine), "0");
      });

      await t.step("a key that a program prints, and a second volume: the reboot asks nothing", async () => {
        await machine.output("warmboot load /etc/warmboot/both.yaml");
        await unattended(machine, tool);
        await bothAreOpen(machine);
      });

      await t.step(
        "a volume whose header lies in a file, and has none on the disk: the reboot asks nothing",
        async () => {
          await machine.output(`cryptsetup luksHeaderBackup /dev/vdb --header-backup-file ${HEADER}`);
          await machine.output("dd if=/dev/zero of=/dev/vdb bs=1M count=16 conv=fsync 2>/dev/null");
          assertEquals((await machine.run("cryptsetup isLuks /dev/vdb")).code, 1);
          // As in a boot that never saw that header.
          await machine.output(`rm -f /dev/disk/by-uuid/${DATA_UUID}`);
          await machine.output("warmboot load /etc/warmboot/detached.yaml");
          await unattended(machine, tool);
          await bothAreOpen(machine);
        },
      );
    },
  });

  Deno.test({
    name: `a key slot that goes between the load and the reboot, under a guard (${tool})`,
    ignore: !ALL || await distribution() !== "debian" || Deno.uid() !== 0,
    async fn(t) {
      const programs = { warmboot: "cli.ts" };
      await using machine = await encryptedMachine({ tool, programs, files: files(tool), resets: true });

      await t.step(
        "the next kernel cannot open its root: the guard leads back, and the history says so",
        async () => {
          await machine.output("warmboot arrive; warmboot load /etc/warmboot/guarded.yaml");
          await machine.output(`cryptsetup -q luksKillSlot /dev/disk/by-uuid/${UUID} 2`);
          const from = machine.console().length;
          const limit = 900;
          const [{ cmdline }] = await Promise.all([
            machine.runToBoot("warmboot exec --now", { timeout: 2 * limit }),
            machine.sees("reboot: Restarting system", limit)
              .then(() => machine.sees(QUESTIONS[tool], limit))
              .then(() => machine.type(KEYS.cold)),
          ]);
          const said = machine.console(from);
          assert(
            said.slice(0, said.indexOf("reboot: Restarting system")).includes("warmboot.plan="),
            said.slice(0, 2000),
          );
          assert(!cmdline.includes("warmboot.plan="), cmdline);
          await machine.output("warmboot arrive");
          const attempt = await latest(machine);
          assertEquals([attempt.profile, attempt.outcome?.end], ["guarded", "fell-back"]);
          assertStringIncludes(await machine.output("warmboot history"), "fell back");
        },
      );

      await t.step("the plan that fell back is refused, and with --force its key is", async () => {
        const refused = await machine.run("warmboot load /etc/warmboot/guarded.yaml");
        assertEquals(refused.code, 69, refused.stderr);
        assertStringIncludes(refused.stderr, "attempt-failed");
        const forced = await machine.run("warmboot load --force /etc/warmboot/guarded.yaml");
        assertEquals(forced.code, 69, forced.stderr);
        assertStringIncludes(forced.stderr, "The key does not open the volume `root`");
        assertEquals(await loaded(machine), "0");
      });

      await t.step("with its slot back, and --force, the same plan boots", async () => {
        await machine.output(
          "printf %s '" + KEYS.cold + "' | cryptsetup luksAddKey --batch-mode --pbkdf pbkdf2 " +
            `--pbkdf-force-iterations 1000 --key-file - /dev/disk/by-uuid/${UUID} /etc/keys/root.key`,
        );
        await machine.output("warmboot load --force /etc/warmboot/guarded.yaml");
        await unattended(machine, tool, "--force");
        await machine.output("warmboot arrive");
        assertEquals((await latest(machine)).outcome?.end, "arrived");
      });
    },
  });
}
