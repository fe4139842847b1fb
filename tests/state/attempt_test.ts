import { assertEquals } from "@std/assert";
import { planBoot } from "../../src/plan/planner.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { stampIn } from "../../src/plan/stamp.ts";
import {
  type Attempt,
  type AttemptEnd,
  attemptId,
  attemptOf,
  type AttemptWay,
  decodeAttempt,
  failedAttempts,
  historyOf,
  interruptionOfAttempt,
  isCurrent,
  isOver,
  judgeAttempt,
  judgeAttempts,
  measuredReboots,
  type RunningSystem,
  withRunningBoot,
} from "../../src/state/attempt.ts";
import type { Timing } from "../../src/state/interruption.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, profileOf } from "../support/profiles.ts";

const pure = (name: string, fn: () => void) => Deno.test({ name, permissions: "none", fn });

const AT = "2026-11-28T17:03:10Z";
const NEXT = "6.12.107+deb13-amd64";

function planOf(changes: Parameters<typeof profileOf>[0] = {}): Plan {
  const { value } = planBoot({ profile: profileOf(changes), facts: hostFacts(), images: images() });
  if (value === undefined) throw new Error("Cannot plan");
  return value;
}

function attempt(
  { way = "systemd", watched = true, plan = planOf(), facts = hostFacts(), left = false }: {
    readonly way?: AttemptWay;
    readonly watched?: boolean;
    readonly plan?: Plan;
    readonly facts?: RunningSystem;
    readonly left?: boolean;
  } = {},
): Attempt {
  const made = attemptOf({ id: "20261128T170310Z-01020304", at: AT, user: "anna", uid: 0, way, plan, facts, watched });
  return left ? { ...made, leftAt: AT } : made;
}

/** The system that the plan declares, as a kexec starts it. */
const ARRIVED: RunningSystem = { release: NEXT, cmdline: "root=LABEL=root ro", bootId: "next", kexecBooted: true };
/** The system that was left, started by the firmware again. */
const COLD: RunningSystem = { ...hostFacts(), bootId: "next", kexecBooted: false };

const { bootId: _bootId, ...NAMELESS } = hostFacts();

function withoutLoader({ kexecBooted: _, ...rest }: RunningSystem): RunningSystem {
  return rest;
}

pure("an attempt has what was left, what is to come, who asked, and when", () => {
  assertEquals(attempt(), {
    format: "warmboot.attempt/1",
    id: "20261128T170310Z-01020304",
    askedAt: AT,
    user: "anna",
    uid: 0,
    way: "systemd",
    profile: "web",
    plan: attempt().plan,
    from: {
      release: "6.1.0-50-amd64",
      cmdline: "BOOT_IMAGE=/boot/vmlinuz-6.1.0-50-amd64 root=LABEL=root ro quiet",
      bootId: "5b1a6b8e-0000-4000-8000-000000000001",
      watched: true,
    },
    to: { release: NEXT, cmdline: "root=LABEL=root ro" },
  });
  assertEquals(attempt({ way: "now" }).leftAt, AT);
  assertEquals(attempt({ way: "found" }).leftAt, AT);
  assertEquals(attemptId(AT, Uint8Array.of(0xff, 0, 1, 2, 3)), "20261128T170310Z-ff000102");
});

pure("an attempt has its guard, how its kernel starts, and what the clocks said, where that is known", () => {
  const guard = { confirm: 600, parameters: [] };
  const asked = { realtime: 1, boottime: 2 };
  const expected = { milliseconds: 5_000, basis: "measured", attempts: 1 } as const;
  const { facts, plan } = { facts: hostFacts(), plan: { ...planOf(), guard } };
  const who = { id: attempt().id, at: AT, user: "anna", uid: 0, way: "systemd", watched: true } as const;
  const made = attemptOf({ ...who, plan, facts, kernel: KERNEL, expected, clocks: asked });
  assertEquals(made, {
    ...attempt(),
    guard,
    to: { ...attempt().to, kernel: KERNEL },
    expected,
    timing: { asked },
  });
});

pure("the digest of a plan is that of what boots: the same with a stamp, another for another command line", () => {
  const digest = (changes: Parameters<typeof profileOf>[0]) => attempt({ plan: planOf(changes) }).plan;
  const same = digest({});
  assertEquals(/^[0-9a-f]{16}$/.test(same), true);
  assertEquals(digest({ stamp: true }), same);
  const other = digest({ cmdline: { kind: "parameters", parameters: ["root=LABEL=other"] } });
  assertEquals(other === same, false);
});

const STAMPED = planOf({ stamp: true });
const STAMP = stampIn(STAMPED.call.cmdline);

const CASES: readonly (readonly [what: string, attempt: Attempt, running: RunningSystem, end: string, why: string])[] =
  [
    [
      "the declared system, by kexec",
      attempt(),
      ARRIVED,
      "arrived",
      `${NEXT} came up with the command line of the plan, by kexec`,
    ],
    [
      "the same with what boot loaders add to a command line",
      attempt(),
      { ...ARRIVED, cmdline: "BOOT_IMAGE=/x root=LABEL=root   ro" },
      "arrived",
      `${NEXT} came up with the command line of the plan, by kexec`,
    ],
    [
      "the stamp",
      attempt({ plan: STAMPED }),
      { ...ARRIVED, release: "renamed", cmdline: `ro warmboot.plan=${STAMP}` },
      "arrived",
      "renamed came up with the stamp of the plan, by kexec",
    ],
    [
      "another stamp",
      attempt({ plan: STAMPED }),
      { ...ARRIVED, cmdline: "root=LABEL=root ro warmboot.plan=0123456789abcdef" },
      "unknown",
      `${NEXT} came up by kexec, from another image`,
    ],
    [
      "another release by kexec",
      attempt(),
      { ...ARRIVED, release: "6.13" },
      "unknown",
      "6.13 came up by kexec, from another image",
    ],
    [
      "a kernel that does not say how it was started, and is the declared one",
      attempt(),
      withoutLoader(ARRIVED),
      "arrived",
      `${NEXT} came up with the command line of the plan`,
    ],
    [
      "the same where old and new system look alike",
      attempt({ facts: { ...ARRIVED, bootId: "before" } }),
      withoutLoader(ARRIVED),
      "unknown",
      `${NEXT} came up; this kernel does not say how it was started`,
    ],
    [
      "the same with a stamp that the old system lacks",
      attempt({ plan: STAMPED, facts: { ...ARRIVED, bootId: "before" } }),
      withoutLoader({ ...ARRIVED, cmdline: STAMPED.call.cmdline }),
      "arrived",
      `${NEXT} came up with the stamp of the plan`,
    ],
    [
      "the same with a stamp that the old system has too",
      attempt({ plan: STAMPED, facts: { ...ARRIVED, cmdline: STAMPED.call.cmdline, bootId: "before" } }),
      withoutLoader({ ...ARRIVED, cmdline: STAMPED.call.cmdline }),
      "unknown",
      `${NEXT} came up; this kernel does not say how it was started`,
    ],
    [
      "a boot by the firmware after the shutdown into the image",
      attempt({ left: true }),
      COLD,
      "fell-back",
      "6.1.0-50-amd64 came up by the firmware: the jump to the loaded image was under way, and that did not report back",
    ],
    [
      "the same after the system call",
      attempt({ way: "now" }),
      COLD,
      "fell-back",
      "6.1.0-50-amd64 came up by the firmware: the jump to the loaded image was under way, and that did not report back",
    ],
    [
      "the declared kernel, but by the firmware",
      attempt({ left: true }),
      { ...ARRIVED, kexecBooted: false },
      "fell-back",
      `${NEXT} came up by the firmware: the jump to the loaded image was under way, and that did not report back`,
    ],
    [
      "a boot by the firmware without that shutdown",
      attempt(),
      COLD,
      "firmware",
      "6.1.0-50-amd64 came up by the firmware: the shutdown did not go on to the loaded image",
    ],
    [
      "the same where another init system was asked",
      attempt({ way: "init" }),
      COLD,
      "unknown",
      "6.1.0-50-amd64 came up by the firmware; whether the loaded image was started is not known",
    ],
    [
      "a boot by the firmware that nobody watched",
      attempt({ watched: false, left: true }),
      COLD,
      "unknown",
      "6.1.0-50-amd64 came up by the firmware; nothing watched the boots in between",
    ],
    [
      "a kernel that does not say how it was started, and is another release with the same command line",
      attempt({ facts: { ...ARRIVED, release: "6.1.0-50-amd64", bootId: "before" } }),
      withoutLoader(ARRIVED),
      "arrived",
      `${NEXT} came up with the command line of the plan`,
    ],
    [
      "the same release with another command line",
      attempt({ facts: { ...ARRIVED, cmdline: "root=LABEL=root ro quiet", bootId: "before" } }),
      withoutLoader(ARRIVED),
      "arrived",
      `${NEXT} came up with the command line of the plan`,
    ],
    [
      "a boot by the firmware after another init system's shutdown into the image",
      attempt({ way: "init", left: true }),
      COLD,
      "fell-back",
      "6.1.0-50-amd64 came up by the firmware: the jump to the loaded image was under way, and that did not report back",
    ],
    [
      "an old boot without an identifier",
      attempt({ facts: NAMELESS }),
      ARRIVED,
      "unknown",
      "The kernel does not say which boot this is",
    ],
    [
      "a boot without an identifier",
      attempt(),
      { release: NEXT, cmdline: "root=LABEL=root ro", kexecBooted: true },
      "unknown",
      "The kernel does not say which boot this is",
    ],
  ];

for (const [what, tried, running, end, why] of CASES) {
  pure(`how an attempt ended: ${what}`, () => assertEquals(judgeAttempt(tried, running), { end, why }));
}

pure("an attempt is open as long as the boot runs in which it was asked for", () => {
  assertEquals(judgeAttempt(attempt(), hostFacts()), undefined);
  assertEquals(judgeAttempts([attempt()], hostFacts(), AT), []);
});

pure("of several open attempts the newest is judged; those before it, which nobody looked at, are unknown", () => {
  const done = { ...attempt(), id: "3", outcome: { end: "arrived", why: "", at: AT } } as const;
  const ended = judgeAttempts([{ ...attempt(), id: "1" }, { ...attempt(), id: "2" }, done], ARRIVED, AT);
  assertEquals(ended.map(({ id, outcome }) => [id, outcome.end, outcome.at, outcome.bootId]), [
    ["1", "arrived", AT, "next"],
    ["2", "unknown", AT, "next"],
  ]);
});

pure("how long the boot has run counts where the attempt arrived in it", () => {
  const uptime = (tried: Attempt, running: RunningSystem) => judgeAttempts([tried], running, AT, 8)[0]?.outcome.uptime;
  assertEquals([uptime(attempt(), ARRIVED), uptime(attempt({ left: true }), COLD)], [8, undefined]);
});

pure("who looks at the host is told of an attempt that is open, or ended in this boot", () => {
  const ended = (bootId: string): Attempt => ({ ...attempt(), outcome: { end: "arrived", why: "", at: AT, bootId } });
  const seen = (each: Attempt) => isCurrent(each, ARRIVED);
  assertEquals([seen(attempt()), seen(ended("next")), seen(ended("before"))], [true, true, false]);
});

const KERNEL = { packing: "zstd", unpacked: false } as const;
/** It took 5 s until its user space was up, of which 2 s went by in the new kernel. */
const TIMING: Timing = {
  asked: { realtime: 0, boottime: 1_000_000, rtc: 0 },
  came: { realtime: 20_000, boottime: 17_000, rtc: 20 },
  boot: { userspace: 1_000, finished: 2_000 },
};

function measured(end: AttemptEnd, changes: Partial<Attempt> = {}): Attempt {
  const tried = attempt({ left: true });
  const outcome = { end, why: "", at: AT, bootId: "next" };
  return { ...tried, to: { ...tried.to, kernel: KERNEL }, timing: TIMING, outcome, ...changes };
}

pure("what arrived and stopped its services is measured, and nothing else", () => {
  const { timing: _, ...untimed } = measured("arrived");
  const times = (...attempts: readonly Attempt[]) => measuredReboots(attempts).map(({ milliseconds }) => milliseconds);
  assertEquals(measuredReboots([measured("arrived")]), [{ kernel: KERNEL, milliseconds: 5_000 }]);
  assertEquals(times(measured("confirmed"), measured("arrived")), [5_000, 5_000]);
  assertEquals(times(measured("arrived", { way: "now" })), []);
  assertEquals(times(measured("arrived", { to: attempt().to })), []);
  assertEquals(times(untimed), []);
  for (const end of ["not-confirmed", "fell-back", "firmware", "unknown"] as const) {
    assertEquals(times(measured(end)), [], end);
  }
  // Only the call itself stops no services; other init systems and shutdowns that were found do.
  const first = (way: AttemptWay) => interruptionOfAttempt(measured("arrived", { way }))?.phases[0]?.covers;
  assertEquals((["systemd", "init", "found", "now"] as const).map(first), [
    ["stop", "jump"],
    ["stop", "jump"],
    ["stop", "jump"],
    ["jump"],
  ]);
  const { attempts: [told, open] } = historyOf([measured("arrived"), attempt()]);
  assertEquals([told?.interruption, open], [interruptionOfAttempt(measured("arrived")), attempt()]);
  const unwatched = measured("arrived", { from: { ...attempt().from, watched: false } });
  assertEquals(interruptionOfAttempt(unwatched)?.milliseconds, undefined);
  const phases = (end: AttemptEnd) => interruptionOfAttempt(measured(end))?.phases.length;
  assertEquals([phases("fell-back"), phases("unknown")], [3, undefined]);
});

pure("what the running boot shows is added to the attempt that ended in it, and is read for no other", () => {
  const asked: (string | undefined)[] = [];
  const look = (attempts: readonly Attempt[], running: { readonly bootId?: string } = ARRIVED) =>
    withRunningBoot(attempts, running, (left) => {
      asked.push(left);
      return { stopped: 1_000_500, came: TIMING.asked, boot: { initrd: 500 } };
    });
  const open = attempt();
  const before: Attempt = { ...measured("arrived"), outcome: { end: "arrived", why: "", at: AT, bootId: "earlier" } };
  const added = { ...TIMING, stopped: 1_000_500, boot: { initrd: 500, userspace: 1_000, finished: 2_000 } };
  assertEquals(look([open, measured("fell-back"), before]), [
    open,
    { ...measured("fell-back"), timing: added },
    before,
  ]);
  assertEquals(asked, [hostFacts().bootId]);
  const { timing: _, ...untimed } = measured("arrived");
  const { bootId: __, ...unnamed } = measured("arrived").outcome ?? { end: "arrived", why: "", at: AT };
  for (
    const [attempts, running] of [
      [[open], ARRIVED],
      [[before], ARRIVED],
      [[untimed], ARRIVED],
      [[measured("unknown")], ARRIVED],
      [[{ ...measured("arrived"), outcome: unnamed }], {}],
    ] as const
  ) assertEquals(look(attempts, running), attempts);
  assertEquals(asked.length, 1);
});

pure("an attempt reads back as it was written; what is not one is named", () => {
  const messages: string[] = [];
  const read = (value: unknown) => decodeAttempt(value, [], ({ message }) => messages.push(message));
  const whole: Attempt = {
    ...attempt({ left: true }),
    outcome: { end: "fell-back", why: "x", at: AT, bootId: "next" },
  };
  assertEquals(read(JSON.parse(JSON.stringify(whole))), whole);
  assertEquals(read(JSON.parse(JSON.stringify(attempt()))), attempt());
  const timed = measured("arrived");
  assertEquals(read(JSON.parse(JSON.stringify(timed))), timed);
  assertEquals(messages, []);
  read({ ...whole, id: "../../etc/passwd" });
  read({ ...whole, id: `${whole.id}/../x` });
  read({ ...whole, plan: "0123456789abcde" });
  read({ ...whole, way: "by-hand" });
  read([]);
  assertEquals(messages, [
    "`id` is not a time and eight hex digits",
    "`id` is not a time and eight hex digits",
    "`plan` is not 16 hex digits",
    "`way` is not one of systemd, init, now, found",
    "The document is not an attempt of warmboot",
  ]);
});

pure("a plan has failed if its last attempt that says so says so", () => {
  const [a, b] = [planOf(), planOf({ cmdline: { kind: "parameters", parameters: ["rw"] } })];
  const ended = (plan: Plan, end: AttemptEnd | undefined): Attempt => ({
    ...attempt({ plan }),
    ...(end === undefined ? {} : { outcome: { end, why: "", at: AT } }),
  });
  // The newest first.
  const failed = (...attempts: readonly Attempt[]) =>
    failedAttempts(attempts).map(({ plan }) => plan === attempt({ plan: a }).plan ? "a" : "b");
  assertEquals(failed(), []);
  assertEquals(failed(ended(a, "fell-back")), ["a"]);
  assertEquals(failed(ended(a, "not-confirmed")), ["a"]);
  assertEquals(failed(ended(a, "arrived"), ended(a, "fell-back")), []);
  assertEquals(failed(ended(a, "confirmed"), ended(a, "fell-back")), []);
  assertEquals(failed(ended(a, "fell-back"), ended(a, "confirmed")), ["a"]);
  // What says nothing of the plan changes nothing: a reboot that never began, or that cannot be determined.
  for (const end of ["firmware", "unknown", undefined] as const) {
    assertEquals(failed(ended(a, end), ended(a, "fell-back")), ["a"]);
    assertEquals(failed(ended(a, end), ended(a, "arrived")), []);
    assertEquals(failed(ended(a, end)), []);
  }
  // Another plan that arrived does not make this one good, and one that failed does not make this one bad.
  assertEquals(failed(ended(b, "confirmed"), ended(a, "fell-back")), ["a"]);
  assertEquals(failed(ended(b, "fell-back"), ended(a, "fell-back"), ended(a, "arrived")), ["b", "a"]);
});

pure("an attempt is over when nothing more is to come of it", () => {
  const guard = { confirm: 600, parameters: [] };
  const ended = (end: AttemptEnd, more: object = {}): Attempt => ({
    ...attempt({ left: true }),
    guard,
    outcome: { end, why: "", at: AT, bootId: "next", ...more },
  });
  const cameBack = { release: "6.1", bootId: "last", at: AT };
  const { guard: _, ...unguarded } = ended("arrived");
  const rows: readonly (readonly [what: string, attempt: Attempt, bootId: string, over: boolean])[] = [
    ["the old system still runs", attempt({ left: true }), "here", false],
    ["it waits for its confirmation", ended("arrived"), "next", false],
    ["it was reset before that", ended("arrived"), "last", true],
    ["nobody has to confirm it", unguarded, "next", true],
    ["a guard without `confirm`", { ...unguarded, guard: { panic: 10, parameters: [] } }, "next", true],
    ["confirmed", ended("confirmed"), "next", true],
    ["confirmed, and booted again", ended("confirmed"), "last", true],
    ["about to reboot", ended("not-confirmed"), "next", false],
    ["rebooted", ended("not-confirmed", { cameBack }), "last", true],
    ["fell back", ended("fell-back"), "next", true],
    ["through the firmware", ended("firmware"), "next", true],
    ["unknown", ended("unknown"), "next", true],
  ];
  for (const [what, each, bootId, over] of rows) assertEquals(isOver(each, { ...COLD, bootId }), over, what);
});
