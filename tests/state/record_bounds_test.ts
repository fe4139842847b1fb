import { assert, assertEquals, assertThrows } from "@std/assert";
import { planBoot } from "../../src/plan/planner.ts";
import { describedBy, type LoadRecord, recordTime } from "../../src/state/record.ts";
import { findRecord, lockStore, StoreError } from "../../src/state/record_store.ts";
import { crashHost } from "../support/crash_host.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, profileOf } from "../support/profiles.ts";

/** A folder that only this user may write to. */
function privateFolder(): Disposable & { readonly path: string } {
  const path = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "warmboot-record-" }));
  Deno.chmodSync(path, 0o700);
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

function recordOf(): LoadRecord {
  const { value: plan } = planBoot({ profile: profileOf(), facts: hostFacts(), images: images() });
  assert(plan !== undefined);
  return { format: "warmboot.record/1", loadedAt: recordTime(), user: "anna", uid: 1000, plan };
}

Deno.test("a record that cannot be read says why, with its path", () => {
  using folder = privateFolder();
  const found = (text: string) => {
    Deno.writeTextFileSync(`${folder.path}/reboot.json`, text);
    const { found } = findRecord("reboot", folder.path);
    return found.kind === "unreadable" ? found.message.replaceAll(folder.path, "") : found.kind;
  };
  assertEquals([found(JSON.stringify(recordOf())), found("{}"), found("[]")], [
    "record",
    "/reboot.json is not a record: The key `format` is missing",
    "/reboot.json is not a record: The document is not a record of warmboot",
  ]);
  assertEquals(found("{").startsWith("/reboot.json is not JSON: "), true);
  Deno.chmodSync(folder.path, 0o777);
  assertEquals(found("{}"), " is not used: others than its owner may write to it");
});

Deno.test("two readers do not take each other for a load; a load keeps readers off", async () => {
  using folder = privateFolder();
  {
    using store = await lockStore({ directory: folder.path });
    assertEquals(store.waited, false);
    // Without a prepared record, nothing is at stake.
    assertEquals(findRecord("reboot", folder.path).busy, false);
    store.prepare("reboot", recordOf());
    assertEquals(findRecord("reboot", folder.path).busy, true);
  }
  assertEquals(findRecord("reboot", folder.path).busy, false);
  // Another reader: it holds the lock as shared.
  const reader = Deno.openSync(`${folder.path}/lock`);
  try {
    assertEquals(reader.tryLockSync(false), true);
    assertEquals(findRecord("reboot", folder.path).busy, false);
  } finally {
    reader.close();
  }
});

Deno.test("a lock that is held for too long is an error that says how long", async () => {
  using folder = privateFolder();
  using _held = await lockStore({ directory: folder.path });
  const waits: string[] = [];
  let message = "";
  try {
    await lockStore({ directory: folder.path, patience: 100, onWait: (text) => void waits.push(text) });
  } catch (error) {
    assert(error instanceof StoreError);
    message = error.message;
  }
  assertEquals(message, "Another warmboot is loading or unloading an image, and did not finish within 0.1 s");
  assertEquals(waits, ["Waiting for another warmboot that is loading or unloading an image"]);
});

Deno.test("a pending record is not one: it is an interrupted load, unless another warmboot is at it", async () => {
  using folder = privateFolder();
  const kind = () => findRecord("reboot", folder.path).found.kind;
  {
    using store = await lockStore({ directory: folder.path });
    store.prepare("reboot", recordOf());
    assertEquals([kind(), findRecord("crash", folder.path).found.kind], ["none", "none"]);
  }
  assertEquals(kind(), "interrupted");
  using store = await lockStore({ directory: folder.path });
  store.prepare("reboot", recordOf());
  // The load before was interrupted: that stays the last that is known.
  store.discard("reboot");
  assertEquals(Array.from(Deno.readDirSync(folder.path), ({ name }) => name).toSorted(), ["lock", "reboot.json.new"]);
  store.prepare("reboot", recordOf());
  store.commit("reboot");
  assertEquals(Array.from(Deno.readDirSync(folder.path), ({ name }) => name).toSorted(), ["lock", "reboot.json"]);
  store.prepare("reboot", recordOf());
  store.discard("reboot");
  assertEquals(Array.from(Deno.readDirSync(folder.path), ({ name }) => name).toSorted(), ["lock", "reboot.json"]);
  store.remove("reboot");
  assertEquals(kind(), "none");
  assertThrows(() => store.commit("crash"), StoreError);
});

Deno.test({
  name:
    "a record states its time to the second, in UTC, and what a crash image describes with the last byte of each range",
  permissions: "none",
  fn() {
    assertEquals(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(recordTime()), true);
    assertEquals(Math.abs(Date.parse(recordTime()) - Date.now()) < 60_000, true);
    assertEquals(describedBy(crashHost(), { syscall: "kexec_load" }), {
      memory: ["0x1000-0x9fbff", "0x100000-0xbffdbfff", "0x100000000-0x13fffffff"],
      cpus: 2,
    });
  },
});
