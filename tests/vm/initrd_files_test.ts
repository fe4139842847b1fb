import { assert, assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { sha256Of } from "../../src/core/sha256.ts";
import { cpioArchive as writtenArchive } from "../../src/formats/cpio_writer.ts";
import { run } from "../support/run_cli.ts";
import { withFiles } from "../support/temp_files.ts";
import { builtKernel } from "./built_kernel.ts";
import { ALL } from "./extent.ts";
import { machineWith, profile } from "./guest_profile.ts";
import type { Machine } from "./machine.ts";
import { usualKernel } from "./packages.ts";
import { BASE_CMDLINE } from "./qemu.ts";

const kernel = await usualKernel();
const MEMORY = 1536;
/** Files in a folder: under emulation, each takes warmboot a tenth of a second. */
const COUNT = ALL ? 1000 : 20;

/** An initrd in which `/lib` is a link, as in one of a distribution that has merged `/usr`. */
const MERGED = writtenArchive([
  { kind: "folder", name: "usr", mode: 0o755 },
  { kind: "folder", name: "usr/share", mode: 0o700 },
  { kind: "link", name: "share", target: "usr/share" },
  { kind: "file", name: "usr/share/before", mode: 0o644, size: 7 },
], () => new TextEncoder().encode("before\n"));

/** What `bootconfig -a` appends: the data, its size and sum, and the magic. */
function bootconfigOf(text: string): Uint8Array {
  const padded = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 4) * 4, "\n"));
  const sum = padded.reduce((all, byte) => all + byte, 0);
  const footer = new Uint8Array(8);
  new DataView(footer.buffer).setUint32(0, padded.length, true);
  new DataView(footer.buffer).setUint32(4, sum, true);
  return new Uint8Array([...padded, ...footer, ...new TextEncoder().encode("#BOOTCONFIG\n")]);
}

/** A secret that nothing but a program's output holds: the digest of a file. */
const SEED = "seed of a secret\n";
const SECRET = sha256Of(SEED);
/** A secret in a file; of whole groups of base64, which show it in longer texts too. */
const HIDDEN = "hidden from each capture";

function lines(load: string): string {
  return `kernel: /boot/vmlinuz
initrd:
  - /boot/merged.cpio
  - /run/initrd
  - files:
      - { path: /etc/text, text: "read back\\n", mode: 0640 }
      - { path: /share/x, text: "through a link\\n" }
      - { path: /etc/from, from: /run/source/file }
      - { path: /opt/tree, from: /run/source/tree }
      - { path: "/etc/Grüße ☃", base64: YQ== }
      - { path: /etc/key, command: [sha256sum, /boot/seed] }
      - { path: /etc/hidden, from: /run/source/hidden, secret: true }
cmdline: ${BASE_CMDLINE} init_on_free=1 bootconfig way=${load}
load: ${load}`;
}

/** The files of the running kernel that the profile names: its root is empty again after each kexec. */
async function writeSources(machine: Machine): Promise<void> {
  await machine.output(
    "mkdir -p /run/source/tree/deep && cat /boot/initrd /boot/bootconfig > /run/initrd && " +
      "echo from > /run/source/file && chmod 0600 /run/source/file && " +
      `printf '${HIDDEN}' > /run/source/hidden && ` +
      "echo deep > /run/source/tree/deep/file && chmod 0750 /run/source/tree/deep && " +
      "ln -s deep/file /run/source/tree/link && " +
      `for i in $(seq ${COUNT}); do echo $i > /run/source/tree/$i; done`,
  );
}

async function seenInNext(machine: Machine, load: string): Promise<void> {
  const boot = await machine.runToBoot("warmboot exec --now");
  assertEquals(boot.cmdline.includes(`way=${load}`), true);
  assertEquals(
    await machine.output("cat /etc/text /share/x /etc/from /opt/tree/link"),
    [
      "read back\n",
      "through a link\n",
      "from\n",
      "deep\n",
    ].join(""),
  );
  assertEquals(
    await machine.output("stat -c '%a %u:%g %F' /etc/text /etc/from /etc/key /opt/tree/deep /usr/share"),
    [
      "640 0:0 regular file\n",
      "600 0:0 regular file\n",
      "600 0:0 regular file\n",
      "750 0:0 directory\n",
      "700 0:0 directory\n",
    ].join(""),
  );
  assertEquals(
    await machine.output("readlink /share; readlink /opt/tree/link; cat /share/before"),
    "usr/share\ndeep/file\nbefore\n",
  );
  assertEquals(await machine.output("cat '/etc/Grüße ☃'"), "a");
  assertEquals(await machine.output(`ls /opt/tree | wc -l; cat /opt/tree/${COUNT}`), `${COUNT + 2}\n${COUNT}\n`);
  assertEquals(await machine.output("cat /etc/key /etc/hidden"), `${SECRET}  /boot/seed\n${HIDDEN}`);
  // Debian's kernels lack CONFIG_BOOT_CONFIG: they cut a bootconfig off, if it is last, and complain of one that is not.
  assertNotMatch(await machine.output("dmesg"), /unpacking failed|invalid magic|junk/i);
}

Deno.test(`files are in the initrd of the next kernel, by both calls, and a secret is nowhere else (${kernel.name})`, async (t) => {
  await using machine = await machineWith(
    kernel,
    { warmboot: "cli.ts" },
    { memory: MEMORY, append: "init_on_free=1" },
    { "/boot/merged.cpio": MERGED, "/boot/bootconfig": bootconfigOf('warmboot.way = "last"\n'), "/boot/seed": SEED },
  );

  for (const load of ALL ? ["kexec_file_load", "kexec_load"] : ["kexec_file_load"]) {
    await t.step(`${load}: a plan lists the files, and none of the secret`, async () => {
      await writeSources(machine);
      await profile(machine, lines(load));
      await machine.output("warmboot plan -o json /run/p.yaml > /run/plan.json");
      const plan = JSON.parse(await machine.output("cat /run/plan.json"));
      const [overlay] = plan.overlays;
      assertEquals(overlay.files.length, COUNT + 10);
      assertEquals(overlay.sha256, undefined);
      assertEquals(overlay.files.find(({ path }: { path: string }) => path === "/etc/key"), {
        path: "/etc/key",
        kind: "file",
        mode: "0600",
        secret: true,
        origin: "profile",
        from: "printed by: sha256sum /boot/seed",
      });
      assertEquals(JSON.stringify(plan).includes(SECRET), false);
    });

    if (load === "kexec_file_load") {
      await t.step(
        "planned elsewhere from a capture, the plan is the same, and the capture has no secret",
        async () => {
          const capture = await machine.output("warmboot facts --images /run/p.yaml");
          for (const secret of [SECRET, HIDDEN, btoa(HIDDEN)]) assert(!capture.includes(secret), secret);
          const plan = await withFiles(
            { "p.yaml": await machine.output("cat /run/p.yaml"), "host.json": capture },
            async (root) => await run(["plan", "-o", "json", "--facts", `${root}/host.json`, `${root}/p.yaml`]),
          );
          assertEquals(plan, { code: 0, stdout: await machine.output("cat /run/plan.json"), stderr: "" });
        },
      );
    }

    await t.step(`${load}: the stored plan is loaded as it is; once more, it is loaded already`, async () => {
      await machine.output("warmboot load /run/plan.json");
      assertStringIncludes(await machine.output("warmboot load /run/plan.json"), "is loaded already");
      // Its own command, which the agent keeps, does not match.
      assertEquals(
        (await machine.run(`grep -r "[${SECRET.slice(0, 1)}]${SECRET.slice(1, 32)}" /run /var /proc/cmdline`)).stdout,
        "",
      );
      assertEquals(await machine.output("stat -c %a /run/warmboot/secret.key"), "600\n");
    });

    await t.step(`${load}: with init_on_free=1, the secret is in memory once: in the image`, async () => {
      await machine.output("sync; echo 3 > /proc/sys/vm/drop_caches");
      assertEquals(await machine.countInMemory(SECRET, MEMORY << 20), 1);
    });

    await t.step(
      `${load}: the next kernel has the files, with their permissions, and nothing in the way of the bootconfig`,
      async () => {
        await seenInNext(machine, load);
      },
    );

    await t.step({
      name: `${load}: the next kernel has the secret in that file alone, and nowhere once it is removed`,
      ignore: !ALL,
      async fn() {
        await machine.output("sync; echo 3 > /proc/sys/vm/drop_caches");
        assertEquals(await machine.countInMemory(SECRET, MEMORY << 20), 1);
        await machine.output("rm /etc/key");
        assertEquals(await machine.countInMemory(SECRET, MEMORY << 20), 0);
      },
    });
  }

  await t.step("a program that fails is reported by its errors, and nothing is loaded", async () => {
    await profile(
      machine,
      `kernel: /boot/vmlinuz
initrd: [/boot/initrd, { files: [{ path: /etc/key, command: [sh, -c, "echo ${SECRET}; echo broken >&2; exit 3"] }] }]
cmdline: ${BASE_CMDLINE}`,
    );
    const { code, stderr } = await machine.run("warmboot load /run/p.yaml");
    assertEquals(code, 69);
    assertMatch(stderr.replaceAll(/\s+/g, " "), /The content of \/etc\/key is missing: .* ended with status 3: broken/);
    assertEquals(await machine.output("cat /sys/kernel/kexec_loaded"), "0\n");
  });
});

Deno.test({
  name: "the next kernel reads the bootconfig behind the files",
  // Debian's kernels do not read one.
  ignore: !ALL,
  async fn() {
    const kernel = await builtKernel("kexec_file_only");
    await using machine = await machineWith(kernel, { warmboot: "cli.ts" }, { memory: MEMORY }, {
      "/boot/bootconfig": bootconfigOf('warmboot.way = "last"\nkernel.from = "the bootconfig"\n'),
      "/boot/seed": SEED,
    });
    assertEquals((await machine.run("grep warmboot.way /proc/bootconfig")).code, 1);
    await machine.output("cat /boot/initrd /boot/bootconfig > /run/initrd");
    await profile(
      machine,
      `kernel: /boot/vmlinuz
initrd:
  - /run/initrd
  - files: [{ path: /etc/text, text: "read back\\n" }, { path: /etc/key, command: [sha256sum, /boot/seed] }]
cmdline: ${BASE_CMDLINE} bootconfig
load: kexec_file_load`,
    );
    const boot = await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
    assertStringIncludes(boot.cmdline, 'from="the bootconfig"');
    assertStringIncludes(await machine.output("cat /proc/bootconfig"), 'warmboot.way = "last"');
    assertEquals(await machine.output("cat /etc/text /etc/key"), `read back\n${SECRET}  /boot/seed\n`);
    assertNotMatch(await machine.output("dmesg"), /unpacking failed|invalid magic|junk/i);
  },
});
