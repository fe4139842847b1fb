// deno-lint-ignore-file no-console
/**
 * Generated files: each is made anew and compared with the committed one. `--write` writes them instead.
 */
import { dirname, join } from "@std/path";
import { bashCompletion } from "../packaging/completions/bash.ts";
import { fishCompletion } from "../packaging/completions/fish.ts";
import { zshCompletion } from "../packaging/completions/zsh.ts";
import { profilePage } from "../packaging/man/profile.ts";
import { programPage } from "../packaging/man/program.ts";
import { SCHEMAS, schemaText } from "../src/app/schemas.ts";
import { COMMANDS } from "../src/cli/table.ts";
import { bootResults } from "../bench/boot_results.ts";
import { bootPicture } from "../bench/boot_svg.ts";
import { longTables, shortTable } from "../bench/boot_table.ts";
import { interruptionResults, interruptionTable } from "../bench/interruption_results.ts";
import { scaleResults, scaleTable } from "../bench/scale_results.ts";
import { loadResults, loadTable } from "../bench/load_results.ts";
import { withSection } from "../bench/markdown_table.ts";
import { CATALOGUE, type DiagnosticCode } from "../src/core/catalogue.ts";
import { EXIT } from "../src/core/program.ts";
import { EXPLAINED_RULES, explainMarkdown } from "../src/render/explain.ts";
import { renderPlanSvg } from "../src/render/pictures.ts";
import { canAssemble, entryStubModule, purgatoryModule, TARGETS, X86_64 } from "./arch/assemble.ts";
import { kexecOptionsTable } from "./pages/kexec_options.ts";
import { platformsPage } from "./pages/platforms.ts";
import { reviewAssets } from "./pages/review_assets.ts";
import { troubleshootingPage } from "./pages/troubleshooting.ts";
import { watchdogDriversTable } from "./pages/watchdog_drivers.ts";
import { SCENES } from "./render/scenes.ts";

const ROOT = join(import.meta.dirname ?? ".", "..");

/** Every generated file by its path in the repository. */
export async function generatedFiles(): Promise<{ readonly [path: string]: string }> {
  const [boots, loads] = [bootResults(), loadResults()];
  const page = (path: string): string => Deno.readTextFileSync(join(ROOT, path));
  return {
    ...Object.fromEntries(
      Object.entries(SCHEMAS).map(([name, make]) => [`schema/${name}.schema.json`, schemaText(make())]),
    ),
    "contrib/completions/_warmboot": zshCompletion(COMMANDS),
    "contrib/completions/warmboot.bash": bashCompletion(COMMANDS),
    "contrib/completions/warmboot.fish": fishCompletion(COMMANDS),
    "contrib/man/warmboot.8": programPage(COMMANDS),
    "contrib/man/warmboot.profile.5": profilePage(),
    "docs/diagnostics.md": diagnosticsPage(),
    "docs/plan.svg": examplePicture(),
    "docs/kexec-tools.md": withSection(page("docs/kexec-tools.md"), "options of kexec", kexecOptionsTable()),
    "docs/platforms.md": platformsPage(),
    "docs/watchdog.md": withSection(page("docs/watchdog.md"), "drivers of watchdogs", watchdogDriversTable()),
    "docs/troubleshooting.md": troubleshootingPage(),
    ...await purgatoryModules(),
    "src/render/review/assets.ts": await reviewAssets(),
    "docs/downtime.svg": `${noteOf("bench/results/boot.json")}${bootPicture(boots)}`,
    "docs/history.md": withSection(
      page("docs/history.md"),
      "bench of interruptions",
      interruptionTable(interruptionResults()),
    ),
    "docs/review-page.md": withSection(page("docs/review-page.md"), "bench of scale", scaleTable(scaleResults())),
    "docs/predecompress.md": withSection(page("docs/predecompress.md"), "bench of boots, each way", longTables(boots)),
    "README.md": withSection(
      withSection(page("README.md"), "bench of boots", shortTable(boots)),
      "bench of load",
      loadTable(loads),
    ),
  };
}

/** The machine code of every machine whose assembler is here; that of this machine must be. */
async function purgatoryModules(): Promise<{ readonly [path: string]: string }> {
  const modules: { [path: string]: string } = {};
  for (const target of TARGETS) {
    if (target.machine !== Deno.build.arch && !await canAssemble(target)) {
      console.error(
        `src/arch/${target.folder}/purgatory_code.ts is not looked at: no binutils for ${target.machine} here`,
      );
      continue;
    }
    modules[`src/arch/${target.folder}/purgatory_code.ts`] = await purgatoryModule(target);
    if (target === X86_64) modules["src/arch/x86_64/entry_stub_code.ts"] = await entryStubModule();
  }
  return modules;
}

function examplePicture(): string {
  const { plan, facts } = SCENES.crash;
  return `${noteOf("tests/render/scenes.ts")}${renderPlanSvg(plan, facts)}`;
}

function noteOf(source: string): string {
  return `<!-- Generated from ${source} by \`deno task generate\`. deno-fmt-ignore-file -->\n`;
}

const CODES = Object.keys(CATALOGUE) as DiagnosticCode[];

function diagnosticsPage(): string {
  const rows = (table: readonly (readonly [string, string, number])[]) =>
    table.map(([name, about, code]) => `| \`${name}\` | ${about.replaceAll("|", "\\|")} | ${code} |`).join("\n");
  const linkedRows = (table: readonly (readonly [string, string, number])[]) =>
    rows(table).replaceAll(/^\| `([^`]+)`/gm, "| [`$1`](#$1)");
  return `<!-- Generated from src/core/catalogue.ts, src/core/explanations.ts and src/plan/rules by \`deno task generate\`. -->

# Diagnostics

Every problem that warmboot reports has a code, which is shown in brackets after the message. \`warmboot explain CODE\` prints the same text.

A command exits with the code of its first error. The exception is \`check\` of several files, and any command that
continues after an error: it exits with the highest code.

## Problems of files and texts

Each is shown with its position: file, line, column, the line itself, what was expected and what was found.

| code | reported when | exit |
|---|---|---|
${linkedRows(Object.entries(CATALOGUE).map(([code, { about, exit }]) => [code, about, EXIT[exit].code]))}

${CODES.map(explainMarkdown).join("\n")}

## Checks of a plan

Each check passes, warns or fails. A plan with a failed check is shown, but not executed. A check is omitted where the
host does not show what it needs.

| check | what it verifies | exit |
|---|---|---|
${rows(EXPLAINED_RULES.map(({ name, about, exit }) => [name, about, EXIT[exit].code]))}

## Exit codes

| code | meaning |
|---|---|
${Object.values(EXIT).map(({ code, meaning }) => `| ${code} | ${meaning} |`).join("\n")}
`;
}

if (import.meta.main) {
  const write = Deno.args.includes("--write");
  const stale = Object.entries(await generatedFiles()).filter(([path, text]) => read(join(ROOT, path)) !== text);
  for (const [path, text] of stale) {
    if (write) {
      Deno.mkdirSync(dirname(join(ROOT, path)), { recursive: true });
      Deno.writeTextFileSync(join(ROOT, path), text);
    }
    console.error(`${path} ${write ? "written" : "is stale: run deno task generate and review what changes"}`);
  }
  if (stale.length === 0) console.error("Generated files are fresh");
  Deno.exit(stale.length > 0 && !write ? 1 : 0);
}

function read(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}
