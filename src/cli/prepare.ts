import { isAbsolute } from "@std/path/posix";
import { type Diagnostic, hasErrors } from "../core/diagnostic.ts";
import { collect, parseCapture } from "../host/capture.ts";
import { decodeFacts } from "../host/decode_facts.ts";
import type { HostFacts } from "../host/facts.ts";
import { hashPart, type OpenFile } from "../host/files.ts";
import { liveReader } from "../host/live.ts";
import { chooseCall } from "../plan/choose.ts";
import { partKey, type PlanInput } from "../plan/input.ts";
import { type Plan, rolesOf } from "../plan/plan.ts";
import { planBoot } from "../plan/planner.ts";
import { partsNeeded } from "../plan/segment_call.ts";
import { recheck } from "../plan/stored.ts";
import { placed, sourceOf } from "../profile/locate.ts";
import { parseProfileBytes } from "../profile/parse.ts";
import type { FileRef, Profile } from "../profile/profile.ts";
import { openImages } from "./images.ts";
import type { Ports } from "./ports.ts";
import { ownDocument, readOwn } from "./read_plan.ts";
import { FACTS_LIMIT, PLAN_LIMIT, PROFILE_LIMIT, readWhole } from "./read_whole.ts";

/** A plan and the open files behind it; or diagnostics that say why there is none. */
export interface Prepared extends Disposable {
  readonly plan: Plan | undefined;
  readonly facts: HostFacts | undefined;
  readonly files: readonly OpenFile[];
  readonly diagnostics: readonly Diagnostic[];
}

/** The facts of this host, or those captured in a file. */
export function readFacts(
  path: string | undefined,
): { readonly facts?: HostFacts; readonly diagnostics: readonly Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const capture = path === undefined ? collect(liveReader()) : captureFrom(path, diagnostics);
  if (capture === undefined) return { diagnostics };
  const decoded = decodeFacts(capture);
  diagnostics.push(...decoded.diagnostics);
  return { ...(decoded.value === undefined ? {} : { facts: decoded.value }), diagnostics };
}

function captureFrom(path: string, diagnostics: Diagnostic[]): ReturnType<typeof collect> | undefined {
  const read = readWhole(path, FACTS_LIMIT);
  diagnostics.push(...read.diagnostics);
  if (read.bytes === undefined) return undefined;
  const parsed = parseCapture(captureJson(read.bytes), read.name);
  diagnostics.push(...parsed.diagnostics);
  return parsed.value;
}

/** The JSON of a capture that may be the YAML of `facts -o yaml`: whatever else it is, the decoder tells. */
function captureJson(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes);
  const own = /^\s*\{/.test(text) ? undefined : ownDocument(bytes);
  return own === undefined || "error" in own ? text : JSON.stringify(own.value, undefined, 2);
}

/** From the path of a profile, or of a stored plan where those are welcome, to a checked plan. */
export async function prepare(
  path: string,
  options: { readonly facts: string | undefined; readonly storedPlans: boolean },
  ports: Ports,
): Promise<Prepared> {
  const diagnostics: Diagnostic[] = [];
  const none = (): Prepared => ({ plan: undefined, facts: undefined, files: [], diagnostics, [Symbol.dispose]() {} });
  const read = readWhole(path, options.storedPlans ? PLAN_LIMIT : PROFILE_LIMIT);
  diagnostics.push(...read.diagnostics);
  const { bytes, name } = read;
  if (bytes === undefined) return none();
  const source = () => sourceOf(new TextDecoder().decode(bytes), name);

  const stored = readOwn(bytes, name, options.storedPlans);
  if (stored !== undefined) diagnostics.push(...stored.diagnostics);
  const profile = stored === undefined ? parseProfileBytes(bytes, name) : undefined;
  if (profile !== undefined) diagnostics.push(...profile.diagnostics);
  if (hasErrors(diagnostics)) return none();

  const host = readFacts(options.facts);
  diagnostics.push(...host.diagnostics);
  const refs = stored?.value !== undefined ? planFiles(stored.value) : {
    kernel: profile?.value?.kernel === undefined ? undefined : absolute(profile.value.kernel),
    initrd: (profile?.value?.initrd ?? []).map(absolute),
    segments: profile === undefined || profile.value === undefined ? [] : segmentFiles(profile.value),
  };
  const opened = await openImages(refs.kernel, refs.initrd, refs.segments, ports);
  const place = (diagnostic: Diagnostic) => profile === undefined ? diagnostic : placed(diagnostic, source());
  diagnostics.push(...opened.diagnostics.map(place));
  const { facts } = host;
  if (facts === undefined || hasErrors(diagnostics)) {
    opened[Symbol.dispose]();
    return none();
  }
  let plan: Plan | undefined;
  if (stored?.value !== undefined) {
    plan = recheck(stored.value, facts, opened.images);
  } else if (profile?.value !== undefined) {
    const input = { profile: absoluteSegments(profile.value), facts, images: opened.images };
    const planned = planBoot({ ...input, partDigests: await digestParts(input, opened.files) });
    diagnostics.push(...planned.diagnostics.map(place));
    plan = planned.value;
  }
  return { plan, facts, files: opened.files, diagnostics, [Symbol.dispose]: () => opened[Symbol.dispose]() };
}

/** A plan outlives the working directory: it names every file by its absolute path. `..` stays, since it may follow a link. */
function absolute(ref: FileRef): FileRef {
  if (isAbsolute(ref.path)) return ref;
  const folder = Deno.cwd();
  return { ...ref, path: `${folder === "/" ? "" : folder}/${ref.path}` };
}

/** The digests of the parts of files that the plan's segments are made of. */
async function digestParts(input: PlanInput, files: readonly OpenFile[]): Promise<ReadonlyMap<string, string>> {
  const digests = new Map<string, string>();
  if (chooseCall(input).syscall !== "kexec_load") return digests;
  for (const part of partsNeeded(input)) {
    const file = files.find(({ path }) => path === part.path);
    if (file !== undefined) digests.set(partKey(part), await hashPart(file, part.offset, part.length));
  }
  return digests;
}

/** The files of explicit segments, each once. */
function segmentFiles(profile: Profile): readonly FileRef[] {
  const refs = absoluteSegments(profile).segments.flatMap(({ source }) => source.kind === "file" ? [source.file] : []);
  return refs.filter((ref, index) => refs.findIndex(({ path }) => path === ref.path) === index);
}

function absoluteSegments(profile: Profile): Profile {
  const segments = profile.segments.map((segment) =>
    segment.source.kind === "file"
      ? { ...segment, source: { ...segment.source, file: absolute(segment.source.file) } }
      : segment
  );
  return { ...profile, segments };
}

interface PlanFiles {
  readonly kernel: FileRef | undefined;
  readonly initrd: readonly FileRef[];
  readonly segments: readonly FileRef[];
}

function planFiles({ call }: Plan): PlanFiles {
  const { kernel, initrd, segments } = rolesOf(call);
  const ref = (path: string): FileRef => ({ path });
  return {
    kernel: kernel === undefined ? undefined : ref(kernel),
    initrd: initrd.map(ref),
    segments: segments.map(ref),
  };
}
