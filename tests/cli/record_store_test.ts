import { assert, assertEquals, assertThrows } from "@std/assert";
import { findRecord, lockStore, StoreError } from "../../src/cli/record_store.ts";
import type { LoadRecord } from "../../src/kernel/record.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, profileOf } from "../support/profiles.ts";

function recordOf(user: string): LoadRecord {
  const plan = planBoot({ profile: profileOf(), facts: hostFacts(), images: images() }).value;
  assert(plan !== undefined);
  return { format: "warmboot.record/1", loadedAt: "2026-11-22T10:00:00Z", user, uid: 0, plan };
}

function inStore(run: (directory: string) => void): void {
  const directory = Deno.makeTempDirSync({ prefix: "warmboot-store-" });
  try {
    run(directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

/** What is found, in short: the user of a record, or the kind of anything else; and whether a load is running. */
function seen(directory: string): readonly [string, boolean] {
  const { found, busy } = findRecord("reboot", directory);
  return [found.kind === "record" ? found.record.user : found.kind, busy];
}

Deno.test("while a load is running, the record is the one from before", () => {
  inStore((directory) => {
    {
      using store = lockStore(directory);
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

Deno.test("a record that is still pending when nobody holds the lock was cut off", () => {
  inStore((directory) => {
    {
      using store = lockStore(directory);
      store.prepare("reboot", recordOf("first"));
    }
    assertEquals(seen(directory), ["interrupted", false]);
    using store = lockStore(directory);
    store.discard("reboot");
    assertEquals(seen(directory), ["none", false]);
  });
});

Deno.test("one warmboot at a time loads", () => {
  inStore((directory) => {
    using _store = lockStore(directory);
    assertThrows(() => lockStore(directory), StoreError, "Another warmboot");
  });
});
