import { type Checked, type Diagnostic, hasErrors } from "../core/diagnostic.ts";
import { coldBoot } from "../entry/cold_boot.ts";
import { describeEntry, entryProblem, type FoundEntry } from "../entry/found_entry.ts";
import type { HostFacts } from "../host/facts.ts";
import { describeImage } from "../image/describe.ts";
import { identifyKernel } from "../image/identify.ts";
import { resolveCmdline } from "../profile/cmdline/resolve.ts";
import type { BootEntryRef, CmdlineSpec, Profile } from "../profile/profile.ts";
import { bootFiles } from "./boot_files.ts";
import { type CapturedFiles, viewFile } from "./image_file.ts";

/**
 * What a cold reset of a host would boot: the entry that its boot loader starts by itself, or the one with this ID. The
 * guard of a reboot and `status` ask it too.
 */
export function coldBootOn(
  facts: HostFacts,
  captured: CapturedFiles | undefined,
  id?: string,
): Checked<FoundEntry> {
  const { value: entry, diagnostics } = coldBoot(bootFiles(captured), facts, id);
  const fault = entry === undefined ? undefined : programFault(entry, captured);
  return fault === undefined ? { value: entry, diagnostics } : { value: undefined, diagnostics: [fault] };
}

/** A profile that names an entry of the boot loader, with the files and the command line of that entry. */
export function entryOn(
  profile: Profile,
  ref: BootEntryRef,
  facts: HostFacts,
  captured: CapturedFiles | undefined,
): Checked<Profile> {
  const { value: entry, diagnostics } = coldBootOn(facts, captured, ref.id);
  if (entry === undefined) return { value: undefined, diagnostics };
  const isStated = profile.stated.includes("cmdline");
  const isReused = !isStated || profile.cmdline.kind === "edit" && profile.cmdline.reuse === "entry";
  const broken = isReused ? textFault(entry) : undefined;
  if (broken !== undefined) return { value: undefined, diagnostics: [broken] };
  const { kernel, profile: variant, initrd, cmdline: text } = entry;
  const cmdline = entryCmdline(profile, isStated, text);
  if (hasErrors(cmdline.diagnostics)) {
    return { value: undefined, diagnostics: [...diagnostics, ...cmdline.diagnostics] };
  }
  // Kernels for other machines do not read the tree that the boot loader installs.
  const tree = profile.dtb === undefined && facts.machine === "aarch64" ? entry.dtb : undefined;
  const isUnused = profile.load === "kexec_file_load";
  const dtb = profile.dtb ?? (tree === undefined || isUnused ? undefined : { path: tree });
  return {
    value: {
      ...profile,
      kernel: { path: kernel, ...(variant === undefined ? {} : { profile: variant }) },
      initrd: [...initrd.map((path) => ({ path })), ...profile.initrd],
      ...(dtb === undefined ? {} : { dtb }),
      bootEntry: { id: ref.id, found: describeEntry(entry) },
      ...(cmdline.value === undefined ? {} : { cmdline: cmdline.value }),
      stated: isStated || text === undefined ? profile.stated : [...profile.stated, "cmdline"],
    },
    diagnostics: [
      ...diagnostics,
      ...cmdline.diagnostics,
      ...(tree !== undefined && isUnused ? [treeUnused(entry, tree)] : []),
    ],
  };
}

/** The command line: the entry's, an edit of it, or what the profile states; undefined for that of the image itself. */
function entryCmdline(profile: Profile, isStated: boolean, text: string | undefined): Checked<CmdlineSpec> {
  const spec = isStated ? profile.cmdline : { kind: "edit", reuse: "entry", remove: [], set: [], append: [] } as const;
  if (spec.kind !== "edit" || spec.reuse !== "entry") return { value: spec, diagnostics: [] };
  // The image's own text is known once it is opened.
  if (text === undefined) return { value: isStated ? { ...spec, reuse: "image" } : undefined, diagnostics: [] };
  const { value, diagnostics } = resolveCmdline(spec, { crash: profile.crash, entry: text });
  return {
    value: value === undefined ? undefined : { kind: "parameters", parameters: value === "" ? [] : [value] },
    diagnostics,
  };
}

function treeUnused({ loader, id }: FoundEntry, tree: string): Diagnostic {
  return {
    code: "boot-entry",
    severity: "warning",
    message:
      `The device tree ${tree} of the entry \`${id}\` of ${loader} is not used: kexec_file_load hands over the ` +
      "running one",
    path: ["boot_entry"],
  };
}

/** What is started as an EFI program must be a unified kernel image. */
function programFault(
  { loader, id, kernel, isProgram }: FoundEntry,
  captured: CapturedFiles | undefined,
): Diagnostic | undefined {
  if (isProgram !== true) return undefined;
  using opened = viewFile(kernel, captured);
  // A file that is missing is reported where all files are opened.
  if (opened === undefined) return undefined;
  const info = identifyKernel(opened.file.source);
  return info.kind === "uki" ? undefined : entryProblem(
    `The entry \`${id}\` of ${loader} starts ${kernel}, which is not a unified kernel image: ${describeImage(info)}`,
    "Name the kernel instead of `boot_entry`",
  );
}

function textFault({ loader, id, cmdline = "", unknownCmdline }: FoundEntry): Diagnostic | undefined {
  if (unknownCmdline !== undefined) {
    const message = `The command line of the entry \`${id}\` of ${loader} depends on ${unknownCmdline}`;
    return entryProblem(message, "State `cmdline`");
  }
  const what = cmdline.includes("\ufffd")
    ? "is not UTF-8 text"
    // deno-lint-ignore no-control-regex
    : /[\u0000-\u001f\u007f-\u009f]/.test(cmdline)
    ? "has a control character"
    : undefined;
  return what === undefined
    ? undefined
    : entryProblem(`The command line of the entry \`${id}\` of ${loader} ${what}`, "State `cmdline`");
}
