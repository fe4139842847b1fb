import { WORKER } from "./src/app/fleet_workers.ts";
import { main } from "./src/cli/main.ts";
import { systemPorts } from "./src/cli/ports.ts";

/** Runs the program with the arguments of this process; gives the exit code. */
export const run = (): Promise<number> => main(Deno.args, systemPorts);

if (import.meta.main) {
  // `plan --jobs` starts this module again, as workers.
  if (self.name === WORKER) (await import("./src/app/fleet_worker.ts")).serveFleet(self);
  else Deno.exit(await run());
}
