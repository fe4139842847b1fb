/**
 * The errnos that kexec_load(2), kexec_file_load(2), reboot(2), a write to a driver's `unbind` and opening a watchdog can
 * give, with their numbers on x86_64 and arm64 (include/uapi/asm-generic/errno{-base,}.h, Linux 7.3) and what they generally
 * mean.
 */
export const ERRNOS = [
  { number: 1, name: "EPERM", text: "operation not permitted" },
  { number: 2, name: "ENOENT", text: "no such file or directory" },
  { number: 4, name: "EINTR", text: "interrupted" },
  { number: 5, name: "EIO", text: "input/output error" },
  { number: 6, name: "ENXIO", text: "no such device or address" },
  { number: 8, name: "ENOEXEC", text: "exec format error" },
  { number: 9, name: "EBADF", text: "bad file descriptor" },
  { number: 12, name: "ENOMEM", text: "out of memory" },
  { number: 13, name: "EACCES", text: "permission denied" },
  { number: 14, name: "EFAULT", text: "bad address" },
  { number: 16, name: "EBUSY", text: "device or resource busy" },
  { number: 19, name: "ENODEV", text: "no such device" },
  { number: 22, name: "EINVAL", text: "invalid argument" },
  { number: 23, name: "ENFILE", text: "too many open files in system" },
  { number: 24, name: "EMFILE", text: "too many open files" },
  { number: 26, name: "ETXTBSY", text: "text file busy" },
  { number: 27, name: "EFBIG", text: "file too large" },
  { number: 28, name: "ENOSPC", text: "no space left on device" },
  { number: 30, name: "EROFS", text: "read-only file system" },
  { number: 38, name: "ENOSYS", text: "function not implemented" },
  { number: 61, name: "ENODATA", text: "no data available" },
  { number: 65, name: "ENOPKG", text: "package not installed" },
  { number: 74, name: "EBADMSG", text: "bad message" },
  { number: 80, name: "ELIBBAD", text: "corrupted shared library" },
  { number: 90, name: "EMSGSIZE", text: "message too long" },
  { number: 95, name: "EOPNOTSUPP", text: "operation not supported" },
  { number: 99, name: "EADDRNOTAVAIL", text: "cannot assign requested address" },
  { number: 122, name: "EDQUOT", text: "disk quota exceeded" },
  { number: 126, name: "ENOKEY", text: "required key not available" },
  { number: 127, name: "EKEYEXPIRED", text: "key has expired" },
  { number: 128, name: "EKEYREVOKED", text: "key has been revoked" },
  { number: 129, name: "EKEYREJECTED", text: "key was rejected by service" },
  { number: 524, name: "ENOTSUPP", text: "operation is not supported" },
] as const;

/** The name of a listed errno. */
export type ErrnoName = typeof ERRNOS[number]["name"];

/** The name of an errno; an unlisted one is `errno N`. */
export function errnoName(number: number): string {
  return ERRNOS.find((row) => row.number === number)?.name ?? `errno ${number}`;
}

/** What an errno generally means. */
export function errnoText(number: number): string {
  return ERRNOS.find((row) => row.number === number)?.text ?? "unknown error";
}
