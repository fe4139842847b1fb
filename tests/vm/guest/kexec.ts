/**
 * The harness's own kexec: `kexec KERNEL INITRD CMDLINE` loads with kexec_file_load(2) and reboots into the kernel at
 * once. It proves the harness without warmboot, and runs in its guests only.
 */
import { openSync } from "node:fs";

const [kernel, initrd, cmdline] = Deno.args;
if (kernel === undefined || initrd === undefined || cmdline === undefined) {
  throw new Error("usage: kexec KERNEL INITRD CMDLINE");
}
if (!Deno.readTextFileSync("/proc/cmdline").split(/\s/).includes("warmboot.vm")) {
  throw new Error("Refusing to reboot: this is no guest of the harness");
}

const libc = Deno.dlopen("libc.so.6", {
  syscall: { parameters: ["i64", "i64", "i64", "i64", "buffer", "u64"], result: "i64" },
  sync: { parameters: [], result: "void" },
});
const SYS_REBOOT = 169n, SYS_KEXEC_FILE_LOAD = 320n; // x86_64
const text = new TextEncoder().encode(`${cmdline}\0`);
const descriptors = [kernel, initrd].map((path) => BigInt(openSync(path, "r")));
const [kernelFd = -1n, initrdFd = -1n] = descriptors;

if (libc.symbols.syscall(SYS_KEXEC_FILE_LOAD, kernelFd, initrdFd, BigInt(text.length), text, 0n) !== 0n) {
  throw new Error("kexec_file_load(2) failed");
}
libc.symbols.sync();
const LINUX_REBOOT_CMD_KEXEC = 0x45584543n;
libc.symbols.syscall(SYS_REBOOT, 0xfee1deadn, 0x28121969n, LINUX_REBOOT_CMD_KEXEC, null, 0n);
throw new Error("reboot(2) returned");
