import { isAbsolute } from "@std/path/posix";
import { omitUndefined } from "../core/shape.ts";
import type { HostFacts } from "../host/facts.ts";
import { initProgram, initProgramOf } from "../plan/init_program.ts";
import type { FurtherDemands } from "../plan/further_files.ts";
import { itemOf } from "../plan/declared_files.ts";
import { type Plan, rolesOf } from "../plan/plan.ts";
import { profileOfPlan } from "../plan/stored.ts";
import { CRYPT_FILES } from "../image/initrd_crypt.ts";
import { MAKER_FILES, RAMOOPS_MODULE } from "../image/initrd_maker.ts";
import { NETWORK_FILES } from "../image/initrd_network.ts";
import { isFiles } from "../profile/overlay_file.ts";
import type { FileRef, Guard, InitrdItem, Profile, Unlock } from "../profile/profile.ts";

/** The files of a profile or plan by what they are to it, and what is asked of them. */
export interface NamedFiles {
  readonly kernel: FileRef | undefined;
  readonly initrd: readonly InitrdItem[];
  readonly dtb?: FileRef | undefined;
  readonly modules?: readonly FileRef[];
  readonly segments: readonly FileRef[];
  /** What adds files to the initrds, besides those of `initrd`. */
  readonly further?: FurtherDemands;
  /** The files to look for in the initrds, as absolute paths: what may start first, and with a guard what it depends on. */
  readonly programs: readonly string[];
}

/** The files that a profile names, by absolute paths, and what hosts ask of them. */
export function profileFiles(profile: Profile | undefined, hosts: readonly HostFacts[]): NamedFiles {
  return {
    kernel: profile?.kernel === undefined ? undefined : absolute(profile.kernel),
    initrd: (profile?.initrd ?? []).map(absoluteItem),
    ...omitUndefined({ further: furtherDemands(profile) }),
    dtb: profile?.dtb === undefined ? undefined : absolute(profile.dtb),
    modules: (profile?.modules ?? []).map(absolute),
    segments: profile === undefined ? [] : segmentFiles(profile),
    programs: profile === undefined ? [] : [
      ...new Set([
        ...hosts.map((facts) => initProgram(profile, facts)),
        ...guardFiles(profile),
        ...unlockFiles(profile),
        ...carryFiles(profile),
      ]),
    ],
  };
}

/** A plan outlives the working directory: it names every file by its absolute path. `..` stays, since it may follow a link. */
export function absolutePath(path: string): string {
  if (isAbsolute(path)) return path;
  const folder = Deno.cwd();
  return `${folder === "/" ? "" : folder}/${path}`;
}

function absolute<Ref extends { readonly path: string }>(ref: Ref): Ref {
  return { ...ref, path: absolutePath(ref.path) };
}

/** An entry of `initrd` whose files of the host have absolute paths. */
export function absoluteItem(item: InitrdItem): InitrdItem {
  if (!isFiles(item)) return absolute(item);
  return {
    files: item.files.map((file) => file.content.kind === "from" ? { ...file, content: absolute(file.content) } : file),
  };
}

/** The keys of a profile, or of the profile of a plan, that add files to the initrds; undefined if it has none of them. */
function furtherDemands(profile: Profile | undefined): FurtherDemands | undefined {
  if (profile === undefined || (profile.unlock.length === 0 && profile.carry.length === 0)) return undefined;
  const { cmdline, crash, carry } = profile;
  const entries = profile.unlock.map(absoluteKey);
  return { carry, ...(entries.length === 0 ? {} : { unlock: { entries, cmdline, crash } }) };
}

/** A volume whose key file has an absolute path. */
function absoluteKey(entry: Unlock): Unlock {
  return entry.key.kind === "from" ? { ...entry, key: absolute(entry.key) } : entry;
}

/** What opens volumes in an initrd, and what makes it. */
function unlockFiles({ unlock = [] }: { readonly unlock?: readonly unknown[] }): readonly string[] {
  return unlock.length === 0 ? [] : [...MAKER_FILES, ...CRYPT_FILES];
}

/** The files of explicit segments, each once. */
function segmentFiles(profile: Profile): readonly FileRef[] {
  const refs = absoluteSegments(profile).segments.flatMap(({ source }) => source.kind === "file" ? [source.file] : []);
  return refs.filter((ref, index) => refs.findIndex(({ path }) => path === ref.path) === index);
}

/** A profile whose segments, initrds, keys and files for the next initrd name files of the host by absolute paths. */
export function absoluteSegments(profile: Profile): Profile {
  const segments = profile.segments.map((segment) =>
    segment.source.kind === "file"
      ? { ...segment, source: { ...segment.source, file: absolute(segment.source.file) } }
      : segment
  );
  return { ...profile, initrd: profile.initrd.map(absoluteItem), segments, unlock: profile.unlock.map(absoluteKey) };
}

/** The files that a stored plan names. */
export function planFiles(plan: Plan): NamedFiles {
  const { call, declared, guard } = plan;
  const { kernel, dtb } = declared ?? rolesOf(call);
  const initrd = declared === undefined ? rolesOf(call).initrd.map((path) => ({ path })) : declared.initrd.map(itemOf);
  const modules = declared === undefined ? rolesOf(call).modules : (declared.modules ?? []).map(({ path }) => path);
  // Explicit segments are not repeated in `declared`.
  const segments = kernel === undefined && call.syscall === "kexec_load"
    ? [...new Set(call.segments.flatMap(({ source }) => "path" in source ? [source.path] : []))]
    : [];
  const ref = (path: string): FileRef => ({ path });
  return {
    kernel: kernel === undefined ? undefined : ref(kernel),
    initrd,
    ...omitUndefined({ further: furtherDemands(profileOfPlan(plan)) }),
    dtb: dtb === undefined ? undefined : ref(dtb),
    modules: modules.map(ref),
    segments: segments.map(ref),
    programs: [
      initProgramOf(call.cmdline),
      ...guardFiles({ guard }),
      ...unlockFiles(plan),
      ...carryFiles(profileOfPlan(plan)),
    ],
  };
}

/** What `carry` asks of the initrds: what configures the network in them. */
function carryFiles(profile: Profile | undefined): readonly string[] {
  return profile?.carry.includes("network") === true ? NETWORK_FILES : [];
}

/** What a guard asks of the initrds: whose program runs in them, and whether they have the module that keeps its log. */
function guardFiles({ guard }: { readonly guard?: Guard | undefined }): readonly string[] {
  if (guard === undefined) return [];
  return guard.log === undefined ? MAKER_FILES : [...MAKER_FILES, RAMOOPS_MODULE];
}
