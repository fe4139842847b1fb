/** System calls of the guest that warmboot itself does not make. */

/** Numbers of arch/x86/entry/syscalls/syscall_64.tbl and scripts/syscall.tbl. */
const NUMBERS = {
  x86_64: { kexec_load: 246n, kexec_file_load: 320n, userfaultfd: 323n },
  aarch64: { kexec_load: 104n, kexec_file_load: 294n, userfaultfd: 282n },
} as const;
const NUMBER = NUMBERS[Deno.build.arch];

const library = Deno.dlopen("libc.so.6", {
  numbers: { name: "syscall", parameters: ["i64", "u64", "u64", "u64", "u64", "u64"], result: "i64" },
  // void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
  mmap: { parameters: ["usize", "usize", "i32", "i32", "i32", "i64"], result: "i64" },
  // int ioctl(int fd, unsigned long request, ...)
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  // int poll(struct pollfd *fds, nfds_t nfds, int timeout)
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32" },
  // int capget(cap_user_header_t hdrp, cap_user_data_t datap), and capset alike
  capget: { parameters: ["buffer", "buffer"], result: "i32" },
  capset: { parameters: ["buffer", "buffer"], result: "i32" },
  // In a thread of its own, so that this one can go on while it lasts.
  kexec_load_elsewhere: {
    name: "syscall",
    parameters: ["i64", "u64", "u64", "buffer", "u64"],
    result: "i64",
    nonblocking: true,
  },
  __errno_location: { parameters: [], result: "pointer" },
});
const c = library.symbols;
const errnoAt = c.__errno_location();

/** The errno of a failed call, 0 of one that succeeded. */
export function errnoOf(result: bigint | number): number {
  if (result >= 0) return 0;
  if (errnoAt === null) throw new Error("There is no errno");
  return new Deno.UnsafePointerView(errnoAt).getInt32();
}

function succeeded<Result extends bigint | number>(name: string, result: Result): Result {
  const errno = errnoOf(result);
  if (errno !== 0) throw new Error(`${name}(2) failed with errno ${errno}`);
  return result;
}

/** An address where the process has no memory: the null page. */
const NOWHERE = 8n;

/** kexec_load(2) with an array of segments that is not there. */
export function loadFromNowhere(entry: bigint, count: bigint, flags: bigint): number {
  return errnoOf(c.numbers(NUMBER.kexec_load, entry, count, NOWHERE, flags, 0n));
}

/** kexec_file_load(2) with a command line that is not there. */
export function fileLoadFromNowhere(kernel: number, initrd: number, length: number, flags: bigint): number {
  const [kernelFd, initrdFd] = [BigInt.asUintN(64, BigInt(kernel)), BigInt.asUintN(64, BigInt(initrd))];
  return errnoOf(c.numbers(NUMBER.kexec_file_load, kernelFd, initrdFd, BigInt(length), NOWHERE, flags));
}

const CAP_SYS_BOOT = 22;
const CAPABILITY_VERSION_3 = 0x2008_0522;

/** Takes CAP_SYS_BOOT out of the effective set of this thread, which is the one that makes the calls, or puts it back. */
export function setSysBoot(wanted: boolean): void {
  const header = new Uint32Array([CAPABILITY_VERSION_3, 0]);
  const sets = new Uint32Array(6); // twice: effective, permitted, inheritable
  succeeded("capget", c.capget(header, sets));
  const [effective = 0] = sets;
  sets[0] = wanted ? effective | 1 << CAP_SYS_BOOT : effective & ~(1 << CAP_SYS_BOOT);
  succeeded("capset", c.capset(header, sets));
}

/** include/uapi/linux/userfaultfd.h. */
const UFFD_API = 0xaan;
const UFFDIO_API = 0xc018_aa3fn;
const UFFDIO_REGISTER = 0xc020_aa00n;
const UFFDIO_ZEROPAGE = 0xc020_aa04n;
const REGISTER_MISSING = 1n;
const PAGE = 4096n;
const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const POLLIN = 1;
const PATIENCE_MS = 20_000;

/**
 * A kexec_load(2) call that the kernel cannot go on with: the bytes of its one segment are a page that is not there until
 * userfaultfd(2) gives it, so that the call waits, with the kernel's lock held, for as long as is wanted. Returns when it
 * waits; `release` lets it go on, and succeed.
 */
export function stalledLoad(mem: bigint, flags: bigint): { release(): Promise<void> } {
  const page = succeeded("mmap", c.mmap(0n, PAGE, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0n));
  const fault = Number(succeeded("userfaultfd", c.numbers(NUMBER.userfaultfd, 0n, 0n, 0n, 0n, 0n)));
  const ioctl = (name: bigint, ...words: readonly bigint[]) =>
    succeeded("ioctl", c.ioctl(fault, name, new BigUint64Array(words)));
  ioctl(UFFDIO_API, UFFD_API, 0n, 0n);
  ioctl(UFFDIO_REGISTER, page, PAGE, REGISTER_MISSING, 0n);
  const segment = new BigUint64Array([page, PAGE, mem, PAGE]);
  const call = c.kexec_load_elsewhere(NUMBER.kexec_load, mem, 1n, segment, flags);
  const pollfd = new Uint32Array([fault, POLLIN]);
  if (c.poll(pollfd, 1n, PATIENCE_MS) !== 1) throw new Error("The load does not read its segment");
  return {
    async release() {
      ioctl(UFFDIO_ZEROPAGE, page, PAGE, 0n, 0n);
      if (await call !== 0n) throw new Error("The load that was held up failed");
    },
  };
}
