import { lookUp } from "../core/shape.ts";
import type { HostFacts } from "./facts.ts";

/** What PID 1 is, as far as a reboot is concerned. */
export type InitSystem =
  | "systemd"
  | "sysvinit"
  | "openrc-init"
  | "runit"
  | "s6"
  | "dinit"
  | "busybox"
  /** None that is known, or its program cannot be seen. */
  | "unknown";

/** By the name of PID 1's program. Several of them are installed as /sbin/init, a link to it. */
const BY_PROGRAM: { readonly [program: string]: InitSystem } = {
  systemd: "systemd",
  init: "sysvinit",
  "openrc-init": "openrc-init",
  runit: "runit",
  "runit-init": "runit",
  "s6-svscan": "s6",
  dinit: "dinit",
  busybox: "busybox",
};

/** Which init system the host runs. */
export function initSystem({ systemd, init, initProgram }: HostFacts): InitSystem {
  if (systemd) return "systemd";
  // An update replaces the program's file; the link then says so (d_path, fs/d_path.c).
  const program = initProgram?.replace(/ \(deleted\)$/, "").replace(/\.dpkg-(?:tmp|new)$/, "");
  const found = lookUp(BY_PROGRAM, program?.slice(program.lastIndexOf("/") + 1));
  if (found !== undefined) return found === "systemd" ? "unknown" : found;
  // The program of PID 1 cannot be seen, or is not known; many are named `init`.
  return init === undefined || init === "init" || init === "systemd"
    ? "unknown"
    : lookUp(BY_PROGRAM, init) ?? "unknown";
}
