import { type Checked, hasErrors } from "../core/diagnostic.ts";
import { resolveCmdline } from "../profile/cmdline.ts";
import { describeImage, describeInitrd, imageRelease } from "../image/describe.ts";
import { type Choice, chooseCall } from "./choose.ts";
import { fileLoadFlags, loadFlags } from "./flags.ts";
import type { IdentifiedFile, PlanInput } from "./input.ts";
import type { Call, Plan, PlannedFile, PlannedHost } from "./plan.ts";
import { runRules } from "./rules/table.ts";

/**
 * Resolves a profile into a plan for one host. Pure: the same profile, facts and images give the same plan. A plan whose
 * checks fail is still a plan, so that it can be shown; without one, the diagnostics say why there is none.
 */
export function planBoot(input: PlanInput): Checked<Plan> {
  const { profile, facts, images } = input;
  const { value: cmdline, diagnostics } = resolveCmdline(profile.cmdline, {
    crash: profile.crash,
    ...(facts.cmdline === undefined ? {} : { running: facts.cmdline }),
  });
  if (cmdline === undefined || hasErrors(diagnostics)) return { value: undefined, diagnostics };
  const choice = chooseCall(input);
  const call = planCall(input, choice, cmdline);
  const release = images.kernel === undefined ? undefined : imageRelease(images.kernel.info);
  const plan: Plan = {
    format: "warmboot.plan/1",
    profile: profile.name,
    host: plannedHost(facts),
    call,
    ...(release === undefined ? {} : { release }),
    reasons: choice.reasons,
    checks: runRules({ call, crash: profile.crash, facts, images }),
  };
  return { value: plan, diagnostics };
}

/** The host as a plan names it. */
export function plannedHost(facts: PlanInput["facts"]): PlannedHost {
  return {
    ...(facts.hostname === undefined ? {} : { hostname: facts.hostname }),
    machine: facts.machine,
    release: facts.release,
    ...(facts.cmdline === undefined ? {} : { cmdline: facts.cmdline }),
  };
}

function planCall({ profile, images }: PlanInput, choice: Choice, cmdline: string): Call {
  if (choice.syscall === "kexec_load" || images.kernel === undefined) {
    const flags = loadFlags([
      ...(profile.crash ? ["KEXEC_ON_CRASH"] as const : []),
      ...(profile.preserveContext ? ["KEXEC_PRESERVE_CONTEXT"] as const : []),
    ], profile.arch);
    return { syscall: "kexec_load", ...flags, entry: "0x0", cmdline, segments: [] };
  }
  const flags = fileLoadFlags([
    ...(profile.crash ? ["KEXEC_FILE_ON_CRASH"] as const : []),
    ...(images.initrd.length === 0 ? ["KEXEC_FILE_NO_INITRAMFS"] as const : []),
  ]);
  return {
    syscall: "kexec_file_load",
    ...flags,
    kernel: plannedFile(images.kernel, describeImage(images.kernel.info)),
    initrd: images.initrd.map((file) => plannedFile(file, describeInitrd(file.info))),
    cmdline,
  };
}

function plannedFile(file: IdentifiedFile<unknown>, about: string): PlannedFile {
  return { path: file.path, size: file.size, sha256: file.sha256, about };
}
