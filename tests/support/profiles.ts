import type { WholeInitrd } from "../../src/host/image_content.ts";
import type { BzImage, ElfImage, InitrdInfo } from "../../src/image/image.ts";
import type { Profile } from "../../src/profile/profile.ts";
import type { IdentifiedFile, Images } from "../../src/image/boot_files.ts";

/** A profile with a kernel and a command line; a test states only what differs. */
export function profileOf(changes: Partial<Profile> = {}): Profile {
  return {
    version: 1,
    name: "web",
    kernel: { path: "/boot/vmlinuz" },
    initrd: [{ path: "/boot/initrd.img" }],
    modules: [],
    cmdline: { kind: "parameters", parameters: ["root=LABEL=root", "ro"] },
    crash: false,
    preserveContext: false,
    reentrant: false,
    load: "auto",
    arch: "default",
    segments: [],
    memory: {},
    checksum: true,
    predecompress: false,
    preservedState: "keep",
    fileFlags: [],
    unlock: [],
    unbind: [],
    unbindFailure: "stop",
    carry: [],
    stamp: false,
    stated: ["version", "kernel", "initrd", "cmdline"],
    ...changes,
  };
}

/** A 64-bit ELF kernel for x86_64 that begins at 16 MiB. */
export function elf64Image(changes: Partial<ElfImage> = {}): ElfImage {
  return {
    kind: "elf",
    bits: 64,
    littleEndian: true,
    machine: 62,
    type: 2,
    entry: 0x100_0000n,
    loads: [],
    ...changes,
  };
}

/** A 64-bit bzImage as Debian builds it. */
export function bzImage(changes: Partial<BzImage> = {}): BzImage {
  return {
    kind: "bzimage",
    protocol: 0x20f,
    versionString: "6.12.107+deb13-amd64 (debian-kernel@lists.debian.org) #1 SMP",
    release: "6.12.107+deb13-amd64",
    setupSects: 39,
    loadedHigh: true,
    relocatable: true,
    alignment: 0x20_0000,
    prefAddress: 0x100_0000n,
    code32Start: 0x10_0000,
    initSize: 60 << 20,
    initrdAddrMax: 0x7fff_ffff,
    cmdlineSize: 2047,
    xloadflags: 0x7f,
    entry64: true,
    above4G: true,
    efiHandover: true,
    efiKexec: true,
    la57: true,
    payload: { offset: 0x4000, length: 11 << 20, compression: "zstd" },
    header: setupHeader(),
    signed: true,
    ...changes,
  };
}

/** The setup header that fits `bzImage()`, from byte 0x1f1 on; what no test looks at is zero. */
function setupHeader(): Uint8Array {
  const start = 0x1f1;
  const bytes = new Uint8Array(0x26c - start);
  const view = new DataView(bytes.buffer);
  view.setUint8(0x1f1 - start, 39);
  view.setUint16(0x1fa - start, 0xffff, true);
  view.setUint16(0x1fe - start, 0xaa55, true);
  view.setUint16(0x200 - start, 0x6aeb, true);
  view.setUint32(0x202 - start, 0x53726448, true);
  view.setUint16(0x206 - start, 0x20f, true);
  view.setUint8(0x211 - start, 0x01);
  view.setUint32(0x214 - start, 0x10_0000, true);
  view.setUint32(0x22c - start, 0x7fff_ffff, true);
  view.setUint32(0x230 - start, 0x20_0000, true);
  view.setUint8(0x234 - start, 1);
  view.setUint16(0x236 - start, 0x7f, true);
  view.setUint32(0x238 - start, 2047, true);
  view.setBigUint64(0x258 - start, 0x100_0000n, true);
  view.setUint32(0x260 - start, 60 << 20, true);
  return bytes;
}

/** A kernel file that was opened and hashed. */
export function kernelFile(
  changes: Partial<NonNullable<Images["kernel"]>> = {},
): NonNullable<Images["kernel"]> {
  return { path: "/boot/vmlinuz", size: 12 << 20, sha256: "a".repeat(64), info: bzImage(), ...changes };
}

/** An initrd file that was opened and hashed. */
export function initrdFile(changes: Partial<IdentifiedFile<InitrdInfo>> = {}): IdentifiedFile<InitrdInfo> {
  return {
    path: "/boot/initrd.img",
    size: 30 << 20,
    sha256: "b".repeat(64),
    info: { kind: "compressed", compression: "zstd" },
    ...changes,
  };
}

/** What reading an initrd through finds: an archive with /init, packed with zstd. */
export function wholeInitrd(changes: Partial<WholeInitrd> = {}): WholeInitrd {
  return {
    kind: "whole",
    archives: 1,
    untrailed: 0,
    files: 1000,
    size: 90 << 20,
    memory: 92 << 20,
    packed: [{ packing: "zstd", size: 90 << 20 }],
    hasCrc: false,
    bootconfig: 0,
    isOpen: false,
    isEarly: false,
    modules: [],
    programs: { "/init": "executable" },
    ...changes,
  };
}

/** Both. */
export function images(changes: Partial<Images> = {}): Images {
  return { kernel: kernelFile(), initrd: [initrdFile()], ...changes };
}

/** The digest of the part of `kernelFile()` that kexec_load places. */
export const PART_DIGESTS: ReadonlyMap<string, string> = new Map([["/boot/vmlinuz@20480+12562432", "e".repeat(64)]]);
