import { formatSyscall, type Syscall } from "../../plan/syscall.ts";
import { diagnose } from "./diagnose.ts";
import type { Diagnosis, Refusal } from "./cause.ts";
import { errnoName, errnoText } from "../errno.ts";

/** A system call that the kernel refused: the call with its arguments, the errno, and the cause found by probing. */
export class SyscallError extends Error {
  /** The name of the class. */
  override readonly name = "SyscallError";
  /** The call with its arguments. */
  readonly call: Syscall;
  /** The errno's number. */
  readonly errno: number;
  /** The libc function that failed while the call was prepared, if it was not the call itself. */
  readonly function: Refusal["function"];
  /** The errno's name, as EPERM. */
  readonly code: string;
  /** The cause and the remedy, where they are known. */
  readonly diagnosis: Diagnosis | undefined;

  /** Explains a refusal. */
  constructor(refusal: Refusal) {
    const { call, errno } = refusal;
    const diagnosis = diagnose(refusal);
    const code = errnoName(errno);
    const failed = refusal.function === undefined ? callName(call) : `${refusal.function} for ${callName(call)}`;
    super(`${failed} failed with ${code}: ${diagnosis?.cause ?? errnoText(errno)}`);
    this.call = call;
    this.errno = errno;
    this.function = refusal.function;
    this.code = code;
    this.diagnosis = diagnosis;
  }

  /** The call as strace would show it; if it was not reached, the function that failed before. */
  get made(): string {
    return this.function === undefined ? formatSyscall(this.call) : `${this.function}(...)`;
  }
}

function callName(call: Syscall): string {
  return formatSyscall(call).split("(", 1)[0] ?? call.name;
}
