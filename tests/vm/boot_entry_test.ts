/** A Debian whose GRUB was configured by grub-mkconfig, and whose systemd-boot by bootctl and kernel-install. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ALL } from "./extent.ts";
import { distribution } from "./apt.ts";
import { debianMachine } from "./debian_root.ts";
import { diskInitrd, type GuestFiles, initrdBytes } from "./initramfs.ts";
import type { Machine } from "./machine.ts";
import { kernelModule } from "./modules.ts";
import { fetchKernel } from "./packages.ts";
import { BASE_CMDLINE } from "./qemu.ts";

const isUbuntu = await distribution() === "ubuntu";
const kernel = await fetchKernel(isUbuntu ? "host" : "6.1");

/** The name of a copy of the kernel, which counts as the older one. */
const OLD = "5.0.0-1-amd64";

const DEFAULTS = `GRUB_DEFAULT="1>2"
GRUB_TIMEOUT=5
GRUB_CMDLINE_LINUX="${BASE_CMDLINE} from=grub"
GRUB_DISABLE_OS_PROBER=true
`;

/** A nested \`if\`, and a command that GRUB does not have. */
const CUSTOM = `#!/bin/sh
exec tail -n +3 $0
frobnicate --now
if [ "\${grub_platform}" = efi ]; then
  if [ -n "\${unset}" -o ! -f /boot/nothing ]; then
    set custom=yes
  else
    set default=0
  fi
fi
`;

/** What udev does at a boot with it: without it, nothing says which file system has which UUID. */
const UDEV = "mkdir -p /run/udev && /usr/lib/systemd/systemd-udevd --daemon && " +
  "udevadm trigger --action=add --subsystem-match=block && udevadm settle";

async function plan(machine: Machine, profile: string, options = "") {
  const { code, stdout, stderr } = await machine.run(`warmboot plan ${profile} -o json ${options}`);
  assert(code === 0, `${stdout}${stderr}`);
  return { text: stdout, plan: JSON.parse(stdout), said: stderr };
}

/** A Debian with both boot loaders' programs, two kernels that are one, and EFI variables. */
async function debian(more: GuestFiles): Promise<{ readonly machine: Machine; atBoot(): Promise<void> }> {
  const initrd = await initrdBytes(await diskInitrd([kernel]));
  const efivarfs = await kernelModule(kernel, "efivarfs");
  const machine = await debianMachine(
    isUbuntu ? "host" : "bookworm",
    kernel,
    { warmboot: "cli.ts" },
    { packages: ["grub-common", "grub-efi-amd64-bin", "systemd-boot"], firmware: "uefi" },
    {
      [`/boot/vmlinuz-${kernel.release}`]: { file: kernel.image },
      [`/boot/initrd.img-${kernel.release}`]: initrd,
      [`/boot/vmlinuz-${OLD}`]: { file: kernel.image },
      [`/boot/initrd.img-${OLD}`]: initrd,
      "/root/p.yaml": "version: 1\nboot_entry: default\n",
      ...(efivarfs === undefined ? {} : { "/root/efivarfs.ko": efivarfs }),
      ...more,
    },
  );
  const atBoot = async (): Promise<void> => {
    const mount = "mountpoint -q /sys/firmware/efi/efivars || mount -t efivarfs efivarfs /sys/firmware/efi/efivars";
    const module = efivarfs === undefined ? "" : "insmod /root/efivarfs.ko; ";
    await machine.output(`${module}${mount} && ${UDEV}`);
  };
  await atBoot();
  return { machine, atBoot };
}

Deno.test(`what GRUB would boot is planned and booted (${kernel.release})`, async (t) => {
  const { machine, atBoot } = await debian({ "/etc/default/grub": DEFAULTS, "/etc/grub.d/42_tests": CUSTOM });
  await using _machine = machine;
  const uuid = (await machine.output("blkid -s UUID -o value /dev/vda")).trim();

  await t.step("grub-mkconfig: the entry `1>2`, past a nested `if`, and the unknown command is named", async () => {
    await machine.output(
      "chmod +x /etc/grub.d/42_tests && mkdir -p /boot/grub/x86_64-efi && " +
        "cp /usr/lib/grub/x86_64-efi/command.lst /boot/grub/x86_64-efi && grub-mkconfig -o /boot/grub/grub.cfg",
    );
    // Both kernels are one, so that only the name of the file says which of them was planned.
    const { plan: found, said } = await plan(machine, "/root/p.yaml");
    assertEquals(found.call.kernel.path, `/boot/vmlinuz-${OLD}`);
    assertEquals(found.call.initrd.map(({ path }: { path: string }) => path), [`/boot/initrd.img-${OLD}`]);
    assertEquals(found.call.cmdline, `root=UUID=${uuid} ro ${BASE_CMDLINE} from=grub`);
    assertMatch(found.reasons[0].message, /^GRUB boots `gnulinux-advanced-\S+>gnulinux-5\.0\.0-1-amd64-advanced-\S+` /);
    assertMatch(said, /\/boot\/grub\/grub\.cfg:\d+:1: warning: `frobnicate` at/);
  });

  await t.step("the plan from a capture is the same, byte for byte; status and diff name the entry", async () => {
    await machine.output("warmboot facts --images /root/p.yaml > /root/host.json");
    const [live, captured] = [
      await plan(machine, "/root/p.yaml"),
      await plan(machine, "/root/p.yaml", "--facts /root/host.json"),
    ];
    assertEquals(captured.text, live.text);
    assertStringIncludes((await machine.output("warmboot status")).replaceAll(/\s+/g, " "), `/boot/vmlinuz-${OLD}`);
    const diff = await machine.run("warmboot diff @running @default");
    assertEquals(diff.code, 1, diff.stderr);
    assertStringIncludes(diff.stdout, "from=grub");
  });

  await t.step("it boots, and a stored plan is refused once GRUB would boot another entry", async () => {
    await machine.output("warmboot plan /root/p.yaml --out /root/plan.json");
    const { cmdline } = await machine.runToBoot("warmboot load --exec --now /root/plan.json");
    assertEquals(cmdline, `root=UUID=${uuid} ro ${BASE_CMDLINE} from=grub`);
    await atBoot();
    await machine.output("grub-editenv /boot/grub/grubenv create && grub-editenv /boot/grub/grubenv set next_entry=0");
    const { plan: found } = await plan(machine, "/root/p.yaml");
    assertEquals(found.call.kernel.path, `/boot/vmlinuz-${kernel.release}`);
    assertStringIncludes(
      found.reasons[0].message,
      "`next_entry` in /boot/grub/grubenv names it, for the next boot only",
    );
    const { code, stderr } = await machine.run("warmboot load --dry-run /root/plan.json");
    assertEquals(code, 69, stderr);
    assertStringIncludes(stderr, "Since the plan was made, the boot loader changed");
  });
});

Deno.test({
  name: `what systemd-boot would boot is planned, edited and booted (${kernel.release})`,
  ignore: !ALL,
  fn: async () => {
    const { machine } = await debian({
      "/etc/kernel/cmdline": `${BASE_CMDLINE} from=systemd-boot\n`,
      "/root/edited.yaml":
        "version: 1\nboot_entry: default\ncmdline: { reuse: entry, append: edited=1 }\nload: kexec_load\n",
    });
    await using _machine = machine;
    const variable = "/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
    const relaxed = "SYSTEMD_RELAX_ESP_CHECKS=1";
    await machine.output(
      `mkdir -p /efi && mount -t tmpfs tmpfs /efi && ` +
        `${relaxed} bootctl --esp-path=/efi --no-variables --make-entry-directory=yes install && ` +
        `BOOT_ROOT=/efi ${relaxed} kernel-install add ${kernel.release} /boot/vmlinuz /boot/initrd && ` +
        // The loader sets it; here, QEMU loaded the kernel.
        `printf '\\7\\0\\0\\0s\\0y\\0s\\0t\\0e\\0m\\0d\\0-\\0b\\0o\\0o\\0t\\0 \\0002\\0005\\0002\\0\\0\\0' > ${variable}`,
    );
    const { plan: found } = await plan(machine, "/root/p.yaml");
    assertMatch(found.reasons[0].message, /^systemd-boot boots `\S+\.conf` \(Debian GNU\/Linux/);
    // bootctl makes the entries of this machine the default, by a pattern.
    const rule = "`default` in /efi/loader/loader.conf is `0123456789abcdef0123456789abcdef-*`";
    assertStringIncludes(found.reasons[0].message, rule);
    const { cmdline } = await machine.runToBoot("warmboot load --exec --now /root/edited.yaml");
    assertMatch(cmdline, new RegExp(`^${BASE_CMDLINE.replaceAll(".", "\\.")} from=systemd-boot .*edited=1$`));
  },
});
