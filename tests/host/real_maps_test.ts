/**
 * Maps like those of real machines: what firmware, PCI bridges and drivers list there is silent, and what a plan needs is
 * found. The addresses are of machines of these kinds; names and sizes are as their kernels write them.
 */
import { assertEquals } from "@std/assert";
import {
  contradictedReservation,
  crashReservations,
  imageReservation,
  parseIomem,
  systemRam,
} from "../../src/host/iomem.ts";
import { rangeSize } from "../../src/core/range.ts";

interface RealMap {
  readonly name: string;
  readonly map: string;
  /** MiB of System RAM, rounded down. */
  readonly ram: bigint;
  /** MiB of the reservation of a crash image, and of all of them. */
  readonly crash?: bigint[];
}

const MAPS: readonly RealMap[] = [
  {
    name: "an Intel laptop: unset windows of the host bridge, ECAM within Reserved, ACPI tables, graphics memory",
    ram: 16_000n,
    map: `00000000-00000fff : Reserved
00001000-0009dfff : System RAM
0009e000-000fffff : Reserved
  00000000-00000000 : PCI Bus 0000:00
  00000000-00000000 : PCI Bus 0000:00
  00000000-00000000 : PCI Bus 0000:00
  000a0000-000bffff : PCI Bus 0000:00
  000f0000-000fffff : System ROM
00100000-6d9fffff : System RAM
6da00000-71bfffff : Reserved
71c00000-71ffffff : ACPI Non-volatile Storage
72000000-72bfffff : ACPI Tables
72c00000-72cfffff : System RAM
72d00000-79ffffff : Reserved
  74000000-77ffffff : Graphics Stolen Memory
7a000000-dfffffff : PCI Bus 0000:00
  80000000-8fffffff : 0000:00:02.0
  a0000000-a00fffff : PCI Bus 0000:01
    a0000000-a0003fff : 0000:01:00.0
      a0000000-a0003fff : nvme
e0000000-efffffff : Reserved
  e0000000-efffffff : PCI ECAM 0000 [bus 00-ff]
fe000000-fe010fff : Reserved
fec00000-fec00fff : Reserved
  fec00000-fec003ff : IOAPIC 0
fee00000-fee00fff : Local APIC
  fee00000-fee00fff : Reserved
100000000-47a7fffff : System RAM
  2ac000000-2ad600f07 : Kernel code
  2ad800000-2ae3f6fff : Kernel rodata
  2ae400000-2ae74b8ff : Kernel data
  2aed3a000-2af1fffff : Kernel bss
47a800000-47bffffff : RAM buffer
4000000000-7fffffffff : PCI Bus 0000:00
  4000000000-400fffffff : 0000:00:02.0
`,
  },
  {
    name: "an AMD server: bridges whose windows overlap, a crash kernel low and high, soft reserved memory",
    ram: 130_000n,
    crash: [512n, 768n],
    map: `00000000-00000fff : Reserved
00001000-0009ffff : System RAM
000a0000-000fffff : Reserved
  00000000-00000000 : PCI Bus 0000:c0
  000a0000-000bffff : PCI Bus 0000:00
  000c0000-000dffff : PCI Bus 0000:00
    000c0000-000cffff : PCI Bus 0000:20
  000c8000-000c8fff : Adapter ROM
00100000-75cfffff : System RAM
  5d000000-6cffffff : Crash kernel
75d00000-75ffffff : Reserved
76000000-a57fffff : System RAM
a5800000-afffffff : Reserved
b0000000-bfffffff : PCI Bus 0000:c0
  b0000000-b00fffff : PCI Bus 0000:c1
  b0080000-b017ffff : PCI Bus 0000:c2
e0000000-efffffff : PCI Bus 0000:80
  e8000000-f7ffffff : PCI Bus 0000:81
100000000-202fffffff : System RAM
  1fb0000000-1fcfffffff : Crash kernel
  1fd0000000-1fd1ffffff : Kernel code
2030000000-203fffffff : Soft Reserved
10000000000-1ffffffffff : PCI Bus 0000:80
`,
  },
  {
    name: "an arm64 server with ACPI: many banks of memory, reserved within them, no map of PCI in order",
    ram: 63_000n,
    crash: [1024n, 1024n],
    map: `02000000-02ffffff : PCI Bus 0002:00
00000000-00000000 : PCI Bus 0003:00
80000000-fb5dffff : System RAM
  80000000-8007ffff : reserved
  80080000-8221ffff : Kernel code
  82220000-8286ffff : reserved
  82870000-82e5ffff : Kernel data
  fa000000-faffffff : reserved
fb5e0000-ff89ffff : reserved
ff8a0000-fff8ffff : System RAM
  ff8b0000-ff8bffff : reserved
fff90000-ffffffff : reserved
880000000-fffffffff : System RAM
  f00000000-f3fffffff : Crash kernel
  fbf7f0000-fffffffff : reserved
8800000000-887fffffff : System RAM
  8800000000-8800000fff : reserved
8880000000-8f7fffffff : System RAM
100000000000-1fffffffffff : PCI Bus 0001:00
`,
  },
  {
    name: "an arm64 vendor kernel whose low crash kernel has a name of its own",
    ram: 31_000n,
    crash: [1024n, 1124n],
    map: `80310000-bfffffff : System RAM
  80480000-81b3ffff : Kernel code
  81b40000-821cffff : reserved
  821d0000-8256ffff : Kernel data
f1a00000-f7dfffff : reserved
  f1a00000-f7dfffff : Crash kernel (low)
880000000-fffffffff : System RAM
  f00000000-f3fffffff : Crash kernel
`,
  },
  {
    name: "a virtual machine in a cloud: a device's ROM within its neighbour, persistent memory as RAM",
    ram: 4_000n,
    map: `00000000-00000fff : Reserved
00001000-0009fbff : System RAM
0009fc00-0009ffff : Reserved
000a0000-000bffff : PCI Bus 0000:00
000c0000-000c99ff : Video ROM
000f0000-000fffff : Reserved
  000f0000-000fffff : System ROM
00100000-bffe9fff : System RAM
  01000000-01a02607 : Kernel code
  01c00000-01f6afff : Kernel rodata
  02000000-0226f2ff : Kernel data
  02700000-02bfffff : Kernel bss
bffea000-bfffffff : Reserved
c0000000-febfffff : PCI Bus 0000:00
  fe000000-fe7fffff : 0000:00:03.0
    fe000000-fe3fffff : virtio-pci-modern
  fe400000-febfffff : 0000:00:04.0
100000000-13fffffff : System RAM
140000000-23fffffff : Persistent Memory
  140000000-1bfffffff : namespace0.0
    140000000-17fffffff : dax0.0
      140000000-17fffffff : System RAM (kmem)
`,
  },
];

for (const { name, map, ram, crash } of MAPS) {
  Deno.test({
    name: `a map without a complaint: ${name}`,
    permissions: "none",
    fn() {
      const { iomem, diagnostics } = parseIomem(map);
      assertEquals([iomem.visibility, diagnostics.map(({ message }) => message)], ["full", []]);
      assertEquals(contradictedReservation(iomem), undefined);
      const mib = (bytes: bigint): bigint => bytes >> 20n;
      const total = mib(systemRam(iomem).reduce((sum, range) => sum + rangeSize(range), 0n));
      assertEquals([name, total / 1000n], [name, ram / 1000n]);
      const image = imageReservation(iomem);
      const all = crashReservations(iomem).reduce((sum, range) => sum + rangeSize(range), 0n);
      assertEquals(image === undefined ? undefined : [mib(rangeSize(image)), mib(all)], crash);
    },
  });
}
