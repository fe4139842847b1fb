import { assert, assertEquals, assertThrows } from "@std/assert";
import { execute } from "../../src/syscall/execute.ts";
import { openLibc } from "../../src/syscall/libc.ts";
import { mapSegments } from "../../src/syscall/map_segments.ts";
import type { CallSegment, Syscall } from "../../src/plan/syscall.ts";
import { openFiles } from "../support/descriptors.ts";
import { fakeLibc } from "../support/fake_libc.ts";
import { xxh64 } from "../support/xxh64.ts";

const files = [{ path: "/boot/vmlinuz", fd: 10, size: 0x5000 }];
const segments: readonly CallSegment[] = [
  {
    source: { kind: "file", path: "/boot/vmlinuz", offset: 0x4000, length: 0x1000 },
    bufsz: 0x1000n,
    mem: 0x100_0000n,
    memsz: 0x400_0000n,
  },
  { source: { kind: "bytes", base64: "AAAA" }, bufsz: 3n, mem: 0x20_0000_0000n, memsz: 0x1000n },
  { source: { kind: "zero" }, bufsz: 0n, mem: 0x5000n, memsz: 0x1000n },
  {
    source: { kind: "file", path: "/boot/vmlinuz", offset: 0, length: 0x1000 },
    bufsz: 0x1000n,
    mem: 0x600_0000n,
    memsz: 0x1000n,
  },
];
const call: Syscall = { name: "kexec_load", entry: 0x100_0200n, segments, flags: ["KEXEC_ARCH_DEFAULT"], flagBits: 0n };

Deno.test({
  name: "the array of struct kexec_segment holds buffer, size, address and size, 64 bits each",
  permissions: "none",
  fn() {
    const mapped = mapSegments({ segments }, files, fakeLibc());
    assert(mapped.ok);
    const words = new BigUint64Array(mapped.table?.buffer ?? new ArrayBuffer(0));
    const rows = Array.from({ length: 4 }, (_, row) => [...words.subarray(row * 4, row * 4 + 4)]);
    const file = rows[3]?.[0] ?? 0n;
    assertEquals(rows[0], [file + 0x4000n, 0x1000n, 0x100_0000n, 0x400_0000n]);
    assertEquals(rows[1]?.slice(1), [3n, 0x20_0000_0000n, 0x1000n]);
    assertEquals(rows[2], [0n, 0n, 0x5000n, 0x1000n]);
    assert(file !== 0n && rows[1]?.[0] !== 0n);
  },
});

Deno.test({
  name: "a file is mapped once however many segments it gives, and everything is unmapped after the call",
  permissions: "none",
  fn() {
    const libc = fakeLibc();
    execute(call, files, libc);
    assertEquals(libc.calls.map(([name]) => name), ["map_file", "map_bytes", "kexec_load", "unmap", "unmap"]);
    assertEquals(libc.calls[2]?.slice(1, 3), [0x100_0200n, 4n]);
  },
});

Deno.test({
  name: "a segment of a file that was not opened is a defect, not a call",
  permissions: "none",
  fn() {
    assertThrows(() => execute(call, [], fakeLibc()), Error, "/boot/vmlinuz was not opened");
  },
});

Deno.test("mapped memory holds the bytes of the file and of the plan, and random bytes where they are asked for", () => {
  const path = Deno.makeTempFileSync();
  const content = Uint8Array.from({ length: 9000 }, (_, index) => index % 251);
  Deno.writeFileSync(path, content);
  using file = Deno.openSync(path);
  assert(file !== undefined);
  const fd = descriptorOf(path);
  using libc = openLibc();
  const mapped = mapSegments(
    {
      segments: [
        { source: { kind: "file", path, offset: 5000, length: 100 }, bufsz: 100n, mem: 0n, memsz: 0x1000n },
        {
          source: {
            kind: "bytes",
            base64: new Uint8Array(96).fill(7).toBase64(),
            random: [{ offset: 32, length: 32 }],
          },
          bufsz: 96n,
          mem: 0n,
          memsz: 0x1000n,
        },
      ],
    },
    [{ path, fd, size: content.length }],
    libc,
  );
  assert(mapped.ok);
  const words = new BigUint64Array(mapped.table?.buffer ?? new ArrayBuffer(0));
  assertEquals(memoryAt(words[0], 100), content.subarray(5000, 5100));
  const bytes = memoryAt(words[4], 96);
  assertEquals([bytes.subarray(0, 32), bytes.subarray(64)], [new Uint8Array(32).fill(7), new Uint8Array(32).fill(7)]);
  assert(bytes.subarray(32, 64).some((byte) => byte !== 7));
  mapped[Symbol.dispose]();
  Deno.removeSync(path);
});

Deno.test("sums are taken of the bytes that the kernel is given, random ones too, and stand in purgatory's", () => {
  const [purgatory, random] = [new Uint8Array(64), new Uint8Array(96)];
  const path = Deno.makeTempFileSync();
  const content = Uint8Array.from({ length: 70_000 }, (_, index) => index * 7 % 251);
  Deno.writeFileSync(path, content);
  using _file = Deno.openSync(path);
  using libc = openLibc();
  const bytes = (content: Uint8Array, part?: { offset: number; length: number }): CallSegment => ({
    source: { kind: "bytes", base64: content.toBase64(), ...(part === undefined ? {} : { random: [part] }) },
    bufsz: BigInt(content.length),
    mem: 0n,
    memsz: 0x1000n,
  });
  const segments: readonly CallSegment[] = [
    { source: { kind: "file", path, offset: 4096, length: 65_904 }, bufsz: 65_904n, mem: 0n, memsz: 0x11000n },
    bytes(random, { offset: 32, length: 32 }),
    bytes(new Uint8Array(0)),
    bytes(purgatory),
  ];
  const of = [
    { segment: 0, start: 0n, length: 65_904n, offset: 8 },
    { segment: 1, start: 0n, length: 96n, offset: 16 },
    { segment: 1, start: 32n, length: 33n, offset: 24 },
    { segment: 2, start: 0n, length: 0n, offset: 40 },
  ];
  const sums = { machine: Deno.build.arch, purgatory: 3, of };
  const mapped = mapSegments({ segments, sums }, [{ path, fd: descriptorOf(path), size: content.length }], libc);
  assert(mapped.ok);
  const words = new BigUint64Array(mapped.table?.buffer ?? new ArrayBuffer(0));
  const drawn = memoryAt(words[4], 96);
  assertEquals([...new BigUint64Array(memoryAt(words[12], 64).buffer)], [
    0n,
    xxh64(content.subarray(4096)),
    xxh64(drawn),
    xxh64(drawn.subarray(32, 65)),
    0n,
    xxh64(new Uint8Array(0)),
    0n,
    0n,
  ]);
  assert(drawn.subarray(32, 64).some((byte) => byte !== 0));
  mapped[Symbol.dispose]();
  Deno.removeSync(path);
});

Deno.test("a file that became shorter than it was planned fails the call, and does not end the process", () => {
  const path = Deno.makeTempFileSync();
  Deno.writeFileSync(path, new Uint8Array(5000));
  using _file = Deno.openSync(path);
  using libc = openLibc();
  const descriptor = { path, fd: descriptorOf(path), size: 3 * 4096 };
  const segments: readonly CallSegment[] = [
    { source: { kind: "file", path, offset: 0, length: 12_288 }, bufsz: 12_288n, mem: 0n, memsz: 0x3000n },
  ];
  assertEquals(mapSegments({ segments }, [descriptor], libc), { ok: false, errno: 14, function: "madvise" });
  Deno.removeSync(path);
});

Deno.test({
  name: "where code cannot be run, the call is not made, and everything is unmapped",
  permissions: "none",
  fn() {
    const failure = { ok: false, errno: 13, function: "mprotect" } as const;
    const libc = { ...fakeLibc(), mapCode: () => failure };
    const sums = { machine: "x86_64", purgatory: 1, of: [{ segment: 0, start: 0n, length: 8n, offset: 0 }] };
    assertEquals(execute({ ...call, sums }, files, libc), failure);
    assertEquals(libc.calls.map(([name]) => name), ["map_file", "map_bytes", "unmap", "unmap"]);
  },
});

/** What lies in this process at an address. */
function memoryAt(address: bigint | undefined, length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(
    Deno.UnsafePointerView.getArrayBuffer(Deno.UnsafePointer.create(address ?? 0n) ?? fail(), length).slice(0),
  );
}

function descriptorOf(path: string): number {
  return Number(openFiles().find((each) => each.path === path)?.descriptor);
}

function fail(): never {
  throw new Error("No address");
}

Deno.test({
  name: "what was mapped is unmapped by its own address and length",
  permissions: "none",
  fn() {
    const libc = fakeLibc();
    const segment = { bufsz: 3n, mem: 0x1000n, memsz: 0x1000n, source: { kind: "bytes", base64: "AQID" } } as const;
    const mapped = mapSegments({ segments: [segment] }, [], libc);
    assertEquals(mapped.ok, true);
    if (mapped.ok) mapped[Symbol.dispose]();
    assertEquals(libc.calls, [["map_bytes", 3], ["unmap", 0x2010_0000n, 3]]);
  },
});

Deno.test({
  name: "an archive that was made in this process is handed over where it lies; what was not made is a defect",
  permissions: "none",
  fn() {
    const libc = fakeLibc();
    const source = { kind: "overlay", path: "files:1", offset: 2, length: 3 } as const;
    const segments = [{ source, bufsz: 3n, mem: 0x1000n, memsz: 0x1000n }];
    const mapped = mapSegments({ segments }, [], libc, new Map([["files:1", new Uint8Array(9)]]));
    assert(mapped.ok);
    assertEquals(libc.calls, [["address_of", 3]]);
    assertThrows(() => mapSegments({ segments }, [], libc), Error, "files:1 was not unpacked");
  },
});

Deno.test("every random part of the bytes is drawn, and nothing beside them", () => {
  using libc = openLibc();
  const random = [{ offset: 0, length: 32 }, { offset: 64, length: 16 }];
  const source = { kind: "bytes", base64: new Uint8Array(96).fill(7).toBase64(), random } as const;
  const mapped = mapSegments({ segments: [{ source, bufsz: 96n, mem: 0n, memsz: 0x1000n }] }, [], libc);
  assert(mapped.ok);
  using _ = mapped;
  const bytes = memoryAt(new BigUint64Array(mapped.table?.buffer ?? new ArrayBuffer(0))[0], 96);
  const isDrawn = (start: number, end: number) => bytes.subarray(start, end).some((byte) => byte !== 7);
  assertEquals([isDrawn(0, 32), isDrawn(32, 64), isDrawn(64, 80), isDrawn(80, 96)], [true, false, true, false]);
});

Deno.test({
  name: "where a later segment cannot be mapped, those before it are unmapped, and the call is not made",
  permissions: "none",
  fn() {
    const libc = { ...fakeLibc(), mapBytes: () => ({ ok: false, errno: 12 } as const) };
    assertEquals(execute(call, files, libc), { ok: false, errno: 12, function: "mmap" });
    assertEquals(libc.calls.map(([name]) => name), ["map_file", "unmap"]);
  },
});

Deno.test({
  name: "no segments, which unload, are no array",
  permissions: "none",
  fn() {
    const mapped = mapSegments({ segments: [] }, [], fakeLibc());
    assert(mapped.ok);
    assertEquals(mapped.table, null);
  },
});

Deno.test({
  name: "of an empty segment the sum is known, and the code that sums is unmapped, whatever happens",
  permissions: "none",
  fn() {
    const libc = fakeLibc();
    const sums = { machine: "x86_64", purgatory: 1, of: [{ segment: 2, start: 0n, length: 0n, offset: 8 }] };
    const mapped = mapSegments({ segments, sums }, files, libc);
    assert(mapped.ok);
    const [, , [, size] = [], [, at, value] = [], unmapped] = libc.calls;
    const purgatory = new BigUint64Array(mapped.table?.buffer ?? new ArrayBuffer(0))[4] ?? 0n;
    // The XXH64 of nothing.
    assertEquals([at, value], [purgatory + 8n, "99e9d85137db46ef"]);
    assertEquals(unmapped, ["unmap", 0x4030_0000n, size]);

    const broken = fakeLibc();
    const unknown = { ...sums, of: [{ segment: 9, start: 0n, length: 8n, offset: 8 }] };
    assertThrows(() => mapSegments({ segments, sums: unknown }, files, broken), Error, "has no segment 9 to sum");
    assertEquals(broken.calls.at(-1)?.[0], "unmap");
    for (const other of [{ ...sums, purgatory: 9 }, { ...sums, machine: "riscv64" }]) {
      assertThrows(() => mapSegments({ segments, sums: other }, files, fakeLibc()), Error, "no purgatory for");
    }
  },
});
