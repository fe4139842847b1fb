/** Images that are entered in 32-bit mode, and those that may not lie above 4 GiB, from hosts of either depth of page tables. */
import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { assemble } from "../arch/assemble.ts";
import { bzImage, type BzImageSpec } from "../image/build.ts";
import { distribution } from "./apt.ts";
import { cpioArchive, MODE } from "./cpio.ts";
import { ALL } from "./extent.ts";
import { machineWith, profile } from "./guest_profile.ts";
import type { GuestFiles } from "./initramfs.ts";
import type { Machine } from "./machine.ts";
import { fetchI386, fetchMemtest, usualKernel } from "./packages.ts";
import type { MachineOptions } from "./qemu.ts";
import { seen } from "./started.ts";

const kernel = await usualKernel();
const isDebian = await distribution() === "debian";
/** A guest with these files. */
function guest(options: Partial<MachineOptions>, files: GuestFiles): Promise<Machine> {
  return machineWith(kernel, { warmboot: "cli.ts" }, options, files);
}

/** Loads a profile; what its plan says of how the kernel is entered. */
async function load(machine: Machine, lines: string): Promise<string> {
  await profile(machine, lines);
  const plan = JSON.parse(await machine.output("warmboot plan -o json /run/p.yaml"));
  assertEquals(plan.call.syscall, "kexec_load");
  for (const { mem, memsz } of plan.call.segments) assertEquals(BigInt(mem) + BigInt(memsz) <= 1n << 32n, true);
  await machine.output("warmboot load /run/p.yaml");
  return plan.checks.find(({ rule }: { rule: string }) => rule === "entry-mode")?.message ?? "64-bit";
}

/** A bzImage whose 32-bit entry reports how it was reached. */
async function reporter(spec: BzImageSpec): Promise<Uint8Array> {
  const { code } = await assemble(await Deno.readTextFile(new URL("./guest/entry32.S", import.meta.url)));
  const image = bzImage({ initSize: 1 << 20, version: "", xloadflags: 0, ...spec });
  image.set(code, 8 * 512);
  return image;
}

/** What the reporter finds, by guest/entry32.S. */
const STATE = "regions cs ss ds es fs gs cr0 cr4 efer at code32_start cmdline esi ebx ebp edi eflags".split(" ");

for (
  const { name, spec, options, at } of [
    {
      name: "a kernel of protocol 2.07, which runs at 1 MiB only, from 5-level paging, with memory above 4 GiB",
      spec: { protocol: 0x207, relocatable: 0, alignment: 0 },
      options: { memory: 6144 },
      at: 0x10_0000,
    },
    {
      name: "a relocatable kernel without a 64-bit entry, from 4-level paging",
      spec: {},
      options: { memory: 1536, append: "no5lvl" },
      at: 0x100_0000,
    },
  ]
) {
  Deno.test({
    name: `${name}, finds the state of the 32-bit boot protocol (${kernel.name})`,
    ignore: !ALL && at !== 0x10_0000,
    fn: async () => {
      await using machine = await guest(options, { "/boot/reporter": await reporter(spec) });
      const says = await load(machine, "kernel: /boot/reporter\ncmdline: abcd");
      assertEquals(
        says,
        "The kernel is entered in 32-bit mode, since it has no 64-bit entry; all of the image lies below 4 GiB, and " +
          "purgatory leaves 64-bit mode",
      );
      const text = /warmboot-entry32 ([0-9a-f ]+)\./.exec(await seen(machine, /warmboot-entry32[0-9a-f ]+\./))?.[1] ??
        "";
      const state = Object.fromEntries(text.split(" ").map((word, index) => [STATE[index], parseInt(word, 16)]));
      const { cs, ss, ds, es, fs, gs, cr0 = 0, cr4, efer = 0, ebx, ebp, edi, eflags = 0, regions = 0, esi = 0 } = state;
      assertEquals({ cs, ss, ds, es, fs, gs }, { cs: 0x10, ss: 0x18, ds: 0x18, es: 0x18, fs: 0x18, gs: 0x18 });
      assertEquals({ cr4, ebx, ebp, edi }, { cr4: 0, ebx: 0, ebp: 0, edi: 0 });
      // Protection without paging; neither LME nor LMA; no interrupts, and strings that go up.
      assertEquals([(cr0 & 0x8000_0001) >>> 0, efer & 0x500, eflags & 0x600], [1, 0, 0]);
      assertEquals([state.at, state.code32_start, state.cmdline], [at, at, 0x6463_6261]);
      assertEquals([regions > 0, esi >= 0x100_0000 && esi % 4096 === 0], [true, true]);
    },
  });
}

/** What a terminal does not print. */
// deno-lint-ignore no-control-regex
const ESCAPES = /\u001b\[[\d;]*[A-Za-z]/g;

/** Memtest86+ as it is started: by each entry, with little memory and with some above 4 GiB. */
const MEMTESTS = [
  { suite: "bookworm", bits: "x64", options: { memory: 1024, append: "no5lvl" }, entry: /^64-bit$/ },
  { suite: "bookworm", bits: "x64", options: { memory: 6144, cpus: 1 }, entry: /does not start from 5-level paging/ },
  { suite: "sid", bits: "x64", options: { memory: 1024, append: "no5lvl" }, entry: /^64-bit$/ },
  { suite: "bookworm", bits: "ia32", options: { memory: 1024, cpus: 1 }, entry: /it has no 64-bit entry/ },
  { suite: "sid", bits: "ia32", options: { memory: 6144 }, entry: /it has no 64-bit entry/ },
] as const;

/** The version that each says. */
const VERSIONS = { bookworm: /v6\.10|6\.10\./, sid: /v8\.|8\.\d+\./ } as const;

for (const [index, { suite, bits, options, entry }] of MEMTESTS.entries()) {
  const version = VERSIONS[suite];
  Deno.test({
    name: `Memtest86+ ${bits} of ${suite} runs its tests, ${options.memory} MiB (${kernel.name})`,
    ignore: !isDebian || (!ALL && index !== 0),
    fn: async () => {
      await using machine = await guest({ ...options, without: ["l3-cache"] }, {
        "/boot/memtest": { file: await fetchMemtest(suite, bits) },
      });
      assertMatch(await load(machine, "kernel: /boot/memtest\ncmdline: console=ttyS0,115200"), entry);
      // Its clock runs while a test does, whose number and name come before. First it measures the memory's speed, by copies
      // of several times the largest cache, which are slow here.
      const text = (await seen(machine, /Memtest86\+[^]*Time: +(?!0:00:00)\d/)).replaceAll(ESCAPES, "");
      assertMatch(text, version);
      assertMatch(text, /#\d+ +\[\w.*\]/);
      assertMatch(text, /Errors: 0 /);
      assertNotMatch(text, /Errors: +[1-9]|Unexpected interrupt/);
    },
  });
}

Deno.test({
  name: `a 32-bit Debian kernel comes up to user space from a 64-bit one, with memory above 4 GiB (${kernel.name})`,
  ignore: !isDebian || !ALL,
  fn: async () => {
    const { kernel: image, release, busybox } = await fetchI386();
    const init = "#!/bin/busybox sh\n" +
      "/bin/busybox mount -t proc proc /proc\n" +
      "echo warmboot-i386 $(/bin/busybox uname -rm) $(/bin/busybox cat /proc/cmdline)\n" +
      "/bin/busybox grep MemTotal /proc/meminfo\n/bin/busybox poweroff -f\n";
    const initrd = cpioArchive([
      { path: "/init", mode: MODE.file, data: new TextEncoder().encode(init) },
      { path: "/bin/busybox", mode: MODE.file, data: await Deno.readFile(busybox) },
      { path: "/proc/.keep", mode: MODE.file, data: new Uint8Array() },
    ]);
    await using machine = await guest({ memory: 6144 }, { "/boot/i386": { file: image }, "/boot/i386.cpio": initrd });
    const cmdline = "console=ttyS0 panic=-1";
    assertMatch(
      await load(machine, `kernel: /boot/i386\ninitrd: /boot/i386.cpio\ncmdline: ${cmdline}`),
      /it has no 64-bit entry/,
    );
    await seen(machine, new RegExp(RegExp.escape(`warmboot-i386 ${release} i686 ${cmdline}`)));
  },
});
