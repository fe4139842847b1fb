import type { BoundDevice } from "../host/facts.ts";
import type { Plan } from "./plan.ts";
import { sumsOf } from "./sums.ts";
import type { Syscall } from "./syscall.ts";

/** The system calls that carry a plan out. @throws {Error} for a plan that contradicts itself, which decoding refuses */
export function lowerPlan({ call, host }: Pick<Plan, "call" | "host">): readonly Syscall[] {
  if (call.syscall === "kexec_load") {
    const found = sumsOf({ call, host });
    if (found.kind === "fault") throw new Error(`Cannot make the call: ${found.why}`);
    return [{
      name: "kexec_load",
      entry: BigInt(call.entry),
      segments: call.segments.map(({ mem, memsz, bufsz, source }) => ({
        source,
        bufsz: BigInt(bufsz),
        mem: BigInt(mem),
        memsz: BigInt(memsz),
      })),
      flags: call.flags,
      flagBits: BigInt(call.flagBits),
      ...(found.sums === undefined ? {} : { sums: found.sums }),
    }];
  }
  return [{
    name: "kexec_file_load",
    kernel: call.kernel.path,
    ...(call.unpacked === undefined ? {} : { unpacked: true as const }),
    ...(call.built === undefined ? {} : { built: true as const }),
    initrd: call.initrd.map((file) => file.path),
    ...(call.bootconfig === undefined ? {} : { bootconfig: call.bootconfig }),
    cmdline: call.cmdline,
    flags: call.flags,
    flagBits: BigInt(call.flagBits),
  }];
}

/**
 * The call that unloads an image. KEXEC_FILE_UNLOAD is preferred: kernel/kexec_file.c does not consult lockdown for it,
 * while kexec_load is refused even with no segments (Linux 7.3). A kernel without kexec_file_load gets kexec_load.
 */
export function lowerUnload(crash: boolean, fileLoadMissing: boolean): Syscall {
  return fileLoadMissing ? { name: "kexec_unload", crash } : { name: "kexec_file_unload", crash };
}

/** The calls that boot the loaded image at once, without stopping services first. */
export const REBOOT_NOW: readonly Syscall[] = rebootCalls({});

/** What happens just before the jump. */
export interface BeforeJump {
  /** The watchdog that resets the machine where the next kernel does not come up: its name below /dev. */
  readonly watchdog?: { readonly device: string; readonly seconds: number } | undefined;
  /** Devices that are taken from their drivers. */
  readonly unbind?: readonly BoundDevice[];
  /** Network interfaces that are taken down: so they write no packets into the memory of the next kernel. */
  readonly interfaces?: readonly string[];
}

/** The same with more before the jump. What may be refused comes first; the watchdog is armed before anything can hang. */
export function rebootCalls({ watchdog, unbind = [], interfaces = [] }: BeforeJump): readonly Syscall[] {
  return [
    { name: "sync" },
    ...(watchdog === undefined ? [] : [{ name: "arm_watchdog", ...watchdog } as const]),
    ...unbind.map((device) => ({ name: "unbind", device }) as const),
    ...interfaces.map((name) => ({ name: "set_interface", interface: name, up: false }) as const),
    { name: "reboot_kexec" },
  ];
}
