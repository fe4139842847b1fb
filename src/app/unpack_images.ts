import { buildImage, builtLayout } from "../arch/x86_64/built_image.ts";
import { virtualBases } from "../arch/x86_64/predecompress.ts";
import { describeVmlinux } from "../arch/x86_64/vmlinux.ts";
import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import { formatSize } from "../core/number.ts";
import type { OpenFile } from "./files/open_file.ts";
import type { Vmlinux } from "../image/image.ts";
import { type KernelPayload, kernelPayload, UNPACKED_KERNEL_MAX } from "../image/payload.ts";
import { type Codecs, unpackBytes } from "../formats/unpacked.ts";
import { readInitrd } from "../image/initrd_content.ts";
import type { Contents } from "../syscall/finalize.ts";
import { unpackVerdict } from "../plan/initrd_placement.ts";
import type { PlanInput } from "../plan/input.ts";
import { resolvedCmdline } from "../plan/resolved_cmdline.ts";
import { unpackingOf } from "../plan/unpacking.ts";
import type { OpenImages } from "./images.ts";
import { MEMORY_LIMIT_VARIABLE, type MemoryBudget, memoryBudget, memoryLimit } from "./memory_limit.ts";
import { type UnpackedCache, unpackedCache } from "../state/unpacked_cache.ts";
import { digestBytes } from "../core/sha256.ts";
import type { BuiltFile, Images, InitrdFile, KernelFile } from "../image/boot_files.ts";

/** The files of a plan, with what they unpack to as far as it is placed. */
export interface UnpackedImages {
  readonly images: Images;
  /** The bytes, by the path of the file. */
  readonly contents: Contents;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Unpacks what a profile's plan may place unpacked, as far as the limit of memory allows. Errors: `payload-damaged`,
 * `codec-missing`, `image-not-captured`, `memory-short`.
 */
export async function unpackImages(
  input: PlanInput,
  opened: Pick<OpenImages, "files" | "budget">,
  cache: UnpackedCache = unpackedCache(),
): Promise<UnpackedImages> {
  const { images, facts } = input;
  const wanted = unpackingOf(input);
  const contents = new Map<string, Uint8Array>();
  const diagnostics: Diagnostic[] = [];
  let kernel = images.kernel;
  const limit = memoryLimit(facts);
  diagnostics.push(...limit.diagnostics);
  const budget = opened.budget ?? memoryBudget(limit.value ?? 0);
  if (wanted.kernel !== undefined && kernel !== undefined) {
    const copies = wanted.kernel === "image" ? IMAGE_COPIES : KERNEL_COPIES;
    const unpacked = await unpackKernel(kernel, opened.files, { budget, copies }, cache);
    const built = unpacked.value === undefined || wanted.kernel === "segments"
      ? { value: undefined, diagnostics: [] }
      : await builtFile(input, kernel, unpacked.value);
    const problems = [...unpacked.diagnostics, ...built.diagnostics];
    const why = input.profile.predecompress === "auto" ? reasonToKeep(problems) : undefined;
    if (why !== undefined) {
      kernel = { ...kernel, kept: why };
    } else {
      diagnostics.push(...problems.map((each) => ({ ...each, path: ["predecompress"] })));
      if (unpacked.value !== undefined) {
        const { bytes, vmlinux } = unpacked.value;
        contents.set(kernel.path, bytes);
        kernel = {
          ...kernel,
          unpacked: { ...vmlinux, size: bytes.length },
          ...(built.value === undefined ? {} : { built: built.value }),
        };
      }
    }
  }
  // A kernel that stays packed may be loaded by the other call.
  const { initrd: initrdWanted } = kernel?.kept === undefined
    ? wanted
    : unpackingOf({ ...input, images: { ...images, kernel } });
  const initrd: InitrdFile[] = [];
  for (const file of images.initrd) {
    const verdict = initrdWanted ? unpackVerdict(file, input) : undefined;
    if (verdict?.kind !== "unpacked") {
      initrd.push(file);
      continue;
    }
    const unpacked = await unpackInitrd(file, opened.files, verdict.size, budget);
    if (unpacked.kind === "kept") {
      initrd.push({ ...file, kept: unpacked.why });
    } else {
      contents.set(file.path, unpacked.bytes);
      initrd.push(file);
    }
  }
  return { images: { ...images, ...(kernel === undefined ? {} : { kernel }), initrd }, contents, diagnostics };
}

/**
 * Why a profile with `predecompress: auto` leaves the kernel packed: it cannot be unpacked here. What a capture lacks is
 * not a reason, since the plan on the host itself would be another one.
 */
function reasonToKeep(problems: readonly Diagnostic[]): string | undefined {
  const first = problems.find(({ severity }) => severity === "error");
  if (first === undefined || first.code === "image-not-captured") return undefined;
  return first.message.replace(/^The /, "the ");
}

/** What a kernel file unpacks to. */
interface UnpackedKernel {
  readonly bytes: Uint8Array;
  readonly vmlinux: Vmlinux;
}

/** The image that kexec_file_load gets, as the plan states it: without the virtual base, which is chosen at load. */
async function builtFile(
  input: PlanInput,
  { path, info }: KernelFile,
  { bytes, vmlinux }: UnpackedKernel,
): Promise<Checked<BuiltFile>> {
  if (info.kind !== "bzimage") return damaged(`${path} has no payload that could be unpacked`);
  const { value: layout, diagnostics } = builtLayout(vmlinux, path);
  if (layout === undefined) return { value: undefined, diagnostics };
  const kaslr = virtualBases(info, vmlinux.relocations.length > 0, resolvedCmdline(input) ?? "").kind === "bases";
  const file = buildImage(info, bytes, layout, kaslr);
  const { size, memory } = layout;
  return { value: { size, sha256: await digestBytes(file), memory }, diagnostics };
}

async function unpackKernel(
  file: KernelFile,
  files: readonly OpenFile[],
  { budget, copies }: { readonly budget: MemoryBudget; readonly copies: number },
  cache: UnpackedCache,
): Promise<Checked<UnpackedKernel>> {
  const open = files.find(({ path }) => path === file.path);
  if (open === undefined) return notHere(file.path);
  const { info } = file;
  if (info.kind !== "bzimage") return damaged(`${file.path} has no payload that could be unpacked`);
  const payload = kernelPayload(open, info);
  if (payload === undefined) return damaged(`${file.path} has no payload that could be unpacked`);
  const { packing, size } = payload;
  if (size === 0 || size > UNPACKED_KERNEL_MAX) {
    return damaged(`The ${packing} payload of ${file.path} claims to unpack to ${formatSize(size)}`);
  }
  if (!budget.take(size * copies)) return tooLarge(file.path, size, copies, budget);
  const kept = await cache.find(file.sha256);
  const { value: bytes, diagnostics } = kept === undefined
    ? await unpackPayload(open, payload)
    : { value: kept, diagnostics: [] };
  if (bytes === undefined) return { value: undefined, diagnostics };
  const described = describeVmlinux(bytes);
  if (described.kind === "fault") {
    return damaged(`${file.path} cannot be placed unpacked: the kernel ${described.why}`);
  }
  if (kept === undefined) await cache.keep(file.sha256, bytes);
  return { value: { bytes, vmlinux: described.vmlinux }, diagnostics };
}

/** An unpacked kernel is in memory twice: as it was linked, and with its relocations applied. */
const KERNEL_COPIES = 2;

/** For kexec_file_load: as it was linked, in the image that is built around it, and in the memfd that the call gets. */
const IMAGE_COPIES = 3;

function tooLarge(path: string, size: number, copies: number, { limit, left }: MemoryBudget): Checked<never> {
  return refused({
    code: "memory-short",
    severity: "error",
    message: `The kernel of ${path} unpacks to ${formatSize(size)}, in memory ${copies} times, and ` +
      `${formatSize(left())} of ${formatSize(limit)} are left for that`,
    hint: `Free memory, raise ${MEMORY_LIMIT_VARIABLE} if it is set, or omit \`predecompress\``,
  });
}

async function unpackPayload(
  file: OpenFile,
  { offset, length, packing, size }: KernelPayload,
): Promise<Checked<Uint8Array>> {
  using codecs = await openCodecs();
  const stream = { packing, source: file, offset, end: offset + length };
  const result = await unpackBytes(codecs, stream, { most: size, size });
  switch (result.kind) {
    case "forbidden":
      return codecMissing(
        `The kernel of ${file.path} is packed with ${packing}, and warmboot has no permission to open ` +
          result.library,
        "Run it with -A (--allow-all)",
      );
    case "missing":
      return codecMissing(
        `The kernel of ${file.path} is packed with ${packing}, and ${result.library} is not installed`,
        `Install it: ${result.packages}; without \`predecompress\` the kernel unpacks itself`,
      );
    case "damaged":
      return damaged(`The ${packing} payload of ${file.path} cannot be unpacked: its data ${result.why}`);
    case "too-large":
      return damaged(`The ${packing} payload of ${file.path} unpacks to more than the ${size} bytes that it states`);
    case "unpacked":
      if (result.bytes.length === size) return { value: result.bytes, diagnostics: [] };
      return damaged(
        `The ${packing} payload of ${file.path} unpacks to ${result.bytes.length} bytes, and states ${size}`,
      );
  }
}

/** Loaded where something is unpacked only: it takes the runtime some time to start node's modules. */
async function openCodecs(): Promise<Codecs> {
  return (await import("../formats/codecs.ts")).openCodecs();
}

type UnpackedInitrd =
  | { readonly kind: "unpacked"; readonly bytes: Uint8Array }
  /** `why` completes "NAME stays as it is: …". */
  | { readonly kind: "kept"; readonly why: string };

/** Unpacks an initrd into memory of the size that reading it through found. */
async function unpackInitrd(
  file: InitrdFile,
  files: readonly OpenFile[],
  size: number,
  budget: MemoryBudget,
): Promise<UnpackedInitrd> {
  const open = files.find(({ path }) => path === file.path);
  if (open === undefined) return { kind: "kept", why: "the capture does not hold it whole" };
  const left = budget.left();
  if (!budget.take(size)) {
    return { kind: "kept", why: `it unpacks to ${formatSize(size)}, more than the ${formatSize(left)} it may take` };
  }
  using codecs = await openCodecs();
  const bytes = new Uint8Array(size);
  let filled = 0;
  const content = await readInitrd(open, codecs, {
    programs: [],
    // It was read through within the limits that hold.
    limits: { size, files: Infinity, streams: Infinity },
    into(piece) {
      if (filled + piece.length <= size) bytes.set(piece, filled);
      filled += piece.length;
    },
  });
  if (content.kind === "whole" && filled === size) return { kind: "unpacked", bytes };
  return { kind: "kept", why: content.kind === "damaged" ? `it ${content.why}` : "it changed while it was read" };
}

function refused(diagnostic: Diagnostic): Checked<never> {
  return { value: undefined, diagnostics: [diagnostic] };
}

function codecMissing(message: string, hint: string): Checked<never> {
  return refused({ code: "codec-missing", severity: "error", message, hint });
}

function damaged(message: string): Checked<never> {
  return refused({
    code: "payload-damaged",
    severity: "error",
    message,
    hint: "Install the kernel again, and compare its checksum; a kernel that is damaged does not boot either way",
  });
}

function notHere(path: string): Checked<never> {
  return refused({
    code: "image-not-captured",
    severity: "error",
    message: `The capture has ${path}, but not what it unpacks to`,
    hint: "Plan on the host itself, or without `predecompress`",
  });
}
