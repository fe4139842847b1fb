import type { Call, Check, Plan, PlannedSegment } from "../plan/plan.ts";
import type { Change, CheckState, SegmentFate, SegmentPlace } from "./diff.ts";

/** How call, flags, reasons and host of two plans differ. */
export function diffPlanned(from: Plan, to: Plan): readonly Change[] {
  return [
    ...(from.call.syscall === to.call.syscall
      ? []
      : [{ about: "call", field: "syscall", action: "change", from: from.call.syscall, to: to.call.syscall } as const]),
    ...segmentCallChanges(from.call, to.call),
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

function segmentCallChanges(from: Call, to: Call): readonly Change[] {
  if (from.syscall !== "kexec_load" || to.syscall !== "kexec_load") return [];
  return (["entry", "checksum"] as const).flatMap((field): readonly Change[] => {
    const [old, now] = [from[field] ?? "none", to[field] ?? "none"];
    return old === now ? [] : [{ about: "call", field, action: "change", from: old, to: now }];
  });
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
    found.set(`${count} ${segment.name}`, segment);
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
