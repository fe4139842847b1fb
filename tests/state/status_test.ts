import { assertEquals } from "@std/assert";
import { parseImaRules } from "../../src/host/ima.ts";
import { statusOf, statusSchema } from "../../src/state/status.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, profileOf } from "../support/profiles.ts";
import type { FoundRecord } from "../../src/state/record.ts";
import { assertCommittedSchema } from "../support/committed.ts";

const kexec = hostFacts().kexec;
const plan = planBoot({ profile: profileOf(), facts: hostFacts(), images: images() }).value;

function record(bootId?: string): FoundRecord {
  if (plan === undefined) throw new Error("Cannot plan");
  return {
    kind: "record",
    record: {
      format: "warmboot.record/1",
      loadedAt: "2026-11-22T10:00:00Z",
      user: "root",
      uid: 0,
      plan,
      ...(bootId === undefined ? {} : { bootId }),
    },
  };
}

const CASES: readonly (readonly [string, boolean | undefined, FoundRecord, string, string])[] = [
  ["nothing", false, { kind: "none" }, "no", "none"],
  ["an image of another program", true, { kind: "none" }, "yes", "none"],
  ["an image as recorded", true, record(hostFacts().bootId), "yes", "matches"],
  ["a record of an image that is gone", false, record(hostFacts().bootId), "no", "stale"],
  ["a record of an earlier boot", true, record("another"), "yes", "stale"],
  ["a record where the kernel does not say", undefined, record(hostFacts().bootId), "unknown", "unconfirmed"],
  ["a load that was cut off", true, { kind: "interrupted" }, "yes", "interrupted"],
  ["a record that cannot be read", true, { kind: "unreadable", message: "no JSON" }, "yes", "unreadable"],
  ["a kernel that does not say", undefined, { kind: "none" }, "unknown", "none"],
];

for (const [name, loaded, found, says, fits] of CASES) {
  Deno.test({
    name: `status of ${name}`,
    permissions: "none",
    fn() {
      const { loaded: _, ...rest } = kexec;
      const state = loaded === undefined ? rest : { ...rest, loaded };
      const [image] = statusOf(hostFacts({ kexec: state }), found, { kind: "none" }).images;
      assertEquals([image?.image, image?.loaded, image?.record], ["reboot", says, fits]);
    },
  });
}

const NONE: FoundRecord = { kind: "none" };

/** What a record says of an image, whatever the kernel reports. */
const KNOWN = {
  profile: "web",
  release: "6.12.107+deb13-amd64",
  cmdline: "root=LABEL=root ro",
  loadedAt: "2026-11-22T10:00:00Z",
  user: "root",
  returns: false,
};
const BOOT = hostFacts().bootId;

Deno.test({
  name: "what is recorded of an image is said whole, whether it is still loaded, gone, or of another boot",
  permissions: "none",
  fn() {
    const { loaded: _, ...silent } = kexec;
    const image = (loaded: boolean | undefined, found: FoundRecord, facts = hostFacts()) => {
      const state = loaded === undefined ? silent : { ...kexec, loaded };
      return statusOf({ ...facts, kexec: state }, found, NONE).images[0];
    };
    const stale = { image: "reboot", record: "stale", ...KNOWN } as const;
    assertEquals<unknown>(image(true, record(BOOT)), {
      image: "reboot",
      loaded: "yes",
      record: "matches",
      note: "Loaded by warmboot, as recorded",
      ...KNOWN,
      changes: [],
    });
    assertEquals<unknown>(image(undefined, record(BOOT)), {
      image: "reboot",
      loaded: "unknown",
      record: "unconfirmed",
      note: "Loaded by warmboot; cannot determine whether the image is still loaded",
      ...KNOWN,
      changes: [],
    });
    assertEquals<unknown>(image(false, record(BOOT)), {
      ...stale,
      loaded: "no",
      note: "The recorded image was unloaded by another program",
    });
    assertEquals<unknown>(image(true, record("another")), {
      ...stale,
      loaded: "yes",
      note: "The record is from an earlier boot",
    });
    // A boot that is not known, of the host or of the record, is not another one.
    const { bootId: __, ...nameless } = hostFacts();
    assertEquals(image(true, record("another"), nameless)?.record, "matches");
    assertEquals(image(true, record())?.record, "matches");
  },
});

Deno.test({
  name: "a load that was cut off while nothing is loaded leaves no doubt",
  permissions: "none",
  fn() {
    const [image] = statusOf(hostFacts(), { kind: "interrupted" }, NONE).images;
    assertEquals(image?.note, "A load by warmboot was interrupted, and nothing is loaded");
  },
});

Deno.test({
  name: "where the kernel does not report what is loaded, nothing is said to be another program's, or to be gone",
  permissions: "none",
  fn() {
    const { loaded: _, ...silent } = kexec;
    const note = (found: FoundRecord) => statusOf(hostFacts({ kexec: silent }), found, NONE).images[0]?.note;
    assertEquals(note(NONE), "Nothing is recorded");
    assertEquals(
      note({ kind: "interrupted" }),
      "A load by warmboot was interrupted; cannot determine whether its image is the loaded one",
    );
    assertEquals(statusOf(hostFacts({ kexec: silent, systemd: true }), NONE, NONE).rebootIsKexec, false);
  },
});

Deno.test({
  name: "what the host allows names lockdown, Secure Boot and both load limits",
  permissions: "none",
  fn() {
    const facts = hostFacts({
      lockdown: "integrity",
      secureBoot: "enabled",
      ima: { inForce: true, rules: parseImaRules("appraise func=KEXEC_KERNEL_CHECK") },
      kexec: { ...kexec, limitReboot: 3, limitPanic: 0 },
    });
    const { allows } = statusOf(facts, NONE, NONE);
    const said = (name: string) =>
      allows.filter(({ rule }) => rule === name).map(({ status, message }) => `${status}: ${message}`);
    assertEquals(said("lockdown"), ["warn: The running kernel is locked down (integrity), so only signed images load"]);
    assertEquals(said("secure-boot"), ["warn: Secure Boot is on, so only signed images load"]);
    assertEquals(said("ima-appraisal"), [
      "warn: IMA's policy (`appraise func=KEXEC_KERNEL_CHECK`) appraises kernels, so only those with security.ima load",
    ]);
    assertEquals(said("load-limit").map((message) => message.split(" ", 2)[1]), [
      "kernel.kexec_load_limit_reboot",
      "kernel.kexec_load_limit_panic",
    ]);
    assertEquals(said("capability").length, 1);
  },
});

Deno.test({
  name: "a loaded image under systemd takes over ordinary reboots, and status says so",
  permissions: "none",
  fn() {
    const none: FoundRecord = { kind: "none" };
    const loaded = { ...kexec, loaded: true };
    assertEquals(statusOf(hostFacts({ kexec: loaded, systemd: true }), none, none).rebootIsKexec, true);
    assertEquals(statusOf(hostFacts({ kexec: loaded }), none, none).rebootIsKexec, false);
    assertEquals(statusOf(hostFacts({ systemd: true }), none, none).rebootIsKexec, false);
  },
});

Deno.test({
  name: "a host without kexec_file_load is asked about kexec_load, and what makes the running kernel crash is told",
  permissions: "none",
  fn() {
    const facts = hostFacts({
      machine: "aarch64",
      release: "6.12.117+deb13-arm64",
      kernelConfig: { CONFIG_KEXEC: "y", CONFIG_KEXEC_FILE: "n" },
      kernelMap: [{ vaddr: 0xfff0_0000_0000_0000n, paddr: 0x4000_0000n, size: 2n << 30n }],
    });
    const { allows } = statusOf(facts, NONE, NONE);
    const seen = (name: string) => allows.filter(({ rule }) => rule === name).map(({ status }) => status);
    assertEquals([seen("call-available"), seen("address-size")], [["pass"], ["fail"]]);
    const said = (kernelConfig: typeof facts.kernelConfig) =>
      statusOf({ ...facts, kernelConfig }, NONE, NONE).allows.filter(({ rule }) => rule === "call-available")
        .map(({ message }) => /kexec_(?:file_)?load/.exec(message)?.[0]);
    assertEquals([said(facts.kernelConfig), said({}), said({ CONFIG_KEXEC_FILE: "y" })], [
      ["kexec_load"],
      ["kexec_file_load"],
      ["kexec_file_load"],
    ]);
  },
});

Deno.test("the schema of a status is the committed one", () => assertCommittedSchema("status", statusSchema()));
