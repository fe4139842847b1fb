import { main } from "./src/cli/main.ts";
import { systemPorts } from "./src/cli/ports.ts";

if (import.meta.main) Deno.exit(await main(Deno.args, systemPorts));
