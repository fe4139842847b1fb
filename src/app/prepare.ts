import { digestBytes } from "../core/sha256.ts";
import { isAbsolute } from "@std/path/posix";
import { type Checked, type Diagnostic, hasErrors } from "../core/diagnostic.ts";
import { collect, parseCapture } from "../host/capture.ts";
import { decodeFacts } from "../host/decode_facts.ts";
import type { HostFacts } from "../host/facts.ts";
import type { OpenFile } from "./files/open_file.ts";
import { liveReader } from "../host/live.ts";
import { type Contents, partOf } from "../syscall/finalize.ts";
import { chooseCall } from "../plan/choose.ts";
import { type FilePart, partKey, type PlanInput } from "../plan/input.ts";
import { type Plan, rolesOf } from "../plan/plan.ts";
import { planBoot } from "../plan/planner.ts";
import { partsNeeded } from "../plan/segment_call.ts";
import { recheck } from "../plan/stored.ts";
import type { ParsedProfile } from "../profile/parse.ts";
import type { FileRef, Profile } from "../profile/profile.ts";
import { type CapturedFiles, captureLacks } from "./image_file.ts";
import { type NamedFiles, type OpenImages, openImages } from "./images.ts";
import type { Ports } from "../cli/ports.ts";
import { layerFiles } from "./layer_files.ts";
import { ownDocument, readOwn } from "./read_plan.ts";
import { parseNamed, readNamed } from "./read_profile.ts";
import { unpackImages, unpackPlanned } from "./unpack_images.ts";
import { FACTS_LIMIT, PLAN_LIMIT, PROFILE_LIMIT, readWhole } from "./files/read_whole.ts";
import { innerOf } from "../image/boot_files.ts";

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

/** What is known of a host. */
export interface ReadFacts {
  readonly facts?: HostFacts;
  /** The files that were captured with it; undefined for this host, whose files are here. */
  readonly captured?: CapturedFiles;
  readonly diagnostics: readonly Diagnostic[];
}

/** The facts of this host, or those captured in a file. */
export function readFacts(path: string | undefined): ReadFacts {
  const diagnostics: Diagnostic[] = [];
  const capture = path === undefined ? collect(liveReader()) : captureFrom(path, diagnostics);
  if (capture === undefined) return { diagnostics };
  const decoded = decodeFacts(capture);
  diagnostics.push(...decoded.diagnostics);
  return {
    ...(decoded.value === undefined ? {} : { facts: decoded.value }),
    ...(path === undefined ? {} : { captured: { images: capture.images } }),
    diagnostics,
  };
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

/** From the name or path of a profile, or the path of a stored plan where those are welcome, to a checked plan. */
export async function prepare(
  path: string,
  options: { readonly facts: string | undefined; readonly storedPlans: boolean },
  ports: Ports,
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
  const opened = await openImages(refs, ports, host.captured);
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

/** Plans a sound profile for a host, its files opened; complaints have their places. */
export async function planParsed(parsed: ParsedProfile, facts: HostFacts, opened: OpenImages): Promise<PlannedProfile> {
  if (parsed.value === undefined) return { value: undefined, diagnostics: parsed.diagnostics, contents: new Map() };
  const packed = { profile: absoluteSegments(parsed.value), facts, images: opened.images };
  const unpacked = await unpackImages(packed, opened);
  const contents = new Map([...opened.contents, ...unpacked.contents]);
  const input = { ...packed, images: unpacked.images };
  const { partDigests, diagnostics } = hasErrors(unpacked.diagnostics)
    ? { partDigests: new Map(), diagnostics: [] }
    : await digestParts(input, opened, contents);
  const faults = [...unpacked.diagnostics, ...diagnostics];
  const planned = hasErrors(faults) ? { value: undefined, diagnostics: faults } : planBoot({ ...input, partDigests });
  return {
    value: planned.value,
    diagnostics: planned.diagnostics.map(parsed.place),
    contents,
  };
}

/** A plan, and what files unpack to whose parts it places. */
export interface PlannedProfile extends Checked<Plan> {
  readonly contents: Contents;
}

/** The files that a profile names, by absolute paths. */
export function profileFiles(profile: Profile | undefined): NamedFiles {
  return {
    kernel: profile?.kernel === undefined ? undefined : absolute(profile.kernel),
    initrd: (profile?.initrd ?? []).map(absolute),
    dtb: profile?.dtb === undefined ? undefined : absolute(profile.dtb),
    segments: profile === undefined ? [] : segmentFiles(profile),
  };
}

/** A plan outlives the working directory: it names every file by its absolute path. `..` stays, since it may follow a link. */
function absolute(ref: FileRef): FileRef {
  if (isAbsolute(ref.path)) return ref;
  const folder = Deno.cwd();
  return { ...ref, path: `${folder === "/" ? "" : folder}/${ref.path}` };
}

/** The digests of the parts of files that the plan's segments are made of; what a capture lacks is an error. */
async function digestParts(
  input: PlanInput,
  opened: OpenImages,
  contents: Contents,
): Promise<{ readonly partDigests: ReadonlyMap<string, string>; readonly diagnostics: readonly Diagnostic[] }> {
  const partDigests = new Map<string, string>();
  const diagnostics: Diagnostic[] = [];
  if (chooseCall(input).syscall !== "kexec_load") return { partDigests, diagnostics };
  for (const part of partsNeeded(input)) {
    const digest = part.unpacked === true
      ? await digestUnpacked(part, contents) ?? innerDigest(part, input)
      : await opened.digestPart(part);
    if (digest === undefined) diagnostics.push(captureLacks(part.path));
    else partDigests.set(partKey(part), digest);
  }
  return { partDigests, diagnostics };
}

/** Of a captured kernel that is placed unpacked, all of it. */
function innerDigest({ path, offset, length }: FilePart, { images: { kernel } }: PlanInput): string | undefined {
  const inner = kernel?.path === path ? innerOf(kernel) : undefined;
  return inner !== undefined && offset === 0 && length === inner.size ? inner.sha256 : undefined;
}

async function digestUnpacked(part: FilePart, contents: Contents): Promise<string | undefined> {
  const bytes = contents.get(part.path);
  if (bytes === undefined) return undefined;
  return await digestBytes(partOf(bytes, part));
}

/** The files of explicit segments, each once. */
function segmentFiles(profile: Profile): readonly FileRef[] {
  const refs = absoluteSegments(profile).segments.flatMap(({ source }) => source.kind === "file" ? [source.file] : []);
  return refs.filter((ref, index) => refs.findIndex(({ path }) => path === ref.path) === index);
}

/** A profile whose segments name their files by absolute paths. */
export function absoluteSegments(profile: Profile): Profile {
  const segments = profile.segments.map((segment) =>
    segment.source.kind === "file"
      ? { ...segment, source: { ...segment.source, file: absolute(segment.source.file) } }
      : segment
  );
  return { ...profile, segments };
}

function planFiles({ call }: Plan): NamedFiles {
  const { kernel, initrd, dtb, segments } = rolesOf(call);
  const ref = (path: string): FileRef => ({ path });
  return {
    kernel: kernel === undefined ? undefined : ref(kernel),
    initrd: initrd.map(ref),
    dtb: dtb === undefined ? undefined : ref(dtb),
    segments: segments.map(ref),
  };
}
