import { dirname } from "@std/path/posix";
import { reasonOf } from "../core/diagnostic.ts";
import { coldReboot } from "../entry/cold_reboot.ts";
import { changeGrubenv } from "../entry/grubenv.ts";
import { NEXT_ENTRY, type OneShot, oneShotFile, oneShotIn, variableBytes } from "../entry/one_shot.ts";
import type { HostFacts } from "../host/facts.ts";
import { errnoName } from "../syscall/errno.ts";
import { openLibc } from "../syscall/libc.ts";
import { liveBootFiles } from "./boot_files.ts";
import { writeBytes } from "./files/write_whole.ts";

/** The boot loader cannot be asked to boot the running kernel once: the reboot does not begin. */
export interface RefusedFallback {
  /** How it ended. */
  readonly kind: "fallback-refused";
  /** What is wrong. */
  readonly message: string;
  /** What to do. */
  readonly hint: string;
}

/** What writing a one-shot entry asks of the host. Tests inject both boot loaders' files. */
export interface OneShotFiles {
  /** The bytes of a file; undefined where it does not exist. Anything else is thrown. */
  read(path: string): Uint8Array | undefined;
  /** Overwrites a file in place, so that its blocks stay where they are, and has it on the disk. */
  overwrite(path: string, bytes: Uint8Array): void;
  /** Sets a variable of efivarfs. */
  setVariable(path: string, bytes: Uint8Array): void;
  /** Removes one. */
  removeVariable(path: string): void;
}

/** How this host's boot loader is asked to boot the running kernel once. */
export function findOneShot(facts: HostFacts): OneShot | RefusedFallback {
  const { once, impossible, hint } = coldReboot(liveBootFiles(), facts, { fallback: "running" });
  return once ?? refused(
    `The boot loader cannot be asked to boot the running kernel once: ${impossible ?? "it is not known"}`,
    hint ?? "Remove `fallback` from `guard`",
  );
}

/** What the boot loader is asked to boot once now; undefined: nothing. */
export function pendingOneShot(oneShot: OneShot, files: OneShotFiles = LIVE): string | undefined {
  const bytes = files.read(oneShotFile(oneShot));
  return bytes === undefined ? undefined : oneShotIn(oneShot, bytes);
}

/**
 * Asks the boot loader to boot an entry once; on the disk when this returns. `ours`: what warmboot asked before, which may be
 * replaced; what another asked is not. The outcome says whether it is ours, and so is to be taken back.
 */
export function setOneShot(
  oneShot: OneShot,
  ours: readonly OneShot[],
  files: OneShotFiles = LIVE,
): { readonly kind: "ours" | "theirs" } | RefusedFallback {
  const path = oneShotFile(oneShot);
  try {
    const pending = pendingOneShot(oneShot, files);
    const isOurs = pending === undefined || ours.some((each) => isSamePlace(each, oneShot) && each.entry === pending);
    if (!isOurs && pending === oneShot.entry) return { kind: "theirs" };
    if (!isOurs) {
      return refused(
        `${oneShot.loader} is already asked to boot \`${pending}\` once (${path}), and not by warmboot`,
        `Reboot into that first, or take it back: ${takeBackCommand(oneShot)}`,
      );
    }
    const problem = write(oneShot, oneShot.entry, files);
    if (problem !== undefined) return refused(problem, "Mend that, or remove `fallback` from `guard`");
    return pendingOneShot(oneShot, files) === oneShot.entry ? { kind: "ours" } : refused(
      `${path} does not have what was written to it`,
      "Look at the file system it is on",
    );
  } catch (error) {
    return refused(
      `Cannot ask ${oneShot.loader} to boot \`${oneShot.entry}\` once: ${path}: ${reasonOf(error)}`,
      "Mend that, or remove `fallback` from `guard`",
    );
  }
}

/** What became of a one-shot entry that is to be taken back. */
export type TakenBack =
  | { readonly kind: "taken-back" }
  /** The boot loader has used it, or another asked for something else since. */
  | { readonly kind: "not-there" }
  /** A whole sentence. */
  | { readonly kind: "failed"; readonly problem: string };

/** Takes back what warmboot asked of the boot loader, if that is still what it is asked. */
export function takeBackOneShot(oneShot: OneShot, files: OneShotFiles = LIVE): TakenBack {
  const path = oneShotFile(oneShot);
  const failed = (why: string): TakenBack => ({
    kind: "failed",
    problem: `${oneShot.loader} is perhaps still asked to boot \`${oneShot.entry}\` once: ${why}. ` +
      `Take it back: ${takeBackCommand(oneShot)}`,
  });
  try {
    if (pendingOneShot(oneShot, files) !== oneShot.entry) {
      const isReachable = oneShot.file !== undefined || files.read(dirname(path)) !== undefined;
      return isReachable ? { kind: "not-there" } : failed("this system has no access to EFI variables");
    }
    const problem = write(oneShot, undefined, files);
    return problem === undefined ? { kind: "taken-back" } : failed(problem);
  } catch (error) {
    return failed(`${path}: ${reasonOf(error)}`);
  }
}

/** Takes back what the boot loader was asked for an attempt, if anything; a problem in words. */
export function withdraw({ oneShot }: { readonly oneShot?: OneShot }): string | undefined {
  const taken = oneShot === undefined ? undefined : takeBackOneShot(oneShot);
  return taken?.kind === "failed" ? taken.problem : undefined;
}

/** Writes or removes it; a problem is a sentence. */
function write(oneShot: OneShot, entry: string | undefined, files: OneShotFiles): string | undefined {
  const path = oneShotFile(oneShot);
  if (oneShot.loader === "systemd-boot") {
    if (entry === undefined) files.removeVariable(path);
    else files.setVariable(path, variableBytes(entry));
    return undefined;
  }
  const block = files.read(path);
  if (block === undefined) return `${path} does not exist`;
  const changed = changeGrubenv(block, NEXT_ENTRY, entry);
  switch (changed.kind) {
    case "block":
      files.overwrite(path, changed.bytes);
      return undefined;
    case "full":
      return `${path} is full`;
    case "not-a-block":
      return `${path} is not an environment block of GRUB`;
  }
}

function takeBackCommand({ loader, file }: OneShot): string {
  return loader === "GRUB" ? `grub-editenv ${file} unset ${NEXT_ENTRY}` : "bootctl set-oneshot ''";
}

function isSamePlace(a: OneShot, b: OneShot): boolean {
  return a.loader === b.loader && a.file === b.file;
}

function refused(message: string, hint: string): RefusedFallback {
  return { kind: "fallback-refused", message, hint };
}

const LIVE: OneShotFiles = {
  read(path) {
    try {
      // A folder of efivarfs answers whether there is any.
      return Deno.statSync(path).isDirectory ? new Uint8Array() : Deno.readFileSync(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  },
  overwrite(path, bytes) {
    if (Deno.realPathSync(path) !== path) throw new Error("it is a symbolic link, which GRUB may not follow");
    using file = Deno.openSync(path, { write: true });
    if (file.statSync().size !== bytes.length) throw new Error("its size changed");
    writeBytes(file, bytes);
    file.syncSync();
  },
  setVariable(path, bytes) {
    makeMutable(path);
    using file = Deno.openSync(path, { write: true, create: true, mode: 0o644 });
    // efivarfs takes a variable in one write.
    if (file.writeSync(bytes) !== bytes.length) throw new Error("it was not written whole");
  },
  removeVariable(path) {
    makeMutable(path);
    Deno.removeSync(path);
  },
};

/** efivarfs has most variables immutable, so that none is removed by accident (Documentation/filesystems/efivarfs.rst). */
function makeMutable(path: string): void {
  using libc = openLibc();
  const result = libc.setMutable(path);
  if (!result.ok && errnoName(result.errno) !== "ENOENT") {
    throw new Error(`FS_IOC_SETFLAGS: ${errnoName(result.errno)}`);
  }
}
