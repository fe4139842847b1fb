import { assertEquals } from "@std/assert";
import { hostPath, mountAt, mountsOf, pathOnDevice } from "../../src/entry/file_systems.ts";
import { layout } from "../support/boot_layout.ts";

const MOUNTINFO = `20 1 0:18 / /proc rw - proc proc rw
24 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw
25 24 8:3 / /boot rw - ext4 /dev/sda3 rw
26 24 0:40 /@home /home rw - btrfs /dev/sdb1 rw,subvol=/@home
27 24 8:2 /srv /mnt/with\\040space rw - ext4 /dev/sda2 rw
29 24 8:2 /x /opt rw - ext4 /dev/sda2 rw
28 24 0:41 / /run/user/0 rw - tmpfs tmpfs rw
`;

Deno.test({
  name: "mounts of devices, with what udev and the links under /dev/disk say of them",
  permissions: "none",
  fn() {
    const mounts = mountsOf(layout({
      "/proc/self/mountinfo": MOUNTINFO,
      "/run/udev/data/b8:2": "E:ID_FS_UUID=root\nE:ID_FS_LABEL_ENC=my\\x20root\nE:ID_PART_ENTRY_UUID=ABCD\n",
      "/sys/class/block/sdb1/dev": "8:17\n",
      "/dev/disk/by-uuid/home": "../../sdb1\n",
      "/dev/disk/by-label/The\\x20boot": "../../sda3\n",
    }));
    assertEquals(
      mounts.map(({ point, device, uuid, label, partitionUuid }) => [point, device, uuid, label, partitionUuid]),
      [
        ["/", "8:2", "root", "my root", "abcd"],
        ["/boot", "8:3", undefined, "The boot", undefined],
        ["/home", "8:17", "home", undefined, undefined],
        ["/mnt/with space", "8:2", "root", "my root", "abcd"],
        ["/opt", "8:2", "root", "my root", "abcd"],
      ],
    );
  },
});

Deno.test({
  name: "a pool of ZFS, file systems over several devices, and links with escaped names",
  permissions: "none",
  fn() {
    const mounts = mountsOf(layout({
      "/proc/self/mountinfo": "24 1 0:26 / / rw - zfs rpool/ROOT rw\n25 24 0:27 / /b rw - bcachefs /dev/sda1 rw\n" +
        "26 24 0:28 / /s rw - sysfs sysfs rw\n27 24 8:18 / /l rw - ext4 /dev/sdb2 rw\n28 24 0:29 / /n rw - nfs h:/x rw\n",
      "/sys/class/block/sda1/dev": "8:1\n",
      "/dev/disk/by-partuuid/AB": "../../sdb2\n",
      "/dev/disk/by-label/my\\x2Flabel": "../../sdb2\n",
      // A backslash of the label itself.
      "/dev/disk/by-label/a\\x5cx20b": "../../sda1\n",
    }));
    assertEquals(mounts.map(({ point, device, label, partitionUuid }) => [point, device, label, partitionUuid]), [
      ["/", "0:26", undefined, undefined],
      ["/b", "8:1", "a\\x20b", undefined],
      ["/l", "8:18", "my/label", "ab"],
    ]);
  },
});

Deno.test({
  name: "a path of a file system is where a mount shows it, and nowhere if another one is mounted over it",
  permissions: "none",
  fn() {
    const mounts = mountsOf(layout({ "/proc/self/mountinfo": MOUNTINFO, "/sys/class/block/sdb1/dev": "8:17\n" }));
    assertEquals(hostPath(mounts, "8:2", "/vmlinuz"), "/vmlinuz");
    // /boot of the first file system lies below the second one.
    assertEquals(hostPath(mounts, "8:2", "/boot/vmlinuz"), undefined);
    // Another folder of the same file system is mounted over /opt.
    assertEquals([hostPath(mounts, "8:2", "/opt/a"), hostPath(mounts, "8:2", "/x/a")], [undefined, "/opt/a"]);
    assertEquals(hostPath(mounts, "8:3", "/vmlinuz"), "/boot/vmlinuz");
    assertEquals(hostPath(mounts, "8:2", "/srv/a"), "/mnt/with space/a");
    assertEquals(hostPath(mounts, "8:17", "/@home/me"), "/home/me");
    assertEquals(hostPath(mounts, "8:17", "/@/me"), undefined);
    assertEquals([mountAt(mounts, "/boots")?.point, mountAt(mounts, "/boot/x")?.point], ["/", "/boot"]);
    const on = (point: string, root: string, path: string) =>
      pathOnDevice({ point, root, type: "ext4", source: "/dev/sda1", device: "8:1" }, path);
    assertEquals([on("/", "/", "/"), on("/", "/", "/a"), on("/boot", "/", "/boot"), on("/boot", "/", "/boot/a")], [
      "/",
      "/a",
      "/",
      "/a",
    ]);
    assertEquals([on("/", "/@", "/a"), on("/boot", "/@b", "/boot/a"), on("/boot", "/@b", "/boot")], [
      "/@/a",
      "/@b/a",
      "/@b",
    ]);
  },
});

Deno.test({
  name: "of two mounts at one point the later one is seen, and the earlier one nowhere",
  permissions: "none",
  fn() {
    const line = (device: string, point: string, root = "/") =>
      `24 1 ${device} ${root} ${point} rw - ext4 /dev/sd${device.slice(2)} rw\n`;
    const mountsWith = (...lines: readonly string[]) => mountsOf(layout({ "/proc/self/mountinfo": lines.join("") }));
    const over = mountsWith(line("8:1", "/"), line("8:2", "/boot"), line("8:3", "/boot"));
    assertEquals([mountAt(over, "/boot")?.device, mountAt(over, "/boot/a")?.device], ["8:3", "8:3"]);
    assertEquals([hostPath(over, "8:2", "/a"), hostPath(over, "8:3", "/a")], [undefined, "/boot/a"]);
    // The same file system again, another folder of it.
    const again = mountsWith(line("8:1", "/"), line("8:2", "/boot", "/old"), line("8:2", "/boot", "/new"));
    assertEquals([hostPath(again, "8:2", "/old/a"), hostPath(again, "8:2", "/new/a")], [undefined, "/boot/a"]);
    // A file system over the root hides all below it that was mounted before, but not what is mounted later.
    const root = mountsWith(line("8:1", "/"), line("8:4", "/"), line("8:2", "/boot"));
    assertEquals([mountAt(root, "/etc")?.device, hostPath(root, "8:1", "/etc")], ["8:4", undefined]);
    assertEquals(hostPath(root, "8:2", "/a"), "/boot/a");
  },
});
