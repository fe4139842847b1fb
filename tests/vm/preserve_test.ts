import { assert, assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../src/core/program.ts";
import { keepsEntry } from "../../src/plan/rules/preserve.ts";
import { type BuildName, builtKernel } from "./built_kernel.ts";
import { ALL } from "./extent.ts";
import { loaded, said, status } from "./guest_profile.ts";
import { denoDisk, diskInitrd, tinyInitrd } from "./initramfs.ts";
import { startMachine } from "./machine.ts";
import { fetchKernel, kernelNames } from "./packages.ts";

const EXAMPLE = await Deno.readTextFile(new URL("../../examples/preserve.yaml", import.meta.url));

/**
 * Returns after the second of the real-time clock has changed four times:
 *
 *     payload: pop %rax; lea payload(%rip), %rcx; push %rcx; push %rax
 *              mov $4, %ecx
 *     1:       xor %eax, %eax; out %al, $0x70; in $0x71, %al; mov %eax, %edx
 *     2:       xor %eax, %eax; out %al, $0x70; in $0x71, %al; cmp %eax, %edx; je 2b
 *              loop 1b
 *              ret
 */
const WAITING = `version: 1
name: waiting
preserve_context: true
checksum: false
segments:
  - at: 0x4000000
    hex: >-
      58 48 8d 0d f8 ff ff ff 51 50 b9 04 00 00 00
      31 c0 e6 70 e4 71 89 c2 31 c0 e6 70 e4 71 39 c2 74 f6 e2 ec c3
entry: 0x4000000
`;

/** One `ret`: it leaves no next entry point. */
const BARE = `version: 1
name: bare
preserve_context: true
checksum: false
segments:
  - at: 0x4000000
    hex: c3
entry: 0x4000000
`;

/** The same second after second: the four instructions of docs/preserve-context.md, then \`ret\`. */
const REENTRANT = BARE.replace("name: bare", "name: again\nreentrant: true")
  .replace("hex: c3", "hex: 58 48 8d 0d f8 ff ff ff 51 50 c3");

const names = await kernelNames();

/** The kernels since 6.14 keep a payload's entry point, those before take it from the payload's stack. */
const BUILDS: readonly BuildName[] = ["kexec_full", ...ALL ? ["kexec_jump"] as const : []];

for (const build of BUILDS) {
  Deno.test({
    name:
      `${build}: a payload runs, and the system goes on: five times in a row, with both CPUs, processes, files and devices`,
    // The source is Debian's.
    ignore: !names.includes("6.12"),
    fn: async (t) => {
      const kernel = await builtKernel(build);
      const keeps = keepsEntry(kernel.release) === true;
      const disk = await denoDisk({ warmboot: "cli.ts", rounds: "tests/vm/guest/preserve_rounds.ts" });
      await using machine = await startMachine({
        kernel: kernel.image,
        initrd: await tinyInitrd(),
        disk,
        memory: 1024,
        cpus: 2,
        // What the payloads overwrite is always the same.
        append: "nokaslr",
      });
      assertEquals(machine.boot().release, kernel.release);
      await machine.write("/run/preserve.yaml", EXAMPLE);
      await machine.write("/run/waiting.yaml", WAITING);
      // What the kernel says of its own boot is not the tests' subject: a busy host slows that down, and it complains.
      const booted = (await machine.output("dmesg")).length;
      const ticks = async () => Number(await machine.output("wc -l </run/ticks"));

      await t.step(
        "the plan names the memory of the mark, and says that the payload leaves its next entry point",
        async () => {
          await machine.output("echo kept > /disk/note");
          await machine.output("(while sleep 1; do echo >>/run/ticks; done) >/dev/null 2>&1 & echo $! >/run/pid");
          const loading = await machine.run(
            "warmboot plan -v /run/preserve.yaml && warmboot load /run/preserve.yaml",
          );
          const [code, text] = said(loading);
          assertEquals([code, await loaded(machine)], [EXIT.ok.code, "1"], text);
          assertMatch(text, /mark \(see 0x4f0\) +0x4001000 to 0x4002000/);
          assertMatch(
            text,
            keeps ? /keeps a payload's entry point/ : /the profile says that the payload leaves it there/,
          );
          assertStringIncludes(text, "Run it with: warmboot exec, as often as you like");
        },
      );

      await t.step("five round trips without another load; the payload finds its mark as it left it", async () => {
        const rounds = (await machine.output("rounds 5")).trim().split("\n").map((line) => JSON.parse(line));
        assertEquals(
          rounds.map(({ code, mark, cpus }) => ({ code, mark, cpus })),
          [1, 2, 3, 4, 5].map((run) => ({ code: 0, mark: ["warmboot", run], cpus: "0-1" })),
        );
        for (const { said } of rounds) {
          assertMatch(said, /^The payload returned: .*; suspending and resuming .* took \d+\.\d\d s\n$/);
        }
        const before = await ticks();
        await machine.output("sleep 3");
        assert(await ticks() > before, "the process in the background has stopped");
      });

      await t.step(
        "files, the process, the disk and the image are there; nothing complains in the kernel's log",
        async () => {
          assertEquals(
            await machine.output("echo 3 >/proc/sys/vm/drop_caches; cat /disk/note; kill -0 $(cat /run/pid)"),
            "kept\n",
          );
          assertEquals(
            await machine.output("dd if=/dev/urandom of=/disk/new bs=64k count=16 2>/dev/null; sync; wc -c </disk/new"),
            "1048576\n",
          );
          const image = await status(machine);
          assertEquals([image.loaded, image.record, `${image.returns}`], ["yes", "matches", "true"]);
          const log = (await machine.output("dmesg")).slice(booted);
          assertEquals(log.match(/Freezing user space processes completed/g)?.length, 5);
          assertNotMatch(log, /BUG:|WARNING:|Call Trace|Oops|failed to/);
        },
      );

      await t.step("load --exec replaces the payload, and tells how long it had the machine", async () => {
        const [code, text] = said(await machine.run("warmboot load --exec /run/waiting.yaml"));
        assertEquals(code, EXIT.ok.code, text);
        // Three whole seconds, and a part of one; the clock that tells it ticks in seconds.
        assertMatch(text, /it ran for about [2345] s; suspending and resuming the system took \d+\.\d\d s/);
        await machine.output("warmboot unload");
        assertEquals(await loaded(machine), "0");
      });

      await t.step(
        keeps
          ? "a bare `ret` runs three times after one load"
          : "a bare `ret` runs once for each load, three times: exec refuses in between, and load loads",
        async () => {
          await machine.write("/run/bare.yaml", BARE);
          if (keeps) {
            const [code, text] = said(await machine.run("warmboot load /run/bare.yaml"));
            assertEquals(code, EXIT.ok.code, text);
            assertStringIncludes(text, "Run it with: warmboot exec, as often as you like");
            for (let round = 0; round < 3; round++) {
              const [ran, report] = said(await machine.run("warmboot exec"));
              assertEquals(ran, EXIT.ok.code, report);
            }
            return;
          }
          for (let round = 0; round < 3; round++) {
            const [code, text] = said(await machine.run("warmboot load /run/bare.yaml"));
            assertEquals([code, /is loaded already/.test(text)], [EXIT.ok.code, false], text);
            assertStringIncludes(text, "Run it once with: warmboot exec, and load it again before each further run");
            const [ran, report] = said(await machine.run("warmboot exec"));
            assertEquals(ran, EXIT.ok.code, report);
            assertStringIncludes(report, "Load it again with warmboot load before the next run");
            assertEquals((await status(machine)).runs, "spent");
            const [refused, why] = said(await machine.run("warmboot exec"));
            assertEquals(refused, EXIT.unavailable.code, why);
            assertStringIncludes(why, "a second run would crash the system");
          }
        },
      );

      await t.step(
        "a payload that leaves its entry point runs three times after one load, and is loaded already",
        async () => {
          await machine.write("/run/again.yaml", REENTRANT);
          const [code, text] = said(await machine.run("warmboot load /run/again.yaml"));
          assertEquals(code, EXIT.ok.code, text);
          for (let round = 0; round < 3; round++) {
            const [ran, report] = said(await machine.run("warmboot exec"));
            assertEquals(ran, EXIT.ok.code, report);
          }
          const [again, loadedText] = said(await machine.run("warmboot load /run/again.yaml"));
          assertEquals(again, EXIT.ok.code, loadedText);
          assertStringIncludes(loadedText, "is loaded already");
          await machine.output("warmboot unload");
        },
      );
    },
  });
}

Deno.test({
  name: "Debian's kernel, which cannot come back: refused by the plan where that is known, else the errno is explained",
  ignore: !names.includes("6.12"),
  fn: async () => {
    const kernel = await fetchKernel("6.12");
    const disk = await denoDisk({ warmboot: "cli.ts" }, { "/boot/debian": { file: kernel.config ?? "" } });
    const initrd = await diskInitrd([kernel]);
    await using machine = await startMachine({ kernel: kernel.image, initrd, disk, memory: 1024 });
    await machine.write("/run/preserve.yaml", EXAMPLE);
    const load = async () => [...said(await machine.run("warmboot load /run/preserve.yaml")), await loaded(machine)];

    const [refused, errno] = await load();
    assertEquals(refused, EXIT.refused.code, `${errno}`);
    assertMatch(
      `${errno}`,
      /warn +preserve-context +Cannot determine whether the running kernel can resume after a payload/,
    );
    assertMatch(
      `${errno}`,
      /kexec_load failed with EINVAL: the running kernel cannot resume after a payload .*CONFIG_KEXEC_JUMP/,
    );

    await machine.output(`cp /boot/debian /boot/config-${kernel.release}`);
    const [failed, check, state] = await load();
    assertEquals([failed, state], [EXIT.unavailable.code, "0"], `${check}`);
    assertStringIncludes(`${check}`, "cannot resume after a payload (CONFIG_KEXEC_JUMP is not set)");
  },
});
