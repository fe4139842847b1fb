import { type ExitName, worse } from "../../core/program.ts";
import { templateText } from "../../profile/profile_template.ts";
import { managedMarkOf, managedProfileText } from "../../profile/managed_profile.ts";
import { PROFILE_ROOTS } from "../../profile/search.ts";
import { type Invocation, textOption } from "../command.ts";
import { templateFromNewest, type Wanted } from "../../app/init_installed.ts";
import { pinFiles } from "../../app/pin_files.ts";
import type { Ports } from "../ports.ts";
import { PROFILE_LIMIT, readWhole } from "../../app/files/read_whole.ts";
import { complain, report, say } from "../report.ts";
import { findFiles, isFolder } from "../../app/files/find_files.ts";
import { writeWhole } from "../../app/files/write_whole.ts";

/** Where profiles of the administrator are. */
const [DEFAULT_FOLDER = "/etc/warmboot"] = PROFILE_ROOTS;

/** Does what `warmboot refresh` is asked to. */
export async function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
  const root = (textOption(invocation, "root") ?? "").replace(/\/+$/, "");
  const without = textOption(invocation, "without");
  const wanted: Wanted = { withInitrd: true, ...(without === undefined ? {} : { without }) };
  const words = invocation.words.length > 0 ? invocation.words : [`${root}${DEFAULT_FOLDER}`];
  let exit: ExitName = "ok";
  const note = (found: ExitName): void => {
    exit = worse(exit, found);
  };
  for (const word of words) {
    // Without the default folder, there is nothing to follow anything.
    if (!isFolder(word) && invocation.words.length === 0) break;
    const { files, diagnostics } = isFolder(word) ? findFiles(word, /\.yaml$/) : { files: [word], diagnostics: [] };
    note(report(diagnostics, ports));
    for (const file of files) note(await refreshFile(file, { root, wanted, isNamed: file === word }, ports));
  }
  return exit;
}

interface Context {
  readonly root: string;
  readonly wanted: Wanted;
  /** Whether the file was named, and not found in a folder. */
  readonly isNamed: boolean;
}

async function refreshFile(file: string, { root, wanted, isNamed }: Context, ports: Ports): Promise<ExitName> {
  const { bytes, diagnostics } = readWhole(file, PROFILE_LIMIT);
  if (bytes === undefined) return report(diagnostics, ports);
  const text = new TextDecoder().decode(bytes);
  const mark = managedMarkOf(text);
  if (mark === undefined) {
    if (!isNamed) return "ok";
    complain(
      `${file} follows no kernel: it is as a person wrote it`,
      "Have one written with: warmboot init --newest --follow --out FILE",
      ports,
    );
    return "unavailable";
  }
  if (!mark.isIntact) {
    complain(
      `${file} was changed since it was written, and is left as it is`,
      "Put your keys into a profile that extends it, and remove it; or remove its first line to keep it",
      ports,
    );
    return "unavailable";
  }
  const drafted = templateFromNewest(root, wanted);
  const draft = drafted.value === undefined || !mark.pin ? drafted : await pinFiles(drafted.value, root);
  const stays = `${file} stays as it is`;
  const failed = report(draft.diagnostics.map((problem) => ({ ...problem, hint: stays })), ports);
  if (draft.value === undefined) return failed;
  const fresh = managedProfileText(templateText(draft.value), mark);
  if (fresh === text) {
    ports.out.write(`${file}: as it was, ${draft.value.kernel.path}\n`);
    return "ok";
  }
  writeWhole(file, fresh);
  ports.out.write(`${file}: written anew, ${draft.value.kernel.path}\n`);
  if (draft.value.initrd.length === 0) say("No initrd was found for it, nor for any other kernel", ports);
  return "ok";
}
