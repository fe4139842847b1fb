/**
 * What starting the released program costs in CPU time, against a Deno that does nothing: `--version`, `check` of one
 * profile, and `plan` with a kernel of 12 MiB, hashing included.
 */
import { join } from "@std/path";
import { bundleProgram } from "../packaging/bundle.ts";
import { bzImage } from "../tests/image/build.ts";
import { median } from "./pairs.ts";

const ROOT = join(import.meta.dirname ?? ".", "..");
const ROUNDS = 10;

/** As contrib/bin/warmboot starts it. */
const FLAGS = ["run", "-A", "--quiet", "--no-prompt", "--no-config", "--no-lock", "--cached-only"];

/** User and system time of a process, milliseconds, as bash measures it by getrusage(2). */
async function cpuTime(args: readonly string[]): Promise<number> {
  const { stderr } = await new Deno.Command("bash", {
    args: ["-c", 'TIMEFORMAT="%3U %3S"; time "$@" >/dev/null 2>&1', "bash", Deno.execPath(), ...args],
    env: { DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
  }).output();
  const seconds = new TextDecoder().decode(stderr).trim().split(" ").map(Number);
  return seconds.reduce((sum, each) => sum + each, 0) * 1000;
}

/** Runs it, and gives the lines of the result. */
export async function benchStartup(): Promise<readonly string[]> {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-bench-" });
  try {
    const [program, profile] = [join(folder, "warmboot.js"), join(folder, "web.yaml")];
    const kernel = new Uint8Array(12 << 20);
    kernel.set(bzImage());
    Deno.writeFileSync(join(folder, "vmlinuz"), kernel);
    Deno.writeTextFileSync(profile, "version: 1\nkernel: vmlinuz\ncmdline: root=/dev/vda ro\n");
    Deno.writeTextFileSync(program, await bundleProgram());
    const facts = join(ROOT, "tests/fixtures/hosts/bios-vm.json");
    const runs: readonly (readonly [what: string, args: readonly string[], aim: number])[] = [
      ["deno eval ''", ["eval", ""], 1],
      ["--version", [...FLAGS, program, "--version"], 2],
      ["check", [...FLAGS, program, "check", profile], 2.5],
      ["plan", [...FLAGS, program, "plan", profile, "--facts", facts], 4.5],
    ];
    const times = runs.map(() => [] as number[]);
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [index, [, args]] of runs.entries()) {
        const time = await cpuTime(args);
        // The first round fills Deno's caches.
        if (round > 0) times[index]?.push(time);
      }
    }
    const [nothing = NaN, ...rest] = times.map(median);
    return rest.map((time, index) => {
      const [what, , aim] = runs[index + 1] ?? ["", [], NaN];
      return `${`CPU time of ${what} / deno eval ''`.padEnd(58)}${time.toFixed(0).padStart(7)} ms` +
        `${nothing.toFixed(0).padStart(7)} ms${(time / nothing).toFixed(2).padStart(8)}   aim ${aim}`;
    });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
