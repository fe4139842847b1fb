import { assert, assertEquals, assertThrows } from "@std/assert";
import { LibcError, openLibc } from "../../src/kernel/libc.ts";

// These calls cannot load anything: bad descriptors, bad flags, and no capability in a test environment to matter.

Deno.test("libc reports the errno of a failed call", () => {
  using libc = openLibc();
  assertEquals(libc.close(-1), { ok: false, errno: 9 });
  assertEquals(libc.write(-1, new Uint8Array(1)), { ok: false, errno: 9 });
});

Deno.test("kexec calls with flags that no kernel knows are refused, whatever the host allows", () => {
  using libc = openLibc();
  const file = libc.kexecFileLoad(-1, -1, null, 0x8000_0000n);
  const segments = libc.kexecLoad(0n, 0n, null, 0x8000n);
  for (const result of [file, segments]) {
    // EPERM without the capability, ENOSYS where kexec is not built in, EINVAL for the flags.
    assert(!result.ok && [1, 38, 22].includes(result.errno), JSON.stringify(result));
  }
});

Deno.test("a memfd takes bytes from a file and by hand", () => {
  using libc = openLibc();
  const memfd = libc.memfd("test");
  assert(memfd.ok);
  using input = Deno.openSync("/proc/self/exe");
  assert(input !== undefined);
  assertEquals(libc.write(memfd.value, new Uint8Array(3)), { ok: true, value: 3 });
  assertEquals(libc.close(memfd.value), { ok: true, value: 0 });
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
