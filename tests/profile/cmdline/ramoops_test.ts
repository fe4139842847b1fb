import { assertEquals } from "@std/assert";
import { parseCmdline, parseParameter } from "../../../src/profile/cmdline/cmdline.ts";
import {
  hasParameter,
  ramoopsParameters,
  reservedRanges,
  statedRamoops,
} from "../../../src/profile/cmdline/ramoops.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const of = (text: string) => statedRamoops(parseCmdline(text));

pure("a command line says where ramoops has its memory, by numbers as the kernel reads them", () => {
  const memory = { kind: "range", start: 0x2000_0000n, end: 0x2010_0000n } as const;
  assertEquals(
    of("ro ramoops.mem_address=0x20000000 ramoops.mem_size=0x100000 memmap=1M$0x20000000 ramoops.ecc=1 quiet"),
    {
      memory,
      parameters: ["ramoops.mem_address=0x20000000", "ramoops.mem_size=0x100000", "ramoops.ecc=1"],
      reservation: "memmap=1M$0x20000000",
    },
  );
  // Decimal and octal numbers, dashes for underscores, the last one of a name, and a piece of a list around it.
  assertEquals(
    of("ramoops.mem-address=1 ramoops.mem-address=536870912 ramoops.mem_size=04000000 memmap=4G!8G,16m$512M,64K#1G"),
    {
      memory,
      parameters: ["ramoops.mem-address=536870912", "ramoops.mem_size=04000000"],
      reservation: "memmap=16m$512M",
    },
  );
  assertEquals(
    of("pstore.backend=efi ramoops.mem_address=0x20000000 ramoops.mem_size=0x100000 memmap=1M%0x20000000-1+2"),
    {
      memory,
      parameters: ["pstore.backend=efi", "ramoops.mem_address=0x20000000", "ramoops.mem_size=0x100000"],
      reservation: "memmap=1M%0x20000000-1+2",
    },
  );
});

pure("memory that no `memmap=` keeps free is said to be so", () => {
  const range = "ramoops.mem_address=0x20000000 ramoops.mem_size=0x100000";
  for (
    const other of [
      "",
      "memmap=512K$0x20000000",
      "memmap=1M$0x20000001",
      "memmap=1M@0x20000000",
      "memmap=4G",
      "memmap=x",
      // To RAM, and of no size.
      "memmap=1M%0x20000000-2+1",
      "memmap=0$0x20000000",
    ]
  ) assertEquals(of(`${range} ${other}`)?.reservation, undefined, other);
});

pure("each way of `memmap=` to take memory from the kernel keeps it, in units up to exbibytes", () => {
  const range = "ramoops.mem_address=0x20000000 ramoops.mem_size=0x1000";
  assertEquals(of("ramoops.mem_address=0X2000aBC0 ramoops.mem_size=0xFF")?.memory, {
    kind: "range",
    start: 0x2000_abc0n,
    end: 0x2000_acbfn,
  });
  const pieces = [
    "1M$0x20000000",
    "1M#0x20000000",
    "1M!0x20000000",
    "1M%0x20000000+2",
    "1M%0x20000000-1+12",
    "8K$512M",
  ];
  for (const piece of pieces) {
    assertEquals([piece, of(`${range} memmap=${piece}`)?.reservation], [piece, `memmap=${piece}`]);
  }
  const sizes = ["2k", "2K", "2m", "2g", "2t", "2p", "1e", "2048", "0x10", "010"];
  assertEquals(
    reservedRanges(parseCmdline(`memmap=${sizes.map((size) => `${size}$0`).join(",")}`)).map(({ end }) => end),
    [
      2048n,
      2048n,
      2n << 20n,
      2n << 30n,
      2n << 40n,
      2n << 50n,
      1n << 60n,
      2048n,
      16n,
      8n,
    ],
  );
});

pure("a command line that gives ramoops no memory says nothing of it", () => {
  for (
    const text of [
      "",
      "memmap=1M$0x20000000",
      "ramoops.mem_address=0x20000000",
      "ramoops.mem_size=0x100000",
      "ramoops.mem_address=0x20000000 ramoops.mem_size=1M",
      "ramoops.mem_address=0 ramoops.mem_size=0x100000",
      "ramoops.mem_address=0x20000000 ramoops.mem_size=0",
      "ramoops.mem_address=0x1ffffffffffffffff ramoops.mem_size=4096",
      "ramoops.mem_address=99999999999999999999 ramoops.mem_size=4096",
      "ramoops.mem_name=oops",
      "ramoops.mem_name=oops reserve_mem=1M:4096:other",
      "ro -- ramoops.mem_address=0x20000000 ramoops.mem_size=0x100000",
    ]
  ) assertEquals(of(text), undefined, text);
});

pure("the parameters that matter to it are its own, pstore's backend, and those that keep memory", () => {
  const line =
    "ramoops.ecc=1 xramoops.ecc=1 ramoops pstore.backend=ramoops pstore.kmsg_bytes=1 memmap=x reserve-mem=y mem=z";
  assertEquals(ramoopsParameters(parseCmdline(line)).map(({ text }) => text), [
    "ramoops.ecc=1",
    "pstore.backend=ramoops",
    "memmap=x",
    "reserve-mem=y",
  ]);
});

pure("memory may have a name, which the kernel finds", () => {
  assertEquals(of("reserve_mem=1M:4096:trace reserve_mem=1M:64K:oops ramoops.mem_name=oops ramoops.ecc=1"), {
    memory: { kind: "name", name: "oops" },
    parameters: ["ramoops.mem_name=oops", "ramoops.ecc=1"],
    reservation: "reserve_mem=1M:64K:oops",
  });
});

pure("a parameter that adds to others is there also as a piece of a list, and others only as the last one", () => {
  const has = (text: string, parameter: string) => hasParameter(parseCmdline(text), parseParameter(parameter));
  assertEquals(has("memmap=4G!8G,1M$0x20000000", "memmap=1M$0x20000000"), true);
  assertEquals(has("memmap=1M$0x20000000 memmap=4G!8G", "memmap=1M$0x20000000"), true);
  assertEquals(has("memmap=1M$0x20000000", "memmap=2M$0x20000000"), false);
  assertEquals(has("reserve_mem=1M:4096:a reserve_mem=2M:4096:b", "reserve_mem=1M:4096:a"), true);
  assertEquals(has("reserve_mem=1M$0x20000000", "memmap=1M$0x20000000"), false);
  assertEquals(has("panic=10 panic=0", "panic=10"), false);
  assertEquals(has("panic=0 panic=10", "panic=10"), true);
  assertEquals(reservedRanges(parseCmdline("memmap=0$0x1000,0K!1M memmap=exactmap")), []);
  assertEquals(reservedRanges(parseCmdline("memmap=4G!8G,1M$0x20000000 memmap=1M@0")), [
    { start: 8n << 30n, end: 12n << 30n },
    { start: 0x2000_0000n, end: 0x2010_0000n },
  ]);
});
