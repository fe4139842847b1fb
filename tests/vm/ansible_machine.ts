/** Debian machines that Ansible reaches by SSH on the loopback of this machine, with keys that the test makes. */
import { join } from "@std/path";
import { UNITS, unitText } from "../support/units.ts";
import { debianMachine, debianRoot, PATIENT_UNITS } from "./debian_root.ts";
import { output } from "./host_command.ts";
import { diskInitrd, type GuestFiles, initrdBytes } from "./initramfs.ts";
import type { Machine } from "./machine.ts";
import { moduleFiles } from "./modules.ts";
import { fetchBusybox, type Kernel } from "./packages.ts";

const SUITE = "bookworm";

/** What Ansible needs on a host. */
const PACKAGES = ["openssh-server", "python3-minimal", "libpython3-stdlib"];

/** On a busy machine, a kernel may not find its timer in the emulation, and panic; with this it does not look. */
export const NO_TIMER_CHECK = "no_timer_check";

/** The kernels of a machine: `running` is what it starts with, and what its firmware boots. */
export interface Kernels {
  readonly running: Kernel;
  readonly next: Kernel;
}

/** A key pair without a passphrase, in files that are named by it. */
export async function makeKey(path: string): Promise<void> {
  await output("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "warmboot-test", "-f", path]);
}

/** A port of the loopback that nothing listens on. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** The root file system, unpacked now, so that no machine has to wait for it. */
export async function prepareRoot(): Promise<void> {
  await debianRoot(SUITE, PACKAGES);
}

/** What udev, networkd and the maintainer scripts do elsewhere. */
const AT_BOOT = `#!/bin/sh
for each in /root/network/"$(uname -r)"/*.ko; do /usr/local/bin/busybox insmod "$each"; done
/usr/local/bin/busybox ip link set lo up
/usr/local/bin/busybox ip link set eth0 up
/usr/local/bin/busybox ip addr add 10.0.2.15/24 dev eth0
/usr/local/bin/busybox ip route add default via 10.0.2.2
grep -q ^sshd: /etc/passwd || echo sshd:x:101:65534::/run/sshd:/usr/sbin/nologin >>/etc/passwd
chmod 600 /etc/ssh/host_key
mkdir -p /run/sshd
`;

const SSHD = `HostKey /etc/ssh/host_key
AuthorizedKeysFile /root/.ssh/authorized_keys
PasswordAuthentication no
UsePAM no
UseDNS no
Subsystem sftp internal-sftp
`;

/** Starts a machine whose port 22 is this one of the loopback; `host` and `user` are the keys of the server and of who logs in. */
export async function ansibleMachine(
  name: string,
  { running, next }: Kernels,
  { port, host, user }: { readonly port: number; readonly host: string; readonly user: string },
): Promise<Machine> {
  const initrd = await initrdBytes(await diskInitrd([running, next]));
  const files: GuestFiles = {
    ...PATIENT_UNITS,
    ...Object.fromEntries(UNITS.map((unit) => [`/etc/systemd/system/${unit}`, unitText(unit)])),
    ...await moduleFiles(running, "virtio_net", `/root/network/${running.release}`),
    ...await moduleFiles(next, "virtio_net", `/root/network/${next.release}`),
    [`/boot/vmlinuz-${next.release}`]: { file: next.image },
    "/boot/initrd": initrd,
    "/etc/hostname": `${name}\n`,
    "/etc/ssh/host_key": await Deno.readFile(host),
    "/etc/ssh/sshd_config": SSHD,
    "/root/.ssh/authorized_keys": await Deno.readFile(`${user}.pub`),
    "/root/at-boot": AT_BOOT,
    "/usr/local/bin/busybox": { file: await fetchBusybox("x86_64") },
    "/etc/systemd/system/at-boot.service":
      "[Unit]\nDefaultDependencies=no\nAfter=systemd-remount-fs.service\nBefore=sysinit.target\n" +
      "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh /root/at-boot\n",
    "/etc/systemd/system/sysinit.target.d/at-boot.conf": "[Unit]\nWants=at-boot.service\n",
    "/etc/systemd/system/sshd-test.service":
      "[Unit]\nAfter=at-boot.service\n[Service]\nExecStart=/usr/sbin/sshd -D -e\nKillMode=process\nRestart=on-failure\n",
    "/etc/systemd/system/multi-user.target.d/sshd.conf": "[Unit]\nWants=sshd-test.service\n",
    "/etc/warmboot/.keep": "",
  };
  const options = {
    resets: true,
    append: NO_TIMER_CHECK,
    memory: 1024,
    cpus: 1,
    diskSize: "1G",
    packages: PACKAGES,
    extra: [
      "-netdev",
      `user,id=net0,restrict=on,hostfwd=tcp:127.0.0.1:${port}-:22`,
      "-device",
      "virtio-net-pci,netdev=net0,romfile=",
    ],
  };
  return await debianMachine(SUITE, running, { warmboot: "cli.ts" }, options, files);
}

/** The host variables of a machine: nothing of this machine's own keys, agent or known hosts is used. */
export function inventoryOf(
  folder: string,
  { port, user, knownHosts }: { readonly port: number; readonly user: string; readonly knownHosts: string },
): Readonly<Record<string, unknown>> {
  return {
    ansible_host: "127.0.0.1",
    ansible_port: port,
    ansible_user: "root",
    ansible_python_interpreter: "/usr/bin/python3",
    ansible_ssh_private_key_file: user,
    ansible_ssh_common_args:
      `-F none -o IdentityAgent=none -o IdentitiesOnly=yes -o UserKnownHostsFile=${knownHosts} -o StrictHostKeyChecking=yes ` +
      `-o GlobalKnownHostsFile=/dev/null -o ControlPath=${join(folder, "cp-%C")}`,
  };
}
