import { anyText, choice, count, list, omitUndefined, record, type Shape } from "../core/shape.ts";
import { type ColdReboot, coldRebootShape } from "../entry/cold_reboot.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Images } from "../image/boot_files.ts";
import { INITRD_MAKERS, type InitrdMaker, initrdMaker } from "../image/initrd_maker.ts";
import {
  addParameter,
  kernelParameter,
  parameterKey,
  parseCmdline,
  parseParameter,
  withoutParameters,
} from "../profile/cmdline/cmdline.ts";
import { hasParameter, RESERVING } from "../profile/cmdline/ramoops.ts";
import { GUARD_PARAMETERS } from "../profile/cmdline/resolve.ts";
import { constantParameters, type GuardParameter } from "../profile/guard_parameters.ts";
import type { Guard } from "../profile/profile.ts";
import { planLog, type PlannedLog, plannedLogShape } from "./ramoops.ts";
import { openTimeoutParameter, type PlannedWatchdog, plannedWatchdogShape, planWatchdog } from "./watchdog.ts";

/** A guard as a plan keeps it: what the profile declares, and what that means on this host. */
export interface PlannedGuard extends Guard {
  /** The parameters that it needs on the next command line, in order. */
  readonly parameters: readonly string[];
  /** With `panic`: what happens if the new system's initrd fails. */
  readonly initrd?: InitrdFailure;
  /** What a cold reboot of the host boots; absent where nothing says so, and with explicit segments. */
  readonly coldReboot?: ColdReboot;
  /** With `watchdog`: the one that is armed; absent where the host has none. */
  readonly device?: PlannedWatchdog;
  /** With `log`: where it is kept. */
  readonly ramoops?: PlannedLog;
}

/**
 * What runs in the initrd, if it is known: it decides what happens where the root file system is not found. `none`: there is
 * no initrd, and the kernel panics by itself. `unknown`: it could not be read through, or is of another kind.
 */
export type InitrdFailure = InitrdMaker | "none" | "unknown";

/** What the parameters of a guard depend on. */
export interface GuardInput {
  readonly facts: HostFacts;
  readonly images: Images;
  /** What a cold reboot of the host boots. */
  readonly coldReboot?: ColdReboot;
  /** The command line of the profile; of a stored plan with the guard's parameters. */
  readonly cmdline: string;
}

/** Only together: `rd.shell=0` alone halts or powers off (emergency_shell in dracut-lib.sh, dracut 059 and 110). */
const DRACUT_PARAMETERS = ["rd.shell=0", "rd.emergency=reboot"];

/**
 * How long dracut with systemd waits for the root device, seconds; by itself, forever, where nothing needs its initqueue
 * (rd.timeout in dracut.cmdline(7), dracut 059). It must be longer than rd.retry, which is 180.
 */
const DEVICE_TIMEOUT = "rd.timeout";
const DEVICE_TIMEOUT_SECONDS = 240;

/** What makes an initrd reset the machine, where `panic=` alone does not. */
function initrdParameters({ images, cmdline }: GuardInput): readonly string[] {
  switch (initrdFailure(images)) {
    case "dracut":
      return DRACUT_PARAMETERS;
    case "dracut-systemd": {
      // Another time that ends is as good.
      const other = kernelParameter(parseCmdline(cmdline), DEVICE_TIMEOUT);
      const ends = other !== undefined && /^[1-9][0-9]*$/.test(other.value ?? "");
      return [...DRACUT_PARAMETERS, ends ? other.text : `${DEVICE_TIMEOUT}=${DEVICE_TIMEOUT_SECONDS}`];
    }
    case "initramfs-tools":
    case "systemd":
    case "systemd-reset":
    case "none":
    case "unknown":
      return [];
  }
}

/** The parameters that a guard needs on the next command line, in order. */
export function guardParameters(guard: Guard, input: GuardInput): readonly GuardParameter[] {
  const openTimeout = openTimeoutParameter(guard, parseCmdline(input.cmdline), input.facts);
  return [
    ...constantParameters(guard),
    ...(guard.panic === undefined
      ? []
      : initrdParameters(input).map((parameter): GuardParameter => ({ key: "panic", parameter }))),
    ...(openTimeout === undefined ? [] : [{ key: "watchdog", parameter: openTimeout } as const]),
    ...logParameters(guard, input).map((parameter): GuardParameter => ({ key: "log", parameter })),
  ];
}

function logParameters({ log }: Guard, input: GuardInput): readonly string[] {
  const planned = log === undefined ? undefined : planLog(log, input);
  return planned === undefined || planned.kind === "impossible" ? [] : planned.parameters;
}

/** A profile's guard as its plan keeps it. */
export function planGuard(guard: Guard, input: GuardInput): PlannedGuard {
  const { panic, log } = guard;
  return {
    ...guard,
    parameters: guardParameters(guard, input).map(({ parameter }) => parameter),
    ...omitUndefined({
      initrd: panic === undefined ? undefined : initrdFailure(input.images),
      coldReboot: input.coldReboot,
      device: planWatchdog(guard, input.cmdline, input.facts),
      ramoops: log === undefined ? undefined : planLog(log, input),
    }),
  };
}

/** A plan's guard as the profile has it. */
export function guardOf({ panic, watchdog, confirm, fallback, log }: PlannedGuard): Guard {
  return omitUndefined({ panic, watchdog, confirm, fallback, log });
}

/**
 * A command line with the parameters of a guard: each takes the place of what is there of its name, unless it adds to that, and
 * a further one names those that were not there before, so that a command line that is reused starts without them.
 */
export function withGuardParameters(cmdline: string, { parameters }: Pick<PlannedGuard, "parameters">): string {
  // By the text: initramfs-tools does not take the quotes of `panic="10"` off.
  const added = parameters.map(parseParameter).filter((word) => !hasParameter(parseCmdline(cmdline), word));
  if (added.length === 0) return cmdline;
  const names = new Set([
    ...added.map(parameterKey).filter((key) => !RESERVING.includes(key)),
    parameterKey({ name: GUARD_PARAMETERS }),
  ]);
  const rest = withoutParameters(cmdline, (parameter) => names.has(parameterKey(parameter)));
  const list = `${GUARD_PARAMETERS}=${
    added.map((word) => RESERVING.includes(parameterKey(word)) ? word.text : word.name).join(",")
  }`;
  return [...added.map(({ text }) => text), list].reduce(addParameter, rest);
}

/** A guard without what is of the moment: what the boot loader would boot now. */
export function lastingGuard({ coldReboot: _coldReboot, ...guard }: PlannedGuard): PlannedGuard {
  return guard;
}

/** What runs in the initrds. Without a kernel that has any, the kernel looks for its root itself, and panics. */
function initrdFailure({ initrd }: Images): InitrdFailure {
  const contents = initrd.flatMap(({ content }) => content?.kind === "whole" ? [content] : []);
  if (contents.length < initrd.length) return "unknown";
  if (contents.every(({ isEarly }) => isEarly)) return "none";
  return initrdMaker(contents) ?? "unknown";
}

const optional = { value: undefined };

/** The shape of a plan's `guard`. */
export const plannedGuardShape: Shape<PlannedGuard> = record<PlannedGuard>({
  panic: { shape: count, doc: "How long after a panic the machine resets, seconds", fallback: optional },
  watchdog: {
    shape: count,
    doc: "How long the new system may hang until the hardware watchdog resets the machine, seconds",
    fallback: optional,
  },
  confirm: { shape: count, doc: "How long the new system may take to be confirmed, seconds", fallback: optional },
  fallback: {
    shape: choice(["running"]),
    doc: "What a cold reboot boots until the new system is confirmed; absent: the boot loader's default entry",
    fallback: optional,
  },
  log: {
    shape: count,
    doc: "How much memory keeps what the new kernel logs over a reset, bytes",
    fallback: optional,
  },
  parameters: { shape: list(anyText), doc: "The parameters that it needs on the next command line" },
  initrd: {
    shape: choice([...INITRD_MAKERS, "none", "unknown"]),
    doc: "With `panic`: what runs in the initrd, which decides what happens if that fails",
    fallback: optional,
  },
  coldReboot: { shape: coldRebootShape, doc: "What a cold reboot of the host boots", fallback: optional },
  device: { shape: plannedWatchdogShape, doc: "With `watchdog`: the one that is armed", fallback: optional },
  ramoops: { shape: plannedLogShape, doc: "With `log`: where it is kept", fallback: optional },
});
