import { assertEquals } from "@std/assert";
import { count, record, type Shape } from "../../src/core/shape.ts";
import { verdictCache } from "../../src/state/unpacked_cache.ts";

interface Verdict {
  readonly size: number;
}

const SHAPE: Shape<Verdict> = record<Verdict>({ size: { shape: count, doc: "A size" } });
const KEY = "a".repeat(64);
const OTHER = "b".repeat(64);

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-verdicts-" });
  try {
    await run(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function names(folder: string): readonly string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).toSorted();
}

const modeOf = (path: string): number => (Deno.statSync(path).mode ?? 0) & 0o777;

Deno.test("a verdict is found for its file in its role, and for no other", async () => {
  await inFolder(async (parent) => {
    const folder = `${parent}/new`;
    const cache = verdictCache(folder);
    assertEquals(await cache.find(KEY, "kernel", SHAPE), undefined);
    await cache.keep(KEY, "kernel", { size: 1 });
    await cache.keep(KEY, "initrd", { size: 2 });
    await cache.keep(OTHER, "kernel", { size: 3 });
    assertEquals(await cache.find(KEY, "kernel", SHAPE), { size: 1 });
    assertEquals(await cache.find(KEY, "initrd", SHAPE), { size: 2 });
    assertEquals(await cache.find(OTHER, "kernel", SHAPE), { size: 3 });
    assertEquals(await cache.find(OTHER, "initrd", SHAPE), undefined);
    assertEquals(modeOf(folder), 0o700);
    assertEquals(names(folder).map((name) => modeOf(`${folder}/${name}`)), [0o600, 0o600, 0o600]);
  });
});

Deno.test("a new verdict replaces the old one of the same file and role only", async () => {
  await inFolder(async (folder) => {
    const cache = verdictCache(folder);
    await cache.keep(KEY, "initrd", { size: 2 });
    await cache.keep(KEY, "kernel", { size: 1 });
    await cache.keep(KEY, "kernel", { size: 9 });
    assertEquals(names(folder).length, 2);
    assertEquals(await cache.find(KEY, "kernel", SHAPE), { size: 9 });
    assertEquals(await cache.find(KEY, "initrd", SHAPE), { size: 2 });
  });
});

Deno.test("a verdict that was changed, or is of another form, is removed and not used", async () => {
  await inFolder(async (folder) => {
    const cache = verdictCache(folder);
    await cache.keep(KEY, "kernel", { size: 1 });
    const [name = ""] = names(folder);
    Deno.writeTextFileSync(`${folder}/${name}`, '{"size":7}');
    assertEquals([await cache.find(KEY, "kernel", SHAPE), names(folder)], [undefined, []]);
    await cache.keep(KEY, "kernel", { length: 1 });
    assertEquals([await cache.find(KEY, "kernel", SHAPE), names(folder)], [undefined, []]);
  });
});

Deno.test("the 200 verdicts that were used last are kept, and what is found counts as used", async () => {
  await inFolder(async (folder) => {
    const cache = verdictCache(folder);
    await cache.keep(KEY, "kernel", { size: 1 });
    await cache.keep(OTHER, "kernel", { size: 2 });
    const [first = "", second = ""] = names(folder);
    const at = (seconds: number) => new Date(1_000_000_000_000 + seconds * 1000);
    Deno.utimeSync(`${folder}/${first}`, at(1), at(1));
    Deno.utimeSync(`${folder}/${second}`, at(2), at(2));
    for (let index = 0; index < 199; index++) {
      const name = `${index.toString(16).padStart(64, "0")}.kernel-1.${"c".repeat(64)}`;
      Deno.writeTextFileSync(`${folder}/${name}`, "{}");
      Deno.utimeSync(`${folder}/${name}`, at(100 + index), at(100 + index));
    }
    Deno.writeTextFileSync(`${folder}/notes`, "not a verdict");
    // Now the first was used after all others, so that the second goes: 201 are there before one is added.
    assertEquals(await cache.find(KEY, "kernel", SHAPE), { size: 1 });
    await cache.keep("d".repeat(64), "kernel", { size: 4 });
    assertEquals(await cache.find(KEY, "kernel", SHAPE), { size: 1 });
    assertEquals(await cache.find(OTHER, "kernel", SHAPE), undefined);
    assertEquals(names(folder).length, 202, "200 that were used last, the new one, and a file of somebody else");
  });
});

Deno.test("a folder that its group or others may write to gives no verdict, and keeps none", async () => {
  for (const mode of [0o770, 0o702]) {
    await inFolder(async (folder) => {
      const cache = verdictCache(folder);
      await cache.keep(KEY, "kernel", { size: 1 });
      Deno.chmodSync(folder, mode);
      assertEquals(await cache.find(KEY, "kernel", SHAPE), undefined);
      await cache.keep(OTHER, "kernel", { size: 2 });
      assertEquals(names(folder).length, 1);
    });
  }
});

Deno.test({
  name: "without permission to read or write, nothing is found, kept or asked for",
  permissions: "none",
  async fn() {
    const cache = verdictCache("/var/cache/warmboot-none");
    await cache.keep(KEY, "kernel", { size: 1 });
    assertEquals(await cache.find(KEY, "kernel", SHAPE), undefined);
  },
});
