import { type Diagnostic, hasErrors, withoutPath } from "../core/diagnostic.ts";
import { LIVE_SIDES, type LiveName, runningSide, type Side } from "../diff/side.ts";
import { DEFAULT_ENTRY } from "../entry/cold_boot.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Plan } from "../plan/plan.ts";
import { defineProfile } from "../profile/define.ts";
import type { Profile } from "../profile/profile.ts";
import { isCrash } from "../plan/stored.ts";
import type { FoundRecord } from "../state/record.ts";
import { findRecord, type ImageSlot } from "../state/record_store.ts";
import { type ImageStatus, statusOf } from "../state/status.ts";
import { PLAN_LIMIT } from "./files/read_whole.ts";
import type { Reading } from "./image_file.ts";
import { profileOn } from "./boot_image.ts";
import { openImages } from "./images.ts";
import { layerFiles } from "./layer_files.ts";
import { profileFiles } from "./named_files.ts";
import { planProfile } from "./plan_profile.ts";
import { type ReadFacts, readFacts } from "./read_facts.ts";
import { readOwn } from "./read_plan.ts";
import { parseNamed, readNamed } from "./read_profile.ts";

/** What a caller may want to show while sides are read. */
export interface SideEvents {
  readonly onReading?: Reading;
  /** Called with what is wrong with a file or the host, as it is found. */
  readonly onDiagnostics?: (diagnostics: readonly Diagnostic[]) => void;
  /** Called with what to know of a side that could be read. */
  readonly onNotice?: (notice: SideNotice) => void;
}

/** What to know of a side. */
export type SideNotice =
  /** Another warmboot is loading an image right now; what is known is from before. */
  | { readonly kind: "busy" }
  /** It is not certain that the recorded image is the loaded one. */
  | { readonly kind: "unconfirmed"; readonly note: string }
  /** An image is loaded, but not which one is known: the running system is compared instead. */
  | { readonly kind: "running-instead"; readonly note: string };

/** Why there is no side. */
export type NoSide =
  /** The errors were passed to `onDiagnostics`. */
  | { readonly kind: "invalid"; readonly diagnostics: readonly Diagnostic[] }
  | { readonly kind: "unknown"; readonly word: string }
  /** `@loaded` of a captured host. */
  | { readonly kind: "captured" }
  | { readonly kind: "not-loaded"; readonly note: string }
  /** `@running` alone, where nothing is loaded that it could be compared with. */
  | { readonly kind: "alone"; readonly note?: string };

/** A side, or why there is none. */
export type FoundSide = { readonly kind: "side"; readonly side: Side } | NoSide;

/** Reads the host at most once, and only if a side is about it: two stored plans need none. */
export interface HostOnce {
  /** The capture; undefined for this host. */
  readonly path: string | undefined;
  read(): ReadFacts;
}

/** The host of a capture, or this one. What is wrong with its facts is passed on when they are first read. */
export function hostOnce(path: string | undefined, { onDiagnostics }: SideEvents = {}): HostOnce {
  let known: ReadFacts | undefined;
  const read = (): ReadFacts => {
    const facts = readFacts(path, { carry: true });
    onDiagnostics?.(facts.diagnostics);
    return facts;
  };
  return { path, read: () => known ??= read() };
}

/** The two sides of a diff; without a second word, what is loaded or else what is running. */
export async function diffOperands(
  words: readonly string[],
  host: HostOnce,
  events: SideEvents = {},
): Promise<{ readonly kind: "sides"; readonly sides: readonly [Side, Side] } | NoSide> {
  const [first = "", second] = words;
  const known = new Map<string, FoundSide>();
  // Files come first: which image @loaded is about, the other side says.
  for (const word of new Set(words.filter((each) => !each.startsWith("@")))) {
    known.set(word, await fileSide(word, host, events));
  }
  const crash = known.values().some((found) => found.kind === "side" && isForCrash(found.side));
  for (const word of new Set(words.filter((each) => each.startsWith("@")))) {
    known.set(word, await liveSide(word, crash, host, events));
  }
  const a = known.get(first) ?? { kind: "unknown", word: first };
  if (a.kind !== "side") return a;
  const b = second === undefined ? defaultSide(a.side, crash, host, events) : known.get(second) ?? a;
  return b.kind === "side" ? { kind: "sides", sides: [a.side, b.side] } : b;
}

/** A profile, planned for the host, or a stored plan as it is. */
export async function fileSide(word: string, host: HostOnce, events: SideEvents = {}): Promise<FoundSide> {
  const diagnostics: Diagnostic[] = [];
  const note = (found: readonly Diagnostic[]): void => {
    diagnostics.push(...found);
    events.onDiagnostics?.(found);
  };
  const read = readNamed(word, PLAN_LIMIT);
  note(read.diagnostics);
  if (read.bytes === undefined) return { kind: "invalid", diagnostics };
  const stored = readOwn(read.bytes, read.name, true);
  if (stored !== undefined) {
    note(stored.diagnostics);
    return stored.value === undefined
      ? { kind: "invalid", diagnostics }
      : { kind: "side", side: { kind: "plan", name: word, plan: stored.value } };
  }
  const parsed = parseNamed(read, layerFiles());
  note(parsed?.diagnostics ?? []);
  if (parsed?.value === undefined || hasErrors(diagnostics)) return { kind: "invalid", diagnostics };
  const planned = await plannedFor(parsed.value, host, events, parsed.place);
  return planned.kind === "planned"
    ? { kind: "side", side: { kind: "profile", name: word, plan: planned.plan } }
    : planned;
}

/** What the boot loader would boot by itself, planned for the host. */
async function defaultEntrySide(host: HostOnce, events: SideEvents): Promise<FoundSide> {
  const { value, diagnostics } = defineProfile({ name: "@default", boot_entry: DEFAULT_ENTRY });
  if (value === undefined) return { kind: "invalid", diagnostics };
  const planned = await plannedFor(value, host, events, withoutPath);
  return planned.kind === "planned"
    ? { kind: "side", side: { kind: "default", name: "@default", plan: planned.plan } }
    : planned;
}

/** A profile, planned for the host. */
export async function plannedFor(
  profile: Profile,
  host: HostOnce,
  events: SideEvents,
  place: (diagnostic: Diagnostic) => Diagnostic,
): Promise<{ readonly kind: "planned"; readonly plan: Plan } | NoSide> {
  const diagnostics: Diagnostic[] = [];
  const note = (found: readonly Diagnostic[]): void => {
    diagnostics.push(...found.map(place));
    events.onDiagnostics?.(found.map(place));
  };
  const found = hostFacts(host);
  if (found.kind !== "facts") return found;
  const resolved = await profileOn(profile, found.facts, host.read().captured);
  note(resolved.diagnostics);
  if (resolved.value === undefined) return { kind: "invalid", diagnostics };
  using opened = await openImages(profileFiles(resolved.value, [found.facts]), {
    captured: host.read().captured,
    facts: found.facts,
    onReading: events.onReading,
  });
  note(opened.diagnostics);
  if (hasErrors(diagnostics)) return { kind: "invalid", diagnostics };
  const planned = await planProfile(resolved.value, found.facts, opened, host.read().captured);
  note(planned.diagnostics);
  return planned.value === undefined ? { kind: "invalid", diagnostics } : { kind: "planned", plan: planned.value };
}

function hostFacts(host: HostOnce): { readonly kind: "facts"; readonly facts: HostFacts } | NoSide {
  const { facts, diagnostics } = host.read();
  return facts === undefined || hasErrors(diagnostics) ? { kind: "invalid", diagnostics } : { kind: "facts", facts };
}

async function liveSide(
  word: string,
  crash: boolean,
  host: HostOnce,
  events: SideEvents,
): Promise<FoundSide> {
  const name = LIVE_SIDES.find((each) => each === word);
  return name === undefined ? { kind: "unknown", word } : await SIDES[name](crash, host, events);
}

type LiveSide = (crash: boolean, host: HostOnce, events: SideEvents) => FoundSide | Promise<FoundSide>;

const SIDES: { readonly [name in LiveName]: LiveSide } = {
  "@running": (_crash, host) => {
    const found = hostFacts(host);
    return found.kind === "facts" ? { kind: "side", side: runningSide(found.facts) } : found;
  },
  "@loaded": (crash, host, events) => {
    if (host.path !== undefined) return { kind: "captured" };
    const found = hostFacts(host);
    if (found.kind !== "facts") return found;
    const { side, status } = findLoaded(found.facts, crash, events);
    if (side === undefined) return { kind: "not-loaded", note: status.note };
    if (status.record !== "matches") events.onNotice?.({ kind: "unconfirmed", note: status.note });
    return { kind: "side", side };
  },
  "@default": (_crash, host, events) => defaultEntrySide(host, events),
};

/** What is known of the loaded image, and the image as a side where that is enough. */
export interface LoadedImage {
  readonly status: ImageStatus;
  readonly side?: Side;
}

/** Looks the record of the loaded image up. */
function findLoaded(facts: HostFacts, crash: boolean, { onNotice }: SideEvents): LoadedImage {
  const { found, busy } = findRecord(crash ? "crash" : "reboot");
  if (busy) onNotice?.({ kind: "busy" });
  return loadedImage(facts, crash, found);
}

/** What a record says of the loaded image, as far as the kernel's own word bears it out. Pure. */
export function loadedImage(facts: HostFacts, crash: boolean, found: FoundRecord): LoadedImage {
  const slot: ImageSlot = crash ? "crash" : "reboot";
  const none = { kind: "none" } as const;
  const { images } = statusOf(facts, crash ? none : found, crash ? found : none);
  const known = images.find(({ image }) => image === slot);
  const status: ImageStatus = known ?? { image: slot, loaded: "unknown", record: "none", note: "Nothing is known" };
  const current = status.record === "matches" || status.record === "unconfirmed";
  if (found.kind === "record" && current) {
    return { status, side: { kind: "loaded", name: "@loaded", plan: found.record.plan } };
  }
  if (status.record !== "none" || status.loaded === "yes") return { status };
  const image = crash ? "crash image" : "image";
  const note = status.loaded === "no"
    ? `No ${image} is loaded`
    : `Cannot determine whether a${crash ? "" : "n"} ${image} is loaded: neither the kernel nor a record says`;
  return { status: { ...status, note } };
}

/** What is loaded, if that is known; else the running system. */
function defaultSide(a: Side, crash: boolean, host: HostOnce, events: SideEvents): FoundSide {
  const found = hostFacts(host);
  if (found.kind !== "facts") return found;
  if (host.path === undefined && a.kind !== "loaded") {
    const { status, side } = findLoaded(found.facts, crash, events);
    if (side !== undefined && status.record === "matches") return { kind: "side", side };
    if (a.kind === "running") return { kind: "alone", note: status.note };
    if (status.loaded === "yes") events.onNotice?.({ kind: "running-instead", note: status.note });
  }
  return a.kind === "running" ? { kind: "alone" } : { kind: "side", side: runningSide(found.facts) };
}

function isForCrash(side: Side): boolean {
  return side.kind !== "running" && isCrash(side.plan);
}
