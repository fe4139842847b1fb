// deno-lint-ignore-file no-console
/**
 * Applies each change of the table to a copy of the tree and runs the tests that must notice it.
 *
 *     deno task mutants                all of them
 *     deno task mutants --only execute those whose file or text has the word
 */
import { parseArgs } from "node:util";
import { dirname, fromFileUrl, join } from "@std/path";
import { type Mutant, MUTANTS } from "./table.ts";

const ROOT = join(dirname(fromFileUrl(import.meta.url)), "../..");

/** A copy of what is tracked, so that an interrupted run leaves nothing in the checkout. */
async function copyTree(): Promise<string> {
  const to = Deno.makeTempDirSync({ prefix: "warmboot-mutants-" });
  const { stdout } = await new Deno.Command("git", {
    args: ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    cwd: ROOT,
  }).output();
  for (const path of new TextDecoder().decode(stdout).split("\0")) {
    if (path === "") continue;
    Deno.mkdirSync(dirname(join(to, path)), { recursive: true });
    try {
      Deno.copyFileSync(join(ROOT, path), join(to, path));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return to;
}

/** A change may make a loop endless. Far longer than any of these tests takes, milliseconds. */
const LONGEST = 240_000;

/** Whether the tests notice a change, by failing or by never ending; without a change, whether they fail anyway. */
async function fails(tree: string, tests: string): Promise<boolean> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", "--frozen", "--fail-fast", join("tests", tests)],
    cwd: tree,
    stdout: "null",
    stderr: "null",
    env: { NO_COLOR: "1" },
  }).spawn();
  const limit = setTimeout(() => child.kill("SIGKILL"), LONGEST);
  try {
    return !(await child.status).success;
  } finally {
    clearTimeout(limit);
  }
}

async function survives(tree: string, { file, from, to, tests }: Mutant): Promise<boolean> {
  const path = join(tree, "src", file);
  const text = Deno.readTextFileSync(path);
  Deno.writeTextFileSync(path, text.replace(from, () => to));
  try {
    return !await fails(tree, tests);
  } finally {
    Deno.writeTextFileSync(path, text);
  }
}

const { values } = parseArgs({ args: Deno.args, options: { only: { type: "string" } } });
const { only } = values;
const mutants = MUTANTS.filter(({ file, from }) => only === undefined || `${file} ${from}`.includes(only));
const tree = await copyTree();
try {
  for (const tests of new Set(mutants.map((each) => each.tests))) {
    if (await fails(tree, tests)) throw new Error(`tests/${tests} fails without any change`);
  }
  const survivors: Mutant[] = [];
  for (const mutant of mutants) {
    const isNoticed = !await survives(tree, mutant);
    if (!isNoticed) survivors.push(mutant);
    const { file, from, to, tests } = mutant;
    console.log(`${isNoticed ? "noticed  " : "SURVIVES "} ${file}: ${from.trim()}  ->  ${to.trim()}  (${tests})`);
  }
  console.log(`${mutants.length - survivors.length} of ${mutants.length} changes are noticed`);
  Deno.exitCode = survivors.length === 0 ? 0 : 1;
} finally {
  Deno.removeSync(tree, { recursive: true });
}
