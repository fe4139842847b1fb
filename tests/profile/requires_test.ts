import { assertEquals } from "@std/assert";
import { parseProfile } from "../../src/profile/parse.ts";
import { releaseNumbers } from "../../src/core/release.ts";
import { formatBound, keepsBound, parseReleaseRange } from "../../src/profile/release_range.ts";

const keeps = (release: string, range: string): boolean => {
  const numbers = releaseNumbers(release);
  return numbers !== undefined && (parseReleaseRange(range) ?? []).every((bound) => keepsBound(numbers, bound));
};

/** A release, a range, and whether it is in it. */
const CASES: readonly (readonly [string, string, boolean])[] = [
  ["6.1.0-50-amd64", ">=6.1 <7", true],
  ["6.12.107+deb13-amd64", ">=6.1 <7", true],
  ["6.12.107+deb13-amd64", "<6.9", false],
  ["7.0.0", ">=6.1 <7", false],
  ["6.1.55", "=6.1", true],
  ["6.1.55", "<=6.1", true],
  ["6.1.55", ">6.1", false],
  ["6.2", ">6.1", true],
  ["6.10.0", "<6.9", false],
  ["6", ">=6.0.1", false],
  ["6", "=6.0", true],
  ["6.12.0-rc3", ">=6.12", true],
  ["6.1.0", ">= 6.1, < 6.2", true],
];

for (const [release, range, expected] of CASES) {
  Deno.test({
    name: `${release} is ${expected ? "" : "not "}in ${range}`,
    permissions: "none",
    fn: () => assertEquals(keeps(release, range), expected),
  });
}

Deno.test({
  name: "what is no range is none, and a release that begins with no number has no numbers",
  permissions: "none",
  fn() {
    for (const text of ["", "6.1", ">=", ">=6.x", "=>6", ">=6.1<7", "~6", ">=6.1 7", ">=1234567"]) {
      assertEquals(parseReleaseRange(text), undefined, text);
    }
    assertEquals(parseReleaseRange(" >=6.1  <7 ")?.map(formatBound), [">=6.1", "<7"]);
    assertEquals(["next-20260101", "v6.1", "1234567.1"].map(releaseNumbers), [undefined, undefined, undefined]);
  },
});

Deno.test({
  name: "requires is decoded, and every fault in it has its place",
  permissions: "none",
  fn() {
    const parse = (requires: string) => parseProfile(`version: 1\nkernel: k\nrequires:\n${requires}`, "p.yaml");
    assertEquals(
      parse(
        '  architecture: x86_64\n  memory: 2GiB\n  hostname: "web*"\n  kernel: ">=6.1"\n  firmware: uefi\n  secure_boot: true\n',
      ).value?.requires,
      {
        architecture: "x86_64",
        memory: 2n << 30n,
        hostname: "web*",
        kernel: [{ relation: ">=", numbers: [6, 1] }],
        firmware: "uefi",
        secureBoot: true,
      },
    );
    const { value, diagnostics } = parse(
      "  architecture: amd64\n  memory: 2GB\n  kernel: 6.1\n  firmware: efi\n  secure_boot: yes\n  hostnam: a\n",
    );
    assertEquals(value, undefined);
    assertEquals(diagnostics.map(({ position, code, hint }) => [position?.line, code, hint]), [
      [4, "wrong-type", "`uname -m` calls it `x86_64`"],
      [5, "wrong-type", diagnostics[1]?.hint],
      [6, "wrong-type", "A bound is one of >=, >, <=, <, = followed by numbers; the host must satisfy all of them"],
      [7, "wrong-type", "Did you mean `uefi`?"],
      [8, "wrong-type", "Write `true`"],
      [9, "unknown-key", "Did you mean `hostname`?"],
    ]);
    assertEquals(parse("  arch: x86_64\n").diagnostics[0]?.hint, "Did you mean `architecture`?");
  },
});
