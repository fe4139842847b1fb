import { type Command, DRY_RUN_OPTION, NOW_OPTION } from "../command.ts";

/** `warmboot load`. */
export const load: Command = {
  name: "load",
  usage: "PROFILE|PLAN",
  words: { min: 1, max: 1 },
  summary: "Load the image of a profile or of a stored plan; --exec reboots into it",
  description:
    "Plans, checks, and hands the image to the kernel. Nothing is loaded if a check fails. The running system goes on until `warmboot exec`, `systemctl kexec` or, for a crash image, a panic.\nA stored plan is carried out as it is, or refused with the reason when files or host have changed since.\nWhat is loaded already, to the last digest, is not loaded again: it takes one of a limited number of loads. --force does.",
  options: [
    DRY_RUN_OPTION,
    { name: "exec", doc: "Go on and reboot into the image, as `warmboot exec` does" },
    NOW_OPTION,
    { name: "force", doc: "Load even what is loaded already" },
  ],
  examples: [
    { line: "warmboot load web.yaml", doc: "Load; reboot later with `warmboot exec`" },
    { line: "warmboot load web.yaml --dry-run", doc: "Print the system calls and make none" },
    { line: "warmboot load web.plan.json --exec", doc: "Carry out a reviewed plan and reboot" },
  ],
  run: async (...call) => await (await import("../actions/load.ts")).run(...call),
};
