/**
 * `without_kexec_load COMMAND...` runs a command to which the kernel answers as one that is built without kexec_load: a
 * filter of seccomp makes it ENOSYS (Documentation/userspace-api/seccomp_filter.rst).
 */
const SYS_SECCOMP = 317;
const SYS_KEXEC_LOAD = 246;
const ENOSYS = 38;
const SECCOMP_SET_MODE_FILTER = 1;
/** For all threads: a child is one of any of them. */
const SECCOMP_FILTER_FLAG_TSYNC = 1;

/** struct sock_filter: load the number of the call; if it is this one, skip nothing, else one; the two answers. */
const FILTER: readonly (readonly [code: number, whenTrue: number, whenFalse: number, k: number])[] = [
  [0x20, 0, 0, 0],
  [0x15, 0, 1, SYS_KEXEC_LOAD],
  [0x06, 0, 0, 0x0005_0000 | ENOSYS],
  [0x06, 0, 0, 0x7fff_0000],
];

const program = new Uint8Array(FILTER.length * 8);
const view = new DataView(program.buffer);
for (const [index, [code, whenTrue, whenFalse, k]] of FILTER.entries()) {
  view.setUint16(index * 8, code, true);
  view.setUint8(index * 8 + 2, whenTrue);
  view.setUint8(index * 8 + 3, whenFalse);
  view.setUint32(index * 8 + 4, k, true);
}
/** struct sock_fprog. */
const filter = new BigUint64Array([BigInt(FILTER.length), Deno.UnsafePointer.value(Deno.UnsafePointer.of(program))]);

const libc = Deno.dlopen("libc.so.6", {
  syscall: { parameters: ["i64", "u64", "u64", "buffer"], result: "i64" },
});
const failed = libc.symbols.syscall(
  BigInt(SYS_SECCOMP),
  BigInt(SECCOMP_SET_MODE_FILTER),
  BigInt(SECCOMP_FILTER_FLAG_TSYNC),
  new Uint8Array(filter.buffer),
);
if (failed !== 0n) throw new Error("seccomp(2) failed");
const [command = "true", ...args] = Deno.args;
const { code } = await new Deno.Command(command, { args }).spawn().status;
Deno.exit(code);
