import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import { incompatibility, type LoadCall } from "../../src/image/call_compatibility.ts";
import type { MultibootImage } from "../../src/image/image.ts";
import { arm64Image, ascii, bzImage } from "./build.ts";
import { elf } from "./build_elf.ts";

const CALLS: readonly LoadCall[] = ["kexec_file_load", "kexec_load"];

function test(name: string, fn: (objection: ReturnType<typeof objectionTo>, call: LoadCall) => void): void {
  for (const call of CALLS) {
    Deno.test({ name: `${call}: ${name}`, permissions: "none", fn: () => fn(objectionTo(call), call) });
  }
}

const objectionTo = (call: LoadCall) => (bytes: Uint8Array, machine: string) =>
  incompatibility(call, identifyKernel(memorySource(bytes)), machine);

test("each machine takes its own format", (objection, call) => {
  assertEquals(objection(bzImage(), "x86_64"), undefined);
  assertEquals(objection(arm64Image(), "aarch64"), undefined);
  assertEquals(objection(elf(), "x86_64") === undefined, call === "kexec_load");
});

test("the conditions of the x86 loaders are checked one by one", (objection, call) => {
  const table = [
    [{ protocol: 0x20b }, "boot protocol is 2.11", undefined],
    [{ protocol: 0x203 }, "boot protocol is 2.03", undefined],
    [{ protocol: 0x200 }, "boot protocol is 2.00", undefined],
    [{ protocol: 0x1ff }, "boot protocol is 1.255", "boot protocol is 1.255, and 2.00 is required"],
    [{ protocol: 0x204 }, "boot protocol is 2.04", undefined],
    // Of several reasons the first is told.
    [{ protocol: 0x20b, loadflags: 0 }, "boot protocol is 2.11", undefined],
    [{ loadflags: 0, xloadflags: 0 }, "zImage", undefined],
    [{ loadflags: 0 }, "zImage", undefined],
    [{ xloadflags: 0x7d }, "XLF_CAN_BE_LOADED_ABOVE_4G", undefined],
    [{ xloadflags: 0x7e }, "no 64-bit entry (XLF_KERNEL_64)", undefined],
    [{ xloadflags: 0x7e, code32Start: 0 }, "no 64-bit entry (XLF_KERNEL_64)", undefined],
    [{ code32Start: 0 }, undefined, undefined],
    [{ protocol: 0x20c, xloadflags: 3 }, undefined, undefined],
  ] as const;
  for (const [spec, byFile, bySegments] of table) {
    const found = objection(bzImage(spec), "x86_64");
    const expected = call === "kexec_load" ? bySegments : byFile;
    if (expected === undefined) assertEquals(found, undefined, JSON.stringify(spec));
    else assertStringIncludes(found?.message ?? "", expected);
    // What the other call takes is no reason to look for another kernel.
    if (call === "kexec_file_load" && byFile !== undefined) {
      assertEquals(found?.hint?.startsWith("kexec_load takes it"), bySegments === undefined);
    }
  }
});

test("a kernel for another machine is left to the rule that says so", (objection) => {
  assertEquals(objection(arm64Image(), "x86_64"), undefined);
  assertEquals(objection(bzImage(), "aarch64"), undefined);
  assertEquals(objection(bzImage({ xloadflags: 0x7e }), "aarch64"), undefined);
});

test("what is no kernel is refused on any machine, with its own hint", (objection) => {
  for (const machine of ["x86_64", "riscv64"]) {
    const found = objection(ascii("#!/bin/sh\n"), machine);
    assertEquals(found?.message, "The kernel is a script for /bin/sh");
    assert(found?.hint !== undefined);
  }
});

test("a Multiboot image has something to load, below 4 GiB, with its entry in it", (_, call) => {
  const load = { offset: 0n, paddr: 0x10_0000n, filesz: 16n, memsz: 0x1000n };
  const of = (more: Partial<MultibootImage>) =>
    incompatibility(call, {
      kind: "multiboot",
      header: { version: 1, offset: 0, requests: [], flags: 0 } as unknown as MultibootImage["header"],
      loads: [load],
      entry: 0x10_0000n,
      ...more,
    }, "x86_64")?.message.replace(/^.*: /, "");
  if (call === "kexec_file_load") return assertStringIncludes(of({}) ?? "", "is not a bzImage");
  assertEquals([
    of({}),
    of({ loads: [] }),
    of({ entry: 0x10_0fffn }),
    of({ entry: 0x10_1000n }),
    of({ entry: 0xf_ffffn }),
    of({ loads: [load, { ...load, paddr: (1n << 32n) - 0x1000n }] }),
    of({ loads: [load, { ...load, paddr: (1n << 32n) - 0xfffn }] }),
  ], [
    undefined,
    "nothing in it is loaded",
    undefined,
    "its entry 0x101000 lies in none of its segments",
    "its entry 0xfffff lies in none of its segments",
    undefined,
    "its segment for 0xfffff001 ends above 4 GiB, which 32-bit mode does not reach",
  ]);
});

test("a machine whose loader is not known is not guessed", (objection, call) => {
  assertEquals(objection(bzImage(), "riscv64")?.message, `What ${call} takes on riscv64 is not known`);
  assertEquals(objection(bzImage(), "toString")?.message, `What ${call} takes on toString is not known`);
});
