import { assertEquals } from "@std/assert";
import { parseProfile } from "../../src/profile/parse.ts";
import { fileItems } from "../../src/profile/overlay_file.ts";
import { type ProfileTemplate, templateText } from "../../src/profile/profile_template.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const LEAST: ProfileTemplate = { about: ["x"], kernel: { path: "/k" }, initrd: [], cmdline: "ro", notes: {} };

/** The profile that a template becomes. */
function written(more: Partial<ProfileTemplate>) {
  const text = templateText({ ...LEAST, ...more });
  const { value, diagnostics } = parseProfile(text, "p.yaml");
  assertEquals([text, diagnostics], [text, []]);
  return value;
}

const SHA = "ab".repeat(32);

pure("paths of files are written so that they are those files, and paths of a profile as they are", () => {
  const path = "/x/${release}";
  const of = (more: Partial<ProfileTemplate>) => {
    const value = written({
      kernel: { path, sha256: SHA },
      initrd: [{ path }, { path: "/i", sha256: SHA }],
      dtb: { path },
      ...more,
    });
    return [value?.kernel, value?.dtb?.path, fileItems(value?.initrd ?? [])];
  };
  const literal = "/x/$${release}";
  assertEquals(of({}), [{ path: literal, sha256: SHA }, literal, [{ path: literal }, { path: "/i", sha256: SHA }]]);
  assertEquals(of({ hasVariables: true }), [{ path, sha256: SHA }, path, [{ path }, { path: "/i", sha256: SHA }]]);
  const modules = [{ path, cmdline: "a: b" }, { path: "/m", sha256: SHA, cmdline: "" }];
  assertEquals(written({ modules })?.modules, [{ ...modules[0], path: literal }, modules[1]] as never);
  assertEquals(written({ modules, hasVariables: true })?.modules, modules);
});

pure("a text that some reader of YAML takes for something else is quoted", () => {
  const texts = [
    "ro",
    "root=LABEL=r ro",
    "true",
    "FALSE",
    "on",
    "no",
    "1",
    "- a",
    "a: b",
    "a:",
    "a -b",
    "a #b",
    "'a'",
    "a\tb c",
    "@a",
    "Yes",
    "a\u2028b",
    "[a]",
  ];
  for (const description of texts) {
    assertEquals([description, written({ description })?.description], [description, description]);
  }
  const quoted = (text: string) =>
    templateText({ ...LEAST, description: text }).includes(`description: ${JSON.stringify(text)}`);
  assertEquals(["null", "Null", "NULL", "~"].filter((text) => !quoted(text)), []);
  assertEquals(texts.filter((text) => !quoted(text)), ["ro", "root=LABEL=r ro"]);
});

pure("what is said above the keys stays a comment, whatever ends a line in it", () => {
  const about = ["a\nkernel: /evil", "b\rc", "d\u2028e\u0085f\u2029g"];
  const text = templateText({ ...LEAST, about, notes: { kernel: "k\nx: y", initrd: "i", cmdline: "c" } });
  const [first, second, third] = text.split("\n");
  assertEquals([first, second, third], ["# a kernel: /evil", "# b c", "# d e f g"]);
  assertEquals(/[\r\u0085\u2028\u2029]/.test(text), false);
  assertEquals(text.includes("# k x: y\n"), true);
  assertEquals(written({ about })?.kernel?.path, "/k");
  // Long sentences are wrapped.
  const lines = templateText({ ...LEAST, about: ["word ".repeat(100)] }).split("\n").filter((line) =>
    line.includes("word")
  );
  assertEquals([lines.length, lines.every((line) => line.length <= 100)], [6, true]);
});

pure("the command line, the initrds and the kernel in each of their forms", () => {
  const cmdline = (form: ProfileTemplate["cmdline"]) => {
    const { cmdline: _, ...rest } = LEAST;
    const { value } = parseProfile(templateText(form === undefined ? rest : { ...rest, cmdline: form }), "p.yaml");
    return value?.cmdline;
  };
  const edit = { kind: "edit", reuse: true, remove: [], set: [], append: [] };
  assertEquals([cmdline("a b"), cmdline(undefined), cmdline({ append: "c d" })], [
    { kind: "parameters", parameters: ["a", "b"] },
    edit,
    { ...edit, append: ["c", "d"] },
  ] as never);
  assertEquals(templateText(LEAST).includes("initrd: []\n"), true);
  assertEquals(templateText({ ...LEAST, initrd: [{ path: "/i" }] }).includes("initrd: /i\n"), true);
  const unified = written({ isUnified: true, kernel: { path: "/u.efi", profile: "1" } });
  assertEquals([unified?.kernel, unified?.cmdline], [
    { path: "/u.efi", profile: "1" },
    { kind: "parameters", parameters: [] },
  ] as never);
  assertEquals(written({ kernel: { path: "/f.itb", sha256: SHA, configuration: "conf-1" } })?.kernel, {
    path: "/f.itb",
    sha256: SHA,
    configuration: "conf-1",
  } as never);
  const { kernel: _, ...bare } = LEAST;
  const entry = parseProfile(
    templateText({ ...bare, bootEntry: "default", guard: true, architecture: "x86_64" }),
    "p.yaml",
  );
  assertEquals([entry.diagnostics, entry.value?.bootEntry, entry.value?.guard, entry.value?.requires], [
    [],
    { id: "default" },
    { panic: 10, confirm: 600 },
    { architecture: "x86_64" },
  ] as never);
});
