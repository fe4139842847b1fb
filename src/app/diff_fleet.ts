import { type Diagnostic, hasErrors } from "../core/diagnostic.ts";
import { compareText } from "../core/text.ts";
import { diffPlans } from "../diff/compare.ts";
import type { FleetDiff, FleetEntry, FleetHost } from "../diff/fleet.ts";
import { runningSide, type Side } from "../diff/side.ts";
import type { HostFacts } from "../host/facts.ts";
import { unmetRequirement } from "../plan/rules/requires.ts";
import { type CheckedProfile, checkProfiles } from "./check_files.ts";
import { type HostOnce, plannedFor } from "./diff_operands.ts";
import { captureName, findCaptures } from "./captures.ts";
import { isFolder } from "./files/find_files.ts";
import type { Reading } from "./image_file.ts";
import { readFacts } from "./read_facts.ts";

/** What a caller may want to show while a fleet is compared. */
export interface FleetDiffEvents {
  readonly onReading?: Reading;
  /** Called with what is wrong with a profile of the new side, a folder or a capture. */
  readonly onDiagnostics?: (diagnostics: readonly Diagnostic[]) => void;
}

/** A profile of one side, or the profiles of both that have the same name in their folders. */
interface Pair {
  readonly name: string;
  /** Undefined where the running system is compared. */
  readonly before?: CheckedProfile | undefined;
  readonly after?: CheckedProfile | undefined;
}

/**
 * What profiles change on each captured host of a folder that they are for: from the profiles of the same names in `before`,
 * or without that from the system that ran when the host was captured. Undefined where there is no host.
 */
export async function diffFleet(
  { before, after, hosts }: { readonly before?: string | undefined; readonly after: string; readonly hosts: string },
  { onReading, onDiagnostics = () => {} }: FleetDiffEvents = {},
): Promise<FleetDiff | undefined> {
  const found = findCaptures(hosts);
  onDiagnostics(found.diagnostics);
  const pairs = pairsOf(before, after, onDiagnostics);
  if (found.files.length === 0) return undefined;
  const known: FleetHost[] = [];
  const rows: (readonly (FleetEntry | undefined)[])[] = [];
  for (const file of found.files) {
    const read = readFacts(file);
    const { facts, capturedAt, diagnostics } = read;
    const bootId = facts?.bootId;
    const name = captureName(file, hosts);
    known.push({
      name,
      ...(capturedAt === undefined ? {} : { capturedAt }),
      ...(bootId === undefined ? {} : { bootId }),
    });
    onDiagnostics(diagnostics.filter(({ severity }) => severity === "error"));
    if (facts === undefined || hasErrors(diagnostics)) continue;
    const host: HostOnce = { path: file, read: () => read };
    const row: (FleetEntry | undefined)[] = [];
    for (const pair of pairs) {
      row.push(await entryOf(pair, { name, host, facts, both: before !== undefined, onReading }));
    }
    rows.push(row);
  }
  const entries = pairs.flatMap((_pair, index) => rows.flatMap((row) => row[index] ?? []));
  return { format: "warmboot.fleet-diff/1", hosts: known, entries };
}

/** The profiles of both sides by their names. The change is not blamed for what was wrong before. */
function pairsOf(
  before: string | undefined,
  after: string,
  onDiagnostics: (diagnostics: readonly Diagnostic[]) => void,
): readonly Pair[] {
  const { profiles } = checkProfiles([after], onDiagnostics);
  if (before === undefined) return profiles.map((each) => ({ name: each.verdict.file, after: each }));
  const earlier = checkProfiles([before]).profiles;
  // A folder may have had no profiles; a path that leads nowhere is a mistake.
  if (!isFolder(before)) {
    onDiagnostics(earlier.flatMap(({ verdict, parsed }) => parsed === undefined ? verdict.diagnostics : []));
  }
  const old = new Map(
    earlier.filter(({ parsed }) => parsed !== undefined).map((
      each,
    ) => [nameIn(before, after, each.verdict.file), each]),
  );
  const names = new Set([...old.keys(), ...profiles.map(({ verdict }) => verdict.file)]);
  const current = new Map(profiles.map((each) => [each.verdict.file, each]));
  return [...names].toSorted(compareText).map((name) => ({ name, before: old.get(name), after: current.get(name) }));
}

/** What a profile of before is called in the folder of now; a file is compared with a file whatever they are called. */
function nameIn(before: string, after: string, file: string): string {
  if (!isFolder(before)) return after;
  return `${after.endsWith("/") ? after : `${after}/`}${file.slice(before.length).replace(/^\//, "")}`;
}

interface OnHost {
  readonly name: string;
  readonly host: HostOnce;
  readonly facts: HostFacts;
  /** Whether two folders are compared. */
  readonly both: boolean;
  readonly onReading?: Reading | undefined;
}

/** What becomes of a profile on a host; undefined where it is for other hosts, before and now. */
async function entryOf({ name, before, after }: Pair, on: OnHost): Promise<FleetEntry | undefined> {
  const entry = { profile: name, host: on.name };
  const [from, to] = [isFor(before, on.facts), isFor(after, on.facts)];
  if (!to) return from && before?.verdict.valid === true ? { ...entry, state: "removed" } : undefined;
  if (after === undefined) return undefined;
  const next = await sideOf(after, on);
  if (next.side === undefined) return { ...entry, state: "failed", problems: next.problems };
  const last = on.both && from && before !== undefined ? await sideOf(before, on) : undefined;
  const problems = last?.problems ?? [];
  const note = problems.length === 0 ? {} : { problems: problems.map((problem) => `Before: ${problem}`) };
  // What could not be planned before is compared with what runs, as what is new is.
  const side = last?.side ?? runningSide(on.facts);
  const diff = diffPlans(side, next.side);
  if (on.both && last?.side === undefined) return { ...entry, state: "added", diff, ...note };
  return diff.same ? { ...entry, state: "same" } : { ...entry, state: "differs", diff };
}

/** Whether a profile is for a host. One that cannot be read is for every host, so that it is reported. */
function isFor(checked: CheckedProfile | undefined, facts: HostFacts): boolean {
  if (checked === undefined) return false;
  const requires = checked.parsed?.value?.requires;
  return requires === undefined || unmetRequirement(requires, facts) === undefined;
}

/** A profile as it is planned for a host, or why it is not. */
async function sideOf(
  { verdict, parsed }: CheckedProfile,
  { host, onReading }: OnHost,
): Promise<{ readonly side?: Side; readonly problems: readonly string[] }> {
  const problems = (diagnostics: readonly Diagnostic[]) =>
    diagnostics.filter(({ severity }) => severity === "error").map(({ message }) => message);
  if (parsed?.value === undefined) return { problems: problems(verdict.diagnostics) };
  const planned = await plannedFor(parsed.value, host, onReading === undefined ? {} : { onReading }, parsed.place);
  if (planned.kind === "planned") {
    return { side: { kind: "profile", name: verdict.file, plan: planned.plan }, problems: [] };
  }
  return { problems: planned.kind === "invalid" ? problems(planned.diagnostics) : [] };
}
