/**
 * Every command in a code block of the documentation is run, or, where it would change the machine, held against what it
 * names. A line that starts with a program which no row knows fails, so that none goes untested. The tutorial's
 * commands (`guest# ...`) are typed into a machine by tests/vm/tutorial_test.ts.
 */
import { assert, assertEquals } from "@std/assert";
import { basename, join } from "@std/path";
import { bzImage } from "../image/build.ts";
import { run } from "../support/run_cli.ts";
import { walkFiles } from "../support/walk_files.ts";
import { archiveName, packageName, TARGETS } from "../../packaging/names.ts";
import { VERSION } from "../../src/core/program.ts";

const ROOT = join(import.meta.dirname ?? ".", "../..");
const PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", ...pagesUnder("docs"), ...pagesUnder("examples")];

function pagesUnder(folder: string): readonly string[] {
  return walkFiles(join(ROOT, folder), ".md").map((path) => path.slice(ROOT.length + 1));
}

/** The lines of code blocks that begin with a command, without prompts, `sudo` and comments. */
function commandLines(text: string): readonly string[] {
  const lines: string[] = [];
  let fenced = false;
  let open = "";
  for (const line of text.split("\n")) {
    if (/^\s*```/.test(line)) fenced = !fenced;
    else if (fenced || /^ {4}\S/.test(line) || open !== "") {
      const joined = open + line.trim().replace(/\s+# .*$/, "");
      open = joined.endsWith("\\") ? joined.slice(0, -1) : "";
      if (open === "") lines.push(joined.replace(/^sudo /, ""));
    }
  }
  return lines.filter((line) => PROGRAMS.includes(line.split(" ", 1)[0] ?? ""));
}

/** Programs whose lines are commands; whatever else stands in a block is a file's text or what a program said. */
const PROGRAMS: readonly string[] = [
  ...[
    "warmboot",
    "deno",
    "npx",
    "systemctl",
    "install",
    "git",
    "cp",
    "mkdir",
    "tar",
    "curl",
    "kexec",
    "make",
    "journalctl",
  ],
  ...["apt-get", "update-grub", "systemd-analyze", "sha256sum", "man", "mandoc", "ln", "rm", "cat", "echo", "sed"],
];

const TASKS: readonly string[] = Object.keys(
  (JSON.parse(Deno.readTextFileSync(join(ROOT, "deno.json"))) as { tasks: Record<string, unknown> }).tasks,
);

/** Where a block's commands run: profiles by the names that the documentation gives them, a kernel, a captured host. */
function workplace(): { readonly path: string } & Disposable {
  const path = Deno.makeTempDirSync({ prefix: "warmboot-docs-" });
  const write = (name: string, text: string | Uint8Array): void => {
    Deno.mkdirSync(join(path, name, ".."), { recursive: true });
    if (typeof text === "string") Deno.writeTextFileSync(join(path, name), text);
    else Deno.writeFileSync(join(path, name), text);
  };
  const profile = `version: 1\nkernel: ${join(path, "vmlinuz")}\ncmdline: root=LABEL=root ro\n`;
  write("vmlinuz", bzImage());
  write("root/boot/vmlinuz-6.1.0", bzImage());
  for (const name of ["web", "old", "kdump", "preserve", "node"]) write(`${name}.yaml`, profile);
  write("new.yaml", profile.replace(" ro", " rw"));
  write("profiles/web.yaml", profile);
  for (const name of ["host.json", "hosts/web1.json"]) {
    write(name, Deno.readFileSync(join(ROOT, "tests/fixtures/hosts/bios-vm.json")));
  }
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

/** Runs a line by bash, with `warmboot` as in a checkout; what would change the machine is run dry. */
async function runLine(line: string, cwd: string): Promise<{ readonly code: number; readonly text: string }> {
  const dry = line.replace(/^warmboot (load|exec|unload)\b/, "warmboot $1 --dry-run")
    .replace(/^warmboot (depart|arrive|confirm)\b/, "warmboot $1 --help")
    .replace(/^warmboot init(?! --(bls|uki))/, "rm -f web.yaml; warmboot init --newest --root root")
    .replaceAll("/etc/warmboot/", "./");
  const words = plainWords(dry, cwd);
  if (words !== undefined) {
    const { code, stdout, stderr } = await run(words);
    return { code, text: stdout + stderr };
  }
  const define = `warmboot() { "${Deno.execPath()}" run --quiet --no-prompt -A "${join(ROOT, "cli.ts")}" "$@"; }`;
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", `${define}\n${dry}`],
    cwd,
    stdin: "null",
    env: { PAGER: "cat" },
  }).output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

/** The words of a line without anything for the shell to do, which changes nothing; files of the folder by whole paths. */
function plainWords(line: string, folder: string): readonly string[] | undefined {
  if (!/^warmboot (?:check|plan|diff|status|explain|schema|load --dry-run) [\w ./@=-]+$/.test(line)) return undefined;
  if (/ --out\b/.test(line)) return undefined;
  return line.split(" ").slice(1).map((word) => isThere(join(folder, word)) ? join(folder, word) : word);
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Exit codes of a line that is understood: this machine may lack what it asks for, and two sides may differ. */
const UNDERSTOOD: readonly number[] = [0, 1, 69];

/** What is done with a line of each program: undefined where it holds, else what is wrong. */
const ROWS: { readonly [program: string]: (line: string) => Promise<string | undefined> | string | undefined } = {
  warmboot: async (line) => {
    using folder = workplace();
    const { code, text } = await runLine(line, folder.path);
    return UNDERSTOOD.includes(code) ? undefined : `exit code ${code}: ${text}`;
  },
  deno: (line) => {
    const file = /^deno test -A (\S+)$/.exec(line)?.[1];
    return file === undefined ? task(line) : fileComplaint(file);
  },
  tar: archiveComplaint,
  // tests/gitops_test.ts verifies commits with these.
  git: (line) =>
    /^git -C \/srv\/boot config gpg\.(?:format ssh|ssh\.allowedSignersFile \S+)$/.test(line)
      ? undefined
      : "nothing says how to test it",
  // The file that packaging/release.ts writes.
  sha256sum: (line) =>
    /^sha256sum --check (?:--ignore-missing )?SHA256SUMS$/.test(line)
      ? undefined
      : "it is not the file of a release's digests",
  npx: (line) => task(line.replace(/^npx --yes deno@[\d.]+/, "deno")),
  systemctl: (line) =>
    line.split(" ").filter((word) => /^warmboot-/.test(word)).map((word) => unitComplaint(word)).find((found) =>
      found !== undefined
    ),
  install: (line) =>
    line.split(" ").slice(1, -1).filter((word) => /^(contrib|examples)\//.test(word)).map(fileComplaint).find((found) =>
      found !== undefined
    ),
};

/** The release that is unpacked is this one. */
function archiveComplaint(line: string): string | undefined {
  const archives = [archiveName(VERSION), ...TARGETS.map((target) => packageName("archive", VERSION, target))];
  return archives.some((name) => line === `tar xzf ${name}`) ? undefined : `it is not the release of ${VERSION}`;
}

function task(line: string): string | undefined {
  const name = /^deno task (\S+)/.exec(line)?.[1];
  if (name === undefined) return `it is no task: ${line}`;
  return TASKS.includes(name) ? undefined : `there is no task ${name}`;
}

/** A unit by its name, an instance by that of its template. */
function unitComplaint(word: string): string | undefined {
  const [name = "", type = "service"] = word.replace(/@[^.]*/, "@").split(".");
  const folders = ["contrib/systemd", "contrib/kubernetes/node-timer", "examples/gitops/systemd"];
  const found = folders.some((folder) =>
    [...Deno.readDirSync(join(ROOT, folder))].some((entry) => entry.name === `${name}.${type}`)
  );
  return found ? undefined : `there is no unit ${name}.${type}`;
}

function fileComplaint(word: string): string | undefined {
  const pattern = new RegExp(`^${basename(word).replaceAll(".", "\\.").replaceAll("*", ".*")}$`);
  const found = [...Deno.readDirSync(join(ROOT, word, ".."))].some(({ name }) => pattern.test(name));
  return found ? undefined : `there is no ${word}`;
}

for (const page of PAGES) {
  const lines = [...new Set(commandLines(Deno.readTextFileSync(join(ROOT, page))))];
  if (lines.length === 0) continue;
  Deno.test(`${page}: its commands are what it says`, async () => {
    const complaints = await Promise.all(lines.map(async (line) => {
      const row = ROWS[line.split(" ", 1)[0] ?? ""];
      const found = row === undefined ? "nothing says how to test it" : await row(line);
      return found === undefined ? [] : [`${line}: ${found}`];
    }));
    assertEquals(complaints.flat(), []);
  });
}

Deno.test("the commands of a page are found, whatever stands before and behind them", () => {
  const text =
    "text\n\n    sudo warmboot plan a.yaml   # look\n    boot: x\n\n```sh\nwarmboot load b.yaml \\\n  --exec\n```\nwarmboot x\n";
  assertEquals(commandLines(text), ["warmboot plan a.yaml", "warmboot load b.yaml --exec"]);
  assert(PAGES.length > 10);
});
