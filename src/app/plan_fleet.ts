import { type Diagnostic, hasErrors } from "../core/diagnostic.ts";
import type { CapturedImage, CapturedImages } from "../host/captured_image.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Plan } from "../plan/plan.ts";
import { unmetRequirement } from "../plan/rules/requires.ts";
import type { Profile } from "../profile/profile.ts";
import type { FitReason, MatrixCell } from "../render/matrix.ts";
import { reviewPlan } from "../render/review/detail.ts";
import type { HostPlans } from "../render/review/model.ts";
import { profileOn } from "./boot_image.ts";
import { captureName } from "./captures.ts";
import { type CapturedFiles, localFiles, type Reading } from "./image_file.ts";
import { type OpenImages, openImages } from "./images.ts";
import { profileFiles } from "./named_files.ts";
import { planProfile } from "./plan_profile.ts";
import { readFacts } from "./read_facts.ts";

/** A profile of a fleet, as data: it can be sent to a worker. */
export interface FleetProfile {
  /** Its file, as it was named or found. */
  readonly file: string;
  /** Undefined where the file is not a valid profile. */
  readonly profile: Profile | undefined;
  /** What is wrong with it. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Profiles, and the captured hosts for which they are planned. */
export interface Fleet {
  readonly profiles: readonly FleetProfile[];
  /** The folder of the captures. */
  readonly folder: string;
  /** The captures, by their paths. */
  readonly files: readonly string[];
  /** Whether rows have what the review page shows of their plans. */
  readonly review?: boolean;
}

/** How a profile fits a host, and why. */
export type CellFit = Pick<MatrixCell, "status" | "reasons">;

/** One profile on one host. */
export interface PlannedCell extends CellFit {
  /** Undefined where none could be made, or none was: the profile is not for the host. */
  readonly plan: Plan | undefined;
}

/** One host by all profiles, in their order. */
export interface PlannedHost {
  /** The capture's file. */
  readonly file: string;
  readonly facts: HostFacts | undefined;
  readonly cells: readonly PlannedCell[];
  /** What makes the capture useless; what it lacks shows in the checks of the plans. */
  readonly diagnostics: readonly Diagnostic[];
}

/** What is kept of one host: data, which a worker can send. */
export interface HostRow {
  /** The name of its capture, without folder and ending. */
  readonly host: string;
  /** One for each profile, in their order. */
  readonly cells: readonly CellFit[];
  /** What the review page shows of each plan, where that is asked for. */
  readonly plans?: HostPlans;
  readonly diagnostics: readonly Diagnostic[];
}

/** Plans for one host after the other, and keeps of them only what other hosts share. */
export interface FleetPlanner extends Disposable {
  plan(file: string): Promise<PlannedHost>;
}

/** Local files that stay open, by what they are to a plan; captured images that are kept to be recognized. */
const MOST_OPEN = 32;
const MOST_IMAGES = 64;

/** A planner of all profiles for each captured host that it is given. */
export function fleetPlanner(profiles: readonly FleetProfile[], onReading?: Reading): FleetPlanner {
  const local = localFiles();
  const images = sharedImages();
  /** Files that are here, opened and hashed once for all hosts that ask the same of them. */
  const opened = latest<OpenImages>(MOST_OPEN, (files) => files[Symbol.dispose]());
  return {
    async plan(file) {
      const { facts, captured, diagnostics } = readFacts(file);
      const wrong = diagnostics.filter(({ severity }) => severity === "error");
      if (facts === undefined || wrong.length > 0) {
        const cells = profiles.map(({ profile, diagnostics: invalid }) =>
          fitOf(undefined, profile === undefined ? invalid : diagnostics)
        );
        return { file, facts: undefined, cells, diagnostics: wrong };
      }
      const host = captured === undefined ? undefined : { ...captured, images: images(captured.images) };
      /** What only this host has. */
      using own = new DisposableStack();
      const ownFiles = new Map<string, OpenImages>();
      const open = async (profile: Profile): Promise<OpenImages> => {
        const named = profileFiles(profile, [facts]);
        const key = JSON.stringify(named);
        const isShared = host?.images === undefined && profile.carry.length === 0 && profile.unlock.length === 0;
        const known = isShared ? opened.find(key) : ownFiles.get(key);
        if (known !== undefined) return known;
        const found = await openImages(named, {
          captured: host,
          onReading,
          facts: isShared ? undefined : facts,
          local,
        });
        if (isShared) opened.keep(key, found);
        else ownFiles.set(key, own.use(found));
        return found;
      };
      const cells: PlannedCell[] = [];
      for (const profile of profiles) cells.push(await cellOf(profile, facts, host, open));
      return { file, facts, cells, diagnostics: wrong };
    },
    [Symbol.dispose]: () => opened.clear(),
  };
}

/** What is kept of a host. */
export function rowOf(
  { file, facts, cells, diagnostics }: PlannedHost,
  { folder, review = false }: Pick<Fleet, "folder" | "review">,
): HostRow {
  const plansOf = () =>
    cells.map(({ plan }) => plan === undefined || facts === undefined ? [] as const : reviewPlan(plan, facts));
  return {
    host: captureName(file, folder),
    cells: cells.map(({ status, reasons }) => ({ status, reasons })),
    ...(review ? { plans: plansOf() } : {}),
    diagnostics,
  };
}

async function cellOf(
  { profile: declared, diagnostics: invalid }: FleetProfile,
  facts: HostFacts,
  captured: CapturedFiles | undefined,
  open: (profile: Profile) => Promise<OpenImages>,
): Promise<PlannedCell> {
  if (declared === undefined) return fitOf(undefined, invalid);
  // Its files may not be captured with a host that the profile is not for.
  const unmet = declared.requires === undefined ? undefined : unmetRequirement(declared.requires, facts);
  if (unmet !== undefined) {
    const reason = { status: "excluded", rule: unmet.rule, message: unmet.message } as const;
    return { status: "excluded", reasons: [reason], plan: undefined };
  }
  const { value: profile, diagnostics } = await profileOn(declared, facts, captured);
  if (profile === undefined) return fitOf(undefined, diagnostics);
  const opened = await open(profile);
  if (hasErrors(opened.diagnostics)) return fitOf(undefined, opened.diagnostics);
  const planned = await planProfile(profile, facts, opened, captured);
  return fitOf(planned.value, [...opened.diagnostics, ...planned.diagnostics]);
}

/** Every reason, failures first; a plan without any fits. */
export function fitOf(plan: Plan | undefined, diagnostics: readonly Diagnostic[]): PlannedCell {
  const reasons = [
    ...diagnostics.map(({ code, severity, message }): FitReason => ({
      status: severity === "error" ? "fail" : "warn",
      rule: code,
      message,
    })),
    ...(plan?.checks ?? []).flatMap(({ rule, status, message }): readonly FitReason[] =>
      status === "pass" ? [] : [{ status, rule, message }]
    ),
  ];
  const failures = reasons.filter(({ status }) => status === "fail");
  const status = failures.length > 0 || plan === undefined ? "fail" : reasons.length > 0 ? "warn" : "ok";
  return { status, reasons: [...failures, ...reasons.filter((reason) => reason.status !== "fail")], plan };
}

/** Gives equal images of several captures as one, by which what is known of an image is found again. */
function sharedImages(): (images: CapturedImages | undefined) => CapturedImages | undefined {
  const known = latest<CapturedImage>(MOST_IMAGES, () => {});
  const shared = (image: CapturedImage): CapturedImage => {
    const key = JSON.stringify(image);
    return known.find(key) ?? known.keep(key, image);
  };
  return (images) =>
    images && Object.fromEntries(Object.entries(images).map(([path, image]) => [path, shared(image)] as const));
}

/** So many values by their keys: those that were found last. */
interface Latest<T> {
  find(key: string): T | undefined;
  keep(key: string, value: T): T;
  clear(): void;
}

function latest<T>(most: number, leave: (value: T) => void): Latest<T> {
  const values = new Map<string, T>();
  return {
    find(key) {
      const value = values.get(key);
      if (value !== undefined) {
        values.delete(key);
        values.set(key, value);
      }
      return value;
    },
    keep(key, value) {
      values.set(key, value);
      for (const [oldest, old] of values) {
        if (values.size <= most) break;
        values.delete(oldest);
        leave(old);
      }
      return value;
    },
    clear() {
      for (const value of values.values()) leave(value);
      values.clear();
    },
  };
}
