import { assertEquals } from "@std/assert";
import { loadedImage } from "../../src/app/diff_operands.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, profileOf } from "../support/profiles.ts";
import type { FoundRecord } from "../../src/state/record.ts";

const { kexec } = hostFacts();
const plan = planBoot({ profile: profileOf(), facts: hostFacts(), images: images() }).value;
if (plan === undefined) throw new Error("Cannot plan");

const record: FoundRecord = {
  kind: "record",
  record: {
    format: "warmboot.record/1",
    bootId: hostFacts().bootId ?? "",
    loadedAt: "2026-11-22T10:00:00Z",
    user: "root",
    uid: 0,
    plan,
  },
};

Deno.test({
  name: "@loaded is what the record says where the kernel says that an image is loaded",
  permissions: "none",
  fn() {
    const { side } = loadedImage(hostFacts({ kexec: { ...kexec, loaded: true } }), false, record);
    assertEquals(side, { kind: "loaded", name: "@loaded", plan });
    const crash = loadedImage(hostFacts({ kexec: { ...kexec, crashLoaded: true } }), true, record);
    assertEquals(crash.side?.kind, "loaded");
  },
});

Deno.test({
  name: "@loaded is nothing that can be compared where the record does not hold, and the note says why",
  permissions: "none",
  fn() {
    const loaded = { kexec: { ...kexec, loaded: true } };
    const note = (...args: Parameters<typeof loadedImage>) => {
      const { side, status } = loadedImage(...args);
      return side === undefined ? status.note : "comparable";
    };
    assertEquals(note(hostFacts(), false, { kind: "none" }), "No image is loaded");
    assertEquals(note(hostFacts(), true, { kind: "none" }), "No crash image is loaded");
    assertEquals(note(hostFacts(), false, record), "The recorded image was unloaded by another program");
    assertEquals(
      note(hostFacts(loaded), false, { kind: "none" }),
      "Another program loaded it; warmboot has no record of it",
    );
    assertEquals(
      note(hostFacts({ ...loaded, bootId: "another" }), false, record),
      "The record is from an earlier boot",
    );
    assertEquals(note(hostFacts(loaded), false, { kind: "unreadable", message: "no JSON" }), "no JSON");
  },
});
