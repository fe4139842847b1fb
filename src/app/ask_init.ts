import { orUndefined, reasonOf } from "../core/diagnostic.ts";
import type { HostFacts } from "../host/facts.ts";
import { type InitSystem, initSystem } from "../host/init_system.ts";
import { RECORD_DIRECTORY, StoreError } from "../state/record_store.ts";
import { runProgram } from "./system_program.ts";

/** The init systems that are asked for a clean reboot into the loaded image. */
export type AskedInit = "systemd" | "sysvinit" | "openrc-init" | "runit";

/** What an init system is asked. */
export interface InitRequest {
  /** The name of this way to reboot. */
  readonly kind: "ask";
  /** Whom it is asked. */
  readonly init: AskedInit;
  /** The program, and its arguments. */
  readonly command: readonly [string, ...string[]];
  /** Whether the last script of the shutdown boots the image, and not the init system itself. */
  readonly hook: boolean;
}

/** Why the init system is not asked, and what to do. */
export interface NoCleanWay {
  /** The name of this outcome. */
  readonly kind: "no-clean-way";
  /** What is missing, for people. */
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
}

/** What is looked at, and done, to ask an init system; tests pass one of their own. */
export interface InitHost {
  /** The text of a file; undefined if it cannot be read. */
  read(path: string): string | undefined;
  /** The names in a folder; none if it cannot be read. */
  list(folder: string): readonly string[];
  isFifo(path: string): boolean;
  /** The number of the file system on which a path lies. */
  device(path: string): number | undefined;
  /** Files of the running program, which the hook runs again. */
  readonly programFiles: readonly string[];
  /** Runs a program of the system to its end. */
  run(program: string, args: readonly string[]): Promise<ProgramEnd>;
  write(path: string): void;
  remove(path: string): void;
  /** Waits for so many milliseconds. */
  pause(milliseconds: number): Promise<void>;
}

/** How a program ended, or why it did not start. */
export type ProgramEnd =
  | { readonly kind: "ended"; readonly code: number; readonly text: string }
  | { readonly kind: "missing"; readonly reason: string };

/**
 * What allows the hook to boot the image: it exists from the moment that `exec` asks for the reboot on, so that an ordinary
 * reboot stays one whatever is loaded. The hooks of contrib/ remove it.
 */
export const EXEC_FLAG = `${RECORD_DIRECTORY}/exec`;

/** The hook's name; in /etc/rc6.d it has a number before it. */
const HOOK = "warmboot-exec";

const AT_ONCE = "jump at once, with services running: warmboot exec --now";

/** Init systems whose last stage always reboots through the firmware. */
const FIRMWARE_ONLY: { readonly [init in InitSystem]?: string } = {
  s6: "s6, whose last stage always reboots through the firmware",
  dinit: "dinit, whose last stage always reboots through the firmware",
  busybox: "busybox, whose init always reboots through the firmware",
};

/** Why no init system of the host can be asked. */
function unaskedInit(system: InitSystem, facts: HostFacts): NoCleanWay {
  const known = FIRMWARE_ONLY[system];
  if (system === "unknown" && facts.init === "init" && facts.initProgram === undefined) {
    return {
      kind: "no-clean-way",
      message: "PID 1 is `init`, and only root can see which of the programs of this name",
      hint: `Run this as root; or ${AT_ONCE}`,
    };
  }
  const message = facts.init === undefined && known === undefined
    ? "Cannot see what PID 1 is, so nothing can be asked to stop services before the reboot"
    : `PID 1 is ${known ?? `\`${facts.init}\`, which warmboot cannot ask to stop services and boot the image`}`;
  const stop = `Stop what must not be cut off${system === "s6" ? ", for example with `s6-rc -bda change`" : ""}`;
  return { kind: "no-clean-way", message, hint: `${stop}; then ${AT_ONCE}` };
}

/** What is to be done at the end of the shutdown, besides the jump: by a unit or by systemd itself, elsewhere by the hook. */
export interface LastSteps {
  /** Devices are taken from their drivers. */
  readonly unbind: boolean;
  /** The watchdog is armed. */
  readonly watchdog: boolean;
}

/** What the init system is to be asked, or why asking would not boot the image, as far as can be seen before. */
export function requestTo(
  facts: HostFacts,
  { unbind, watchdog }: LastSteps,
  host: InitHost = LIVE,
): InitRequest | NoCleanWay {
  const found = requestOf(facts, host);
  if (found.kind === "no-clean-way" || found.hook) return found;
  if (found.init === "systemd") {
    return !unbind || host.list(KEXEC_WANTS).includes(UNIT) ? found : UNIT_NOT_ENABLED;
  }
  if (!unbind && !watchdog) return found;
  return hookObstacle(openrcHook(host), host) ?? found;
}

/** Where `systemctl enable` leaves the link to the unit that takes devices from their drivers. */
const KEXEC_WANTS = "/etc/systemd/system/kexec.target.wants";
const UNIT = "warmboot-unbind.service";
const UNIT_NOT_ENABLED = obstacle(
  `The unit ${UNIT}, which takes the devices of \`unbind\` from their drivers, is not enabled`,
  `Enable it: \`systemctl enable ${UNIT}\``,
);

function requestOf(facts: HostFacts, host: InitHost): InitRequest | NoCleanWay {
  const init = initSystem(facts);
  switch (init) {
    case "systemd":
      return { kind: "ask", init, command: ["systemctl", "kexec"], hook: false };
    case "sysvinit":
      return toSysvinit(facts, host);
    case "openrc-init":
      return toOpenrc(host);
    case "runit":
      return hookObstacle(runitHook(host), host) ?? { kind: "ask", init, command: ["init", "6"], hook: true };
    case "s6":
    case "dinit":
    case "busybox":
    case "unknown":
      return unaskedInit(init, facts);
  }
}

function obstacle(message: string, remedy: string): NoCleanWay {
  return { kind: "no-clean-way", message, hint: `${remedy}; or ${AT_ONCE}` };
}

/** A line of inittab(5) for runlevel 6 whose `reboot` boots a loaded image (`-k`, a patch of Gentoo's sysvinit). */
const KEXEC_LINE = /^[^#:\n][^:\n]*:[^:\n]*6[^:\n]*:[^:\n]*:\S*\breboot[ \t]+-\w*k/m;

function toSysvinit({ openrc }: HostFacts, host: InitHost): InitRequest | NoCleanWay {
  const request = { kind: "ask", init: "sysvinit", command: ["shutdown", "-r", "now"] } as const;
  if (!["/run/initctl", "/dev/initctl"].some((path) => host.isFifo(path))) {
    return obstacle("PID 1 looks like sysvinit, but has no FIFO /run/initctl by which it can be asked", "Restore it");
  }
  const found = hookObstacle(openrc === true ? openrcHook(host) : runlevelHook(host), host);
  if (found === undefined) return { ...request, hook: true };
  return KEXEC_LINE.test(host.read("/etc/inittab") ?? "") ? { ...request, hook: false } : found;
}

const OPENRC_FIFO = "/run/openrc/init.ctl";

function toOpenrc(host: InitHost): InitRequest | NoCleanWay {
  if (!host.isFifo(OPENRC_FIFO)) {
    return obstacle(
      `PID 1 is openrc-init, but its FIFO ${OPENRC_FIFO} does not exist`,
      "Wait until the boot is over, then try again",
    );
  }
  // With the hook, a jump that fails ends in an ordinary reboot; without it, openrc-init waits for the next command.
  const hook = hookObstacle(openrcHook(host), host) === undefined;
  return { kind: "ask", init: "openrc-init", command: ["openrc-shutdown", hook ? "--reboot" : "--kexec", "now"], hook };
}

/** Why the hook would not boot the image: it is not enabled, or the program is gone when it runs. */
function hookObstacle(enabled: NoCleanWay | undefined, host: InitHost): NoCleanWay | undefined {
  if (enabled !== undefined) return enabled;
  const kept = ["/", "/usr"].map((path) => host.device(path));
  const unmounted = host.programFiles.find((path) => !kept.includes(host.device(path)));
  return unmounted === undefined ? undefined : obstacle(
    `${unmounted} is on a file system that is unmounted before the hook runs it`,
    "Install warmboot and Deno on the file system of / or /usr",
  );
}

const NOT_ENABLED = "The hook warmboot-exec, which boots the image at the end of the shutdown, is not enabled";
const INSTALLING = "`warmboot install` if it is missing, then";

/** Scripts of OpenRC that are started last, before the init system reboots (rc.c). */
function openrcHook(host: InitHost): NoCleanWay | undefined {
  if (host.list("/etc/runlevels/shutdown").includes(HOOK)) return undefined;
  return obstacle(NOT_ENABLED, `Enable it: ${INSTALLING} \`rc-update add ${HOOK} shutdown\``);
}

/** The links that sysvinit's /etc/init.d/rc follows, and runit's last stage on Debian. */
function runlevelHook(host: InitHost): NoCleanWay | undefined {
  const links = host.list("/etc/rc6.d");
  const hook = orderOf(HOOK, links);
  // startpar reads that file, and not the links.
  const listed = host.read("/etc/init.d/.depend.stop") ?? "";
  if (hook === undefined || listed !== "" && !/\bwarmboot-exec\b/.test(listed)) {
    return obstacle(NOT_ENABLED, `Enable it: ${INSTALLING} \`update-rc.d ${HOOK} defaults\``);
  }
  const [unmounts, reboots] = [orderOf("umountroot", links), orderOf("reboot", links)];
  if (unmounts === undefined || unmounts >= hook || reboots !== undefined && hook >= reboots) {
    return obstacle(
      "The links in /etc/rc6.d do not run umountroot, warmboot-exec and reboot one after the other",
      `Order them: \`update-rc.d ${HOOK} remove\`, then \`update-rc.d ${HOOK} defaults\``,
    );
  }
  return undefined;
}

/** The number of the link to a script in the folder of a runlevel: those with a lower one run before. */
function orderOf(script: string, links: readonly string[]): number | undefined {
  const link = links.find((name) => /^[KS]\d\d/.test(name) && name.slice(3) === script);
  return link === undefined ? undefined : Number(link.slice(1, 3)) + (link.startsWith("S") ? 100 : 0);
}

const LAST_STAGE = "/etc/runit/3";
const RUNIT_SCRIPTS = "/etc/runit/shutdown.d";

/** runit's last stage is a script of the distribution: Void's runs those of a folder, Debian's the links of sysvinit. */
function runitHook(host: InitHost): NoCleanWay | undefined {
  const stage = host.read(LAST_STAGE) ?? "";
  if (stage.includes(HOOK)) return undefined;
  if (stage.includes(RUNIT_SCRIPTS)) {
    if (host.list(RUNIT_SCRIPTS).some((name) => name.endsWith(`${HOOK}.sh`))) return undefined;
    return obstacle(NOT_ENABLED, "`warmboot install` enables it");
  }
  // Debian's, unless that file makes it run scripts of its own.
  if (/run_sysv_scripts/.test(stage) && host.read("/etc/runit/native.boot.run") === undefined) {
    return runlevelHook(host);
  }
  return obstacle(NOT_ENABLED, `Let ${LAST_STAGE} end with the hook: see docs/install.md`);
}

/** How the request ended. */
export type Asked =
  /** It shuts the system down. */
  | { readonly kind: "asked" }
  /** The program that asks failed; `text` is what it printed. */
  | { readonly kind: "init-failed"; readonly command: string; readonly code: number; readonly text: string }
  /** The program cannot be started. */
  | { readonly kind: "init-missing"; readonly command: string; readonly reason: string }
  /** The program succeeded, and the shutdown did not begin in time. */
  | { readonly kind: "init-silent"; readonly command: string };

/** Milliseconds in which a shutdown begins, and between two looks at it. */
const PATIENCE = 30_000;
const INTERVAL = 250;

/** Asks for the reboot, and waits until the shutdown has begun. @throws {StoreError} if the flag cannot be written */
export async function askInit(
  { init, command: words, hook }: InitRequest,
  host: InitHost = LIVE,
): Promise<Asked> {
  const [program, ...args] = words;
  const command = words.join(" ");
  if (hook) host.write(EXEC_FLAG);
  let asked: Asked | undefined;
  try {
    const end = await host.run(program, args);
    if (end.kind === "missing") asked = { kind: "init-missing", command, reason: end.reason };
    // openrc-shutdown ends with 0 whatever happens; what it cannot do it says.
    else if (end.code !== 0 || init === "openrc-init" && /^fopen: |Error writing/m.test(end.text)) {
      asked = { kind: "init-failed", command, code: end.code, text: end.text };
    } else asked = await begins(init, host) ? { kind: "asked" } : { kind: "init-silent", command };
  } finally {
    // Otherwise the next reboot, whoever asks for it, would boot the image.
    if (hook && asked?.kind !== "asked") host.remove(EXEC_FLAG);
  }
  return asked;
}

async function begins(init: AskedInit, host: InitHost): Promise<boolean> {
  for (let waited = 0; waited <= PATIENCE; waited += INTERVAL) {
    if (hasBegun(init, host)) return true;
    await host.pause(INTERVAL);
  }
  return false;
}

/**
 * systemctl waits for that itself. sysvinit shows its runlevel in its title (init.c). OpenRC has the folder rc.stopping while it
 * stops services, then writes the runlevel that it goes to (rc.c). runit runs its last stage.
 */
function hasBegun(init: AskedInit, host: InitHost): boolean {
  switch (init) {
    case "systemd":
      return true;
    case "sysvinit":
      return /^\S*init \[6\]/.test(commandLine("1", host));
    case "openrc-init":
      return host.list("/run/openrc").includes("rc.stopping") ||
        /^(?:reboot|shutdown)$/.test((host.read("/run/openrc/softlevel") ?? "").trim());
    case "runit":
      return host.list("/proc").some((name) =>
        /^\d+$/.test(name) && commandLine(name, host).split("\0").includes(LAST_STAGE)
      );
  }
}

function commandLine(process: string, host: InitHost): string {
  return host.read(`/proc/${process}/cmdline`) ?? "";
}

/** This machine. */
const LIVE: InitHost = {
  read: (path) => orUndefined(() => Deno.readTextFileSync(path)),
  list: (folder) => orUndefined(() => Array.from(Deno.readDirSync(folder), ({ name }) => name)) ?? [],
  isFifo: (path) => orUndefined(() => Deno.statSync(path).isFifo) ?? false,
  device: (path) => orUndefined(() => Deno.statSync(path).dev),
  get programFiles() {
    const file = Deno.mainModule.startsWith("file:") ? [decodeURIComponent(new URL(Deno.mainModule).pathname)] : [];
    return [Deno.execPath(), ...file];
  },
  async run(program, args) {
    const end = await runProgram(program, args);
    return end.kind === "missing" ? end : { kind: "ended", code: end.code, text: end.stderr + end.stdout };
  },
  write(path) {
    try {
      Deno.writeTextFileSync(path, "", { mode: 0o600 });
    } catch (cause) {
      throw new StoreError(`Cannot write ${path}: ${reasonOf(cause)}`, { cause });
    }
  },
  remove: (path) => void orUndefined(() => Deno.removeSync(path)),
  pause: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};
