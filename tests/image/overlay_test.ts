import { assertEquals, assertMatch } from "@std/assert";
import { cpioArchive } from "../../src/formats/cpio_writer.ts";
import { memorySource } from "../../src/core/bytes.ts";
import { readInitrd } from "../../src/image/initrd_content.ts";
import { addToTree, followFolders, type InitrdTree, treeWriter } from "../../src/image/initrd_tree.ts";
import { cpioEntries, type OverlayEntry, overlaySize, placeOverlay } from "../../src/image/overlay.ts";

const NO_CODECS = { unpack: () => Promise.reject(new Error("nothing is packed")), [Symbol.dispose]() {} };

function file(path: string, more: Partial<OverlayEntry> = {}): OverlayEntry {
  return { kind: "file", path, mode: 0o644, size: 1, secret: false, origin: "profile", from: "text", ...more };
}

/** As an initrd of a distribution that has merged `/usr`. */
const MERGED = "init\nusr/\nusr/lib/\nlib\tusr/lib\netc/\nrun\t/var/run\nloop\tloop\nvar/\nname with\\ttab";

function tree(text = MERGED): InitrdTree {
  const made: InitrdTree = new Map();
  addToTree(made, text);
  return made;
}

const PLACES: readonly (readonly [entry: OverlayEntry, names: readonly string[], folders: readonly string[]])[] = [
  [file("/lib/a"), ["usr/lib/a"], []],
  [file("/lib/a/b"), ["usr/lib/a", "usr/lib/a/b"], ["/usr/lib/a"]],
  [file("/new/deep/x"), ["new", "new/deep", "new/deep/x"], ["/new", "/new/deep"]],
  [file("/run/x"), ["var/run", "var/run/x"], ["/var/run"]],
  [file("/lib"), ["lib"], []],
  [file("/etc/Grüße"), ["etc/Grüße"], []],
  [file("/lib", { kind: "folder" }), [], []],
  [file("/lib/c", { kind: "folder" }), ["usr/lib/c"], []],
  [file("/etc/l", { kind: "link", target: "../lib" }), ["etc/l"], []],
  [file("/init"), ["init"], []],
  [file("/n1/n2/n3", { kind: "folder" }), ["n1", "n1/n2", "n1/n2/n3"], ["/n1", "/n1/n2"]],
];

Deno.test({
  name: "a path leads through the links of the initrd, and only folders that it lacks are made",
  permissions: "none",
  fn() {
    for (const [entry, names, folders] of PLACES) {
      const placed = placeOverlay([entry], tree());
      assertEquals(placed.entries.map(({ name }) => name), names, entry.path);
      assertEquals(placed.folders, folders, entry.path);
      assertEquals(placed.faults, []);
    }
  },
});

const FAULTS: readonly (readonly [entries: readonly OverlayEntry[], says: RegExp])[] = [
  [[file("/init/x")], /\/init is a file in the initrd/],
  [[file("/loop/x")], /form a loop at \/loop/],
  [[file("/etc/x"), file("/etc/x/y")], /\/etc\/x is a file in the initrd, not a folder/],
  [[file("/etc")], /\/etc is a folder in the initrd/],
  [[file("/a"), file("/a")], /\/a is added twice/],
  [[file("/lib/a"), file("/usr/lib/a")], /\/lib\/a and \/usr\/lib\/a are the same file: links .* to \/usr\/lib\/a/],
  [[file("/etc/l", { kind: "link", target: "x" }), file("/etc/l")], /\/etc\/l is added twice/],
];

Deno.test({
  name: "what has no place is a fault, and left out",
  permissions: "none",
  fn() {
    for (const [entries, says] of FAULTS) {
      const { faults, entries: placed } = placeOverlay(entries, tree());
      assertEquals([faults.length, placed.length], [1, entries.length - 1]);
      assertMatch(faults[0]?.message ?? "", says);
    }
  },
});

Deno.test({
  name: "a folder is made once, a link that is added leads on, and a size that is not known has room",
  permissions: "none",
  fn() {
    const names = (...entries: readonly OverlayEntry[]) => {
      const { entries: placed, folders, faults } = placeOverlay(entries, tree());
      return [placed.map(({ name }) => name), folders, faults.length];
    };
    assertEquals(names(file("/new/a"), file("/new/b"), file("/new", { kind: "folder" })), [
      ["new", "new/a", "new/b"],
      ["/new"],
      0,
    ]);
    const { entries } = placeOverlay([file("/new/a", { origin: "unlock", secret: true, from: "prompt" })], tree());
    assertEquals(entries.map(({ kind, origin, secret, from, path }) => [kind, origin, secret, from, path]), [
      ["folder", "unlock", false, "", "/new/a"],
      ["file", "unlock", true, "prompt", "/new/a"],
    ]);
    const link = (path: string, target: string) => file(path, { kind: "link", target });
    assertEquals(names(link("/etc/l", "/lib"), file("/etc/l/x")), [["etc/l", "usr/lib/x"], [], 0]);
    assertEquals(names(link("/etc/l", "../lib"), file("/etc/l/x")), [["etc/l", "usr/lib/x"], [], 0]);
    assertEquals(names(link("/etc/l", "lib"), file("/etc/l/x")), [["etc/l", "etc/lib", "etc/lib/x"], ["/etc/lib"], 0]);
    const size = (more: Partial<OverlayEntry>) => overlaySize(placeOverlay([file("/etc/x", more)], tree()).entries);
    const { size: _, ...unknown } = file("/etc/x");
    const most = overlaySize(placeOverlay([{ ...unknown, most: 4096 }], tree()).entries);
    assertEquals([most, size({ size: 0 }) + 4096], [size({ size: 4096 }), size({ size: 4096 })]);
    // What is known outweighs the most that there may be.
    assertEquals(size({ size: 0, most: 4096 }), size({ size: 0 }));
  },
});

Deno.test({
  name: "what is written of each entry: its kind, name, permissions and size, or where it leads",
  permissions: "none",
  fn() {
    const { entries } = placeOverlay([
      file("/etc/x", { mode: 0o600 }),
      file("/etc/l", { kind: "link", target: "x" }),
      file("/etc/d", { kind: "folder", mode: 0o700 }),
    ], tree());
    assertEquals(cpioEntries(entries, (_, index) => 10 + index), [
      { kind: "file", name: "etc/x", mode: 0o600, size: 10 },
      { kind: "link", name: "etc/l", target: "x" },
      { kind: "folder", name: "etc/d", mode: 0o700 },
    ]);
    // So many links are followed, and no more.
    const chain = (length: number) =>
      tree(`${Array.from({ length }, (_, index) => `l${index}\tl${index + 1}`).join("\n")}\nl${length}/`);
    assertEquals([40, 41].map((length) => followFolders(chain(length), "l0/x").kind), ["folder", "loop"]);
  },
});

Deno.test({
  name: "root's home is made as the kernel's own initramfs has it",
  permissions: "none",
  fn() {
    const { entries } = placeOverlay([file("/root/.ssh/authorized_keys")], tree());
    assertEquals(entries.map(({ name, mode }) => [name, mode.toString(8)]), [
      ["root", "700"],
      ["root/.ssh", "755"],
      ["root/.ssh/authorized_keys", "644"],
    ]);
  },
});

Deno.test({
  name: "later entries take the place of earlier ones as the kernel makes them, and none lies where no folder is",
  permissions: "none",
  fn() {
    const made = tree("a/\na/b/\nl\ta/b\nl/x\nnowhere/y\na\tb\nl/\nl/z");
    assertEquals(made.get("a/b/x"), { kind: "file" });
    assertEquals(made.has("nowhere/y"), false);
    assertEquals(tree("a/\na\tb/").get("a"), { kind: "folder" });
    assertEquals(tree("a\tb/").get("a"), { kind: "link", target: "b/" });
    // A folder that is not empty stays where a link comes after it; nothing else is in the tree.
    assertEquals(made.get("a"), { kind: "folder" });
    assertEquals([...made.keys()].toSorted(), ["a", "a/b", "a/b/x", "l", "l/z"]);
    // A link from the root leads there from within a folder as well; a folder that is lacking is named once.
    const links = tree("etc/\netc/alt\t/usr/lib\nusr/\nusr/lib/\netc/alt/x");
    assertEquals([links.has("usr/lib/x"), followFolders(links, "etc/alt/y")], [
      true,
      { kind: "folder", path: "usr/lib/y", missing: ["usr/lib/y"] },
    ]);
    assertEquals(followFolders(links, "new/../new/z"), { kind: "folder", path: "new/z", missing: ["new", "new/z"] });
    // Nothing leads above the root, nor through a file.
    assertEquals(followFolders(links, "../../etc"), { kind: "folder", path: "etc", missing: [] });
    assertEquals(followFolders(links, "usr/lib/x/y"), { kind: "file", path: "usr/lib/x" });
    // A folder in the place of a link removes the link.
    assertEquals([made.get("l"), made.has("l/z")], [{ kind: "folder" }, true]);
    assertEquals(followFolders(tree(), "/lib/../etc/./x"), {
      kind: "folder",
      path: "usr/etc/x",
      missing: ["usr/etc", "usr/etc/x"],
    });
  },
});

Deno.test({
  name: "the names of an initrd are kept if they are asked for, with characters that would break a line",
  permissions: "none",
  async fn() {
    const archive = cpioArchive([
      { kind: "folder", name: "usr", mode: 0o755 },
      { kind: "link", name: "lib", target: "usr/lib" },
      { kind: "file", name: "od\td\n\\", mode: 0o644, size: 0 },
    ], () => new Uint8Array());
    const read = (tree: boolean) => readInitrd(memorySource(archive), NO_CODECS, { programs: [], tree });
    const [kept, not] = [await read(true), await read(false)];
    assertEquals(kept.kind === "whole" && kept.tree, "usr/\nlib\tusr/lib\nod\\td\\n\\\\");
    assertEquals(not.kind === "whole" && "tree" in not, false);
    assertEquals([...tree("usr/\nlib\tusr/lib\nod\\td\\n\\\\").keys()], ["usr", "lib", "od\td\n\\"]);
  },
});

Deno.test({
  name: "the root itself is no name, and more names than any initrd has are not kept",
  permissions: "none",
  fn() {
    const of = (...names: readonly string[]) => {
      const writer = treeWriter();
      for (const name of names) writer.add({ name, mode: 0o040755, size: 0 } as Parameters<typeof writer.add>[0]);
      return writer.text();
    };
    assertEquals(of(".", "./", "/", "", "./a/", "/b//"), "a/\nb/");
    const long = (count: number) => of(...Array<string>(count).fill("x".repeat(1 << 20)))?.length;
    assertEquals([long(15), long(17)], [15 * ((1 << 20) + 2) - 1, undefined]);
  },
});

/** What `bootconfig -a` appends. */
function bootconfigOf(text: string): Uint8Array {
  const data = new TextEncoder().encode(text);
  const sum = data.reduce((all, byte) => all + byte, 0);
  const footer = new Uint8Array(new Uint32Array([data.length, sum]).buffer);
  return Uint8Array.from([...data, ...footer, ...new TextEncoder().encode("#BOOTCONFIG\n")]);
}

Deno.test({
  name: "of early microcode, a packed archive, another one and a bootconfig, all names are one tree",
  permissions: "none",
  async fn() {
    const none = () => new Uint8Array();
    const early = cpioArchive([
      { kind: "folder", name: "kernel", mode: 0o755 },
      { kind: "file", name: "kernel/microcode.bin", mode: 0o644, size: 0 },
    ], none);
    const main = cpioArchive([
      { kind: "folder", name: "usr", mode: 0o755 },
      { kind: "folder", name: "usr/lib", mode: 0o755 },
      { kind: "link", name: "lib", target: "usr/lib" },
      { kind: "file", name: "init", mode: 0o755, size: 0 },
    ], none);
    const last = cpioArchive([{ kind: "file", name: "lib/late", mode: 0o644, size: 0 }], none);
    const packed = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3, 4);
    const codecs = {
      unpack: (_stream: unknown, sink: (piece: Uint8Array) => boolean) => {
        sink(main);
        return Promise.resolve({ kind: "whole", consumed: packed.length } as const);
      },
      [Symbol.dispose]() {},
    };
    const trailer = bootconfigOf("a = b\n");
    const initrd = Uint8Array.from([...early, ...packed, ...last, ...trailer]);
    const content = await readInitrd(memorySource(initrd), codecs, { programs: ["/init"], tree: true });
    if (content.kind !== "whole") throw new Error(JSON.stringify(content));
    assertEquals([content.archives, content.bootconfig, content.programs["/init"]], [3, trailer.length, "executable"]);
    const known = tree(content.tree);
    assertEquals(known.get("usr/lib/late"), { kind: "file" });
    assertEquals(placeOverlay([file("/lib/a")], known).entries.map(({ name }) => name), ["usr/lib/a"]);
  },
});
