import { type Command, DRY_RUN_OPTION } from "../command.ts";

/** `warmboot unload`. */
export const unload: Command = {
  name: "unload",
  usage: "",
  words: { min: 0, max: 0 },
  summary: "Drop the loaded image",
  description:
    "Takes back what `load` did. Uses the call that works under kernel lockdown; a kernel without it gets kexec_load with no segments. Where nothing is loaded, no call is made, since each takes one of a limited number of loads.",
  options: [{ name: "crash", doc: "Drop the crash image, not the one for a reboot" }, DRY_RUN_OPTION],
  examples: [
    { line: "warmboot unload", doc: "The next reboot is an ordinary one again" },
    { line: "warmboot unload --crash", doc: "A panic does not boot a crash kernel any more" },
  ],
  run: async (...call) => await (await import("../actions/unload.ts")).run(...call),
};
