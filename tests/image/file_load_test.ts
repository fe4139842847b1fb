import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import { fileLoadObjection } from "../../src/image/file_load.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import { arm64Image, ascii, bzImage, joined, peFile, zboot } from "./build.ts";
import { elf } from "./build_elf.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name: `kexec_file_load: ${name}`, permissions: "none", fn });
}

const objection = (bytes: Uint8Array, machine: string) =>
  fileLoadObjection(identifyKernel(memorySource(bytes)), machine);

test("each machine takes its own format", () => {
  assertEquals(objection(bzImage(), "x86_64"), undefined);
  assertEquals(objection(arm64Image(), "aarch64"), undefined);
});

test("the conditions of the x86 loader are checked one by one", () => {
  const table = [
    [{ protocol: 0x20b }, "boot protocol is 2.11"],
    [{ loadflags: 0 }, "zImage"],
    [{ xloadflags: 0x7d }, "XLF_CAN_BE_LOADED_ABOVE_4G"],
  ] as const;
  for (const [spec, part] of table) assertStringIncludes(objection(bzImage(spec), "x86_64")?.message ?? "", part);
  assertEquals(objection(bzImage({ protocol: 0x20c, xloadflags: 3 }), "x86_64"), undefined);
});

test("arm64 refuses an Image without a size", () => {
  assertStringIncludes(objection(arm64Image({ imageSize: 0n }), "aarch64")?.message ?? "", "image size zero");
});

test("a kernel for another machine is left to the rule that says so", () => {
  assertEquals(objection(arm64Image(), "x86_64"), undefined);
  assertEquals(objection(bzImage(), "aarch64"), undefined);
  assertEquals(objection(bzImage({ xloadflags: 0x7e }), "x86_64"), undefined);
});

test("other formats are refused with the way out", () => {
  const linux = { name: ".linux", bytes: bzImage() };
  assertStringIncludes(objection(joined("\x1f\x8b\x08", new Uint8Array(64)), "aarch64")?.hint ?? "", "gunzip");
  assertStringIncludes(objection(zboot(new Uint8Array(9)), "aarch64")?.hint ?? "", "payload");
  assertStringIncludes(objection(peFile({ sections: [linux] }), "x86_64")?.hint ?? "", ".linux");
  assertStringIncludes(objection(elf(), "x86_64")?.hint ?? "", "bzImage");
  assertStringIncludes(objection(elf({ machine: 183 }), "aarch64")?.hint ?? "", "Image");
  assertStringIncludes(objection(peFile({}), "x86_64")?.hint ?? "", "firmware");
});

test("what is no kernel is refused on any machine, with its own hint", () => {
  for (const machine of ["x86_64", "riscv64"]) {
    const found = objection(ascii("#!/bin/sh\n"), machine);
    assertEquals(found?.message, "The kernel is a script for /bin/sh");
    assert(found?.hint !== undefined);
  }
});

test("a machine whose loader is not known is not guessed", () => {
  assertStringIncludes(objection(bzImage(), "riscv64")?.message ?? "", "riscv64 is not known");
  assertStringIncludes(objection(bzImage(), "toString")?.message ?? "", "toString is not known");
});
