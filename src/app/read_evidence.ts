import { orUndefined } from "../core/diagnostic.ts";
import { join } from "@std/path/posix";
import { compareNames } from "../core/text.ts";
import type { HostFacts } from "../host/facts.ts";
import { type Evidence, evidenceOf, READ_BYTES, type ReadFile } from "../state/evidence.ts";

/** Where the kernel shows persistent storage, and where systemd-pstore.service moves that early in the boot. */
const FOLDERS: readonly string[] = ["/sys/fs/pstore", "/var/lib/systemd/pstore"];

/** How deep systemd makes folders there (pstore.c: a time stamp, and a part of it), and how many files are looked at. */
const DEPTH = 3;
const LOOKED_AT = 1000;

/**
 * What is found after a fall back. Files that are older than the jump are of another failure. `since`: when the shutdown into
 * the image began, UTC.
 */
export function readEvidence(
  facts: Pick<HostFacts, "watchdog">,
  since: string,
  folders: readonly string[] = FOLDERS,
): Evidence | undefined {
  const from = Date.parse(since);
  const found = folders.flatMap((folder) => filesBelow(folder, DEPTH)).slice(0, LOOKED_AT)
    .filter(({ modified }) => modified === undefined || modified >= from);
  // systemd puts the parts of a log together: that one comes first, then the newest.
  const ordered = found.toSorted((a, b) =>
    Number(b.isWhole) - Number(a.isWhole) || (b.modified ?? 0) - (a.modified ?? 0)
  );
  return evidenceOf(facts, ordered.flatMap(({ path }) => readEnd(path)));
}

interface FoundFile {
  readonly path: string;
  /** Milliseconds; undefined where the storage does not know. */
  readonly modified: number | undefined;
  readonly isWhole: boolean;
}

function filesBelow(folder: string, depth: number): readonly FoundFile[] {
  return namesIn(folder).flatMap((name) => {
    const path = join(folder, name);
    const info = orUndefined(() => Deno.lstatSync(path));
    if (info?.isDirectory === true) return depth > 1 ? filesBelow(path, depth - 1) : [];
    if (info?.isFile !== true) return [];
    const modified = info.mtime?.getTime();
    return [{
      path,
      modified: modified === undefined || modified < CLOCK_WAS_SET ? undefined : modified,
      isWhole: name === "dmesg.txt",
    }];
  });
}

/** A record without a time has that of 1970, or of the clock of a board that was not set yet. */
const CLOCK_WAS_SET = Date.parse("2001-01-01T00:00:00Z");

function namesIn(folder: string): readonly string[] {
  return orUndefined(() => Array.from(Deno.readDirSync(folder), ({ name }) => name).sort(compareNames)) ?? [];
}

/** The end of a file; nothing of one that is gone, or not for this reader. */
function readEnd(path: string): readonly ReadFile[] {
  const read = orUndefined(() => {
    using file = Deno.openSync(path);
    const { size } = file.statSync();
    const end = new Uint8Array(Math.min(size, READ_BYTES));
    file.seekSync(size - end.length, Deno.SeekMode.Start);
    let done = 0;
    for (let count: number | null = -1; done < end.length && count !== null; done += count ?? 0) {
      count = file.readSync(end.subarray(done));
    }
    return { path, end: end.subarray(0, done), size };
  });
  return read === undefined ? [] : [read];
}
