import { assertEquals, assertMatch } from "@std/assert";
import { formatAge, parseAge } from "../../src/core/duration.ts";
import { captureAgeProblem } from "../../src/host/capture_age.ts";

const NOW = Date.parse("2026-11-29T05:00:00Z");
const DAY = 86_400;

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

test("an age is read in days, hours, minutes or seconds, and nothing else", () => {
  assertEquals(["30d", "1 d", "12h", "90min", "5s"].map(parseAge), [30 * DAY, DAY, 12 * 3600, 5400, 5]);
  for (const text of ["", "0d", "30", "d", "-1d", "1.5d", "99999d", "30days", "1d\n"]) {
    assertEquals(parseAge(text), undefined, JSON.stringify(text));
  }
  assertEquals([60, 3600, 7200, 2 * DAY, 40 * DAY + 5].map(formatAge), [
    "1 minute",
    "1 hour",
    "2 hours",
    "2 days",
    "40 days",
  ]);
});

test("a capture is old from the second after the limit on", () => {
  const at = (text: string | undefined, limit = DAY) => captureAgeProblem("hosts/web1.json", text, limit, NOW);
  assertEquals(at("2026-11-28T05:00:00Z"), undefined);
  const old = at("2026-11-28T04:59:59Z");
  assertEquals([old?.code, old?.severity], ["facts-old", "warning"]);
  assertMatch(old?.message ?? "", /^hosts\/web1\.json was captured at 2026-11-28T04:59:59Z, 24 hours ago/);
});

test("a capture without a date, or from the future, is old as well", () => {
  const at = (text: string | undefined) => captureAgeProblem("a.json", text, DAY, NOW)?.message;
  assertEquals(at(undefined), "a.json does not say when it was captured");
  assertEquals(at("2026-11-29T06:00:00Z"), undefined);
  assertMatch(at("2027-01-01T00:00:00Z") ?? "", /which is in the future$/);
  // Clocks of hosts differ, by a day at most.
  assertEquals(at("2026-11-30T05:00:00Z"), undefined);
  assertMatch(at("2026-11-30T05:00:01Z") ?? "", /which is in the future$/);
});
