import { captureImages } from "../../src/app/capture_images.ts";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { parseCapture } from "../../src/host/capture.ts";
import { EXIT } from "../../src/core/program.ts";
import { openImages } from "../../src/app/images.ts";
import { planStored } from "../../src/app/plan_profile.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { arm64Image, bzImage, zboot } from "../image/build.ts";
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
    using opened = await openImages({ kernel: { path }, initrd: [], segments: [], programs: [], isArm64: true });
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

const XZ = await packed("xz", "-c", "--check=crc32");

for (
  const [what, bytes] of [
    ["Image.gz", gzipSync(IMAGE)],
    ["Image.gz with something behind it", new Uint8Array([...gzipSync(IMAGE), 1, 2, 3, 4])],
    ["Image.zst", zstdCompressSync(IMAGE)],
    ["EFI zboot image, gzip", zboot(gzipSync(IMAGE))],
    ["EFI zboot image, zstd, by a name of its own", zboot(zstdCompressSync(IMAGE), "zstd22")],
    ["EFI zboot image, xz", XZ && zboot(XZ, "xzkern")],
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
      assertEquals([image?.info.kind, image?.info.imageSize, image?.size], ["arm64-image", 0x1aa_0000n, IMAGE.length]);
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", IMAGE as BufferSource)).toHex();
      assertEquals(image?.sha256, digest);
    },
  });
}

Deno.test("what holds no arm64 Image says why, and what is not packed holds none in itself", async () => {
  const why = async (bytes: Uint8Array) => {
    const { inner: found } = await inner(bytes);
    return found?.kind === "fault" ? found.why : found;
  };
  assertStringIncludes(String(await why(gzipSync(IMAGE).subarray(0, -10))), "its gzip data end before");
  assertStringIncludes(String(await why(gzipSync(bzImage()))), ", not to an arm64 Image");
  assertStringIncludes(String(await why(gzipSync(new Uint8Array(5000)))), "not to an arm64 Image");
  assertEquals(await why(IMAGE), undefined);
  assertEquals(await why(zboot(gzipSync(IMAGE), "gzip", 0x8664)), undefined, "of another machine");
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
    using opened = await openImages({ kernel: { path }, initrd: [], segments: [], programs: [], isArm64: true });
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
    Deno.writeFileSync(kernel, gzipSync(IMAGE));
    Deno.writeTextFileSync(profile, `version: 1\nkernel: ${kernel}\ncmdline: ro\n`);
    const capture = parseCapture(Deno.readTextFileSync(HOST), "host").value;
    const known = capture === undefined ? undefined : decodeFacts(capture).value;
    assert(known !== undefined);
    const { images, diagnostics } = await captureImages([profile], known);
    assertEquals(diagnostics, []);
    assertEquals(images?.[kernel]?.unpacked?.size, IMAGE.length);
    const host = JSON.parse(Deno.readTextFileSync(HOST));
    Deno.writeTextFileSync(facts, JSON.stringify({ ...host, images }));
    const plan = () => run(["plan", profile, "--facts", facts, "-o", "json"], ["--allow-read"]);
    const before = await plan();
    assertEquals(before.code, EXIT.ok.code, before.stderr);
    Deno.removeSync(kernel);
    assertEquals(await plan(), before);
  });
});
