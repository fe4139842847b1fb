import { join } from "@std/path/posix";
import { type Diagnostic, orUndefined, reasonOf } from "../core/diagnostic.ts";
import { jsonText } from "../core/text.ts";
import type { HostFacts } from "../host/facts.ts";
import { type Attempt, ATTEMPT_ID, decodeAttempt } from "../state/attempt.ts";
import { foreignFolder, makeOwnFolder, removeIfThere, useStore } from "../state/record_store.ts";
import { isThere, PRIVATE, removeUnfinished, replaceFile } from "./files/write_whole.ts";

/** Where attempts are kept: unlike records, they outlive the boot. */
export const ATTEMPTS_DIRECTORY = "/var/lib/warmboot/attempts";

/** Older ones are removed. */
const KEPT = 50;

/** An attempt is a few hundred bytes and two command lines. */
const MAX_BYTES = 1 << 20;

/** The boot in which `warmboot arrive` ran last. */
const WATCHED = "watched-boot";

/** The attempts that are kept, the newest first, and what is wrong with those that cannot be read. */
export interface FoundAttempts {
  readonly attempts: readonly Attempt[];
  /** What cannot be read, in words. */
  readonly problems: readonly string[];
}

/** Reads the attempts. A file that is not one is named, and left where it is. */
export function readAttempts(directory: string = ATTEMPTS_DIRECTORY): FoundAttempts {
  const foreign = foreignFolder(directory);
  if (foreign !== undefined) return { attempts: [], problems: [`${directory} is not used: ${foreign}`] };
  const problems: string[] = [];
  const attempts = names(directory).flatMap((name) => {
    const found = readFile(join(directory, name));
    if (typeof found !== "string") return [found];
    problems.push(found);
    return [];
  });
  return { attempts, problems };
}

/** Names of attempts, the newest first. */
function names(directory: string): readonly string[] {
  const entries = useStore(`read ${directory}`, () => isThere(directory) ? [...Deno.readDirSync(directory)] : []);
  return entries.map(({ name }) => name).filter(isAttemptFile).toSorted().reverse();
}

function isAttemptFile(name: string): boolean {
  return name.endsWith(".json") && ATTEMPT_ID.test(name.slice(0, -".json".length));
}

/** An attempt by its name, or why there is none. */
export function readAttempt(id: string, directory: string): Attempt | string {
  return readFile(join(directory, `${id}.json`));
}

function readFile(path: string): Attempt | string {
  const problems: Diagnostic[] = [];
  try {
    const { isFile, size } = Deno.lstatSync(path);
    if (!isFile || size > MAX_BYTES) {
      return `${path} is not an attempt: ${isFile ? "it is too large" : "it is not a file"}`;
    }
    const attempt = decodeAttempt(JSON.parse(Deno.readTextFileSync(path)), [], (problem) => problems.push(problem));
    if (attempt !== undefined && problems.length === 0) return attempt;
  } catch (error) {
    return `${path} cannot be read: ${reasonOf(error)}`;
  }
  return `${path} is not an attempt: ${problems[0]?.message}`;
}

/** Writes an attempt so that it is on the disk when this returns, and removes the oldest. @throws {StoreError} */
export function writeAttempt(attempt: Attempt, directory: string): void {
  writeFile(directory, `${attempt.id}.json`, jsonText(attempt));
  for (const name of names(directory).slice(KEPT)) remove(directory, name);
}

/** Removes an attempt that led to nothing: the old system goes on. @throws {StoreError} */
export function dropAttempt({ id }: Attempt, directory: string = ATTEMPTS_DIRECTORY): void {
  remove(directory, `${id}.json`);
}

function remove(directory: string, name: string): void {
  const path = join(directory, name);
  useStore(`remove ${path}`, () => removeIfThere(path));
}

function writeFile(directory: string, name: string, text: string): void {
  useStore(`use ${directory}`, () => {
    makeOwnFolder(directory);
    removeUnfinished(directory);
  });
  const path = join(directory, name);
  useStore(`write ${path}`, () => replaceFile(path, text, PRIVATE));
}

/** Does what reads attempts and writes them, one process at a time. @throws {StoreError} */
export function locked<T>(directory: string, action: () => T): T {
  // Nothing is there to write over, and the folder is not made for nothing.
  if (!isThere(directory)) return action();
  using folder = useStore(`read ${directory}`, () => Deno.openSync(directory));
  // Each holds it for a few small files. It is given back when the folder is closed.
  useStore(`lock ${directory}`, () => folder.lockSync(true));
  return action();
}

/** Whether `warmboot arrive` ran in this boot. */
export function isWatched({ bootId }: Pick<HostFacts, "bootId">, directory: string): boolean {
  return bootId !== undefined &&
    orUndefined(() => Deno.readTextFileSync(join(directory, WATCHED)).trim()) === bootId;
}

/** Writes down that `warmboot arrive` runs in this boot, unless that is known. @throws {StoreError} */
export function noteWatched({ bootId }: Pick<HostFacts, "bootId">, directory: string): void {
  if (bootId === undefined || isWatched({ bootId }, directory)) return;
  writeFile(directory, WATCHED, `${bootId}\n`);
}
