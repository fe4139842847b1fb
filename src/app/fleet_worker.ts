import { sentError, type WorkerAnswer, type WorkerTask } from "./fleet_workers.ts";
import { type Fleet, type FleetPlanner, fleetPlanner, rowOf } from "./plan_fleet.ts";

/** What a worker has of the world around it. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<WorkerTask>) => void) | null;
  postMessage(answer: WorkerAnswer): void;
}

function isWorkerScope(scope: object): scope is WorkerScope {
  return "postMessage" in scope && "onmessage" in scope;
}

/**
 * Serves as a worker of a fleet: gets the profiles, then captures, and sends the rows of these. `scope` is the worker's own.
 */
export function serveFleet(scope: object): void {
  if (!isWorkerScope(scope)) throw new Error("This is not a worker");
  let known: { readonly fleet: Fleet; readonly planner: FleetPlanner } | undefined;
  scope.onmessage = async ({ data }) => {
    if (data.kind === "fleet") {
      known = { fleet: data.fleet, planner: fleetPlanner(data.fleet.profiles) };
      return;
    }
    const { index, files } = data;
    try {
      if (known === undefined) throw new Error("A worker has got captures before profiles");
      const { fleet, planner } = known;
      const rows = [];
      for (const file of files) rows.push(rowOf(await planner.plan(file), fleet));
      scope.postMessage({ kind: "rows", index, rows });
    } catch (error) {
      scope.postMessage({ kind: "failed", index, error: sentError(error) });
    }
  };
  scope.postMessage({ kind: "ready" });
}
