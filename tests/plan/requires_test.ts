import { assert, assertEquals, assertMatch } from "@std/assert";
import type { HostFacts } from "../../src/host/facts.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { decodePlan } from "../../src/plan/plan_shape.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { matchesGlob } from "../../src/profile/glob.ts";
import { REQUIRES_RULES, unmetRequirement } from "../../src/plan/rules/requires.ts";
import { exitOfChecks } from "../../src/plan/rules/table.ts";
import { recheck } from "../../src/plan/stored.ts";
import type { Requires } from "../../src/profile/profile.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, profileOf } from "../support/profiles.ts";

const without = (...keys: (keyof HostFacts)[]): HostFacts => {
  const facts = Object.entries(hostFacts()).filter(([key]) => !keys.some((each) => each === key));
  return Object.fromEntries(facts) as unknown as HostFacts;
};
const UEFI: Partial<HostFacts> = { efi: { systab: {}, runtimeMap: [] } };
const NO_SYS: Partial<HostFacts> = { kexec: {}, firmwareMap: [] };

/** A requirement, a host, and what is said where it does not meet it. */
const CASES: readonly (readonly [string, Requires, HostFacts, RegExp | undefined])[] = [
  ["the architecture", { architecture: "x86_64" }, hostFacts(), undefined],
  ["another architecture", { architecture: "aarch64" }, hostFacts(), /requires aarch64, but this host is x86_64/],
  [
    "the platform",
    { platform: "bhyve" },
    hostFacts({ dmi: { product: "BHYVE" } }),
    undefined,
  ],
  ["another platform", { platform: "gcp" }, hostFacts({ dmi: { product: "BHYVE" } }), /not known to be one/],
  ["just enough memory", { memory: 4n << 30n }, hostFacts(), undefined],
  ["a byte too little", { memory: (4n << 30n) + 1n }, hostFacts(), /requires 4 GiB of memory, but this host has 4 GiB/],
  ["unknown memory", { memory: 1n }, without("memTotal"), /memory is unknown/],
  ["the name", { hostname: "WEB?" }, hostFacts(), undefined],
  ["a name that the host writes in capitals", { hostname: "web*" }, hostFacts({ hostname: "WEB1" }), undefined],
  ["another name", { hostname: "db*" }, hostFacts(), /a host named `db\*`, but this one is web1/],
  ["an unknown name", { hostname: "*" }, without("hostname"), /the host's name is unknown/],
  ["the release", { kernel: [{ relation: ">=", numbers: [6, 1] }] }, hostFacts(), undefined],
  [
    "an older release",
    { kernel: [{ relation: ">=", numbers: [6, 2] }] },
    hostFacts(),
    />=6\.2, but this one is 6\.1\.0/,
  ],
  [
    "a release without numbers",
    { kernel: [{ relation: ">=", numbers: [1] }] },
    hostFacts({ release: "next" }),
    /^The profile requires a kernel \S.+, but the release \S+ does not start with a number$/,
  ],
  ["UEFI", { firmware: "uefi" }, hostFacts(UEFI), undefined],
  ["no UEFI", { firmware: "uefi" }, hostFacts(), /through UEFI, but this host was booted by a BIOS/],
  ["a BIOS", { firmware: "bios" }, hostFacts(), undefined],
  ["no BIOS", { firmware: "bios" }, hostFacts(UEFI), /by a BIOS, but this host was booted through UEFI/],
  ["a device tree", { firmware: "bios" }, hostFacts({ machine: "aarch64" }), /neither through UEFI nor by a BIOS/],
  [
    "a BIOS, by boot_params alone",
    { firmware: "bios" },
    hostFacts({ ...NO_SYS, bootParams: new Uint8Array(4096) }),
    undefined,
  ],
  [
    "a BIOS, by its map of memory alone",
    { firmware: "bios" },
    hostFacts({
      kexec: {},
      firmwareMap: [{ start: 0n, end: 0x1000n, type: "System RAM" }],
    }),
    undefined,
  ],
  [
    "a BIOS, by what the kernel says of kexec alone",
    { firmware: "bios" },
    hostFacts({
      kexec: { loaded: false },
      firmwareMap: [],
    }),
    undefined,
  ],
  ["UEFI, by Secure Boot alone", { firmware: "uefi" }, hostFacts({ ...NO_SYS, secureBoot: "disabled" }), undefined],
  ["a BIOS of a 32-bit kernel", { firmware: "bios" }, hostFacts({ machine: "i686" }), undefined],
  [
    "a kernel that keeps one of two bounds",
    { kernel: [{ relation: ">=", numbers: [6, 0] }, { relation: "<", numbers: [6, 1] }] },
    hostFacts(),
    /requires a running kernel/,
  ],
  ["unknown firmware", { firmware: "bios" }, hostFacts(NO_SYS), /how this host was booted is unknown/],
  ["Secure Boot", { secureBoot: true }, hostFacts({ ...UEFI, secureBoot: "enabled" }), undefined],
  ["Secure Boot off", { secureBoot: true }, hostFacts({ ...UEFI, secureBoot: "disabled" }), /but Secure Boot is off/],
  ["setup mode", { secureBoot: true }, hostFacts({ ...UEFI, secureBoot: "setup" }), /in setup mode/],
  ["setup mode, which is off", { secureBoot: false }, hostFacts({ ...UEFI, secureBoot: "setup" }), undefined],
  ["no Secure Boot with a BIOS", { secureBoot: false }, hostFacts(), undefined],
  ["Secure Boot with a BIOS", { secureBoot: true }, hostFacts(), /to be on, but Secure Boot is off/],
  ["unknown Secure Boot", { secureBoot: false }, hostFacts(UEFI), /enforces it is unknown/],
  ["Secure Boot of nobody knows what", { secureBoot: false }, hostFacts(NO_SYS), /enforces it is unknown/],
];

for (const [name, requires, facts, says] of CASES) {
  Deno.test({
    name: `requires: ${name} ${says === undefined ? "is met" : "is not met"}`,
    permissions: "none",
    fn() {
      const unmet = unmetRequirement(requires, facts);
      if (says === undefined) assertEquals(unmet, undefined);
      else assertMatch(unmet?.message ?? "", says);
    },
  });
}

Deno.test({
  name: "every rule about requirements has a case that passes and one that fails",
  permissions: "none",
  fn() {
    const verdicts = new Set(
      CASES.flatMap(([, requires, facts]) =>
        REQUIRES_RULES.map((rule) => `${rule.name} ${rule.check({ requires, facts })?.status}`)
      ),
    );
    const missing = REQUIRES_RULES.flatMap(({ name }) => [`${name} pass`, `${name} fail`]).filter((each) =>
      !verdicts.has(each)
    );
    assertEquals(missing, []);
  },
});

Deno.test({
  name: "the first requirement that is not met is named, whole, with what to do",
  permissions: "none",
  fn() {
    const unmet = (requires: Requires, facts: Partial<HostFacts> = {}) => unmetRequirement(requires, hostFacts(facts));
    assertEquals(unmet({ secureBoot: true, hostname: "db*", memory: 5n << 30n }), {
      rule: "requires-memory",
      status: "fail",
      message: "The profile requires 5 GiB of memory, but this host has 4 GiB",
      hint: "MemTotal is the memory that the kernel manages, somewhat less than what is installed",
    });
    for (const [secureBoot, what] of [[true, "Secure Boot"], [false, "Secure Boot to be off"]] as const) {
      assertEquals(unmet({ secureBoot }, NO_SYS), {
        rule: "requires-secboot",
        status: "fail",
        message: `The profile requires ${what}, but whether the firmware enforces it is unknown`,
        hint: "Make sure that /sys/firmware/efi/efivars can be read",
      });
    }
    assertEquals(
      unmet({ secureBoot: false }, { ...UEFI, secureBoot: "enabled" })?.message,
      "The profile requires Secure Boot to be off, but Secure Boot is on",
    );
  },
});

Deno.test({
  name: "each requirement is a row of the plan, met or not, and one that is not met stops it",
  permissions: "none",
  fn() {
    const requires: Requires = { architecture: "x86_64", hostname: "db*", secureBoot: false };
    const plan = planBoot({ profile: profileOf({ requires }), facts: hostFacts(), images: images() }).value;
    assert(plan !== undefined);
    const rows = plan.checks.filter(({ rule }) => rule.startsWith("requires-"));
    assertEquals(rows.map(({ rule, status }) => `${rule} ${status}`), [
      "requires-arch pass",
      "requires-hostname fail",
      "requires-secboot pass",
    ]);
    assertEquals(exitOfChecks(plan.checks), "unavailable");
    const other = planBoot({ profile: profileOf(), facts: hostFacts(), images: images() }).value;
    assertEquals(other?.checks.filter(({ rule }) => rule.startsWith("requires-")), []);
    assertEquals(other !== undefined && "requires" in other, false);
  },
});

Deno.test({
  name: "a stored plan asks its requirements again, after a way through JSON",
  permissions: "none",
  fn() {
    const requires: Requires = {
      memory: 3n << 30n,
      kernel: [{ relation: ">=", numbers: [6, 1] }, { relation: "<", numbers: [7] }],
      secureBoot: false,
    };
    const made = planBoot({ profile: profileOf({ requires }), facts: hostFacts(), images: images() }).value;
    assertEquals(made?.requires, { memory: "0xc0000000", kernel: ">=6.1 <7", secureBoot: false });
    const problems: unknown[] = [];
    const stored = decodePlan(JSON.parse(JSON.stringify(made)), [], (problem) => problems.push(problem));
    assertEquals(problems, []);
    assert(stored !== undefined);
    const failed = (plan: Plan): readonly string[] =>
      plan.checks.filter(({ status }) => status === "fail").map(({ rule }) => rule);
    assertEquals(failed(recheck(stored, hostFacts(), images())), []);
    const now = hostFacts({ memTotal: 2n << 30n, ...UEFI, secureBoot: "enabled" });
    assertEquals(failed(recheck(stored, now, images())), ["stored-plan", "requires-memory", "requires-secboot"]);
  },
});

Deno.test({
  name: "a pattern matches as a shell's does, and a hostile one in no time",
  permissions: "none",
  fn() {
    const yes: readonly (readonly [string, string])[] = [
      ["", ""],
      ["*", ""],
      ["web*", "web1"],
      ["*.example.com", "a.b.example.com"],
      ["web-[0-9][!a]", "web-1b"],
      ["web-[0-9][^a]", "web-1b"],
      ["a*b*c", "a-b-b-c-c"],
      ["[ab", "[ab"],
      ["[]]", "]"],
      ["?\u{1f600}", "x\u{1f600}"],
      ["a.c", "a.c"],
    ];
    const no: readonly (readonly [string, string])[] = [
      ["", "a"],
      ["?", ""],
      ["web", "web1"],
      ["a.c", "abc"],
      ["[!a]", "a"],
      ["[^a]", "a"],
      ["*a", "b"],
      ["[a-c]", "d"],
    ];
    assertEquals(yes.filter(([pattern, text]) => !matchesGlob(pattern, text)), []);
    assertEquals(no.filter(([pattern, text]) => matchesGlob(pattern, text)), []);
    assertEquals(matchesGlob(`${"*a".repeat(200)}b`, "a".repeat(5000)), false);
  },
});
