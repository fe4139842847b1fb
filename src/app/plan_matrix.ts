import { type Diagnostic, hasErrors } from "../core/diagnostic.ts";
import { type ExitName, worse } from "../core/program.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Plan } from "../plan/plan.ts";
import { unmetRequirement } from "../plan/rules/requires.ts";
import type { ParsedProfile } from "../profile/parse.ts";
import { fittingNone, type Matrix, type MatrixCell } from "../render/matrix.ts";
import { type Checked, checkFiles } from "./check_files.ts";
import type { CapturedFiles } from "./image_file.ts";
import { type OpenImages, openImages } from "./images.ts";
import { layerFiles } from "./layer_files.ts";
import type { Ports } from "../cli/ports.ts";
import { planParsed, profileFiles, readFacts } from "./prepare.ts";
import { report } from "../cli/report.ts";
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

/** Plans every profile for every captured host of a folder. What cannot be read is told, and decides the exit code. */
export async function planMatrix(
  words: readonly string[],
  hostsFolder: string,
  ports: Ports,
): Promise<{ readonly matrix: Matrix | undefined; readonly exit: ExitName }> {
  let exit: ExitName = "ok";
  const tell = (diagnostics: readonly Diagnostic[]): void => {
    const found = report(diagnostics, ports);
    exit = worse(exit, found);
  };
  const { profiles } = checkFiles(words, layerFiles(), tell);
  const walked = findFiles(hostsFolder, CAPTURE_NAME);
  const none = walked.files.length === 0 && walked.diagnostics.length === 0 ? [noHosts(hostsFolder)] : [];
  tell([...walked.diagnostics, ...none]);
  const hosts = walked.files.map((file) => readHost(file, hostsFolder));
  // What a capture lacks shows in the checks of the plans; here only what makes it useless matters.
  for (const { diagnostics } of hosts) tell(diagnostics.filter(({ severity }) => severity === "error"));
  if (hosts.length === 0 || profiles.length === 0) return { matrix: undefined, exit };

  const cells: MatrixCell[] = [];
  for (const profile of profiles) cells.push(...await cellsOf(profile, hosts, ports));
  const matrix: Matrix = {
    format: "warmboot.matrix/1",
    profiles: profiles.map(({ verdict }) => verdict.file),
    hosts: hosts.map(({ name }) => name),
    cells,
  };
  return { matrix, exit: exit === "ok" && fittingNone(matrix).length > 0 ? "unavailable" : exit };
}

function readHost(file: string, folder: string): Host {
  const { facts, captured, diagnostics } = readFacts(file);
  const name = file.slice(folder.length).replace(/^\/+/, "").replace(CAPTURE_NAME, "");
  return { name, facts: hasErrors(diagnostics) ? undefined : facts, captured, diagnostics };
}

/** One profile on every host. Files that are here are opened and hashed once, captured ones are each host's own. */
async function cellsOf(
  { verdict, parsed }: Checked,
  hosts: readonly Host[],
  ports: Ports,
): Promise<readonly MatrixCell[]> {
  const cell = (host: Host, fit: CellFit): MatrixCell => ({ profile: verdict.file, host: host.name, ...fit });
  const profile = parsed?.value;
  if (parsed === undefined || profile === undefined) {
    return hosts.map((host) => cell(host, fitOf(undefined, verdict.diagnostics)));
  }
  const open = (captured: CapturedFiles | undefined) => openImages(profileFiles(profile), ports, captured);
  let local: OpenImages | undefined;
  const cells: MatrixCell[] = [];
  for (const host of hosts) {
    const { facts, captured } = host;
    if (facts === undefined) {
      cells.push(cell(host, fitOf(undefined, host.diagnostics)));
      continue;
    }
    // Its files may not be captured with a host that the profile is not for.
    const unmet = profile.requires === undefined ? undefined : unmetRequirement(profile.requires, facts);
    if (unmet !== undefined) cells.push(cell(host, { status: "fail", rule: unmet.rule, message: unmet.message }));
    else if (captured?.images === undefined) {
      cells.push(cell(host, await fitOfOpened(parsed, facts, local ??= await open(captured))));
    } else {
      using own = await open(captured);
      cells.push(cell(host, await fitOfOpened(parsed, facts, own)));
    }
  }
  local?.[Symbol.dispose]();
  return cells;
}

async function fitOfOpened(parsed: ParsedProfile, facts: HostFacts, opened: OpenImages): Promise<CellFit> {
  if (hasErrors(opened.diagnostics)) return fitOf(undefined, opened.diagnostics);
  const { value, diagnostics } = await planParsed(parsed, facts, opened);
  return fitOf(value, [...opened.diagnostics, ...diagnostics]);
}

type CellFit = Pick<MatrixCell, "status" | "rule" | "message">;

function fitOf(plan: Plan | undefined, diagnostics: readonly Diagnostic[]): CellFit {
  const failed = plan?.checks.find(({ status }) => status === "fail");
  const error = diagnostics.find(({ severity }) => severity === "error");
  if (failed !== undefined) return { status: "fail", rule: failed.rule, message: failed.message };
  if (error !== undefined) return { status: "fail", rule: error.code, message: error.message };
  const warned = plan?.checks.find(({ status }) => status === "warn");
  if (warned !== undefined) return { status: "warn", rule: warned.rule, message: warned.message };
  const warning = diagnostics.at(0);
  if (warning !== undefined) return { status: "warn", rule: warning.code, message: warning.message };
  return { status: plan === undefined ? "fail" : "ok" };
}

function noHosts(folder: string): Diagnostic {
  return {
    code: "facts-format",
    severity: "error",
    message: `There is no captured host under ${folder}`,
    hint: "`warmboot facts > HOST.json` makes one; of a folder every *.json, *.yaml and *.yml is read",
  };
}
