import type { ExitName } from "../../core/program.ts";
import { closeFile, hashFile, openFile } from "../../app/files/open_file.ts";
import type { FileDigests } from "../../state/crash_status.ts";
import { statusOf } from "../../state/status.ts";
import { filesOf } from "../../plan/plan.ts";
import { renderStatus } from "../../render/status.ts";
import { booted } from "../../app/booted.ts";
import { type Invocation, textOption } from "../command.ts";
import type { Ports } from "../ports.ts";
import { readFacts } from "../../app/prepare.ts";
import { findRecord } from "../../state/record_store.ts";
import { report, say } from "../report.ts";
import { yamlText } from "../serialise.ts";
import type { FoundRecord } from "../../state/record.ts";
import { jsonText } from "../../core/text.ts";

/** Does what `warmboot status` is asked to. */
export async function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
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
}

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
