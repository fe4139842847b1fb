/** Makes the calls of the table as they stand: nothing is checked before. */
import { closeSync, openSync } from "node:fs";
import type { Libc } from "../../../src/syscall/libc.ts";
import type { Attempt, FileArgument, FileAttempt, SegmentAttempt } from "./condition.ts";
import { fileLoadFromNowhere, loadFromNowhere } from "./raw_calls.ts";
import { content } from "./stated.ts";

/** Makes a call: the errno, 0 if it succeeds. */
export function makeCall(attempt: Attempt, libc: Libc): number {
  return attempt.call === "kexec_load" ? segmentLoad(attempt, libc) : fileLoad(attempt, libc);
}

/** An address where the process has no memory. */
const NOWHERE = 8n;

function segmentLoad({ entry, pieces, flags, unmapped }: SegmentAttempt, libc: Libc): number {
  const count = BigInt(pieces.length);
  if (unmapped) return loadFromNowhere(entry, count, flags);
  const buffers = pieces.map((piece) => {
    const mapped = piece.bufsz === 0 || piece.unmapped ? undefined : libc.mapBytes(content(piece.bufsz));
    return mapped?.ok ? mapped.value : NOWHERE;
  });
  const words = pieces.flatMap((
    { bufsz, mem, memsz },
    index,
  ) => [buffers[index] ?? NOWHERE, BigInt(bufsz), mem, memsz]);
  const table = new Uint8Array(new BigUint64Array(words).buffer);
  const result = libc.kexecLoad(entry, count, pieces.length === 0 ? null : table, flags);
  return result.ok ? 0 : result.errno;
}

function fileLoad({ kernel, initrd, cmdline, nul, flags }: FileAttempt, libc: Libc): number {
  const kernelFd = open(kernel);
  const initrdFd = open(initrd);
  try {
    const text = new TextEncoder().encode(nul === "missing" ? cmdline : `${cmdline}\0`);
    if (nul === "unmapped") return fileLoadFromNowhere(kernelFd, initrdFd, text.length, flags);
    const result = libc.kexecFileLoad(kernelFd, initrdFd, text, flags);
    return result.ok ? 0 : result.errno;
  } finally {
    for (const fd of [kernelFd, initrdFd]) if (fd !== -1) closeSync(fd);
  }
}

function open(file: FileArgument): number {
  if (file === -1) return -1;
  return typeof file === "string" ? openSync(file, "r") : openSync(file.forWriting, "a");
}
