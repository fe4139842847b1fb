import { assertEquals } from "@std/assert";
import { chooseEntry, escapeName, fallbackOf, loaderCmdline } from "../../src/entry/grub/menu.ts";
import {
  copyState,
  exportedVariables,
  firstState,
  type MenuItem,
  mergeState,
  NOTHING,
  openContext,
  type State,
} from "../../src/entry/grub/state.ts";
import type { Value } from "../../src/entry/grub/value.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

type Entry = Extract<MenuItem, { readonly kind: "entry" }>;

function entry(id: string, title = id, more: Partial<Entry> = {}): Entry {
  return {
    kind: "entry",
    id,
    title,
    args: [title],
    body: [],
    file: "/g",
    isSubmenu: false,
    isRestricted: true,
    ...more,
  };
}

/** Which entry a text names, and what is left of it. */
function chosen(menu: readonly MenuItem[], text: string, isFedora: boolean | undefined): string {
  const choice = chooseEntry(menu, text, isFedora);
  if (choice.kind !== "entry") return choice.kind;
  return choice.rest === undefined ? choice.entry.id : `${choice.entry.id} > ${choice.rest}`;
}

const MENU = [entry("a", "b"), entry("b", "c"), entry("2x", "9"), entry("d>e", "1 one"), entry("1", "f")];

pure("an entry by number, ID or title: upstream's GRUB looks for a number first, Fedora's last", () => {
  const rows: readonly (readonly [text: string, upstream: string, fedora: string, either: string])[] = [
    ["0", "a", "a", "a"],
    ["1", "b", "1", "unknown"],
    ["4", "1", "1", "1"],
    ["5", "none", "none", "none"],
    ["0x1", "b", "b", "b"],
    ["02", "2x", "2x", "2x"],
    ["010", "none", "none", "none"],
    [" 3", "d>e", "d>e", "d>e"],
    // An ID outweighs a title.
    ["b", "b", "b", "b"],
    ["c", "b", "b", "b"],
    ["f", "1", "1", "1"],
    ["g", "none", "none", "none"],
    ["d>>e", "d>e", "d>e", "d>e"],
    ["d>e", "none", "none", "none"],
    ["a>x", "a > x", "a > x", "a > x"],
    ["a>x>>y>z", "a > x>>y>z", "a > x>>y>z", "a > x>>y>z"],
    ["a>", "a", "a", "a"],
    ["0>1", "a > 1", "a > 1", "a > 1"],
    // strtoul() reads the number that a text begins with; Fedora's takes a text that is no number for a name.
    ["2x", "2x", "2x", "2x"],
    ["0y", "a", "none", "unknown"],
    ["0 y", "a", "a", "a"],
    ["1>0", "b > 0", "1 > 0", "unknown"],
    ["", "none", "none", "none"],
  ];
  assertEquals(
    rows.map(([text]) => [text, chosen(MENU, text, false), chosen(MENU, text, true), chosen(MENU, text, undefined)]),
    rows.map((row) => [...row]),
  );
});

pure("a number is decimal, octal after a zero, or hexadecimal", () => {
  const menu = Array.from({ length: 20 }, (_, index) => entry(`e${index}`));
  for (const isFedora of [true, false]) {
    assertEquals(
      ["11", "011", "0x11", "0X0a", "00", "019", "20"].map((text) => chosen(menu, text, isFedora)),
      ["e11", "e9", "e17", "e10", "e0", isFedora ? "none" : "e1", "none"],
    );
  }
});

pure("entries that may be there make a place unknown, and a name that one of them may have", () => {
  const unknown: MenuItem = { kind: "unknown", why: "x" };
  const some: MenuItem = { kind: "unknown", why: "x", candidates: [entry("c", "d"), { kind: "unknown", why: "y" }] };
  const known: MenuItem = { kind: "unknown", why: "x", candidates: [entry("c", "d")] };
  const of = (item: MenuItem, ...texts: readonly string[]) =>
    texts.map((text) => chosen([entry("a"), item, entry("b", "b title")], text, false));
  assertEquals(of(unknown, "0", "1", "2", "a", "b", "b title", "z"), [
    "a",
    "unknown",
    "unknown",
    "a",
    "unknown",
    "unknown",
    "unknown",
  ]);
  assertEquals(of(known, "a", "b", "c", "d", "b title", "z", "2"), [
    "a",
    "b",
    "unknown",
    "unknown",
    "b",
    "none",
    "unknown",
  ]);
  // One of the candidates may be any.
  assertEquals(of(some, "b", "z"), ["unknown", "unknown"]);
});

pure("names as steps of a path, the numbers of `fallback`, and the command line that a loader makes", () => {
  assertEquals(["a", "a>b", ">>"].map(escapeName), ["a", "a>>b", ">>>>"]);
  assertEquals(["2 0", " 1  3 ", "", "x 1", "1.5 -1 2"].map((text) => fallbackOf(text)), [[2, 0], [1, 3], [], [1], [
    2,
  ]]);
  assertEquals(fallbackOf({ unknown: "x" }), undefined);
  assertEquals(
    [["a", "b=1"], ["a b"], ['a="b c"'], ["it's"], ["a\\b"], ["\\x41 \\x4"], []].map(loaderCmdline),
    ["a b=1", '"a b"', '"a=\\"b c\\""', "it\\'s", "a\\\\b", '"\\x41 \\\\x4"', ""],
  );
});

function state(more: Partial<State> = {}): State {
  return { ...firstState(), ...more };
}

const MERGED = { unknown: "why" };

function merged(a: Partial<State>, b: Partial<State>): State {
  const result = state(a);
  mergeState(result, state(b), "why");
  return result;
}

pure("of two states, what differs is not known: variables, exports, functions, menus, files, what is saved", () => {
  const variables = (a: readonly [string, Value][], b: readonly [string, Value][]) => [
    ...merged({ variables: new Map(a) }, { variables: new Map(b) }).variables,
  ];
  assertEquals(variables([["a", "1"], ["b", "2"]], [["a", "1"], ["b", "3"]]), [["a", "1"], ["b", MERGED]]);
  // A variable that is not set is empty.
  assertEquals(variables([["a", ""]], []), [["a", ""]]);
  assertEquals(variables([], [["a", ""]]), []);
  assertEquals(variables([], [["a", "1"]]), [["a", MERGED]]);
  assertEquals(variables([["a", { unknown: "x" }]], [["a", { unknown: "x" }]]), [["a", { unknown: "x" }]]);
  assertEquals(variables([["a", { unknown: "x" }]], [["a", { unknown: "y" }]]), [["a", MERGED]]);
  assertEquals(
    [
      ...merged({ exported: new Map([["a", "always"], ["b", "always"]]) }, { exported: new Map([["a", "always"]]) })
        .exported,
    ],
    [["a", "always"], ["b", "sometimes"]],
  );
  const saved = (a: readonly [string, Value][], b: readonly [string, Value][]) => [
    ...merged({ saved: new Map(a) }, { saved: new Map(b) }).saved,
  ];
  assertEquals(saved([["f\nn", ""]], []), [["f\nn", MERGED]]);
  assertEquals(saved([["f\nn", ""]], [["f\nn", ""]]), [["f\nn", ""]]);
  const [one, other] = [{ body: [], file: "/g" }, { body: [], file: "/g" }];
  const functions = (a: typeof one, b?: typeof one) =>
    merged({ functions: new Map([["f", a]]) }, { functions: new Map(b === undefined ? [] : [["f", b]]) }).functions
      .get("f");
  assertEquals([functions(one, one), functions(one, other), functions(one)], [one, MERGED, MERGED]);
  assertEquals([
    merged({ status: true }, { status: false }).status,
    merged({ status: false }, { status: false }).status,
  ], [
    undefined,
    false,
  ]);
  const loaded = { ...NOTHING, initrd: [{ text: "/i", found: { kind: "path", path: "/i" } as const }] };
  assertEquals([merged({ loaded }, {}).loaded, merged({ loaded }, { loaded: { ...loaded } }).loaded], [MERGED, loaded]);
});

pure("of two menus, what they begin with in common is known, and both sides of the rest may follow", () => {
  const [a, b, c] = [entry("a"), entry("b"), entry("c")];
  const menu = (x: readonly MenuItem[], y: readonly MenuItem[]) => merged({ menu: [...x] }, { menu: [...y] }).menu;
  assertEquals(menu([a, b], [a, b]), [a, b]);
  assertEquals(menu([a, b], [a, c]), [a, { kind: "unknown", why: "why", candidates: [b, c] }]);
  assertEquals(menu([a], [a, c]), [a, { kind: "unknown", why: "why", candidates: [c] }]);
  assertEquals(menu([a, b], []), [{ kind: "unknown", why: "why", candidates: [a, b] }]);
  // The same statement that ran twice makes the same entry, unless what it says differs.
  const { body } = a;
  const same = (more: Partial<Entry>) =>
    menu([a], [entry("a", "a", { body, ...more })]).length === 1 &&
    menu([a], [entry("a", "a", { body, ...more })])[0]?.kind;
  assertEquals(
    [same({}), same({ id: "x" }), same({ title: "x" }), same({ isRestricted: false }), same({ args: ["x"] })],
    ["entry", "unknown", "unknown", "unknown", "unknown"],
  );
});

pure("a copy of a state shares nothing with it, and only exported variables go to a submenu", () => {
  const original = state({ variables: new Map([["a", "1"]]), menu: [entry("a")] });
  const copy = copyState(original);
  copy.variables.set("a", "2");
  copy.exported.set("a", "always");
  copy.functions.set("f", { unknown: "x" });
  copy.saved.set("f", "x");
  copy.menu.push(entry("b"));
  copy.status = false;
  assertEquals(original, state({ variables: new Map([["a", "1"]]), menu: [entry("a")] }));
  const context = openContext(original);
  context.variables.set("a", "2");
  context.exported.set("a", "always");
  context.functions.set("f", { unknown: "x" });
  context.saved.set("f", "x");
  assertEquals([context.menu, context.loaded], [[], NOTHING]);
  assertEquals(original, state({ variables: new Map([["a", "1"]]), menu: [entry("a")] }));
  const exported = state({
    variables: new Map<string, Value>([["a", "1"], ["b", "2"], ["c", ""], ["d", "4"]]),
    exported: new Map([["a", "always"], ["b", "sometimes"], ["c", "sometimes"]]),
  });
  assertEquals([...exportedVariables(exported)], [
    ["a", "1"],
    ["b", { unknown: "whether `b` is exported" }],
    ["c", ""],
  ]);
});
