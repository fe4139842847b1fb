/** Entries of the Boot Loader Specification as GRUB makes menu entries of them: Fedora's `blscfg`, and that of GRUB 2.14. */
import { assertEquals } from "@std/assert";
import { blsEntries, blsEntry } from "../../src/entry/grub/bls_entries.ts";
import { shownBy } from "../../src/entry/grub/blsuki.ts";
import type { Statement } from "../../src/entry/grub/script.ts";
import type { Value } from "../../src/entry/grub/value.ts";
import { layout } from "../support/boot_layout.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

type Variables = { readonly [name: string]: Value };

function lineOf(statement: Statement): string {
  if (statement.kind !== "command") return statement.kind;
  return statement.words.map(({ parts }) =>
    parts.map((part) => part.kind === "variable" ? `$${part.name}` : part.text).join("")
  ).join(" ");
}

/** The commands that an entry becomes, or why it is none. */
function script(text: string, variables: Variables = {}, dialect: "fedora" | "new" = "fedora") {
  const found = blsEntry(layout({ "/e/a.conf": text }), "/e/a.conf", "a", (name) => variables[name] ?? "", dialect);
  if (found === undefined) return undefined;
  return found.kind === "fault" ? found.why : found.item.body.map(lineOf);
}

pure(
  "the lines of an entry: space or tab after the key, comments, and only the first of a key that counts once",
  () => {
    const linux = (text: string) => script(text)?.[0];
    assertEquals(linux("linux /a\nlinux /b\n"), "linux ($root)/a");
    assertEquals(linux("linux\t/a\n"), "linux ($root)/a");
    assertEquals(linux(" \tlinux \t /a\n"), "linux ($root)/a");
    // A tab before a space is a part of the key.
    assertEquals(script("linux\t/a b\n"), undefined);
    assertEquals(script("title\tT x\nlinux /a\n"), ["linux ($root)/a"]);
    assertEquals(script("#linux /b\n # title x\nlinux /a\noptions x\noptions y\n"), ["linux ($root)/a x"]);
    assertEquals(script("#word\n##\nlinux /a\n"), ["linux ($root)/a"]);
    assertEquals(script("title T\n"), undefined);
    assertEquals(script("linux /a\ninitrd /i\ninitrd /j\ndevicetree /d\n"), [
      "linux ($root)/a",
      "initrd ($root)/i ($root)/j",
      "devicetree ($root)/d",
    ]);
  },
);

pure(
  "Fedora's: defaults of the command line, early initrds beside the first one, variables and what protects them",
  () => {
    assertEquals(script("linux /a\n", { "default_kernelopts": "ro quiet" }), ["linux ($root)/a ro quiet"]);
    assertEquals(script("linux /a\noptions x\n", { "default_kernelopts": "ro" }), ["linux ($root)/a x"]);
    assertEquals(script("linux /a\n", { "default_kernelopts": "ro" }, "new"), ["linux ($root)/a"]);
    const early = { "early_initrd": " ucode.img  more.img " };
    assertEquals(
      script("linux /k/a\ninitrd /i/b\n", early)?.[1],
      "initrd ($root)/i/ucode.img ($root)/i/more.img ($root)/i/b",
    );
    assertEquals(script("linux /k/a\n", early)?.[1], "initrd ($root)/k/ucode.img ($root)/k/more.img");
    assertEquals(script("linux /k/a\ninitrd /i/b\n", early, "new")?.[1], "initrd ($root)/i/b");
    const variables = { a: "1", b: "2 3", c: "" };
    const options = (text: string, dialect: "fedora" | "new" = "fedora") =>
      script(`linux /k\noptions ${text}\n`, variables, dialect)?.[0];
    // Each has a space after it.
    assertEquals([options("x $a y"), options("$a$b"), options("x=$a,y"), options("x $c y"), options("$gone y")], [
      "linux ($root)/k x 1 y",
      "linux ($root)/k 1 2 3",
      "linux ($root)/k x=1 ,y",
      "linux ($root)/k x y",
      "linux ($root)/k y",
    ]);
    assertEquals([options("x\\$a y"), options("x\\$a y", "new")], ["linux ($root)/k x$a y", "linux ($root)/k x1 y"]);
    assertEquals(script("linux /k\ndevicetree /$a.dtb\n", variables), ["linux ($root)/k", "devicetree ($root)/1 .dtb"]);
    const unknown = { unknown: "x" };
    const why = "What /e/a.conf boots depends on x";
    assertEquals([
      script("linux /k\noptions $u\n", { u: unknown }),
      script("linux /k\n", { "default_kernelopts": unknown }),
      script("linux /k\n", { "early_initrd": unknown }),
      script("linux /k\ndevicetree /$u\n", { u: unknown }),
      script("linux /k\noptions 'x\n"),
    ], [why, why, why, why, "GRUB cannot read /e/a.conf: it has an unclosed quote"]);
  },
);

pure("which files are entries, in the order of packages, with what they are called", () => {
  const entry = (more = "") => `linux /k\n${more}`;
  const files = {
    "/e/k-6.9.conf": entry("title Nine\ngrub_users root\n"),
    "/e/k-6.10.conf": entry("grub_users root\ngrub_arg --unrestricted\n"),
    "/e/k-6.8.conf": entry("grub_arg --class\ngrub_arg x\n"),
    "/e/k-6.7.conf": entry("grub_users root\ngrub_arg --class\n"),
    "/e/.hidden.conf": entry(),
    "/e/.conf": entry(),
    "/e/k-7.conf.bak": entry(),
    "/e/none.conf": "title None\n",
  };
  const names = Object.keys(files).map((path) => path.slice("/e/".length));
  const of = (isShown: Parameters<typeof blsEntries>[4]) => {
    const found = blsEntries(layout(files), "/e", names, () => "", isShown);
    return found.kind === "fault"
      ? found.why
      : found.items.map((item) =>
        item.kind === "entry" ? [item.id, item.title, item.args, item.isRestricted] : item.kind
      );
  };
  assertEquals(of(() => true), [
    ["k-6.10", "/k", ["/k", "--unrestricted"], false],
    ["k-6.9", "Nine", ["Nine"], true],
    ["k-6.8", "/k", ["/k", "--class", "x"], false],
    ["k-6.7", "/k", ["/k", "--class"], true],
  ]);
  const limit = (count: number) => {
    const found = blsEntries(layout(files), "/e", Array<string>(count).fill("none.conf"), () => "", () => true);
    return found.kind === "fault" ? found.why : found.items.length;
  };
  assertEquals([limit(1000), limit(1001)], [0, "/e has 1001 entries, more than 1000"]);
  const places: (readonly [string, number])[] = [];
  of(({ id }, place) => (places.push([id, place]), true));
  assertEquals(places, [["k-6.10", 0], ["k-6.9", 1], ["k-6.8", 2], ["k-6.7", 3]]);
});

pure("what GRUB 2.14 shows: the default by name, title or place, the others, and one by its name", () => {
  const of = (options: Partial<Parameters<typeof shownBy>[0]>, wanted: string) => {
    const isShown = shownBy({ fallback: false, showDefault: false, showOthers: false, ...options }, wanted);
    return ["a", "b", "c"].filter((name, place) => isShown({ name, title: `title ${name}` }, place)).join("");
  };
  const byDefault = (wanted: string) => [of({ showDefault: true }, wanted), of({ showOthers: true }, wanted)];
  assertEquals(["b", "title b", "1", "0x1", " 1", "1x", "3", "", "d"].map(byDefault), [
    ["b", "ac"],
    ["b", "ac"],
    ["b", "ac"],
    ["b", "ac"],
    ["b", "ac"],
    ["", "abc"],
    ["", "abc"],
    ["", "abc"],
    ["", "abc"],
  ]);
  assertEquals([of({ entry: "b" }, "a"), of({ entry: "b", showDefault: true }, "a"), of({ entry: "title b" }, "a")], [
    "b",
    "ab",
    "",
  ]);
});
