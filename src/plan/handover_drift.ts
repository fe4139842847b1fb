import type { Range } from "../core/range.ts";
import type { HostFacts } from "../host/facts.ts";
import { BACKUP, ELFCOREHDR } from "./crash_segments.ts";
import { linuxMachine } from "../arch/machines.ts";
import { type Call, HANDOVERS, type PlannedSegment } from "./plan.ts";
import { type Images, namedTree } from "../image/boot_files.ts";

/** Bytes that do not describe the host: the text cursor in screen_info is where the running kernel's console happened to begin. */
const PASSING: { readonly [handover: string]: readonly number[] } = { "boot_params": [0, 1] };

/**
 * Whether a planned handover describes another host than the current one: memory map, firmware, devices, screen. A stored
 * plan may be from an earlier boot; a kernel that believes in memory which firmware has claimed since destroys what lies
 * there. Where the running kernel itself lies (KASLR) is not part of it. False for a call without a handover of ours.
 */
export function handsOverAnother(call: Call, facts: HostFacts, images: Images): boolean {
  if (call.syscall !== "kexec_load" || images.kernel === undefined) return false;
  const planned = call.segments.find(({ name }) => HANDOVERS.includes(name));
  const kernel = linuxMachine(facts.machine)?.kernelImage(images.kernel, facts.pageSize).value;
  if (planned === undefined || planned.source.kind !== "bytes" || kernel === undefined) return false;
  const kept = call.segments.filter(({ name }) => name === ELFCOREHDR || name === BACKUP);
  const elfcorehdr = kept.find(({ name }) => name === ELFCOREHDR);
  const initrd = initrdOf(call.segments);
  const deviceTree = namedTree(images);
  const { value: handover } = kernel.handOver({
    facts,
    cmdline: call.cmdline,
    initrd: initrd !== undefined,
    kaslr: call.bases !== undefined,
    ...(deviceTree === undefined ? {} : { deviceTree }),
    ...(elfcorehdr === undefined ? {} : { crash: { elfcorehdr: bytesOf(elfcorehdr), kept: kept.map(rangeOf) } }),
  });
  if (handover === undefined) return true;
  const { bytes } = handover.build(BigInt(planned.mem), initrd);
  return comparable(planned.name, bytes) !== comparable(planned.name, Uint8Array.fromBase64(planned.source.base64));
}

function comparable(name: string, bytes: Uint8Array): string {
  const copy = bytes.slice();
  for (const offset of PASSING[name] ?? []) copy[offset] = 0;
  return copy.toBase64();
}

/** From the first byte of the first initrd to the last byte of the last: they are contiguous. */
function initrdOf(
  segments: readonly PlannedSegment[],
): { readonly address: bigint; readonly size: bigint } | undefined {
  const initrds = segments.filter(({ name }) => /^initrd( \d+)?$/.test(name));
  const [first, last] = [initrds[0], initrds.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  return { address: BigInt(first.mem), size: BigInt(last.mem) + BigInt(last.bufsz) - BigInt(first.mem) };
}

function rangeOf({ mem, memsz }: PlannedSegment): Range {
  return { start: BigInt(mem), end: BigInt(mem) + BigInt(memsz) };
}

function bytesOf({ mem, bufsz }: PlannedSegment): Range {
  return { start: BigInt(mem), end: BigInt(mem) + BigInt(bufsz) };
}
