import { assertEquals, assertStringIncludes } from "@std/assert";
import { KEXEC_ARCHITECTURES } from "../../src/core/kexec_arch.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { flagBits } from "../../src/plan/flags.ts";
import type { Check, Plan } from "../../src/plan/plan.ts";
import { decodePlan } from "../../src/plan/plan_shape.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { recheck } from "../../src/plan/stored.ts";
import { parseProfile } from "../../src/profile/parse.ts";
import { hostFacts } from "../support/host_facts.ts";

/** The names of kexec_load(2), in English and in Japanese, with the ELF machine numbers of include/uapi/linux/kexec.h. */
const MAN_PAGES: { readonly [constant: string]: number } = {
  KEXEC_ARCH_DEFAULT: 0,
  KEXEC_ARCH_386: 3,
  KEXEC_ARCH_68K: 4,
  KEXEC_ARCH_X86_64: 62,
  KEXEC_ARCH_PPC: 20,
  KEXEC_ARCH_PPC64: 21,
  KEXEC_ARCH_IA_64: 50,
  KEXEC_ARCH_ARM: 40,
  KEXEC_ARCH_S390: 22,
  KEXEC_ARCH_SH: 42,
  KEXEC_ARCH_MIPS: 8,
  KEXEC_ARCH_MIPS_LE: 10,
};
const NAMES = [...new Set([...Object.keys(MAN_PAGES), ...KEXEC_ARCHITECTURES.map(({ constant }) => constant)])];

/** What each kind of host runs. */
const NATIVE: { readonly [machine: string]: string } = { "x86_64": "KEXEC_ARCH_X86_64", aarch64: "KEXEC_ARCH_AARCH64" };

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** A plan of one segment for the architecture, by way of the text of a profile. */
function planFor(constant: string, facts: HostFacts): Plan {
  const text = `version: 1
arch: ${constant.replace("KEXEC_ARCH_", "").toLowerCase()}
entry: 0x200000
checksum: false
segments: [{ at: 0x200000, size: 4KiB, hex: f4 }]
`;
  const { value: profile, diagnostics } = parseProfile(text, "arch.yaml");
  assertEquals(diagnostics, [], constant);
  const plan = profile === undefined ? undefined : planBoot({ profile, facts, images: { initrd: [] } }).value;
  if (plan === undefined) throw new Error(`Cannot plan for ${constant}`);
  return plan;
}

function verdict({ checks }: Plan): Check | undefined {
  return checks.find(({ rule }) => rule === "architecture-flag");
}

pure("every KEXEC_ARCH_ name of the man pages is known, by its number", () => {
  const known = KEXEC_ARCHITECTURES.filter(({ constant }) => Object.hasOwn(MAN_PAGES, constant));
  const byName = Object.fromEntries(known.map(({ constant, machine }) => [constant, machine]));
  assertEquals(byName, MAN_PAGES);
});

for (const constant of NAMES) {
  const machine = KEXEC_ARCHITECTURES.find((row) => row.constant === constant)?.machine ?? 0;

  pure(`${constant} is decoded from a profile and encoded in the upper bits of the flags`, () => {
    const { call } = planFor(constant, hostFacts());
    assertEquals([call.flags, call.flagBits], [[constant], `0x${(BigInt(machine) << 16n).toString(16)}`]);
    assertEquals(flagBits("kexec_load", [constant]), call.flagBits);
  });

  pure(`${constant} is refused with a reason where the CPU cannot run it, of a stored plan too`, () => {
    for (const [host, native] of Object.entries(NATIVE)) {
      const facts = hostFacts({ machine: host });
      const plan = planFor(constant, facts);
      const stored = decodePlan(JSON.parse(JSON.stringify(plan)), [], (problem) => {
        throw new Error(problem.message);
      });
      if (stored === undefined) throw new Error("The stored plan does not decode");
      for (const says of [verdict(plan), verdict(recheck(stored, facts, { initrd: [] }))]) {
        const status = constant === "KEXEC_ARCH_DEFAULT" ? undefined : constant === native ? "pass" : "fail";
        assertEquals(says?.status, status, `${constant} on ${host}`);
        if (status !== "fail") continue;
        assertStringIncludes(says?.message ?? "", `sets ${constant}`);
        assertStringIncludes(says?.message ?? "", host);
        assertStringIncludes(says?.hint ?? "", "Remove `arch`");
      }
    }
  });
}

pure("an architecture that is none is refused with the known names", () => {
  const { value, diagnostics } = parseProfile("version: 1\nkernel: /boot/vmlinuz\narch: x86-64\n", "arch.yaml");
  assertEquals(value, undefined);
  assertEquals(diagnostics.map(({ code, path }) => [code, path]), [["wrong-type", ["arch"]]]);
  assertStringIncludes(diagnostics[0]?.expected ?? "", "x86_64");
});
