import { assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { isSameFile, WriteError, writeWhole } from "../../../src/app/files/write_whole.ts";

const folder = Deno.makeTempDirSync({ prefix: "warmboot-write-" });
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const at = (name: string): string => join(folder, name);

Deno.test("a file that is written over keeps its mode", () => {
  Deno.writeTextFileSync(at("private.json"), "old");
  Deno.chmodSync(at("private.json"), 0o600);
  writeWhole(at("private.json"), "new");
  assertEquals(Deno.readTextFileSync(at("private.json")), "new");
  assertEquals((Deno.statSync(at("private.json")).mode ?? 0) & 0o777, 0o600);
});

Deno.test("a symbolic link stays, and its target is written, there or not", () => {
  Deno.writeTextFileSync(at("target.json"), "old");
  for (const target of ["target.json", "not-yet.json"]) {
    Deno.symlinkSync(target, at(`to-${target}`));
    writeWhole(at(`to-${target}`), "new");
    assertEquals(Deno.readTextFileSync(at(target)), "new");
    assertEquals(Deno.lstatSync(at(`to-${target}`)).isSymlink, true);
  }
});

Deno.test("what is no regular file is written through", async () => {
  const fifo = at("fifo");
  new Deno.Command("mkfifo", { args: [fifo] }).outputSync();
  const reader = new Deno.Command("cat", { args: [fifo], stdout: "piped" }).spawn();
  writeWhole(fifo, "through");
  assertEquals(new TextDecoder().decode((await reader.output()).stdout), "through");
  assertEquals(Deno.lstatSync(fifo).isFifo, true);
  writeWhole("/dev/null", "through");
  assertEquals(Deno.lstatSync("/dev/null").isCharDevice, true);
});

Deno.test("what cannot be written is an error, and leaves nothing behind", () => {
  for (const path of ["/dev/full", folder, at("no/such/folder.json")]) {
    assertThrows(() => writeWhole(path, "text"), WriteError, `Cannot write ${path}`);
  }
  assertEquals([...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".new")), []);
});

Deno.test("one file is known by another name", () => {
  Deno.writeTextFileSync(at("a"), "");
  Deno.linkSync(at("a"), at("b"));
  Deno.symlinkSync("b", at("c"));
  Deno.writeTextFileSync(at("d"), "");
  assertEquals(["b", "c", "d", "none"].map((name) => isSameFile(at("a"), at(name))), [true, true, false, false]);
});
