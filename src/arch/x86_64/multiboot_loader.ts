import type { Handover, HandoverInput, KernelImage } from "../kernel_loader.ts";
import type { Segment } from "../segment.ts";
import type { Checked, Diagnostic } from "../../core/diagnostic.ts";
import { formatAddress } from "../../core/number.ts";
import { VERSION } from "../../core/program.ts";
import { alignDown, alignUp } from "../../core/range.ts";
import { INFORMATION } from "../../formats/multiboot.ts";
import type { HostFacts } from "../../host/facts.ts";
import type { MultibootImage } from "../../image/image.ts";
import { e820Of } from "./e820.ts";
import { LIMIT_32, LOW_MEMORY } from "./memory_layout.ts";
import { buildMultibootInfo, MULTIBOOT_MAGIC, type MultibootInput, rsdpOf, screenOf } from "./multiboot_info.ts";

/** The name of the segment that is the information of a Multiboot image. */
export const MULTIBOOT_HANDOVER = "multiboot_info";

/**
 * A Multiboot image: its parts as whole pages at the addresses that it was linked for, or moved together where its header
 * says that they may; entered in 32-bit mode with its magic number in eax and the information in ebx. All of it lies below
 * 4 GiB. Error: `elf-layout`.
 */
export function fromMultiboot(
  path: string,
  info: MultibootImage,
  { pageSize, efi }: Pick<HostFacts, "pageSize" | "efi">,
): Checked<KernelImage> {
  const laidOut = pagesOf(path, info, pageSize);
  if (laidOut.kind === "fault") return { value: undefined, diagnostics: [layoutError(`${path}: ${laidOut.why}`)] };
  const { segments } = laidOut;
  const start = segments[0]?.mem ?? 0n;
  const end = segments.reduce((most, { mem, memsz }) => mem + memsz > most ? mem + memsz : most, start);
  const { relocatable, version } = info.header;
  // It moves by pages only: what does not begin on one stays.
  const moves = relocatable !== undefined && info.loads[0]?.paddr === start;
  const least = BigInt(relocatable?.min ?? 0);
  const place = moves
    ? {
      alignment: BigInt(relocatable.align) > pageSize ? BigInt(relocatable.align) : pageSize,
      min: least > LOW_MEMORY.end ? least : LOW_MEMORY.end,
      max: BigInt(relocatable.max),
    }
    : { alignment: pageSize, min: start, max: end };
  return {
    value: {
      request: { name: "kernel", size: end - start, preferred: start, ...place },
      beside: { max: LIMIT_32, initrdMax: LIMIT_32 },
      entry32: true,
      multibootMagic: MULTIBOOT_MAGIC[version],
      handover: MULTIBOOT_HANDOVER,
      legacy: efi === undefined,
      at: (address) => ({
        entry: info.entry + address - start,
        segments: segments.map((segment) => ({ ...segment, mem: segment.mem + address - start })),
      }),
      handOver: (input) => handOver(path, info, moves, input),
    },
    diagnostics: [],
  };
}

/**
 * The information. A command line begins with the name of the file, as that of GRUB 0.9x, SYSLINUX, QEMU and kexec-tools
 * does: Xen removes the first word of what any other loader than GRUB 2 gives it.
 */
function handOver(
  path: string,
  { header }: MultibootImage,
  relocatable: boolean,
  input: HandoverInput,
): Checked<Handover> {
  const { facts, cmdline, modules = [] } = input;
  const { value: e820, diagnostics } = e820Of(facts);
  if (e820 === undefined) return { value: undefined, diagnostics };
  const screen = screenOf(facts);
  const rsdp = header.version === 2 ? rsdpOf(facts) : undefined;
  const draft: MultibootInput = {
    version: header.version,
    cmdline: withName(path, cmdline),
    loader: `warmboot ${VERSION}`,
    modules,
    e820,
    loadBase: relocatable || header.requests.includes(INFORMATION.loadBase),
    ...(screen === undefined ? {} : { screen }),
    ...(rsdp === undefined ? {} : { rsdp }),
  };
  const empty = { kernel: 0n, modules: modules.map(() => ({ address: 0n, size: 0n })) };
  const value: Handover = {
    size: BigInt(buildMultibootInfo(draft, 0n, empty).bytes.length),
    alignment: facts.pageSize,
    build: (at, { kernel, modules: placed = [] }) => {
      const { bytes, rsdp: offset } = buildMultibootInfo(draft, at, { kernel, modules: placed });
      return {
        bytes,
        random: [],
        ...(rsdp === undefined || offset === undefined
          ? {}
          : { copied: { from: rsdp.address, to: at + BigInt(offset), size: BigInt(rsdp.size) } }),
      };
    },
  };
  return { value, diagnostics };
}

/** A command line as a Multiboot image gets it: after the name of its file. */
export function withName(path: string, cmdline: string): string {
  return cmdline === "" ? path : `${path} ${cmdline}`;
}

/**
 * The parts of an image as whole pages. What lies before a part in its first page comes from the file, as a program's first
 * page does; parts that share a page are one segment if the file has them as they lie in memory.
 */
function pagesOf(
  path: string,
  { loads }: MultibootImage,
  pageSize: bigint,
): { readonly kind: "segments"; readonly segments: readonly Segment[] } | {
  readonly kind: "fault";
  readonly why: string;
} {
  const fault = (why: string) => ({ kind: "fault", why } as const);
  /** `end` is where its memory ends, to the byte. */
  const parts: { readonly mem: bigint; readonly offset: bigint; readonly length: bigint; readonly end: bigint }[] = [];
  for (const { offset, paddr, filesz, memsz } of loads) {
    const mem = alignDown(paddr, pageSize);
    const lead = paddr - mem;
    const last = parts.at(-1);
    const end = paddr + memsz;
    if (last !== undefined && mem < alignUp(last.end, pageSize)) {
      if (paddr < last.end) {
        return fault(`its segments for ${formatAddress(last.mem)} and ${formatAddress(paddr)} overlap`);
      }
      const isZero = filesz === 0n;
      const isLinear = last.mem + last.length >= last.end && offset - last.offset === paddr - last.mem;
      if (!isZero && !isLinear) {
        return fault(
          `its segments for ${formatAddress(last.mem)} and ${
            formatAddress(paddr)
          } share a page, and lie otherwise in the file`,
        );
      }
      parts[parts.length - 1] = { ...last, length: isZero ? last.length : offset + filesz - last.offset, end };
      continue;
    }
    if (filesz > 0n && offset < lead) {
      return fault(
        `its segment for ${
          formatAddress(paddr)
        } does not start on a page of ${pageSize} bytes, nor does the file hold ` +
          "the bytes before it",
      );
    }
    parts.push(
      filesz === 0n ? { mem, offset: 0n, length: 0n, end } : { mem, offset: offset - lead, length: filesz + lead, end },
    );
  }
  return {
    kind: "segments",
    segments: parts.map(({ mem, offset, length, end }, index): Segment => ({
      name: parts.length === 1 ? "kernel" : `kernel ${index + 1}`,
      mem,
      memsz: alignUp(end, pageSize) - mem,
      bytes: length === 0n ? { kind: "zero" } : { kind: "file", path, offset: Number(offset), length: Number(length) },
    })),
  };
}

function layoutError(message: string): Diagnostic {
  return {
    code: "elf-layout",
    severity: "error",
    message,
    hint: "Link its parts to pages of their own; kexec_load takes whole pages that do not overlap",
  };
}
