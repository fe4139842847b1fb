export interface ParseOptions {
  string?: string | readonly string[];
  boolean?: boolean | string | readonly string[];
  collect?: string | readonly string[];
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}
export function parseArgs(
  args: string[],
  options?: ParseOptions,
): { [name: string]: unknown; _: (string | number)[] };
