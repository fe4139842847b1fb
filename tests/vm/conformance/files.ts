/** The files that the conditions name. The host brings two; the guest makes the others from them. */

/** By what is wrong with them. */
export const FILES = {
  kernel: "/boot/vmlinuz",
  initrd: "/boot/initrd",
  unsigned: "/run/conformance/unsigned",
  cut: "/run/conformance/cut",
  short: "/run/conformance/short",
  script: "/run/conformance/script",
  elf: "/run/conformance/elf",
  zimage: "/run/conformance/zimage",
  oldProtocol: "/run/conformance/old_protocol",
  low: "/run/conformance/low",
  only32: "/run/conformance/only32",
  empty: "/run/conformance/empty",
  above4G: "/run/conformance/above4g",
  halfOfMemory: "/run/conformance/half",
  moreThanMemory: "/run/conformance/more",
  device: "/dev/null",
  folder: "/boot",
} as const;

/** Fields of the setup header (Documentation/arch/x86/boot.rst). */
const VERSION = 0x206;
const LOADFLAGS = 0x211;
const XLOADFLAGS = 0x236;

/** The file whose header is that of the guest's kernel but for one field. */
const ALTERED: { readonly [path: string]: (header: DataView) => void } = {
  [FILES.oldProtocol]: (header) => header.setUint16(VERSION, 0x20b, true),
  [FILES.zimage]: (header) => header.setUint8(LOADFLAGS, header.getUint8(LOADFLAGS) & ~1),
  [FILES.only32]: (header) => header.setUint16(XLOADFLAGS, header.getUint16(XLOADFLAGS, true) & ~1, true),
  [FILES.low]: (header) => header.setUint16(XLOADFLAGS, header.getUint16(XLOADFLAGS, true) & ~2, true),
  [FILES.unsigned]: (header) => {
    // The PE header's directory 4: where the signature lies, and how long it is.
    const directory = header.getUint32(0x3c, true) + 24 + 112 + 4 * 8;
    header.setBigUint64(directory, 0n, true);
  },
};

/** Makes the files. Those that are large are sparse. @param half half of the memory, bytes */
export function makeFiles(half: bigint): void {
  Deno.mkdirSync("/run/conformance", { recursive: true });
  const kernel = Deno.readFileSync(FILES.kernel);
  for (const [path, alter] of Object.entries(ALTERED)) {
    const copy = kernel.slice();
    alter(new DataView(copy.buffer));
    Deno.writeFileSync(path, copy);
  }
  Deno.writeFileSync(FILES.cut, kernel.subarray(0, kernel.length >> 1));
  Deno.writeFileSync(FILES.short, kernel.subarray(0, 1000));
  Deno.writeTextFileSync(FILES.script, `#!/bin/sh\n${"# not a kernel\n".repeat(200)}`);
  Deno.writeFileSync(FILES.elf, elf());
  for (
    const [path, size] of [
      [FILES.empty, 0],
      [FILES.above4G, 2 ** 32 + 1],
      [FILES.halfOfMemory, Number(half)],
      [FILES.moreThanMemory, Number(half) * 3],
    ] as const
  ) {
    using file = Deno.openSync(path, { create: true, write: true });
    file.truncateSync(size);
  }
}

/** A small ELF executable for x86_64 with one PT_LOAD of a page, at 16 MiB. */
function elf(): Uint8Array {
  const bytes = new Uint8Array(0x2000);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true); // ET_EXEC
  view.setUint16(18, 62, true); // EM_X86_64
  view.setUint32(20, 1, true);
  view.setBigUint64(24, 0x100_0000n, true); // entry
  view.setBigUint64(32, 64n, true); // program headers
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 1, true);
  view.setUint32(64, 1, true); // PT_LOAD
  view.setUint32(68, 5, true);
  for (
    const [offset, value] of [[72, 0x1000n], [80, 0x100_0000n], [88, 0x100_0000n], [96, 16n], [104, 0x1000n]] as const
  ) {
    view.setBigUint64(offset, value, true);
  }
  return bytes;
}
