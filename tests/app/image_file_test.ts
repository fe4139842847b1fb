/** Where the files of a plan come from: a capture, or the machine that plans. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { closeFile } from "../../src/app/files/open_file.ts";
import { type CapturedFiles, findFile, howToCapture, localFiles, viewFile } from "../../src/app/image_file.ts";
import { sha256Of } from "../../src/core/sha256.ts";
import type { CapturedImage } from "../../src/host/captured_image.ts";
import { bzImage } from "../image/build.ts";
import { openBelow } from "../support/descriptors.ts";
import { withFiles } from "../support/temp_files.ts";

/** A captured file with these bytes; `from`: only those are captured. */
function captured(bytes: Uint8Array | string, from = 0): CapturedImage {
  const all = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
  const ranges = [{ offset: from, base64: all.subarray(from).toBase64() }];
  return { size: all.length, sha256: sha256Of(all), ranges, parts: [] };
}

/** What finding a file says, and whether it is one that is open here. */
async function found(path: string, files: CapturedFiles | undefined) {
  const { file, diagnostics } = await findFile(path, files);
  if (file?.open !== undefined) closeFile(file.open);
  const where = file === undefined ? "none" : file.open === undefined ? "captured" : "here";
  return [where, ...diagnostics.map(({ code, severity }) => `${severity} ${code}`)];
}

Deno.test("a captured file comes first; that another one is here, or one stands in for it, is a warning", async () => {
  await withFiles({ a: "kernel" }, async (root) => {
    const path = join(root, "a");
    const images = (image: CapturedImage) => ({ images: { [path]: image } });
    assertEquals(await found(path, undefined), ["here"]);
    // A capture without any images is planned with the files that are here.
    assertEquals(await found(path, { images: undefined }), ["here"]);
    assertEquals(await found(path, { images: {} }), ["here", "warning image-differs"]);
    assertEquals(await found(path, images(captured("kernel"))), ["captured"]);
    assertEquals(await found(path, images(captured("kernal"))), ["captured", "warning image-differs"]);
    assertEquals(await found(path, images(captured("longer kernel"))), ["captured", "warning image-differs"]);
    const gone = join(root, "gone");
    assertEquals(await found(gone, { images: { [gone]: captured("kernel") } }), ["captured"]);
    assertEquals(await found(gone, undefined), ["none", "error file-missing"]);
    assertEquals(await found(gone, { images: undefined }), ["none", "error file-missing"]);
    assertEquals(await found(gone, { images: {} }), ["none", "error image-not-captured"]);
  });
});

Deno.test("what a capture lacks of a file makes it incomplete, however often it is looked at", async () => {
  const image = captured(bzImage(), 0x400);
  const whole = captured(bzImage());
  for (const [kernel, isComplete] of [[image, false], [image, false], [whole, true], [whole, true]] as const) {
    const { file } = await findFile("/nowhere/vmlinuz", { images: { "/nowhere/vmlinuz": kernel } });
    assert(file !== undefined);
    assertEquals(file.isComplete(), true);
    file.identifyKernel();
    assertEquals(file.isComplete(), isComplete);
  }
  const { file } = await findFile("/nowhere/vmlinuz", { images: { "/nowhere/vmlinuz": image } });
  assert(file !== undefined);
  file.source.read(0, 16);
  assertEquals(file.isComplete(), false);
});

Deno.test("a captured section is a part of its image only where that was captured as well", async () => {
  const part = "/boot/a.efi/.linux";
  const images = { [part]: captured("kernel") };
  const image = async (more: CapturedFiles["images"]) =>
    (await findFile(part, { images: { ...images, ...more } })).file?.image;
  assertEquals([await image({}), await image({ "/boot/a.efi": captured("image") })], [undefined, "/boot/a.efi"]);
});

Deno.test("what a captured kernel says of itself is what was captured, however far behind its header it was", () => {
  const images = { "/a": { ...captured(bzImage()), banner: "6.12.1 (b@h) #1 SMP" }, "/b": captured(bzImage()) };
  const banner = (path: string) => {
    using view = viewFile(path, { images });
    return view?.file.banner();
  };
  assertEquals([banner("/a"), banner("/b")], ["6.12.1 (b@h) #1 SMP", undefined]);
});

Deno.test("how to capture a file is said where it is missing, and nowhere else", () => {
  const missing = { code: "file-missing", severity: "error", message: "It does not exist" } as const;
  const how = "apture it with the host: warmboot facts --images PROFILE";
  const hint = (before: string | undefined) =>
    howToCapture({ ...missing, ...(before === undefined ? {} : { hint: before }) }, "/a", { images: undefined }).hint;
  assertEquals([hint(undefined), hint("Did you mean `b`?"), hint("The folder is empty")], [
    `C${how}`,
    `Did you mean \`b\`? Or c${how}`,
    `The folder is empty. Or c${how}`,
  ]);
  const other = { code: "file-io", severity: "error", message: "The disk fails" } as const;
  assertEquals(howToCapture(other, "/a", { images: {} }), other);
});

Deno.test("a file that is here is hashed once for all hosts, and what cannot be read is not another one", async () => {
  await withFiles({ a: "kernel" }, async (root) => {
    const path = join(root, "a");
    const local = localFiles();
    const differing = async () => {
      const { diagnostics } = await findFile(path, { images: { [path]: captured("kernal") } }, undefined, local);
      return diagnostics.length;
    };
    assertEquals(await differing(), 1);
    Deno.writeTextFileSync(path, "kernal");
    assertEquals(await differing(), 1);
    const fresh = localFiles()(path);
    assert(fresh !== undefined);
    assertEquals(openBelow(root), []);
    Deno.removeSync(path);
    assertEquals([await fresh.digest(), localFiles()(path)], [undefined, undefined]);
    const unreadable = async (size: number) => {
      const here = () => ({ size, digest: () => Promise.resolve(undefined) });
      const { diagnostics } = await findFile(path, { images: { [path]: captured("kernal") } }, undefined, here);
      return diagnostics.length;
    };
    // Of another size, it is another one.
    assertEquals([await unreadable(6), await unreadable(7)], [0, 1]);
  });
});

Deno.test("a file is viewed as it was captured, else as it is here, and closed afterwards", async () => {
  await withFiles({ a: "here" }, (root) => {
    const path = join(root, "a");
    const seen = (files: CapturedFiles | undefined) => {
      using view = viewFile(path, files);
      return view === undefined ? undefined : new TextDecoder().decode(view.file.source.read(0, 9));
    };
    assertEquals([seen(undefined), seen({ images: { [path]: captured("captured") } })], ["here", "captured"]);
    seen({ images: {} });
    assertEquals([openBelow(root), viewFile(join(root, "none"), undefined)], [[], undefined]);
  });
});
