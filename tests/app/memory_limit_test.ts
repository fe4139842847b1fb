import { assertEquals } from "@std/assert";
import { memoryBudget, memoryLimit } from "../../src/app/memory_limit.ts";
import { hostFacts } from "../support/host_facts.ts";

const MiB = 1n << 20n;

Deno.test({
  name: "the limit is what is available, at most half of memory, unless the environment sets one",
  permissions: "none",
  fn() {
    const facts = (total: bigint, available?: bigint) =>
      hostFacts({ memTotal: total * MiB, ...(available === undefined ? {} : { memAvailable: available * MiB }) });
    const limit = (...host: readonly [bigint, bigint]) => memoryLimit(facts(...host)).value;
    assertEquals([limit(2048n, 1800n), limit(2048n, 300n)], [1024 << 20, 300 << 20]);
    assertEquals(memoryLimit(facts(2048n, 300n), "4GiB").value, 4 * 2 ** 30);
    assertEquals(memoryLimit(facts(2048n, 300n), "").value, 300 << 20);
    const { value, diagnostics: [wrong] } = memoryLimit(facts(2048n, 300n), "512 MB");
    assertEquals([value, wrong?.message, wrong?.found], [
      undefined,
      "WARMBOOT_MEMORY_LIMIT is not a size",
      '"512 MB"',
    ]);
  },
});

Deno.test({
  name: "a budget is taken from until nothing is left",
  permissions: "none",
  fn() {
    const budget = memoryBudget(10);
    assertEquals([budget.take(7), budget.take(4), budget.left(), budget.take(3), budget.left()], [
      true,
      false,
      3,
      true,
      0,
    ]);
  },
});
