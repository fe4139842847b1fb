import type { WholeInitrd } from "../host/image_content.ts";

/** Whose program runs in an initrd, which decides what happens if it does not find the root file system. */
export type InitrdMaker = "initramfs-tools" | "dracut" | "systemd";

/** Every one. */
export const INITRD_MAKERS: readonly InitrdMaker[] = ["initramfs-tools", "dracut", "systemd"];

/** The files by which each is known, any of them; an earlier row wins, since dracut's initrds may have systemd as well. */
const FILES: readonly { readonly maker: InitrdMaker; readonly files: readonly string[] }[] = [
  { maker: "initramfs-tools", files: ["/scripts/functions"] },
  { maker: "dracut", files: ["/usr/lib/dracut-lib.sh", "/lib/dracut-lib.sh"] },
  { maker: "systemd", files: ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"] },
];

/** The files to look for in an initrd, as absolute paths. */
export const MAKER_FILES: readonly string[] = FILES.flatMap(({ files }) => files);

/** Whose program runs in initrds that are concatenated; undefined where it is none of them, or they were not looked for. */
export function initrdMaker(contents: readonly Pick<WholeInitrd, "programs">[]): InitrdMaker | undefined {
  const isThere = (path: string): boolean =>
    contents.some(({ programs }) =>
      Object.hasOwn(programs, path) && (programs[path] === "executable" || programs[path] === "not-executable")
    );
  return FILES.find(({ files }) => files.some(isThere))?.maker;
}
