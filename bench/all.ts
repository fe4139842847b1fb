// deno-lint-ignore-file no-console
/** Every benchmark, as ratios measured side by side in this run. Times differ from machine to machine; ratios less so. */
import { benchCheck } from "./check.ts";
import { benchLoad } from "./load.ts";
import { benchPlan } from "./plan.ts";

console.log(`${"".padEnd(58)}${"warmboot".padStart(10)}${"other".padStart(10)}${"ratio".padStart(8)}`);
console.log(await benchCheck());
for (const text of [...await benchPlan(), ...await benchLoad()]) console.log(text);
