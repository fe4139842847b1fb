import { assert, assertEquals, assertThrows } from "@std/assert";
import { closeFile, descriptorOf, openFile } from "../../src/app/files/open_file.ts";
import { type Libc, LibcError, type LibcHost, type LibcLibrary, openLibc, openLibcOn } from "../../src/syscall/libc.ts";

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

/** The same, but that these functions answer, in turn, a value or fail with an errno; then 0. `fill`: what else they do. */
function answering(
  answers: Readonly<Record<string, readonly (bigint | { readonly errno: number })[]>>,
  fill: (name: string, args: readonly unknown[]) => void = () => {},
): {
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
    // A buffer may be used again: what it has now is what the function was given.
    calls.push([name, ...args.map((each) => ArrayBuffer.isView(each) ? structuredClone(each) : each)]);
    fill(name, args);
    const given = answers[name]?.[turn] ?? 0n;
    if (typeof given === "bigint") return given;
    errno = given.errno;
    return -1n;
  };
  const symbols = new Proxy({}, {
    get: (_target, name) => name === "reboot_function" ? null : (...args: unknown[]) => answer(String(name), args),
  });
  const close = () => void calls.push(["dlclose"]);
  return { calls, open: () => ({ symbols, close }) as unknown as LibcLibrary };
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

/** What a call of ours gives, and the calls of libc that it made for it, with their arguments. */
function madeBy(
  act: (libc: Libc) => unknown,
  ...[answers, fill]: Partial<Parameters<typeof answering>>
): readonly unknown[] {
  const { calls, open } = answering(answers ?? {}, fill);
  return [act(openLibcOn({ arch: "x86_64", open })), ...calls];
}

const bytesOf = (text: string) => new TextEncoder().encode(text);
const failed = (errno: number) => ({ ok: false as const, errno });
const done = { ok: true, value: 0 } as const;

Deno.test("each small call of ours is one of libc's, with the numbers of the kernel's headers", () => {
  const words = Int16Array.of(0, 0, 1, 0);
  new Int32Array(words.buffer)[0] = 70_000;
  const cases: readonly (readonly [(libc: Libc) => unknown, readonly unknown[]])[] = [
    // F_ADD_SEALS with F_SEAL_SEAL, _SHRINK, _GROW and _WRITE.
    [(libc) => libc.seal(7), ["fcntl", 7, 1033, 0xf]],
    // The same with F_SEAL_FUTURE_WRITE.
    [(libc) => libc.sealFutureWrites(7), ["fcntl", 7, 1033, 0x17]],
    [(libc) => libc.lock(0x7000n, 5000), ["mlock", 0x7000n, 5000n]],
    [(libc) => libc.setDumpable(false), ["prctl", 4, 0n, 0n, 0n, 0n]],
    [(libc) => libc.setDumpable(true), ["prctl", 4, 1n, 0n, 0n, 0n]],
    // O_RDWR | O_CLOEXEC | O_NOCTTY.
    [(libc) => libc.openTerminal("/dev/tty"), ["open", bytesOf("/dev/tty\0"), 0o2000402]],
    // POLLIN, without waiting.
    [(libc) => libc.isReadable(70_000), ["poll", words, 1n, 0]],
    [(libc) => libc.read(7, new Uint8Array(3)), ["read", 7, new Uint8Array(3), 3n]],
    [(libc) => libc.sendfile(9, 7, 16 << 20, 4096), ["sendfile", 9, 7, BigInt64Array.of(16n << 20n), 4096n]],
    [(libc) => libc.write(7, bytesOf("abc")), ["write", 7, bytesOf("abc"), 3n]],
    [(libc) => libc.unmap(0x7000n, 5000), ["munmap", 0x7000n, 5000n]],
    [(libc) => libc.pingWatchdog(7), ["ioctl", 7, 0x8004_5705n, new Int32Array(1)]],
    [(libc) => libc.close(7), ["close", 7]],
  ];
  for (const [act, call] of cases) assertEquals(madeBy(act), [done, call]);
  // MAP_SHARED.
  const shared = ["mmap", 0n, 5000n, 3, 1, 7, 65_536n];
  const map = (libc: Libc) => libc.mapShared(7, 65_536, 5000);
  assertEquals(madeBy(map, { mmap: [0x7000n] }), [{ ok: true, value: 0x7000n }, shared]);
  assertEquals(madeBy(map, { mmap: [{ errno: 1 }] }), [failed(1), shared]);
});

Deno.test("the library is closed with what was opened of it", () => {
  const { calls, open } = answering({});
  openLibcOn({ arch: "x86_64", open })[Symbol.dispose]();
  assertEquals(calls, [["dlclose"]]);
});

Deno.test("kernels before 5.1 cannot seal future writes: the size alone is sealed, and any other error is one", () => {
  const seal = (libc: Libc) => libc.sealFutureWrites(7);
  const [all, size] = [["fcntl", 7, 1033, 0x17], ["fcntl", 7, 1033, 0x7]];
  assertEquals(madeBy(seal, { fcntl: [{ errno: 22 }] }), [done, all, size]);
  assertEquals(madeBy(seal, { fcntl: [{ errno: 22 }, { errno: 1 }] }), [failed(1), all, size]);
  assertEquals(madeBy(seal, { fcntl: [{ errno: 1 }] }), [failed(1), all]);
});

Deno.test("memory for a secret is locked and in no core, and is overwritten before it is given back, once", () => {
  const page = new Uint8Array(64);
  const address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(page));
  const atUnmap: number[][] = [];
  const { calls, open } = answering({ mmap: [address] }, (name) => {
    if (name === "munmap") atUnmap.push([...page.subarray(0, 5)]);
  });
  using libc = openLibcOn({ arch: "x86_64", open });
  const memory = libc.secretMemory(5);
  assert(memory.ok);
  memory.bytes.fill(7);
  assertEquals([...page.subarray(0, 6)], [7, 7, 7, 7, 7, 0]);
  memory[Symbol.dispose]();
  memory[Symbol.dispose]();
  // MADV_DONTDUMP.
  assertEquals(calls, [
    ["mmap", 0n, 5n, 3, 0x22, -1, 0n],
    ["mlock", address, 5n],
    ["madvise", address, 5n, 16],
    ["munmap", address, 5n],
  ]);
  assertEquals(atUnmap, [[0, 0, 0, 0, 0]]);
});

Deno.test("a secret is not kept in memory that cannot be locked", () => {
  const fresh = ["mmap", 0n, 5n, 3, 0x22, -1, 0n];
  const take = (libc: Libc) => libc.secretMemory(5);
  assertEquals(madeBy(take, { mmap: [{ errno: 12 }] }), [{ ...failed(12), function: "mmap" }, fresh]);
  assertEquals(madeBy(take, { mmap: [0x7000n], mlock: [{ errno: 11 }] }), [
    { ...failed(11), function: "mlock" },
    fresh,
    ["mlock", 0x7000n, 5n],
    ["munmap", 0x7000n, 5n],
  ]);
});

Deno.test("a terminal stops to echo lines' ends too, keeps its other settings, and says what it did before", () => {
  // ICANON, ECHO and ECHONL of c_lflag; TCGETS gives them, TCSETSF takes them, and drops what was typed.
  const [canonical, echo, newlines] = [0o2, 0o10, 0o100];
  const settings = (flags: number, end = 0x55) => {
    const bytes = new Uint8Array(36);
    new DataView(bytes.buffer).setUint32(12, flags, true);
    bytes[35] = end;
    return bytes;
  };
  const cases = [
    { before: canonical | echo | newlines, wanted: false, after: canonical, was: 1 },
    { before: canonical | newlines, wanted: false, after: canonical, was: 0 },
    { before: canonical, wanted: true, after: canonical | echo, was: 0 },
    { before: canonical | echo, wanted: true, after: canonical | echo, was: 1 },
  ];
  for (const { before, wanted, after, was } of cases) {
    const made = madeBy((libc) => libc.setEcho(8, wanted), {}, (name, [, request, into]) => {
      if (name === "ioctl" && request === 0x5401n) (into as Uint8Array).set(settings(before));
    });
    assertEquals(made, [
      { ok: true, value: was },
      ["ioctl", 8, 0x5401n, settings(0, 0)],
      ["ioctl", 8, 0x5404n, settings(after)],
    ]);
  }
  const set = (libc: Libc) => libc.setEcho(8, false);
  assertEquals(madeBy(set, { ioctl: [{ errno: 25 }] }).slice(0, 2), [failed(25), [
    "ioctl",
    8,
    0x5401n,
    settings(0, 0),
  ]]);
  assertEquals(madeBy(set, { ioctl: [{ errno: 25 }] }).length, 2);
  assertEquals(madeBy(set, { ioctl: [0n, { errno: 5 }] })[0], failed(5));
});

Deno.test("an attribute is as long as the kernel says, up to the longest there is", () => {
  const made = madeBy((libc) => libc.attribute(7, "security.ima"), { fgetxattr: [3n] }, (_name, [, , into]) => {
    (into as Uint8Array).set([1, 2, 3]);
  });
  assertEquals(made, [
    { ok: true, value: Uint8Array.of(1, 2, 3) },
    ["fgetxattr", 7, bytesOf("security.ima\0"), new Uint8Array(65_536), 65_536n],
  ]);
});

Deno.test("what is opened for one call is closed again, whatever the call came to", () => {
  const opened = (path: string, flags: number) => ["open", bytesOf(`${path}\0`), flags];
  const closed = ["close", 7];
  const names = (made: readonly unknown[]) => made.slice(1).map((call) => Array.isArray(call) ? call[0] : call);

  const write = (libc: Libc) => libc.writeFile("/sys/x", "a");
  const text = ["write", 7, bytesOf("a"), 1n];
  const file = opened("/sys/x", 0o2000001);
  assertEquals(madeBy(write, { open: [7n], write: [1n] }), [{ ok: true, value: 1 }, file, text, closed]);
  assertEquals(madeBy(write, { open: [7n], write: [{ errno: 19 }] }), [failed(19), file, text, closed]);
  assertEquals(madeBy(write, { open: [{ errno: 13 }] }), [failed(13), file]);

  const down = (libc: Libc) => libc.setInterface("eth0", false);
  const interfaces: readonly (readonly [Parameters<typeof answering>[0], unknown, readonly string[]])[] = [
    [{ socket: [{ errno: 24 }] }, failed(24), ["socket"]],
    [{ socket: [7n], ioctl: [{ errno: 19 }] }, failed(19), ["socket", "ioctl", "close"]],
    [{ socket: [7n], ioctl: [0n, { errno: 1 }] }, failed(1), ["socket", "ioctl", "ioctl", "close"]],
    [{ socket: [7n] }, done, ["socket", "ioctl", "ioctl", "close"]],
  ];
  for (const [answers, result, made] of interfaces) {
    const all = madeBy(down, answers);
    assertEquals([all[0], names(all)], [result, made]);
    assertEquals(all[1], ["socket", 1, 2, 0]);
  }

  const mutable = (libc: Libc) => libc.setMutable("/x");
  const immutable = (name: string, [, , flags]: readonly unknown[]): void => {
    if (name === "ioctl") (flags as Uint8Array)[0] = 0x10;
  };
  const flags: readonly (readonly [Parameters<typeof answering>[0], unknown, readonly string[]])[] = [
    [{ open: [7n], ioctl: [{ errno: 25 }] }, failed(25), ["open", "ioctl", "close"]],
    [{ open: [7n], ioctl: [0n, { errno: 1 }] }, failed(1), ["open", "ioctl", "ioctl", "close"]],
    [{ open: [7n] }, done, ["open", "ioctl", "ioctl", "close"]],
  ];
  for (const [answers, result, made] of flags) {
    const all = madeBy(mutable, answers, immutable);
    assertEquals([all[0], names(all)], [result, made]);
    assertEquals(all[1], opened("/x", 0o2000000));
  }
});

Deno.test("a name of an interface that is too long is cut before the NUL that ends it", () => {
  const [, , asked] = madeBy((libc) => libc.setInterface("x".repeat(20), true), { socket: [7n] });
  const request = (asked as readonly unknown[])[3] as Uint8Array;
  assertEquals([...request.subarray(14, 17)], [0x78, 0, 0]);
});

Deno.test("a watchdog that does not take its timeout is stopped and closed, in this order", () => {
  const device = ["open", bytesOf("/dev/watchdog1\0"), 0o2000001];
  const timeout = ["ioctl", 7, 0xc004_5706n, Int32Array.of(90)];
  const ping = ["ioctl", 7, 0x8004_5705n, new Int32Array(1)];
  const stop = [["write", 7, bytesOf("V"), 1n], ["close", 7]];
  const arm = (libc: Libc) => libc.armWatchdog("/dev/watchdog1", 90);
  assertEquals(madeBy(arm, { open: [7n] }), [{ ok: true, value: 7 }, device, timeout, ping]);
  assertEquals(madeBy(arm, { open: [7n], ioctl: [{ errno: 22 }] }), [failed(22), device, timeout, ...stop]);
  assertEquals(madeBy(arm, { open: [7n], ioctl: [0n, { errno: 5 }] }), [failed(5), device, timeout, ping, ...stop]);

  const disarm = (libc: Libc) => libc.disarmWatchdog(7);
  assertEquals(madeBy(disarm, { write: [1n] }), [done, ...stop]);
  assertEquals(madeBy(disarm, { write: [{ errno: 5 }] }), [failed(5), ...stop], "it goes on to count");
  assertEquals(madeBy(disarm, { write: [1n], close: [{ errno: 9 }] }), [failed(9), ...stop]);
});

Deno.test("a restart at a time is by the clock of the boot, at that time, and says where libc cannot", () => {
  // SIGEV_THREAD, called with LINUX_REBOOT_CMD_RESTART; a time of 600.5 s, not after it.
  const event = BigUint64Array.of(0x0123_4567n, 2n << 32n, 0n, 0n, 0n, 0n, 0n, 0n);
  const create = ["timer_create", 7, event, BigUint64Array.of(0n)];
  const at = BigInt64Array.of(0n, 0n, 600n, 500_000_000n);
  const timer = (name: string, [, , id]: readonly unknown[]): void => {
    if (name === "timer_create") (id as BigUint64Array)[0] = 42n;
  };
  const restart = (libc: Libc) => libc.restartAt(600_500_000_000n);
  assertEquals(madeBy(restart, {}, timer), [done, create, ["timer_settime", 42n, 1, at, null]]);
  assertEquals(madeBy(restart, { timer_create: [{ errno: 11 }] }, timer), [failed(11), create]);
  const old = new Proxy({}, { get: (_target, name) => String(name).startsWith("timer_") ? null : () => 0n });
  using libc = openLibcOn({ arch: "x86_64", open: () => ({ symbols: old, close() {} }) as unknown as LibcLibrary });
  assertEquals(libc.restartAt(1n), failed(38));
});

Deno.test("a clock is asked by its number, and its two words are nanoseconds together", () => {
  for (const [name, number] of [["monotonic", 1], ["boottime", 7]] as const) {
    const made = madeBy((libc) => libc.clock(name), {}, (_name, [, time]) => (time as BigInt64Array).set([3n, 5n]));
    assertEquals(made, [3_000_000_005n, ["clock_gettime", number, new BigInt64Array(2)]]);
  }
});
