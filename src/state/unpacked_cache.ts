import { orUndefined } from "../core/diagnostic.ts";
import { digestBytes } from "../core/sha256.ts";
import type { Shape } from "../core/shape.ts";
import { join } from "@std/path/posix";

/** Where unpacked kernels are kept, so that a load at each boot does not unpack them again. */
export const CACHE_DIRECTORY = "/var/cache/warmboot";

/** All of them together, bytes: some eight kernels. */
const LIMIT = 512 * 2 ** 20;

/** A partly written file of this age is abandoned, milliseconds. */
const STALE = 3_600_000;

/** Unpacked kernels by the SHA-256 of the file that they came from. No operation fails: a kernel is there, or it is not. */
export interface UnpackedCache {
  /** What is kept for a file, if its own digest is still the one in its name. */
  find(sha256: string): Promise<Uint8Array | undefined>;
  /** Keeps it: written next to its place, then renamed. The least recently used are removed when there is too much. */
  keep(sha256: string, bytes: Uint8Array): Promise<void>;
}

/** A cache in a folder that belongs to root or the user. In a folder that others may write to, it keeps nothing. */
export function unpackedCache(directory: string = CACHE_DIRECTORY, limit: number = LIMIT): UnpackedCache {
  return {
    async find(sha256) {
      if (!mayUse("read", directory) || !isOurs(directory)) return undefined;
      const isIts = ({ name }: Entry): boolean => KEPT.test(name) && name.startsWith(`${sha256}.`);
      const name = entries(directory).find(isIts)?.name;
      if (name === undefined) return undefined;
      const path = join(directory, name);
      const bytes = orUndefined(() => Deno.readFileSync(path));
      if (bytes === undefined) return undefined;
      if (nameOf(sha256, await digestBytes(bytes)) === name) {
        orUndefined(() => Deno.utimeSync(path, new Date(), new Date()));
        return bytes;
      }
      orUndefined(() => Deno.removeSync(path));
      return undefined;
    },
    async keep(sha256, bytes) {
      if (bytes.length > limit || !mayUse("write", directory)) return;
      orUndefined(() => Deno.mkdirSync(directory, { recursive: true, mode: 0o700 }));
      if (!isOurs(directory)) return;
      const name = nameOf(sha256, await digestBytes(bytes));
      makeRoom(directory, limit - bytes.length);
      writeWhole(directory, name, bytes);
    },
  };
}

const KEPT = /^[0-9a-f]{64}\.[0-9a-f]{64}$/;

/** The name holds both digests: of the file that was unpacked, and of what it unpacked to. */
function nameOf(packed: string, unpacked: string): string {
  return `${packed}.${unpacked}`;
}

/** What reading a file through found, by the SHA-256 of the file. As with kernels, nothing of it fails. */
export interface VerdictCache {
  /** What is kept for a file that was read as this. */
  find<T>(sha256: string, role: VerdictRole, shape: Shape<T>): Promise<T | undefined>;
  keep(sha256: string, role: VerdictRole, content: unknown): Promise<void>;
}

/** What a file is to a profile. */
export type VerdictRole = "kernel" | "initrd";

/** Changes when the same bytes may be judged otherwise: what was kept before is read through again. */
const VERDICT_FORM = 1;

/** Few hundred bytes each. */
const VERDICTS_MAX = 200;

/** Verdicts in a folder that is the system's or the user's own, as `unpackedCache` keeps kernels. */
export function verdictCache(directory: string = CACHE_DIRECTORY): VerdictCache {
  const prefix = (sha256: string, role: VerdictRole): string => `${sha256}.${role}-${VERDICT_FORM}.`;
  return {
    async find(sha256, role, shape) {
      if (!mayUse("read", directory) || !isOurs(directory)) return undefined;
      const name = entries(directory).find((entry) => entry.name.startsWith(prefix(sha256, role)))?.name;
      const path = join(directory, name ?? "");
      const bytes = name === undefined ? undefined : orUndefined(() => Deno.readFileSync(path));
      if (name === undefined || bytes === undefined) return undefined;
      const isIntact = `${prefix(sha256, role)}${await digestBytes(bytes)}` === name;
      const value = isIntact ? orUndefined(() => JSON.parse(new TextDecoder().decode(bytes))) : undefined;
      const content = value === undefined ? undefined : shape.decode(value, [], () => {});
      if (content === undefined) orUndefined(() => Deno.removeSync(path));
      else orUndefined(() => Deno.utimeSync(path, new Date(), new Date()));
      return content;
    },
    async keep(sha256, role, content) {
      if (!mayUse("write", directory)) return;
      orUndefined(() => Deno.mkdirSync(directory, { recursive: true, mode: 0o700 }));
      if (!isOurs(directory)) return;
      const old = entries(directory).filter(({ name }) => VERDICT.test(name)).toSorted((a, b) => b.used - a.used);
      for (const [index, { name }] of old.entries()) {
        const isOutdated = name.startsWith(prefix(sha256, role)) || index >= VERDICTS_MAX;
        if (isOutdated) orUndefined(() => Deno.removeSync(join(directory, name)));
      }
      const bytes = new TextEncoder().encode(JSON.stringify(content));
      writeWhole(directory, `${prefix(sha256, role)}${await digestBytes(bytes)}`, bytes);
    },
  };
}

const VERDICT = /^[0-9a-f]{64}\.(?:kernel|initrd)-\d+\.[0-9a-f]{64}$/;

/** Whether the runtime was given a permission: one that was not is not asked for. */
function mayUse(name: "read" | "write", path: string): boolean {
  return Deno.permissions.querySync({ name, path }).state === "granted";
}

/** Writes a file beside its place, then renames it. */
function writeWhole(directory: string, name: string, bytes: Uint8Array): void {
  const beside = join(directory, `.${crypto.randomUUID()}.new`);
  const done = orUndefined(() => {
    Deno.writeFileSync(beside, bytes, { createNew: true, mode: 0o600 });
    Deno.renameSync(beside, join(directory, name));
    return true;
  });
  if (done !== true) orUndefined(() => Deno.removeSync(beside));
}

/** What others may write to must not be booted. */
function isOurs(directory: string): boolean {
  const stats = orUndefined(() => Deno.statSync(directory));
  if (stats === undefined || !stats.isDirectory) return false;
  return ((stats.mode ?? 0o777) & 0o022) === 0 && (stats.uid === 0 || stats.uid === Deno.uid());
}

interface Entry {
  readonly name: string;
  readonly size: number;
  readonly used: number;
}

function entries(directory: string): readonly Entry[] {
  const names = orUndefined(() => Array.from(Deno.readDirSync(directory), ({ name }) => name)) ?? [];
  return names.flatMap((name) => {
    const stats = orUndefined(() => Deno.lstatSync(join(directory, name)));
    return stats?.isFile ? [{ name, size: stats.size, used: stats.mtime?.getTime() ?? 0 }] : [];
  });
}

/** Removes abandoned files, and the least recently used kernels, until at most `room` bytes are taken. */
function makeRoom(directory: string, room: number): void {
  let taken = 0;
  for (const { name, size, used } of entries(directory).toSorted((a, b) => b.used - a.used)) {
    const isPart = /^\.[0-9a-f-]{36}\.new$/.test(name);
    const isKept = KEPT.test(name);
    if (isKept) taken += size;
    if (isPart && Date.now() - used > STALE || isKept && taken > room) {
      orUndefined(() => Deno.removeSync(join(directory, name)));
    }
  }
}
