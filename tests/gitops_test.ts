/** examples/gitops: the steps of its workflow, and of its unit, run in repositories of their own. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { parse } from "@std/yaml";
import { bundleProgram } from "../packaging/bundle.ts";
import { packageName, TARGETS } from "../packaging/names.ts";
import { gzip, tarArchive } from "../packaging/tar.ts";
import { COMMANDS } from "../src/cli/table.ts";
import { parseInvocation } from "../src/cli/args.ts";
import { sha256Of } from "../src/core/sha256.ts";
import { VERSION } from "../src/core/program.ts";
import { walkFiles } from "./support/walk_files.ts";

const ROOT = join(import.meta.dirname ?? ".", "..");
const EXAMPLE = join(ROOT, "examples/gitops");
const WORKFLOW = ".github/workflows/boot.yaml";

interface Step {
  readonly name?: string;
  readonly if?: string;
  readonly run?: string;
}

const STEPS = ((): readonly Step[] => {
  const { jobs } = parse(Deno.readTextFileSync(join(EXAMPLE, WORKFLOW))) as { jobs: { boot: { steps: Step[] } } };
  return jobs.boot.steps;
})();

/** The steps of a pull request for which nothing failed before, in their order. */
const OF_PULL_REQUEST = STEPS.filter(({ run, if: when }) => run !== undefined && when !== "failure()");

const folder = Deno.makeTempDirSync({ prefix: "warmboot-gitops-" });
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** A release as packaging makes it, as far as the workflow looks: the bundled program, and this Deno in place of its own. */
const RELEASES = join(folder, "releases");
const ARCHIVE = `warmboot-${VERSION}-linux-x64.tar.gz`;
let release: Promise<string> | undefined;

/** Makes the release once; the line of its SHA256SUMS. */
function releaseLine(): Promise<string> {
  return release ??= (async () => {
    const top = `warmboot-${VERSION}/lib/warmboot`;
    const bytes = await gzip(
      tarArchive([
        { path: `${top}/deno`, content: `#!/bin/sh\nexec '${Deno.execPath()}' "$@"\n`, mode: 0o755 },
        { path: `${top}/program.js`, content: await bundleProgram(), mode: 0o644 },
        {
          path: `${top}/warmboot.js`,
          content: Deno.readTextFileSync(join(ROOT, "contrib/lib/warmboot.js")),
          mode: 0o644,
        },
      ], 0),
    );
    assertEquals(packageName("archive", VERSION, TARGETS[0] ?? missing()), ARCHIVE);
    Deno.mkdirSync(RELEASES);
    Deno.writeFileSync(join(RELEASES, ARCHIVE), bytes);
    return `${sha256Of(bytes)}  ${ARCHIVE}\n`;
  })();
}

/** Runs git in a folder, as somebody. */
async function git(cwd: string, ...args: readonly string[]): Promise<string> {
  const identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main"];
  const { success, stdout, stderr } = await new Deno.Command("git", {
    args: [...identity, ...args],
    cwd,
    stdin: "null",
    env: { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" },
  }).output();
  const decoder = new TextDecoder();
  assert(success, `git ${args.join(" ")}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout).trim();
}

function missing(): never {
  throw new Error("There is no target");
}

let count = 0;

/** Files by their paths: null removes one. */
type Change = { readonly [path: string]: string | null };

function apply(cwd: string, change: Change): void {
  for (const [path, text] of Object.entries(change)) {
    const at = join(cwd, path);
    if (text === null) Deno.removeSync(at);
    else {
      Deno.mkdirSync(join(at, ".."), { recursive: true });
      Deno.writeTextFileSync(at, text);
    }
  }
}

interface Job {
  /** The folder that was checked out. */
  readonly cwd: string;
  /** What each step gave, by its name. */
  readonly steps: { readonly [name: string]: { readonly code: number; readonly output: string } };
  readonly preview: string;
  readonly summary: string;
}

/**
 * Runs the workflow for a pull request: the example is on main, `before` and then `change` are applied to it. As the runner
 * does, each step is a script of its own for bash with -e and pipefail, and a failed step is the last.
 */
async function pullRequest(change: Change, before: Change = {}): Promise<Job> {
  const at = join(folder, String(count++));
  const origin = join(at, "origin");
  for (const path of walkFiles(EXAMPLE, "")) {
    const to = join(origin, path.slice(EXAMPLE.length + 1));
    Deno.mkdirSync(join(to, ".."), { recursive: true });
    Deno.copyFileSync(path, to);
  }
  apply(origin, { "warmboot.sha256": await releaseLine(), ...before });
  await git(origin, "init", "--quiet");
  await git(origin, "add", "--all");
  await git(origin, "commit", "--quiet", "--message=Before");
  const cwd = join(at, "work");
  await git(at, "clone", "--quiet", origin, cwd);
  await git(cwd, "checkout", "--quiet", "-b", "change");
  apply(cwd, change);
  const programs = join(at, "programs");
  apply(programs, { gh: `#!/bin/sh\nprintf '%s\\n' "$@" > '${at}/gh'\n` });
  Deno.chmodSync(join(programs, "gh"), 0o755);
  const [paths, summary] = [join(at, "path"), join(at, "summary")];
  apply(at, { path: "", summary: "" });
  const steps: Record<string, { code: number; output: string }> = {};
  for (const { name = "", run = "" } of OF_PULL_REQUEST) {
    const added = Deno.readTextFileSync(paths).trim().split("\n").reverse();
    const { code, stdout, stderr } = await new Deno.Command("bash", {
      args: ["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", run],
      cwd,
      stdin: "null",
      env: {
        PATH: [...added, programs, Deno.env.get("PATH")].join(":"),
        GITHUB_PATH: paths,
        GITHUB_STEP_SUMMARY: summary,
        GITHUB_BASE_REF: "main",
        WARMBOOT_RELEASES: `file://${RELEASES}`,
        GH_TOKEN: "none",
        NUMBER: "7",
        NO_COLOR: "1",
      },
    }).output();
    const decoder = new TextDecoder();
    steps[name] = { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
    if (code !== 0) break;
  }
  const read = (path: string): string => {
    try {
      return Deno.readTextFileSync(path);
    } catch {
      return "";
    }
  };
  return { cwd, steps, preview: read(join(cwd, "preview.md")), summary: read(summary) };
}

/** The step that failed, if one did, and its exit code. */
function failedStep({ steps }: Job): readonly [name: string, code: number] | undefined {
  const [name, result] = Object.entries(steps).at(-1) ?? ["", { code: 0 }];
  return result.code === 0 ? undefined : [name, result.code];
}

const WEB = Deno.readTextFileSync(join(EXAMPLE, "profiles/web.yaml"));
const DB = Deno.readTextFileSync(join(EXAMPLE, "profiles/db.yaml"));
const HOST = Deno.readTextFileSync(join(EXAMPLE, "hosts/web1.json"));

Deno.test("examples/gitops: the workflow installs the release, and shows a change, a new profile and one that is gone", async () => {
  const job = await pullRequest({
    "profiles/web.yaml": WEB.replace("console=tty0, ", ""),
    "profiles/fast.yaml": "version: 1\nextends: base.yaml\ncmdline+: [mitigations=off]\nrequires: { hostname: web1 }\n",
    "profiles/db.yaml": null,
    "profiles/data.yaml": DB,
  });
  assertEquals(failedStep(job), undefined, JSON.stringify(job.steps));
  assertEquals(Object.keys(job.steps).length, OF_PULL_REQUEST.length);
  for (
    const heading of [
      "### `profiles/web.yaml` changes on `web1`",
      "### `profiles/fast.yaml` is new on `web1`",
      "### `profiles/data.yaml` is new on `db1`",
      "### `profiles/db.yaml` is gone from `db1`",
      "- `web1` was captured at 2026-11-28T21:10:00Z, in boot `5b0e7c52-9d0c-4a36-8c0f-2f6b7d1f0a11`",
    ]
  ) assertStringIncludes(job.preview, heading);
  assertStringIncludes(job.preview, "- console=tty0");
  assertStringIncludes(job.preview, "+ mitigations=off");
  assertStringIncludes(job.summary, job.preview);
  assertStringIncludes(job.summary, "| `profiles/web.yaml` |");
  assertEquals(Deno.readTextFileSync(join(job.cwd, "../gh")).split("\n").slice(0, 3), ["pr", "comment", "7"]);
});

Deno.test("examples/gitops: the first profiles of a repository are reviewed as well", async () => {
  const job = await pullRequest(
    { "profiles/web.yaml": WEB, "profiles/db.yaml": DB, "profiles/base.yaml": baseOf() },
    { "profiles/web.yaml": null, "profiles/db.yaml": null, "profiles/base.yaml": null },
  );
  assertEquals(failedStep(job), undefined, JSON.stringify(job.steps));
  assertStringIncludes(job.preview, "### `profiles/web.yaml` is new on `web1`");
});

function baseOf(): string {
  return Deno.readTextFileSync(join(EXAMPLE, "profiles/base.yaml"));
}

Deno.test("examples/gitops: a host is taken from the folder, whatever it is called", async () => {
  const job = await pullRequest({ "hosts/rack1/web7.json": HOST.replaceAll("web1", "web7") });
  assertEquals(failedStep(job), undefined, JSON.stringify(job.steps));
  assertStringIncludes(job.summary, "`rack1/web7`");
  const changed = await pullRequest({
    "hosts/rack1/web7.json": HOST.replaceAll("web1", "web7"),
    "profiles/web.yaml": WEB.replace("console=tty0, ", ""),
  });
  assertStringIncludes(changed.preview, "### `profiles/web.yaml` changes on `rack1/web7`, `web1`");
});

const FAULTS: readonly (readonly [what: string, change: Change, step: string, code: number])[] = [
  ["another release than the pinned one", { "warmboot.sha256": `${"0".repeat(64)}  ${ARCHIVE}\n` }, "Install", 1],
  ["a name of a release that is none", { "warmboot.sha256": `${"0".repeat(64)}  ../$(id).tar.gz\n` }, "Install", 1],
  ["a typing error", { "profiles/db.yaml": `${DB}\nkernl: x\n` }, "Every profile is valid", 65],
  [
    "a profile that fits no host",
    {
      "profiles/db.yaml": DB.replace("hostname: db*", "hostname: none"),
    },
    "Every profile fits a host",
    69,
  ],
  [
    "a profile that fails",
    {
      "profiles/db.yaml": DB.replace("memory: 1GiB", "memory: 64GiB"),
    },
    "Every profile fits a host",
    69,
  ],
];

for (const [what, change, step, code] of FAULTS) {
  Deno.test(`examples/gitops: ${what} stops the workflow at the step that is about it`, async () => {
    assertEquals(failedStep(await pullRequest(change)), [step, code]);
  });
}

Deno.test("examples/gitops: what is not valid becomes SARIF at its line", async () => {
  const job = await pullRequest({ "profiles/db.yaml": `${DB}\nkernl: x\n` });
  const step = STEPS.find(({ if: when, run }) => when === "failure()" && run !== undefined);
  const { code } = await new Deno.Command("bash", {
    args: ["-e", "-c", step?.run ?? ""],
    cwd: job.cwd,
    env: { PATH: `${job.cwd}/bin:${Deno.env.get("PATH")}` },
    stderr: "null",
  }).output();
  assertEquals(code, 65);
  const sarif = JSON.parse(Deno.readTextFileSync(join(job.cwd, "boot.sarif")));
  assertEquals([sarif.version, sarif.runs[0].results.length], ["2.1.0", 1]);
});

const HOSTILE = [
  "$(touch PWNED)",
  "`touch PWNED`",
  "a|b; touch PWNED",
  "<script>alert(1)<",
  "${{ github.token }}",
  "a\n::error::PWNED",
  "--out=PWNED",
  "'\"&&touch PWNED",
];

Deno.test("examples/gitops: names and values of a pull request become neither shell nor Markdown nor a workflow command", async () => {
  const quoted = (text: string) => JSON.stringify(text).replaceAll("/", "\\/");
  const change = Object.fromEntries(HOSTILE.flatMap((name, index) => [
    [
      `profiles/${name}.yaml`,
      `version: 1\nextends: base.yaml\ndescription: ${quoted(name)}\nrequires: { hostname: "host${index}*" }\n` +
      `cmdline+: [${quoted(`label=${name.replaceAll(/[\s"]/g, "_")}`)}]\n`,
    ],
    [
      `hosts/${name}.json`,
      HOST.replace('"web1\\n"', JSON.stringify(`host${index} ${name.replaceAll("\n", " ")}\n`))
        .replace("ro quiet", JSON.stringify(`ro x=${name.replaceAll(/[\n"]/g, "_")}`).slice(1, -1)),
    ],
  ]));
  const job = await pullRequest(change);
  assertEquals(failedStep(job), undefined, JSON.stringify(job.steps));
  for (const path of walkFiles(join(job.cwd, ".."), "PWNED")) assert(!path.endsWith("/PWNED"), path);
  for (const { output } of Object.values(job.steps)) assertEquals(output.match(/^\s*::|##\[/m), null, output);
  for (const page of [job.preview, job.summary]) {
    assertStringIncludes(page, "touch PWNED");
    const markup = page.replaceAll(/^(`{3,})text\n[^]*?\n\1$/gm, "").replaceAll(/(`+)(?!`)[^]*?[^`]\1(?!`)/g, "");
    assertEquals(markup.match(/[<$`@;]|::/), null, markup);
  }
  assertEquals([...job.preview.matchAll(/^### .* is new on /gm)].length, HOSTILE.length);
});

Deno.test("examples/gitops: what the workflow fetches is pinned by digest, and no script has an expression in it", () => {
  const text = Deno.readTextFileSync(join(EXAMPLE, WORKFLOW));
  const actions = [...text.matchAll(/uses: (\S+)(.*)/g)];
  assert(actions.length >= 2);
  for (const [line, action = "", version = ""] of actions) {
    assert(/^[\w/-]+@[0-9a-f]{40}$/.test(action) && /^ # v[\d.]+$/.test(version), line);
  }
  const install = STEPS.find(({ name }) => name === "Install")?.run ?? "";
  assert(install.indexOf("sha256sum --check --strict") < install.indexOf("tar "));
  const comment = STEPS.find(({ name }) => name === "Comment")?.run ?? "";
  assertStringIncludes(comment, 'gh pr comment "$NUMBER"');
  assertStringIncludes(text, "NUMBER: ${{ github.event.pull_request.number }}");
  // Names that the author of a pull request chooses are not expanded in scripts, and no script names a host or a profile.
  for (const { name, run = "" } of STEPS) assert(!/\$\{\{|HEAD_REF|web|db1/.test(run), name);
});

/** The lines of the unit that run something, with the repository and the programs of a test. */
function unitLines(repository: string): readonly (readonly [kind: string, line: string])[] {
  const unit = Deno.readTextFileSync(join(EXAMPLE, "systemd/warmboot-apply@.service"));
  return [...unit.matchAll(/^(Exec\w+)=(.*)$/gm)].map(([, kind = "", line = ""]) => [
    kind,
    line.replaceAll("/srv/boot", repository).replaceAll("%i", "web").replaceAll("$$", "$")
      .replaceAll("/usr/bin/git", "git").replaceAll("/usr/local/bin/warmboot", "warmboot"),
  ]);
}

Deno.test("examples/gitops: the unit loads what is on main, only if it is signed where that is asked, and not on trial", async () => {
  const at = join(folder, "unit");
  const [origin, repository, programs] = [join(at, "origin"), join(at, "boot"), join(at, "programs")];
  Deno.mkdirSync(origin, { recursive: true });
  await new Deno.Command("ssh-keygen", { args: ["-q", "-t", "ed25519", "-N", "", "-f", join(at, "key")] }).output();
  const key = Deno.readTextFileSync(join(at, "key.pub")).trim();
  apply(at, {
    signers: `test@example.org ${key}\n`,
    "programs/warmboot": `#!/bin/sh\necho "$@" >> '${at}/loaded'\n`,
    "programs/systemctl": `#!/bin/sh\ntest -e '${at}/trial'\n`,
    "origin/profiles/web.yaml": "version: 1\nkernel: /first\n",
    loaded: "",
  });
  for (const program of ["warmboot", "systemctl"]) Deno.chmodSync(join(programs, program), 0o755);
  await git(origin, "init", "--quiet");
  const commit = async (text: string, ...args: readonly string[]) => {
    apply(origin, { "profiles/web.yaml": `version: 1\nkernel: /${text}\n` });
    await git(origin, "add", "--all");
    await git(
      origin,
      "-c",
      "gpg.format=ssh",
      "-c",
      `user.signingKey=${join(at, "key")}`,
      "commit",
      "--quiet",
      ...args,
      "-m",
      "x",
    );
  };
  await commit("first", "--gpg-sign");
  await git(at, "clone", "--quiet", origin, repository);
  await git(repository, "config", "gpg.format", "ssh");
  await git(repository, "config", "gpg.ssh.allowedSignersFile", join(at, "signers"));
  /** Starts the unit: what is in the repository afterwards, and whether it was loaded. */
  const start = async (verify: "yes" | "no"): Promise<readonly [kernel: string, loaded: boolean]> => {
    apply(at, { loaded: "" });
    for (const [, line] of unitLines(repository)) {
      const { success } = await new Deno.Command("bash", {
        args: ["-c", line],
        stdin: "null",
        stdout: "null",
        stderr: "null",
        env: { PATH: `${programs}:${Deno.env.get("PATH")}`, VERIFY: verify, GIT_CONFIG_GLOBAL: "/dev/null" },
      }).output();
      if (!success) break;
    }
    const text = Deno.readTextFileSync(join(repository, "profiles/web.yaml"));
    const loaded = Deno.readTextFileSync(join(at, "loaded"));
    if (loaded !== "") assertEquals(loaded, `load ${repository}/profiles/web.yaml\n`);
    return [/kernel: \/(\w+)/.exec(text)?.[1] ?? "", loaded !== ""];
  };
  await commit("second", "--gpg-sign");
  assertEquals(await start("yes"), ["second", true]);
  await commit("unsigned");
  assertEquals(await start("yes"), ["second", false]);
  // A guarded system that is not confirmed yet is left alone.
  apply(at, { trial: "" });
  assertEquals(await start("no"), ["second", false]);
  Deno.removeSync(join(at, "trial"));
  assertEquals(await start("no"), ["unsigned", true]);
});

Deno.test("examples/gitops: the unit loads a profile that is in the repository, by a command that there is", () => {
  const [, line = ""] = unitLines(EXAMPLE).find(([kind]) => kind === "ExecStart") ?? [];
  const [program = "", name, ...args] = line.split(" ");
  assertEquals(program, "warmboot");
  const command = COMMANDS.find((each) => each.name === name);
  assert(command !== undefined);
  const invocation = parseInvocation(command, args);
  assert(invocation.kind === "invocation" && Deno.statSync(invocation.words[0] ?? "").isFile);
});
