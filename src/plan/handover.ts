import { buildBootParams } from "../arch/x86_64/boot_params.ts";
import { crashE820Of } from "../arch/x86_64/crash_e820.ts";
import { e820Of } from "../arch/x86_64/e820.ts";
import { efiHandover } from "../arch/x86_64/efi.ts";
import type { HostFacts } from "../host/facts.ts";
import { BACKUP, ELFCOREHDR } from "./crash_segments.ts";
import type { Images } from "./input.ts";
import { kernelImage } from "./kernel_image.ts";
import type { Call, PlannedSegment } from "./plan.ts";

/** The text cursor in screen_info: where the running kernel's console happened to begin says nothing of the host. */
const CURSOR = [0, 1] as const;

/**
 * Whether a planned boot_params tells the new kernel something else than this host says now: its memory map, its firmware,
 * its screen. That of a stored plan may be of an earlier boot, and a kernel that is told of memory which firmware has
 * taken since destroys what lies there. Where the running kernel itself lies (KASLR) is in none of it. False for a call
 * without a boot_params of ours.
 */
export function handsOverAnother(call: Call, facts: HostFacts, images: Images): boolean {
  if (call.syscall !== "kexec_load" || images.kernel === undefined) return false;
  const planned = call.segments.find(({ name }) => name === "boot_params");
  const kernel = kernelImage(images.kernel, facts.pageSize).value;
  if (planned === undefined || planned.source.kind !== "bytes" || kernel === undefined) return false;
  const crash = call.segments.filter(({ name }) => name === ELFCOREHDR || name === BACKUP);
  const { value: e820 } = crash.length > 0 ? crashE820Of(facts, crash.map(rangeOf)) : e820Of(facts);
  if (e820 === undefined) return true;
  const initrd = initrdOf(call.segments);
  const { bytes } = buildBootParams({
    header: kernel.header,
    facts,
    cmdline: call.cmdline,
    e820,
    efi: efiHandover(facts, kernel),
    kaslr: call.bases !== undefined,
    ...(initrd === undefined ? {} : { initrd }),
  }, BigInt(planned.mem));
  return comparable(bytes) !== comparable(Uint8Array.fromBase64(planned.source.base64));
}

function comparable(bytes: Uint8Array): string {
  const copy = bytes.slice();
  for (const offset of CURSOR) copy[offset] = 0;
  return copy.toBase64();
}

/** From the first initrd to the last byte of the last: they lie one behind the other. */
function initrdOf(
  segments: readonly PlannedSegment[],
): { readonly address: bigint; readonly size: bigint } | undefined {
  const initrds = segments.filter(({ name }) => /^initrd( \d+)?$/.test(name));
  const [first, last] = [initrds[0], initrds.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  return { address: BigInt(first.mem), size: BigInt(last.mem) + BigInt(last.bufsz) - BigInt(first.mem) };
}

function rangeOf({ mem, memsz }: PlannedSegment): { readonly start: bigint; readonly end: bigint } {
  return { start: BigInt(mem), end: BigInt(mem) + BigInt(memsz) };
}
