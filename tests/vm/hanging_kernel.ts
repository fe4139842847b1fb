/** Where it is loaded, and where its code lies in the file. */
const BASE = 0x100_0000n;
const CODE_AT = 0x1000;

/** `cli`, then a jump to itself. */
const CODE = Uint8Array.of(0xfa, 0xeb, 0xfe);

/** An ELF kernel for x86_64 that turns interrupts off and loops for ever. */
export function hangingKernel(): Uint8Array {
  const file = new Uint8Array(CODE_AT + CODE.length);
  const fields = new DataView(file.buffer);
  // e_ident: 64 bits, little-endian.
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  fields.setUint16(16, 2, true); // e_type: ET_EXEC
  fields.setUint16(18, 62, true); // e_machine: EM_X86_64
  fields.setUint32(20, 1, true); // e_version
  fields.setBigUint64(24, BASE, true); // e_entry
  fields.setBigUint64(32, 64n, true); // e_phoff
  fields.setUint16(52, 64, true); // e_ehsize
  fields.setUint16(54, 56, true); // e_phentsize
  fields.setUint16(56, 1, true); // e_phnum
  fields.setUint32(64, 1, true); // p_type: PT_LOAD
  fields.setUint32(68, 5, true); // p_flags: read, execute
  fields.setBigUint64(72, BigInt(CODE_AT), true); // p_offset
  fields.setBigUint64(80, BASE, true); // p_vaddr
  fields.setBigUint64(88, BASE, true); // p_paddr
  fields.setBigUint64(96, BigInt(CODE.length), true); // p_filesz
  fields.setBigUint64(104, 0x1000n, true); // p_memsz
  fields.setBigUint64(112, 0x1000n, true); // p_align
  file.set(CODE, CODE_AT);
  return file;
}
