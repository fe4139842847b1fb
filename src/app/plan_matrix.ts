import { type Diagnostic, hasErrors } from "../core/diagnostic.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Plan } from "../plan/plan.ts";
import { unmetRequirement } from "../plan/rules/requires.ts";
import type { Profile } from "../profile/profile.ts";
import { type FitReason, type Matrix, type MatrixCell, matrixOf } from "../render/matrix.ts";
import { type CheckedProfile, checkProfiles } from "./check_files.ts";
import type { CapturedFiles, Reading } from "./image_file.ts";
import { profileOn } from "./boot_image.ts";
import { type OpenImages, openImages } from "./images.ts";
import { profileFiles } from "./named_files.ts";
import { planProfile } from "./plan_profile.ts";
import { readFacts } from "./read_facts.ts";
import { findFiles } from "./files/find_files.ts";

/** A captured host, by the name of its file; without facts, its file is none that can be planned for. */
interface Host {
  readonly name: string;
  readonly facts: HostFacts | undefined;
  readonly captured: CapturedFiles | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** Captures end so. */
const CAPTURE_NAME = /\.(?:json|ya?ml)$/i;

/** What a caller may want to show while a matrix is made. */
export interface MatrixEvents {
  readonly onReading?: Reading;
  /** Called with what is wrong with a profile, a folder or a capture, one after the other. */
  readonly onDiagnostics?: (diagnostics: readonly Diagnostic[]) => void;
}

/** Plans every profile for every captured host of a folder; undefined where there is no profile, or no host. */
export async function planMatrix(
  words: readonly string[],
  hostsFolder: string,
  { onReading, onDiagnostics = () => {} }: MatrixEvents = {},
): Promise<Matrix | undefined> {
  const { profiles } = checkProfiles(words, onDiagnostics);
  const found = findFiles(hostsFolder, CAPTURE_NAME);
  const none = found.files.length === 0 && found.diagnostics.length === 0 ? [noHosts(hostsFolder)] : [];
  onDiagnostics([...found.diagnostics, ...none]);
  const hosts = found.files.map((file) => readHost(file, hostsFolder));
  // What a capture lacks shows in the checks of the plans; here only what makes it useless matters.
  for (const { diagnostics } of hosts) onDiagnostics(diagnostics.filter(({ severity }) => severity === "error"));
  if (hosts.length === 0 || profiles.length === 0) return undefined;

  const cells: MatrixCell[] = [];
  for (const profile of profiles) cells.push(...await cellsOf(profile, hosts, onReading));
  return matrixOf(profiles.map(({ verdict }) => verdict.file), hosts.map(({ name }) => name), cells);
}

function readHost(file: string, folder: string): Host {
  const { facts, captured, diagnostics } = readFacts(file);
  const name = file.slice(folder.length).replace(/^\/+/, "").replace(CAPTURE_NAME, "");
  return { name, facts: hasErrors(diagnostics) ? undefined : facts, captured, diagnostics };
}

/**
 * One profile on every host. Files that are here are opened and hashed once; captured ones are each host's own, and so is what
 * `carry` and `unlock` add.
 */
async function cellsOf(
  { verdict, parsed }: CheckedProfile,
  hosts: readonly Host[],
  onReading: Reading | undefined,
): Promise<readonly MatrixCell[]> {
  const cell = (host: Host, fit: CellFit): MatrixCell => ({ profile: verdict.file, host: host.name, ...fit });
  const declared = parsed?.value;
  if (declared === undefined) {
    return hosts.map((host) => cell(host, fitOf(undefined, verdict.diagnostics)));
  }
  const open = (profile: Profile, captured: CapturedFiles | undefined, of: readonly HostFacts[]) =>
    openImages(profileFiles(profile, of), { captured, onReading, facts: of.length === 1 ? of[0] : undefined });
  const all = hosts.flatMap(({ facts }) => facts ?? []);
  /** Local files, by their paths, which may differ between hosts. */
  using local = new DisposableStack();
  const opened = new Map<string, OpenImages>();
  const openLocal = async (profile: Profile, captured: CapturedFiles | undefined) => {
    const key = JSON.stringify([profile.kernel, profile.initrd, profile.dtb, profile.modules, profile.segments.length]);
    const images = opened.get(key) ?? local.use(await open(profile, captured, all));
    opened.set(key, images);
    return images;
  };
  const cells: MatrixCell[] = [];
  for (const host of hosts) {
    const { facts, captured } = host;
    if (facts === undefined) {
      cells.push(cell(host, fitOf(undefined, host.diagnostics)));
      continue;
    }
    // Its files may not be captured with a host that the profile is not for.
    const unmet = declared.requires === undefined ? undefined : unmetRequirement(declared.requires, facts);
    if (unmet !== undefined) {
      const reason = { status: "excluded", rule: unmet.rule, message: unmet.message } as const;
      cells.push(cell(host, { status: "excluded", reasons: [reason] }));
      continue;
    }
    const { value: profile, diagnostics } = await profileOn(declared, facts, captured);
    if (profile === undefined) {
      cells.push(cell(host, fitOf(undefined, diagnostics)));
    } else if (captured?.images === undefined && profile.carry.length === 0 && profile.unlock.length === 0) {
      cells.push(cell(host, await fitOfOpened(profile, facts, await openLocal(profile, captured), captured)));
    } else {
      using own = await open(profile, captured, [facts]);
      cells.push(cell(host, await fitOfOpened(profile, facts, own, captured)));
    }
  }
  return cells;
}

async function fitOfOpened(
  profile: Profile,
  facts: HostFacts,
  opened: OpenImages,
  captured: CapturedFiles | undefined,
): Promise<CellFit> {
  if (hasErrors(opened.diagnostics)) return fitOf(undefined, opened.diagnostics);
  const { value, diagnostics } = await planProfile(profile, facts, opened, captured);
  return fitOf(value, [...opened.diagnostics, ...diagnostics]);
}

type CellFit = Pick<MatrixCell, "status" | "reasons">;

/** Every reason, failures first; a plan without any fits. */
function fitOf(plan: Plan | undefined, diagnostics: readonly Diagnostic[]): CellFit {
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
  return { status, reasons: [...failures, ...reasons.filter((reason) => reason.status !== "fail")] };
}

function noHosts(folder: string): Diagnostic {
  return {
    code: "facts-format",
    severity: "error",
    message: `There is no captured host under ${folder}`,
    hint: "Make one with `warmboot facts > HOST.json`; every *.json, *.yaml and *.yml file in the folder is read",
  };
}
