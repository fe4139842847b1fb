import { assertEquals, assertStringIncludes } from "@std/assert";
import { memoryParameters } from "../../src/arch/x86_64/memory_parameters.ts";

Deno.test({
  name: "mem= and memmap= limit and take away memory as the decompressor reads them",
  permissions: "none",
  fn() {
    const MIB = 1n << 20n;
    const cases: readonly (readonly [string, ReturnType<typeof memoryParameters>])[] = [
      ["root=/dev/vda ro", { avoid: [] }],
      ["mem=512M", { avoid: [], max: 512n * MIB }],
      ["mem=0x20000000 mem=1G", { avoid: [], max: 512n * MIB }],
      ["mem=nopentium", { avoid: [] }],
      ["mem=0 memmap=0", { avoid: [] }],
      ["mem=0 mem=512m mem=1g", { avoid: [], max: 512n * MIB }],
      ["memmap=700M", { avoid: [], max: 700n * MIB }],
      ["memmap=64M$256M", { avoid: [{ start: 256n * MIB, end: 320n * MIB }] }],
      ["memmap=1M!2M,1M#4M", { avoid: [{ start: 2n * MIB, end: 3n * MIB }, { start: 4n * MIB, end: 5n * MIB }] }],
      ["memmap=64M@256M", { avoid: [] }],
      ["memmap=2M%16M-1+2", { avoid: [{ start: 16n * MIB, end: 18n * MIB }] }],
      ["mem=010M", { avoid: [], max: 8n * MIB }],
      ["ro -- mem=1M", { avoid: [] }],
      ['x="a mem=1M" "mem=2M"', { avoid: [], max: 2n * MIB }],
    ];
    for (const [cmdline, expected] of cases) assertEquals(memoryParameters(cmdline), expected, cmdline);
  },
});

Deno.test({
  name: "gigantic pages and movable nodes keep the kernel where the plan has it",
  permissions: "none",
  fn() {
    assertStringIncludes(memoryParameters("hugepagesz=1G hugepages=4").fixed ?? "", "1 GiB");
    assertStringIncludes(memoryParameters("movable_node").fixed ?? "", "unplugged");
    assertEquals(memoryParameters("hugepagesz=2M hugepages=4").fixed, undefined);
    assertEquals(memoryParameters("hugepagesz=1G hugepagesz=2M hugepages=4").fixed, undefined);
  },
});

Deno.test({
  name: "what redefines memory, or is not understood, is an objection",
  permissions: "none",
  fn() {
    for (
      const parameter of [
        "memmap=exactmap",
        "memmap=exactmap@1M",
        "memmap=1M,exactmap",
        "memmap=",
        "memmap=x",
        "memmap=1M$y",
        "mem=lots",
        "mem=09M",
      ]
    ) {
      assertStringIncludes(memoryParameters(`ro ${parameter}`).objection ?? "", parameter);
    }
  },
});
