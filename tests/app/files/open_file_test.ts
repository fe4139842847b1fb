import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import {
  closeFile,
  descriptorOf,
  hashFile,
  hashPart,
  hashPieces,
  hashWithParts,
  isOfPath,
  isUnchanged,
  type OpenFile,
  openFile,
  openProblem,
  ReadError,
  readInto,
} from "../../../src/app/files/open_file.ts";
import { peFile } from "../../image/build.ts";
import { openBelow } from "../../support/descriptors.ts";

/** Runs with a directory of these files, which then goes away. */
async function inDirectory(
  files: { readonly [name: string]: string | Uint8Array },
  run: (directory: string) => void | Promise<void>,
): Promise<void> {
  const directory = Deno.makeTempDirSync({ prefix: "warmboot-files-" });
  try {
    for (const [name, content] of Object.entries(files)) {
      Deno.writeFileSync(
        `${directory}/${name}`,
        typeof content === "string" ? new TextEncoder().encode(content) : content,
      );
    }
    await run(directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

function opened(path: string): OpenFile {
  const { value, diagnostics } = openFile(path);
  assertEquals(diagnostics, []);
  assert(value !== undefined);
  return value;
}

/** The one complaint of a file that does not open, with `...` for the directory. */
function refusal(
  directory: string,
  name: string,
): readonly [string | undefined, string | undefined, string | undefined] {
  const { value, diagnostics } = openFile(`${directory}/${name}`);
  assertEquals([value, diagnostics.length], [undefined, 1]);
  const short = (text: string | undefined) => text?.replaceAll(directory, "...");
  return [diagnostics[0]?.code, short(diagnostics[0]?.message), short(diagnostics[0]?.hint)];
}

Deno.test("a file is read at positions, through a descriptor of the process itself", async () => {
  await inDirectory({ kernel: "0123456789" }, (directory) => {
    const file = opened(`${directory}/kernel`);
    const text = (offset: number, length: number) => new TextDecoder().decode(file.read(offset, length));
    assertEquals([file.size, text(3, 4), text(8, 9), text(20, 1)], [10, "3456", "89", ""]);
    assertEquals(Deno.readLinkSync(`/proc/self/fd/${descriptorOf(file)}`), `${directory}/kernel`);
    const info = Deno.readTextFileSync(`/proc/self/fdinfo/${descriptorOf(file)}`);
    assertMatch(info, /^pos:\t0$/m);
    const flags = parseInt(/^flags:\t(\d+)$/m.exec(info)?.[1] ?? "", 8);
    assertEquals([flags & 0o3, flags & 0o2000000], [0, 0o2000000], "read-only, close-on-exec");
    closeFile(file);
  });
});

Deno.test("the descriptor is the one that was opened, whoever else in the process has the same file open", async () => {
  await inDirectory({ kernel: "0123456789" }, (directory) => {
    using writer = Deno.openSync(`${directory}/kernel`, { append: true });
    const file = opened(`${directory}/kernel`);
    using reader = Deno.openSync(`${directory}/kernel`);
    writer.seekSync(3, Deno.SeekMode.Start);
    reader.seekSync(3, Deno.SeekMode.Start);
    file.read(0, 3);
    const info = Deno.readTextFileSync(`/proc/self/fdinfo/${descriptorOf(file)}`);
    assertMatch(info, /^pos:\t0$/m);
    assertMatch(info, /^flags:\t0?2[0-7]*0$/m);
    closeFile(file);
  });
});

Deno.test("the digest is that of the whole file, whatever its size", async () => {
  for (const size of [0, 1, 700_001, (20 << 20) + 1, (64 << 20) + 5]) {
    const content = new Uint8Array(size).fill(7, 0, 1000);
    const expected = new Uint8Array(await crypto.subtle.digest("SHA-256", content)).toHex();
    await inDirectory({ image: content }, async (directory) => {
      const file = opened(`${directory}/image`);
      const steps: (readonly [number, number])[] = [];
      assertEquals(await hashFile(file, (done, total) => steps.push([done, total])), expected);
      // However the digest is made, what takes long is the reading.
      assertEquals(steps.at(-1), size === 0 ? undefined : [size, size]);
      assertEquals(steps.length, Math.ceil(size / (256 * 1024)));
      assert(steps.every(([done], index) => index === 0 || done > (steps[index - 1]?.[0] ?? 0)));
      closeFile(file);
    });
  }
});

Deno.test("a file that is written to or truncated has changed, one that is only read has not", async () => {
  const changes: readonly ((path: string) => void)[] = [
    (path) => Deno.writeTextFileSync(path, "more", { append: true }),
    (path) => Deno.truncateSync(path, 1),
    (path) => Deno.utimeSync(path, 1, 1),
  ];
  for (const change of changes) {
    await inDirectory({ image: "content" }, async (directory) => {
      const file = opened(`${directory}/image`);
      await hashFile(file);
      assertEquals(isUnchanged(file), true);
      change(`${directory}/image`);
      assertEquals(isUnchanged(file), false);
      closeFile(file);
    });
  }
});

Deno.test("a file that takes the name later is not the one that was opened", async () => {
  await inDirectory({ image: "old", next: "new" }, async (directory) => {
    const file = opened(`${directory}/image`);
    const before = await hashFile(file);
    Deno.renameSync(`${directory}/next`, `${directory}/image`);
    assertEquals(await hashFile(file), before);
    closeFile(file);
  });
});

Deno.test("a missing file is named with what stands there instead", async () => {
  await inDirectory({
    "vmlinuz-6.1.0-9-amd64": "",
    "vmlinuz-6.1.0-10-amd64": "",
    "initrd.img": "",
    "config-6.1.0-10-amd64": "",
  }, (directory) => {
    const hint = (name: string) => refusal(directory, name)[2];
    assertEquals(refusal(directory, "vmlinuz")[1], ".../vmlinuz does not exist");
    assertEquals(hint("vmlinuz"), "The newest one there is `vmlinuz-6.1.0-10-amd64`");
    assertEquals(
      hint("vmlinuz-6.1.0-8-amd64"),
      "Did you mean `vmlinuz-6.1.0-9-amd64`, or the newest one, `vmlinuz-6.1.0-10-amd64`?",
    );
    assertEquals(hint("initrd.ing"), "Did you mean `initrd.img`?");
    assertEquals(hint("rootfs"), undefined);
    assertEquals(hint("gone/deep/vmlinuz"), "The directory .../gone does not exist");
    assertEquals(refusal(directory, "initrd.img/x"), [
      "file-missing",
      ".../initrd.img/x does not exist",
      ".../initrd.img is not a directory",
    ]);
  });
});

Deno.test("a link to nothing is told from a missing file", async () => {
  await inDirectory({ "vmlinuz-6.2": "" }, (directory) => {
    Deno.symlinkSync("vmlinuz-6.1", `${directory}/vmlinuz`);
    assertEquals(refusal(directory, "vmlinuz"), [
      "file-missing",
      ".../vmlinuz is a symbolic link to vmlinuz-6.1, which does not exist",
      "The newest one there is `vmlinuz-6.2`",
    ]);
    Deno.symlinkSync("loop", `${directory}/loop`);
    assertEquals(refusal(directory, "loop").slice(0, 2), [
      "file-unreadable",
      "Cannot open .../loop: its symbolic links form a loop",
    ]);
  });
});

Deno.test("a link to a file is that file", async () => {
  await inDirectory({ image: "content" }, (directory) => {
    Deno.symlinkSync("image", `${directory}/link`);
    const file = opened(`${directory}/link`);
    assertEquals([file.path, file.size], [`${directory}/link`, 7]);
    closeFile(file);
  });
});

Deno.test("what is no regular file is refused without waiting for it, and without leaving it open", async () => {
  await inDirectory({}, (directory) => {
    new Deno.Command("mkfifo", { args: [`${directory}/fifo`] }).outputSync();
    assertEquals(refusal(directory, "fifo").slice(0, 2), ["file-unreadable", ".../fifo is a FIFO"]);
    assertEquals(refusal(directory, "").slice(0, 2), ["file-unreadable", ".../ is a directory"]);
    assertEquals(refusal("/dev", "null").slice(0, 2), ["file-unreadable", ".../null is a character device"]);
    assertEquals(openBelow(directory), []);
  });
});

Deno.test({
  name: "a file that the runtime withholds is refused with the permission to give",
  permissions: "none",
  fn() {
    const [code, , hint] = refusal("/etc", "hostname");
    assertEquals([code, hint], ["file-not-capable", "Run it with --allow-read, or with -A"]);
  },
});

Deno.test("a name that no file can have is refused", () => {
  assertEquals(refusal("/tmp", "a\0b")[0], "file-unreadable");
});

Deno.test("a file larger than any kernel is refused before it is read", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const path = `${folder}/sparse`;
    Deno.createSync(path).close();
    Deno.truncateSync(path, 2 ** 40);
    const { value, diagnostics } = openFile(path);
    assertEquals(value, undefined);
    assertEquals(diagnostics.map(({ code, message }) => [code, message]), [
      ["too-large", `${path} has 1 TiB, more than any kernel or initrd`],
    ]);
    assertEquals(openFile("/proc/kcore").value, undefined);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("a file that cannot be read is an error with its name", async () => {
  // Address 0 is not mapped: reading there is EIO.
  const { value: file } = openFile("/proc/self/mem");
  if (file === undefined) throw new Error("Cannot open /proc/self/mem");
  try {
    await assertRejects(() => hashPart(file, 0, 100), ReadError, "Cannot read /proc/self/mem: ");
  } finally {
    closeFile(file);
  }
});

Deno.test("a file is another one if any part of its identity is: device, inode, size, mtime or ctime", () => {
  const path = Deno.makeTempFileSync();
  Deno.writeTextFileSync(path, "text");
  const { value: file } = openFile(path);
  assert(file !== undefined);
  try {
    assertEquals(isUnchanged(file), true);
    for (const field of ["dev", "ino", "size", "mtime", "ctime"] as const) {
      const identity = { ...file.identity, [field]: Number(file.identity[field]) - 1 };
      assertEquals(isUnchanged({ ...file, identity }), false, field);
    }
  } finally {
    closeFile(file);
    Deno.removeSync(path);
  }
});

Deno.test("a file in a folder of everyone's is opened without waiting, and only once", async () => {
  await inDirectory({ a: "bytes" }, (directory) => {
    Deno.chmodSync(directory, 0o777);
    const file = opened(`${directory}/a`);
    assertEquals([new TextDecoder().decode(file.read(0, 9)), openBelow(directory)], ["bytes", [`${directory}/a`]]);
    closeFile(file);
    assertEquals(openBelow(directory), []);
  });
});

Deno.test("a part is read and hashed within its bounds, and one that ends beyond its file is none", async () => {
  // Each section is larger than what is read at once, and the kernel larger than what is hashed in one piece.
  const [kernel, initrd] = [new Uint8Array((5 << 20) + 3).fill(1), new Uint8Array(300_001).fill(2)];
  const image = peFile({ sections: [{ name: ".linux", bytes: kernel }, { name: ".initrd", bytes: initrd }] });
  await inDirectory({ "a.efi": image, "cut.efi": image.subarray(0, -10_000) }, async (directory) => {
    for (const [name, bytes] of [[".linux", kernel], [".initrd", initrd]] as const) {
      const part = opened(`${directory}/a.efi/${name}`);
      const start = part.start ?? 0;
      assertEquals([part.size, image[start], part.read(bytes.length - 2, 9).length], [bytes.length, bytes[0], 2]);
      assertEquals([part.read(bytes.length + 1, 9).length, part.read(0, 1)[0]], [0, bytes[0]]);
      assertEquals(await hashFile(part), await sha256(bytes));
      assertEquals(await hashPart(part, 1, 1000), await sha256(bytes.subarray(1, 1001)));
      const into = new Uint8Array(4);
      assertEquals([readInto(part, into), into[0]], [4, bytes[0]]);
      const pieces = [{ at: 2, size: 10 }, { at: 0, size: 280_000 }];
      const joined = new Uint8Array([...bytes.subarray(2, 12), ...bytes.subarray(0, 280_000)]);
      assertEquals(await hashPieces(part, pieces), await sha256(joined));
      assertEquals(await hashPieces(part, [{ at: 5, size: 7 }]), await sha256(bytes.subarray(5, 12)));
      const places = [{ offset: 0, size: 3 }, { offset: bytes.length - 1, size: 1 }, { offset: 262_140, size: 10 }];
      const { whole, parts } = await hashWithParts(part, places);
      const expected = await Promise.all(
        places.map(({ offset, size }) => sha256(bytes.subarray(offset, offset + size))),
      );
      assertEquals([whole, parts], [await sha256(bytes), expected]);
      closeFile(part);
    }
    assertEquals(openFile(`${directory}/cut.efi/.initrd`).diagnostics.map(({ code }) => code), ["file-missing"]);
    assertEquals(openFile(`${directory}/a.efi/.none`).diagnostics.map(({ code }) => code), ["file-missing"]);
    assertEquals(openBelow(directory), []);
  });
});

/** What Web Crypto says of bytes. */
async function sha256(bytes: Uint8Array): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes.slice())).toHex();
}

Deno.test("what the system says of a path is told as what it is about: the path, the user, or the disk", () => {
  const code = (errno: string) => openProblem("/nowhere/a", Object.assign(new Error(errno), { code: errno })).code;
  const codes = ["ENOENT", "ENOTDIR", "EACCES", "ELOOP", "ENAMETOOLONG", "EISDIR", "EIO", "EMFILE"].map(code);
  assertEquals(codes, [
    ...["file-missing", "file-missing", "file-unreadable", "file-unreadable", "file-unreadable", "file-unreadable"],
    ...["file-io", "file-io"],
  ]);
  assertEquals(openProblem("/a", new Deno.errors.NotCapable("no")).code, "file-not-capable");
  const of = (errno: string) => isOfPath(Object.assign(new Error(errno), { code: errno }));
  assertEquals(
    ["ENOENT", "ENOTDIR", "EACCES", "EPERM", "ELOOP", "ENAMETOOLONG", "EINVAL"].map(of),
    Array(7).fill(true),
  );
  assertEquals(["EIO", "EMFILE", "ENFILE", "ENOMEM"].map(of), Array(4).fill(false));
  assertThrows(() => openProblem("/a", new TypeError("defect")), TypeError);
});

Deno.test("a read is as long as it was asked for, though the system gives less at a time, and within the file as it was", async () => {
  await inDirectory({ a: "0123456789" }, async (directory) => {
    const file = opened(`${directory}/a`);
    const { readSync } = file.handle;
    Object.defineProperty(file.handle, "readSync", {
      value: (into: Uint8Array) => readSync.call(file.handle, into.subarray(0, 3)),
    });
    const text = (offset: number, length: number) => new TextDecoder().decode(file.read(offset, length));
    assertEquals([text(0, 10), text(2, 5), text(8, 5), text(11, 5)], ["0123456789", "23456", "89", ""]);
    Deno.writeTextFileSync(`${directory}/a`, "more", { append: true });
    assertEquals(text(0, 99), "0123456789");
    // Its digest is that of now.
    assertEquals(await hashFile(file), await sha256(new TextEncoder().encode("0123456789more")));
    assertEquals(await hashPart(file, 2, 100), await sha256(new TextEncoder().encode("23456789more")));
    Deno.truncateSync(`${directory}/a`, 4);
    assertEquals(text(0, 99), "0123");
    closeFile(file);
  });
});

Deno.test("only what lies below a file can be a part of one", async () => {
  await inDirectory({ "a.itb": "not an image" }, (directory) => {
    Deno.mkdirSync(`${directory}/b.itb/images`, { recursive: true });
    const message = (name: string) => refusal(directory, name)[1];
    assertEquals(message("a.itb/images/kernel-1"), ".../a.itb has no image `kernel-1`");
    assertEquals(message("b.itb/images/kernel-1"), ".../b.itb/images/kernel-1 does not exist");
    assertEquals(message("c.itb/images/kernel-1"), ".../c.itb/images/kernel-1 does not exist");
  });
});

Deno.test("what others can replace is opened without waiting, and no terminal becomes this process's own", async () => {
  await inDirectory({ kernel: "0123456789" }, (directory) => {
    Deno.chmodSync(directory, 0o777);
    // deno-lint-ignore no-process-global
    const fs = process.getBuiltinModule("node:fs");
    const { openSync, constants } = fs;
    const flags: unknown[] = [];
    fs.openSync = (path, flag, mode) => {
      flags.push(flag);
      return openSync(path, flag, mode);
    };
    try {
      closeFile(opened(`${directory}/kernel`));
    } finally {
      fs.openSync = openSync;
    }
    assertEquals(flags, [constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY]);
  });
});
