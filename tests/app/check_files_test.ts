import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { checkFiles } from "../../src/app/check_files.ts";
import { fixFiles } from "../../src/app/fix_files.ts";
import { dropInsOf, fileId, findProfile, layerFiles } from "../../src/app/layer_files.ts";
import { prepareFrom } from "../../src/app/prepare.ts";
import { planFiles, profileFiles } from "../../src/app/named_files.ts";
import { defineProfile } from "../../src/profile/define.ts";
import type { Diagnostic } from "../../src/core/diagnostic.ts";
import { hostFacts } from "../support/host_facts.ts";
import { inOwnProcess } from "../support/own_process.ts";
import { type TempFiles, withFiles } from "../support/temp_files.ts";

/** A result with `ROOT` in place of the folder. */
function plain(value: unknown, root: string): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll(root, "ROOT"));
}

/** What a check of these words says: each file with its verdict and problems, and the files that are parts of others. */
function checked(files: TempFiles, ...words: readonly string[]): unknown {
  return withFiles(files, (root) => {
    const { summary, files: found, parts } = checkFiles(words.map((word) => join(root, word)));
    const said = (diagnostics: readonly Diagnostic[]) =>
      diagnostics.map(({ severity, code, message, hint }) => `${severity} ${code}: ${message}; ${hint ?? "-"}`);
    return plain({
      summary: Object.values(summary).join(),
      files: found.map(({ file, valid, diagnostics }) => [file, valid, ...said(diagnostics)]),
      parts: parts.map(({ file, used, diagnostics }) => [file, used, ...said(diagnostics)]),
    }, root);
  });
}

const WEB = "version: 1\nkernel: /boot/vmlinuz\n";

Deno.test("a folder is checked with every profile below it, and what is none is a part or of no use", () => {
  const files = {
    "web.yaml": `${WEB}extends: base/common.yaml\n`,
    "web.yaml.d/10.yaml": "cmdline: ro\n",
    "gone.yaml.d/10.yaml": "cmdline: ro\n",
    "sub/bad.yml": "version: 1\nkernal: /boot/vmlinuz\n",
    "base/common.yaml": "description: common\n",
    "base/unused.yaml": "description: unused\n",
    "plan.yaml": "format: warmboot.plan/1\n",
    "text.txt": WEB,
    "quoted.yaml": '"version": 1\nkernel: /k\n',
    "json.yaml": '{ "kernel": "/k", "version": 1 }\n',
    "broken.yaml": "version: 1\nkernel: [\n",
    "list.yaml": "- version: 1\n",
  };
  assertEquals(checked(files, ""), {
    summary: "5,2,3,5",
    files: [
      ["ROOT/broken.yaml", false, "error yaml-syntax: The bracket `[` is not closed; Add `]` at its end"],
      ["ROOT/json.yaml", true],
      ["ROOT/quoted.yaml", true],
      ["ROOT/sub/bad.yml", false, "error unknown-key: Unknown key `kernal`; Did you mean `kernel`?"],
      ["ROOT/web.yaml", true],
    ],
    parts: [["ROOT/base/common.yaml", true], [
      "ROOT/base/unused.yaml",
      false,
      "warning no-version: ROOT/base/unused.yaml has no `version`, and no profile that was checked uses it; A profile begins with `version: 1`",
    ], [
      "ROOT/gone.yaml.d/10.yaml",
      false,
      "warning no-version: ROOT/gone.yaml.d/10.yaml is a drop-in, and no profile that was checked uses it; Name its folder after its profile: NAME.yaml.d",
    ], [
      "ROOT/list.yaml",
      false,
      "warning no-version: ROOT/list.yaml has no `version`, and no profile that was checked uses it; A profile begins with `version: 1`",
    ], ["ROOT/web.yaml.d/10.yaml", true]],
  });
});

Deno.test("files are checked once, however often they are named, and whatever they are", () => {
  const files = { "web.yaml": WEB, "plan.json": '{"format": "warmboot.plan/1"}', "part.yaml": "cmdline: ro\n" };
  assertEquals(checked(files, "web.yaml", "./web.yaml", "", "plan.json", "part.yaml", "gone.yaml"), {
    summary: "3,2,1,1",
    files: [["ROOT/web.yaml", true], [
      "ROOT/plan.json",
      false,
      "error wrong-type: This is a stored plan, not a profile; Load it with: warmboot load FILE",
    ], ["ROOT/gone.yaml", false, "error file-missing: ROOT/gone.yaml does not exist; -"]],
    parts: [[
      "ROOT/part.yaml",
      false,
      "warning no-version: ROOT/part.yaml has no `version`, and no profile that was checked uses it; A profile begins with `version: 1`",
    ]],
  });
});

Deno.test("a folder without a profile is an error, and one whose profiles were named before is not", () => {
  assertEquals(checked({ "a.txt": "", "part.yaml": "cmdline: ro\n" }, "."), {
    summary: "1,1,1,1",
    files: [[
      "ROOT",
      false,
      "error profile-missing: There is no profile under ROOT; Write one with: warmboot init --out ROOT/NAME.yaml",
    ]],
    parts: [[
      "ROOT/part.yaml",
      false,
      "warning no-version: ROOT/part.yaml has no `version`, and no profile that was checked uses it; A profile begins with `version: 1`",
    ]],
  });
  assertEquals(checked({ "web.yaml": WEB }, "web.yaml", "."), {
    summary: "1,0,0,0",
    files: [["ROOT/web.yaml", true]],
    parts: [],
  });
});

Deno.test("each fix is applied where it belongs, in bases too, and the rest of a file stays byte for byte", () => {
  const files = {
    "web.yaml": "\ufeffversion: 1 # one\r\nkernal: /boot/vmlinuz\r\nextends: base.yaml\r\nlod: auto\r\n",
    "base.yaml": "descripton: b\n",
    "good.yaml": WEB,
  };
  withFiles(files, (root) => {
    assertEquals(plain(fixFiles([root]), root), [
      { file: "ROOT/base.yaml", line: 1, column: 1, code: "unknown-key", from: "descripton", to: "description" },
      { file: "ROOT/web.yaml", line: 2, column: 1, code: "unknown-key", from: "kernal", to: "kernel" },
      { file: "ROOT/web.yaml", line: 4, column: 1, code: "unknown-key", from: "lod", to: "load" },
    ]);
    const texts = Object.keys(files).map((name) => Deno.readTextFileSync(join(root, name)));
    assertEquals(texts.map((text) => text.replace("\ufeff", "")), [
      "version: 1 # one\r\nkernel: /boot/vmlinuz\r\nextends: base.yaml\r\nload: auto\r\n",
      "description: b\n",
      "version: 1\nkernel: /boot/vmlinuz\n",
    ]);
    assertEquals(fixFiles([root]), []);
  });
});

Deno.test("a profile is found by its name in the first folder that has it, unless it is switched off", async () => {
  const files = {
    "etc/web.yaml": WEB,
    "etc/off.yaml": "",
    "etc/web.yaml.d/20.yaml": "20",
    "etc/web.yaml.d/10.yaml": "",
    "etc/web.yaml.d/.hidden.yaml": "",
    "etc/.hidden.yaml": WEB,
    "etc/web.yaml.d/note.txt": "",
    "lib/web.yaml": WEB,
    "lib/off.yaml": WEB,
    "lib/other.yaml": WEB,
    "lib/web.yaml.d/10.yaml": "10",
    "lib/web.yaml.d/30.yaml": "30",
    "lib/null.yaml": WEB,
  };
  await withFiles(files, async (root) => {
    Deno.symlinkSync("/dev/null", join(root, "etc/null.yaml"));
    const roots = ["etc", "run", "lib"].map((name) => join(root, name));
    const find = (name: string) => {
      const { value, diagnostics } = findProfile(name, roots);
      return plain([value, ...diagnostics.map(({ code, message, hint }) => [code, message, hint])], root);
    };
    assertEquals(find("web"), [{
      path: "ROOT/etc/web.yaml",
      dropIns: { files: ["ROOT/etc/web.yaml.d/20.yaml", "ROOT/lib/web.yaml.d/30.yaml"], diagnostics: [] },
    }]);
    assertEquals(find("other"), [{ path: "ROOT/lib/other.yaml", dropIns: { files: [], diagnostics: [] } }]);
    assertEquals(find("off"), [null, [
      "profile-masked",
      "The profile off is switched off: ROOT/etc/off.yaml is empty, or a link to /dev/null",
      "Remove ROOT/etc/off.yaml to use the profile that it hides",
    ]]);
    assertEquals(find("null"), [null, [
      "profile-masked",
      "The profile null is switched off: ROOT/etc/null.yaml is empty, or a link to /dev/null",
      "Remove ROOT/etc/null.yaml to use the profile that it hides",
    ]]);
    assertEquals(find("othre"), [null, [
      "profile-missing",
      "There is no profile othre.yaml in ROOT/etc, ROOT/run, ROOT/lib",
      "Did you mean other?",
    ]]);
    // A name is not the end of another one, and hidden files are none.
    for (const name of ["ther", ".hidden"]) {
      assertEquals(findProfile(name, roots).diagnostics.map(({ code }) => code), ["profile-missing"]);
    }
    assertEquals(find("zzzzzz"), [null, [
      "profile-missing",
      "There is no profile zzzzzz.yaml in ROOT/etc, ROOT/run, ROOT/lib",
      "To name a file in this folder, write ./zzzzzz.yaml",
    ]]);
    assertEquals(plain(dropInsOf([join(root, "etc/web.yaml"), join(root, "gone")]), root), {
      files: [],
      diagnostics: [],
    });
    // A folder that cannot be listed may have what would win.
    const loop = join(root, "loop");
    Deno.symlinkSync("loop", loop);
    assertEquals(
      [findProfile("other", [loop, join(root, "lib")]), dropInsOf([loop, join(root, "lib/web.yaml.d")])].map(
        (found) => found.diagnostics.map(({ code }) => code),
      ),
      [["file-unreadable"], ["file-unreadable"]],
    );
    const program = `Deno.chdir(${JSON.stringify(join(root, "lib"))});
      Deno.writeTextFileSync("other", "");
      console.log(findProfile("other", [${JSON.stringify(join(root, "run"))}]).diagnostics.map(({ hint }) => hint));`;
    assertEquals(
      await inOwnProcess({ "src/app/layer_files.ts": "findProfile" }, program),
      `[ "Did you mean the file here? Write ./other.yaml" ]\n`,
    );
  });
});

Deno.test("the layers of profiles are read once, and known by their file, not their name", () => {
  withFiles({ "a.yaml": "one", "a.yaml.d/1.yaml": "x", "large.yaml": new Uint8Array((1 << 20) + 1) }, (root) => {
    Deno.linkSync(join(root, "a.yaml"), join(root, "b.yaml"));
    const { read, dropIns } = layerFiles();
    const [a, b] = ["a.yaml", "b.yaml"].map((name) => read(join(root, name)));
    assertEquals([a?.kind, a?.kind === "bytes" && new TextDecoder().decode(a.bytes)], ["bytes", "one"]);
    assertEquals(a?.kind === "bytes" && b?.kind === "bytes" && a.id === b.id && a.id !== "", true);
    // Another file system has the same inodes; what cannot be looked at is known by its path.
    assertEquals([fileId("/proc") === fileId("/sys"), fileId("/no/where")], [false, "/no/where"]);
    Deno.writeTextFileSync(join(root, "a.yaml"), "two");
    assertEquals(read(join(root, "a.yaml")), a);
    assertEquals(plain(dropIns(join(root, "a.yaml")), root), { files: ["ROOT/a.yaml.d/1.yaml"], diagnostics: [] });
    const large = read(join(root, "large.yaml"));
    assertEquals(large.kind === "failed" && large.diagnostic.code, "too-large");
    const gone = read(join(root, "gone.yaml"));
    assertEquals(gone.kind === "failed" && gone.diagnostic.code, "file-missing");
  });
});

Deno.test("a base of the name `-` is a file, and standard input is not read for it", () => {
  const read = layerFiles().read("-");
  assertEquals(read.kind === "failed" ? read.diagnostic.code : read.kind, "file-missing");
  assertStringIncludes(read.kind === "failed" ? read.diagnostic.message : "", "./-");
});

Deno.test("an empty file, or a link to /dev/null, masks; a folder or a link to another device does not", () => {
  withFiles({ "a.yaml": "", "b.yaml/x": "", "e.yaml": "version: 1\n" }, (root) => {
    const links = {
      "c.yaml": "/dev/null",
      "d.yaml": "/dev/zero",
      "f.yaml": "c.yaml",
      "g.yaml": "gone",
      "h.yaml": "a.yaml",
    };
    for (const [name, target] of Object.entries(links)) Deno.symlinkSync(target, join(root, name));
    const found = dropInsOf([root]);
    assertEquals(found.diagnostics, []);
    assertEquals(found.files.map((path) => path.replace(`${root}/`, "")).toSorted(), [
      "b.yaml",
      "d.yaml",
      "e.yaml",
      "g.yaml",
    ]);
    const profile = (name: string) => {
      const { value, diagnostics } = findProfile(name, [root]);
      return value?.path.replace(root, "") ?? diagnostics.map(({ code }) => code).join();
    };
    assertEquals(["a", "b", "c", "d", "f", "h"].map(profile), [
      "profile-masked",
      "/b.yaml",
      "profile-masked",
      "/d.yaml",
      "profile-masked",
      "profile-masked",
    ]);
  });
});

Deno.test("a file of several segments is opened once", () => {
  const segment = (file: string, at: number) => ({ at, file });
  const named = (files: readonly string[]) => {
    const { value } = defineProfile({
      entry: 0x1000,
      segments: files.map((file, at) => segment(file, 0x1000 * (at + 1))),
    });
    return profileFiles(value, []).segments.map(({ path }) => path);
  };
  assertEquals(named(["/a", "/b", "/a", "/c", "/b"]), ["/a", "/b", "/c"]);
  assertEquals(named(["a", `${Deno.cwd()}/a`]), [`${Deno.cwd()}/a`]);
});

Deno.test("a file of several segments of a stored plan is opened once", async () => {
  await withFiles({ a: new Uint8Array(8192), b: new Uint8Array(4096) }, async (root) => {
    const segment = (at: number, file: string, offset = 0) => ({ at, file: `${root}/${file}`, offset, length: 4096 });
    const { value: profile } = defineProfile({
      entry: 0x400_0000,
      segments: [segment(0x400_0000, "a"), segment(0x400_1000, "b"), segment(0x400_2000, "a", 4096)],
    });
    assert(profile !== undefined);
    using planned = await prepareFrom(
      { kind: "profile", profile, files: [], place: (diagnostic) => diagnostic },
      { facts: hostFacts(), diagnostics: [] },
    );
    assert(planned.plan !== undefined, JSON.stringify(planned.diagnostics));
    assertEquals(planFiles(planned.plan).segments, [{ path: `${root}/a` }, { path: `${root}/b` }]);
  });
});
