import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { EXPOSURE, UNITS, unitText } from "../support/units.ts";

const HAS_SYSTEMD = await new Deno.Command("systemd-analyze", { args: ["--version"] }).output()
  .then(({ success }) => success, () => false);

async function analyze(folder: string, args: readonly string[]): Promise<{ code: number; said: string }> {
  const { code, stdout, stderr } = await new Deno.Command("systemd-analyze", {
    args: [...args],
    // The colon adds systemd's own folders.
    env: { SYSTEMD_UNIT_PATH: `${folder}:`, SYSTEMD_COLORS: "0" },
  }).output();
  return { code, said: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

Deno.test({
  name: "systemd finds no fault with the units, and the services are as closed as EXPOSURE says",
  ignore: !HAS_SYSTEMD,
  fn: async () => {
    const folder = Deno.makeTempDirSync();
    try {
      const program = join(folder, "warmboot");
      Deno.writeTextFileSync(program, "#!/bin/sh\n", { mode: 0o755 });
      // Of a template, an instance.
      const paths = UNITS.map((name) => {
        const path = join(folder, name.replace("@.", "@web."));
        Deno.writeTextFileSync(path, unitText(name, program));
        return path;
      });
      for (const path of paths) {
        const { code, said } = await analyze(folder, ["verify", "--man=no", path]);
        assertEquals([code, said.split("\n").filter((line) => line.includes("warmboot"))], [0, []], said);
      }
      for (const [service, most] of Object.entries(EXPOSURE)) {
        const { said } = await analyze(folder, [
          "security",
          "--offline=yes",
          join(folder, service.replace("@.", "@web.")),
        ]);
        const exposure = Number(/Overall exposure .*: (\d+\.\d)/.exec(said)?.[1] ?? 10);
        assert(exposure <= most, `${service}: ${exposure}\n${said}`);
      }
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
});

Deno.test("docs/systemd.md has every unit, and the exposure of every service", () => {
  const page = Deno.readTextFileSync(new URL("../../docs/systemd.md", import.meta.url));
  assertEquals(UNITS.filter((name) => name.endsWith(".service")), Object.keys(EXPOSURE).toSorted());
  for (const unit of UNITS) assertStringIncludes(page, `\`${unit.replace("@.", "@NAME.")}\``);
  for (const [service, most] of Object.entries(EXPOSURE)) {
    assert(
      new RegExp(`^\\| \`${service.replace("@.", "@NAME.")}\` +\\| ${most.toFixed(1)} +\\|`, "m").test(page),
      service,
    );
  }
});
