import { formatDuration } from "../../core/duration.ts";
import { kernelParameter, parseCmdline } from "../../profile/cmdline/cmdline.ts";
import { pass, type Rule, warn } from "./rule.ts";

const guardPanic: Rule = {
  name: "guard-panic",
  about: "Where the new kernel panics, or its initrd fails, the machine resets",
  exit: "unavailable",
  check({ guard, call }) {
    if (guard?.panic === undefined) return undefined;
    const after = `The machine resets after ${formatDuration(guard.panic)} where the kernel panics`;
    switch (guard.initrd) {
      case "dracut":
      case "dracut-systemd":
        // Any `rd.break` opens a shell, whatever `rd.shell` says.
        if (kernelParameter(parseCmdline(call.cmdline), "rd.break") !== undefined) {
          return warn(
            "`rd.break` on the command line has dracut wait at a prompt: `panic` does not cover that",
            "Remove `rd.break`",
          );
        }
        return pass(`${after}, and where the initrd (${guard.initrd}) fails`);
      case "initramfs-tools":
      case "systemd-reset":
        return pass(`${after}, and where the initrd (${guard.initrd}) fails`);
      case "none":
        return pass(`${after}; the plan has no initrd`);
      case "systemd":
        return warn(
          "Where the initrd fails, systemd waits at a prompt in emergency mode: `panic` does not cover that",
          "Add a drop-in for emergency.service to `initrd`: docs/guard-panic.md has a profile to copy",
        );
      default:
        return warn(
          "What the initrd does where it fails is not known: `panic` may not cover that",
          "Initrds of initramfs-tools and dracut reset the machine",
        );
    }
  },
};

/** The rule about the guard's `panic`. */
export const GUARD_PANIC_RULES: readonly Rule[] = [guardPanic];
