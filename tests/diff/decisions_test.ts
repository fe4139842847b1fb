/** Which word a difference has: initrds that moved and changed, files of segments, values that only one side knows. */
import { assertEquals } from "@std/assert";
import { diffPlans } from "../../src/diff/compare.ts";
import { diffSchema } from "../../src/diff/diff_shape.ts";
import { runningSide, type Side } from "../../src/diff/side.ts";
import type { Images } from "../../src/image/boot_files.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, initrdFile, kernelFile, PART_DIGESTS, profileOf } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function plan(profile: Partial<Profile>, files: Partial<Images>): Plan {
  const { value } = planBoot({
    profile: profileOf(profile),
    facts: hostFacts(),
    images: images(files),
    partDigests: PART_DIGESTS,
  });
  if (value === undefined) throw new Error("Cannot plan");
  return value;
}

const side = (plan: Plan): Side => ({ kind: "profile", name: "web.yaml", plan });

const changes = (from: Side, to: Side, about: string) =>
  diffPlans(from, to).changes.filter((change) => change.about === about) as unknown as readonly {
    readonly [key: string]: unknown;
  }[];

pure("an initrd that moved is moved, and changed as well where its bytes differ", () => {
  const file = (path: string, digit: string) => initrdFile({ path, sha256: digit.repeat(64) });
  const of = (from: readonly ReturnType<typeof file>[], to: readonly ReturnType<typeof file>[]) =>
    changes(side(plan({}, { initrd: from })), side(plan({}, { initrd: to })), "initrd").map(({ action, from, to }) => [
      action,
      (from as { path: string; position: number } | undefined)?.path,
      (from as { position: number } | undefined)?.position,
      (to as { path: string } | undefined)?.path,
      (to as { position: number } | undefined)?.position,
    ]);
  const [a, b, c] = [file("/a", "1"), file("/b", "2"), file("/c", "3")];
  assertEquals(of([a, b, c], [c, a, b]), [["move", "/c", 3, "/c", 1]]);
  assertEquals(of([a, b, c], [file("/c", "9"), a, b]), [["change", "/c", 3, "/c", 1]]);
  assertEquals(of([a, b], [a, b, c]), [["add", undefined, undefined, "/c", 3]]);
  assertEquals(of([a, b, c], [a]), [["remove", "/b", 2, undefined, undefined], [
    "remove",
    "/c",
    3,
    undefined,
    undefined,
  ]]);
  assertEquals(of([a, b], [file("/x", "7"), b]), [["change", "/a", 1, "/x", 1]]);
  assertEquals(of([a, b], [file("/x", "7"), b, c]).map(([action]) => action), ["change", "add"]);
});

pure("each field of the kernel that differs is a change of its own", () => {
  const of = (to: Parameters<typeof kernelFile>[0]) =>
    changes(
      side(plan({}, { kernel: kernelFile({ path: "/k" }) })),
      side(plan({}, { kernel: kernelFile({ path: "/k", ...to }) })),
      "kernel",
    ).map(({ field, action, from, to }) => [field, action, from, to]);
  const { sha256 } = kernelFile();
  assertEquals(of({}), []);
  assertEquals(of({ path: "/l" }), [["path", "change", "/k", "/l"]]);
  assertEquals(of({ sha256: "9".repeat(64) }), [["sha256", "change", sha256, "9".repeat(64)]]);
});

pure("what only one side knows is added or removed, and not a change to nothing", () => {
  const whole = plan({}, {});
  const { release: _, ...bare } = whole;
  const of = (from: Plan, to: Plan) =>
    changes(side(from), side(to), "kernel").map(({ field, action, from, to }) => [field, action, from, to]);
  const found = [of(bare, whole), of(whole, bare)].map((rows) => rows.filter(([field]) => field === "release"));
  for (const [index, rows] of found.entries()) {
    for (const row of rows) {
      assertEquals(
        row,
        index === 0 ? ["release", "add", undefined, whole.release] : ["release", "remove", whole.release, undefined],
      );
    }
  }
});

pure("a kernel of kexec_load is compared as a kernel: its file is not one of the call's others", () => {
  const of = (digit: string) =>
    side(plan({ load: "kexec_load" }, { kernel: kernelFile({ sha256: digit.repeat(64) }) }));
  const about = (from: Side, to: Side) =>
    [...new Set(diffPlans(from, to).changes.map(({ about }) => about))].toSorted();
  assertEquals(about(of("1"), of("1")), []);
  assertEquals(about(of("1"), of("2")).includes("call"), false);
  assertEquals(about(of("1"), of("2")).includes("kernel"), true);
});

pure("the schema allows `init` only as true, and a parameter has its word and position", () => {
  const text = JSON.stringify(diffSchema());
  assertEquals([text.includes('"enum":[true]'), text.includes('"enum":[false]')], [true, false]);
  const running = runningSide(hostFacts({ cmdline: "ro -- single" }));
  const rows = diffPlans(side(plan({}, {})), running).changes.flatMap((change) =>
    change.about === "cmdline"
      ? [change as unknown as { readonly [key: string]: { readonly init?: true; readonly word?: string } }]
      : []
  );
  const marked = rows.flatMap((row) => Object.values(row)).filter((value) => typeof value === "object");
  assertEquals(marked.filter(({ word }) => word === "single").map(({ init }) => init), [true]);
  assertEquals(marked.some(({ word, init }) => word !== "single" && init !== undefined), false);
});
