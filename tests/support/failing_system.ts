import { join } from "@std/path";
import { main } from "../../src/cli/main.ts";
import { PLAIN } from "../../src/render/style.ts";
import type { Capture } from "../../src/host/capture.ts";
import { CAPTURES } from "../host/fixture.ts";

/**
 * A host whose operations fail one at a time: the functions of Deno that warmboot uses are replaced, those of libc that
 * would change this machine are imitated. /proc, /sys, /run, /var and /boot are folders of its own.
 */
export interface FailingSystem extends Disposable {
  /** The folder that is the host's root. */
  readonly root: string;
  /** Runs the program in this process. `fault` is the operation that fails; without one, none does. */
  run(args: readonly string[], fault?: Fault): Promise<FailedRun>;
  /** The image for a reboot that the kernel has: its command line, or `segments`. */
  image: string | undefined;
  /** The same of the crash image. */
  crashImage: string | undefined;
  /** Runs something of warmboot's on this host; of a promise, until it is settled. */
  on<T>(action: () => T, fault?: Fault): T;
  /** The arguments of the programs that the last run started. */
  readonly started: readonly string[];
}

/** The errnos of disks and tables that are full or fail, with the texts of strerror(3). */
export const ERRNOS = {
  EINTR: [4, "Interrupted system call"],
  EIO: [5, "Input/output error"],
  EACCES: [13, "Permission denied"],
  EMFILE: [24, "Too many open files"],
  ENOSPC: [28, "No space left on device"],
  EROFS: [30, "Read-only file system"],
} as const;

/** The name of one of them. */
export type Errno = keyof typeof ERRNOS;

/** What fails. */
export interface Fault extends Operation {
  readonly errno: Errno;
}

/** An operation that a run made: its function, the path as warmboot names it, and how many there were of it before. */
export interface Operation {
  readonly name: string;
  readonly path: string;
  readonly turn: number;
}

/** What came of it. */
export interface FailedRun {
  readonly code: number;
  readonly said: string;
  readonly operations: readonly Operation[];
  /** The arguments of the programs that it started. */
  readonly started: readonly string[];
}

const BY_PATH = [
  "openSync",
  "readFileSync",
  "readTextFileSync",
  "statSync",
  "lstatSync",
  "readDirSync",
  "readLinkSync",
  "realPathSync",
  "mkdirSync",
  "renameSync",
  "removeSync",
  "linkSync",
  "chmodSync",
  "writeFileSync",
  "utimeSync",
] as const;

const BY_HANDLE = ["readSync", "writeSync", "seekSync", "statSync", "syncSync", "tryLockSync", "unlockSync"] as const;

/** Of libc: what is imitated, and what may fail as well. */
const IMITATED = ["kexec_file_load", "kexec_load", "reboot", "sync", "open", "ioctl"];
const PREPARING = ["memfd_create", "fcntl", "sendfile", "write", "mmap", "mprotect", "munmap", "close"];

// deno-lint-ignore no-explicit-any
type Callable = (...args: any[]) => any;
type Table = Record<string, Callable>;

// Read before anything is replaced.
const deno = Deno as unknown as Table & { readonly mainModule: string };
const real: Table = Object.fromEntries([...BY_PATH, "dlopen", "Command"].map((name) => [name, deno[name] as Callable]));
const handles = Deno.FsFile.prototype as unknown as Table;
const realOfHandle: Table = Object.fromEntries(BY_HANDLE.map((name) => [name, handles[name] as Callable]));

/** The arguments of the programs that were started. */
let started: string[] = [];

/** How programs end, and what they print: see {@link withPrograms}. */
let programs: Programs = { code: 0, stdout: "" };

interface Programs {
  /** The exit code; undefined where there is no such program. */
  readonly code: number | undefined;
  readonly stdout: string;
}

/** Makes the programs that are started meanwhile end in this way. */
export async function withPrograms<T>(how: Partial<Programs>, action: () => Promise<T>): Promise<T> {
  programs = { ...programs, ...how };
  try {
    return await action();
  } finally {
    programs = { code: 0, stdout: "" };
  }
}

/** A program that does nothing, and succeeds unless it is to fail: nothing asks this machine's systemd for anything. */
class NoCommand {
  /** Notes what it would be asked. */
  constructor(_program: string, { args = [] }: { readonly args?: readonly string[] } = {}) {
    started.push(args.join(" "));
  }

  /** The program ends at once. */
  spawn(): { readonly status: Promise<{ readonly success: boolean; readonly code: number }> } {
    const { code } = programs;
    if (code === undefined) throw new Deno.errors.NotFound("No such file or directory");
    return { status: Promise.resolve({ success: code === 0, code }) };
  }

  /** The same, while the caller waits. */
  outputSync(): { readonly code: number; readonly stdout: Uint8Array } {
    const { code, stdout } = programs;
    if (code === undefined) throw new Deno.errors.NotFound("No such file or directory");
    return { code, stdout: new TextEncoder().encode(stdout) };
  }

  /** How it ends, and what it prints. */
  output(): Promise<{ readonly code: number; readonly stdout: Uint8Array; readonly stderr: Uint8Array }> {
    const { code, stdout } = programs;
    if (code === undefined) return Promise.reject(new Deno.errors.NotFound("No such file or directory"));
    return Promise.resolve({ code, stdout: new TextEncoder().encode(stdout), stderr: new Uint8Array() });
  }
}

/** The error that Deno throws for an errno. */
function errorOf(errno: Errno, name: string, path: string): Error {
  const [number, text] = ERRNOS[errno];
  const where = (BY_PATH as readonly string[]).includes(name) ? `: ${name.replace("Sync", "")} '${path}'` : "";
  const message = `${text} (os error ${number})${where}`;
  const kind = errno === "EACCES" ? Deno.errors.PermissionDenied : errno === "EINTR" ? Deno.errors.Interrupted : Error;
  return Object.assign(new kind(message), { code: errno });
}

function memoryFolder(): string | undefined {
  try {
    return (Deno.statSync("/dev/shm").mode ?? 0) & 0o002 ? "/dev/shm" : undefined;
  } catch {
    return undefined;
  }
}

/** Makes such a host. `changes` are files that differ from those of a virtual machine with Debian 12. */
export function failingSystem(changes: Capture["files"] = {}): FailingSystem {
  // In memory where that can be: each run syncs its files, which takes a disk long.
  const memory = memoryFolder();
  const root = Deno.makeTempDirSync({ prefix: "warmboot-failing-", ...(memory === undefined ? {} : { dir: memory }) });
  for (const [path, file] of Object.entries({ ...CAPTURES.get("bios-vm")?.files, ...changes })) {
    const at = join(root, path);
    Deno.mkdirSync(join(at, ".."), { recursive: true });
    if (path.startsWith("/proc/self/ns/")) Deno.symlinkSync(String(file).trim(), at);
    else if (path === "/run/systemd/system") Deno.mkdirSync(at);
    else if (typeof file === "string") Deno.writeTextFileSync(at, file);
    else if ("base64" in file) Deno.writeFileSync(at, Uint8Array.fromBase64(file.base64));
  }
  const loaded: { image: string | undefined; crashImage: string | undefined } = {
    image: undefined,
    crashImage: undefined,
  };
  const keep = (of: keyof typeof loaded, what: string | undefined) => {
    loaded[of] = what;
    const path = of === "image" ? "kexec_loaded" : "kexec_crash_loaded";
    Deno.writeTextFileSync(join(root, "/sys/kernel", path), what === undefined ? "0\n" : "1\n");
    return 0n;
  };
  /** Which image a call is about: the flags come last. KEXEC_ON_CRASH is 1, and KEXEC_FILE_ON_CRASH 2. */
  const imageOf = (name: string, args: readonly unknown[]): keyof typeof loaded => {
    const flags = args.at(-1);
    const onCrash = name === "kexec_load" ? 1n : 2n;
    return typeof flags === "bigint" && (flags & onCrash) !== 0n ? "crashImage" : "image";
  };

  let operations: Operation[] = [];
  let fault: Fault | undefined;
  let errnoOfLibc = 0;
  const paths = new WeakMap<object, string>();
  const mapped = (path: unknown): unknown =>
    typeof path === "string" && /^\/(?:proc\/(?!self\/fd)|sys\/|run\/|var\/|boot\/)/.test(path)
      ? join(root, path)
      : path;
  /** Notes an operation; gives the errno if it is the one that fails. */
  const fails = (name: string, path: string): Errno | undefined => {
    const turn = operations.filter((each) => each.name === name && each.path === path).length;
    operations.push({ name, path, turn });
    return fault?.name === name && fault.path === path && fault.turn === turn ? fault.errno : undefined;
  };
  const check = (name: string, path: string): void => {
    const errno = fails(name, path);
    if (errno !== undefined) throw errorOf(errno, name, path);
  };

  const library = (path: string, symbols: Deno.ForeignLibraryInterface) => {
    const harmless = Object.fromEntries(Object.entries(symbols).filter(([name]) => !IMITATED.includes(name)));
    const opened = real.dlopen?.(path, harmless);
    const imitated: Table = {
      // deno-lint-ignore camelcase
      kexec_file_load: (_number, _kernel, _initrd, _length, cmdline: Uint8Array | null, flags: bigint) =>
        keep(
          imageOf("kexec_file_load", [flags]),
          cmdline === null ? undefined : new TextDecoder().decode(cmdline.subarray(0, -1)),
        ),
      // deno-lint-ignore camelcase
      kexec_load: (_number, _entry, count: bigint, _segments, flags: bigint) =>
        keep(imageOf("kexec_load", [flags]), count === 0n ? undefined : "segments"),
      reboot: () => 0n,
      // No driver or network interface of this machine is touched.
      open: () => {
        errnoOfLibc = 2;
        return -1;
      },
      ioctl: () => 0,
      sync: () => undefined,
    };
    const functions = { ...opened.symbols, ...imitated } as Table;
    for (const name of [...IMITATED, ...PREPARING]) {
      const call = functions[name] as Callable;
      functions[name] = (...args) => {
        const errno = fails(`libc ${name}`, "");
        if (errno === undefined || name === "sync") return call(...args);
        // The kernel drops a loaded crash image before it reads the new one.
        if (name.startsWith("kexec_") && imageOf(name, args) === "crashImage") keep("crashImage", undefined);
        errnoOfLibc = ERRNOS[errno][0];
        return -1n;
      };
    }
    functions.memcpy = (to: Uint8Array, ...args) => {
      if (errnoOfLibc === 0) return opened.symbols.memcpy(to, ...args);
      new DataView(to.buffer).setInt32(0, errnoOfLibc, true);
      errnoOfLibc = 0;
    };
    return { symbols: functions, close: () => opened.close() };
  };

  const replace = (): void => {
    for (const name of BY_PATH) {
      deno[name] = (path: unknown, ...args: unknown[]) => {
        check(name, String(path));
        const others = name === "renameSync" || name === "linkSync" ? args.map(mapped) : args;
        const result = (real[name] as Callable)(mapped(path), ...others);
        if (name === "openSync") paths.set(result, String(path));
        return result;
      };
    }
    for (const name of BY_HANDLE) {
      handles[name] = function (this: object, ...args: unknown[]) {
        check(`handle ${name}`, paths.get(this) ?? "");
        return (realOfHandle[name] as Callable).apply(this, args);
      };
    }
    deno.dlopen = library;
    deno.Command = NoCommand as unknown as Callable;
  };
  const restore = (): void => {
    Object.assign(deno, real);
    Object.assign(handles, realOfHandle);
  };

  const on = <T>(action: () => T, given?: Fault): T => {
    operations = [];
    started = [];
    fault = given;
    replace();
    let isPending = false;
    try {
      const result = action();
      if (!(result instanceof Promise)) return result;
      isPending = true;
      return result.finally(restore) as T;
    } finally {
      if (!isPending) restore();
    }
  };
  return {
    root,
    on,
    get started() {
      return started;
    },
    async run(args, given) {
      operations = [];
      started = [];
      fault = given;
      let said = "";
      const sink = {
        layout: { style: PLAIN, width: 80 },
        isTerminal: false,
        write: (text: string) => void (said += text),
      };
      replace();
      try {
        const code = await main(args, () => ({ out: sink, err: sink }));
        return { code, said, operations, started };
      } finally {
        restore();
      }
    },
    get image() {
      return loaded.image;
    },
    set image(what) {
      keep("image", what);
    },
    get crashImage() {
      return loaded.crashImage;
    },
    set crashImage(what) {
      keep("crashImage", what);
    },
    [Symbol.dispose]: () => Deno.removeSync(root, { recursive: true }),
  };
}
