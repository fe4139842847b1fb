/** `plan` as a whole process, against a Deno that does nothing; what hashing the files takes is measured and taken off. */
import { join } from "@std/path";
import { closeFile, hashFile, openFile } from "../src/app/files/open_file.ts";
import { bzImage } from "../tests/image/build.ts";
import { cpio } from "../tests/image/build_elf.ts";
import { inTurn, line, median } from "./pairs.ts";

const ROOT = join(import.meta.dirname ?? ".", "..");

async function deno(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

async function hashingTime(paths: readonly string[]): Promise<number> {
  const start = performance.now();
  for (const path of paths) {
    const file = openFile(path).value;
    if (file === undefined) throw new Error(`Cannot open ${path}`);
    await hashFile(file);
    closeFile(file);
  }
  return performance.now() - start;
}

/** Runs it, and gives the lines of the result. */
export async function benchPlan(): Promise<readonly string[]> {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-bench-" });
  try {
    const kernel = join(folder, "vmlinuz");
    const initrd = join(folder, "initrd.img");
    const profile = join(folder, "web.yaml");
    Deno.writeFileSync(kernel, bzImage());
    Deno.writeFileSync(initrd, cpio([{ name: "init", bytes: new Uint8Array(30 << 20) }]));
    Deno.writeTextFileSync(profile, "version: 1\nkernel: vmlinuz\ninitrd: initrd.img\ncmdline: ro\n");
    await deno("bundle", "--quiet", "--output", join(folder, "warmboot.js"), "cli.ts");
    const times: number[] = [];
    for (let round = 0; round < 9; round++) times.push(await hashingTime([kernel, initrd]));
    const hashing = median(times);
    const facts = join(ROOT, "tests/fixtures/hosts/bios-vm.json");
    const lines: string[] = [`hashing 30 MiB takes ${hashing.toFixed(0)} ms, which is taken off below`];
    for (const [what, program] of [["checkout", "cli.ts"], ["bundle", join(folder, "warmboot.js")]] as const) {
      const { a, b } = await inTurn(
        15,
        () => deno("run", "--allow-read", "--no-check", program, "plan", profile, "--facts", facts),
        () => deno("eval", ""),
      );
      lines.push(line(`plan from a ${what} / deno eval ''`, a.map((time) => time - hashing), b, 2));
    }
    return lines;
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
