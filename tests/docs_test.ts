import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { COMMANDS } from "../src/cli/table.ts";
import { generatedFiles } from "./fresh.ts";
import { brokenLinks } from "./support/links.ts";
import { run } from "./support/run_cli.ts";
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

for (const { command, flags } of ROWS) {
  Deno.test(`docs/permissions.md: ${command} runs with ${flags.join(" ") || "no permission"}, and with nothing less`, async () => {
    const folder = Deno.makeTempDirSync();
    Deno.writeFileSync(join(folder, "vmlinuz"), bzImage());
    Deno.writeTextFileSync(join(folder, "p.yaml"), "version: 1\nkernel: vmlinuz\ncmdline: ro\n");
    const files: Record<string, string> = {
      PROFILE: join(folder, "p.yaml"),
      FILE: join(ROOT, "tests/fixtures/hosts/bios-vm.json"),
    };
    const words = command.split(" ").map((word) => files[word] ?? word);
    // What would change this machine is run dry.
    const safe = ["load", "unload", "exec"].includes(words[0] ?? "") ? [...words, "--dry-run"] : words;
    try {
      const enough = await run(safe, flags);
      assert(enough.code !== 77 && enough.code !== 70, `${enough.code}: ${enough.stderr}`);
      if (flags.length > 0) {
        const less = await run(safe, flags[0] === "-A" ? ["--allow-read", "--allow-env", "--allow-sys"] : []);
        assertEquals(less.code, 77, less.stderr);
      }
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}
