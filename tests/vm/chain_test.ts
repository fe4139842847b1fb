import { assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { machineWith, walk } from "./chain.ts";
import { ALL } from "./extent.ts";
import { fetchKernel, kernelNames } from "./packages.ts";
import { BASE_CMDLINE } from "./qemu.ts";

const names = await kernelNames();
const GENERATIONS = await Promise.all(names.map(fetchKernel));
/** With the kernel that is compressed otherwise, where there is one. */
const KERNELS = names.includes("6.1") ? [...GENERATIONS, await fetchKernel("cloud")] : GENERATIONS;

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

Deno.test("kexec_file_load boots one kernel from another", async (t) => {
  const way = ALL ? [...GENERATIONS, ...GENERATIONS.slice(0, 1)] : GENERATIONS.slice(0, 2);
  await using machine = await machineWith(way);
  await walk(t, machine, way, { load: "kexec_file_load" });

  const { release } = machine.boot();
  await t.step(`${release} boots itself without an initrd`, async () => {
    const { name } = way.at(-1) ?? {};
    await machine.write(
      "/run/alone.yaml",
      `version: 1\nkernel: /boot/vmlinuz-${name}\ncmdline: ${BASE_CMDLINE} alone=1\n`,
    );
    const before = machine.console().length;
    assertStringIncludes(await machine.output("warmboot load /run/alone.yaml"), `Loaded ${release} from profile alone`);
    // The kernel cannot find the disk by itself, and ends where it looks for its root file system.
    await assertRejects(() => machine.runToBoot("warmboot exec --now"), Error, "Unable to mount root fs");
    assertMatch(machine.console(before), new RegExp(`Command line: ${BASE_CMDLINE} alone=1\\s`));
  });
});

Deno.test("kexec_load boots kernels from each other, ten times in a row", async (t) => {
  const way = everyStep(KERNELS.length).flatMap((place) => KERNELS[place] ?? []).slice(0, 11);
  await using machine = await machineWith(way);
  await walk(t, machine, way, { load: "kexec_load" });
});

Deno.test("on UEFI, kexec_load boots every kernel, and ACPI, EFI runtime services and power-off stay", async (t) => {
  const way = [...KERNELS, ...KERNELS.slice(0, 1)];
  await using machine = await machineWith(way, { firmware: "uefi" });
  await walk(t, machine, way, { load: "kexec_load" });

  await t.step("after the last of them", async () => {
    const messages = await machine.output("dmesg");
    assertMatch(messages, /ACPI: RSDP/);
    assertMatch(messages, /efi: EFI v2/);
    assertMatch(await machine.output("ls /sys/firmware/efi/runtime-map"), /^0$/m);
    const before = machine.console().length;
    await assertRejects(() => machine.run("poweroff -f"), Error, "went down");
    assertMatch(machine.console(before), /reboot: Power down/);
  });
});
