import { type Checked, hasErrors } from "../core/diagnostic.ts";
import { resolveCmdline } from "../profile/cmdline.ts";
import { describeImage, describeInitrd, imageRelease } from "../image/describe.ts";
import { type Choice, chooseCall } from "./choose.ts";
import { fileLoadFlags } from "./flags.ts";
import type { PlanInput } from "./input.ts";
import { type Call, type Plan, plannedFile, type PlannedHost } from "./plan.ts";
import { runRules } from "./rules/table.ts";
import { planSegmentCall } from "./segment_call.ts";

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
  const planned = planCall(input, choice, cmdline);
  const call = planned.value;
  const all = [...diagnostics, ...planned.diagnostics];
  if (call === undefined || hasErrors(all)) return { value: undefined, diagnostics: all };
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
  return { value: plan, diagnostics: all };
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

function planCall(input: PlanInput, choice: Choice, cmdline: string): Checked<Call> {
  const { profile, images } = input;
  if (choice.syscall === "kexec_load" || images.kernel === undefined) return planSegmentCall(input, cmdline);
  const flags = fileLoadFlags([
    ...(profile.crash ? ["KEXEC_FILE_ON_CRASH"] as const : []),
    ...(images.initrd.length === 0 ? ["KEXEC_FILE_NO_INITRAMFS"] as const : []),
  ]);
  return {
    value: {
      syscall: "kexec_file_load",
      ...flags,
      kernel: plannedFile(images.kernel, describeImage(images.kernel.info)),
      initrd: images.initrd.map((file) => plannedFile(file, describeInitrd(file.info))),
      cmdline,
    },
    diagnostics: [],
  };
}
