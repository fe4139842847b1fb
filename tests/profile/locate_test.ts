import { assert, assertEquals } from "@std/assert";
import { parse } from "@std/yaml";
import type { Path } from "../../src/core/diagnostic.ts";
import { placed, type Source, sourceOf } from "../../src/profile/locate.ts";
import { aliased, readTree, type YamlNode } from "../../src/profile/yaml_tree.ts";
import { EXAMPLES, INVALID, VALID } from "./corpus.ts";

/** The underlined text of a place, behind its line and column. */
function marked(source: Source, path: Path, target: "key" | "value" = "value"): string {
  const { line, column, length, source: text = "" } = source.locate(path, target);
  return `${line}:${column} ${text.slice(column - 1, column - 1 + length)}`;
}

/** A tree as the plain value that the other parser makes. An alias of what it stands in becomes null. */
function plain(node: YamlNode, within: readonly YamlNode[] = []): unknown {
  const target = aliased(node);
  if (target === undefined || within.includes(target)) return null;
  const inner = [...within, target];
  if (target.kind === "list") return target.items.map((item) => plain(item, inner));
  if (target.kind !== "map") return target.kind === "scalar" ? target.text : null;
  return Object.fromEntries(target.entries.map(({ name, value }) => [name, plain(value, inner)]));
}

const UNREADABLE = /^(syntax_|several_|alias_|empty|comments_only)/;

for (const { name, text } of [...VALID, ...INVALID, ...EXAMPLES].filter((file) => !UNREADABLE.test(file.name))) {
  Deno.test({
    name: `both YAML parsers see the same keys and values in ${name}`,
    permissions: "none",
    fn() {
      const read = readTree(text);
      assert(read.kind === "tree");
      const tree = read.root;
      const value = parse(text, { schema: "failsafe", allowDuplicateKeys: true });
      assertEquals(tree === undefined ? undefined : plain(tree), value);
    },
  });
}

Deno.test({
  name: "a path leads to its value, or to its key",
  permissions: "none",
  fn() {
    const source = sourceOf("a: 1\nb:\n  - c: \"x y\" # z\n    d: [1, 'two']\n", "f");
    assertEquals(marked(source, ["a"]), "1:4 1");
    assertEquals(marked(source, ["a"], "key"), "1:1 a");
    assertEquals(marked(source, ["b", 0, "c"]), '3:8 "x y"');
    assertEquals(marked(source, ["b", 0, "d"], "key"), "4:5 d");
    assertEquals(marked(source, ["b", 0, "d"]), "4:8 [1, 'two']");
    assertEquals(marked(source, ["b", 0, "d", 1]), "4:12 'two'");
  },
});

Deno.test({
  name: "a path that is not in the text leads to its deepest part that is",
  permissions: "none",
  fn() {
    const source = sourceOf("a:\n  b: { c: d }\n", "f");
    assertEquals(marked(source, ["a", "b", "x", "y"]), "2:6 { c: d }");
    assertEquals(marked(source, ["a", "b", "c", "y"]), "2:11 d");
    assertEquals(marked(source, ["x"]), "1:1 a:");
    assertEquals(marked(source, []), "1:1 a:");
  },
});

Deno.test({
  name: "a value that is not written is shown by its key, an empty entry by its dash",
  permissions: "none",
  fn() {
    const source = sourceOf("a:\nb:\n  - x\n  # no -\n\n  -\n  - y\nc: {d: , e: 1}\n", "f");
    assertEquals(marked(source, ["a"]), "1:1 a");
    assertEquals(marked(source, ["b", 1]), "6:3 -");
    assertEquals(marked(source, ["b", 2]), "7:5 y");
    assertEquals(marked(source, ["c", "d"]), "8:5 d");
  },
});

Deno.test({
  name: "aliases are shown where they stand, what is in them where it is written",
  permissions: "none",
  fn() {
    const source = sourceOf("a: &x { k: 1 }\nb: *x\nc: { <<: [*x, { m: 2 }], k: 3 }\nd: { <<: *x }\n", "f");
    assertEquals(marked(source, ["b"]), "2:4 *x");
    assertEquals(marked(source, ["b", "k"]), "1:12 1");
    assertEquals(marked(source, ["c", "k"]), "3:29 3");
    assertEquals(marked(source, ["c", "m"]), "3:20 2");
    assertEquals(marked(source, ["d", "k"], "key"), "1:9 k");
  },
});

Deno.test({
  name: "a merge of the map that it stands in does not lead the search astray",
  permissions: "none",
  fn: () => assertEquals(marked(sourceOf("&a\nk: 1\n<<: *a\n", "f"), ["x"]), "2:1 k: 1"),
});

Deno.test({
  name: "lines end as YAML lets them end, and columns count UTF-16 units",
  permissions: "none",
  fn() {
    const source = sourceOf("a: 1\r\nb: 2\rc: 🐧\n\td: 3\n", "f");
    assertEquals(source.at(6, 99), { file: "f", line: 2, column: 1, length: 4, source: "b: 2" });
    assertEquals(source.at(11, 5), { file: "f", line: 3, column: 1, length: 5, source: "c: 🐧" });
    assertEquals(source.at(18, 1), { file: "f", line: 4, column: 2, length: 1, source: "\td: 3" });
    assertEquals(source.at(999, 1), { file: "f", line: 5, column: 1, length: 1, source: "" });
  },
});

Deno.test({
  name: "a block text is shown at its first line",
  permissions: "none",
  fn: () => assertEquals(marked(sourceOf("a: |-\n\n  one\n  two\n", "f"), ["a"]), "3:3 one"),
});

Deno.test({
  name: "a very long line has its place, and is not shown",
  permissions: "none",
  fn() {
    const long = `name: ${"x".repeat(2000)}`;
    assertEquals(sourceOf(`${long}\nload: now\n`, "f").locate(["name"], "value"), {
      file: "f",
      line: 1,
      column: 7,
      length: 2000,
    });
    assertEquals(sourceOf(`${long}\nload: now\n`, "f").locate(["load"], "value").source, "load: now");
  },
});

Deno.test({
  name: "a diagnostic of a path has its place; one without a path is about the host, and has none",
  permissions: "none",
  fn() {
    const source = sourceOf("version: 1\nkernel: a\n", "web.yaml");
    const find = (path: Path) => ({ source, path });
    const about = { code: "memory-hidden", severity: "error", message: "m" } as const;
    assertEquals(placed(about, find), about);
    assertEquals(placed({ ...about, path: ["kernel"] }, find).position?.line, 2);
    assertEquals(placed({ ...about, path: [] }, find).position?.line, 1);
  },
});
