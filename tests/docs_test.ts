import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { COMMANDS } from "../src/cli/table.ts";
import { generatedFiles } from "./fresh.ts";
import { brokenLinks } from "./support/links.ts";
import { run, runProcess } from "./support/run_cli.ts";
import { walkFiles } from "./support/walk_files.ts";
import { bzImage } from "./image/build.ts";

const ROOT = join(import.meta.dirname ?? ".", "..");
const read = (path: string): string => Deno.readTextFileSync(join(ROOT, path));

Deno.test("generated files are fresh", async () => {
  const stale = Object.entries(await generatedFiles()).filter(([path, text]) => read(path) !== text).map(([path]) =>
    path
  );
  assertEquals(stale, []);
});

Deno.test("every relative link in the documentation leads to a file", () => {
  const pages = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    ...walkFiles(join(ROOT, "docs"), ".md").map((path) => path.slice(ROOT.length + 1)),
  ];
  assertEquals(brokenLinks(ROOT, pages), []);
});

/** The rows of docs/permissions.md: a command as written there, and its flags. */
const ROWS = [...read("docs/permissions.md").matchAll(/^\| `([^`]+)` +\| (?:`([^`]+)`|none) +\|/gm)].map((match) => ({
  command: match[1] ?? "",
  flags: match[2] === undefined ? [] : match[2].split(" "),
}));

Deno.test("docs/permissions.md has a row for every command", () => {
  const told = new Set(ROWS.map(({ command }) => command.split(" ")[0]));
  assertEquals(COMMANDS.map(({ name }) => name).filter((name) => !told.has(name)), []);
});

/** Deno's permissions as a test has them. */
function permissionsOf(flags: readonly string[]): Deno.PermissionOptions {
  if (flags.includes("-A")) return "inherit";
  return flags.length === 0 ? "none" : Object.fromEntries(flags.map((flag) => [flag.replace("--allow-", ""), true]));
}

const folder = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
Deno.writeFileSync(join(folder, "vmlinuz"), bzImage());
Deno.writeTextFileSync(join(folder, "p.yaml"), "version: 1\nkernel: vmlinuz\ncmdline: ro\n");
const FILES: Record<string, string> = {
  PROFILE: join(folder, "p.yaml"),
  FILE: join(ROOT, "tests/fixtures/hosts/bios-vm.json"),
};

/** They write under /var/lib: the tests of systemd in the VM run them. */
const WRITE_ATTEMPTS: readonly string[] = ["depart", "arrive", "confirm"];

for (const { command, flags } of ROWS) {
  const words = command.split(" ").map((word) => FILES[word] ?? word);
  // What would change this machine is run dry.
  const safe = ["load", "unload", "exec"].includes(words[0] ?? "") ? [...words, "--dry-run"] : words;
  Deno.test({
    name: `docs/permissions.md: ${command} runs with ${flags.join(" ") || "no permission"}`,
    ignore: WRITE_ATTEMPTS.includes(command),
    permissions: permissionsOf(flags),
    async fn() {
      const { code, stderr } = await run(safe);
      assert(code !== 77 && code !== 70, `${code}: ${stderr}`);
    },
  });
  if (flags.length === 0) continue;
  Deno.test({
    name: `docs/permissions.md: ${command} does not run with less`,
    permissions: flags.includes("-A") ? { read: true, env: true, sys: true } : "none",
    async fn() {
      const { code, stderr } = await run(safe);
      assertEquals(code, 77, stderr);
    },
  });
}

Deno.test("docs/permissions.md: a process with --allow-read alone plans for a captured host", async () => {
  const { code, stderr } = await runProcess(["plan", FILES["PROFILE"] ?? "", "--facts", FILES["FILE"] ?? ""], [
    "--allow-read",
  ]);
  assertEquals([code, stderr], [0, ""]);
  assertEquals((await runProcess(["status"], ["--allow-read", "--allow-env", "--allow-sys"])).code, 77);
});
