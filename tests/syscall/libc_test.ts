import { assert, assertEquals, assertThrows } from "@std/assert";
import { closeFile, descriptorOf, openFile } from "../../src/app/files/open_file.ts";
import { LibcError, type LibcHost, type LibcLibrary, openLibc, openLibcOn } from "../../src/syscall/libc.ts";

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

Deno.test("a sealed memfd cannot be changed, shortened, extended, or unsealed", () => {
  using libc = openLibc();
  const memfd = libc.memfd("warmboot-test");
  assert(memfd.ok);
  try {
    assertEquals(libc.write(memfd.value, new Uint8Array([1, 2, 3])), { ok: true, value: 3 });
    const path = `/proc/self/fd/${memfd.value}`;
    using before = Deno.openSync(path, { write: true });
    before.writeSync(new Uint8Array([9]));
    assert(libc.seal(memfd.value).ok);
    using after = Deno.openSync(path, { write: true });
    for (const file of [before, after]) {
      file.seekSync(0, Deno.SeekMode.Start);
      for (
        const change of [
          () => file.writeSync(new Uint8Array([7])),
          () => file.truncateSync(1),
          () => file.truncateSync(9),
        ]
      ) assertThrows(change, Deno.errors.PermissionDenied);
    }
    // EPERM: F_SEAL_SEAL is among the seals.
    assertEquals(libc.seal(memfd.value), { ok: false, errno: 1 });
    assertEquals(Deno.readFileSync(path), new Uint8Array([9, 2, 3]));
  } finally {
    libc.close(memfd.value);
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

/** A library whose functions only note their name and arguments, and answer 0. */
function noted(): { readonly calls: (readonly [string, ...unknown[]])[]; readonly open: LibcHost["open"] } {
  const calls: (readonly [string, ...unknown[]])[] = [];
  const symbols = new Proxy({}, {
    get: (_target, name) => (...args: readonly unknown[]) => (calls.push([String(name), ...args]), 0n),
  });
  return { calls, open: () => ({ symbols, close() {} }) as unknown as LibcLibrary };
}

/** Numbers: arch/x86/entry/syscalls/syscall_64.tbl and scripts/syscall.tbl; magic: include/uapi/linux/reboot.h. */
const ABI = [
  { arch: "x86_64", load: 246n, fileLoad: 320n, reboot: 169n },
  { arch: "aarch64", load: 104n, fileLoad: 294n, reboot: 142n },
] as const;

for (const { arch, load, fileLoad, reboot } of ABI) {
  Deno.test(`the calls on ${arch} have the numbers and arguments of the kernel's tables`, () => {
    const { calls, open } = noted();
    using libc = openLibcOn({ arch, open });
    const segments = new Uint8Array(32);
    const cmdline = new Uint8Array(7);
    libc.kexecLoad(0x1000n, 1n, segments, 0x3e0001n);
    libc.kexecFileLoad(5, -1, cmdline, 4n);
    libc.kexecFileLoad(-1, -1, null, 1n);
    libc.rebootKexec();
    assertEquals(calls.filter(([name]) => !name.startsWith("__")), [
      ["kexec_load", load, 0x1000n, 1n, segments, 0x3e0001n],
      ["kexec_file_load", fileLoad, 5n, -1n, 7n, cmdline, 4n],
      ["kexec_file_load", fileLoad, -1n, -1n, 0n, null, 1n],
      ["reboot", reboot, 0xfee1deadn, 672274793n, 0x45584543n, 0n],
    ]);
  });
}

Deno.test("a file is mapped privately and read-only, and read at once", () => {
  const { calls, open } = noted();
  using libc = openLibcOn({ arch: "x86_64", open });
  libc.mapFile(7, 0x3000);
  assertEquals(calls.slice(1), [["mmap", 0n, 0x3000n, 1, 2, 7, 0n], ["madvise", 0n, 0x3000n, 22]]);
});
