import { makeOwnFolder, RECORD_DIRECTORY, useStore } from "../state/record_store.ts";

/** Bytes of the key. */
const SIZE = 32;

/**
 * The key of digests of secrets in records: random, root's alone, and gone with the boot. Without it, a digest of a
 * passphrase would let everybody try passphrases. @throws {StoreError}
 */
export function recordKey(directory: string = RECORD_DIRECTORY): Uint8Array {
  const path = `${directory}/secret.key`;
  return useStore(`use ${path}`, () => {
    makeOwnFolder(directory);
    const kept = keyIn(path);
    if (kept !== undefined) return kept;
    const key = crypto.getRandomValues(new Uint8Array(SIZE));
    const part = `${path}.${crypto.randomUUID()}`;
    {
      using file = Deno.openSync(part, { createNew: true, write: true, mode: 0o600 });
      for (let done = 0; done < SIZE;) done += file.writeSync(key.subarray(done));
    }
    Deno.renameSync(part, path);
    return keyIn(path) ?? key;
  });
}

/** The key of a file that only its owner may read; undefined for any other. */
function keyIn(path: string): Uint8Array | undefined {
  try {
    const stats = Deno.lstatSync(path);
    if (!stats.isFile || stats.size !== SIZE || ((stats.mode ?? 0o777) & 0o077) !== 0) return undefined;
    return Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
