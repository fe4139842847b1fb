import { assertEquals } from "@std/assert";
import { mountsOf } from "../../src/entry/file_systems.ts";
import { pathOnHost, searchFile, testFile } from "../../src/entry/grub/devices.ts";
import { layout, type LayoutFiles } from "../support/boot_layout.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const MOUNTS = "24 1 8:2 / / rw - ext4 /dev/sda2 rw\n25 24 8:3 / /boot rw - ext4 /dev/sda3 rw\n" +
  "26 24 254:1 / /srv rw - xfs /dev/mapper/vg-srv rw\n27 24 0:40 /@ /mnt rw - btrfs /dev/sdb1 rw\n";

const FILES: LayoutFiles = {
  "/run/udev/data/b8:2": "E:ID_FS_UUID=ABCD-12ef\nE:ID_FS_LABEL_ENC=Root\n",
  "/sys/class/block/sdb1/dev": "8:17\n",
  "/boot/grub/grub.cfg": "text",
  "/boot/empty": "",
  "/boot/large": { error: "EFBIG" },
  "/boot/folder": { error: "EISDIR" },
  "/boot/denied": { error: "EACCES" },
};

function host(files: LayoutFiles = {}, mounts = MOUNTS) {
  const all = layout({ ...FILES, "/proc/self/mountinfo": mounts, ...files });
  return { files: all, mounts: mountsOf(all) };
}

/** Where a script finds a path; why it does not in angle brackets. */
function at(path: string, variables: { readonly [name: string]: string } = {}, on = host()): string {
  const found = pathOnHost(on, path, (name) => variables[name] ?? "");
  return found.kind === "path" ? `${found.path}${found.note === undefined ? "" : " (noted)"}` : `<${found.why}>`;
}

pure("a path of GRUB is on the device that it names, or on that in `root`, with slashes in any number", () => {
  const rows: readonly (readonly [string, string, string?])[] = [
    ["(fs-device/8:3)/a", "/boot/a"],
    ["/a", "/boot/a", "fs-device/8:3"],
    ["//a///b", "/boot/a/b", "fs-device/8:3"],
    ["(fs-device/8:2)//a", "/a"],
    // GRUB compares UUIDs without regard to case, and labels with it.
    ["(fs-uuid/abcd-12EF)/a", "/a"],
    ["(fs-label/Root)/a", "/a"],
    ["(fs-label/root)/a", "<the file system with the label root is not mounted>"],
    ["(fs-uuid/abcd)/a", "<the file system with the UUID abcd is not mounted>"],
    ["(lvm/vg-srv)/a", "/srv/a"],
    ["(lvm/vg-other)/a", "<`lvm/vg-other` is a name that only GRUB knows, and not searched for>"],
    ["/a", "<GRUB's root is not set>"],
    ["a", "<`a` is not an absolute path>", "fs-device/8:3"],
    ["(fs-device/8:3)", "<`(fs-device/8:3)` is not an absolute path>"],
    ["(fs-device/8:2)/boot/a", "<no mounted file system shows /boot/a of /dev/sda2>"],
  ];
  assertEquals(
    rows.map(([path, , root]) => [path, at(path, root === undefined ? {} : { root })]),
    rows.map(([path, expected]) => [path, expected]),
  );
});

pure("only of btrfs, and only if asked, a path begins at the subvolume that is mounted at the root", () => {
  const mounts = "24 1 0:40 /@ / rw - btrfs /dev/sdb1 rw\n25 24 8:3 / /boot rw - ext4 /dev/sda3 rw\n" +
    "26 24 0:41 / /data rw - btrfs /dev/sdc1 rw\n";
  const on = host({ "/sys/class/block/sdc1/dev": "8:33\n" }, mounts);
  const of = (path: string, relative: string, device = "8:17") =>
    at(path, { root: `fs-device/${device}`, btrfs_relative_path: relative }, on);
  assertEquals(["y", "yes", "YES", "1", "t", "true", "on"].map((word) => of("/a", word)), Array(7).fill("/a (noted)"));
  assertEquals(["", "n", "no", "0", "off", "yesterday"].map((word) => of("/@/a", word)), Array(6).fill("/a"));
  assertEquals(of("/a", "y", "8:3"), "/boot/a");
  // The one at the root is of another device.
  assertEquals(of("/a", "y", "8:33"), "<the subvolume that GRUB reads of /dev/sdc1 is not mounted at />");
});

pure("what a test of a file answers, where it is known", () => {
  const on = host();
  const of = (path: string) =>
    (["d", "e", "f", "s"] as const).map((test) => testFile(on, test, path, () => "fs-device/8:3"));
  const rows: readonly (readonly [string, readonly (boolean | undefined)[]])[] = [
    ["/grub/grub.cfg", [false, true, true, true]],
    ["/empty", [false, true, true, false]],
    ["/large", [false, true, true, true]],
    ["/folder", [true, true, false, false]],
    ["/gone", [false, false, false, false]],
    ["/denied", [undefined, undefined, undefined, undefined]],
    ["(hd9)/x", [undefined, undefined, undefined, undefined]],
    ["(md/root)/x", [false, false, false, false]],
  ];
  assertEquals(rows.map(([path]) => [path, of(path)]), rows.map(([path, expected]) => [path, expected]));
  const array = host({ "/dev/md/root": "../md127\n" });
  assertEquals(testFile(array, "e", "(md/root)/x", () => ""), undefined);
});

pure("a file that is searched for is on the only mounted file system that has it, a folder as well", () => {
  const of = (path: string, files: LayoutFiles = {}) => searchFile(host(files), path);
  assertEquals([of("/grub/grub.cfg"), of("/folder"), of("/gone"), of("/denied")], [
    "fs-device/8:3",
    "fs-device/8:3",
    undefined,
    undefined,
  ]);
  assertEquals(of("/grub/grub.cfg", { "/srv/grub/grub.cfg": "another" }), undefined);
});
