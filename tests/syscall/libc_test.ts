import { assert, assertEquals, assertThrows } from "@std/assert";
import { closeFile, descriptorOf, openFile } from "../../src/app/files/open_file.ts";
import { LibcError, openLibc } from "../../src/syscall/libc.ts";

// No kexec or reboot call is made here, not even one that must fail: each would take one of a limited number of loads.

Deno.test("libc reports the errno of a failed call", () => {
  using libc = openLibc();
  assertEquals(libc.close(-1), { ok: false, errno: 9 });
  assertEquals(libc.write(-1, new Uint8Array(1)), { ok: false, errno: 9 });
  assertEquals(libc.sendfile(-1, -1, 0, 1), { ok: false, errno: 9 });
  assertEquals(libc.memfd("x".repeat(250)), { ok: false, errno: 22 });
});

Deno.test("a memfd takes bytes from a file and by hand", () => {
  using libc = openLibc();
  const memfd = libc.memfd("test");
  assert(memfd.ok);
  const path = Deno.makeTempFileSync();
  Deno.writeTextFileSync(path, "0123456789");
  const { value: file } = openFile(path);
  assert(file !== undefined);
  try {
    assertEquals(libc.write(memfd.value, new TextEncoder().encode("by hand ")), { ok: true, value: 8 });
    assertEquals(libc.sendfile(memfd.value, descriptorOf(file), 3, 4), { ok: true, value: 4 });
    // Only what there is, from the end of what was copied before.
    assertEquals(libc.sendfile(memfd.value, descriptorOf(file), 7, 100), { ok: true, value: 3 });
    assertEquals(Deno.readTextFileSync(`/proc/self/fd/${memfd.value}`), "by hand 3456789");
  } finally {
    closeFile(file);
    Deno.removeSync(path);
    assertEquals(libc.close(memfd.value), { ok: true, value: 0 });
  }
});

Deno.test("the clocks tell nanoseconds since the boot", () => {
  using libc = openLibc();
  const [before, uptime, after] = [libc.clock("boottime"), Deno.osUptime(), libc.clock("boottime")];
  assert(before / 1_000_000_000n <= BigInt(uptime) + 1n && BigInt(uptime) <= after / 1_000_000_000n + 1n);
  assert(libc.clock("monotonic") <= libc.clock("boottime"));
});

Deno.test("a library that is not there is an error of its own", () => {
  assertThrows(() => openLibc("libc-that-is-not-there.so"), LibcError, "Cannot open libc-that-is-not-there.so");
});

Deno.test({
  name: "without FFI permission the error says what to give",
  permissions: "none",
  fn() {
    assertThrows(() => openLibc(), LibcError, "--allow-ffi");
  },
});
