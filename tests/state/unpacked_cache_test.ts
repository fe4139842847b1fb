import { assert, assertEquals } from "@std/assert";
import { CACHE_DIRECTORY, unpackedCache, verdictCache } from "../../src/state/unpacked_cache.ts";

const KEY = "a".repeat(64);
const OTHER = "b".repeat(64);
const BYTES = Uint8Array.from({ length: 1000 }, (_, at) => at & 0xff);

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-cache-" });
  try {
    await run(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function names(folder: string): readonly string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).toSorted();
}

Deno.test("what was kept for a file is found again, and nothing for another", async () => {
  await inFolder(async (folder) => {
    const cache = unpackedCache(`${folder}/new`);
    assertEquals(await cache.find(KEY), undefined);
    await cache.keep(KEY, BYTES);
    assertEquals([await cache.find(KEY), await cache.find(OTHER)], [BYTES, undefined]);
    assertEquals((Deno.statSync(`${folder}/new`).mode ?? 0) & 0o777, 0o700);
    assertEquals(names(`${folder}/new`).length, 1);
  });
});

Deno.test("what was changed in the cache is not used, and goes", async () => {
  await inFolder(async (folder) => {
    const cache = unpackedCache(folder);
    await cache.keep(KEY, BYTES);
    for (const change of [(path: string) => Deno.truncateSync(path, 500), (path: string) => flip(path)]) {
      const [name = ""] = names(folder);
      change(`${folder}/${name}`);
      assertEquals([await cache.find(KEY), names(folder)], [undefined, []]);
      await cache.keep(KEY, BYTES);
    }
    assertEquals(await cache.find(KEY), BYTES);
  });
});

function flip(path: string): void {
  const bytes = Deno.readFileSync(path);
  bytes[500] = (bytes[500] ?? 0) ^ 1;
  Deno.writeFileSync(path, bytes);
}

Deno.test("beyond the limit, what was used least recently goes; what is larger than it is never kept", async () => {
  await inFolder(async (folder) => {
    const cache = unpackedCache(folder, 2500);
    await cache.keep(KEY, BYTES);
    await cache.keep(OTHER, BYTES);
    for (const name of names(folder)) {
      const time = new Date(name.startsWith(KEY) ? 2_000_000 : 1_000_000);
      Deno.utimeSync(`${folder}/${name}`, time, time);
    }
    await cache.keep("c".repeat(64), BYTES);
    assertEquals([await cache.find(KEY), await cache.find(OTHER)], [BYTES, undefined]);
    await cache.keep("d".repeat(64), new Uint8Array(2501));
    assertEquals(await cache.find("d".repeat(64)), undefined);
    // What is as large as the limit takes the place of all others; up to it, none goes.
    await cache.keep("d".repeat(64), new Uint8Array(2500));
    assertEquals([(await cache.find("d".repeat(64)))?.length, names(folder).length], [2500, 1]);
    const wide = unpackedCache(`${folder}/wide`, 2000);
    await wide.keep(KEY, BYTES);
    await wide.keep(OTHER, BYTES);
    assertEquals([await wide.find(KEY), await wide.find(OTHER)], [BYTES, BYTES]);
  });
});

Deno.test("what is found counts as used, however long ago it was written", async () => {
  await inFolder(async (folder) => {
    const cache = unpackedCache(folder, 2500);
    await cache.keep(KEY, BYTES);
    await cache.keep(OTHER, BYTES);
    for (const name of names(folder)) {
      const time = new Date(name.startsWith(KEY) ? 1_000_000 : 2_000_000);
      Deno.utimeSync(`${folder}/${name}`, time, time);
    }
    assertEquals(await cache.find(KEY), BYTES);
    await cache.keep("c".repeat(64), BYTES);
    assertEquals([await cache.find(KEY), await cache.find(OTHER)], [BYTES, undefined]);
  });
});

Deno.test("what was left half-written goes in time, and foreign files stay", async () => {
  await inFolder(async (folder) => {
    const part = `${folder}/.${crypto.randomUUID()}.new`;
    const fresh = `${folder}/.${crypto.randomUUID()}.new`;
    for (const path of [part, fresh, `${folder}/notes`]) Deno.writeTextFileSync(path, "x");
    const minutesAgo = (minutes: number): Date => new Date(Date.now() - minutes * 60_000);
    Deno.utimeSync(part, minutesAgo(61), minutesAgo(61));
    // Another warmboot may still be writing it, to a disk that is slow.
    Deno.utimeSync(fresh, minutesAgo(58), minutesAgo(58));
    await unpackedCache(folder).keep(KEY, BYTES);
    const left = names(folder).map((name) => `${folder}/${name}`);
    assertEquals([left.includes(part), left.includes(fresh)], [false, true]);
    assert(names(folder).includes("notes") && names(folder).length === 3);
  });
});

Deno.test("a folder that others may write to, or none, keeps nothing, and nothing fails", async () => {
  await inFolder(async (folder) => {
    const open = unpackedCache(folder);
    await open.keep(KEY, BYTES);
    Deno.chmodSync(folder, 0o777);
    assertEquals(await open.find(KEY), undefined);
    await open.keep(OTHER, BYTES);
    assertEquals(names(folder).length, 1);
    for (const nowhere of ["/proc/none", "/dev/null", `${folder}/${names(folder)[0]}`]) {
      await unpackedCache(nowhere).keep(KEY, BYTES);
      assertEquals(await unpackedCache(nowhere).find(KEY), undefined);
    }
  });
});

Deno.test("a folder that its group or others may write to keeps nothing, and gives nothing", async () => {
  for (const mode of [0o770, 0o702]) {
    await inFolder(async (folder) => {
      const cache = unpackedCache(folder);
      await cache.keep(KEY, BYTES);
      assertEquals(names(folder).length, 1);
      Deno.chmodSync(folder, mode);
      assertEquals(await cache.find(KEY), undefined);
      await cache.keep(OTHER, BYTES);
      assertEquals(names(folder).length, 1);
    });
  }
});

Deno.test("a folder that belongs to somebody else keeps nothing, and gives nothing; that of root does", async () => {
  await inFolder(async (folder) => {
    const cache = unpackedCache(folder);
    await cache.keep(KEY, BYTES);
    const { uid, statSync } = Deno;
    const owned = (owner: number, user: number): void => {
      Deno.uid = () => user;
      Deno.statSync = (path) => path === folder ? { ...statSync(path), uid: owner } : statSync(path);
    };
    try {
      for (const [owner, user, isOurs] of [[0, 12345, true], [12345, 12345, true], [54321, 12345, false]] as const) {
        owned(owner, user);
        assertEquals(await cache.find(KEY), isOurs ? BYTES : undefined);
      }
      await cache.keep(OTHER, BYTES);
      assertEquals(names(folder).length, 1);
    } finally {
      Object.assign(Deno, { uid, statSync });
    }
  });
});

Deno.test("folders and links are no kernels, whatever they are called, and foreign files take no room", async () => {
  await inFolder(async (folder) => {
    const cache = unpackedCache(folder, 2500);
    await cache.keep(KEY, BYTES);
    const [name = ""] = names(folder);
    Deno.renameSync(`${folder}/${name}`, `${folder}/elsewhere`);
    Deno.symlinkSync(`${folder}/elsewhere`, `${folder}/${name}`);
    assertEquals(await cache.find(KEY), undefined);
    Deno.removeSync(`${folder}/${name}`);
    Deno.writeFileSync(`${folder}/notes`, new Uint8Array(10_000));
    // They are newer than any kernel.
    const later = new Date(Date.now() + 60_000);
    Deno.utimeSync(`${folder}/notes`, later, later);
    await cache.keep(KEY, BYTES);
    await cache.keep(OTHER, BYTES);
    assertEquals([await cache.find(KEY), await cache.find(OTHER)], [BYTES, BYTES]);
  });
});

Deno.test("a verdict about the same file is not taken for a kernel, and a kernel of a real size is kept", async () => {
  assertEquals(CACHE_DIRECTORY, "/var/cache/warmboot");
  await inFolder(async (folder) => {
    await verdictCache(folder).keep(KEY, "kernel", { kind: "unverifiable", why: "x" });
    const [verdict = ""] = names(folder);
    assertEquals([await unpackedCache(folder).find(KEY), names(folder)], [undefined, [verdict]]);
    await unpackedCache(folder).keep(KEY, new Uint8Array(60 << 20));
    assertEquals([(await unpackedCache(folder).find(KEY))?.length, names(folder).length], [60 << 20, 2]);
  });
});

Deno.test("what cannot be written whole leaves no part behind", async () => {
  await inFolder(async (folder) => {
    const rename = Deno.renameSync;
    Deno.renameSync = () => {
      throw new Error("No space left on device");
    };
    try {
      await unpackedCache(folder).keep(KEY, BYTES);
    } finally {
      Deno.renameSync = rename;
    }
    assertEquals(names(folder), []);
  });
});

Deno.test({
  name: "without permission to read or write, no kernel is found, kept or asked for",
  permissions: "none",
  async fn() {
    const tried: string[] = [];
    const { mkdirSync, statSync } = Deno;
    Deno.mkdirSync = (path) => void tried.push(String(path));
    Deno.statSync = (path) => {
      tried.push(String(path));
      throw new Deno.errors.NotCapable();
    };
    try {
      const cache = unpackedCache("/var/cache/warmboot-none");
      await cache.keep(KEY, BYTES);
      assertEquals([await cache.find(KEY), tried], [undefined, []]);
    } finally {
      Object.assign(Deno, { mkdirSync, statSync });
    }
  },
});
