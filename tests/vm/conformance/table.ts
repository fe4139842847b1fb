/** The whole table, and the errors that the guests cannot show. */
import { CIRCUMSTANCES } from "./circumstances.ts";
import { type Condition, STATES, type Unreachable } from "./condition.ts";
import { KEXEC_FILE_LOAD } from "./kexec_file_load.ts";
import { KEXEC_LOAD } from "./kexec_load.ts";
import { TAKEN } from "./taken.ts";

/** Every condition, in the order in which they are tried: that of the states. */
export const CONDITIONS: readonly Condition[] = [...KEXEC_LOAD, ...KEXEC_FILE_LOAD, ...TAKEN, ...CIRCUMSTANCES]
  .toSorted((a, b) => STATES.indexOf(stateOf(a)) - STATES.indexOf(stateOf(b)));

/** The state that a condition is tried in. */
export function stateOf({ state = "as it booted" }: Condition): typeof STATES[number] {
  return state;
}

/** Errors that the calls can give, and not here. */
export const UNREACHABLE: readonly Unreachable[] = [
  {
    errno: "ENOEXEC",
    title: "The kernel's descriptor is not an open file",
    call: "kexec_file_load",
    page: "not-open",
    why: "The man page has it, and the kernels do not: they answer EBADF, as above",
    ours: "none",
  },
  {
    errno: "EBUSY",
    title: "A crash kernel is in use",
    call: "both",
    page: "crash-in-use",
    why: "The kernel has crashed then, and no program runs any more that could make the call",
    ours: "none",
  },
  {
    errno: "EADDRNOTAVAIL",
    title: "No free range is long enough for a kernel or an initrd",
    call: "kexec_file_load",
    why: "Of contiguous memory the guests have more than half, and more than half is refused before with EINVAL",
    ours: "explained afterwards",
  },
  {
    errno: "ENOMEM",
    title: "The pages of an image cannot be allocated",
    call: "both",
    why:
      "The kernel ends processes before it fails such an allocation, the test among them; the ENOMEM that can be had without that are above",
    ours: "`memory-available` warns",
  },
  {
    errno: "EINVAL",
    title: "The kernel's own loader makes more than 16 segments",
    call: "kexec_file_load",
    why: "That of x86_64 makes six at most",
    ours: "none",
  },
  {
    errno: "EIO",
    title: "A file changes its size while it is read",
    call: "kexec_file_load",
    why: "It takes a change within the moment of reading, and a writer's descriptor is refused before with ETXTBSY",
    ours: "explained afterwards",
  },
  {
    errno: "EACCES",
    title: "Secure Boot is on, and the kernel has IMA",
    call: "kexec_load",
    why: "The guests' firmware has no keys enrolled",
    ours: "`secure-boot`",
  },
  {
    errno: "ENOEXEC",
    title: "The firmware is 32-bit UEFI, or 5-level paging is on and the kernel cannot start from it",
    call: "kexec_file_load",
    why: "There is no such firmware for the guests, and Debian's kernels can",
    ours: "`efi-bits`, `five-level-paging`",
  },
  {
    errno: "ENOSYS",
    title: "The kernel is built without the call (CONFIG_KEXEC)",
    call: "kexec_load",
    why: "Debian's kernels have it",
    ours: "`call-available`",
  },
  {
    errno: "EPERM",
    title: "The sysctl kernel.kexec_load_limit_reboot is 0 (since Linux 6.3)",
    call: "both",
    why: "It cannot be raised again, and would hide what comes after it here; another test has it",
    ours: "`load-limit`",
  },
  {
    errno: "ENODATA, ENOKEY, EKEYREJECTED, ENOPKG, ELIBBAD, EBADMSG",
    title: "The image's signature is missing, foreign or broken",
    call: "kexec_file_load",
    why:
      "The kernel passes it on only where it insists on signatures (CONFIG_KEXEC_SIG_FORCE, or Secure Boot with IMA)",
    ours: "`signature-forced`, `secure-boot`; explained afterwards",
  },
];
