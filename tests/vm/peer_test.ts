import { assertEquals } from "@std/assert";
import { explainedDifferences } from "./explained.ts";
import { machineWith, profile } from "./guest_profile.ts";
import { differences, type Handover, type HandoverFacts, handoverFacts, handoverOf } from "./handover.ts";
import { kexecTools } from "./kexec_tools.ts";
import { fetchKernel, kernelNames } from "./packages.ts";
import { BASE_CMDLINE, type MachineOptions } from "./qemu.ts";

const CMDLINE = `${BASE_CMDLINE} way=peer`;
const names = await kernelNames();

/** The differences that the page explains. */
const EXPLAINED = explainedDifferences("## The bytes of a kexec_load");

/** Hosts whose differences show all of the rows: memory above 4 GiB here, EFI there. */
const HOSTS: readonly { readonly kernel: string; readonly options: Partial<MachineOptions> }[] = [
  { kernel: "6.12", options: { memory: 5120 } },
  { kernel: "6.1", options: { memory: 2560, firmware: "uefi" } },
];

/** Both ways to the same kernel: what kexec-tools handed over and said of it with -d, and what we plan. */
interface BothWays {
  readonly peer: Handover;
  readonly said: string;
  readonly ours: Handover;
}

async function bothWays(kernel: string, options: Partial<MachineOptions>): Promise<BothWays> {
  const running = await fetchKernel(names.find((name) => name === kernel) ?? names[0] ?? "host");
  const programs = { warmboot: "cli.ts", handover: "tests/vm/guest/handed_over.ts" };
  await using machine = await machineWith(running, programs, options, await kexecTools());
  await profile(machine, `kernel: /boot/vmlinuz\ninitrd: /boot/initrd\ncmdline: ${CMDLINE}\nload: kexec_load`);
  const plan = JSON.parse(await machine.output("warmboot plan -o json /run/p.yaml"));
  const peer = JSON.parse(
    await machine.output(`mkfifo /run/go
      sh -c 'read go </run/go; exec kexec -d -c -l --command-line="${CMDLINE}" --initrd=/boot/initrd /boot/vmlinuz' \\
        >/run/said 2>&1 &
      handover /run/go $!
      wait $!`),
  );
  assertEquals(await machine.output("cat /sys/kernel/kexec_loaded"), "1\n");
  return { peer: handoverOf(peer), said: await machine.output("cat /run/said"), ours: handoverOf(plan.call) };
}

/** What `kexec -d` says of entry, segments and memory map, in the words of the facts. */
function debugOutput(text: string): { readonly call: readonly bigint[]; readonly e820: HandoverFacts } {
  const [, entry = "0", segments = ""] = /kexec_load: entry = (\S+) flags = \S+\n([^]*)/.exec(text) ?? [];
  const numbers = [...segments.matchAll(/\.(?:mem|memsz|bufsz) += (0x[0-9a-f]+)/g)].map(([, value = "0"]) =>
    BigInt(value)
  );
  const map = /E820 memmap:\n((?:[0-9a-f]+-[0-9a-f]+ \(\d+\)\n)*)/.exec(text)?.[1] ?? "";
  const e820 = [...map.matchAll(/(\w+)-(\w+) \((\d+)\)/g)].map(([, start, last, type]) =>
    [
      `e820 from 0x${BigInt(`0x${start}`).toString(16)}`,
      `to 0x${(BigInt(`0x${last}`) + 1n).toString(16)} type ${type}`,
    ] as const
  );
  return { call: [BigInt(entry), ...numbers], e820: new Map(e820) };
}

Deno.test("a plan and kexec-tools hand the same to the kernel, but for what docs/kexec-tools.md explains", async (t) => {
  const found = new Map<string, string>();
  for (const { kernel, options } of HOSTS) {
    await t.step(`${kernel}, ${options.memory} MiB, ${options.firmware ?? "bios"}`, async () => {
      const { peer, said, ours } = await bothWays(kernel, options);
      const [theirs, own] = [handoverFacts(peer), handoverFacts(ours)];
      for (const name of differences(theirs, own)) {
        found.set(name, `kexec-tools ${theirs.get(name)}, warmboot ${own.get(name)}`);
      }
      const unexplained = [...found].filter(([name]) => !EXPLAINED.includes(name));
      assertEquals(unexplained, []);

      const { call, e820 } = debugOutput(said);
      assertEquals(call, [
        peer.entry,
        ...peer.segments.flatMap((row) => [BigInt(row.bufsz), row.mem, BigInt(row.memsz)]),
      ]);
      assertEquals([...e820], [...theirs].filter(([name]) => name.startsWith("e820 ")));
    });
  }
  await t.step("every difference that the page explains is one", () => {
    assertEquals(EXPLAINED.filter((name) => !found.has(name)), []);
  });
});
