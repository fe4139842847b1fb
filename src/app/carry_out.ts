import { omitUndefined } from "../core/shape.ts";
import type { HostFacts } from "../host/facts.ts";
import { demandsDisk } from "../host/security.ts";
import { identifyKernel } from "../image/identify.ts";
import { lowerPlan, lowerUnload } from "../plan/lower.ts";
import { type Call, type Plan, segmentOf } from "../plan/plan.ts";
import { checkSegments } from "../plan/rules/segments.ts";
import { isCrash } from "../plan/stored.ts";
import { describedBy, type LoadRecord, type RecordedOverlay, recordTime } from "../state/record.ts";
import { type ImageSlot, StoreError, type StoreLock } from "../state/record_store.ts";
import { SyscallError } from "../syscall/errors/syscall_error.ts";
import { type Descriptor, joinedOffsets, joinInitrds, type OverlayBytes } from "../syscall/memory_file.ts";
import { execute, initrdParts } from "../syscall/execute.ts";
import { type Contents, finalize, finalizeImage } from "../syscall/finalize.ts";
import { type CallResult, type Libc, openLibc } from "../syscall/libc.ts";
import { descriptorOf, hashPieces, isUnchanged, openCopy, type OpenFile, ReadError } from "./files/open_file.ts";
import { REUSE_KEYS, setReuse } from "./dump_keys.ts";
import { holdSignals } from "./hold_signals.ts";
import { invokingUser } from "./invoking_user.ts";
import { kernelStart } from "./kernel_start.ts";
import { readFacts } from "./read_facts.ts";

/** What a plan was checked against: the host, and the open files of the call. */
export interface CheckedAgainst {
  /** The host. */
  readonly facts: HostFacts;
  /** The open files. */
  readonly files: readonly OpenFile[];
  /** What some of them unpack to. */
  readonly contents?: Contents;
  /** The archives that are made at load, with all that is in them. */
  readonly overlays?: readonly OverlayBytes[];
  /** What of them the plan does not state. */
  readonly recorded?: readonly RecordedOverlay[];
  /** Whether the kernel is to keep the dm-crypt keys of the loaded crash image. */
  readonly keepsKeys?: boolean;
}

/** How carrying out a plan ended. */
export type CarriedOut =
  /** The image is loaded, recorded, and made of the very bytes that were hashed. */
  | { readonly kind: "loaded" }
  /** The same, and a signal came meanwhile: nothing else is to be done. */
  | { readonly kind: "interrupted" }
  /** The image is loaded, and its record could not be put in place. */
  | { readonly kind: "unrecorded"; readonly crash: boolean; readonly error: StoreError }
  /** Nothing was loaded: a file changed between hashing and the call. */
  | { readonly kind: "changed"; readonly path: string }
  /** Nothing was loaded: the plan's segments cannot be placed as planned. */
  | { readonly kind: "misplaced"; readonly message: string }
  /** The kernel refused the call. */
  | { readonly kind: "refused"; readonly error: SyscallError; readonly crashKernel: CrashKernelAfter }
  /** A file changed while the kernel read it, and the image was unloaded again if that succeeded. */
  | { readonly kind: "tampered"; readonly path: string; readonly crash: boolean; readonly unloaded: boolean }
  /** The same where a file could not be looked at afterwards: it may have changed. */
  | { readonly kind: "unverified"; readonly error: ReadError; readonly crash: boolean; readonly unloaded: boolean };

/**
 * What a refused call left of the crash kernel: `kept` as it was, `none` loaded as before, or `dropped`, because the kernel
 * drops a loaded crash image before it reads the new one.
 */
export type CrashKernelAfter = "kept" | "none" | "dropped";

/** What a caller wants to know at once, and how libc is opened. */
export interface CarryOutOptions {
  /** Tests pass a libc of their own. */
  readonly open?: (() => Libc) | undefined;
  /** Called at once when the kernel has another image than before, or has dropped one. */
  readonly onChange?: (() => void) | undefined;
  /** Called with what failed without changing how it ended. */
  readonly onWarning?: ((text: string) => void) | undefined;
  /** The file by which the kernel keeps keys; tests have one of their own. */
  readonly reuseKeys?: string;
}

/**
 * Loads the image of a plan whose checks pass. Signals are held from the prepared record to the committed one. The facts
 * must have been read under the lock, or while nobody else held it.
 */
export async function carryOut(
  plan: Plan,
  checked: CheckedAgainst,
  store: StoreLock,
  { open = openLibc, onChange = () => {}, onWarning = () => {}, reuseKeys = REUSE_KEYS }: CarryOutOptions = {},
): Promise<CarriedOut> {
  const slot: ImageSlot = isCrash(plan) ? "crash" : "reboot";
  using libc = open();
  const files = handedOver(plan, checked);
  const changed = files.find((file) => !isUnchanged(file));
  if (changed !== undefined) return { kind: "changed", path: changed.path };
  const finalized = await finalizeCall(plan, checked);
  if (finalized.kind === "refused") return { kind: "misplaced", message: finalized.message };
  const start = slot === "crash" ? undefined : kernelStart(plan, { ...checked, files });
  // The record holds the plan as it is, not the chosen bases: nobody should be able to read where the kernel runs.
  const record: LoadRecord = {
    format: "warmboot.record/1",
    ...(checked.facts.bootId === undefined ? {} : { bootId: checked.facts.bootId }),
    loadedAt: recordTime(),
    ...await invokingUser(),
    ...(slot === "crash" ? { described: describedBy(checked.facts, plan.call) } : {}),
    ...(checked.recorded === undefined || checked.recorded.length === 0 ? {} : { overlays: checked.recorded }),
    ...(start === undefined ? {} : { kernel: start }),
    plan,
  };
  const { facts, overlays = [] } = checked;
  const joined = await joinVerified(plan, { facts, files, overlays, libc });
  if (joined.kind !== "joined") return joined;
  using _joined = joined;
  let signalled = false;
  const loading = {
    ...checked,
    files,
    call: finalized.call,
    contents: new Map([...finalized.contents, ...overlayContents(checked)]),
    joined: joined.descriptor,
    libc,
    store,
    record,
    onChange,
    onWarning,
    reuseKeys,
  };
  const outcome = await holdSignals(() => load(plan, slot, loading), () => {
    signalled = true;
  });
  return outcome.kind === "loaded" && signalled ? { kind: "interrupted" } : outcome;
}

/** The files that the kernel gets: sealed copies, or what they are copies of where the kernel takes no file in memory. */
function handedOver({ call }: Plan, { files, facts }: CheckedAgainst): readonly OpenFile[] {
  if (call.syscall !== "kexec_file_load" || demandsDisk(facts) === undefined) return files;
  return files.map((file) => file.original ?? file);
}

function descriptorsOf(files: readonly OpenFile[]): readonly Descriptor[] {
  return files.map((file) => ({ path: file.path, fd: descriptorOf(file), size: file.size }));
}

/** The archives that are made at load, as kexec_load finds them. */
function overlayContents({ overlays = [] }: CheckedAgainst): readonly (readonly [string, Uint8Array])[] {
  return overlays.map(({ path, bytes }) => [path, bytes]);
}

/** Several initrds in one sealed memfd, closed when this is disposed; or why there is none. */
type Joined = Disposable & { readonly kind: "joined"; readonly descriptor: number | undefined };

/**
 * Joins several initrds for kexec_file_load. Those that are not sealed copies are hashed again where they lie in the joined
 * file, which nothing changes any more.
 */
async function joinVerified(
  { call }: Plan,
  { facts, files, overlays, libc }: {
    readonly facts: HostFacts;
    readonly files: readonly OpenFile[];
    readonly overlays: readonly OverlayBytes[];
    readonly libc: Libc;
  },
): Promise<Joined | CarriedOut> {
  const nothing: Joined = { kind: "joined", descriptor: undefined, [Symbol.dispose]() {} };
  if (call.syscall !== "kexec_file_load" || (call.initrd.length < 2 && overlays.length === 0)) return nothing;
  const initrds = files.filter((file) => call.initrd.some(({ path }) => path === file.path));
  const parts = initrdParts(
    { initrd: call.initrd.map(({ path }) => path), ...omitUndefined({ bootconfig: call.bootconfig }) },
    [...descriptorsOf(initrds), ...overlays],
  );
  const memfd = joinInitrds(parts, libc);
  if (!memfd.ok) {
    const [made] = lowerPlan({ call, host: facts });
    if (made === undefined) return nothing;
    return { kind: "refused", error: new SyscallError({ ...memfd, call: made, facts }), crashKernel: "kept" };
  }
  const joined: Joined = {
    ...nothing,
    descriptor: memfd.value,
    [Symbol.dispose]: () => memfd[Symbol.dispose](),
  };
  const offsets = joinedOffsets(parts.map(({ size }) => size));
  for (const { path, sha256 } of call.initrd) {
    const file = initrds.find((each) => each.path === path);
    if (file === undefined || file.original !== undefined) continue;
    // A file may be named twice; each copy of it is verified. Of one that ends in a bootconfig, that lies apart.
    const places = parts.flatMap((part, index) =>
      part.path === path ? [{ at: offsets[index] ?? 0, size: part.size }] : []
    );
    const wholes = places.every(({ size }) => size === file.size) ? places.map((place) => [place]) : [places];
    for (const pieces of wholes) {
      const copy = openCopy(memfd.value, file);
      const found = await hashPieces(copy, pieces).finally(() => copy.handle.close());
      if (found === sha256) continue;
      joined[Symbol.dispose]();
      return { kind: "changed", path };
    }
  }
  return joined;
}

/** Chooses what the plan leaves open until the load, then checks the segments again at their final addresses. */
async function finalizeCall(
  plan: Plan,
  { facts, files, contents = new Map() }: CheckedAgainst,
): Promise<
  | { readonly kind: "finalized"; readonly call: Call; readonly contents: Contents }
  | { readonly kind: "refused"; readonly message: string }
> {
  const { call } = plan;
  if (call.syscall === "kexec_file_load") {
    const kernel = call.built === undefined ? undefined : files.find(({ path }) => path === call.kernel.path);
    return await finalizeImage(call, kernel === undefined ? undefined : identifyKernel(kernel), contents);
  }
  const finalized = await finalize(call, contents);
  if (finalized.kind === "refused" || call.bases === undefined) return finalized;
  const segments = finalized.call.segments.map(segmentOf);
  const fault = checkSegments({ segments, entry: BigInt(call.entry), facts, crash: isCrash(plan) })
    .find(({ status }) => status === "fail");
  return fault === undefined ? finalized : { kind: "refused", message: fault.message };
}

/** A defect must not leave a pending record. */
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
  readonly joined: number | undefined;
  readonly libc: Libc;
  readonly store: StoreLock;
  readonly record: LoadRecord;
  readonly onChange: () => void;
  readonly onWarning: (text: string) => void;
  readonly reuseKeys: string;
}

function load(
  plan: Plan,
  slot: ImageSlot,
  { facts, files, call: finalized, contents, joined, libc, store, record, onChange, onWarning, keepsKeys, reuseKeys }:
    Loading,
): CarriedOut {
  const calls = lowerPlan({ ...plan, call: finalized });
  const descriptors = descriptorsOf(files);
  const tidy = (action: () => void): void => {
    const failed = failureOf(action);
    if (failed !== undefined) onWarning(failed.message);
  };
  store.prepare(slot, record);
  const failed = keepsKeys === true ? setReuse(true, reuseKeys) : undefined;
  if (failed !== undefined) onWarning(failed);
  for (const call of calls) {
    const result = attemptCall(
      () => execute(call, descriptors, libc, contents, joined),
      () => tidy(() => store.discard(slot)),
    );
    if (result.ok) continue;
    tidy(() => store.discard(slot));
    const now = readFacts(undefined).facts ?? facts;
    const lost = slot === "crash" && now.kexec.crashLoaded === false;
    const crashKernel = !lost ? "kept" : facts.kexec.crashLoaded === true ? "dropped" : "none";
    if (crashKernel === "dropped") onChange();
    if (lost) tidy(() => store.remove(slot));
    return { kind: "refused", error: new SyscallError({ ...result, call, facts: now }), crashKernel };
  }
  // After a refusal the kernel has no image, and keeps the keys for the next load.
  if (keepsKeys === true && failed === undefined && facts.kexec.dmCryptKeys?.reuse === false) {
    const kept = setReuse(false, reuseKeys);
    if (kept !== undefined) onWarning(kept);
  }
  onChange();
  const crash = slot === "crash";
  const changed = changedFile(files);
  if (changed === undefined) {
    const error = failureOf(() => store.commit(slot));
    return error === undefined ? { kind: "loaded" } : { kind: "unrecorded", crash, error };
  }
  tidy(() => store.remove(slot));
  const unloaded = execute(lowerUnload(crash, false), [], libc).ok;
  return changed instanceof ReadError
    ? { kind: "unverified", error: changed, crash, unloaded }
    : { kind: "tampered", path: changed.path, crash, unloaded };
}

/** The first file that changed since it was hashed, or why that cannot be determined. */
function changedFile(files: readonly OpenFile[]): OpenFile | ReadError | undefined {
  try {
    return files.find((file) => !isUnchanged(file));
  } catch (error) {
    if (error instanceof ReadError) return error;
    throw error;
  }
}

/** Why the store could not do something; undefined if it did. */
function failureOf(action: () => void): StoreError | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
}
