import { screenOf } from "../../arch/x86_64/multiboot_info.ts";
import { drmDriver } from "../../host/framebuffers.ts";
import { parameterKey, parseCmdline } from "../../profile/cmdline/cmdline.ts";
import { pass, type Rule, warn } from "./rule.ts";

const screen: Rule = {
  name: "screen",
  about:
    "Where a DRM driver has the screen and the firmware left no framebuffer (screen_info), another console shows what " +
    "the next kernel says until its own driver starts",
  exit: "unavailable",
  check({ call, facts, images }) {
    if (images.kernel === undefined || facts.machine !== "x86_64" || facts.bootParams === undefined) return undefined;
    const driver = drmDriver(facts);
    // A screen with colours is a framebuffer, not text.
    if (driver === undefined || screenOf(facts)?.colours !== undefined) return undefined;
    const says =
      `The driver ${driver} has the screen, and the firmware left no framebuffer: the screen may stay black until a ` +
      "driver of the next kernel starts";
    const remaining = otherConsoles(call.cmdline);
    return remaining.length === 0
      ? warn(
        `${says}, and the command line names no other console`,
        "Add one, such as `console=ttyS0,115200`, or have the driver in the initrd",
      )
      : pass(`${says}; what remains: ${remaining.join(", ")}`);
  },
};

/** The consoles of a command line that are not on the screen. */
function otherConsoles(cmdline: string): readonly string[] {
  const names = parseCmdline(cmdline).kernel.flatMap((parameter) => {
    const key = parameterKey(parameter);
    const [name = ""] = (parameter.value ?? "").split(",");
    if (key === "netconsole" && parameter.value !== undefined) return [key];
    return key !== "console" || /^(?:tty\d*|null|)$/.test(name) ? [] : [name];
  });
  return [...new Set(names)];
}

/** The rules about what is seen of the next kernel. */
export const SCREEN_RULES: readonly Rule[] = [screen];
