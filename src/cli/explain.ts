import { ReadError } from "../app/files/open_file.ts";
import { WriteError } from "../app/files/write_whole.ts";
import type { ExitName } from "../core/program.ts";
import { StoreError } from "../state/record_store.ts";
import { SyscallError } from "../syscall/errors/syscall_error.ts";
import { LibcError } from "../syscall/libc.ts";
import type { Ports } from "./ports.ts";
import { complain, complainRefusal, say } from "./report.ts";

const GIVE_PERMISSION = "Give Deno the permission: docs/permissions.md lists what each command needs";

/** Turns what was thrown into a message and an exit code. */
export function explain(error: unknown, ports: Ports): ExitName {
  if (error instanceof SyscallError) return complainRefusal(error, ports);
  if (error instanceof StoreError) {
    const isUncapable = error.cause instanceof Deno.errors.NotCapable;
    const isDenied = error.cause instanceof Deno.errors.PermissionDenied;
    complain(error.message, isUncapable ? GIVE_PERMISSION : isDenied ? "Run warmboot as root" : undefined, ports);
    return isUncapable || isDenied ? "permission" : "io";
  }
  if (error instanceof WriteError) {
    // A reader that went away has seen what it wanted.
    if (error.cause instanceof Deno.errors.BrokenPipe) return "io";
    const isDenied = [Deno.errors.PermissionDenied, Deno.errors.NotCapable].some((kind) => error.cause instanceof kind);
    complain(error.message, isDenied ? "Write elsewhere, or as a user who may" : undefined, ports);
    return isDenied ? "permission" : "io";
  }
  if (error instanceof LibcError) {
    complain(error.message, undefined, ports);
    return error.cause instanceof Deno.errors.NotCapable ? "permission" : "unavailable";
  }
  if (error instanceof Deno.errors.NotCapable) {
    complain(error.message, GIVE_PERMISSION, ports);
    return "permission";
  }
  if (error instanceof ReadError || isOfSystem(error)) {
    complain(error.message, "See the kernel's log: dmesg", ports);
    return "io";
  }
  const stack = (error instanceof Error ? error.stack ?? error.message : String(error)).split("\n");
  complain(`warmboot has a defect: ${stack[0]}`, "Please report it with the command and the profile", ports);
  for (const line of stack.slice(1)) say(line, ports);
  return "software";
}

/** Whether the operating system refused an operation, as with too many open files: that is not a defect. */
function isOfSystem(error: unknown): error is Error {
  return error instanceof Error && "code" in error && typeof error.code === "string" && /^E[A-Z0-9]+$/.test(error.code);
}
