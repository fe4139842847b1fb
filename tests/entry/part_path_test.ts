import { assertEquals } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import { findPart, parsePartPath, readUbootImage, ubootPaths } from "../../src/entry/part_path.ts";
import { ascii, peFile } from "../image/build.ts";
import { fitImage, uImage } from "../image/build_uboot.ts";

/** The content of the part that a path names in a file. */
function partOf(file: Uint8Array, path: string): string | undefined {
  const part = parsePartPath(path);
  const found = part === undefined ? undefined : findPart(memorySource(file), part);
  return found === undefined
    ? undefined
    : new TextDecoder().decode(file.subarray(found.offset, found.offset + found.size));
}

Deno.test({
  name: "a part of a file is found by its path: a file of a uImage, an image of a FIT image, a section of a PE file",
  permissions: "none",
  fn() {
    const several = uImage({ files: [ascii("kernel"), ascii("initrd!"), ascii("tree")] });
    assertEquals(["0", "1", "2", "3", "x", "1a"].map((name) => partOf(several, `/a/images/${name}`)), [
      "kernel",
      "initrd!",
      "tree",
      undefined,
      undefined,
      undefined,
    ]);
    const fit = fitImage({ images: { "kernel-1": { data: ascii("one") }, fdt: { data: ascii("two") }, none: {} } });
    assertEquals(["kernel-1", "fdt", "none", "0", "gone"].map((name) => partOf(fit, `/a/images/${name}`)), [
      "one",
      "two",
      undefined,
      undefined,
      undefined,
    ]);
    const pe = peFile({ sections: [{ name: ".linux", bytes: ascii("kernel") }, { name: ".empty", bytes: ascii("") }] });
    assertEquals([".linux", ".empty", ".gone", "@0/.linux"].map((name) => partOf(pe, `/a/${name}`)?.slice(0, 6)), [
      "kernel",
      undefined,
      undefined,
      undefined,
    ]);
    // No file is what another one's path takes it for.
    assertEquals([partOf(pe, "/a/images/0"), partOf(several, "/a/.linux"), partOf(ascii("text"), "/a/images/0")], [
      undefined,
      undefined,
      undefined,
    ]);
    assertEquals([several, fit, pe, several.subarray(0, 60)].map((file) => readUbootImage(memorySource(file))?.kind), [
      "uimage-file",
      "fit-file",
      undefined,
      undefined,
    ]);
    const found = readUbootImage(memorySource(several));
    const paths = found === undefined ? [] : ubootPaths("/a", found).map(({ path }) => partOf(several, path));
    assertEquals(paths, ["kernel", "initrd!", "tree"]);
  },
});
