/** What a new user gets wrong: each time there is an exit code of its own kind, and a word on what to do next. */
import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { EXIT, type ExitName } from "../../src/core/program.ts";
import { run } from "../support/run_cli.ts";

const FACTS = new URL("../fixtures/hosts/bios-vm.json", import.meta.url).pathname;
const folder = Deno.makeTempDirSync({ prefix: "warmboot-test-" });
const at = (name: string): string => join(folder, name);
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

Deno.mkdirSync(at("dir"));
Deno.symlinkSync(at("loop.yaml"), at("loop.yaml"));
Deno.writeFileSync(at("binary.yaml"), new Uint8Array(64));
for (
  const [name, text] of Object.entries({
    "empty.yaml": "",
    "syntax.yaml": "a: [1\n",
    "tab.yaml": "version: 1\nkernel: x\n\tbad: 1\n",
    "list.yaml": "- a\n",
    "nothing.yaml": "version: 1\n",
    "web.yaml": "version: 1\nkernel: /no/such/kernel\n",
    "folder.yaml": "version: 1\nkernel: dir\n",
    "web.plan.json": '{"format": "warmboot.plan/1"}',
    "object.json": "{}",
    "text.txt": "hello",
  })
) Deno.writeTextFileSync(at(name), text);

/** What is typed, the kind of failure, and what the way out speaks of. */
const CASES: readonly (readonly [readonly string[], ExitName, RegExp])[] = [
  [["chekc", at("web.yaml")], "usage", /Did you mean check\?/],
  [["-V"], "usage", /Did you mean --version\?/],
  [["check"], "usage", /Usage: warmboot check PROFILE/],
  [["load", at("web.yaml"), "more"], "usage", /Usage: warmboot load PROFILE\|PLAN/],
  [["check", at("web.yaml"), "-o", "xml"], "usage", /The values are text, json/],
  [["check", at("web.yaml"), "-o"], "usage", /Write --output=/],
  [["load", at("web.yaml"), "--dry"], "usage", /Did you mean --dry-run\?/],
  [["check", at("none/web.yaml")], "noinput", /does not exist/],
  [["check", at("wbe.yaml")], "noinput", /Did you mean `web\.yaml`\?/],
  [["check", "nosuchprofile"], "noinput", /write \.\/nosuchprofile/],
  [["check", at("dir")], "noinput", /warmboot init --out \S+dir\/NAME\.yaml/],
  [["check", at("loop.yaml")], "noinput", /Name the file itself/],
  [["check", "/dev/null"], "noinput", /expected: a regular file/],
  [["check", at("empty.yaml")], "data", /beginning with `version: 1`/],
  [["check", at("binary.yaml")], "data", /saved as UTF-8/],
  [["check", at("syntax.yaml")], "data", /Add `\]` at its end/],
  [["check", at("tab.yaml")], "data", /Indent with spaces/],
  [["check", at("list.yaml")], "data", /lines of `key: value`/],
  [["check", at("nothing.yaml")], "data", /kernel: \/boot\/vmlinuz/],
  [["plan", at("web.plan.json")], "data", /Load it with: warmboot load FILE/],
  [["load", at("web.plan.json")], "data", /create it with warmboot plan PROFILE --out FILE/],
  [["plan", at("folder.yaml"), "--facts", FACTS], "noinput", /expected: a regular file/],
  [["plan", at("web.yaml"), "--facts", at("text.txt")], "data", /Take the capture again/],
  [["plan", at("dir")], "usage", /--facts-dir DIR/],
  [["plan", at("web.yaml"), "--facts-dir", at("dir")], "data", /warmboot facts > HOST\.json/],
  [["diff", "@runing"], "usage", /Did you mean @running\?/],
  [["status", "--booted"], "usage", /Write --booted=PROFILE\|PLAN/],
  [["status", at("web.yaml")], "usage", /Write --check PROFILE/],
  [["status", "--check", "-o", "json"], "usage", /Omit one of them/],
  [["status", "--check", "--booted", at("web.yaml")], "usage", /Omit one of them/],
  [["status", "--check", at("none/web.yaml")], "noinput", /does not exist/],
  [
    ["status", "--check", at("nothing.yaml"), at("web.yaml")],
    "noinput",
    /kernel: \/boot\/vmlinuz[^]*\/no\/such\/kernel/,
  ],
  [["facts", at("web.yaml")], "usage", /Write --images/],
  [["init", "--follow"], "usage", /It requires --newest/],
  [["init", "--newest", "--root", at("dir")], "noinput", /--bls FILE/],
  [["init", "--uki", at("text.txt")], "data", /a PE file with a section \.linux/],
  [["refresh", at("web.yaml")], "unavailable", /warmboot init --newest --follow/],
  [["schema", "plann"], "usage", /Did you mean plan\?/],
  [["install"], "unavailable", /deno task install/],
  [["uninstall"], "unavailable", /package manager/],
  [["check", at("web.yaml"), "--color=blue"], "usage", /The values are auto/],
];

for (const [args, exit, way] of CASES) {
  const typed = args.map((word) => word.replace(`${folder}/`, "")).join(" ").replace(FACTS, "host.json");
  Deno.test(`warmboot ${typed}: exit code ${EXIT[exit].code}, and what to do`, async () => {
    const { code, stderr } = await run(args);
    assertEquals(code, EXIT[exit].code, stderr);
    assertMatch(stderr, way);
  });
}
