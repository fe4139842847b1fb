import type { Diagnostic } from "../core/diagnostic.ts";
import type { HostFacts } from "../host/facts.ts";
import { lowerUnload } from "../plan/lower.ts";
import type { Syscall } from "../plan/syscall.ts";
import { type ImageSlot, lockStore, StoreError } from "../state/record_store.ts";
import { errnoName } from "../syscall/errno.ts";
import { SyscallError } from "../syscall/errors/syscall_error.ts";
import { execute } from "../syscall/execute.ts";
import { openLibc } from "../syscall/libc.ts";
import { holdSignals } from "./hold_signals.ts";
import { followLoaded } from "./arm_watchdog.ts";
import { type Revoked, revokeDepartures } from "./departure.ts";
import { readFacts } from "./read_facts.ts";

/** What an unload would do on this host. */
export type UnloadCall =
  | { readonly kind: "call"; readonly call: Syscall }
  | { readonly kind: "nothing-loaded" }
  /** The facts of the host cannot be read. */
  | { readonly kind: "no-facts"; readonly diagnostics: readonly Diagnostic[] };

/** How an unload ended. */
export type UnloadOutcome =
  | Exclude<UnloadCall, { readonly kind: "call" }>
  | { readonly kind: "unloaded" }
  /** It is unloaded, and its record could not be removed. */
  | { readonly kind: "still-recorded"; readonly error: StoreError }
  | { readonly kind: "refused"; readonly error: SyscallError };

/** What a caller may want to show while an image is unloaded. */
export interface UnloadEvents {
  /** Called with what to say where another warmboot must be waited for. */
  readonly onWait?: (text: string) => void;
  /** Called with what else was taken back, in words: what the boot loader was asked for a reboot that did not begin. */
  readonly onTakenBack?: (text: string) => void;
  /** Called with what failed without changing how it ended, such as giving the lock back. */
  readonly onWarning?: (text: string) => void;
  /** Called where a signal came while the image was unloaded. */
  readonly onSignal?: () => void;
  /** Called at once when the kernel has dropped the image. */
  readonly onChange?: () => void;
}

/** The call that would unload the image for a reboot, or the crash image; nothing is changed. */
export function planUnload(crash: boolean): UnloadCall {
  const { facts, diagnostics } = readFacts(undefined);
  if (facts === undefined) return { kind: "no-facts", diagnostics };
  const call = unloadCall(crash, facts);
  return call === undefined ? { kind: "nothing-loaded" } : { kind: "call", call };
}

/** The call that unloads on this host; undefined where nothing is loaded. */
export function unloadCall(crash: boolean, { kexec, kernelConfig }: HostFacts): Syscall | undefined {
  if ((crash ? kexec.crashLoaded : kexec.loaded) === false) return undefined;
  return lowerUnload(crash, kernelConfig.CONFIG_KEXEC_FILE === "n");
}

/**
 * Unloads the image for a reboot, or the crash image, and removes its record. @throws {StoreError} if the records cannot
 * be used @throws {LibcError} if libc cannot
 */
export async function unload(
  crash: boolean,
  { onWait = () => {}, onWarning = () => {}, onSignal = () => {}, onChange = () => {}, onTakenBack = () => {} }:
    UnloadEvents = {},
): Promise<UnloadOutcome> {
  const slot: ImageSlot = crash ? "crash" : "reboot";
  using store = await lockStore({ onWait, onWarning });
  // Read under the lock: what another warmboot loads meanwhile would be gone from the records, and still be loaded.
  const { facts, diagnostics } = readFacts(undefined);
  if (facts === undefined) return { kind: "no-facts", diagnostics };
  const planned = unloadCall(crash, facts);
  const revoke = (): void => {
    if (crash) return;
    const { done, problems } = revoked(facts);
    if (done.length > 0) onChange();
    for (const text of done) onTakenBack(text);
    for (const text of problems) onWarning(text);
  };
  if (planned === undefined) {
    store.remove(slot);
    revoke();
    return { kind: "nothing-loaded" };
  }
  using libc = openLibc();
  const outcome = await holdSignals((): UnloadOutcome => {
    let call = planned;
    let result = execute(call, [], libc);
    if (!result.ok && errnoName(result.errno) === "ENOSYS" && call.name === "kexec_file_unload") {
      // ENOSYS comes before the load limit is counted down, so this second call is the only one that counts.
      call = lowerUnload(crash, true);
      result = execute(call, [], libc);
    }
    if (!result.ok) {
      return {
        kind: "refused",
        error: new SyscallError({ ...result, call, facts: readFacts(undefined).facts ?? facts }),
      };
    }
    onChange();
    try {
      store.remove(slot);
      return { kind: "unloaded" };
    } catch (error) {
      if (error instanceof StoreError) return { kind: "still-recorded", error };
      throw error;
    }
  }, onSignal);
  if (outcome.kind === "refused") return outcome;
  await followLoaded({ crash }, facts, onWarning);
  revoke();
  return outcome;
}

/** The same as `revokeDepartures`; attempts that cannot be read or written are among the problems. */
function revoked(facts: HostFacts): Revoked {
  try {
    return revokeDepartures(facts);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { done: [], problems: [`What the boot loader was asked is perhaps not taken back: ${error.message}`] };
  }
}
