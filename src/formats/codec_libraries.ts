import { CUT_OFF, type PackedStream, type Sink, STOPPED, type Unpacking } from "./unpacked.ts";

/** liblzma: the functions of lzma/container.h and lzma/base.h. A stream is a struct, whose address is passed. */
const LZMA = {
  file: "liblzma.so.5",
  packages: "liblzma5 on Debian and Ubuntu, xz-libs on Fedora and its relatives",
  symbols: {
    // lzma_ret lzma_stream_decoder(lzma_stream *, uint64_t memlimit, uint32_t flags)
    lzma_stream_decoder: { parameters: ["buffer", "u64", "u32"], result: "i32" },
    // lzma_ret lzma_alone_decoder(lzma_stream *, uint64_t memlimit)
    lzma_alone_decoder: { parameters: ["buffer", "u64"], result: "i32" },
    // lzma_ret lzma_code(lzma_stream *, lzma_action)
    lzma_code: { parameters: ["buffer", "i32"], result: "i32" },
    // void lzma_end(lzma_stream *)
    lzma_end: { parameters: ["buffer"], result: "void" },
  },
} as const;

/** libbz2: bzlib.h. */
const BZ2 = {
  file: "libbz2.so.1.0",
  packages: "libbz2-1.0 on Debian and Ubuntu, bzip2-libs on Fedora and its relatives",
  symbols: {
    // int BZ2_bzDecompressInit(bz_stream *, int verbosity, int small)
    BZ2_bzDecompressInit: { parameters: ["buffer", "i32", "i32"], result: "i32" },
    // int BZ2_bzDecompress(bz_stream *)
    BZ2_bzDecompress: { parameters: ["buffer"], result: "i32" },
    // int BZ2_bzDecompressEnd(bz_stream *)
    BZ2_bzDecompressEnd: { parameters: ["buffer"], result: "i32" },
  },
} as const;

/** libzstd: zstd.h. The runtime's own decoder for streams throws where nobody can catch it (Deno 2.9.6). */
const ZSTD = {
  file: "libzstd.so.1",
  packages: "libzstd1 on Debian and Ubuntu, libzstd on Fedora and its relatives",
  symbols: {
    // ZSTD_DStream *ZSTD_createDStream(void)
    ZSTD_createDStream: { parameters: [], result: "pointer" },
    // size_t ZSTD_freeDStream(ZSTD_DStream *)
    ZSTD_freeDStream: { parameters: ["pointer"], result: "usize" },
    // size_t ZSTD_initDStream(ZSTD_DStream *)
    ZSTD_initDStream: { parameters: ["pointer"], result: "usize" },
    // size_t ZSTD_decompressStream(ZSTD_DStream *, ZSTD_outBuffer *, ZSTD_inBuffer *)
    ZSTD_decompressStream: { parameters: ["pointer", "buffer", "buffer"], result: "usize" },
    // unsigned ZSTD_isError(size_t)
    ZSTD_isError: { parameters: ["usize"], result: "u32" },
    // const char *ZSTD_getErrorName(size_t)
    ZSTD_getErrorName: { parameters: ["usize"], result: "pointer" },
  },
} as const;

/** lzma_stream: next_in, avail_in, total_in, next_out, avail_out, total_out, then pointers and reserve; 64-bit words. */
const LZMA_STREAM_WORDS = 17;
const LZMA_RUN = 0;
const LZMA_OK = 0;
const LZMA_STREAM_END = 1;
const LZMA_BUF_ERROR = 10;
/** The most that liblzma takes for a dictionary, bytes; encoders write up to 64 MiB unless asked for more. */
const LZMA_MEMORY_MAX = 512n << 20n;
/** lzma_ret of what goes wrong with the data, by name: completes "its xz data …". */
const LZMA_FAULTS: { readonly [code: number]: string } = {
  2: "have no integrity check",
  3: "have an integrity check that is not supported",
  4: "have an integrity check that is not supported",
  5: "cannot be unpacked, because there is not enough memory",
  6: "need more than 512 MiB of memory to be unpacked",
  7: "are in another format",
  8: "were packed with options that are not supported",
  9: "are damaged",
};

/** Where the header of an .xz stream has its check type. */
const XZ_CHECK_AT = 7;
/** The checks by their types. Of them, the kernel knows CRC-32 (lib/xz/xz_dec_stream.c, Linux 7.2). */
const XZ_CHECKS: { readonly [type: number]: string } = { 1: "CRC-32", 4: "CRC-64", 10: "SHA-256" };

/** bz_stream: next_in, avail_in, total_in (low, high), next_out, avail_out, total_out (low, high), state and three hooks. */
const BZ_STREAM_SIZE = 80;
const BZ_OK = 0;
const BZ_STREAM_END = 4;

/** The buffers between library and program, bytes. */
const INPUT = 256 * 1024;
const OUTPUT = 1 << 20;

/** A library that is open, or why it is not. */
type Opened<Symbols extends Deno.ForeignLibraryInterface> =
  | { readonly kind: "open"; readonly functions: Deno.DynamicLibrary<Symbols>["symbols"]; readonly close: () => void }
  | Extract<Unpacking, { readonly kind: "missing" | "forbidden" }>;

function open<Symbols extends Deno.ForeignLibraryInterface>(
  file: string,
  packages: string,
  symbols: Symbols,
): Opened<Symbols> {
  // A permission that was not given is not asked for.
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return { kind: "forbidden", library: file };
  try {
    const library = Deno.dlopen(file, symbols);
    return { kind: "open", functions: library.symbols, close: () => library.close() };
  } catch {
    return { kind: "missing", library: file, packages };
  }
}

/** A library that unpacks: open from its first use on. */
export interface LibraryCodec extends Disposable {
  unpack(stream: PackedStream, sink: Sink): Unpacking;
}

/** One turn of a decoder: what it took and gave. `why` completes "its xz data …". */
type Turn =
  | { readonly kind: "turn"; readonly taken: number; readonly filled: number; readonly isEnd: boolean }
  | { readonly kind: "damaged"; readonly why: string };

/** The buffers that every turn uses again. */
interface Buffers {
  readonly input: Uint8Array;
  readonly output: Uint8Array;
  readonly inputAddress: bigint;
  readonly outputAddress: bigint;
}

function newBuffers(): Buffers {
  const [input, output] = [new Uint8Array(INPUT), new Uint8Array(OUTPUT)];
  return { input, output, inputAddress: addressOf(input), outputAddress: addressOf(output) };
}

/** Feeds a decoder from the stream, turn by turn, until its stream ends. `turn`: where unused input begins, and ends. */
function drive(
  { source, offset, end }: PackedStream,
  { input, output }: Buffers,
  sink: Sink,
  turn: (from: number, to: number) => Turn,
): Unpacking {
  let [read, from, to] = [offset, 0, 0];
  for (;;) {
    if (from === to && read < end) {
      const bytes = source.read(read, Math.min(INPUT, end - read));
      if (bytes.length === 0) return CUT_OFF;
      input.set(bytes);
      [from, to] = [0, bytes.length];
      read += bytes.length;
    }
    const result = turn(from, to);
    if (result.kind === "damaged") return result;
    from += result.taken;
    if (result.filled > 0 && !sink(output.subarray(0, result.filled))) return STOPPED;
    if (result.isEnd) return { kind: "whole", consumed: read - (to - from) - offset };
    // Neither more input nor room for output would help.
    if (result.taken === 0 && result.filled === 0 && from === to && read >= end) return CUT_OFF;
    if (result.taken === 0 && result.filled === 0 && from < to) return { kind: "damaged", why: "are damaged" };
  }
}

/** .xz streams, or .lzma files, by liblzma. */
export function lzmaCodec(format: "xz" | "lzma", file: string = LZMA.file): LibraryCodec {
  let library: Opened<typeof LZMA.symbols> | undefined;
  const words = new BigUint64Array(LZMA_STREAM_WORDS);
  let buffers: Buffers | undefined;
  return {
    unpack(stream, sink) {
      const check = format === "xz" ? xzCheck(stream) : undefined;
      if (typeof check === "object") return check;
      library ??= open(file, LZMA.packages, LZMA.symbols);
      if (library.kind !== "open") return library;
      const c = library.functions;
      const { inputAddress, outputAddress } = buffers ??= newBuffers();
      // The same lzma_stream is used again, with its memory.
      const started = format === "xz"
        ? c.lzma_stream_decoder(words, LZMA_MEMORY_MAX, 0)
        : c.lzma_alone_decoder(words, LZMA_MEMORY_MAX);
      if (started !== LZMA_OK) return lzmaFault(started);
      const result = drive(stream, buffers, sink, (from, to) => {
        words[0] = inputAddress + BigInt(from);
        words[1] = BigInt(to - from);
        words[3] = outputAddress;
        words[4] = BigInt(OUTPUT);
        const code = c.lzma_code(words, LZMA_RUN);
        if (code !== LZMA_OK && code !== LZMA_STREAM_END && code !== LZMA_BUF_ERROR) return lzmaFault(code);
        return {
          kind: "turn",
          taken: to - from - Number(words[1]),
          filled: OUTPUT - Number(words[4]),
          isEnd: code === LZMA_STREAM_END,
        };
      });
      return result.kind === "whole" && check !== undefined ? { ...result, checksum: check } : result;
    },
    [Symbol.dispose]() {
      if (library?.kind !== "open") return;
      library.functions.lzma_end(words);
      library.close();
      library = undefined;
    },
  };
}

function lzmaFault(code: number): Extract<Turn, { readonly kind: "damaged" }> {
  return { kind: "damaged", why: LZMA_FAULTS[code] ?? `make liblzma answer ${code}` };
}

/** The check of an .xz stream, undefined for none; damage where the kernel, which is to unpack it, does not know the check. */
function xzCheck({ source, offset, end, beyondKernel = false }: PackedStream): string | undefined | Unpacking {
  const type = source.read(offset, Math.min(12, end - offset))[XZ_CHECK_AT];
  if (type === undefined || type === 0) return undefined;
  const check = XZ_CHECKS[type];
  if (beyondKernel || check === "CRC-32") return check;
  return {
    kind: "damaged",
    why: `have the integrity check ${check ?? type}, which the kernel does not know (pack with \`xz --check=crc32\`)`,
  };
}

/** .bz2 streams by libbz2. */
export function bzip2Codec(file: string = BZ2.file): LibraryCodec {
  let library: Opened<typeof BZ2.symbols> | undefined;
  let buffers: Buffers | undefined;
  return {
    unpack(stream, sink) {
      library ??= open(file, BZ2.packages, BZ2.symbols);
      if (library.kind !== "open") return library;
      const c = library.functions;
      const { inputAddress, outputAddress } = buffers ??= newBuffers();
      const state = new DataView(new ArrayBuffer(BZ_STREAM_SIZE));
      const started = c.BZ2_bzDecompressInit(state, 0, 0);
      if (started !== BZ_OK) return { kind: "damaged", why: `make libbz2 answer ${started}` };
      try {
        const result = drive(stream, buffers, sink, (from, to) => {
          state.setBigUint64(0, inputAddress + BigInt(from), true);
          state.setUint32(8, to - from, true);
          state.setBigUint64(24, outputAddress, true);
          state.setUint32(32, OUTPUT, true);
          const code = c.BZ2_bzDecompress(state);
          if (code !== BZ_OK && code !== BZ_STREAM_END) return { kind: "damaged", why: "are damaged" };
          return {
            kind: "turn",
            taken: to - from - state.getUint32(8, true),
            filled: OUTPUT - state.getUint32(32, true),
            isEnd: code === BZ_STREAM_END,
          };
        });
        return result.kind === "whole" ? { ...result, checksum: "CRC-32" } : result;
      } finally {
        c.BZ2_bzDecompressEnd(state);
      }
    },
    [Symbol.dispose]() {
      if (library?.kind === "open") library.close();
      library = undefined;
    },
  };
}

/** Zstandard frames by libzstd, whose window is limited to 128 MiB as the kernel's is (lib/decompress_unzstd.c). */
export function zstdCodec(file: string = ZSTD.file): LibraryCodec {
  let library: Opened<typeof ZSTD.symbols> | undefined;
  let buffers: Buffers | undefined;
  let decoder: Deno.PointerValue = null;
  return {
    unpack(stream, sink) {
      library ??= open(file, ZSTD.packages, ZSTD.symbols);
      if (library.kind !== "open") return library;
      const c = library.functions;
      const { inputAddress, outputAddress } = buffers ??= newBuffers();
      decoder ??= c.ZSTD_createDStream();
      c.ZSTD_initDStream(decoder);
      // ZSTD_inBuffer and ZSTD_outBuffer: address, size, position.
      const input = new BigUint64Array(3);
      const output = new BigUint64Array(3);
      return drive(stream, buffers, sink, (from, to) => {
        input.set([inputAddress, BigInt(to), BigInt(from)]);
        output.set([outputAddress, BigInt(OUTPUT), 0n]);
        const left = c.ZSTD_decompressStream(decoder, output, input);
        if (c.ZSTD_isError(left) !== 0) {
          const name = c.ZSTD_getErrorName(left);
          const why = name === null ? "unknown error" : Deno.UnsafePointerView.getCString(name);
          return { kind: "damaged", why: `are damaged (${why})` };
        }
        return { kind: "turn", taken: Number(input[2]) - from, filled: Number(output[2]), isEnd: left === 0n };
      });
    },
    [Symbol.dispose]() {
      if (library?.kind !== "open") return;
      if (decoder !== null) library.functions.ZSTD_freeDStream(decoder);
      decoder = null;
      library.close();
      library = undefined;
    },
  };
}

/** The address of bytes that stay where they are for as long as something refers to them. */
function addressOf(bytes: Uint8Array): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes as BufferSource));
}
