import { basename, dirname } from "@std/path/posix";
import type { Checked } from "../../core/diagnostic.ts";
import type { ExitName } from "../../core/program.ts";
import { type ProfileTemplate, templateText } from "../../profile/profile_template.ts";
import { managedProfileText } from "../../profile/managed_profile.ts";
import { parseProfile } from "../../profile/parse.ts";
import { type Invocation, isSet, textOption } from "../command.ts";
import { templateFromEntry, templateFromUki } from "../../app/init_entry.ts";
import { templateFromNewest, templateFromRunning } from "../../app/init_installed.ts";
import { pinFiles } from "../../app/pin_files.ts";
import type { Ports } from "../ports.ts";
import { readFacts } from "../../app/prepare.ts";
import { STDIO } from "../../app/files/read_whole.ts";
import { complain, report, say } from "../report.ts";
import { isFolder } from "../../app/files/find_files.ts";
import { isTaken, writeNew } from "../../app/files/write_whole.ts";

/** Which options say what the profile is written from; at most one of them is given. */
const SOURCES = ["running", "newest", "bls", "uki"] as const;

/** Options that are of use with some sources only. */
const ONLY_WITH: { readonly [option: string]: readonly string[] } = {
  facts: ["running"],
  root: ["running", "newest"],
  boot: ["bls"],
  extract: ["uki"],
  pin: ["running", "newest", "bls"],
  follow: ["newest"],
};

/** Does what `warmboot init` is asked to. */
export async function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
  const given = SOURCES.filter((name) => invocation.options[name] !== undefined);
  const [source = "running", other] = given;
  if (other !== undefined) {
    complain(`--${source} and --${other} exclude one another`, "A profile is written from one thing", ports);
    return "usage";
  }
  const useless = Object.entries(ONLY_WITH).find(([option, sources]) =>
    invocation.options[option] !== undefined && !sources.includes(source)
  );
  if (useless !== undefined) {
    const [option, sources] = useless;
    complain(`--${option} is of no use with --${source}`, `It goes with --${sources.join(" or --")}`, ports);
    return "usage";
  }
  const out = textOption(invocation, "out");
  // Before anything is extracted.
  if (out !== undefined && out !== STDIO) {
    if (isTaken(out)) return taken(out, ports);
    if (!isFolder(dirname(out))) {
      complain(`There is no folder ${dirname(out)} to write ${basename(out)} into`, "Make it first", ports);
      return "io";
    }
  }
  const pin = isSet(invocation, "pin");
  const { value: draft, diagnostics } = await draftFrom(source, pin, invocation);
  const exit = report(diagnostics, ports);
  if (draft === undefined) return exit;
  const text = templateText(draft);
  return write(isSet(invocation, "follow") ? managedProfileText(text, { pin }) : text, out, ports);
}

/** The folder that stands in for the root, without the slash at its end. */
function rootOf(invocation: Invocation): string {
  return (textOption(invocation, "root") ?? "").replace(/\/+$/, "");
}

async function draftFrom(
  source: typeof SOURCES[number],
  pin: boolean,
  invocation: Invocation,
): Promise<Checked<ProfileTemplate>> {
  const draft = await unpinnedDraft(source, invocation);
  return draft.value === undefined || !pin ? draft : await pinFiles(draft.value, rootOf(invocation));
}

async function unpinnedDraft(
  source: typeof SOURCES[number],
  invocation: Invocation,
): Promise<Checked<ProfileTemplate>> {
  const root = rootOf(invocation);
  switch (source) {
    case "running": {
      const { facts, diagnostics } = readFacts(textOption(invocation, "facts"));
      // Only the release and the command line matter; what else the host withholds does not.
      if (facts === undefined) return { value: undefined, diagnostics };
      return templateFromRunning(facts, root);
    }
    case "newest":
      return templateFromNewest(root, { withInitrd: isSet(invocation, "follow") });
    case "bls":
      return templateFromEntry(textOption(invocation, "bls") ?? "", textOption(invocation, "boot"));
    case "uki":
      return await templateFromUki(textOption(invocation, "uki") ?? "", textOption(invocation, "extract"));
  }
}

/** What is written is valid, or is not written: a path or an option may hold what no profile can. */
function write(text: string, out: string | undefined, ports: Ports): ExitName {
  const exit = report(parseProfile(text, out ?? "the new profile").diagnostics, ports);
  if (exit !== "ok") return exit;
  if (out === undefined || out === STDIO) {
    ports.out.write(text);
    return "ok";
  }
  if (writeNew(out, text) === "exists") {
    complain(
      `${out} is there already, and init overwrites nothing`,
      "Name another file with --out, or remove it",
      ports,
    );
    return "usage";
  }
  say(`Written to ${out}; look at what it would do with: warmboot plan ${out}`, ports);
  return "ok";
}

function taken(out: string, ports: Ports): ExitName {
  complain(`${out} is there already, and init overwrites nothing`, "Name another file with --out, or remove it", ports);
  return "usage";
}
