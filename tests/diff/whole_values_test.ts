import { assertEquals } from "@std/assert";
import { diffPlans } from "../../src/diff/compare.ts";
import { ASPECTS, type Diff } from "../../src/diff/diff.ts";
import { diffSchema } from "../../src/diff/diff_shape.ts";
import { diffParameters } from "../../src/diff/parameters.ts";
import { runningSide, type Side } from "../../src/diff/side.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { planBoot } from "../../src/plan/planner.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { assertCommittedSchema } from "../support/committed.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, PART_DIGESTS, profileOf } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function side(
  profile: Partial<Profile> = {},
  facts: HostFacts = hostFacts(),
  kind: "profile" | "loaded" = "profile",
): Side {
  const { value } = planBoot({ profile: profileOf(profile), facts, images: images(), partDigests: PART_DIGESTS });
  if (value === undefined) throw new Error("Cannot plan");
  return { kind, name: kind === "loaded" ? "@loaded" : "web.yaml", plan: value };
}

/** What was compared at all. */
const compared = ({ changes, unchanged, unknown }: Diff) =>
  ASPECTS.filter((aspect) =>
    unchanged.includes(aspect) || [...changes, ...unknown].some(({ about }) => about === aspect)
  );

pure("what is compared depends on the two sides", () => {
  const file = side();
  const segments = side({ load: "kexec_load" });
  const all = ["kernel", "initrd", "cmdline", "call", "flag", "segment", "reason", "check", "host"];
  const without = (...names: readonly string[]) => all.filter((name) => !names.includes(name));
  assertEquals(compared(diffPlans(file, file)), without("segment"));
  assertEquals([
    compared(diffPlans(file, segments)),
    compared(diffPlans(segments, file)),
    compared(diffPlans(segments, segments)),
  ], [all, all, all]);
  const loaded = side({}, hostFacts(), "loaded");
  assertEquals([compared(diffPlans(loaded, file)), compared(diffPlans(file, loaded))], [
    without("segment", "check"),
    without("segment", "check"),
  ]);
});

pure("parameters of a boot loader are passed over in a running command line, and in no other", () => {
  const cmdline = "BOOT_IMAGE=/k initrd=/i root=LABEL=root ro";
  const declared = side();
  const running = runningSide(hostFacts({ cmdline, release: "6.12.107+deb13-amd64", version: "#1 SMP" }));
  const found = diffPlans(running, declared);
  assertEquals([found.changes.filter(({ about }) => about === "cmdline"), found.ignored], [[], [
    "BOOT_IMAGE=/k",
    "initrd=/i",
  ]]);
  const planned = side({ cmdline: { kind: "parameters", parameters: cmdline.split(" ") } });
  assertEquals(diffPlans(planned, declared).changes.filter(({ about }) => about === "cmdline").length, 2);
  const twice = diffPlans(running, runningSide(hostFacts({ cmdline: "ro" })));
  assertEquals(
    twice.changes.filter(({ about }) => about === "cmdline").map((change) => JSON.stringify(change)).length,
    3,
  );
});

pure("the position of a parameter counts the kernel's, `--`, and those of init", () => {
  assertEquals(diffParameters("a b -- c d", "a -- c e"), [
    { about: "cmdline", action: "remove", from: { word: "b", position: 2 } },
    { about: "cmdline", action: "add", to: { word: "e", position: 4, init: true } },
    { about: "cmdline", action: "remove", from: { word: "d", position: 5, init: true } },
  ]);
  assertEquals(diffParameters("a -- b", "a b"), [{ about: "cmdline", action: "add", to: { word: "b", position: 2 } }, {
    about: "cmdline",
    action: "remove",
    from: { word: "b", position: 3, init: true },
  }]);
});

Deno.test("the schema of a diff is the committed one", () => assertCommittedSchema("diff", diffSchema()));
