import { assertEquals } from "@std/assert";
import type { HostFacts } from "../../src/host/facts.ts";
import { alreadyLoaded, isSameImage } from "../../src/state/already_loaded.ts";
import { describedBy, type FoundRecord, type LoadRecord } from "../../src/state/record.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { decodePlan } from "../../src/plan/plan_shape.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { recheck } from "../../src/plan/stored.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, initrdFile, kernelFile, PART_DIGESTS, profileOf } from "../support/profiles.ts";
import type { Images } from "../../src/image/boot_files.ts";

const kexec = hostFacts().kexec;
const LOADED = { kexec: { ...kexec, loaded: true } };

function planOf(profile: Partial<Profile> = {}, facts: Partial<HostFacts> = {}, files: Partial<Images> = {}): Plan {
  const { value } = planBoot({
    profile: profileOf(profile),
    facts: hostFacts(facts),
    images: images(files),
    partDigests: PART_DIGESTS,
  });
  if (value === undefined) throw new Error("Cannot plan");
  return value;
}

/** The record of a plan, as it comes back from its file. */
function recorded(plan: Plan, changes: Partial<LoadRecord> = {}): FoundRecord {
  const stored = decodePlan(JSON.parse(JSON.stringify(plan)), [], () => {});
  if (stored === undefined) throw new Error("Cannot decode");
  const bootId = hostFacts().bootId ?? "";
  return {
    kind: "record",
    record: {
      format: "warmboot.record/1",
      bootId,
      loadedAt: "2026-11-22T10:00:00Z",
      user: "root",
      uid: 0,
      plan: stored,
      ...changes,
    },
  };
}

function isLoaded(plan: Plan, facts: Partial<HostFacts>, found: FoundRecord): boolean {
  return alreadyLoaded(plan, hostFacts(facts), found) !== undefined;
}

Deno.test({
  name: "what a profile declares is loaded already after it was loaded, by either call",
  permissions: "none",
  fn() {
    for (const load of ["kexec_file_load", "kexec_load"] as const) {
      assertEquals(isLoaded(planOf({ load }, LOADED), LOADED, recorded(planOf({ load }))), true);
    }
    assertEquals(isLoaded(planOf({ name: "other" }, LOADED), LOADED, recorded(planOf())), true);
  },
});

Deno.test({
  name: "another digest, command line, flag or call is not what is loaded",
  permissions: "none",
  fn() {
    const found = recorded(planOf());
    const others = [
      planOf({ cmdline: { kind: "parameters", parameters: ["rw"] } }, LOADED),
      planOf({ load: "kexec_load" }, LOADED),
      planOf({ crash: true }, LOADED),
      planOf({}, LOADED, { kernel: kernelFile({ sha256: "c".repeat(64) }) }),
      planOf({}, LOADED, { initrd: [initrdFile({ sha256: "c".repeat(64) })] }),
      planOf({}, LOADED, { initrd: [] }),
    ];
    for (const plan of others) assertEquals(isLoaded(plan, LOADED, found), false);
  },
});

Deno.test({
  name: "a record without the kernel's word, or of another boot, or of no known one, is not relied on",
  permissions: "none",
  fn() {
    const plan = planOf();
    const { loaded: _, ...silent } = kexec;
    const { bootId: __, ...nameless } = hostFacts(LOADED);
    assertEquals(isLoaded(plan, { kexec: { ...kexec, loaded: false } }, recorded(plan)), false);
    assertEquals(isLoaded(plan, { kexec: silent }, recorded(plan)), false);
    assertEquals(isLoaded(plan, LOADED, recorded(plan, { bootId: "another" })), false);
    assertEquals(alreadyLoaded(plan, nameless, recorded(plan)), undefined);
    const found = recorded(plan);
    if (found.kind !== "record") throw new Error("No record");
    const { bootId: ___, ...unnamed } = found.record;
    assertEquals(alreadyLoaded(plan, nameless, { kind: "record", record: unnamed }), undefined);
    for (const kind of ["none", "interrupted"] as const) assertEquals(isLoaded(plan, LOADED, { kind }), false);
    assertEquals(isLoaded(plan, LOADED, { kind: "unreadable", message: "x" }), false);
  },
});

Deno.test({
  name: "a crash image goes by its own state, and by the memory and CPUs that it describes",
  permissions: "none",
  fn() {
    const facts = {
      kexec: { ...kexec, crashLoaded: true, crashSize: 512n << 20n },
      crashNotes: [{ cpu: 0, address: 0x1000n, size: 340n }],
    };
    const plan = planOf({ crash: true }, facts);
    const found = recorded(plan, { described: describedBy(hostFacts(facts), plan.call) });
    const more = { ...facts, crashNotes: [...facts.crashNotes, { cpu: 1, address: 0x2000n, size: 340n }] };
    assertEquals(isLoaded(plan, facts, found), true);
    assertEquals(
      isLoaded(plan, { ...facts, kexec: { ...facts.kexec, crashLoaded: false, loaded: true } }, found),
      false,
    );
    assertEquals(isLoaded(plan, more, found), false);
    assertEquals(isLoaded(plan, { ...more, kexec: { ...facts.kexec, cpuCrashHotplug: true } }, found), true);
  },
});

Deno.test({
  name: "that no further load would be allowed is no matter, that a file is not the pinned one is",
  permissions: "none",
  fn() {
    const found = recorded(planOf());
    const spent = { kexec: { ...kexec, loaded: true, limitReboot: 0, loadDisabled: true } };
    assertEquals(isLoaded(planOf({}, spent), spent, found), true);
    const pinned = planOf({}, LOADED, { kernel: kernelFile({ pinned: "c".repeat(64) }) });
    assertEquals(isLoaded(pinned, LOADED, found), false);
  },
});

Deno.test({
  name: "a stored plan that has drifted is refused, whatever is loaded",
  permissions: "none",
  fn() {
    const plan = planOf();
    const found = recorded(plan);
    assertEquals(isLoaded(recheck(plan, hostFacts(LOADED), images()), LOADED, found), true);
    const drifted = recheck(plan, hostFacts(LOADED), images({ kernel: kernelFile({ sha256: "c".repeat(64) }) }));
    assertEquals(isLoaded(drifted, LOADED, found), false);
  },
});

Deno.test({
  name: "images are the same if the kernel gets the same, and the same is done before and after it boots",
  permissions: "none",
  fn() {
    const plan = planOf();
    const from = (path: string) => ({ kind: "from", path } as const);
    const guarded: Plan = { ...plan, guard: { panic: 10, parameters: ["panic=10"] } };
    const others: readonly (readonly [string, Plan, Plan, boolean])[] = [
      ["the keys in another order", plan, { ...plan, call: reversed(plan.call) }, true],
      [
        "devices that are taken away",
        plan,
        { ...plan, unbind: { targets: ["driver:nouveau"], failure: "stop" } },
        false,
      ],
      ["a volume that is opened", plan, { ...plan, unlock: [{ volume: "root", key: from("/etc/key") }] }, false],
      [
        "another key of it",
        { ...plan, unlock: [{ volume: "root", key: from("/etc/key") }] },
        { ...plan, unlock: [{ volume: "root", key: from("/etc/other") }] },
        false,
      ],
      ["a guard", plan, guarded, false],
      ["a deadline", guarded, { ...plan, guard: { panic: 10, confirm: 600, parameters: ["panic=10"] } }, false],
      [
        "what a cold reboot boots now",
        guarded,
        { ...plan, guard: { panic: 10, parameters: ["panic=10"], coldReboot: { pending: "debian" } } },
        true,
      ],
    ];
    for (const [name, a, b, isSame] of others) {
      assertEquals([isSameImage(a, b), isSameImage(b, a)], [isSame, isSame], name);
    }
  },
});

/** The same value whose keys are in the opposite order, at every depth. */
function reversed<T>(value: T): T {
  const turned = (each: unknown): unknown =>
    Array.isArray(each)
      ? each.map(turned)
      : typeof each === "object" && each !== null
      ? Object.fromEntries(Object.entries(each).toReversed().map(([key, of]) => [key, turned(of)]))
      : each;
  return turned(value) as T;
}

Deno.test({
  name: "an archive with a secret is the same by the keyed digest of the record alone",
  permissions: "none",
  fn() {
    const archive = (path: string, sha256?: string) => ({
      path,
      size: 512,
      ...(sha256 === undefined ? {} : { sha256 }),
      files: [],
      folders: [],
    });
    const open: Plan = { ...planOf(), overlays: [archive("files:1", "a".repeat(64)), archive("files:2")] };
    const keyed = (digit: string, path = "files:2") => ({ path, keyed: digit.repeat(64) });
    const isSame = (
      now: readonly { path: string; keyed: string }[],
      then?: readonly { path: string; keyed: string }[],
    ) =>
      alreadyLoaded(open, hostFacts(LOADED), recorded(open, then === undefined ? {} : { overlays: then }), now) !==
        undefined;
    assertEquals(isSame([keyed("1")], [keyed("1")]), true);
    assertEquals(isSame([keyed("1")], [keyed("2")]), false);
    assertEquals(isSame([keyed("1")], [keyed("1", "files:3")]), false);
    assertEquals(isSame([keyed("1")]), false, "a record without any");
    assertEquals(isSame([], [keyed("1")]), false, "none that is known now");
    assertEquals(isSame([]), false, "none on either side");
    const stated: Plan = { ...planOf(), overlays: [archive("files:1", "a".repeat(64))] };
    assertEquals(isLoaded(stated, LOADED, recorded(stated)), true, "what the plan states needs none");
  },
});
