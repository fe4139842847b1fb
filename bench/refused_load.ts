// deno-lint-ignore-file no-console
/**
 * `warmboot load PROFILE` by a process that the kernel will refuse, up to and with that refusal: only the check that
 * foresees it is passed over. It ends with 0 where the call was made and refused: with EPERM, or with ENOSYS by a kernel
 * that has no kexec.
 */
import { carryOut } from "../src/app/carry_out.ts";
import { systemPorts } from "../src/cli/ports.ts";
import { prepare } from "../src/app/prepare.ts";
import { lockStore } from "../src/state/record_store.ts";
import { SyscallError } from "../src/syscall/errors/syscall_error.ts";

/** CAP_SYS_BOOT's number in include/uapi/linux/capability.h. */
const CAP_SYS_BOOT = 22n;

/** Nothing is called by a process that might be heard. */
const held = /^CapEff:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
if (held === undefined || (BigInt(`0x${held}`) >> CAP_SYS_BOOT & 1n) !== 0n) {
  console.error("This process may have CAP_SYS_BOOT: nothing was called");
  Deno.exit(1);
}

const ports = systemPorts();
using prepared = await prepare(Deno.args[0] ?? "", { facts: undefined, storedPlans: false }, ports);
const { plan, facts, files, contents } = prepared;
if (plan === undefined || facts === undefined) {
  console.error("There is no plan:", ...prepared.diagnostics.map(({ message }) => message));
  Deno.exit(1);
}
if (plan.call.syscall === "kexec_load" && plan.call.segments.length === 0) {
  for (const { message } of plan.checks.filter(({ status }) => status === "fail")) console.error(message);
  Deno.exit(1);
}
try {
  using store = await lockStore();
  await carryOut(plan, { facts, files, contents }, store, ports);
  console.error("The call was not refused");
  Deno.exit(1);
} catch (error) {
  if (!(error instanceof SyscallError) || !["EPERM", "ENOSYS"].includes(error.code)) throw error;
}
