import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { openImages } from "../../src/app/images.ts";
import { verdictCache } from "../../src/state/unpacked_cache.ts";
import type { InitrdContent } from "../../src/host/image_content.ts";
import { memorySource } from "../../src/core/bytes.ts";
import { sha256Of } from "../../src/core/sha256.ts";
import { signedParts } from "../../src/formats/authenticode.ts";
import { parsePe } from "../../src/formats/pe.ts";
import { bzImage, joined } from "../image/build.ts";

const NEWC = Deno.readFileSync(new URL("../fixtures/initrds/newc", import.meta.url));
/** Large enough for its verdict to be kept. */
const LARGE = joined(NEWC, new Uint8Array(1 << 20));

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-contents-" });
  try {
    await test(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function contentOf(folder: string, initrd: Uint8Array, program = "/init"): Promise<InitrdContent | undefined> {
  const [kernel, path] = [join(folder, "vmlinuz"), join(folder, "initrd")];
  Deno.writeFileSync(kernel, bzImage());
  Deno.writeFileSync(path, initrd);
  using opened = await openImages(
    { kernel: { path: kernel }, initrd: [{ path }], segments: [], programs: [program] },
    { cache: verdictCache(join(folder, "cache")) },
  );
  assertEquals(opened.diagnostics, []);
  return opened.images.initrd[0]?.content;
}

const kept = (folder: string): readonly string[] =>
  Array.from(Deno.readDirSync(join(folder, "cache")), ({ name }) => name);

Deno.test("what reading a file through found is kept by its digest, and taken from there", async () => {
  await inFolder(async (folder) => {
    const first = await contentOf(folder, LARGE);
    assert(first?.kind === "whole");
    const [name = ""] = kept(folder);
    assertEquals([kept(folder).length, (Deno.statSync(join(folder, "cache", name)).mode ?? 0) & 0o777], [1, 0o600]);
    assertEquals(await contentOf(folder, LARGE), first);
    // Another file is read through for itself.
    const cut = LARGE.slice();
    cut.set(new Uint8Array(110), 0x70);
    assert((await contentOf(folder, cut))?.kind === "damaged");
    assertEquals(kept(folder).length, 2);
  });
});

Deno.test("a program that was not looked for is looked for, and then known with the others", async () => {
  await inFolder(async (folder) => {
    await contentOf(folder, LARGE);
    const second = await contentOf(folder, LARGE, "/bin/sh");
    const programs = { "/init": "executable", "/bin/sh": "absent" } as const;
    assertEquals(second?.kind === "whole" && second.programs, programs);
    assertEquals(kept(folder).length, 1);
  });
});

Deno.test("a verdict that was changed, or that others may write, is not believed", async () => {
  await inFolder(async (folder) => {
    const first = await contentOf(folder, LARGE);
    const [name = ""] = kept(folder);
    const path = join(folder, "cache", name);
    Deno.writeTextFileSync(path, Deno.readTextFileSync(path).replace('"files":18', '"files":19'));
    assertEquals(await contentOf(folder, LARGE), first);
    Deno.chmodSync(join(folder, "cache"), 0o777);
    Deno.removeSync(path);
    assertEquals(await contentOf(folder, LARGE), first);
    assertEquals(kept(folder), []);
  });
});

Deno.test("small files are read through each time, and nothing of them is kept", async () => {
  await inFolder(async (folder) => {
    const content = await contentOf(folder, NEWC.subarray(0, 1500));
    assertStringIncludes(content?.kind === "damaged" ? content.why : "", "ends within the file etc/numbers");
    assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name).includes("cache"), false);
  });
});

const SIGNED = Deno.readFileSync(new URL("../fixtures/signed/bzimage.sha256", import.meta.url));

/** The signed kernel with more bytes before its certificates, which are signed as well. */
function lengthened(more: number): Uint8Array {
  const pe = parsePe(memorySource(SIGNED));
  assert(pe?.kind === "pe-file" && pe.certificate !== undefined);
  const { offset } = pe.certificate;
  const bytes = joined(SIGNED.subarray(0, offset), new Uint8Array(more).fill(7), SIGNED.subarray(offset));
  const view = new DataView(bytes.buffer);
  // The fifth data directory of PE32+ says where they are.
  view.setUint32(view.getUint32(0x3c, true) + 24 + 112 + 32, offset + more, true);
  return bytes;
}

Deno.test("a signed kernel is held against its signature, however large it is", async () => {
  await inFolder(async (folder) => {
    const read = async (bytes: Uint8Array) => {
      const path = join(folder, "signed");
      Deno.writeFileSync(path, bytes);
      using opened = await openImages(
        { kernel: { path }, initrd: [], segments: [], programs: [] },
        { cache: verdictCache(join(folder, "cache")) },
      );
      return opened.images.kernel?.content;
    };
    assertEquals(await read(SIGNED), { kind: "signed", algorithm: "SHA-256" });
    const long = lengthened(600_000);
    const pe = parsePe(memorySource(long));
    const parts = pe?.kind === "pe-file" ? signedParts(memorySource(long), pe) : undefined;
    assert(parts !== undefined);
    const whole = joined(...parts.map(({ offset, length }) => long.subarray(offset, offset + length)));
    const content = await read(long);
    assertStringIncludes(content?.kind === "damaged" ? content.why : "", `its SHA-256 is ${sha256Of(whole)}`);
  });
});
