import type { ExitName } from "../../core/program.ts";
import type { HostFacts } from "../../host/facts.ts";
import { type Command, OUTCOME_OPTION } from "../command.ts";
import { withOutcome } from "../outcome.ts";
import { withHost } from "../host.ts";
import type { Ports } from "../ports.ts";
import { say } from "../report.ts";

/** `warmboot arrive`. */
export const arrive: Command = {
  name: "arrive",
  usage: "",
  words: { min: 0, max: 0 },
  summary: "Write down how the last reboot ended; at each boot",
  description:
    "For warmboot-arrive.service, or the boot scripts of another init system. Holds the running system against the last reboot into a loaded image: did that image arrive, or did the firmware boot something else? It writes the answer to /var/lib/warmboot/attempts, where `warmboot history` finds it. In a crash kernel it does nothing.",
  options: [OUTCOME_OPTION],
  examples: [{ line: "warmboot arrive", doc: "Early in the boot, once /var is mounted" }],
  exits: {
    data: "A fact of the host is malformed",
    permission: "The host may not be read, or the attempts may not be written",
  },
  run: (invocation, ports) =>
    withOutcome(
      "arrive",
      invocation,
      ports,
      (ports, onChange) => withHost(ports, (facts) => run(facts, ports, onChange)),
    ),
};

async function run(facts: HostFacts, ports: Ports, onChange: () => void): Promise<ExitName> {
  const { arrive } = await import("../../app/attempts.ts");
  const { describeEnd } = await import("../../render/history.ts");
  const arrival = arrive(facts);
  switch (arrival.kind) {
    case "crash-kernel":
      say("This is a crash kernel, so that no attempt is looked at", ports);
      return "ok";
    case "nothing-open":
      ports.out.write("No reboot is waiting for its end\n");
      return "ok";
    case "ended":
      onChange();
      ports.out.write(`The reboot of ${arrival.attempt.askedAt}: ${describeEnd(arrival.attempt)}\n`);
      return "ok";
  }
}
