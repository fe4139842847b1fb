/** Shows that a bundled program runs in the guest: its npm dependencies are inlined and nothing is fetched. */
import { parse } from "@std/yaml";
import { release } from "node:os";

// deno-lint-ignore no-console -- standard output is what the test reads
console.log(JSON.stringify({ yaml: parse("answer: 42"), release: release(), args: Deno.args }));
