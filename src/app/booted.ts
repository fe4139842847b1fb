import type { ExitName } from "../core/program.ts";
import { diffPlans } from "../diff/compare.ts";
import { runningSide } from "../diff/side.ts";
import type { Invocation } from "../cli/command.ts";
import { writeDiff } from "../cli/actions/diff.ts";
import type { Ports } from "../cli/ports.ts";
import { complain, exitOf, say } from "../cli/report.ts";
import { fileSide, hostOnce } from "./diff_operands.ts";

/**
 * Says whether the running system is what a profile or a stored plan declares: `ok` if it is, `differs` if not, and
 * `unavailable` where that cannot be told, since the image does not state its release and there is no stamp.
 */
export async function booted(word: string, invocation: Invocation, ports: Ports): Promise<ExitName> {
  const host = hostOnce(undefined, ports);
  const found = await fileSide(word, host, ports);
  if ("exit" in found) return found.exit;
  const { facts, diagnostics } = host.read();
  if (facts === undefined) return exitOf(diagnostics);
  const diff = diffPlans(found.side, runningSide(facts));
  writeDiff(diff, invocation, ports);
  if (!diff.same) {
    say(`The running system is not what ${word} declares`, ports);
    return "differs";
  }
  if (diff.certain) {
    say(`The running system is what ${word} declares: its stamp says so, for certain`, ports);
    return "ok";
  }
  const decisive = diff.unknown.find(({ what }) => what === "the kernel's release" || what === "the command line");
  if (decisive !== undefined) {
    complain(
      `Whether the running system is what ${word} declares cannot be told: ${decisive.side} does not tell ${decisive.what}`,
      "Set `stamp: true` in the profile before the next boot",
      ports,
    );
    return "unavailable";
  }
  say(
    `The running system is what ${word} declares, by release and command line; with \`stamp: true\` it is certain`,
    ports,
  );
  return "ok";
}
