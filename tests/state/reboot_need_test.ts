import { assertEquals, assertMatch } from "@std/assert";
import { diffPlans } from "../../src/diff/compare.ts";
import { runningSide } from "../../src/diff/side.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { bootDigest } from "../../src/plan/stamp.ts";
import type { CmdlineSpec, Profile } from "../../src/profile/profile.ts";
import type { AttemptEnd, PastAttempt } from "../../src/state/attempt.ts";
import { type RebootEvidence, type RebootNeedKind, rebootNeedOf } from "../../src/state/reboot_need.ts";
import { OPEN_ATTEMPT } from "../support/attempts.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, PART_DIGESTS, profileOf } from "../support/profiles.ts";

/** A host that nothing keeps from a reboot. */
const HOST = hostFacts();
/** The same, booted into the profile of `profileOf`. */
const BOOTED: Partial<HostFacts> = {
  release: "6.12.107+deb13-amd64",
  version: "#1 SMP",
  cmdline: "root=LABEL=root ro",
};

function planOf(profile: Partial<Profile>, facts: HostFacts): Plan {
  const { value } = planBoot({
    profile: profileOf(profile),
    facts,
    images: images(),
    partDigests: PART_DIGESTS,
  });
  if (value === undefined) throw new Error("Cannot plan");
  return value;
}

function evidence(
  { profile = {}, host = {}, ...changes }:
    & { readonly profile?: Partial<Profile>; readonly host?: Partial<HostFacts> }
    & Partial<RebootEvidence>,
): RebootEvidence {
  const facts = { ...HOST, ...host };
  const plan = { ...planOf(profile, facts), checks: [] };
  const declared = changes.plan ?? plan;
  return {
    name: "web",
    plan,
    facts,
    diff: diffPlans({ kind: "profile", name: "web", plan: declared }, runningSide(facts)),
    cmdline: profileOf(profile).cmdline,
    attempts: { known: [] },
    ...changes,
  };
}

/** An attempt at a plan that ended in the running boot. */
function ended(end: AttemptEnd, plan: Plan | undefined, more: Partial<PastAttempt> = {}): RebootEvidence["attempts"] {
  const { bootId = "" } = HOST;
  const digest = plan === undefined ? OPEN_ATTEMPT.plan : bootDigest(plan.call);
  const outcome = { end, why: "something showed it", at: "2026-11-28T17:05:00Z", bootId };
  return { known: [{ ...OPEN_ATTEMPT, plan: digest, outcome, ...more }] };
}

const FAILED = { rule: "attempt-failed", status: "fail", message: "The last reboot into this plan fell back" } as const;
const LOCKED = { rule: "lockdown", status: "fail", message: "The kernel is locked down" } as const;
const WARNING = { rule: "initrd-size", status: "warn", message: "The initrd is large" } as const;
const PLAN = planOf({}, HOST);
const edit = (changes: Partial<Extract<CmdlineSpec, { readonly kind: "edit" }>>): CmdlineSpec => ({
  kind: "edit",
  reuse: true,
  remove: [],
  set: [],
  append: [],
  ...changes,
});

const PLAN_READY: Plan = { ...PLAN, checks: [] };
const { bootId: _bootId, ...NAMELESS } = HOST;

/** An attempt at the plan that ended nobody knows in which boot. */
function withoutBoot(end: AttemptEnd): PastAttempt {
  const outcome = { end, why: "something showed it", at: "2026-11-28T17:05:00Z" };
  return { ...OPEN_ATTEMPT, plan: bootDigest(PLAN.call), outcome };
}

/** An archive for the next initrd with one file, whose content comes from there. */
function archive(from: string): NonNullable<Plan["overlays"]>[number] {
  const file = { path: "/key", kind: "file", mode: "0600", secret: true, origin: "profile", from } as const;
  return { path: "files:1", size: 512, files: [file], folders: [] };
}

/** The declared system may run, but its command line cannot be read. */
function silent(): RebootEvidence {
  const { cmdline: _cmdline, ...facts } = { ...HOST, ...BOOTED };
  const plan = planOf({}, { ...HOST, ...BOOTED });
  const diff = diffPlans({ kind: "profile", name: "web", plan }, runningSide(facts));
  return evidence({ plan: { ...plan, checks: [] }, facts, diff });
}

const CASES: readonly (readonly [string, RebootEvidence, RebootNeedKind, RegExp])[] = [
  ["another system runs", evidence({}), "needed", /not what web declares, and the plan is ready/],
  ["a warning is ready too", evidence({ plan: { ...PLAN, checks: [WARNING] } }), "needed", /ready/],
  ["the declared system runs", evidence({ host: BOOTED }), "running", /by release and command line/],
  [
    "the last attempt failed",
    evidence({ plan: { ...PLAN, checks: [FAILED] } }),
    "not-ready",
    /attempt-failed.*fell back/,
  ],
  [
    "every failed check is named",
    evidence({ plan: { ...PLAN, checks: [WARNING, LOCKED, FAILED] } }),
    "not-ready",
    /\(lockdown, attempt-failed\)\. The kernel is locked down/,
  ],
  [
    "a failed check of what runs already",
    evidence({ host: BOOTED, plan: { ...planOf({}, { ...HOST, ...BOOTED }), checks: [LOCKED] } }),
    "running",
    /runs as web declares/,
  ],
  [
    "attempts cannot be read",
    evidence({ attempts: { unknown: "x.json is not an attempt" } }),
    "undetermined",
    /x\.json/,
  ],
  ["what is not seen", evidence({ unseen: "It does not see the host's name" }), "undetermined", /host's name/],
  ["nobody can be asked to reboot", evidence({ noCleanWay: "PID 1 is s6" }), "not-ready", /s6/],
  ["this boot is the plan's", evidence({ attempts: ended("arrived", PLAN) }), "running", /led into/],
  ["a confirmed one too", evidence({ attempts: ended("confirmed", PLAN) }), "running", /led into/],
  ["another plan's boot", evidence({ attempts: ended("confirmed", undefined) }), "needed", /ready/],
  ["the plan led to the firmware", evidence({ attempts: ended("firmware", PLAN) }), "not-ready", /did not lead there/],
  ["nobody knows where it led", evidence({ attempts: ended("unknown", PLAN) }), "not-ready", /did not lead there/],
  [
    "and in another boot than this",
    evidence({ attempts: ended("firmware", PLAN), facts: { ...HOST, bootId: "later" } }),
    "needed",
    /ready/,
  ],
  [
    "the running system is on trial",
    evidence({ attempts: ended("arrived", undefined, { guard: { confirm: 600, parameters: [] } }) }),
    "not-ready",
    /not confirmed yet/,
  ],
  [
    "and was found good",
    evidence({ attempts: ended("confirmed", undefined, { guard: { confirm: 600, parameters: [] } }) }),
    "needed",
    /ready/,
  ],
  [
    "somebody is asked",
    evidence({ plan: { ...PLAN, checks: [], unlock: [{ volume: "root", key: { kind: "ask", prompt: "Key" } }] } }),
    "not-ready",
    /asks for a secret/,
  ],
  [
    "an edit that adds again in the system that it boots",
    evidence({ profile: { cmdline: edit({ append: ["quiet"] }) } }),
    "not-ready",
    /would differ again after the reboot/,
  ],
  ["an edit that does not", evidence({ profile: { cmdline: edit({ set: ["quiet"] }) } }), "needed", /ready/],
  ["a stored plan is not edited", evidence({ cmdline: undefined }), "needed", /ready/],
  [
    "an edit that takes nothing over from what runs",
    evidence({ profile: { cmdline: edit({ reuse: false, append: ["quiet"] }) } }),
    "needed",
    /ready/,
  ],
  [
    "an edit of another command line than the running one",
    evidence({ plan: PLAN_READY, cmdline: edit({ reuse: "entry", append: ["quiet"] }) }),
    "needed",
    /ready/,
  ],
  [
    "what is not seen may be what differs",
    evidence({ host: BOOTED, unseen: "It does not see the host's name" }),
    "undetermined",
    /host's name/,
  ],
  [
    "what this boot is called is known to nobody",
    evidence({ attempts: { known: [withoutBoot("confirmed")] }, facts: NAMELESS }),
    "needed",
    /ready/,
  ],
  [
    "a guard without a deadline puts nothing on trial",
    evidence({ attempts: ended("arrived", undefined, { guard: { panic: 10, parameters: ["panic=10"] } }) }),
    "needed",
    /ready/,
  ],
  [
    "somebody is asked for the content of a file",
    evidence({ plan: { ...PLAN_READY, overlays: [archive("asked: the key of the disk")] } }),
    "not-ready",
    /asks for a secret/,
  ],
  ["a file that is there", evidence({ plan: { ...PLAN_READY, overlays: [archive("/etc/key")] } }), "needed", /ready/],
  [
    "a file whose name is like a question",
    evidence({ plan: { ...PLAN_READY, overlays: [archive("/etc/asked: nobody")] } }),
    "needed",
    /ready/,
  ],
  [
    "a program prints the key",
    evidence({ plan: { ...PLAN_READY, unlock: [{ volume: "root", key: { kind: "command", argv: ["/bin/key"] } }] } }),
    "needed",
    /ready/,
  ],
  ["what the boot loader gave the kernel is hidden", silent(), "undetermined", /does not say the command line/],
];

for (const [name, given, kind, message] of CASES) {
  Deno.test({
    name: `is a reboot needed? ${name}: ${kind}`,
    permissions: "none",
    fn() {
      const need = rebootNeedOf(given);
      assertEquals(need.kind, kind, need.message);
      assertMatch(need.message, message);
    },
  });
}

Deno.test({
  name: "is a reboot needed? never into what a reboot does not boot, and not where the image hides what it is",
  permissions: "none",
  fn() {
    const segments = { syscall: "kexec_load", flags: [], cmdline: "", entry: "0x0", segments: [], files: [] } as const;
    const crash = planOf({ crash: true }, HOST);
    // KEXEC_PRESERVE_CONTEXT
    const returning: Plan = { ...PLAN, call: { ...segments, flagBits: "0x2" } };
    for (const plan of [crash, returning]) {
      const need = rebootNeedOf({ ...evidence({}), plan: { ...plan, checks: [] } });
      assertEquals(need.kind, "not-ready", need.message);
    }
    const { release: _release, ...nameless } = PLAN;
    const plan = { ...nameless, checks: [] };
    const need = rebootNeedOf(evidence({ host: { ...BOOTED }, plan }));
    assertEquals(need.kind, "undetermined", need.message);
    assertMatch(need.message, /`stamp: true`/);
  },
});
