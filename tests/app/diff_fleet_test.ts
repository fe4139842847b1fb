/** What profiles change on captured hosts: which are compared, and with what. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { diffFleet } from "../../src/app/diff_fleet.ts";
import { withFiles } from "../support/temp_files.ts";

const EXAMPLE = join(import.meta.dirname ?? ".", "../../examples/gitops");
const read = (name: string): string => Deno.readTextFileSync(join(EXAMPLE, name));
const WEB = read("profiles/web.yaml").replace("base.yaml", "../base.yaml");
const ELSEWHERE = WEB.replace(/hostname: .*/, "hostname: another");
const FILES = {
  "base.yaml": read("profiles/base.yaml"),
  "hosts/web1.json": read("hosts/web1.json"),
  "none/readme": "",
  "old/moved.yaml": ELSEWHERE,
  "old/web.yaml": WEB.replace("console=tty0, ", ""),
  "old/zone.yaml": WEB,
  "new/first.yaml": WEB,
  "new/moved.yaml": WEB,
  "new/web.yaml": WEB,
  "new/zone.yaml": WEB,
};

/** The entries of a comparison, and how many complaints there are; undefined where there is nothing to compare. */
async function compared(root: string, before: string | undefined, after: string, hosts = "hosts") {
  let errors = 0;
  const fleet = await diffFleet({
    ...(before === undefined ? {} : { before: `${root}/${before}` }),
    after: `${root}/${after}`,
    hosts: `${root}/${hosts}`,
  }, { onDiagnostics: (found) => void (errors += found.length) });
  const entries = fleet?.entries.map(({ profile, state }) => `${profile.replace(root, "")} ${state}`);
  return { entries, hosts: fleet?.hosts.map(({ name }) => name), errors };
}

const CHANGED = ["/new/first.yaml added", "/new/moved.yaml added", "/new/web.yaml differs", "/new/zone.yaml same"];

Deno.test("profiles of two folders are compared by their names, in their order, with or without a slash at the end", async () => {
  await withFiles(FILES, async (root) => {
    for (const [before, after] of [["old", "new"], ["old/", "new"], ["old", "new/"], ["old//", "new//"]] as const) {
      const found = await compared(root, before, after);
      assertEquals(found.entries?.map((each) => each.replace(/\/+/g, "/")), CHANGED);
      assertEquals([found.hosts, found.errors], [["web1"], 0]);
    }
    // What is gone lies between what is there.
    const back = await compared(root, "new", "old");
    assertEquals(back.entries, [
      "/old/first.yaml removed",
      "/old/moved.yaml removed",
      "/old/web.yaml differs",
      "/old/zone.yaml same",
    ]);
    assertEquals((await compared(root, "old/zone.yaml", "new/first.yaml")).entries, ["/new/first.yaml same"]);
  });
});

Deno.test("without hosts there is nothing to compare", async () => {
  await withFiles(FILES, async (root) => {
    assertEquals((await compared(root, undefined, "new", "none")).entries, undefined);
  });
});

Deno.test("a capture that cannot be read is told, and the other hosts are compared", async () => {
  await withFiles({ ...FILES, "hosts/broken.json": "{", "hosts/web0.json": '{ "format": 1 }' }, async (root) => {
    const { entries, errors } = await compared(root, "old", "new");
    assertEquals(entries, CHANGED);
    assert(errors >= 2);
  });
});
