import { align4 } from "../core/bytes.ts";
import type { CallResult, Libc } from "./libc.ts";

/** A file that was opened for reading. */
export interface Descriptor {
  /** As the call names it. */
  readonly path: string;
  /** The operating system's number for it. */
  readonly fd: number;
  /** Bytes. */
  readonly size: number;
  /** Where they begin in what is open, bytes; undefined: at its start. */
  readonly start?: number;
}

/**
 * Where each initrd starts in the joined file. The kernel recognises an uncompressed cpio archive only at a multiple of four
 * bytes, and skips zeros between archives (init/initramfs.c unpack_to_rootfs(), Linux 7.3): so gaps are zero.
 */
export function joinedOffsets(sizes: readonly number[]): readonly number[] {
  let end = 0;
  return sizes.map((size) => {
    const start = align4(end);
    end = start + size;
    return start;
  });
}

/** Joins initrds in a sealed memfd, copied inside the kernel; returns its descriptor, which the caller closes. */
export function joinInitrds(files: readonly Descriptor[], libc: Libc): CallResult {
  return sealedCopy("warmboot-initrd", files, libc);
}

/** Called with the bytes that were copied. */
export type OnCopied = (done: number) => void;

/**
 * Copies files, one after the other as initrds are joined, to a memfd that nothing can change from then on; returns its
 * descriptor, which the caller closes.
 */
export function sealedCopy(name: string, files: readonly Descriptor[], libc: Libc, onCopied?: OnCopied): CallResult {
  const memfd = libc.memfd(name);
  if (!memfd.ok) return { ...memfd, function: "memfd_create" };
  const copied = copyAll(files, memfd.value, libc, onCopied);
  const sealed = copied.ok ? libc.seal(memfd.value) : copied;
  if (sealed.ok) return memfd;
  libc.close(memfd.value);
  return { function: "fcntl", ...sealed };
}

/**
 * Writes bytes to a memfd; returns its descriptor, which the caller closes. A memfd's first descriptor does not count as open
 * for writing, for which kernel_read_file() would answer ETXTBSY.
 */
export function bytesInMemory(name: string, bytes: Uint8Array, libc: Libc): CallResult {
  const memfd = libc.memfd(name);
  if (!memfd.ok) return { ...memfd, function: "memfd_create" };
  for (let done = 0; done < bytes.length;) {
    // One call writes at most some 2 GiB, and perhaps less.
    const written = libc.write(memfd.value, bytes.subarray(done));
    if (!written.ok || written.value === 0) {
      libc.close(memfd.value);
      return written.ok ? { ok: false, errno: 5, function: "write" } : { ...written, function: "write" };
    }
    done += written.value;
  }
  return memfd;
}

/** Bytes that are copied at once: a slow disk shows progress. */
const CHUNK = 16 << 20;

function copyAll(files: readonly Descriptor[], out: number, libc: Libc, onCopied: OnCopied = () => {}): CallResult {
  const offsets = joinedOffsets(files.map((file) => file.size));
  let end = 0;
  for (const [index, file] of files.entries()) {
    const gap = (offsets[index] ?? end) - end;
    if (gap > 0) {
      const written = libc.write(out, new Uint8Array(gap));
      if (!written.ok) return { ...written, function: "write" };
    }
    for (let done = 0; done < file.size;) {
      const copied = libc.sendfile(out, file.fd, (file.start ?? 0) + done, Math.min(CHUNK, file.size - done));
      if (!copied.ok) return { ...copied, function: "sendfile" };
      // The file shrank while it was copied: EIO, as kernel_read_file() answers.
      if (copied.value === 0) return { ok: false, errno: 5, function: "sendfile" };
      done += copied.value;
      onCopied(done);
    }
    end += gap + file.size;
  }
  return { ok: true, value: end };
}
