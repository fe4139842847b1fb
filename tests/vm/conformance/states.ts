/** How the guest is brought into each state, and back where there is a way back. */
import { KEXEC_FILE_LOAD_FLAGS, KEXEC_LOAD_FLAGS } from "../../../src/plan/flags.ts";
import type { Libc } from "../../../src/syscall/libc.ts";
import type { Places, State } from "./condition.ts";
import { FILES } from "./files.ts";
import { setSysBoot, stalledLoad } from "./raw_calls.ts";

const ENOSYS = 38;

/** A way back; nothing where there is none. */
type Leave = (() => void | Promise<void>) | undefined;

/** What entering a state gave; `not there` on a kernel that has no such state. */
export type Entered = { readonly leave: Leave } | "not there";

/** Enters a state. Each is a fact of the system or of this process alone. */
export function enter(state: State, places: Places, libc: Libc): Entered {
  switch (state) {
    case "as it booted":
    case "user namespace":
      return { leave: undefined };
    case "built without kexec_file_load":
      return dropByFile(false, libc) === ENOSYS ? { leave: undefined } : "not there";
    case "without CAP_SYS_BOOT":
      setSysBoot(false);
      return { leave: () => setSysBoot(true) };
    case "kernel open for writing": {
      const file = Deno.openSync(FILES.kernel, { append: true });
      return { leave: () => file.close() };
    }
    case "load under way":
    case "crash load under way": {
      const crash = state === "crash load under way";
      const flags = places.native | (crash ? KEXEC_LOAD_FLAGS.KEXEC_ON_CRASH : 0n);
      const stalled = stalledLoad(crash ? places.reservation.start : places.free, flags);
      return {
        leave: async () => {
          await stalled.release();
          drop(crash, libc);
        },
      };
    }
    case "small reservation":
      return written("/sys/kernel/kexec_crash_size", `${16 << 20}`);
    case "no reservation":
      return written("/sys/kernel/kexec_crash_size", "0");
    case "no crash load left":
      return written("/proc/sys/kernel/kexec_load_limit_panic", "0");
    case "locked down":
      return written("/sys/kernel/security/lockdown", "integrity");
    case "integrity policy":
      return written("/sys/kernel/security/ima/policy", "appraise func=KEXEC_KERNEL_CHECK appraise_type=imasig\n");
    case "loading disabled":
      return written("/proc/sys/kernel/kexec_load_disabled", "1");
  }
}

function written(path: string, text: string): Entered {
  try {
    Deno.writeTextFileSync(path, text, { create: false });
    return { leave: undefined };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "not there";
    throw error;
  }
}

/** Unloads an image, so that nothing is left of an attempt that succeeded. */
export function drop(crash: boolean, libc: Libc): void {
  if (dropByFile(crash, libc) === ENOSYS) libc.kexecLoad(0n, 0n, null, crash ? KEXEC_LOAD_FLAGS.KEXEC_ON_CRASH : 0n);
}

/** The same, which works in lockdown too, where the kernel has the call. Gives the errno. */
function dropByFile(crash: boolean, libc: Libc): number {
  const { KEXEC_FILE_UNLOAD, KEXEC_FILE_ON_CRASH } = KEXEC_FILE_LOAD_FLAGS;
  const result = libc.kexecFileLoad(-1, -1, null, KEXEC_FILE_UNLOAD | (crash ? KEXEC_FILE_ON_CRASH : 0n));
  return result.ok ? 0 : result.errno;
}
