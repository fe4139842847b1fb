import { hasErrors } from "../../core/diagnostic.ts";
import { type Capture, captureText, collect } from "../../host/capture.ts";
import { decodeFacts } from "../../host/decode_facts.ts";
import { liveReader } from "../../host/live.ts";
import { captureImages } from "../capture_images.ts";
import { type Command, isSet, outputOption, textOption } from "../command.ts";
import { complain, report } from "../report.ts";
import { yamlText } from "../serialise.ts";

/** `warmboot facts`. */
export const facts: Command = {
  name: "facts",
  usage: "[--images PROFILE...]",
  words: { min: 0, max: Infinity },
  summary: "Capture this host, so that plans can be made elsewhere",
  description:
    "Prints the raw text of every source that a plan is made from, by path. `warmboot plan --facts FILE` then makes, anywhere, the plan that it would make here, byte for byte. Run it as root: the kernel hides the addresses of /proc/iomem from others.\nWith --images it adds what plans of these profiles need of the files that they name: sizes, digests and headers. The plan can then be made where the kernel and the initrd are not.",
  options: [
    outputOption("json", "yaml"),
    { name: "images", doc: "Capture the files that these profiles name, too" },
  ],
  examples: [
    { line: "warmboot facts > host.json", doc: "Capture" },
    { line: "warmboot facts --images web.yaml > host.json", doc: "The same, with the kernel and initrd of a profile" },
    { line: "warmboot plan web.yaml --facts host.json", doc: "Plan elsewhere" },
  ],
  async run(invocation, ports) {
    const { words } = invocation;
    if (isSet(invocation, "images") !== words.length > 0) {
      if (words.length > 0) complain(`facts takes a profile only with --images`, `Write --images ${words[0]}`, ports);
      else complain("--images needs a profile, whose files it captures", "Write --images PROFILE", ports);
      return "usage";
    }
    const host = collect(liveReader());
    const decoded = decodeFacts(host);
    const exit = report(decoded.diagnostics, ports);
    let capture: Capture = host;
    if (words.length > 0) {
      if (decoded.value === undefined) return exit;
      const { images, diagnostics } = await captureImages(words, decoded.value, ports);
      const failed = report(diagnostics, ports);
      // Half a capture would plan with whatever files lie where it is used.
      if (hasErrors(diagnostics)) return failed;
      capture = { ...host, images };
    }
    const text = captureText(capture);
    ports.out.write(textOption(invocation, "output") === "yaml" ? yamlText(JSON.parse(text)) : text);
    return exit;
  },
};
