import { assertEquals } from "@std/assert";
import { compareReleases, isSince, releaseNumbers } from "../../src/core/release.ts";

Deno.test({
  name: "a release has the numbers that it begins with, and is of a version or later by the first two",
  permissions: "none",
  fn() {
    assertEquals(releaseNumbers("6.12.107+deb13-amd64"), [6, 12, 107]);
    assertEquals(["6-next", "1234567.1", "next", ""].map(releaseNumbers), [[6], undefined, undefined, undefined]);
    assertEquals(isSince("6.12.107+deb13-amd64", [6, 12]), true);
    assertEquals(isSince("6.9.0", [6, 12]), false);
    assertEquals(isSince("10.0-rc1", [6, 12]), true);
    assertEquals(["next-20260101", "6-next", "1234567.1"].map((each) => isSince(each, [6, 1])), [
      undefined,
      undefined,
      undefined,
    ]);
  },
});

Deno.test({
  name: "releases are ordered by their numbers, a release candidate before its release",
  permissions: "none",
  fn() {
    const sorted = [
      "5.10.0-9",
      "6.1.0-9-amd64",
      "6.1.0-10-amd64",
      "6.12.0-rc1",
      "6.12.0",
      "6.12.1-rc2",
      "6.14",
      "6.14.1-rc1",
      "10.0",
    ];
    assertEquals(sorted.toReversed().toSorted(compareReleases), sorted);
  },
});
