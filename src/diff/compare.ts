import { filesOf, type Plan, type PlannedFile, rolesOf } from "../plan/plan.ts";
import { stampIn, trueStamp } from "../plan/stamp.ts";
import { type Aspect, ASPECTS, type Change, type Diff, type Lone, type PlacedFile, type Unknown } from "./diff.ts";
import { diffOverlayFiles } from "./overlays.ts";
import { diffChecks, diffGuards, diffPlanned, diffSegments } from "./plans.ts";
import { align } from "./sequence.ts";
import { inOrder, type Side } from "./side.ts";
import { diffParameters, withoutBootParameters } from "./parameters.ts";

/** The result for some aspects. An aspect in neither list was compared and is the same. */
interface Finding {
  readonly changes: readonly Change[];
  readonly unknown: readonly Unknown[];
  /** The aspects that were looked at. */
  readonly compared: readonly Aspect[];
  readonly ignored?: readonly string[];
}

/**
 * How two sides differ, from what is to what is declared. Pure. Of a running system, release, build and command line are
 * known; the rest of what booted is `unknown`, unless its stamp is that of the plan it is compared with. Checks are verdicts
 * on a moment: they are compared between plans, not with what was loaded before.
 */
export function diffPlans(a: Side, b: Side): Diff {
  const [from, to] = inOrder(a, b);
  const running = from.kind === "running" || to.kind === "running";
  const findings = [
    identity(from, to),
    commandLines(from, to),
    ...(from.kind !== "running" && to.kind !== "running" ? plans(from, to) : []),
  ];
  const changes = findings.flatMap((finding) => finding.changes);
  const ignored = findings.flatMap((finding) => finding.ignored ?? []);
  const stamped = running && ignored.length === 0 && sameStamp(from, to);
  const unknown = stamped ? [] : findings.flatMap((finding) => finding.unknown);
  const compared = new Set(findings.flatMap((finding) => finding.compared));
  if (stamped) compared.add("initrd");
  const dubious = new Set([...changes, ...unknown].map(({ about }) => about));
  return {
    format: "warmboot.diff/1",
    from: { kind: from.kind, name: from.name },
    to: { kind: to.kind, name: to.name },
    same: changes.length === 0,
    certain: changes.length > 0 || unknown.length === 0,
    changes: ASPECTS.flatMap((aspect) => changes.filter(({ about }) => about === aspect)),
    unchanged: ASPECTS.filter((aspect) => compared.has(aspect) && !dubious.has(aspect)),
    unknown,
    ignored,
  };
}

/**
 * Whether a running system carries the stamp of the other side: kernel, initrds and command line together. A stamp that a
 * boot loader put on the command line proves nothing, so callers look for the boot loader's parameters first.
 */
function sameStamp(from: Side, to: Side): boolean {
  if (from.kind !== "running" || to.kind === "running") return false;
  const stamp = trueStamp(to.plan.call);
  return stamp !== undefined && stampIn(from.host.cmdline ?? "") === stamp;
}

/** The kernel: its release and build, and its file. */
function identity(from: Side, to: Side): Finding {
  const [before, after] = [imageOf(from), imageOf(to)];
  const unknown: Unknown[] = [];
  const both = from.kind !== "running" && to.kind !== "running";
  const compare = (field: "release" | "version" | "machine", what: string): readonly Change[] => {
    const [old, now] = [before[field], after[field]];
    if (old !== undefined && now !== undefined) return old === now ? [] : [altered(field, old, now)];
    // Between two plans, the digest decides.
    if (both) return old === now ? [] : [altered(field, old, now)];
    unknown.push({ about: "kernel", side: old === undefined ? from.name : to.name, what });
    return [];
  };
  const changes = [
    ...compare("release", "the kernel's release"),
    // Builds are compared where both are known; otherwise the release is enough.
    ...(before.version === undefined || after.version === undefined ? [] : compare("version", "the kernel's build")),
    ...(["path", "image", "sha256"] as const).flatMap((field) =>
      both && before[field] !== after[field] ? [altered(field, before[field], after[field])] : []
    ),
    ...(both ? [] : compare("machine", "the architecture")),
  ];
  for (const side of [from, to]) {
    if (side.kind !== "running" || both) continue;
    unknown.push(
      { about: "kernel", side: side.name, what: "the kernel file's SHA-256" },
      { about: "initrd", side: side.name, what: "the initrds" },
    );
  }
  const nothing = from.kind === "running" && to.kind === "running";
  return { changes, unknown: nothing ? [] : unknown, compared: ["kernel"] };
}

interface ImageIdentity {
  readonly release?: string | undefined;
  readonly version?: string | undefined;
  readonly machine?: string | undefined;
  readonly path?: string | undefined;
  readonly image?: string | undefined;
  readonly sha256?: string | undefined;
}

function imageOf(side: Side): ImageIdentity {
  if (side.kind === "running") {
    const { release, version, machine } = side.host;
    return { release, version, machine };
  }
  const { plan } = side;
  const { kernel } = rolesOf(plan.call);
  const file = filesOf(plan.call).find(({ path }) => path === kernel);
  // A plan for another architecture fails its checks.
  return {
    release: plan.release,
    version: plan.version,
    machine: plan.host.machine,
    path: file?.path,
    image: file?.about,
    sha256: file?.sha256,
  };
}

function altered(
  field: "release" | "version" | "machine" | "path" | "image" | "sha256",
  from: string | undefined,
  to: string | undefined,
): Change {
  if (from === undefined) return { about: "kernel", field, action: "add", to: to ?? "" };
  if (to === undefined) return { about: "kernel", field, action: "remove", from };
  return { about: "kernel", field, action: "change", from, to };
}

function commandLines(from: Side, to: Side): Finding {
  const [before, after] = [cmdlineOf(from), cmdlineOf(to)];
  if (before === undefined || after === undefined) {
    const both = before === undefined && after === undefined;
    const side = before === undefined ? from.name : to.name;
    const unknown: readonly Unknown[] = both && from.kind !== "running"
      ? []
      : [{ about: "cmdline", side, what: "the command line" }];
    return { changes: [], unknown, compared: unknown.length === 0 ? [] : ["cmdline"] };
  }
  if (from.kind !== "running" || to.kind === "running") {
    return { changes: diffParameters(before, after), unknown: [], compared: ["cmdline"] };
  }
  const { cmdline, ignored } = withoutBootParameters(before, after);
  return { changes: diffParameters(cmdline, after), unknown: [], compared: ["cmdline"], ignored };
}

/** Undefined where it is unknown, and for explicit segments, which have none. */
function cmdlineOf(side: Side): string | undefined {
  if (side.kind === "running") return side.host.cmdline;
  const { call } = side.plan;
  return rolesOf(call).kernel === undefined && call.cmdline === "" ? undefined : call.cmdline;
}

type PlanSide = Exclude<Side, { readonly kind: "running" }>;

function plans(from: PlanSide, to: PlanSide): readonly Finding[] {
  // In the order of a diff, what is loaded comes first.
  const judged = from.kind !== "loaded";
  return [
    { changes: diffInitrds(initrdsOf(from.plan), initrdsOf(to.plan)), unknown: [], compared: ["initrd"] },
    ...(from.plan.overlays === undefined && to.plan.overlays === undefined
      ? []
      : [{ changes: diffOverlayFiles(from.plan, to.plan), unknown: [], compared: ["file"] as const }]),
    {
      changes: diffSegments(from.plan.call, to.plan.call),
      unknown: [],
      compared: segmentsCompared(from.plan, to.plan),
    },
    { changes: diffPlanned(from.plan, to.plan), unknown: [], compared: ["call", "flag", "reason", "host"] },
    ...(from.plan.guard === undefined && to.plan.guard === undefined
      ? []
      : [{ changes: diffGuards(from.plan, to.plan), unknown: [], compared: ["guard"] as const }]),
    ...(judged
      ? [{ changes: diffChecks(from.plan.checks, to.plan.checks), unknown: [], compared: ["check"] as const }]
      : []),
  ];
}

/** Where neither call has segments, none are unchanged. */
function segmentsCompared(from: Plan, to: Plan): readonly Aspect[] {
  return from.call.syscall === "kexec_load" || to.call.syscall === "kexec_load" ? ["segment"] : [];
}

function initrdsOf({ call }: Plan): readonly PlannedFile[] {
  return rolesOf(call).initrd.flatMap((path) => filesOf(call).find((file) => file.path === path) ?? []);
}

/** Pairs initrds by path, and the rest in order: a new path at an old one's position is a change of it. */
function diffInitrds(from: readonly PlannedFile[], to: readonly PlannedFile[]): readonly Change[] {
  const about = "initrd";
  const { kept, moved, removed, added } = align(from.map(({ path }) => path), to.map(({ path }) => path));
  const place = (files: readonly PlannedFile[], index: number): readonly PlacedFile[] => {
    const file = files[index];
    return file === undefined ? [] : [{ ...file, position: index + 1 }];
  };
  const pair = (a: number, b: number, action: "change" | "move"): readonly Change[] =>
    place(from, a).flatMap((old) => place(to, b).map((now): Change => ({ about, action, from: old, to: now })));
  const isOther = ([a, b]: readonly [number, number]) => from[a]?.sha256 !== to[b]?.sha256;
  const both = Math.min(removed.length, added.length);
  const lone: readonly Lone<PlacedFile>[] = [
    ...removed.slice(both).flatMap((index) =>
      place(from, index).map((old) => ({ action: "remove", from: old }) as const)
    ),
    ...added.slice(both).flatMap((index) => place(to, index).map((now) => ({ action: "add", to: now }) as const)),
  ];
  return [
    ...kept.filter(isOther).flatMap(([a, b]) => pair(a, b, "change")),
    ...moved.flatMap(([a, b]) => pair(a, b, isOther([a, b]) ? "change" : "move")),
    ...removed.slice(0, both).flatMap((a, index) => pair(a, added[index] ?? -1, "change")),
    ...lone.map((each): Change => ({ about, ...each })),
  ];
}
