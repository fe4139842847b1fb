import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type ByteSource, memorySource } from "../../src/core/bytes.ts";
import { describeImage, describeInitrd, imageRelease, machineOf } from "../../src/image/describe.ts";
import { incompatibility } from "../../src/image/call_compatibility.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import { identifyInitrd, initrdObjection } from "../../src/image/initrd.ts";
import { arm64Image, bzImage, peFile, zboot } from "./build.ts";
import { cpio, elf } from "./build_elf.ts";
import { smallTree, uImage, wholeFit } from "./build_uboot.ts";

Deno.test({
  name: "a uImage is one though its data look like another kernel's header, and so is a FIT image",
  permissions: "none",
  fn() {
    const kindOf = (bytes: Uint8Array) => identifyKernel(memorySource(bytes)).kind;
    const data = bzImage();
    // As a bzImage has them, from the start of the file.
    const shifted = new Uint8Array(data.length);
    shifted.set(data.subarray(64));
    assertEquals([kindOf(data), kindOf(uImage({ data: shifted }))], ["bzimage", "uimage"]);
    // A kernel, one that is not moved, and one with further files.
    assertEquals([2, 14, 3, 6].map((type) => kindOf(uImage({ data, type }))), [
      "uimage",
      "uimage",
      "not-kernel",
      "not-kernel",
    ]);
    const fit = wholeFit(data, { tree: smallTree() });
    assertEquals(kindOf(fit), "fit");
  },
});

const SAMPLES: readonly Uint8Array[] = [
  bzImage({ pe: true, certificate: 64 }),
  peFile({ sections: [{ name: ".linux", bytes: bzImage() }, { name: ".uname", bytes: new Uint8Array(8) }] }),
  arm64Image({ certificate: 8 }),
  zboot(new Uint8Array(64)),
  elf(),
  elf({
    bits: 32,
    littleEndian: false,
    segments: [{ type: 4, bytes: new Uint8Array(64) }, { bytes: new Uint8Array(8) }],
  }),
  cpio([{ name: "init", bytes: new Uint8Array(8) }]),
  uImage({ files: [new Uint8Array(8), new Uint8Array(8)], title: "\x07 Linux" }),
  wholeFit(new Uint8Array(8), { tree: smallTree() }),
  smallTree(),
];

/** Everything this stage can be asked about a file; its results must be values that people can be shown. */
function examine(bytes: Uint8Array): void {
  const info = identifyKernel(memorySource(bytes));
  const initrd = identifyInitrd(memorySource(bytes));
  const texts = [describeImage(info), describeInitrd(initrd), machineOf(info) ?? "-", imageRelease(info) ?? "-"];
  for (const machine of ["x86_64", "aarch64", "s390x"]) {
    const objection = incompatibility("kexec_file_load", info, machine);
    if (objection !== undefined) texts.push(objection.message);
  }
  texts.push(initrdObjection(initrd)?.message ?? "-");
  for (const text of texts) assert(/^[ -~]+$/.test(text), `not fit to show: ${JSON.stringify(text)}`);
  if (info.kind === "bzimage") assert(info.alignment > 0 && (info.alignment & (info.alignment - 1)) === 0);
}

/** A source of a given size: the bytes first, then zeros; it counts what is read of it. */
function countingSource(
  bytes: Uint8Array,
  size: number,
): { readonly source: ByteSource; readonly count: () => number } {
  let count = 0;
  return {
    count: () => count,
    source: {
      size,
      read(offset, length) {
        const part = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
        part.set(bytes.subarray(offset, offset + part.length));
        count += part.length;
        return part;
      },
    },
  };
}

Deno.test({
  name: "identifying random bytes never throws and yields clean texts",
  permissions: "none",
  fn() {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2048 }), examine), { numRuns: 500 });
  },
});

Deno.test({
  name: "identifying files with mutated headers never throws and yields clean texts",
  permissions: "none",
  fn() {
    const change = fc.tuple(fc.nat(700), fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)));
    const mutated = fc.tuple(fc.constantFrom(...SAMPLES), fc.array(change, { maxLength: 12 }), fc.option(fc.nat(5000)))
      .map(([sample, changes, length]) => {
        const bytes = sample.slice();
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        return length === null ? bytes : bytes.subarray(0, length);
      });
    fc.assert(fc.property(mutated, examine), { numRuns: 3000 });
  },
});

Deno.test({
  name: "the samples that are mutated are whole to begin with",
  permissions: "none",
  fn() {
    assertEquals(
      SAMPLES.map((sample) => identifyKernel(memorySource(sample)).kind),
      ["bzimage", "uki", "arm64-image", "efi-zboot", "elf", "elf", "not-kernel", "uimage", "fit", "not-kernel"],
    );
  },
});

Deno.test({
  name: "of a big kernel only the headers are read",
  permissions: "none",
  fn() {
    for (const sample of SAMPLES) {
      const { source, count } = countingSource(sample, 1 << 30);
      if (identifyKernel(source).kind === "not-kernel") continue;
      assert(count() <= 48 * 1024, `${identifyKernel(source).kind}: ${count()} bytes`);
    }
    const { source, count } = countingSource(bzImage(), 1 << 30);
    assertEquals(identifyKernel(source).kind, "bzimage");
    assert(count() <= 6 * 1024, `${count()} bytes`);
  },
});

Deno.test({
  name: "of a big file that is no kernel, and of a big initrd, no more than some windows are read",
  permissions: "none",
  fn() {
    for (const sample of [new Uint8Array(), cpio([])]) {
      const kernel = countingSource(sample, 1 << 30);
      identifyKernel(kernel.source);
      const initrd = countingSource(sample, 1 << 30);
      identifyInitrd(initrd.source);
      assert(kernel.count() <= 80 * 1024 && initrd.count() <= 160 * 1024);
    }
  },
});
