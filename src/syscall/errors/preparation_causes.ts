import type { Diagnosis } from "./cause.ts";

/**
 * Why a call could not be prepared: initrds are joined in a file in memory (memfd_create, sendfile, write), segments are
 * mapped and read (mmap, madvise), and so is the code that takes their sums (mprotect). By errno; those of the man pages
 * that can come about here.
 */
export const PREPARATION_CAUSES: { readonly [errno: string]: Diagnosis } = {
  EMFILE: {
    cause: "this process may open no more files",
    remedy: "Raise the limit (`ulimit -n`; in a unit: LimitNOFILE=), or name fewer files",
  },
  ENFILE: {
    cause: "the system may open no more files",
    remedy: "Look for the program that holds so many open, or raise the sysctl fs.file-max",
  },
  ENOSPC: {
    cause: "no room is left for the file in memory that joins the initrds",
    remedy:
      "Free memory, or join the initrds beforehand into one file, each padded with zeros to a multiple of 4 bytes",
  },
  EDQUOT: {
    cause: "the quota of this user has no room for the file in memory that joins the initrds",
    remedy: "Raise the quota on tmpfs, or join the initrds beforehand into one file",
  },
  EFBIG: {
    cause: "the joined initrds exceed the size that this process may write",
    remedy: "Raise the limit (`ulimit -f`; in a unit: LimitFSIZE=), or use smaller initrds",
  },
  ENOMEM: {
    cause: "memory, or what this process may map of it, is short",
    remedy: "Free memory, raise `ulimit -v` if it is set, or use a smaller initrd",
  },
  EFAULT: {
    cause: "a file could not be read whole, or became shorter, while it was read",
    remedy: "Check the disk (`dmesg`), and whether something rewrites the file",
  },
  EIO: {
    cause: "a file could not be read whole, or changed its size while it was read",
    remedy: "Check the disk (`dmesg`), and whether something rewrites the file",
  },
  EACCES: {
    cause: "a security policy forbids to run the code that takes the segments' sums (execmem of SELinux, or " +
      "MemoryDenyWriteExecute= of the unit)",
    remedy: "Allow it for warmboot, or set `checksum: sha256`, whose digests the plan holds",
  },
  EPERM: {
    cause: "a security policy forbids it (a container's seccomp profile, MemoryDenyWriteExecute= of the unit, or the " +
      "sysctl vm.memfd_noexec)",
    remedy:
      "Run warmboot on the host itself, and look into the audit log; without code of its own (`checksum: sha256`) " +
      "it needs less",
  },
};
