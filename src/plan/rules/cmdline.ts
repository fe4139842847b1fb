import type { ImageInfo } from "../../image/image.ts";
import { fail, pass, type Rule } from "./rule.ts";
import { kernelInfo } from "../../image/boot_files.ts";

/**
 * The room that the x86 loader reserves for `elfcorehdr=0x...` on every command line, crash or not: a line that ends, with
 * its NUL, within 30 bytes of the image's cmdline_size is refused (arch/x86/kernel/kexec-bzimage64.c, Linux 7.3).
 */
const X86_ELFCOREHDR_ROOM = 30;

/** The same for `dmcryptkeys=0x...`, which a crash kernel gets where keys are registered for it (Linux 7.2). */
const X86_DMCRYPTKEYS_ROOM = 31;

/** COMMAND_LINE_SIZE of arm64; neither call checks it, and the new kernel silently truncates the line. */
const ARM64_COMMAND_LINE_SIZE = 2048;

/**
 * The most bytes, with the final NUL, that the new kernel's command line may have; undefined where no limit is known.
 * @param hasKeys whether it is for a crash kernel that gets dm-crypt keys
 */
function cmdlineLimit(syscall: string, info: ImageInfo | undefined, hasKeys: boolean): number | undefined {
  switch (info?.kind) {
    case "bzimage":
      return syscall === "kexec_file_load"
        ? info.cmdlineSize - X86_ELFCOREHDR_ROOM - (hasKeys ? X86_DMCRYPTKEYS_ROOM : 0)
        : info.cmdlineSize + 1;
    case "arm64-image":
    case "efi-zboot":
      return ARM64_COMMAND_LINE_SIZE;
    default:
      return undefined;
  }
}

const cmdlineLength: Rule = {
  name: "cmdline-length",
  about: "The command line is short enough for the call and the image",
  exit: "unavailable",
  check({ call, crash, facts, images }) {
    const hasKeys = crash && (facts.kexec.dmCryptKeys?.keys.length ?? 0) > 0;
    const limit = cmdlineLimit(call.syscall, kernelInfo(images), hasKeys);
    if (limit === undefined) return undefined;
    const bytes = new TextEncoder().encode(call.cmdline).length + 1;
    return bytes <= limit ? pass(`The command line takes ${bytes} of ${limit} bytes`) : fail(
      `The command line takes ${bytes} bytes with its final NUL; ${call.syscall} takes at most ${limit} for this kernel`,
      `Shorten it by ${bytes - limit} bytes`,
    );
  },
};

const cmdlineRoot: Rule = {
  name: "cmdline-empty",
  about: "The command line is not empty",
  exit: "unavailable",
  check({ call }) {
    if (call.cmdline !== "" || call.syscall === "kexec_load") return undefined;
    return {
      status: "warn",
      message: "The command line is empty: it names neither a root file system nor a console",
      hint: "Set `cmdline`, or use `cmdline: { reuse: true }` to keep the running one",
    };
  },
};

/** The rules about the command line. */
export const CMDLINE_RULES: readonly Rule[] = [cmdlineLength, cmdlineRoot];
