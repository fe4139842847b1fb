import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Diagnostic } from "../../src/core/diagnostic.ts";
import { type LayerReader, MAX_CHAIN, MAX_LAYERS } from "../../src/profile/layers.ts";
import { readLayerText } from "../../src/profile/layer.ts";
import { originRows } from "../../src/profile/origin_rows.ts";
import { fileItems } from "../../src/profile/overlay_file.ts";
import { type ParsedProfile, parseLayers, parseProfile } from "../../src/profile/parse.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { layerReader } from "../support/layer_reader.ts";

/** Parses `p/web.yaml` among other files. */
function parsed(text: string, files: { readonly [path: string]: string } = {}): ParsedProfile {
  return parseLayers(readLayerText(text, "p/web.yaml", "profile"), {
    reader: layerReader({ "p/web.yaml": text, ...files }),
  });
}

function valid(text: string, files: { readonly [path: string]: string } = {}): Profile {
  const { value, diagnostics } = parsed(text, files);
  assertEquals(diagnostics, []);
  assert(value !== undefined);
  return value;
}

/** Where each problem is, its code and its message. */
function problems(text: string, files: { readonly [path: string]: string } = {}): readonly string[] {
  const { value, diagnostics } = parsed(text, files);
  assertEquals(value, undefined);
  return diagnostics.map(({ position, code }) => `${position?.file}:${position?.line}:${position?.column} ${code}`);
}

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const parametersOf = (profile: Profile): readonly string[] =>
  profile.cmdline.kind === "parameters" ? profile.cmdline.parameters : [];

pure("maps merge key by key, at any depth; lists and scalars replace", () => {
  const profile = valid(
    "version: 1\nextends: base.yaml\nmemory: { max: 4GiB }\ninitrd: [c]\ncmdline: { append: [x] }\n",
    {
      "p/base.yaml":
        "kernel: k\ninitrd: [a, b]\nmemory: { min: 1MiB, max: 1GiB }\ncmdline: { reuse: true, append: [y, z] }\n",
    },
  );
  assertEquals(profile.memory, { min: 1n << 20n, max: 4n << 30n });
  assertEquals(profile.initrd, [{ path: "p/c" }]);
  assertEquals(profile.cmdline, { kind: "edit", reuse: true, remove: [], set: [], append: ["x"] });
});

pure("a path replaces the path of a pinned file and keeps the pin, however it is written", () => {
  const sha256 = "a".repeat(64);
  const base = { "p/base.yaml": `kernel: { path: k, sha256: ${sha256} }\ninitrd: { path: i, sha256: ${sha256} }\n` };
  for (const [kernel, initrd] of [["other", "other"], ["{ path: other }", "{ path: other }"]]) {
    const text = `version: 1\nextends: base.yaml\nkernel: ${kernel}\ninitrd: ${initrd}\n`;
    const profile = valid(text, base);
    assertEquals(profile.kernel, { path: "p/other", sha256 });
    assertEquals(profile.initrd, [{ path: "p/other", sha256 }]);
    const { merged } = parsed(text, base);
    assert(merged !== undefined);
    const rows = originRows(merged).filter(({ path }) => path[0] === "kernel");
    assertEquals(rows.map(({ path, file, line }) => `${path.join(".")} ${file}:${line}`), [
      "kernel.path p/web.yaml:3",
      "kernel.sha256 p/base.yaml:1",
    ]);
  }
  // A list replaces as a whole, and a list below has no one pin to keep.
  assertEquals(valid("version: 1\nextends: base.yaml\ninitrd: [other]\n", base).initrd, [{ path: "p/other" }]);
  assertEquals(
    valid("version: 1\nextends: base.yaml\ninitrd: other\n", {
      "p/base.yaml": `kernel: k\ninitrd: [{ path: i, sha256: ${sha256} }]\n`,
    }).initrd,
    [{ path: "p/other" }],
  );
});

pure("`+` adds to the list below, of files and of parameters, whether it is written as a list or not", () => {
  const profile = valid("version: 1\nextends: base.yaml\ninitrd+: [b, c]\ncmdline+: quiet panic=5\n", {
    "p/base.yaml": "kernel: k\ninitrd: a\ncmdline: root=/dev/vda ro\n",
  });
  assertEquals(fileItems(profile.initrd).map(({ path }) => path), ["p/a", "p/b", "p/c"]);
  assertEquals(parametersOf(profile), ["root=/dev/vda", "ro", "quiet", "panic=5"]);
  const edit = valid("version: 1\nextends: base.yaml\ncmdline: { append+: [b], remove+: c }\n", {
    "p/base.yaml": "kernel: k\ncmdline: { reuse: true, append: a }\n",
  });
  assertEquals(edit.cmdline, { kind: "edit", reuse: true, remove: ["c"], set: [], append: ["a", "b"] });
});

pure("parameters are added before `--`, after which everything is init's", () => {
  const profile = valid("version: 1\nextends: base.yaml\ncmdline+: b -- j\n", {
    "p/base.yaml": "kernel: k\ncmdline: a -- i\n",
  });
  assertEquals(parametersOf(profile), ["a", "b", "--", "i", "j"]);
});

pure("a `--` that only the upper file has begins init's parameters", () => {
  const profile = valid("version: 1\nextends: b.yaml\nkernel: k\ncmdline+: b -- c\n", { "p/b.yaml": "cmdline: a\n" });
  assertEquals(parametersOf(profile), ["a", "b", "--", "c"]);
});

pure("`+` with nothing below is the list itself, in a profile that extends nothing too", () => {
  assertEquals(valid("version: 1\nkernel: k\ninitrd+: [a]\n").initrd, [{ path: "p/a" }]);
});

pure("a file cannot add to a list and replace it, nor add parameters to an edit, nor add to what is no list", () => {
  assertEquals(problems("version: 1\nkernel: k\ninitrd: a\ninitrd+: b\n"), ["p/web.yaml:4:1 conflict"]);
  assertEquals(
    problems("version: 1\nextends: base.yaml\ncmdline+: b\n", {
      "p/base.yaml": "kernel: k\ncmdline: { reuse: true }\n",
    }),
    ["p/web.yaml:3:1 conflict"],
  );
  assertEquals(problems("version: 1\nkernel: k\ncrash+: true\n"), ["p/web.yaml:3:1 unknown-key"]);
});

pure("relative paths lead from the folder of the file that writes them", () => {
  const profile = valid(
    "version: 1\nextends: ../common/base.yaml\ninitrd+: own.img\nkernel: { sha256: " + "0".repeat(64) + " }\n",
    {
      "common/base.yaml": "extends: deep/root.yaml\nkernel: { path: vmlinuz }\n",
      "common/deep/root.yaml": "initrd: [micro.img, /boot/initrd.img]\n",
      "p/web.yaml.d/10.yaml": "initrd+: late.img\n",
    },
  );
  assertEquals(profile.kernel, { path: "p/../common/vmlinuz", sha256: "0".repeat(64) });
  assertEquals(fileItems(profile.initrd).map(({ path }) => path), [
    "p/../common/deep/micro.img",
    "/boot/initrd.img",
    "p/own.img",
    "p/web.yaml.d/late.img",
  ]);
});

pure("the path of a base may have a literal `${`, and no variable", () => {
  const files = { "p/${x}.yaml": "kernel: k\n" };
  assertEquals(valid("version: 1\nextends: $${x}.yaml\n", files).kernel?.path, "p/k");
  assertEquals(problems("version: 1\nextends: ${release}.yaml\nkernel: k\n", files), ["p/web.yaml:2:10 wrong-type"]);
});

pure("of several bases the later wins; one that two of them share counts once, below both", () => {
  const reads: string[] = [];
  const text = "version: 1\nextends: [a.yaml, b.yaml]\n";
  const files = {
    "p/a.yaml": "extends: root.yaml\ncmdline: a\ncrash: true\n",
    "p/b.yaml": "extends: root.yaml\ncmdline: b\n",
    "p/root.yaml": "kernel: k\ncmdline: root\ncrash: false\n",
  };
  const { value, layers } = parseLayers(readLayerText(text, "p/web.yaml", "profile"), {
    reader: layerReader(files, reads),
  });
  assertEquals(layers.map(({ file }) => file), ["p/root.yaml", "p/a.yaml", "p/b.yaml", "p/web.yaml"]);
  assert(value !== undefined);
  assertEquals([parametersOf(value), value.crash], [["b"], true]);
});

pure("drop-ins lie above the profile in the order of their names, and those of a base above the base only", () => {
  const profile = parsed("version: 1\nextends: base.yaml\nkernel: k\ncmdline+: own\n", {
    "p/base.yaml": "cmdline: base\n",
    "p/base.yaml.d/5.yaml": "cmdline+: beside\n",
    "p/web.yaml.d/20.yaml": "cmdline+: second\n",
    "p/web.yaml.d/10.yaml": "# nothing but a comment\n",
    "p/web.yaml.d/15.yaml": "cmdline+: first\n",
  });
  assertEquals(profile.diagnostics, []);
  assert(profile.value !== undefined);
  assertEquals(parametersOf(profile.value), ["base", "beside", "own", "first", "second"]);
});

pure("a drop-in that cannot be read is an error of its own, and the profile is not taken without it", () => {
  const failed = { code: "file-unreadable", severity: "error", message: "cannot" } as unknown as Diagnostic;
  const listed: Diagnostic = { ...failed, message: "a folder cannot be listed" };
  const reader: LayerReader = {
    read: (path) =>
      path.endsWith("bad.yaml")
        ? { kind: "failed", diagnostic: failed }
        : { kind: "bytes", bytes: new TextEncoder().encode("crash: true\n"), id: path },
    dropIns: () => ({ files: ["d/bad.yaml", "d/good.yaml"], diagnostics: [listed] }),
  };
  const { value, diagnostics } = parseProfile("version: 1\nkernel: k\n", "web.yaml", { reader });
  assertEquals([value, diagnostics], [undefined, [listed, failed]]);
});

pure("the drop-ins that a reader was not asked for may be given with a profile", () => {
  const files = { "p/web.yaml.d/10.yaml": "kernel: beside\n", "e/20.yaml": "kernel: given\n" };
  const text = "version: 1\nkernel: own\n";
  const kernel = (dropIns?: readonly string[]) =>
    parseProfile(text, "p/web.yaml", {
      reader: layerReader({ "p/web.yaml": text, ...files }),
      ...(dropIns === undefined ? {} : { dropIns: { files: dropIns, diagnostics: [] } }),
    }).value?.kernel?.path;
  assertEquals([kernel(), kernel([]), kernel(["e/20.yaml"])], ["p/web.yaml.d/beside", "p/own", "e/given"]);
});

pure("a drop-in may change the name and the description", () => {
  const drop = { "p/web.yaml.d/10.yaml": "name: other\ndescription: d\nversion: 1\n" };
  const { name, description } = valid("version: 1\nname: own\nkernel: k\n", drop);
  assertEquals([name, description], ["other", "d"]);
});

pure("the name, the description and the version of a base are its own", () => {
  const files = { "p/base.yaml": "version: 1\nname: base\ndescription: b\nkernel: k\n" };
  const profile = valid("version: 1\nextends: base.yaml\n", files);
  assertEquals([profile.name, profile.description], ["web", undefined]);
  assertEquals(problems("extends: base.yaml\n", files), ["p/web.yaml:1:1 missing-key"]);
});

pure("every problem points at the file and line that set the value, wherever the merge has put it", () => {
  assertEquals(
    problems("version: 1\nextends: base.yaml\ninitrd+: ~\ncmdline+: [ok, two words]\n", {
      "p/base.yaml": "kernel: k\nbroken: 1\ninitrd: [a, '']\ncmdline:\n  - 'open=\"quote'\nload: kexec_file_load\n",
      "p/web.yaml.d/10.yaml": "\n\nchecksum: false\n",
    }),
    [
      "p/base.yaml:2:1 unknown-key",
      "p/base.yaml:3:13 wrong-type",
      "p/base.yaml:5:5 cmdline-quote",
      "p/web.yaml:3:10 wrong-type",
      "p/web.yaml:4:16 wrong-type",
      "p/web.yaml.d/10.yaml:3:1 conflict",
    ],
  );
});

pure("a path that replaces that of a pinned file has the place of the file that writes it", () => {
  const files = { "p/base.yaml": `kernel: { path: a, sha256: ${"0".repeat(64)} }\n` };
  assertEquals(problems("version: 1\nextends: base.yaml\nkernel: ~/k\n", files), ["p/web.yaml:3:9 wrong-type"]);
  const { value, diagnostics } = parsed("version: 1\nextends: base.yaml\nkernel: /k*\n", files);
  assertEquals([value?.kernel?.sha256, diagnostics.map(({ position }) => `${position?.file}:${position?.line}`)], [
    "0".repeat(64),
    ["p/web.yaml:3"],
  ]);
});

pure("what is missing is missing in the profile itself, whatever lies below or above it", () => {
  assertEquals(
    problems("version: 1\nextends: base.yaml\n", {
      "p/base.yaml": "crash: false\n",
      "p/web.yaml.d/1.yaml": "crash: true\n",
    }),
    ["p/web.yaml:1:1 missing-key"],
  );
});

pure("a later diagnostic of a plan finds its place too", () => {
  const { place } = parsed("version: 1\nextends: base.yaml\n", { "p/base.yaml": "\nkernel: k\ninitrd:\n- a\n- b\n" });
  const { position } = place({ code: "file-missing", severity: "error", message: "m", path: ["initrd", 1] });
  assertEquals([position?.file, position?.line, position?.column], ["p/base.yaml", 5, 3]);
});

pure("a base that is not there is an error at the line that names it, and nothing else is said", () => {
  assertEquals(problems("version: 1\nextends:\n  - gone.yaml\n"), ["p/web.yaml:3:5 file-missing"]);
  assertEquals(parseProfile("version: 1\nextends: a.yaml\n", "web.yaml").diagnostics.map(({ code }) => code), [
    "layer-unavailable",
  ]);
});

pure("where `extends` names no files, what is missing may be in them: only what is wrong is said", () => {
  for (const value of ["{}", "''", "[a.yaml, {}]", "~/a.yaml"]) {
    const files = { "p/a.yaml": "kernel: k\n" };
    assertEquals(problems(`version: 1\nextends: ${value}\nguard: { log: no }\n`, files).map((each) => each.slice(11)), [
      value.startsWith("[") ? "2:19 wrong-type" : "2:10 wrong-type",
      "3:15 wrong-type",
    ], value);
  }
  assertEquals(problems("version: 1\nguard: { log: no }\n"), [
    "p/web.yaml:1:1 missing-key",
    "p/web.yaml:2:15 wrong-type",
  ]);
});

pure("files that extend one another in a circle are refused with the whole chain", () => {
  const { diagnostics } = parsed("version: 1\nextends: a.yaml\n", {
    "p/a.yaml": "extends: ../p/b.yaml\n",
    "p/b.yaml": "extends: web.yaml\n",
  });
  assertEquals(diagnostics.map(({ code, position }) => [code, position?.file]), [["layer-cycle", "p/../p/b.yaml"]]);
  assertStringIncludes(
    diagnostics[0]?.message ?? "",
    "p/web.yaml extends p/a.yaml extends p/../p/b.yaml extends p/../p/web.yaml",
  );
  assertEquals(problems("version: 1\nextends: web.yaml\n"), ["p/web.yaml:2:10 layer-cycle"]);
});

pure("a chain may have so many files and no more; a profile too", () => {
  const chain = (length: number) =>
    Object.fromEntries(Array.from({ length }, (_, index) => [
      `p/${index}.yaml`,
      index === length - 1 ? "kernel: k\n" : `extends: ${index + 1}.yaml\n`,
    ]));
  valid("version: 1\nextends: 0.yaml\n", chain(MAX_CHAIN - 1));
  assertEquals(problems("version: 1\nextends: 0.yaml\n", chain(MAX_CHAIN)), [
    `p/${MAX_CHAIN - 2}.yaml:1:10 layer-depth`,
  ]);
  const drops = (count: number) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`p/web.yaml.d/${1000 + index}.yaml`, "crash: false\n"]),
    );
  valid("version: 1\nkernel: k\n", drops(MAX_LAYERS - 1));
  assertEquals(parsed("version: 1\nkernel: k\n", drops(MAX_LAYERS)).diagnostics.map(({ code }) => code), [
    "layer-depth",
  ]);
});

pure("a drop-in cannot extend, and a version of the future is refused in any file", () => {
  assertEquals(problems("version: 1\nkernel: k\n", { "p/web.yaml.d/1.yaml": "extends: a.yaml\n" }), [
    "p/web.yaml.d/1.yaml:1:1 conflict",
  ]);
  assertEquals(problems("version: 1\nextends: a.yaml\n", { "p/a.yaml": "version: 2\nkernel: 3\n" }), [
    "p/a.yaml:1:10 unsupported-version",
  ]);
});

pure("a version of any later time is refused, and one that is no number is a mistake", () => {
  const codes = (version: string) => problems(`version: ${version}\nkernel: k\n`).map((each) => each.split(" ")[1]);
  assertEquals(["2", "10", "999", "0", "1.0", "01", "x"].map(codes), [
    ["unsupported-version"],
    ["unsupported-version"],
    ["unsupported-version"],
    ...Array<string[]>(4).fill(["wrong-type"]),
  ]);
});

pure("a base with faulty YAML is told of in its own file, and nothing is said to be missing", () => {
  assertEquals(problems("version: 1\nextends: a.yaml\n", { "p/a.yaml": "kernel: [k\n" }), ["p/a.yaml:1:9 yaml-syntax"]);
});

pure("the origin of each value is the file and line that it stands in", () => {
  const { merged } = parsed("version: 1\nextends: base.yaml\ncmdline+:\n  - b\n", {
    "p/base.yaml": "kernel: { path: k }\ninitrd: []\ncmdline: a\n",
  });
  assert(merged !== undefined);
  assertEquals(originRows(merged).map(({ path, value, file, line }) => [path.join("."), value, `${file}:${line}`]), [
    ["kernel.path", "k", "p/base.yaml:1"],
    ["initrd", "[]", "p/base.yaml:2"],
    ["cmdline.0", "a", "p/base.yaml:3"],
    ["cmdline.1", "b", "p/web.yaml:4"],
    ["version", "1", "p/web.yaml:1"],
  ]);
});
