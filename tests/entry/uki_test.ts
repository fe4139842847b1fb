import { assert, assertEquals } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import { type UkiParts, ukiParts } from "../../src/entry/uki.ts";
import { ascii, bzImage, peFile } from "../image/build.ts";

function parts(sections: readonly { readonly name: string; readonly bytes: Uint8Array }[]): UkiParts | undefined {
  const source = memorySource(peFile({ sections }));
  const info = identifyKernel(source);
  assert(info.kind === "uki");
  return ukiParts(source, info);
}

const LINUX = { name: ".linux", bytes: bzImage() };
const text = (name: string, value: string) => ({ name, bytes: ascii(value) });

Deno.test({
  name: "a unified kernel image is taken apart: texts trimmed, sections at their places",
  permissions: "none",
  fn() {
    const found = parts([
      text(".osrel", 'NAME=x\nPRETTY_NAME="Debian 13 (trixie)"\nID=debian\n'),
      text(".cmdline", " root=LABEL=r\n  ro \n\0\0"),
      LINUX,
      text(".initrd", "070701 initrd"),
      text(".ucode", "070701 ucode"),
      text(".uname", "6.12.1\n"),
      text(".dtbauto", "dt"),
      text(".sbat", "s"),
    ]);
    assertEquals([found?.cmdline, found?.title, found?.release], ["root=LABEL=r ro", "Debian 13 (trixie)", "6.12.1"]);
    assertEquals(found?.linux.size, LINUX.bytes.length);
    assertEquals([found?.initrd?.size, found?.ucode?.size], [13, 12]);
    assertEquals(found?.others, [".dtbauto"]);
  },
});

Deno.test({
  name: "of an image with several profiles what stands before them counts; without .cmdline there is none",
  permissions: "none",
  fn() {
    const found = parts([LINUX, text(".profile", "ID=a"), text(".cmdline", "other"), text(".initrd", "x")]);
    assertEquals([found?.cmdline, found?.initrd, found?.others], [undefined, undefined, []]);
    assertEquals(parts([text(".profile", "ID=a"), LINUX]), undefined);
  },
});
