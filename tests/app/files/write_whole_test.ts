import { assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import {
  type FileOperations,
  isSameFile,
  isTaken,
  removeUnfinished,
  replaceFile,
  WriteError,
  writeNew,
  writePart,
  writeWhole,
} from "../../../src/app/files/write_whole.ts";
import { inOwnProcess } from "../../support/own_process.ts";

const folder = Deno.makeTempDirSync({ prefix: "warmboot-write-" });
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const at = (name: string): string => join(folder, name);

Deno.test("a file that is written over keeps its mode", () => {
  Deno.writeTextFileSync(at("private.json"), "old");
  Deno.chmodSync(at("private.json"), 0o600);
  writeWhole(at("private.json"), "new");
  assertEquals(Deno.readTextFileSync(at("private.json")), "new");
  assertEquals((Deno.statSync(at("private.json")).mode ?? 0) & 0o777, 0o600);
});

Deno.test("a symbolic link stays, and its target is written, there or not", () => {
  Deno.writeTextFileSync(at("target.json"), "old");
  for (const target of ["target.json", "not-yet.json"]) {
    Deno.symlinkSync(target, at(`to-${target}`));
    writeWhole(at(`to-${target}`), "new");
    assertEquals(Deno.readTextFileSync(at(target)), "new");
    assertEquals(Deno.lstatSync(at(`to-${target}`)).isSymlink, true);
  }
});

Deno.test("what is no regular file is written through", async () => {
  const fifo = at("fifo");
  new Deno.Command("mkfifo", { args: [fifo] }).outputSync();
  const reader = new Deno.Command("cat", { args: [fifo], stdout: "piped" }).spawn();
  writeWhole(fifo, "through");
  assertEquals(new TextDecoder().decode((await reader.output()).stdout), "through");
  assertEquals(Deno.lstatSync(fifo).isFifo, true);
  writeWhole("/dev/null", "through");
  assertEquals(Deno.lstatSync("/dev/null").isCharDevice, true);
});

Deno.test("what cannot be written is an error, and leaves nothing behind", () => {
  for (const path of ["/dev/full", folder, at("no/such/folder.json")]) {
    assertThrows(() => writeWhole(path, "text"), WriteError, `Cannot write ${path}`);
  }
  assertEquals([...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".new")), []);
});

Deno.test("one file is known by another name", () => {
  Deno.writeTextFileSync(at("a"), "");
  Deno.linkSync(at("a"), at("b"));
  Deno.symlinkSync("b", at("c"));
  Deno.writeTextFileSync(at("d"), "");
  assertEquals(["b", "c", "d", "none"].map((name) => isSameFile(at("a"), at(name))), [true, true, false, false]);
  // Two file systems have an inode 1 each.
  assertEquals([Deno.statSync("/proc").ino, Deno.statSync("/sys").ino, isSameFile("/proc", "/sys")], [1, 1, false]);
});

/** A file system that logs what it was asked, and fails at one operation. */
function logged(failAt?: string): FileOperations & { readonly log: string[] } {
  const log: string[] = [];
  const note = (name: string, ...args: readonly unknown[]): void => {
    log.push([name, ...args].join(" ").replaceAll(String(Deno.pid), "PID"));
    if (name === failAt) throw new Error(`no ${name}`);
  };
  return {
    log,
    create: (path, mode) => {
      note("create", path, mode?.toString(8) ?? "-");
      return {
        // Two bytes at a time: one write need not take all.
        writeSync: (
          bytes,
        ) => (note("write", new TextDecoder().decode(bytes.subarray(0, 2))), Math.min(2, bytes.length)),
        syncSync: () => note("sync"),
        close: () => note("close"),
      };
    },
    rename: (from, to) => note("rename", from, to),
    link: (from, to) => note("link", from, to),
    remove: (path) => note("remove", path),
    syncFolder: (path) => note("sync-folder", path),
  };
}

const BESIDE = "/etc/w/.warmboot-PID.new";

Deno.test("a file is replaced once its bytes are on the disk, and then the folder is synchronised", () => {
  const system = logged();
  replaceFile("/etc/w/p.yaml", "abc", 0o100640, system);
  assertEquals(system.log, [
    `create ${BESIDE} 640`,
    "write ab",
    "write c",
    "sync",
    "close",
    `rename ${BESIDE} /etc/w/p.yaml`,
    "sync-folder /etc/w",
  ]);
});

Deno.test("whatever fails, nothing is renamed before the bytes are on the disk, and nothing is left behind", () => {
  for (const failAt of ["create", "write", "sync", "rename"]) {
    const system = logged(failAt);
    assertThrows(() => replaceFile("/etc/w/p.yaml", "abc", undefined, system), Error, `no ${failAt}`);
    assertEquals(system.log.some((line) => line.startsWith("rename")), failAt === "rename", failAt);
    assertEquals(system.log.at(-1), failAt === "create" ? `create ${BESIDE} -` : `remove ${BESIDE}`);
  }
});

Deno.test("a new file gets its name once its bytes are on the disk, and takes no other's", () => {
  const system = logged();
  assertEquals(writeNew("/etc/w/p.yaml", "ab", system), "written");
  assertEquals(system.log, [
    `create ${BESIDE} 600`,
    "write ab",
    "sync",
    "close",
    `link ${BESIDE} /etc/w/p.yaml`,
    `remove ${BESIDE}`,
    "sync-folder /etc/w",
  ]);
  assertEquals(writeNew(at("new.yaml"), "first"), "written");
  assertEquals(writeNew(at("new.yaml"), "second"), "exists");
  assertEquals(Deno.readTextFileSync(at("new.yaml")), "first");
  assertEquals(Deno.statSync(at("new.yaml")).nlink, 1);
  // Taken between the look and the link.
  const raced = {
    ...logged(),
    link: () => {
      throw new Deno.errors.AlreadyExists("taken");
    },
  };
  assertEquals(writeNew("/etc/w/p.yaml", "ab", raced), "exists");
  assertEquals(raced.log.filter((line) => /^(rename|remove)/.test(line)), [`remove ${BESIDE}`]);
  // A file system without links.
  const fat = logged("link");
  assertEquals(writeNew("/etc/w/p.yaml", "ab", fat), "written");
  assertEquals(fat.log.slice(-2), [`rename ${BESIDE} /etc/w/p.yaml`, "sync-folder /etc/w"]);
});

Deno.test("a copied part gets its name once its bytes are on the disk, and takes no other's", () => {
  const source = {
    read: (offset: number, length: number) => new TextEncoder().encode("abcdef").slice(offset, offset + length),
  };
  const path = at("part.initrd");
  const beside = at(".warmboot-PID.new");
  const system = logged();
  writePart(path, source, { offset: 1, size: 3 }, system);
  assertEquals(system.log, [
    `create ${beside} 600`,
    "write bc",
    "write d",
    "sync",
    "close",
    `link ${beside} ${path}`,
    `remove ${beside}`,
    `sync-folder ${folder}`,
  ]);
  for (const failAt of ["write", "sync"]) {
    const failing = logged(failAt);
    assertThrows(() => writePart(path, source, { offset: 0, size: 3 }, failing), WriteError, `no ${failAt}`);
    assertEquals(failing.log.at(-1), `remove ${beside}`);
  }
  assertThrows(() => writePart(path, source, { offset: 4, size: 3 }, logged()), WriteError, "ends too early");
  writePart(path, source, { offset: 0, size: 2 });
  assertThrows(() => writePart(path, source, { offset: 0, size: 3 }), WriteError, "it exists");
  assertEquals([Deno.readTextFileSync(path), Deno.statSync(path).nlink], ["ab", 1]);
});

/** Writes a file under a umask. */
async function writeUnder(umask: number, path: string, text: string, mode?: number): Promise<void> {
  const values = [path, text, ...(mode === undefined ? [] : [mode])].map((value) => JSON.stringify(value)).join(", ");
  const program = `Deno.umask(${umask}); writeWhole(${values});`;
  assertEquals(await inOwnProcess({ "src/app/files/write_whole.ts": "writeWhole" }, program), "");
}

Deno.test("a private file is private before its first byte", async () => {
  Deno.writeTextFileSync(at("secret"), "old");
  Deno.chmodSync(at("secret"), 0o600);
  await writeUnder(0, at("secret"), "new");
  assertEquals(Deno.readTextFileSync(at("secret")), "new");
  assertEquals((Deno.statSync(at("secret")).mode ?? 0) & 0o777, 0o600);
});

Deno.test("a new file has the mode that is asked for, whatever the umask; profiles and extracted files are private", async () => {
  await writeUnder(0o077, at("program"), "#", 0o755);
  writeNew(at("profile"), "version: 1\n");
  writePart(at("initrd"), { read: (_, length) => new Uint8Array(length) }, { offset: 0, size: 3 });
  const modes = ["program", "profile", "initrd"].map((name) => (Deno.statSync(at(name)).mode ?? 0) & 0o777);
  assertEquals(modes, [0o755, 0o600, 0o600]);
});

Deno.test("what a killed process was writing is removed; what a living one writes, and files of others, stay", () => {
  const left = Deno.makeTempDirSync({ dir: folder });
  // Above the largest number that Linux gives to a process.
  const names = [".warmboot-4194305.new", `.warmboot-${Deno.pid}.new`, ".warmboot-x.new", "web.yaml"];
  for (const name of names) Deno.writeTextFileSync(join(left, name), "");
  const folders = [".warmboot-4194306.new"];
  for (const name of folders) Deno.mkdirSync(join(left, name));
  removeUnfinished(left);
  const rest = [...names.slice(1), ...folders];
  assertEquals([...Deno.readDirSync(left)].map(({ name }) => name).toSorted(), rest.toSorted());
});

/** Puts something in place of functions for as long as an action takes. */
function withChanged<Of extends object>(of: Of, changed: Partial<Of>, action: () => void): void {
  const before = Object.fromEntries(Object.keys(changed).map((name) => [name, Reflect.get(of, name)]));
  try {
    Object.assign(of, changed);
    action();
  } finally {
    Object.assign(of, before);
  }
}

Deno.test("the mode that is asked for comes before that of the file, with its special bits, and nobody else's before", () => {
  Deno.writeTextFileSync(at("mode"), "old", { mode: 0o600 });
  writeWhole(at("mode"), "new", 0o755);
  assertEquals((Deno.statSync(at("mode")).mode ?? 0) & 0o777, 0o755);
  const system = logged();
  replaceFile("/etc/w/p", "", 0o104750, system);
  assertEquals(system.log[0], `create ${BESIDE} 4750`);
  const modes: unknown[] = [];
  const { openSync } = Deno;
  withChanged(Deno, {
    openSync: (path, options) => {
      if (options?.createNew === true) modes.push(options.mode);
      return openSync(path, options);
    },
  }, () => {
    writeWhole(at("mode"), "newer", 0o755);
    writeWhole(at("of-umask"), "new");
  });
  assertEquals(modes, [0o600, 0o666]);
});

Deno.test("a file that cannot get its mode is not left behind", () => {
  withChanged(Deno, {
    chmodSync: () => {
      throw new Deno.errors.NotSupported("no modes");
    },
  }, () => assertThrows(() => writeWhole(at("modeless"), "text", 0o600), WriteError, "no modes"));
  assertEquals([isTaken(at("modeless")), isTaken(at(`.warmboot-${Deno.pid}.new`))], [false, false]);
});

Deno.test("a link that waits under the name of the new file is not followed, and stays", () => {
  const beside = at(`.warmboot-${Deno.pid}.new`);
  Deno.writeTextFileSync(at("victim"), "old");
  Deno.symlinkSync("victim", beside);
  assertThrows(() => writeWhole(at("planted"), "new"), WriteError);
  assertEquals([Deno.readTextFileSync(at("victim")), Deno.readLinkSync(beside)], ["old", "victim"]);
  Deno.removeSync(beside);
});

Deno.test("a folder that has nothing to synchronise is no error; one whose disk fails is", () => {
  const { syncSync } = Deno.FsFile.prototype;
  const written = (code: string) => {
    let result = "";
    withChanged(Deno.FsFile.prototype, {
      syncSync(this: Deno.FsFile) {
        if (this.statSync().isDirectory) throw Object.assign(new Error(code), { code });
        syncSync.call(this);
      },
    }, () => {
      try {
        writeWhole(at("synced"), code);
        result = Deno.readTextFileSync(at("synced"));
      } catch (error) {
        result = error instanceof WriteError ? "failed" : "defect";
      }
    });
    return result;
  };
  assertEquals(["EINVAL", "EIO", "ENOSPC"].map(written), ["EINVAL", "failed", "failed"]);
});

Deno.test("standard output that is a file is appended to", async () => {
  const module = import.meta.resolve("../../../src/app/files/write_whole.ts");
  const script = `import { writeWhole } from "${module}"; writeWhole("/dev/stdout", "second");`;
  using output = Deno.openSync(at("output"), { write: true, create: true });
  const { success, stderr } = await new Deno.Command("sh", {
    args: ["-c", 'printf "first " > "$1"; "$2" eval "$3" >> "$1"', "sh", at("output"), Deno.execPath(), script],
    cwd: join(import.meta.dirname ?? ".", "../../.."),
  }).output();
  assertEquals(success, true, new TextDecoder().decode(stderr));
  assertEquals([Deno.readTextFileSync(at("output")), output.statSync().size], ["first second", 12]);
});

Deno.test("a name that is taken is left alone before anything is written, by a dangling link and meanwhile too", () => {
  Deno.symlinkSync("nowhere", at("dangling"));
  assertEquals([isTaken(at("dangling")), isTaken(at("never"))], [true, false]);
  const system = logged();
  assertEquals([writeNew(at("dangling"), "text", system), system.log], ["exists", []]);
  // A file system without links, on which another program was faster.
  const raced = {
    ...logged(),
    link: (_: string, to: string) => {
      Deno.writeTextFileSync(to, "theirs");
      throw new Error("no links");
    },
  };
  assertEquals(writeNew(at("raced"), "ours", raced), "exists");
  assertEquals(raced.log.filter((line) => line.startsWith("rename")), []);
});

Deno.test({
  name: "without the permission to look, nothing says whether a name is taken",
  permissions: "none",
  fn: () => void assertThrows(() => isTaken("/etc"), Deno.errors.NotCapable),
});

Deno.test("a part of any size is copied from where it begins, into a folder that is made", () => {
  const size = (1 << 20) + 3;
  const content = new Uint8Array(size + 7).map((_, index) => index % 251);
  const read = (offset: number, length: number) => content.subarray(offset, offset + length);
  writePart(at("made/for/part"), { read }, { offset: 7, size });
  assertEquals(Deno.readFileSync(at("made/for/part")), content.subarray(7));
});
