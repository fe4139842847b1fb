import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { findOneShot, type OneShotFiles, pendingOneShot, setOneShot, takeBackOneShot } from "../../src/app/one_shot.ts";
import { type OneShot, oneShotFile, variableBytes } from "../../src/entry/one_shot.ts";
import { EFIVARS } from "../../src/host/sources.ts";
import { DEBIAN, layoutFiles } from "../support/boot_layout.ts";
import { hostFacts } from "../support/host_facts.ts";
import { type FailingSystem, failingSystem, type Fault } from "../support/failing_system.ts";

const GRUB: OneShot = { loader: "GRUB", entry: "1>old", file: "/boot/grub/grubenv" };
const SDBOOT: OneShot = { loader: "systemd-boot", entry: "old.conf" };

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function block(values: string): Uint8Array {
  return new TextEncoder().encode(`# GRUB Environment Block\n${values}`.padEnd(1024, "#"));
}

function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}

/** Files in memory; `broken` is the message with which every write fails. */
function files(initial: { readonly [path: string]: Uint8Array }, broken?: string) {
  const content = new Map<string, Uint8Array>([[EFIVARS, new Uint8Array()], ...Object.entries(initial)]);
  const log: string[] = [];
  const write = (what: string, path: string, bytes?: Uint8Array): void => {
    log.push(what);
    if (broken !== undefined) throw new Error(broken);
    if (bytes === undefined) content.delete(path);
    else content.set(path, bytes);
  };
  const system: OneShotFiles = {
    read: (path) => content.get(path),
    overwrite: (path, bytes) => write("overwrite", path, bytes),
    setVariable: (path, bytes) => write("set", path, bytes),
    removeVariable: (path) => write("remove", path),
  };
  return { system, log, content };
}

function nothing(oneShot: OneShot): { readonly [path: string]: Uint8Array } {
  return oneShot === GRUB ? { "/boot/grub/grubenv": block("saved_entry=x\n") } : {};
}

function asked(oneShot: OneShot, entry: string): { readonly [path: string]: Uint8Array } {
  return { [oneShotFile(oneShot)]: oneShot === GRUB ? block(`next_entry=${entry}\n`) : variableBytes(entry) };
}

pure("an entry is asked for once, and taken back; other variables stay", () => {
  for (const oneShot of [GRUB, SDBOOT]) {
    const { system, log, content } = files(nothing(oneShot));
    const before = textOf(content.get(oneShotFile(oneShot)));
    assertEquals(setOneShot(oneShot, [], system), { kind: "ours" });
    assertEquals(pendingOneShot(oneShot, system), oneShot.entry);
    assertEquals(takeBackOneShot(oneShot, system), { kind: "taken-back" });
    assertEquals(textOf(content.get(oneShotFile(oneShot))), before);
    assertEquals(takeBackOneShot(oneShot, system), { kind: "not-there" });
    assertEquals(log, oneShot === GRUB ? ["overwrite", "overwrite"] : ["set", "remove"]);
  }
});

pure("the variable of systemd-boot is UTF-16 with a NUL after the attributes", () => {
  const { system, content } = files({});
  setOneShot(SDBOOT, [], system);
  const bytes = content.get(`${EFIVARS}/LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f`);
  assertEquals(bytes?.toHex(), "070000006f006c0064002e0063006f006e0066000000");
});

pure("what warmboot asked before is replaced, and what another asked is left alone", () => {
  for (const oneShot of [GRUB, SDBOOT]) {
    const ours = files(asked(oneShot, "older"));
    assertEquals(setOneShot(oneShot, [{ ...oneShot, entry: "older" }], ours.system), { kind: "ours" });
    assertEquals(pendingOneShot(oneShot, ours.system), oneShot.entry);

    const theirs = files(asked(oneShot, "theirs"));
    // That warmboot asked for it at another place says nothing of this one.
    const elsewhere: OneShot = { loader: "GRUB", entry: "theirs", file: "/efi/grubenv" };
    const refused = setOneShot(oneShot, [{ ...oneShot, entry: "older" }, elsewhere], theirs.system);
    assertEquals(refused.kind, "fallback-refused");
    assertStringIncludes(
      refused.kind === "fallback-refused" ? refused.message : "",
      `${oneShot.loader} is already asked to boot \`theirs\` once (${oneShotFile(oneShot)}), and not by warmboot`,
    );
    assertEquals(takeBackOneShot(oneShot, theirs.system), { kind: "not-there" });
    assertEquals(theirs.log, []);

    const same = files(asked(oneShot, oneShot.entry));
    assertEquals(setOneShot(oneShot, [], same.system), { kind: "theirs" });
    assertEquals(same.log, []);
  }
});

pure("a failure stops the reboot, or says how to take it back by hand", () => {
  const message = (oneShot: OneShot, initial: { readonly [path: string]: Uint8Array }, broken?: string): string => {
    const result = setOneShot(oneShot, [], files(initial, broken).system);
    return result.kind === "fallback-refused" ? result.message : result.kind;
  };
  assertEquals(message(GRUB, {}), "/boot/grub/grubenv does not exist");
  assertEquals(
    message(GRUB, { "/boot/grub/grubenv": new Uint8Array(1024) }),
    "/boot/grub/grubenv is not an environment block of GRUB",
  );
  assertEquals(message(GRUB, { "/boot/grub/grubenv": block(`a=${"x".repeat(990)}\n`) }), "/boot/grub/grubenv is full");
  assertEquals(
    message(GRUB, nothing(GRUB), "Read-only file system"),
    "Cannot ask GRUB to boot `1>old` once: /boot/grub/grubenv: Read-only file system",
  );
  // A disk that takes the bytes and forgets them.
  const { system } = files(nothing(GRUB));
  const forgetful = setOneShot(GRUB, [], { ...system, overwrite() {} });
  assertEquals(
    forgetful.kind === "fallback-refused" ? forgetful.message : forgetful.kind,
    "/boot/grub/grubenv does not have what was written to it",
  );

  const problem = (oneShot: OneShot, { system }: ReturnType<typeof files>): string => {
    const taken = takeBackOneShot(oneShot, system);
    return taken.kind === "failed" ? taken.problem : taken.kind;
  };
  assertEquals(
    problem(GRUB, files(asked(GRUB, GRUB.entry), "Input/output error")),
    "GRUB is perhaps still asked to boot `1>old` once: /boot/grub/grubenv: Input/output error. " +
      "Take it back: grub-editenv /boot/grub/grubenv unset next_entry",
  );
  const without = files({});
  without.content.delete(EFIVARS);
  assertEquals(
    problem(SDBOOT, without),
    "systemd-boot is perhaps still asked to boot `old.conf` once: this system has no access to EFI variables. " +
      "Take it back: bootctl set-oneshot ''",
  );
});

/** What setting and taking back say on a host of its own, where an operation may fail. */
async function live(on: FailingSystem, oneShot: OneShot, fault?: Omit<Fault, "turn" | "errno">): Promise<unknown> {
  const outcome = await on.on(
    () => Promise.resolve(setOneShot(oneShot, [])),
    fault === undefined ? undefined : { ...fault, turn: 0, errno: "EIO" },
  );
  return outcome.kind === "fallback-refused" ? outcome.message.replaceAll(on.root, "ROOT") : outcome.kind;
}

Deno.test("GRUB's block is overwritten in place and is on the disk before the reboot begins; else there is none", async () => {
  using on = failingSystem();
  const root = Deno.realPathSync(on.root);
  const file = join(root, "grubenv");
  const before = block("saved_entry=x\n");
  const grub: OneShot = { loader: "GRUB", entry: "old", file };
  Deno.writeFileSync(file, before);
  const { ino } = Deno.statSync(file);
  for (const name of ["handle writeSync", "handle syncSync"]) {
    assertEquals(
      await live(on, grub, { name, path: file }),
      "Cannot ask GRUB to boot `old` once: ROOT/grubenv: Input/output error",
      name,
    );
    Deno.writeFileSync(file, before);
  }
  assertEquals(await live(on, grub), "ours");
  const after = Deno.readFileSync(file);
  assertEquals([Deno.statSync(file).ino, after.length, pendingOneShot(grub)], [ino, 1024, "old"]);
  assertEquals(takeBackOneShot(grub), { kind: "taken-back" });
  assertEquals(Deno.readFileSync(file), before);
  // GRUB finds the blocks of the file, and may follow no link.
  Deno.renameSync(file, join(root, "moved"));
  Deno.symlinkSync("moved", file);
  assertEquals(
    await live(on, grub),
    "Cannot ask GRUB to boot `old` once: ROOT/grubenv: it is a symbolic link, which GRUB may not follow",
  );
  assertEquals(Deno.readFileSync(join(root, "moved")), before);
  Deno.removeSync(file);
  assertEquals(await live(on, grub), "ROOT/grubenv does not exist");
  // A link on the way is one as well.
  Deno.renameSync(join(root, "moved"), file);
  Deno.symlinkSync(".", join(root, "by-link"));
  const byLink = join(root, "by-link/grubenv");
  assertStringIncludes(String(await live(on, { ...grub, file: byLink })), "it is a symbolic link");
  assertStringIncludes(
    String(await live(on, grub, { name: "readFileSync", path: file })),
    "ROOT/grubenv: Input/output error",
  );
  assertEquals(Deno.readFileSync(file), before);
});

Deno.test("a block whose size changes meanwhile is left alone; what the system takes piece by piece is written whole", () => {
  const folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "warmboot-once-" }));
  const { realPathSync } = Deno;
  const { writeSync } = Deno.FsFile.prototype;
  try {
    const file = join(folder, "grubenv");
    const grub: OneShot = { loader: "GRUB", entry: "old", file };
    Deno.writeFileSync(file, block(""));
    Deno.FsFile.prototype.writeSync = function (bytes) {
      return writeSync.call(this, bytes.subarray(0, 20));
    };
    assertEquals([setOneShot(grub, []).kind, Deno.statSync(file).size], ["ours", 1024]);
    Deno.FsFile.prototype.writeSync = writeSync;
    Deno.realPathSync = (path) => {
      Deno.truncateSync(file, 2048);
      return realPathSync(path);
    };
    const changed = setOneShot({ ...grub, entry: "other" }, [grub]);
    assertStringIncludes(changed.kind === "fallback-refused" ? changed.message : changed.kind, "its size changed");
  } finally {
    Deno.realPathSync = realPathSync;
    Deno.FsFile.prototype.writeSync = writeSync;
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("a variable of systemd-boot is made mutable, set in one write, and removed", async () => {
  using on = failingSystem();
  const path = oneShotFile(SDBOOT);
  Deno.mkdirSync(join(on.root, EFIVARS), { recursive: true });
  const cannot = `Cannot ask systemd-boot to boot \`old.conf\` once: ${path}: `;
  assertEquals(await live(on, SDBOOT, { name: "libc open", path: "" }), `${cannot}FS_IOC_SETFLAGS: EIO`);
  assertEquals(
    await live(on, SDBOOT, { name: "handle writeSync", path }),
    `${cannot}Input/output error`,
  );
  assertEquals(await live(on, SDBOOT), "ours");
  assertEquals(Deno.readFileSync(join(on.root, path)), variableBytes("old.conf"));
  const immutable = { name: "libc open", path: "", turn: 0, errno: "EIO" } as const;
  const left = on.on(() => takeBackOneShot(SDBOOT), immutable);
  assertStringIncludes(left.kind === "failed" ? left.problem : left.kind, "FS_IOC_SETFLAGS: EIO");
  assertEquals(on.on(() => takeBackOneShot(SDBOOT)), { kind: "taken-back" });
  assertEquals(on.on(() => takeBackOneShot(SDBOOT)), { kind: "not-there" });
});

Deno.test("a variable is overwritten whole or not at all: not emptied first, and not written in pieces", () => {
  using on = failingSystem();
  const path = oneShotFile(SDBOOT);
  Deno.mkdirSync(join(on.root, EFIVARS), { recursive: true });
  Deno.writeFileSync(join(on.root, path), variableBytes("a longer name of another entry.conf"));
  const opened: unknown[] = [];
  const ours: OneShot = { ...SDBOOT, entry: "a longer name of another entry.conf" };
  const set = (most: number): unknown =>
    on.on(() => {
      const { openSync } = Deno;
      const { writeSync } = Deno.FsFile.prototype;
      Deno.openSync = (file, options) => {
        opened.push([file, options]);
        return openSync(file, options);
      };
      Deno.FsFile.prototype.writeSync = function (bytes) {
        return writeSync.call(this, bytes.subarray(0, most));
      };
      const outcome = setOneShot(SDBOOT, [ours]);
      return outcome.kind === "fallback-refused" ? outcome.message : outcome.kind;
    });
  assertStringIncludes(String(set(8)), `${path}: it was not written whole`);
  assertEquals(opened, [[path, { write: true, create: true, mode: 0o644 }]]);
});

Deno.test("this host's boot loader is asked for the kernel that runs, or says why it cannot be", () => {
  const release = "6.1.0-50-amd64";
  const cmdline = "root=UUID=5b1d6a0c-7f0e-4d52-9a47-3c9f0a3f6c11 ro quiet";
  using on = failingSystem(layoutFiles(DEBIAN, { "/boot/grub/grubenv": new TextDecoder().decode(block("")) }));
  const find = (of: string) => on.on(() => findOneShot(hostFacts({ release: of, cmdline })));
  const uuid = "5b1d6a0c-7f0e-4d52-9a47-3c9f0a3f6c11";
  assertEquals(find(release), {
    loader: "GRUB",
    entry: `gnulinux-advanced-${uuid}>gnulinux-${release}-advanced-${uuid}`,
    file: "/boot/grub/grubenv",
  });
  assertEquals(find("6.1.0-49-amd64"), {
    kind: "fallback-refused",
    message: "The boot loader cannot be asked to boot the running kernel once: " +
      "No entry of GRUB boots the running kernel, 6.1.0-49-amd64",
    hint: "Let one entry of the boot loader have the running kernel and its command line",
  });
});
