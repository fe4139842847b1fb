import type { ExitName } from "../../core/exit.ts";
import type { HostFacts } from "../../host/facts.ts";
import { errnoName } from "../../kernel/errno.ts";
import { execute } from "../../kernel/execute.ts";
import { openLibc } from "../../kernel/libc.ts";
import { SyscallError } from "../../kernel/syscall_error.ts";
import { lowerUnload } from "../../plan/lower.ts";
import { formatSyscall } from "../../plan/syscall.ts";
import { type Command, DRY_RUN_OPTION, isSet } from "../command.ts";
import { holdSignals } from "../hold_signals.ts";
import type { Ports } from "../ports.ts";
import { readFacts } from "../prepare.ts";
import { type ImageSlot, lockStore } from "../record_store.ts";
import { report, say } from "../report.ts";

/** `warmboot unload`. */
export const unload: Command = {
  name: "unload",
  usage: "",
  words: { min: 0, max: 0 },
  summary: "Drop the loaded image",
  description:
    "Takes back what `load` did. Uses the call that works under kernel lockdown; a kernel without it gets kexec_load with no segments. Where nothing is loaded, no call is made, since each takes one of a limited number of loads.",
  options: [{ name: "crash", doc: "Drop the crash image, not the one for a reboot" }, DRY_RUN_OPTION],
  examples: [
    { line: "warmboot unload", doc: "The next reboot is an ordinary one again" },
    { line: "warmboot unload --crash", doc: "A panic does not boot a crash kernel any more" },
  ],
  async run(invocation, ports) {
    const crash = isSet(invocation, "crash");
    const { facts, diagnostics } = readFacts(undefined);
    if (facts === undefined) return report(diagnostics, ports);
    const call = lowerUnload(crash, facts.kernelConfig.CONFIG_KEXEC_FILE === "n");
    if (isSet(invocation, "dry-run")) {
      ports.out.write(`${formatSyscall(call)}\n`);
      return "ok";
    }
    return await drop(crash, facts, ports);
  },
};

async function drop(crash: boolean, facts: HostFacts, ports: Ports): Promise<ExitName> {
  const slot: ImageSlot = crash ? "crash" : "reboot";
  const loaded = crash ? facts.kexec.crashLoaded : facts.kexec.loaded;
  using store = lockStore();
  if (loaded === false) {
    store.discard(slot);
    store.remove(slot);
    ports.out.write(crash ? "No crash image is loaded\n" : "No image is loaded\n");
    return "ok";
  }
  using libc = openLibc();
  await holdSignals(() => {
    let call = lowerUnload(crash, facts.kernelConfig.CONFIG_KEXEC_FILE === "n");
    let result = execute(call, [], libc);
    if (!result.ok && errnoName(result.errno) === "ENOSYS" && call.name === "kexec_file_unload") {
      // ENOSYS comes before the load limit is counted down, so this second call is the only one that counts.
      call = lowerUnload(crash, true);
      result = execute(call, [], libc);
    }
    if (!result.ok) throw new SyscallError({ call, errno: result.errno, facts: readFacts(undefined).facts ?? facts });
    store.discard(slot);
    store.remove(slot);
  }, () => say("Interrupted; the image was unloaded before", ports));
  ports.out.write(crash ? "Unloaded the crash image\n" : "Unloaded the image\n");
  return "ok";
}
