import { withoutEndSlashes } from "../core/text.ts";
import { basename } from "@std/path/posix";
import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import { nearest } from "../core/nearest.ts";
import { closeFile, hashPart, openFile, openProblem } from "./files/open_file.ts";
import { describeImage } from "../image/describe.ts";
import { identifyKernel } from "../image/identify.ts";
import { chooseUkiProfile, type UkiParts, ukiParts, type UkiProfile, ukiProfiles } from "../entry/uki.ts";
import { type ExpandedVariable, parseBootEntry } from "../entry/bls.ts";
import { type GrubEnvironment, parseGrubenv } from "../entry/grubenv.ts";
import type { ProfileTemplate } from "../profile/profile_template.ts";
import type { FileRef } from "../profile/profile.ts";
import { NEXT_STEPS } from "./init_installed.ts";
import { isFileThere } from "./installed_kernels.ts";
import { readWhole } from "./files/read_whole.ts";
import { isTaken, writePart } from "./files/write_whole.ts";

/** The largest entry that is read. */
/** Entries have some KiB. */
const ENTRY_LIMIT = { what: "a boot loader entry", bytes: 64 << 10 };

/**
 * A profile of a boot loader entry of type 1. Its paths begin at the root of the file system that holds it: `boot`, or
 * the folder in which loader/entries lies.
 */
export function templateFromEntry(file: string, boot: string | undefined): Checked<ProfileTemplate> {
  const read = readWhole(file, ENTRY_LIMIT);
  if (read.bytes === undefined) return { value: undefined, diagnostics: read.diagnostics };
  const text = new TextDecoder().decode(read.bytes);
  // Bytes that are not UTF-8 must not reach the profile as something else.
  if (text.includes("\ufffd")) return { value: undefined, diagnostics: [notUtf8(file)] };
  const at = absolute(file).replace(/\/loader\/entries\/[^/]+$/, "");
  const root = boot === undefined ? at : withoutEndSlashes(absolute(boot));
  const environment = grubEnvironment(root);
  const { value: entry, diagnostics } = parseBootEntry(text, file, environment?.values);
  if (entry === undefined) return { value: undefined, diagnostics };
  if (boot === undefined && at === absolute(file)) return { value: undefined, diagnostics: [rootUnknown(file)] };

  const problems: Diagnostic[] = [];
  const resolve = (path: string): FileRef => {
    // Where /boot is not a file system of its own, some distributions write paths from the root.
    const found = [`${root}${path}`, path].find(isFileThere);
    if (found === undefined) problems.push(openProblemOf(`${root}${path}`));
    return { path: found ?? path };
  };
  const kernel = resolve(entry.linux);
  const initrd = entry.initrd.map(resolve);
  if (problems.length > 0) return { value: undefined, diagnostics: problems };
  return {
    value: {
      about: [`Boots what the boot loader entry ${basename(file)} boots.`, NEXT_STEPS],
      ...(entry.title === undefined ? {} : { description: entry.title }),
      ...(entry.architecture === undefined ? {} : { architecture: entry.architecture }),
      kernel,
      initrd,
      cmdline: entry.options,
      notes: {
        kernel: `${
          entry.version === undefined ? "" : `Version ${entry.version}. `
        }An update may remove this file and install another.${
          entry.hasDevicetree ? " The entry names a device tree; the next kernel gets the running one instead." : ""
        }`,
        ...(initrd.length === 0 ? { initrd: "The entry has none." } : {}),
        cmdline: `The entry's options. What the boot loader adds by itself is not among them.${
          describeExpanded(entry.expanded, environment?.path)
        }`,
      },
    },
    diagnostics: [],
  };
}

/** Where GRUB's environment block lies on the file system that holds loader/entries. */
const GRUBENV: readonly string[] = ["grub2/grubenv", "grub/grubenv"];

const GRUBENV_LIMIT = { what: "an environment block of GRUB", bytes: 1 << 20 };

/** GRUB's environment block beside the entries; undefined where there is none that can be read. */
function grubEnvironment(root: string): { readonly path: string; readonly values: GrubEnvironment } | undefined {
  const path = GRUBENV.map((name) => `${root}/${name}`).find(isFileThere);
  const bytes = path === undefined ? undefined : readWhole(path, GRUBENV_LIMIT).bytes;
  const values = bytes === undefined ? undefined : parseGrubenv(new TextDecoder().decode(bytes));
  return path === undefined || values === undefined ? undefined : { path, values };
}

/** What was put in the place of the entry's variables, as sentences after another one. */
function describeExpanded(expanded: readonly ExpandedVariable[], path: string | undefined): string {
  const set = expanded.flatMap(({ variable, value }) => value === undefined ? [] : [`${variable} is \`${value}\``]);
  const unset = expanded.filter(({ value }) => value === undefined).map(({ variable }) => variable);
  return [
    ...(set.length === 0
      ? []
      : [` From ${path ?? "GRUB"}, ${set.join(", ")}; write the profile again when that changes.`]),
    ...(unset.length === 0 ? [] : [
      ` ${unset.join(", ")} ${unset.length === 1 ? "is" : "are"} not set${
        path === undefined ? " (there is no grubenv beside loader/)" : ` in ${path}`
      }, and so expand${unset.length === 1 ? "s" : ""} to nothing.`,
    ]),
  ].join("");
}

/** A profile of a unified kernel image, which names the image, or else its parts, which are written into a folder. */
export async function templateFromUki(
  file: string,
  { folder, profile }: { readonly folder?: string | undefined; readonly profile?: string | undefined },
): Promise<Checked<ProfileTemplate>> {
  const { value: open, diagnostics } = openFile(file);
  if (open === undefined) return { value: undefined, diagnostics };
  try {
    const info = identifyKernel(open);
    const profiles = info.kind === "uki" ? ukiProfiles(open, info.sections) : [];
    const chosen = profile === undefined
      ? profiles.length === 1 ? profiles[0] : undefined
      : chooseUkiProfile(profiles, profile);
    if (chosen === undefined && (profiles.length > 1 || info.kind === "uki" && profile !== undefined)) {
      return { value: undefined, diagnostics: [whichProfile(file, profiles, profile)] };
    }
    const parts = info.kind === "uki" ? ukiParts(open, info, chosen) : undefined;
    if (parts === undefined) return { value: undefined, diagnostics: [noUki(file, describeImage(info))] };
    if (folder === undefined) return { value: wholeDraft(file, parts, chosen), diagnostics: [] };
    if (parts.isCmdlineBroken) return { value: undefined, diagnostics: [notUtf8(`The section .cmdline of ${file}`)] };
    const name = basename(file).replace(/\.efi$/i, "");
    const stem = chosen === undefined || profiles.length < 2 ? name : `${name}.profile${chosen.index}`;
    const wanted = [
      { section: parts.linux, path: `${absolute(folder)}/${stem}.linux` },
      ...(parts.ucode === undefined ? [] : [{ section: parts.ucode, path: `${absolute(folder)}/${stem}.ucode` }]),
      ...(parts.initrd === undefined ? [] : [{ section: parts.initrd, path: `${absolute(folder)}/${stem}.initrd` }]),
    ];
    const taken = wanted.find(({ path }) => isTaken(path));
    if (taken !== undefined) return { value: undefined, diagnostics: [alreadyThere(taken.path)] };
    const refs: FileRef[] = [];
    for (const { section, path } of wanted) {
      writePart(path, open, section);
      refs.push({ path, sha256: await hashPart(open, section.offset, section.size) });
    }
    const [kernel, ...initrd] = refs;
    if (kernel === undefined) return { value: undefined, diagnostics: [] };
    return { value: ukiDraft(file, parts, kernel, initrd, chosen), diagnostics: [] };
  } finally {
    closeFile(open);
  }
}

function wholeDraft(file: string, parts: UkiParts, profile: UkiProfile | undefined): ProfileTemplate {
  return {
    about: [
      `Boots the unified kernel image ${basename(file)} as it is then: its kernel, initrd and command line.`,
      NEXT_STEPS,
    ],
    ...(parts.title === undefined ? {} : { description: parts.title }),
    kernel: { path: absolute(file), ...(profile === undefined ? {} : { profile: nameOf(profile) }) },
    isUnified: true,
    initrd: [],
    notes: {
      kernel: `${parts.release === undefined ? "" : `Release ${parts.release}. `}To change its command line: ` +
        "cmdline: { reuse: image, append: debug }",
    },
  };
}

function ukiDraft(
  file: string,
  parts: UkiParts,
  kernel: FileRef,
  initrd: readonly FileRef[],
  profile: UkiProfile | undefined,
): ProfileTemplate {
  const unused = parts.others.length === 0
    ? ""
    : ` Its sections ${parts.others.join(", ")} have no place in a profile.`;
  return {
    about: [
      `Boots what the unified kernel image ${basename(file)} boots${
        profile === undefined ? "" : ` with its profile ${nameOf(profile)}`
      }. Its parts were written beside one another, and are ` +
      `pinned: when the image is updated, write them again.${unused}`,
      NEXT_STEPS,
    ],
    ...(parts.title === undefined ? {} : { description: parts.title }),
    kernel,
    initrd,
    cmdline: parts.cmdline ?? "",
    notes: {
      kernel: `The section .linux${parts.release === undefined ? "" : `, release ${parts.release}`}.`,
      initrd: initrd.length === 0 ? "The image has none." : "The sections .ucode, if there is one, and .initrd.",
      cmdline: parts.cmdline === undefined
        ? "The image has no section .cmdline: the boot loader gives it one. State it here."
        : "The section .cmdline.",
    },
  };
}

/** A profile as it is chosen: by its ID, else by its number. */
function nameOf({ id, index }: UkiProfile): string {
  return id ?? `@${index}`;
}

function whichProfile(file: string, profiles: readonly UkiProfile[], asked: string | undefined): Diagnostic {
  const known = profiles.map((profile) =>
    `${nameOf(profile)}${profile.title === undefined ? "" : ` (${profile.title})`}`
  );
  const near = asked === undefined ? undefined : nearest(asked, profiles.map(nameOf));
  return {
    code: "entry-unusable",
    severity: "error",
    message: asked === undefined
      ? `${file} has ${profiles.length} profiles: ${known.join(", ")}`
      : profiles.length === 0
      ? `${file} has no profiles, and so none named \`${asked}\``
      : `${file} has no profile \`${asked}\`; it has ${known.join(", ")}`,
    hint: profiles.length === 0
      ? "Leave --uki-profile out"
      : `Choose one: --uki-profile ${near ?? (profiles[0] === undefined ? "ID" : nameOf(profiles[0]))}`,
  };
}

/** `..` stays: after a link it leads elsewhere than the text says. */
function absolute(path: string): string {
  if (path.startsWith("/")) return path;
  return [Deno.cwd().replace(/\/$/, ""), ...path.split("/").filter((step) => step !== "" && step !== ".")].join("/");
}

function openProblemOf(path: string): Diagnostic {
  const [problem] = openFile(path).diagnostics;
  return problem ?? openProblem(path, new Deno.errors.NotFound());
}

function rootUnknown(file: string): Diagnostic {
  return {
    code: "entry-unusable",
    severity: "error",
    message: `${file} is in no folder loader/entries, so the root of its paths is unknown`,
    hint: "Say where they begin: --boot /boot",
  };
}

function notUtf8(what: string): Diagnostic {
  return {
    code: "entry-unusable",
    severity: "error",
    message: `${what} is not UTF-8, and a profile cannot hold it`,
    hint: "Boot it, and take the running command line: warmboot init --running",
  };
}

function noUki(file: string, what: string): Diagnostic {
  return {
    code: "entry-unusable",
    severity: "error",
    message: `${file} is not a unified kernel image: ${what}`,
    expected: "a PE file with a section .linux",
  };
}

function alreadyThere(path: string): Diagnostic {
  return {
    code: "entry-unusable",
    severity: "error",
    message: `${path} already exists, and init never overwrites a file`,
    hint: "Name another folder with --extract, or remove the file",
  };
}
