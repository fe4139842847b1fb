/** What is started and brings no agent: it is seen on the console. */
import type { Machine } from "./machine.ts";
import { PATIENCE } from "./within.ts";

/**
 * Starts what is loaded, by this command: what the console says until it has said this.
 *
 * @throws {Error} if it does not in time, or the command fails
 */
export async function seen(
  machine: Machine,
  pattern: RegExp,
  command = "warmboot exec --now",
): Promise<string> {
  const before = machine.console().length;
  let failure: string | undefined;
  // It does not answer once another system runs.
  machine.run(command).then(({ code, stdout, stderr }) => {
    failure = `\`${command}\` ended with ${code}: ${stdout}${stderr}`;
  }, () => undefined);
  for (let waited = 0; !pattern.test(machine.console(before)); waited++) {
    if (failure !== undefined) throw new Error(failure);
    if (waited > 10 * PATIENCE) {
      throw new Error(`No ${pattern} within ${PATIENCE} s: ${machine.console(before).slice(-2000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return machine.console(before);
}
