import { dirname } from "@std/path/posix";
import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import { managedProfileText } from "../profile/managed_profile.ts";
import { parseProfile } from "../profile/parse.ts";
import { type ProfileTemplate, templateText } from "../profile/profile_template.ts";
import { isFolder } from "./files/find_files.ts";
import { isTaken, writeNew } from "./files/write_whole.ts";
import { templateFromEntry, templateFromUki } from "./init_entry.ts";
import { templateFromBootEntry } from "./init_boot_entry.ts";
import { templateFromKexec } from "./init_kexec.ts";
import { templateFromNewest, templateFromRunning } from "./init_installed.ts";
import { pinFiles } from "./pin_files.ts";
import { readFacts } from "./read_facts.ts";

/** What a profile is written from. `root` is a folder that takes the place of /. */
export type ProfileOrigin =
  /** The running kernel and its command line; `facts` is a capture of another host. */
  | { readonly kind: "running"; readonly root?: string; readonly facts?: string }
  /** The newest installed kernel; with `follow`, the profile is one that `refresh` may write again. */
  | { readonly kind: "newest"; readonly root?: string; readonly follow?: boolean }
  /** A boot loader entry of type 1; `boot` is where its paths begin. */
  | { readonly kind: "bls"; readonly file: string; readonly boot?: string }
  /** A unified kernel image, whose parts are written into the folder `extract`; `profile` chooses one by ID or number. */
  | { readonly kind: "uki"; readonly file: string; readonly extract?: string; readonly profile?: string }
  /** What the boot loader would boot: `default`, or the ID of an entry; `facts` is a capture of another host. */
  | { readonly kind: "boot-entry"; readonly id: string; readonly facts?: string }
  /** What a command line of kexec-tools loads. */
  | { readonly kind: "kexec"; readonly command: string };

/** A profile to write. */
export interface InitRequest {
  readonly from: ProfileOrigin;
  /** Whether to state the digests of the files. */
  readonly pin?: boolean;
  /** Whether to write a guard, as a start. */
  readonly guard?: boolean;
  /** The new file; without it nothing is written. */
  readonly out?: string;
}

/** How writing a profile ended. */
export type InitOutcome =
  | { readonly kind: "profile"; readonly text: string; readonly diagnostics: readonly Diagnostic[] }
  /** There is something at `out` already, which is never overwritten. */
  | { readonly kind: "taken"; readonly path: string }
  | { readonly kind: "no-folder"; readonly path: string }
  | { readonly kind: "invalid"; readonly diagnostics: readonly Diagnostic[] };

/** Makes a commented profile of what is there, and writes it where `out` says. @throws {WriteError} */
export async function initProfile({ from, pin = false, guard = false, out }: InitRequest): Promise<InitOutcome> {
  // Before anything is extracted.
  if (out !== undefined) {
    if (isTaken(out)) return { kind: "taken", path: out };
    if (!isFolder(dirname(out))) return { kind: "no-folder", path: dirname(out) };
  }
  const unpinned = await templateFrom(from);
  const root = "root" in from ? from.root ?? "" : "";
  const { value: template, diagnostics } = unpinned.value === undefined || !pin
    ? unpinned
    : await pinFiles(unpinned.value, root);
  if (template === undefined) return { kind: "invalid", diagnostics };
  const guarded = guard ? { guard: true } as const : {};
  const plain = templateText({ ...template, ...guarded });
  const text = from.kind === "newest" && from.follow === true ? managedProfileText(plain, { pin, ...guarded }) : plain;
  // What is written is valid, or is not written: a path or an option may hold what no profile can.
  const problems = parseProfile(text, out ?? "the new profile").diagnostics;
  if (problems.some(({ severity }) => severity === "error")) return { kind: "invalid", diagnostics: problems };
  if (out !== undefined && writeNew(out, text) === "exists") return { kind: "taken", path: out };
  return { kind: "profile", text, diagnostics: [...diagnostics, ...problems] };
}

async function templateFrom(from: ProfileOrigin): Promise<Checked<ProfileTemplate>> {
  switch (from.kind) {
    case "running": {
      const { facts, diagnostics } = readFacts(from.facts);
      // Only the release and the command line matter; what else the host withholds does not.
      if (facts === undefined) return { value: undefined, diagnostics };
      return templateFromRunning(facts, from.root ?? "");
    }
    case "newest":
      return templateFromNewest(from.root ?? "", { withInitrd: from.follow === true });
    case "boot-entry": {
      const { facts, captured, diagnostics } = readFacts(from.facts);
      if (facts === undefined) return { value: undefined, diagnostics };
      return templateFromBootEntry(from.id, facts, captured);
    }
    case "bls":
      return templateFromEntry(from.file, from.boot);
    case "kexec":
      return templateFromKexec(from.command);
    case "uki":
      return await templateFromUki(from.file, { folder: from.extract, profile: from.profile });
  }
}
