// deno-lint-ignore-file no-console
/**
 * `load` on this computer's own processor, up to the call, which the kernel refuses to a process without CAP_SYS_BOOT, if
 * it has it at all: nothing is loaded. Against `kexec -c -l`, refused likewise. What the kernel does in the call is left
 * out.
 */
import { join } from "@std/path";
import { bundle } from "../tests/vm/initramfs.ts";
import { runnableKexec } from "../tests/vm/kexec_tools.ts";
import type { Kernel } from "../tests/vm/packages.ts";
import type { HereResults } from "./load_results.ts";
import { inTurn } from "./pairs.ts";

const ROUNDS = 9;
const MIB = 1 << 20;
const CMDLINE = "root=/dev/vda ro";

/** What `kexec` says then. */
const REFUSED = /kexec_load failed: (?:Operation not permitted|Function not implemented)/;

/** Measures both in turn; undefined where this is not root, who alone reads /proc/iomem whole. */
export async function loadHere(kernel: Kernel, sizes: readonly number[]): Promise<HereResults | undefined> {
  if (Deno.uid() !== 0) {
    console.error("Only root reads /proc/iomem whole: nothing is measured on this computer itself");
    return undefined;
  }
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-bench-" });
  try {
    const program = join(folder, "refused.js");
    const initrd = join(folder, "initrd");
    const profile = join(folder, "p.yaml");
    Deno.writeTextFileSync(program, await bundle("bench/refused_load.ts"));
    const lines = `kernel: ${kernel.image}\ninitrd: ${initrd}\ncmdline: ${CMDLINE}\nload: kexec_load`;
    Deno.writeTextFileSync(profile, `version: 1\n${lines}\n`);
    const kexec = await runnableKexec();
    const results: { mib: number; ours: readonly number[]; theirs: readonly number[] }[] = [];
    for (const mib of sizes) {
      writeRandom(initrd, mib);
      const { a, b } = await inTurn(ROUNDS, async () => {
        const { success, stderr } = await powerless([Deno.execPath(), "run", "-A", "--no-config", program, profile]);
        if (!success) throw new Error(`warmboot was not refused: ${stderr}`);
      }, async () => {
        const { stderr } = await powerless(
          [kexec.program, "-c", "-l", `--command-line=${CMDLINE}`, `--initrd=${initrd}`, kernel.image],
          kexec.env,
        );
        if (!REFUSED.test(stderr)) throw new Error(`kexec was not refused: ${stderr}`);
      });
      results.push({ mib, ours: a, theirs: b });
    }
    return { processor: processorName(), sizes: results };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Runs a command without CAP_SYS_BOOT. */
async function powerless(
  command: readonly string[],
  env: { readonly [name: string]: string } = {},
): Promise<{ readonly success: boolean; readonly stderr: string }> {
  const { success, stderr } = await new Deno.Command("setpriv", {
    args: ["--bounding-set=-sys_boot", "--inh-caps=-sys_boot", ...command],
    env,
    stdout: "null",
  }).output();
  return { success, stderr: new TextDecoder().decode(stderr) };
}

function writeRandom(path: string, mib: number): void {
  using file = Deno.openSync(path, { write: true, create: true, truncate: true });
  const block = new Uint8Array(MIB);
  for (let at = 0; at < MIB; at += 65_536) crypto.getRandomValues(block.subarray(at, at + 65_536));
  for (let count = 0; count < mib; count++) file.writeSync(block);
}

function processorName(): string {
  return /^model name\s*: (.*)$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ?? Deno.build.arch;
}
