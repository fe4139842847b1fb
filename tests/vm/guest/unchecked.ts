// deno-lint-ignore-file no-console
/**
 * `unchecked KERNEL LENGTH` makes the call that a plan would make, with none of its checks: kexec_file_load(2) with a
 * command line of LENGTH bytes, the final NUL included. Prints the kernel's answer, and unloads again.
 */
import { closeSync, openSync } from "node:fs";
import { execute } from "../../../src/syscall/execute.ts";
import { formatResult, openLibc } from "../../../src/syscall/libc.ts";

const [kernel = "", length = "1"] = Deno.args;
const fd = openSync(kernel, "r");
using libc = openLibc();
const result = execute(
  {
    name: "kexec_file_load",
    kernel,
    initrd: [],
    cmdline: "x".repeat(Number(length) - 1),
    flags: ["KEXEC_FILE_NO_INITRAMFS"],
    flagBits: 4n,
  },
  [{ path: kernel, fd, size: 1 }],
  libc,
);
console.log(formatResult(result));
if (result.ok) execute({ name: "kexec_file_unload", crash: false }, [], libc);
closeSync(fd);
