import { formatSize } from "../core/number.ts";
import { omitUndefined, type Report } from "../core/shape.ts";
import { type Range, rangeSize } from "../core/range.ts";
import { printable } from "../core/text.ts";
import { parameterKey, parseCmdline } from "../profile/cmdline/cmdline.ts";
import { hasSysPtrace } from "./capabilities.ts";
import { type Captured, type Found, malformed } from "./captured.ts";
import type { HostFacts, KexecHandover, LiveUpdateSession, StoringService } from "./facts.ts";

/** The first version of systemd that hands stored file descriptors to the next kernel. */
const SYSTEMD_HANDS_OVER = 261;

/** Values of FileDescriptorStorePreserve= with which descriptors outlast a unit that stops cleanly. */
const PRESERVING: readonly string[] = ["yes", "on-success"];

/** At most so many `reserve_mem=` count (RESERVE_MEM_MAX_ENTRIES, mm/memblock.c, Linux 7.2). */
const RESERVED_MEMORY_MAX = 8;

/**
 * Decodes what the running kernel hands to the next one (kernel/liveupdate/kexec_handover.c, Linux 7.2); undefined where kexec
 * handover is off, which it is in kernels before 6.16.
 */
export function kexecHandover(
  from: Captured,
  report: Report,
  facts: Pick<HostFacts, "cmdline" | "kernelConfig" | "capEff">,
): KexecHandover | undefined {
  const scratch = scratchAreas(from, report);
  if (scratch === undefined && !isOn(facts)) return undefined;
  return {
    ...omitUndefined({
      scratch,
      scratchParameter: lastValue(facts, "kho_scratch"),
      sessions: from.one("liveUpdate") === undefined
        ? []
        : hasSysPtrace(facts) === false
        ? undefined
        : from.all("openDevices").flatMap(sessionsIn),
    }),
    services: from.one("liveUpdate") === undefined ? [] : storingServices(from),
    reservedMemory: reservedMemory(facts),
  };
}

/** Whether kexec handover is on, by the build options and `kho=`; where the kernel shows no options, `kho=on` alone is enough. */
function isOn(facts: Pick<HostFacts, "cmdline" | "kernelConfig">): boolean {
  const { CONFIG_KEXEC_HANDOVER: built, CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT: byDefault } = facts.kernelConfig;
  const isKnown = Object.keys(facts.kernelConfig).length > 0;
  if (isKnown && built !== "y") return false;
  return khoParameter(facts) ?? byDefault === "y";
}

/** The last value of `kho=` that kstrtobool (lib/kstrtox.c) takes; what it does not take changes nothing. */
function khoParameter(facts: Pick<HostFacts, "cmdline">): boolean | undefined {
  return valuesOf(facts, "kho").map((value) =>
    /^(?:[eyt1]|on)/i.test(value) ? true : /^(?:[dnf0]|of)/i.test(value) ? false : undefined
  ).findLast((value) => value !== undefined);
}

function valuesOf({ cmdline = "" }: Pick<HostFacts, "cmdline">, name: string): readonly string[] {
  return parseCmdline(cmdline).kernel.flatMap((parameter) =>
    parameterKey(parameter) === name && parameter.value !== undefined ? [parameter.value] : []
  );
}

function lastValue(facts: Pick<HostFacts, "cmdline">, name: string): string | undefined {
  return valuesOf(facts, name).at(-1);
}

const HEX_LINE = /^0x[0-9a-f]{1,16}$/i;

/** The scratch areas, in the kernel's order; undefined where debugfs does not show them. */
function scratchAreas(from: Captured, report: Report): readonly Range[] | undefined {
  const starts = numbersIn(from.one("handoverScratchPhys"), report);
  const sizes = numbersIn(from.one("handoverScratchLen"), report);
  if (starts === undefined || sizes === undefined || starts.length !== sizes.length) return undefined;
  return starts.map((start, index) => ({ start, end: start + (sizes[index] ?? 0n) }));
}

function numbersIn(found: Found | undefined, report: Report): readonly bigint[] | undefined {
  if (found === undefined) return undefined;
  const lines = found.text.split("\n");
  if (lines.every((line) => HEX_LINE.test(line))) return lines.map(BigInt);
  return void report(malformed(found, "lines of hexadecimal numbers"));
}

/** A line of a process' descriptors: its number, and the target of its link in /proc. */
const SESSION = /^\d+ anon_inode:\[luo_session\] (.+)$/;

/** The live update sessions that a process holds, each once. */
function sessionsIn({ text, index = 0 }: Found): readonly LiveUpdateSession[] {
  const names = text.split("\n").flatMap((line) => SESSION.exec(line)?.[1] ?? []);
  return [...new Set(names)].map((name) => ({ name, pid: index }));
}

/** The services whose stored file descriptors systemd hands over, from the stanzas that `systemctl show` writes. */
function storingServices(from: Captured): readonly StoringService[] {
  const [manager = "", ...units] = (from.one("fileDescriptorStores")?.text ?? "").split(/\n\n+/);
  const version = /^Version=(\d+)/m.exec(manager)?.[1];
  if (version === undefined || Number(version) < SYSTEMD_HANDS_OVER) return [];
  return units.flatMap((stanza) => {
    const property = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(stanza)?.[1] ?? "";
    const descriptors = Number(property("NFileDescriptorStore"));
    return descriptors > 0 && PRESERVING.includes(property("FileDescriptorStorePreserve"))
      ? [{ unit: property("Id"), descriptors }]
      : [];
  });
}

/** The names of memory that `reserve_mem=SIZE:ALIGN:NAME` set aside, which the kernel hands over too (mm/memblock.c). */
function reservedMemory(facts: Pick<HostFacts, "cmdline">): readonly string[] {
  const names = valuesOf(facts, "reserve_mem").flatMap((value) =>
    /^(?:0x[0-9a-f]+|\d+)[kmgtpe]?:(?:0x[0-9a-f]+|\d+)?[kmgtpe]?:(.*\S.*)$/i.exec(value)?.[1] ?? []
  );
  return [...new Set(names)].slice(0, RESERVED_MEMORY_MAX);
}

/** What is lost when the next kernel is not handed it, each as a noun phrase; empty where nothing is known. */
export function preservedState({ handover }: Pick<HostFacts, "handover">): readonly string[] {
  if (handover === undefined) return [];
  return [
    ...(handover.sessions ?? []).map(({ name, pid }) => `live update session \`${printable(name)}\` (process ${pid})`),
    ...handover.services.map(({ unit, descriptors }) =>
      `${descriptors === 1 ? "a file descriptor" : `${descriptors} file descriptors`} of ${printable(unit)}`
    ),
    ...handover.reservedMemory.map((name) => `reserved memory \`${printable(name)}\` (reserve_mem=)`),
  ];
}

/** How many things a message names. */
const NAMED = 4;

/** The sizes of scratch areas in a message. */
export function scratchText(areas: readonly Range[]): string {
  return areas.map((area) => formatSize(rangeSize(area))).join(", ");
}

/** The same in a message: the first of them, and how many more there are. */
export function preservedText(state: readonly string[]): string {
  const named = state.slice(0, NAMED).join(", ");
  return state.length > NAMED ? `${named}, and ${state.length - NAMED} more` : named;
}
