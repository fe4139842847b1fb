import { assertEquals } from "@std/assert";
import type { Check } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import type { FailedPlan } from "../../src/plan/failed_plan.ts";
import { exitOfChecks } from "../../src/plan/rules/table.ts";
import { bootDigest } from "../../src/plan/stamp.ts";
import { recheck } from "../../src/plan/stored.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, PART_DIGESTS, profileOf } from "../support/profiles.ts";

Deno.test({
  name: "a plan whose last attempt failed is refused, by either call, from a profile or stored; another is not",
  permissions: "none",
  fn() {
    const { value: plan } = planBoot({
      profile: profileOf(),
      facts: hostFacts(),
      images: images(),
      partDigests: PART_DIGESTS,
    });
    if (plan === undefined) throw new Error("Cannot plan");
    const failed = [{ plan: bootDigest(plan.call), askedAt: "2026-11-28T17:03:10Z", how: "fell back: nobody knows" }];
    const checksOf = (profile: Partial<Profile>, facts: readonly FailedPlan[] | undefined) =>
      planBoot({
        profile: profileOf(profile),
        facts: hostFacts(),
        images: images(),
        partDigests: PART_DIGESTS,
        ...(facts === undefined ? {} : { failed: facts }),
      }).value?.checks ?? [];
    const verdicts = (checks: readonly Check[]) =>
      checks.filter(({ rule }) => rule === "attempt-failed").map(({ status, message }) => `${status} ${message}`);
    const refused = ["fail The last reboot into this plan, asked for at 2026-11-28T17:03:10Z, fell back: nobody knows"];
    assertEquals(verdicts(checksOf({}, failed)), refused);
    assertEquals(verdicts(checksOf({ load: "kexec_load" }, failed)), refused);
    assertEquals(exitOfChecks(checksOf({}, failed)), "unavailable");
    // The stamp is not a part of what boots, other parameters are.
    assertEquals(verdicts(checksOf({ stamp: true }, failed)), refused);
    assertEquals(verdicts(checksOf({ guard: { panic: 20 }, stamp: true }, failed)), []);
    assertEquals(verdicts(checksOf({ cmdline: { kind: "parameters", parameters: ["ro"] } }, failed)), []);
    assertEquals(verdicts(checksOf({}, [])), []);
    assertEquals(verdicts(checksOf({}, undefined)), []);
    // A crash image is not for a reboot.
    const [crash] = [checksOf({ crash: true }, failed)];
    assertEquals(verdicts(crash), []);
    const again = recheck(plan, hostFacts(), images(), PART_DIGESTS, { failed });
    assertEquals([again.checks[0]?.rule, again.checks[0]?.status, verdicts(again.checks)], [
      "stored-plan",
      "pass",
      refused,
    ]);
    const other = hostFacts({ release: "5.0.0" });
    assertEquals(
      verdicts(recheck(plan, other, images(), PART_DIGESTS, { failed }).checks),
      refused,
    );
  },
});
