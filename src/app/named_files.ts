import { isAbsolute } from "@std/path/posix";
import type { HostFacts } from "../host/facts.ts";
import { initProgram, initProgramOf } from "../plan/init_program.ts";
import { type Plan, rolesOf } from "../plan/plan.ts";
import { MAKER_FILES, RAMOOPS_MODULE } from "../image/initrd_maker.ts";
import type { FileRef, Guard, Profile } from "../profile/profile.ts";

/** The files of a profile or plan by what they are to it, and what is asked of them. */
export interface NamedFiles {
  readonly kernel: FileRef | undefined;
  readonly initrd: readonly FileRef[];
  readonly dtb?: FileRef | undefined;
  readonly modules?: readonly FileRef[];
  readonly segments: readonly FileRef[];
  /** The files to look for in the initrds: what may start first, and with a guard what it depends on. */
  readonly programs: readonly string[];
}

/** The files that a profile names, by absolute paths, and what hosts ask of them. */
export function profileFiles(profile: Profile | undefined, hosts: readonly HostFacts[]): NamedFiles {
  return {
    kernel: profile?.kernel === undefined ? undefined : absolute(profile.kernel),
    initrd: (profile?.initrd ?? []).map(absolute),
    dtb: profile?.dtb === undefined ? undefined : absolute(profile.dtb),
    modules: (profile?.modules ?? []).map(absolute),
    segments: profile === undefined ? [] : segmentFiles(profile),
    programs: profile === undefined
      ? []
      : [...new Set(hosts.map((facts) => initProgram(profile, facts))), ...guardFiles(profile)],
  };
}

/** A plan outlives the working directory: it names every file by its absolute path. `..` stays, since it may follow a link. */
export function absolutePath(path: string): string {
  if (isAbsolute(path)) return path;
  const folder = Deno.cwd();
  return `${folder === "/" ? "" : folder}/${path}`;
}

function absolute(ref: FileRef): FileRef {
  return { ...ref, path: absolutePath(ref.path) };
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

/** The files that a stored plan names. */
export function planFiles({ call, declared, guard }: Plan): NamedFiles {
  const { kernel, initrd, dtb } = declared ?? rolesOf(call);
  const modules = declared === undefined ? rolesOf(call).modules : (declared.modules ?? []).map(({ path }) => path);
  // Explicit segments are not repeated in `declared`.
  const segments = kernel === undefined && call.syscall === "kexec_load"
    ? [...new Set(call.segments.flatMap(({ source }) => "path" in source ? [source.path] : []))]
    : [];
  const ref = (path: string): FileRef => ({ path });
  return {
    kernel: kernel === undefined ? undefined : ref(kernel),
    initrd: initrd.map(ref),
    dtb: dtb === undefined ? undefined : ref(dtb),
    modules: modules.map(ref),
    segments: segments.map(ref),
    programs: [initProgramOf(call.cmdline), ...guardFiles({ guard })],
  };
}

/** What a guard asks of the initrds: whose program runs in them, and whether they have the module that keeps its log. */
function guardFiles({ guard }: { readonly guard?: Guard | undefined }): readonly string[] {
  if (guard === undefined) return [];
  return guard.log === undefined ? MAKER_FILES : [...MAKER_FILES, RAMOOPS_MODULE];
}
