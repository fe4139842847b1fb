import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { escapeCommands } from "../../src/cli/workflow_commands.ts";

Deno.test("no line is a command of GitHub Actions, and JSON stays the same value", { permissions: "none" }, () => {
  assertEquals(
    escapeCommands("::error::x\n  ::add-mask::y\na::b\n"),
    "\\u003a:error::x\n  \\u003a:add-mask::y\na::b\n",
  );
  assertEquals(escapeCommands("x ##[group]y"), "x \\u0023#[group]y");
  const value = { name: "##[group]", text: "a ::b", "::": 1 };
  for (const text of [JSON.stringify(value), JSON.stringify(value, null, 2)]) {
    assertEquals(JSON.parse(escapeCommands(text)), value);
  }
});

Deno.test("in a workflow, the text of a profile is not a command", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const cli = join(import.meta.dirname ?? ".", "../../cli.ts");
    const name = "::add-mask::x.yaml";
    Deno.writeTextFileSync(join(folder, name), "kernl: x\nversion: 1\n");
    for (const [flags, inWorkflow] of [[["-A"], true], [["--allow-read"], true], [["-A"], false]] as const) {
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--no-prompt", ...flags, cli, "check", name],
        cwd: folder,
        clearEnv: true,
        env: { ...(inWorkflow ? { GITHUB_ACTIONS: "true" } : {}), HOME: Deno.env.get("HOME") ?? "/", PATH: "/usr/bin" },
      }).output();
      const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
      assertEquals(/^\s*::/m.test(text), !inWorkflow, text);
      assertStringIncludes(text, inWorkflow ? "\\u003a:add-mask::x.yaml" : "::add-mask::x.yaml");
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
