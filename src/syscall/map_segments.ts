import type { CallSegment, SyscallOf } from "../plan/syscall.ts";
import type { Descriptor } from "./memory_file.ts";
import { type Contents, partOf } from "./finalize.ts";
import type { AddressResult, Failure, Libc } from "./libc.ts";
import { takeSums } from "./take_sums.ts";

/** struct kexec_segment (include/uapi/linux/kexec.h): buf, bufsz, mem, memsz, 8 bytes each on 64-bit kernels. */
const SEGMENT_SIZE = 32;

/** The segments as the call takes them, mapped until this is disposed. */
export interface MappedSegments extends Disposable {
  readonly ok: true;
  /** The array of struct kexec_segment; null for no segments. */
  readonly table: Uint8Array | null;
}

/**
 * Maps the content of the segments and packs their array. Files are mapped whole and read-only, each once: the kernel copies
 * from the page cache, and this process holds no copy. Random parts are filled here. What files unpack to is already in this
 * process. Purgatory's sums are computed from exactly the bytes that the kernel will copy.
 */
export function mapSegments(
  { segments, sums }: Pick<SyscallOf<"kexec_load">, "segments" | "sums">,
  files: readonly Descriptor[],
  libc: Libc,
  contents: Contents = new Map(),
): MappedSegments | Failure {
  const mapped = new Map<string, { readonly address: bigint; readonly length: number }>();
  const unmap = () => mapped.forEach(({ address, length }) => libc.unmap(address, length));
  const keep = (name: string, length: number, result: AddressResult): AddressResult => {
    if (result.ok) mapped.set(name, { address: result.value, length });
    return result;
  };

  const addressOf = ({ source }: CallSegment, index: number): AddressResult => {
    if (source.kind === "zero") return { ok: true, value: 0n };
    if (source.kind === "unpacked" || source.kind === "overlay") {
      const bytes = contents.get(source.path);
      if (bytes === undefined) throw new Error(`Cannot make the call: ${source.path} was not unpacked`);
      return { ok: true, value: libc.addressOf(partOf(bytes, source)) };
    }
    if (source.kind === "bytes") {
      const bytes = Uint8Array.fromBase64(source.base64);
      if (bytes.length === 0) return { ok: true, value: 0n };
      for (const { offset, length } of source.random ?? []) {
        crypto.getRandomValues(bytes.subarray(offset, offset + length));
      }
      return keep(`segment ${index}`, bytes.length, libc.mapBytes(bytes));
    }
    const known = mapped.get(source.path);
    const file = files.find(({ path }) => path === source.path);
    if (file === undefined) throw new Error(`Cannot make the call: ${source.path} was not opened`);
    const whole = known === undefined
      ? keep(source.path, file.size, libc.mapFile(file.fd, file.size))
      : { ok: true as const, value: known.address };
    return whole.ok ? { ok: true, value: whole.value + BigInt(source.offset) } : whole;
  };

  const buffers: bigint[] = [];
  const table = new BigUint64Array(segments.length * SEGMENT_SIZE / 8);
  for (const [index, segment] of segments.entries()) {
    const buffer = addressOf(segment, index);
    if (!buffer.ok) {
      unmap();
      return { function: "mmap", ...buffer };
    }
    buffers.push(buffer.value);
    table.set([buffer.value, segment.bufsz, segment.mem, segment.memsz], index * SEGMENT_SIZE / 8);
  }
  const summed = sums === undefined ? undefined : takeSums(sums, buffers, libc);
  if (summed?.ok === false) {
    unmap();
    return summed;
  }
  return { ok: true, table: segments.length === 0 ? null : new Uint8Array(table.buffer), [Symbol.dispose]: unmap };
}
