/**
 * warmboot reboots Linux from a YAML file.
 *
 * A **profile** names a kernel, initrd and command line. A pure **planner** turns it, with the facts of a host and what
 * the image files are, into a **plan**: one system call, the reasons for it, and the verdict of every safety check. The
 * plan is lowered to system calls, which are executed through libc. Each step is a function here, and all but
 * {@linkcode liveReader}, {@linkcode openFile} and {@linkcode openLibc} are pure: they need no permission, and give the
 * same result for the same arguments. Importing this module needs no permission either.
 *
 * @example From a profile to the system call, without a host
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { decodeFacts, formatSyscall, identifyKernel, lowerPlan, memorySource, parseProfile, planBoot } from "./mod.ts";
 *
 * const profile = parseProfile("version: 1\nkernel: /boot/vmlinuz\ncmdline: root=/dev/vda ro\n", "web.yaml").value;
 * const facts = decodeFacts({
 *   format: "warmboot.facts/1",
 *   files: {
 *     "/proc/sys/kernel/arch": "x86_64\n",
 *     "/proc/sys/kernel/osrelease": "6.12.0\n",
 *     "/proc/self/auxv": { base64: "BgAAAAAAAAAAEAAAAAAAAA==" },
 *   },
 * }).value;
 * if (profile === undefined || facts === undefined) throw new Error("Cannot happen: both texts are right");
 *
 * const bytes = new TextEncoder().encode("#!/bin/sh\n");
 * const plan = planBoot({
 *   profile,
 *   facts,
 *   images: {
 *     kernel: { path: "/boot/vmlinuz", size: bytes.length, sha256: "0".repeat(64), info: identifyKernel(memorySource(bytes)) },
 *     initrd: [],
 *   },
 * }).value;
 *
 * // The planner saw that this is no kernel; a plan with a failed check is shown, not executed.
 * assertEquals(plan?.checks.find((check) => check.status === "fail")?.rule, "kernel-image");
 * assertEquals(plan === undefined ? [] : lowerPlan(plan).map(formatSyscall), [
 *   'kexec_file_load(open("/boot/vmlinuz"), -1, 17, "root=/dev/vda ro", KEXEC_FILE_NO_INITRAMFS)',
 * ]);
 * ```
 *
 * @module
 */
export { type ByteSource, memorySource } from "./src/core/bytes.ts";
export { CATALOGUE, type CatalogueRow, type DiagnosticCode } from "./src/core/catalogue.ts";
export {
  type DeviceNode,
  type DeviceProperty,
  type DeviceTree,
  type DeviceTreeFault,
  parseDeviceTree,
  type Reservation,
} from "./src/formats/fdt.ts";
export {
  type Checked,
  type Diagnostic,
  type Fix,
  hasErrors,
  type Path,
  type Position,
  type Related,
} from "./src/core/diagnostic.ts";
export { EXIT, type ExitName } from "./src/core/program.ts";
export { KEXEC_ARCHITECTURES, type KexecArch } from "./src/core/kexec_arch.ts";
export type { Range } from "./src/core/range.ts";
export type { JsonSchema, Report } from "./src/core/shape.ts";
export { diffPlans } from "./src/diff/compare.ts";
export type {
  Altered,
  Aspect,
  Change,
  CheckState,
  Diff,
  KernelField,
  Lone,
  PlacedFile,
  PlacedParameter,
  SegmentFate,
  SegmentPlace,
  SideKind,
  Unknown,
} from "./src/diff/diff.ts";
export { diffSchema } from "./src/diff/diff_shape.ts";
export { type RunningHost, runningSide, type Side } from "./src/diff/side.ts";
export type { RandomPart } from "./src/arch/segment.ts";
export { describeVmlinux } from "./src/arch/x86_64/vmlinux.ts";
export {
  type Capture,
  CAPTURE_FORMAT,
  type CapturedFile,
  captureReader,
  captureText,
  collect,
  parseCapture,
} from "./src/host/capture.ts";
export type { CapturedImage, CapturedImages, CapturedPart, CapturedRange } from "./src/host/captured_image.ts";
export { decodeFacts } from "./src/host/decode_facts.ts";
export type {
  EfiFacts,
  HostFacts,
  KernelMapping,
  KexecState,
  Lockdown,
  MemmapEntry,
  SecureBoot,
  SetupData,
} from "./src/host/facts.ts";
export {
  closeFile,
  descriptorOf,
  type FileIdentity,
  hashFile,
  isUnchanged,
  type OpenFile,
  openFile,
} from "./src/app/files/open_file.ts";
export type { Iomem, IomemNode } from "./src/host/iomem.ts";
export { liveReader } from "./src/host/live.ts";
export type { HostReader, SourceResult } from "./src/host/reader.ts";
export { describeImage, imageRelease } from "./src/image/describe.ts";
export { identifyKernel } from "./src/image/identify.ts";
export type {
  Arm64Image,
  BzImage,
  CompressedFile,
  EfiZboot,
  ElfImage,
  ImageInfo,
  InitrdInfo,
  NotKernel,
  OtherPe,
  RelocationSet,
  Uki,
  Vmlinux,
} from "./src/image/image.ts";
export { identifyInitrd } from "./src/image/initrd.ts";
export { diagnose } from "./src/syscall/errors/diagnose.ts";
export { execute } from "./src/syscall/execute.ts";
export type { Descriptor } from "./src/syscall/memory_file.ts";
export {
  type AddressResult,
  type CallResult,
  type Failure,
  type Libc,
  LibcError,
  openLibc,
} from "./src/syscall/libc.ts";
export { type Contents, type Draw, finalize, type Finalized } from "./src/syscall/finalize.ts";
export { SyscallError } from "./src/syscall/errors/syscall_error.ts";
export { type Drift, driftOf } from "./src/plan/drift.ts";
export type { PlanInput } from "./src/plan/input.ts";
export { lowerPlan, lowerUnload, REBOOT_NOW } from "./src/plan/lower.ts";
export {
  type Call,
  type Check,
  type FileLoadCall,
  type Plan,
  type PlannedBases,
  type PlannedFile,
  type PlannedHost,
  type PlannedRange,
  type PlannedSegment,
  type PlannedSource,
  planText,
  type Reason,
  type SegmentLoadCall,
} from "./src/plan/plan.ts";
export { decodePlan, planSchema } from "./src/plan/plan_shape.ts";
export { planBoot } from "./src/plan/planner.ts";
export { exitOfChecks, mayRun } from "./src/plan/rules/table.ts";
export { recheck } from "./src/plan/stored.ts";
export { type CallSegment, formatSyscall, type Syscall } from "./src/plan/syscall.ts";
export type { SegmentSum, Sums } from "./src/plan/sums.ts";
export type { DropIns, LayerContext, LayerFile, LayerReader } from "./src/profile/layers.ts";
export { parseProfile, parseProfileBytes } from "./src/profile/parse.ts";
export type { PlannedRequires } from "./src/profile/planned_requires.ts";
export type {
  Checksum,
  CmdlineSpec,
  FileRef,
  LoadChoice,
  Profile,
  ReleaseBound,
  Requires,
  SegmentSource,
  SegmentSpec,
} from "./src/profile/profile.ts";
export { profileSchema } from "./src/profile/schema.ts";
export { renderPlan } from "./src/render/plan.ts";
export { renderDiff } from "./src/render/diff.ts";
export { renderDiffSvg, renderPlanSvg } from "./src/render/pictures.ts";
export { COLOURED, type Layout, PLAIN, type Style } from "./src/render/style.ts";
export type { Compression } from "./src/formats/compression.ts";
export type { Diagnosis, Refusal } from "./src/syscall/errors/cause.ts";
export type {
  IdentifiedFile,
  Images,
  InitrdFile,
  InnerImage,
  KernelFile,
  UnpackedInitrd,
} from "./src/image/boot_files.ts";
