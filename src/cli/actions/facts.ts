import type { ExitName } from "../../core/program.ts";
import { hasErrors } from "../../core/diagnostic.ts";
import { type Capture, captureText, collect } from "../../host/capture.ts";
import { decodeFacts } from "../../host/decode_facts.ts";
import { liveReader } from "../../host/live.ts";
import { captureImages } from "../../app/capture_images.ts";
import { type Invocation, isSet, textOption } from "../command.ts";
import type { Ports } from "../ports.ts";
import { complain, report } from "../report.ts";
import { yamlText } from "../serialise.ts";

/** Does what `warmboot facts` is asked to. */
export async function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
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
}
