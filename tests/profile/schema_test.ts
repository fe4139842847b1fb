import { Validator } from "@cfworker/json-schema";
import { assert, assertEquals } from "@std/assert";
import { parse } from "@std/yaml";
import { FIELDS } from "../../src/profile/fields.ts";
import { resolveMerges } from "../../src/profile/merge.ts";
import { parseProfile } from "../../src/profile/parse.ts";
import { layerSchema, profileSchema } from "../../src/profile/schema.ts";
import { EXAMPLES, INVALID, VALID } from "./corpus.ts";
import { assertCommittedSchema } from "../support/committed.ts";

const validator = new Validator(JSON.parse(JSON.stringify(profileSchema())), "7", false);

/** The verdict of the schema on what an editor sees: numbers, booleans and nulls are no texts any more. */
function schemaAccepts(text: string): boolean {
  return validator.validate(resolveMerges(parse(text, { schema: "core" }), [], () => {})).valid;
}

function decoderAccepts(text: string): boolean {
  return parseProfile(text, "p.yaml").value !== undefined;
}

const KERNEL = "version: 1\nkernel: vmlinuz\n";
const SEGMENTS = "version: 1\nentry: 0\n";
const SHA = "0123456789abcdef".repeat(4);

/** Profiles of one subject each. The decoder says which are valid; some of each subject must be, and some must not. */
const CASES: { readonly [subject: string]: readonly string[] } = {
  version: ["1", '"1"', "2", "0", "one", "~", "[1]", "true", ""].map((value) => `kernel: a\nversion: ${value}\n`),
  name: ["web", "7", "1.5", "true", '""', "~", "[a]", "{ a: b }", '"a\\tb"', ""].map((value) =>
    `${KERNEL}name: ${value}\n`
  ),
  description: ["a", "|\n  a\n  b", "7", '""', "~", "[]"].map((value) => `${KERNEL}description: ${value}\n`),
  kernel: [
    ...["/boot/vmlinuz", "../a b", "7", "~", "~/a", "file:///a", "c:/a", "[]", "[a]", '"a\\nb"', '""', "{}"],
    ...["{ path: a }", `{ path: a, sha256: ${SHA} }`, `{ path: a, sha256: ${SHA.toUpperCase()} }`],
    ...[`{ sha256: ${SHA} }`, "{ path: a, sha256: ab }", `{ path: a, sha256: ${SHA}0 }`, "{ path: a, md5: b }"],
    ...["{ path: [a] }", "{ path: a, sha256: ~ }"],
  ].map((value) => `version: 1\nkernel: ${value}\n`),
  initrd: ["a", "[]", "[a, b]", "[a, { path: b }]", "{ path: b }", "[[a]]", "[~]", "~", "{}", "[a, {}]", '""'].map(
    (value) => `${KERNEL}initrd: ${value}\n`,
  ),
  cmdline: [
    ...["ro quiet", '""', "|\n  ro\n  quiet", "3", "true", "~", 'a="b c" d', 'a="b c', '"a\\u0007"', '"a\\tb"', "'\"'"],
    ...[
      "[]",
      "[ro, quiet]",
      "[ro, 3, true]",
      "[ro quiet]",
      "['a=\"b c\"']",
      "['a=\"b']",
      "[~]",
      '[""]',
      '[" a"]',
      "[[a]]",
    ],
    ...["[a: b]", "{ reuse: true }", "{ reuse: false }", "{}", "{ append: a }", "{ reuse: maybe }"],
    ...["{ reuse: true, remove: a b, set: [c=d], append: [e, --, f] }", "{ reuse: true, set: { a: b } }"],
    ...["{ reuse: false, remove: a }", "{ reuse: false, remove: [] }", '{ reuse: false, remove: "" }'],
    ...["{ reuse: false, append: a }", "{ reuse: true, remove: ~ }", "{ reuse: true, prepend: a }"],
  ].map((value) => `${KERNEL}cmdline: ${value}\n`),
  booleans: ["crash", "preserve_context", "checksum", "predecompress", "debug", "no_cma", "force_dtb", "stamp"].flatMap(
    (key) =>
      ["true", "false", '"true"', "True", "FALSE", '"True"', "tRUE", "yes", "on", "1", "~", "[]", "maybe"].map((
        value,
      ) => `${KERNEL}${key}: ${value}\n`),
  ),
  checksum: ["xxh64", "sha256", '"sha256"', "SHA256", "sha-256", "xxhash", "crc32", "[xxh64]", "~"].map((value) =>
    `${KERNEL}checksum: ${value}\n`
  ),
  load: ["auto", "kexec_file_load", "kexec_load", "file", "Auto", "~", "[auto]"].map((value) =>
    `${KERNEL}load: ${value}\n`
  ),
  arch: ["default", "x86_64", "386", '"386"', "68k", "387", "X86_64", "~"].map((value) => `${KERNEL}arch: ${value}\n`),
  memory: [
    ...["{}", "{ min: 1MiB }", "{ max: 0x1000 }", "{ min: 1K, max: 2 KiB }", "~", "[]", "{ from: 1 }", "{ min: -1 }"],
    ...["{ min: 1.5 }", "{ min: 1.5K }", "{ min: 1KB }", "{ min: 0xffffffffffff0000 }", "{ min: 1E }", "{ min: '01' }"],
    ...["{ min: 0x }", "{ min: 1  K }", "{ min: true }", "{ min: 1m }"],
  ].map((value) => `${KERNEL}memory: ${value}\n`),
  requires: [
    ...[
      "{}",
      "{ architecture: x86_64 }",
      "{ architecture: amd64 }",
      "{ memory: 2GiB }",
      "{ memory: 0 }",
      "{ hostname: w* }",
    ],
    ...[
      "{ kernel: '>=6.1 <7' }",
      "{ kernel: '>= 6.1, < 7' }",
      "{ kernel: 6.1 }",
      "{ kernel: '>=6.1<7' }",
      "{ kernel: '' }",
    ],
    ...[
      "{ firmware: uefi }",
      "{ firmware: efi }",
      "{ secure_boot: true }",
      "{ secure_boot: yes }",
      "{ host: a }",
      "~",
      "[]",
    ],
  ].map((value) => `${KERNEL}requires: ${value}\n`),
  "keys with a plus": [
    ...[
      "initrd+: a",
      "initrd+: [a, { path: b }]",
      "initrd+: [~]",
      "cmdline+: a b",
      "cmdline+: ['a b']",
      "crash+: true",
    ],
    ...["cmdline: { reuse: true, append+: a }", "cmdline: { append+: a }", "cmdline: { reuse: true, reuse+: true }"],
  ].map((line) => `${KERNEL}${line}\n`),
  segments: [
    ...[
      "[]",
      "~",
      "{}",
      "a",
      "[a]",
      "[{}]",
      "[{ at: 0 }]",
      "[{ hex: 90 }]",
      "[{ at: 0, hex: 90 }]",
      "[{ at: 0, hex: '9' }]",
    ],
    ...["[{ at: 0, hex: 'f4 eb fd' }]", "[{ at: 0, hex: fg }]", "[{ at: 0, hex: '' }]", "[{ at: 0, hex: 0x90zz }]"],
    ...["[{ at: 0, base64: SGVsbG8= }]", "[{ at: 0, base64: SGVsbA== }]", "[{ at: 0, base64: 'SGVs bG8h' }]"],
    ...["[{ at: 0, base64: SGVsbG8 }]", "[{ at: 0, base64: SGVsbG8== }]", "[{ at: 0, base64: S=== }]"],
    ...["[{ at: 0, base64: '=' }]", "[{ at: 0, base64: SG-sbG8= }]", "[{ at: 0, base64: '' }]"],
    ...["[{ at: 0, zero: true }]", "[{ at: 0, zero: true, size: 1 }]", "[{ at: 0, zero: false, size: 1 }]"],
    ...["[{ at: 0, size: 0, hex: 90 }]", "[{ at: 0, size: '0x0K', hex: 90 }]", "[{ at: 0, size: 0x10, hex: 90 }]"],
    ...[
      "[{ at: 0, hex: 90, zero: true, size: 1 }]",
      "[{ at: 0, hex: 90, offset: 1 }]",
      "[{ at: 0, hex: 90, length: 1 }]",
    ],
    ...["[{ at: 0, file: a }]", "[{ at: 0, file: a, offset: 0, length: 1, size: 4K, name: b }]"],
    ...[
      "[{ at: 0, file: a, length: 0 }]",
      `[{ at: 0, file: a, sha256: ${SHA} }]`,
      `[{ at: 0, hex: 90, sha256: ${SHA} }]`,
    ],
    ...[
      `[{ at: 0, file: { path: a, sha256: ${SHA} } }]`,
      `[{ at: 0, file: { path: a, sha256: ${SHA} }, sha256: ${SHA} }]`,
    ],
    ...[
      "[{ at: 0, file: [a] }]",
      "[{ at: ~, file: a }]",
      "[{ at: 0, file: a, name: '' }]",
      "[{ at: 0, file: a, to: 1 }]",
    ],
  ].map((value) => `${SEGMENTS}segments: ${value}\n`),
  "keys of one another": [
    KERNEL,
    "kernel: a\n",
    "version: 1\n",
    "version: 1\nsegments: []\n",
    `${KERNEL}entry: 0\n`,
    `${KERNEL}segments: []\n`,
    `${KERNEL}segments: []\nentry: 0\n`,
    `${KERNEL}crash: true\npreserve_context: true\n`,
    `${KERNEL}crash: true\npreserve_context: false\n`,
    "version: 1\nsegments: [{ at: 0, hex: 90 }]\n",
    ...[
      "",
      "kernel: a",
      "initrd: a",
      "initrd: []",
      "cmdline: a",
      "memory: {}",
      "predecompress: true",
      "dtb: a",
      "stamp: true",
      "debug: true",
      "crash: true",
    ]
      .map(
        (line) => `${SEGMENTS}segments: [{ at: 0, hex: 90 }]\n${line}\n`,
      ),
    ...[
      "checksum: true",
      "checksum: false",
      "checksum: sha256",
      "arch: x86_64",
      "load: kexec_load",
      "load: kexec_file_load",
    ].map((line) => `${SEGMENTS}segments: [{ at: 0, hex: 90 }]\n${line}\n`),
    ...[
      "preserve_context: true",
      "preserve_context: true\nchecksum: xxh64",
      "preserve_context: true\nchecksum: true",
      "preserve_context: true\nchecksum: false",
      "preserve_context: false",
      "memory: { min: 0 }",
      "checksum: true",
      "checksum: sha256",
      "predecompress: true",
      "predecompress: auto",
      "dtb: a",
      "dtb: { path: a }",
      "debug: true",
      "no_cma: true",
      "force_dtb: true",
      "debug: false",
      "debug: true\nno_cma: true\ncrash: true",
      "debug: true\nchecksum: false",
    ]
      .flatMap((line) => ["auto", "kexec_load", "kexec_file_load"].map((load) => `${KERNEL}load: ${load}\n${line}\n`)),
    ...["predecompress: false", "arch: default", "arch: 386", "crash: true"].map((line) =>
      `${KERNEL}load: kexec_file_load\n${line}\n`
    ),
    `${KERNEL}<<: { crash: true }\n`,
    `${KERNEL}initrd: [&a { path: b }, { <<: *a }]\n`,
  ],
};

for (const [subject, cases] of Object.entries(CASES)) {
  Deno.test({
    name: `schema and decoder give the same verdict: ${subject}`,
    permissions: "none",
    fn() {
      assertEquals(cases.filter((text) => schemaAccepts(text) !== decoderAccepts(text)), []);
      assert(cases.some(decoderAccepts) && !cases.every(decoderAccepts));
    },
  });
}

/** A file that extends others may leave to them what it does not state; one without a version may leave out anything. */
const LAYERS: readonly { readonly text: string; readonly profile: boolean; readonly layer: boolean }[] = [
  { text: "version: 1\nextends: a.yaml\n", profile: true, layer: true },
  {
    text: "version: 1\nextends: [a.yaml, b.yaml]\ncmdline: { append+: x }\nkernel: { sha256: 0 }\n",
    profile: false,
    layer: false,
  },
  { text: "version: 1\nextends: a.yaml\ncmdline: { append+: [x], set: y }\nkernel: {}\n", profile: true, layer: true },
  { text: "extends: a.yaml\n", profile: false, layer: true },
  { text: "cmdline: { append: x }\nload: kexec_file_load\n", profile: false, layer: true },
  { text: "version: 1\nextends: a.yaml\nkernal: k\n", profile: false, layer: false },
  { text: "version: 1\nextends: []\ncmdline: 'a=\"'\n", profile: false, layer: false },
];

Deno.test({
  name: "the schemas let a layer leave to others what it does not state, and take no fault of its own for that",
  permissions: "none",
  fn() {
    const layers = new Validator(JSON.parse(JSON.stringify(layerSchema())), "7", false);
    for (const { text, profile, layer } of LAYERS) {
      assertEquals(schemaAccepts(text), profile, text);
      assertEquals(layers.validate(parse(text, { schema: "core" })).valid, layer, text);
    }
  },
});

/** What the decoder refuses and an editor cannot see. */
const EDITOR_ACCEPTS: readonly { readonly text: string; readonly because: string }[] = [
  { text: "kernel: a\n\nversion: 1.0\n", because: "the spelling of a number is gone" },
  { text: `${KERNEL}memory: { min: 010 }\n`, because: "the spelling of a number is gone" },
  { text: `${KERNEL}memory: { min: 1e3 }\n`, because: "the spelling of a number is gone" },
  { text: `${KERNEL}memory: { min: 1_000 }\n`, because: "the spelling of a number is gone" },
  { text: `${KERNEL}memory: { min: 0x10000000000000000 }\n`, because: "2^64 is also what 2^64 - 1 is rounded to" },
  { text: `${SEGMENTS}segments: [{ at: 0, hex: 123 }]\n`, because: "the digits of a number are gone" },
  { text: `${KERNEL}name: "null"\n`, because: "the decoder does not see quotes, and takes null for nothing" },
  { text: `${KERNEL}memory: { min: 2K, max: 1K }\n`, because: "a schema does not compare values" },
  { text: `${SEGMENTS}segments: [{ at: 0, size: 1, hex: 9090 }]\n`, because: "a schema does not compare values" },
  { text: `${SEGMENTS}segments: [{ at: 0xfffffffffffff000, size: 8K, zero: true }]\n`, because: "nor adds them" },
  { text: `${KERNEL}cmdline: à\n`, because: "a pattern does not see the bytes of UTF-8" },
  {
    text: `${KERNEL}cmdline: { reuse: true, set: -- }\n`,
    because: "the parameters of a string are split by the decoder",
  },
];

for (const { text, because } of EDITOR_ACCEPTS) {
  Deno.test({
    name: `only the decoder refuses ${JSON.stringify(text.split("\n")[2])}: ${because}`,
    permissions: "none",
    fn() {
      assertEquals(decoderAccepts(text), false);
      assertEquals(schemaAccepts(text), true);
    },
  });
}

/** Files whose fault is the YAML itself, or one of the exceptions above. */
const NOT_FOR_SCHEMA =
  /^(syntax_|several_|alias_|duplicate_|everything_at_once|memory_backwards|version_fraction|cmdline_set_separator)/;

for (const { name, text } of [...VALID, ...EXAMPLES, ...INVALID].filter((file) => !NOT_FOR_SCHEMA.test(file.name))) {
  Deno.test({
    name: `schema and decoder give the same verdict on the file ${name}`,
    permissions: "none",
    fn: () => assertEquals(schemaAccepts(text), decoderAccepts(text)),
  });
}

Deno.test({
  name: "every key has a description in the schema, and examples that decode",
  permissions: "none",
  fn() {
    for (const [key, field] of Object.entries(FIELDS)) {
      assert(field.doc.endsWith("."), key);
      for (const example of field.examples ?? []) {
        const text = JSON.stringify(example);
        assertEquals(
          field.shape.decode(parse(text, { schema: "failsafe" }), [key], (problem) => {
            throw new Error(`${key}: ${problem.message}`);
          }) === undefined,
          false,
        );
      }
    }
  },
});

Deno.test({
  name: "a map may have a merge key that the editor leaves alone",
  permissions: "none",
  fn() {
    const accepts = (value: unknown): boolean => validator.validate(value).valid;
    assertEquals(accepts({ version: 1, kernel: { path: "a", "<<": { sha256: "b" } }, "<<": [{}] }), true);
    assertEquals(accepts({ version: 1, kernel: "a", "<<": "b" }), false);
    assertEquals(accepts({ version: 1, kernel: "a", "<<<": {} }), false);
  },
});

Deno.test("the schemas of profiles and of their layers are the committed ones", () => {
  assertCommittedSchema("profile", profileSchema());
  assertCommittedSchema("layer", layerSchema());
});
