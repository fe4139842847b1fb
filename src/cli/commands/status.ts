import { jsonText } from "../../core/json_text.ts";
import { closeFile, hashFile, openFile } from "../../host/files.ts";
import type { FileDigests } from "../../kernel/crash_status.ts";
import { type FoundRecord, statusOf } from "../../kernel/status.ts";
import { filesOf } from "../../plan/plan.ts";
import { renderStatus } from "../../render/status.ts";
import { booted } from "../booted.ts";
import { type Command, type Option, outputOption, textOption } from "../command.ts";
import { readFacts } from "../prepare.ts";
import { findRecord } from "../record_store.ts";
import { report, say } from "../report.ts";
import { yamlText } from "../serialise.ts";

const BOOTED_OPTION: Option = {
  name: "booted",
  value: "PROFILE|PLAN",
  doc: "Say whether the running system is what this declares, and how not; exit code 0 if it is, 1 if not",
};

/** `warmboot status`. */
export const status: Command = {
  name: "status",
  usage: "",
  words: { min: 0, max: 0 },
  summary: "Say what is loaded, by whom and since when, and what the host allows",
  description:
    "Holds what the kernel says (loaded or not) against the record that `warmboot load` left under /run/warmboot, and that against the files as they are now; says what memory is reserved for a crash kernel, and lists what on this host would stand in the way of a load.",
  options: [outputOption("text", "json", "yaml"), BOOTED_OPTION],
  examples: [
    { line: "warmboot status", doc: "Look" },
    { line: "warmboot status --booted web.yaml", doc: "After a reboot, in a script: did we get what was declared?" },
    { line: "warmboot status -o json", doc: "The same for a program" },
  ],
  async run(invocation, ports) {
    const declared = textOption(invocation, "booted");
    if (declared !== undefined) return await booted(declared, invocation, ports);
    const { facts, diagnostics } = readFacts(undefined);
    const exit = report(diagnostics, ports);
    if (facts === undefined) return exit;
    const [reboot, crash] = [findRecord("reboot"), findRecord("crash")];
    if (reboot.busy || crash.busy) {
      say("Another warmboot is loading an image right now; this is how it was before", ports);
    }
    const found = statusOf(facts, reboot.found, crash.found, await digests([reboot.found, crash.found]));
    const form = textOption(invocation, "output") ?? "text";
    ports.out.write(
      form === "json" ? jsonText(found) : form === "yaml" ? yamlText(found) : renderStatus(found, ports.out.layout),
    );
    return "ok";
  },
};

/** The digests of the files that the recorded images came from, as they are now. */
async function digests(records: readonly FoundRecord[]): Promise<FileDigests> {
  const paths = new Set(
    records.flatMap((found) => found.kind === "record" ? filesOf(found.record.plan.call).map(({ path }) => path) : []),
  );
  const found = new Map<string, string | undefined>();
  for (const path of paths) {
    const { value: file } = openFile(path);
    found.set(path, file === undefined ? undefined : await hashFile(file).catch(() => undefined));
    if (file !== undefined) closeFile(file);
  }
  return found;
}
