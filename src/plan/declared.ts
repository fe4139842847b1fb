import { formatAddress } from "../core/number.ts";
import { KEXEC_ARCHITECTURES } from "../core/kexec_arch.ts";
import { sha256Of } from "../core/sha256.ts";
import { choice, either, flag, list, pattern, record, type Shape, text } from "../core/shape.ts";
import type { Images } from "../image/boot_files.ts";
import { isFiles } from "../profile/overlay_file.ts";
import { requiresOf } from "../profile/planned_requires.ts";
import { FILE_FLAG_KEYS, type Profile, type SegmentSource, type SegmentSpec } from "../profile/profile.ts";
import { unbindOf } from "../profile/unbind_shape.ts";
import { declaredFiles, type DeclaredInitrd, declaredInitrd, itemOf } from "./declared_files.ts";
import { carryOf } from "./carry/planned_carry.ts";
import { unlockOf } from "./unlock/planned.ts";
import { guardOf } from "./guard.ts";
import type { Call, Declared, Plan, PlannedSegment, PlannedSource } from "./plan.ts";

/** What a plan keeps of its profile. `cmdline` is resolved; `call` is what was planned. */
export function declaredOf(profile: Profile, images: Images, cmdline: string, call: Call): Declared {
  const { entry, memory: { min, max } } = profile;
  return {
    load: profile.load,
    arch: profile.arch,
    ...(images.kernel === undefined ? {} : { kernel: images.kernel.path }),
    initrd: declaredInitrds(profile, images),
    ...(images.dtb === undefined ? {} : { dtb: images.dtb.path }),
    ...(profile.modules.length === 0 ? {} : {
      modules: (images.modules ?? []).map(({ path }, index) => ({
        path,
        cmdline: profile.modules[index]?.cmdline ?? "",
      })),
    }),
    ...(profile.bootEntry?.found === undefined
      ? {}
      : { bootEntry: { id: profile.bootEntry.id, found: profile.bootEntry.found } }),
    cmdline,
    crash: profile.crash,
    preserveContext: profile.preserveContext,
    reentrant: profile.reentrant,
    ...(entry === undefined ? {} : { entry: formatAddress(entry) }),
    ...(images.kernel === undefined ? { segments: sha256Of(JSON.stringify(explicitSegments(call))) } : {}),
    ...(min === undefined ? {} : { memoryMin: formatAddress(min) }),
    ...(max === undefined ? {} : { memoryMax: formatAddress(max) }),
    checksum: profile.checksum === true ? "fastest" : profile.checksum === false ? "none" : profile.checksum,
    predecompress: profile.predecompress,
    ...(profile.preservedState === "keep" ? {} : { preservedState: profile.preservedState }),
    ...(profile.fileFlags.length === 0 ? {} : { fileFlags: profile.fileFlags }),
    stamp: profile.stamp,
  };
}

/** The entries of `initrd`, with the paths that the files have on the host. */
function declaredInitrds({ initrd }: Profile, images: Images): readonly DeclaredInitrd[] {
  const paths = images.initrd.flatMap(({ path, overlay }) => overlay === undefined ? [path] : []);
  let next = 0;
  return initrd.map((item) => isFiles(item) ? declaredFiles(item.files) : paths[next++] ?? item.path);
}

/** How the segments are verified, as the profile has it. */
export function checksumOfDeclared(checksum: Declared["checksum"]): Profile["checksum"] {
  return checksum === "fastest" ? true : checksum === "none" ? false : checksum;
}

/** The profile that a plan says it was made from. */
export function declaredProfile(plan: Plan, declared: Declared): Profile {
  const { kernel, dtb, cmdline, entry, memoryMin, memoryMax, checksum } = declared;
  return {
    version: 1,
    name: plan.profile,
    ...(plan.requires === undefined ? {} : { requires: requiresOf(plan.requires) }),
    ...(kernel === undefined ? {} : { kernel: { path: kernel } }),
    initrd: declared.initrd.map(itemOf),
    ...(dtb === undefined ? {} : { dtb: { path: dtb } }),
    modules: declared.modules ?? [],
    ...(declared.bootEntry === undefined ? {} : { bootEntry: declared.bootEntry }),
    cmdline: { kind: "parameters", parameters: cmdline === "" ? [] : [cmdline] },
    crash: declared.crash,
    preserveContext: declared.preserveContext,
    reentrant: declared.reentrant,
    load: declared.load,
    arch: declared.arch,
    ...(entry === undefined ? {} : { entry: BigInt(entry) }),
    segments: kernel === undefined ? explicitSegments(plan.call).map(specOf) : [],
    memory: {
      ...(memoryMin === undefined ? {} : { min: BigInt(memoryMin) }),
      ...(memoryMax === undefined ? {} : { max: BigInt(memoryMax) }),
    },
    checksum: checksumOfDeclared(checksum),
    predecompress: declared.predecompress,
    preservedState: declared.preservedState ?? "keep",
    fileFlags: declared.fileFlags ?? [],
    ...unbindOf(plan.unbind),
    unlock: unlockOf(plan.unlock),
    ...(plan.guard === undefined ? {} : { guard: guardOf(plan.guard) }),
    carry: carryOf(plan.carry),
    stamp: declared.stamp,
    stated: [],
  };
}

/** The segments that the profile states: all but the purgatory, which is laid out last where anything is verified. */
function explicitSegments(call: Call): readonly PlannedSegment[] {
  if (call.syscall !== "kexec_load") return [];
  return call.checksum === undefined ? call.segments : call.segments.slice(0, -1);
}

function specOf({ name, mem, memsz, source }: PlannedSegment): SegmentSpec {
  return { name, at: BigInt(mem), size: BigInt(memsz), source: sourceOf(source) };
}

function sourceOf(source: PlannedSource): SegmentSource {
  switch (source.kind) {
    case "file":
      return {
        kind: "file",
        file: { path: source.path },
        offset: BigInt(source.offset),
        length: BigInt(source.length),
      };
    case "bytes":
      return { kind: "bytes", bytes: Uint8Array.fromBase64(source.base64) };
    // A profile cannot state the other kind: what is derived then differs from the plan.
    case "unpacked":
    case "overlay":
    case "zero":
      return { kind: "zero" };
  }
}

const optional = { value: undefined };
const AUTO = choice(["auto"]);
// A NUL would end the path early.
// deno-lint-ignore no-control-regex
const path = pattern("an absolute path", /^\/[^\u0000]*$/);
const address = pattern("a hexadecimal number as 0x1000", /^0x[0-9a-f]{1,16}$/);
// deno-lint-ignore no-control-regex
const cmdline = pattern("one line without control characters", /^[^\u0000-\u001f\u007f-\u009f]*$/);

/** The shape of a plan's `declared`. */
export const declaredShape: Shape<Declared> = record<Declared>({
  load: { shape: choice(["auto", "kexec_file_load", "kexec_load"]), doc: "Which call the profile asks for" },
  arch: { shape: choice(KEXEC_ARCHITECTURES.map(({ name }) => name)), doc: "The architecture of the call" },
  kernel: { shape: path, doc: "The kernel; absent with explicit segments", fallback: optional },
  initrd: { shape: list(declaredInitrd), doc: "The initrds, and files that archives among them are made of" },
  dtb: { shape: path, doc: "The device tree", fallback: optional },
  modules: {
    shape: list(record<NonNullable<Declared["modules"]>[number]>({
      path: { shape: path, doc: "The file" },
      cmdline: { shape: cmdline, doc: "Its command line" },
    })),
    doc: "The modules of a Multiboot image",
    fallback: optional,
  },
  bootEntry: {
    shape: record<NonNullable<Declared["bootEntry"]>>({
      id: { shape: text, doc: "`default`, or the ID of the entry" },
      found: { shape: text, doc: "Which entry that is, and by which rule of the boot loader" },
    }),
    doc: "The entry of the boot loader that the files and the command line are from",
    fallback: optional,
  },
  cmdline: {
    shape: cmdline,
    doc:
      "The command line, resolved and with what a guard adds, before a stamp and the placement of the image add to it",
  },
  crash: { shape: flag, doc: "Load into the crash reservation" },
  preserveContext: { shape: flag, doc: "Save the running system" },
  reentrant: { shape: flag, doc: "The payload leaves its next entry point" },
  entry: { shape: address, doc: "The entry of explicit segments", fallback: optional },
  segments: {
    shape: pattern("a SHA-256 of 64 hex digits", /^[0-9a-f]{64}$/),
    doc: "SHA-256 of the list of explicit segments, which cannot be derived",
    fallback: optional,
  },
  memoryMin: { shape: address, doc: "The lowest address for segments", fallback: optional },
  memoryMax: { shape: address, doc: "The first address that is too high for segments", fallback: optional },
  checksum: { shape: choice(["fastest", "none", "xxh64", "sha256"]), doc: "How the segments are verified" },
  predecompress: {
    shape: either<boolean | "auto">("true, false or auto", [flag, AUTO], (value) => value === "auto" ? AUTO : flag),
    doc: "Place the decompressed kernel: always, where that can be done, or never",
  },
  preservedState: {
    shape: choice(["discard"]),
    doc: "What the running kernel preserves over kexec may be lost",
    fallback: optional,
  },
  fileFlags: {
    shape: list(choice([...FILE_FLAG_KEYS])),
    doc: "The flags of kexec_file_load that the profile asks for",
    fallback: optional,
  },
  stamp: { shape: flag, doc: "Add a stamp to the command line" },
});
