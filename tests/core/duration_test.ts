import { assertEquals } from "@std/assert";
import { formatAge, formatDuration, parseAge, parseDuration } from "../../src/core/duration.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

pure("a duration is a whole number of a unit, 1 or more, of no more digits than anybody waits", () => {
  const read: readonly (readonly [string, number])[] = [
    ["1s", 1],
    ["10 s", 10],
    ["99999s", 99_999],
    ["2min", 120],
    ["9999 min", 599_940],
    ["1h", 3600],
    ["99h", 356_400],
  ];
  assertEquals(read.map(([text]) => parseDuration(text)), read.map(([, seconds]) => seconds));
  const wrong = [
    "",
    "0s",
    "01s",
    "100000s",
    "10000min",
    "100h",
    "1",
    "s",
    "1.5h",
    "-1s",
    "1  s",
    "1m",
    "1H",
    "1d",
    "1s ",
  ];
  assertEquals(wrong.map(parseDuration), wrong.map(() => undefined));
});

pure("an age is such a duration, or in days", () => {
  const read: readonly (readonly [string, number])[] = [
    ["1d", 86_400],
    ["30 d", 2_592_000],
    ["9999d", 863_913_600],
    ["12h", 43_200],
    ["90min", 5400],
    ["5s", 5],
  ];
  assertEquals(read.map(([text]) => parseAge(text)), read.map(([, seconds]) => seconds));
  const wrong = ["", "0d", "010d", "10000d", "1.5d", "-1d", "1 day", "1w", "d"];
  assertEquals(wrong.map(parseAge), wrong.map(() => undefined));
});

pure("durations are shown in the largest unit that holds them whole, ages in the largest that is one at least", () => {
  const durations: readonly (readonly [number, string])[] = [
    [1, "1 s"],
    [59, "59 s"],
    [60, "1 min"],
    [90, "90 s"],
    [3599, "3599 s"],
    [3600, "1 h"],
    [5400, "90 min"],
    [86_400, "24 h"],
    [0, "0 s"],
  ];
  assertEquals(durations.map(([seconds]) => formatDuration(seconds)), durations.map(([, text]) => text));
  const ages: readonly (readonly [number, string])[] = [
    [0, "0 minutes"],
    [59, "0 minutes"],
    [60, "1 minute"],
    [3599, "59 minutes"],
    [3600, "1 hour"],
    [7199, "1 hour"],
    [7200, "2 hours"],
    [172_799, "47 hours"],
    [172_800, "2 days"],
    [1_123_200, "13 days"],
  ];
  assertEquals(ages.map(([seconds]) => formatAge(seconds)), ages.map(([, text]) => text));
});
