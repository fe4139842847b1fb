import { formatDuration } from "../core/duration.ts";
import type { InitrdFailure, PlannedGuard } from "../plan/guard.ts";
import { describeCold } from "../plan/rules/guard_fallback.ts";
import { describeLog } from "../plan/rules/guard_log.ts";
import type { Keeper, PlannedWatchdog } from "../plan/watchdog.ts";

/** What a guard does, phase by phase in the order of a boot: what happens, in whole sentences without the final period. */
export function guardLines(guard: PlannedGuard): readonly string[] {
  return PHASES.flatMap((phase) => phase(guard));
}

const PHASES: readonly ((guard: PlannedGuard) => readonly string[])[] = [
  onHang,
  onPanic,
  inInitrd,
  onLaterHang,
  unconfirmed,
  onColdReboot,
  afterwards,
];

function onHang({ watchdog, device }: PlannedGuard): readonly string[] {
  if (watchdog === undefined) return ["If it hangs: not covered"];
  if (device === undefined) return ["If it hangs: not covered, this host has no watchdog"];
  const { device: name, driver, resetAfter } = device;
  return [
    `If it hangs early: ${name}${driver === undefined ? "" : ` (${driver})`} resets it within ${
      formatDuration(resetAfter)
    }`,
  ];
}

/** What becomes of the watchdog once its driver has started in the next kernel. */
function onLaterHang({ device }: PlannedGuard): readonly string[] {
  if (device === undefined) return [];
  const when = "If it hangs once the watchdog's driver has started";
  if (device.keeper === undefined) return [`${when}: ${unkept(device)}`];
  const keeper = KEEPERS[device.keeper];
  return [
    `${when}: ${beforeOpened(device, keeper.name)}`,
    `If it hangs later: ${keeper.later}`,
  ];
}

/** What opens the watchdog in the next system, and for how long that pings it. */
const KEEPERS: { readonly [keeper in Keeper]: { readonly name: string; readonly later: string } } = {
  systemd: { name: "systemd", later: "reset, as `systemd.watchdog_sec=` says" },
  warmboot: {
    name: "warmboot-arrive",
    later: "reset, until it is confirmed: then the watchdog is stopped, unless that is not possible (nowayout)",
  },
};

function beforeOpened({ next, openTimeout = 0 }: PlannedWatchdog, keeper: string): string {
  if (next === "runs-out") return `the watchdog runs on, and resets it unless ${keeper} opens it in time`;
  if (next === "stopped") return `not covered, the driver stops the watchdog until ${keeper} opens it`;
  return `reset, unless ${keeper} opens the watchdog within ${formatDuration(openTimeout)}`;
}

/** Where nothing is known to open it. */
function unkept({ next }: PlannedWatchdog): string {
  if (next === "runs-out") return "the watchdog runs on, and resets it unless something opens it in time";
  if (next === "stopped") return "not covered, the driver stops the watchdog";
  return "not covered, the kernel pings the watchdog; `systemd.watchdog_sec=` on the command line ends that, or `confirm` " +
    "with warmboot-arrive enabled";
}

function onPanic({ panic }: PlannedGuard): readonly string[] {
  return [
    panic === undefined
      ? "If the kernel panics: not covered, it halts unless the command line says otherwise"
      : `If the kernel panics: reset after ${formatDuration(panic)}`,
  ];
}

function inInitrd({ panic, initrd }: PlannedGuard): readonly string[] {
  return panic === undefined || initrd === undefined ? [] : [`If the initrd fails: ${initrdText(initrd, panic)}`];
}

/** What happens if the root file system is not found, or the initrd fails in another way. */
function initrdText(initrd: InitrdFailure, panic: number): string {
  switch (initrd) {
    case "initramfs-tools":
      return `reset after ${formatDuration(panic)}, since initramfs-tools heeds \`panic=\``;
    case "dracut":
      return "reset, since dracut heeds `rd.shell=0 rd.emergency=reboot`";
    case "dracut-systemd":
      return "reset, since dracut heeds `rd.shell=0 rd.emergency=reboot`; not covered: it halts or powers off where it does not " +
        "know what to do with `root=`";
    case "systemd-reset":
      return "reset, by the drop-in of emergency.service";
    case "none":
      return "there is none; the kernel panics if it does not find its root file system";
    case "systemd":
      return "not covered, systemd waits at a prompt in emergency mode, unless `initrd` has the drop-in of docs/guard-panic.md";
    case "unknown":
      return "not covered, it is not known what runs in it";
  }
}

/** What happens in a system that comes up, where nobody says that it is good. */
function unconfirmed({ confirm }: PlannedGuard): readonly string[] {
  return [
    confirm === undefined
      ? "If it comes up and does not work: not covered"
      : `If nobody confirms it within ${formatDuration(confirm)} of its arrival: cold reboot`,
  ];
}

/** What boots after each of these resets. */
function onColdReboot({ fallback, coldReboot }: PlannedGuard): readonly string[] {
  if (coldReboot === undefined) return [];
  const { entry, once } = coldReboot;
  if (fallback === "running" && once !== undefined) {
    return [
      `A cold reboot boots ${once.entry} (${once.loader}, once): set just before the jump, taken back on confirmation`,
      ...(entry === undefined ? [] : [`Once confirmed, it boots ${describeCold(entry)}`]),
    ];
  }
  return [entry === undefined ? "What a cold reboot boots is not known" : `A cold reboot boots ${describeCold(entry)}`];
}

/** What the kernel that a cold reboot boots finds of the one that failed. */
function afterwards({ log, ramoops }: PlannedGuard): readonly string[] {
  if (log === undefined || ramoops === undefined) return [];
  if (ramoops.kind === "impossible") return ["What it logs is lost in a reset"];
  const since = ramoops.module === "in-initrd"
    ? ", from when the initrd loads ramoops"
    : ramoops.module === "not-in-initrd"
    ? ", from when ramoops is there: built in, or loaded once the initrd is done"
    : "";
  return [
    `What it logs in an oops or a panic is kept over the reset: ${describeLog(ramoops)}${since}`,
    "Not covered: a hang without a panic leaves no log, unless the kernel is built with CONFIG_PSTORE_CONSOLE",
    `The kernel that reads the log needs: ${ramoops.parameters.join(" ")}`,
  ];
}
