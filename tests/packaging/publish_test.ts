/** A rehearsal of `deno publish --config jsr.json` with the libraries as npm has them: the registry is not asked. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { dirname, join } from "@std/path";
import { tool } from "../support/tool.ts";

const REPOSITORY = join(import.meta.dirname ?? ".", "../..");
const json = (file: string) => JSON.parse(Deno.readTextFileSync(join(REPOSITORY, file)));
const jsr = json("jsr.json");
const deno = json("deno.json");

Deno.test("what is published has no slow types, and is what users need, no more", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    for (const path of [...jsr.publish.include, "types"]) {
      Deno.mkdirSync(dirname(join(folder, path)), { recursive: true });
      await tool("cp", ["-R", join(REPOSITORY, path), join(folder, dirname(path))]);
    }
    const imports = Object.fromEntries(Object.keys(jsr.imports).map((name) => [name, deno.imports[name]]));
    // What replaces JSR's libraries is part of the package here, and nowhere else.
    const publish = { include: [...jsr.publish.include, "types"] };
    const config = { ...jsr, imports, publish, compilerOptions: deno.compilerOptions };
    Deno.writeTextFileSync(join(folder, "deno.json"), JSON.stringify(config));
    const run = await tool(Deno.execPath(), ["publish", "--dry-run", "--allow-dirty", "--no-check", "--no-lock"], {
      cwd: folder,
      env: { NO_COLOR: "1" },
    });
    assertEquals(run?.code, 0, run?.said);
    assertStringIncludes(run?.said ?? "", "Checking for slow types in the public API");
    const files = [...(run?.said ?? "").matchAll(/^ +file:\/\/(\S+) \(/gm)].map(([, path]) =>
      path?.slice(folder.length + 1) ?? ""
    );
    assert(files.includes("mod.ts") && files.includes("cli.ts") && files.includes("src/cli/main.ts"), run?.said);
    const kinds = new Set(files.map((path) => path.split("/")[0]));
    const wanted = ["deno.json", "types", ...jsr.publish.include.map((path: string) => path.split("/")[0])];
    assertEquals([...kinds].filter((kind) => !wanted.includes(kind)), []);
    // Diagnostics link to it.
    assertEquals(files.filter((path) => path.startsWith("docs/")), ["docs/diagnostics.md"]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("jsr.json and deno.json agree on what is published", () => {
  for (const key of ["name", "version", "license", "exports"]) assertEquals(jsr[key], deno[key], key);
  const major = (specifier: string): string | undefined => /@\^?(\d+)\.[\d.]*(?=\/|$)|@\^(\d+)/.exec(specifier)?.[0];
  for (const [name, specifier] of Object.entries<string>(jsr.imports)) {
    if (specifier.startsWith("npm:")) assertEquals(major(specifier)?.replace("^", ""), major(deno.imports[name]), name);
  }
});

Deno.test("every public symbol of both doors is documented", async () => {
  const run = await tool(Deno.execPath(), ["doc", "--lint", "mod.ts", "cli.ts"], { cwd: REPOSITORY });
  assertEquals(run?.code, 0, run?.said);
});
