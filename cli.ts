import { main } from "./src/cli/main.ts";
import { systemPorts } from "./src/cli/ports.ts";

/** Runs the program with the arguments of this process; gives the exit code. */
export const run = (): Promise<number> => main(Deno.args, systemPorts);

if (import.meta.main) Deno.exit(await run());
