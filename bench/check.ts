/** `check` over 10,000 profiles in one process, against bare `@std/yaml` parsing of the same texts. */
import { parse } from "@std/yaml";
import { parseProfileBytes } from "../src/profile/parse.ts";
import { inTurn, line } from "./pairs.ts";

/** Profiles as people write them: short ones, pinned ones, edited command lines, comments. */
function texts(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => {
    const cmdline = [
      `root=UUID=0d1c6f6a-51a2-4f36-9b1a-${String(index).padStart(12, "0")} ro quiet`,
      `{ reuse: true, remove: [quiet, splash], set: "console=ttyS0,115200 role=web${index}" }`,
      `[root=LABEL=root${index}, ro, 'note="two words"']`,
    ][index % 3];
    const kernel = index % 2 === 0 ? `/boot/vmlinuz-6.1.0-${index}-amd64` : `
  path: /boot/vmlinuz-6.1.0-${index}-amd64
  sha256: ${index.toString(16).padStart(64, "0")}`;
    return `# yaml-language-server: $schema=../schema/profile.schema.json
# Host number ${index}; see the inventory.
version: 1
name: host-${index}
description: What host ${index} boots
kernel: ${kernel}
initrd: [/boot/initrd.img-6.1.0-${index}-amd64, /boot/extra.cpio]
cmdline: ${cmdline}
crash: ${index % 5 === 0}
`;
  });
}

/** Runs it, and gives a line of the result. */
export async function benchCheck(): Promise<string> {
  const all = texts(10_000);
  const bytes = all.map((text) => new TextEncoder().encode(text));
  const { a, b } = await inTurn(
    7,
    () => {
      for (const [index, one] of bytes.entries()) {
        if (parseProfileBytes(one, `profiles/${index}.yaml`).diagnostics.length > 0) {
          throw new Error(`Not valid: ${all[index]}`);
        }
      }
    },
    () => {
      for (const text of all) parse(text);
    },
  );
  return line("check 10,000 profiles / bare @std/yaml", a, b, 3);
}
