import { assertEquals, assertStringIncludes } from "@std/assert";
import type { HostFacts } from "../../src/host/facts.ts";
import { flagBits } from "../../src/plan/flags.ts";
import type { Check, Plan } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { recheck } from "../../src/plan/stored.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, PART_DIGESTS, profileOf } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** include/uapi/linux/kexec.h, Linux 7.3, written down once more: a wrong bit asks the kernel for something else. */
const BITS = [
  ["kexec_load", "KEXEC_ON_CRASH", "0x1"],
  ["kexec_load", "KEXEC_PRESERVE_CONTEXT", "0x2"],
  ["kexec_load", "KEXEC_UPDATE_ELFCOREHDR", "0x4"],
  ["kexec_load", "KEXEC_CRASH_HOTPLUG_SUPPORT", "0x8"],
  ["kexec_load", "KEXEC_ARCH_X86_64", "0x3e0000"],
  ["kexec_load", "KEXEC_ARCH_AARCH64", "0xb70000"],
  ["kexec_file_load", "KEXEC_FILE_UNLOAD", "0x1"],
  ["kexec_file_load", "KEXEC_FILE_ON_CRASH", "0x2"],
  ["kexec_file_load", "KEXEC_FILE_NO_INITRAMFS", "0x4"],
  ["kexec_file_load", "KEXEC_FILE_DEBUG", "0x8"],
  ["kexec_file_load", "KEXEC_FILE_NO_CMA", "0x10"],
  ["kexec_file_load", "KEXEC_FILE_FORCE_DTB", "0x20"],
] as const;

pure("each flag has the bit of the kernel's header, and several together have all of theirs", () => {
  for (const [syscall, flag, bits] of BITS) assertEquals(flagBits(syscall, [flag]), bits, flag);
  assertEquals(flagBits("kexec_load", ["KEXEC_PRESERVE_CONTEXT", "KEXEC_ARCH_X86_64"]), "0x3e0002");
  assertEquals(flagBits("kexec_file_load", ["KEXEC_FILE_ON_CRASH", "KEXEC_FILE_DEBUG"]), "0xa");
  assertEquals(flagBits("kexec_file_load", ["KEXEC_FILE_DEBUG", "KEXEC_FILE_DEBUG"]), "0x8");
});

/** What the rule says of a stored plan into which flags were written. */
function verdict(syscall: Plan["call"]["syscall"], flag: string, facts: Partial<HostFacts>): Check | undefined {
  const host = hostFacts(facts);
  const input = { profile: profileOf({ load: syscall }), facts: host, images: images(), partDigests: PART_DIGESTS };
  const { value: plan } = planBoot(input);
  if (plan === undefined) throw new Error("Cannot plan");
  const flags = [...plan.call.flags, flag];
  const call = { ...plan.call, flags, flagBits: flagBits(syscall, flags) };
  return recheck({ ...plan, call }, host, images(), PART_DIGESTS).checks.find(({ rule }) => rule === "flag-known");
}

pure("a flag that is younger than the running kernel's release is warned of, with both", () => {
  const says = verdict("kexec_file_load", "KEXEC_FILE_DEBUG", { release: "6.7.12-amd64" });
  assertEquals(says?.status, "warn");
  assertStringIncludes(
    says?.message ?? "",
    "KEXEC_FILE_DEBUG exists since Linux 6.8, but the running kernel is 6.7.12",
  );
});

pure("each flag is known from one release on", () => {
  const cases = [
    ["kexec_load", "KEXEC_UPDATE_ELFCOREHDR", "6.5", "6.6"],
    ["kexec_load", "KEXEC_CRASH_HOTPLUG_SUPPORT", "6.9", "6.10"],
    ["kexec_file_load", "KEXEC_FILE_DEBUG", "6.7", "6.8"],
    ["kexec_file_load", "KEXEC_FILE_NO_CMA", "6.16", "6.17"],
    ["kexec_file_load", "KEXEC_FILE_FORCE_DTB", "6.17", "6.18"],
  ] as const;
  for (const [syscall, flag, before, since] of cases) {
    const status = (release: string) => verdict(syscall, flag, { release })?.status;
    assertEquals([status(`${before}.9`), status(`${since}.0`)], ["warn", "pass"], flag);
  }
  // The kernel says that it has this one, and not that it has the other.
  const kexec = { ...hostFacts().kexec, crashElfcorehdrSize: 4096n };
  const shown = (flag: string) => verdict("kexec_load", flag, { release: "5.14.0-570.el9", kexec })?.status;
  assertEquals([shown("KEXEC_UPDATE_ELFCOREHDR"), shown("KEXEC_CRASH_HOTPLUG_SUPPORT")], ["pass", "warn"]);
  assertEquals(verdict("kexec_load", "KEXEC_UPDATE_ELFCOREHDR", { release: "custom" }), undefined);
});

pure("a flag as old as the running kernel passes, compared as numbers", () => {
  const cases = [
    ["kexec_file_load", "KEXEC_FILE_DEBUG", "6.8.0", "pass"],
    ["kexec_file_load", "KEXEC_FILE_NO_CMA", "6.9.0", "warn"],
    ["kexec_file_load", "KEXEC_FILE_NO_CMA", "6.17.0", "pass"],
    ["kexec_file_load", "KEXEC_FILE_FORCE_DTB", "7.0.1", "pass"],
    ["kexec_load", "KEXEC_CRASH_HOTPLUG_SUPPORT", "6.9.1", "warn"],
    ["kexec_load", "KEXEC_CRASH_HOTPLUG_SUPPORT", "6.10.0", "pass"],
    ["kexec_load", "KEXEC_UPDATE_ELFCOREHDR", "6.1.0-50-amd64", "warn"],
  ] as const;
  for (const [syscall, flag, release, status] of cases) {
    assertEquals(verdict(syscall, flag, { release })?.status, status, `${flag} on ${release}`);
  }
});

pure("a kernel that tells the size for elfcorehdr updates has the flag for them, whatever its release", () => {
  const kexec = { ...hostFacts().kexec, crashElfcorehdrSize: 0x10000n };
  assertEquals(verdict("kexec_load", "KEXEC_UPDATE_ELFCOREHDR", { kexec })?.status, "pass");
});

pure("flags that every kernel with the call has need no word, nor does a release that is no version", () => {
  assertEquals(verdict("kexec_file_load", "KEXEC_FILE_NO_INITRAMFS", {}), undefined);
  assertEquals(verdict("kexec_file_load", "KEXEC_FILE_DEBUG", { release: "next" }), undefined);
});

const TREE = { bootCpu: 0, reservations: [], root: { name: "", properties: [], children: [] } };

pure("each key of a profile sets its flag, calls kexec_file_load, and says so", () => {
  const facts = hostFacts({ release: "7.0.0", deviceTree: TREE });
  const flagsOf = (changes: Partial<Profile>): readonly unknown[] => {
    const { value: plan } = planBoot({
      profile: profileOf(changes),
      facts,
      images: images(),
      partDigests: PART_DIGESTS,
    });
    return [plan?.call.syscall, plan?.call.flags, plan?.call.flagBits, plan?.reasons.map(({ message }) => message)];
  };
  assertEquals(flagsOf({ fileFlags: ["debug"] }), [
    "kexec_file_load",
    ["KEXEC_FILE_DEBUG"],
    "0x8",
    ["`debug` is a flag of kexec_file_load (KEXEC_FILE_DEBUG)"],
  ]);
  assertEquals(flagsOf({ fileFlags: ["no_cma", "force_dtb"], initrd: [], crash: true }).slice(1, 3), [
    ["KEXEC_FILE_ON_CRASH", "KEXEC_FILE_NO_CMA", "KEXEC_FILE_FORCE_DTB"],
    "0x32",
  ]);
});

pure("force_dtb without a device tree to hand over fails, since the kernel would say nothing", () => {
  const says = (facts: Partial<HostFacts>): readonly (string | undefined)[] => {
    const input = {
      profile: profileOf({ fileFlags: ["force_dtb"] }),
      facts: hostFacts({ release: "7.0.0", ...facts }),
      images: images(),
      partDigests: PART_DIGESTS,
    };
    const check = planBoot(input).value?.checks.find(({ rule }) => rule === "force-dtb");
    return [check?.status, check?.message];
  };
  assertEquals(says({}), [
    "fail",
    "KEXEC_FILE_FORCE_DTB does nothing here: the running kernel was booted without a device tree",
  ]);
  assertEquals(says({ deviceTree: TREE }), [
    "pass",
    "The device tree that the running kernel was booted with is handed over",
  ]);
  assertEquals(says({ machine: "aarch64", deviceTree: TREE }), [
    "fail",
    "KEXEC_FILE_FORCE_DTB does nothing here: an arm64 kernel gets the running kernel's device tree in any case",
  ]);
});
