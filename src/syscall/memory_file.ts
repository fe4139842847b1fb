import { align4 } from "../core/bytes.ts";
import type { CallResult, Failure, Libc } from "./libc.ts";

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

/** A part of the next initrd: of an open file, or an archive that was made in memory. */
export type InitrdPart = Descriptor | OverlayBytes;

/** An archive that was made in memory. */
export interface OverlayBytes {
  /** As the call names it. */
  readonly path: string;
  /** Its bytes. */
  readonly bytes: Uint8Array;
  /** Whether there is a secret in it: no copy of it outlasts the call. */
  readonly secret: boolean;
  /** Bytes. */
  readonly size: number;
  /** Where zeros follow that the plan has room for; undefined: at its end. */
  readonly end?: number;
}

/** Initrds in one sealed memfd, until this is disposed; secrets in it are then overwritten. */
export interface JoinedInitrds extends Disposable {
  readonly ok: true;
  /** The descriptor. */
  readonly value: number;
}

/**
 * Joins initrds in a sealed memfd: files are copied inside the kernel. The pages of a memfd may be swapped out, so that a secret
 * is written by a mapping that is locked before; the seal spares that mapping, which overwrites the secret in the end.
 */
export function joinInitrds(parts: readonly InitrdPart[], libc: Libc): JoinedInitrds | Failure {
  const memfd = libc.memfd("warmboot-initrd");
  if (!memfd.ok) return { ...memfd, function: "memfd_create" };
  const windows: Window[] = [];
  const release = (): void => {
    for (const window of windows) closeWindow(window, libc);
    libc.close(memfd.value);
  };
  const fail = (failure: Failure): Failure => {
    release();
    return failure;
  };
  const copied = copyAll(parts, memfd.value, libc);
  if (!copied.ok) return fail({ function: "sendfile", ...copied });
  const offsets = joinedOffsets(parts.map(({ size }) => size));
  for (const [index, part] of parts.entries()) {
    if (!isSecret(part)) continue;
    const opened = openWindow(memfd.value, part.bytes, offsets[index] ?? 0, libc);
    if (opened.kind === "failed") return fail(opened.failure);
    windows.push(opened.window);
  }
  const sealed = windows.length > 0 ? libc.sealFutureWrites(memfd.value) : libc.seal(memfd.value);
  if (!sealed.ok) return fail({ ...sealed, function: "fcntl" });
  return { ok: true, value: memfd.value, [Symbol.dispose]: release };
}

function isSecret(part: InitrdPart): part is OverlayBytes {
  return "bytes" in part && part.secret;
}

/** A writable mapping of a part of a memfd, locked into memory, and the secret in it. */
interface Window {
  readonly mapped: bigint;
  readonly length: number;
  readonly secret: bigint;
  readonly size: number;
}

type OpenedWindow =
  | { readonly kind: "open"; readonly window: Window }
  | { readonly kind: "failed"; readonly failure: Failure };

/** The largest page of the machines that warmboot knows: a mapping begins at a multiple of it. */
const PAGE_MAX = 65_536;

function openWindow(fd: number, bytes: Uint8Array, offset: number, libc: Libc): OpenedWindow {
  const start = Math.floor(offset / PAGE_MAX) * PAGE_MAX;
  const length = offset + bytes.length - start;
  const mapped = libc.mapShared(fd, start, length);
  if (!mapped.ok) return { kind: "failed", failure: { ...mapped, function: "mmap" } };
  const locked = libc.lock(mapped.value, length);
  if (!locked.ok) {
    libc.unmap(mapped.value, length);
    return { kind: "failed", failure: { ...locked, function: "mlock" } };
  }
  const secret = mapped.value + BigInt(offset - start);
  libc.put(secret, bytes);
  return { kind: "open", window: { mapped: mapped.value, length, secret, size: bytes.length } };
}

function closeWindow({ mapped, length, secret, size }: Window, libc: Libc): void {
  libc.put(secret, new Uint8Array(size));
  libc.unmap(mapped, length);
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
  const written = writeAll(bytes, memfd.value, libc);
  if (written.ok) return memfd;
  libc.close(memfd.value);
  return written;
}

function writeAll(bytes: Uint8Array, fd: number, libc: Libc): CallResult {
  for (let done = 0; done < bytes.length;) {
    // One call writes at most some 2 GiB, and perhaps less.
    const written = libc.write(fd, bytes.subarray(done));
    if (!written.ok) return { ...written, function: "write" };
    if (written.value === 0) return { ok: false, errno: 5, function: "write" };
    done += written.value;
  }
  return { ok: true, value: bytes.length };
}

/** Bytes that are copied at once: a slow disk shows progress. */
const CHUNK = 16 << 20;

function copyAll(files: readonly InitrdPart[], out: number, libc: Libc, onCopied: OnCopied = () => {}): CallResult {
  const offsets = joinedOffsets(files.map((file) => file.size));
  let end = 0;
  for (const [index, file] of files.entries()) {
    const gap = (offsets[index] ?? end) - end;
    if (gap > 0) {
      const written = libc.write(out, new Uint8Array(gap));
      if (!written.ok) return { ...written, function: "write" };
    }
    if ("bytes" in file) {
      const written = writeAll(file.secret ? new Uint8Array(file.size) : file.bytes, out, libc);
      if (!written.ok) return written;
    } else {
      const copied = copyFile(file, out, libc, onCopied);
      if (!copied.ok) return copied;
    }
    end += gap + file.size;
  }
  return { ok: true, value: end };
}

function copyFile(file: Descriptor, out: number, libc: Libc, onCopied: OnCopied): CallResult {
  for (let done = 0; done < file.size;) {
    const copied = libc.sendfile(out, file.fd, (file.start ?? 0) + done, Math.min(CHUNK, file.size - done));
    if (!copied.ok) return { ...copied, function: "sendfile" };
    // The file shrank while it was copied: EIO, as kernel_read_file() answers.
    if (copied.value === 0) return { ok: false, errno: 5, function: "sendfile" };
    done += copied.value;
    onCopied(done);
  }
  return { ok: true, value: file.size };
}
