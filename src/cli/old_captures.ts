import { parseAge } from "../core/duration.ts";
import { type Invocation, MAX_AGE_OPTION, textOption } from "./command.ts";
import type { Ports } from "./ports.ts";
import { complain, report } from "./report.ts";

/**
 * Warns of captures that are older than `--max-age`; the number of warnings. Undefined after reporting that the option has no
 * such value. Without the option there is nothing to warn of.
 */
export async function reportOldCaptures(
  path: string,
  invocation: Invocation,
  ports: Ports,
): Promise<number | undefined> {
  const text = textOption(invocation, MAX_AGE_OPTION.name);
  if (text === undefined) return 0;
  const limit = parseAge(text);
  if (limit === undefined) {
    complain(`--max-age does not accept "${text}"`, "Write a number of days, hours or minutes: 30d, 12h, 90min", ports);
    return undefined;
  }
  const { oldCaptures } = await import("../app/old_captures.ts");
  const found = oldCaptures(path, limit);
  report(found, ports);
  return found.length;
}
