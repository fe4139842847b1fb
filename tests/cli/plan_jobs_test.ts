import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join, toFileUrl } from "@std/path";
import { writeFleet } from "../../bench/fleet.ts";
import { fleetRows } from "../../src/app/fleet_rows.ts";
import { findFleet } from "../../src/app/plan_matrix.ts";
import { run, runProcess } from "../support/run_cli.ts";

const HOSTS = 40;

function fleet(): Disposable & { readonly path: string } {
  const path = Deno.makeTempDirSync({ prefix: "warmboot-fleet-" });
  writeFleet(path, HOSTS);
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

Deno.test("plan --jobs prints the same bytes for any number of workers, with what is wrong with a capture in its place", async () => {
  using folder = fleet();
  Deno.writeTextFileSync(join(folder.path, "hosts/db00007x.json"), "{");
  Deno.writeTextFileSync(join(folder.path, "profiles/damaged.yaml"), "version: 1\nkernal: /boot/vmlinuz\n");
  const args = ["plan", join(folder.path, "profiles"), "--facts-dir", join(folder.path, "hosts"), "-o", "json"];
  const [here, ...others] = await Promise.all([
    run(args),
    // The permissions that docs/permissions.md names.
    runProcess([...args, "--jobs", "2"], ["--allow-read"], { NO_COLOR: "1" }),
    runProcess([...args, "--jobs", "5"], ["-A"], { NO_COLOR: "1" }),
  ]);
  assertEquals(here.code, 65);
  assertStringIncludes(here.stderr, "db00007x.json");
  for (const other of others) assertEquals(other, here);
  const { hosts, cells } = JSON.parse(here.stdout);
  assertEquals([hosts.length, cells.length], [HOSTS + 1, 11 * (HOSTS + 1)]);
  assertEquals(hosts, hosts.toSorted());
});

Deno.test("workers that may not read the program are a lack of permission, not a matrix without rows", async () => {
  using folder = fleet();
  const args = ["plan", join(folder.path, "profiles"), "--facts-dir", join(folder.path, "hosts"), "--jobs", "2"];
  const { code, stderr, stdout } = await runProcess(args, [`--allow-read=${folder.path}`], { NO_COLOR: "1" });
  assertEquals([code, stdout], [77, ""]);
  assertStringIncludes(stderr, "Requires read access");
});

/** A program that answers as a worker: with an error for its third batch, or none because it broke. */
function program(folder: string, third: string): string {
  const path = join(folder, "worker.js");
  Deno.writeTextFileSync(
    path,
    `self.onmessage = ({ data }) => {
      if (data.kind === "fleet") return;
      if (data.index === 2) { ${third} }
      const rows = data.files.map((file) => ({ host: file, cells: [], diagnostics: [] }));
      self.postMessage({ kind: "rows", index: data.index, rows });
    };
    self.postMessage({ kind: "ready" });`,
  );
  return toFileUrl(path).href;
}

Deno.test("an error of a worker is thrown after the rows before it, with the errno's name", async () => {
  using folder = fleet();
  const files = Array.from({ length: 100 }, (_, index) => `host${index}`);
  const workers = {
    count: 3,
    program: program(
      folder.path,
      `return self.postMessage({ kind: "failed", index: 2, error: { name: "Error", message: "Input/output error", code: "EIO" } });`,
    ),
  };
  const hosts: string[] = [];
  const error = await assertRejects(async () => {
    for await (const { host } of fleetRows({ profiles: [], folder: "", files }, { workers })) hosts.push(host);
  }, Error);
  assertEquals([hosts, error.message, "code" in error && error.code], [
    files.slice(0, 32),
    "Input/output error",
    "EIO",
  ]);
});

Deno.test("a worker that breaks is an error", async () => {
  using folder = fleet();
  const files = Array.from({ length: 100 }, (_, index) => `host${index}`);
  const workers = { count: 3, program: program(folder.path, `throw new TypeError("nothing planned");`) };
  await assertRejects(
    () => Array.fromAsync(fleetRows({ profiles: [], folder: "", files }, { workers })),
    Error,
    "nothing planned",
  );
});

Deno.test("--jobs takes a number of workers, and requires --facts-dir", async () => {
  const alone = await run(["plan", "web.yaml", "--jobs", "2"]);
  assertEquals(alone.code, 64);
  assertStringIncludes(alone.stderr, "--jobs requires --facts-dir");
  for (const jobs of ["0", "257", "two", "-1", "1e1", "1.5"]) {
    const { code, stderr } = await run(["plan", "web.yaml", "--facts-dir", "hosts", `--jobs=${jobs}`]);
    assertEquals(code, 64);
    assertStringIncludes(stderr, `--jobs ${jobs} is not a number from 1 to 256`);
  }
  // As many as that are welcome: what is missing is the folder.
  for (const jobs of ["1", "256"]) {
    assertEquals((await run(["plan", "web.yaml", "--facts-dir", "no/such/folder", "--jobs", jobs])).code, 66);
  }
});

Deno.test("rows of a fleet come one after the other: the first is there before the last capture is read", async () => {
  using folder = fleet();
  const found = findFleet([join(folder.path, "profiles")], join(folder.path, "hosts"));
  assert(found !== undefined);
  const rows = fleetRows({ ...found, files: [...found.files, join(folder.path, "hosts/gone.json")] });
  const first = await rows.next();
  assertEquals(first.value?.cells.length, found.profiles.length);
  Deno.removeSync(join(folder.path, "hosts"), { recursive: true });
  // Nothing of the others was read ahead.
  const { value } = await rows.next();
  assertEquals(value?.diagnostics.map(({ code }: { readonly code: string }) => code), ["file-missing"]);
  await rows.return(undefined);
});
