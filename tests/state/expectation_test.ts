import { assertEquals } from "@std/assert";
import type { KernelStart } from "../../src/plan/kernel_start.ts";
import { type MeasuredReboot, outlookOf } from "../../src/state/expectation.ts";

const pure = (name: string, fn: () => void) => Deno.test({ name, permissions: "none", fn });

const PACKED: KernelStart = { packing: "xz", unpacked: false, saves: 2_600 };
const UNPACKED: KernelStart = { ...PACKED, unpacked: true };

const times = (kernel: KernelStart, ...all: readonly number[]): readonly MeasuredReboot[] =>
  all.map((milliseconds) => ({ kernel, milliseconds }));

pure("a reboot is expected to take what the last three took, in the middle", () => {
  const three = { milliseconds: 6_000, basis: "measured", attempts: 3 } as const;
  assertEquals(outlookOf(PACKED, times(PACKED, 6_000, 9_000, 5_000, 1, 1, 1)).planned, three);
  assertEquals(outlookOf(PACKED, times(PACKED, 10_000, 9_000, 100_000)).planned, { ...three, milliseconds: 10_000 });
  assertEquals(outlookOf(PACKED, times(PACKED, 6_000)).planned, { ...three, attempts: 1 });
  assertEquals(outlookOf(PACKED, times(PACKED, 6_001, 7_000)).planned, { ...three, milliseconds: 6_501, attempts: 2 });
});

pure("only kernels count that are packed in the same way", () => {
  assertEquals(outlookOf(PACKED, times({ packing: "zstd", unpacked: false }, 6_000)), { saves: 2_600 });
  assertEquals(outlookOf({ packing: "lz4", unpacked: false }, []), {});
});

pure("the other way is measured, where it was taken, else estimated", () => {
  const measured = times(PACKED, 6_000);
  assertEquals(outlookOf(PACKED, measured).unpacked, { milliseconds: 3_400, basis: "estimated", attempts: 1 });
  assertEquals(outlookOf(PACKED, [...times(UNPACKED, 3_100), ...measured]).unpacked, {
    milliseconds: 3_100,
    basis: "measured",
    attempts: 1,
  });
  assertEquals(outlookOf(UNPACKED, measured), {
    planned: { milliseconds: 3_400, basis: "estimated", attempts: 1 },
    saves: 2_600,
  });
  assertEquals(outlookOf(PACKED, times(UNPACKED, 3_400)).planned, {
    milliseconds: 6_000,
    basis: "estimated",
    attempts: 1,
  });
  assertEquals(outlookOf(UNPACKED, times(PACKED, 2_000)).planned?.milliseconds, 0);
});

pure("without an estimate, the other way is not known", () => {
  const { saves: _, ...packed } = PACKED;
  assertEquals(outlookOf(packed, times(packed, 6_000)), {
    planned: { milliseconds: 6_000, basis: "measured", attempts: 1 },
  });
  assertEquals(outlookOf({ ...packed, unpacked: true }, times(packed, 6_000)), {});
});
