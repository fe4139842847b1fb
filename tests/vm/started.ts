/** What is started and brings no agent: it is seen on the console. */
import type { Machine } from "./machine.ts";

/** Starts what is loaded: what the console says until it has said this. @throws {Error} if it does not in time */
export async function seen(machine: Machine, pattern: RegExp, seconds = 480): Promise<string> {
  const before = machine.console().length;
  machine.run("warmboot exec --now").catch(() => undefined);
  for (let waited = 0; !pattern.test(machine.console(before)); waited++) {
    if (waited > 10 * seconds) {
      throw new Error(`No ${pattern} within ${seconds} s: ${machine.console(before).slice(-2000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return machine.console(before);
}
