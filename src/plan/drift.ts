import type { HostFacts } from "../host/facts.ts";
import { imageRelease } from "../image/describe.ts";
import { carryOf, type PlannedCarry, plannedCarry } from "./carry/planned_carry.ts";
import { filesOf, type Plan } from "./plan.ts";
import { plannedOverlays } from "./planned_overlay.ts";
import { lacksInstructions } from "./purgatory_segment.ts";
import { imageFiles, type Images, innerOf, kernelInfo } from "../image/boot_files.ts";

/** One difference between now and when a stored plan was made. */
export interface Drift {
  /** What changed, as a noun phrase. */
  readonly what: string;
  /** What it was. */
  readonly planned: string;
  /** What it is. */
  readonly now: string;
}

/** Compares a stored plan with the current host and files; empty when the plan can be carried out as it is. */
export function driftOf(plan: Plan, facts: HostFacts, images: Images): readonly Drift[] {
  const drift: Drift[] = [];
  const compare = (what: string, planned: string | undefined, now: string | undefined) => {
    if (planned !== now) drift.push({ what, planned: planned ?? "unknown", now: now ?? "unknown" });
  };
  compare("the host's name", plan.host.hostname, facts.hostname);
  compare("the host's architecture", plan.host.machine, facts.machine);
  compare("the running kernel", plan.host.release, facts.release);
  if (lacksInstructions(plan.call, facts)) {
    drift.push({
      what: "the processor, whose SHA instructions purgatory uses,",
      planned: "has them",
      now: "lacks them",
    });
  }
  const [was, is] = [plan.carry, plannedCarry(carryOf(plan.carry), images.initrd, facts)].map(carriedLines);
  if (was !== undefined && is !== undefined) {
    const [gone, added] = [was.filter((line) => !is.includes(line)), is.filter((line) => !was.includes(line))];
    if (gone.length + added.length > 0) {
      compare("the network of the host, which is carried,", gone.join(", ") || "less", added.join(", ") || "less");
    }
  }
  const info = kernelInfo(images);
  compare("the new kernel's release", plan.release, info === undefined ? undefined : imageRelease(info));
  const found = imageFiles(images);
  const added = new Map(
    plannedOverlays(images.initrd).flatMap(({ files }) => files).map((file) => [file.path, file]),
  );
  for (const { path, size, sha256, secret } of (plan.overlays ?? []).flatMap(({ files }) => files)) {
    const now = added.get(path);
    if (!secret) compare(`the SHA-256 of the file ${path} for the initrd`, sha256, now?.sha256);
    if (size !== now?.size) compare(`the size of the file ${path} for the initrd`, String(size), String(now?.size));
  }
  for (const file of filesOf(plan.call)) {
    const now = found.find(({ path }) => path === file.path);
    compare(`the SHA-256 of ${file.path}`, file.sha256, now?.sha256);
    compare(`the size of ${file.path}`, `${file.size} bytes`, now === undefined ? undefined : `${now.size} bytes`);
  }
  if (plan.call.syscall === "kexec_file_load" && plan.call.unpacked !== undefined) {
    const now = images.kernel === undefined ? undefined : innerOf(images.kernel)?.sha256;
    compare(`the SHA-256 of what ${plan.call.kernel.path} unpacks to`, plan.call.unpacked.sha256, now);
  }
  return drift;
}

function carriedLines(carry: PlannedCarry | undefined): readonly string[] {
  return (carry?.network.files ?? []).flatMap(({ lines }) =>
    lines.filter((line) => line !== "" && !/^\[\w+\]$/.test(line))
  );
}
