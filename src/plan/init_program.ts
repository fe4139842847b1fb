import type { HostFacts } from "../host/facts.ts";
import { kernelParameter, parseCmdline } from "../profile/cmdline/cmdline.ts";
import { resolveCmdline } from "../profile/cmdline/resolve.ts";
import type { Profile } from "../profile/profile.ts";

/** What starts first where the command line does not say (init/main.c, Linux 7.2). */
const DEFAULT = "/init";

/** The program of the initrd that a command line has started first, as an absolute path: the last `rdinit=`, else /init. */
export function initProgramOf(cmdline: string): string {
  const path = kernelParameter(parseCmdline(cmdline), "rdinit")?.value ?? "";
  return path === "" ? DEFAULT : path.startsWith("/") ? path : `/${path}`;
}

/** The same for a profile on a host. */
export function initProgram(profile: Profile, facts: HostFacts): string {
  const { value } = resolveCmdline(profile.cmdline, {
    crash: profile.crash,
    ...(facts.cmdline === undefined ? {} : { running: facts.cmdline }),
  });
  return initProgramOf(value ?? "");
}
