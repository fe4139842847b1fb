import { assertEquals } from "@std/assert";
import { mountsOf } from "../../src/entry/file_systems.ts";
import { oneShotFile, oneShotIn, variableBytes, whyGrubCannotWrite } from "../../src/entry/one_shot.ts";
import { layout } from "../support/boot_layout.ts";

Deno.test({
  name: "the variable of systemd-boot is kept over a reboot, and read by firmware and system: attributes, then UTF-16",
  permissions: "none",
  fn() {
    assertEquals([...variableBytes("a\u20ac")], [7, 0, 0, 0, 0x61, 0, 0xac, 0x20, 0, 0]);
    const loader = "systemd-boot";
    assertEquals(oneShotIn({ loader }, variableBytes("a.conf")), "a.conf");
    assertEquals(
      [[], [7, 0, 0], [7, 0, 0, 0], [7, 0, 0, 0, 0, 0]].map((bytes) => oneShotIn({ loader }, Uint8Array.from(bytes))),
      [
        undefined,
        undefined,
        undefined,
        undefined,
      ],
    );
    const block = (text: string) => oneShotIn({ loader: "GRUB" }, new TextEncoder().encode(text));
    const head = "# GRUB Environment Block\n";
    assertEquals([block(`${head}next_entry=a>1\n###`), block(`${head}next_entry=\n`), block("next_entry=a\n")], [
      "a>1",
      undefined,
      undefined,
    ]);
  },
});

Deno.test({
  name: "what is booted once is written to GRUB's block, or to the variable of systemd-boot",
  permissions: "none",
  fn() {
    assertEquals(oneShotFile({ loader: "GRUB", entry: "a", file: "/boot/grub/grubenv" }), "/boot/grub/grubenv");
    assertEquals(
      oneShotFile({ loader: "systemd-boot", entry: "a" }),
      "/sys/firmware/efi/efivars/LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f",
    );
  },
});

Deno.test({
  name: "GRUB writes to plain partitions and whole disks with a file system that is overwritten in place",
  permissions: "none",
  fn() {
    const why = (type: string, source: string, root = "8:2") => {
      const files = layout({ "/proc/self/mountinfo": `24 1 ${root} / / rw - ${type} ${source} rw\n` });
      return whyGrubCannotWrite(files, mountsOf(files), "/boot/grub/grubenv");
    };
    const types = ["ext2", "ext3", "ext4", "xfs", "vfat", "msdos", "btrfs", "zfs", "f2fs", "exfat"];
    assertEquals(types.map((type) => why(type, "/dev/sda2")), [
      ...Array<undefined>(6).fill(undefined),
      ...types.slice(6).map((type) => `it is on ${type}`),
    ]);
    const names = [
      "sda",
      "sdaa12",
      "hda1",
      "vdb",
      "xvda1",
      "nvme0n1",
      "nvme1n2p3",
      "mmcblk0",
      "mmcblk0p1",
      "pmem0",
      "dasda",
    ];
    assertEquals(names.map((name) => why("ext4", `/dev/${name}`)), names.map(() => undefined));
    const plain = (source: string, but: string) => `it is on ${source}, which is not a plain partition${but}`;
    const others: readonly (readonly [string, string])[] = [
      ["/dev/md127", " but RAID"],
      ["/dev/dm-1", " but LVM, LUKS or another mapping"],
      ["/dev/mapper/root", " but LVM, LUKS or another mapping"],
      ["/dev/loop0", ""],
      ["/dev/nbd0", ""],
      ["/dev/bcache0", ""],
      ["/dev/sda1x", ""],
      ["/dev/disk/by-label/sda1", ""],
    ];
    assertEquals(others.map(([source]) => why("ext4", source)), others.map(([source, but]) => plain(source, but)));
    assertEquals(whyGrubCannotWrite(layout({}), [], "/boot/grub/grubenv"), "it does not lie on a mounted device");
  },
});
