import { assertEquals } from "@std/assert";
import type { ColdReboot } from "../../src/entry/cold_reboot.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { type Plan, planText } from "../../src/plan/plan.ts";
import { decodePlan } from "../../src/plan/plan_shape.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { recheck } from "../../src/plan/stored.ts";
import type { Guard, Profile } from "../../src/profile/profile.ts";
import { guardLines } from "../../src/render/guard_text.ts";
import { isSameImage } from "../../src/state/already_loaded.ts";
import { hostFacts } from "../support/host_facts.ts";
import { bzImage, images, kernelFile, PART_DIGESTS, profileOf } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const ENTRY = { loader: "GRUB", id: "0", kernel: "/boot/vmlinuz-6.1.0-50-amd64", release: "6.1.0-50-amd64" } as const;
const ONCE = { loader: "GRUB", entry: "1>2", file: "/boot/grub/grubenv" } as const;

function planOf(
  guard: Guard,
  coldReboot: ColdReboot | undefined,
  profile: Partial<Profile> = {},
  facts: Partial<HostFacts> = {},
): Plan {
  const { value, diagnostics } = planBoot({
    profile: profileOf({ guard, stamp: true, ...profile }),
    facts: hostFacts(facts),
    images: images(),
    partDigests: PART_DIGESTS,
    ...(coldReboot === undefined ? {} : { coldReboot }),
  });
  if (value === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return value;
}

function verdict(plan: Plan, rule = "guard-fallback"): string | undefined {
  const check = plan.checks.find((each) => each.rule === rule);
  return check === undefined ? undefined : `${check.status}: ${check.message}`;
}

const TRIED = planOf({ confirm: 60 }, undefined).release ?? "";

pure("a guard without `fallback` warns where the default is the very kernel that is tried", () => {
  const confirm = { confirm: 60 };
  assertEquals(
    verdict(planOf(confirm, { entry: ENTRY })),
    "pass: A cold reboot boots 6.1.0-50-amd64 (GRUB, default entry)",
  );
  const tried = { ...ENTRY, release: TRIED };
  const running = planOf(confirm, { entry: tried }, {}, { release: TRIED });
  assertEquals(verdict(running), `pass: A cold reboot boots ${TRIED} (GRUB, default entry), which runs now as well`);
  const warning = `warn: A cold reboot boots ${TRIED} (GRUB, default entry): the very kernel that is tried`;
  assertEquals(verdict(planOf(confirm, { entry: tried }, {}, { release: "5.0.0" })), warning);
  // By its path, where its release is not known.
  const { release: _release, ...unknown } = { ...ENTRY, kernel: "/boot/vmlinuz" };
  assertEquals(
    verdict(planOf(confirm, { entry: unknown }, {}, { release: "5.0.0" })),
    "warn: A cold reboot boots /boot/vmlinuz (GRUB, default entry): the very kernel that is tried",
  );
  assertEquals(
    verdict(planOf(confirm, { unknown: "No boot loader is found" })),
    "warn: What a cold reboot boots is not known: No boot loader is found",
  );
  assertEquals(verdict(planOf(confirm, undefined)), undefined);
  // Two releases that are not known are not the same.
  const { release: _of, versionString: _text, ...nameless } = bzImage();
  const { value } = planBoot({
    profile: profileOf({ guard: confirm, stamp: true }),
    facts: hostFacts(),
    images: images({ kernel: kernelFile({ info: nameless }) }),
    coldReboot: { entry: { loader: "GRUB", id: "0", kernel: "/boot/vmlinuz-old" } },
  });
  assertEquals(value && verdict(value), "pass: A cold reboot boots /boot/vmlinuz-old (GRUB, default entry)");
});

pure("`fallback: running` says which entry is asked for, or fails with the reason", () => {
  const guard: Guard = { fallback: "running" };
  const said = `GRUB is asked to boot \`1>2\` once, the running kernel ${hostFacts().release}`;
  assertEquals(verdict(planOf(guard, { entry: ENTRY, once: ONCE })), `pass: ${said}`);
  assertEquals(
    verdict(planOf(guard, { once: ONCE, notes: ["Note"], pending: "0" })),
    `warn: ${said}. Note. The boot loader is already asked to boot \`0\` once: unless warmboot did so, the reboot is refused`,
  );
  assertEquals(verdict(planOf(guard, { once: ONCE, pending: "1>2" })), `pass: ${said}`);
  const failed = planOf(guard, { impossible: "It is on btrfs", hint: "Move it" });
  assertEquals(
    verdict(failed),
    "fail: The boot loader cannot be asked to boot the running kernel once: It is on btrfs",
  );
  assertEquals(failed.checks.find(({ rule }) => rule === "guard-fallback")?.hint, "Move it");
});

pure("where the new kernel has no EFI runtime services, the plan says that the variable stays", () => {
  const once = { loader: "systemd-boot", entry: "old.conf" } as const;
  const of = (cmdline: string, facts: Partial<HostFacts> = {}) =>
    verdict(
      planOf({ fallback: "running" }, { once }, { cmdline: { kind: "parameters", parameters: [cmdline] } }, facts),
    );
  const map = [{ type: 5, physAddr: 0n, virtAddr: 0n, numPages: 1n, attribute: 0n }];
  const efi = { efi: { systab: {}, runtimeMap: map } };
  const said = `systemd-boot is asked to boot \`old.conf\` once, the running kernel ${hostFacts().release}`;
  assertEquals(of("ro", efi), `pass: ${said}`);
  assertEquals(of("ro efi=debug,nochunk", efi), `pass: ${said}`);
  const lost =
    `warn: ${said}. The new system cannot take that back, since its command line turns EFI runtime services off: the ` +
    "next cold reboot boots the old kernel once, also after confirmation";
  for (const cmdline of ["noefi", "efi=debug,noruntime", "ro efi=noruntime"]) assertEquals(of(cmdline, efi), lost);
  // What follows `--` is init's.
  assertEquals(of("ro -- noefi", efi), `pass: ${said}`);
  assertEquals(
    of("ro", { efi: { systab: {}, runtimeMap: [] } }),
    `warn: ${said}. The new system may be unable to take that back: this kernel has no EFI runtime map to hand over; then the ` +
      "next cold reboot boots the old kernel once, also after confirmation",
  );
});

pure("boot counting is named with what goes wrong", () => {
  assertEquals(verdict(planOf({ confirm: 60 }, { entry: ENTRY }), "guard-boot-counting"), undefined);
  assertEquals(
    verdict(planOf({ confirm: 60 }, { entry: ENTRY, counts: true }), "guard-boot-counting"),
    "warn: systemd-boot counts boots: after a kexec, systemd-bless-boot marks the entry that the firmware booted last as good, " +
      "or fails (systemd issue 43738)",
  );
});

pure("the guard's block says what a cold reboot boots", () => {
  const lines = (guard: Guard, coldReboot: ColdReboot) => {
    const plan = planOf(guard, coldReboot);
    return plan.guard === undefined
      ? []
      : guardLines(plan.guard).filter((line) => /cold reboot|Once confirmed/.test(line));
  };
  assertEquals(
    lines({ confirm: 60 }, { entry: ENTRY }).at(-1),
    "A cold reboot boots 6.1.0-50-amd64 (GRUB, default entry)",
  );
  assertEquals(lines({ fallback: "running" }, { entry: { ...ENTRY, release: "6.12.0" }, once: ONCE }), [
    "A cold reboot boots 1>2 (GRUB, once): set just before the jump, taken back on confirmation",
    "Once confirmed, it boots 6.12.0 (GRUB, default entry)",
  ]);
  assertEquals(lines({ fallback: "running" }, { unknown: "x", impossible: "y" }), [
    "What a cold reboot boots is not known",
  ]);
});

pure("what the boot loader would boot is of the moment: a stored plan stays, and is judged by what is so now", () => {
  const plan = planOf({ fallback: "running" }, { entry: ENTRY, once: ONCE });
  const stored = decodePlan(JSON.parse(planText(plan)), [], () => {});
  if (stored === undefined) throw new Error("The plan cannot be read again");
  assertEquals(stored.guard?.coldReboot, { entry: ENTRY, once: ONCE });
  const now = recheck(stored, hostFacts(), images(), PART_DIGESTS, { coldReboot: { impossible: "grubenv is gone" } });
  assertEquals(now.checks[0]?.status, "pass");
  assertEquals(verdict(now), "fail: The boot loader cannot be asked to boot the running kernel once: grubenv is gone");
  assertEquals(isSameImage(plan, planOf({ fallback: "running" }, { entry: { ...ENTRY, id: "1" }, once: ONCE })), true);
  assertEquals(isSameImage(plan, planOf({ confirm: 60 }, { entry: ENTRY })), false);
});

pure("EFI's runtime services matter to systemd-boot alone, and to x86_64 where it has no map to hand over", () => {
  const guard: Guard = { fallback: "running" };
  const efi = { systab: {}, runtimeMap: [], platformSize: 64 } as const;
  const status = (loader: "GRUB" | "systemd-boot", facts: Partial<HostFacts>, ...parameters: readonly string[]) =>
    verdict(
      planOf(guard, { once: { ...ONCE, loader } as NonNullable<ColdReboot["once"]> }, {
        cmdline: { kind: "parameters", parameters: ["ro", ...parameters] },
      }, facts),
    )?.split(":")[0];
  for (const parameter of ["noefi", "efi=noruntime", "efi=debug,noruntime"]) {
    assertEquals([status("GRUB", {}, parameter), status("systemd-boot", {}, parameter)], ["pass", "warn"], parameter);
  }
  assertEquals(status("systemd-boot", {}, "efi=debug"), "pass");
  assertEquals([status("GRUB", { efi }), status("systemd-boot", { efi })], ["pass", "warn"]);
  assertEquals([status("systemd-boot", {}), status("systemd-boot", { efi, machine: "aarch64" })], ["pass", "pass"]);
});
