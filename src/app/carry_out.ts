import type { ExitName } from "../core/program.ts";
import type { HostFacts } from "../host/facts.ts";
import { descriptorOf, isUnchanged, type OpenFile } from "./files/open_file.ts";
import { execute } from "../syscall/execute.ts";
import { type CallResult, type Libc, openLibc } from "../syscall/libc.ts";
import { describedBy, type LoadRecord } from "../state/record.ts";
import { type Contents, finalize } from "../syscall/finalize.ts";
import { SyscallError } from "../syscall/errors/syscall_error.ts";
import { lowerPlan, lowerUnload } from "../plan/lower.ts";
import { type Call, type Plan, segmentOf } from "../plan/plan.ts";
import { checkSegments } from "../plan/rules/segments.ts";
import { isCrash } from "../plan/stored.ts";
import { holdSignals } from "./hold_signals.ts";
import type { Ports } from "../cli/ports.ts";
import { readFacts } from "./prepare.ts";
import type { ImageSlot, StoreLock } from "../state/record_store.ts";
import { complain, say } from "../cli/report.ts";
import { invokingUser } from "./invoking_user.ts";

/** What a plan was checked against: the host, and the open files that the call gets. */
export interface CheckedAgainst {
  readonly facts: HostFacts;
  readonly files: readonly OpenFile[];
  /** What some of them unpack to. */
  readonly contents?: Contents;
}

/**
 * Loads the image of a plan whose checks pass. From the record that is prepared to the one that is in place nothing stops
 * halfway; `ok` means that the image is loaded, recorded, and made of the very bytes that were hashed. What is known of the
 * host was read under the lock, or while nobody else held it.
 * @throws {SyscallError} if the kernel refuses
 */
export async function carryOut(
  plan: Plan,
  checked: CheckedAgainst,
  store: StoreLock,
  ports: Ports,
): Promise<ExitName> {
  const slot: ImageSlot = isCrash(plan) ? "crash" : "reboot";
  using libc = openLibc();
  const changed = checked.files.find((file) => !isUnchanged(file));
  if (changed !== undefined) {
    complain(`${changed.path} changed while it was read`, "Wait until what writes it is done, and load again", ports);
    return "unavailable";
  }
  const settled = await settleCall(plan, checked);
  if (settled.kind === "refused") {
    complain(settled.message, "Make the plan anew, and load that", ports);
    return "unavailable";
  }
  // The record keeps the plan as it is: where exactly the kernel runs is nobody's to read.
  const record: LoadRecord = {
    format: "warmboot.record/1",
    ...(checked.facts.bootId === undefined ? {} : { bootId: checked.facts.bootId }),
    loadedAt: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
    ...await invokingUser(),
    ...(slot === "crash" ? { described: describedBy(checked.facts) } : {}),
    plan,
  };
  let signalled = false;
  const exit = await holdSignals(() => load(plan, slot, { ...checked, ...settled, libc, store, record }, ports), () => {
    signalled = true;
  });
  if (exit !== "ok" || !signalled) return exit;
  complain("Interrupted; the image is loaded, and nothing else was done", "warmboot unload takes it back", ports);
  return "interrupted";
}

/** With everything chosen that the plan leaves to the load, the segments are judged once more, where they now lie. */
async function settleCall(
  plan: Plan,
  { facts, contents = new Map() }: CheckedAgainst,
): Promise<
  | { readonly kind: "settled"; readonly call: Call; readonly contents: Contents }
  | { readonly kind: "refused"; readonly message: string }
> {
  const { call } = plan;
  if (call.syscall !== "kexec_load") return { kind: "settled", call, contents };
  const settled = await finalize(call, contents);
  if (settled.kind === "refused" || call.bases === undefined) return settled;
  const segments = settled.call.segments.map(segmentOf);
  const fault = checkSegments({ segments, entry: BigInt(call.entry), facts, crash: isCrash(plan) })
    .find(({ status }) => status === "fail");
  return fault === undefined ? settled : { kind: "refused", message: fault.message };
}

/** A defect leaves no record of a load that was cut off. */
function attemptCall(call: () => CallResult, discard: () => void): CallResult {
  try {
    return call();
  } catch (error) {
    discard();
    throw error;
  }
}

interface Loading extends CheckedAgainst {
  readonly call: Call;
  readonly contents: Contents;
  readonly libc: Libc;
  readonly store: StoreLock;
  readonly record: LoadRecord;
}

function load(
  plan: Plan,
  slot: ImageSlot,
  { facts, files, call: settled, contents, libc, store, record }: Loading,
  ports: Ports,
): ExitName {
  const calls = lowerPlan({ ...plan, call: settled });
  const descriptors = files.map((file) => ({ path: file.path, fd: descriptorOf(file), size: file.size }));
  store.prepare(slot, record);
  for (const call of calls) {
    const result = attemptCall(() => execute(call, descriptors, libc, contents), () => store.discard(slot));
    if (result.ok) continue;
    store.discard(slot);
    const now = readFacts(undefined).facts ?? facts;
    // The kernel drops a loaded crash image before it looks at the new one.
    if (slot === "crash" && now.kexec.crashLoaded === false) {
      store.remove(slot);
      const before = facts.kexec.crashLoaded === true ? "The crash kernel that was loaded before is gone. " : "";
      say(`${before}No crash kernel is loaded now: a panic would leave no dump`, ports);
    }
    throw new SyscallError({ ...result, call, facts: now });
  }
  const tampered = files.find((file) => !isUnchanged(file));
  if (tampered === undefined) {
    store.commit(slot);
    return "ok";
  }
  store.discard(slot);
  store.remove(slot);
  const unloaded = execute(lowerUnload(slot === "crash", false), [], libc);
  complain(
    `${tampered.path} changed while the kernel read it, so that what was loaded is not what was planned`,
    unloaded.ok
      ? `It is unloaded again${
        slot === "crash" ? ", and no crash kernel is loaded now" : ""
      }; load it once more when ` +
        "nothing writes the file"
      : `Unload it: warmboot unload${slot === "crash" ? " --crash" : ""}`,
    ports,
  );
  return "unavailable";
}
