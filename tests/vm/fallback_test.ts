/**
 * `fallback: running` on machines that their firmware boots from the disk: GRUB by a BIOS, systemd-boot by UEFI. A reset boots
 * what the boot loader says, so that it shows whether the one-shot entry leads back, and whether it is taken back.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { removeTree } from "./cache.ts";
import { UNITS, unitText } from "../support/units.ts";
import { debianMachine, PATIENT_UNITS } from "./debian_root.ts";
import { ALL } from "./extent.ts";
import { diskInitrd, type GuestFiles, initrdBytes } from "./initramfs.ts";
import type { Machine } from "./machine.ts";
import { kernelModule } from "./modules.ts";
import { fetchBusybox, fetchKernel, fetchSystemdBoot, grubModules, type Kernel, makeGrubCore } from "./packages.ts";
import { BASE_CMDLINE } from "./qemu.ts";

const [old, young] = [await fetchKernel("6.1"), await fetchKernel("6.12")];

/** On a busy machine, a kernel may not find its timer in the emulation, and panic; with this it does not look. */
const CMDLINE = `${BASE_CMDLINE} no_timer_check`;

const UUID = "2c4f6f0e-5d6b-4b0a-9a53-0d6a7b8c9e01";

/** A kernel without its initrd's program finds no root file system, and panics; `panic=-1` then resets at once. */
function profile(kernel: string, initrd: string, cmdline: string): string {
  return `version: 1\nkernel: ${kernel}\ninitrd: ${initrd}\ncmdline: ${cmdline}\n` +
    "guard: { fallback: running }\n";
}

/** The units where an administrator would put them, and what each boot does that udev and modprobe do elsewhere. */
function unitFiles(atBoot: string): GuestFiles {
  return {
    ...PATIENT_UNITS,
    ...Object.fromEntries(UNITS.map((name) => [`/etc/systemd/system/${name}`, unitText(name)])),
    "/root/at-boot": `#!/bin/sh\n${atBoot}\n`,
    "/etc/systemd/system/at-boot.service":
      "[Unit]\nDefaultDependencies=no\nAfter=systemd-remount-fs.service\nBefore=local-fs.target\n" +
      "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh /root/at-boot\n",
    "/etc/systemd/system/sysinit.target.d/at-boot.conf": "[Unit]\nWants=at-boot.service\n",
  };
}

/** Seconds in which a machine that is busy with other tests reboots through systemd. */
const REBOOT = { timeout: 1500 };

/** Has `systemctl kexec`, as warmboot calls it, do nothing: a shutdown that is cancelled. */
const CANCELLING = '#!/bin/sh\n[ "$1" = kexec ] || exec /usr/bin/systemctl "$@"\n';

interface Host {
  readonly loader: "GRUB" | "systemd-boot";
  /** The entry of the old kernel. */
  readonly entry: string;
  /** Prints the one-shot entry, or nothing. */
  readonly pending: string;
  /** Asks the boot loader for an entry, or for none, as another program does. */
  readonly ask: (entry: string | undefined) => Promise<unknown>;
  readonly machine: Machine;
}

/**
 * The kernel that is tried fails: the old one comes back. Then it is good, is confirmed, and a reset boots it. All of it by the
 * units: what they write, they write from within their sandboxes.
 */
async function fallsBackAndArrives(t: Deno.TestContext, host: Host): Promise<void> {
  const { machine, loader, entry, pending } = host;
  const pendingEntry = async (): Promise<string> => (await machine.output(pending)).trim();
  const arrived = async (): Promise<string> => {
    const wait = "for i in $(seq 200); do systemctl -q is-active warmboot-arrive && exit 0; sleep 3; done; exit 1";
    await machine.output(wait, REBOOT);
    // Whichever of the two looks first says so.
    return await machine.output("journalctl -b -o cat -u warmboot-arrive -u warmboot-deadline");
  };

  await t.step("the plan says where a cold reboot leads, with and without the guard's word", async () => {
    const { stdout, stderr } = await machine.run("warmboot plan bad");
    const plan = `${stdout}${stderr}`.replaceAll(/\s+/g, " ");
    assertStringIncludes(plan, `A cold reboot boots ${entry} (${loader}, once)`);
    assertStringIncludes(plan, `Once confirmed, it boots ${young.release} (${loader}, default entry)`);
    const without = await machine.run(
      "sed 's/fallback: running/confirm: 10min/' /etc/warmboot/good.yaml | warmboot plan -",
    );
    const warned = `${without.stdout}${without.stderr}`.replaceAll(/\s+/g, " ");
    assertStringIncludes(warned, `A cold reboot boots ${young.release} (${loader}, default entry): the very kernel`);
    assertEquals(await pendingEntry(), "");
  });

  await t.step("a kernel that panics: the firmware's reset boots the old one, not the default", async () => {
    await machine.output("systemctl enable --now warmboot-arrive");
    // Nobody but warmboot-arrive asks the boot loader, when it is stopped.
    await machine.output("systemctl start warmboot-load@bad");
    const { release } = await machine.runToBoot("systemctl kexec", REBOOT);
    assertEquals(release, old.release);
    assertMatch(machine.console(), /Kernel panic - not syncing/);
    assertMatch(await arrived(), /fell back/);
    assertEquals(await pendingEntry(), "");
    const [last] = JSON.parse(await machine.output("warmboot history -o json")).attempts;
    assertEquals([last.way, last.outcome.end, last.oneShot.entry], ["found", "fell-back", entry]);
  });

  await t.step("what another asked of the boot loader is left alone, and stops the reboot", async () => {
    await host.ask("foreign");
    const { code } = await machine.run("systemctl start warmboot-reboot@good");
    assertEquals(code, 1);
    assertStringIncludes(
      await machine.output("journalctl -b -o cat -u warmboot-reboot@good"),
      `${loader} is already asked to boot \`foreign\` once`,
    );
    assertEquals(await pendingEntry(), "foreign");
    await host.ask(undefined);
  });

  await t.step("a reboot that is cancelled: `unload` takes back what was asked, and says so", async () => {
    await machine.write("/usr/sbin/systemctl", CANCELLING);
    await machine.output("chmod 755 /usr/sbin/systemctl && warmboot exec; rm /usr/sbin/systemctl");
    assertEquals(await pendingEntry(), entry);
    const { code, stderr } = await machine.run("warmboot unload");
    assertEquals(code, 0, stderr);
    assertStringIncludes(stderr.replaceAll(/\s+/g, " "), `${loader} is no longer asked to boot \`${entry}\` once`);
    assertEquals(await pendingEntry(), "");
  });

  await t.step("a kernel that is good: confirmed, the one-shot entry is taken back, and a reset boots it", async () => {
    const { release } = await machine.runToBoot("systemctl start warmboot-reboot@good", REBOOT);
    assertEquals(release, young.release);
    assertMatch(await arrived(), /arrived/);
    assertEquals(await pendingEntry(), entry);
    await machine.output("systemctl start warmboot-confirm");
    assertEquals(await pendingEntry(), "");
    await machine.output("sync");
    const again = await machine.reset();
    assertEquals(again.release, young.release);
    assert(!again.cmdline.includes("warmboot.plan="), again.cmdline);
  });
}

/** What grub-mkconfig wrote on a Debian with both kernels, for this disk and its console. */
async function grubConfig(): Promise<string> {
  const [, text = ""] = /==> \/boot\/grub\/grub\.cfg <==\n([^]*?)\n==> /.exec(
    await Deno.readTextFile(new URL("../entry/fixtures/debian.txt", import.meta.url)),
  ) ?? [];
  return text.replaceAll("5b1d6a0c-7f0e-4d52-9a47-3c9f0a3f6c11", UUID)
    .replaceAll("6.12.117+deb13-amd64", young.release).replaceAll("6.1.0-50-amd64", old.release)
    .replaceAll("gpt2", "msdos1").replaceAll("ro  quiet", `ro ${CMDLINE}`)
    .replaceAll("set timeout=5", "set timeout=0").replaceAll("terminal_output gfxterm", "");
}

function environment(entry: string | undefined): string {
  const lines = `saved_entry=kept\n${entry === undefined ? "" : `next_entry=${entry}\n`}`;
  return `# GRUB Environment Block\n${lines}`.padEnd(1024, "#");
}

Deno.test({
  name: "GRUB on a BIOS disk: a guarded reboot falls back by next_entry, and is confirmed",
  ignore: !ALL,
  fn: async (t) => {
    const modules = await grubModules();
    const initrd = await initrdBytes(await diskInitrd([old, young]));
    const cmdline = `root=UUID=${UUID} ro ${CMDLINE}`;
    const entry = `gnulinux-advanced-${UUID}>gnulinux-${old.release}-advanced-${UUID}`;
    const files: { [path: string]: { readonly file: string } } = {};
    for await (const { name } of Deno.readDir(modules)) {
      if (/\.(?:mod|lst)$/.test(name)) files[`/boot/grub/i386-pc/${name}`] = { file: join(modules, name) };
    }
    const machine = await debianMachine(
      "bookworm",
      old,
      { warmboot: "cli.ts" },
      {
        resets: true,
        fromDisk: {
          uuid: UUID,
          boot: await Deno.readFile(join(modules, "boot.img")),
          core: await makeGrubCore(
            "serial --unit=0 --speed=115200\nterminal_input serial\nterminal_output serial\n" +
              `search.fs_uuid ${UUID} root\nset prefix=($root)/boot/grub\n`,
            ["biosdisk", "part_msdos", "ext2", "search_fs_uuid", "serial", "terminal", "normal", "linux"],
          ),
        },
      },
      {
        ...files,
        [`/boot/vmlinuz-${old.release}`]: { file: old.image },
        [`/boot/initrd.img-${old.release}`]: initrd,
        [`/boot/vmlinuz-${young.release}`]: { file: young.image },
        [`/boot/initrd.img-${young.release}`]: initrd,
        "/etc/fstab": "/dev/vda1 / ext4 defaults 0 0\n",
        "/boot/grub/grub.cfg": await grubConfig(),
        // The default is the new kernel; the first boot is of the old one.
        "/boot/grub/grubenv": environment(entry),
        ...unitFiles(
          `mkdir -p /run/udev/data; echo E:ID_FS_UUID=${UUID} > /run/udev/data/b$(cat /sys/class/block/vda1/dev)`,
        ),
        "/etc/warmboot/bad.yaml": profile(
          `/boot/vmlinuz-${young.release}`,
          `/boot/initrd.img-${young.release}`,
          `${cmdline} rdinit=/missing`,
        ),
        "/etc/warmboot/good.yaml": profile(
          `/boot/vmlinuz-${young.release}`,
          `/boot/initrd.img-${young.release}`,
          cmdline,
        ),
      },
    );
    await using _machine = machine;
    assertEquals(machine.boot().release, old.release);
    await fallsBackAndArrives(t, {
      loader: "GRUB",
      machine,
      entry,
      pending: "sed -n 's/^next_entry=//p' /boot/grub/grubenv",
      ask: (entry) => machine.write("/boot/grub/grubenv", environment(entry)),
    });
    const block = await machine.output("cat /boot/grub/grubenv");
    assertEquals(block.length, 1024);
    assertStringIncludes(block, "\nsaved_entry=kept\n");
  },
});

const EFIVARS = "/sys/firmware/efi/efivars";
const ONE_SHOT = `${EFIVARS}/LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f`;
/** An entry as the variable has it, for printf. */
function variableText(entry: string): string {
  return `'\\7\\0\\0\\0${Array.from(entry, (character) => `${character}\\0`).join("")}\\0\\0'`;
}

Deno.test({
  name: "systemd-boot on UEFI: a guarded reboot falls back by LoaderEntryOneShot, and is confirmed",
  ignore: !ALL,
  fn: async (t) => {
    const esp = await Deno.makeTempDir({ prefix: "warmboot-esp-" });
    try {
      const initrd = await diskInitrd([old, young]);
      const bytes = await initrdBytes(initrd);
      const cmdline = `root=/dev/vda ro ${CMDLINE}`;
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
        { warmboot: "cli.ts", remove_variable: "tests/vm/guest/remove_variable.ts" },
        {
          firmware: "uefi",
          resets: true,
          fromDisk: true,
          extra: ["-drive", `if=none,id=esp,format=raw,readonly=on,file=fat:${esp}`],
          devices: ["virtio-blk-pci,drive=esp"],
        },
        {
          ...drivers,
          "/usr/local/bin/busybox": { file: await fetchBusybox("x86_64") },
          ...unitFiles(
            'for each in /root/modules/"$(uname -r)"/*.ko; do /usr/local/bin/busybox insmod "$each"; done; ' +
              `mountpoint -q ${EFIVARS} || mount -t efivarfs efivarfs ${EFIVARS}; ` +
              "mkdir -p /efi; mountpoint -q /efi || mount -t vfat -o ro /dev/vdb1 /efi",
          ),
          "/etc/warmboot/bad.yaml": profile("/efi/young/linux", "/efi/young/initrd", `${cmdline} rdinit=/missing`),
          "/etc/warmboot/good.yaml": profile("/efi/young/linux", "/efi/young/initrd", cmdline),
        },
      );
      await using _machine = machine;
      // The default is the new kernel; the first boot into the old one is by the variable, as `bootctl set-oneshot` sets it.
      if (machine.boot().release !== old.release) {
        await machine.output(`printf ${variableText("old.conf")} > ${ONE_SHOT} && sync`);
        const { release } = await machine.runToBoot("reboot -f", { timeout: 900 });
        assertEquals(release, old.release);
      }
      await fallsBackAndArrives(t, {
        loader: "systemd-boot",
        machine,
        entry: "old.conf",
        pending: `test ! -e ${ONE_SHOT} || cat ${ONE_SHOT} | tail -c +5 | tr -d '\\0'`,
        ask: (entry) =>
          machine.output(
            entry === undefined ? `remove_variable ${ONE_SHOT}` : `printf ${variableText(entry)} > ${ONE_SHOT}`,
          ),
      });
    } finally {
      await removeTree(esp);
    }
  },
});
