/** What an image's header decides, at the limit and beside it. */
import { assertEquals } from "@std/assert";
import type { DeviceTree } from "../../src/formats/fdt.ts";
import { memorySource } from "../../src/core/bytes.ts";
import {
  describeKernel,
  imageFiles,
  type Images,
  innerOf,
  kernelInfo,
  loadedInfo,
  namedTree,
} from "../../src/image/boot_files.ts";
import { describeImage, machineOf } from "../../src/image/describe.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import type { FitImage, ImageInfo, UImage } from "../../src/image/image.ts";
import { BOOT_FLAG, HEADER_MAGIC, SETUP_HEADER } from "../../src/image/setup_header.ts";
import { isUboot, ubootDetails, ubootMachineOf } from "../../src/image/uboot.ts";
import { bzImage, kernelFile } from "../support/profiles.ts";
import { joined } from "./build.ts";
import { header1, header2 } from "./build_multiboot.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

pure("the fields of the setup header are where Documentation/arch/x86/boot.rst has them", () => {
  assertEquals(SETUP_HEADER, {
    setup_sects: 0x1f1,
    syssize: 0x1f4,
    vid_mode: 0x1fa,
    boot_flag: 0x1fe,
    jump: 0x200,
    header: 0x202,
    version: 0x206,
    kernel_version: 0x20e,
    type_of_loader: 0x210,
    loadflags: 0x211,
    setup_move_size: 0x212,
    code32_start: 0x214,
    ramdisk_image: 0x218,
    ramdisk_size: 0x21c,
    heap_end_ptr: 0x224,
    cmd_line_ptr: 0x228,
    initrd_addr_max: 0x22c,
    kernel_alignment: 0x230,
    relocatable_kernel: 0x234,
    xloadflags: 0x236,
    cmdline_size: 0x238,
    hardware_subarch: 0x23c,
    payload_offset: 0x248,
    payload_length: 0x24c,
    setup_data: 0x250,
    pref_address: 0x258,
    init_size: 0x260,
    handover_offset: 0x264,
    kernel_info_offset: 0x268,
    end: 0x290,
  });
  assertEquals([BOOT_FLAG, HEADER_MAGIC], [0xaa55, 0x53726448]);
});

pure("a 32-bit x86 kernel says so from boot protocol 2.12 on", () => {
  const of = (protocol: number, entry64: boolean) => machineOf(bzImage({ protocol, entry64 }));
  assertEquals([of(0x20b, false), of(0x20c, false), of(0x20f, false), of(0x20c, true), of(0x20b, true)], [
    undefined,
    "i386",
    "i386",
    "x86_64",
    "x86_64",
  ]);
});

pure("the machine of an image of U-Boot, by its word", () => {
  const of = (architecture: string) => ubootMachineOf({ kind: "uimage", architecture } as UImage);
  const words = ["arm64", "x86", "powerpc", "ppc", "riscv", "s390", "mips", "22", "a22"];
  assertEquals(words.map(of), ["aarch64", "i386", "ppc", "ppc", "riscv64", "s390x", "mips", undefined, "a22"]);
});

pure("the device tree that takes the place of the host's is one that is named, and is one", () => {
  const tree = { name: "" } as unknown as DeviceTree;
  const of = (info: object) => namedTree({ dtb: { path: "/t", size: 1, sha256: "", info } } as unknown as Images);
  assertEquals([of({ kind: "tree", tree }), of({ kind: "fault", why: "x" }), namedTree({})], [
    tree,
    undefined,
    undefined,
  ]);
});

pure("the machine of a FIT image is that of the kernel that would be booted, or of the first one in it", () => {
  const image = (name: string, type: string, architecture: string) => ({ name, type, architecture });
  const images = [image("r", "ramdisk", "x86"), image("n", "kernel_noload", "arm64"), image("k", "kernel", "riscv")];
  const of = (more: object) =>
    ubootMachineOf({ kind: "fit", images, configurations: [], ...more } as unknown as FitImage);
  const configurations = [{ name: "a", kernel: "k" }, { name: "b", kernel: "n" }, { name: "c" }];
  assertEquals([
    of({}),
    of({ configurations }),
    of({ configurations, default: "b" }),
    of({ configurations, default: "c" }),
    of({ configurations, default: "gone" }),
    of({ images: images.slice(0, 1) }),
    of({ images: images.slice(2) }),
  ], ["aarch64", "riscv64", "aarch64", "aarch64", "aarch64", undefined, "riscv64"]);
});

pure("what is said of the payload of a bzImage, by how it is packed", () => {
  const of = (compression: string | undefined) => {
    const { payload: _, ...rest } = bzImage({});
    const payload = { offset: 0, length: 1, compression };
    return describeImage((compression === undefined ? rest : { ...rest, payload }) as ImageInfo).split(", ").slice(
      2,
      -1,
    );
  };
  assertEquals(["xz", "none", "unknown", undefined].map(of), [
    ["xz payload"],
    ["uncompressed payload"],
    ["payload of unknown compression"],
    [],
  ]);
});

pure("the images that U-Boot boots are FIT images and uImages", () => {
  const kinds = ["fit", "uimage", "uki", "compressed", "not-kernel"] as const;
  assertEquals(kinds.map((kind) => isUboot({ kind } as ImageInfo)), [true, true, false, false, false]);
});

pure("what is said of an image of U-Boot: its title, its files, how it is packed, its configurations", () => {
  const uimage = (parts: number, compression: string, title = "") =>
    ubootDetails({ kind: "uimage", title, compression, parts: Array(parts).fill({}) } as unknown as UImage);
  assertEquals([uimage(1, "none"), uimage(2, "gzip", "L\x07"), uimage(3, "9")], [
    ["", "", "uncompressed"],
    ["`L?`", "2 files", "gzip-compressed"],
    ["", "3 files", "number 9-compressed"],
  ]);
  const fit = (count: number, description?: string) =>
    ubootDetails({ kind: "fit", description, configurations: Array(count).fill({}) } as unknown as FitImage);
  assertEquals([fit(0), fit(1, "D"), fit(2)], [
    ["", "no configurations"],
    ["`D`", "1 configuration"],
    ["", "2 configurations"],
  ]);
});

pure("the files of a boot, in their order, and what of the kernel is loaded", () => {
  const file = (path: string) => ({ ...kernelFile(), path });
  const images = {
    kernel: file("/k"),
    initrd: [file("/i"), file("/j")],
    dtb: file("/t"),
    modules: [file("/m")],
    segments: [file("/s")],
  } as unknown as Images;
  const paths = (of: Images) => imageFiles(of).map(({ path }) => path);
  assertEquals(paths(images), ["/k", "/i", "/j", "/t", "/m", "/s"]);
  assertEquals(paths({ initrd: [] }), []);
  assertEquals(kernelInfo({}), undefined);
  const info = bzImage({ protocol: 0x20c });
  assertEquals(kernelInfo({ kernel: { ...kernelFile(), info } }), info);
  const inner = { kind: "image", image: { info, size: 1, sha256: "" } } as const;
  const packed: ImageInfo = { kind: "compressed", compression: "gzip" } as ImageInfo;
  assertEquals([innerOf({ inner })?.size, innerOf({ inner: { kind: "fault", why: "x" } }), innerOf({})], [
    1,
    undefined,
    undefined,
  ]);
  assertEquals([loadedInfo({ info: packed, inner }), loadedInfo({ info: packed })], [info, packed]);
  assertEquals(describeKernel({ info: packed, inner }), `${describeKernel({ info })}, gzip-compressed`);
});

pure("the load address of a Multiboot kernel: 0 is one, and -1 means the start of the file in version 2 only", () => {
  const code = new Uint8Array(256).fill(0x90);
  const loads = (...parts: readonly Uint8Array[]) => {
    const found = identifyKernel(memorySource(joined(...parts)));
    return found.kind === "multiboot" ? found.loads.map(({ offset, paddr }) => [offset, paddr]) : found;
  };
  assertEquals(loads(header1(0, [0, 0, 0, 0], 0x20), code), [[0n, 0n]]);
  const low = loads(header1(0, [0x10_0000, 0xffff_ffff, 0, 0], 0x10_0020), code);
  assertEquals("what" in low && /below its load address 0xffffffff/.test(low.what), true);
  const tags = (load: number) => [{ type: 2, words: [0x10_0020, load, 0, 0] }, { type: 3, words: [0x10_0080] }];
  assertEquals(loads(new Uint8Array(32), header2(tags(0xffff_ffff)), code), [[0n, 0x10_0000n]]);
  assertEquals(loads(new Uint8Array(32), header2(tags(0x10_0020)), code), [[32n, 0x10_0020n]]);
});
