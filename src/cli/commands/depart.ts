import type { ExitName } from "../../core/program.ts";
import type { HostFacts } from "../../host/facts.ts";
import { type Command, OUTCOME_OPTION } from "../command.ts";
import { withOutcome } from "../outcome.ts";
import { withHost } from "../host.ts";
import type { Ports } from "../ports.ts";
import { complain, warn } from "../report.ts";

/** `warmboot depart`. */
export const depart: Command = {
  name: "depart",
  usage: "",
  words: { min: 0, max: 0 },
  summary: "Write down that the shutdown into the loaded image has begun",
  description:
    "For warmboot-arrive.service, which runs it when it is stopped, and for the shutdown scripts of other init systems: `systemctl kexec`, and from systemd 257 on `systemctl reboot`, boot what is loaded without asking warmboot. It notes under /var/lib/warmboot/attempts what is about to be booted, so that the next boot can say whether it arrived. Where systemd goes on to something else, and where warmboot loaded nothing, it notes nothing of that. It also completes how long the reboot took that led into this boot.",
  options: [OUTCOME_OPTION],
  examples: [{ line: "warmboot depart", doc: "Last, before /var is unmounted" }],
  exits: {
    data: "A fact of the host is malformed",
    unavailable: "systemd does not say whether it goes on to the loaded image",
    permission: "The host may not be read, or the attempts may not be written",
  },
  run: (invocation, ports) =>
    withOutcome(
      "depart",
      invocation,
      ports,
      (ports, onChange) => withHost(ports, (facts) => run(facts, ports, onChange)),
    ),
};

async function run(facts: HostFacts, ports: Ports, onChange: () => void): Promise<ExitName> {
  const { depart } = await import("../../app/departure.ts");
  const departure = await depart(facts, onChange);
  switch (departure.kind) {
    case "staying":
      ports.out.write("No shutdown into a loaded image is under way\n");
      return "ok";
    case "not-ours":
      ports.out.write("No image that warmboot loaded is about to be booted\n");
      return "ok";
    case "unknown":
      complain(`Cannot determine whether systemd goes on to the loaded image: ${departure.reason}`, undefined, ports);
      return "unavailable";
    case "leaving":
      onChange();
      if (departure.unasked !== undefined) warn(departure.unasked.message, departure.unasked.hint, ports);
      ports.out.write(`Leaving ${facts.release} for ${departure.attempt.to.release ?? "the loaded image"}\n`);
      return "ok";
  }
}
