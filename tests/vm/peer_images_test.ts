/** Images that are not entered as a 64-bit Linux: what kexec-tools and warmboot hand to each. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { distribution } from "./apt.ts";
import { explainedDifferences } from "./explained.ts";
import { machineWith } from "./guest_profile.ts";
import { differences, type HandoverFacts, handoverFacts, handoverOf, realModeFacts } from "./handover.ts";
import type { GuestFiles } from "./initramfs.ts";
import { kexecTools } from "./kexec_tools.ts";
import type { Machine } from "./machine.ts";
import { multibootImage, readSeen, type Seen, sumOf } from "./multiboot.ts";
import { fetchIpxe, fetchMemtest, usualKernel } from "./packages.ts";
import { BASE_CMDLINE } from "./qemu.ts";
import { realModeImage } from "./real_mode.ts";
import { seen } from "./started.ts";
import { unifiedImage } from "./uki.ts";

const kernel = await usualKernel();
const isDebian = await distribution() === "debian";

/** The first table is about Linux; what it explains is explained of another image, too. */
const LINUX = explainedDifferences("## The bytes of a kexec_load");
const EXPLAINED = explainedDifferences("## What other images get");

/** Both facts of one image, by whom it was loaded. */
interface BothWays {
  readonly peer: HandoverFacts;
  readonly ours: HandoverFacts;
}

/** What a Multiboot image says that it was given. */
function multibootFacts(was: Seen): HandoverFacts {
  return new Map([
    ["magic", was.magic.toString(16)],
    ["place", was.at.toString(16)],
    ["load base", was.base === undefined ? "none" : was.base.toString(16)],
    ["zeros after the file", String(was.bss)],
    ["command line", was.cmdline],
    ["loader", was.loader.split(" ")[0] ?? ""],
    ["lower memory", String(was.lower)],
    ["upper memory", String(was.upper)],
    ...was.map.map(({ start, size, type }) => [`map from ${start.toString(16)}`, `${size} bytes, ${type}`] as const),
    ...was.modules.flatMap(({ start, end, cmdline, sum }, index) => [
      [`module ${index}`, `${end - start} bytes, sum ${sum.toString(16)}`] as const,
      [`module ${index} command line`, cmdline] as const,
      [`module ${index} in its page`, (start % 4096).toString(16)] as const,
    ]),
    ["information", was.has.toSorted((a, b) => a - b).map((each) => each.toString(16)).join(" ")],
  ]);
}

/** What an image says that either loaded, each time on a machine that was reset. Starting it is the kernel's work. */
async function startedBothWays(
  machine: Machine,
  image: string,
  kexec: string,
  pattern: RegExp,
): Promise<{ readonly peer: string; readonly ours: string }> {
  await machine.reset();
  await machine.output(`kexec -c -l ${kexec}`);
  const peer = await seen(machine, pattern, "kexec -e");
  await machine.reset();
  await machine.output(`warmboot load /boot/${image}.yaml`);
  return { peer, ours: await seen(machine, pattern, "kexec -e") };
}

/** What kexec-tools and a plan hand to the kernel; nothing is started. */
async function handedBothWays(
  machine: Machine,
  image: string,
  kexec: string,
  facts: typeof handoverFacts,
): Promise<BothWays> {
  const plan = JSON.parse(await machine.output(`warmboot plan -o json /boot/${image}.yaml`));
  const peer = JSON.parse(
    await machine.output(`rm -f /run/go; mkfifo /run/go
      sh -c 'read go </run/go; exec kexec -c -l ${kexec}' >/run/said 2>&1 &
      handover /run/go $!
      wait $!`),
  );
  return { peer: facts(handoverOf(peer)), ours: facts(handoverOf(plan.call)) };
}

const MODULES = [
  { path: "/boot/module0", bytes: Uint8Array.from({ length: 5000 }, (_, at) => at * 7), cmdline: " first of  three" },
  { path: "/boot/module1", bytes: new Uint8Array(4096).fill(3), cmdline: "" },
];

/** Command lines and profiles of the same images. */
const MULTIBOOT = [
  ...MODULES.map(({ path, cmdline }) => `--module="${path}${cmdline}"`),
  '--command-line="one two=3 -- four"',
].join(" ");

function multibootProfile(version: number): string {
  const modules = MODULES.map(({ path, cmdline }) =>
    cmdline === "" ? `  - ${path}\n` : `  - { path: ${path}, cmdline: "${cmdline.trimStart()}" }\n`
  );
  return `version: 1\nkernel: /boot/multiboot${version}\ncmdline: one two=3 -- four\nmodules:\n${modules.join("")}`;
}

Deno.test({
  name:
    `kexec-tools and warmboot hand the same to other images, but for what docs/kexec-tools.md explains (${kernel.name})`,
  ignore: !isDebian,
  fn: async (t) => {
    const found = new Map<string, string>();
    const compare = (image: string, { peer, ours }: BothWays, known: readonly string[] = []): void => {
      for (const name of differences(peer, ours)) {
        if (known.includes(name)) continue;
        found.set(`${image}: ${name}`, `kexec-tools ${peer.get(name)}, warmboot ${ours.get(name)}`);
      }
      assertEquals([...found].filter(([name]) => !EXPLAINED.includes(name)), []);
    };
    const files: GuestFiles = {
      ...await kexecTools(),
      ...Object.fromEntries(MODULES.map(({ path, bytes }) => [path, bytes])),
      "/boot/multiboot1": await multibootImage({ version: 1, as: "flat" }),
      "/boot/multiboot2": await multibootImage({ version: 2, as: 32, movable: true, isPhysical: true }),
      "/boot/multiboot1.yaml": multibootProfile(1),
      "/boot/multiboot2.yaml": multibootProfile(2),
      "/boot/real": await realModeImage(false),
      "/boot/real.yaml": "version: 1\nkernel: /boot/real\ncmdline: one two=3\n",
      "/boot/memtest": { file: await fetchMemtest("bookworm", "x64") },
      "/boot/memtest.yaml": "version: 1\nkernel: /boot/memtest\ncmdline: console=ttyS0,115200\n",
      "/boot/ipxe": { file: await fetchIpxe() },
      "/boot/ipxe.yaml": "version: 1\nkernel: /boot/ipxe\ncmdline: shell\n",
      "/boot/EFI/Linux/a.efi": await unifiedImage(kernel, [
        [".uname", kernel.release],
        [".cmdline", BASE_CMDLINE],
        [".linux", { file: kernel.image }],
      ]),
    };
    const programs = { warmboot: "cli.ts", handover: "tests/vm/guest/handed_over.ts" };
    const options = { memory: 1536, append: "no5lvl" };
    await using machine = await machineWith(kernel, programs, options, files);

    await t.step("Memtest86+, a bzImage that may not lie above 4 GiB", async () => {
      const kexec = '--command-line="console=ttyS0,115200" /boot/memtest';
      compare("Memtest86+", await handedBothWays(machine, "memtest", kexec, handoverFacts), LINUX);
    });

    await t.step("ipxe.lkrn, by its entry in real mode", async () => {
      const kexec = "--real-mode --command-line=shell /boot/ipxe";
      compare("ipxe.lkrn", await handedBothWays(machine, "ipxe", kexec, realModeFacts), LINUX);
    });

    await t.step("a unified kernel image: kexec-tools does not recognise it", async () => {
      const { code, stderr } = await machine.run("kexec -c -l /boot/EFI/Linux/a.efi");
      assert(code !== 0);
      assertMatch(stderr, /Cannot determine the file type of \/boot\/EFI\/Linux\/a\.efi/);
    });

    for (const version of [1, 2]) {
      await t.step(`Multiboot ${version}: what the image says that it was given`, async () => {
        const kexec = `${MULTIBOOT} /boot/multiboot${version}`;
        const { peer, ours } = await startedBothWays(
          machine,
          `multiboot${version}`,
          kexec,
          /warmboot-multiboot[^]*\n\.\n/,
        );
        const [theirs, own] = [readSeen(peer), readSeen(ours)];
        assertEquals(own.modules.map(({ sum }) => sum), MODULES.map(({ bytes }) => sumOf(bytes)));
        compare(`Multiboot ${version}`, { peer: multibootFacts(theirs), ours: multibootFacts(own) });
      });
    }

    await t.step("an image in real mode: what it says that it finds", async () => {
      const kexec = '--real-mode --command-line="one two=3" /boot/real';
      const { peer, ours } = await startedBothWays(machine, "real", kexec, /warmboot-real [^]* ticks /);
      // With kexec-tools, the timer's interrupts do not come, for which the image waits before it goes on.
      compare("real mode", { peer: realModeSays(peer), ours: realModeSays(ours) });
    });

    await t.step("every difference that the page explains is one", () => {
      assertEquals(EXPLAINED.filter((name) => !found.has(name)), []);
    });
  },
});

/** What the image of guest/real_mode.S says before it waits. */
function realModeSays(text: string): HandoverFacts {
  const [, says = ""] = /warmboot-real (.*?) ticks /.exec(text) ?? [];
  return new Map([...says.matchAll(/(\w+) (\w+)/g)].map(([, name = "", value = ""]) => [name, value]));
}
