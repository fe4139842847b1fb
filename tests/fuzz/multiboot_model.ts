/** What lies in memory when a Multiboot image is entered, read from its file by the specifications. Shares nothing with src/. */
export interface MultibootMemory {
  readonly version: 1 | 2;
  /** Where it is entered as linked. */
  readonly entry: number;
  /** Its parts as linked: the bytes of the file, and the memory that they and the zeros after them take. */
  readonly parts: readonly { readonly start: number; readonly bytes: Uint8Array; readonly memory: number }[];
  /** Whether it may move. */
  readonly movable: boolean;
}

/** The memory of an image; a text says why it must not be started; undefined where there is no header. */
export function multibootMemory(bytes: Uint8Array): MultibootMemory | string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u32 = (at: number): number => at + 4 <= view.byteLength ? view.getUint32(at, true) : 0;
  const sum = (at: number, words: number): number => {
    let total = 0;
    for (let word = 0; word < words; word++) total = (total + u32(at + word * 4)) >>> 0;
    return total;
  };
  for (let at = 0; at + 16 <= Math.min(view.byteLength, 32768); at += 8) {
    if (u32(at) === 0xe852_50d6 && sum(at, 4) === 0) return second(bytes, at, u32);
  }
  for (let at = 0; at + 12 <= Math.min(view.byteLength, 8192); at += 4) {
    if (u32(at) !== 0x1bad_b002 || sum(at, 3) !== 0) continue;
    const flags = u32(at + 4);
    if ((flags & 0xfff8) !== 0) return "a required flag";
    if ((flags & 0x1_0000) === 0) return fromElf(bytes, 1, undefined, false);
    const [header = 0, load = 0, loadEnd = 0, bssEnd = 0, entry = 0] = [12, 16, 20, 24, 28].map((each) =>
      u32(at + each)
    );
    return flat(bytes, 1, { offset: at, header, load, loadEnd, bssEnd, entry, movable: false });
  }
  return undefined;
}

function second(bytes: Uint8Array, at: number, u32: (at: number) => number): MultibootMemory | string {
  if (u32(at + 4) !== 0) return "another machine";
  const end = at + u32(at + 8);
  let [entry, addresses]: [number | undefined, readonly number[] | undefined] = [undefined, undefined];
  let movable = false;
  for (let tag = at + 16; tag + 8 <= end;) {
    const [word, size] = [u32(tag), u32(tag + 4)];
    const [type, optional] = [word & 0xffff, (word >>> 16 & 1) !== 0];
    if (size < 8) return "a tag without a size";
    if (type === 0) break;
    if (type === 2) addresses = [8, 12, 16, 20].map((each) => u32(tag + each));
    if (type === 3) entry = u32(tag + 8);
    if (type === 10) movable = true;
    if (type === 7 && !optional) return "boot services";
    if (type > 10 && !optional) return "an unknown tag";
    if (type === 1 && !optional) {
      for (let each = tag + 8; each < tag + size; each += 4) {
        if (![0, 1, 2, 3, 4, 6, 8, 14, 15, 21].includes(u32(each))) return "an unknown request";
      }
    }
    tag += (size + 7) & ~7;
  }
  if (addresses === undefined) return fromElf(bytes, 2, entry, movable);
  const [header = 0, load = 0, loadEnd = 0, bssEnd = 0] = addresses;
  const from = load === 0xffff_ffff ? header - at : load;
  return flat(bytes, 2, { offset: at, header, load: from, loadEnd, bssEnd, entry: entry ?? 0, movable });
}

function flat(
  bytes: Uint8Array,
  version: 1 | 2,
  { offset, header, load, loadEnd, bssEnd, entry, movable }: {
    readonly offset: number;
    readonly header: number;
    readonly load: number;
    readonly loadEnd: number;
    readonly bssEnd: number;
    readonly entry: number;
    readonly movable: boolean;
  },
): MultibootMemory | string {
  const from = offset - (header - load);
  const to = loadEnd === 0 ? bytes.length : from + loadEnd - load;
  if (from < 0 || from > offset || to <= from || to > bytes.length) return "addresses outside of the file";
  const memory = bssEnd === 0 ? to - from : bssEnd - load;
  if (memory < to - from) return "a negative bss";
  return { version, entry, parts: [{ start: load, bytes: bytes.subarray(from, to), memory }], movable };
}

function fromElf(
  bytes: Uint8Array,
  version: 1 | 2,
  entry: number | undefined,
  movable: boolean,
): MultibootMemory | string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.byteLength < 64 || view.getUint32(0) !== 0x7f45_4c46 || view.getUint8(5) !== 1) return "not ELF";
  const wide = view.getUint8(4) === 2;
  const word = (at: number): number => wide ? Number(view.getBigUint64(at, true)) : view.getUint32(at, true);
  const [table, count, virtual] = wide
    ? [word(32), view.getUint16(56, true), word(24)]
    : [word(28), view.getUint16(44, true), word(24)];
  const headers = Array.from({ length: count }, (_, index) => {
    const at = table + index * (wide ? 56 : 32);
    const [offset = 0, vaddr = 0, paddr = 0, filesz = 0, memsz = 0] = [0, 1, 2, 3, 4].map((field) =>
      word(at + (wide ? 8 + field * 8 : 4 + field * 4))
    );
    return { type: view.getUint32(at, true), offset, vaddr, paddr, filesz, memsz };
  }).filter(({ type, memsz }) => type === 1 && memsz > 0);
  const entered = headers.find(({ vaddr, memsz }) => vaddr <= virtual && virtual < vaddr + memsz);
  return {
    version,
    entry: entry ?? (entered === undefined ? virtual : virtual - entered.vaddr + entered.paddr),
    parts: headers.map(({ offset, paddr, filesz, memsz }) => ({
      start: paddr,
      bytes: bytes.subarray(offset, offset + filesz),
      memory: memsz,
    })),
    movable,
  };
}
