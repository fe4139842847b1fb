/** What the calls answer when they are right and the circumstances are not. */
import { crashFileLoad, crashLoad, fileLoad, fileUnload, load, unload } from "./attempts.ts";
import type { Condition } from "./condition.ts";
import { FILES } from "./files.ts";

const BUSY = {
  by: "cause",
  says: "another load, an unload, or a change of the crash reservation is in progress",
} as const;
const POLICY = {
  by: "cause",
  says: "the kernel's integrity policy (IMA) or SELinux forbids this image",
  beside: "lockdown",
} as const;

const OTHERS_AT_WORK: readonly Condition[] = [
  {
    id: "busy-load",
    title: "Another load is under way",
    state: "load under way",
    attempt: load,
    answer: "EBUSY",
    ours: { ...BUSY, on: { aarch64: "another load is in progress, or the running kernel cannot stop its other CPUs" } },
  },
  {
    id: "busy-file-load",
    title: "Another load is under way",
    state: "load under way",
    attempt: () => fileLoad(),
    answer: "EBUSY",
    ours: BUSY,
  },
  {
    id: "busy-crash-load",
    title: "Another crash image is being loaded",
    page: "crash-loading",
    state: "crash load under way",
    attempt: crashLoad,
    answer: "EBUSY",
    ours: BUSY,
  },
  {
    id: "busy-crash-file-load",
    title: "Another crash image is being loaded",
    page: "crash-loading",
    state: "crash load under way",
    attempt: crashFileLoad,
    answer: "EBUSY",
    ours: BUSY,
  },
];

const PERMISSION: readonly Condition[] = [
  {
    id: "capability-load",
    title: "The process lacks CAP_SYS_BOOT",
    page: "capability",
    state: "without CAP_SYS_BOOT",
    attempt: load,
    answer: "EPERM",
    ours: { by: "profile", says: "capability" },
  },
  {
    id: "capability-file-load",
    title: "The process lacks CAP_SYS_BOOT",
    page: "capability",
    state: "without CAP_SYS_BOOT",
    attempt: () => fileLoad(),
    answer: "EPERM",
    ours: { by: "profile", says: "capability" },
  },
  {
    id: "namespace-load",
    title: "The process has CAP_SYS_BOOT in a user namespace of its own only",
    page: "capability",
    state: "user namespace",
    attempt: load,
    answer: "EPERM",
    ours: { by: "profile", says: "capability" },
  },
  {
    id: "namespace-file-load",
    title: "The process has CAP_SYS_BOOT in a user namespace of its own only",
    page: "capability",
    state: "user namespace",
    attempt: () => fileLoad(),
    answer: "EPERM",
    ours: { by: "profile", says: "capability" },
  },
  {
    id: "limit-load",
    title: "The sysctl kernel.kexec_load_limit_panic is 0 (since Linux 6.3), and it is a crash image",
    state: "no crash load left",
    attempt: crashLoad,
    answer: { "6.1": "not there", "6.12": "EPERM" },
    ours: { by: "profile", says: "load-limit" },
  },
  {
    id: "limit-file-load",
    title: "The sysctl kernel.kexec_load_limit_panic is 0 (since Linux 6.3), and it is a crash image",
    state: "no crash load left",
    attempt: crashFileLoad,
    answer: { "6.1": "not there", "6.12": "EPERM" },
    ours: { by: "profile", says: "load-limit" },
  },
  {
    id: "lockdown-load",
    title: "The kernel is locked down (integrity)",
    state: "locked down",
    attempt: load,
    answer: "EPERM",
    ours: { by: "profile", says: "lockdown" },
  },
  {
    id: "lockdown-unload",
    title: "The kernel is locked down, and the call unloads",
    state: "locked down",
    attempt: unload,
    answer: "EPERM",
    ours: { by: "cause", says: "the kernel is locked down (integrity), which forbids kexec_load, even to unload" },
  },
  {
    id: "lockdown-file-load",
    title: "The kernel is locked down, and the image is not signed",
    state: "locked down",
    attempt: () => fileLoad({ kernel: FILES.unsigned }),
    answer: "EPERM",
    ours: { by: "profile", says: "lockdown" },
  },
  {
    id: "lockdown-file-unload",
    title: "The kernel is locked down, and the call unloads",
    state: "locked down",
    attempt: fileUnload,
    answer: "accepted",
    ours: { by: "agreement" },
  },
  {
    id: "policy-load",
    title: "The integrity policy (IMA) appraises kernels",
    state: "integrity policy",
    attempt: load,
    answer: "EACCES",
    ours: POLICY,
  },
  {
    id: "policy-file-load",
    title: "The integrity policy (IMA) appraises kernels, and this one has no IMA signature",
    state: "integrity policy",
    attempt: () => fileLoad(),
    answer: "EACCES",
    ours: POLICY,
  },
  {
    id: "disabled-load",
    title: "The sysctl kernel.kexec_load_disabled is 1",
    state: "loading disabled",
    attempt: load,
    answer: "EPERM",
    ours: { by: "profile", says: "load-disabled" },
  },
  {
    id: "disabled-file-load",
    title: "The sysctl kernel.kexec_load_disabled is 1",
    state: "loading disabled",
    attempt: () => fileLoad(),
    answer: "EPERM",
    ours: { by: "profile", says: "load-disabled" },
  },
  {
    id: "disabled-file-unload",
    title: "The sysctl kernel.kexec_load_disabled is 1, and the call unloads",
    state: "loading disabled",
    attempt: fileUnload,
    answer: "EPERM",
    ours: { by: "cause", says: "kernel.kexec_load_disabled is 1" },
  },
];

/** The conditions of both calls that lie in the state of the host. */
export const CIRCUMSTANCES: readonly Condition[] = [...OTHERS_AT_WORK, ...PERMISSION];
