// deno-lint-ignore-file no-console
/** Runs the table in virtual machines. As a program it writes docs/conformance.md from what it sees. */
import { join } from "@std/path";
import { REPOSITORY } from "../cache.ts";
import { machineWith } from "../guest_profile.ts";
import { initrdBytes, tinyInitrd } from "../initramfs.ts";
import { fetchKernel } from "../packages.ts";
import { SEEN_ON, type SeenOn } from "./condition.ts";
import { FILES } from "./files.ts";
import { deviation, type Observation } from "./observation.ts";
import { conformancePage, type Seen } from "./page.ts";
import { CONDITIONS } from "./table.ts";

/** The page's path. */
export const PAGE: string = join(REPOSITORY, "docs/conformance.md");

/** Tries every condition on a kernel. @throws {Error} also if an image is left loaded */
export async function observeOn(name: SeenOn): Promise<readonly Observation[]> {
  const kernel = await fetchKernel(name);
  const files = {
    [FILES.kernel]: { file: kernel.image },
    [FILES.initrd]: await initrdBytes(await tinyInitrd({}, kernel.arch)),
    ...(kernel.config === undefined ? {} : { [`/boot/config-${kernel.release}`]: { file: kernel.config } }),
  };
  const programs = { conformance: "tests/vm/guest/conformance.ts" };
  await using machine = await machineWith(kernel, programs, { append: "crashkernel=192M", memory: 2048 }, files);
  const runs = [
    await machine.output("unshare -U -r conformance 'user namespace'", { timeout: 120 }),
    await machine.output("conformance", { timeout: 400 }),
  ];
  const left = await machine.output("cat /sys/kernel/kexec_loaded /sys/kernel/kexec_crash_loaded");
  if (left !== "0\n0\n") throw new Error(`An image is left loaded on ${name}: ${left}`);
  return runs.flatMap((text) => JSON.parse(text) as readonly Observation[]);
}

async function observeAll(): Promise<Seen> {
  const rows: [SeenOn, readonly Observation[]][] = [];
  for (const name of SEEN_ON) rows.push([name, await observeOn(name)]);
  return Object.fromEntries(rows) as Seen;
}

/** What differs from the table, as sentences. */
export function deviations(name: SeenOn, seen: readonly Observation[]): readonly string[] {
  return CONDITIONS.flatMap((row) => deviation(row, name, seen.find(({ id }) => id === row.id)) ?? []);
}

if (import.meta.main) {
  const seen = await observeAll();
  const faults = SEEN_ON.flatMap((name) => deviations(name, seen[name]));
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) Deno.exit(1);
  Deno.writeTextFileSync(PAGE, conformancePage(seen));
}
