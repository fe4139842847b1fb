import { statusOf } from "../../kernel/status.ts";
import { renderStatus } from "../../render/status.ts";
import { type Command, outputOption, textOption } from "../command.ts";
import { readFacts } from "../prepare.ts";
import { findRecord } from "../record_store.ts";
import { report, say } from "../report.ts";
import { jsonText, yamlText } from "../serialise.ts";

/** `warmboot status`. */
export const status: Command = {
  name: "status",
  usage: "",
  words: { min: 0, max: 0 },
  summary: "Say what is loaded, by whom and since when, and what the host allows",
  description:
    "Holds what the kernel says (loaded or not) against the record that `warmboot load` left under /run/warmboot, and lists what on this host would stand in the way of a load.",
  options: [outputOption("text", "json", "yaml")],
  examples: [
    { line: "warmboot status", doc: "Look" },
    { line: "warmboot status -o json", doc: "The same for a program" },
  ],
  run(invocation, ports) {
    const { facts, diagnostics } = readFacts(undefined);
    const exit = report(diagnostics, ports);
    if (facts === undefined) return Promise.resolve(exit);
    const [reboot, crash] = [findRecord("reboot"), findRecord("crash")];
    if (reboot.busy || crash.busy) {
      say("Another warmboot is loading an image right now; this is how it was before", ports);
    }
    const found = statusOf(facts, reboot.found, crash.found);
    const form = textOption(invocation, "output") ?? "text";
    ports.out.write(
      form === "json" ? jsonText(found) : form === "yaml" ? yamlText(found) : renderStatus(found, ports.out.layout),
    );
    return Promise.resolve("ok");
  },
};
