import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";

const FOLDER = join(import.meta.dirname ?? ".", "../examples/library");

async function deno(args: readonly string[], cwd: string): Promise<{ code: number; output: string; error: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout), error: decoder.decode(stderr) };
}

const READ = ["--allow-read=.", "--allow-read=../gitops/hosts"];

for (const [how, config] of [["by its path", "deno.json"], ["by its name", "jsr.json"]] as const) {
  Deno.test(`the example that imports warmboot ${how} has no type errors, and says who would change`, async () => {
    const checked = await deno(["check", "--config", config, "provision.ts"], FOLDER);
    assertEquals(checked.code, 0, checked.error);
    const { code, output } = await deno(["run", "--no-prompt", "--config", config, ...READ, "provision.ts"], FOLDER);
    assertEquals([code, output], [
      1,
      "web1: changes its kernel; loaded by kexec_file_load\n" +
      "db1: changes its kernel, cmdline; loaded by kexec_load\n" +
      "db2: cannot boot it: The profile requires 64 GiB of memory, but this host has 1.9 GiB\n",
    ]);
  });
}

Deno.test("a type error of whoever uses the library shows where it is made, and nowhere in warmboot", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const entry = join(FOLDER, "../../mod.ts");
    Deno.writeTextFileSync(
      join(folder, "deno.json"),
      JSON.stringify({ lock: false, imports: { "@warmboot/warmboot": entry } }),
    );
    const text =
      'import { defineProfile } from "@warmboot/warmboot";\ndefineProfile({ kernel: "/a", crash: "yes" });\n';
    Deno.writeTextFileSync(join(folder, "wrong.ts"), text);
    const { code, error } = await deno(["check", "wrong.ts"], folder);
    assertEquals(code, 1);
    assertStringIncludes(error, "wrong.ts:2:");
    assertEquals(error.match(/\[ERROR\]/g)?.length, 1, error);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
