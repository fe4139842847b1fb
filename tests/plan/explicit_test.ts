import { assert, assertEquals } from "@std/assert";
import { explicitSegments } from "../../src/plan/placement/explicit.ts";
import type { SegmentSource, SegmentSpec } from "../../src/profile/profile.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const FILES = new Map([["/srv/payload.bin", { size: 5000 }], ["/srv/empty.bin", { size: 0 }]]);
const BYTES: SegmentSource = { kind: "bytes", bytes: Uint8Array.of(0xf4, 0xeb, 0xfd) };

function part(offset: bigint, length?: bigint, path = "/srv/payload.bin"): SegmentSource {
  return { kind: "file", file: { path }, offset, ...(length === undefined ? {} : { length }) };
}

function list(...segments: readonly SegmentSpec[]): ReturnType<typeof explicitSegments> {
  return explicitSegments({ entry: 0x40_0000n, segments }, FILES, 4096n);
}

/** The one complaint about a segment: place, code and message. */
function complaint(spec: SegmentSpec): string {
  const { value, diagnostics } = list(spec);
  assertEquals(value, undefined);
  assertEquals(diagnostics.length, 1);
  return diagnostics.map(({ code, path, message }) => `${path?.join(".")} ${code}: ${message}`).join();
}

pure("segments are taken as they stand, in their order", () => {
  const { value } = list(
    { at: 0x50_0000n, source: part(1000n) },
    { name: "code", at: 0x40_0000n, size: 0x3000n, source: BYTES },
    { at: 0x60_0000n, size: 0x1000n, source: { kind: "zero" } },
  );
  assertEquals(value, {
    entry: 0x40_0000n,
    segments: [
      {
        name: "segment 1",
        mem: 0x50_0000n,
        memsz: 0x1000n,
        bytes: { kind: "file", path: "/srv/payload.bin", offset: 1000, length: 4000 },
      },
      {
        name: "code",
        mem: 0x40_0000n,
        memsz: 0x3000n,
        bytes: { kind: "bytes", bytes: Uint8Array.of(0xf4, 0xeb, 0xfd) },
      },
      { name: "segment 3", mem: 0x60_0000n, memsz: 0x1000n, bytes: { kind: "zero" } },
    ],
  });
});

pure("without a size, the memory is the content's, rounded up to pages", () => {
  const sizes = [part(0n), part(0n, 4096n), part(904n), BYTES].map((source) =>
    list({ at: 0n, source }).value?.segments[0]?.memsz
  );
  assertEquals(sizes, [0x2000n, 0x1000n, 0x1000n, 0x1000n]);
});

pure("a stated size that is no multiple of the page is left to the rules", () => {
  assertEquals(list({ at: 0n, size: 5001n, source: part(0n) }).value?.segments[0]?.memsz, 5001n);
});

pure("a content that its file does not have is refused", () => {
  assertEquals(
    complaint({ at: 0n, source: part(4096n, 905n) }),
    "segments.0.length segment-content: The content ends at byte 5001 of /srv/payload.bin, which has only 5000 (4.9 KiB)",
  );
  assertEquals(
    complaint({ at: 0n, source: part(1n << 63n) }),
    "segments.0.offset segment-content: The content starts at byte 9223372036854775808 of /srv/payload.bin, which has only 5000 (4.9 KiB)",
  );
  assert(list({ at: 0n, source: part(4096n, 904n) }).value !== undefined);
});

pure("a size below that of the content is refused", () => {
  assertEquals(
    complaint({ name: "code", at: 0n, size: 4096n, source: part(0n) }),
    'segments.0.size segment-content: The content of "code" has 5000 bytes, more than its `size` of 4096',
  );
});

pure("a segment without content or memory is refused", () => {
  const empty = 'segments.0 segment-content: The content of "segment 1" is empty';
  assertEquals(complaint({ at: 0n, source: part(0n, undefined, "/srv/empty.bin") }), empty);
  assertEquals(complaint({ at: 0n, size: 4096n, source: part(5000n) }), empty);
  assertEquals(
    complaint({ at: 0n, source: { kind: "zero" } }),
    'segments.0 segment-content: "segment 1" takes no memory',
  );
});

pure("every fault is told, also that of a file that was not read and of a missing entry", () => {
  const { value, diagnostics } = explicitSegments(
    {
      segments: [{ at: 0n, source: part(0n, undefined, "/srv/gone") }, { at: 0n, size: 0n, source: { kind: "zero" } }],
    },
    FILES,
    4096n,
  );
  assertEquals(value, undefined);
  assertEquals(diagnostics.map(({ code, path }) => `${path?.join(".")} ${code}`), [
    "segments.0.file file-unreadable",
    "segments.1 segment-content",
    " missing-key",
  ]);
});
