/** Removes an EFI variable, as `chattr -i` and `rm` do; the tests' busybox has no chattr. */
import { openLibc } from "../../../src/syscall/libc.ts";

const [path = ""] = Deno.args;
using libc = openLibc();
const mutable = libc.setMutable(path);
if (!mutable.ok) throw new Error(`FS_IOC_SETFLAGS failed with errno ${mutable.errno}`);
Deno.removeSync(path);
