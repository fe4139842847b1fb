import { hasErrors } from "../core/diagnostic.ts";
import type { ExitName } from "../core/program.ts";
import { nearest } from "../core/nearest.ts";
import { runningSide, type Side } from "../diff/side.ts";
import type { HostFacts } from "../host/facts.ts";
import { type ImageStatus, statusOf } from "../state/status.ts";
import { isCrash } from "../plan/stored.ts";
import { openImages } from "./images.ts";
import { layerFiles } from "./layer_files.ts";
import type { Ports } from "../cli/ports.ts";
import { planParsed, profileFiles, type ReadFacts, readFacts } from "./prepare.ts";
import { readOwn } from "./read_plan.ts";
import { parseNamed, readNamed } from "./read_profile.ts";
import { PLAN_LIMIT } from "./files/read_whole.ts";
import { findRecord, type ImageSlot } from "../state/record_store.ts";
import { complain, exitOf, report, say, warn } from "../cli/report.ts";
import type { FoundRecord } from "../state/record.ts";

/** The words that name no file. */
const LIVE = ["@running", "@loaded"] as const;
type Live = typeof LIVE[number];

/** A side, or how the program exits: what is wrong has been told. */
export type FoundSide = { readonly side: Side } | { readonly exit: ExitName };

/** Reads the host at most once, and only if a side is about it: two stored plans need none. */
export interface HostOnce {
  /** The capture; undefined for this host. */
  readonly path: string | undefined;
  read(): ReadFacts;
}

/** The host of `--facts`, or this one. What is wrong with its facts is told when they are read. */
export function hostOnce(path: string | undefined, ports: Ports): HostOnce {
  let known: ReadFacts | undefined;
  const read = (): ReadFacts => {
    const facts = readFacts(path);
    report(facts.diagnostics, ports);
    return facts;
  };
  return { path, read: () => known ??= read() };
}

/** The two sides of a diff; without a second word, what is loaded or else what is running. */
export async function diffOperands(
  words: readonly string[],
  host: HostOnce,
  ports: Ports,
): Promise<readonly [Side, Side] | ExitName> {
  const [first = "", second] = words;
  const known = new Map<string, FoundSide>();
  // Files come first: which image @loaded is about, the other side says.
  for (const word of new Set(words.filter((each) => !each.startsWith("@")))) {
    known.set(word, await fileSide(word, host, ports));
  }
  const crash = known.values().some((found) => "side" in found && isForCrash(found.side));
  for (const word of new Set(words.filter((each) => each.startsWith("@")))) {
    known.set(word, liveSide(word, crash, host, ports));
  }
  const a = known.get(first);
  if (a === undefined) return "usage";
  if ("exit" in a) return a.exit;
  const b = second === undefined ? defaultSide(a.side, crash, host, ports) : known.get(second) ?? a;
  return "exit" in b ? b.exit : [a.side, b.side];
}

/** A profile, planned for the host, or a stored plan as it is. */
export async function fileSide(word: string, host: HostOnce, ports: Ports): Promise<FoundSide> {
  const read = readNamed(word, PLAN_LIMIT);
  if (read.bytes === undefined) return { exit: report(read.diagnostics, ports) };
  const stored = readOwn(read.bytes, read.name, true);
  if (stored !== undefined) {
    const exit = report([...read.diagnostics, ...stored.diagnostics], ports);
    return stored.value === undefined ? { exit } : { side: { kind: "plan", name: word, plan: stored.value } };
  }
  const parsed = parseNamed(read, layerFiles());
  const exit = report([...read.diagnostics, ...parsed?.diagnostics ?? []], ports);
  if (parsed?.value === undefined || hasErrors(parsed.diagnostics)) return { exit };
  const facts = hostFacts(host);
  if ("exit" in facts) return facts;
  const refs = profileFiles(parsed.value);
  using opened = await openImages(refs, ports, host.read().captured);
  const lost = report(opened.diagnostics.map(parsed.place), ports);
  if (hasErrors(opened.diagnostics)) return { exit: lost };
  const planned = await planParsed(parsed, facts.facts, opened);
  const failed = report(planned.diagnostics, ports);
  return planned.value === undefined
    ? { exit: failed }
    : { side: { kind: "profile", name: word, plan: planned.value } };
}

function hostFacts(host: HostOnce): { readonly facts: HostFacts } | { readonly exit: ExitName } {
  const { facts, diagnostics } = host.read();
  return facts === undefined || hasErrors(diagnostics) ? { exit: exitOf(diagnostics) } : { facts };
}

function liveSide(word: string, crash: boolean, host: HostOnce, ports: Ports): FoundSide {
  const name = LIVE.find((each) => each === word);
  if (name === undefined) {
    const near = nearest(word, LIVE);
    complain(
      `There is no side "${word}"`,
      near === undefined ? `There are ${LIVE.join(" and ")}; write a file as ./${word}` : `Did you mean ${near}?`,
      ports,
    );
    return { exit: "usage" };
  }
  return SIDES[name](crash, host, ports);
}

const SIDES: { readonly [name in Live]: (crash: boolean, host: HostOnce, ports: Ports) => FoundSide } = {
  "@running": (_crash, host) => {
    const found = hostFacts(host);
    return "exit" in found ? found : { side: runningSide(found.facts) };
  },
  "@loaded": (crash, host, ports) => {
    if (host.path !== undefined) {
      complain(
        "A capture does not tell which image is loaded",
        "Run diff on the host itself, without --facts, or compare with @running",
        ports,
      );
      return { exit: "unavailable" };
    }
    const found = hostFacts(host);
    if ("exit" in found) return found;
    const loaded = findLoaded(found.facts, crash, ports);
    if (loaded.side === undefined) {
      complain(loaded.status.note, "Load one with warmboot load, or compare with @running", ports);
      return { exit: "unavailable" };
    }
    if (loaded.status.record !== "matches") warn(loaded.status.note, undefined, ports);
    return { side: loaded.side };
  },
};

/** What is known of the loaded image, and the image as a side where that is enough. */
export interface LoadedImage {
  readonly status: ImageStatus;
  readonly side?: Side;
}

/** Looks the record of the loaded image up. */
function findLoaded(facts: HostFacts, crash: boolean, ports: Ports): LoadedImage {
  const { found, busy } = findRecord(crash ? "crash" : "reboot");
  if (busy) say("Another warmboot is loading an image right now; this is how it was before", ports);
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
    : `Whether a${crash ? "" : "n"} ${image} is loaded is not known: the kernel does not say, and no record does`;
  return { status: { ...status, note } };
}

/** What is loaded, if that is known; else the running system. */
function defaultSide(a: Side, crash: boolean, host: HostOnce, ports: Ports): FoundSide {
  const found = hostFacts(host);
  if ("exit" in found) return found;
  if (host.path === undefined && a.kind !== "loaded") {
    const { status, side } = findLoaded(found.facts, crash, ports);
    if (side !== undefined && status.record === "matches") return { side };
    if (a.kind === "running") {
      complain(`There is nothing to compare @running with: ${status.note}`, "Name a profile or a plan", ports);
      return { exit: "unavailable" };
    }
    if (status.loaded === "yes") say(`${status.note}; compared with the running system`, ports);
  }
  if (a.kind === "running") {
    complain("There is nothing to compare @running with", "Name a profile or a plan", ports);
    return { exit: "usage" };
  }
  return { side: runningSide(found.facts) };
}

function isForCrash(side: Side): boolean {
  return side.kind !== "running" && isCrash(side.plan);
}
