import { assertEquals } from "@std/assert";
import { bytesInMemory, sealedCopy } from "../../src/syscall/memory_file.ts";
import { fakeLibc } from "../support/fake_libc.ts";

const LARGE = (16 << 20) + 5;
const FILES = [{ path: "/a", fd: 11, size: LARGE }, { path: "/b", fd: 12, size: 20, start: 4096 }];
const failed = { ok: false, errno: 28 } as const;

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

pure("files are copied one after the other, by 16 MiB at most, and then nothing can change them", () => {
  const libc = fakeLibc();
  const told: number[] = [];
  assertEquals(sealedCopy("warmboot-file", FILES, libc, (done) => told.push(done)), { ok: true, value: 99 });
  assertEquals(libc.calls, [
    ["memfd", "warmboot-file"],
    ["sendfile", 99, 11, 0, 16 << 20],
    ["sendfile", 99, 11, 16 << 20, 5],
    ["write", 99, 3],
    ["sendfile", 99, 12, 4096, 20],
    ["seal", 99],
  ]);
  assertEquals(told, [16 << 20, LARGE, 20]);
});

pure("a copy that fails is closed, is not sealed, and says what failed", () => {
  const cases = [
    [{ memfd: [failed] }, "memfd_create", ["memfd"]],
    [{ sendfile: [failed] }, "sendfile", ["memfd", "sendfile", "close"]],
    [{ write: [failed] }, "write", ["memfd", "sendfile", "sendfile", "write", "close"]],
    [{ seal: [failed] }, "fcntl", ["memfd", "sendfile", "sendfile", "write", "sendfile", "seal", "close"]],
  ] as const;
  for (const [answers, name, calls] of cases) {
    const libc = fakeLibc(answers);
    assertEquals(sealedCopy("warmboot-file", FILES, libc), { ...failed, function: name });
    assertEquals<readonly unknown[]>(libc.calls.map(([call]) => call), calls);
  }
});

pure("bytes that are not taken at all are an I/O error, and the file in memory is closed", () => {
  const libc = fakeLibc({ write: [{ ok: true, value: 4 }, { ok: true, value: 0 }] });
  assertEquals(bytesInMemory("x", new Uint8Array(10), libc), { ok: false, errno: 5, function: "write" });
  assertEquals(libc.calls, [["memfd", "x"], ["write", 99, 10], ["write", 99, 6], ["close", 99]]);
});
