import { assert, assertEquals } from "@std/assert";
import type { DmCryptKeys, HostFacts } from "../../src/host/facts.ts";
import type { Call, Plan } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { changesSince } from "../../src/state/crash_status.ts";
import { dumpKeysStatus, keepsKeys } from "../../src/state/dump_keys.ts";
import { statusOf } from "../../src/state/status.ts";
import { decodeRecord, describedBy, type FoundRecord, type LoadRecord } from "../../src/state/record.ts";
import { crashHost } from "../support/crash_host.ts";
import { images, PART_DIGESTS, profileOf } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name: `dump keys: ${name}`, permissions: "none", fn });
}

const KEYS: DmCryptKeys = { keys: [{ name: "a", description: "cryptsetup:a" }, { name: "b" }], reuse: false };
const NAMES = ["cryptsetup:a", "b"];

/** A host with a crash image loaded, and these keys registered. */
function host(dmCryptKeys: DmCryptKeys | undefined, kexec: Partial<HostFacts["kexec"]> = {}): HostFacts {
  const facts = crashHost({ bootId: "boot" });
  return {
    ...facts,
    kexec: { ...facts.kexec, crashLoaded: true, ...(dmCryptKeys === undefined ? {} : { dmCryptKeys }), ...kexec },
  };
}

const planOf = (load: Call["syscall"], crash = true): Plan => {
  const { value } = planBoot({
    profile: profileOf({ load, crash }),
    facts: host(undefined),
    images: images(),
    partDigests: PART_DIGESTS,
  });
  assert(value !== undefined);
  return value;
};
const FILE = planOf("kexec_file_load");
const SEGMENTS = planOf("kexec_load");

/** What was loaded while these keys were registered. */
function loaded(plan: Plan, keys: DmCryptKeys | undefined, changes: Partial<LoadRecord> = {}): FoundRecord {
  const record: LoadRecord = {
    format: "warmboot.record/1",
    bootId: "boot",
    loadedAt: "2026-11-22T10:00:00Z",
    user: "root",
    uid: 0,
    described: describedBy(host(keys), plan.call),
    plan,
    ...changes,
  };
  return { kind: "record", record };
}

pure("a record has those that the image has: none by kexec_load", () => {
  const has = (plan: Plan, keys: DmCryptKeys | undefined) => describedBy(host(keys), plan.call).dmCryptKeys;
  assertEquals([has(FILE, KEYS), has(SEGMENTS, KEYS), has(FILE, undefined)], [NAMES, [], undefined]);
  const found = loaded(FILE, KEYS);
  assert(found.kind === "record");
  const decoded = decodeRecord(JSON.parse(JSON.stringify(found.record)), [], () => {});
  assertEquals(decoded?.described?.dmCryptKeys, NAMES);
});

pure("an image with other keys than those that are registered has changed, and is loaded again", () => {
  const changes = (keys: DmCryptKeys | undefined, now: DmCryptKeys | undefined, plan = FILE) => {
    const found = loaded(plan, keys);
    assert(found.kind === "record");
    return changesSince(found.record, host(now), undefined);
  };
  const changed = ["The dm-crypt keys that are registered for a crash kernel have changed since"];
  assertEquals(changes(KEYS, KEYS), []);
  assertEquals(changes(KEYS, { keys: [] }), changed);
  assertEquals(changes({ keys: [] }, KEYS), changed);
  assertEquals(changes(undefined, KEYS), [], "a record of before");
  assertEquals(changes(KEYS, undefined), [], "a kernel that does not say");
  assertEquals(changes(KEYS, KEYS, SEGMENTS), [], "kexec_load never has any");
});

pure("status says which are registered, and whether the loaded image has them", () => {
  const says = (now: DmCryptKeys | undefined, found: FoundRecord, kexec: Partial<HostFacts["kexec"]> = {}) => {
    const status = dumpKeysStatus(host(now, kexec), found);
    return status === undefined ? undefined : [status.keys, status.loaded, status.note];
  };
  assertEquals(says(undefined, { kind: "none" }), undefined);
  assertEquals(says({ keys: [] }, { kind: "none" }), undefined);
  const unknown = [NAMES, "unknown", "Cannot determine whether the loaded crash image has them"];
  assertEquals(says(KEYS, { kind: "none" }), unknown);
  assertEquals(says(KEYS, loaded(FILE, undefined)), unknown);
  assertEquals(says(KEYS, loaded(FILE, KEYS, { bootId: "other" })), unknown);
  assertEquals(says(KEYS, loaded(planOf("kexec_file_load", false), KEYS)), unknown);
  assertEquals(says(KEYS, loaded(FILE, KEYS)), [NAMES, "yes", "The loaded crash image has them"]);
  assertEquals(says(KEYS, loaded(FILE, { keys: [] })), [
    NAMES,
    "no",
    "The crash image was loaded with other keys: load it again",
  ]);
  assertEquals(says(KEYS, loaded(SEGMENTS, KEYS)), [
    NAMES,
    "no",
    "The crash image was loaded by kexec_load, which hands over no keys",
  ]);
  assertEquals(says(KEYS, loaded(FILE, KEYS), { crashLoaded: false }), [
    NAMES,
    "no",
    "No crash image is loaded that could have them",
  ]);
  const status = statusOf(host(KEYS), { kind: "none" }, loaded(FILE, KEYS));
  assertEquals([status.dumpKeys?.loaded, statusOf(host(undefined), { kind: "none" }, loaded(FILE, KEYS)).dumpKeys], [
    "yes",
    undefined,
  ]);
  assertEquals([status.host.hostname, status.host.release], [host(KEYS).hostname, host(KEYS).release]);
  const { crashLoaded: _, ...silent } = host(KEYS).kexec;
  assertEquals(dumpKeysStatus({ ...host(KEYS), kexec: silent }, { kind: "none" })?.loaded, "unknown");
});

pure("a reload keeps the keys where the loaded image has the very keys that are registered", () => {
  const keeps = (
    now: DmCryptKeys | undefined,
    found: FoundRecord,
    plan = FILE,
    kexec: Partial<HostFacts["kexec"]> = {},
  ) => keepsKeys(plan, host(now, kexec), found);
  assertEquals(keeps(KEYS, loaded(FILE, KEYS)), true);
  assertEquals(keeps({ ...KEYS, reuse: true }, loaded(FILE, KEYS)), true);
  assertEquals(keeps({ keys: KEYS.keys }, loaded(FILE, KEYS)), false, "a kernel without `reuse`");
  assertEquals(keeps({ keys: KEYS.keys.slice(1), reuse: false }, loaded(FILE, KEYS)), false, "one was removed");
  assertEquals(keeps({ keys: [{ name: "a" }, { name: "b" }], reuse: false }, loaded(FILE, KEYS)), false, "another key");
  assertEquals(keeps(KEYS, loaded(FILE, { keys: KEYS.keys.slice(1) })), false, "one was added");
  assertEquals(keeps({ keys: [], reuse: false }, loaded(FILE, { keys: [] })), false);
  assertEquals(keeps(undefined, loaded(FILE, KEYS)), false);
  assertEquals(keeps(KEYS, { kind: "none" }), false);
  assertEquals(keeps(KEYS, loaded(SEGMENTS, KEYS)), false);
  assertEquals(keeps(KEYS, loaded(FILE, KEYS, { bootId: "other" })), false);
  assertEquals(keeps(KEYS, loaded(FILE, KEYS), SEGMENTS), false);
  assertEquals(keeps(KEYS, loaded(FILE, KEYS), planOf("kexec_file_load", false)), false);
  for (const crashLoaded of [false, undefined]) {
    const { crashLoaded: _, ...silent } = host(KEYS).kexec;
    const facts = { ...host(KEYS), kexec: crashLoaded === undefined ? silent : { ...silent, crashLoaded } };
    assertEquals(keepsKeys(FILE, facts, loaded(FILE, KEYS)), false);
  }
});
