import { assertEquals } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import { findBanner } from "../../src/image/banner.ts";
import { describeImage, imageRelease, imageVersion } from "../../src/image/describe.ts";
import { arm64Image } from "../support/arm64.ts";

const VERSION =
  "6.1.0-50-arm64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14) 12.2.0) #1 SMP Debian 6.1.176-1 (2026-07-02)";
const BANNER = new TextEncoder().encode(`Linux version ${VERSION}\n\0`);

/** A kernel of 3 MiB with texts at places. */
function kernel(...texts: readonly (readonly [at: number, text: string | Uint8Array])[]): Uint8Array {
  const bytes = new Uint8Array(3 << 20);
  for (const [at, text] of texts) bytes.set(typeof text === "string" ? new TextEncoder().encode(text) : text, at);
  return bytes;
}

function pure(name: string, fn: () => void): void {
  Deno.test({ name: `banner: ${name}`, permissions: "none", fn });
}

pure("it is found wherever it lies, across pieces that are read, and behind what only looks like it", () => {
  for (const at of [64, (1 << 20) - 5, (1 << 20) - 511, 1 << 20, (3 << 20) - BANNER.length]) {
    assertEquals(findBanner(memorySource(kernel([at, BANNER]))), VERSION, `at ${at}`);
  }
  const decoys = [[100, "Linux version %s (%s)\n"], [300, "Linux version 6 without a builder\n"]] as const;
  assertEquals(findBanner(memorySource(kernel(...decoys, [2 << 20, BANNER]))), VERSION);
  assertEquals(findBanner(memorySource(kernel(...decoys, [5000, BANNER]))), VERSION);
  assertEquals(findBanner(memorySource(kernel(...decoys))), undefined);
  assertEquals(findBanner(memorySource(kernel([5, "Linux version 6.1 (a\x1b[31m) #1\n"]))), undefined);
});

pure("an arm64 kernel is told by it", () => {
  const info = arm64Image({ versionString: VERSION });
  assertEquals(imageRelease(info), "6.1.0-50-arm64");
  assertEquals(imageVersion(info), "#1 SMP Debian 6.1.176-1 (2026-07-02)");
  assertEquals(describeImage(info), "Linux 6.1.0-50-arm64, arm64 Image, 4 KiB pages, unsigned");
  assertEquals([imageRelease(arm64Image()), imageVersion(arm64Image())], [undefined, undefined]);
});
