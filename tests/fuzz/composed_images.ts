/** Changed images that are taken apart or unpacked - of systemd-stub, of U-Boot, packed kernels - and what must hold of them. */
import { concat } from "@std/bytes";
import { assert, assertEquals } from "@std/assert";
import { gzipSync } from "node:zlib";
import { unpackInner } from "../../src/app/inner_image.ts";
import { type ByteSource, memorySource } from "../../src/core/bytes.ts";
import { type ComposedUboot, composeFit, composeUImage, type UbootFault } from "../../src/entry/compose_uboot.ts";
import { composeUki, notComposed, readThinStub, sectionsOf } from "../../src/entry/compose_uki.ts";
import { findPart, parsePartPath, ubootPaths } from "../../src/entry/part_path.ts";
import { chooseUkiProfile, ukiProfiles } from "../../src/entry/uki.ts";
import { xxh32 } from "../../src/formats/checksums.ts";
import { notedSource, replayedSource } from "../../src/host/captured_image.ts";
import { describeImage, machineOf } from "../../src/image/describe.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import type { ImageInfo } from "../../src/image/image.ts";
import { arm64Image, ascii, bzImage, peFile, type SectionSpec, zboot } from "../image/build.ts";
import { elf } from "../image/build_elf.ts";
import { FIT_KERNEL, FIT_RAMDISK, FIT_TREE, fitImage, smallTree, uImage, wholeFit } from "../image/build_uboot.ts";
import { type FieldPlace, mutateBytes, type SeedFile } from "./mutate_bytes.ts";
import type { Random } from "./random.ts";

/** Each four bytes of a part of a file: where all is numbers. */
function words(from: number, to: number): readonly FieldPlace[] {
  return Array.from({ length: Math.floor((to - from) / 4) }, (_, index) => ({ at: from + index * 4, size: 4 }));
}

function seed(name: string, bytes: Uint8Array, to: number, from = 0): SeedFile {
  return { name, bytes, fields: words(from, Math.min(to, bytes.length)) };
}

const IMAGE = arm64Image();

function profile(text: string): SectionSpec {
  return { name: ".profile", bytes: ascii(text) };
}

const STUBS: readonly SeedFile[] = [
  seed(
    "UKI",
    peFile({
      sections: [
        { name: ".osrel", bytes: ascii('PRETTY_NAME="Debian"\n') },
        { name: ".uname", bytes: ascii("6.12") },
        { name: ".cmdline", bytes: ascii("root=/dev/vda ro\nquiet") },
        { name: ".ucode", bytes: ascii("microcode") },
        { name: ".initrd", bytes: ascii("initrd") },
        { name: ".linux", bytes: bzImage() },
        profile("ID=main\nTITLE=Main\n"),
        profile("ID=rescue\n"),
        { name: ".cmdline", bytes: ascii("single") },
      ],
    }),
    0x200,
    0x3c,
  ),
  seed(
    "thin stub",
    peFile({
      sections: [
        { name: ".linux", bytes: ascii("\\EFI\\nixos\\kernel.efi") },
        { name: ".linuxh", bytes: new Uint8Array(32) },
        { name: ".initrd", bytes: ascii("\\EFI\\nixos\\initrd.efi") },
        { name: ".initrdh", bytes: new Uint8Array(32) },
        { name: ".cmdline", bytes: ascii("init=/nix/store/init") },
      ],
    }),
    0x200,
    0x3c,
  ),
];

const ADDONS: readonly SeedFile[] = [
  seed(
    "addon",
    peFile({
      sections: [
        { name: ".cmdline", bytes: ascii("debug") },
        { name: ".initrd", bytes: ascii("more") },
        { name: ".ucode", bytes: ascii("newer") },
        { name: ".dtb", bytes: smallTree() },
      ],
    }),
    0x200,
    0x3c,
  ),
  seed(
    "addon for a release",
    peFile({ sections: [{ name: ".uname", bytes: ascii("6.12") }, { name: ".cmdline", bytes: ascii("x=1") }] }),
    0x200,
    0x3c,
  ),
];

const PARTS = { ramdisk: ascii("initrd"), tree: smallTree({ address: 0x4000_0000, size: 0x1000_0000 }) };

const UBOOT: readonly SeedFile[] = [
  seed("FIT image", wholeFit(IMAGE, PARTS), 1600),
  seed("FIT image, data after it", wholeFit(IMAGE, PARTS, { external: "offset" }), 1600),
  seed("FIT image, data at positions", wholeFit(IMAGE, PARTS, { external: "position" }), 1600),
  seed(
    "FIT image of several configurations",
    fitImage({
      images: {
        "kernel@1": { data: new Uint8Array(gzipSync(IMAGE)), properties: { ...FIT_KERNEL, compression: "gzip" } },
        kernel: { data: IMAGE, properties: FIT_KERNEL },
        ramdisk: { data: ascii("initrd"), properties: FIT_RAMDISK },
        fdt: { data: smallTree(), properties: FIT_TREE },
        overlay: { data: smallTree(), properties: FIT_TREE },
      },
      configurations: {
        one: { kernel: "kernel", fdt: ["fdt", "overlay"], loadables: ["ramdisk", "fdt"] },
        two: { kernel: "kernel@1", ramdisk: "ramdisk" },
      },
      signatures: { two: { algo: "sha256,rsa2048", "key-name-hint": "dev", value: new Uint8Array(16) } },
      default: "two",
    }),
    2400,
  ),
  seed("uImage", uImage({ data: IMAGE }), 64),
  seed("uImage, packed", uImage({ data: new Uint8Array(gzipSync(IMAGE)), compression: 1 }), 64),
  seed("uImage of several", uImage({ files: [IMAGE, PARTS.ramdisk, PARTS.tree] }), 84),
];

/** A block of LZ4 with literals only. */
function lz4Block(bytes: Uint8Array): Uint8Array {
  const more = bytes.length - 15;
  const lengths = [...Array.from({ length: Math.floor(more / 255) }, () => 255), more % 255];
  return concat([Uint8Array.of(0xf0, ...lengths), bytes]);
}

function littleEndian(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}

function lz4Legacy(bytes: Uint8Array): Uint8Array {
  const block = lz4Block(bytes);
  return concat([littleEndian(0x184c2102), littleEndian(block.length), block]);
}

/** With a checksum of all. */
function lz4Frame(bytes: Uint8Array): Uint8Array {
  const [header, sum] = [xxh32(), xxh32()];
  const descriptor = Uint8Array.of(0x64, 0x40);
  header.add(descriptor);
  sum.add(bytes);
  const block = lz4Block(bytes);
  return concat([
    ...[littleEndian(0x184d2204), descriptor, Uint8Array.of(header.value() >>> 8)],
    ...[littleEndian(block.length), block, littleEndian(0), littleEndian(sum.value())],
  ]);
}

/** A member of gzip with an extra field, a name, a comment and a checksum in its header. */
function gzipWithFields(bytes: Uint8Array): Uint8Array {
  const plain = new Uint8Array(gzipSync(bytes));
  const fields = concat([Uint8Array.of(3, 0, 1, 2, 3), ascii("name\0comment\0"), Uint8Array.of(4, 5)]);
  return concat([plain.subarray(0, 3), Uint8Array.of(0x1e), plain.subarray(4, 10), fields, plain.subarray(10)]);
}

const X86_ELF = elf({ segments: [{ paddr: 0x100_0000n, bytes: new Uint8Array(0x1000) }] });
const ARM64_ELF = elf({
  machine: 183,
  entry: 0xffff_8000_0800_0000n,
  segments: [{ paddr: 0xffff_8000_0800_0000n, vaddr: 0xffff_8000_0800_0000n, bytes: IMAGE }],
});

const PACKED: readonly SeedFile[] = [
  seed("vmlinux.gz", new Uint8Array(gzipSync(X86_ELF)), 64),
  seed("vmlinux.gz with all fields of the header", gzipWithFields(X86_ELF), 64),
  seed("vmlinux.lz4 of arm64, legacy", lz4Legacy(ARM64_ELF), 128),
  seed("vmlinux.lz4 of arm64, frame", lz4Frame(ARM64_ELF), 128),
  seed("Image.lz4", lz4Frame(IMAGE), 128),
  seed("vmlinux of arm64", ARM64_ELF, 200),
  seed("zboot", zboot(new Uint8Array(gzipSync(IMAGE))), 0x200),
];

const ALL: readonly SeedFile[] = [...STUBS, ...ADDONS, ...UBOOT, ...PACKED];

/** An image, and what lies beside it. */
export interface ImageCase {
  readonly name: string;
  readonly kind: "stub" | "uboot" | "packed";
  readonly bytes: Uint8Array;
  readonly addons: readonly Uint8Array[];
}

/** An image with some changes, or, now and then, with none. */
export function drawImage(random: Random): ImageCase {
  const kind = random.pick(["stub", "uboot", "uboot", "packed"] as const);
  const from = random.pick({ stub: STUBS, uboot: UBOOT, packed: PACKED }[kind]);
  const changed = (file: SeedFile): Uint8Array => random.oneIn(10) ? file.bytes : mutateBytes(file, ALL, random);
  const bytes = changed(from);
  const addons = kind === "stub" ? Array.from({ length: random.below(3) }, () => changed(random.pick(ADDONS))) : [];
  return { name: from.name, kind, bytes: from.name.startsWith("uImage") ? summed(bytes, random) : bytes, addons };
}

/** A header that was changed has its checksum again, or nothing but that would ever be looked at. */
function summed(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length < 64 || random.oneIn(8)) return bytes;
  const whole = bytes.slice();
  whole.fill(0, 4, 8);
  const table = (crc: number, byte: number): number => {
    let value = crc ^ byte;
    for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : value >>> 1 ^ 0xedb8_8320;
    return value;
  };
  const crc = (whole.subarray(0, 64).reduce(table, 0xffff_ffff) ^ 0xffff_ffff) >>> 0;
  new DataView(whole.buffer).setUint32(4, crc);
  return whole;
}

const PATH = "/boot/EFI/image";

/** What came of an image. Nothing throws, texts can be shown, and what is taken of an image lies in it. */
export async function judgeImage({ kind, bytes, addons }: ImageCase): Promise<string> {
  const source = memorySource(bytes);
  const info = identifyKernel(source);
  shown(describeImage(info), machineOf(info) ?? "-");
  switch (kind) {
    case "stub":
      return judgeStub(source, addons);
    case "uboot":
      return judgeUboot(source, info);
    case "packed":
      return await judgePacked(source, info);
  }
}

function judgeStub(source: ByteSource, addons: readonly Uint8Array[]): string {
  const sections = sectionsOf(source);
  if (sections === undefined) return "stub: not a PE file";
  const image = { path: PATH, source, sections };
  notComposed(image, { addons: [], extras: [] });
  const thin = readThinStub(image, "/boot");
  if (thin !== undefined) {
    for (const { path } of [thin.kernel, thin.initrd]) {
      assert(path.startsWith("/boot/") && !path.split("/").includes(".."), path);
    }
  }
  const found = addons.flatMap((bytes, index) => {
    const own = sectionsOf(memorySource(bytes));
    return own === undefined ? [] : [{ path: `${PATH}.${index}`, source: memorySource(bytes), sections: own }];
  });
  const files = [image, ...found];
  const profiles = ukiProfiles(source, sections);
  chooseUkiProfile(profiles, "rescue");
  let outcome = "stub: nothing";
  for (const each of [undefined, ...profiles]) {
    const composed = composeUki(image, each, found);
    if (composed === undefined) continue;
    outcome = "stub: composed";
    for (const path of [composed.kernel, ...composed.initrd, ...(composed.dtb === undefined ? [] : [composed.dtb])]) {
      const part = parsePartPath(path);
      const file = files.find(({ path: of }) => of === part?.image);
      assert(part !== undefined && file !== undefined, path);
      assert(findPart(file.source, part) !== undefined, path);
    }
    // deno-lint-ignore no-control-regex
    assert(!/[\u0000-\u001f]/.test(composed.cmdline ?? ""), composed.cmdline);
  }
  return outcome;
}

function judgeUboot(source: ByteSource, info: ImageInfo): string {
  if (info.kind !== "fit" && info.kind !== "uimage") return "uboot: refused";
  const wanted = info.kind === "fit"
    ? [undefined, ...info.configurations.map(({ name }) => name), "nothing"]
    : [undefined];
  const compose = (from: ByteSource, name: string | undefined): ComposedUboot | UbootFault => {
    const again = identifyKernel(from);
    assertEquals(again.kind, info.kind);
    if (again.kind === "uimage") return composeUImage({ path: PATH, source: from, image: again });
    assert(again.kind === "fit");
    return composeFit({ path: PATH, source: from, image: again }, name);
  };
  // What a capture keeps of it is enough to take it apart the same way elsewhere.
  const noted = notedSource(source);
  identifyKernel(noted.source);
  for (const { place } of ubootPaths(PATH, info)) noted.source.read(place.offset, Math.min(64, place.size));
  const captured = { size: source.size, sha256: "", ranges: noted.ranges(), parts: [] };
  assert(captured.ranges.length <= 1000, `${captured.ranges.length} ranges`);
  let outcome = "uboot: fault";
  for (const name of wanted.slice(0, 8)) {
    const composed = compose(source, name);
    const replayed = replayedSource(captured);
    assertEquals(compose(replayed.source, name), composed);
    assert(replayed.isComplete(), "the capture is not complete");
    if (composed.kind === "fault") {
      shown(composed.message, composed.hint ?? "-");
      continue;
    }
    if (name === undefined) outcome = "uboot: composed";
    shown(...composed.unused);
    for (
      const path of [composed.kernel, ...composed.trees, ...(composed.initrd === undefined ? [] : [composed.initrd])]
    ) {
      const part = parsePartPath(path);
      assert(part?.kind === "uboot" && part.image === PATH, path);
      const place = findPart(source, part);
      assert(place !== undefined && place.offset >= 0 && place.offset + place.size <= source.size, path);
      assert(path !== composed.kernel || place.size > 0, "an empty kernel");
    }
  }
  return outcome;
}

async function judgePacked(source: ByteSource, info: ImageInfo): Promise<string> {
  const file = {
    path: PATH,
    size: source.size,
    source,
    // Nothing but that it is open is asked of it.
    open: { path: PATH } as never,
    banner: () => undefined,
    digest: () => Promise.resolve(""),
    digestPart: () => Promise.resolve(undefined),
    identifyKernel: () => info,
    isComplete: () => true,
  };
  const most = 1 << 20;
  let taken = 0;
  const budget = { limit: most, left: () => most - taken, take: (size: number) => (taken += size) <= most };
  const found = await unpackInner(file, info, budget as never);
  if (found === undefined) return "packed: handed over as it is";
  if (found.inner.kind === "fault") {
    shown(found.inner.why);
    return "packed: fault";
  }
  assertEquals(found.bytes?.length, found.inner.image.size);
  assert(found.inner.image.size <= most);
  shown(describeImage(found.inner.image.info));
  return "packed: unpacked";
}

/** Texts that can be shown on a terminal. */
function shown(...texts: readonly string[]): void {
  for (const text of texts) assert(/^[ -~]*$/.test(text), `not fit to show: ${JSON.stringify(text)}`);
}
