import { type Command, outputOption } from "../command.ts";

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
  run: async (...call) => await (await import("../actions/facts.ts")).run(...call),
};
