import { assertEquals } from "@std/assert";
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
  /** The whole line. */
  readonly says: string;
}

const OTHER = planOf({ cmdline: { kind: "parameters", parameters: ["rw"] } });

const { release: _release, ...NAMELESS } = WEB;
/** A payload that returns, by KEXEC_PRESERVE_CONTEXT: on the kernel of the host, once for each load. */
const RETURNING: Plan = {
  ...NAMELESS,
  call: { syscall: "kexec_load", flags: [], flagBits: "0x2", cmdline: "", entry: "0x0", segments: [], files: [] },
};

const CASES: readonly Case[] = [
  { name: "nothing", loaded: false, found: NONE, kind: "not-loaded", says: "No image for a reboot is loaded" },
  {
    name: "nothing of what is declared",
    loaded: false,
    found: NONE,
    declared: WEB,
    kind: "not-loaded",
    says: "No image for a reboot is loaded",
  },
  {
    name: "what was recorded, and is gone",
    loaded: false,
    found: recorded(),
    kind: "not-loaded",
    says: "No image for a reboot is loaded",
  },
  {
    name: "no crash kernel",
    slot: "crash",
    loaded: false,
    found: NONE,
    kind: "crash-missing",
    says: "No crash kernel is loaded",
  },
  {
    name: "what is recorded",
    loaded: true,
    found: recorded(),
    kind: "ok",
    says: "6.12.107+deb13-amd64 from profile web is loaded",
  },
  {
    name: "what is declared",
    loaded: true,
    found: recorded(),
    declared: planOf(),
    kind: "ok",
    says: "6.12.107+deb13-amd64 from profile web is loaded, as web.yaml declares",
  },
  {
    name: "another command line than is declared",
    loaded: true,
    found: recorded(),
    declared: OTHER,
    kind: "differs",
    says:
      "6.12.107+deb13-amd64 from profile web is loaded, which is not what web.yaml declares. See the difference with: warmboot diff web.yaml @loaded",
  },
  {
    name: "replaced files",
    loaded: true,
    found: recorded(),
    replaced: true,
    kind: "differs",
    says:
      "6.12.107+deb13-amd64 from profile web is loaded, and the host has changed since. /boot/vmlinuz is gone or cannot be read. /boot/initrd.img is gone or cannot be read",
  },
  {
    name: "a crash kernel of replaced files",
    slot: "crash",
    loaded: true,
    found: recorded(),
    replaced: true,
    kind: "crash-stale",
    says:
      "6.12.107+deb13-amd64 from profile web is loaded, and the host has changed since. /boot/vmlinuz is gone or cannot be read. /boot/initrd.img is gone or cannot be read",
  },
  {
    name: "a crash kernel of other memory",
    slot: "crash",
    loaded: true,
    found: recorded({ described: { memory: ["0x0-0xfff"], cpus: 1 } }),
    kind: "crash-stale",
    says:
      "6.12.107+deb13-amd64 from profile web is loaded, and the host has changed since. Memory was added or removed since, so a dump would not match it",
  },
  {
    name: "another crash kernel than is declared",
    slot: "crash",
    loaded: true,
    found: recorded(),
    declared: OTHER,
    kind: "crash-stale",
    says:
      "6.12.107+deb13-amd64 from profile web is loaded, which is not what web.yaml declares. See the difference with: warmboot diff web.yaml @loaded",
  },
  {
    name: "another program's image",
    loaded: true,
    found: NONE,
    kind: "undetermined",
    says:
      "Cannot determine which image for a reboot is loaded. Another program loaded it; warmboot has no record of it",
  },
  {
    name: "the record of an earlier boot",
    loaded: true,
    found: recorded({ bootId: "another" }),
    kind: "undetermined",
    says:
      "Cannot determine which image for a reboot is loaded. The record is from an earlier boot, so another program loaded the image",
  },
  {
    name: "an interrupted load",
    loaded: true,
    found: { kind: "interrupted" },
    kind: "undetermined",
    says:
      "Cannot determine which image for a reboot is loaded. A load by warmboot was interrupted; cannot determine whether its image is the loaded one",
  },
  {
    name: "a kernel that does not report it",
    loaded: undefined,
    found: recorded(),
    declared: WEB,
    kind: "undetermined",
    says: "The kernel does not report whether an image for a reboot is loaded",
  },
  {
    name: "a kernel that does not report a crash kernel",
    slot: "crash",
    loaded: undefined,
    found: NONE,
    kind: "undetermined",
    says: "The kernel does not report whether a crash kernel is loaded",
  },
  {
    name: "a payload that has run, and cannot run again",
    loaded: true,
    found: recorded({ plan: RETURNING, ranAt: "2026-11-22T10:01:00Z" }),
    kind: "differs",
    says: "The image from profile web is loaded, and it has run. Load it again before the next run",
  },
  {
    name: "a payload that has not run yet",
    loaded: true,
    found: recorded({ plan: RETURNING }),
    kind: "ok",
    says: "The image from profile web is loaded",
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
      assertEquals(check(each), { kind: each.kind, message: each.says });
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
