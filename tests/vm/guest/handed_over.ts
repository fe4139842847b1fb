// deno-lint-ignore-file no-console
/**
 * `handed_over FIFO PID` follows a shell that waits to read FIFO and then executes a program, by ptrace(2), up to that
 * program's kexec_load(2), and prints as JSON what it hands to the kernel: the very bytes, before they are copied. The
 * program then goes on.
 */
const PTRACE_SEIZE = 0x4206n;
const PTRACE_SYSCALL = 24n;
const PTRACE_GET_SYSCALL_INFO = 0x420en;
/** PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC (include/uapi/linux/ptrace.h). */
const OPTIONS = 0x01n | 0x10n;
/** What waitpid(2) tells of a stop at a system call, and of the one after execve(2). */
const AT_SYSCALL = 0x80 | 5;
const AT_EXEC = 5 | (4 << 8);
const WALL = 0x40000000;
const KEXEC_LOAD = 246n;
const SYSCALL_ENTRY = 1;

const libc = Deno.dlopen("libc.so.6", {
  // long ptrace(enum request, pid_t pid, void *addr, void *data); the last as a number, and as memory
  ptrace: { parameters: ["i64", "i64", "u64", "u64"], result: "i64" },
  ptrace_info: { name: "ptrace", parameters: ["i64", "i64", "u64", "buffer"], result: "i64" },
  // pid_t waitpid(pid_t pid, int *status, int options)
  waitpid: { parameters: ["i32", "buffer", "i32"], result: "i32" },
});

const [fifo = "", pid = ""] = Deno.args;
const tracee = BigInt(pid);

function trace(request: bigint, data: bigint): void {
  if (libc.symbols.ptrace(request, tracee, 0n, data) < 0n) throw new Error(`ptrace(2) failed: ${request}`);
}

/** Waits for a stop; undefined when the program has ended. */
function stop(): number | undefined {
  const status = new Uint32Array(1);
  if (libc.symbols.waitpid(Number(tracee), status, WALL) < 0) throw new Error("waitpid(2) failed");
  const [value = 0] = status;
  return (value & 0xff) === 0x7f ? value >>> 8 : undefined;
}

/** struct ptrace_syscall_info: op u8, then from byte 24 on the number and the arguments, u64 each. */
function syscallEntered(): readonly bigint[] | undefined {
  const info = new Uint8Array(88);
  libc.symbols.ptrace_info(PTRACE_GET_SYSCALL_INFO, tracee, BigInt(info.length), info);
  return info[0] === SYSCALL_ENTRY ? [...new BigUint64Array(info.buffer, 24, 7)] : undefined;
}

function memory(address: bigint, length: bigint): Uint8Array<ArrayBuffer> {
  using file = Deno.openSync(`/proc/${pid}/mem`);
  const bytes = new Uint8Array(Number(length));
  file.seekSync(address, Deno.SeekMode.Start);
  for (let done = 0; done < bytes.length;) done += file.readSync(bytes.subarray(done)) ?? bytes.length;
  return bytes;
}

async function handedOver([, entry = 0n, count = 0n, table = 0n, flags = 0n]: readonly bigint[]): Promise<unknown> {
  const words = new BigUint64Array(memory(table, count * 32n).buffer);
  const segments = [];
  for (let at = 0; at < words.length; at += 4) {
    const [buf = 0n, bufsz = 0n, mem = 0n, memsz = 0n] = words.subarray(at, at + 4);
    const bytes = memory(buf, bufsz);
    segments.push({
      mem: `0x${mem.toString(16)}`,
      memsz: Number(memsz),
      bufsz: Number(bufsz),
      sha256: new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex(),
      base64: bytes.length <= 1 << 16 ? bytes.toBase64() : "",
    });
  }
  return { entry: `0x${entry.toString(16)}`, flagBits: `0x${flags.toString(16)}`, segments };
}

trace(PTRACE_SEIZE, OPTIONS);
Deno.writeTextFileSync(fifo, "go\n");
let executing = false;
for (let signal = stop(); signal !== undefined; signal = stop()) {
  executing ||= signal === AT_EXEC;
  const call = executing && signal === AT_SYSCALL ? syscallEntered() : undefined;
  if (call?.[0] === KEXEC_LOAD) console.log(JSON.stringify(await handedOver(call)));
  trace(PTRACE_SYSCALL, 0n);
}
