import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../src/core/program.ts";
import { KERNEL, loaded, machineWith, profile, said, status } from "./guest_profile.ts";
import { usualKernel } from "./packages.ts";

const kernel = await usualKernel();

Deno.test(`what cannot work is refused with its cause, and nothing is half done (${kernel.name})`, async (t) => {
  await using machine = await machineWith(
    kernel,
    { warmboot: "cli.ts", uncapable: "tests/vm/guest/uncapable.ts" },
    { append: "crashkernel=192M", memory: 2048 },
  );

  await t.step("exec without an image", async () => {
    const [code, text] = said(await machine.run("warmboot exec --now"));
    assertEquals(code, EXIT.unavailable.code);
    assertStringIncludes(text, "No image is loaded");
  });

  await t.step("a plan from a capture is, byte for byte, the plan made live", async () => {
    await profile(machine, KERNEL);
    await machine.output("warmboot facts > /run/facts.json");
    await machine.output("warmboot plan /run/p.yaml -o json > /run/live.json");
    await machine.output("warmboot plan /run/p.yaml -o json --facts /run/facts.json > /run/offline.json");
    await machine.output("cmp /run/live.json /run/offline.json");
  });

  await t.step("a dry run prints the calls and makes none", async () => {
    await profile(machine, `${KERNEL}\ninitrd: /boot/initrd`);
    const stdout = await machine.output("warmboot load --dry-run --exec --now /run/p.yaml");
    assertEquals(stdout.split("\n").map((line) => line.split("(", 1)[0]), ["kexec_file_load", "sync", "reboot", ""]);
    assertEquals(await loaded(machine), "0");
  });

  const refused = async (lines: string, exit: number, says: string, by = "warmboot"): Promise<void> => {
    await profile(machine, lines);
    const [code, text] = said(await machine.run(`${by} load /run/p.yaml`));
    assertEquals([code, await loaded(machine)], [exit, "0"], text);
    assertStringIncludes(text, says);
  };

  await t.step("a crash reservation that is too small, and none: what to reserve is proposed", async () => {
    const crash = "kernel: /boot/vmlinuz\ninitrd: /boot/initrd\ncmdline: ro\ncrash: true";
    for (const size of [32 << 20, 0]) {
      await machine.output(`echo ${size} > /sys/kernel/kexec_crash_size`);
      for (const load of ["kexec_file_load", "kexec_load"]) {
        await profile(machine, `${crash}\nload: ${load}`);
        const [code, text] = said(await machine.run("warmboot load /run/p.yaml"));
        assertEquals(code, EXIT.unavailable.code, text);
        assertMatch(text, /crashkernel=\d+M/);
        assertEquals(await machine.output("cat /sys/kernel/kexec_crash_loaded"), "0\n");
      }
    }
  });

  await t.step("a cut kernel", async () => {
    await refused(
      "kernel: /boot/cut\ncmdline: ro",
      EXIT.unavailable.code,
      "/boot/cut is not a kernel: it is a truncated",
    );
  });

  await t.step("a digest that does not match", async () => {
    const pin = "0".repeat(64);
    const lines = `kernel: { path: /boot/vmlinuz, sha256: ${pin} }\ncmdline: ro`;
    await refused(lines, EXIT.unavailable.code, `not the pinned ${pin}`);
  });

  await t.step("a file that is not there", async () => {
    await refused("kernel: /boot/vmlinux\ncmdline: ro", EXIT.noinput.code, "Did you mean `vmlinuz`?");
  });

  await t.step("root without CAP_SYS_BOOT", async () => {
    const says = "lacks the capability CAP_SYS_BOOT";
    await refused(KERNEL, EXIT.permission.code, says, "uncapable 0 warmboot");
  });

  await t.step("another user, who is told of what could not be read", async () => {
    const [code, text] = said(await machine.run("cd / && uncapable 65534 warmboot plan /run/p.yaml"));
    assertEquals(code, EXIT.permission.code, text);
    assertStringIncludes(text, "CAP_SYS_ADMIN");
  });

  await t.step("a kernel that is open for writing: the kernel's errno is explained", async () => {
    const says = "ETXTBSY: the kernel file or an initrd is open for writing";
    await refused(KERNEL, EXIT.refused.code, says, "exec 9>>/boot/vmlinuz; warmboot");
  });

  await t.step("a full disk stops before the call", async () => {
    await machine.output("mkdir -p /run/warmboot && mount -t tmpfs -o mode=700,size=8k tmpfs /run/warmboot");
    await machine.run("dd if=/dev/zero of=/run/warmboot/filler bs=4k count=9");
    await refused(KERNEL, EXIT.io.code, "No space left on device");
    await machine.output("umount /run/warmboot");
  });

  await t.step("two loads at once: one waits for the other, and what is loaded is what is recorded", async () => {
    await machine.output("warmboot unload");
    const both = await machine.output(
      "(warmboot load /run/p.yaml; echo $?) >/run/a 2>&1 & (warmboot load /run/p.yaml; echo $?) >/run/b 2>&1; wait; cat /run/a /run/b",
    );
    const codes = both.split("\n").filter((line) => /^\d+$/.test(line)).map(Number);
    assertEquals(codes, [0, 0], both);
    assertEquals([both.match(/^Loaded /gm)?.length, both.match(/is loaded already/g)?.length], [1, 1], both);
    assertEquals((await status(machine)).record, "matches");
  });

  await t.step("what programs read: outcomes, the check of a monitor, metrics", async () => {
    const outcome = async (command: string): Promise<readonly unknown[]> => {
      const { code, stdout, stderr } = await machine.run(`warmboot ${command} -o json`);
      const { format, changed, exit } = JSON.parse(stdout);
      assertEquals([format, exit], ["warmboot.outcome/1", code], stdout + stderr);
      return [changed, code];
    };
    const checked = async (): Promise<readonly [number, string]> => {
      const { code, stdout } = await machine.run("warmboot status --check /run/p.yaml");
      return [code, stdout.split(":", 1)[0] ?? ""];
    };
    const metric = async (name: string): Promise<string | undefined> => {
      const text = await machine.output("warmboot status -o openmetrics");
      assertMatch(text, /# EOF\n$/);
      return text.split("\n").find((line) => line.startsWith(name))?.split(" ").at(-1);
    };
    const imageLoaded = 'warmboot_image_loaded{image="reboot"';

    assertEquals(await outcome("unload"), [true, EXIT.ok.code]);
    assertEquals(await outcome("unload"), [false, EXIT.ok.code]);
    assertEquals(await outcome("exec --now"), [false, EXIT.unavailable.code]);
    assertEquals(await checked(), [EXIT.notLoaded.code, "not-loaded"]);
    assertEquals(await metric(imageLoaded), "0");
    assertEquals(await outcome("load /run/p.yaml"), [true, EXIT.ok.code]);
    assertEquals(await outcome("load /run/p.yaml"), [false, EXIT.ok.code]);
    assertEquals(await outcome("exec --now --dry-run"), [false, EXIT.ok.code]);
    assertEquals(await outcome("refresh /run/p.yaml"), [false, EXIT.unavailable.code]);
    assertEquals(await checked(), [EXIT.ok.code, "ok"]);
    assertEquals(await metric(imageLoaded), "1");
    await profile(machine, `${KERNEL} changed=1`);
    assertEquals(await checked(), [EXIT.differs.code, "differs"]);
    await profile(machine, KERNEL);
  });

  await t.step("a failed load keeps the image that was loaded before", async () => {
    await machine.run("exec 9>>/boot/vmlinuz; warmboot load /run/p.yaml");
    assertEquals((await status(machine)).record, "matches");
  });

  await t.step("a stored plan is carried out as it is, and refused when a file has changed", async () => {
    await machine.output("cp /boot/initrd /run/initrd");
    await profile(machine, `${KERNEL}\ninitrd: /run/initrd`);
    await machine.output("warmboot plan /run/p.yaml --out /run/plan.json");
    assertStringIncludes(await machine.output("warmboot load /run/plan.json"), `Loaded ${kernel.release}`);
    await machine.output("echo >> /run/initrd");
    const [code, text] = said(await machine.run("warmboot load /run/plan.json"));
    assertEquals(code, EXIT.unavailable.code);
    assertStringIncludes(text, "the SHA-256 of /run/initrd changed");
  });

  await t.step("lockdown, entered by booting with it", async () => {
    await profile(machine, `${KERNEL} lockdown=integrity\ninitrd: /boot/initrd`);
    await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
    await refused("kernel: /boot/unsigned\ncmdline: ro", EXIT.unavailable.code, "but /boot/unsigned is not signed");
    await refused(
      "kernel: /boot/forged\ncmdline: ro",
      EXIT.refused.code,
      "EPERM: the kernel is locked down (integrity)",
    );
    const says = "forbids kexec_load";
    await refused("kernel: /boot/vmlinuz\nload: kexec_load\ncmdline: ro", EXIT.unavailable.code, says);
    await machine.output("warmboot unload");
  });

  await t.step("a used-up load limit, before the call that would fail", async () => {
    const limit = "/proc/sys/kernel/kexec_load_limit_reboot";
    if ((await machine.run(`test -e ${limit}`)).code !== 0) return;
    await machine.output(`echo 0 > ${limit}`);
    await refused(KERNEL, EXIT.unavailable.code, "kernel.kexec_load_limit_reboot is 0");
  });

  await t.step("kexec_load_disabled", async () => {
    await machine.output("echo 1 > /proc/sys/kernel/kexec_load_disabled");
    await refused(KERNEL, EXIT.unavailable.code, "kernel.kexec_load_disabled is 1");
    assertStringIncludes(await machine.output("warmboot status"), "kernel.kexec_load_disabled is 1");
  });
});
