import type { ExitName } from "../../core/program.ts";
import type { HostFacts } from "../../host/facts.ts";
import { execute } from "../../syscall/execute.ts";
import { openLibc } from "../../syscall/libc.ts";
import { SyscallError } from "../../syscall/errors/syscall_error.ts";
import { lowerUnload } from "../../plan/lower.ts";
import { formatSyscall, type Syscall } from "../../plan/syscall.ts";
import { type Invocation, isSet } from "../command.ts";
import { holdSignals } from "../../app/hold_signals.ts";
import type { Ports } from "../ports.ts";
import { readFacts } from "../../app/prepare.ts";
import { type ImageSlot, lockStore } from "../../state/record_store.ts";
import { report, say } from "../report.ts";
import { errnoName } from "../../syscall/errno.ts";

/** Does what `warmboot unload` is asked to. */
export async function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
  const crash = isSet(invocation, "crash");
  if (!isSet(invocation, "dry-run")) return await drop(crash, ports);
  const { facts, diagnostics } = readFacts(undefined);
  if (facts === undefined) return report(diagnostics, ports);
  const call = unloadCall(crash, facts);
  if (call === undefined) say(`${nothing(crash)}, so that no call is made`, ports);
  else ports.out.write(`${formatSyscall(call)}\n`);
  return "ok";
}

/** The call that unloads on this host; undefined where nothing is loaded. */
export function unloadCall(crash: boolean, { kexec, kernelConfig }: HostFacts): Syscall | undefined {
  if ((crash ? kexec.crashLoaded : kexec.loaded) === false) return undefined;
  return lowerUnload(crash, kernelConfig.CONFIG_KEXEC_FILE === "n");
}

function nothing(crash: boolean): string {
  return crash ? "No crash image is loaded" : "No image is loaded";
}

async function drop(crash: boolean, ports: Ports): Promise<ExitName> {
  const slot: ImageSlot = crash ? "crash" : "reboot";
  using store = await lockStore({ onWait: (text) => say(text, ports) });
  // Read under the lock: what another warmboot loads meanwhile would be gone from the records, and still be loaded.
  const { facts, diagnostics } = readFacts(undefined);
  if (facts === undefined) return report(diagnostics, ports);
  const planned = unloadCall(crash, facts);
  if (planned === undefined) {
    store.discard(slot);
    store.remove(slot);
    ports.out.write(`${nothing(crash)}\n`);
    return "ok";
  }
  using libc = openLibc();
  await holdSignals(() => {
    let call = planned;
    let result = execute(call, [], libc);
    if (!result.ok && errnoName(result.errno) === "ENOSYS" && call.name === "kexec_file_unload") {
      // ENOSYS comes before the load limit is counted down, so this second call is the only one that counts.
      call = lowerUnload(crash, true);
      result = execute(call, [], libc);
    }
    if (!result.ok) throw new SyscallError({ ...result, call, facts: readFacts(undefined).facts ?? facts });
    store.discard(slot);
    store.remove(slot);
  }, () => say("Interrupted; the image was unloaded before", ports));
  ports.out.write(crash ? "Unloaded the crash image\n" : "Unloaded the image\n");
  return "ok";
}
