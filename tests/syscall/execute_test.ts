import { assertEquals, assertThrows } from "@std/assert";
import { execute } from "../../src/syscall/execute.ts";
import { joinedOffsets } from "../../src/syscall/memory_file.ts";
import type { SyscallOf } from "../../src/plan/syscall.ts";
import { fakeLibc } from "../support/fake_libc.ts";

const files = [
  { path: "/k", fd: 10, size: 1000 },
  { path: "/a", fd: 11, size: 6 },
  { path: "/b", fd: 12, size: 20 },
];

function load(...initrd: string[]): SyscallOf<"kexec_file_load"> {
  return { name: "kexec_file_load", kernel: "/k", initrd, cmdline: "root=é", flags: [], flagBits: 2n };
}

Deno.test({
  name: "one initrd is handed over as its own descriptor, the command line with its NUL",
  permissions: "none",
  fn() {
    const libc = fakeLibc();
    assertEquals(execute(load("/a"), files, libc), { ok: true, value: 0 });
    assertEquals(libc.calls, [["kexec_file_load", 10, 11, "root=é\0", 2n]]);
  },
});

Deno.test({
  name: "no initrd is the descriptor -1",
  permissions: "none",
  fn() {
    const libc = fakeLibc();
    execute(load(), files, libc);
    assertEquals(libc.calls, [["kexec_file_load", 10, -1, "root=é\0", 2n]]);
  },
});

Deno.test({
  name: "an unpacked kernel is handed over in a memfd, written until all of it is there, and closed",
  permissions: "none",
  fn() {
    const libc = fakeLibc({ write: [{ ok: true, value: 3 }] });
    const contents = new Map([["/k", new Uint8Array(10)]]);
    execute({ ...load("/a"), unpacked: true }, files, libc, contents);
    assertEquals(libc.calls, [
      ["memfd", "warmboot-kernel"],
      ["write", 99, 10],
      ["write", 99, 7],
      ["kexec_file_load", 99, 11, "root=é\0", 2n],
      ["close", 99],
    ]);
    const full = fakeLibc({ write: [{ ok: false, errno: 28 }] });
    assertEquals(execute({ ...load(), unpacked: true }, files, full, contents), {
      ok: false,
      errno: 28,
      function: "write",
    });
    assertEquals(full.calls.at(-1), ["close", 99]);
    // An image that is built lies there under the path of the kernel's file as well.
    const built = fakeLibc();
    execute({ ...load("/a"), built: true }, files, built, contents);
    assertEquals(built.calls, [
      ["memfd", "warmboot-kernel"],
      ["write", 99, 10],
      ["kexec_file_load", 99, 11, "root=é\0", 2n],
      ["close", 99],
    ]);
    assertThrows(() => execute({ ...load(), unpacked: true }, files, libc), Error, "was not unpacked");
  },
});

Deno.test({
  name: "two initrds are joined in a memfd, the second at a multiple of four, and the memfd is closed",
  permissions: "none",
  fn() {
    const libc = fakeLibc({ sendfile: [{ ok: true, value: 4 }] });
    execute(load("/a", "/b"), files, libc);
    assertEquals(libc.calls, [
      ["memfd", "warmboot-initrd"],
      ["sendfile", 99, 11, 0, 6],
      ["sendfile", 99, 11, 4, 2],
      ["write", 99, 2],
      ["sendfile", 99, 12, 0, 20],
      ["seal", 99],
      ["kexec_file_load", 10, 99, "root=é\0", 2n],
      ["close", 99],
    ]);
  },
});

Deno.test({
  name: "of three initrds each begins at a multiple of four, also behind one that was padded",
  permissions: "none",
  fn() {
    const libc = fakeLibc();
    execute(load("/a", "/b", "/a"), files, libc);
    assertEquals(libc.calls.filter(([name]) => name === "sendfile" || name === "write"), [
      ["sendfile", 99, 11, 0, 6],
      ["write", 99, 2],
      ["sendfile", 99, 12, 0, 20],
      ["sendfile", 99, 11, 0, 6],
    ]);
  },
});

Deno.test({
  name: "initrds that were joined before are handed over as they are, and stay open",
  permissions: "none",
  fn() {
    for (const [initrds, joined] of [[["/a", "/b"], 55], [["/a"], 55], [["/a", "/b"], 0]] as const) {
      const libc = fakeLibc();
      execute(load(...initrds), files, libc, new Map(), joined);
      assertEquals(libc.calls, [["kexec_file_load", 10, joined, "root=é\0", 2n]]);
    }
  },
});

Deno.test({
  name: "an archive that cannot be written stops before the call, and the memfd is closed",
  permissions: "none",
  fn() {
    const archive = { path: "files:1", bytes: new Uint8Array(4), secret: false, size: 4 };
    const libc = fakeLibc({ write: [{ ok: true, value: 2 }, { ok: false, errno: 28 }] });
    const result = execute(load("/a", "files:1"), [...files.map((file) => ({ ...file, size: 8 })), archive], libc);
    assertEquals(result, { ok: false, errno: 28, function: "write" });
    assertEquals(libc.calls.map(([name]) => name), ["memfd", "sendfile", "write", "write", "close"]);
  },
});

Deno.test({
  name: "a full memory file system stops before the call, and the memfd is closed",
  permissions: "none",
  fn() {
    const libc = fakeLibc({ sendfile: [{ ok: false, errno: 28 }] });
    assertEquals(execute(load("/a", "/b"), files, libc), { ok: false, errno: 28, function: "sendfile" });
    assertEquals(libc.calls.map(([name]) => name), ["memfd", "sendfile", "close"]);
  },
});

Deno.test({
  name: "an initrd that got shorter while it is copied is an I/O error",
  permissions: "none",
  fn() {
    const libc = fakeLibc({ sendfile: [{ ok: true, value: 0 }] });
    assertEquals(execute(load("/a", "/b"), files, libc), { ok: false, errno: 5, function: "sendfile" });
  },
});

Deno.test({
  name: "what fails before the call is told from the call",
  permissions: "none",
  fn() {
    const failed = { ok: false, errno: 24 } as const;
    for (
      const [answers, name] of [
        [{ memfd: [failed] }, "memfd_create"],
        [{ write: [failed] }, "write"],
        [{ seal: [failed] }, "fcntl"],
        [{ kexec_file_load: [failed] }, undefined],
      ] as const
    ) {
      const result = execute(load("/a", "/b"), files, fakeLibc(answers));
      assertEquals(result, name === undefined ? failed : { ...failed, function: name });
    }
  },
});

Deno.test({
  name: "unloading names the crash image by its flag in either call",
  permissions: "none",
  fn() {
    const libc = fakeLibc();
    execute({ name: "kexec_file_unload", crash: true }, [], libc);
    execute({ name: "kexec_unload", crash: true }, [], libc);
    execute({ name: "kexec_file_unload", crash: false }, [], libc);
    execute({ name: "kexec_unload", crash: false }, [], libc);
    assertEquals(libc.calls, [
      ["kexec_file_load", -1, -1, null, 3n],
      ["kexec_load", 0n, 0n, null, 1n],
      ["kexec_file_load", -1, -1, null, 1n],
      ["kexec_load", 0n, 0n, null, 0n],
    ]);
  },
});

Deno.test({
  name: "a call whose file was not opened is a defect, not a call",
  permissions: "none",
  fn() {
    const libc = fakeLibc();
    assertThrows(() => execute(load("/missing"), files, libc), Error, "/missing was not opened");
    assertEquals(libc.calls, []);
  },
});

Deno.test({
  name: "joinedOffsets() starts each archive at a multiple of four",
  permissions: "none",
  fn() {
    assertEquals(joinedOffsets([5, 8, 3, 1]), [0, 8, 16, 20]);
    assertEquals(joinedOffsets([]), []);
  },
});

Deno.test({
  name: "every call gets its flags: kexec_file_load with one initrd, with two, with none, and kexec_load",
  permissions: "none",
  fn() {
    const libc = fakeLibc();
    for (const call of [load(), load("/a"), load("/a", "/b")]) execute({ ...call, flagBits: 0x1an }, files, libc);
    execute(
      {
        name: "kexec_load",
        entry: 0x1000n,
        segments: [{ source: { kind: "zero" }, bufsz: 0n, mem: 0x1000n, memsz: 0x1000n }],
        flags: [],
        flagBits: 0x3e0001n,
      },
      [],
      libc,
    );
    const made = libc.calls.filter(([name]) => String(name).startsWith("kexec"));
    assertEquals(made.map((call) => call.at(-1)), [0x1an, 0x1an, 0x1an, 0x3e0001n]);
    assertEquals(made.at(-1)?.slice(0, 3), ["kexec_load", 0x1000n, 1n]);
  },
});

Deno.test({
  name: "sync and reboot are each one call, and sync always succeeds",
  permissions: "none",
  fn() {
    for (const [name, made] of [["sync", "sync"], ["reboot_kexec", "reboot"]] as const) {
      const libc = fakeLibc();
      assertEquals(execute({ name }, [], libc), { ok: true, value: 0 });
      assertEquals(libc.calls, [[made]]);
    }
  },
});

Deno.test({
  name: "a device is unbound by its name in the file of its driver, and an interface set by its name",
  permissions: "none",
  fn() {
    const device = { bus: "pci", driver: "e1000", device: "0000:00:03.0", path: "/sys/devices/x" };
    const libc = fakeLibc({ write_file: [{ ok: false, errno: 2 }] });
    assertEquals(execute({ name: "unbind", device }, [], libc), { ok: false, errno: 2 });
    assertEquals(execute({ name: "set_interface", interface: "eth0", up: false }, [], libc).ok, true);
    assertEquals(execute({ name: "arm_watchdog", device: "watchdog0", seconds: 120 }, [], libc), {
      ok: true,
      value: 7,
    });
    assertEquals(libc.calls, [
      ["write_file", "/sys/bus/pci/drivers/e1000/unbind", "0000:00:03.0"],
      ["set_interface", "eth0", false],
      ["arm_watchdog", "/dev/watchdog0", 120],
    ]);
  },
});

Deno.test({
  name:
    "a secret is written to the memfd by a locked mapping, which outlasts the seal and overwrites it after the call",
  permissions: "none",
  fn() {
    const libc = fakeLibc();
    const secret = { path: "files:1", bytes: new Uint8Array([1, 2, 3, 4]), secret: true, size: 4 };
    const call = { ...load("/a", "files:1"), bootconfig: { path: "/a", size: 2 } };
    assertEquals(execute(call, [...files, secret], libc), { ok: true, value: 0 });
    const mapped = 0x5000_0000n + 5n * 0x10_0000n;
    assertEquals(libc.calls, [
      ["memfd", "warmboot-initrd"],
      ["sendfile", 99, 11, 0, 4],
      ["write", 99, 4],
      ["sendfile", 99, 11, 4, 2],
      ["map_shared", 99, 0, 8],
      ["lock", mapped, 8],
      ["put", mapped + 4n, "01020304"],
      ["seal_future_writes", 99],
      ["kexec_file_load", 10, 99, "root=é\0", 2n],
      ["put", mapped + 4n, "00000000"],
      ["unmap", mapped, 8],
      ["close", 99],
    ]);
    // What is written as to a file may be swapped out: zeros.
    const written: number[] = [];
    const noting = fakeLibc();
    const write = (fd: number, bytes: Uint8Array) => {
      written.push(...bytes);
      return noting.write(fd, bytes);
    };
    execute(call, [...files, secret], { ...noting, write });
    assertEquals(written, [0, 0, 0, 0]);
    // Where the lock is refused, no secret is written.
    const refused = fakeLibc({ lock: [{ ok: false, errno: 12 }] });
    assertEquals(execute(call, [...files, secret], refused), { ok: false, errno: 12, function: "mlock" });
    assertEquals(refused.calls.slice(-3).map(([name]) => name), ["lock", "unmap", "close"]);
  },
});

Deno.test({
  name: "a bootconfig of an initrd that is a part of a file is copied from that part, after all other initrds",
  permissions: "none",
  fn() {
    const libc = fakeLibc();
    const call = { ...load("/a", "/b"), bootconfig: { path: "/a", size: 2 } };
    const parts = files.map((file) => file.path === "/a" ? { ...file, start: 4096 } : { ...file, start: 512 });
    assertEquals(execute(call, parts, libc), { ok: true, value: 0 });
    assertEquals(libc.calls, [
      ["memfd", "warmboot-initrd"],
      ["sendfile", 99, 11, 4096, 4],
      ["sendfile", 99, 12, 512, 20],
      ["sendfile", 99, 11, 4100, 2],
      ["seal", 99],
      ["kexec_file_load", 10, 99, "root=é\0", 2n],
      ["close", 99],
    ]);
  },
});

Deno.test({
  name: "the mapping of a secret begins at a multiple of 64 KiB, the largest page, and ends with the secret",
  permissions: "none",
  fn() {
    // Offsets of the secret, and what of the memfd is mapped.
    const cases = [[65_532, 0, 65_536], [65_536, 65_536, 4], [70_000, 65_536, 4468], [140_000, 131_072, 8932]] as const;
    for (const [offset, start, length] of cases) {
      const libc = fakeLibc();
      const secret = { path: "files:1", bytes: new Uint8Array([1, 2, 3, 4]), secret: true, size: 4 };
      const large = { path: "/large", fd: 13, size: offset };
      execute(load("/large", "files:1"), [...files, large, secret], libc);
      const mapped = 0x5000_0000n + 4n * 0x10_0000n;
      const at = mapped + BigInt(offset - start);
      assertEquals(libc.calls.filter(([name]) => /^(?:map_shared|lock|put|unmap)$/.test(String(name))), [
        ["map_shared", 99, start, length],
        ["lock", mapped, length],
        ["put", at, "01020304"],
        ["put", at, "00000000"],
        ["unmap", mapped, length],
      ]);
    }
  },
});

Deno.test({
  name: "an archive alone is handed over in a memfd as well, and one without a secret is written and sealed",
  permissions: "none",
  fn() {
    const libc = fakeLibc();
    const archive = { path: "files:1", bytes: new Uint8Array(4), secret: false, size: 4 };
    execute(load("files:1"), [...files, archive], libc);
    assertEquals(libc.calls.map(([name]) => name), ["memfd", "write", "seal", "kexec_file_load", "close"]);
  },
});
