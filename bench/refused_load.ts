// deno-lint-ignore-file no-console
/**
 * `warmboot load PROFILE` by a process that the kernel will refuse, up to and with that refusal: only the check that
 * foresees it is passed over. It ends with 0 where the call was made and refused: with EPERM, or with ENOSYS by a kernel
 * that has no kexec.
 */
import { carryOut } from "../src/app/carry_out.ts";
import { prepare } from "../src/app/prepare.ts";
import { lockStore } from "../src/state/record_store.ts";

/** CAP_SYS_BOOT's number in include/uapi/linux/capability.h. */
const CAP_SYS_BOOT = 22n;

/** Nothing is called by a process that might be heard. */
const held = /^CapEff:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
if (held === undefined || (BigInt(`0x${held}`) >> CAP_SYS_BOOT & 1n) !== 0n) {
  console.error("This process may have CAP_SYS_BOOT: nothing was called");
  Deno.exit(1);
}

using prepared = await prepare(Deno.args[0] ?? "", { facts: undefined, storedPlans: false });
const { plan, facts, files, contents } = prepared;
const overlays = prepared.overlays.map(({ path, form }) => ({ path, bytes: form, secret: false, size: form.length }));
if (plan === undefined || facts === undefined) {
  console.error("There is no plan:", ...prepared.diagnostics.map(({ message }) => message));
  Deno.exit(1);
}
if (plan.call.syscall === "kexec_load" && plan.call.segments.length === 0) {
  for (const { message } of plan.checks.filter(({ status }) => status === "fail")) console.error(message);
  Deno.exit(1);
}
using store = await lockStore();
const outcome = await carryOut(plan, { facts, files, contents, overlays }, store);
if (outcome.kind !== "refused" || !["EPERM", "ENOSYS"].includes(outcome.error.code)) {
  console.error("The call was not refused:", outcome);
  Deno.exit(1);
}
