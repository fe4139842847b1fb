/**
 * warmboot reboots Linux from a YAML file.
 *
 * A **profile** names a kernel, initrd and command line. A pure **planner** turns it, with the facts of a host and what
 * the image files are, into a **plan**: one system call, the reasons for it, and the verdict of every safety check. The
 * plan is lowered to system calls, which are executed through libc.
 *
 * This module can do what the program does. {@linkcode defineProfile} or {@linkcode parseProfile} makes a profile,
 * {@linkcode planHost} plans it for this host or for a captured one, {@linkcode diffPlans} compares plans,
 * {@linkcode loadPlan} loads one, {@linkcode captureHost}, {@linkcode checkFiles} and {@linkcode status} do what the
 * commands of these names do. Below them lie the pure steps, from {@linkcode parseCapture} over {@linkcode planBoot} to
 * {@linkcode lowerPlan}: they need no permission and return the same result for the same arguments. Importing this module
 * needs no permission either.
 *
 * What a user wrote or a host has is answered by {@linkcode Checked}: a value, and {@linkcode Diagnostic}s with a code, a
 * message and a hint. Other outcomes are unions with a `kind`. Sizes are bytes; addresses are physical and bigint.
 *
 * @example Plan a profile for a captured host
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { defineProfile, formatSyscall, lowerPlan, parseCapture, planHost } from "@warmboot/warmboot";
 *
 * const { value: facts } = parseCapture(
 *   JSON.stringify({
 *     format: "warmboot.facts/1",
 *     files: {
 *       "/proc/sys/kernel/arch": "x86_64\n",
 *       "/proc/sys/kernel/osrelease": "6.12.0\n",
 *       "/proc/self/auxv": { base64: "BgAAAAAAAAAAEAAAAAAAAA==" },
 *     },
 *     images: {
 *       "/boot/vmlinuz": {
 *         size: 10,
 *         sha256: "0".repeat(64),
 *         ranges: [{ offset: 0, base64: btoa("#!/bin/sh\n") }],
 *         parts: [],
 *       },
 *     },
 *   }),
 *   "web1.json",
 * );
 * const { value: profile } = defineProfile({ name: "web", kernel: "/boot/vmlinuz", cmdline: "root=/dev/vda ro" });
 * if (profile === undefined) throw new Error("Cannot happen: the profile is valid");
 *
 * const { value: plan } = await planHost(profile, { facts });
 * // The planner saw that the file is a script; a plan with a failed check is a value, but it is not executed.
 * assertEquals(plan?.checks.find(({ status }) => status === "fail")?.rule, "kernel-image");
 * assertEquals(plan === undefined ? [] : lowerPlan(plan).map(formatSyscall), [
 *   'kexec_file_load(open("/boot/vmlinuz"), -1, 17, "root=/dev/vda ro", KEXEC_FILE_NO_INITRAMFS)',
 * ]);
 * ```
 *
 * @module
 */
export {
  type CmdlineInput,
  type DefineOptions,
  defineProfile,
  type FileInput,
  type GuardInput,
  type InitrdInput,
  type KernelInput,
  type ModuleInput,
  type NumberInput,
  type OverlayFileInput,
  type ParametersInput,
  type ProfileInput,
  type RequiresInput,
  type SegmentInput,
  type UnlockInput,
} from "./src/profile/define.ts";
export { planHost, type PlanHostOptions, type PlannedForHost } from "./src/app/plan_host.ts";
export {
  type LoadEvents,
  type LoadHold,
  type LoadOptions,
  type LoadOutcome,
  loadPlan,
  type LoadTask,
  type NotLoadable,
} from "./src/app/load.ts";
export type { CarriedOut, CheckedAgainst, CrashKernelAfter } from "./src/app/carry_out.ts";
export {
  canReboot,
  execLoaded,
  type ExecOptions,
  type ExecOutcome,
  type LastCalls,
  lastCalls,
  type Readiness,
  readyToExec,
  type RebootWay,
  type SpentPayload,
  unbindLoaded,
  type UnbindOutcome,
} from "./src/app/exec.ts";
export type { RefusedWatchdog } from "./src/app/arm_watchdog.ts";
export type { RefusedFallback } from "./src/app/one_shot.ts";
export type { Asked, AskedInit, InitRequest, NoCleanWay } from "./src/app/ask_init.ts";
export { unload, type UnloadCall, type UnloadEvents, type UnloadOutcome } from "./src/app/unload.ts";
export { type CapturedHost, captureHost, type CaptureRequest } from "./src/app/capture_host.ts";
export { checkFiles } from "./src/app/check_files.ts";
export { fixFiles } from "./src/app/fix_files.ts";
export type {
  AppliedFix,
  CheckResult,
  FileVerdict,
  Linked,
  LinkedDiagnostic,
  PartVerdict,
} from "./src/render/check.ts";
export type { ColdBootStatus, ImageStatus, Status } from "./src/state/status.ts";
export type { ReservationStatus, ReservedRange } from "./src/state/crash_status.ts";
export type { DumpKeysStatus } from "./src/state/dump_keys.ts";
export type { Described, LoadRecord, RecordedOverlay } from "./src/state/record.ts";
export type { SecretSources } from "./src/app/fill_overlays.ts";
export type { Secret } from "./src/app/run_secretly.ts";
export type { MadeOverlay } from "./src/app/overlay.ts";
export type { OverlayBody } from "./src/app/overlay_sources.ts";
export type { RoundTrip } from "./src/state/round_trip.ts";
export { type ImageSlot, StoreError, type StoreLock } from "./src/state/record_store.ts";
export { layerFiles } from "./src/app/layer_files.ts";
export {
  type Arrival,
  arrive,
  confirm,
  type Confirmation,
  type FoundHistory,
  readHistory,
} from "./src/app/attempts.ts";
export type {
  Attempt,
  AttemptEnd,
  AttemptOutcome,
  AttemptWay,
  BootedSystem,
  CameBack,
  EndedAttempt,
  History,
  PastAttempt,
} from "./src/state/attempt.ts";
export type { Evidence, PstoreFile, WatchdogReport } from "./src/state/evidence.ts";
export type { FailedPlan } from "./src/plan/failed_plan.ts";
export type { PlannedCarry, PlannedNetwork } from "./src/plan/carry/planned_carry.ts";
export type { InitrdFailure, PlannedGuard } from "./src/plan/guard.ts";
export { INITRD_MAKERS, type InitrdMaker } from "./src/image/initrd_maker.ts";
export type { LogFields, LogOrigin, LogRange, PlannedLog } from "./src/plan/ramoops.ts";
export type { Keeper, PlannedWatchdog } from "./src/plan/watchdog.ts";
export type { AtProbe } from "./src/plan/watchdog_drivers.ts";
export type { BootLoader } from "./src/entry/found_entry.ts";
export type { OneShot } from "./src/entry/one_shot.ts";
export type { ColdEntry, ColdLog, ColdReboot } from "./src/entry/cold_reboot.ts";
export type { Expectation, Outlook } from "./src/state/expectation.ts";
export type { Interruption, Phase, PhaseName, Timing } from "./src/state/interruption.ts";
export type { Clocks } from "./src/app/clocks.ts";
export type { BootMoments, ClockReading } from "./src/host/clocks.ts";
export type { KernelStart } from "./src/plan/kernel_start.ts";
export { type FoundStatus, status, type StatusOptions } from "./src/app/status.ts";
export type { Progress, Reading } from "./src/app/image_file.ts";
export { type ByteSource, memorySource } from "./src/core/bytes.ts";
export { CATALOGUE, type CatalogueRow, type DiagnosticCode } from "./src/core/catalogue.ts";
export {
  type DeviceNode,
  type DeviceProperty,
  type DeviceTree,
  type DeviceTreeFault,
  parseDeviceTree,
  type ParsedTree,
  type Reservation,
} from "./src/formats/fdt.ts";
export type { FitConfiguration, FitData, FitFile, FitHash, FitPart, FitSignature } from "./src/formats/fit.ts";
export type { UImageFile } from "./src/formats/uimage.ts";
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
export {
  CARRIED_PARTS,
  type CarriedPart,
  FILE_FLAG_KEYS,
  type Guard,
  type KeySource,
  type UnbindFailure,
  type UnbindTarget,
  type Unlock,
} from "./src/profile/profile.ts";
export type { OpenedVolume, PlannedUnlock } from "./src/plan/unlock/planned.ts";
export type { PlannedUnbind } from "./src/profile/unbind_shape.ts";
export { PLATFORM_NAMES, type PlatformName } from "./src/profile/platform_names.ts";
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
export { type DescribedVmlinux, describeVmlinux, type VmlinuxFault } from "./src/arch/x86_64/vmlinux.ts";
export {
  type Capture,
  CAPTURE_FORMAT,
  type CapturedFile,
  captureReader,
  captureText,
  collect,
  parseCapture,
  type Wanted,
} from "./src/host/capture.ts";
export type { CapturedImage, CapturedImages, CapturedPart, CapturedRange } from "./src/host/captured_image.ts";
export type { PartContent } from "./src/host/image_content.ts";
export type { ImaLabel } from "./src/host/ima_label.ts";
export { decodeFacts } from "./src/host/decode_facts.ts";
export type { InitSystem } from "./src/host/init_system.ts";
export type {
  BiosFacts,
  BoundDevice,
  DmCryptKeys,
  DmiFacts,
  EfiFacts,
  HostFacts,
  ImaAction,
  ImaPolicy,
  ImaRule,
  KernelMapping,
  KexecHandover,
  KexecState,
  LiveUpdateSession,
  Lockdown,
  MemmapEntry,
  SecureBoot,
  SerialPortFacts,
  SetupData,
  StoringService,
  WatchdogDevice,
  WatchdogFacts,
  XenFacts,
} from "./src/host/facts.ts";
export type { DiskLink, OpenVolume } from "./src/host/volumes.ts";
export type {
  AddressState,
  Family,
  LinkKind,
  NetworkAddress,
  NetworkFacts,
  NetworkLink,
  NetworkRoute,
} from "./src/host/network_facts.ts";
export { NETWORK_TOOLS, type NetworkTool } from "./src/image/initrd_network.ts";
export {
  closeFile,
  descriptorOf,
  type FileIdentity,
  hashFile,
  isUnchanged,
  type OpenFile,
  openFile,
  ReadError,
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
  FitImage,
  ImageInfo,
  InitrdInfo,
  MultibootImage,
  NotKernel,
  OtherPe,
  RelocationSet,
  UImage,
  Uki,
  Vmlinux,
} from "./src/image/image.ts";
export { identifyInitrd } from "./src/image/initrd.ts";
export { diagnose } from "./src/syscall/errors/diagnose.ts";
export { execute } from "./src/syscall/execute.ts";
export type { Descriptor, InitrdPart, OverlayBytes } from "./src/syscall/memory_file.ts";
export {
  type AddressResult,
  type CallResult,
  type Failure,
  type Libc,
  LibcError,
  openLibc,
  type SecretMemory,
} from "./src/syscall/libc.ts";
export { type Contents, type Draw, finalize, type Finalized } from "./src/syscall/finalize.ts";
export { SyscallError } from "./src/syscall/errors/syscall_error.ts";
export { type Drift, driftOf } from "./src/plan/drift.ts";
export type { PlanInput } from "./src/plan/input.ts";
export { lowerPlan, lowerUnload, REBOOT_NOW } from "./src/plan/lower.ts";
export {
  type Call,
  type Check,
  type Declared,
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
  BootEntryRef,
  Checksum,
  CmdlineSpec,
  FileFlagKey,
  FileRef,
  InitrdItem,
  KernelRef,
  LoadChoice,
  ModuleRef,
  PreservedState,
  Profile,
  ReleaseBound,
  Requires,
  ReusedFrom,
  SegmentSource,
  SegmentSpec,
} from "./src/profile/profile.ts";
export { profileSchema } from "./src/profile/schema.ts";
export { type PlanDetail, renderPlan } from "./src/render/plan.ts";
export { renderPlanBrief } from "./src/render/plan_brief.ts";
export { renderPlanMarkdown } from "./src/render/plan_markdown.ts";
export { renderDiff } from "./src/render/diff.ts";
export { renderDiffSvg, renderPlanSvg } from "./src/render/pictures.ts";
export { COLOURED, type Layout, PLAIN, type Style } from "./src/render/style.ts";
export type { Compression } from "./src/formats/compression.ts";
export type { InitrdContent, KernelContent, Program, WholeInitrd } from "./src/host/image_content.ts";
export type { Packing } from "./src/formats/unpacked.ts";
export type { InitrdFiles, OverlayContent, OverlayFile } from "./src/profile/overlay_file.ts";
export type { DeclaredFile, DeclaredInitrd } from "./src/plan/declared_files.ts";
export type { PlannedOverlay, PlannedOverlayFile } from "./src/plan/planned_overlay.ts";
export type { CapturedOverlayFile, CapturedOverlays } from "./src/host/captured_overlay.ts";
export type { Overlay, OverlayEntry, OverlayFault, OverlayOrigin, PlacedEntry } from "./src/image/overlay.ts";
export type { MultibootHeader } from "./src/formats/multiboot.ts";
export type { PeSection } from "./src/formats/pe.ts";
export type { Diagnosis, Refusal } from "./src/syscall/errors/cause.ts";
export type {
  BuiltFile,
  FoundInner,
  IdentifiedFile,
  Images,
  InitrdFile,
  InnerImage,
  InnerInfo,
  KernelFile,
} from "./src/image/boot_files.ts";
