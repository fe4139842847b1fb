import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { withLevel } from "../../src/cli/journal.ts";

const CLI = join(import.meta.dirname ?? ".", "../../cli.ts");

Deno.test("each line has the level of what it is about, and an empty one has none", { permissions: "none" }, () => {
  assertEquals(withLevel("error: no\n  hint: yes\n", "error"), "<3>error: no\n<3>  hint: yes\n");
  assertEquals(withLevel("a\n\nb\n", "warning"), "<4>a\n\n<4>b\n");
  assertEquals(withLevel("Loaded\n", undefined), "<6>Loaded\n");
});

/** Runs the program with standard error in a file, and JOURNAL_STREAM made of that file's device and inode. */
async function complaint(stream: (dev: number, ino: number | null) => string): Promise<string> {
  const folder = Deno.makeTempDirSync();
  try {
    const path = join(folder, "stderr");
    Deno.writeTextFileSync(path, "");
    const { dev, ino } = Deno.statSync(path);
    await new Deno.Command("sh", {
      args: ["-c", 'exec "$0" run -A --quiet "$1" chekc 2>"$2"', Deno.execPath(), CLI, path],
      env: { JOURNAL_STREAM: stream(dev, ino) },
    }).output();
    return Deno.readTextFileSync(path);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("complaints to the journal carry their level; those to anything else do not", async () => {
  assertMatch(
    await complaint((dev, ino) => `${dev}:${ino}`),
    /^<3>error: The command "chekc" is not known\n<3> {2}hint: /,
  );
  assertMatch(await complaint((dev) => `${dev}:1`), /^error: /);
  assertMatch(await complaint(() => "nonsense"), /^error: /);
});
