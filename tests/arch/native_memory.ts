/** Memory of this process that may hold data and machine code, at an address that does not move. */
export interface NativeMemory extends Disposable {
  readonly address: bigint;
  /** The memory itself: writing here changes what the code sees. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Calls the code at an offset as a function of C that takes and gives 64-bit numbers. */
  call(offset: number, ...args: readonly bigint[]): bigint;
}

/** PROT_READ | PROT_WRITE | PROT_EXEC and MAP_PRIVATE | MAP_ANONYMOUS of mmap(2), x86_64. */
const PROTECTION = 7;
const MAPPING = 0x22;

/** Maps zero-filled memory, and puts the bytes at its start. */
export function mapNative(content: Uint8Array, size: number = content.length): NativeMemory {
  const libc = Deno.dlopen("libc.so.6", {
    mmap: { parameters: ["usize", "usize", "i32", "i32", "i32", "i64"], result: "usize" },
    munmap: { parameters: ["usize", "usize"], result: "i32" },
  });
  const length = BigInt(Math.max(size, 1));
  const address = libc.symbols.mmap(0n, length, PROTECTION, MAPPING, -1, 0n);
  const pointer = Deno.UnsafePointer.create(address);
  if (BigInt.asIntN(64, address) === -1n || pointer === null) throw new Error(`Cannot map ${length} bytes`);
  const bytes = new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer, Number(length)));
  bytes.set(content);
  return {
    address,
    bytes,
    call: (offset, ...args) => {
      const code = Deno.UnsafePointer.create<{ parameters: "u64"[]; result: "u64" }>(address + BigInt(offset));
      if (code === null) throw new Error("Cannot call address 0");
      return new Deno.UnsafeFnPointer(code, { parameters: args.map(() => "u64" as const), result: "u64" }).call(
        ...args,
      );
    },
    [Symbol.dispose]: () => {
      libc.symbols.munmap(address, length);
      libc.close();
    },
  };
}
