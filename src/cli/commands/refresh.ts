import type { Command } from "../command.ts";

/** `warmboot refresh`. */
export const refresh: Command = {
  name: "refresh",
  usage: "[FILE|DIR...]",
  words: { min: 0, max: Infinity },
  summary: "Write profiles that follow the newest kernel anew",
  description:
    "For hooks that run when a kernel is installed or removed. Of a folder (/etc/warmboot by default), files that `warmboot init --newest --follow` wrote are written anew: with the newest kernel whose initrd is there, and where they are pinned with the digests of today. A file that a person wrote, or changed since, is never written.\nNothing is loaded: units that watch the file do that.",
  options: [
    { name: "without", value: "RELEASE", doc: "Leave out this kernel, which is about to be removed" },
    { name: "root", value: "DIR", doc: "Look for kernels, and for the default folder, under DIR instead of /" },
  ],
  examples: [
    { line: "warmboot refresh", doc: "What follows the newest kernel under /etc/warmboot" },
    { line: "warmboot refresh profiles/next.yaml", doc: "One file" },
  ],
  run: async (...call) => await (await import("../actions/refresh.ts")).run(...call),
};
