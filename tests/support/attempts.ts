import type { Attempt } from "../../src/state/attempt.ts";

/** An attempt that systemd was asked for, whose end is not known. */
export const OPEN_ATTEMPT: Attempt = {
  format: "warmboot.attempt/1",
  id: "20261128T170000Z-00000000",
  askedAt: "2026-11-28T17:00:00Z",
  user: "root",
  uid: 0,
  way: "systemd",
  profile: "web",
  plan: "0123456789abcdef",
  from: { release: "6.1.0-50-amd64", cmdline: "root=LABEL=root", bootId: "before", watched: true },
  to: { cmdline: "root=LABEL=root ro" },
};
