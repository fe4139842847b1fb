import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { openImages } from "../../src/app/images.ts";
import { bzImage } from "../image/build.ts";

Deno.test("a file that is named twice is opened once, and stands twice in the images", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const [kernel, initrd] = [{ path: join(folder, "vmlinuz") }, { path: join(folder, "initrd") }];
    Deno.writeFileSync(kernel.path, bzImage());
    Deno.writeTextFileSync(initrd.path, "070701");
    const pinned = { ...initrd, sha256: "0".repeat(64) };
    using opened = await openImages({
      kernel,
      initrd: [initrd, kernel, pinned],
      segments: [],
      programs: [],
    });
    assertEquals(opened.diagnostics, []);
    assertEquals(opened.files.map(({ path }) => path), [kernel.path, initrd.path]);
    const { images } = opened;
    assertEquals(images.initrd.map(({ path, pinned }) => [path, pinned !== undefined]), [
      [initrd.path, false],
      [kernel.path, false],
      [initrd.path, true],
    ]);
    assertEquals(images.initrd[0]?.sha256, images.initrd[2]?.sha256);
    assertEquals(images.initrd[1]?.sha256, images.kernel?.sha256);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
