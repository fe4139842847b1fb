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
  assertEquals(libc.attribute(-1, "security.ima"), { ok: false, errno: 9 });
  assertEquals(libc.fileSystem(-1), { ok: false, errno: 9 });
});

Deno.test("a file in memory is on tmpfs, and an attribute without a name space is not known", () => {
  using libc = openLibc();
  const memfd = libc.memfd("test");
  assert(memfd.ok);
  try {
    assertEquals(libc.fileSystem(memfd.value), { ok: true, value: 0x0102_1994n });
    assertEquals(libc.attribute(memfd.value, "x"), { ok: false, errno: 95 });
  } finally {
    libc.close(memfd.value);
  }
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
    libc.restart();
    assertEquals(calls.filter(([name]) => !name.startsWith("__")), [
      ["kexec_load", load, 0x1000n, 1n, segments, 0x3e0001n],
      ["kexec_file_load", fileLoad, 5n, -1n, 7n, cmdline, 4n],
      ["kexec_file_load", fileLoad, -1n, -1n, 0n, null, 1n],
      ["reboot", reboot, 0xfee1deadn, 672274793n, 0x45584543n, 0n],
      ["reboot", reboot, 0xfee1deadn, 672274793n, 0x01234567n, 0n],
    ]);
  });
}

// _exit(2) takes the place of reboot(2), in a process of its own whose only thread of JavaScript hangs.
Deno.test("a restart at a time comes whatever the thread that asked for it hangs in", async () => {
  const libc = new URL("../../src/syscall/libc.ts", import.meta.url).href;
  const program = `
    import { openLibcOn } from ${JSON.stringify(libc)};
    const open = (path) =>
      Deno.dlopen(path, {
        timer_create: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
        timer_settime: { parameters: ["u64", "i32", "buffer", "pointer"], result: "i32" },
        clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
        __errno_location: { parameters: [], result: "pointer" },
        reboot_function: { name: "_exit", type: "pointer" },
      });
    const libc = openLibcOn({ arch: Deno.build.arch, open });
    const set = libc.restartAt(libc.clock("boottime") + 300_000_000n);
    if (!set.ok) Deno.exit(1);
    for (;;);
  `;
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--ext=ts", "-"],
    stdin: "piped",
    stdout: "null",
  }).spawn();
  const input = process.stdin.getWriter();
  await input.write(new TextEncoder().encode(program));
  await input.close();
  const { code } = await process.status;
  // The low byte of LINUX_REBOOT_CMD_RESTART, which is what it was called with.
  assertEquals(code, 0x67);
});

/** The same, but that these functions answer, in turn, a value or fail with an errno; then 0. */
function answering(answers: Readonly<Record<string, readonly (bigint | { readonly errno: number })[]>>): {
  readonly calls: (readonly [string, ...unknown[]])[];
  readonly open: LibcHost["open"];
} {
  const calls: (readonly [string, ...unknown[]])[] = [];
  const turns = new Map<string, number>();
  let errno = 0;
  const answer = (name: string, args: readonly unknown[]): unknown => {
    if (name === "memcpy") {
      // What reads the errno: the location's address is not looked at.
      new DataView((args[0] as Uint8Array).buffer).setInt32(0, errno, true);
      return null;
    }
    if (name === "__errno_location") return null;
    const turn = turns.get(name) ?? 0;
    turns.set(name, turn + 1);
    calls.push([name, ...args]);
    const given = answers[name]?.[turn] ?? 0n;
    if (typeof given === "bigint") return given;
    errno = given.errno;
    return -1n;
  };
  const symbols = new Proxy({}, { get: (_target, name) => (...args: unknown[]) => answer(String(name), args) });
  return { calls, open: () => ({ symbols, close() {} }) as unknown as LibcLibrary };
}

const NAME = new TextEncoder().encode("x\0");

Deno.test("a memfd is not executable; kernels before 6.3, which do not know that flag, are asked without it", () => {
  const cases = [
    { answers: [9n], flags: [11], result: { ok: true, value: 9 } },
    { answers: [{ errno: 22 }, 9n], flags: [11, 3], result: { ok: true, value: 9 } },
    { answers: [{ errno: 22 }, { errno: 24 }], flags: [11, 3], result: { ok: false, errno: 24 } },
    { answers: [{ errno: 24 }, 9n], flags: [11], result: { ok: false, errno: 24 } },
  ] as const;
  for (const { answers, flags, result } of cases) {
    const { calls, open } = answering({ memfd_create: answers });
    using libc = openLibcOn({ arch: "x86_64", open });
    assertEquals(libc.memfd("x"), result);
    assertEquals(calls, flags.map((each) => ["memfd_create", NAME, each] as const));
  }
});

Deno.test("a mapping whose pages cannot be read is undone; a kernel that cannot be asked to read them is not", () => {
  const cases = [
    { madvise: 0n, unmaps: false, result: { ok: true, value: 0x7000n } },
    { madvise: { errno: 22 }, unmaps: false, result: { ok: true, value: 0x7000n } },
    { madvise: { errno: 14 }, unmaps: true, result: { ok: false, errno: 14, function: "madvise" } },
  ] as const;
  for (const { madvise, unmaps, result } of cases) {
    const { calls, open } = answering({ mmap: [0x7000n], madvise: [madvise] });
    using libc = openLibcOn({ arch: "x86_64", open });
    assertEquals(libc.mapFile(7, 0x3000), result);
    assertEquals(calls, [
      ["mmap", 0n, 0x3000n, 1, 2, 7, 0n],
      ["madvise", 0x7000n, 0x3000n, 22],
      ...(unmaps ? [["munmap", 0x7000n, 0x3000n] as const] : []),
    ]);
  }
  const { calls, open } = answering({ mmap: [{ errno: 12 }] });
  using libc = openLibcOn({ arch: "x86_64", open });
  assertEquals(libc.mapFile(7, 0x3000), { ok: false, errno: 12 });
  assertEquals(calls, [["mmap", 0n, 0x3000n, 1, 2, 7, 0n]]);
});

Deno.test("bytes are copied into private memory of their own; code there becomes executable and read-only", () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const fresh = ["mmap", 0n, 3n, 3, 0x22, -1, 0n] as const;
  const copied = ["copy_out", 0x7000n, bytes, 3n] as const;
  const run = (answers: Parameters<typeof answering>[0], what: "mapBytes" | "mapCode"): readonly unknown[] => {
    const { calls, open } = answering(answers);
    using libc = openLibcOn({ arch: "x86_64", open });
    return [libc[what](bytes), ...calls];
  };
  const mapped = { ok: true, value: 0x7000n };
  const none = { ok: false, errno: 12 };
  assertEquals(run({ mmap: [0x7000n] }, "mapBytes"), [mapped, fresh, copied]);
  assertEquals(run({ mmap: [{ errno: 12 }] }, "mapBytes"), [none, fresh]);
  assertEquals(run({ mmap: [{ errno: 12 }] }, "mapCode"), [{ ...none, function: "mmap" }, fresh]);
  const protect = ["mprotect", 0x7000n, 3n, 5] as const;
  assertEquals(run({ mmap: [0x7000n] }, "mapCode"), [mapped, fresh, copied, protect]);
  assertEquals(run({ mmap: [0x7000n], mprotect: [{ errno: 13 }] }, "mapCode"), [
    { ok: false, errno: 13, function: "mprotect" },
    fresh,
    copied,
    protect,
    ["munmap", 0x7000n, 3n],
  ]);
});

Deno.test("what is mapped has its bytes at its address", () => {
  using libc = openLibc();
  const mapped = libc.mapBytes(Uint8Array.of(1, 2, 3));
  assert(mapped.ok);
  const pointer = Deno.UnsafePointer.create(mapped.value);
  assert(pointer !== null);
  libc.put(mapped.value + 1n, Uint8Array.of(9));
  assertEquals(new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer, 3)), Uint8Array.of(1, 9, 3));
  assertEquals(libc.unmap(mapped.value, 3), { ok: true, value: 0 });

  const bytes = Uint8Array.of(4, 5, 6);
  const own = Deno.UnsafePointer.create(libc.addressOf(bytes.subarray(1)));
  assert(own !== null);
  assertEquals(new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(own, 2)), Uint8Array.of(5, 6));
});

Deno.test("a machine whose call numbers are not known is refused before libc is opened", () => {
  const open = (): LibcLibrary => {
    throw new Error("opened");
  };
  assertThrows(
    () => openLibcOn({ arch: "riscv64" as "aarch64", open }),
    LibcError,
    "Cannot make system calls: linux on riscv64 is not supported",
  );
});

Deno.test("a file is mapped privately and read-only, and read at once", () => {
  const { calls, open } = noted();
  using libc = openLibcOn({ arch: "x86_64", open });
  libc.mapFile(7, 0x3000);
  assertEquals(calls.slice(1), [["mmap", 0n, 0x3000n, 1, 2, 7, 0n], ["madvise", 0n, 0x3000n, 22]]);
});

Deno.test("a file that exists is written to, and no other is made", () => {
  using libc = openLibc();
  const folder = Deno.makeTempDirSync();
  try {
    const path = `${folder}/unbind`;
    assertEquals(libc.writeFile(path, "0000:00:03.0"), { ok: false, errno: 2 });
    Deno.writeTextFileSync(path, "");
    assertEquals(libc.writeFile(path, "0000:00:03.0"), { ok: true, value: 12 });
    assertEquals(Deno.readTextFileSync(path), "0000:00:03.0");
    assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["unbind"]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("what is not a watchdog is closed again, by the letter that stops one", () => {
  using libc = openLibc();
  const path = Deno.makeTempFileSync();
  try {
    assertEquals(libc.armWatchdog(`${path}.none`, 120), { ok: false, errno: 2 });
    // ENOTTY: a file takes no ioctl of a watchdog.
    assertEquals(libc.armWatchdog(path, 120), { ok: false, errno: 25 });
    assertEquals(Deno.readTextFileSync(path), "V");
    assertEquals(libc.disarmWatchdog(-1), { ok: false, errno: 9 });
    assertEquals(libc.pingWatchdog(-1), { ok: false, errno: 9 });
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("a watchdog is opened, set and pinged, and stays open", () => {
  const { calls, open } = noted();
  const library = open("");
  const symbols = new Proxy(library.symbols, {
    get: (target, name, receiver) =>
      name === "ioctl"
        ? (fd: number, request: bigint, argument: Int32Array) => {
          calls.push(["ioctl", fd, request, argument[0]]);
          return 0;
        }
        : Reflect.get(target, name, receiver),
  });
  using libc = openLibcOn({ arch: "x86_64", open: () => ({ symbols, close() {} }) as unknown as LibcLibrary });
  assertEquals(libc.armWatchdog("/dev/watchdog0", 120).ok, true);
  const requests = calls.filter(([name]) => name === "ioctl").map(([, , request, value]) => [request, value]);
  assertEquals(requests, [[0xc0045706n, 120], [0x80045705n, 0]]);
  assertEquals(calls.filter(([name]) => name === "close"), []);
});

Deno.test("an interface that is not there is the kernel's ENODEV", () => {
  using libc = openLibc();
  assertEquals(libc.setInterface("nosuch0", false), { ok: false, errno: 19 });
});

Deno.test("an interface keeps its other flags, and only IFF_UP changes", () => {
  for (const [up, expected] of [[false, 0x1002], [true, 0x1003]] as const) {
    const { calls, open } = noted();
    const library = open("");
    const ioctl = (...args: readonly [number, bigint, Uint8Array]): number => {
      calls.push(["ioctl", args[0], args[1], args[2].slice()]);
      // SIOCGIFFLAGS fills in what the interface has: IFF_BROADCAST, IFF_MULTICAST, IFF_UP.
      if (args[1] === 0x8913n) new DataView(args[2].buffer).setUint16(16, 0x1003, true);
      return 0;
    };
    const symbols = new Proxy(library.symbols, {
      get: (target, name, receiver) => name === "ioctl" ? ioctl : Reflect.get(target, name, receiver),
    });
    using libc = openLibcOn({ arch: "x86_64", open: () => ({ symbols, close() {} }) as unknown as LibcLibrary });
    assertEquals(libc.setInterface("eth0", up).ok, true);
    const [asked, set] = calls.filter(([name]) => name === "ioctl");
    assertEquals([asked?.[2], set?.[2]], [0x8913n, 0x8914n]);
    const request = set?.[3] as Uint8Array;
    assertEquals([request.length, new DataView(request.buffer).getUint16(16, true)], [40, expected]);
    assertEquals(new TextDecoder().decode(request.subarray(0, 5)), "eth0\0");
    assertEquals(calls.filter(([name]) => name === "close").length, 1);
  }
});

Deno.test("the immutable flag is taken off, the others stay, and a file without it is left as it is", () => {
  const cases: readonly (readonly [number, number[]])[] = [[0x80010, [0x80000]], [0x80000, []]];
  for (const [before, set] of cases) {
    const { open } = noted();
    const library = open("");
    const written: number[] = [];
    const ioctl = (_fd: number, request: bigint, flags: Uint8Array): number => {
      const fields = new DataView(flags.buffer);
      // FS_IOC_GETFLAGS fills in FS_EXTENT_FL, and perhaps FS_IMMUTABLE_FL; FS_IOC_SETFLAGS takes them.
      if (request === 0x8008_6601n) fields.setUint32(0, before, true);
      if (request === 0x4008_6602n) written.push(fields.getUint32(0, true));
      return 0;
    };
    const symbols = new Proxy(library.symbols, {
      get: (target, name) => name === "ioctl" ? ioctl : Reflect.get(target, name),
    });
    using libc = openLibcOn({ arch: "x86_64", open: () => ({ symbols, close() {} }) as unknown as LibcLibrary });
    assertEquals(libc.setMutable("/sys/firmware/efi/efivars/x").ok, true);
    assertEquals(written, set);
  }
  using libc = openLibc();
  assertEquals(libc.setMutable("/nonexistent"), { ok: false, errno: 2 });
});
