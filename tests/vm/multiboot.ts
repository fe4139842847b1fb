/** A Multiboot image of the project's own, and how what it prints is read. */
import { assemble } from "../arch/assemble.ts";
import { elf } from "../image/build_elf.ts";

/** How the image is built. */
export interface MultibootSpec {
  readonly version: 1 | 2;
  /** How it says where it goes: by addresses in its header, or as an ELF file of this class. */
  readonly as: "flat" | 32 | 64;
  /** Whether it may lie elsewhere; version 2. */
  readonly movable?: boolean;
  /** Whether it is linked for its physical addresses, and not for others from which a loader has to find them; ELF. */
  readonly isPhysical?: boolean;
}

/** Where it was linked for, and the memory that it takes after the end of its file, bytes. */
export const LINKED = 0x10_0000;
const BSS = 0x1000;

/** The image that guest/multiboot.S describes. */
export async function multibootImage(
  { version, as, movable = false, isPhysical = false }: MultibootSpec,
): Promise<Uint8Array> {
  const source = await Deno.readTextFile(new URL("./guest/multiboot.S", import.meta.url));
  const constants = { VERSION: version, ADDRESSES: as === "flat" ? 1 : 0, MOVABLE: movable ? 1 : 0 };
  const settings = Object.entries(constants).map(([name, value]) => `.set ${name}, ${value}\n`).join("");
  const { code, symbols } = await assemble(settings + source);
  if (as === "flat") return code;
  const entry = BigInt(LINKED + (symbols.get("entry") ?? 0));
  // The virtual addresses of a kernel in the upper half, which the loader has to turn into physical ones.
  const vaddr = isPhysical ? BigInt(LINKED) : as === 64 ? 0xffff_ffff_8010_0000n : 0xc010_0000n;
  // The header of version 2 lies on a multiple of 8 bytes of the file. This is of no type (PT_NULL).
  const padding = { type: 0, bytes: new Uint8Array(4) };
  const image = elf({
    bits: as,
    machine: as === 64 ? 62 : 3,
    entry: entry - BigInt(LINKED) + vaddr,
    segments: [
      ...(as === 32 ? [padding] : []),
      { paddr: BigInt(LINKED), vaddr, bytes: code, memsz: BigInt(code.length + BSS) },
    ],
  });
  // As linkers have it, which kexec-tools insists on: e_version, e_ehsize, e_shentsize.
  const header = new DataView(image.buffer);
  header.setUint32(20, 1, true);
  header.setUint16(as === 64 ? 52 : 40, as === 64 ? 64 : 52, true);
  header.setUint16(as === 64 ? 58 : 46, as === 64 ? 64 : 40, true);
  return image;
}

/** A module as the image found it. */
export interface SeenModule {
  readonly start: number;
  readonly end: number;
  readonly cmdline: string;
  /** By `sumOf`. */
  readonly sum: number;
}

/** A range of memory as the image found it. */
export interface SeenRange {
  readonly start: bigint;
  readonly size: bigint;
  readonly type: number;
}

/** What the image was given. */
export interface Seen {
  readonly magic: number;
  /** Where it lies. */
  readonly at: number;
  /** The first word after the end of its file. */
  readonly bss: number;
  readonly cmdline: string;
  readonly loader: string;
  readonly lower: number;
  readonly upper: number;
  readonly map: readonly SeenRange[];
  readonly modules: readonly SeenModule[];
  /** Version 2: the types of all tags. Version 1: the flags. */
  readonly has: readonly number[];
  /** Version 2: the RSDP, of either tag. */
  readonly rsdp?: Uint8Array;
  /** Version 2: the load base. */
  readonly base?: number;
  /** Address, pitch, width, height, depth and type of the screen. */
  readonly screen?: readonly number[];
}

/** The sum by which the image describes the bytes of a module. */
export function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) sum = (((sum << 1) | (sum >>> 31)) + byte) >>> 0;
  return sum;
}

function viewOf(hex: string): DataView {
  return new DataView(Uint8Array.fromHex(hex).buffer);
}

function textOf(view: DataView | undefined, offset: number): string {
  return view === undefined
    ? ""
    : new TextDecoder().decode(new Uint8Array(view.buffer, offset)).split("\0", 1)[0] ?? "";
}

/** Reads what the image printed: all lines from its greeting on. */
export function readSeen(console: string): Seen {
  const start = console.lastIndexOf("warmboot-multiboot");
  const [greeting = "", ...lines] = console.slice(start).split("\n");
  const [, magic = "", at = "", bss = ""] = greeting.split(" ");
  const u32 = (hex: string): number => viewOf(hex).getUint32(0, true);
  const common = { magic: u32(magic), at: u32(at), bss: u32(bss) };
  const rest = (letter: string): readonly string[] =>
    lines.filter((line) => line.startsWith(`${letter} `)).map((line) => line.slice(2));
  const range = (view: DataView, offset: number): SeenRange => ({
    start: view.getBigUint64(offset, true),
    size: view.getBigUint64(offset + 8, true),
    type: view.getUint32(offset + 16, true),
  });
  const screen = (view: DataView, offset: number): readonly number[] => [
    Number(view.getBigUint64(offset, true)),
    ...[8, 12, 16].map((field) => view.getUint32(offset + field, true)),
    view.getUint8(offset + 20),
    view.getUint8(offset + 21),
  ];
  const [info] = rest("i");
  if (info !== undefined) {
    const view = viewOf(info);
    const map = viewOf(rest("m")[0] ?? "");
    const flags = view.getUint32(0, true);
    return {
      ...common,
      cmdline: rest("c")[0] ?? "",
      loader: rest("l")[0] ?? "",
      lower: view.getUint32(4, true),
      upper: view.getUint32(8, true),
      map: Array.from({ length: map.byteLength / 24 }, (_, index) => range(map, index * 24 + 4)),
      modules: rest("p").map((line) => {
        const [, fields = "", sum = "", cmdline = ""] = /^(\S+) (\S+) (.*)$/.exec(line) ?? [];
        const module = viewOf(fields);
        return { start: module.getUint32(0, true), end: module.getUint32(4, true), cmdline, sum: u32(sum) };
      }),
      has: [flags],
      ...((flags & 0x1000) === 0 ? {} : { screen: screen(view, 88) }),
    };
  }
  const tags = rest("t").map((line) => {
    const [hex = "", sum] = line.split(" ");
    const view = viewOf(hex);
    // The last tag of kexec-tools has no size.
    return { type: view.byteLength === 0 ? 0 : view.getUint32(0, true), view, sum };
  });
  const of = (type: number): DataView | undefined => tags.find((tag) => tag.type === type)?.view;
  const mapTag = of(6);
  const rsdp = of(15) ?? of(14);
  const [base, fb] = [of(21), of(8)];
  return {
    ...common,
    cmdline: textOf(of(1), 8),
    loader: textOf(of(2), 8),
    lower: of(4)?.getUint32(8, true) ?? 0,
    upper: of(4)?.getUint32(12, true) ?? 0,
    map: mapTag === undefined
      ? []
      : Array.from({ length: (mapTag.byteLength - 16) / 24 }, (_, index) => range(mapTag, 16 + index * 24)),
    modules: tags.filter(({ type }) => type === 3).map(({ view, sum = "" }) => ({
      start: view.getUint32(8, true),
      end: view.getUint32(12, true),
      cmdline: textOf(view, 16),
      sum: u32(sum),
    })),
    has: tags.map(({ type }) => type),
    ...(rsdp === undefined ? {} : { rsdp: new Uint8Array(rsdp.buffer, 8) }),
    ...(base === undefined ? {} : { base: base.getUint32(8, true) }),
    ...(fb === undefined ? {} : { screen: screen(fb, 8) }),
  };
}
