import { assertEquals } from "@std/assert";
import type { Diagnostic } from "../../src/core/diagnostic.ts";
import { applyFixes } from "../../src/profile/apply_fixes.ts";
import { parseCmdline, parseParameter } from "../../src/profile/cmdline/cmdline.ts";
import { parameterProblem } from "../../src/profile/cmdline/problem.ts";
import { resolveCmdline } from "../../src/profile/cmdline/resolve.ts";
import { demandsOf } from "../../src/profile/demands.ts";
import { matchesGlob } from "../../src/profile/glob.ts";
import { pathBeside } from "../../src/profile/layers.ts";
import { managedMarkOf, managedProfileText } from "../../src/profile/managed_profile.ts";
import { resolveMerges } from "../../src/profile/merge.ts";
import { fileItems } from "../../src/profile/overlay_file.ts";
import { parseProfile } from "../../src/profile/parse.ts";
import { literalPath, resolvePaths, writtenPath } from "../../src/profile/path_variables.ts";
import type { CmdlineSpec, Profile } from "../../src/profile/profile.ts";
import { templateText } from "../../src/profile/profile_template.ts";
import { formatBound, keepsBound, parseReleaseRange } from "../../src/profile/release_range.ts";
import { isProfileName, PROFILE_ROOTS, unmasked } from "../../src/profile/search.ts";
import { suspicionsOf } from "../../src/profile/suspicions.ts";
import { layerReader } from "../support/layer_reader.ts";
import { profileOf } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const line = ({ code, severity, message, hint, expected, position }: Diagnostic): string =>
  [
    `${position?.file ?? ""}:${position?.line ?? ""}:${position?.column ?? ""}`,
    severity,
    code,
    message,
    ...(expected === undefined ? [] : [`(${expected})`]),
    ...(hint === undefined ? [] : [`=> ${hint}`]),
  ].join(" ");

const said = (text: string, files?: { readonly [path: string]: string }): readonly string[] =>
  parseProfile(text, "p/w.yaml", files === undefined ? undefined : { reader: layerReader(files) }).diagnostics.map(
    line,
  );

pure("every combination of keys that is not a profile", () => {
  const segments = "segments: [{ at: 1MiB, zero: true, size: 4KiB }]\n";
  const explicit = `version: 1\n${segments}entry: 1MiB\n`;
  const kernel = "version: 1\nkernel: k\n";
  const of = (text: string) => said(text).filter((each) => !each.includes(" warning "));
  assertEquals(of("version: 1\n"), [
    "p/w.yaml:1:1 error missing-key The profile has neither `kernel`, `boot_entry` nor `segments` => Name the kernel to boot: `kernel: /boot/vmlinuz`; or boot what the boot loader would: `boot_entry: default`",
  ]);
  assertEquals(of(`${explicit}kernel: k\n`), [
    "p/w.yaml:2:1 error conflict `segments` and `kernel` are mutually exclusive => Remove one of them",
  ]);
  assertEquals(of(`version: 1\n${segments}`), [
    "p/w.yaml:1:1 error missing-key Explicit segments require an `entry`, the address where execution starts => Add `entry: ADDRESS`",
  ]);
  assertEquals(of(`${kernel}entry: 1MiB\n`), [
    "p/w.yaml:3:1 error conflict `entry` would be ignored: it is only for explicit `segments` => Remove `entry`; a kernel file has its own entry point",
  ]);
  const ignored = ["initrd: i", "dtb: d", "cmdline: x", "memory: { min: 1MiB }", "predecompress: true", "stamp: true"];
  assertEquals(ignored.flatMap((key) => of(`${explicit}${key}\n`)), [
    "p/w.yaml:4:1 error conflict `initrd` would be ignored: explicit segments are loaded exactly as written => Remove `initrd`, or name a `kernel` instead of `segments`",
    "p/w.yaml:4:1 error conflict `dtb` would be ignored: explicit segments are loaded exactly as written => Remove `dtb`, or name a `kernel` instead of `segments`",
    "p/w.yaml:4:1 error conflict `cmdline` would be ignored: explicit segments are loaded exactly as written => Remove `cmdline`, or name a `kernel` instead of `segments`",
    "p/w.yaml:4:1 error conflict `memory` would be ignored: explicit segments are loaded exactly as written => Remove `memory`, or name a `kernel` instead of `segments`",
    "p/w.yaml:4:1 error conflict `predecompress` would be ignored: explicit segments are loaded exactly as written => Remove `predecompress`, or name a `kernel` instead of `segments`",
    "p/w.yaml:4:1 error conflict `stamp` would be ignored: explicit segments are loaded exactly as written => Remove `stamp`, or name a `kernel` instead of `segments`",
  ]);
  assertEquals(of(`${kernel}preserve_context: true\ncrash: true\n`), [
    "p/w.yaml:3:1 error conflict `preserve_context` and `crash` are mutually exclusive: after a panic there is no system to continue => Set one of them to `false`",
  ]);
  assertEquals(of(`${kernel}reentrant: true\n`), [
    "p/w.yaml:3:1 error conflict `reentrant` would be ignored: it requires `preserve_context` => Remove `reentrant`, or add `preserve_context: true`",
  ]);
  assertEquals(of(`${kernel}preserve_context: true\nchecksum: true\n`), [
    "p/w.yaml:4:1 error conflict `checksum` would be ignored: a payload that returns is entered directly => Remove `checksum`, or set it to `false`",
  ]);
  assertEquals(of(`${kernel}preserve_context: true\nchecksum: false\n`), []);
});

pure("what only kexec_load can do, by key", () => {
  const of = (changes: Partial<Profile>) =>
    demandsOf(profileOf(changes)).map(({ key, message }) => `${key}: ${message}`);
  assertEquals(of({}), []);
  assertEquals(
    of({
      preserveContext: true,
      segments: [{ at: 0n, source: { kind: "zero" } }],
      entry: 0n,
      memory: { min: 0n },
      checksum: false,
      dtb: { path: "/d" },
      arch: "x86_64",
    }),
    [
      "preserve_context: kexec_file_load has no flag that preserves the running system",
      "segments: kexec_file_load takes a kernel file, not segments",
      "entry: kexec_file_load finds the entry point itself",
      "memory: kexec_file_load places the segments itself",
      "checksum: with kexec_file_load the kernel decides how to verify the segments",
      "dtb: kexec_file_load takes no device tree: the next kernel gets the running one's, or none",
      "arch: kexec_file_load takes no architecture",
    ],
  );
  assertEquals(of({ memory: { max: 1n } }), ["memory: kexec_file_load places the segments itself"]);
  assertEquals(of({ checksum: "xxh64" }).length, 1);
});

pure("what is probably not meant: each path, parameter and unit", () => {
  const of = (changes: Partial<Profile>) => suspicionsOf(profileOf(changes)).map((each) => [each.path, line(each)]);
  const odd = { path: "/b*" };
  const pattern = (path: string) =>
    `:: warning suspicious The path \`${path}\` has a pattern, which no shell expands here => Write the path of one file`;
  assertEquals(
    of({
      kernel: { path: "/k?" },
      initrd: [{ path: "/i" }, odd],
      dtb: { path: "/d[0-9]" },
      segments: [{ at: 0n, source: { kind: "zero" } }, { at: 0n, source: { kind: "file", file: odd, offset: 0n } }],
    }),
    [
      [["kernel"], pattern("/k?")],
      [["initrd", 1], pattern("/b*")],
      [["dtb"], pattern("/d[0-9]")],
      [["segments", 1, "file"], pattern("/b*")],
    ],
  );
  const shell = ["/k-$(uname -r)", "/k-`x`", "/k-$release", "/k-$machine.img", "/k-$other", "/k-[", "/k-$releases"].map(
    (path) => of({ kernel: { path } }).map(([, text]) => text),
  );
  const substitution = (path: string) => [
    `:: warning suspicious The path \`${path}\` has a command substitution, which no shell expands here => ` +
    "Write the path of one file; `${release}` is the running kernel's release",
  ];
  const variable = (path: string) => [
    `:: warning suspicious The path \`${path}\` has a variable without braces, which no shell expands here => ` +
    "Write it as `${release}` or `${machine}`",
  ];
  assertEquals(shell, [
    substitution("/k-$(uname -r)"),
    substitution("/k-`x`"),
    variable("/k-$release"),
    variable("/k-$machine.img"),
    [],
    [],
    [],
  ]);
  const edit = (lists: object): CmdlineSpec => ({
    kind: "edit",
    reuse: true,
    remove: [],
    set: [],
    append: [],
    ...lists,
  });
  const comma = (cmdline: CmdlineSpec) => of({ cmdline });
  const ends =
    ":: warning suspicious The parameter `a,` ends with a comma, which the kernel gets too => Write a list, `[a, b]`, or no comma";
  for (const key of ["set", "append", "remove"]) {
    assertEquals(comma(edit({ [key]: ["x", "a,", "b"] })), [[["cmdline", key], ends]]);
    assertEquals(comma(edit({ [key]: ["a", "b,"] })), []);
  }
  assertEquals(comma({ kind: "parameters", parameters: ["a,", "b"] }), [[["cmdline"], ends]]);
  for (const key of ["reuse", "remove", "set", "append"]) {
    assertEquals(comma({ kind: "parameters", parameters: [`${key}:role=web`] }), [[
      ["cmdline"],
      `:: warning suspicious \`${key}:role=web\` is a parameter for the kernel: no space follows \`${key}:\` => Write \`${key}: role=web\``,
    ]]);
  }
  assertEquals(comma({ kind: "parameters", parameters: ["ro", "set:x"] }), []);
  const memory = (value: bigint) => of({ requires: { memory: value } as never });
  assertEquals([memory((1n << 20n) - 1n).length, memory(1n << 20n).length, of({ requires: {} as never }).length], [
    1,
    0,
    0,
  ]);
  const stated =
    ":: error crash-cmdline The command line states `elfcorehdr=1`, but its address is known only once the image is placed => Remove it; it is added when the crash kernel is loaded";
  for (
    const cmdline of [
      edit({ set: ["elfcorehdr=1"] }),
      edit({ append: ["elfcorehdr=1"] }),
      { kind: "parameters", parameters: ["elfcorehdr=1"] } as const,
    ]
  ) {
    assertEquals(of({ crash: true, cmdline }), [[["cmdline"], stated]]);
    assertEquals(of({ crash: false, cmdline }), []);
  }
  assertEquals(of({ crash: true, cmdline: edit({ remove: ["elfcorehdr=1"] }) }), []);
});

pure("globs", () => {
  const table: readonly (readonly [string, string, boolean])[] = [
    ["*", "", true],
    ["", "", true],
    ["", "a", false],
    ["a*", "a", true],
    ["a*b*c", "aXbYbZc", true],
    ["a*b*c", "aXcYb", false],
    ["*ab", "aab", true],
    ["*ab", "abb", false],
    ["*aab", "aaab", true],
    ["?", "", false],
    ["?", "ü", true],
    ["a?c", "abc", true],
    ["[a-c]x", "bx", true],
    ["[a-c]", "a", true],
    ["[a-c]", "c", true],
    ["[a-c]", "d", false],
    ["[!a-c]", "d", true],
    ["[^a-c]", "b", false],
    ["[]]", "]", true],
    ["[]a]", "a", true],
    ["[!]a]", "]", false],
    ["[!]a]", "b", true],
    ["[]", "[]", true],
    ["[a", "[a", true],
    ["a[", "a[", true],
    ["[-a]", "-", true],
    ["[a-]", "-", true],
    ["web[0-9][0-9]", "web42", true],
    ["web[0-9][0-9]", "web4", false],
    ["abc", "ab", false],
    ["ab", "abc", false],
    ["*b", "a", false],
  ];
  assertEquals(
    table.map(([pattern, text]) => [pattern, text, matchesGlob(pattern, text)]),
    table.map((row) => [...row]),
  );
});

pure("ranges of releases: how they are read, and what they hold", () => {
  const read = (text: string) => parseReleaseRange(text)?.map(formatBound);
  assertEquals(
    [">=6.1 <7", " >= 6.1, < 7 ", "=6", ">5.4.0,<=6", "6.1", ">=6.1<7", ">=", "", "~6", ">=1234567", ">=6.", ">=6.1x"]
      .map(read),
    [
      [">=6.1", "<7"],
      [">=6.1", "<7"],
      ["=6"],
      [">5.4.0", "<=6"],
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ],
  );
  const kept = (release: readonly number[], ...numbers: readonly number[]) =>
    ([">=", ">", "<=", "<", "="] as const).filter((relation) => keepsBound(release, { relation, numbers })).join(" ");
  assertEquals(kept([6, 1, 55], 6, 1), ">= <= =");
  assertEquals(kept([6, 1], 6, 1, 1), "<= <");
  assertEquals(kept([6, 2], 6, 1), ">= >");
  assertEquals(kept([6], 6, 0), ">= <= =");
  assertEquals(kept([10, 0], 9, 9), ">= >");
});

pure("a command line is taken apart as the kernel does", () => {
  assertEquals(
    ["a", "a=b", "=b", '"a=b c"', 'a="b c"', '"a b"', "a=", '"a"=b'].map(parseParameter),
    [
      { text: "a", name: "a" },
      { text: "a=b", name: "a", value: "b" },
      { text: "=b", name: "=b" },
      { text: '"a=b c"', name: "a", value: "b c" },
      { text: 'a="b c"', name: "a", value: "b c" },
      { text: '"a b"', name: "a b" },
      { text: "a=", name: "a", value: "" },
      { text: '"a"=b', name: 'a"', value: "b" },
    ],
  );
  const parts = (text: string) => {
    const { kernel, init, unclosed } = parseCmdline(text);
    return [kernel.map((each) => each.text), init?.map((each) => each.text), unclosed];
  };
  assertEquals(parts("a  b\tc\n-- d -- e"), [["a", "b", "c"], ["d", "--", "e"], undefined]);
  assertEquals(parts('"--" x'), [[], ["x"], undefined]);
  assertEquals(parts('a "b --'), [["a", '"b --'], undefined, '"b --']);
  assertEquals(parts("--x a--"), [["--x", "a--"], undefined, undefined]);
  assertEquals(["a b~", "a\x07", "\ud800", "ü", "à", '"à"', "日"].map(parameterProblem), [
    undefined,
    "has a control character, U+0007",
    "has half of a surrogate pair, which is not a character",
    undefined,
    "has `à`, whose byte 0xa0 ends a parameter for the kernel unless it is quoted",
    undefined,
    undefined,
  ]);
});

pure("an edited command line: what is dropped, removed, set and appended, and what is said about it", () => {
  const resolve = (
    spec: Partial<Extract<CmdlineSpec, { kind: "edit" }>>,
    running: string | undefined,
    crash = false,
  ) => {
    const { value, diagnostics } = resolveCmdline(
      { kind: "edit", reuse: true, remove: [], set: [], append: [], ...spec },
      { running, crash, image: "image ro" },
    );
    return diagnostics.length === 0
      ? value
      : [value, ...diagnostics.map((each) => `${each.path?.join(".")} ${line(each)}`)];
  };
  const all =
    "BOOT_IMAGE=/k initrd=/i kexec_jump_back_entry=1 elfcorehdr=2 warmboot.plan=3 crashkernel=4 hugepages=5 hugepagesz=6 default-hugepagesz=7 hugetlb_cma=8 cma=9 mem=10 memmap=11 ro";
  assertEquals(
    resolve({}, all),
    "crashkernel=4 hugepages=5 hugepagesz=6 default-hugepagesz=7 hugetlb_cma=8 cma=9 mem=10 memmap=11 ro",
  );
  assertEquals(resolve({}, all, true), "ro");
  assertEquals(resolve({ reuse: "image" }, "running"), "image ro");
  assertEquals(resolve({ reuse: false, append: ["a", "--", "b"] }, undefined), "a -- b");
  assertEquals(resolve({ append: ["c", "--", "d"] }, "a -- b"), "a c -- b d");
  assertEquals(resolve({ remove: ["a", "b=2"] }, "a=1 b=1 b=2 a c"), "b=1 c");
  assertEquals(resolve({ set: ["b=9", "z", "b=8"] }, "a b=1 c b=2 -- b"), "a b=9 b=8 c z -- b");
  assertEquals(resolve({ remove: ["quite"] }, "quiet -- quite"), [
    "quiet -- quite",
    "cmdline.remove.0 :: warning cmdline-no-match `remove` matches no parameter `quite` => The nearest parameter is `quiet`",
  ]);
  assertEquals(resolve({ remove: ["a=2"] }, "a=1"), [
    "a=1",
    "cmdline.remove.0 :: warning cmdline-no-match `remove` matches no parameter `a=2` => The nearest parameter is `a=1`",
  ]);
  assertEquals(resolve({}, undefined), [
    undefined,
    "cmdline.reuse :: error cmdline-not-known The running command line is unknown, so `reuse` has nothing to start from => Write the whole command line, or plan with facts that hold /proc/cmdline",
  ]);
  assertEquals(resolve({}, 'a "b'), [
    undefined,
    'cmdline.reuse :: error cmdline-quote The running command line has an open quote in `"b`, which would swallow what is added => Write the whole command line',
  ]);
  const exact =
    "cmdline.reuse :: warning cmdline-exactmap The running command line has `memmap=exactmap,1M@2M`: the next kernel will have no memory but what it lists => Use `remove: memmap` if the next kernel must have all memory";
  assertEquals(resolve({}, "memmap=exactmap,1M@2M"), ["memmap=exactmap,1M@2M", exact]);
  assertEquals(resolve({ remove: ["memmap"] }, "a memmap=exactmap,1M@2M"), "a");
  assertEquals(resolve({}, "a memmap=exactmap memmap=1M@2M elfcorehdr=1"), [
    "a",
    "cmdline.reuse :: warning cmdline-exactmap The running kernel saves dumps, and `memmap=exactmap` limits its memory: `memmap=` is not reused => Use `append` if the next kernel must have such a memory map",
  ]);
  const noImage = resolveCmdline({ kind: "edit", reuse: "image", remove: [], set: [], append: [] }, {
    running: "x",
    crash: false,
  });
  assertEquals(noImage.diagnostics.map(line), [
    ":: error conflict `reuse: image` requires a unified kernel image as `kernel` => Write `reuse: true` to start from the running command line",
  ]);
});

pure("layers: each fault, at its place", () => {
  const text = "version: 1\nkernel: k\nextends: [a.yaml]\n";
  assertEquals(said(text), [
    "p/w.yaml:3:11 error layer-unavailable The profile extends a.yaml, but no reader of files was given => Give parseProfile or defineProfile a `reader`, such as layerFiles()",
  ]);
  assertEquals(said(text, { "p/a.yaml": "extends: w.yaml\n", "p/w.yaml": text }), [
    "p/a.yaml:1:10 error layer-cycle p/w.yaml extends itself: p/w.yaml extends p/a.yaml extends p/w.yaml => Remove one `extends` of the chain",
  ]);
  assertEquals(said(text, { "p/a.yaml": "extends: a.yaml\n" }), [
    "p/a.yaml:1:10 error layer-cycle p/a.yaml extends itself => Remove one `extends` of the chain",
  ]);
  const chain = Object.fromEntries(
    Array.from({ length: 9 }, (_, index) => [`p/${index}.yaml`, `extends: ${index + 1}.yaml\n`]),
  );
  assertEquals(said("version: 1\nkernel: k\nextends: 2.yaml\n", { ...chain, "p/8.yaml": "stamp: true\n" }), []);
  assertEquals(said("version: 1\nkernel: k\nextends: 1.yaml\n", { ...chain, "p/8.yaml": "stamp: true\n" }), [
    "p/7.yaml:1:10 error layer-depth Too many files extend one another: p/w.yaml extends p/1.yaml extends p/2.yaml extends p/3.yaml extends p/4.yaml extends p/5.yaml extends p/6.yaml extends p/7.yaml extends p/8.yaml (a chain of at most 8 files) => List the bases next to each other: `extends: [a.yaml, b.yaml]`",
  ]);
  const many = (count: number) =>
    said(
      `version: 1\nkernel: k\nextends: [${Array.from({ length: count }, (_, index) => `b${index}.yaml`)}]\n`,
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`p/b${index}.yaml`, "stamp: true\n"])),
    );
  assertEquals([many(63), many(64)], [[], [
    "p/w.yaml:3:568 error layer-depth The profile has too many files; p/b63.yaml is the first beyond the limit (at most 64 files, including drop-ins) => Merge several of them into one",
  ]]);
  assertEquals(
    [
      ["a", "/x/y"],
      ["./a", "/x/y"],
      ["././a/./b", "/x/y"],
      ["../a", "/x/y"],
      ["/a", "/x/y"],
      ["a", "/y"],
      ["./a", "y"],
      [".", "/x/y"],
    ].map(([path = "", file = ""]) => pathBeside(path, file)),
    [
      "/x/a",
      "/x/a",
      "/x/a/./b",
      "/x/../a",
      "/a",
      "/a",
      "./a",
      "/x/.",
    ],
  );
});

pure("merge keys: a map's own keys count, then the earlier map", () => {
  const problems: string[] = [];
  const merged = (value: unknown) => resolveMerges(value, [], (each) => void problems.push(line(each)));
  assertEquals(merged({ "<<": [{ a: 1, b: 1 }, { b: 2, c: 2 }], c: 3 }), { c: 3, a: 1, b: 1 });
  assertEquals(merged({ x: [{ "<<": { "<<": { a: 1 } } }] }), { x: [{ a: 1 }] });
  assertEquals(problems, []);
  assertEquals([merged({ "<<": 1, a: 1 }), merged({ "<<": [{ b: 1 }, 2], a: 1 })], [{ a: 1 }, { a: 1 }]);
  assertEquals(problems, [
    ":: error wrong-type `<<` is not a map or a list of maps (a map or a list of maps)",
    ":: error wrong-type `<<` is not a map or a list of maps (a map or a list of maps)",
  ]);
});

pure("variables of paths: their values, and what may not be one", () => {
  const of = (path: string, values = { release: "6.1", machine: "x86_64" }) => {
    const { value, diagnostics } = resolvePaths(
      profileOf({
        kernel: { path },
        initrd: [{ path }],
        dtb: { path },
        segments: [{ at: 0n, source: { kind: "file", file: { path }, offset: 0n } }],
      }),
      values,
    );
    const source = value?.segments[0]?.source;
    return value === undefined ? diagnostics.map(line) : [
      value.kernel?.path,
      fileItems(value.initrd)[0]?.path,
      value.dtb?.path,
      source?.kind === "file" ? source.file.path : "",
    ];
  };
  const four = (path: string) => [path, path, path, path];
  assertEquals(of("/k-${release}-${machine}"), four("/k-6.1-x86_64"));
  assertEquals([of("/$${release}"), of("/${other}"), of("/$release")], [
    four("/${release}"),
    four("/${other}"),
    four("/$release"),
  ]);
  const refused = (
    release: string,
  ) => [
    `:: error facts-malformed The host's release is \`${release}\`, which cannot be a part of a path => Write the path without a variable`,
  ];
  assertEquals(
    ["..", ".", "a/b", "", "a b"].map((release) => of("/${release}", { release, machine: "m" })),
    ["..", ".", "a/b", "", "a b"].map(refused),
  );
  assertEquals([of("/${release}", { release: "...", machine: ".." }), of("/x", { release: "..", machine: "" })], [
    four("/..."),
    four("/x"),
  ]);
  assertEquals([writtenPath("/${a}$b${c}"), literalPath("/$${a}$b$${c}")], ["/$${a}$b$${c}", "/${a}$b${c}"]);
});

pure("names of profiles, and which file of a name counts", () => {
  assertEquals(PROFILE_ROOTS, ["/etc/warmboot", "/run/warmboot", "/usr/lib/warmboot"]);
  assertEquals(
    ["web", "_x", "9", "a.b", "web.yaml", "WEB.YML", "a.json", "a/b", "-a", "@running", "a b", ".a", ""].filter(
      isProfileName,
    ),
    ["web", "_x", "9", "a.b"],
  );
  const file = (path: string, isMask = false) => ({ path, isMask });
  assertEquals(unmasked([[file("/etc/b"), file("/etc/c", true)], [file("/run/a"), file("/run/b"), file("/run/c")]]), [
    "/run/a",
    "/etc/b",
  ]);
});

pure("a managed profile says how it was written, and whether it was edited", () => {
  for (const pin of [true, false]) {
    const text = managedProfileText("version: 1\n", { pin });
    assertEquals(managedMarkOf(text), { pin, isIntact: true });
    assertEquals(managedMarkOf(`${text}#\n`), { pin, isIntact: false });
    assertEquals(managedMarkOf(`\n${text}`), undefined);
  }
});

pure("fixes are applied in the order of the text, once, with its quotes", () => {
  const fix = (line: number, column: number, length: number, replacement: string, source?: string) => ({
    replacement,
    position: { file: "f", line, column, length, ...(source === undefined ? {} : { source }) },
  });
  const applied = (text: string, ...fixes: readonly ReturnType<typeof fix>[]) => {
    const result = applyFixes(text, fixes as never);
    return [result.text, result.applied.map(({ from }) => from)];
  };
  assertEquals(applied("ab: c\nde: f\n", fix(2, 1, 2, "X"), fix(1, 5, 1, "Y"), fix(1, 1, 2, "Z")), ["Z: Y\nX: f\n", [
    "ab",
    "c",
    "de",
  ]]);
  assertEquals(applied("abc\n", fix(1, 1, 2, "X"), fix(1, 2, 2, "Y")), ["Xc\n", ["ab"]]);
  assertEquals(applied("abc\n", fix(1, 1, 1, "X"), fix(1, 2, 1, "Y")), ["XYc\n", ["a", "b"]]);
  assertEquals(applied("\ufeff'a': \"b\"\n", fix(1, 1, 3, "x"), fix(1, 6, 3, "y")), ["\ufeff'x': \"y\"\n", [
    "'a'",
    '"b"',
  ]]);
  assertEquals(applied("a\n", fix(1, 1, 1, "x", "other"), fix(9, 1, 1, "y")), ["a\n", []]);
});

pure("a profile that is written for a person: whole", () => {
  const notes = { kernel: "The kernel.", initrd: "The initrd.", cmdline: "w ".repeat(60) };
  const text = templateText({
    about: ["Made from x.", "y"],
    description: "a: b",
    architecture: "x86_64",
    kernel: { path: "/k-${x}", sha256: "ab", profile: "main" },
    initrd: [{ path: "/i" }, { path: "/j", sha256: "cd" }],
    cmdline: "ro -- x",
    dtb: { path: "/d" },
    modules: [{ path: "/m-${x}", sha256: "ef", cmdline: "a: b" }, { path: "/n", cmdline: "" }],
    settings: ["load: kexec_load"],
    notes,
  });
  assertEquals(text.split("\n"), [
    "# Made from x.",
    "# y",
    "",
    "version: 1",
    'description: "a: b"',
    "",
    "# Any other host is refused.",
    "requires: { architecture: x86_64 }",
    "",
    "# The kernel.",
    "kernel:",
    '  path: "/k-$${x}"',
    "  sha256: ab",
    "  profile: main",
    "",
    "# The initrd.",
    "initrd:",
    "  - /i",
    "  - path: /j",
    "    sha256: cd",
    "",
    "# w w w w w w w w w w w w w w w w w w w w w w w w w w w w w w w w w w w w w w w w w w w w w w w w w",
    "# w w w w w w w w w w w",
    'cmdline: "ro -- x"',
    "",
    "dtb: /d",
    "modules:",
    '  - path: "/m-$${x}"',
    "    sha256: ef",
    '    cmdline: "a: b"',
    "  - path: /n",
    "load: kexec_load",
    "",
  ]);
  assertEquals(
    templateText({ about: [], kernel: { path: "/k" }, initrd: [], cmdline: { append: "null" }, notes: {} }).split("\n"),
    ["", "version: 1", "", "kernel: /k", "", "initrd: []", "", "cmdline:", "  reuse: true", '  append: "null"', ""],
  );
  assertEquals(
    templateText({ about: [], kernel: { path: "/k" }, isUnified: true, initrd: [], notes: {} }).split("\n"),
    ["", "version: 1", "", "kernel: /k", ""],
  );
  assertEquals(
    templateText({
      about: [],
      kernel: { path: "/k-${release}" },
      hasVariables: true,
      initrd: [{ path: "/i", sha256: "ef" }],
      notes: {},
    }).split("\n"),
    [
      "",
      "version: 1",
      "",
      'kernel: "/k-${release}"',
      "",
      "initrd:",
      "  path: /i",
      "  sha256: ef",
      "",
      "cmdline:",
      "  reuse: true",
      "",
    ],
  );
});
