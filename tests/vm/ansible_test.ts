/**
 * The collection of contrib/ansible: Debian's Ansible reboots three machines over SSH, one after the other, by the playbook of
 * docs/ansible.md. A reset boots the kernel that QEMU was started with.
 */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { blocksOf } from "../ansible/blocks.ts";
import { ansibleMachine, freePort, inventoryOf, makeKey, NO_TIMER_CHECK, prepareRoot } from "./ansible_machine.ts";
import { REPOSITORY } from "./cache.ts";
import { ALL } from "./extent.ts";
import { onPath } from "./host_command.ts";
import type { Machine } from "./machine.ts";
import { fetchKernel } from "./packages.ts";
import { BASE_CMDLINE } from "./qemu.ts";

/** The guard says how long after a panic the machine is reset. */
const CMDLINE = BASE_CMDLINE.replace(" panic=-1", "");

const HOSTS = ["web1", "web2", "web3"];

/** Seconds that a machine may take which is busy with other tests. */
const COLD_BOOT = 900;

interface Play {
  readonly code: number;
  readonly said: string;
}

Deno.test({
  name:
    "Ansible: a rolling reboot of three machines stops at the one that falls back, and does the rest after the mend",
  ignore: !ALL || await onPath("ansible-playbook") === undefined,
  async fn(t) {
    const kernels = { running: await fetchKernel("6.1"), next: await fetchKernel("6.12") };
    const folder = await Deno.makeTempDir({ prefix: "warmboot-ansible-" });
    await using stack = new AsyncDisposableStack();
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    await prepareRoot();
    const [host, user, knownHosts] = ["host_key", "user_key", "known_hosts"].map((name) => join(folder, name));
    if (host === undefined || user === undefined || knownHosts === undefined) throw new Error("No names");
    await makeKey(host);
    await makeKey(user);
    const key = await Deno.readTextFile(`${host}.pub`);
    const ports = HOSTS.map(freePort);
    await Deno.writeTextFile(knownHosts, ports.map((port) => `[127.0.0.1]:${port} ${key}`).join(""));

    /** Machines by their names. One after the other, so that each has the processor while it boots. */
    const machines = new Map<string, Machine>();
    for (const [index, name] of HOSTS.entries()) {
      const machine = await ansibleMachine(name, kernels, { port: ports[index] ?? 0, host, user });
      machines.set(name, stack.use(machine));
    }

    const profile = (more: string): string =>
      `version: 1\nkernel: /boot/vmlinuz-${kernels.next.release}\ninitrd: /boot/initrd\n` +
      `cmdline: ${CMDLINE} ${NO_TIMER_CHECK}${more}\nguard: { panic: 5s, confirm: 30min }\n`;

    const play = async (sick: string, args: readonly string[] = []): Promise<Play> => {
      const hosts = Object.fromEntries(HOSTS.map((name, index) => [name, {
        ...inventoryOf(folder, { port: ports[index] ?? 0, user, knownHosts }),
        declared: profile(name === sick ? " rdinit=/missing" : ""),
      }]));
      await Deno.writeTextFile(join(folder, "hosts.yml"), JSON.stringify({ web: { hosts } }));
      const book = blocksOf("docs/ansible.md").find((block) => block.includes("serial: 1")) ?? "";
      await Deno.writeTextFile(
        join(folder, "reboot.yml"),
        book.replace("lookup('ansible.builtin.file', 'web.yaml')", "declared")
          .replace("become: true", "become: false")
          // What changes nothing may be asked of all at once.
          .replace("serial: 1", args.includes("--check") ? "serial: 3" : "serial: 1") +
          `        reboot_cold_boot: ${COLD_BOOT}\n`,
      );
      const collections = join(folder, "ansible_collections/warmboot");
      await Deno.mkdir(collections, { recursive: true });
      await Deno.symlink(join(REPOSITORY, "contrib/ansible"), join(collections, "boot")).catch(() => undefined);
      const { code, stdout, stderr } = await new Deno.Command("ansible-playbook", {
        args: ["-i", "hosts.yml", "reboot.yml", ...args],
        cwd: folder,
        stdin: "null",
        env: {
          HOME: folder,
          SSH_AUTH_SOCK: "",
          ANSIBLE_COLLECTIONS_PATHS: folder,
          ANSIBLE_HOME: join(folder, "home"),
          ANSIBLE_NOCOLOR: "1",
          ANSIBLE_PIPELINING: "1",
          ANSIBLE_TIMEOUT: "120",
          ANSIBLE_CALLBACKS_ENABLED: "ansible.builtin.timer",
        },
      }).output();
      const decoder = new TextDecoder();
      const said = decoder.decode(stdout) + decoder.decode(stderr);
      Deno.stderr.writeSync(new TextEncoder().encode(said));
      return { code, said };
    };
    const releases = () => HOSTS.map((name) => machines.get(name)?.boot().release);
    const on = async (name: string, command: string): Promise<string> =>
      (await machines.get(name)?.output(command)) ?? "";
    const { running: { release: old }, next: { release: next } } = kernels;

    await t.step("--check --diff shows what would change, and changes nothing", async () => {
      const { code, said } = await play("web2", ["--check", "--diff"]);
      assertEquals(code, 0, said);
      assertStringIncludes(said, old);
      assertMatch(said, new RegExp(`release.*${RegExp.escape(next)}`));
      for (const name of HOSTS) {
        assertMatch(said, new RegExp(`^${name} .*changed=[1-9].*failed=0`, "m"));
        const left =
          "ls /etc/warmboot /var/lib/warmboot 2>&1 | grep -c -e yaml -e attempts; cat /sys/kernel/kexec_loaded";
        assertEquals(await on(name, left), "0\n0\n", name);
      }
      assertEquals(releases(), [old, old, old]);
    });

    await t.step("the second panics: it falls back, the third is not touched, and the play says why", async () => {
      const { code, said } = await play("web2");
      assertEquals(code, 2, said);
      assertEquals(releases(), [next, old, old]);
      assertStringIncludes(said.replaceAll(/\s+/g, " "), `web2 fell back: ${old} came up by the firmware`);
      assertMatch(said, /^web1 .*failed=0/m);
      assertMatch(said, /^web2 .*failed=1/m);
      assertEquals(/^web3 /m.test(said.slice(said.indexOf("PLAY RECAP"))), false);
      assertEquals(await on("web3", "ls /etc/warmboot"), "");
      assertMatch(machines.get("web2")?.console() ?? "", /Kernel panic - not syncing/);
    });

    await t.step("after the mend, what is missing is done", async () => {
      const boot = await on("web1", "cat /proc/sys/kernel/random/boot_id");
      const { code, said } = await play("");
      assertEquals(code, 0, said);
      assertEquals(releases(), [next, next, next]);
      assertMatch(said, /^web1 .*changed=0 /m);
      assertEquals(await on("web1", "cat /proc/sys/kernel/random/boot_id"), boot);
      for (const name of HOSTS) {
        const [last] = JSON.parse(await on(name, "warmboot history -o json")).attempts;
        assertEquals(last.outcome.end, "confirmed", name);
      }
    });
  },
});
