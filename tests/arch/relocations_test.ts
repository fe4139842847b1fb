import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { findRelocations, relocated } from "../../src/arch/x86_64/relocations.ts";
import { describeVmlinux } from "../../src/arch/x86_64/vmlinux.ts";
import { elf } from "../image/build_elf.ts";
import { CODE, LINKED, listed, type SmallKernel, vmlinux } from "../support/small_kernel.ts";

/** What a kernel is described as; a fault as its text. */
function described(image: Uint8Array) {
  const result = describeVmlinux(image);
  if (result.kind === "fault") throw new Error(result.why);
  return result.vmlinux;
}

function faultOf(image: Uint8Array): string {
  const result = describeVmlinux(image);
  assert(result.kind === "fault", "it was taken");
  return result.why;
}

/**
 * What the decompressor does, told once more by its comments alone: walk back from the end of the image through the
 * lists, each ended by a zero, and change one address at a time in a memory that begins at the kernel's base.
 */
function byTheModel(image: Uint8Array, code: Uint8Array, lists: number, distance: bigint): Uint8Array {
  const memory = code.slice();
  const words = new DataView(image.buffer, image.byteOffset, image.byteLength);
  let at = image.length - 4;
  const steps: ((offset: number) => void)[] = [
    (offset) => write(memory, offset, 4, BigInt.asUintN(32, read(memory, offset, 4) + distance)),
    ...(lists === 3
      ? [(offset: number) => write(memory, offset, 4, BigInt.asUintN(32, read(memory, offset, 4) - distance))]
      : []),
    (offset) => write(memory, offset, 8, BigInt.asUintN(64, read(memory, offset, 8) + distance)),
  ];
  for (const step of steps) {
    for (; words.getInt32(at, true) !== 0; at -= 4) {
      const virtual = BigInt.asUintN(64, BigInt(words.getInt32(at, true)));
      step(Number(virtual - 0xffff_ffff_8000_0000n - LINKED));
    }
    at -= 4;
  }
  return memory;
}

function read(memory: Uint8Array, offset: number, bytes: number): bigint {
  return [...memory.subarray(offset, offset + bytes)].reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
}

function write(memory: Uint8Array, offset: number, bytes: number, value: bigint): void {
  for (let index = 0; index < bytes; index++) memory[offset + index] = Number(value >> BigInt(8 * index) & 255n);
}

const KERNELS: readonly (SmallKernel & { readonly name: string })[] = [
  {
    name: "with three lists, as up to 6.12",
    add64: [0, 8, 0x1008].map(listed),
    inverse32: [0x20, 0x24].map(listed),
    add32: [0x1ffc].map(listed),
  },
  { name: "with two lists, as 7.2 has them", add64: [0x10].map(listed), add32: [0x40, 0x44, 0x1f00].map(listed) },
  { name: "with empty lists but one", inverse32: [], add32: [0x100].map(listed) },
  { name: "that changes zeros at its end", add64: [0x3ff8].map(listed), inverse32: [] },
];

for (const { name, ...spec } of KERNELS) {
  Deno.test({
    name: `a kernel ${name} is relocated as an independent model of the decompressor does it`,
    permissions: "none",
    fn() {
      const image = vmlinux(spec);
      const { relocations, elf } = described(image);
      const start = Number(elf.loads[0]?.offset);
      for (const distance of [0x20_0000n, 0x1000_0000n, 0x3ec0_0000n]) {
        const moved = relocated(image, relocations, elf.loads, distance).subarray(start, start + CODE.length);
        assertEquals(moved, byTheModel(image, CODE, spec.inverse32 === undefined ? 2 : 3, distance));
        assertNotEquals(moved, CODE);
      }
      const still = relocated(image, relocations, elf.loads, 0n);
      assertEquals(still.subarray(start, start + CODE.length), CODE);
    },
  });
}

Deno.test({
  name: "the image itself is left as it is",
  permissions: "none",
  fn() {
    const image = vmlinux({ add64: [listed(0)] });
    const before = image.slice();
    const { relocations, elf } = described(image);
    relocated(image, relocations, elf.loads, 0x20_0000n);
    assertEquals(image, before);
  },
});

Deno.test({
  name: "a kernel without relocations has none, and keeps its base",
  permissions: "none",
  fn() {
    assertEquals(described(vmlinux({ fixed: true })).relocations, []);
  },
});

Deno.test({
  name: "zeros that end a part are memory, not bytes, unless a relocation reaches into them",
  permissions: "none",
  fn() {
    assertEquals(described(vmlinux()).elf.loads.map(({ filesz, memsz }) => [filesz, memsz]), [[0x2000n, 0x4000n]]);
    const touched = described(vmlinux({ add64: [listed(0x3000)] }));
    assertEquals(touched.elf.loads[0]?.filesz, 0x3040n);
  },
});

Deno.test({
  name: "relocations that point elsewhere, or lists that are not understood, are refused",
  permissions: "none",
  fn() {
    assertStringIncludes(faultOf(vmlinux({ add32: [listed(0x4000)] })), "lies outside of it");
    assertStringIncludes(faultOf(vmlinux({ add64: [listed(0x3ffc)] })), "lies outside of it");
    assertStringIncludes(faultOf(vmlinux({ add32: [0x1234] })), "lies outside of it");
    assertStringIncludes(faultOf(vmlinux({ add32: [0, listed(4), 0, listed(8)] })), "4 lists");
    assertStringIncludes(faultOf(vmlinux().slice(0, -2)), "where its ELF file ends");
    const odd = vmlinux();
    odd[odd.length - 8] = 1;
    assertStringIncludes(faultOf(odd), "where its ELF file ends");
    assertEquals(findRelocations(new Uint8Array(8), 12, []).kind, "fault");
  },
});

Deno.test({
  name: "what is no x86_64 kernel is refused, whatever its bytes",
  permissions: "none",
  fn() {
    assertStringIncludes(faultOf(new Uint8Array(100)), "something else");
    assertStringIncludes(faultOf(vmlinux().slice(0, 60)), "something else");
    const far = vmlinux();
    new DataView(far.buffer).setBigUint64(64 + 24, 0x4000_0000n, true); // p_paddr
    assertStringIncludes(faultOf(far), "1 GiB");
    const cut = vmlinux();
    new DataView(cut.buffer).setBigUint64(40, 100n, true); // e_shoff
    assertStringIncludes(faultOf(cut), "section headers");
  },
});

Deno.test({
  name: "a kernel whose part reaches beyond its bytes, or into its relocations, is refused",
  permissions: "none",
  fn() {
    const image = vmlinux({ add64: [listed(8)] });
    const view = new DataView(image.buffer, image.byteOffset);
    const header = Number(view.getBigUint64(32, true));
    const room = BigInt(image.length) - view.getBigUint64(header + 8, true);
    const withSize = (size: bigint): Uint8Array => {
      view.setBigUint64(header + 32, size, true);
      view.setBigUint64(header + 40, size, true);
      return image;
    };
    const size = view.getBigUint64(header + 32, true);
    assertStringIncludes(faultOf(withSize(room + 1n)), "unpacks to something else");
    for (const each of [room, size + 1n]) {
      assertStringIncludes(faultOf(withSize(each)), "does not end with its section headers");
    }
    assert(describeVmlinux(withSize(size)).kind === "vmlinux");
  },
});

Deno.test({
  name: "of a kernel of two parts, each is copied as far as its own relocations reach",
  permissions: "none",
  fn() {
    const part = (paddr: bigint, bytes: Uint8Array) => ({
      paddr,
      vaddr: 0xffff_ffff_8000_0000n + paddr,
      bytes,
      align: 0x20_0000n,
    });
    const zeros = new Uint8Array(0x1000);
    zeros[0] = 1;
    const file = elf({ entry: LINKED, segments: [part(LINKED, CODE), part(LINKED + 0x20_0000n, zeros)] });
    new DataView(file.buffer).setBigUint64(40, BigInt(file.length), true);
    const lists = [0, 0, listed(0x20_0800)];
    const image = new Uint8Array(file.length + lists.length * 4);
    image.set(file);
    const view = new DataView(image.buffer, file.length);
    for (const [index, value] of lists.entries()) view.setUint32(index * 4, value, true);
    // The first ends with its last byte that is not zero, the second with what is relocated; whole units of 64 bytes.
    assertEquals(described(image).elf.loads.map(({ filesz }) => filesz), [0x2000n, 0x840n]);
  },
});
