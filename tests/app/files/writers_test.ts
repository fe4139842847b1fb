/** Who can put another file in the place of one. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { onlyRootWrites, othersCanReplace } from "../../../src/app/files/writers.ts";

const isRoot = Deno.uid() === 0;

/** Runs with a folder of this user's own. */
function inFolder(run: (folder: string) => void): void {
  const folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "warmboot-writers-" }));
  try {
    run(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Whether root alone can replace a file, and whether others can. */
function asked(path: string): readonly [onlyRoot: boolean, others: boolean] {
  using handle = Deno.openSync(path);
  return [onlyRootWrites({ path, handle }), othersCanReplace(path)];
}

Deno.test("a link in a folder of everyone's is anybody's, though what it leads to is not", () => {
  inFolder((folder) => {
    Deno.writeTextFileSync(join(folder, "kernel"), "");
    Deno.mkdirSync(join(folder, "shared"));
    Deno.chmodSync(join(folder, "shared"), 0o777);
    Deno.symlinkSync(join(folder, "kernel"), join(folder, "shared/link"));
    assertEquals(asked(join(folder, "kernel")), [isRoot, false]);
    assertEquals(asked(join(folder, "shared/link")), [false, true]);
  });
});

Deno.test({
  name: "another user's link to a folder, in a sticky one, is that user's to replace",
  ignore: !isRoot,
  fn: () =>
    inFolder((folder) => {
      Deno.chmodSync(folder, 0o1777);
      Deno.mkdirSync(join(folder, "own"));
      Deno.writeTextFileSync(join(folder, "own/kernel"), "");
      Deno.symlinkSync("own", join(folder, "via"));
      const path = join(folder, "via/kernel");
      assertEquals(othersCanReplace(path), false);
      new Deno.Command("chown", { args: ["-h", "12345", join(folder, "via")] }).outputSync();
      assertEquals(othersCanReplace(path), true);
    }),
});

Deno.test("of what cannot be looked at, nothing is taken for granted", () => {
  inFolder((folder) => {
    const path = join(folder, "kernel");
    Deno.writeTextFileSync(path, "");
    using handle = Deno.openSync(path);
    Deno.removeSync(path);
    assertEquals([onlyRootWrites({ path, handle }), othersCanReplace(path)], [false, true]);
  });
});
