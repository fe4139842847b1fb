import { type Diagnostic, reasonOf } from "../core/diagnostic.ts";
import { decodeRecord, type FoundRecord, type LoadRecord } from "./record.ts";
import { jsonText } from "../core/text.ts";

/** Where the records are kept: like the loaded image, they do not survive a boot. */
export const RECORD_DIRECTORY = "/run/warmboot";

/** Which of the two images a record is about. */
export type ImageSlot = "reboot" | "crash";

const SLOTS: readonly ImageSlot[] = ["reboot", "crash"];

/** The store of the records cannot be used. */
export class StoreError extends Error {
  /** Always `StoreError`. */
  override readonly name = "StoreError";
}

/** The lock of the store, held while an image is loaded or unloaded. */
export interface StoreLock extends Disposable {
  /** Whether another warmboot held it first: what was read before may be out of date. */
  readonly waited: boolean;
  /**
   * Writes a record next to the old one, before the call: a full disk fails here, before anything happens, and leaves
   * what was there. @throws {StoreError}
   */
  prepare(slot: ImageSlot, record: LoadRecord): void;
  /** Replaces the old record with the prepared one: one rename, which needs no space. @throws {StoreError} */
  commit(slot: ImageSlot): void;
  /**
   * Removes the prepared record; the old one stays. If a load before was interrupted, that remains the last that is known.
   * @throws {StoreError}
   */
  discard(slot: ImageSlot): void;
  /** Removes the record, a prepared one included: nothing is loaded any longer. @throws {StoreError} */
  remove(slot: ImageSlot): void;
}

/** How to wait for another warmboot: units that load at boot may run at the same time. */
export interface Waiting {
  readonly directory?: string;
  /** Called once if there is a wait, with a message. */
  readonly onWait?: (text: string) => void;
  /** Called where the lock cannot be given back, with a message. It ends with the process at the latest. */
  readonly onWarning?: (text: string) => void;
  /** Milliseconds until it gives up. */
  readonly patience?: number;
  /** fsync(2) of a written record; tests pass one of their own. */
  readonly sync?: (file: Deno.FsFile) => void;
}

const WAITING = "Waiting for another warmboot that is loading or unloading an image";

/** Milliseconds. A load holds the lock while the kernel copies the image, seconds at most on a real machine. */
const PATIENCE = 60_000;

/** Between two attempts, milliseconds. */
const INTERVAL = 50;

/**
 * Takes the lock, once no other warmboot holds it.
 * @throws {StoreError} if one holds it for too long, or the directory cannot be used
 */
export async function lockStore(
  { directory = RECORD_DIRECTORY, onWait, onWarning, patience = PATIENCE, sync = (file) => file.syncSync() }: Waiting =
    {},
): Promise<StoreLock> {
  const path = `${directory}/lock`;
  const file = useStore(`use ${directory}`, () => {
    makeOwnFolder(directory);
    return Deno.openSync(path, { create: true, write: true, mode: 0o600 });
  });
  let waited = false;
  try {
    const end = performance.now() + patience;
    while (!useStore(`lock ${path}`, () => file.tryLockSync(true))) {
      if (performance.now() >= end) {
        throw new StoreError(
          `Another warmboot is loading or unloading an image, and did not finish within ${patience / 1000} s`,
        );
      }
      if (!waited) onWait?.(WAITING);
      waited = true;
      await new Promise((resolve) => setTimeout(resolve, INTERVAL));
    }
  } catch (error) {
    file.close();
    throw error;
  }
  // Slots whose last load was interrupted before this lock was taken.
  const interrupted = new Set<ImageSlot>();
  return {
    waited,
    prepare(slot, record) {
      const pending = pendingPath(directory, slot);
      const part = `${pending}.part`;
      const before = useStore(`look at ${pending}`, () => isPresent(pending));
      useStore(`write ${recordPath(directory, slot)}`, () => {
        try {
          writeSynced(part, jsonText(record), sync);
          Deno.renameSync(part, pending);
        } catch (error) {
          removeLeftover(part);
          throw error;
        }
      });
      if (before) interrupted.add(slot);
    },
    commit(slot) {
      const pending = pendingPath(directory, slot);
      useStore(`rename ${pending}`, () => Deno.renameSync(pending, recordPath(directory, slot)));
      interrupted.delete(slot);
    },
    discard(slot) {
      if (interrupted.has(slot)) return;
      useStore(`remove ${pendingPath(directory, slot)}`, () => removeIfThere(pendingPath(directory, slot)));
    },
    remove(slot) {
      for (const path of [recordPath(directory, slot), pendingPath(directory, slot)]) {
        useStore(`remove ${path}`, () => removeIfThere(path));
      }
      interrupted.delete(slot);
    },
    [Symbol.dispose]() {
      try {
        giveBack(file);
      } catch (error) {
        onWarning?.(`Cannot unlock ${path}: ${reasonOf(error)}`);
      }
    },
  };
}

/** Writes a file that only its owner reads; its bytes are on the disk when this returns. */
function writeSynced(path: string, text: string, sync: (file: Deno.FsFile) => void): void {
  using file = Deno.openSync(path, { create: true, write: true, truncate: true, mode: 0o600 });
  const bytes = new TextEncoder().encode(text);
  for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
  sync(file);
}

/** Removes what could not be written whole. No reader looks at it, so that the error before is the one to report. */
function removeLeftover(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // The next load writes over it.
  }
}

/**
 * Why a folder is not one that only root, or the user who runs warmboot, can put records into; undefined if it is, or is not
 * there. Whoever can write to it decides what is taken for loaded.
 */
export function foreignFolder(directory: string): string | undefined {
  let stats: Deno.FileInfo;
  try {
    stats = Deno.lstatSync(directory);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    return reasonOf(error);
  }
  if (!stats.isDirectory) return stats.isSymlink ? "it is a symbolic link" : "it is not a folder";
  if (stats.uid !== 0 && stats.uid !== Deno.uid()) return `it belongs to the user ${stats.uid}`;
  return ((stats.mode ?? 0o777) & 0o022) === 0 ? undefined : "others than its owner may write to it";
}

/** Makes the folder of a store, where it is missing. @throws {StoreError} if others can put files into it */
export function makeOwnFolder(directory: string): void {
  Deno.mkdirSync(directory, { recursive: true, mode: 0o700 });
  const reason = foreignFolder(directory);
  if (reason !== undefined) throw new StoreError(`Cannot use ${directory}: ${reason}`);
}

/** Closing alone would keep the lock held while a child process still has the descriptor. */
function giveBack(file: Deno.FsFile): void {
  try {
    file.unlockSync();
  } finally {
    file.close();
  }
}

/**
 * Which records there are: it differs from an earlier answer if an image was loaded or unloaded since. What was read before
 * the lock was taken may be out of date even if nobody had to be waited for.
 */
export function storeState(directory: string = RECORD_DIRECTORY): string {
  return SLOTS.flatMap((slot) => [recordPath(directory, slot), pendingPath(directory, slot)]).map((path) => {
    try {
      const { ino, mtime, size } = Deno.lstatSync(path);
      return `${ino} ${mtime?.getTime()} ${size}`;
    } catch (error) {
      return error instanceof Deno.errors.NotFound ? "absent" : reasonOf(error);
    }
  }).join("\n");
}

/** Reads the record of an image. While another warmboot is loading one (`busy`), it is the previous record. */
export function findRecord(
  slot: ImageSlot,
  directory: string = RECORD_DIRECTORY,
): { readonly found: FoundRecord; readonly busy: boolean } {
  const isPending = () => readIfThere(pendingPath(directory, slot)).kind === "text";
  if (!isPending()) return { found: readRecord(slot, directory), busy: false };
  const busy = !isLockFree(directory);
  // If the lock is free and a record still pending, that load was interrupted; otherwise it has just finished.
  return { found: !busy && isPending() ? { kind: "interrupted" } : readRecord(slot, directory), busy };
}

/** Whether no warmboot holds the lock. The lock is taken as shared, so that two readers do not mistake each other for a load. */
function isLockFree(directory: string): boolean {
  try {
    const file = Deno.openSync(`${directory}/lock`);
    try {
      return file.tryLockSync(false);
    } finally {
      // Closing unlocks it: no process that was forked meanwhile can have it open.
      file.close();
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    throw new StoreError(`Cannot look at ${directory}/lock: ${reasonOf(error)}`, { cause: error });
  }
}

function readRecord(slot: ImageSlot, directory: string): FoundRecord {
  const foreign = foreignFolder(directory);
  if (foreign !== undefined) return { kind: "unreadable", message: `${directory} is not used: ${foreign}` };
  const text = readIfThere(recordPath(directory, slot));
  if (text.kind === "absent") return { kind: "none" };
  if (text.kind === "error") return { kind: "unreadable", message: text.message };
  const problems: Diagnostic[] = [];
  try {
    const record = decodeRecord(JSON.parse(text.text), [], (problem) => problems.push(problem));
    if (record !== undefined) return { kind: "record", record };
  } catch (error) {
    return { kind: "unreadable", message: `${recordPath(directory, slot)} is not JSON: ${reasonOf(error)}` };
  }
  return { kind: "unreadable", message: `${recordPath(directory, slot)} is not a record: ${problems[0]?.message}` };
}

function pendingPath(directory: string, slot: ImageSlot): string {
  return `${directory}/${slot}.json.new`;
}

function recordPath(directory: string, slot: ImageSlot): string {
  return `${directory}/${slot}.json`;
}

/** Removes a file, if it is there. */
export function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Whether a file is there. Throws if that cannot be determined. */
function isPresent(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

type ReadResult =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "absent" }
  | { readonly kind: "error"; readonly message: string };

function readIfThere(path: string): ReadResult {
  try {
    return { kind: "text", text: Deno.readTextFileSync(path) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { kind: "absent" };
    return { kind: "error", message: `${path} cannot be read: ${reasonOf(error)}` };
  }
}

/** Runs an operation on a store. @throws {StoreError} `Cannot WHAT` with the reason, where it fails */
export function useStore<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    throw new StoreError(`Cannot ${what}: ${reasonOf(cause)}`, { cause });
  }
}
