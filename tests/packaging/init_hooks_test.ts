/** The last script of a shutdown, which boots the image, under each init system that has one. */
import { assertEquals, assertMatch } from "@std/assert";
import { basename, join } from "@std/path";
import { EXEC_FLAG } from "../../src/app/ask_init.ts";
import { foldersOf, installedText, isForHost, targetsOf } from "../../src/app/install/layout.ts";

interface Hook {
  readonly system: string;
  readonly name: string;
  readonly installed: string;
  /** The text that runs it, after the script itself. */
  readonly run: string;
}

const HOOKS: readonly Hook[] = [
  { system: "sysvinit", name: "warmboot-exec", installed: "/etc/init.d/warmboot-exec", run: "" },
  // What openrc-run does, as far as the script needs it.
  { system: "openrc", name: "warmboot-exec", installed: "/etc/init.d/warmboot-exec", run: "start || exit 0" },
  {
    system: "runit",
    name: "85-warmboot-exec.sh",
    installed: "/etc/runit/shutdown.d/85-warmboot-exec.sh",
    run: "echo goes on",
  },
];

function textOf({ system, name }: Hook): string {
  return Deno.readTextFileSync(new URL(`../../contrib/${system}/${name}`, import.meta.url));
}

/** Runs the hook with a warmboot that notes its arguments and fails: its exit code, those arguments, whether the flag is left. */
async function run(hook: Hook, verb: string, asked: boolean): Promise<readonly [number, string, boolean]> {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-hook-" });
  try {
    const path = (name: string): string => join(folder, name);
    if (asked) Deno.writeTextFileSync(path("exec"), "");
    Deno.writeTextFileSync(path("log"), "");
    Deno.writeTextFileSync(path("warmboot"), `#!/bin/sh\necho "$*" >>${path("log")}\nexit 69\n`, { mode: 0o755 });
    const text = textOf(hook).replaceAll(EXEC_FLAG, path("exec")).replace("/usr/local/bin/warmboot", path("warmboot"));
    Deno.writeTextFileSync(path("script"), `${text}\n${hook.run}\n`);
    const { code } = await new Deno.Command("sh", { args: [path("script"), verb], stdout: "null", stderr: "null" })
      .output();
    const left = Array.from(Deno.readDirSync(folder), ({ name }) => name).includes("exec");
    return [code, Deno.readTextFileSync(path("log")), left];
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

for (const hook of HOOKS) {
  Deno.test(`${hook.system}: the hook boots the image only where exec asked for it, and leaves the reboot to go on`, async () => {
    assertEquals(await run(hook, "stop", true), [0, "exec --now\n", false]);
    assertEquals(await run(hook, "stop", false), [0, "", false]);
  });

  Deno.test({
    name: `${hook.system}: the hook is installed where the init system looks for it, with the program's path`,
    permissions: { read: true },
    fn() {
      const folders = foldersOf("/usr");
      const [target] = targetsOf(`share/warmboot/hooks/${hook.system}/${basename(hook.installed)}`, folders);
      assertEquals(target, { group: "hooks", path: hook.installed, isProgram: true });
      if (target === undefined) return;
      assertMatch(installedText(textOf(hook), target, folders, undefined), /^ +\/usr\/bin\/warmboot exec --now$/m);
    },
  });
}

Deno.test("sysvinit: the hook does nothing at a start, and says how it is used", async () => {
  const [hook] = HOOKS;
  if (hook === undefined) throw new Error("No hook");
  assertEquals(await run(hook, "start", true), [0, "", true]);
  assertEquals(await run(hook, "nonsense", true), [3, "", true]);
});

Deno.test({
  name: "sysvinit: the hook's header puts it between umountroot and reboot",
  permissions: { read: true },
  fn() {
    const text = HOOKS[0] === undefined ? "" : textOf(HOOKS[0]);
    assertMatch(text, /^# Required-Stop: +reboot$/m);
    assertMatch(text, /^# X-Stop-After: +umountroot$/m);
    assertMatch(text, /^# Default-Stop: +6$/m);
  },
});

Deno.test({
  name: "each host gets the hook of its own init system",
  permissions: "none",
  fn() {
    const hooksOf = (...etc: readonly string[]): readonly string[] =>
      HOOKS.map(({ system }) => system).filter((system) =>
        isForHost(`share/warmboot/hooks/${system}/x`, (name) => etc.includes(name))
      );
    assertEquals([
      hooksOf("inittab", "rc6.d"),
      hooksOf("runit", "rc6.d"),
      hooksOf("inittab", "rc6.d", "runlevels"),
      hooksOf("runlevels"),
      hooksOf("runit", "runit/shutdown.d"),
      hooksOf("rc6.d"),
      hooksOf(),
    ], [["sysvinit"], ["sysvinit"], ["openrc"], ["openrc"], ["runit"], [], []]);
    assertEquals(isForHost("bin/warmboot", () => false), true);
  },
});
