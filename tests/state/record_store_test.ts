import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import {
  findRecord,
  foreignFolder,
  lockStore,
  RECORD_DIRECTORY,
  StoreError,
  storeState,
} from "../../src/state/record_store.ts";
import type { LoadRecord } from "../../src/state/record.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { openBelow, openFiles } from "../support/descriptors.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, profileOf } from "../support/profiles.ts";

function recordOf(user: string): LoadRecord {
  const plan = planBoot({ profile: profileOf(), facts: hostFacts(), images: images() }).value;
  assert(plan !== undefined);
  return { format: "warmboot.record/1", loadedAt: "2026-11-22T10:00:00Z", user, uid: 0, plan };
}

async function inStore(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = Deno.makeTempDirSync({ prefix: "warmboot-store-" });
  try {
    await run(directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

/** What is found, in short: the user of a record, or the kind of anything else; and whether a load is running. */
function seen(directory: string): readonly [string, boolean] {
  const { found, busy } = findRecord("reboot", directory);
  return [found.kind === "record" ? found.record.user : found.kind, busy];
}

Deno.test("while a load is running, the record is the one from before", async () => {
  await inStore(async (directory) => {
    {
      using store = await lockStore({ directory });
      store.prepare("reboot", recordOf("first"));
      assertEquals(seen(directory), ["none", true]);
      store.commit("reboot");
      assertEquals(seen(directory), ["first", false]);
      store.prepare("reboot", recordOf("second"));
      assertEquals(seen(directory), ["first", true]);
      store.discard("reboot");
    }
    assertEquals(seen(directory), ["first", false]);
  });
});

Deno.test("only its owner reads the store, its lock and its records", async () => {
  await inStore(async (parent) => {
    const directory = `${parent}/new`;
    const mode = (path: string) => (Deno.statSync(path).mode ?? 0) & 0o777;
    using store = await lockStore({ directory });
    store.prepare("crash", recordOf("first"));
    assertEquals([mode(directory), mode(`${directory}/lock`), mode(`${directory}/crash.json.new`)], [
      0o700,
      0o600,
      0o600,
    ]);
  });
});

Deno.test("removing an image's record removes the one that is kept and the one that is pending, and no other image's", async () => {
  await inStore(async (directory) => {
    using store = await lockStore({ directory });
    for (const slot of ["reboot", "crash"] as const) {
      store.prepare(slot, recordOf(slot));
      store.commit(slot);
    }
    store.prepare("reboot", recordOf("second"));
    store.remove("reboot");
    assertEquals(Array.from(Deno.readDirSync(directory), ({ name }) => name).toSorted(), ["crash.json", "lock"]);
    // Nothing is left to remove, which is no error.
    store.remove("reboot");
  });
});

Deno.test("a store that does not exist has no record, and nobody is loading", () => {
  assertEquals(findRecord("reboot", "/nonexistent/warmboot"), { found: { kind: "none" }, busy: false });
});

Deno.test("a pending record without a lock was cut off", async () => {
  await inStore((directory) => {
    Deno.chmodSync(directory, 0o700);
    Deno.writeTextFileSync(`${directory}/reboot.json.new`, "{}");
    assertEquals(seen(directory), ["interrupted", false]);
    return Promise.resolve();
  });
});

Deno.test("a record is on the disk, whole, before it is prepared", async () => {
  await inStore(async (directory) => {
    const synced: number[] = [];
    using store = await lockStore({ directory, sync: (file) => void synced.push(file.statSync().size) });
    store.prepare("reboot", recordOf("first"));
    assertEquals(synced, [Deno.statSync(`${directory}/reboot.json.new`).size]);
    assert((synced[0] ?? 0) > 100);
  });
});

Deno.test("a record that is still pending when nobody holds the lock was cut off", async () => {
  await inStore(async (directory) => {
    {
      using store = await lockStore({ directory });
      store.prepare("reboot", recordOf("first"));
    }
    assertEquals(seen(directory), ["interrupted", false]);
    {
      // Which image is loaded is unknown until a load succeeds, whatever another one tried.
      using store = await lockStore({ directory });
      store.prepare("reboot", recordOf("second"));
      store.discard("reboot");
    }
    assertEquals(seen(directory), ["interrupted", false]);
    using store = await lockStore({ directory });
    store.remove("reboot");
    assertEquals(seen(directory), ["none", false]);
  });
});

Deno.test("a record that cannot be written whole leaves what was there, and no half of it", async () => {
  await inStore(async (directory) => {
    using store = await lockStore({ directory });
    store.prepare("reboot", recordOf("first"));
    store.commit("reboot");
    const write = Deno.FsFile.prototype.writeSync;
    let writes = 0;
    Deno.FsFile.prototype.writeSync = function (bytes) {
      if (writes++ > 0) throw Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" });
      return write.call(this, bytes.subarray(0, 100));
    };
    try {
      assertThrows(
        () => store.prepare("reboot", recordOf("second")),
        StoreError,
        `Cannot write ${directory}/reboot.json`,
      );
    } finally {
      Deno.FsFile.prototype.writeSync = write;
    }
    assertEquals(seen(directory), ["first", false]);
    assertEquals(Array.from(Deno.readDirSync(directory), ({ name }) => name).toSorted(), ["lock", "reboot.json"]);
  });
});

Deno.test("what a load before left unfinished, a record that was kept or removed since settles", async () => {
  for (const settle of ["commit", "remove"] as const) {
    await inStore(async (directory) => {
      {
        using store = await lockStore({ directory });
        store.prepare("reboot", recordOf("first"));
      }
      {
        using store = await lockStore({ directory });
        store.prepare("reboot", recordOf("second"));
        store[settle]("reboot");
        store.prepare("reboot", recordOf("third"));
        store.discard("reboot");
      }
      assertEquals(seen(directory), [settle === "commit" ? "second" : "none", false]);
    });
  }
});

Deno.test("a part that an earlier process left is written over, however long it is", async () => {
  await inStore(async (directory) => {
    using store = await lockStore({ directory });
    Deno.writeTextFileSync(`${directory}/reboot.json.new.part`, "x".repeat(100_000));
    store.prepare("reboot", recordOf("first"));
    store.commit("reboot");
    assertEquals(seen(directory), ["first", false]);
  });
});

Deno.test("a record that cannot be removed is an error", async () => {
  await inStore(async (directory) => {
    using store = await lockStore({ directory });
    Deno.mkdirSync(`${directory}/reboot.json/below`, { recursive: true });
    assertThrows(() => store.remove("reboot"), StoreError, `Cannot remove ${directory}/reboot.json`);
  });
});

Deno.test("one who reads is not taken for a load, and a lock that cannot be looked at not for a free one", async () => {
  await inStore(async (directory) => {
    {
      using store = await lockStore({ directory });
      store.prepare("reboot", recordOf("first"));
    }
    {
      using reader = Deno.openSync(`${directory}/lock`);
      reader.lockSync(false);
      assertEquals(seen(directory), ["interrupted", false]);
    }
    Deno.removeSync(`${directory}/lock`);
    Deno.symlinkSync(`${directory}/lock`, `${directory}/lock`);
    assertThrows(() => seen(directory), StoreError, `Cannot look at ${directory}/lock`);
  });
});

Deno.test("a load that ends while somebody looks was not cut off", async () => {
  await inStore(async (directory) => {
    const store = await lockStore({ directory });
    store.prepare("reboot", recordOf("first"));
    const open = Deno.openSync;
    Deno.openSync = (...args) => {
      Deno.openSync = open;
      store.commit("reboot");
      store[Symbol.dispose]();
      return open(...args);
    };
    try {
      assertEquals(seen(directory), ["first", false]);
    } finally {
      Deno.openSync = open;
    }
  });
});

Deno.test("whoever waits for long is told so once, and gives up after a minute without keeping the lock's file open", async () => {
  await inStore(async (directory) => {
    using _store = await lockStore({ directory });
    const opened = () => openBelow(`${directory}/lock`).length;
    const before = opened();
    const [now, wait] = [performance.now, globalThis.setTimeout];
    let time = 0;
    performance.now = () => time;
    const passing: unknown = (then: () => void) => {
      time += 1000;
      queueMicrotask(then);
    };
    globalThis.setTimeout = passing as typeof setTimeout;
    const told: string[] = [];
    try {
      const error = await assertRejects(() => lockStore({ directory, onWait: (text) => told.push(text) }), StoreError);
      assertEquals(
        error.message,
        "Another warmboot is loading or unloading an image, and did not finish within 60 s",
      );
    } finally {
      [performance.now, globalThis.setTimeout] = [now, wait];
    }
    assertEquals([told.length, time, opened()], [1, 60_000, before]);
  });
});

Deno.test("one warmboot at a time loads: another waits for it, and says so", async () => {
  await inStore(async (directory) => {
    const first = await lockStore({ directory });
    let waits = 0;
    const second = lockStore({ directory, onWait: () => waits++ });
    let isTaken = false;
    second.then(() => isTaken = true);
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals([waits, isTaken], [1, false]);
    first[Symbol.dispose]();
    using _store = await second;
    assertEquals([waits, _store.waited, first.waited], [1, true, false]);
    await assertRejects(
      () => lockStore({ directory, patience: 0 }),
      StoreError,
      "Another warmboot is loading or unloading an image, and did not finish within 0 s",
    );
  });
});

Deno.test("the lock is free once it is given back, though a process that was forked meanwhile may have it open", async () => {
  await inStore(async (directory) => {
    const store = await lockStore({ directory });
    const lock = openFiles().find(({ path }) => path === `${directory}/lock`)?.descriptor;
    // As a fork does it: the same open file under another number.
    const libc = Deno.dlopen("libc.so.6", {
      dup: { parameters: ["i32"], result: "i32" },
      close: { parameters: ["i32"], result: "i32" },
    });
    const copy = libc.symbols.dup(Number(lock));
    assert(copy >= 0);
    store[Symbol.dispose]();
    using _store = await lockStore({ directory, patience: 0 });
    libc.symbols.close(copy);
    libc.close();
  });
});

Deno.test("a folder that is a link, or that others may write to, is neither written to nor believed", async () => {
  await inStore(async (directory) => {
    const store = `${directory}/store`;
    {
      using lock = await lockStore({ directory: store });
      lock.prepare("reboot", recordOf("first"));
      lock.commit("reboot");
    }
    assertEquals(seen(store), ["first", false]);
    Deno.symlinkSync(store, `${directory}/link`);
    const { message } = await assertRejects(() => lockStore({ directory: `${directory}/link` }), StoreError);
    assertEquals(message, `Cannot use ${directory}/link: it is a symbolic link`);
    assertEquals(seen(`${directory}/link`), ["unreadable", false]);
    for (const mode of [0o770, 0o702]) {
      Deno.chmodSync(store, mode);
      await assertRejects(() => lockStore({ directory: store }), StoreError, "others than its owner may write to it");
      assertEquals(seen(store), ["unreadable", false]);
    }
    Deno.chmodSync(store, 0o755);
    assertEquals(seen(store), ["first", false]);
    if (Deno.uid() !== 0) return;
    Deno.chownSync(store, 12345, null);
    await assertRejects(() => lockStore({ directory: store }), StoreError, "it belongs to the user 12345");
    assertEquals(seen(store), ["unreadable", false]);
  });
});

Deno.test("whether an image was loaded or unloaded since is seen without having waited for it", async () => {
  await inStore(async (directory) => {
    const states = [storeState(directory)];
    using store = await lockStore({ directory });
    store.prepare("reboot", recordOf("first"));
    store.discard("reboot");
    assertEquals(storeState(directory), states[0], "a load that failed changes nothing");
    const change = (action: () => void): void => {
      action();
      states.push(storeState(directory));
    };
    change(() => store.prepare("reboot", recordOf("first")));
    change(() => store.commit("reboot"));
    store.prepare("reboot", recordOf("other"));
    change(() => store.commit("reboot"));
    store.prepare("crash", recordOf("crash"));
    change(() => store.commit("crash"));
    change(() => store.remove("reboot"));
    assertEquals(new Set(states).size, states.length, states.join("\n\n"));
  });
});

Deno.test("another record of the same length, at the same moment of a clock that was set back, is another state", async () => {
  await inStore(async (directory) => {
    using store = await lockStore({ directory });
    const stateOf = (user: string): string => {
      store.prepare("reboot", recordOf(user));
      store.commit("reboot");
      Deno.utimeSync(`${directory}/reboot.json`, 1, 1);
      return storeState(directory);
    };
    assertNotEquals(stateOf("first"), stateOf("other"));
  });
});

Deno.test("what is no record, or cannot be read, is told from none, and so is a folder that cannot be looked at", async () => {
  assertEquals(RECORD_DIRECTORY, "/run/warmboot");
  assertEquals([foreignFolder("/nonexistent"), foreignFolder("/proc/version/below") === undefined], [undefined, false]);
  await inStore((directory) => {
    Deno.chmodSync(directory, 0o700);
    const path = `${directory}/reboot.json`;
    const says = () => {
      const { found } = findRecord("reboot", directory);
      return found.kind === "unreadable" ? found.message.replace(path, "X").slice(0, 16) : found.kind;
    };
    Deno.writeTextFileSync(path, "{}");
    assertEquals(says(), "X is not a recor");
    Deno.writeTextFileSync(path, "{");
    assertEquals(says(), "X is not JSON: E");
    Deno.removeSync(path);
    Deno.mkdirSync(path);
    assertEquals(says(), "X cannot be read");
    return Promise.resolve();
  });
});

Deno.test("a lock that cannot be given back is a warning, and its file is closed all the same", async () => {
  await inStore(async (directory) => {
    const warnings: string[] = [];
    const store = await lockStore({ directory, onWarning: (text) => warnings.push(text) });
    const unlock = Deno.FsFile.prototype.unlockSync;
    Deno.FsFile.prototype.unlockSync = () => {
      throw new Error("Input/output error");
    };
    try {
      store[Symbol.dispose]();
    } finally {
      Deno.FsFile.prototype.unlockSync = unlock;
    }
    assertEquals(warnings.map((text) => text.startsWith(`Cannot unlock ${directory}/lock: Input/output error`)), [
      true,
    ]);
    assertEquals(openBelow(`${directory}/lock`), []);
  });
});

Deno.test("a folder of root is one that a user may believe", () => {
  const uid = Deno.uid;
  Deno.uid = () => 12345;
  try {
    assertEquals(foreignFolder("/"), undefined);
  } finally {
    Deno.uid = uid;
  }
});
