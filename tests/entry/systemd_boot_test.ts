import { assertEquals } from "@std/assert";
import { systemdBootEntries, systemdBootEntry, systemdBootFound } from "../../src/entry/systemd_boot.ts";
import { layout, type LayoutFiles, loaderVariables } from "../support/boot_layout.ts";

const ESP = { esp: "/efi" };
const X86 = "x86_64";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** Files of an ESP at /efi with kernels of these names, and entries by the names of their files. */
function esp(entries: { readonly [name: string]: string }, more: LayoutFiles = {}): LayoutFiles {
  return {
    "/efi/k": "k",
    "/efi/u.efi": "MZ",
    ...Object.fromEntries(Object.entries(entries).map(([name, text]) => [`/efi/loader/entries/${name}`, text])),
    ...more,
  };
}

/** The entries that are listed, in their order, and one thing about each. */
function listed<T>(files: LayoutFiles, what: (entry: Entry) => T, machine: string = X86): readonly T[] {
  return (systemdBootEntries(layout(files), ESP, machine).value ?? []).map(what);
}

type Entry = NonNullable<ReturnType<typeof systemdBootEntries>["value"]>[number];

/** What is booted, and what is said of it. */
function booted(files: LayoutFiles, asked?: string, machine: string = X86) {
  const { value, diagnostics } = systemdBootEntry(layout(files), ESP, machine, asked);
  return { ...value, said: diagnostics.map(({ message }) => message) };
}

pure("a file is an entry by its name: not a hidden one, none of those that are automatic, with either case", () => {
  const names = ["a.conf", "B.CONF", ".hidden.conf", "auto-windows.conf", "AUTO-x.conf", "c.conf.bak", "conf"];
  const files = esp(Object.fromEntries(names.map((name) => [name, "linux /k\n"])));
  assertEquals(listed(files, ({ id }) => id).toSorted(), ["a.conf", "b.conf"]);
});

pure("a folder may have so many entries, and a word that begins with @ is one that is known, in either case", () => {
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`${index}.conf`, "linux /k\n"]));
  assertEquals(listed(esp(many(1000)), () => 0).length, 1000);
  const { value, diagnostics } = systemdBootEntries(layout(esp(many(1001))), ESP, X86);
  assertEquals([value, diagnostics.map(({ message }) => message)], [
    undefined,
    ["/efi/loader/entries has 1001 entries, more than 1000"],
  ]);
  const saved = (word: string) =>
    booted(esp(many(3), {
      ...loaderVariables({ LoaderEntryLastBooted: "1.conf" }),
      "/efi/loader/loader.conf": `default 0.conf\ndefault ${word}\n`,
    })).id;
  assertEquals(["@saved", "@SAVED", "@other"].map(saved), ["1.conf", "1.conf", "0.conf"]);
});

pure("an entry needs one kind of program, which is there; a key that is repeated counts as the last one", () => {
  const rows: readonly (readonly [string, unknown])[] = [
    ["linux /k\n", { kind: "linux", path: "/efi/k" }],
    ["linux k\n", { kind: "linux", path: "/efi/k" }],
    ["linux //k\n", { kind: "linux", path: "/efi/k" }],
    ["linux \\k\n", { kind: "linux", path: "/efi/k" }],
    ["linux /gone\nlinux /k\n", { kind: "linux", path: "/efi/k" }],
    ["linux /k\nlinux /gone\n", undefined],
    ["linux /gone\n", undefined],
    ["uki /gone\n", undefined],
    ["linux /k\nefi /u.efi\n", undefined],
    ["uki /u.efi\nlinux /k\n", undefined],
    ["uki /u.efi\n", { kind: "uki", path: "/efi/u.efi" }],
    // What is fetched is not looked for.
    ["uki-url https://example.org/u.efi\n", { kind: "url", url: "https://example.org/u.efi" }],
    ["title T\n", undefined],
    ["linux\n", undefined],
    ["architecture aa64\nlinux /k\n", undefined],
    ["architecture X64\nlinux /k\n", { kind: "linux", path: "/efi/k" }],
    ["architecture vax\nlinux /k\n", undefined],
  ];
  assertEquals(
    rows.map(([text]) => [text, listed(esp({ "a.conf": text }), ({ what }) => what)[0]]),
    rows.map(([text, what]) => [text, what]),
  );
});

pure("an entry's list of values is that of all its lines, and a number that is none is the first profile", () => {
  const text = "linux /k\ninitrd /a\ninitrd /b\noptions x\noptions  y  \nprofile two\nextra /c\nextra /d\n" +
    "devicetree-overlay /1 /2\ndevicetree-overlay /3\n#options z\n\toptions\tz\n";
  assertEquals(
    listed(
      esp({ "a.conf": text }),
      ({ initrd, options, profile, extra, overlays }) => ({ initrd, options, profile, extra, overlays }),
    ),
    [{
      initrd: ["/efi/a", "/efi/b"],
      options: "x y z",
      profile: 0,
      extra: ["/c", "/d"],
      overlays: ["/1", "/2", "/3"],
    }],
  );
});

pure("the title, the version and the sort key of an image are the first that its os-release has", () => {
  const all = [
    ["PRETTY_NAME", "P"],
    ["IMAGE_ID", "II"],
    ["NAME", "N"],
    ["ID", "I"],
    ["IMAGE_VERSION", "IV"],
    ["VERSION", "V"],
    ["VERSION_ID", "VI"],
    ["BUILD_ID", "B"],
  ] as const;
  const of = (...left: readonly string[]) =>
    listed({
      "/efi/EFI/Linux/a.efi/.osrel": all.filter(([key]) => !left.includes(key)).map(([key, value]) =>
        `${key}=${value}\n`
      ).join(""),
      "/efi/EFI/Linux/a.efi": "MZ",
    }, ({ title, version, sortKey }) => [title, version, sortKey])[0];
  assertEquals([
    of(),
    of("PRETTY_NAME", "IMAGE_VERSION"),
    of("PRETTY_NAME", "IMAGE_ID", "IMAGE_VERSION", "VERSION"),
    of("PRETTY_NAME", "IMAGE_ID", "NAME", "IMAGE_VERSION", "VERSION", "VERSION_ID"),
    of("IMAGE_ID", "ID", "IMAGE_VERSION", "VERSION", "VERSION_ID", "BUILD_ID"),
    of("PRETTY_NAME", "IMAGE_ID", "NAME", "ID"),
  ], [
    ["P", "IV", "II"],
    ["II", "V", "II"],
    ["N", "VI", "I"],
    ["I", "B", "I"],
    ["P", undefined, undefined],
    // Without a name it is no entry.
    undefined,
  ]);
});

pure("the profiles of an image are entries: by ID or number, with an os-release of their own or that of all", () => {
  const image = "/efi/EFI/Linux/a+3-1.efi";
  const files = {
    [image]: "MZ",
    [`${image}/.osrel`]: "PRETTY_NAME=All\n",
    [`${image}/@0/.profile`]: "ID=main\nTITLE=Main\n",
    [`${image}/@1/.profile`]: "ID=rescue\n",
    [`${image}/@1/.osrel`]: "PRETTY_NAME=Own\n",
    [`${image}/@2/.profile`]: "TITLE=Third\n",
    [`${image}/@3/.profile`]: "",
    // What follows a gap is not looked at.
    [`${image}/@5/.profile`]: "ID=lost\n",
  };
  assertEquals(listed(files, ({ id, idWithCounter, title, profile }) => [id, idWithCounter, title, profile]), [
    ["a.efi", "a+3-1.efi", "All (Main)", 0],
    ["a.efi@rescue", "a+3-1.efi@rescue", "Own (rescue)", 1],
    ["a.efi@2", "a+3-1.efi@2", "All (Third)", 2],
    ["a.efi@3", "a+3-1.efi@3", "All (profile 3)", 3],
  ]);
  // Any of its names will do: with the counter or without, and without the suffix.
  assertEquals(
    ["a.efi@rescue", "A+3-1.EFI@rescue", "a@rescue", "a", "a@2"].map((asked) => booted(files, asked).profile),
    ["1", "1", "1", undefined, "2"],
  );
  // Without a profile, an image is one entry.
  assertEquals(listed({ [image]: "MZ", [`${image}/.osrel`]: "NAME=N\n" }, ({ id, title }) => [id, title]), [
    ["a.efi", "N"],
  ]);
});

pure("entries without tries left come last, in the same order among themselves", () => {
  const names = ["a+0-3", "b", "c+0-1", "d+1-2", "e+0-9", "f"];
  for (const key of ["", "sort-key x\nversion 1\n"]) {
    const files = esp(Object.fromEntries(names.map((name) => [`${name}.conf`, `linux /k\n${key}`])));
    assertEquals(listed(files, ({ id }) => id[0]), ["f", "d", "b", "e", "c", "a"]);
  }
});

pure("the version counts among entries with a sort key only; the others are in the order of their names", () => {
  const ids = (key: string) =>
    listed(
      esp({
        "a.conf": `linux /k\nversion 9\n${key}`,
        "b.conf": `linux /k\nversion 10\n${key}`,
        "c.conf": `linux /k\nversion 1\n${key}`,
      }),
      ({ id }) => id,
    );
  assertEquals([ids(""), ids("sort-key x\n")], [["c.conf", "b.conf", "a.conf"], ["b.conf", "a.conf", "c.conf"]]);
});

pure("an entry without tries left is still the default that is named, and its name is asked for in any case", () => {
  const files = (variables: { readonly [name: string]: string }) =>
    esp({ "New.conf": "linux /k\nsort-key a\n", "Old+0-3.conf": "linux /k\nsort-key b\n" }, loaderVariables(variables));
  assertEquals([
    booted(files({})).id,
    booted(files({ LoaderEntryDefault: "old*" })).id,
    booted(files({ LoaderEntryOneShot: "OLD*" })).id,
    booted(files({}), "OLD+0-3.conf").id,
    booted(files({}), "old+0-3.CONF").id,
    booted(files({}), "Old").id,
  ], ["new.conf", "old.conf", "old.conf", "old.conf", "old.conf", "old.conf"]);
  // Of entries that sort alike, one with a version comes before one without.
  assertEquals(
    listed(esp({ "z.conf": "linux /k\nsort-key x\n", "a.conf": "linux /k\nsort-key x\nversion 1\n" }), ({ id }) => id),
    ["a.conf", "z.conf"],
  );
});

pure("of the same entry, the copy with more tries left comes first, then the one with fewer done", () => {
  const order = (...names: readonly string[]) =>
    listed(
      esp(Object.fromEntries(names.map((name) => [`${name}.conf`, "linux /k\n"]))),
      ({ idWithCounter, triesLeft, triesDone }) => [idWithCounter, triesLeft, triesDone],
    );
  const [many, few, tired] = [["z+3-1.conf", 3, 1], ["z+2-1.conf", 2, 1], ["z+2-2.conf", 2, 2]];
  assertEquals(order("z+2-2", "z+2-1", "z+3-1"), [many, few, tired]);
  assertEquals(order("z+3-1", "z+2-1", "z+2-2"), [many, few, tired]);
  // A counter alone has none done; nine digits are the most.
  assertEquals(order("z+4"), [["z+4.conf", 4, 0]]);
  assertEquals(order("z+1234567890"), [["z+1234567890.conf", undefined, 0]]);
});

pure("`preferred` counts from systemd 260, where the version is not known as well, and for what has tries left", () => {
  const entries = { "new.conf": "linux /k\nversion 2\nsort-key a\n", "old+0-3.conf": "linux /k\nsort-key b\n" };
  const preferred = (version: string, more: LayoutFiles = {}) =>
    booted(esp(entries, {
      ...loaderVariables({
        ...(version === "" ? {} : { LoaderInfo: `systemd-boot ${version}` }),
        LoaderEntryPreferred: "old.conf",
        LoaderEntryDefault: "new.conf",
      }),
      "/efi/loader/entries/old.conf": "linux /k\nsort-key b\n",
      ...more,
    })).id;
  assertEquals(["", "259.9", "260", "261"].map((version) => preferred(version)), [
    "old.conf",
    "new.conf",
    "old.conf",
    "old.conf",
  ]);
  const conf = (left: string) => {
    const files = esp({ "new.conf": "linux /k\nsort-key a\n", [`old${left}.conf`]: "linux /k\nsort-key b\n" }, {
      ...loaderVariables({ LoaderInfo: "systemd-boot 260" }),
      "/efi/loader/loader.conf": "preferred old*\ndefault new.conf\n",
    });
    return booted(files).id;
  };
  assertEquals(["", "+2", "+0-3"].map(conf), ["old.conf", "old.conf", "new.conf"]);
});

pure("a name that only some versions of systemd-boot take for the entry is refused, with either of its names", () => {
  const files = (wanted: string) => esp({ "a+2.conf": "linux /k\n" }, loaderVariables({ LoaderEntryDefault: wanted }));
  const why = (wanted: string) =>
    `\`${wanted}\` of LoaderEntryDefault names an entry in some versions of systemd-boot only, since ` +
    "/efi/loader/entries/a+2.conf counts its boots";
  assertEquals(["a.conf", "a+2.conf"].map((wanted) => [booted(files(wanted)).id, booted(files(wanted)).said[0]]), [
    [undefined, why("a.conf")],
    [undefined, why("a+2.conf")],
  ]);
  assertEquals(booted(files("a*")).id, "a.conf");
  // Two entries, of which versions with the counter in the ID take another one.
  const two = esp({ "a+2.conf": "linux /k\nsort-key z\n", "a.conf": "linux /k\nsort-key b\n" }, {
    ...loaderVariables({ LoaderEntryDefault: "a?2.conf" }),
  });
  assertEquals(booted(two).id, undefined);
});

pure("without an entry for this machine, and for one that is fetched, it is said why nothing can be booted", () => {
  const no = "systemd-boot has no entry for this machine under /efi";
  assertEquals(booted(esp({ "a.conf": "architecture aa64\nlinux /k\n" })).said, [no]);
  const both = systemdBootEntry(layout({}), { ...ESP, xbootldr: "/boot" }, X86, undefined).diagnostics;
  assertEquals(both.map(({ message }) => message), [`${no} or /boot`]);
  assertEquals(booted(esp({ "a.conf": "uki-url https://h/u.efi\n" })).said, [
    "The entry `a.conf` of systemd-boot is fetched from https://h/u.efi, which kexec cannot do",
  ]);
  assertEquals(booted(esp({}, { "/efi/loader/entries/a.conf": { error: "EACCES" } })).said, [no]);
});

pure("of several entries that a pattern matches, the first of the menu is the default", () => {
  const files = (pattern: string) =>
    esp({ "a-1.conf": "linux /k\n", "a-2.conf": "linux /k\n", "b.conf": "linux /k\nsort-key x\n" }, {
      "/efi/loader/loader.conf": `  default\t${pattern}\n`,
    });
  assertEquals(["*", "a-*", "A-?.CONF", "*-1*"].map((pattern) => booted(files(pattern)).id), [
    "b.conf",
    "a-2.conf",
    "a-2.conf",
    "a-1.conf",
  ]);
});

pure("what the menu waits for and what a failed firmware update boots is said, where it is set", () => {
  const said = (variables: { readonly [name: string]: string }, conf = "") =>
    booted(esp({ "a.conf": "linux /k\n" }, { ...loaderVariables(variables), "/efi/loader/loader.conf": conf })).said;
  const waits = ["systemd-boot waits for a key before it boots: its timeout is `menu-force`"];
  assertEquals([
    said({}),
    said({ LoaderEntrySysFail: "" }),
    said({}, "timeout menu-force\n"),
    said({ LoaderConfigTimeout: "menu-force" }),
    // The variable outweighs the file.
    said({ LoaderConfigTimeout: "menu-force" }, "timeout 3\n"),
    said({ LoaderConfigTimeout: "3" }, "timeout menu-force\n"),
  ], [[], [], waits, waits, waits, []]);
});

pure("the EFI shell that may be the default is that of the machine", () => {
  const of = (shell: string, machine: string) =>
    booted(
      esp({ "a.conf": "linux /k\n" }, {
        "/efi/loader/loader.conf": "default auto-efi-shell\n",
        [`/efi/${shell}`]: "MZ",
      }),
      undefined,
      machine,
    ).id;
  assertEquals([
    of("shellx64.efi", X86),
    of("shellaa64.efi", X86),
    of("shellaa64.efi", "aarch64"),
    of("shellx64.efi", "aarch64"),
  ], [undefined, "a.conf", undefined, "a.conf"]);
});

pure("an entry is handed on with what concerns kexec: its profile, its tries, its addons in either case", () => {
  const of = (text: string, name = "a.conf") => booted(esp({ [name]: text }));
  const { profile, isProgram, cmdline } = of("linux /k\nprofile 1\n");
  assertEquals([profile, isProgram, cmdline], [undefined, undefined, ""]);
  const image = of("uki /u.efi\nprofile 1\n");
  assertEquals([image.profile, image.isProgram, image.cmdline], ["1", true, undefined]);
  assertEquals(of("uki /u.efi\noptions a  b\n").cmdline, "a b");
  assertEquals(of("linux /k\nextra /X.EFI\nextra /y.cred\n").said, [
    "The entry `a.conf` of systemd-boot has the addons /X.EFI, which change what it boots",
  ]);
  const tries = (name: string) => {
    const { isCounted, said } = of("linux /k\n", name);
    return [isCounted, said];
  };
  assertEquals([tries("a.conf"), tries("a+1-2.conf"), tries("a+0-3.conf")], [
    [undefined, []],
    [true, []],
    [true, ["The entry `a.conf` of systemd-boot has no tries left: it counts as bad"]],
  ]);
  const { value } = systemdBootFound(
    layout(
      esp({
        "a.conf": "architecture x64\nlinux /k\n",
        "b.conf": "uki-url http://x/\n",
        "c.conf": "architecture aa64\nlinux /k\n",
      }),
    ),
    ESP,
    X86,
  );
  assertEquals(value?.map(({ id, rule }) => [id, rule]), [["a.conf", "it is in the menu"]]);
});
