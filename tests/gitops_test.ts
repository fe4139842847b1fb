import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { parse } from "@std/yaml";
import { COMMANDS } from "../src/cli/table.ts";
import { parseInvocation } from "../src/cli/args.ts";
import { walkFiles } from "./support/walk_files.ts";

const ROOT = join(import.meta.dirname ?? ".", "..");
const EXAMPLE = join(ROOT, "examples/gitops");

interface Step {
  readonly name?: string;
  readonly if?: string;
  readonly run?: string;
}

function steps(): readonly Step[] {
  const text = Deno.readTextFileSync(join(EXAMPLE, ".github/workflows/boot.yaml"));
  const { jobs } = parse(text) as { jobs: { boot: { steps: Step[] } } };
  return jobs.boot.steps;
}

/** A copy of the example, with the profiles of before a change beside it. */
function copyOf(): { readonly path: string } & Disposable {
  const path = Deno.makeTempDirSync({ prefix: "warmboot-gitops-" });
  for (const file of walkFiles(EXAMPLE, "")) {
    const name = file.slice(EXAMPLE.length + 1);
    for (const target of [name, join("before", name)]) {
      Deno.mkdirSync(join(path, target, ".."), { recursive: true });
      Deno.copyFileSync(file, join(path, target));
    }
  }
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

/** Runs a step's script as the workflow would: bash with -e, and a warmboot that may read and nothing else. */
async function runStep(script: string, cwd: string): Promise<{ readonly code: number; readonly output: string }> {
  const warmboot = `warmboot() { "${Deno.execPath()}" run --quiet --no-prompt --allow-read "${
    join(ROOT, "cli.ts")
  }" "$@"; }`;
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-e", "-o", "pipefail", "-c", `${warmboot}\n${script}`],
    cwd,
    stdin: "null",
  }).output();
  return { code, output: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

const OURS = steps().filter(({ run }) => run !== undefined && /^\s*(?:\{ )?warmboot |\n\s+warmboot /.test(run));

Deno.test("examples/gitops: every step of the workflow that runs warmboot does what it says", async () => {
  using copy = copyOf();
  const web = join(copy.path, "profiles/web.yaml");
  Deno.writeTextFileSync(web, Deno.readTextFileSync(web).replace("console=tty0, ", ""));
  assertEquals(OURS.length, 4);
  for (const { name, run = "" } of OURS) {
    const { code, output } = await runStep(run, copy.path);
    assertEquals(code, 0, `${name}: ${output}`);
  }
  const sarif = JSON.parse(Deno.readTextFileSync(join(copy.path, "boot.sarif")));
  assertEquals([sarif.version, sarif.runs[0].results], ["2.1.0", []]);
  const preview = Deno.readTextFileSync(join(copy.path, "preview.md"));
  assertStringIncludes(preview, "### web1: web");
  assertStringIncludes(preview, "console=tty0");
  assertStringIncludes(preview, "### db1: db");
});

Deno.test("examples/gitops: a faulty change stops the workflow at the step that is about it", async () => {
  using copy = copyOf();
  const [check, , matrix, preview] = OURS;
  assert(check?.run !== undefined && matrix?.run !== undefined && preview?.run !== undefined);
  const db = join(copy.path, "profiles/db.yaml");
  const text = Deno.readTextFileSync(db);
  Deno.writeTextFileSync(db, text.replace("memory: 1GiB", "memory: 64GiB"));
  assertEquals((await runStep(check.run, copy.path)).code, 0);
  assertEquals((await runStep(matrix.run, copy.path)).code, 69);
  Deno.writeTextFileSync(db, `${text}\nkernl: x\n`);
  assertEquals((await runStep(check.run, copy.path)).code, 65);
  assertEquals((await runStep(preview.run, copy.path)).code !== 0, true);
  // Nor does a fault in the first go unnoticed.
  Deno.writeTextFileSync(db, text);
  Deno.writeTextFileSync(join(copy.path, "profiles/web.yaml"), "version: 1\nkernl: x\n");
  assertEquals((await runStep(preview.run, copy.path)).code !== 0, true);
});

Deno.test("examples/gitops: the unit loads a profile that is in the repository, by a command that there is", () => {
  const unit = Deno.readTextFileSync(join(EXAMPLE, "systemd/warmboot-apply@.service"));
  const words = /^ExecStart=(.*)$/m.exec(unit)?.[1]?.replaceAll("%i", "web").split(" ") ?? [];
  const [program = "", name, ...args] = words;
  assert(program.endsWith("/warmboot"));
  const command = COMMANDS.find((each) => each.name === name);
  assert(command !== undefined);
  const invocation = parseInvocation(command, args);
  assert(invocation.kind === "invocation");
  const profile = invocation.words[0]?.replace("/srv/boot", EXAMPLE) ?? "";
  assert(Deno.statSync(profile).isFile);
});

Deno.test("examples/gitops: everything that the workflow fetches is pinned by digest, and it comments by number", () => {
  const text = Deno.readTextFileSync(join(EXAMPLE, ".github/workflows/boot.yaml"));
  const actions = [...text.matchAll(/uses: (\S+)(.*)/g)];
  assert(actions.length >= 3);
  for (const [line, action = "", version = ""] of actions) {
    assert(/^[\w/-]+@[0-9a-f]{40}$/.test(action) && /^ # v[\d.]+$/.test(version), line);
  }
  const install = steps().find(({ name }) => name === "Install")?.run ?? "";
  assertStringIncludes(install, "sha256sum --check --strict warmboot.sha256");
  assert(install.indexOf("sha256sum") < install.indexOf("tar "));
  const comment = steps().find(({ name }) => name === "Comment")?.run ?? "";
  assertStringIncludes(comment, 'gh pr comment "$NUMBER"');
  assertStringIncludes(text, "NUMBER: ${{ github.event.pull_request.number }}");
  // Names that the author of a pull request chooses are not expanded in scripts.
  for (const { name, run = "" } of steps()) assert(!/\$\{\{|HEAD_REF/.test(run), name);
});

Deno.test("examples/gitops: no text of a profile ends the block that shows it", async () => {
  using copy = copyOf();
  const web = join(copy.path, "profiles/web.yaml");
  Deno.writeTextFileSync(web, Deno.readTextFileSync(web).replace("console=tty0", '"x=```", "y=[a](http://b)"'));
  const { code, output } = await runStep(OURS.at(-1)?.run ?? "", copy.path);
  assertEquals(code, 0, output);
  const preview = Deno.readTextFileSync(join(copy.path, "preview.md"));
  assertStringIncludes(preview, "```");
  for (const line of preview.split("\n")) assert(line === "" || /^(?: {4}|### )/.test(line), line);
});
