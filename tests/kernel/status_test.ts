import { assertEquals } from "@std/assert";
import type { FoundRecord } from "../../src/kernel/status.ts";
import { statusOf } from "../../src/kernel/status.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, profileOf } from "../support/profiles.ts";

const kexec = hostFacts().kexec;
const plan = planBoot({ profile: profileOf(), facts: hostFacts(), images: images() }).value;

function record(bootId?: string): FoundRecord {
  if (plan === undefined) throw new Error("Cannot plan");
  return {
    kind: "record",
    record: {
      format: "warmboot.record/1",
      loadedAt: "2026-11-22T10:00:00Z",
      user: "root",
      uid: 0,
      plan,
      ...(bootId === undefined ? {} : { bootId }),
    },
  };
}

const CASES: readonly (readonly [string, boolean | undefined, FoundRecord, string, string])[] = [
  ["nothing", false, { kind: "none" }, "no", "none"],
  ["an image of another program", true, { kind: "none" }, "yes", "none"],
  ["an image as recorded", true, record(hostFacts().bootId), "yes", "matches"],
  ["a record of an image that is gone", false, record(hostFacts().bootId), "no", "stale"],
  ["a record of an earlier boot", true, record("another"), "yes", "stale"],
  ["a load that was cut off", true, { kind: "interrupted" }, "yes", "interrupted"],
  ["a record that cannot be read", true, { kind: "unreadable", message: "no JSON" }, "yes", "unreadable"],
  ["a kernel that does not say", undefined, { kind: "none" }, "unknown", "none"],
];

for (const [name, loaded, found, says, fits] of CASES) {
  Deno.test({
    name: `status of ${name}`,
    permissions: "none",
    fn() {
      const { loaded: _, ...rest } = kexec;
      const state = loaded === undefined ? rest : { ...rest, loaded };
      const [image] = statusOf(hostFacts({ kexec: state }), found, { kind: "none" }).images;
      assertEquals([image?.image, image?.loaded, image?.record], ["reboot", says, fits]);
    },
  });
}

Deno.test({
  name: "a loaded image under systemd takes over ordinary reboots, and status says so",
  permissions: "none",
  fn() {
    const none: FoundRecord = { kind: "none" };
    const loaded = { ...kexec, loaded: true };
    assertEquals(statusOf(hostFacts({ kexec: loaded, systemd: true }), none, none).rebootIsKexec, true);
    assertEquals(statusOf(hostFacts({ kexec: loaded }), none, none).rebootIsKexec, false);
    assertEquals(statusOf(hostFacts({ systemd: true }), none, none).rebootIsKexec, false);
  },
});
