import { KEXEC_FILE_LOAD_FLAGS, KEXEC_LOAD_FLAGS } from "../plan/flags.ts";
import { type Syscall, type SyscallOf, unbindFile } from "../plan/syscall.ts";
import { bytesInMemory, type Descriptor, type InitrdPart, joinInitrds } from "./memory_file.ts";
import { mapSegments } from "./map_segments.ts";
import type { Contents } from "./finalize.ts";
import type { CallResult, Libc } from "./libc.ts";

/**
 * Makes one system call. `files` are the open files that the call names; their descriptors stay open. `contents` is what
 * files unpack to, where the call places that; `joined` the descriptor of several initrds that were joined before.
 */
export function execute(
  call: Syscall,
  files: readonly InitrdPart[],
  libc: Libc,
  contents: Contents = new Map(),
  joined?: number,
): CallResult {
  switch (call.name) {
    case "kexec_file_load":
      return fileLoad(call, files, libc, contents, joined);
    case "kexec_load": {
      const mapped = mapSegments(call, descriptorsOf(files), libc, contents);
      if (!mapped.ok) return mapped;
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
    case "arm_watchdog":
      return libc.armWatchdog(`/dev/${call.device}`, call.seconds);
    case "unbind":
      return libc.writeFile(unbindFile(call.device), call.device.device);
    case "set_interface":
      return libc.setInterface(call.interface, call.up);
    case "reboot_kexec":
      return libc.rebootKexec();
  }
}

/** Those of the parts that are open files. */
function descriptorsOf(parts: readonly InitrdPart[]): readonly Descriptor[] {
  return parts.flatMap((part) => "fd" in part ? [part] : []);
}

function fileLoad(
  call: SyscallOf<"kexec_file_load">,
  files: readonly InitrdPart[],
  libc: Libc,
  contents: Contents,
  joined: number | undefined,
): CallResult {
  const isInMemory = call.unpacked === true || call.built === true;
  const kernel = isInMemory
    ? bytesInMemory("warmboot-kernel", unpackedKernel(call, contents), libc)
    : { ok: true as const, value: find(descriptorsOf(files), call.kernel).fd };
  if (!kernel.ok) return kernel;
  try {
    return withKernel(kernel.value, call, files, libc, joined);
  } finally {
    if (isInMemory) libc.close(kernel.value);
  }
}

function withKernel(
  kernel: number,
  call: SyscallOf<"kexec_file_load">,
  files: readonly InitrdPart[],
  libc: Libc,
  before: number | undefined,
): CallResult {
  const cmdline = new TextEncoder().encode(`${call.cmdline}\0`);
  if (before !== undefined) return libc.kexecFileLoad(kernel, before, cmdline, call.flagBits);
  const parts = initrdParts(call, files);
  const [only, ...more] = parts;
  if (only === undefined) return libc.kexecFileLoad(kernel, -1, cmdline, call.flagBits);
  if (more.length === 0 && "fd" in only) return libc.kexecFileLoad(kernel, only.fd, cmdline, call.flagBits);
  const joined = joinInitrds(parts, libc);
  if (!joined.ok) return joined;
  using memfd = joined;
  return libc.kexecFileLoad(kernel, memfd.value, cmdline, call.flagBits);
}

/** The parts of the next initrd in their order: a bootconfig comes last. */
export function initrdParts(
  { initrd, bootconfig }: Pick<SyscallOf<"kexec_file_load">, "initrd" | "bootconfig">,
  files: readonly InitrdPart[],
): readonly InitrdPart[] {
  const parts = initrd.map((path) => find(files, path));
  if (bootconfig === undefined) return parts;
  const { path, size: length } = bootconfig;
  const whole = find(descriptorsOf(files), path);
  const rest = whole.size - length;
  return [
    ...parts.map((part) => part.path === path ? { ...part, size: rest } : part),
    { ...whole, start: (whole.start ?? 0) + rest, size: length },
  ];
}

function unpackedKernel({ kernel }: SyscallOf<"kexec_file_load">, contents: Contents): Uint8Array {
  const bytes = contents.get(kernel);
  if (bytes === undefined) throw new Error(`Cannot make the call: ${kernel} was not unpacked`);
  return bytes;
}

function find<Part extends { readonly path: string }>(files: readonly Part[], path: string): Part {
  const file = files.find((candidate) => candidate.path === path);
  if (file === undefined) throw new Error(`Cannot make the call: ${path} was not opened`);
  return file;
}
