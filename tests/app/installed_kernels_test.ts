import { assertEquals, assertThrows } from "@std/assert";
import { bootFiles, initrdFor, installedKernels, isFileThere } from "../../src/app/installed_kernels.ts";
import { ascii, bzImage, peFile } from "../image/build.ts";
import { withFiles } from "../support/temp_files.ts";

const kernel = (release: string): Uint8Array => bzImage({ version: `${release} (builder@example.org) #1 SMP` });
/** A kernel that does not say its release. */
const SILENT = bzImage({ version: "" });
const unified = (release: string): Uint8Array =>
  peFile({ sections: [{ name: ".uname", bytes: ascii(release) }, { name: ".linux", bytes: kernel(release) }] });
const INITRD = new Uint8Array(1);

Deno.test("installed kernels come the oldest first, from every folder that has some, with the release of the image", () => {
  const files = {
    "/boot/vmlinuz-6.12.9": kernel("6.12.9"),
    "/boot/vmlinuz-custom": kernel("6.2.0"),
    "/boot/Image-6.3.0": SILENT,
    "/boot/kernel-5.10.1-gentoo": kernel("5.10.1-gentoo"),
    "/boot/vmlinux-6.12.10": kernel("6.12.10"),
    "/boot/vmlinuz": kernel("9.9.9"),
    "/boot/notes-9.9.9": kernel("9.9.9"),
    "/boot/vmlinuz-text": ascii("not a kernel"),
    "/lib/modules/6.12.11/vmlinuz": kernel("6.12.11"),
    "/usr/lib/modules/6.12.8/vmlinuz": SILENT,
    "/efi/token/6.12.7/linux": kernel("6.12.7"),
    "/boot/token/6.12.6/linux": SILENT,
    "/boot/efi/token/6.12.5/linux": kernel("6.12.5"),
    "/efi/EFI/Linux/a.efi": unified("6.12.9"),
    "/boot/EFI/Linux/b.EFI": unified("6.12.4"),
    "/boot/efi/EFI/Linux/c.efi": unified("6.12.3"),
    "/efi/EFI/Linux/plain.efi": kernel("9.9.9"),
    "/efi/EFI/Linux/silent.efi": peFile({ sections: [{ name: ".linux", bytes: SILENT }] }),
    "/efi/EFI/Linux/other.img": unified("9.9.9"),
  };
  assertEquals(
    withFiles(files, installedKernels).map(({ path, release, isUnified = false }) => [release, path, isUnified]),
    [
      ["5.10.1-gentoo", "/boot/kernel-5.10.1-gentoo", false],
      ["6.2.0", "/boot/vmlinuz-custom", false],
      ["6.3.0", "/boot/Image-6.3.0", false],
      ["6.12.3", "/boot/efi/EFI/Linux/c.efi", true],
      ["6.12.4", "/boot/EFI/Linux/b.EFI", true],
      ["6.12.5", "/boot/efi/token/6.12.5/linux", false],
      ["6.12.6", "/boot/token/6.12.6/linux", false],
      ["6.12.7", "/efi/token/6.12.7/linux", false],
      ["6.12.8", "/usr/lib/modules/6.12.8/vmlinuz", false],
      ["6.12.9", "/efi/EFI/Linux/a.efi", true],
      ["6.12.9", "/boot/vmlinuz-6.12.9", false],
      ["6.12.10", "/boot/vmlinux-6.12.10", false],
      ["6.12.11", "/lib/modules/6.12.11/vmlinuz", false],
    ],
  );
});

Deno.test("kernels that were set aside, and files of a package manager at work, do not count", () => {
  const aside = ["old", "bak", "sig", "hmac", "tmp", "new", "dpkg-new", "rpmsave"].map((ending) => `6.1.0.${ending}`);
  const names = [...aside, "0-rescue-0123", "6.1.0~", "6.1.0#"].map((name) => `vmlinuz-${name}`);
  const files = Object.fromEntries(names.map((name) => [`/boot/${name}`, kernel("6.1.0")]));
  const images = { "/efi/EFI/Linux/rescue.efi": unified("6.1.0"), "/boot/vmlinuz-6.1.0": kernel("6.1.0") };
  withFiles({ ...files, ...images }, (root) => {
    assertEquals(installedKernels(root).map(({ path }) => path), ["/boot/vmlinuz-6.1.0"]);
    assertEquals(bootFiles(root).filter((path) => path.startsWith("/boot/vmlinuz")), ["/boot/vmlinuz-6.1.0"]);
  });
});

Deno.test("files that may be kernels are all of /boot, and where kernel-install puts them", () => {
  const files = {
    "/boot/b": INITRD,
    "/boot/a": INITRD,
    "/efi/token/6.1.0/linux": SILENT,
    "/boot/token/6.1.0/linux": SILENT,
  };
  const found = withFiles(files, (root) => bootFiles(root).filter((path) => isFileThere(`${root}${path}`)));
  assertEquals(found, ["/boot/a", "/boot/b", "/boot/token/6.1.0/linux", "/efi/token/6.1.0/linux"]);
  assertEquals(withFiles({}, bootFiles), []);
});

/** The initrds that a kernel would be given, the first choice first: each is removed after it was found. */
function initrdsInOrder(path: string, release: string, initrds: readonly string[]): readonly string[] {
  return withFiles(Object.fromEntries(initrds.map((each) => [each, INITRD])), (root) => {
    const order: string[] = [];
    for (let found = initrdFor(root, { path, release }); found !== undefined;) {
      order.push(found);
      Deno.removeSync(`${root}${found}`);
      found = initrdFor(root, { path, release });
    }
    return order;
  });
}

const NAMES = (version: string, folder = "/boot"): readonly string[] => [
  `${folder}/initrd.img-${version}`,
  `${folder}/initramfs-${version}.img`,
  `${folder}/initrd-${version}`,
  `${folder}/initrd-${version}.img`,
];
const UNVERSIONED = ["/boot/initrd.img", "/boot/initramfs.img", "/boot/initrd"];

Deno.test("an initrd belongs to a kernel by the version in its name, then by its release, and never without either", () => {
  const others = [...NAMES("6.2.0"), ...UNVERSIONED, ...NAMES("6.1.0"), ...NAMES("custom")];
  assertEquals(initrdsInOrder("/boot/vmlinuz-custom", "6.1.0", others), [...NAMES("custom"), ...NAMES("6.1.0")]);
  assertEquals(initrdsInOrder("/boot/vmlinuz-6.1.0", "6.1.0", others), NAMES("6.1.0"));
});

Deno.test("a kernel without a version in its name has the initrd of its release, or else the unversioned one beside it", () => {
  const all = [...UNVERSIONED, ...NAMES("6.1.0"), ...NAMES("6.2.0"), "/initrd.img"];
  assertEquals(initrdsInOrder("/boot/vmlinuz", "6.1.0", all), [...NAMES("6.1.0"), ...UNVERSIONED]);
  assertEquals(initrdsInOrder("/vmlinuz", "6.1.0", all), [...NAMES("6.1.0"), "/initrd.img"]);
});

Deno.test("a kernel of kernel-install or of the modules has the initrd beside it, or else that of /boot", () => {
  const folder = "/efi/token/6.1.0";
  const all = [`${folder}/initrd`, ...NAMES("6.1.0", folder), ...NAMES("6.1.0")];
  assertEquals(initrdsInOrder(`${folder}/linux`, "6.1.0", all), all);
  const modules = "/usr/lib/modules/6.1.0";
  assertEquals(
    initrdsInOrder(`${modules}/vmlinuz`, "6.1.0", [...NAMES("6.1.0"), `${modules}/initrd`, ...NAMES("6.1.0", modules)]),
    [...NAMES("6.1.0", modules), ...NAMES("6.1.0"), `${modules}/initrd`],
  );
});

Deno.test("a kernel that this user may not read is taken by its name; one on a failing disk is not", () => {
  withFiles({ "boot/vmlinuz-6.12.0": bzImage() }, (root) => {
    const { openSync } = Deno;
    const found = (error: Error) => {
      Object.assign(Deno, {
        openSync: () => {
          throw error;
        },
      });
      try {
        return installedKernels(root);
      } finally {
        Object.assign(Deno, { openSync });
      }
    };
    const named = [{ path: "/boot/vmlinuz-6.12.0", release: "6.12.0" }];
    assertEquals(found(Object.assign(new Deno.errors.PermissionDenied("no"), { code: "EACCES" })), named);
    assertEquals(found(new Deno.errors.NotCapable("Requires read access")), named);
    assertThrows(() => found(Object.assign(new Error("The disk fails"), { code: "EIO" })), Error, "The disk fails");
  });
});
