import { assertEquals } from "@std/assert";
import { defineProfile, type ProfileInput } from "../../src/profile/define.ts";
import type { Stated } from "../../src/profile/fields.ts";
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

/** Compiles only while every key of a profile but `extends` can be given. */
type Missing = Exclude<keyof Stated, keyof ProfileInput | "extends">;
const NOTHING_MISSING: Missing[] extends never[] ? true : Missing = true;

test("every key of a profile can be defined in code", () => {
  assertEquals(NOTHING_MISSING, true);
});
