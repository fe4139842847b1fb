import { assertEquals } from "@std/assert";
import { openLibc } from "../../src/syscall/libc.ts";
import { joinInitrds } from "../../src/syscall/memory_file.ts";

Deno.test("a secret is in a memfd that nobody else can write, and is overwritten there when the call is done", () => {
  using libc = openLibc();
  const memory = libc.secretMemory(5000);
  if (!memory.ok) throw new Error(`no memory: ${memory.function} ${memory.errno}`);
  memory.bytes.fill(7);
  const before = { path: "files:1", bytes: new Uint8Array([1, 2, 3]), secret: false, size: 3 };
  const secret = { path: "files:2", bytes: memory.bytes, secret: true, size: 5000 };
  const joined = joinInitrds([before, secret], libc);
  if (!joined.ok) throw new Error(`not joined: ${joined.function} ${joined.errno}`);
  const path = `/proc/self/fd/${joined.value}`;
  using seen = Deno.openSync(path);
  const expected = new Uint8Array(5004).fill(7, 4);
  expected.set([1, 2, 3]);
  assertEquals(Deno.readFileSync(path), expected);
  assertEquals(libc.write(joined.value, new Uint8Array(1)), { ok: false, errno: 1 });
  assertEquals(libc.mapShared(joined.value, 0, 4096).ok, false);

  joined[Symbol.dispose]();
  const left = new Uint8Array(5004);
  seen.seekSync(0, Deno.SeekMode.Start);
  assertEquals(seen.readSync(left), 5004);
  assertEquals(left, new Uint8Array([1, 2, 3, ...new Uint8Array(5001)]));
  memory[Symbol.dispose]();
});

Deno.test("while there are secrets, the process leaves no core", () => {
  using libc = openLibc();
  assertEquals(libc.setDumpable(false).ok, true);
  assertEquals(libc.setDumpable(true).ok, true);
});
