/** The headers of /proc/kcore: a note, then a PT_LOAD for each [vaddr, paddr, size]. */
export function kcore(...loads: readonly (readonly [bigint, bigint, bigint])[]): Uint8Array {
  const bytes = new Uint8Array(64 + (loads.length + 1) * 56);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, loads.length + 1, true);
  view.setUint32(64, 4, true);
  for (const [index, [vaddr, paddr, size]] of loads.entries()) {
    const at = 64 + (index + 1) * 56;
    view.setUint32(at, 1, true);
    [0n, vaddr, paddr, size, size].forEach((value, word) => view.setBigUint64(at + 8 + word * 8, value, true));
  }
  return bytes;
}
