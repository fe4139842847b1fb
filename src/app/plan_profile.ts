import { digestBytes } from "../core/sha256.ts";
import { type Checked, type Diagnostic, hasErrors } from "../core/diagnostic.ts";
import { omitUndefined } from "../core/shape.ts";
import type { HostFacts } from "../host/facts.ts";
import { innerOf } from "../image/boot_files.ts";
import { chooseCall } from "../plan/choose.ts";
import { type FilePart, partKey, type PlanInput } from "../plan/input.ts";
import type { Plan } from "../plan/plan.ts";
import { driftOf } from "../plan/drift.ts";
import { planBoot } from "../plan/planner.ts";
import { profileOfPlan, recheck } from "../plan/stored.ts";
import { partsNeeded } from "../plan/segment_call.ts";
import type { Profile } from "../profile/profile.ts";
import { type Contents, partOf } from "../syscall/finalize.ts";
import { describeEntry, entryProblem } from "../entry/found_entry.ts";
import { coldReboot } from "../entry/cold_reboot.ts";
import { bootFiles } from "./boot_files.ts";
import { coldBootOn } from "./entry_files.ts";
import { type CapturedFiles, captureLacks } from "./image_file.ts";
import type { OpenImages } from "./images.ts";
import { absoluteSegments } from "./named_files.ts";
import { unpackImages } from "./unpack_images.ts";

/** Plans a profile for a host, its files opened; `captured`: what else is known of that host, if it is another one. */
export async function planProfile(
  profile: Profile,
  facts: HostFacts,
  opened: OpenImages,
  captured: CapturedFiles | undefined,
  failed?: PlanInput["failed"],
): Promise<PlannedProfile> {
  const { input, contents, diagnostics } = await planInput(profile, facts, opened, captured);
  const known = failed === undefined ? {} : { failed };
  const planned = hasErrors(diagnostics) ? { value: undefined, diagnostics } : planBoot({ ...input, ...known });
  return { ...planned, contents };
}

/** Checks a stored plan against the host, its files opened: it is made again, and must come out the same. */
export async function planStored(
  plan: Plan,
  facts: HostFacts,
  opened: OpenImages,
  captured?: CapturedFiles,
  failed?: PlanInput["failed"],
): Promise<PlannedProfile> {
  const moved = movedEntry(plan, facts, captured);
  if (moved !== undefined) return { value: undefined, diagnostics: [moved], contents: opened.contents };
  const profile = profileOfPlan(plan);
  // Where the host or a file obviously changed, that is what the plan's check says; the file may no longer unpack.
  if (profile === undefined || driftOf(plan, facts, opened.images).length > 0) {
    return {
      value: recheck(plan, facts, opened.images, undefined, omitUndefined({ failed })),
      diagnostics: [],
      contents: opened.contents,
    };
  }
  const { input, contents, diagnostics } = await planInput(profile, facts, opened, captured);
  if (hasErrors(diagnostics)) return { value: undefined, diagnostics, contents };
  const { partDigests, coldReboot } = input;
  const known = omitUndefined({ failed, coldReboot });
  return { value: recheck(plan, facts, input.images, partDigests, known), diagnostics, contents };
}

/** That the boot loader would boot something else than when the plan was made. */
function movedEntry({ declared }: Plan, facts: HostFacts, captured: CapturedFiles | undefined): Diagnostic | undefined {
  if (declared?.bootEntry === undefined) return undefined;
  const { id, found } = declared.bootEntry;
  const { value, diagnostics } = coldBootOn(facts, captured, id);
  if (value === undefined) return diagnostics.find(({ severity }) => severity === "error");
  const now = describeEntry(value);
  return now === found ? undefined : entryProblem(
    `Since the plan was made, the boot loader changed. Then: ${found}. Now: ${now}`,
    "Re-create the plan and review it",
  );
}

/** What the planner needs of the open files: what they unpack to as far as it is placed, and the digests of their parts. */
async function planInput(
  profile: Profile,
  facts: HostFacts,
  opened: OpenImages,
  captured: CapturedFiles | undefined,
): Promise<{ readonly input: PlanInput; readonly contents: Contents; readonly diagnostics: readonly Diagnostic[] }> {
  const { guard } = profile;
  const packed: PlanInput = {
    profile: absoluteSegments(profile),
    facts,
    images: opened.images,
    ...(guard === undefined ? {} : { coldReboot: coldReboot(bootFiles(captured), facts, guard) }),
  };
  const unpacked = await unpackImages(packed, opened);
  const contents = new Map([...opened.contents, ...unpacked.contents]);
  const input = { ...packed, images: unpacked.images };
  const { partDigests, diagnostics } = hasErrors(unpacked.diagnostics)
    ? { partDigests: new Map(), diagnostics: [] }
    : await digestParts(input, opened, contents);
  return { input: { ...input, partDigests }, contents, diagnostics: [...unpacked.diagnostics, ...diagnostics] };
}

/** A plan, and what files unpack to whose parts it places. */
export interface PlannedProfile extends Checked<Plan> {
  readonly contents: Contents;
}

/** The digests of the parts of files that the plan's segments are made of; what a capture lacks is an error. */
async function digestParts(
  input: PlanInput,
  opened: OpenImages,
  contents: Contents,
): Promise<{ readonly partDigests: ReadonlyMap<string, string>; readonly diagnostics: readonly Diagnostic[] }> {
  const partDigests = new Map<string, string>();
  const diagnostics: Diagnostic[] = [];
  // Explicit segments are placed by kexec_load, whatever an edited plan asks for.
  const isPlaced = input.images.kernel === undefined || chooseCall(input).syscall === "kexec_load";
  if (!isPlaced) return { partDigests, diagnostics };
  for (const part of partsNeeded(input)) {
    const digest = part.unpacked === true
      ? await digestUnpacked(part, contents) ?? innerDigest(part, input)
      : await opened.digestPart(part);
    if (digest === undefined) diagnostics.push(captureLacks(part.path));
    else partDigests.set(partKey(part), digest);
  }
  return { partDigests, diagnostics };
}

/** Of a captured kernel that is placed unpacked, all of it or the parts that were captured. */
function innerDigest({ path, offset, length }: FilePart, { images: { kernel } }: PlanInput): string | undefined {
  const inner = kernel?.path === path ? innerOf(kernel) : undefined;
  if (inner === undefined) return undefined;
  if (offset === 0 && length === inner.size) return inner.sha256;
  return inner.parts?.find((part) => part.offset === offset && part.length === length)?.sha256;
}

async function digestUnpacked(part: FilePart, contents: Contents): Promise<string | undefined> {
  const bytes = contents.get(part.path);
  if (bytes === undefined) return undefined;
  return await digestBytes(partOf(bytes, part));
}
