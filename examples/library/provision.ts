// deno-lint-ignore-file no-console
/**
 * Reads an inventory, makes one profile per host, plans them all from captures, and prints who would change at the next
 * reboot. Run it with `deno task provision`; it needs no host and no root. The exit code is 1 if a plan has a failed check.
 */
import {
  defineProfile,
  type Diagnostic,
  diffPlans,
  mayRun,
  parseCapture,
  planHost,
  type ProfileInput,
  runningSide,
} from "@warmboot/warmboot";

interface Inventory {
  /** What all hosts have in common. */
  readonly base: ProfileInput;
  /** What each role adds; a key of a role replaces the one of the base. */
  readonly roles: { readonly [name: string]: ProfileInput };
  readonly hosts: readonly { readonly name: string; readonly role: string; readonly capture: string }[];
}

/** What the next reboot of a host would do. */
type Verdict =
  | { readonly kind: "same" }
  | { readonly kind: "changes"; readonly aspects: readonly string[]; readonly syscall: string }
  | { readonly kind: "fails"; readonly why: readonly string[] };

async function verdictOf(name: string, input: ProfileInput, capture: string): Promise<Verdict> {
  const profile = defineProfile({ ...input, name });
  const facts = parseCapture(await Deno.readTextFile(capture), capture);
  if (profile.value === undefined) return { kind: "fails", why: messages(profile.diagnostics) };
  if (facts.value === undefined) return { kind: "fails", why: messages(facts.diagnostics) };
  const planned = await planHost(profile.value, { facts: facts.value });
  const plan = planned.value;
  if (plan === undefined || planned.facts === undefined) return { kind: "fails", why: messages(planned.diagnostics) };
  if (!mayRun(plan.checks)) {
    return { kind: "fails", why: plan.checks.filter(({ status }) => status === "fail").map(({ message }) => message) };
  }
  const diff = diffPlans(runningSide(planned.facts), { kind: "profile", name, plan });
  if (diff.same) return { kind: "same" };
  const aspects = [...new Set(diff.changes.map(({ about }) => about))];
  return { kind: "changes", aspects, syscall: plan.call.syscall };
}

function messages(diagnostics: readonly Diagnostic[]): readonly string[] {
  return diagnostics.filter(({ severity }) => severity === "error").map(({ message }) => message);
}

function describe(verdict: Verdict): string {
  switch (verdict.kind) {
    case "same":
      return "stays as it is";
    case "changes":
      return `changes its ${verdict.aspects.join(", ")}; loaded by ${verdict.syscall}`;
    case "fails":
      return `cannot boot it: ${verdict.why.join("; ")}`;
  }
}

const inventory: Inventory = JSON.parse(await Deno.readTextFile(Deno.args[0] ?? "inventory.json"));
let failed = 0;
for (const { name, role, capture } of inventory.hosts) {
  const verdict = await verdictOf(name, { ...inventory.base, ...inventory.roles[role] }, capture);
  if (verdict.kind === "fails") failed++;
  console.log(`${name}: ${describe(verdict)}`);
}
if (failed > 0) Deno.exit(1);
