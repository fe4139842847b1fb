import type { Checked, Diagnostic } from "../../core/diagnostic.ts";
import { formatSize } from "../../core/number.ts";
import { sealedCopy } from "../../syscall/memory_file.ts";
import { errnoName, errnoText } from "../../syscall/errno.ts";
import type { Failure, Libc } from "../../syscall/libc.ts";
import { MEMORY_LIMIT_VARIABLE, type MemoryBudget } from "../memory_limit.ts";
import { closeFile, descriptorOf, openCopy, type OpenFile, openProblem, ReadError } from "./open_file.ts";
import { onlyRootWrites } from "./writers.ts";

/** Puts in place of an open file a copy in memory that nothing can change: a sealed memfd. */
export interface Sealer extends Disposable {
  /**
   * The copy, where the file has a digest to hold to, or where not root alone can write it; else the file itself. The file
   * is closed if it cannot be copied.
   */
  seal(file: OpenFile, hasDigest: boolean, onProgress?: (done: number, total: number) => void): Checked<OpenFile>;
}

/** See `Sealer`. `open` opens libc when a file is to be copied; `budget`: the memory that copies may take. */
export function fileSealer(open: () => Libc, budget: MemoryBudget): Sealer {
  let libc: Libc | undefined;
  return {
    seal(file, hasDigest, onProgress) {
      try {
        // The kernel takes whole files only: a section becomes one.
        if (file.start === undefined && !hasDigest && onlyRootWrites(file)) return { value: file, diagnostics: [] };
        if (!budget.take(file.size)) return refuse(file, tooLarge(file, budget));
        libc ??= open();
        const progress = (done: number) => onProgress?.(done, file.size);
        const { path, size, start = 0 } = file;
        const copied = sealedCopy("warmboot-file", [{ path, size, start, fd: descriptorOf(file) }], libc, progress);
        if (!copied.ok) return refuse(file, notCopied(path, copied));
        try {
          return { value: openCopy(copied.value, file), diagnostics: [] };
        } finally {
          libc.close(copied.value);
        }
      } catch (error) {
        if (error instanceof ReadError) return refuse(file, unreadable(error));
        closeFile(file);
        if (!(error instanceof Error && "code" in error)) throw error;
        return { value: undefined, diagnostics: [openProblem(file.path, error)] };
      }
    },
    [Symbol.dispose]: () => libc?.[Symbol.dispose](),
  };
}

function refuse(file: OpenFile, diagnostic: Diagnostic): Checked<OpenFile> {
  closeFile(file);
  return { value: undefined, diagnostics: [diagnostic] };
}

function tooLarge({ path, size }: OpenFile, { limit, left }: MemoryBudget): Diagnostic {
  return {
    code: "memory-short",
    severity: "error",
    message: `${path} has ${formatSize(size)} and is copied into memory before it is loaded, and ` +
      `${formatSize(left())} of ${formatSize(limit)} are left for that`,
    hint:
      `Free memory, or raise ${MEMORY_LIMIT_VARIABLE} if it is set; a file that root alone can write, and that has ` +
      "no digest to hold to, is not copied",
  };
}

function notCopied(path: string, { errno, function: name }: Failure): Diagnostic {
  return {
    code: "file-io",
    severity: "error",
    message: `Cannot copy ${path} into memory: ${name ?? "the copy"} failed with ${errnoName(errno)}, ${
      errnoText(errno)
    }`,
    hint: "Check free memory, the disk (`dmesg`), and whether another program writes the file",
  };
}

function unreadable({ message }: ReadError): Diagnostic {
  return { code: "file-io", severity: "error", message };
}
