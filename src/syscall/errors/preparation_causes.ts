import type { Diagnosis } from "./cause.ts";

/**
 * Why a call could not be prepared: initrds are joined in a memfd (memfd_create, sendfile, write, fcntl), segments are mapped and
 * read (mmap, madvise), and so is the code that computes their sums (mprotect). By errno; those of the man pages that can
 * occur here.
 */
export const PREPARATION_CAUSES: { readonly [errno: string]: Diagnosis } = {
  EMFILE: {
    cause: "this process cannot open more files",
    remedy: "Raise the limit (`ulimit -n`; in a unit: LimitNOFILE=), or use fewer files",
  },
  ENFILE: {
    cause: "the system cannot open more files",
    remedy: "Find the program that holds so many files open, or raise the sysctl fs.file-max",
  },
  ENOSPC: {
    cause: "no space is left for the memfd that joins the initrds",
    remedy:
      "Free memory, or join the initrds into one file beforehand, each padded with zeros to a multiple of 4 bytes",
  },
  EDQUOT: {
    cause: "the tmpfs quota of this user is too small for the memfd that joins the initrds",
    remedy: "Raise the quota on tmpfs, or join the initrds into one file beforehand",
  },
  EFBIG: {
    cause: "the joined initrds exceed the size that this process may write",
    remedy: "Raise the limit (`ulimit -f`; in a unit: LimitFSIZE=), or use smaller initrds",
  },
  ENOMEM: {
    cause: "memory, or the address space that this process may use, is short",
    remedy: "Free memory, raise `ulimit -v` if it is set, or use a smaller initrd",
  },
  EFAULT: {
    cause: "a file could not be read completely, or shrank while it was read",
    remedy: "Check the disk (`dmesg`), and whether another program writes the file",
  },
  EIO: {
    cause: "a file could not be read completely, or its size changed while it was read",
    remedy: "Check the disk (`dmesg`), and whether another program writes the file",
  },
  EACCES: {
    cause: "a security policy forbids running the code that computes the segments' sums (SELinux execmem, or " +
      "MemoryDenyWriteExecute= of the unit)",
    remedy: "Allow it for warmboot, or set `checksum: sha256`, whose digests are in the plan",
  },
  EPERM: {
    cause: "a security policy forbids it (a container's seccomp profile, or MemoryDenyWriteExecute= of the unit)",
    remedy: "Run warmboot on the host itself, and check the audit log; `checksum: sha256` needs no executable " +
      "memory",
  },
};
