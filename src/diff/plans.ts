import { formatDuration } from "../core/duration.ts";
import { formatSize } from "../core/number.ts";
import { omitUndefined } from "../core/shape.ts";
import { lastingGuard } from "../plan/guard.ts";
import { type Call, type Check, type Plan, type PlannedSegment, rolesOf } from "../plan/plan.ts";
import { diffParameters } from "./parameters.ts";
import type { Change, CheckState, SegmentFate, SegmentPlace } from "./diff.ts";

/** How call, flags, reasons and host of two plans differ. */
export function diffPlanned(from: Plan, to: Plan): readonly Change[] {
  return [
    ...(from.call.syscall === to.call.syscall
      ? []
      : [{ about: "call", field: "syscall", action: "change", from: from.call.syscall, to: to.call.syscall } as const]),
    ...detailChanges(from.call, to.call),
    ...leaves(from.unbind, to.unbind, ["unbind"]),
    ...carryChanges(from, to),
    ...leaves(volumesOf(from), volumesOf(to), ["unlock"]),
    ...leaves(modulesOf(from), modulesOf(to), ["modules"]),
    ...lone(from.call.flags, to.call.flags, (flag) => flag).map((each) => ({ about: "flag", ...each }) as const),
    ...lone(from.reasons, to.reasons, ({ code, message }) => `${code}: ${message}`).map((each) =>
      ({ about: "reason", ...each }) as const
    ),
    ...(["hostname", "machine", "release"] as const).flatMap((field): readonly Change[] => {
      const [old, now] = [from.host[field], to.host[field]];
      if (old === now) return [];
      if (old === undefined) return [{ about: "host", field, action: "add", to: now ?? "" }];
      if (now === undefined) return [{ about: "host", field, action: "remove", from: old }];
      return [{ about: "host", field, action: "change", from: old, to: now }];
    }),
  ];
}

/** How what the next initrd gets of the running system differs, each file by its lines. */
function carryChanges(from: Plan, to: Plan): readonly Change[] {
  const [before, after] = [from, to].map(({ carry }) =>
    new Map((carry?.network.files ?? []).map(({ path, lines }) => [path, lines]))
  );
  const paths = new Set([...before?.keys() ?? [], ...after?.keys() ?? []]);
  const rest = (plan: Plan) =>
    omitUndefined({ tool: plan.carry?.network.tool, omitted: plan.carry?.network.omitted.join("; ") });
  return [
    ...leaves(from.carry && rest(from), to.carry && rest(to), ["carry", "network"]),
    ...[...paths].flatMap((path): readonly Change[] => {
      const [old = [], now = []] = [before?.get(path), after?.get(path)];
      if (old.join("\n") === now.join("\n")) return [];
      const [gone, added] = [old.filter((line) => !now.includes(line)), now.filter((line) => !old.includes(line))];
      const isReordered = gone.length + added.length === 0;
      const text = (lines: readonly string[]) => lines.filter((line) => line !== "").join("; ") || "none";
      return [{
        about: "call",
        field: `carry network ${path}`,
        action: "change",
        from: text(isReordered ? old : gone),
        to: text(isReordered ? now : added),
      }];
    }),
  ];
}

/** How the guards of two plans differ, field by field. */
export function diffGuards(from: Plan, to: Plan): readonly Change[] {
  const [before, after] = [guardFields(from), guardFields(to)];
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((field): readonly Change[] => {
    const [old, now] = [before.get(field), after.get(field)];
    if (old === now) return [];
    if (old === undefined) return [{ about: "guard", field, action: "add", to: now ?? "" }];
    if (now === undefined) return [{ about: "guard", field, action: "remove", from: old }];
    return [{ about: "guard", field, action: "change", from: old, to: now }];
  });
}

/** The parameters that it needs are compared as a part of the command line; what the boot loader boots is of the moment. */
function guardFields({ guard }: Plan): ReadonlyMap<string, string> {
  const { parameters: _parameters, ...fields } = guard === undefined ? { parameters: [] } : lastingGuard(guard);
  const { device, ramoops, ...own } = fields;
  const rows = [
    ...Object.entries(own),
    ...Object.entries(device ?? {}).map(([field, value]) => [`device.${field}`, value] as const),
    ...Object.entries(ramoops ?? {}).filter(([field]) => field !== "parameters")
      .map(([field, value]) => [`ramoops.${field}`, value] as const),
  ];
  return new Map(rows.map(([field, value]) => {
    if (typeof value !== "number") return [field, String(value)];
    if (SIZES.includes(field)) return [field, formatSize(value)];
    return [field, DURATIONS.includes(field) ? formatDuration(value) : String(value)];
  }));
}

const DURATIONS: readonly string[] = ["panic", "watchdog", "confirm", "device.resetAfter", "device.openTimeout"];

const SIZES: readonly string[] = ["log", "ramoops.size"];

/** The volumes that are opened, by their names in the profile. */
function volumesOf({ unlock = [] }: Plan): unknown {
  return Object.fromEntries(unlock.map(({ volume, ...entry }) => [volume, entry]));
}

/** The modules of a Multiboot image by their number, with the command lines that only its information has besides. */
function modulesOf({ declared }: Plan): unknown {
  return Object.fromEntries((declared?.modules ?? []).map((module, index) => [String(index + 1), module]));
}

/**
 * Whatever of two calls of one kind is not compared as an aspect of its own, leaf by leaf: where the bytes of a segment come
 * from, what is random, the bases of KASLR, other files. Two calls that are not the same to the byte always differ somewhere.
 */
function detailChanges(from: Call, to: Call): readonly Change[] {
  if (from.syscall !== to.syscall) return [];
  return leaves(detailsOf(from, to), detailsOf(to, from), []);
}

function detailsOf(call: Call, other: Call): unknown {
  const details = {
    ...(hasSame(call.flags, other.flags) ? { flags: call.flags.join(" "), flagBits: call.flagBits } : {}),
    // The parameters are compared as the kernel reads them; how they are quoted is a difference only if they are the same.
    ...(rolesOf(call).kernel === undefined || diffParameters(call.cmdline, other.cmdline).length === 0
      ? { cmdline: call.cmdline }
      : {}),
  };
  if (call.syscall === "kexec_file_load") {
    const { unpacked, built, bases, bootconfig } = call;
    return { ...details, unpacked, built, bases, bootconfig };
  }
  const roles = rolesOf(call);
  // Where a mismatch is reported is in the bytes of purgatory.
  const { entry, checksum, reentrant, bases } = call;
  const [keys, others] = [[...numbered(call).keys()], [...numbered(other).keys()]];
  return {
    entry,
    checksum,
    reentrant,
    ...details,
    bases,
    files: Object.fromEntries(
      call.files.filter(({ path }) => path !== roles.kernel && !roles.initrd.includes(path))
        .map(({ path, size, sha256 }) => [path, { size, sha256 }]),
    ),
    ...(hasSame(keys, others) ? { "order of segments": keys.join(", ") } : {}),
    segments: Object.fromEntries(
      [...numbered(call)].filter(([key]) => numbered(other).has(key)).map(([key, { source }]) => [
        key,
        // The bytes themselves are compared by their digest.
        source.kind === "bytes" ? { kind: source.kind, random: source.random } : source,
      ]),
    ),
  };
}

function hasSame(a: readonly string[], b: readonly string[]): boolean {
  return String([...new Set(a)].toSorted()) === String([...new Set(b)].toSorted());
}

function leaves(from: unknown, to: unknown, at: readonly string[]): readonly Change[] {
  const isNested = (value: unknown): value is object => typeof value === "object" && value !== null;
  if (isNested(from) || isNested(to)) {
    const [before, after] = [from, to].map((value) => new Map(isNested(value) ? Object.entries(value) : []));
    const keys = new Set([...before?.keys() ?? [], ...after?.keys() ?? []]);
    return [...keys].flatMap((key) => leaves(before?.get(key), after?.get(key), [...at, key]));
  }
  if (from === to) return [];
  return [{
    about: "call",
    field: at.join(" "),
    action: "change",
    from: String(from ?? "none"),
    to: String(to ?? "none"),
  }];
}

/** Items of one list that the other lacks. */
function lone<T>(
  from: readonly T[],
  to: readonly T[],
  keyOf: (item: T) => string,
): readonly ({ readonly action: "remove"; readonly from: T } | { readonly action: "add"; readonly to: T })[] {
  const [before, after] = [new Set(from.map(keyOf)), new Set(to.map(keyOf))];
  return [
    ...from.filter((item) => !after.has(keyOf(item))).map((item) => ({ action: "remove", from: item }) as const),
    ...to.filter((item) => !before.has(keyOf(item))).map((item) => ({ action: "add", to: item }) as const),
  ];
}

/** How the segments differ, paired by name; those of the same name in order. A call without segments has none. */
export function diffSegments(from: Call, to: Call): readonly Change[] {
  const [before, after] = [numbered(from), numbered(to)];
  const gone = [...before].filter(([key]) => !after.has(key)).map(([, segment]): Change => ({
    about: "segment",
    name: segment.name,
    fate: [],
    action: "remove",
    from: placeOf(segment),
  }));
  const rest = [...after].flatMap(([key, segment]): readonly Change[] => {
    const old = before.get(key);
    const { name } = segment;
    if (old === undefined) return [{ about: "segment", name, fate: [], action: "add", to: placeOf(segment) }];
    const fate = fateOf(old, segment);
    if (fate.length === 0) return [];
    return [{ about: "segment", name, fate, action: "change", from: placeOf(old), to: placeOf(segment) }];
  });
  return [...gone, ...rest];
}

function numbered(call: Call): ReadonlyMap<string, PlannedSegment> {
  const found = new Map<string, PlannedSegment>();
  const counts = new Map<string, number>();
  for (const segment of call.syscall === "kexec_load" ? call.segments : []) {
    const count = counts.get(segment.name) ?? 0;
    counts.set(segment.name, count + 1);
    found.set(count === 0 ? segment.name : `${segment.name} #${count + 1}`, segment);
  }
  return found;
}

function fateOf(from: PlannedSegment, to: PlannedSegment): readonly SegmentFate[] {
  return [
    ...(BigInt(from.mem) === BigInt(to.mem) ? [] : ["moved"] as const),
    ...(from.memsz < to.memsz ? ["grown"] as const : []),
    ...(from.memsz > to.memsz ? ["shrunk"] as const : []),
    ...(from.sha256 === to.sha256 && from.bufsz === to.bufsz ? [] : ["content"] as const),
  ];
}

function placeOf({ mem, memsz, bufsz, sha256 }: PlannedSegment): SegmentPlace {
  return { mem, memsz, bufsz, sha256 };
}

/** Verdicts on the state of the host at the moment, not on the plan. */
const OF_THE_MOMENT: readonly string[] = ["already-loaded", "stored-plan"];

const SEVERITY = { pass: 0, warn: 1, fail: 2 } as const;

/** The rules whose worst verdict changed. A rule that passes on one side and does not apply on the other is not a change. */
export function diffChecks(from: readonly Check[], to: readonly Check[]): readonly Change[] {
  const [before, after] = [worst(from), worst(to)];
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((rule): readonly Change[] => {
    const [old, now] = [before.get(rule), after.get(rule)];
    if (OF_THE_MOMENT.includes(rule) || (old?.status ?? "pass") === (now?.status ?? "pass")) return [];
    if (old === undefined) return now === undefined ? [] : [{ about: "check", rule, action: "add", to: now }];
    if (now === undefined) return [{ about: "check", rule, action: "remove", from: old }];
    return [{ about: "check", rule, action: "change", from: old, to: now }];
  });
}

function worst(checks: readonly Check[]): ReadonlyMap<string, CheckState> {
  const found = new Map<string, CheckState>();
  for (const { rule, status, message } of checks) {
    const known = found.get(rule);
    if (known === undefined || SEVERITY[known.status] < SEVERITY[status]) found.set(rule, { status, message });
  }
  return found;
}
