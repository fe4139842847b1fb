import { choice, list, pattern, record, type Shape } from "../core/shape.ts";
import type { Profile, UnbindFailure, UnbindTarget } from "./profile.ts";
import { refine } from "./refine.ts";
import { CONTROL, patterned } from "./scalars.ts";

/** A PCI address as `lspci` prints it: the domain may be missing, which means 0000. */
const PCI = /^(?:([0-9a-fA-F]{4,8}):)?([0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7])$/;

/** The names of buses, drivers and devices in sysfs; none is a path. `driver:` comes before any bus of that name. */
const TARGET = new RegExp(
  "^(?:(?:[0-9a-fA-F]{4,8}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-7]|" +
    `[a-zA-Z][\\w-]*:(?!\\.\\.?$)[^/\\s${CONTROL}](?:[^/${CONTROL}]{0,200}[^/\\s${CONTROL}])?)$`,
);

/** One entry of `unbind`. */
export const unbindTarget: Shape<UnbindTarget> = refine(
  patterned("a PCI address, `driver:NAME` or `BUS:DEVICE`", TARGET, [
    [/:\s/, 'Write it without a space after the colon, and in quotes: `"driver:nouveau"`'],
    [/\//, "Name the device as in /sys/bus/BUS/devices, without a path"],
    [/^[a-zA-Z][\w-]*$/, "For all devices of a driver, write `driver:NAME`"],
  ]),
  parseTarget,
);

/** What a plan keeps of `unbind`. */
export interface PlannedUnbind {
  /** The devices, each as in the profile: a PCI address in full, `driver:NAME` or `BUS:DEVICE`. */
  readonly targets: readonly string[];
  /** What to do where one cannot be taken from its driver. */
  readonly failure: UnbindFailure;
}

/** The shape of a plan's `unbind`. */
export const plannedUnbindShape: Shape<PlannedUnbind> = record<PlannedUnbind>({
  targets: { shape: list(pattern("a PCI address, driver:NAME or BUS:DEVICE", TARGET)), doc: "The devices" },
  failure: { shape: choice(["stop", "continue"]), doc: "What to do where one cannot be taken from its driver" },
});

/** A profile's `unbind` as a plan keeps it; undefined without any. */
export function plannedUnbind({ unbind, unbindFailure }: Profile): PlannedUnbind | undefined {
  return unbind.length === 0 ? undefined : { targets: unbind.map(formatTarget), failure: unbindFailure };
}

/** A plan's `unbind` as a profile has it. */
export function unbindOf(planned: PlannedUnbind | undefined): Pick<Profile, "unbind" | "unbindFailure"> {
  return { unbind: (planned?.targets ?? []).map(parseTarget), unbindFailure: planned?.failure ?? "stop" };
}

/** Reads a text of the pattern. */
export function parseTarget(text: string): UnbindTarget {
  const pci = PCI.exec(text);
  if (pci !== null) {
    const [, domain = "0000", rest = ""] = pci;
    return { kind: "device", bus: "pci", device: `${domain}:${rest}`.toLowerCase() };
  }
  const colon = text.indexOf(":");
  const [prefix, name] = [text.slice(0, colon), text.slice(colon + 1)];
  return prefix === "driver" ? { kind: "driver", driver: name } : { kind: "device", bus: prefix, device: name };
}

/** The text of an entry; a PCI address is written without its bus. */
export function formatTarget(target: UnbindTarget): string {
  if (target.kind === "driver") return `driver:${target.driver}`;
  return target.bus === "pci" && PCI.test(target.device) ? target.device : `${target.bus}:${target.device}`;
}
