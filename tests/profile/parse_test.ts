import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Diagnostic } from "../../src/core/diagnostic.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { parseProfile, parseProfileBytes } from "../../src/profile/parse.ts";
import { EXAMPLES, INVALID, VALID } from "./corpus.ts";

const places = (diagnostics: readonly Diagnostic[]): readonly string[] =>
  diagnostics.map(({ position, code }) => `${position?.line}:${position?.column} ${code}`);

/** The profile of a text that must be valid. */
function valid(text: string, file = "profiles/web.yaml"): Profile {
  const { value, diagnostics } = parseProfile(text, file);
  assertEquals(diagnostics, []);
  assert(value !== undefined);
  return value;
}

function only(text: string): Diagnostic {
  const { value, diagnostics } = parseProfile(text, "p.yaml");
  assertEquals(value, undefined);
  assertEquals(diagnostics.length, 1, JSON.stringify(diagnostics));
  const [first] = diagnostics;
  assert(first !== undefined);
  return first;
}

for (const { name, bytes, expected } of INVALID) {
  Deno.test({
    name: `every problem of invalid/${name} is found, in its place and in one run`,
    permissions: "none",
    fn() {
      const { value, diagnostics } = parseProfileBytes(bytes, name);
      assertEquals(value, undefined);
      assertEquals(places(diagnostics), name === "empty.yaml" ? ["1:1 empty-document"] : expected);
      for (const { message, position } of diagnostics) {
        assertMatch(message, /^[A-Z`][^\n]*[^.]$/);
        assertEquals(position?.file, name);
      }
    },
  });
}

for (const { name, bytes } of [...VALID, ...EXAMPLES]) {
  Deno.test({
    name: `the valid profile ${name} has no diagnostics`,
    permissions: "none",
    fn() {
      const { value, diagnostics } = parseProfileBytes(bytes, name);
      assertEquals(diagnostics, []);
      assertEquals(value?.version, 1);
    },
  });
}

for (const { name, text } of EXAMPLES) {
  Deno.test({
    name: `the example ${name} begins with the line that names its schema`,
    permissions: "none",
    fn: () => assertEquals(text.split("\n")[0], "# yaml-language-server: $schema=../schema/profile.schema.json"),
  });
}

Deno.test({
  name: "a profile that states the least gets every default",
  permissions: "none",
  fn() {
    assertEquals(valid("version: 1\nkernel: /boot/vmlinuz\n"), {
      version: 1,
      name: "web",
      kernel: { path: "/boot/vmlinuz" },
      initrd: [],
      modules: [],
      cmdline: { kind: "parameters", parameters: [] },
      crash: false,
      preserveContext: false,
      reentrant: false,
      load: "auto",
      arch: "default",
      segments: [],
      memory: {},
      checksum: true,
      predecompress: false,
      preservedState: "keep",
      fileFlags: [],
      unlock: [],
      unbind: [],
      unbindFailure: "stop",
      carry: [],
      stamp: false,
      stated: ["version", "kernel"],
    });
  },
});

Deno.test({
  name: "every key of a profile arrives in the decoded one",
  permissions: "none",
  fn() {
    const text = VALID.find(({ name }) => name === "every_key.yaml")?.text ?? "";
    assertEquals(valid(text, "/etc/warmboot/profiles/x.yaml"), {
      version: 1,
      name: "every key",
      description: "Two lines,\nwith ünïcode.\n",
      kernel: {
        path: "/etc/warmboot/profiles/../boot/vmlinuz",
        sha256: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
      },
      initrd: [{ path: "/boot/microcode.img" }, { path: "/etc/warmboot/profiles/initrd.img" }],
      modules: [],
      dtb: { path: "/etc/warmboot/profiles/board.dtb" },
      cmdline: { kind: "parameters", parameters: ["root=LABEL=root", "ro", 'dyndbg="file drivers/usb/* +p"', "3"] },
      crash: false,
      preserveContext: true,
      reentrant: true,
      load: "kexec_load",
      arch: "386",
      segments: [],
      memory: { min: 0x100000n, max: 0xffff_ffff_ffff_ffffn },
      checksum: false,
      predecompress: true,
      preservedState: "keep",
      fileFlags: [],
      unlock: [],
      unbind: [],
      unbindFailure: "stop",
      carry: [],
      stamp: true,
      stated: [
        "version",
        "name",
        "description",
        "kernel",
        "initrd",
        "dtb",
        "cmdline",
        "crash",
        "preserve_context",
        "reentrant",
        "load",
        "arch",
        "segments",
        "memory",
        "checksum",
        "predecompress",
        "stamp",
      ],
    });
  },
});

Deno.test({
  name: "explicit segments arrive with their bytes, files and merged keys",
  permissions: "none",
  fn() {
    const profile = valid(VALID.find(({ name }) => name === "explicit.yaml")?.text ?? "", "/srv/p/x.yaml");
    assertEquals(profile.entry, 0x100000n);
    assertEquals(profile.segments, [
      { at: 0x1000n, size: 4096n, source: { kind: "zero" } },
      { name: "stack", at: 0x2000n, size: 4096n, source: { kind: "zero" } },
      { name: "loop", at: 0x100000n, source: { kind: "bytes", bytes: Uint8Array.of(0xf4, 0xeb, 0xfd, 0xf4) } },
      { at: 0x1000000n, source: { kind: "bytes", bytes: new TextEncoder().encode("Hello") } },
      {
        at: 0x2000000n,
        size: 8192n,
        source: { kind: "file", file: { path: "/srv/p/payload.bin" }, offset: 512n, length: 4096n },
      },
      {
        at: 0x3000000n,
        source: { kind: "file", file: { path: "/srv/payload.bin", sha256: "0".repeat(64) }, offset: 0n },
      },
      { at: 0xffff_ffff_ffff_f000n, size: 4096n, source: { kind: "bytes", bytes: Uint8Array.of(0x90) } },
    ]);
  },
});

Deno.test({
  name: "relative paths are resolved against the profile's folder, absolute ones stay",
  permissions: "none",
  fn() {
    const at = (path: string, file: string): string | undefined =>
      valid(`version: 1\nkernel: ${path}\n`, file).kernel?.path;
    assertEquals(at("vmlinuz", "web.yaml"), "vmlinuz");
    assertEquals(at("vmlinuz", "a/web.yaml"), "a/vmlinuz");
    assertEquals(at("../vmlinuz", "/etc/a/web.yaml"), "/etc/a/../vmlinuz");
    assertEquals(at("vmlinuz", "/web.yaml"), "/vmlinuz");
    assertEquals(at("./vmlinuz", "/etc/a/web.yaml"), "/etc/a/vmlinuz");
    assertEquals(at(".//./vmlinuz", "a/web.yaml"), "a/vmlinuz");
    assertEquals(at("./../vmlinuz", "a/web.yaml"), "a/../vmlinuz");
    assertEquals(at(".vmlinuz", "a/web.yaml"), "a/.vmlinuz");
    assertEquals(at("/boot/vmlinuz", "a/web.yaml"), "/boot/vmlinuz");
  },
});

Deno.test({
  name: "the name is the file's stem unless the profile has one",
  permissions: "none",
  fn() {
    const named = (file: string): string => valid("version: 1\nkernel: a\n", file).name;
    assertEquals(named("/etc/web.yaml"), "web");
    assertEquals(named("web.prod.yml"), "web.prod");
    assertEquals(named(".yaml"), ".yaml");
    assertEquals(valid("version: 1\nkernel: a\nname: 7\n").name, "7");
  },
});

Deno.test({
  name: "a typing error of a key is met with the nearest key, a wrong boolean with the right one",
  permissions: "none",
  fn() {
    assertEquals(only("version: 1\nkernel: a\ninitrd_: b\n").hint, "Did you mean `initrd`?");
    // That it now lacks is no second problem.
    assertEquals(only("version: 1\nkernl: a\n").hint, "Did you mean `kernel`?");
    assertEquals(only("version: 1\nkernel: a\ncrash: Yes\n").hint, "Write `true`");
    // Not the nearest by letters, but what is meant.
    const meant = [
      ["arch: amd64", "x86_64"],
      ["arch: arm64", "aarch64"],
      ["arch: i686", "386"],
      ["arch: x86-64", "x86_64"],
      ["load: file", "kexec_file_load"],
      ["load: segments", "kexec_load"],
      ["load: kexec_load_file", "kexec_file_load"],
    ] as const;
    for (const [line, value] of meant) {
      const { hint, fix } = only(`version: 1\nkernel: a\n${line}\n`);
      assertEquals([hint, fix?.replacement], [`Did you mean \`${value}\`?`, value], line);
    }
    assertEquals(only("version: 1\nkernel: a\ncrash: off\n").hint, "Write `false`");
    // Every YAML reader takes these for booleans.
    for (const [word, value] of [["True", true], ["TRUE", true], ["False", false], ["FALSE", false]] as const) {
      assertEquals(valid(`version: 1\nkernel: a\ncrash: ${word}\n`).crash, value);
    }
  },
});

Deno.test({
  name: "a map where parameters belong is met with the parameters that were meant",
  permissions: "none",
  fn() {
    const problem = only("version: 1\nkernel: a\ncmdline: { reuse: true, set: { console: ttyS0, quiet: , b: c d } }\n");
    assertStringIncludes(problem.hint ?? "", "`set: [console=ttyS0, quiet, 'b=\"c d\"']`");
    assertEquals(only("version: 1\nkernel: a\ncmdline:\n- console: ttyS0\n").hint, "Write [console=ttyS0]");
  },
});

Deno.test({
  name: "`reuse` is true, false, image or entry; what is near is suggested",
  permissions: "none",
  fn() {
    const reuse = (value: string) => only(`version: 1\nkernel: a\ncmdline: { reuse: ${value} }\n`);
    assertEquals(reuse("imgae").message, "`reuse` is not true, false, image or entry");
    assertEquals(reuse("imgae").hint, "Did you mean `image`?");
    assertEquals(reuse("yes").hint, "Write `true`");
    assertEquals(reuse("running").hint, undefined);
  },
});

Deno.test({
  name: "an entry of several parameters is met with both ways to write it",
  permissions: "none",
  fn() {
    const found = (entry: string) => only(`version: 1\nkernel: a\ncmdline: [${entry}]\n`).found;
    assertEquals([found('" a"'), found('"a "'), found('"a b"'), found('"a b c"')], [
      "white space around a parameter",
      "white space around a parameter",
      "2 parameters",
      "3 parameters",
    ]);
    for (const key of ["set", "append", "remove"]) {
      const { hint } = only(`version: 1\nkernel: a\ncmdline: { reuse: true, ${key}: { console: ttyS0, ro: "" } }\n`);
      assertEquals(hint, `A parameter is \`name=value\` or \`name\`: write \`${key}: [console=ttyS0, ro]\``);
    }
    assertEquals(
      only("version: 1\nkernel: a\ncmdline: [dyndbg=file a.c +p]\n").hint,
      "Write [dyndbg=file, a.c, '+p'], or quote what belongs together: 'dyndbg=\"file a.c +p\"'",
    );
  },
});

Deno.test({
  name: "a duplicate key names the line of the first one, which is related",
  permissions: "none",
  fn() {
    const { message, related, position } = only("version: 1\nkernel: a\nkernel: b\n");
    assertEquals(message, "Duplicate key `kernel`; first defined at line 2");
    assertEquals([position?.line, related?.map((each) => each.position?.line)], [3, [2]]);
  },
});

Deno.test({
  name: "what is not UTF-8 text is refused, and says what it is",
  permissions: "none",
  fn() {
    const refusal = (...bytes: number[]): string => {
      const { value, diagnostics } = parseProfileBytes(Uint8Array.from(bytes), "p.yaml");
      assertEquals(value, undefined);
      return diagnostics.map((problem) => `${problem.position?.line}:${problem.position?.column} ${problem.message}`)
        .join();
    };
    assertEquals(refusal(0x61, 0, 0x62), "1:1 The file is not text: byte 1 is NUL");
    assertEquals(refusal(0xff, 0xfe, 0x61, 0), "1:1 The file is not text: it is UTF-16");
    // A byte-order mark is no part of the text, nor of a place in it.
    const marked = Uint8Array.of(0xef, 0xbb, 0xbf, ...new TextEncoder().encode("kernal: a\nversion: 1\nkernel: a\n"));
    assertEquals(
      parseProfileBytes(marked, "p.yaml").diagnostics.map((
        { code, position },
      ) => [code, position?.column, position?.source]),
      [["unknown-key", 1, "kernal: a"]],
    );
    assertEquals(refusal(0x61, 10, 0x62, 0xff), "2:2 The file is not text: it is not UTF-8");
    assertEquals(places(parseProfile("a: \ud800", "p.yaml").diagnostics), ["1:4 not-text"]);
    assertEquals(places(parseProfile("a: b\0", "p.yaml").diagnostics), ["1:5 not-text"]);
  },
});

Deno.test({
  name: "a profile of more than 1 MiB is refused, one of 1 MiB is read",
  permissions: "none",
  fn() {
    const head = "version: 1\nkernel: a\n#";
    const largest = new TextEncoder().encode(head.padEnd(1 << 20, "x"));
    assertEquals(parseProfileBytes(largest, "p.yaml").diagnostics, []);
    const { diagnostics } = parseProfileBytes(new Uint8Array(10_000_000), "p.yaml");
    assertEquals(diagnostics.map(({ code, message }) => [code, message]), [
      ["too-large", "The file of 9.5 MiB is too large for a profile"],
    ]);
    assertEquals(parseProfile("x".repeat((1 << 20) + 1), "p.yaml").diagnostics[0]?.code, "too-large");
    // Bytes count, not characters.
    const wide = new TextEncoder().encode(`${head}${"\u20ac".repeat(400_000)}`);
    assertEquals(parseProfileBytes(wide, "p.yaml").diagnostics.map(({ code }) => code), ["too-large"]);
  },
});

Deno.test({
  name: "an escape that is no character is refused where it would reach the kernel or a path",
  permissions: "none",
  fn() {
    assertEquals(only('version: 1\nkernel: "\\ud800"\n').code, "wrong-type");
    assertEquals(only('version: 1\nkernel: a\ncmdline: "\\ud800"\n').code, "cmdline-character");
  },
});

Deno.test({
  name: "the keys of JavaScript objects are unknown keys like any other",
  permissions: "none",
  fn() {
    for (const key of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
      assertEquals(only(`version: 1\nkernel: a\n${key}: { crash: true }\n`).code, "unknown-key");
      assertEquals(only(`version: 1\nkernel: { path: a, ${key}: b }\n`).code, "unknown-key");
    }
  },
});

Deno.test({
  name: "names that other programs use suggest the key, and the list of all keys is shown only without a suggestion",
  permissions: "none",
  fn() {
    for (const name of ["append", "command-line", "command_line", "params", "options", "kargs", "Append"]) {
      const { hint, expected, fix } = only(`version: 1\nkernel: a\n${name}: ro\n`);
      assertEquals([hint, expected, fix?.replacement], ["Did you mean `cmdline`?", undefined, "cmdline"], name);
    }
    const pins = ["checksum", "digest", "hash", "pin", "sha256sum"];
    const hints = [...pins, "file", "uki_profile", "uki-profile", "config", "conf"].map((name) =>
      only(`version: 1\nkernel: { path: a, ${name}: b }\n`).hint
    );
    assertEquals(hints, [
      ...pins.map(() => "Did you mean `sha256`?"),
      "Did you mean `path`?",
      "Did you mean `profile`?",
      "Did you mean `profile`?",
      "Did you mean `configuration`?",
      "Did you mean `configuration`?",
    ]);
    const strange = only("version: 1\nkernel: a\nzebra: 1\n");
    assertEquals([strange.hint, strange.fix], [undefined, undefined]);
    assertStringIncludes(strange.expected ?? "", "one of version, name,");
    // What is meant is not missing as well.
    const segment = "version: 1\nentry: 0\nsegments: [{ address: 0, path: a }]\n";
    const { diagnostics } = parseProfile(segment, "p.yaml");
    assertEquals(diagnostics.map(({ code, hint }) => [code, hint]), [
      ["unknown-key", "Did you mean `at`?"],
      ["unknown-key", "Did you mean `file`?"],
    ]);
  },
});

Deno.test({
  name: "a fix is exactly the text to replace, and only where one correction is likely",
  permissions: "none",
  fn() {
    const fixOf = (text: string): string | undefined => {
      const { fix } = only(text);
      if (fix?.position === undefined) return undefined;
      const { line, column, length } = fix.position;
      const from = (text.split("\n")[line - 1] ?? "").slice(column - 1, column - 1 + length);
      return `${from} -> ${fix.replacement}`;
    };
    assertEquals(fixOf("version: 1\nkernal: a\n"), "kernal -> kernel");
    assertEquals(fixOf("version: 1\nkernel: a\ncrash: Yes # later\n"), "Yes -> true");
    assertEquals(fixOf("version: 1\nkernel: a\nload: 'kexec_lod'\n"), "'kexec_lod' -> kexec_load");
    assertEquals(fixOf("version: 1\nkernel: a\nrequires: { architecture: amd64 }\n"), "amd64 -> x86_64");
    assertEquals(fixOf("version: 1\nkernel: a\ncrash: &y on\n"), "on -> true");
    // The right key is there too; an addition would become a replacement; the value has several lines.
    assertEquals(fixOf("version: 1\nkernel: a\nkernal: b\n"), undefined);
    assertEquals(fixOf("version: 1\nkernel: a\ninitrdd: b\ninitrd+: b\n"), undefined);
    assertEquals(fixOf("version: 1\nkernel: a\ninitrdd+: b\n"), "initrdd+ -> initrd+");
    assertEquals(fixOf("version: 1\nkernel: a\ndtb+: b\n"), undefined);
    assertEquals(fixOf("version: 1\nkernel: a\nload: kexec_lo\n  ad\n"), undefined);
    assertEquals(fixOf("version: 1\nkernel: a\ncrash: maybe\n"), undefined);
  },
});

Deno.test({
  name: "mutually exclusive keys name each other, in whatever file they are",
  permissions: "none",
  fn() {
    const related = (text: string) =>
      parseProfile(text, "p.yaml").diagnostics.flatMap(({ related: places = [] }) =>
        places.map(({ message, position }) => `${position?.line}:${position?.column} ${message}`)
      );
    assertEquals(related("version: 1\nkernel: a\nentry: 0\nsegments: [{ at: 0, hex: 90 }]\n"), [
      "2:1 `kernel` is set here",
    ]);
    assertEquals(related("version: 1\nkernel: a\npreserve_context: true\ncrash: true\n"), ["4:1 `crash` is set here"]);
    assertEquals(related("version: 1\nkernel: a\nload: kexec_file_load\nchecksum: false\n"), [
      "3:1 `load` is set here",
    ]);
    assertEquals(related("version: 1\nentry: 0\nsegments:\n- { at: 0, hex: 90, base64: QQ== }\n"), [
      "4:12 `hex` is set here",
    ]);
    assertEquals(related("version: 1\nkernel: a\ninitrd: b\ninitrd+: c\n"), ["3:1 `initrd` is set here"]);
  },
});

Deno.test({
  name: "keys of a segment that need a file, and its content up to the end of its memory",
  permissions: "none",
  fn() {
    const said = (segment: string) =>
      parseProfile(`version: 1\nentry: 0\nsegments: [{ at: 0, ${segment} }]\n`, "p.yaml").diagnostics.map((
        { message },
      ) => message);
    for (const key of ["offset: 1", "length: 1", `sha256: ${"0".repeat(64)}`]) {
      const [name] = key.split(":");
      assertEquals([key, said(`hex: 90, ${key}`)], [key, [`\`${name}\` requires \`file\``]]);
      assertEquals([key, said(`file: f, ${key}`)], [key, []]);
    }
    assertEquals([said("hex: 90 90, size: 2"), said("hex: 90 90, size: 1"), said("file: f, length: 2, size: 2")], [
      [],
      ["The content of 2 bytes does not fit in the `size` of 1 byte"],
      [],
    ]);
    const at = (address: string) =>
      parseProfile(`version: 1\nentry: 0\nsegments: [{ at: "${address}", hex: 90, size: 4096 }]\n`, "p.yaml")
        .diagnostics
        .map(({ message }) => message);
    assertEquals([at("0xfffffffffffff000"), at("0xfffffffffffff001")], [[], ["`segments[0]` ends beyond 64 bits"]]);
  },
});

Deno.test({
  name: "of two keys that exclude each other, one is the fault, and the other is where it is related to",
  permissions: "none",
  fn() {
    const segments = "entry: 0\nsegments: [{ at: 0, hex: 90 }]\n";
    const rows: readonly (readonly [text: string, path: string, other: string])[] = [
      ["kernel: a\nboot_entry: b\n", "boot_entry", "kernel"],
      ["boot_entry: b\ninitrd: i\n", "boot_entry", "initrd"],
      [`boot_entry: b\n${segments}`, "segments", "boot_entry"],
      [`kernel: a\n${segments}`, "segments", "kernel"],
      ["boot_entry: b\ncmdline: { reuse: image }\n", "cmdline.reuse", "boot_entry"],
      ...[
        "initrd: i",
        "dtb: d",
        "cmdline: c",
        "memory: { min: 0 }",
        "predecompress: true",
        "stamp: true",
        "carry: [network]",
      ]
        .map((line) => [`${segments}${line}\n`, line.split(":")[0] ?? "", "segments"] as const),
      ["kernel: a\nmodules: [m]\ninitrd: i\n", "modules", "initrd"],
      ["kernel: a\ncrash: true\nunbind: [driver:x]\n", "unbind", "crash"],
      ["kernel: a\npreserve_context: true\nunbind: [driver:x]\n", "unbind", "preserve_context"],
      ["kernel: a\ncrash: true\nguard: { panic: 1s }\n", "guard", "crash"],
      ["kernel: a\npreserve_context: true\nguard: { panic: 1s }\n", "guard", "preserve_context"],
      ["kernel: a\nmodules: [m]\nguard: { panic: 1s }\n", "guard", "modules"],
      ["kernel: a\nmodules: [m]\ncarry: [network]\n", "carry", "modules"],
      ["kernel: a\nguard: { panic: 1s }\nstamp: false\n", "stamp", "guard"],
      ["kernel: a\ncrash: true\npreserved_state: discard\n", "preserved_state", "crash"],
      ["kernel: a\nload: kexec_file_load\npreserved_state: discard\n", "preserved_state", "load"],
      ["kernel: a\npreserve_context: true\nchecksum: sha256\n", "checksum", "preserve_context"],
    ];
    for (const [text, path, other] of rows) {
      const found = parseProfile(`version: 1\n${text}`, "p.yaml").diagnostics.map(({ code, path, related = [] }) =>
        `${code} ${path?.join(".")} ${related.map((each) => each.message)}`
      );
      const expected = `conflict ${path} \`${other}\` is set here`;
      assertEquals([text, found.includes(expected) ? expected : found], [text, expected]);
    }
  },
});

Deno.test({
  name: "a word that is nearly one of those that count has the right one as its fix",
  permissions: "none",
  fn() {
    const rows: readonly (readonly [line: string, instead: string | undefined])[] = [
      ["crash: yes", "true"],
      ["crash: On", "true"],
      ["crash: 1", "true"],
      ["crash: no", "false"],
      ["crash: OFF", "false"],
      ["crash: 0", "false"],
      ["crash: maybe", undefined],
      ["checksum: sha-256", "sha256"],
      ["checksum: SHA2", "sha256"],
      ["checksum: xxhash", "xxh64"],
      ["checksum: xxh", "xxh64"],
      ["checksum: md5", undefined],
      ["predecompress: automatic", "auto"],
      ["predecompress: if-possible", "auto"],
      ["cmdline: { reuse: imag }", "image"],
      ["cmdline: { reuse: no }", "false"],
      ["load: file", "kexec_file_load"],
      ["load: kexec_load_file", "kexec_file_load"],
      ["load: kexec-file-syscall", "kexec_file_load"],
      ["load: segments", "kexec_load"],
      ["load: kexec-syscall", "kexec_load"],
      ["arch: amd64", "x86_64"],
      ["arch: i686", "386"],
      ["arch: arm64", "aarch64"],
    ];
    assertEquals(
      rows.map(([line]) => [line, only(`version: 1\nkernel: a\n${line}\n`).fix?.replacement]),
      rows.map(([line, instead]) => [line, instead]),
    );
  },
});

Deno.test({
  name: "what is preserved may be lost by kexec_load alone, and where something would be lost",
  permissions: "none",
  fn() {
    const said = (text: string) =>
      parseProfile(`version: 1\nkernel: a\npreserved_state: discard\n${text}`, "p.yaml").diagnostics.map((
        { message, path },
      ) => path?.join() === "preserved_state" ? message.split(": ")[1] : "").filter((message) => message !== "");
    assertEquals([said(""), said("load: kexec_load\n"), said("crash: false\n")], [[], [], []]);
    assertEquals(said("crash: true\n"), ["a crash kernel is handed nothing"]);
    assertEquals(said("preserve_context: true\n"), ["the running system continues, and loses nothing"]);
    assertEquals(said("load: kexec_file_load\n"), ["discard` would be ignored"]);
  },
});

Deno.test({
  name: "other names of the keys of inner maps lead to the right ones",
  permissions: "none",
  fn() {
    const names: readonly (readonly [head: string, names: { readonly [key: string]: string }])[] = [
      ["kernel: a\ninitrd: [{ files: [{ NAME: x }] }]", {
        text: "content contents inline",
        base64: "data",
        from: "source src file copy-from",
        ask: "prompt password",
        command: "run exec",
        mode: "permissions perm",
        path: "target dest name",
      }],
      ["kernel: a\nunlock: [{ volume: v, key: { NAME: x } }]", {
        from: "file keyfile key-file key_file path",
        ask: "prompt passphrase password",
        command: "run exec",
      }],
      ["kernel: a\nunlock: [{ NAME: x }]", { volume: "name device uuid", key: "keyfile passphrase" }],
      ["entry: 0\nsegments: [{ NAME: x }]", {
        file: "path filename source",
        at: "address addr base mem start",
        size: "memsz",
        length: "bufsz",
        hex: "bytes data",
        zero: "zeros",
      }],
      ["kernel: a\nmodules: [{ path: m, NAME: x }]", { cmdline: "args options parameters string", sha256: "hash" }],
      ["kernel: a\nguard: { NAME: x }", { confirm: "timeout", watchdog: "wdt", log: "ramoops pstore" }],
      ["kernel: a\nrequires: { NAME: x }", { architecture: "arch machine", hostname: "host", kernel: "release" }],
      ["kernel: a\nNAME: x", {
        cmdline: "args bootargs boot-args commandline kernel-args kernel-cmdline parameters",
        initrd: "initramfs ramdisk",
        "boot_entry": "boot-entry bootentry",
        dtb: "device-tree devicetree",
        "preserved_state": "kho liveupdate",
        modules: "module module2",
        carry: "network",
        unlock: "luks crypttab cryptsetup decrypt passphrase keyfile",
      }],
      ["NAME: a", { kernel: "image linux vmlinuz multiboot multiboot2" }],
    ];
    for (const [text, keys] of names) {
      for (const [key, words] of Object.entries(keys)) {
        for (const word of words.split(" ")) {
          const { diagnostics } = parseProfile(`version: 1\n${text.replace("NAME", word)}\n`, "p.yaml");
          const hints = diagnostics.filter(({ code }) => code === "unknown-key").map(({ hint }) => hint);
          assertEquals([text, word, hints], [text, word, [`Did you mean \`${key}\`?`]]);
        }
      }
    }
  },
});

const SLIPS: readonly (readonly [text: string, place: string, message: string, instead?: string])[] = [
  ["version: 1\nkernel:/boot/x\ncmdline: ro\n", "2:1", "There is no space after `kernel:`", "kernel: "],
  ["version: 1\ncmdline: ro\nkernel:/boot/x\n", "3:1", "There is no space after `kernel:`", "kernel: "],
  ["kernel:/boot/x\nversion: 1\n", "1:1", "There is no space after `kernel:`", "kernel: "],
  ["version: 1\nkernel a\ncmdline: b\n", "2:1", "There is no colon after `kernel`"],
  ['version: 1\nkernel: "/boot/x\ncmdline: ro\n', "2:9", 'The quote " is not closed'],
  ["version: 1\n\ninitrd: [a,\n  'b,\n  c]\n# comment\ncmdline: ro\n", "4:3", "The quote ' is not closed"],
  ["version: 1\ninitrd: [a, b\n\ncmdline: ro\n", "2:9", "The bracket `[` is not closed"],
  ["version: 1\nkernel: { path: a\ncmdline: ro\n", "2:9", "The bracket `{` is not closed"],
  ["version: 1\nkernel: { path: a", "2:9", "The bracket `{` is not closed"],
  // Not in a comment.
  ["version: 1\nkernel:/boot/x\n# {{ x }}\ncmdline: ro\n", "2:1", "There is no space after `kernel:`", "kernel: "],
  ['version: 1\nname: "a \\", b\nkernel: x\n', "2:7", 'The quote " is not closed'],
  ["version: 1\r\nkernel:/boot/x", "2:1", "There is no space after `kernel:`", "kernel: "],
  ["version: 1\nkernel: {{ kernel }}\n", "2:9", "`{{` belongs to a template that was not rendered"],
  ["version: 1\nkernel: {{ kernel }}/vmlinuz\n", "2:9", "`{{` belongs to a template that was not rendered"],
  ["version: 1\n{% if x %}\nkernel: a\n{% endif %}\n", "2:1", "`{%` belongs to a template that was not rendered"],
  ["version: 1\nkernel:\n\tpath: a\n", "3:1", "A tab indents this line"],
  ["version: 1\nkernel:\n  \tpath: a\n \tsha256: b\n", "3:3", "A tab indents this line"],
  // What is not a slip keeps the parser's place and words, whatever is in the lines before.
  [
    "version: 1\ninitrd: [driver:a]\nkernel: a\ncmdline: [quiet,\n  , ro]\n",
    "5:3",
    "The YAML cannot be read: expected the node content, but found ','",
  ],
];

for (const [text, place, message, instead] of SLIPS) {
  Deno.test({
    name: `a slip is reported where it is: ${JSON.stringify(text)}`,
    permissions: "none",
    fn() {
      const problem = only(text);
      assertEquals(
        [`${problem.position?.line}:${problem.position?.column}`, problem.message, problem.fix?.replacement],
        [place, message, instead],
      );
    },
  });
}
