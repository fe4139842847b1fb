// deno-lint-ignore-file no-console
/**
 * Every benchmark, or those that are named, as ratios measured side by side in this run. Times differ from machine to
 * machine; ratios less so. `boot` and `interruption` take names of their own, and they, `load` and `scale` keep their results under
 * results/, of which `deno task generate` makes the tables and the picture of the documentation.
 */
import { benchBoot, SETUP_NAMES } from "./boot.ts";
import { benchCheck } from "./check.ts";
import { benchContents } from "./contents.ts";
import { benchInterruption, INTERRUPTION_NAMES } from "./interruption.ts";
import { benchFiles } from "./files.ts";
import { benchLoad } from "./load.ts";
import { benchPage } from "./page.ts";
import { benchPlan } from "./plan.ts";
import { benchScale } from "./scale.ts";
import { benchStartup } from "./startup.ts";

const BENCHES: { readonly [name: string]: (names: readonly string[]) => Promise<readonly string[]> } = {
  check: async () => [await benchCheck()],
  plan: benchPlan,
  startup: benchStartup,
  contents: benchContents,
  load: benchLoad,
  files: benchFiles,
  scale: benchScale,
  page: benchPage,
  boot: benchBoot,
  interruption: benchInterruption,
};

/** The names that a bench takes. */
const NAMES: { readonly [name: string]: readonly string[] } = { boot: SETUP_NAMES, interruption: INTERRUPTION_NAMES };

const [bench, ...names] = Deno.args;
const chosen = bench === undefined ? Object.values(BENCHES) : [BENCHES[bench]].filter((found) => found !== undefined);
if (chosen.length === 0 || names.some((name) => NAMES[bench ?? ""]?.includes(name) !== true)) {
  const named = Object.entries(NAMES).map(([name, words]) => `; ${name} [${words.join("|")}]...`).join("");
  console.error(`Usage: deno task bench [${Object.keys(BENCHES).join("|")}]${named}`);
  Deno.exit(64);
}
console.log(`${"".padEnd(58)}${"warmboot".padStart(10)}${"other".padStart(10)}${"ratio".padStart(8)}`);
for (const run of chosen) for (const text of await run(names)) console.log(text);
