import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { findFiles, isFolder } from "../../../src/app/files/find_files.ts";
import { closeFile, descriptorOf, openFile } from "../../../src/app/files/open_file.ts";
import { FACTS_LIMIT, PLAN_LIMIT, PROFILE_LIMIT, readWhole } from "../../../src/app/files/read_whole.ts";
import { isStdin, isStream } from "../../../src/app/files/stdio.ts";
import { withFiles } from "../../support/temp_files.ts";

const LIMIT = { what: "a thing", bytes: 150_000 };
const bytesOf = (size: number) => Uint8Array.from({ length: size }, (_, at) => at % 251);

Deno.test("a file is read whole up to the limit, and not at all beyond it", () => {
  const read = (size: number) =>
    withFiles({ a: bytesOf(size) }, (root) => {
      const { name, bytes, diagnostics } = readWhole(join(root, "a"), LIMIT);
      assertEquals(name, join(root, "a"));
      return { bytes, said: diagnostics.map(({ message }) => message.replace(root, "ROOT")), diagnostics };
    });
  for (const size of [0, 1, LIMIT.bytes]) assertEquals(read(size).bytes, bytesOf(size));
  const { bytes, said, diagnostics } = read(LIMIT.bytes + 1);
  assertEquals([bytes, said, diagnostics.map(({ code, severity, expected }) => [code, severity, expected])], [
    undefined,
    ["ROOT/a is larger than 146.5 KiB, the limit for a thing"],
    [["too-large", "error", "at most 146.5 KiB"]],
  ]);
  withFiles({}, (root) => {
    const gone = readWhole(join(root, "gone"), LIMIT);
    assertEquals([gone.name, gone.bytes, gone.diagnostics.map(({ code }) => code)], [join(root, "gone"), undefined, [
      "file-missing",
    ]]);
  });
});

Deno.test("a descriptor is read in parts, to its end and no further than the limit", () => {
  const read = (size: number) =>
    withFiles({ a: bytesOf(size) }, (root) => {
      const { value: file } = openFile(join(root, "a"));
      assert(file !== undefined);
      try {
        const descriptor = descriptorOf(file);
        const [proc, dev] = [`/proc/self/fd/${descriptor}`, `/dev/fd/${descriptor}`];
        const { name, bytes, diagnostics } = readWhole(proc, LIMIT);
        assertEquals(readWhole(dev, LIMIT).bytes, bytes);
        return [name, bytes, diagnostics.map(({ message }) => message.replace(proc, "FD"))];
      } finally {
        closeFile(file);
      }
    });
  for (const size of [0, 65536, 65537, LIMIT.bytes]) assertEquals(read(size), ["stdin", bytesOf(size), []]);
  for (const size of [LIMIT.bytes + 1, LIMIT.bytes + 70_000]) {
    assertEquals(read(size), ["stdin", undefined, ["FD is larger than 146.5 KiB, the limit for a thing"]]);
  }
  const closed = readWhole("/dev/fd/123456789", LIMIT);
  assertEquals([closed.name, closed.diagnostics.map(({ message }) => message)], ["stdin", [
    "/dev/fd/123456789 does not exist",
  ]]);
});

Deno.test("descriptors are streams, and one of them is standard input", () => {
  const paths = ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", "/dev/fd/3", "/proc/self/fd/12", "/dev/stdout"];
  assertEquals(paths.map((path) => [isStream(path), isStdin(path)]), [
    [false, true],
    [true, true],
    [true, true],
    [true, true],
    [true, false],
    [true, false],
    [true, false],
  ]);
  const others = ["/dev/fd/x", "/dev/fd/3/a", "/x/dev/fd/3", "/proc/1/fd/0", "/dev/stdinx", "", "fd/0"];
  assertEquals(others.map((path) => isStream(path) || isStdin(path)), others.map(() => false));
  assertEquals([PROFILE_LIMIT.bytes, PLAN_LIMIT.bytes, FACTS_LIMIT.bytes], [1 << 20, 16 << 20, 16 << 20]);
});

Deno.test("files are found below a folder by their names, sorted; hidden ones and links to folders are passed over", () => {
  const files = { "b.yaml": "", "a/z.yaml": "", "a.yaml": "", "c.txt": "", ".d.yaml": "", ".e/f.yaml": "" };
  withFiles(files, (root) => {
    Deno.symlinkSync(root, join(root, "loop.yaml"));
    Deno.symlinkSync(join(root, "c.txt"), join(root, "link.yaml"));
    Deno.symlinkSync(join(root, "gone"), join(root, "dangling.yaml"));
    const found = ["a/z.yaml", "a.yaml", "b.yaml", "dangling.yaml", "link.yaml"].map((name) => join(root, name));
    assertEquals(findFiles(root, /\.yaml$/), { files: found, diagnostics: [] });
    assertEquals(findFiles(`${root}/`, /^a\.yaml$/).files, [join(root, "a.yaml")]);
    assertEquals([isFolder(root), isFolder(join(root, "c.txt")), isFolder(join(root, "gone")), isFolder("/dev/fd/0")], [
      true,
      false,
      false,
      false,
    ]);
    const problems = (path: string) =>
      findFiles(path, /./).diagnostics.map(({ code, message }) => [code, message.replace(root, "ROOT")]);
    assertEquals(problems(join(root, "c.txt")), [["file-unreadable", "ROOT/c.txt is a file"]]);
    assertEquals(problems(join(root, "gone")), [["file-missing", "ROOT/gone does not exist"]]);
  });
});
