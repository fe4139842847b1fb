import { assertEquals } from "@std/assert";
import { defineProfile, type ProfileInput } from "../../src/profile/define.ts";
import type { LayerReader } from "../../src/profile/layers.ts";
import type { Stated } from "../../src/profile/fields.ts";
import { fileItems } from "../../src/profile/overlay_file.ts";
import { parseProfile } from "../../src/profile/parse.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** Each with the YAML that says the same. */
const SAME: readonly (readonly [ProfileInput, string])[] = [
  [{ kernel: "/boot/vmlinuz" }, "version: 1\nname: profile\nkernel: /boot/vmlinuz\n"],
  [
    {
      name: "web",
      description: "Web servers",
      kernel: { path: "/boot/vmlinuz", sha256: "A".repeat(64) },
      initrd: ["/boot/a.img", { path: "/boot/b.img" }],
      cmdline: { reuse: true, remove: ["quiet"], append: "panic=10 console=ttyS0" },
      requires: { architecture: "x86_64", memory: 2n << 30n, secure_boot: false, kernel: ">=6.1 <7" },
      checksum: "sha256",
      stamp: true,
    },
    `version: 1
name: web
description: Web servers
kernel: { path: /boot/vmlinuz, sha256: ${"A".repeat(64)} }
initrd: [/boot/a.img, { path: /boot/b.img }]
cmdline: { reuse: true, remove: [quiet], append: panic=10 console=ttyS0 }
requires: { architecture: x86_64, memory: 2GiB, secure_boot: false, kernel: ">=6.1 <7" }
checksum: sha256
stamp: true
`,
  ],
  [
    {
      entry: 0xffff_ffff_ffff_f000n,
      segments: [{ at: "0x100000", bytes: new Uint8Array([0xf4, 0xeb, 0xfd]) }, {
        at: 2 << 20,
        size: 4096,
        zero: true,
      }],
      preserve_context: true,
      load: "kexec_load",
      arch: "386",
    },
    `version: 1
name: profile
entry: 0xfffffffffffff000
segments: [{ at: 0x100000, hex: f4 eb fd }, { at: 2MiB, size: 4096, zero: true }]
preserve_context: true
load: kexec_load
arch: 386
`,
  ],
];

for (const [index, [input, text]] of SAME.entries()) {
  test(`a profile that is defined in code is the one that YAML declares, ${index}`, () => {
    const [defined, parsed] = [defineProfile(input).value, parseProfile(text, "profile").value];
    assertEquals({ ...defined, stated: [...defined?.stated ?? []].toSorted() }, {
      ...parsed,
      stated: [...parsed?.stated ?? []].toSorted().filter((key) => key !== "name" || input.name !== undefined),
    });
  });
}

test("every problem is reported at once, with the message and the path of YAML's and without a place", () => {
  const wrong = { kernal: "/boot/vmlinuz", crash: "maybe", entry: -1, initrd: [1.5, { path: "" }] };
  const text = "version: 1\nkernal: /boot/vmlinuz\ncrash: maybe\nentry: -1\ninitrd: [1.5, { path: '' }]\n";
  const strip = (found: ReturnType<typeof defineProfile>) =>
    found.diagnostics.map(({ code, message, path, hint, found }) => ({ code, message, path, hint, found }))
      .toSorted((a, b) => a.message < b.message ? -1 : 1);
  const defined = defineProfile(wrong as unknown as ProfileInput);
  assertEquals(defined.value, undefined);
  assertEquals(strip(defined), strip(parseProfile(text, "profile")));
  assertEquals(defined.diagnostics.filter(({ position }) => position !== undefined), []);
});

test("a key whose value is undefined is left out", () => {
  assertEquals(
    defineProfile({ kernel: "/boot/vmlinuz", initrd: undefined, requires: { memory: undefined } }).value,
    defineProfile({ kernel: "/boot/vmlinuz", requires: {} }).value,
  );
});

test("a relative path starts in the folder of `file`, whose stem is the name", () => {
  const { value } = defineProfile({ kernel: "vmlinuz" }, { file: "profiles/web.yaml" });
  assertEquals([value?.kernel?.path, value?.name], ["profiles/vmlinuz", "web"]);
  assertEquals(defineProfile({ kernel: "vmlinuz" }).value?.kernel?.path, "vmlinuz");
});

test("what no profile can be is an error, and not a defect", () => {
  const cycle: Record<string, unknown> = { kernel: "/boot/vmlinuz" };
  cycle["requires"] = cycle;
  const values: readonly unknown[] = [
    cycle,
    {},
    { version: 2, kernel: "a" },
    { kernel: null },
    { kernel: () => "a" },
    { kernel: "a", extends: "base.yaml" },
    { kernel: "a", entry: NaN },
    { kernel: "a\0" },
    { kernel: "a", name: "\ud800" },
    { kernel: new Date(0) },
  ];
  for (const value of values) {
    const { diagnostics, value: profile } = defineProfile(value as ProfileInput);
    assertEquals([profile, diagnostics.some(({ severity }) => severity === "error")], [undefined, true]);
  }
});

/** A reader of these files, which notes what it is asked for. */
function readerOf(files: Readonly<Record<string, string>>): LayerReader & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    read: (path) => {
      asked.push(path);
      return { kind: "bytes", bytes: new TextEncoder().encode(files[path] ?? ""), id: path };
    },
    dropIns: (path) => ({ files: path === "boot/base.yaml" ? ["boot/base.yaml.d/10.yaml"] : [], diagnostics: [] }),
  };
}

test("a profile in code extends files, each with its drop-ins, and its own keys are stronger", () => {
  const reader = readerOf({
    "boot/base.yaml": "extends: lower.yaml\nkernel: vmlinuz\ncmdline: ro quiet\n",
    "boot/lower.yaml": "initrd: initrd.img\nkernel: other\nname: lower\n",
    "boot/base.yaml.d/10.yaml": "stamp: true\n",
  });
  const { value, diagnostics } = defineProfile({ extends: ["boot/base.yaml"], cmdline: "ro debug" }, { reader });
  assertEquals(diagnostics, []);
  assertEquals(reader.asked, ["boot/base.yaml", "boot/lower.yaml", "boot/base.yaml.d/10.yaml"]);
  assertEquals(
    [
      value?.name,
      value?.kernel?.path,
      fileItems(value?.initrd ?? []).map(({ path }) => path),
      value?.stamp,
      value?.crash,
    ],
    ["profile", "boot/vmlinuz", ["boot/initrd.img"], true, false],
  );
  assertEquals(value?.cmdline, { kind: "parameters", parameters: ["ro", "debug"] });
});

test("what is wrong in a file that a profile in code extends has its place there; what is wrong in code has none", () => {
  const reader = readerOf({ "base.yaml": "kernel: vmlinuz\ncrash: maybe\n" });
  const input = { extends: "base.yaml", stamp: "perhaps" } as unknown as ProfileInput;
  const { value, diagnostics } = defineProfile(input, { reader });
  assertEquals(value, undefined);
  assertEquals(
    diagnostics.map(({ code, path, position }) => [code, path, position?.file, position?.line]).toSorted(),
    [["wrong-type", ["crash"], "base.yaml", 2], ["wrong-type", ["stamp"], undefined, undefined]],
  );
});

test("a profile in code that extends a file says so where nobody reads files, or the file is missing", () => {
  const [alone] = defineProfile({ kernel: "a", extends: "base.yaml" }).diagnostics;
  assertEquals([alone?.code, alone?.hint], [
    "layer-unavailable",
    "Give parseProfile or defineProfile a `reader`, such as layerFiles()",
  ]);
  const missing = { code: "file-missing", severity: "error", message: "base.yaml is missing" } as const;
  const reader: LayerReader = {
    read: () => ({ kind: "failed", diagnostic: missing }),
    dropIns: () => ({ files: [], diagnostics: [] }),
  };
  assertEquals(defineProfile({ kernel: "a", extends: "base.yaml" }, { reader }).diagnostics, [missing]);
});

/** Compiles only while every key of a profile can be given. */
type Missing = Exclude<keyof Stated, keyof ProfileInput>;
const NOTHING_MISSING: Missing[] extends never[] ? true : Missing = true;

test("every key of a profile can be defined in code", () => {
  assertEquals(NOTHING_MISSING, true);
});
