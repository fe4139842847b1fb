/** The packages on a Debian without network, by apt and by rpm; with WARMBOOT_VM_ALL=1 in a machine that it reboots, too. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { debianPackage } from "../../packaging/deb.ts";
import { packageName, type Target, TARGETS } from "../../packaging/names.ts";
import { rpmPackage } from "../../packaging/rpm.ts";
import { fetchRuntime } from "../../packaging/runtime.ts";
import { releaseTree, withRuntime } from "../../packaging/tree.ts";
import { VERSION } from "../../src/core/program.ts";
import { hasTool, tool } from "../support/tool.ts";
import { distribution } from "./apt.ts";
import { debianMachine, debianRoot, PATIENT_UNITS } from "./debian_root.ts";
import { ALL } from "./extent.ts";
import { diskInitrd, initrdBytes } from "./initramfs.ts";
import type { Machine } from "./machine.ts";
import { fetchKernel } from "./packages.ts";
import { BASE_CMDLINE } from "./qemu.ts";

const TIME = 1_700_000_000;

/** What installs a package; dpkg looks for tar and diff itself. */
const APT = ["apt", "dpkg", "tar", "diffutils"];

const isDebian = await distribution() === "debian";

/** The target of this host, and the release with its runtime. */
async function wholeRelease(): Promise<{ target: Target; tree: Awaited<ReturnType<typeof releaseTree>> }> {
  const target = TARGETS.find(({ machine }) => machine === Deno.build.arch);
  if (target === undefined) throw new Error(`No packages are made for ${Deno.build.arch}`);
  return { target, tree: withRuntime(await releaseTree(), await fetchRuntime(target)) };
}

/**
 * Every path of the system, but for what apt, dpkg and the journal keep of their own work, and the DENO_DIR that commands
 * typed into this machine have.
 */
const OWN_WORK =
  "^/(var/lib/(dpkg|apt|systemd)|var/cache/(apt|ldconfig|debconf|deno)|var/log|tmp|var/tmp|root/\\.cache|proc|sys)(/|$)";

async function paths(machine: Machine): Promise<readonly string[]> {
  return (await machine.output(`find / -xdev | grep -vE '${OWN_WORK}' | sort`)).trim().split("\n");
}

const APT_GET = "apt-get -q -y -o APT::Sandbox::User=root";

/** The program with nothing around it. */
const BARE = "env -i PATH=/nowhere /usr/bin/warmboot --version";

/** A Debian with apt, as a folder that is a root of its own: without a network, and what is mounted ends with each command. */
class Root implements AsyncDisposable {
  readonly path: string;

  constructor(folder: string) {
    this.path = join(folder, "root");
  }

  static async make(): Promise<Root> {
    const root = new Root(await Deno.makeTempDir({ prefix: "warmboot-root-" }));
    await tool("cp", ["-a", await debianRoot("bookworm", APT), root.path]);
    await Deno.writeTextFile(join(root.path, "dev/null"), "");
    return root;
  }

  /** Standard output and error of a command that must succeed. */
  async output(command: string): Promise<string> {
    const enter = 'mount -t proc proc "$0/proc" && mount --bind /dev/null "$0/dev/null" && exec chroot "$0" sh -c "$1"';
    const run = await tool("unshare", ["--mount", "--net", "sh", "-c", enter, this.path, command]);
    assertEquals(run?.code, 0, run?.said);
    return run?.said ?? "";
  }

  /** Every path, but for what the package managers keep of their own work. */
  async paths(): Promise<readonly string[]> {
    const find = `cd "$0" && find . | sed 's,^[.],,' | grep -vE '${OWN_WORK}' | sort`;
    return ((await tool("sh", ["-c", find, this.path]))?.said ?? "").trim().split("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(join(this.path, ".."), { recursive: true });
  }
}

/** What the program and the administrator leave while it is installed. */
const USED = `mkdir -p /var/lib/warmboot/attempts /run/warmboot /etc/systemd/system/kexec.target.wants &&
touch /run/warmboot/reboot.json &&
ln -s /usr/lib/systemd/system/warmboot-unbind.service /etc/systemd/system/kexec.target.wants/`;

const hasRoot = isDebian && Deno.uid() === 0;

Deno.test({
  name: "apt installs the package without a network, and purges it without a trace",
  ignore: !hasRoot,
  fn: async () => {
    const { target, tree } = await wholeRelease();
    await using root = await Root.make();
    const name = packageName("debian", VERSION, target);
    await Deno.writeFile(join(root.path, "root", name), await debianPackage(target, tree, TIME));
    const before = await root.paths();
    await root.output(`${APT_GET} install /root/${name}`);
    assertStringIncludes(await root.output(BARE), `warmboot ${VERSION} (deno`);
    assertEquals(await root.output("dpkg --verify warmboot"), "");
    await root.output(USED);
    const removed = await root.output(`${APT_GET} remove warmboot`);
    assertStringIncludes(removed, "warmboot: what is loaded stays loaded until the next reboot");
    // Configuration and state stay, and the hook of a package that is removed does nothing.
    assertEquals(
      await root.output("ls -d /var/lib/warmboot && /etc/kernel/postinst.d/zz-warmboot"),
      "/var/lib/warmboot\n",
    );
    await root.output(`${APT_GET} purge warmboot`);
    assertEquals(await root.paths(), before);
  },
});

Deno.test({
  name: "rpm installs the package below a root, and erases it without a trace",
  ignore: !hasRoot || !await hasTool("rpm"),
  fn: async () => {
    const { target, tree } = await wholeRelease();
    await using root = await Root.make();
    const rpm = async (...args: string[]): Promise<string> => {
      const run = await tool("rpm", ["--root", root.path, ...args]);
      assertEquals(run?.code, 0, run?.said);
      return run?.said ?? "";
    };
    const path = join(root.path, "root", packageName("rpm", VERSION, target));
    await Deno.writeFile(path, await rpmPackage(target, tree, TIME));
    assertStringIncludes((await tool("rpm", ["-K", path]))?.said ?? "", "digests OK");
    // Those of the package `filesystem`, which each system of rpm has.
    await root.output("cd /usr/share && mkdir -p doc licenses man/man5 man/man8");
    await rpm("--initdb");
    const before = await root.paths();
    // The libraries are there, but rpm does not know them.
    await rpm("-i", "--nodeps", path);
    assertStringIncludes(await root.output(BARE), `warmboot ${VERSION} (deno`);
    assertEquals(await rpm("-V", "--nodeps", "warmboot"), "");
    await root.output(USED);
    assertStringIncludes(await rpm("-e", "warmboot"), "warmboot: what is loaded stays loaded until the next reboot");
    assertEquals(await root.paths(), before);
  },
});

Deno.test({
  name: "the Debian package installs without a network, reboots into another kernel, and is purged without a trace",
  // Minutes, and what the units do is tried by systemd_test.ts as well.
  ignore: !isDebian || !ALL,
  fn: async (t) => {
    const [running, other] = [await fetchKernel("6.1"), await fetchKernel("6.12")];
    const { target, tree } = await wholeRelease();
    const folder = await Deno.makeTempDir({ prefix: "warmboot-package-" });
    const name = packageName("debian", VERSION, target);
    try {
      await Deno.writeFile(join(folder, name), await debianPackage(target, tree, TIME));
      await using machine = await debianMachine("bookworm", running, undefined, { packages: APT }, {
        ...PATIENT_UNITS,
        [`/root/${name}`]: { file: join(folder, name) },
        "/boot/vmlinuz-other": { file: other.image },
        "/boot/initrd-other": await initrdBytes(await diskInitrd([other])),
      });
      const before = await paths(machine);

      await t.step("apt installs it, and it runs with nothing in PATH and no HOME", async () => {
        assertEquals((await machine.run("command -v deno")).code, 127);
        await machine.output(`${APT_GET} install /root/${name}`);
        const { stdout } = await machine.run(BARE);
        assertStringIncludes(stdout, `warmboot ${VERSION} (deno`);
        assertEquals((await machine.output("dpkg --verify warmboot")).trim(), "");
        assertMatch(
          await machine.output("dpkg-query -W -f '${Conffiles}' warmboot"),
          /\/etc\/kernel\/postinst\.d\/zz-warmboot/,
        );
      });

      await t.step("no unit is enabled, and systemd knows them all", async () => {
        const said = await machine.output("systemctl list-unit-files --no-legend 'warmboot-*'");
        assert(said.split("\n").length > 8, said);
        assert(!/ enabled /.test(said), said);
      });

      await t.step("a unit loads a profile, and the reboot is into the other kernel", async () => {
        await machine.write(
          "/etc/warmboot/other.yaml",
          `version: 1\nkernel: /boot/vmlinuz-other\ninitrd: /boot/initrd-other\ncmdline: ${BASE_CMDLINE}\n`,
        );
        await machine.output("systemctl enable --now warmboot-arrive");
        await machine.output("systemctl enable warmboot-unbind");
        const { release } = await machine.runToBoot("systemctl start warmboot-reboot@other");
        assertEquals(release, other.release);
        assertStringIncludes(await machine.output("warmboot history"), "arrived");
        assertEquals((await machine.output("stat -c %a /var/cache/warmboot /var/lib/warmboot")).trim(), "700\n700");
        await machine.output("warmboot load other");
      });

      await t.step("removed, its configuration and state stay, and what is loaded is named", async () => {
        const { code, stdout, stderr } = await machine.run(`${APT_GET} remove warmboot`);
        assertEquals(code, 0, stderr);
        assertStringIncludes(stdout + stderr, "warmboot: what is loaded stays loaded until the next reboot");
        assertEquals(
          (await machine.run("test -e /var/lib/warmboot && test -e /etc/kernel/postinst.d/zz-warmboot")).code,
          0,
        );
        // The hook of a package that is removed does nothing.
        await machine.output("/etc/kernel/postinst.d/zz-warmboot");
      });

      await t.step("purged, nothing of it is left but the administrator's profile", async () => {
        await machine.output(`${APT_GET} purge warmboot`);
        const after = await paths(machine);
        assertEquals(after.filter((path) => !before.includes(path)), ["/etc/warmboot", "/etc/warmboot/other.yaml"]);
        assertEquals(before.filter((path) => !after.includes(path)), []);
        assertEquals((await machine.run("ls -d /run/warmboot")).code, 2);
        assertEquals((await machine.run("systemctl list-unit-files --no-legend 'warmboot-*'")).stdout.trim(), "");
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
