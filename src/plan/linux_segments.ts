import { sha256 } from "@noble/hashes/sha2.js";
import { type BootParamsInput, bootParamsSize, buildBootParams } from "../arch/x86_64/boot_params.ts";
import { e820Of } from "../arch/x86_64/e820.ts";
import { efiHandover } from "../arch/x86_64/efi.ts";
import { buildPurgatory, PURGATORY_ENTRY, PURGATORY_SIZE, type PurgatoryRegion } from "../arch/x86_64/purgatory.ts";
import { type Segment, type SegmentRequest, sourceSize } from "../arch/segment.ts";
import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import { formatSize } from "../core/number.ts";
import { alignUp } from "../core/range.ts";
import type { BzImage } from "../image/image.ts";
import { type FilePart, type IdentifiedFile, partKey, type PlanInput } from "./input.ts";
import { freeMemory } from "./placement/free_memory.ts";
import { placeAll } from "./placement/place.ts";

/** Segments with the address that is jumped to first. */
export interface SegmentLayout {
  readonly entry: bigint;
  readonly segments: readonly Segment[];
  /** By segment name: a part of its bytes that is drawn at random when the plan is carried out. */
  readonly random: { readonly [name: string]: { readonly offset: number; readonly length: number } };
}

/** Where a kernel goes that does not say where it would like to be: 16 MiB, above what old firmware uses. */
const MIN_ADDRESS = 0x100_0000n;

/** Linux's 64-bit entry lies 0x200 into the protected-mode code (Documentation/arch/x86/boot.rst). */
const ENTRY_64 = 0x200n;

/** screen_info.orig_video_isVGA in boot_params, and its value for a text screen at 0xb8000. */
const VIDEO_TYPE = 0x0f;
const VGA_TEXT = 1;

/** KEXEC_SEGMENT_MAX without kernel, boot_params and purgatory. */
const INITRDS_MAX = 13;

/** The part of a bzImage that is placed: the protected-mode code, behind the real-mode sectors. */
export function protectedModePart(path: string, size: number, info: BzImage): FilePart {
  const offset = (info.setupSects + 1) * 512;
  return { path, offset, length: size - offset };
}

/**
 * Lays a bzImage out for kexec_load(2), to be entered by its 64-bit entry: kernel, boot_params with the command line,
 * each initrd, and the purgatory that verifies them and jumps.
 */
export function linuxSegments(
  input: PlanInput,
  kernel: IdentifiedFile<unknown>,
  info: BzImage,
  cmdline: string,
): Checked<SegmentLayout> {
  const { profile, facts, images } = input;
  if (images.initrd.length > INITRDS_MAX) {
    return { value: undefined, diagnostics: [tooMany(images.initrd.length)] };
  }
  const free = freeMemory(facts, { crash: profile.crash, ...profile.memory });
  const e820 = e820Of(facts);
  const diagnostics = [...free.diagnostics, ...e820.diagnostics];
  if (free.value === undefined || e820.value === undefined) return { value: undefined, diagnostics };

  const initrds = images.initrd.map((file) => ({ file, memsz: alignUp(BigInt(file.size), facts.pageSize) }));
  const initrdSize = initrds.reduce((sum, { memsz }) => sum + memsz, 0n);
  const draft: BootParamsInput = {
    header: info.header,
    facts,
    cmdline,
    e820: e820.value,
    efi: efiHandover(facts, info),
    ...(initrdSize === 0n ? {} : { initrd: { address: 0n, size: initrdSize } }),
  };
  const anywhere = { alignment: facts.pageSize, min: MIN_ADDRESS, max: 1n << 64n };
  const requests: readonly SegmentRequest[] = [
    {
      ...anywhere,
      name: "kernel",
      size: BigInt(info.initSize),
      alignment: BigInt(info.alignment),
      // Below its preferred address the decompressor would move up to it, over what lies there (LOAD_PHYSICAL_ADDR).
      min: info.prefAddress > MIN_ADDRESS ? info.prefAddress : MIN_ADDRESS,
      max: info.relocatable ? anywhere.max : info.prefAddress + BigInt(info.initSize),
      preferred: info.prefAddress,
    },
    ...(initrdSize === 0n ? [] : [{ ...anywhere, name: "initrd", size: initrdSize }]),
    { ...anywhere, name: "boot_params", size: bootParamsSize(draft) },
    { ...anywhere, name: "purgatory", size: PURGATORY_SIZE },
  ];
  const result = placeAll(requests, free.value, facts.pageSize);
  if ("failed" in result) return { value: undefined, diagnostics: [...diagnostics, noRoom(result)] };
  const at = (name: string): bigint => result.placed.find((request) => request.name === name)?.address ?? 0n;
  const pages = (name: string): bigint =>
    alignUp(requests.find((request) => request.name === name)?.size ?? 0n, facts.pageSize);

  const part = protectedModePart(kernel.path, kernel.size, info);
  const params = buildBootParams(
    initrdSize === 0n ? draft : { ...draft, initrd: { address: at("initrd"), size: initrdEnd(initrds) } },
    at("boot_params"),
  );
  let next = at("initrd");
  const loaded: readonly Segment[] = [
    { name: "kernel", mem: at("kernel"), memsz: pages("kernel"), bytes: { kind: "file", ...part } },
    ...initrds.map(({ file, memsz }, index): Segment => {
      const mem = next;
      next += memsz;
      const name = initrds.length === 1 ? "initrd" : `initrd ${index + 1}`;
      return { name, mem, memsz, bytes: { kind: "file", path: file.path, offset: 0, length: file.size } };
    }),
    {
      name: "boot_params",
      mem: at("boot_params"),
      memsz: pages("boot_params"),
      bytes: { kind: "bytes", bytes: params.bytes },
    },
  ];
  const random = { boot_params: params.rngSeed };
  const purgatory = buildPurgatory({
    entry: at("kernel") + ENTRY_64,
    bootParams: at("boot_params"),
    regions: profile.checksum ? loaded.flatMap((segment) => regionsOf(segment, random, input)) : [],
    verify: profile.checksum,
    console: { serial: true, vga: facts.bootParams?.[VIDEO_TYPE] === VGA_TEXT },
  });
  return {
    value: {
      entry: at("purgatory") + PURGATORY_ENTRY,
      segments: [...loaded, {
        name: "purgatory",
        mem: at("purgatory"),
        memsz: pages("purgatory"),
        bytes: { kind: "bytes", bytes: purgatory },
      }],
      random,
    },
    diagnostics,
  };
}

/** What purgatory verifies of a segment: its bytes, but for those that are drawn at random later. */
function regionsOf(
  segment: Segment,
  random: SegmentLayout["random"],
  input: PlanInput,
): readonly PurgatoryRegion[] {
  const { mem, bytes } = segment;
  const hole = random[segment.name];
  if (bytes.kind !== "bytes" || hole === undefined) {
    return [{ address: mem, length: sourceSize(bytes), sha256: digestOf(segment, input) }];
  }
  const behind = hole.offset + hole.length;
  return [[0, hole.offset], [behind, bytes.bytes.length]].flatMap(([start = 0, end = 0]) =>
    start === end ? [] : [{
      address: mem + BigInt(start),
      length: BigInt(end - start),
      sha256: sha256(bytes.bytes.subarray(start, end)).toHex(),
    }]
  );
}

/** The SHA-256 of a segment's bytes. */
export function digestOf({ bytes }: Segment, { images, partDigests }: PlanInput): string {
  if (bytes.kind === "zero") return sha256(new Uint8Array()).toHex();
  if (bytes.kind === "bytes") return sha256(bytes.bytes).toHex();
  const files = [images.kernel, ...images.initrd, ...(images.segments ?? [])];
  const whole = files.find((file) => file?.path === bytes.path && file.size === bytes.length && bytes.offset === 0);
  const digest = whole?.sha256 ?? partDigests?.get(partKey(bytes));
  if (digest === undefined) throw new Error(`Cannot plan: the digest of ${partKey(bytes)} was not given`);
  return digest;
}

/** From the first byte of the first initrd to the last of the last; the pages between end in zeros, which are skipped. */
function initrdEnd(initrds: readonly { readonly file: { readonly size: number }; readonly memsz: bigint }[]): bigint {
  return initrds.reduce(
    (sum, { file, memsz }, index) => sum + (index === initrds.length - 1 ? BigInt(file.size) : memsz),
    0n,
  );
}

function tooMany(count: number): Diagnostic {
  return {
    code: "too-many-segments",
    severity: "error",
    message: `There are ${count} initrds, and kexec_load takes at most ${INITRDS_MAX} of them`,
    path: ["initrd"],
    hint: "Join some of them into one file, each padded with zeros to a multiple of 4 bytes",
  };
}

function noRoom({ failed, largest }: { readonly failed: SegmentRequest; readonly largest: bigint }): Diagnostic {
  return {
    code: "no-room",
    severity: "error",
    message: `There is no free memory for the segment "${failed.name}" of ${formatSize(failed.size)}`,
    expected: `${formatSize(failed.size)} in one piece`,
    found: `${formatSize(largest)} at most`,
    hint: "Widen `memory` if the profile narrows it; otherwise use a smaller initrd",
  };
}
