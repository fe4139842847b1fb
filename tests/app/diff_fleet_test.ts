/** What profiles change on captured hosts: which are compared, and with what. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { diffFleet } from "../../src/app/diff_fleet.ts";
import { PROFILE_LIMIT } from "../../src/app/files/read_whole.ts";
import { withFiles } from "../support/temp_files.ts";

const EXAMPLE = join(import.meta.dirname ?? ".", "../../examples/gitops");
const read = (name: string): string => Deno.readTextFileSync(join(EXAMPLE, name));
const WEB = read("profiles/web.yaml").replace("base.yaml", "../base.yaml");
const ELSEWHERE = WEB.replace(/hostname: .*/, "hostname: another");
const FILES = {
  "base.yaml": read("profiles/base.yaml"),
  "hosts/web1.json": read("hosts/web1.json"),
  "none/readme": "",
  "old/elsewhere.yaml": ELSEWHERE,
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
    // Without a profile, each host says that there is none.
    assertEquals(await compared(root, undefined, "none"), { entries: ["/none failed"], hosts: ["web1"], errors: 1 });
  });
});

Deno.test("a capture that cannot be read is told, and the other hosts are compared", async () => {
  await withFiles({ ...FILES, "hosts/broken.json": "{", "hosts/web0.json": '{ "format": 1 }' }, async (root) => {
    const { entries, errors } = await compared(root, "old", "new");
    assertEquals(entries, CHANGED);
    assert(errors >= 2);
  });
});

Deno.test("a host whose facts have an error is told and listed, and compared with nothing", async () => {
  const capture = JSON.parse(FILES["hosts/web1.json"]);
  for (const [path, text] of [["/proc/sys/kernel/ostype", "GNU\n"], ["/proc/iomem", "nonsense\n"]] as const) {
    const broken = JSON.stringify({ ...capture, files: { ...capture.files, [path]: text } });
    await withFiles({ ...FILES, "hosts/web0.json": broken }, async (root) => {
      assertEquals(await compared(root, "old", "new"), { entries: CHANGED, hosts: ["web0", "web1"], errors: 1 }, path);
    });
  }
  // What was only refused to whoever captured it is a warning, which is not repeated here.
  const refused = { ...capture, files: { ...capture.files, "/proc/iomem": { error: "EACCES" } } };
  await withFiles({ ...FILES, "hosts/web1.json": JSON.stringify(refused) }, async (root) => {
    assertEquals(await compared(root, "old", "new"), { entries: CHANGED, hosts: ["web1"], errors: 0 });
  });
});

Deno.test("what was wrong before is a note, what is wrong now fails with the reason, and nobody misses what never was", async () => {
  const none = WEB.replace("version: 1", "version: 1\nkernel: /boot/none");
  const files = {
    "hosts/web1.json": FILES["hosts/web1.json"],
    "base.yaml": FILES["base.yaml"],
    "old/gone.yaml": `${WEB}kernle: /a\n`,
    "old/large.yaml": `${WEB}# ${"x".repeat(PROFILE_LIMIT.bytes)}\n`,
    "new/large.yaml": WEB,
    "old/mistyped.yaml": `${WEB}kernle: /a\n`,
    "new/mistyped.yaml": WEB,
    "old/none.yaml": none,
    "new/none.yaml": WEB,
    "old/now-mistyped.yaml": WEB,
    "new/now-mistyped.yaml": `${WEB}kernle: /a\n`,
    "old/now-none.yaml": WEB,
    "new/now-none.yaml": none,
  };
  await withFiles(files, async (root) => {
    const fleet = await diffFleet({ before: `${root}/old`, after: `${root}/new`, hosts: `${root}/hosts` });
    const found = fleet?.entries.map((entry) => [
      entry.profile.replace(`${root}/new/`, ""),
      entry.state,
      "problems" in entry ? entry.problems : undefined,
    ]);
    const lacks = "/boot/none does not exist here, and the capture does not contain it";
    assertEquals(found, [
      ["large.yaml", "added", undefined],
      ["mistyped.yaml", "added", ["Before: Unknown key `kernle`"]],
      ["none.yaml", "added", [`Before: ${lacks}`]],
      ["now-mistyped.yaml", "failed", ["Unknown key `kernle`"]],
      ["now-none.yaml", "failed", [lacks]],
    ]);
  });
});

Deno.test("a folder may have had no profiles before; a path that leads nowhere is a mistake", async () => {
  await withFiles(FILES, async (root) => {
    const entries = CHANGED.map((each) => each.replace(/ .*/, " added"));
    assertEquals(await compared(root, "none", "new"), { entries, hosts: ["web1"], errors: 0 });
    const missing = await compared(root, "gone.yaml", "new/web.yaml");
    assertEquals(missing, { entries: ["/new/web.yaml added"], hosts: ["web1"], errors: 1 });
  });
});
