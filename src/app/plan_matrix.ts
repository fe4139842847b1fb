import type { Diagnostic } from "../core/diagnostic.ts";
import { type Matrix, type MatrixCell, matrixOf } from "../render/matrix.ts";
import { checkProfiles } from "./check_files.ts";
import { findCaptures } from "./captures.ts";
import type { Reading } from "./image_file.ts";
import { fleetRows } from "./fleet_rows.ts";
import type { Workers } from "./fleet_workers.ts";
import type { CellFit, Fleet } from "./plan_fleet.ts";
import type { FleetReview } from "./review.ts";

/** What a caller may want to show while a matrix is made. */
export interface MatrixEvents {
  readonly onReading?: Reading;
  /** Called with what is wrong with a profile, a folder or a capture, one after the other. */
  readonly onDiagnostics?: (diagnostics: readonly Diagnostic[]) => void;
}

/** How a matrix is made. */
export interface MatrixOptions extends MatrixEvents {
  /** Who plans for the hosts; undefined: this thread. */
  readonly workers?: Workers | undefined;
  /** Called before the first host. */
  readonly onFleet?: ((fleet: Fleet) => void) | undefined;
  /** Called before the first host; what it gives takes each row, with what the review page shows of its plans. */
  readonly review?: ((fleet: Fleet) => Pick<FleetReview, "take">) | undefined;
}

/** Plans every profile for every captured host of a folder; undefined where there is no profile, or no host. */
export async function planMatrix(
  words: readonly string[],
  hostsFolder: string,
  { workers, onFleet = () => {}, review, onReading, onDiagnostics = () => {} }: MatrixOptions = {},
): Promise<Matrix | undefined> {
  const fleet = findFleet(words, hostsFolder, onDiagnostics);
  if (fleet === undefined) return undefined;
  const names: string[] = [];
  const rows: (readonly CellFit[])[] = [];
  const shared = sharedFits();
  onFleet(fleet);
  const taker = review?.(fleet);
  for await (const row of fleetRows({ ...fleet, review: taker !== undefined }, { workers, onReading })) {
    const { host, cells, diagnostics } = row;
    onDiagnostics(diagnostics);
    await taker?.take(row);
    names.push(host);
    rows.push(cells.map(shared));
  }
  const cells = fleet.profiles.flatMap(({ file }, index) =>
    names.flatMap((host, at): readonly MatrixCell[] => {
      const fit = rows[at]?.[index];
      return fit === undefined ? [] : [{ profile: file, host, ...fit }];
    })
  );
  return matrixOf(fleet.profiles.map(({ file }) => file), names, cells);
}

/** Finds profiles and captures, and says what is wrong with them; undefined where there are none of either. */
export function findFleet(
  words: readonly string[],
  hostsFolder: string,
  onDiagnostics: (diagnostics: readonly Diagnostic[]) => void = () => {},
): Fleet | undefined {
  const { profiles } = checkProfiles(words, onDiagnostics);
  const { files, diagnostics } = findCaptures(hostsFolder);
  onDiagnostics(diagnostics);
  if (files.length === 0 || profiles.length === 0) return undefined;
  return {
    profiles: profiles.map(({ verdict: { file, diagnostics }, parsed }) => ({
      file,
      profile: parsed?.value,
      diagnostics,
    })),
    folder: hostsFolder,
    files,
  };
}

/** Gives equal verdicts as one: there are few of them, and many cells. */
function sharedFits(): (fit: CellFit) => CellFit {
  const known = new Map<string, CellFit>();
  return (fit) => {
    const key = JSON.stringify(fit);
    const found = known.get(key) ?? fit;
    known.set(key, found);
    return found;
  };
}
