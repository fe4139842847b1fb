/** What the bench of interruptions has found, as it is kept in results/interruption.json; a table is made from it. */
import { keepNamed, keptResults } from "./kept_results.ts";
import { markdownTable } from "./markdown_table.ts";
import { median, spreadOf } from "./pairs.ts";

/** Who loads the image, and how. systemd reboots into it in each way. */
export type InterruptionWay = "kexec -c" | "kexec -s" | "load: kexec_file_load" | "predecompress: true";

/** The ways in the order of the table: kexec-tools', then warmboot's. */
export const INTERRUPTION_WAYS: readonly InterruptionWay[] = [
  "kexec -c",
  "kexec -s",
  "load: kexec_file_load",
  "predecompress: true",
];

/** Seconds until multi-user.target of the next boot. */
export interface Interruption {
  /** From the command that reboots. */
  readonly asked: number;
  /** From the first service that stops. */
  readonly down: number;
}

/** One kernel: by each way, each round. */
export interface InterruptionResult {
  /** What its kernel is packed with; the name under which it is measured. */
  readonly name: string;
  /** As uname -r. */
  readonly kernel: string;
  /** QEMU's version. */
  readonly qemu: string;
  readonly seconds: { readonly [way in InterruptionWay]: readonly Interruption[] };
}

/** All that is kept. */
export function interruptionResults(): readonly InterruptionResult[] {
  return keptResults("interruption") ?? [];
}

/** Keeps a result in the place of the one that has its name. */
export async function keepInterruption(result: InterruptionResult): Promise<void> {
  await keepNamed("interruption", result);
}

/**
 * How long a way takes, as a part of what the quicker way of kexec-tools takes: the median over the rounds, each compared
 * within itself, since a machine drifts.
 */
export function interruptionRatio(
  { seconds }: InterruptionResult,
  way: InterruptionWay,
  from: keyof Interruption,
): number {
  const of = (each: InterruptionWay, round: number): number => seconds[each][round]?.[from] ?? NaN;
  return median(seconds[way].map((one, round) => one[from] / Math.min(of("kexec -c", round), of("kexec -s", round))));
}

/** Every way, from the command and from the first service that stops, with the extremes and the ratios. */
export function interruptionTable(results: readonly InterruptionResult[]): string {
  const rows = results.flatMap((result) =>
    INTERRUPTION_WAYS.map((way, index) => [
      index === 0 ? `${/^\d+\.\d+/.exec(result.kernel)?.[0] ?? result.kernel} (${result.name})` : "",
      way.startsWith("kexec -") ? "kexec-tools" : "warmboot",
      `\`${way}\``,
      ...(["asked", "down"] as const).flatMap((from) => {
        const { median, least, most } = spreadOf(result.seconds[way].map((one) => one[from]));
        return [
          `${median.toFixed(1)} (${least.toFixed(1)} to ${most.toFixed(1)})`,
          interruptionRatio(result, way, from).toFixed(2),
        ];
      }),
    ])
  );
  const head = ["Kernel", "Loaded by", "Way", "From the command, s", "Ratio", "From the first stop, s", "Ratio"];
  return markdownTable(head, rows, [3, 4, 5, 6]);
}
