import { KEXEC_FILE_LOAD_FLAGS, KEXEC_LOAD_FLAGS } from "../plan/flags.ts";
import type { Syscall, SyscallOf } from "../plan/syscall.ts";
import { type Descriptor, joinInitrds } from "./initrd_join.ts";
import { mapSegments } from "./map_segments.ts";
import type { Contents } from "./settle.ts";
import type { CallResult, Libc } from "./libc.ts";

/**
 * Makes one system call. `files` are those that the call names, opened; the descriptors stay open. `contents` is what
 * files unpack to whose parts it places.
 */
export function execute(
  call: Syscall,
  files: readonly Descriptor[],
  libc: Libc,
  contents: Contents = new Map(),
): CallResult {
  switch (call.name) {
    case "kexec_file_load":
      return fileLoad(call, files, libc);
    case "kexec_load": {
      const mapped = mapSegments(call.segments, files, libc, contents);
      if ("ok" in mapped) return mapped;
      using segments = mapped;
      return libc.kexecLoad(call.entry, BigInt(call.segments.length), segments.table, call.flagBits);
    }
    case "kexec_file_unload": {
      const crash = call.crash ? KEXEC_FILE_LOAD_FLAGS.KEXEC_FILE_ON_CRASH : 0n;
      return libc.kexecFileLoad(-1, -1, null, KEXEC_FILE_LOAD_FLAGS.KEXEC_FILE_UNLOAD | crash);
    }
    case "kexec_unload":
      return libc.kexecLoad(0n, 0n, null, call.crash ? KEXEC_LOAD_FLAGS.KEXEC_ON_CRASH : 0n);
    case "sync":
      libc.sync();
      return { ok: true, value: 0 };
    case "reboot_kexec":
      return libc.rebootKexec();
  }
}

function fileLoad(call: SyscallOf<"kexec_file_load">, files: readonly Descriptor[], libc: Libc): CallResult {
  const kernel = find(files, call.kernel);
  const [only, ...more] = call.initrd.map((path) => find(files, path));
  const cmdline = new TextEncoder().encode(`${call.cmdline}\0`);
  if (only === undefined) return libc.kexecFileLoad(kernel.fd, -1, cmdline, call.flagBits);
  if (more.length === 0) return libc.kexecFileLoad(kernel.fd, only.fd, cmdline, call.flagBits);
  const joined = joinInitrds([only, ...more], libc);
  if (!joined.ok) return joined;
  const result = libc.kexecFileLoad(kernel.fd, joined.value, cmdline, call.flagBits);
  libc.close(joined.value);
  return result;
}

function find(files: readonly Descriptor[], path: string): Descriptor {
  const file = files.find((candidate) => candidate.path === path);
  if (file === undefined) throw new Error(`Cannot make the call: ${path} was not opened`);
  return file;
}
