import { type Diagnostic, hasErrors } from "../core/diagnostic.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Plan } from "../plan/plan.ts";
import { recheck } from "../plan/stored.ts";
import type { Contents } from "../syscall/finalize.ts";
import { PLAN_LIMIT, PROFILE_LIMIT } from "./files/read_whole.ts";
import type { OpenFile } from "./files/open_file.ts";
import type { Reading } from "./image_file.ts";
import { openImages } from "./images.ts";
import { layerFiles } from "./layer_files.ts";
import { planFiles, profileFiles } from "./named_files.ts";
import { planParsed } from "./plan_profile.ts";
import { readFacts } from "./read_facts.ts";
import { readOwn } from "./read_plan.ts";
import { parseNamed, readNamed } from "./read_profile.ts";
import { unpackPlanned } from "./unpack_images.ts";

/** A plan and the open files behind it; or diagnostics that say why there is none. */
export interface Prepared extends Disposable {
  readonly plan: Plan | undefined;
  readonly facts: HostFacts | undefined;
  readonly files: readonly OpenFile[];
  /** What some of them unpack to, where that is placed. */
  readonly contents: Contents;
  /** The files that the profile is made of; of a stored plan, none. */
  readonly profileFiles: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

/** How a plan is prepared. */
export interface PrepareOptions {
  /** The file of a captured host; undefined for this one. */
  readonly facts: string | undefined;
  /** Whether a stored plan may be given. */
  readonly storedPlans: boolean;
  readonly onReading?: Reading | undefined;
}

/** From the name or path of a profile, or the path of a stored plan where those are welcome, to a checked plan. */
export async function prepare(
  path: string,
  options: PrepareOptions,
): Promise<Prepared> {
  const diagnostics: Diagnostic[] = [];
  const none = (): Prepared => ({
    plan: undefined,
    facts: undefined,
    files: [],
    contents: new Map(),
    profileFiles: [],
    diagnostics,
    [Symbol.dispose]() {},
  });
  const read = readNamed(path, options.storedPlans ? PLAN_LIMIT : PROFILE_LIMIT);
  diagnostics.push(...read.diagnostics);
  const { bytes, name } = read;
  if (bytes === undefined) return none();

  const stored = readOwn(bytes, name, options.storedPlans);
  if (stored !== undefined) diagnostics.push(...stored.diagnostics);
  const profile = stored === undefined ? parseNamed(read, layerFiles()) : undefined;
  if (profile !== undefined) diagnostics.push(...profile.diagnostics);
  if (hasErrors(diagnostics)) return none();

  const host = readFacts(options.facts);
  diagnostics.push(...host.diagnostics);
  const refs = stored?.value !== undefined ? planFiles(stored.value) : profileFiles(profile?.value);
  const opened = await openImages(refs, { captured: host.captured, onReading: options.onReading });
  const place = (diagnostic: Diagnostic) => profile?.place(diagnostic) ?? diagnostic;
  diagnostics.push(...opened.diagnostics.map(place));
  const { facts } = host;
  if (facts === undefined || hasErrors(diagnostics)) {
    opened[Symbol.dispose]();
    return none();
  }
  let plan: Plan | undefined;
  let contents: Contents = new Map();
  if (stored?.value !== undefined) {
    plan = recheck(stored.value, facts, opened.images);
    const unpacked = await unpackPlanned(stored.value, opened.images, opened);
    diagnostics.push(...unpacked.diagnostics);
    contents = unpacked.contents;
  } else if (profile?.value !== undefined) {
    const planned = await planParsed(profile, facts, opened);
    diagnostics.push(...planned.diagnostics);
    plan = planned.value;
    contents = planned.contents;
  }
  return {
    plan,
    facts,
    files: opened.files,
    contents,
    profileFiles: profile?.layers.map(({ file }) => file) ?? [],
    diagnostics,
    [Symbol.dispose]: () => opened[Symbol.dispose](),
  };
}
