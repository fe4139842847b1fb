import type { HostFacts } from "../../host/facts.ts";
import type { Syscall } from "../../plan/syscall.ts";
import type { ErrnoName } from "../errno.ts";
import type { Failure } from "../libc.ts";

/** What is known when a call was refused: the call, and the host's facts read again after the refusal. */
export interface Refusal {
  /** The call that was refused. */
  readonly call: Syscall;
  /** The errno's number. */
  readonly errno: number;
  /** The libc function that failed while the call was prepared; the call itself was not made. */
  readonly function?: Failure["function"];
  /** The host, read after the refusal. */
  readonly facts: HostFacts;
  /** For reboot(2): whether the loaded image preserves the running system. */
  readonly returns?: boolean;
}

/** Why a call was refused, as far as probing shows, and what to do about it. */
export interface Diagnosis {
  /** Why, as a clause. */
  readonly cause: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** One known cause. The first row whose errno, call and probe match is the answer. */
export interface CauseRow {
  /** One of the listed ones, without which the row would never match. Absent: any. */
  readonly errno?: ErrnoName;
  /** Absent: any. */
  readonly calls?: readonly Syscall["name"][];
  /** Whether this is the cause. Absent: always. */
  when?(refusal: Refusal): boolean;
  /** Why, as a clause. */
  readonly cause: string | ((refusal: Refusal) => string);
  /** What to do about it. */
  readonly remedy: string;
}
