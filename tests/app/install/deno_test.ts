import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { chooseDeno, foreignPart } from "../../../src/app/install/deno.ts";

const folder = Deno.makeTempDirSync({ prefix: "warmboot-deno-" });
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** A program that belongs to root, with its folders, and lasts. */
const SHELL = "/bin/sh";

Deno.test("a Deno that npx fetched is not installed with: another that lasts is, or none", () => {
  const cached = join(folder, "_npx/1/node_modules/deno");
  Deno.mkdirSync(cached, { recursive: true });
  const running = join(cached, "deno");
  Deno.writeTextFileSync(running, "");
  // Also by a link from elsewhere.
  const link = join(folder, "deno");
  Deno.symlinkSync(running, link);
  for (const each of [running, link]) {
    assertEquals(chooseDeno(undefined, { running: each, lasting: [link, "/nowhere/deno"], uid: 1000 }), {
      kind: "temporary",
      path: each,
    });
    assertEquals(chooseDeno(undefined, { running: each, lasting: [SHELL], uid: 0 }), { kind: "deno", path: SHELL });
    // Whoever names one knows it.
    assertEquals(chooseDeno(each, { running: each, uid: 1000 }), { kind: "deno", path: each });
  }
  assertEquals(chooseDeno(undefined, { running: SHELL, lasting: [], uid: 0 }), { kind: "deno", path: SHELL });
});

Deno.test("root does not install with a Deno that others may change, by its file, a folder or a link's folder", () => {
  const program = join(folder, "program");
  Deno.writeTextFileSync(program, "", { mode: 0o755 });
  Deno.symlinkSync(SHELL, join(folder, "sh"));
  for (const path of [program, join(folder, "sh")]) {
    const choice = chooseDeno(path, { uid: 0 });
    assertEquals(choice.kind, "untrusted", path);
    // The folder for temporary files is everybody's; for another user than root, the file itself is the first.
    if (choice.kind === "untrusted") assertMatch(choice.why, /^belongs to the user \d+$|^may be written by others/);
    assertEquals(chooseDeno(path, { uid: 1000 }).kind, "deno");
  }
  assertEquals(foreignPart(SHELL), undefined);
  // It is looked for when the program runs.
  assertEquals(chooseDeno("/nowhere/deno", { uid: 0 }).kind, "deno");
});
