import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { planBoot } from "../../src/plan/planner.ts";
import { bootDigest, stamped, stampIn, stampOf, trueStamp } from "../../src/plan/stamp.ts";
import type { Plan } from "../../src/plan/plan.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, initrdFile, kernelFile, PART_DIGESTS, profileOf } from "../support/profiles.ts";
import type { Images } from "../../src/image/boot_files.ts";

function planOf(profile: Partial<Profile>, facts: Partial<HostFacts> = {}, files: Partial<Images> = {}): Plan {
  const { value } = planBoot({
    profile: profileOf({ stamp: true, ...profile }),
    facts: hostFacts(facts),
    images: images(files),
    partDigests: PART_DIGESTS,
  });
  if (value === undefined) throw new Error("Cannot plan");
  return value;
}

const booted = { kernel: "a".repeat(64), initrd: ["b".repeat(64)], cmdline: "ro -- single" };

Deno.test({
  name: "the stamp is a parameter of the kernel, and is not a part of its own digest",
  permissions: "none",
  fn() {
    const line = stamped(booted);
    assertMatch(line, /^ro warmboot\.plan=[0-9a-f]{16} -- single$/);
    assertEquals(stampOf({ ...booted, cmdline: line }), stampOf(booted));
    assertEquals(stampIn(line), stampOf(booted));
    // By hand: printf '{"kernel":"aa...","initrd":["bb..."],"cmdline":"ro -- single"}' | sha256sum
    assertEquals(stampOf(booted), STAMP_BY_HAND);
  },
});

Deno.test({
  name: "a stamp after `--` is init's, and counts for nothing",
  permissions: "none",
  fn() {
    assertEquals(stampIn("ro -- warmboot.plan=1"), undefined);
    assertEquals(stampIn('x="y warmboot.plan=1" ro'), undefined);
    assertNotEquals(
      stampOf({ ...booted, cmdline: "ro -- warmboot.plan=1" }),
      stampOf({ ...booted, cmdline: "ro --" }),
    );
  },
});

const STAMP_BY_HAND = "8ead9ee3170a4f2e";

Deno.test({
  name: "kernel, initrds and command line each make another stamp; how it is loaded does not",
  permissions: "none",
  fn() {
    const of = (...args: Parameters<typeof planOf>) => trueStamp(planOf(...args).call);
    const stamp = of({});
    assertNotEquals(stamp, undefined);
    assertEquals(of({ load: "kexec_load" }), stamp);
    assertEquals(of({}, { release: "6.12.107+deb13-amd64", hostname: "other" }), stamp);
    for (
      const other of [
        of({}, {}, { kernel: kernelFile({ sha256: "c".repeat(64) }) }),
        of({}, {}, { initrd: [initrdFile({ sha256: "c".repeat(64) })] }),
        of({}, {}, { initrd: [] }),
        of({ cmdline: { kind: "parameters", parameters: ["rw"] } }),
      ]
    ) assertNotEquals(other, stamp);
  },
});

Deno.test({
  name: "a stamp that is not the digest of its own call counts for nothing",
  permissions: "none",
  fn() {
    const plan = planOf({
      stamp: false,
      cmdline: { kind: "parameters", parameters: ["ro", "warmboot.plan=0123456789abcdef"] },
    });
    assertEquals([stampIn(plan.call.cmdline), trueStamp(plan.call)], ["0123456789abcdef", undefined]);
  },
});

Deno.test({
  name: "a reused command line brings no stamp of an earlier boot along",
  permissions: "none",
  fn() {
    const cmdline = { kind: "edit", reuse: true, remove: [], set: [], append: [] } as const;
    const first = planOf({ cmdline }, { cmdline: "ro" });
    const second = planOf({ cmdline }, { cmdline: first.call.cmdline });
    assertEquals(second.call.cmdline, first.call.cmdline);
    assertEquals(planOf({ cmdline, stamp: false }, { cmdline: first.call.cmdline }).call.cmdline, "ro");
  },
});

Deno.test({
  name: "a command line that states the stamp itself is refused",
  permissions: "none",
  fn() {
    const { value, diagnostics } = planBoot({
      profile: profileOf({ stamp: true, cmdline: { kind: "parameters", parameters: ["warmboot.plan=1"] } }),
      facts: hostFacts(),
      images: images(),
    });
    assertEquals([value, diagnostics.map(({ code }) => code)], [undefined, ["cmdline-stamp"]]);
  },
});

Deno.test({
  name: "the stamp counts towards the length of the command line",
  permissions: "none",
  fn() {
    const parameters = [`x=${"y".repeat(2017 - 3)}`];
    const verdict = (stamp: boolean) =>
      planOf({ stamp, cmdline: { kind: "parameters", parameters } }).checks.find(({ rule }) =>
        rule === "cmdline-length"
      )?.status;
    assertEquals([verdict(false), verdict(true)], ["pass", "fail"]);
  },
});

Deno.test({
  name: "the digest of what boots depends on the order of the initrds, and on where explicit segments lie",
  permissions: "none",
  fn() {
    const files = [initrdFile(), initrdFile({ path: "/boot/two", sha256: "a".repeat(64) })];
    const of = (initrd: typeof files) => bootDigest(planOf({}, {}, { initrd }).call);
    assertNotEquals(of(files), of(files.toReversed()));
    const explicit = (at: bigint) =>
      bootDigest(
        planOf({
          stamp: false,
          load: "kexec_load",
          checksum: false,
          segments: [
            { at, source: { kind: "bytes", bytes: Uint8Array.of(1) } },
            { at: 0x400_0000n, source: { kind: "bytes", bytes: Uint8Array.of(2) } },
          ],
          entry: 0x400_0000n,
        }).call,
      );
    assertNotEquals(explicit(0x500_0000n), explicit(0x600_0000n));
    assertMatch(explicit(0x500_0000n), /^[0-9a-f]{16}$/);
  },
});
