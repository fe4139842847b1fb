import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { gzipSync } from "node:zlib";
import { unpackImages } from "../../src/app/unpack_images.ts";
import { unpackedCache } from "../../src/state/unpacked_cache.ts";
import { closeFile, openFile } from "../../src/app/files/open_file.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import { identifyInitrd } from "../../src/image/initrd.ts";
import { sha256 } from "@noble/hashes/sha2.js";
import { buildImage, builtLayout } from "../../src/arch/x86_64/built_image.ts";
import { describeVmlinux } from "../../src/arch/x86_64/vmlinux.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { openCodecs } from "../../src/formats/codecs.ts";
import { readInitrd } from "../../src/image/initrd_content.ts";
import { kernelPayload } from "../../src/image/payload.ts";
import { memorySource } from "../../src/core/bytes.ts";
import type { PlanInput } from "../../src/plan/input.ts";
import type { InitrdFile } from "../../src/image/boot_files.ts";
import { type MemoryBudget, memoryBudget } from "../../src/app/memory_limit.ts";
import { unpackVerdict } from "../../src/plan/initrd_placement.ts";
import { cpio, elf } from "../image/build_elf.ts";
import { hostFacts } from "../support/host_facts.ts";
import { profileOf } from "../support/profiles.ts";
import { listed, packedKernel, vmlinux } from "../support/small_kernel.ts";

const UNPACKED = vmlinux({ add64: [listed(8)] });
const PACKED = packedKernel(UNPACKED);

/** What unpacking gives for these files; cache and budget are of this one call unless given. */
async function unpacked(
  kernel: Uint8Array,
  initrd: Uint8Array = new Uint8Array(),
  cacheFolder?: string,
  budget?: MemoryBudget,
  profile: Partial<Profile> = {},
  facts: Partial<HostFacts> = {},
) {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-unpack-" });
  const files = [["vmlinuz", kernel], ["initrd", initrd]] as const;
  const opened = files.map(([name, bytes]) => {
    Deno.writeFileSync(`${folder}/${name}`, bytes);
    const { value } = openFile(`${folder}/${name}`);
    assert(value !== undefined);
    return value;
  });
  try {
    const [image, archive] = opened;
    assert(image !== undefined && archive !== undefined);
    using codecs = openCodecs();
    const known = { size: 1, sha256: "e".repeat(64) };
    const input: PlanInput = {
      profile: profileOf({ predecompress: true, ...profile }),
      facts: hostFacts(facts),
      images: {
        kernel: { ...known, path: image.path, size: image.size, info: identifyKernel(image) },
        initrd: initrd.length === 0 ? [] : [{
          ...known,
          path: archive.path,
          size: archive.size,
          info: identifyInitrd(archive),
          content: await readInitrd(archive, codecs, { programs: [] }),
        }],
      },
    };
    return {
      ...await unpackImages(input, { files: opened, budget }, unpackedCache(cacheFolder ?? `${folder}/cache`)),
      kernelPath: image.path,
      initrdPath: archive.path,
    };
  } finally {
    opened.forEach(closeFile);
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("a kernel is unpacked by its header: gzip, whose size is its own, and zstd, with a size behind it", async () => {
  for (const packing of ["gzip", "zstd"] as const) {
    const { images, contents, diagnostics, kernelPath } = await unpacked(packedKernel(UNPACKED, packing));
    assertEquals(diagnostics, []);
    assertEquals(contents.get(kernelPath), UNPACKED);
    assertEquals([images.kernel?.unpacked?.size, images.kernel?.unpacked?.relocations.length], [UNPACKED.length, 2]);
  }
});

Deno.test("the payload of a bzImage is told with the size that its last four bytes state", () => {
  for (const packing of ["gzip", "zstd"] as const) {
    const bytes = packedKernel(UNPACKED, packing);
    const info = identifyKernel(memorySource(bytes));
    assert(info.kind === "bzimage" && info.payload !== undefined);
    const payload = kernelPayload(memorySource(bytes), info);
    const { offset, length } = info.payload;
    assertEquals(payload, { offset, length: length - (packing === "zstd" ? 4 : 0), packing, size: UNPACKED.length });
  }
});

Deno.test("a payload that is damaged, cut off or of another size is told in words", async () => {
  const info = identifyKernel(memorySource(PACKED));
  const at = info.kind === "bzimage" && info.payload !== undefined ? info.payload.offset + 60 : 0;
  const cases: readonly (readonly [Uint8Array, string])[] = [
    [PACKED.map((byte, index) => index > at && index < at + 40 ? byte ^ 0x5a : byte), "cannot be unpacked"],
    [packedKernel(UNPACKED, "zstd", UNPACKED.length + 1), `unpacks to ${UNPACKED.length} bytes, and states`],
    [packedKernel(UNPACKED, "zstd", UNPACKED.length - 1), "unpacks to more than the"],
    [packedKernel(UNPACKED, "zstd", 0), "claims to unpack to 0 bytes"],
    [packedKernel(UNPACKED, "zstd", 0xffff_ffff), "claims to unpack to 4 GiB"],
    [packedKernel(new Uint8Array(5000)), "unpacks to something else than an x86_64 ELF file"],
    [packedKernel(vmlinux({ add64: [listed(0x9000)] })), "lies outside of it"],
  ];
  for (const [kernel, says] of cases) {
    const { diagnostics, contents } = await unpacked(kernel);
    assertEquals([diagnostics[0]?.code, diagnostics[0]?.path, contents.size], [
      "payload-damaged",
      ["predecompress"],
      0,
    ]);
    assertStringIncludes(diagnostics[0]?.message ?? "", says);
  }
});

Deno.test("every byte of a gzip payload that is changed is noticed", async () => {
  const kernel = packedKernel(UNPACKED, "gzip");
  const info = identifyKernel(memorySource(kernel));
  assert(info.kind === "bzimage" && info.payload !== undefined);
  const { offset, length } = info.payload;
  for (let at = offset + 10; at < offset + length; at += 97) {
    const { diagnostics, contents } = await unpacked(kernel.map((byte, index) => index === at ? byte ^ 0x10 : byte));
    assertEquals([diagnostics.length, contents.size], [1, 0], `byte ${at - offset}`);
  }
});

Deno.test("for kexec_file_load an image is built around what the kernel unpacks to, and initrds stay as they are", async () => {
  const archive = gzipSync(cpio([{ name: "a", bytes: new Uint8Array(40 << 20) }]));
  const load = "kexec_file_load";
  const { images, contents, diagnostics, kernelPath } = await unpacked(PACKED, archive, undefined, undefined, { load });
  assertEquals([diagnostics, [...contents.keys()]], [[], [kernelPath]]);
  // What is built is not kept, but built again at load.
  assertEquals(contents.get(kernelPath), UNPACKED);
  const info = identifyKernel(memorySource(PACKED));
  const described = describeVmlinux(UNPACKED);
  assert(info.kind === "bzimage" && described.kind === "vmlinux");
  const { value: layout } = builtLayout(described.vmlinux, "");
  assert(layout !== undefined);
  for (const [kaslr, words] of [[true, []], [false, ["nokaslr"]]] as const) {
    const cmdline = { kind: "parameters", parameters: words } as const;
    const { images: { kernel } } = await unpacked(PACKED, undefined, undefined, undefined, { load, cmdline });
    const file = buildImage(info, UNPACKED, layout, kaslr);
    assertEquals(kernel?.built, { size: file.length, sha256: sha256(file).toHex(), memory: layout.memory });
  }
  assertEquals(images.kernel?.unpacked?.size, UNPACKED.length);
  const byOther = await unpacked(PACKED, undefined, undefined, undefined, { load: "kexec_load" });
  assertEquals(byOther.images.kernel?.built, undefined);
});

Deno.test("what is built is in memory three times", async () => {
  const load = "kexec_file_load";
  const room = UNPACKED.length * 3;
  const { diagnostics } = await unpacked(PACKED, undefined, undefined, memoryBudget(room - 1), { load });
  assertStringIncludes(diagnostics[0]?.message ?? "", "in memory 3 times");
  assertEquals((await unpacked(PACKED, undefined, undefined, memoryBudget(room), { load })).diagnostics, []);
});

Deno.test("under `auto`, a kernel that cannot be unpacked here stays packed, with the reason, and is loaded as without", async () => {
  const archive = gzipSync(cpio([{ name: "a", bytes: new Uint8Array(40 << 20) }]));
  const fixed = elf({
    segments: [{ paddr: 0x100_0000n, vaddr: 0x100_0000n, bytes: new Uint8Array(99), align: 0x1000n }],
  });
  new DataView(fixed.buffer).setBigUint64(40, BigInt(fixed.length), true);
  for (
    const [kernel, load, says] of [
      [packedKernel(UNPACKED, "zstd", UNPACKED.length + 1), "auto", "the zstd payload of"],
      [packedKernel(UNPACKED, "zstd", UNPACKED.length + 1), "kexec_load", "the zstd payload of"],
      [packedKernel(fixed), "kexec_file_load", "runs only where it was linked for"],
    ] as const
  ) {
    const profile = { load, predecompress: "auto" } as const;
    const { images, contents, diagnostics, initrdPath } = await unpacked(
      kernel,
      archive,
      undefined,
      undefined,
      profile,
    );
    assertEquals(diagnostics, []);
    assertStringIncludes(images.kernel?.kept ?? "", says);
    assertEquals([images.kernel?.unpacked, images.kernel?.built], [undefined, undefined]);
    // The initrd is unpacked where kexec_load places it all the same.
    assertEquals([...contents.keys()], load === "kexec_load" ? [initrdPath] : []);
    const insists = await unpacked(kernel, archive, undefined, undefined, { load, predecompress: true });
    assertEquals(insists.diagnostics.map(({ severity }) => severity), ["error"]);
  }
});

Deno.test("under `auto`, too, a capture without the kernel's content is an error: the host itself would plan otherwise", async () => {
  const info = identifyKernel(memorySource(PACKED));
  const kernel = { path: "/boot/vmlinuz", size: PACKED.length, sha256: "e".repeat(64), info };
  const input = { profile: profileOf({ predecompress: "auto" }), facts: hostFacts(), images: { kernel, initrd: [] } };
  const { images, diagnostics } = await unpackImages(
    input,
    { files: [], budget: undefined },
    unpackedCache("/nowhere"),
  );
  assertEquals([diagnostics.map(({ code }) => code), images.kernel?.kept], [["image-not-captured"], undefined]);
});

Deno.test("a kernel that is kept is not unpacked again", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-kept-" });
  try {
    await unpacked(PACKED, undefined, folder);
    // The digest is that of the same file, so that a payload that no longer unpacks does not matter.
    const { diagnostics, contents, kernelPath } = await unpacked(packedKernel(new Uint8Array(9)), undefined, folder);
    assertEquals([diagnostics, contents.get(kernelPath)], [[], UNPACKED]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("an initrd is unpacked together with the kernel, and one that is not worth it or not whole stays as it is", async () => {
  const archive = cpio([{ name: "a", bytes: new Uint8Array(40 << 20) }]);
  const good = await unpacked(PACKED, gzipSync(archive));
  assertEquals(good.contents.get(good.initrdPath), archive);
  const form = (file: InitrdFile | undefined) =>
    file === undefined
      ? undefined
      : unpackVerdict(file, { profile: profileOf({ predecompress: true }), facts: hostFacts() });
  const found = form(good.images.initrd[0]);
  assert(found?.kind === "unpacked");
  assertEquals([found.size, found.packings], [archive.length, ["gzip"]]);
  for (
    const [bytes, says] of [
      [archive, "it is not compressed"],
      [gzipSync(cpio([{ name: "a", bytes: new Uint8Array(5000) }])), "takes about as long as unpacking it"],
      [gzipSync(new Uint8Array(9999)), "unpacks to a file of zero bytes only"],
      [gzipSync(archive).subarray(0, -9), "are cut off"],
    ] as const
  ) {
    const { images, diagnostics, contents, initrdPath } = await unpacked(PACKED, bytes);
    const kept = form(images.initrd[0]);
    assert(kept?.kind === "kept");
    assertStringIncludes(kept.why, says);
    assertEquals([diagnostics, contents.has(initrdPath)], [[], false]);
  }
});

Deno.test("what unpacks to more than the limit is not unpacked: a kernel with an error, an initrd stays as it is", async () => {
  const room = UNPACKED.length * 2;
  const small = await unpacked(PACKED, undefined, undefined, memoryBudget(room - 1));
  assertEquals([small.diagnostics.map(({ code }) => code), small.contents.size], [["memory-short"], 0]);
  assertStringIncludes(small.diagnostics[0]?.message ?? "", "in memory 2 times");
  // 40 MiB of zeros in 40 KiB.
  const zeros = cpio([{ name: "a", bytes: new Uint8Array(40 << 20) }]);
  const bomb = gzipSync(zeros);
  const { diagnostics, images, contents, kernelPath } = await unpacked(
    PACKED,
    bomb,
    undefined,
    memoryBudget(room + zeros.length - 1),
  );
  assertEquals([diagnostics, [...contents.keys()]], [[], [kernelPath]]);
  assertStringIncludes(images.initrd[0]?.kept ?? "", "it unpacks to 40 MiB, more than the 40 MiB it may take");
  // What is unpacked is no longer left for others.
  const exact = memoryBudget(room + zeros.length);
  const fits = await unpacked(PACKED, bomb, undefined, exact);
  assertEquals([fits.contents.size, exact.left()], [2, 0]);
});

Deno.test("a captured kernel, which is not here, cannot be unpacked, and that is said", async () => {
  const info = identifyKernel(memorySource(PACKED));
  const kernel = { path: "/boot/vmlinuz", size: PACKED.length, sha256: "e".repeat(64), info };
  const input = { profile: profileOf({ predecompress: true }), facts: hostFacts(), images: { kernel, initrd: [] } };
  const { diagnostics } = await unpackImages(input, { files: [], budget: undefined }, unpackedCache("/proc/none"));
  assertEquals(diagnostics.map(({ code }) => code), ["image-not-captured"]);
});
