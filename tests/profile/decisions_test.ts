/** Each hint, each dropped parameter and each mark of a file that is not text, by an input that is one and its neighbour. */
import { assertEquals } from "@std/assert";
import { resolveCmdline } from "../../src/profile/cmdline/resolve.ts";
import { parseProfile, parseProfileBytes } from "../../src/profile/parse.ts";
import { parseReleaseRange } from "../../src/profile/release_range.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const LEAST = "version: 1\nkernel: /k\n";

/** What is said of a text, with its place and its hint. */
function said(text: string): readonly string[] {
  return parseProfile(text, "p.yaml").diagnostics.map(({ message, position, hint }) =>
    `${position?.line}:${position?.column} ${message}; ${hint ?? "no hint"}`
  );
}

pure("a reused command line loses what only held for its boot, and a crash kernel's what it has no memory for", () => {
  const spec = { kind: "edit", reuse: true, remove: [], set: [], append: [] } as const;
  const left = (word: string, crash: boolean) => resolveCmdline(spec, { running: `ro ${word} quiet`, crash }).value;
  const kept = (word: string) => [false, true].map((crash) => left(word, crash) === `ro ${word} quiet`);
  const dropped = (word: string) => [false, true].map((crash) => left(word, crash) === "ro quiet");
  for (
    const word of [
      "BOOT_IMAGE=/vmlinuz",
      "initrd=\\initrd.img",
      "kexec_jump_back_entry=0x1000",
      "elfcorehdr=0x1000",
      "dmcryptkeys=0x1000",
      "warmboot.plan=00",
    ]
  ) assertEquals([word, dropped(word)], [word, [true, true]]);
  for (
    const word of [
      "crashkernel=256M",
      "hugepages=8",
      "hugepagesz=1G",
      "default_hugepagesz=1G",
      "hugetlb_cma=1G",
      "cma=64M",
      "mem=4G",
      "memmap=1M$16M",
    ]
  ) {
    assertEquals([word, left(word, false), left(word, true)], [word, `ro ${word} quiet`, "ro quiet"]);
  }
  for (const word of ["boot_image=x", "initrdmem=1", "memtest=1", "hugepage=1", "warmboot.plans=1", "root=LABEL=r"]) {
    assertEquals([word, kept(word)], [word, [true, true]]);
  }
  assertEquals(left("-- initrd=x", false), "ro -- initrd=x quiet");
});

pure("what cannot be reused is said at `reuse`", () => {
  const where = (reuse: true | "image" | "entry", running?: string) =>
    resolveCmdline({ kind: "edit", reuse, remove: [], set: [], append: ["a"] }, {
      crash: false,
      ...(running === undefined ? {} : { running }),
    }).diagnostics.map(({ code, path, message }) => [code, path, message]);
  const path = ["cmdline", "reuse"];
  assertEquals(where(true), [
    ["cmdline-not-known", path, "The running command line is unknown, so `reuse` has nothing to start from"],
  ]);
  assertEquals(where("image"), [["conflict", path, "`reuse: image` requires a unified kernel image as `kernel`"]]);
  assertEquals(where("entry"), [["conflict", path, "`reuse: entry` requires `boot_entry`"]]);
  assertEquals(where(true, 'x="y z'), [
    [
      "cmdline-quote",
      path,
      'The running command line has an open quote in `x="y z`, which would swallow what is added',
    ],
  ]);
});

pure("YAML that cannot be read has the hint for what is wrong with it", () => {
  const read = "The YAML cannot be read:";
  const indentation = `${read} bad indentation of a mapping entry`;
  const rows: readonly (readonly [string, string])[] = [
    [
      "kernel: !k /k",
      `2:14 ${read} cannot resolve unknown tag !<!k>; Quote a text that begins with \`!\`; tags are not used here`,
    ],
    ["kernel: *k", `2:11 ${read} unidentified alias "k"; Quote a text that begins with \`*\``],
    ["kernel: 'a\nb", "2:9 The quote ' is not closed; Add ' at its end"],
    ['kernel: "a', '2:9 The quote " is not closed; Add " at its end'],
    ["initrd: [a, b\nkernel: /k", "2:9 The bracket `[` is not closed; Add `]` at its end"],
    ["kernel: {path: /k", "2:9 The bracket `{` is not closed; Add `}` at its end"],
    ["initrd: [a, b: {c]", "2:9 The bracket `[` is not closed; Add `]` at its end"],
    ["kernel: a\u0001b", `2:10 ${read} the stream contains non-printable characters; Remove the control character`],
    ...["@k", "`k`", "%k"].map((text) =>
      [`kernel: ${text}`, `2:9 ${indentation}; Quote a text that begins with \`@\`, \`%\` or a backtick`] as const
    ),
    ["\tkernel: /k", "2:1 A tab indents this line; Indent with spaces; YAML does not allow tabs"],
    ["kernel: a\t: b: c", `2:11 ${indentation}; Indent with spaces, not with tabs`],
    ["cmdline: a: b", `2:11 ${indentation}; Quote a text that contains \`: \``],
    ["cmdline: 'a' b", `2:14 ${indentation}; Quote the whole text, or none of it`],
    ["  kernel: /k", `2:9 ${indentation}; Begin the keys of one map in the same column`],
    ["initrd:\n  - a\n - b", `4:2 ${indentation}; Begin the keys of one map in the same column`],
    ["kernel /k", "2:1 There is no colon after `kernel`; Write `kernel: /k`"],
    ["kernel = /k", "2:1 There is no colon after `kernel`; Write `kernel: /k`"],
    ["kernel:/k\ncrash: true", "2:1 There is no space after `kernel:`; Write `kernel: /k`"],
    [
      "kernel: {{ k }}",
      "2:9 `{{` belongs to a template that was not rendered; Render the template first, and check the result",
    ],
    [
      "{% if x %}",
      "2:1 `{%` belongs to a template that was not rendered; Render the template first, and check the result",
    ],
    ["? [a]\n: b", `2:3 ${read} a key is a list, not a text; Write each key as a text: \`key: value\``],
    ["? {b: c}\n: d", `2:3 ${read} a key is a map, not a text; Write each key as a text: \`key: value\``],
    [
      "- a",
      `2:1 ${read} end of the stream or a document separator is expected; A profile has lines of \`key: value\`, with a space after the colon`,
    ],
    [
      "cmdline: >x\n  a",
      `2:11 ${read} a line break is expected; A profile has lines of \`key: value\`, with a space after the colon`,
    ],
  ];
  assertEquals(
    rows.map(([text]) => [text, said(`version: 1\n${text}\n`)[0]]),
    rows.map(([text, first]) => [text, first]),
  );
  assertEquals(said("").map((line) => line.split(";")[0]), ["1:1 The file is empty"]);
  assertEquals(said("\n \n").map((line) => line.split(";")[0]), ["1:1 The file is empty"]);
  assertEquals(said("# a\n---\n").map((line) => line.split(";")[0]), [
    "1:1 The file holds no document, only comments or markers",
  ]);
});

pure("a file that is not UTF-8 is known by its first bytes: both of the mark, and no other two", () => {
  const of = (...bytes: readonly number[]) =>
    parseProfileBytes(Uint8Array.of(...bytes, ...new TextEncoder().encode(LEAST)), "p.yaml").diagnostics.map((
      { message },
    ) => message);
  assertEquals([of(), of(0xef, 0xbb, 0xbf)], [[], []]);
  const utf16 = of(0xff, 0xfe);
  assertEquals([of(0xff, 0xfe), of(0xfe, 0xff)].map(([message]) => /it is UTF-16/.test(message ?? "")), [true, true]);
  assertEquals([of(0xff, 0xff), of(0xfe, 0xfe), of(0xfe, 0), of(0)].map((each) => each[0] === utf16[0]), [
    false,
    false,
    false,
    false,
  ]);
  assertEquals(/byte 0 is NUL/.test(of(0)[0] ?? ""), true);
  assertEquals(/byte 2 is NUL/.test(of(0x23, 0x23, 0)[0] ?? ""), true);
});

pure("duplicate keys are listed in their order in the file, on one line by their column", () => {
  const text = "version: 1\nkernel: /k\ncrash: false\ncrash: false\n" +
    "initrd: { path: /a, path: /b, sha256: x, sha256: y }\ndebug: true\ndebug: true\n";
  assertEquals(said(text).filter((line) => line.includes("Duplicate")), [
    "4:1 Duplicate key `crash`; first defined at line 3; Remove one of them",
    "5:21 Duplicate key `path`; first defined at line 5; Remove one of them",
    "5:42 Duplicate key `sha256`; first defined at line 5; Remove one of them",
    "7:1 Duplicate key `debug`; first defined at line 6; Remove one of them",
  ]);
});

pure("another name of a machine has the one that `uname -m` has as its fix, and no other word has", () => {
  const fix = (name: string) =>
    parseProfile(`${LEAST}requires: { architecture: ${name} }\n`, "p.yaml").diagnostics.map((
      { hint, fix },
    ) => [hint, fix]);
  const named = (name: string) => [[`\`uname -m\` calls it \`${name}\``, fix("amd64")[0]?.[1]]];
  assertEquals(fix("amd64").length, 1);
  assertEquals(["amd64", "x64", "x86-64"].map((name) => fix(name)[0]?.[0]), Array(3).fill(named("x86_64")[0]?.[0]));
  assertEquals(["arm64", "aa64", "ppc64el", "armhf"].map((name) => fix(name)[0]?.[0]), [
    "`uname -m` calls it `aarch64`",
    "`uname -m` calls it `aarch64`",
    "`uname -m` calls it `ppc64le`",
    "`uname -m` calls it `armv7l`",
  ]);
  for (const word of ["toString", "constructor", "vax"]) {
    assertEquals([word, fix(word).some(([hint]) => /calls it/.test(String(hint)))], [word, false]);
  }
  assertEquals(fix("x86_64"), []);
});

pure("a range of releases: bounds with spaces or commas, and nothing else", () => {
  const of = (text: string) =>
    parseReleaseRange(text)?.map(({ relation, numbers }) => `${relation}${numbers.join(".")}`).join(" ");
  const rows: readonly (readonly [string, string | undefined])[] = [
    [">=6.1", ">=6.1"],
    [">=6.1 <7", ">=6.1 <7"],
    [">=6.1,<7", ">=6.1 <7"],
    [">=6.1, <7", ">=6.1 <7"],
    ["  >6.1.20  ", ">6.1.20"],
    ["<=6", "<=6"],
    [">=6.1<7", undefined],
    [">=", undefined],
    ["6.1", undefined],
    [">=x", undefined],
    [">=6.1 and", undefined],
    ["", undefined],
    [" , ", undefined],
  ];
  assertEquals(rows.map(([text]) => [text, of(text)]), rows.map(([text, range]) => [text, range]));
});
