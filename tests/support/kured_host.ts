/**
 * A host on which a sentinel is asked, as a program: `kured_host.ts STATE ARGUMENT...` runs warmboot with these arguments on a
 * host in that state, and ends with its exit code. The profile `node` is in /run/warmboot, since /etc is this machine's.
 */
import { join } from "@std/path";
import { type FailingSystem, failingSystem, withPrograms } from "./failing_system.ts";
import { packedKernel, vmlinux } from "./small_kernel.ts";

/** What happened on the host before. */
export type HostState =
  /** Another system runs than the one that is declared. */
  | "other"
  /** It was rebooted into the profile, and that came up. */
  | "arrived"
  /** It was rebooted into the profile, and came back by the firmware. */
  | "fell-back";

/** Such a host, with a profile `node`. */
export async function kuredHost(state: HostState, more = ""): Promise<FailingSystem> {
  const on = failingSystem();
  Deno.writeFileSync(join(on.root, "boot/vmlinuz"), packedKernel(vmlinux()));
  Deno.mkdirSync(join(on.root, "run/warmboot"), { recursive: true, mode: 0o700 });
  writeProfile(on, `version: 1\nkernel: /boot/vmlinuz\ncmdline: ro node=new\nstamp: true\n${more}`);
  if (state === "other") return on;
  await must(on, "arrive");
  await must(on, "load node");
  await must(on, "exec");
  await withPrograms({ stdout: "412\n" }, () => must(on, "depart"));
  const { to } = JSON.parse(Deno.readTextFileSync(attemptsOf(on)[0] ?? ""));
  on.image = undefined;
  const put = (path: string, text: string) => Deno.writeTextFileSync(join(on.root, path), `${text}\n`);
  put("proc/sys/kernel/random/boot_id", "00000000-0000-4000-8000-000000000001");
  put("proc/sys/kernel/bootloader_type", state === "arrived" ? "208" : "114");
  if (state === "arrived") {
    put("proc/cmdline", to.cmdline);
    put("proc/sys/kernel/osrelease", to.release);
    put("proc/sys/kernel/version", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1");
  }
  await must(on, "arrive");
  return on;
}

/** Replaces the profile. */
export function writeProfile(on: FailingSystem, text: string): void {
  Deno.writeTextFileSync(join(on.root, "run/warmboot/node.yaml"), text);
}

/** The files of the attempts. */
export function attemptsOf(on: FailingSystem): readonly string[] {
  const folder = join(on.root, "var/lib/warmboot/attempts");
  return Array.from(Deno.readDirSync(folder), ({ name }) => join(folder, name)).filter((path) =>
    path.endsWith(".json")
  );
}

async function must(on: FailingSystem, args: string): Promise<void> {
  const { code, said } = await on.run(args.split(" "));
  if (code !== 0) throw new Error(`warmboot ${args}: ${code}: ${said}`);
}

if (import.meta.main) {
  const [state, ...args] = Deno.args;
  using on = await kuredHost(state as HostState);
  const { code, said } = await on.run(args);
  await Deno.stderr.write(new TextEncoder().encode(said));
  Deno.exitCode = code;
}
