import { choice, count, flag, omitUndefined, record, type Shape, text } from "../core/shape.ts";
import type { KernelStart } from "../plan/kernel_start.ts";

/** How long a reboot is expected to take, until user space is up. */
export interface Expectation {
  /** Milliseconds. */
  readonly milliseconds: number;
  /** From attempts that started a kernel in the same way; or in the other way, corrected by an estimate. */
  readonly basis: "measured" | "estimated";
  /** How many attempts it is the median of. */
  readonly attempts: number;
}

/** What is known before a reboot of how long it will take. */
export interface Outlook {
  /** As it is planned. */
  readonly planned?: Expectation;
  /** With the kernel unpacked before the reboot, where it is not planned so. */
  readonly unpacked?: Expectation;
  /** What unpacking the kernel before the reboot is estimated to save, milliseconds. */
  readonly saves?: number;
}

/** An earlier reboot of the same host. */
export interface MeasuredReboot {
  /** How its kernel started. */
  readonly kernel: KernelStart;
  /** How long it took until user space was up, milliseconds. */
  readonly milliseconds: number;
}

/** Of more attempts than these, the older ones do not count. */
const COUNTED = 3;

/**
 * How long a reboot will take: as the last ones of this host took, whose kernels were packed in the same way. `measured`: the
 * newest first.
 */
export function outlookOf(kernel: KernelStart, measured: readonly MeasuredReboot[]): Outlook {
  const { unpacked, saves } = kernel;
  return omitUndefined({
    planned: expectation(kernel, unpacked, measured),
    unpacked: unpacked ? undefined : expectation(kernel, true, measured),
    saves,
  });
}

function expectation(
  { packing, saves }: KernelStart,
  unpacked: boolean,
  measured: readonly MeasuredReboot[],
): Expectation | undefined {
  const timesOf = (way: boolean): readonly number[] =>
    measured.filter(({ kernel }) => kernel.packing === packing && kernel.unpacked === way)
      .slice(0, COUNTED).map(({ milliseconds }) => milliseconds);
  const same = timesOf(unpacked);
  if (same.length > 0) return { milliseconds: median(same), basis: "measured", attempts: same.length };
  const others = timesOf(!unpacked);
  if (others.length === 0 || saves === undefined) return undefined;
  const milliseconds = Math.max(0, median(others) + (unpacked ? -saves : saves));
  return { milliseconds, basis: "estimated", attempts: others.length };
}

/** The middle of some numbers, of which there is at least one; of an even number, the mean of the two in the middle. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return Math.round(((sorted[half] ?? 0) + (sorted[sorted.length - 1 - half] ?? 0)) / 2);
}

/** The shape of an expectation. */
export const expectationShape: Shape<Expectation> = record<Expectation>({
  milliseconds: { shape: count, doc: "Until user space is up" },
  basis: {
    shape: choice(["measured", "estimated"]),
    doc: "From attempts that started a kernel in the same way; or in the other way, corrected by an estimate",
  },
  attempts: { shape: count, doc: "How many attempts it is the median of" },
});

/** The shape of how a kernel starts. */
export const kernelStartShape: Shape<KernelStart> = record<KernelStart>({
  packing: { shape: text, doc: "What the kernel is packed with, or `none`" },
  unpacked: { shape: flag, doc: "Whether it is unpacked before the reboot" },
  saves: {
    shape: count,
    doc: "What that is estimated to save, milliseconds; absent where that is not known",
    fallback: { value: undefined },
  },
});
