import { assertEquals } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import { captureText, parseCapture } from "../../src/host/capture.ts";
import { type CapturedImage, notedSource, partDigest, replayedSource } from "../../src/host/captured_image.ts";

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
