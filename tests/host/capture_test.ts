import { assert, assertEquals, assertMatch } from "@std/assert";
import { Validator } from "@cfworker/json-schema";
import fc from "fast-check";
import {
  type Capture,
  captureReader,
  captureSchema,
  captureText,
  collect,
  parseCapture,
} from "../../src/host/capture.ts";
import type { HostReader, SourceResult } from "../../src/host/reader.ts";
import { hostCapture, HOSTS, hostText } from "./fixture.ts";
import { assertCommittedSchema } from "../support/committed.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const TEXTS = HOSTS.map((name) => [name, hostText(name), hostCapture(name)] as const);

/** A host of these files only. */
function reader(files: { readonly [path: string]: string | Uint8Array | Error }): HostReader {
  return {
    read(path): SourceResult {
      const file = files[path];
      if (file === undefined) return { kind: "absent" };
      if (file instanceof Error) return { kind: "error", error: file.message };
      return { kind: "bytes", bytes: typeof file === "string" ? new TextEncoder().encode(file) : file };
    },
    list: (directory) =>
      Object.keys(files).filter((path) => path.startsWith(`${directory}/`))
        .map((path) => path.slice(directory.length + 1).split("/")[0] ?? ""),
  };
}

function problems(text: string): readonly string[] {
  return parseCapture(text, "facts.json").diagnostics.map(({ code, message, position, found }) =>
    `${position?.file}:${position?.line}:${position?.column} ${code} ${message} (${found})`
  );
}

pure("a release that is not the name of a file is none: no path of the table leads elsewhere by it", () => {
  const config = "CONFIG_KEXEC=y\n";
  const files = (release: string) => ({
    "/proc/sys/kernel/osrelease": release,
    [`/boot/config-${release.trim()}`]: config,
  });
  const captured = (release: string) => Object.keys(collect(reader(files(release))).files).length;
  assertEquals([captured("6.1.0\n"), captured("../../etc/x\n"), captured("\n")], [2, 1, 1]);
});

pure("a boot loader's file is no unknown source, and more problems are errors where one of them is", () => {
  const parsed = (files: unknown) => parseCapture(JSON.stringify({ format: "warmboot.facts/1", files }), "facts.json");
  assertEquals(parsed({ "/boot/grub/grub.cfg": "", "/efi/loader/loader.conf": "" }).diagnostics, []);
  const many = (count: number, value: unknown) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`/etc/x${index}`, value]));
  const last = (files: unknown) => {
    const { value, diagnostics } = parsed(files);
    const { severity, message } = diagnostics.at(-1) ?? {};
    return [value === undefined, diagnostics.length, severity, message];
  };
  assertEquals(last(many(25, "")), [false, 21, "warning", "There are 5 more problems in the capture"]);
  assertEquals(last(many(25, 1)), [true, 21, "error", "There are 5 more problems in the capture"]);
});

pure("what lies in a folder of a capture is named once, in the order of numbers, and nothing of its neighbours", () => {
  const files = { "/a/cpu10/x": "", "/a/cpu2/x": "", "/a/cpu2/y": "", "/ab/cpu1/x": "", "/a": "", "/b/a/cpu3": "" };
  const { list } = captureReader({ format: "warmboot.facts/1", files });
  assertEquals([list("/a"), list("/a/cpu2"), list("/none")], [["cpu2", "cpu10"], ["x", "y"], []]);
});

pure("files that the table does not have come last in the text of a capture, by name", () => {
  const files = { "/boot/z": "1", "/proc/iomem": "2", "/boot/a": "3", "/proc/sys/kernel/ostype": "4" };
  const text = captureText({ format: "warmboot.facts/1", files });
  assertEquals(Object.keys(JSON.parse(text).files), ["/proc/sys/kernel/ostype", "/proc/iomem", "/boot/a", "/boot/z"]);
});

pure("a capture written and read again is the same capture, in the same bytes", () => {
  for (const [name, text, capture] of TEXTS) assertEquals(captureText(capture), text, name);
});

pure("collecting from a capture gives that capture", () => {
  for (const [name, text, capture] of TEXTS) assertEquals(captureText(collect(captureReader(capture))), text, name);
});

pure("what a capture holds survives its text, whatever the characters and bytes", () => {
  const file = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.uint8Array().map((bytes) => ({ base64: bytes.toBase64() })),
    fc.string({ minLength: 1 }).map((error) => ({ error })),
  );
  const paths = fc.constantFrom(
    "/proc/iomem",
    "/proc/cmdline",
    "/sys/devices/system/cpu/cpu10/crash_notes",
    "/sys/devices/system/cpu/cpu9/crash_notes",
  );
  fc.assert(fc.property(fc.dictionary(paths, file), (files) => {
    const capture: Capture = { format: "warmboot.facts/1", files: { ...files } };
    const { value, diagnostics } = parseCapture(captureText(capture), "x");
    assertEquals([value, diagnostics], [capture, []]);
  }));
});

pure("the order of a capture is the table's, and that of numbers", () => {
  const files = {
    "/sys/firmware/memmap/10/type": "",
    "/sys/firmware/memmap/9/type": "",
    "/sys/firmware/memmap/9/start": "",
    "/proc/iomem": "",
  };
  const { files: ordered } = JSON.parse(captureText({ format: "warmboot.facts/1", files }));
  assertEquals(Object.keys(ordered), [
    "/proc/iomem",
    "/sys/firmware/memmap/9/start",
    "/sys/firmware/memmap/9/type",
    "/sys/firmware/memmap/10/type",
  ]);
});

pure("of a source with two places the newer one is read", () => {
  const both = { "/sys/kernel/kexec/loaded": "1\n", "/sys/kernel/kexec_loaded": "0\n" };
  assertEquals(collect(reader(both)).files, { "/sys/kernel/kexec/loaded": "1\n" });
  assertEquals(collect(reader({ "/sys/kernel/kexec_loaded": "0\n" })).files, { "/sys/kernel/kexec_loaded": "0\n" });
});

pure("a place that refuses does not hide the next one, but is kept if it is the last", () => {
  const files = { "/proc/sys/kernel/osrelease": "6.1\n", "/proc/config.gz": new Error("EACCES") };
  assertEquals(collect(reader(files)).files["/proc/config.gz"], { error: "EACCES" });
  const other = collect(
    reader({ ...files, "/boot/config-6.1": "CONFIG_KEXEC=y\n", "/boot/config-5.9": "CONFIG_KEXEC=n\n" }),
  );
  assertEquals(Object.keys(other.files), ["/proc/sys/kernel/osrelease", "/boot/config-6.1"]);
});

pure("only what facts need is kept of long or private sources", () => {
  const auxv = new Uint8Array(48);
  auxv.set([33, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
  auxv.set([6, 0, 0, 0, 0, 0, 0, 0, 0, 0x10], 16);
  const { files } = collect(reader({
    "/proc/sys/kernel/osrelease": "6.1\n",
    "/proc/self/auxv": auxv,
    "/proc/self/status": "Name:\tx\nNSpid:\t7\nCapEff:\t00ff\nCapBnd:\t01ff\n",
    "/proc/cpuinfo":
      "processor\t: 0\nmodel name\t: A: B\nflags\t\t: fpu lm\nvmx flags\t: ept\n\nprocessor\t: 1\nflags\t\t: fpu lm\n",
    "/boot/config-6.1":
      "CONFIG_64BIT=y\nCONFIG_KEXEC=y\n# CONFIG_KEXEC_JUMP is not set\nCONFIG_IMA=y\nCONFIG_ANIMATION=y\n# CONFIG_X is not set\n# KEXEC\n",
  }));
  assertEquals(files["/proc/self/auxv"], { base64: auxv.subarray(16, 32).toBase64() });
  assertEquals(files["/proc/self/status"], "NSpid:\t7\nCapEff:\t00ff\n");
  assertEquals(files["/proc/cpuinfo"], "model name\t: A: B\nflags\t\t: fpu lm\n");
  assertEquals(files["/boot/config-6.1"], "CONFIG_KEXEC=y\n# CONFIG_KEXEC_JUMP is not set\nCONFIG_IMA=y\n");
});

pure("text that is no UTF-8 keeps its bytes", () => {
  const bytes = Uint8Array.of(0x61, 0xff, 0x0a);
  const capture = collect(reader({ "/proc/cmdline": bytes }));
  assertEquals(capture.files, { "/proc/cmdline": { base64: bytes.toBase64() } });
  assertEquals(captureReader(capture).read("/proc/cmdline"), { kind: "bytes", bytes });
});

pure("a byte order mark is text like any other", () => {
  const { files } = collect(reader({ "/proc/cmdline": "\ufeffquiet\n" }));
  assertEquals(files, { "/proc/cmdline": "\ufeffquiet\n" });
});

pure("text that is not JSON is refused with its place", () => {
  assertMatch(problems('{\n  "format": 1,\n}')[0] ?? "", /^facts\.json:3:1 facts-syntax facts\.json is not JSON: /);
  assertMatch(problems('{\n  "format": "warmboot.facts/1')[0] ?? "", /^facts\.json:2:/);
  const message = (text: string) => parseCapture(text, "facts.json").diagnostics[0]?.message;
  assertEquals(message('{ "format": nope\n'), "facts.json is not JSON: unexpected token 'o'");
  assertEquals(message('{ "format": "a"'), "facts.json is not JSON: expected ',' or '}' after property value");
  assertEquals(message("{"), "facts.json is not JSON: expected property name or '}'");
  assertEquals(message("["), "facts.json is not JSON: unexpected end");
  assertEquals(problems(" \n"), ["facts.json:1:1 facts-syntax facts.json is empty (undefined)"]);
});

pure("a file of another form or version is refused by that alone", () => {
  const hint = (text: string) => parseCapture(text, "facts.json").diagnostics.map(({ hint }) => hint);
  assertEquals(problems('{ "format": "warmboot.facts/2",\n "hosts": [] }'), [
    'facts.json:1:3 facts-format This is not a capture in the form `warmboot.facts/1` ("warmboot.facts/2")',
  ]);
  assertMatch(hint('{"format":"warmboot.facts/2"}')[0] ?? "", /Another version/);
  assertMatch(hint('{"format":"warmboot.plan/1"}')[0] ?? "", /the file that `warmboot facts` wrote/);
});

pure("everything that is wrong in a capture is reported at once, in its place", () => {
  const text = `{
  "format": "warmboot.facts/1",
  "files": {
    "/proc/iomem": 7,
    "/proc/cmdline": { "base64": "a b" },
    "/proc/self/auxv": { "error": "" },
    "/proc/meminfo": { "bytes": "AA==" }
  },
  "host": 1
}`;
  assertEquals(problems(text), [
    "facts.json:9:3 unknown-key Unknown key `host` (undefined)",
    "facts.json:4:5 wrong-type `/proc/iomem` is not a text, { base64 } or { error } (7)",
    'facts.json:5:24 wrong-type `base64` is not a text in padded base64 ("a b")',
    "facts.json:6:26 wrong-type `error` is not a text (nothing)",
    "facts.json:7:24 unknown-key Unknown key `bytes` (undefined)",
    "facts.json:7:5 missing-key The key `base64` is missing (undefined)",
  ]);
});

pure("a path where the map of files was expected is refused", () => {
  assertEquals(problems('{"format": "warmboot.facts/1", "files": "/proc/iomem"}'), [
    'facts.json:1:32 wrong-type `files` is not a map ("/proc/iomem")',
  ]);
});

pure("a path that no fact is read from is a warning with the path that was meant", () => {
  const { value, diagnostics } = parseCapture(
    '{"format": "warmboot.facts/1", "files": {"/proc/iomen": "", "/proc/iomem": ""}}',
    "f",
  );
  assertEquals(diagnostics.map(({ severity, code, hint }) => [severity, code, hint]), [
    ["warning", "facts-unknown-source", "Did you mean `/proc/iomem`?"],
  ]);
  assertEquals(Object.keys(value?.files ?? {}).length, 2);
});

pure("the schema and the decoder agree on what a capture is", () => {
  const validator = new Validator(JSON.parse(JSON.stringify(captureSchema())), "7");
  const wrap = (file: unknown) => ({
    format: "warmboot.facts/1",
    files: { "/proc/iomem": file, "/sys/firmware/memmap/0/end": file },
  });
  const values = [
    ...TEXTS.map(([, text]) => JSON.parse(text)),
    ...[
      "",
      "x",
      1,
      null,
      [],
      {},
      { base64: "" },
      { base64: "AA==" },
      { base64: "AA" },
      { base64: "A" },
      { base64: "AA==", error: "E" },
      { error: "" },
      { error: "E" },
      { other: "x" },
    ].map(wrap),
    {},
    { format: "warmboot.facts/1" },
    { format: "warmboot.facts/2", files: {} },
    { format: "warmboot.facts/1", files: {} },
    { format: "warmboot.facts/1", files: {}, more: 1 },
  ];
  for (const value of values) {
    const text = JSON.stringify(value);
    assertEquals(validator.validate(value).valid, parseCapture(text, "f").value !== undefined, text);
  }
});

Deno.test({
  name: "of many unknown sources the first are named, and the others counted",
  permissions: "none",
  fn() {
    const unknown = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`/proc/iomen${index}`, "x"]));
    const { value, diagnostics } = parseCapture(JSON.stringify({ format: "warmboot.facts/1", files: unknown }), "f");
    assert(value !== undefined);
    assertEquals(diagnostics.length, 21);
    assertEquals(diagnostics[20]?.code, "too-many-problems");
    assertEquals(diagnostics[20]?.message, "There are 19980 more problems in the capture");
    assertEquals(diagnostics[20]?.severity, "warning");
  },
});

pure("a capture with more than a kernel writes is refused, by source and by number", () => {
  const text = (files: { readonly [path: string]: unknown }) => JSON.stringify({ format: "warmboot.facts/1", files });
  const refusals = (files: { readonly [path: string]: unknown }) =>
    parseCapture(text(files), "facts.json").diagnostics.filter(({ code }) => code === "too-large")
      .map(({ message, severity }) => `${severity}: ${message}`);
  assertEquals(refusals({ "/proc/cmdline": "a".repeat(64 << 10), "/proc/iomem": "a".repeat(1 << 20) }), []);
  assertEquals(refusals({ "/proc/cmdline": "a".repeat((64 << 10) + 1) }), [
    "error: /proc/cmdline has 64 KiB, more than the kernel writes there",
  ]);
  assertEquals(refusals({ "/proc/iomem": "a\n".repeat(3 << 20) }), [
    "error: /proc/iomem has 6 MiB, more than the kernel writes there",
  ]);
  assertEquals(refusals({ "/sys/kernel/boot_params/data": { base64: "AAAA".repeat(1 << 20) } }), [
    "error: /sys/kernel/boot_params/data has 3 MiB, more than the kernel writes there",
  ]);
  const many = Object.fromEntries(Array.from({ length: 25_001 }, (_, index) => [`/x/${index}`, ""]));
  assertEquals(refusals(many), ["error: The capture has 25001 files, more than any host"]);
});

pure("a capture of more values than can be parsed in time is refused before it is parsed", () => {
  const refusals = (json: string) => parseCapture(json, "facts.json").diagnostics.map(({ code }) => code);
  const cpus = Array.from({ length: 25_000 }, (_, at) => [`/x/${at}`, "1"]);
  const largest = JSON.stringify({ format: "warmboot.facts/1", files: Object.fromEntries(cpus) });
  assertEquals(refusals(largest).includes("too-complex"), false);
  for (const each of [",", "[", "{", '"a":{', "1,"]) {
    assertEquals(refusals(each.repeat(250_001)), ["too-complex"], each);
  }
  assertEquals(refusals('"' + ",[{".repeat(250_001) + '"').includes("too-complex"), false);
  assertEquals(refusals('"\\"' + "[".repeat(250_001)).includes("too-complex"), false);
});

pure("a capture with more images, or more parts of one, than there can be is refused", () => {
  const image = { size: 4096, sha256: "0".repeat(64), ranges: [], parts: [] };
  const refusals = (images: { readonly [path: string]: unknown }) =>
    parseCapture(JSON.stringify({ format: "warmboot.facts/1", files: {}, images }), "facts.json").diagnostics
      .map(({ code, message, path }) => `${code}: ${message}, ${path?.join("/")}`);
  const named = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`/boot/${at}`, image]));
  assertEquals(refusals(named(1000)), []);
  assertEquals(refusals(named(1001)), ["too-large: The capture has 1001 images, more than profiles name, images"]);
  const ranges = Array.from({ length: 1001 }, (_, at) => ({ offset: at, base64: "AA==" }));
  const parts = Array.from({ length: 1001 }, (_, at) => ({ offset: at, length: 1, sha256: image.sha256 }));
  const path = "/boot/vmlinuz";
  assertEquals(refusals({ [path]: { ...image, ranges: ranges.slice(1), parts: parts.slice(1) } }), []);
  assertEquals(refusals({ [path]: { ...image, ranges } }), [
    `too-large: The capture has 1001 ranges of ${path}, more than any image has, images/${path}/ranges`,
  ]);
  const { size, sha256 } = image;
  assertEquals(refusals({ [path]: { ...image, unpacked: { size, sha256, ranges: [], parts } } }), [
    `too-large: The capture has 1001 parts of ${path}, more than any image has, images/${path}/unpacked/parts`,
  ]);
});

Deno.test("the schema of a capture is the committed one", () => assertCommittedSchema("facts", captureSchema()));
