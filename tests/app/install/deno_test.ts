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

/** What `look` gives on a host whose paths are these: what they lead to, whose they are, and their permissions. */
function imagined<T>(
  paths: { readonly [path: string]: { readonly real?: string; readonly uid?: number; readonly mode?: number } },
  look: () => T,
): T {
  const { statSync, realPathSync } = Deno;
  Object.assign(Deno, {
    statSync: (path: string) => ({ isFile: true, uid: paths[path]?.uid ?? 0, mode: paths[path]?.mode ?? 0o755 }),
    realPathSync: (path: string) => paths[path]?.real ?? path,
  });
  try {
    return look();
  } finally {
    Object.assign(Deno, { statSync, realPathSync });
  }
}

Deno.test("the Deno that runs comes before one for all users, unless it is gone tomorrow, wherever a link to it lies", () => {
  const lasting = ["/usr/local/bin/deno"];
  const chosen = (running: string, real = running) =>
    imagined({ [running]: { real } }, () => chooseDeno(undefined, { running, lasting, uid: 0 }).path);
  const [own, all] = ["/opt/deno/deno", "/usr/local/bin/deno"];
  assertEquals([chosen(own), chosen(own, "/root/.npm/_npx/1/deno"), chosen(own, "/srv/tmp/deno")], [own, all, all]);
  // What npm installs for all users stays, and what a project has does not.
  const [global, project] = ["/usr/lib/node_modules/deno/deno", "/srv/app/node_modules/deno/deno"];
  assertEquals([chosen(global), chosen(project)], [global, all]);
});

Deno.test("what a group, or everyone, may write is not root's alone; nor is what a link on the way is in", () => {
  const part = (path: string, about: Parameters<typeof imagined>[0][string]) =>
    imagined(
      { [path]: about, "/usr/local/bin/deno": { real: "/opt/deno/deno" } },
      () => foreignPart("/usr/local/bin/deno")?.part,
    );
  for (const path of ["/opt/deno/deno", "/opt/deno", "/usr/local"]) {
    assertEquals([part(path, { uid: 1000 }), part(path, { mode: 0o775 }), part(path, { mode: 0o757 })], [
      path,
      path,
      path,
    ]);
    assertEquals(part(path, { mode: 0o555 }), undefined);
  }
});
