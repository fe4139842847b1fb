/**
 * What `files` of 1 MiB in `initrd` add to a `load`, on this computer's own processor, up to the call, which the kernel
 * refuses: see refused_load.ts. Wall time in pairs, and the peak of memory by time(1), which counts pages of files too.
 */
import { join } from "@std/path";
import { cpioArchive } from "../tests/vm/cpio.ts";
import { bundle } from "../tests/vm/initramfs.ts";
import { fetchKernel, kernelNames } from "../tests/vm/packages.ts";
import { inTurn, median } from "./pairs.ts";

const ROUNDS = 15;
const MIB = 1 << 20;

/** What it may add: milliseconds, and MiB. */
const AIM = { time: 5, memory: 2 };

/** Runs it, and gives its lines. */
export async function benchFiles(): Promise<readonly string[]> {
  const names = await kernelNames();
  const kernel = await fetchKernel(names.includes("6.12") ? "6.12" : names[0] ?? "host");
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-bench-" });
  try {
    const at = (name: string) => join(folder, name);
    Deno.writeTextFileSync(at("refused.js"), await bundle("bench/refused_load.ts"));
    const content = new Uint8Array(MIB);
    for (let start = 0; start < MIB; start += 65_536) crypto.getRandomValues(content.subarray(start, start + 65_536));
    Deno.writeFileSync(at("content"), content);
    Deno.writeFileSync(at("initrd"), cpioArchive([]));
    const lines = (initrd: string) =>
      `version: 1\nkernel: ${kernel.image}\ninitrd: ${initrd}\ncmdline: ro\nload: kexec_load\n`;
    Deno.writeTextFileSync(at("without.yaml"), lines(at("initrd")));
    const files = `{ files: [{ path: /opt/content, from: ${at("content")} }] }`;
    Deno.writeTextFileSync(at("with.yaml"), lines(`[${at("initrd")}, ${files}]`));
    const peaks = { "with.yaml": [] as number[], "without.yaml": [] as number[] };
    const run = (name: keyof typeof peaks) => async () => {
      const { success, stderr } = await new Deno.Command("setpriv", {
        args: [
          ...["--bounding-set=-sys_boot", "--inh-caps=-sys_boot", "/usr/bin/time", "-f", "%M"],
          ...[Deno.execPath(), "run", "-A", "--no-config", at("refused.js"), at(name)],
        ],
        stdout: "null",
      }).output();
      const said = new TextDecoder().decode(stderr);
      if (!success) throw new Error(`warmboot was not refused: ${said}`);
      peaks[name].push(Number(said.trim().split("\n").at(-1)) / 1024);
    };
    const { a, b } = await inTurn(ROUNDS, run("with.yaml"), run("without.yaml"));
    const time = median(a.map((value, index) => value - (b[index] ?? NaN)));
    const memory = median(peaks["with.yaml"]) - median(peaks["without.yaml"]);
    return [
      `files of 1 MiB add to a load: ${time.toFixed(1)} ms to ${median(b).toFixed(0)} ms, aim ${AIM.time} ms; ` +
      `${memory.toFixed(1)} MiB to ${median(peaks["without.yaml"]).toFixed(0)} MiB, aim ${AIM.memory} MiB`,
    ];
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
