import type { CallResult, Libc } from "../../src/syscall/libc.ts";

/**
 * A libc that only notes what it was asked for. `answers` are given in turn; then every call succeeds with 0. So are the
 * times of the clocks; then every clock is at 0.
 */
export function fakeLibc(
  answers: Partial<Record<string, readonly CallResult[]>> = {},
  clocks: Record<"monotonic" | "boottime", readonly bigint[]> = { monotonic: [], boottime: [] },
): Libc & { readonly calls: unknown[][] } {
  const calls: unknown[][] = [];
  const times = { monotonic: clocks.monotonic.values(), boottime: clocks.boottime.values() };
  const given = new Map<string, number>();
  const answer = (name: string, fallback: CallResult, ...args: unknown[]): CallResult => {
    const turn = given.get(name) ?? 0;
    given.set(name, turn + 1);
    calls.push([name, ...args]);
    return answers[name]?.[turn] ?? fallback;
  };
  const ok = (value: number): CallResult => ({ ok: true, value });
  const decode = (bytes: Uint8Array | null) => bytes === null ? null : new TextDecoder().decode(bytes);
  return {
    calls,
    kexecFileLoad: (kernel, initrd, cmdline, flags) =>
      answer("kexec_file_load", ok(0), kernel, initrd, decode(cmdline), flags),
    kexecLoad: (entry, count, segments, flags) => answer("kexec_load", ok(0), entry, count, segments, flags),
    rebootKexec: () => answer("reboot", ok(0)),
    restart: () => answer("restart", ok(0)),
    restartAt: (time) => answer("restart_at", ok(0), time),
    memfd: (name) => answer("memfd", ok(99), name),
    seal: (fd) => answer("seal", ok(0), fd),
    sealFutureWrites: (fd) => answer("seal_future_writes", ok(0), fd),
    mapShared: (fd, offset, length) => ({
      ok: true,
      value: 0x5000_0000n + BigInt(calls.push(["map_shared", fd, offset, length])) * 0x10_0000n,
    }),
    lock: (address, length) => answer("lock", ok(0), address, length),
    secretMemory: (length) => {
      calls.push(["secret_memory", length]);
      const bytes = new Uint8Array(length);
      return { ok: true, bytes, [Symbol.dispose]: () => void bytes.fill(0) };
    },
    setDumpable: (dumpable) => answer("set_dumpable", ok(0), dumpable),
    openTerminal: (path) => answer("open_terminal", ok(8), path),
    setEcho: (fd, echo) => answer("set_echo", ok(1), fd, echo),
    isReadable: (fd) => answer("is_readable", ok(1), fd),
    read: (fd, into) => answer("read", ok(0), fd, into.length),
    sendfile: (out, input, offset, count) => answer("sendfile", ok(count), out, input, offset, count),
    mapFile: (fd, length) => ({
      ok: true,
      value: 0x1000_0000n + BigInt(calls.push(["map_file", fd, length])) * 0x10_0000n,
    }),
    mapBytes: (bytes) => ({
      ok: true,
      value: 0x2000_0000n + BigInt(calls.push(["map_bytes", bytes.length])) * 0x10_0000n,
    }),
    mapCode: (code) => ({
      ok: true,
      value: 0x4000_0000n + BigInt(calls.push(["map_code", code.length])) * 0x10_0000n,
    }),
    call: (address, first, second) => BigInt(calls.push(["call", address, first, second])),
    put: (address, bytes) => void calls.push(["put", address, bytes.toHex()]),
    addressOf: (bytes) => 0x3000_0000n + BigInt(calls.push(["address_of", bytes.length])) * 0x10_0000n,
    unmap: (address, length) => answer("unmap", ok(0), address, length),
    attribute: (fd, name) => (calls.push(["attribute", fd, name]), { ok: false, errno: 61 }),
    fileSystem: (fd) => (calls.push(["file_system", fd]), { ok: true, value: 0xef53n }),
    write: (fd, bytes) => answer("write", ok(bytes.length), fd, bytes.length),
    writeFile: (path, text) => answer("write_file", ok(text.length), path, text),
    setMutable: (path) => answer("set_mutable", ok(0), path),
    setInterface: (name, up) => answer("set_interface", ok(0), name, up),
    armWatchdog: (path, seconds) => answer("arm_watchdog", ok(7), path, seconds),
    pingWatchdog: (fd) => answer("ping_watchdog", ok(0), fd),
    disarmWatchdog: (fd) => answer("disarm_watchdog", ok(0), fd),
    close: (fd) => answer("close", ok(0), fd),
    sync: () => void calls.push(["sync"]),
    clock: (name) => times[name].next().value ?? 0n,
    [Symbol.dispose]() {},
  };
}
