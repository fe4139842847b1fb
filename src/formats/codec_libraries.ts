import { CUT_OFF, growing, type Unpacked, type UnpackLimit } from "./unpacked.ts";

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

/** lzma_stream: next_in, avail_in, total_in, next_out, avail_out, total_out, then pointers and reserve; 64-bit words. */
const LZMA_STREAM_WORDS = 17;
const LZMA_RUN = 0;
const LZMA_OK = 0;
const LZMA_STREAM_END = 1;
/** lzma_ret of what goes wrong with the data, by name. */
const LZMA_FAULTS: { readonly [code: number]: string } = {
  2: "it has no integrity check",
  3: "its integrity check is not supported",
  4: "its integrity check is not supported",
  5: "there is not enough memory",
  6: "it wants more memory than there is",
  7: "it is in another format",
  8: "its options are not supported",
  9: "its data are damaged",
  10: "it ends before its stream does",
};

/** bz_stream: next_in, avail_in, total_in (low, high), next_out, avail_out, total_out (low, high), state and three hooks. */
const BZ_STREAM_SIZE = 80;
const BZ_OK = 0;
const BZ_STREAM_END = 4;

/** Output is made in pieces of at most this, where the size is not known before. */
const PIECE = 16 << 20;

/** Unpacks one .xz stream, or an .lzma file, with liblzma. */
export function unpackLzma(
  format: "xz" | "lzma",
  packed: Uint8Array,
  limit: UnpackLimit,
  library: string = LZMA.file,
): Unpacked {
  return withLibrary(library, LZMA.packages, LZMA.symbols, (c) => {
    const words = new BigUint64Array(LZMA_STREAM_WORDS);
    const unlimited = 0xffff_ffff_ffff_ffffn;
    const started = format === "xz"
      ? c.lzma_stream_decoder(words, unlimited, 0)
      : c.lzma_alone_decoder(words, unlimited);
    if (started !== LZMA_OK) return { kind: "damaged", why: LZMA_FAULTS[started] ?? `liblzma answers ${started}` };
    try {
      words[0] = addressOf(packed);
      words[1] = BigInt(packed.length);
      return pieces(limit, (piece) => {
        words[3] = addressOf(piece);
        words[4] = BigInt(piece.length);
        const code = c.lzma_code(words, LZMA_RUN);
        if (code !== LZMA_OK && code !== LZMA_STREAM_END) {
          return { why: LZMA_FAULTS[code] ?? `liblzma answers ${code}` };
        }
        return { filled: piece.length - Number(words[4]), ended: code === LZMA_STREAM_END, consumed: Number(words[2]) };
      });
    } finally {
      c.lzma_end(words);
    }
  });
}

/** Unpacks one .bz2 stream with libbz2. */
export function unpackBzip2(packed: Uint8Array, limit: UnpackLimit): Unpacked {
  return withLibrary(BZ2.file, BZ2.packages, BZ2.symbols, (c) => {
    const stream = new DataView(new ArrayBuffer(BZ_STREAM_SIZE));
    const started = c.BZ2_bzDecompressInit(stream, 0, 0);
    if (started !== BZ_OK) return { kind: "damaged", why: `libbz2 answers ${started}` };
    try {
      stream.setBigUint64(0, addressOf(packed), true);
      stream.setUint32(8, packed.length, true);
      return pieces(limit, (piece) => {
        stream.setBigUint64(24, addressOf(piece), true);
        stream.setUint32(32, piece.length, true);
        const code = c.BZ2_bzDecompress(stream);
        if (code !== BZ_OK && code !== BZ_STREAM_END) return { why: "its data are damaged" };
        const filled = piece.length - stream.getUint32(32, true);
        return { filled, ended: code === BZ_STREAM_END, consumed: packed.length - stream.getUint32(8, true) };
      });
    } finally {
      c.BZ2_bzDecompressEnd(stream);
    }
  });
}

type Step =
  | { readonly filled: number; readonly ended: boolean; readonly consumed: number }
  | { readonly why: string };

/** Lets a decoder fill one piece of output after the other until its stream ends. */
function pieces({ most, size }: UnpackLimit, step: (piece: Uint8Array) => Step): Unpacked {
  const output = growing(most);
  // A byte more than there should be lets the decoder come to its end, and shows what is too long.
  let piece = new Uint8Array(size === undefined ? Math.min(most, PIECE) + 1 : size + 1);
  for (;;) {
    const result = step(piece);
    if ("why" in result) return { kind: "damaged", why: result.why };
    const { filled, ended, consumed } = result;
    if (filled > 0 && !output.add(piece.subarray(0, filled))) return { kind: "too-large" };
    if (ended) return { kind: "unpacked", bytes: output.join(), consumed };
    // Room was left: it is the input that is used up.
    if (filled < piece.length) return CUT_OFF;
    piece = new Uint8Array(PIECE);
  }
}

/** The address of bytes that stay where they are for as long as something refers to them. */
function addressOf(bytes: Uint8Array): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes as BufferSource));
}

function withLibrary<Symbols extends Deno.ForeignLibraryInterface>(
  file: string,
  packages: string,
  symbols: Symbols,
  use: (functions: Deno.DynamicLibrary<Symbols>["symbols"]) => Unpacked,
): Unpacked {
  let library: Deno.DynamicLibrary<Symbols>;
  try {
    library = Deno.dlopen(file, symbols);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return { kind: "missing", library: file, packages };
  }
  try {
    return use(library.symbols);
  } finally {
    library.close();
  }
}
