import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { EXIT } from "../../src/core/program.ts";
import { bzImage } from "../image/build.ts";
import { run } from "../support/run_cli.ts";

const ROOT = join(import.meta.dirname ?? ".", "../..");
const FACTS = join(ROOT, "tests/fixtures/hosts/bios-vm.json");
const PROFILE = "version: 1\nkernel: vmlinuz\ncmdline: root=/dev/vda ro\n";
const folder = Deno.makeTempDirSync({ prefix: "warmboot-inputs-" });
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
Deno.writeTextFileSync(join(folder, "web.yaml"), PROFILE);
Deno.writeFileSync(join(folder, "vmlinuz"), bzImage());

interface Shell {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a line of bash in the folder, where `warmboot` is the program. */
async function bash(line: string): Promise<Shell> {
  const warmboot = `warmboot() { "${Deno.execPath()}" run --quiet --no-prompt -A "${join(ROOT, "cli.ts")}" "$@"; }`;
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", `${warmboot}\n${line}`],
    cwd: folder,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

const web = join(folder, "web.yaml");
const huge = join(folder, "huge");
Deno.writeFileSync(huge, new Uint8Array());
Deno.truncateSync(huge, 6 * 1024 ** 3);

/** Lines of a shell, and arguments that need none. */
const REFUSED: readonly (readonly [string | readonly string[], number, string])[] = [
  [["check", "/dev/fd/2147483647"], EXIT.noinput.code, "/dev/fd/2147483647 does not exist"],
  ["warmboot check - < /tmp", EXIT.noinput.code, "Cannot open standard input: it is a directory"],
  ["warmboot check /dev/stdin < /tmp", EXIT.noinput.code, "Cannot open /dev/stdin: it is a directory"],
  [["check", "-", "-"], EXIT.usage.code, "- is read twice"],
  [["diff", "-", "/dev/stdin"], EXIT.usage.code, "/dev/stdin is read twice"],
  [["plan", "-", "--facts", "-"], EXIT.usage.code, "- is read twice"],
  ["warmboot check - < /dev/zero", EXIT.data.code, "stdin is larger than 1 MiB, the limit for a profile"],
  [["check", huge], EXIT.data.code, "huge is larger than 1 MiB"],
  [["plan", web, "--facts", huge], EXIT.data.code, "larger than 16 MiB"],
  [["load", huge, "--dry-run"], EXIT.data.code, "larger than 16 MiB"],
  ["warmboot check none.yaml 2> /dev/full", EXIT.noinput.code, ""],
  ["warmboot schema > /dev/full", EXIT.io.code, "Cannot write to standard output"],
  [["check", FACTS], EXIT.data.code, "This is a capture of a host, not a profile"],
  [["plan", FACTS], EXIT.data.code, "warmboot plan PROFILE --facts FILE"],
  [["load", FACTS, "--dry-run"], EXIT.data.code, "This is a capture of a host, not a profile or a plan"],
  [
    `warmboot plan web.yaml --facts ${FACTS} -o json > p.json; warmboot check p.json`,
    EXIT.data.code,
    "This is a stored plan, not a profile",
  ],
  [
    `(echo "# reviewed"; echo ---; warmboot plan web.yaml --facts ${FACTS} -o yaml) | warmboot plan -`,
    EXIT.data.code,
    "Load it with: warmboot load FILE",
  ],
  [["plan", web, "--facts", FACTS, "--out", web], EXIT.usage.code, "web.yaml, from which it is made"],
  [
    ["plan", web, "--facts", FACTS, "--out", join(folder, "vmlinuz")],
    EXIT.usage.code,
    "vmlinuz, from which it is made",
  ],
];

for (const [line, code, says] of REFUSED) {
  const typed = typeof line === "string" ? line : `warmboot ${line.join(" ")}`;
  Deno.test(`refused, and no defect: ${typed.replaceAll(ROOT, "").replaceAll(folder, "")}`, async () => {
    const result = typeof line === "string" ? await bash(line) : await run(line);
    assertStringIncludes(result.stderr, says);
    assertEquals(result.code, code);
    assertEquals(Deno.readTextFileSync(web), PROFILE);
  });
}

Deno.test("a stored plan behind comments is still taken for one by load", async () => {
  const { stderr } = await bash(
    `(echo "# reviewed"; warmboot plan web.yaml --facts ${FACTS} -o json) > ./commented; warmboot load ./commented --dry-run`,
  );
  // It was made for another host, so that this one refuses to carry it out.
  assertStringIncludes(stderr, "Since the plan was made");
});

Deno.test("a profile from a pipe is `stdin`, and its paths lead from the working directory", async () => {
  for (const line of ["plan -", "plan /dev/stdin", "plan <(cat web.yaml)"]) {
    const { stdout } = await bash(`cat web.yaml | warmboot ${line} --facts ${FACTS} -o json`);
    const plan = JSON.parse(stdout);
    assertEquals([plan.profile, plan.call.kernel.path], ["stdin", join(folder, "vmlinuz")], line);
  }
});

Deno.test("`..` behind a symbolic link leads where the system leads it", async () => {
  Deno.mkdirSync(join(folder, "real/inner"), { recursive: true });
  Deno.symlinkSync("real/inner", join(folder, "link"));
  Deno.copyFileSync(join(folder, "vmlinuz"), join(folder, "real/vmlinuz"));
  Deno.writeTextFileSync(join(folder, "linked.yaml"), "version: 1\nkernel: link/../vmlinuz\ncmdline: ro\n");
  Deno.writeTextFileSync(join(folder, "real/inner/x.yaml"), "version: 1\nkernel: ../vmlinuz\ncmdline: ro\n");
  for (const profile of ["linked.yaml", "link/x.yaml"]) {
    const { stdout } = await bash(`warmboot plan ${profile} --facts ${FACTS} -o json`);
    assertEquals(JSON.parse(stdout).call.kernel.path, join(folder, "link") + "/../vmlinuz", profile);
  }
});

Deno.test("`-` is standard input and standard output, however it is given", async () => {
  const plain = await bash(`warmboot plan web.yaml --facts ${FACTS} -o json`);
  for (const options of ["--facts - -o json", "--facts=- -o json", "--facts - --out -"]) {
    const { stdout, stderr } = await bash(`warmboot plan web.yaml ${options} < ${FACTS}`);
    assertEquals([stdout, stderr], [plain.stdout, ""], options);
  }
  const both = await bash(`warmboot plan web.yaml --facts ${FACTS} -o json --out /dev/stdout > x; cat x`);
  assertEquals(both.stdout, plain.stdout + plain.stdout);
});

Deno.test("facts and check speak YAML too, and a capture in YAML gives the same plan", async () => {
  const { stdout } = await bash(`
    warmboot facts > here.json; warmboot facts -o yaml > here.yaml
    for facts in here.json here.yaml; do warmboot plan web.yaml --facts $facts -o json | grep -v MemAvailable; done | sort | uniq -c | awk '$1 % 2'`);
  assertEquals(stdout, "");
  assertStringIncludes((await bash("warmboot check web.yaml -o yaml")).stdout, "format: warmboot.check/1");
});

Deno.test("control characters of a profile do not reach the terminal", async () => {
  const { stderr, stdout } = await bash(
    `printf 'version: 1\\n"\\\\e[2Jx\\\\x9b": 1\\n' > bad.yaml; warmboot check bad.yaml`,
  );
  // deno-lint-ignore no-control-regex
  assertEquals(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/.test(stderr + stdout), false);
  assertStringIncludes(stderr, "\u241b[2J");
});
