import type { WholeInitrd } from "../host/image_content.ts";
import { initrdMaker } from "./initrd_maker.ts";

/** What opens encrypted volumes in an initrd. */
export type CryptTool = "systemd" | "dracut-systemd" | "dracut" | "cryptsetup-initramfs";

/** What was found of it. */
export type FoundTool =
  | { readonly kind: "tool"; readonly tool: CryptTool }
  /** What runs in the initrd is known, and the part that opens volumes is not there. */
  | { readonly kind: "lacking"; readonly what: string; readonly hint: string }
  | { readonly kind: "unknown" };

/** The files by which each is found; any of a row shows that it is there. */
const PARTS = {
  systemd: [
    "/usr/lib/systemd/systemd-cryptsetup",
    "/lib/systemd/systemd-cryptsetup",
    "/usr/bin/systemd-cryptsetup",
    "/bin/systemd-cryptsetup",
  ],
  generator: [
    "/usr/lib/systemd/system-generators/systemd-cryptsetup-generator",
    "/lib/systemd/system-generators/systemd-cryptsetup-generator",
  ],
  dracut: ["/usr/sbin/cryptroot-ask", "/sbin/cryptroot-ask", "/usr/bin/cryptroot-ask", "/bin/cryptroot-ask"],
  "cryptsetup-initramfs": ["/scripts/local-top/cryptroot"],
} as const;

/** The files to look for in an initrd, as absolute paths. */
export const CRYPT_FILES: readonly string[] = Object.values(PARTS).flat();

/** Where Debian's scripts have the volumes that the initrd opens, and where all others have them. */
export const CRYPTROOT = "/cryptroot/crypttab";
export const CRYPTTAB = "/etc/crypttab";

/** The files whose text is kept, as absolute paths; `*` is any name. The last two have parameters for dracut. */
export const CRYPT_TEXTS: readonly string[] = [CRYPTROOT, CRYPTTAB, "/etc/cmdline", "/etc/cmdline.d/*"];

/** What opens encrypted volumes in initrds that are concatenated. */
export function cryptTool(contents: readonly Pick<WholeInitrd, "programs">[]): FoundTool {
  const has = (part: keyof typeof PARTS): boolean =>
    PARTS[part].some((path) =>
      contents.some(({ programs }) =>
        Object.hasOwn(programs, path) && (programs[path] === "executable" || programs[path] === "not-executable")
      )
    );
  const maker = initrdMaker(contents);
  switch (maker) {
    case "initramfs-tools":
      return has("cryptsetup-initramfs") ? { kind: "tool", tool: "cryptsetup-initramfs" } : {
        kind: "lacking",
        what: "cryptsetup-initramfs",
        hint: "Install cryptsetup-initramfs, and run `update-initramfs -u`",
      };
    case "dracut":
      return has("dracut")
        ? { kind: "tool", tool: "dracut" }
        : { kind: "lacking", what: "dracut's module `crypt`", hint: "Make the initrd with `dracut --add crypt`" };
    case "dracut-systemd":
    case "systemd":
    case "systemd-reset":
      if (has("systemd") && has("generator")) {
        return { kind: "tool", tool: maker === "dracut-systemd" ? "dracut-systemd" : "systemd" };
      }
      return {
        kind: "lacking",
        what: "systemd-cryptsetup and its generator",
        hint: maker === "dracut-systemd"
          ? "Make the initrd with `dracut --add crypt`"
          : "Make the initrd with them: mkinitcpio's hook is `sd-encrypt`",
      };
    case undefined:
      return { kind: "unknown" };
  }
}
