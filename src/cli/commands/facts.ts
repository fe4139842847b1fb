import type { ExitName } from "../../core/program.ts";
import { type Command, formOf, type Invocation, isSet, outputOption } from "../command.ts";
import type { Ports } from "../ports.ts";
import { progressOf } from "../progress.ts";
import { complain, dataText, report } from "../report.ts";

const OUTPUT = outputOption("json", "yaml");

/** `warmboot facts`. */
export const facts: Command = {
  name: "facts",
  usage: "[--images PROFILE...]",
  words: { min: 0, max: Infinity },
  summary: "Capture this host, so that plans can be made elsewhere",
  description:
    "Prints the raw text of every source that a plan is made from, by path. `warmboot plan --facts FILE` then makes, anywhere, the plan that it would make here, byte for byte. Run it as root: the kernel hides the addresses of /proc/iomem from others.\nWith --images it adds what plans of these profiles need of the files that they name: sizes, digests and headers. The plan can then be made where the kernel and the initrd are not.\nWith --redact the capture may be kept in a repository: it lacks what shows where the kernel is in memory, random seeds, and values of the command line that look like secrets. Plans of crash kernels by kexec_load need a capture without it.",
  options: [
    OUTPUT,
    { name: "images", doc: "Capture the files that these profiles name, too" },
    { name: "redact", doc: "Leave out addresses of the kernel (KASLR) and secrets, for a repository" },
  ],
  examples: [
    { line: "warmboot facts > host.json", doc: "Capture" },
    { line: "warmboot facts --images web.yaml > host.json", doc: "The same, with the kernel and initrd of a profile" },
    { line: "warmboot facts --redact > web1.json", doc: "For a repository" },
    { line: "warmboot plan web.yaml --facts host.json", doc: "Plan elsewhere" },
  ],
  exits: {
    data: "A profile of --images is invalid",
    noinput: "A profile of --images, or a file that it names, is missing or unreadable",
    unavailable: "The host does not run Linux, or hides what every plan needs",
    permission: "The host may not be read",
  },
  run,
};

async function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
  const { words } = invocation;
  if (isSet(invocation, "images") !== words.length > 0) {
    if (words.length > 0) complain(`facts takes a profile only with --images`, `Write --images ${words[0]}`, ports);
    else complain("--images needs a profile, whose files it captures", "Write --images PROFILE", ports);
    return "usage";
  }
  const { captureHost } = await import("../../app/capture_host.ts");
  const { captureText } = await import("../../host/capture.ts");
  const { capture, host, images } = await captureHost({
    images: words,
    redact: isSet(invocation, "redact"),
    onReading: progressOf(ports),
  });
  const exit = report(host, ports);
  const failed = report(images, ports);
  if (capture === undefined) return failed === "ok" ? exit : failed;
  const text = captureText(capture);
  ports.out.write(formOf(invocation, OUTPUT) === "yaml" ? await dataText(JSON.parse(text), "yaml") : text);
  return exit;
}
