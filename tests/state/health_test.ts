import { assertEquals, assertStringIncludes } from "@std/assert";
import type { HostFacts } from "../../src/host/facts.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { expectedImages, type Health, type HealthKind, healthOf } from "../../src/state/health.ts";
import type { FoundRecord, LoadRecord } from "../../src/state/record.ts";
import { statusOf } from "../../src/state/status.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, PART_DIGESTS, profileOf } from "../support/profiles.ts";

const NONE: FoundRecord = { kind: "none" };
const { kexec, bootId = "" } = hostFacts();

function planOf(profile: Partial<Profile> = {}): Plan {
  const { value } = planBoot({
    profile: profileOf(profile),
    facts: hostFacts(),
    images: images(),
    partDigests: PART_DIGESTS,
  });
  if (value === undefined) throw new Error("Cannot plan");
  return value;
}

const WEB = planOf();

function recorded(changes: Partial<LoadRecord> = {}): FoundRecord {
  const record: LoadRecord = {
    format: "warmboot.record/1",
    bootId,
    loadedAt: "2026-11-22T10:00:00Z",
    user: "root",
    uid: 0,
    plan: WEB,
    ...changes,
  };
  return { kind: "record", record };
}

interface Case {
  readonly name: string;
  readonly slot?: "reboot" | "crash";
  readonly loaded: boolean | undefined;
  readonly found: FoundRecord;
  readonly declared?: Plan;
  /** Whether the kernel image has been replaced since. */
  readonly replaced?: true;
  readonly kind: HealthKind;
  /** What the line says. */
  readonly says: string;
}

const OTHER = planOf({ cmdline: { kind: "parameters", parameters: ["rw"] } });

const CASES: readonly Case[] = [
  { name: "nothing", loaded: false, found: NONE, kind: "not-loaded", says: "No image for a reboot is loaded" },
  {
    name: "nothing of what is declared",
    loaded: false,
    found: NONE,
    declared: WEB,
    kind: "not-loaded",
    says: "No image",
  },
  { name: "what was recorded, and is gone", loaded: false, found: recorded(), kind: "not-loaded", says: "No image" },
  {
    name: "no crash kernel",
    slot: "crash",
    loaded: false,
    found: NONE,
    kind: "crash-missing",
    says: "No crash kernel",
  },
  { name: "what is recorded", loaded: true, found: recorded(), kind: "ok", says: "is loaded" },
  { name: "what is declared", loaded: true, found: recorded(), declared: planOf(), kind: "ok", says: "as web.yaml" },
  {
    name: "another command line than is declared",
    loaded: true,
    found: recorded(),
    declared: OTHER,
    kind: "differs",
    says: "not what web.yaml declares. See the difference with: warmboot diff web.yaml @loaded",
  },
  { name: "replaced files", loaded: true, found: recorded(), replaced: true, kind: "differs", says: "is gone" },
  {
    name: "a crash kernel of replaced files",
    slot: "crash",
    loaded: true,
    found: recorded(),
    replaced: true,
    kind: "crash-stale",
    says: "is gone",
  },
  {
    name: "a crash kernel of other memory",
    slot: "crash",
    loaded: true,
    found: recorded({ described: { memory: ["0x0-0xfff"], cpus: 1 } }),
    kind: "crash-stale",
    says: "Memory was added or removed",
  },
  {
    name: "another crash kernel than is declared",
    slot: "crash",
    loaded: true,
    found: recorded(),
    declared: OTHER,
    kind: "crash-stale",
    says: "not what web.yaml declares",
  },
  { name: "another program's image", loaded: true, found: NONE, kind: "undetermined", says: "Another program" },
  {
    name: "the record of an earlier boot",
    loaded: true,
    found: recorded({ bootId: "another" }),
    kind: "undetermined",
    says: "earlier boot, so another program",
  },
  {
    name: "an interrupted load",
    loaded: true,
    found: { kind: "interrupted" },
    kind: "undetermined",
    says: "Cannot determine which image",
  },
  {
    name: "a kernel that does not report it",
    loaded: undefined,
    found: recorded(),
    declared: WEB,
    kind: "undetermined",
    says: "does not report whether an image",
  },
  {
    name: "a kernel that does not report a crash kernel",
    slot: "crash",
    loaded: undefined,
    found: NONE,
    kind: "undetermined",
    says: "whether a crash kernel is loaded",
  },
];

function check({ slot = "reboot", loaded, found, declared, replaced }: Case): Health {
  const { loaded: _, crashLoaded: __, ...rest } = kexec;
  const key = slot === "crash" ? "crashLoaded" : "loaded";
  const facts: HostFacts = hostFacts({ kexec: loaded === undefined ? rest : { ...rest, [key]: loaded } });
  const status = slot === "crash" ? [NONE, found] as const : [found, NONE] as const;
  const image = statusOf(facts, ...status, replaced ? new Map() : undefined).images.find((each) => each.image === slot);
  if (image === undefined) throw new Error("No such image");
  return healthOf(image, found, declared === undefined ? undefined : { name: "web.yaml", plan: declared });
}

for (const each of CASES) {
  Deno.test({
    name: `a monitor of ${each.name} gets "${each.kind}"`,
    permissions: "none",
    fn() {
      const { kind, message } = check(each);
      assertEquals(kind, each.kind, message);
      assertStringIncludes(message, each.says);
      assertEquals(message.includes("\n"), false);
    },
  });
}

Deno.test({
  name: "without a profile, a crash kernel is expected where memory is reserved for it, or one is loaded",
  permissions: "none",
  fn() {
    const expected = (state: "reserved" | "none" | "unknown", crashLoaded: boolean) => {
      const status = statusOf(hostFacts({ kexec: { ...kexec, crashLoaded } }), NONE, NONE);
      return expectedImages({ ...status, crash: { ...status.crash, state } }).map(({ image }) => image);
    };
    assertEquals(expected("none", false), ["reboot"]);
    assertEquals(expected("unknown", false), ["reboot"]);
    assertEquals(expected("reserved", false), ["reboot", "crash"]);
    assertEquals(expected("none", true), ["reboot", "crash"]);
  },
});
