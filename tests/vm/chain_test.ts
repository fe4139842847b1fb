import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { announce } from "./host_command.ts";
import { denoInitrd } from "./initramfs.ts";
import { startMachine } from "./machine.ts";
import { fetchKernel, kernelNames } from "./packages.ts";
import { BASE_CMDLINE } from "./qemu.ts";

const KERNELS = await Promise.all((await kernelNames()).map(fetchKernel));

/** A way that takes every step from one of `count` places to another, once (Hierholzer). */
function everyStep(count: number): readonly number[] {
  const places = Array.from({ length: count }, (_, place) => place);
  const left = places.map((here) => new Set(places.filter((place) => place !== here)));
  const open = [0];
  const way: number[] = [];
  while (open.length > 0) {
    const [next] = left[open.at(-1) ?? 0] ?? [];
    if (next === undefined) {
      way.unshift(open.pop() ?? 0);
    } else {
      left[open.at(-1) ?? 0]?.delete(next);
      open.push(next);
    }
  }
  return way;
}

Deno.test("profiles boot every kernel from every other", async (t) => {
  const initrd = await denoInitrd(
    { warmboot: "cli.ts" },
    Object.fromEntries(KERNELS.map(({ name, image }) => [`/boot/vmlinuz-${name}`, { file: image }])),
  );
  const [start = 0, ...targets] = everyStep(KERNELS.length);
  const first = KERNELS[start];
  if (first === undefined) throw new Error("There is no kernel to test");
  await using machine = await startMachine({ kernel: first.image, initrd, memory: 4096 });

  let here = first;
  for (const [step, target] of targets.entries()) {
    const there = KERNELS[target];
    if (there === undefined) continue;
    await t.step(`${here.release} boots ${there.release}`, async () => {
      const cmdline = `${BASE_CMDLINE} step=${step} note="two words"`;
      await machine.output("repack /run/self.cpio");
      await machine.write(
        "/run/next.yaml",
        `version: 1\nkernel: /boot/vmlinuz-${there.name}\ninitrd: self.cpio\ncmdline: ${cmdline}\n`,
      );
      const start = performance.now();
      assertStringIncludes(
        await machine.output("cd /run && warmboot load next.yaml"),
        `Loaded ${there.release} from profile next`,
      );
      assertEquals(await machine.runToBoot("warmboot exec --now"), { release: there.release, cmdline });
      announce(`${here.release} to ${there.release}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
    });
    here = there;
  }

  await t.step(`${here.release} boots itself without an initrd`, async () => {
    await machine.write(
      "/run/alone.yaml",
      `version: 1\nkernel: /boot/vmlinuz-${here.name}\ncmdline: ${BASE_CMDLINE} alone=1\n`,
    );
    await machine.output("warmboot load /run/alone.yaml");
    // With neither initrd nor disk, the kernel ends where it looks for its root file system.
    await assertRejects(() => machine.runToBoot("warmboot exec --now"), Error, "Unable to mount root fs");
    assertMatch(machine.console(), new RegExp(`Command line: ${BASE_CMDLINE} alone=1\\s`));
  });
});
