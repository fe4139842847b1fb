/**
 * `fallback: running` on machines that their firmware boots from the disk: GRUB by a BIOS, systemd-boot by UEFI. A reset boots
 * what the boot loader says, so that it shows whether the one-shot entry leads back, and whether it is taken back.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { removeTree } from "./cache.ts";
import { debianMachine } from "./debian_root.ts";
import { ALL } from "./extent.ts";
import { diskInitrd, initrdBytes } from "./initramfs.ts";
import type { Machine } from "./machine.ts";
import { kernelModule } from "./modules.ts";
import { fetchKernel, fetchSystemdBoot, grubModules, type Kernel, makeGrubCore } from "./packages.ts";
import { BASE_CMDLINE } from "./qemu.ts";

const [old, young] = [await fetchKernel("6.1"), await fetchKernel("6.12")];

const UUID = "2c4f6f0e-5d6b-4b0a-9a53-0d6a7b8c9e01";

/** What udev does at a boot with it: without it, nothing says which file system has which UUID. */
const UDEV = "mkdir -p /run/udev && /usr/lib/systemd/systemd-udevd --daemon && " +
  "udevadm trigger --action=add --subsystem-match=block && udevadm settle";

/** A kernel without its initrd's program finds no root file system, and panics; `panic=-1` then resets at once. */
function profile(kernel: string, initrd: string, cmdline: string): string {
  return `version: 1\nkernel: ${kernel}\ninitrd: ${initrd}\ncmdline: ${cmdline}\n` +
    "guard: { fallback: running }\n";
}

interface Host {
  readonly loader: "GRUB" | "systemd-boot";
  /** The entry of the old kernel. */
  readonly entry: string;
  /** Makes the facts of a boot readable. */
  readonly atBoot: string;
  /** Prints the one-shot entry, or nothing. */
  readonly pending: string;
  readonly machine: Machine;
}

/** The kernel that is tried fails: the old one comes back. Then it is good, is confirmed, and a reset boots it. */
async function fallsBackAndArrives(t: Deno.TestContext, host: Host): Promise<void> {
  const { machine, loader, entry, atBoot, pending } = host;
  const pendingEntry = async (): Promise<string> => (await machine.output(pending)).trim();

  await t.step("the plan says where a cold reboot leads, with and without the guard's word", async () => {
    const { stdout, stderr } = await machine.run("warmboot plan /root/bad.yaml");
    const plan = `${stdout}${stderr}`.replaceAll(/\s+/g, " ");
    assertStringIncludes(plan, `A cold reboot boots ${entry} (${loader}, once)`);
    assertStringIncludes(plan, `Once confirmed, it boots ${young.release} (${loader}, default entry)`);
    const without = await machine.run("sed 's/fallback: running/confirm: 10min/' /root/good.yaml | warmboot plan -");
    const warned = `${without.stdout}${without.stderr}`.replaceAll(/\s+/g, " ");
    assertStringIncludes(warned, `A cold reboot boots ${young.release} (${loader}, default entry): the very kernel`);
    assertEquals(await pendingEntry(), "");
  });

  await t.step("a kernel that panics: the firmware's reset boots the old one, not the default", async () => {
    await machine.output("warmboot arrive");
    const { release } = await machine.runToBoot("warmboot load --exec --now /root/bad.yaml", { timeout: 600 });
    assertEquals(release, old.release);
    assertMatch(machine.console(), /Kernel panic - not syncing/);
    await machine.output(atBoot);
    assertMatch(await machine.output("warmboot arrive"), /fell back/);
    assertEquals(await pendingEntry(), "");
    const [last] = JSON.parse(await machine.output("warmboot history -o json")).attempts;
    assertEquals(last.outcome.end, "fell-back");
    assertEquals(last.oneShot.entry, entry);
  });

  await t.step("what another asked of the boot loader is left alone, and stops the reboot", async () => {
    const set = loader === "GRUB" ? "grub-editenv /boot/grub/grubenv set next_entry=0" : `${SET_FOREIGN}`;
    await machine.output(set);
    await machine.output("warmboot load /root/good.yaml");
    const { code, stderr } = await machine.run("warmboot exec --now");
    assertEquals(code, 69, stderr);
    assertMatch(stderr, /is already asked to boot `[^`]+` once .* and not by warmboot/);
    assert(await pendingEntry() !== entry);
    await machine.output(loader === "GRUB" ? "grub-editenv /boot/grub/grubenv unset next_entry" : CLEAR_FOREIGN);
  });

  await t.step("a kernel that is good: confirmed, the one-shot entry is taken back, and a reset boots it", async () => {
    const { release } = await machine.runToBoot("warmboot exec", { timeout: 600 });
    assertEquals(release, young.release);
    await machine.output(atBoot);
    assertMatch(await machine.output("warmboot arrive"), /arrived/);
    assertEquals(await pendingEntry(), entry);
    await machine.output("warmboot confirm");
    assertEquals(await pendingEntry(), "");
    await machine.output("sync");
    const again = await machine.reset();
    assertEquals(again.release, young.release);
    assert(!again.cmdline.includes("warmboot.plan="), again.cmdline);
  });
}

Deno.test({
  name: "GRUB on a BIOS disk: a guarded reboot falls back by next_entry, and is confirmed",
  ignore: !ALL,
  fn: async (t) => {
    const modules = await grubModules();
    const initrd = await diskInitrd([old, young]);
    const bytes = await initrdBytes(initrd);
    const cmdline = `root=UUID=${UUID} ro ${BASE_CMDLINE}`;
    const serial = "serial --unit=0 --speed=115200\nterminal_input serial\nterminal_output serial\n";
    const machine = await debianMachine(
      "bookworm",
      old,
      { warmboot: "cli.ts" },
      {
        packages: ["grub-common", "grub-pc-bin"],
        resets: true,
        fromDisk: {
          uuid: UUID,
          boot: await Deno.readFile(join(modules, "boot.img")),
          core: await makeGrubCore(
            `${serial}search.fs_uuid ${UUID} root\nset prefix=($root)/boot/grub\n`,
            [
              "biosdisk",
              "part_msdos",
              "ext2",
              "search_fs_uuid",
              "serial",
              "terminal",
              "normal",
              "linux",
              "echo",
              "test",
            ],
          ),
        },
      },
      {
        [`/boot/vmlinuz-${old.release}`]: { file: old.image },
        [`/boot/initrd.img-${old.release}`]: bytes,
        [`/boot/vmlinuz-${young.release}`]: { file: young.image },
        [`/boot/initrd.img-${young.release}`]: bytes,
        "/etc/fstab": "/dev/vda1 / ext4 defaults 0 0\n",
        // Until grub-mkconfig has run: the old kernel.
        "/boot/grub/grub.cfg":
          `linux /boot/vmlinuz-${old.release} ${cmdline}\ninitrd /boot/initrd.img-${old.release}\nboot\n`,
        "/etc/default/grub": "GRUB_DEFAULT=0\nGRUB_TIMEOUT=0\nGRUB_DISTRIBUTOR=Debian\n" +
          `GRUB_CMDLINE_LINUX="${BASE_CMDLINE}"\nGRUB_DISABLE_OS_PROBER=true\n` +
          'GRUB_TERMINAL=serial\nGRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"\n',
        "/root/bad.yaml": profile(
          `/boot/vmlinuz-${young.release}`,
          `/boot/initrd.img-${young.release}`,
          `${cmdline} rdinit=/missing`,
        ),
        "/root/good.yaml": profile(`/boot/vmlinuz-${young.release}`, `/boot/initrd.img-${young.release}`, cmdline),
      },
    );
    await using _machine = machine;
    assertEquals(machine.boot().release, old.release);
    await machine.output(
      `${UDEV} && cp -r /usr/lib/grub/i386-pc /boot/grub/ && grub-mkconfig -o /boot/grub/grub.cfg && ` +
        "grub-editenv /boot/grub/grubenv create && sync",
      { timeout: 600 },
    );
    await fallsBackAndArrives(t, {
      loader: "GRUB",
      machine,
      entry: `gnulinux-advanced-${UUID}>gnulinux-${old.release}-advanced-${UUID}`,
      atBoot: UDEV,
      pending: "grub-editenv /boot/grub/grubenv list | sed -n 's/^next_entry=//p'",
    });
  },
});

const EFIVARS = "/sys/firmware/efi/efivars";
const ONE_SHOT = `${EFIVARS}/LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f`;
/** `young.conf`, in UTF-16. */
const SET_FOREIGN = `printf '\\7\\0\\0\\0y\\0o\\0u\\0n\\0g\\0.\\0c\\0o\\0n\\0f\\0\\0\\0' > ${ONE_SHOT}`;
const CLEAR_FOREIGN = `chattr -i ${ONE_SHOT} && rm ${ONE_SHOT}`;

Deno.test({
  name: "systemd-boot on UEFI: a guarded reboot falls back by LoaderEntryOneShot, and is confirmed",
  ignore: !ALL,
  fn: async (t) => {
    const esp = await Deno.makeTempDir({ prefix: "warmboot-esp-" });
    try {
      const initrd = await diskInitrd([old, young]);
      const bytes = await initrdBytes(initrd);
      const cmdline = `root=/dev/vda ro ${BASE_CMDLINE}`;
      const entry = (name: string, { release }: Kernel): string =>
        `title Debian ${name}\nversion ${release}\nlinux /${name}/linux\ninitrd /${name}/initrd\noptions ${cmdline}\n`;
      const files = {
        "EFI/BOOT/BOOTX64.EFI": await Deno.readFile(await fetchSystemdBoot()),
        "loader/loader.conf": "default young.conf\ntimeout 0\n",
        "loader/entries/old.conf": entry("old", old),
        "loader/entries/young.conf": entry("young", young),
        "old/linux": await Deno.readFile(old.image),
        "old/initrd": bytes,
        "young/linux": await Deno.readFile(young.image),
        "young/initrd": bytes,
      };
      for (const [path, content] of Object.entries(files)) {
        await Deno.mkdir(join(esp, path, ".."), { recursive: true });
        await Deno.writeFile(
          join(esp, path),
          typeof content === "string" ? new TextEncoder().encode(content) : content,
        );
      }
      const names = ["fat", "vfat", "nls_cp437", "nls_ascii", "nls_iso8859-1", "efivarfs"];
      const drivers: { [path: string]: Uint8Array } = {};
      for (const kernel of [old, young]) {
        for (const [index, name] of names.entries()) {
          const module = await kernelModule(kernel, name);
          if (module !== undefined) drivers[`/root/modules/${kernel.release}/${index}-${name}.ko`] = module;
        }
      }
      const machine = await debianMachine(
        "bookworm",
        old,
        { warmboot: "cli.ts" },
        {
          packages: ["e2fsprogs"],
          firmware: "uefi",
          resets: true,
          fromDisk: true,
          extra: ["-drive", `if=none,id=esp,format=raw,readonly=on,file=fat:${esp}`],
          devices: ["virtio-blk-pci,drive=esp"],
        },
        {
          ...drivers,
          "/root/bad.yaml": profile("/efi/young/linux", "/efi/young/initrd", `${cmdline} rdinit=/missing`),
          "/root/good.yaml": profile("/efi/young/linux", "/efi/young/initrd", cmdline),
        },
      );
      await using _machine = machine;
      const atBoot = 'for each in /root/modules/"$(uname -r)"/*.ko; do insmod "$each"; done; ' +
        `mountpoint -q ${EFIVARS} || mount -t efivarfs efivarfs ${EFIVARS}; ` +
        "mkdir -p /efi; mountpoint -q /efi || mount -t vfat -o ro /dev/vdb1 /efi";
      await machine.output(atBoot);
      // The default is the new kernel; the first boot into the old one is by the variable, as `bootctl set-oneshot` sets it.
      if (machine.boot().release !== old.release) {
        await machine.output(`printf '\\7\\0\\0\\0o\\0l\\0d\\0.\\0c\\0o\\0n\\0f\\0\\0\\0' > ${ONE_SHOT} && sync`);
        const { release } = await machine.runToBoot("reboot -f", { timeout: 900 });
        assertEquals(release, old.release);
        await machine.output(atBoot);
      }
      await fallsBackAndArrives(t, {
        loader: "systemd-boot",
        machine,
        entry: "old.conf",
        atBoot,
        pending: `test ! -e ${ONE_SHOT} || tail -c +5 ${ONE_SHOT} | tr -d '\\0'`,
      });
    } finally {
      await removeTree(esp);
    }
  },
});
