import { assertEquals } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import { captureText, parseCapture } from "../../src/host/capture.ts";
import {
  type CapturedImage,
  notedSource,
  partDigest,
  replayedSource,
  withoutContent,
  withoutContentAt,
} from "../../src/host/captured_image.ts";

const bytes = Uint8Array.from({ length: 100 }, (_, index) => index);
const digest = "a".repeat(64);

function imageOf(reads: readonly (readonly [number, number])[]): CapturedImage {
  const noted = notedSource(memorySource(bytes));
  for (const [offset, length] of reads) noted.source.read(offset, length);
  return { size: bytes.length, sha256: digest, ranges: noted.ranges(), parts: [] };
}

Deno.test({
  name: "what was read of a file can be read again of its capture, across the joints and up to the end",
  permissions: "none",
  fn() {
    const { source, isComplete } = replayedSource(imageOf([[10, 10], [0, 12], [20, 5], [90, 50], [200, 4]]));
    assertEquals([...source.read(0, 25)], [...bytes.subarray(0, 25)]);
    assertEquals([...source.read(95, 50)], [95, 96, 97, 98, 99]);
    assertEquals([source.size, source.read(200, 4).length, isComplete()], [100, 0, true]);
  },
});

Deno.test({
  name: "each byte is captured once, and nothing else",
  permissions: "none",
  fn() {
    const { ranges } = imageOf([[10, 10], [0, 12], [50, 1]]);
    assertEquals(ranges.map(({ offset, base64 }) => [offset, Uint8Array.fromBase64(base64).length]), [[0, 20], [
      50,
      1,
    ]]);
  },
});

Deno.test({
  name: "a read beyond what was captured is noticed, not made up",
  permissions: "none",
  fn() {
    for (const [offset, length] of [[0, 26], [30, 1], [24, 2]] as const) {
      const { source, isComplete } = replayedSource(imageOf([[0, 25]]));
      source.read(offset, length);
      assertEquals(isComplete(), false);
    }
  },
});

Deno.test({
  name: "a part has its own digest, the whole file that of the file, another part none",
  permissions: "none",
  fn() {
    const part = { offset: 10, length: 20, sha256: "b".repeat(64) };
    const image = { ...imageOf([]), parts: [part] };
    assertEquals(partDigest(image, 10, 20), part.sha256);
    assertEquals(partDigest(image, 0, 100), digest);
    assertEquals(partDigest(image, 10, 21), undefined);
  },
});

const capture = { format: "warmboot.facts/1", files: {}, images: { "/k": imageOf([[0, 25]]) } } as const;

Deno.test({
  name: "a capture with images comes back from its text",
  permissions: "none",
  fn: () => assertEquals(parseCapture(captureText(capture), "h.json"), { value: capture, diagnostics: [] }),
});

Deno.test({
  name: "an image whose parts reach beyond it, or whose bytes are none, is refused with its place",
  permissions: "none",
  fn() {
    const image = imageOf([[0, 25]]);
    const cases: readonly (readonly [object, string])[] = [
      [{ ...image, size: 24 }, "images./k.ranges[0]"],
      [{ ...image, parts: [{ offset: 90, length: 11, sha256: digest }] }, "images./k.parts[0]"],
      [{ ...image, ranges: [{ offset: 0, base64: "a" }] }, "images./k.ranges[0].base64"],
      [{ ...image, sha256: "a" }, "images./k.sha256"],
      [{ ...image, size: -1 }, "images./k.size"],
    ];
    for (const [wrong, path] of cases) {
      const { value, diagnostics } = parseCapture(JSON.stringify({ ...capture, images: { "/k": wrong } }), "h.json");
      const paths = diagnostics.map((each) =>
        each.path?.map((step) => typeof step === "number" ? `[${step}]` : `.${step}`)
      );
      assertEquals([value, paths.map((steps) => steps?.join("").slice(1))], [undefined, [path]]);
    }
  },
});

Deno.test({
  name: "files for an initrd are captured by their kind: a file with or without its content, a folder, a link",
  permissions: "none",
  fn() {
    const parse = (overlays: unknown) => {
      const text = JSON.stringify({ format: "warmboot.facts/1", files: {}, overlays });
      const { value, diagnostics } = parseCapture(text, "facts.json");
      return value === undefined ? diagnostics.map(({ message }) => message) : value.overlays;
    };
    const overlays = {
      "/etc/a": { kind: "file", mode: 0o644, size: 3, base64: "YWJj" },
      "/etc/key": { kind: "file", mode: 0o600, size: 32 },
      "/etc/folder": { kind: "folder", mode: 0o755 },
      "/etc/link": { kind: "link", target: "../a" },
    };
    assertEquals<unknown>(parse(overlays), overlays);
    for (
      const odd of [
        { kind: "fifo", mode: 0o644 },
        { mode: 0o644, size: 3 },
        { kind: "file", mode: 0o644 },
        { kind: "file", mode: 0o644, size: 3, base64: "YWJ" },
        { kind: "folder", mode: 0o755, size: 1 },
        { kind: "link" },
        "a",
      ]
    ) assertEquals(Array.isArray(parse({ "/etc/a": odd })), true, JSON.stringify(odd));
  },
});

Deno.test({
  name: "what was read stays noted when the source reads into the same buffer again",
  permissions: "none",
  fn() {
    const buffer = new Uint8Array(4);
    const noted = notedSource({ size: 100, read: (offset, length) => buffer.fill(offset).subarray(0, length) });
    noted.source.read(1, 2);
    noted.source.read(7, 2);
    assertEquals(noted.ranges().map(({ offset, base64 }) => [offset, ...Uint8Array.fromBase64(base64)]), [
      [1, 1, 1],
      [7, 7, 7],
    ]);
  },
});

/** The stretches of bytes that are not zero, by their first byte and the byte after the last, in the file. */
function kept(ranges: readonly { readonly offset: number; readonly base64: string }[]): readonly (readonly number[])[] {
  return ranges.map(({ offset, base64 }) => {
    const found = Uint8Array.fromBase64(base64);
    const first = found.findIndex((byte) => byte !== 0);
    return [
      offset + first,
      offset + found.findLastIndex((byte) => byte !== 0) + 1,
      found.filter((byte) => byte !== 0).length,
    ];
  });
}

Deno.test({
  name: "of an initrd its header is kept, from its first byte on, and of a file that has one all beside its content",
  permissions: "none",
  fn() {
    const full = (offset: number, length: number, zeros = 0) => ({
      offset,
      base64: new Uint8Array(length).fill(7, zeros).toBase64(),
    });
    // 112 bytes, which zeros may precede.
    assertEquals(kept(withoutContent([full(0, 500), full(512, 500, 200), full(4096, 50)])), [
      [0, 112, 112],
      [712, 824, 112],
      [4096, 4146, 50],
    ]);
    assertEquals(withoutContent([{ offset: 0, base64: new Uint8Array(300).toBase64() }]), [
      { offset: 0, base64: new Uint8Array(300).toBase64() },
    ]);
    const initrd = { offset: 1000, size: 500 };
    const at = (offset: number, length: number) => kept(withoutContentAt([full(offset, length)], initrd))[0];
    assertEquals(at(0, 1000), [0, 1000, 1000]);
    assertEquals(at(900, 1000), [900, 1900, 1000 - (500 - 112)]);
    assertEquals(at(1000, 300), [1000, 1112, 112]);
    assertEquals(at(1200, 600), [1500, 1800, 300]);
    assertEquals(at(1500, 100), [1500, 1600, 100]);
    assertEquals(at(1700, 500), [1700, 2200, 500]);
  },
});

Deno.test({
  name: "the digest of a whole file is not that of a part of the same length elsewhere",
  permissions: "none",
  fn() {
    const part = (offset: number, length: number, digit: string) => ({ offset, length, sha256: digit.repeat(64) });
    const image = { ...imageOf([]), parts: [part(10, 20, "b"), part(10, 30, "c"), part(40, 20, "d")] };
    const digestOf = (offset: number, length: number) => partDigest(image, offset, length)?.[0];
    assertEquals([digestOf(0, 100), digestOf(1, 100), digestOf(0, 99)], ["a", undefined, undefined]);
    assertEquals([digestOf(10, 20), digestOf(10, 30), digestOf(40, 20), digestOf(40, 30)], ["b", "c", "d", undefined]);
  },
});

Deno.test({
  name: "ranges and parts of a captured file lie in it, up to its last byte, and a digest has 64 digits",
  permissions: "none",
  fn() {
    const isSound = (changes: Partial<CapturedImage>) => {
      const image = { size: 4, sha256: digest, ranges: [], parts: [], ...changes };
      const text = JSON.stringify({ format: "warmboot.facts/1", files: {}, images: { "/a": image } });
      return parseCapture(text, "facts.json").value !== undefined;
    };
    const range = (offset: number) => [{ offset: 0, base64: "" }, { offset, base64: "YWI=" }];
    const part = (offset: number) => [{ offset: 0, length: 4, sha256: digest }, { offset, length: 2, sha256: digest }];
    for (
      const [changes, expected] of [
        [{ ranges: range(2), parts: part(2) }, true],
        [{ ranges: range(3) }, false],
        [{ parts: part(3) }, false],
        [{ sha256: `${digest}a` }, false],
        [{ sha256: digest.slice(1) }, false],
        [{ sha256: digest.toUpperCase() }, false],
      ] as const
    ) assertEquals(isSound(changes), expected, JSON.stringify(changes));
  },
});
