import { fleetWorkers, type Workers } from "./fleet_workers.ts";
import type { Reading } from "./image_file.ts";
import { type Fleet, fleetPlanner, type HostRow, rowOf } from "./plan_fleet.ts";

/** How the rows of a fleet are made. */
export interface RowOptions {
  /** Who makes them; undefined: this thread. */
  readonly workers?: Workers | undefined;
  /** Called before a file is hashed, but not by workers. */
  readonly onReading?: Reading | undefined;
}

/**
 * Plans every profile for every host, one host after the other, in the order of the captures whatever the number of workers.
 * Of a host, nothing is kept here once its row is taken.
 */
export async function* fleetRows(fleet: Fleet, { workers, onReading }: RowOptions = {}): AsyncGenerator<HostRow> {
  if (workers !== undefined && workers.count > 1 && fleet.files.length > 1) {
    yield* fleetWorkers(fleet, workers);
    return;
  }
  using planner = fleetPlanner(fleet.profiles, onReading);
  for (const file of fleet.files) yield rowOf(await planner.plan(file), fleet);
}
