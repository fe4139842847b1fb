import type { Checked } from "../../core/diagnostic.ts";
import type { Handover, HandoverInput } from "../kernel_loader.ts";
import { type BootParamsInput, bootParamsSize, buildBootParams } from "./boot_params.ts";
import { crashE820Of } from "./crash_e820.ts";
import { e820Of } from "./e820.ts";
import { efiHandover } from "./efi.ts";

/** What boot_params takes of the kernel itself. */
export interface KernelHeader {
  /** The setup header, from byte 0x1f1 on. */
  readonly header: Uint8Array;
  /** Whether it takes over EFI runtime services. */
  readonly efiKexec: boolean;
  /** Whether it is entered in 32-bit mode. */
  readonly entry32?: boolean;
}

/** boot_params with the command line. Errors: those of the memory map. */
export function bootParamsHandover(kernel: KernelHeader, input: HandoverInput): Checked<Handover> {
  const { facts, cmdline, kaslr, crash } = input;
  const { value: e820, diagnostics } = crash === undefined ? e820Of(facts) : crashE820Of(facts, crash.kept);
  if (e820 === undefined) return { value: undefined, diagnostics };
  const draft: BootParamsInput = {
    header: kernel.header,
    facts,
    cmdline,
    e820,
    efi: efiHandover(facts, kernel),
    kaslr,
  };
  const value: Handover = {
    size: bootParamsSize(draft),
    alignment: facts.pageSize,
    build: (at, { kernel: address, initrd }) => {
      const { bytes, rngSeed } = buildBootParams({
        ...draft,
        ...(initrd === undefined ? {} : { initrd }),
        ...(kernel.entry32 === true ? { code32Start: address } : {}),
      }, at);
      return { bytes, random: [rngSeed] };
    },
  };
  return { value, diagnostics };
}
