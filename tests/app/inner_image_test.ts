import { captureImages } from "../../src/app/capture_images.ts";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { parseCapture } from "../../src/host/capture.ts";
import { sha256Of } from "../../src/core/sha256.ts";
import { EXIT } from "../../src/core/program.ts";
import { viewFile } from "../../src/app/image_file.ts";
import { openImages } from "../../src/app/images.ts";
import { unpackInner } from "../../src/app/inner_image.ts";
import { memoryBudget } from "../../src/app/memory_limit.ts";
import { planStored } from "../../src/app/plan_profile.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { arm64Image, bzImage, zboot } from "../image/build.ts";
import { elf } from "../image/build_elf.ts";
import { BOARD } from "../support/arm64.ts";
import { profileOf } from "../support/profiles.ts";
import { run } from "../support/run_cli.ts";
import { innerOf } from "../../src/image/boot_files.ts";

const IMAGE = arm64Image();
const HOST = new URL("../fixtures/hosts/arm64-vm.json", import.meta.url).pathname;

async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-inner-" });
  try {
    return await use(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** What is found in a kernel file. */
function inner(bytes: Uint8Array) {
  return inFolder(async (folder) => {
    const path = join(folder, "vmlinuz");
    Deno.writeFileSync(path, bytes);
    using opened = await openImages({ kernel: { path }, initrd: [], segments: [], programs: [] });
    return { inner: opened.images.kernel?.inner, bytes: opened.contents.get(path) };
  });
}

/** Packed by a program of the system, as the kernel's build does it; undefined where there is none. */
async function packed(tool: string, ...args: readonly string[]): Promise<Uint8Array | undefined> {
  return await inFolder(async (folder) => {
    Deno.writeFileSync(join(folder, "Image"), IMAGE);
    try {
      const { success, stdout } = await new Deno.Command(tool, { args: [...args, join(folder, "Image")] }).output();
      return success ? stdout : undefined;
    } catch {
      return undefined;
    }
  });
}

/** The Image as two segments of an ELF kernel for arm64, which is linked at virtual addresses; memory without bytes at the end. */
const ARM64_ELF = elf({
  machine: 183,
  entry: 0xffff_8000_0800_0000n,
  segments: [
    { paddr: 0xffff_8000_0800_1000n, vaddr: 0xffff_8000_0800_1000n, bytes: IMAGE.subarray(0x1000), memsz: 0x20_0000n },
    { paddr: 0xffff_8000_0800_0000n, vaddr: 0xffff_8000_0800_0000n, bytes: IMAGE.subarray(0, 0x1000) },
  ],
});

const XZ = await packed("xz", "-c", "--check=crc32");

for (
  const [what, bytes] of [
    ["Image.gz", gzipSync(IMAGE)],
    ["Image.gz with something behind it", new Uint8Array([...gzipSync(IMAGE), 1, 2, 3, 4])],
    ["Image.zst", zstdCompressSync(IMAGE)],
    // CRC-64, which no kernel knows.
    ["Image.xz, as xz packs it by default", await packed("xz", "-c")],
    ["EFI zboot image, gzip", zboot(gzipSync(IMAGE))],
    ["EFI zboot image, zstd, by a name of its own", zboot(zstdCompressSync(IMAGE), "zstd22")],
    ["EFI zboot image, xz", XZ && zboot(XZ, "xzkern")],
    ["vmlinux, the ELF file that the Image is made of", ARM64_ELF],
    ["vmlinux.gz", gzipSync(ARM64_ELF)],
    ["EFI zboot image, lzma", await packed("xz", "-c", "--format=lzma").then((each) => each && zboot(each, "lzma"))],
  ] as const
) {
  Deno.test({
    name: `the Image in a packed kernel file: ${what}`,
    ignore: bytes === undefined,
    async fn() {
      const found = await inner(bytes ?? new Uint8Array());
      assertEquals(found.bytes, IMAGE);
      const image = innerOf({ ...(found.inner === undefined ? {} : { inner: found.inner }) });
      assert(image?.info.kind === "arm64-image");
      assertEquals([image.info.imageSize, image.size], [0x1aa_0000n, IMAGE.length]);
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", IMAGE as BufferSource)).toHex();
      assertEquals(image?.sha256, digest);
    },
  });
}

Deno.test("what holds no kernel image says why, and what is not packed holds none in itself", async () => {
  const why = async (bytes: Uint8Array) => {
    const { inner: found } = await inner(bytes);
    return found?.kind === "fault" ? found.why : found;
  };
  assertStringIncludes(String(await why(gzipSync(IMAGE).subarray(0, -10))), "its gzip data are cut off");
  assertStringIncludes(String(await why(gzipSync(new Uint8Array(5000)))), "not to a kernel image");
  const apart = elf({
    machine: 183,
    segments: [{ paddr: 0n, bytes: new Uint8Array(8) }, { paddr: 1n << 40n, bytes: new Uint8Array(8) }],
  });
  assertStringIncludes(String(await why(apart)), "too far apart for one Image");
  assertStringIncludes(String(await why(elf({ machine: 183 }))), "are not an arm64 Image");
  assertEquals(await why(elf()), undefined, "an ELF kernel for x86_64, which is taken as it is");
  const big = elf({ machine: 183, littleEndian: false });
  assertEquals(await why(big), undefined, "of the other byte order, which no Image has");
  assertEquals(await why(elf({ machine: 183, bits: 32 })), undefined, "of 32 bits");
  assertEquals(await why(IMAGE), undefined);
  assertEquals(await why(zboot(gzipSync(IMAGE), "gzip", 0x8664)), undefined, "of another machine");
});

Deno.test("what a kernel file unpacks to is taken from the memory that is left, and refused where that is too little", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "vmlinuz");
    const left = async (bytes: Uint8Array, limit: number) => {
      Deno.writeFileSync(path, bytes);
      const budget = memoryBudget(limit);
      using opened = await openImages({ kernel: { path }, initrd: [], segments: [], programs: [] }, { budget });
      const { inner } = opened.images.kernel ?? {};
      return [inner?.kind === "fault" ? inner.why.replace(/ [\d.]+ \w+ of/, " ... of") : inner?.kind, budget.left()];
    };
    const { length } = IMAGE;
    assertEquals(await left(gzipSync(IMAGE), length + 1), ["image", 1]);
    assertEquals(await left(gzipSync(IMAGE), length - 1), ["it does not unpack within ... of memory", length - 1]);
    assertEquals(await left(ARM64_ELF, 1 << 24), ["image", (1 << 24) - length]);
    const whole = ARM64_ELF.length;
    assertEquals(await left(ARM64_ELF, whole - 1), ["it does not fit into ... of memory", whole - 1]);
    // A small file, whose segments are a mebibyte apart.
    const base = 0xffff_8000_0800_0000n;
    const apart = elf({
      machine: 183,
      segments: [{ paddr: base, bytes: IMAGE }, { paddr: base + 0x10_0000n, bytes: new Uint8Array(8) }],
    });
    assertEquals(await left(apart, 0x10_0008), ["image", 0]);
    assertMatch(String((await left(apart, 0x10_0007))[0]), / too far apart /);
  });
});

Deno.test({
  name: "where no library may be opened, the plan says so",
  ignore: XZ === undefined,
  async fn() {
    await inFolder(async (folder) => {
      Deno.writeFileSync(join(folder, "Image.xz"), XZ ?? new Uint8Array());
      const profile = join(folder, "p.yaml");
      Deno.writeTextFileSync(profile, "version: 1\nkernel: Image.xz\ncmdline: ro\n");
      const planned = await run(["plan", profile, "--facts", HOST], ["--allow-read"]);
      assertEquals(planned.code, EXIT.unavailable.code, planned.stderr);
      assertStringIncludes(
        planned.stdout.replaceAll(/\s+/g, " "),
        "it is packed with xz, and warmboot has no permission to open liblzma.so.5",
      );
      assertEquals((await run(["plan", profile, "--facts", HOST], ["-A"])).code, EXIT.ok.code);
    });
  },
});

Deno.test("a stored plan places what the packed kernel unpacked to, and refuses anything else", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "Image.gz");
    Deno.writeFileSync(path, gzipSync(IMAGE));
    using opened = await openImages({ kernel: { path }, initrd: [], segments: [], programs: [] });
    const { kernel } = opened.images;
    const inner = kernel === undefined ? undefined : innerOf(kernel);
    assert(kernel !== undefined && inner !== undefined);
    const profile = profileOf({ kernel: { path }, initrd: [] });
    const partDigests = new Map([[`${path} unpacked@0+${inner.size}`, inner.sha256]]);
    const { value: plan } = planBoot({ profile, facts: BOARD, images: opened.images, partDigests });
    assert(plan !== undefined);
    const same = await planStored(plan, BOARD, opened);
    assertEquals([same.diagnostics, same.contents.get(path)], [[], IMAGE]);
    assertEquals([same.value?.call, same.value?.checks[0]?.status], [plan.call, "pass"]);
    const contents = new Map([[path, IMAGE.slice().fill(1, 100)]]);
    const other = await planStored(plan, BOARD, { ...opened, contents });
    assertEquals(other.value?.checks[0]?.status, "fail");
  });
});

Deno.test("a captured packed kernel plans the same without the file", async () => {
  await inFolder(async (folder) => {
    const [kernel, profile, facts] = ["Image.gz", "p.yaml", "host.json"].map((name) => join(folder, name));
    assert(kernel !== undefined && profile !== undefined && facts !== undefined);
    // What it says of itself lies behind its header.
    const named = new Uint8Array(0x20_000);
    named.set(IMAGE);
    named.set(new TextEncoder().encode("Linux version 6.12.1-inside (b@h) (gcc) #1 SMP\n"), 0x18_000);
    Deno.writeFileSync(kernel, gzipSync(named));
    Deno.writeTextFileSync(profile, `version: 1\nkernel: ${kernel}\ncmdline: ro\n`);
    const capture = parseCapture(Deno.readTextFileSync(HOST), "host").value;
    const known = capture === undefined ? undefined : decodeFacts(capture).value;
    assert(known !== undefined);
    const { images, diagnostics } = await captureImages([profile], known);
    assertEquals(diagnostics, []);
    assertEquals(images?.[kernel]?.unpacked?.size, named.length);
    const host = JSON.parse(Deno.readTextFileSync(HOST));
    Deno.writeTextFileSync(facts, JSON.stringify({ ...host, images }));
    const plan = (host: string) => run(["plan", profile, "--facts", host, "-o", "json"]);
    const here = await plan(HOST);
    assertEquals(here.code, EXIT.ok.code, here.stderr);
    assertStringIncludes(here.stdout, "6.12.1-inside");
    Deno.removeSync(kernel);
    assertEquals(await run(["plan", profile, "--facts", facts, "-o", "json"], ["--allow-read"]), here);
    assertEquals(await plan(facts), here);
    // What the capture lacks of it is not made up.
    const { [kernel]: image } = images;
    assert(image?.unpacked !== undefined);
    for (const header of [0, 64]) {
      const ranges = [{ offset: 0, base64: named.subarray(0, header).toBase64() }];
      const lacking = { [kernel]: { ...image, unpacked: { ...image.unpacked, ranges } } };
      Deno.writeTextFileSync(facts, JSON.stringify({ ...host, images: lacking }));
      assertEquals((await plan(facts)).code === EXIT.ok.code, false);
    }
  });
});

Deno.test("of what a captured kernel unpacks to, nothing is known where its header was not captured whole", async () => {
  const image = bzImage();
  const sha256 = sha256Of(image);
  const found = async (length: number) => {
    const ranges = [{ offset: 0, base64: image.subarray(0, length).toBase64() }];
    const unpacked = { size: image.length, sha256, ranges };
    const captured = { size: 9, sha256, ranges: [], parts: [], unpacked };
    using view = viewFile("/a", { images: { "/a": captured } });
    assert(view !== undefined);
    const inner = await unpackInner(view.file, { kind: "compressed", compression: "gzip" });
    return inner && innerOf(inner);
  };
  const whole = await found(image.length);
  assert(whole !== undefined);
  let unknown = 0;
  for (let length = 0x200; length <= 0x280; length += 4) {
    const known = await found(length);
    if (known === undefined) unknown++;
    else assertEquals(known, whole);
  }
  assertEquals(unknown > 0, true);
});

const PC = new URL("../fixtures/hosts/bios-vm.json", import.meta.url).pathname;

/** An ELF kernel for x86_64 with two segments. */
const VMLINUX = elf({
  segments: [
    { paddr: 0x100_0000n, vaddr: 0xffff_ffff_8100_0000n, bytes: new Uint8Array(0x3000).fill(1) },
    { paddr: 0x120_0000n, vaddr: 0xffff_ffff_8120_0000n, bytes: new Uint8Array(0x1800).fill(2), memsz: 0x4000n },
  ],
});

/** The same, but the first segment begins with the file: p_offset is 0. */
const FROM_START = VMLINUX.slice();
new DataView(FROM_START.buffer).setBigUint64(64 + 8, 0n, true);

for (
  const [name, vmlinux, bytes] of [
    ["gz", VMLINUX, gzipSync(VMLINUX)],
    ["zst", VMLINUX, zstdCompressSync(VMLINUX)],
    ["from-start.gz", FROM_START, gzipSync(FROM_START)],
  ] as const
) {
  Deno.test(`x86_64: a packed vmlinux is placed as the plain one is, from what it unpacks to: ${name}`, async () => {
    await inFolder(async (folder) => {
      const [plain, packed, profile, facts] = ["vmlinux", `vmlinux.${name}`, "p.yaml", "host.json"].map((each) =>
        join(folder, each)
      );
      assert(plain !== undefined && packed !== undefined && profile !== undefined && facts !== undefined);
      Deno.writeFileSync(plain, vmlinux);
      Deno.writeFileSync(packed, bytes);
      const planned = async (kernel: string, host: string): Promise<Plan> => {
        Deno.writeTextFileSync(profile, `version: 1\nkernel: ${kernel}\ncmdline: ro\n`);
        const { code, stdout, stderr } = await run(["plan", profile, "--facts", host, "-o", "json"], ["--allow-read"]);
        assertEquals(code, EXIT.ok.code, stderr);
        return JSON.parse(stdout);
      };
      const kernelOf = ({ call }: Plan) =>
        call.syscall !== "kexec_load" ? [] : call.segments.filter(({ name }) => name.startsWith("kernel"));
      const [of, from] = [await planned(plain, PC), await planned(packed, PC)];
      const withoutSource = kernelOf(of).map(({ source: _, ...segment }) => segment);
      assertEquals(kernelOf(from).map(({ source: _, ...segment }) => segment), withoutSource);
      for (const [index, { source }] of kernelOf(from).entries()) {
        const plainSource = kernelOf(of)[index]?.source;
        assert(source.kind === "unpacked" && plainSource?.kind === "file");
        assertEquals([source.path, source.offset, source.length], [packed, plainSource.offset, plainSource.length]);
      }
      assertEquals(kernelOf(from).length, 2);
      assertEquals(from.reasons.map(({ code }) => code), ["image-needs-segments", "kernel-unpacked"]);

      const capture = parseCapture(Deno.readTextFileSync(PC), "host").value;
      const known = capture === undefined ? undefined : decodeFacts(capture).value;
      assert(known !== undefined);
      const { images } = await captureImages([profile], known);
      Deno.writeTextFileSync(facts, JSON.stringify({ ...JSON.parse(Deno.readTextFileSync(PC)), images }));
      const before = await planned(packed, facts);
      Deno.removeSync(packed);
      assertEquals(await planned(packed, facts), before);
      assertEquals(before, from);
    });
  });
}

Deno.test("a compressed file that is not a kernel: the hint is for the machine of the host", async () => {
  await inFolder(async (folder) => {
    const [kernel, profile] = ["initrd.gz", "p.yaml"].map((each) => join(folder, each));
    assert(kernel !== undefined && profile !== undefined);
    Deno.writeFileSync(kernel, gzipSync(new Uint8Array(5000)));
    Deno.writeTextFileSync(profile, `version: 1\nkernel: ${kernel}\ncmdline: ro\n`);
    for (const [host, hint] of [[PC, "Name a bzImage or an ELF kernel"], [HOST, "Name an arm64 Image"]] as const) {
      const { code, stdout } = await run(["plan", profile, "--facts", host, "-o", "json"], ["--allow-read"]);
      assertEquals(code, EXIT.unavailable.code);
      const { checks }: Plan = JSON.parse(stdout);
      assertStringIncludes(checks.find(({ rule }) => rule === "kernel-image")?.hint ?? "", hint);
    }
  });
});

Deno.test("x86_64: a packed bzImage is handed over unpacked, by both calls", async () => {
  await inFolder(async (folder) => {
    const [kernel, profile] = ["bzImage.gz", "p.yaml"].map((each) => join(folder, each));
    assert(kernel !== undefined && profile !== undefined);
    Deno.writeFileSync(kernel, gzipSync(bzImage()));
    for (const load of ["kexec_file_load", "kexec_load"] as const) {
      Deno.writeTextFileSync(profile, `version: 1\nkernel: ${kernel}\ncmdline: ro\nload: ${load}\n`);
      const { code, stdout, stderr } = await run(["plan", profile, "--facts", PC, "-o", "json"], ["--allow-read"]);
      assertEquals(code, EXIT.ok.code, stderr);
      const { call }: Plan = JSON.parse(stdout);
      assertEquals(call.syscall, load);
      if (call.syscall === "kexec_file_load") assertEquals(call.unpacked?.size, bzImage().length);
      else assertEquals(call.segments.find(({ name }) => name === "kernel")?.source.kind, "unpacked");
    }
  });
});

Deno.test("of a packed kernel, a capture has the digests of the parts of what it unpacks to, and none of the file's own bytes there", async () => {
  await inFolder(async (folder) => {
    // So that the packed file is as long as what it holds.
    let seed = 1;
    const noise = (length: number) =>
      Uint8Array.from({ length }, () => (seed = Math.imul(seed, 1_103_515_245) + 12_345 >>> 0) >>> 24);
    const kernel = elf({
      segments: [
        { paddr: 0x100_0000n, vaddr: 0xffff_ffff_8100_0000n, bytes: noise(0x3000) },
        { paddr: 0x120_0000n, vaddr: 0xffff_ffff_8120_0000n, bytes: noise(0x1800) },
      ],
    });
    Deno.writeFileSync(join(folder, "vmlinux"), kernel);
    Deno.writeFileSync(join(folder, "vmlinux.gz"), new Uint8Array([...gzipSync(kernel), ...noise(0x2000)]));
    const facts = decodeFacts(JSON.parse(Deno.readTextFileSync(PC))).value;
    assert(facts !== undefined);
    const parts = async (name: string) => {
      const profile = join(folder, "p.yaml");
      Deno.writeTextFileSync(profile, `version: 1\nkernel: ${name}\ncmdline: ro\n`);
      const { images, diagnostics } = await captureImages([profile], facts);
      assertEquals(diagnostics, []);
      const { parts: own, unpacked } = images[join(folder, name)] ?? {};
      return { own, unpacked: unpacked?.parts };
    };
    const plain = await parts("vmlinux");
    assertEquals([plain.own?.map(({ length }) => length), plain.unpacked], [[0x3000, 0x1800], undefined]);
    assertEquals(await parts("vmlinux.gz"), { own: [], unpacked: plain.own });
  });
});
