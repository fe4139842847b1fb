import { errnoName } from "./errno.ts";

/** System call numbers per architecture: arch/x86/entry/syscalls/syscall_64.tbl and scripts/syscall.tbl, Linux 7.3. */
const NUMBERS = {
  x86_64: { kexec_load: 246n, kexec_file_load: 320n, reboot: 169n },
  aarch64: { kexec_load: 104n, kexec_file_load: 294n, reboot: 142n },
} as const;

/** include/uapi/linux/reboot.h: the two magic numbers, LINUX_REBOOT_CMD_KEXEC and LINUX_REBOOT_CMD_RESTART. */
const REBOOT_MAGIC1 = 0xfee1deadn;
const REBOOT_MAGIC2 = 0x28121969n;
const REBOOT_CMD_KEXEC = 0x45584543n;
const REBOOT_CMD_RESTART = 0x01234567n;

/** include/uapi/linux/memfd.h; the last is of Linux 6.3, where the sysctl vm.memfd_noexec may require it. */
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_NOEXEC_SEAL = 8;

/** include/uapi/linux/fcntl.h: F_ADD_SEALS, and F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE. */
const ADD_SEALS = 1033;
const ALL_SEALS = 0xf;

/** The same with F_SEAL_FUTURE_WRITE, of Linux 5.1, in place of F_SEAL_WRITE. */
const SEALS_FOR_OTHERS = 0x17;
const SEALS_OF_SIZE = 0x7;

/** include/uapi/asm-generic/fcntl.h: O_WRONLY | O_CLOEXEC, and O_RDONLY | O_CLOEXEC. */
const WRITE_ONLY = 0o2000001;
const READ_ONLY = 0o2000000;

/** O_RDWR | O_CLOEXEC | O_NOCTTY: the last has another number than elsewhere only on machines that warmboot does not know. */
const TERMINAL = 0o2000402;

/** include/linux/socket.h: any socket serves to ask about interfaces, and this family is never missing. */
const AF_UNIX = 1;
const SOCK_DGRAM = 2;

/** include/uapi/linux/sockios.h and if.h: struct ifreq is a name of 16 bytes, then the flags, 40 bytes in all. */
const SIOCGIFFLAGS = 0x8913n;
const SIOCSIFFLAGS = 0x8914n;
const IFREQ_SIZE = 40;
const IFNAMSIZ = 16;
const IFF_UP = 1;

/** include/uapi/linux/fs.h, _IOR('f', 1, long) and _IOW('f', 2, long): the kernel reads and writes 32 bits. */
const FS_IOC_GETFLAGS = 0x8008_6601n;
const FS_IOC_SETFLAGS = 0x4008_6602n;
const FS_IMMUTABLE_FL = 0x10;
/** include/uapi/linux/watchdog.h, _IOWR('W', 6, int) and _IOR('W', 5, int); and what closes a watchdog that is to stop. */
const WDIOC_SETTIMEOUT = 0xc004_5706n;
const WDIOC_KEEPALIVE = 0x8004_5705n;
const MAGIC_CLOSE = "V";

/** include/uapi/linux/time.h: the first stops while the system is suspended, the second goes on. */
const CLOCKS = { monotonic: 1, boottime: 7 } as const;

/**
 * include/uapi/asm-generic/siginfo.h: struct sigevent is the value and sigev_signo (unused), then sigev_notify, the function
 * and its attributes, 64 bytes in all. SIGEV_THREAD is glibc's: it calls the function in a thread of its own.
 */
const SIGEV_WORDS = 8;
const SIGEV_THREAD = 2n;

/** include/uapi/linux/time.h; struct itimerspec is the interval and the time, of two words each. */
const TIMER_ABSTIME = 1;
const ITIMERSPEC_WORDS = 4;

/** Of timer_create(2) where libc lacks it. */
const ENOSYS = 38;

/** In a second. */
const NANOSECONDS = 1_000_000_000n;

/** include/uapi/asm-generic/mman-common.h and include/uapi/linux/mman.h. */
const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_ANONYMOUS = 0x20;
const MADV_POPULATE_READ = 22;
const MADV_DONTDUMP = 16;

/** include/uapi/linux/prctl.h. */
const PR_SET_DUMPABLE = 4;

/** include/uapi/asm-generic/ioctls.h and termbits.h: struct termios has c_lflag at byte 12, and 36 bytes; what echoes. */
const TCGETS = 0x5401n;
const TCSETSF = 0x5404n;
const TERMIOS_SIZE = 36;
const LOCAL_FLAGS = 12;
const ECHO = 0o10;
const ECHONL = 0o100;

/** include/uapi/asm-generic/poll.h: struct pollfd is the descriptor, then what is asked and what came, 16 bits each. */
const POLLIN = 1;

/** include/uapi/linux/limits.h, and twice what struct statfs of include/uapi/asm-generic/statfs.h has, bytes. */
const XATTR_SIZE_MAX = 65_536;
const STATFS_SIZE = 240;

/** Of madvise(2) before Linux 5.14, and of memfd_create(2) before 6.3, which do not know those bits. */
const EINVAL = 22;

/** The functions of libc that are called, by their C prototypes. `syscall` appears once per signature. */
const SYMBOLS = {
  // long syscall(SYS_kexec_file_load, int kernel_fd, int initrd_fd, unsigned long cmdline_len, const char *cmdline, unsigned long flags)
  kexec_file_load: {
    name: "syscall",
    parameters: ["i64", "i64", "i64", "u64", "buffer", "u64"],
    result: "i64",
  },
  // long syscall(SYS_kexec_load, unsigned long entry, unsigned long nr_segments, struct kexec_segment *, unsigned long flags)
  kexec_load: { name: "syscall", parameters: ["i64", "u64", "u64", "buffer", "u64"], result: "i64" },
  // long syscall(SYS_reboot, int magic1, int magic2, unsigned int cmd, void *arg)
  reboot: { name: "syscall", parameters: ["i64", "u64", "u64", "u64", "u64"], result: "i64" },
  // int memfd_create(const char *name, unsigned int flags)
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  // int fcntl(int fd, int cmd, int arg)
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // ssize_t sendfile(int out_fd, int in_fd, off_t *offset, size_t count)
  sendfile: { parameters: ["i32", "i32", "buffer", "usize"], result: "isize" },
  // ssize_t write(int fd, const void *buf, size_t count)
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  // void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
  mmap: { parameters: ["usize", "usize", "i32", "i32", "i32", "i64"], result: "isize" },
  // int madvise(void *addr, size_t length, int advice)
  madvise: { parameters: ["usize", "usize", "i32"], result: "i32" },
  // int mprotect(void *addr, size_t length, int prot)
  mprotect: { parameters: ["usize", "usize", "i32"], result: "i32" },
  // int mlock(const void *addr, size_t len)
  mlock: { parameters: ["usize", "usize"], result: "i32" },
  // int prctl(int option, unsigned long arg2, unsigned long arg3, unsigned long arg4, unsigned long arg5)
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
  // int poll(struct pollfd *fds, nfds_t nfds, int timeout)
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32" },
  // ssize_t read(int fd, void *buf, size_t count)
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  // int munmap(void *addr, size_t length)
  munmap: { parameters: ["usize", "usize"], result: "i32" },
  // void *memcpy(void *dest, const void *src, size_t n): fills a mapping that is only known by its address
  copy_out: { name: "memcpy", parameters: ["usize", "buffer", "usize"], result: "usize" },
  // The same function, used to get the address of a buffer
  locate: { name: "memcpy", parameters: ["buffer", "buffer", "usize"], result: "usize" },
  // ssize_t fgetxattr(int fd, const char *name, void *value, size_t size)
  fgetxattr: { parameters: ["i32", "buffer", "buffer", "usize"], result: "isize" },
  // int fstatfs(int fd, struct statfs *buf): 120 bytes on 64-bit machines, the first eight of which are f_type
  fstatfs: { parameters: ["i32", "buffer"], result: "i32" },
  // int open(const char *pathname, int flags)
  open: { parameters: ["buffer", "i32"], result: "i32" },
  // int socket(int domain, int type, int protocol)
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // int ioctl(int fd, unsigned long request, void *arg)
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  // int close(int fd)
  close: { parameters: ["i32"], result: "i32" },
  // void sync(void)
  sync: { parameters: [], result: "void" },
  // int clock_gettime(clockid_t clockid, struct timespec *tp): struct timespec is two words of 8 bytes
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  // int timer_create(clockid_t clockid, struct sigevent *sevp, timer_t *timerid): in libc from glibc 2.34 on, before in librt
  timer_create: { parameters: ["i32", "buffer", "buffer"], result: "i32", optional: true },
  // int timer_settime(timer_t timerid, int flags, const struct itimerspec *new_value, struct itimerspec *old_value)
  timer_settime: { parameters: ["u64", "i32", "buffer", "pointer"], result: "i32", optional: true },
  // int reboot(int cmd): its address
  reboot_function: { name: "reboot", type: "pointer" },
  // int *__errno_location(void)
  __errno_location: { parameters: [], result: "pointer" },
  // void *memcpy(void *dest, const void *src, size_t n): reads errno where Deno.UnsafePointerView needs full FFI permission
  memcpy: { parameters: ["buffer", "pointer", "usize"], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

/** uint64_t sum(const void *data, uint64_t length): our own machine code, by its address. */
const SUM = { parameters: ["u64", "u64"], result: "u64" } as const satisfies Deno.ForeignFunction;

/** The address that a call returned, or the errno. */
export type AddressResult = { readonly ok: true; readonly value: bigint } | Failure;

/** The result of a call, or the errno. */
export type CallResult = { readonly ok: true; readonly value: number } | Failure;

/** The errno of a call that failed. */
export interface Failure {
  /** Whether it succeeded. */
  readonly ok: false;
  /** The errno's number. */
  readonly errno: number;
  /** The libc function that failed, if it failed while the call was prepared. */
  readonly function?: "memfd_create" | "fcntl" | "sendfile" | "write" | "mmap" | "madvise" | "mprotect" | "mlock";
}

/** Memory for a secret. */
export interface SecretMemory extends Disposable {
  /** Whether it succeeded. */
  readonly ok: true;
  /** The memory. */
  readonly bytes: Uint8Array;
}

/** The system calls that warmboot makes. Each returns the errno that it set. */
export interface Libc extends Disposable {
  /** kexec_file_load(2). The command line ends with its NUL; descriptors may be -1. */
  kexecFileLoad(kernelFd: number, initrdFd: number, cmdline: Uint8Array | null, flags: bigint): CallResult;
  /** kexec_load(2). `segments` is an array of struct kexec_segment. */
  kexecLoad(entry: bigint, segmentCount: bigint, segments: Uint8Array | null, flags: bigint): CallResult;
  /** reboot(2) with LINUX_REBOOT_CMD_KEXEC: returns if it fails, or when the payload of an image that preserves the system returns. */
  rebootKexec(): CallResult;
  /** reboot(2) with LINUX_REBOOT_CMD_RESTART: the firmware boots, whatever is loaded. Nothing is synced. Returns if it fails. */
  restart(): CallResult;
  /**
   * Has the same call made at a time of CLOCK_BOOTTIME, in nanoseconds, from a thread of libc's own: it is made whatever this
   * thread hangs in, as long as the process lives. ENOSYS before glibc 2.34.
   */
  restartAt(time: bigint): CallResult;
  /** An unnamed file in memory that is closed on exec, cannot be executed, and can be sealed. */
  memfd(name: string): CallResult;
  /** Seals such a file: nothing writes to it, or changes its size, from then on. */
  seal(fd: number): CallResult;
  /** The same, but for the mappings of it that are writable already. */
  sealFutureWrites(fd: number): CallResult;
  /** mmap(2) of a part of a file, shared and writable. Returns the address. */
  mapShared(fd: number, offset: number, length: number): AddressResult;
  /** mlock(2): the pages are in memory, and stay there. */
  lock(address: bigint, length: number): CallResult;
  /**
   * Fresh memory for a secret, as bytes: zeros, locked, and in no core dump. Overwritten and given back when it is disposed;
   * the bytes must not be used after that.
   */
  secretMemory(length: number): SecretMemory | Failure;
  /** prctl(2) with PR_SET_DUMPABLE: whether this process leaves a core, and others of its user may look into it. */
  setDumpable(dumpable: boolean): CallResult;
  /** Opens a terminal for reading and writing; it does not become the controlling one. */
  openTerminal(path: string): CallResult;
  /** Whether a terminal echoes what is typed: sets it and returns what it was, 1 or 0. What was typed before is dropped. */
  setEcho(fd: number, echo: boolean): CallResult;
  /** poll(2) without waiting: 1 if a read would not wait, else 0. */
  isReadable(fd: number): CallResult;
  /** read(2). */
  read(fd: number, into: Uint8Array): CallResult;
  /** Copies from one descriptor, at an offset, to the end of another; returns the bytes copied, perhaps fewer. */
  sendfile(outFd: number, inFd: number, offset: number, count: number): CallResult;
  /**
   * mmap(2) of a whole file, private and read-only: its pages stay in the page cache. All pages are read at once: from
   * Linux 5.14 on, a read error is EFAULT here, not a signal on the first access. Returns the address.
   */
  mapFile(fd: number, length: number): AddressResult;
  /** mmap(2) of fresh memory that holds these bytes. Returns the address. */
  mapBytes(bytes: Uint8Array): AddressResult;
  /** mmap(2) of fresh memory with machine code, executable and no longer writable. Returns the address. */
  mapCode(code: Uint8Array): AddressResult;
  /** Calls the machine code at an address as a C function that takes two 64-bit numbers and returns one. */
  call(address: bigint, first: bigint, second: bigint): bigint;
  /** Writes bytes to memory that `mapBytes` gave. */
  put(address: bigint, bytes: Uint8Array): void;
  /** The address of bytes, for a call that takes it: keep the bytes alive until the call is made. */
  addressOf(bytes: Uint8Array): bigint;
  /** munmap(2). */
  unmap(address: bigint, length: number): CallResult;
  /** fgetxattr(2): the value of an extended attribute, of at most 64 KiB. */
  attribute(fd: number, name: string): { readonly ok: true; readonly value: Uint8Array } | Failure;
  /** fstatfs(2): the magic number of the file system that an open file is on, `f_type`. */
  fileSystem(fd: number): AddressResult;
  /** write(2). */
  write(fd: number, bytes: Uint8Array): CallResult;
  /** Writes a text to a file that exists, in one write(2), as files of sysfs take it. */
  writeFile(path: string, text: string): CallResult;
  /** Takes a network interface up or down, as ifconfig does: by SIOCSIFFLAGS. */
  setInterface(name: string, up: boolean): CallResult;
  /** Takes the immutable flag off a file, as chattr -i does; nothing changes where it has none. */
  setMutable(path: string): CallResult;
  /** Opens a watchdog, which starts it, and sets its timeout: the machine is reset where nothing pings it or closes it. */
  armWatchdog(path: string, seconds: number): CallResult;
  /** Has a watchdog that is open count from its timeout again. */
  pingWatchdog(fd: number): CallResult;
  /** Closes a watchdog so that its driver stops it, where it can be stopped. */
  disarmWatchdog(fd: number): CallResult;
  /** close(2). */
  close(fd: number): CallResult;
  /** sync(2). */
  sync(): void;
  /** clock_gettime(2), in nanoseconds: CLOCK_MONOTONIC or CLOCK_BOOTTIME. */
  clock(name: "monotonic" | "boottime"): bigint;
}

/** libc cannot be opened, or the architecture is not supported. */
export class LibcError extends Error {
  /** The name of the class. */
  override readonly name = "LibcError";
}

/** The file name of the C library, by which the loader finds it on any distribution. */
export const LIBC = "libc.so.6";

/** The functions of libc, as `Deno.dlopen` gives them. */
export type LibcLibrary = Deno.DynamicLibrary<typeof SYMBOLS>;

/** The machine that the calls are for, and how the library is opened; tests inject both. */
export interface LibcHost {
  /** Default: this machine. */
  readonly arch: "x86_64" | "aarch64";
  /** Default: `Deno.dlopen`. */
  readonly open: (path: string) => LibcLibrary;
}

/** Opens libc. @throws {LibcError} if that is not permitted or it does not exist */
export function openLibc(path: string = LIBC): Libc {
  return openLibcOn({ arch: Deno.build.arch, open: dlopen }, path);
}

/** The same for a given machine. @throws {LibcError} */
export function openLibcOn({ arch, open }: LibcHost, path: string = LIBC): Libc {
  const numbers = NUMBERS[arch];
  if (numbers === undefined || Deno.build.os !== "linux") {
    throw new LibcError(`Cannot make system calls: ${Deno.build.os} on ${arch} is not supported`);
  }
  const library = open(path);
  const c = library.symbols;
  const errnoBytes = new Uint8Array(4);
  const errnoLocation = c.__errno_location();

  // The very next call copies the errno: nothing may run in between.
  const checked = (value: bigint | number): CallResult => {
    if (value >= 0) return { ok: true, value: Number(value) };
    c.memcpy(errnoBytes, errnoLocation, 4n);
    return { ok: false, errno: new DataView(errnoBytes.buffer).getInt32(0, true) };
  };

  const checkedAddress = (value: bigint | number): AddressResult => {
    const address = BigInt(value);
    const result = checked(address === -1n ? -1 : 0);
    return result.ok ? { ok: true, value: address } : result;
  };

  const mapBytes = (bytes: Uint8Array): AddressResult => {
    const mapped = checkedAddress(
      c.mmap(0n, BigInt(bytes.length), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0n),
    );
    if (mapped.ok) c.copy_out(mapped.value, bytes as BufferSource, BigInt(bytes.length));
    return mapped;
  };

  const disarm = (fd: number): CallResult => {
    const written = checked(c.write(fd, new TextEncoder().encode(MAGIC_CLOSE), BigInt(MAGIC_CLOSE.length)));
    const closed = checked(c.close(fd));
    return written.ok ? closed : written;
  };

  return {
    kexecFileLoad: (kernelFd, initrdFd, cmdline, flags) =>
      checked(
        c.kexec_file_load(
          numbers.kexec_file_load,
          BigInt(kernelFd),
          BigInt(initrdFd),
          BigInt(cmdline?.length ?? 0),
          cmdline as BufferSource | null,
          flags,
        ),
      ),
    kexecLoad: (entry, segmentCount, segments, flags) =>
      checked(c.kexec_load(numbers.kexec_load, entry, segmentCount, segments as BufferSource | null, flags)),
    rebootKexec: () => checked(c.reboot(numbers.reboot, REBOOT_MAGIC1, REBOOT_MAGIC2, REBOOT_CMD_KEXEC, 0n)),
    restart: () => checked(c.reboot(numbers.reboot, REBOOT_MAGIC1, REBOOT_MAGIC2, REBOOT_CMD_RESTART, 0n)),
    restartAt: (time) => {
      if (c.timer_create === null || c.timer_settime === null) return { ok: false, errno: ENOSYS };
      const event = new BigUint64Array(SIGEV_WORDS);
      event.set([REBOOT_CMD_RESTART, SIGEV_THREAD << 32n, BigInt(Deno.UnsafePointer.value(c.reboot_function))]);
      const timer = new BigUint64Array(1);
      const created = checked(c.timer_create(CLOCKS.boottime, event, timer));
      if (!created.ok) return created;
      const at = new BigInt64Array(ITIMERSPEC_WORDS);
      at.set([time / NANOSECONDS, time % NANOSECONDS], 2);
      return checked(c.timer_settime(timer[0] ?? 0n, TIMER_ABSTIME, at, null));
    },
    memfd: (name) => {
      const create = (flags: number): CallResult =>
        checked(c.memfd_create(new TextEncoder().encode(`${name}\0`), MFD_CLOEXEC | MFD_ALLOW_SEALING | flags));
      const made = create(MFD_NOEXEC_SEAL);
      return made.ok || made.errno !== EINVAL ? made : create(0);
    },
    seal: (fd) => checked(c.fcntl(fd, ADD_SEALS, ALL_SEALS)),
    sealFutureWrites: (fd) => {
      const sealed = checked(c.fcntl(fd, ADD_SEALS, SEALS_FOR_OTHERS));
      // Linux before 5.1: its size is sealed, and no other process has it.
      return sealed.ok || sealed.errno !== EINVAL ? sealed : checked(c.fcntl(fd, ADD_SEALS, SEALS_OF_SIZE));
    },
    mapShared: (fd, offset, length) =>
      checkedAddress(c.mmap(0n, BigInt(length), PROT_READ | PROT_WRITE, MAP_SHARED, fd, BigInt(offset))),
    lock: (address, length) => checked(c.mlock(address, BigInt(length))),
    secretMemory: (length) => {
      const size = BigInt(length);
      const mapped = checkedAddress(
        c.mmap(0n, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0n),
      );
      if (!mapped.ok) return { ...mapped, function: "mmap" };
      const address = mapped.value;
      const locked = checked(c.mlock(address, size));
      const pointer = Deno.UnsafePointer.create(address);
      if (!locked.ok || pointer === null) {
        c.munmap(address, size);
        return locked.ok ? { ok: false, errno: EINVAL, function: "mmap" } : { ...locked, function: "mlock" };
      }
      c.madvise(address, size, MADV_DONTDUMP);
      const bytes = new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer, length));
      let isOpen = true;
      return {
        ok: true,
        bytes,
        [Symbol.dispose]: () => {
          if (!isOpen) return;
          isOpen = false;
          bytes.fill(0);
          c.munmap(address, size);
        },
      };
    },
    setDumpable: (dumpable) => checked(c.prctl(PR_SET_DUMPABLE, dumpable ? 1n : 0n, 0n, 0n, 0n)),
    openTerminal: (path) => checked(c.open(new TextEncoder().encode(`${path}\0`), TERMINAL)),
    setEcho: (fd, echo) => {
      const settings = new Uint8Array(TERMIOS_SIZE);
      const asked = checked(c.ioctl(fd, TCGETS, settings));
      if (!asked.ok) return asked;
      const fields = new DataView(settings.buffer);
      const flags = fields.getUint32(LOCAL_FLAGS, true);
      fields.setUint32(LOCAL_FLAGS, echo ? flags | ECHO : flags & ~(ECHO | ECHONL), true);
      const set = checked(c.ioctl(fd, TCSETSF, settings));
      return set.ok ? { ok: true, value: (flags & ECHO) === 0 ? 0 : 1 } : set;
    },
    isReadable: (fd) => {
      const asked = new Int16Array(4);
      new Int32Array(asked.buffer)[0] = fd;
      asked[2] = POLLIN;
      return checked(c.poll(asked, 1n, 0));
    },
    read: (fd, into) => checked(c.read(fd, into as BufferSource, BigInt(into.length))),
    sendfile: (outFd, inFd, offset, count) => {
      const position = new BigInt64Array([BigInt(offset)]);
      return checked(c.sendfile(outFd, inFd, position, BigInt(count)));
    },
    mapFile: (fd, length) => {
      const mapped = checkedAddress(c.mmap(0n, BigInt(length), PROT_READ, MAP_PRIVATE, fd, 0n));
      if (!mapped.ok) return mapped;
      const populated = checked(c.madvise(mapped.value, BigInt(length), MADV_POPULATE_READ));
      if (populated.ok || populated.errno === EINVAL) return mapped;
      c.munmap(mapped.value, BigInt(length));
      return { ...populated, function: "madvise" };
    },
    mapBytes,
    mapCode: (code) => {
      const mapped = mapBytes(code);
      if (!mapped.ok) return { ...mapped, function: "mmap" };
      const runnable = checked(c.mprotect(mapped.value, BigInt(code.length), PROT_READ | PROT_EXEC));
      if (runnable.ok) return mapped;
      c.munmap(mapped.value, BigInt(code.length));
      return { ...runnable, function: "mprotect" };
    },
    call: (address, first, second) => {
      const code = Deno.UnsafePointer.create<typeof SUM>(address);
      if (code === null) throw new LibcError("Cannot call a function at address 0");
      return new Deno.UnsafeFnPointer(code, SUM).call(first, second);
    },
    put: (address, bytes) => void c.copy_out(address, bytes as BufferSource, BigInt(bytes.length)),
    // memcpy returns its first argument; nothing is copied.
    addressOf: (bytes) => c.locate(bytes as BufferSource, bytes as BufferSource, 0n),
    unmap: (address, length) => checked(c.munmap(address, BigInt(length))),
    attribute: (fd, name) => {
      const value = new Uint8Array(XATTR_SIZE_MAX);
      const size = checked(
        c.fgetxattr(fd, new TextEncoder().encode(`${name}\0`), value, BigInt(value.length)),
      );
      return size.ok ? { ok: true, value: value.slice(0, size.value) } : size;
    },
    fileSystem: (fd) => {
      const statfs = new Uint8Array(STATFS_SIZE);
      const result = checked(c.fstatfs(fd, statfs));
      return result.ok ? { ok: true, value: new DataView(statfs.buffer).getBigInt64(0, true) } : result;
    },
    write: (fd, bytes) => checked(c.write(fd, bytes as BufferSource, BigInt(bytes.length))),
    writeFile: (path, text) => {
      const file = checked(c.open(new TextEncoder().encode(`${path}\0`), WRITE_ONLY));
      if (!file.ok) return file;
      const bytes = new TextEncoder().encode(text);
      const written = checked(c.write(file.value, bytes, BigInt(bytes.length)));
      c.close(file.value);
      return written;
    },
    setInterface: (name, up) => {
      const socket = checked(c.socket(AF_UNIX, SOCK_DGRAM, 0));
      if (!socket.ok) return socket;
      const request = new Uint8Array(IFREQ_SIZE);
      request.set(new TextEncoder().encode(name).subarray(0, IFNAMSIZ - 1));
      const fields = new DataView(request.buffer);
      const asked = checked(c.ioctl(socket.value, SIOCGIFFLAGS, request));
      const flags = fields.getUint16(IFNAMSIZ, true);
      fields.setUint16(IFNAMSIZ, up ? flags | IFF_UP : flags & ~IFF_UP, true);
      const set = asked.ok ? checked(c.ioctl(socket.value, SIOCSIFFLAGS, request)) : asked;
      c.close(socket.value);
      return set;
    },
    setMutable: (path) => {
      const file = checked(c.open(new TextEncoder().encode(`${path}\0`), READ_ONLY));
      if (!file.ok) return file;
      const flags = new Uint8Array(8);
      const fields = new DataView(flags.buffer);
      const read = checked(c.ioctl(file.value, FS_IOC_GETFLAGS, flags));
      const before = fields.getUint32(0, true);
      fields.setUint32(0, before & ~FS_IMMUTABLE_FL, true);
      const isSet = (before & FS_IMMUTABLE_FL) !== 0;
      const result = read.ok && isSet ? checked(c.ioctl(file.value, FS_IOC_SETFLAGS, flags)) : read;
      c.close(file.value);
      return result;
    },
    armWatchdog: (path, seconds) => {
      const device = checked(c.open(new TextEncoder().encode(`${path}\0`), WRITE_ONLY));
      if (!device.ok) return device;
      const set = checked(c.ioctl(device.value, WDIOC_SETTIMEOUT, new Int32Array([seconds])));
      const started = set.ok ? checked(c.ioctl(device.value, WDIOC_KEEPALIVE, new Int32Array(1))) : set;
      if (started.ok) return device;
      disarm(device.value);
      return started;
    },
    pingWatchdog: (fd) => checked(c.ioctl(fd, WDIOC_KEEPALIVE, new Int32Array(1))),
    disarmWatchdog: disarm,
    close: (fd) => checked(c.close(fd)),
    sync: () => c.sync(),
    clock: (name) => {
      const time = new BigInt64Array(2);
      c.clock_gettime(CLOCKS[name], time);
      const [seconds = 0n, nanoseconds = 0n] = time;
      return seconds * NANOSECONDS + nanoseconds;
    },
    [Symbol.dispose]: () => library.close(),
  };
}

function dlopen(path: string): LibcLibrary {
  try {
    return Deno.dlopen(path, SYMBOLS);
  } catch (cause) {
    const hint = cause instanceof Deno.errors.NotCapable ? "; run with --allow-ffi or -A" : "";
    throw new LibcError(`Cannot open ${path}${hint}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

/** A result for a message: the value, or the errno's name. */
export function formatResult(result: CallResult): string {
  return result.ok ? String(result.value) : `-1 ${errnoName(result.errno)}`;
}
