import { captureText, collect } from "../../host/capture.ts";
import { decodeFacts } from "../../host/decode_facts.ts";
import { liveReader } from "../../host/live.ts";
import { type Command, outputOption, textOption } from "../command.ts";
import { report } from "../report.ts";
import { yamlText } from "../serialise.ts";

/** `warmboot facts`. */
export const facts: Command = {
  name: "facts",
  usage: "",
  words: { min: 0, max: 0 },
  summary: "Capture this host, so that plans can be made elsewhere",
  description:
    "Prints the raw text of every source that a plan is made from, by path. `warmboot plan --facts FILE` then makes, anywhere, the plan that it would make here, byte for byte. Run it as root: the kernel hides the addresses of /proc/iomem from others.",
  options: [outputOption("json", "yaml")],
  examples: [
    { line: "warmboot facts > host.json", doc: "Capture" },
    { line: "warmboot plan web.yaml --facts host.json", doc: "Plan elsewhere" },
  ],
  run(invocation, ports) {
    const capture = collect(liveReader());
    const text = captureText(capture);
    ports.out.write(textOption(invocation, "output") === "yaml" ? yamlText(JSON.parse(text)) : text);
    return Promise.resolve(report(decodeFacts(capture).diagnostics, ports));
  },
};
