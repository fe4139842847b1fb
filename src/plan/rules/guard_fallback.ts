import type { ColdEntry, ColdReboot } from "../../entry/cold_reboot.ts";
import { imageRelease } from "../../image/describe.ts";
import { kernelParameter, parseCmdline } from "../../profile/cmdline/cmdline.ts";
import { rolesOf } from "../plan.ts";
import { fail, pass, type Rule, type RuleInput, type Verdict, warn } from "./rule.ts";

const guardFallback: Rule = {
  name: "guard-fallback",
  about:
    "If the new system fails, a cold reboot leads back: not into the kernel that failed, or once into the running one",
  exit: "unavailable",
  check(input) {
    const cold = input.guard?.coldReboot;
    if (input.guard === undefined || cold === undefined) return undefined;
    return input.guard.fallback === "running" ? runningVerdict(cold, input) : defaultVerdict(cold, input);
  },
};

/** What the boot loader boots by itself is the way back. */
function defaultVerdict({ entry, unknown }: ColdReboot, { call, facts, images }: RuleInput): Verdict {
  if (entry === undefined) {
    return warn(
      `What a cold reboot boots is not known: ${unknown ?? "the boot loader's files give no entry"}`,
      "See that it is not the kernel that is tried",
    );
  }
  const what = describeCold(entry);
  const { kernel } = images;
  const release = kernel === undefined || !("info" in kernel) ? undefined : imageRelease(kernel.info);
  const isTried = entry.kernel === rolesOf(call).kernel || release !== undefined && release === entry.release;
  if (!isTried) return pass(`A cold reboot boots ${what}`);
  if (release === facts.release) return pass(`A cold reboot boots ${what}, which runs now as well`);
  return warn(
    `A cold reboot boots ${what}: the very kernel that is tried`,
    "Set `fallback: running` in `guard`, so that it boots the running one until the new one is confirmed",
  );
}

/** The boot loader is asked to boot the running kernel once. */
function runningVerdict(cold: ColdReboot, { call, facts }: RuleInput): Verdict {
  const { once, impossible, hint, notes = [], pending } = cold;
  if (once === undefined) {
    return fail(
      `The boot loader cannot be asked to boot the running kernel once: ${impossible ?? "it is not known"}`,
      hint ?? "Remove `fallback` from `guard`, or make the running kernel the boot loader's default",
    );
  }
  const all = [
    ...notes,
    ...(pending === undefined || pending === once.entry ? [] : [
      `The boot loader is already asked to boot \`${pending}\` once: unless warmboot did so, the reboot is refused`,
    ]),
    ...(once.loader === "systemd-boot" && losesEfi(call.cmdline)
      ? [
        "The new system cannot take that back, since its command line turns EFI runtime services off: the next cold reboot " +
        "boots the old kernel once, also after confirmation",
      ]
      : once.loader === "systemd-boot" && facts.machine === "x86_64" && facts.efi?.runtimeMap.length === 0
      ? [
        "The new system may be unable to take that back: this kernel has no EFI runtime map to hand over; then the next " +
        "cold reboot boots the old kernel once, also after confirmation",
      ]
      : []),
  ];
  const said = `${once.loader} is asked to boot \`${once.entry}\` once, the running kernel ${facts.release}`;
  return all.length === 0 ? pass(said) : warn(`${said}. ${all.join(". ")}`);
}

/** Parameters that keep a kernel from EFI's runtime services (drivers/firmware/efi/efi.c, arch/x86/platform/efi/efi.c, Linux 6.12). */
function losesEfi(cmdline: string): boolean {
  const parsed = parseCmdline(cmdline);
  const words = kernelParameter(parsed, "efi")?.value?.split(",") ?? [];
  return words.includes("noruntime") || kernelParameter(parsed, "noefi") !== undefined;
}

const guardBootCounting: Rule = {
  name: "guard-boot-counting",
  about: "systemd-boot does not count boots, which systemd-bless-boot gets wrong after a kexec",
  exit: "unavailable",
  check({ guard }) {
    if (guard?.coldReboot?.counts !== true) return undefined;
    return warn(
      "systemd-boot counts boots: after a kexec, systemd-bless-boot marks the entry that the firmware booted last as good, " +
        "or fails (systemd issue 43738)",
      "Mask systemd-bless-boot.service while kernels are tried by kexec, or leave boot counting off",
    );
  },
};

/** An entry in a sentence: `6.1.0-50-amd64 (GRUB, default entry)`. */
export function describeCold({ loader, kernel, release }: ColdEntry): string {
  return `${release ?? kernel} (${loader}, default entry)`;
}

/** The rules about where a cold reboot leads. */
export const GUARD_FALLBACK_RULES: readonly Rule[] = [guardFallback, guardBootCounting];
