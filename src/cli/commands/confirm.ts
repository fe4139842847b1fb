import type { ExitName } from "../../core/program.ts";
import type { HostFacts } from "../../host/facts.ts";
import { type Command, OUTCOME_OPTION } from "../command.ts";
import { withOutcome } from "../outcome.ts";
import { withHost } from "../host.ts";
import type { Ports } from "../ports.ts";
import { complain, warn } from "../report.ts";

/** `warmboot confirm`. */
export const confirm: Command = {
  name: "confirm",
  usage: "",
  words: { min: 0, max: 0 },
  summary: "Say that the running system, into which warmboot led, is good",
  description:
    "For a health check, or by hand. Marks the reboot that led into the running system as confirmed, and ends its guard; `warmboot history` shows it. A system that was booted in another way cannot be confirmed.",
  options: [OUTCOME_OPTION],
  examples: [{ line: "warmboot confirm", doc: "Once the services are known to work" }],
  exits: {
    data: "A fact of the host is malformed",
    unavailable: "The running system is not one that a reboot into a loaded image led to",
    permission: "The host may not be read, or the attempts may not be written",
  },
  run: (invocation, ports) =>
    withOutcome(
      "confirm",
      invocation,
      ports,
      (ports, onChange) => withHost(ports, (facts) => run(facts, ports, onChange)),
    ),
};

async function run(facts: HostFacts, ports: Ports, onChange: () => void): Promise<ExitName> {
  const { confirm } = await import("../../app/attempts.ts");
  const confirmation = confirm(facts);
  switch (confirmation.kind) {
    case "confirmed":
      onChange();
      ports.out.write(`Confirmed: ${facts.release} is good\n`);
      if (confirmation.problem !== undefined) warn(confirmation.problem, undefined, ports);
      return "ok";
    case "already":
      ports.out.write(`${facts.release} was confirmed before\n`);
      if (confirmation.problem !== undefined) warn(confirmation.problem, undefined, ports);
      return "ok";
    case "nothing-arrived": {
      const { describeEnd } = await import("../../render/history.ts");
      const { last } = confirmation;
      complain(
        last === undefined
          ? "There is nothing to confirm: no reboot into an image of warmboot is remembered"
          : `There is nothing to confirm: the last reboot (${last.askedAt}): ${describeEnd(last)}`,
        "See what was tried: warmboot history",
        ports,
      );
      return "unavailable";
    }
  }
}
