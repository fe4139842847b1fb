import { formatDuration } from "../../core/duration.ts";
import { pass, type Rule, warn } from "./rule.ts";

const guardPanic: Rule = {
  name: "guard-panic",
  about: "Where the new kernel panics, or its initrd fails, the machine resets",
  exit: "unavailable",
  check({ guard }) {
    if (guard?.panic === undefined) return undefined;
    const after = `resets after ${formatDuration(guard.panic)}`;
    switch (guard.initrd) {
      case "initramfs-tools":
      case "dracut":
        return pass(
          `The machine ${after} where the kernel panics, and resets where the initrd (${guard.initrd}) fails`,
        );
      case "systemd":
        return warn(
          "Where the initrd fails, systemd waits at a prompt in emergency mode: `panic` does not cover that",
          "Build the initrd with a drop-in for emergency.service that has `ExecStart=` and `FailureAction=reboot-force`, " +
            "or with dracut",
        );
      case "none":
        return pass(`The machine ${after} where the kernel panics; there is no initrd that could fail`);
      default:
        return warn(
          "What the initrd does where it fails is not known: `panic` may not cover that",
          "initramfs-tools and dracut reset the machine",
        );
    }
  },
};

/** The rule about the guard's `panic`. */
export const GUARD_PANIC_RULES: readonly Rule[] = [guardPanic];
