import { type Command, DRY_RUN_OPTION, NOW_OPTION } from "../command.ts";

/** `warmboot exec`. */
export const exec: Command = {
  name: "exec",
  usage: "",
  words: { min: 0, max: 0 },
  summary: "Reboot into the loaded image",
  description:
    "Where systemd is PID 1, asks it (`systemctl kexec`), so that services stop and file systems are unmounted. Elsewhere, or with --now, syncs the file systems and makes the system call at once: nothing is stopped or unmounted.\nAn image that was loaded with `preserve_context` always gets the system call: the running system stands still, goes on when the payload returns, and is told how long that took. The image stays loaded.",
  options: [NOW_OPTION, DRY_RUN_OPTION],
  examples: [
    { line: "warmboot exec", doc: "Reboot into the loaded image" },
    { line: "warmboot exec --now", doc: "Without stopping services: for rescue systems and tests" },
  ],
  run: async (...call) => await (await import("../actions/exec.ts")).run(...call),
};
