import { assertEquals } from "@std/assert";
import { CATALOGUE } from "../../src/core/catalogue.ts";
import { SEGMENT_RULES } from "../../src/plan/rules/segments.ts";
import { RULES } from "../../src/plan/rules/table.ts";
import { PAGE_ERRORS, SEEN_ON, type SeenOn } from "./conformance/condition.ts";
import type { Observation } from "./conformance/observation.ts";
import { conformancePage, type Seen } from "./conformance/page.ts";
import { deviations, observeOn, PAGE } from "./conformance/run.ts";
import { CONDITIONS, UNREACHABLE } from "./conformance/table.ts";
import { kernelNames } from "./packages.ts";

const COMMITTED = Deno.readTextFileSync(PAGE);
const names = [...await kernelNames(), ...await kernelNames("aarch64")];

Deno.test({
  name: "every error of the man page is in the table, and nothing is there twice",
  permissions: "none",
  fn() {
    const shown = new Set([...CONDITIONS, ...UNREACHABLE].map(({ page }) => page));
    assertEquals(Object.keys(PAGE_ERRORS).filter((name) => !shown.has(name as keyof typeof PAGE_ERRORS)), []);
    assertEquals(CONDITIONS.length, new Set(CONDITIONS.map(({ id }) => id)).size);
  },
});

Deno.test({
  name: "the table names rules and diagnostics that there are",
  permissions: "none",
  fn() {
    const known = new Set([...RULES, ...SEGMENT_RULES].map(({ name }) => name).concat(Object.keys(CATALOGUE)));
    const named = CONDITIONS.flatMap(({ ours }) =>
      ours.by === "profile" || ours.by === "stored plan" ? [ours.says] : []
    );
    assertEquals(named.filter((name) => !known.has(name)), []);
  },
});

Deno.test({
  name: "the kernels answer what the table and docs/conformance.md have, and so does warmboot before them",
  ignore: !SEEN_ON.every((name) => names.includes(name)),
  async fn(t) {
    const seen = new Map<SeenOn, readonly Observation[]>();
    for (const name of SEEN_ON) {
      await t.step(name, async () => {
        const observations = await observeOn(name);
        seen.set(name, observations);
        assertEquals(deviations(name, observations), []);
      });
    }
    await t.step("the page", () => assertEquals(conformancePage(Object.fromEntries(seen) as Seen), COMMITTED));
  },
});
