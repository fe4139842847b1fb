import { type BootParamsInput, bootParamsSize, buildBootParams } from "../arch/x86_64/boot_params.ts";
import { e820Of } from "../arch/x86_64/e820.ts";
import { efiHandover } from "../arch/x86_64/efi.ts";
import type { Segment, SegmentRequest } from "../arch/segment.ts";
import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import { formatSize } from "../core/number.ts";
import { alignUp } from "../core/range.ts";
import type { PlanInput } from "./input.ts";
import { type KernelImage, MIN_ADDRESS } from "./kernel_image.ts";
import { freeMemory } from "./placement/free_memory.ts";
import { placeAll } from "./placement/place.ts";
import { purgatoryRequest, type SegmentLayout, withPurgatory } from "./purgatory_segment.ts";

/** KEXEC_SEGMENT_MAX without boot_params, purgatory, and the segment that most kernels have. */
const INITRDS_MAX = 13;

/**
 * Lays a Linux kernel out for kexec_load(2), to be entered in 64-bit mode: kernel, each initrd, boot_params with the
 * command line, and the purgatory that verifies them and jumps.
 */
export function linuxSegments(input: PlanInput, kernel: KernelImage, cmdline: string): Checked<SegmentLayout> {
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
    header: kernel.header,
    facts,
    cmdline,
    e820: e820.value,
    efi: efiHandover(facts, kernel),
    ...(initrdSize === 0n ? {} : { initrd: { address: 0n, size: initrdSize } }),
  };
  const anywhere = { alignment: facts.pageSize, min: MIN_ADDRESS, max: 1n << 64n };
  const requests: readonly SegmentRequest[] = [
    kernel.request,
    ...(initrdSize === 0n ? [] : [{ ...anywhere, name: "initrd", size: initrdSize }]),
    { ...anywhere, name: "boot_params", size: bootParamsSize(draft) },
    purgatoryRequest(MIN_ADDRESS, facts.pageSize),
  ];
  const result = placeAll(requests, free.value, facts.pageSize);
  if ("failed" in result) return { value: undefined, diagnostics: [...diagnostics, noRoom(result)] };
  const at = (name: string): bigint => result.placed.find((request) => request.name === name)?.address ?? 0n;

  const params = buildBootParams(
    initrdSize === 0n ? draft : { ...draft, initrd: { address: at("initrd"), size: initrdEnd(initrds) } },
    at("boot_params"),
  );
  const image = kernel.at(at("kernel"));
  let next = at("initrd");
  const segments: readonly Segment[] = [
    ...image.segments,
    ...initrds.map(({ file, memsz }, index): Segment => {
      const mem = next;
      next += memsz;
      const name = initrds.length === 1 ? "initrd" : `initrd ${index + 1}`;
      return { name, mem, memsz, bytes: { kind: "file", path: file.path, offset: 0, length: file.size } };
    }),
    {
      name: "boot_params",
      mem: at("boot_params"),
      memsz: alignUp(bootParamsSize(draft), facts.pageSize),
      bytes: { kind: "bytes", bytes: params.bytes },
    },
  ];
  const layout = { entry: image.entry, segments, random: { "boot_params": params.rngSeed } };
  const purgatory = { address: at("purgatory"), bootParams: at("boot_params") };
  return { value: withPurgatory(layout, purgatory, input), diagnostics };
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

/** The complaint of a request that found no place. */
export function noRoom({ failed, largest }: { readonly failed: SegmentRequest; readonly largest: bigint }): Diagnostic {
  return {
    code: "no-room",
    severity: "error",
    message: `There is no free memory for the segment "${failed.name}" of ${formatSize(failed.size)}`,
    expected: `${formatSize(failed.size)} in one piece`,
    found: `${formatSize(largest)} at most`,
    hint: "Widen `memory` if the profile narrows it; otherwise use a smaller initrd",
  };
}
