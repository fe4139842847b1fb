/** What a kexec_load(2) of a Linux kernel on x86_64 hands over, as facts by name, so that two such calls can be compared. */
import { fieldsOf } from "../../src/core/bytes.ts";
import { sumOf } from "./multiboot.ts";

/** A segment as the call has it. */
export interface HandedSegment {
  /** Physical address, bytes. */
  readonly mem: bigint;
  /** Bytes. */
  readonly memsz: number;
  /** Bytes. */
  readonly bufsz: number;
  /** Of its `bufsz` bytes. */
  readonly sha256: string;
  /** Those bytes; empty where there are more than 64 KiB. */
  readonly bytes: Uint8Array;
}

/** A call of kexec_load(2). */
export interface Handover {
  /** Physical address. */
  readonly entry: bigint;
  readonly flagBits: string;
  readonly segments: readonly HandedSegment[];
}

/** A call as JSON: of a plan, and of guest/handed_over.ts. */
export interface CallJson {
  readonly entry: string;
  readonly flagBits: string;
  readonly segments: readonly {
    readonly mem: string;
    readonly memsz: number;
    readonly bufsz: number;
    readonly sha256: string;
    readonly base64?: string;
    readonly source?: { readonly base64?: string };
  }[];
}

/** A call from its JSON. */
export function handoverOf({ entry, flagBits, segments }: CallJson): Handover {
  const rows = segments.map(({ mem, memsz, bufsz, sha256, base64, source }) => ({
    mem: BigInt(mem),
    memsz,
    bufsz,
    sha256,
    bytes: Uint8Array.fromBase64(base64 ?? source?.base64 ?? ""),
  }));
  return { entry: BigInt(entry), flagBits, segments: rows };
}

/** Facts by name; the values are for comparing, and for people. */
export type HandoverFacts = ReadonlyMap<string, string>;

/**
 * The fields of boot_params whose values are compared as they are: name, offset, length (Documentation/arch/x86/
 * zero-page.rst and boot.rst, Linux 7.3). Whatever byte has no row here is compared, too, and named by its offset.
 */
const FIELDS: readonly (readonly [string, number, number])[] = [
  ["screen_info.ext_mem_k", 0x002, 2],
  ["old command line pointer", 0x020, 4],
  ["acpi_rsdp_addr", 0x070, 8],
  ["alt_mem_k", 0x1e0, 4],
  ["eddbuf_entries", 0x1e9, 1],
  ["edd_mbr_sig_buf_entries", 0x1ea, 1],
  ["secure_boot", 0x1ec, 1],
  ["sentinel", 0x1ef, 1],
  ["setup_sects", 0x1f1, 1],
  ["root_flags", 0x1f2, 2],
  ["syssize", 0x1f4, 4],
  ["ram_size", 0x1f8, 2],
  ["vid_mode", 0x1fa, 2],
  ["root_dev", 0x1fc, 2],
  ["boot_flag", 0x1fe, 2],
  ["version", 0x206, 2],
  ["type_of_loader", 0x210, 1],
  ["loadflags", 0x211, 1],
  ["code32_start", 0x214, 4],
  ["heap_end_ptr", 0x224, 2],
  ["initrd_addr_max", 0x22c, 4],
  ["kernel_alignment", 0x230, 4],
  ["relocatable_kernel", 0x234, 1],
  ["min_alignment", 0x235, 1],
  ["xloadflags", 0x236, 2],
  ["cmdline_size", 0x238, 4],
  ["hardware_subarch", 0x23c, 4],
  ["payload_offset", 0x248, 4],
  ["payload_length", 0x24c, 4],
  ["pref_address", 0x258, 8],
  ["init_size", 0x260, 4],
  ["handover_offset", 0x264, 4],
  ["kernel_info_offset", 0x268, 4],
  ["edd_mbr_sig_buffer", 0x290, 64],
  ["eddbuf", 0xd00, 492],
];

/** Pointers, and what is read through them: offset, length. Compared by what they lead to. */
const FOLLOWED: readonly (readonly [number, number])[] = [
  [0x0c0, 12], // ext_ramdisk_image, ext_ramdisk_size, ext_cmd_line_ptr
  [0x1c4, 28], // efi_info behind its signature
  [0x1e8, 1], // e820_entries
  [0x218, 8], // ramdisk_image, ramdisk_size
  [0x228, 4], // cmd_line_ptr
  [0x250, 8], // setup_data
  [0x2d0, 128 * 20], // e820_table
];

const PAGE = 4096;
const NODE_NAMES: { readonly [type: number]: string } = { 1: "E820_EXT", 4: "EFI", 9: "RNG_SEED" };

/** The facts of a call. @throws {Error} if a pointer leads out of every segment, or there is no boot_params */
export function handoverFacts({ entry, flagBits, segments }: Handover): HandoverFacts {
  const params = segments.find(({ bytes }) => bytes.length >= PAGE && fieldsOf(bytes).text(0x202, 4) === "HdrS");
  if (params === undefined) throw new Error("No segment holds boot_params");
  const page = params.bytes.subarray(0, PAGE);
  const fields = fieldsOf(page);
  const wide = (low: number, high: number): bigint => BigInt(fields.u32(low)) | (BigInt(fields.u32(high)) << 32n);
  const segmentAt = (address: bigint): HandedSegment => {
    const found = segments.find(({ mem, memsz }) => mem <= address && address < mem + BigInt(memsz));
    if (found === undefined) throw new Error(`0x${address.toString(16)} is not in any segment`);
    return found;
  };
  const behind = (address: bigint): Uint8Array => {
    const segment = segmentAt(address);
    return segment.bytes.subarray(Number(address - segment.mem));
  };

  const nodes: { readonly address: bigint; readonly type: number; readonly data: Uint8Array }[] = [];
  for (let address = fields.u64(0x250); address !== 0n && nodes.length < 16;) {
    const node = fieldsOf(behind(address));
    nodes.push({ address, type: node.u32(8), data: node.bytes(16, node.u32(12)) });
    address = node.u64(0);
  }
  const ramdisk = { address: wide(0x218, 0x0c0), size: wide(0x21c, 0x0c4) };
  const initrd = ramdisk.address === 0n ? undefined : segmentAt(ramdisk.address);
  const purgatory = segmentAt(entry);
  const known: (HandedSegment | undefined)[] = [
    params,
    initrd,
    purgatory,
    ...nodes.map(({ address }) => segmentAt(address)),
  ];
  const efiMap = { address: wide(0x1d0, 0x1dc), size: fields.u32(0x1d4) };
  if (efiMap.address !== 0n) known.push(segmentAt(efiMap.address));
  const [kernel, ...more] = segments.filter((segment) => !known.includes(segment));
  if (kernel === undefined || more.length > 0) throw new Error("The segments do not fall into their roles");

  const cmdline = behind(wide(0x228, 0x0c8));
  const jumpsTo = (address: bigint): string => String(holds(purgatory.bytes, address));
  const facts: (readonly [string, string])[] = [
    ["flags", flagBits],
    ["segments", String(segments.length)],
    ...sizes("kernel", kernel),
    ["kernel at", hex(kernel.mem)],
    ["kernel is aligned", String(kernel.mem % BigInt(fields.u32(0x230)) === 0n)],
    ...(initrd === undefined ? [] : [
      ...sizes("initrd", initrd),
      ["initrd at", hex(initrd.mem)] as const,
      ["initrd in boot_params", `${hex(ramdisk.address - initrd.mem)}, ${ramdisk.size} bytes`] as const,
    ]),
    ["boot_params bytes", String(params.bufsz)],
    ["boot_params memory", String(params.memsz)],
    ["boot_params at", hex(params.mem)],
    ["purgatory bytes", String(purgatory.bufsz)],
    ["purgatory memory", String(purgatory.memsz)],
    ["purgatory at", hex(purgatory.mem)],
    ["purgatory code", purgatory.sha256],
    ["entry in purgatory", hex(entry - purgatory.mem)],
    ["purgatory jumps to the kernel's 64-bit entry", jumpsTo(kernel.mem + 0x200n)],
    ["purgatory knows boot_params", jumpsTo(params.mem)],
    ["command line", new TextDecoder().decode(cmdline.subarray(0, cmdline.indexOf(0)))],
    ...e820Facts(page.subarray(0x2d0, 0x2d0 + 20 * fields.u8(0x1e8))),
    ...(efiMap.address === 0n ? [] : efiFacts(fields, behind(efiMap.address).subarray(0, efiMap.size))),
    ["setup_data", nodes.map(({ type }) => NODE_NAMES[type] ?? String(type)).toSorted().join(" ")],
    ["setup_data segments", String(new Set(nodes.map(({ address }) => segmentAt(address))).size)],
    ...nodes.map(({ type, data }) =>
      [
        `setup_data ${NODE_NAMES[type] ?? type}`,
        // The seed is drawn anew each time.
        type === 9 ? `${data.length} bytes` : data.toHex(),
      ] as const
    ),
    ...FIELDS.map(([name, offset, length]) => [name, littleEndian(page.subarray(offset, offset + length))] as const),
    ...otherBytes(page),
  ];
  return new Map(facts);
}

/**
 * The facts of a call that enters an image in real mode: its setup code, to which the header belongs, and what it loads.
 *
 * @throws {Error} if no segment is that, or the command line is not in it
 */
export function realModeFacts({ entry, flagBits, segments }: Handover): HandoverFacts {
  const setup = segments.find(({ bytes }) => bytes.length >= 0x268 && fieldsOf(bytes).text(0x202, 4) === "HdrS");
  const isEntry = ({ mem, memsz }: HandedSegment): boolean => mem <= entry && entry < mem + BigInt(memsz);
  const purgatory = segments.find(isEntry);
  const [kernel, ...more] = segments.filter((segment) => segment !== setup && segment !== purgatory);
  if (setup === undefined || purgatory === undefined || kernel === undefined || more.length > 0) {
    throw new Error("The segments do not fall into their roles");
  }
  const fields = fieldsOf(setup.bytes);
  const cmdline = setup.bytes.subarray(Number(BigInt(fields.u32(0x228)) - setup.mem));
  const code = setup.bytes.slice(0, 512 * (1 + fields.u8(0x1f1)));
  const header = FIELDS.filter(([, offset]) => 0x1f1 <= offset && offset < 0x290);
  for (const [, offset, length] of [...header, ["", 0x218, 8], ["", 0x228, 4]] as const) {
    code.fill(0, offset, offset + length);
  }
  return new Map([
    ["flags", flagBits],
    ["segments", String(segments.length)],
    ...sizes("kernel", kernel),
    ["kernel at", hex(kernel.mem)],
    ["setup at", hex(setup.mem)],
    ["setup code", `sum ${sumOf(code).toString(16)}`],
    ["command line at", hex(BigInt(fields.u32(0x228)) - setup.mem)],
    ["command line", new TextDecoder().decode(cmdline.subarray(0, Math.max(0, cmdline.indexOf(0))))],
    ...header.map(([name, offset, length]) =>
      [name, littleEndian(setup.bytes.subarray(offset, offset + length))] as const
    ),
  ]);
}

/** The names of the facts in which two calls differ. */
export function differences(a: HandoverFacts, b: HandoverFacts): readonly string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name));
}

function sizes(name: string, { bufsz, memsz, sha256 }: HandedSegment): readonly (readonly [string, string])[] {
  return [[`${name} bytes`, String(bufsz)], [`${name} memory`, String(memsz)], [`${name} content`, sha256]];
}

/** One fact for each range: where it ends and its type, by where it starts. */
function e820Facts(table: Uint8Array): readonly (readonly [string, string])[] {
  const fields = fieldsOf(table);
  return Array.from({ length: table.length / 20 }, (_, index) => {
    const start = fields.u64(index * 20);
    return [
      `e820 from ${hex(start)}`,
      `to ${hex(start + fields.u64(index * 20 + 8))} type ${fields.u32(index * 20 + 16)}`,
    ];
  });
}

function efiFacts(page: ReturnType<typeof fieldsOf>, map: Uint8Array): readonly (readonly [string, string])[] {
  const size = page.u32(0x1c8);
  const rows = Array.from(
    { length: map.length / size },
    (_, index) => map.subarray(index * size, (index + 1) * size).toHex(),
  );
  return [
    ["efi systab", hex(BigInt(page.u32(0x1c4)) | (BigInt(page.u32(0x1d8)) << 32n))],
    ["efi descriptor size and version", `${size} ${page.u32(0x1cc)}`],
    ["efi runtime map", rows.toSorted().join(" ")],
    ["efi runtime map order", rows.map((row) => row.slice(16, 32)).join(" ")],
  ];
}

/** Every byte that neither a field nor a pointer covers and that is not zero. */
function otherBytes(page: Uint8Array): readonly (readonly [string, string])[] {
  const covered = [...FIELDS.map(([, offset, length]) => [offset, length] as const), ...FOLLOWED];
  return [...page.entries()].flatMap(([at, byte]) =>
    byte === 0 || covered.some(([offset, length]) => offset <= at && at < offset + length)
      ? []
      : [[`byte ${at.toString(16).padStart(3, "0")}`, byte.toString(16)] as const]
  );
}

/** Whether the 64-bit number stands anywhere in the bytes. */
function holds(bytes: Uint8Array, value: bigint): boolean {
  const fields = fieldsOf(bytes);
  return Array.from({ length: Math.max(0, bytes.length - 7) }, (_, at) => at).some((at) => fields.u64(at) === value);
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

function littleEndian(bytes: Uint8Array): string {
  return `0x${bytes.slice().reverse().toHex()}`;
}
