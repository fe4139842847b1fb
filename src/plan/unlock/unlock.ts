import { optionValue } from "../../formats/crypttab.ts";
import { CRYPTROOT, CRYPTTAB, type CryptTool, cryptTool } from "../../image/initrd_crypt.ts";
import type { Images } from "../../image/boot_files.ts";
import type { WholeInitrd } from "../../host/image_content.ts";
import { type CryptFacts, findVolume, isOfVolume, sourcePath, type Volume } from "../../host/volumes.ts";
import { parseCmdline } from "../../profile/cmdline/cmdline.ts";
import type { OverlayFile } from "../../profile/overlay_file.ts";
import type { Unlock } from "../../profile/profile.ts";
import { cryptsetupInitramfsWay } from "./cryptsetup_initramfs.ts";
import { dracutWay } from "./dracut.ts";
import type { OpenedVolume, PlannedUnlock } from "./planned.ts";
import { systemdWay } from "./systemd.ts";
import { BY_HAND, type FindWay, type Way, type Word } from "./way.ts";

/** What an entry of `unlock` comes to. */
export type UnlockOutcome =
  & Unlock
  & (
    | {
      readonly kind: "opens";
      readonly opened: OpenedVolume;
      readonly tool: CryptTool;
      readonly editsCrypttab: boolean;
    }
    | { readonly kind: "unknown" | "closed"; readonly why: string; readonly hint: string }
  );

/** What is known where keys are placed. */
export interface UnlockInput {
  readonly unlock: readonly Unlock[];
  /** The next command line. */
  readonly cmdline: string;
  /** The initrds, with the archives of the profile's own files. */
  readonly images: Pick<Images, "initrd">;
  readonly facts: CryptFacts;
}

/** What becomes of `unlock`: for each entry its outcome, and the files that the next initrd needs. */
export interface UnlockPlan {
  readonly outcomes: readonly UnlockOutcome[];
  readonly files: readonly OverlayFile[];
}

/** Finds out how the next initrd opens each volume, and where it takes the key from. */
export function planUnlock({ unlock, cmdline, images, facts }: UnlockInput): UnlockPlan {
  const known = knownInitrd(images);
  const outcomes: UnlockOutcome[] = [];
  let text = known.kind === "known" ? known.crypttab : undefined;
  for (const entry of unlock) {
    const volume = findVolume(entry.volume, facts);
    const way = known.kind === "known"
      ? WAYS[known.tool](volume, {
        ...(text === undefined ? {} : { crypttab: text }),
        parameters: [...known.parameters, ...wordsOf(cmdline)],
        isVolume: (source) => isOfVolume(source, volume, facts),
      })
      : known;
    if (way.kind !== "opens") {
      outcomes.push({ ...entry, kind: way.kind, why: way.why, hint: way.hint });
      continue;
    }
    const twin = outcomes.find((each) => each.kind === "opens" && each.opened.name === way.name);
    if (twin !== undefined) {
      const why = `it is the same volume as \`${twin.volume}\`, which \`unlock\` has as well`;
      outcomes.push({ ...entry, kind: "unknown", why, hint: "Remove one of them" });
      continue;
    }
    const sharer = outcomes.find((each) => each.kind === "opens" && each.opened.file === way.key);
    if (sharer !== undefined && JSON.stringify(sharer.key) !== JSON.stringify(entry.key)) {
      outcomes.push({
        ...entry,
        kind: "unknown",
        why:
          `the initrd reads its key from ${way.key}, as that of \`${sharer.volume}\`, and \`unlock\` has another key for it`,
        hint: "Give both the same key, or one of them another key file in the crypttab of the initrd",
      });
      continue;
    }
    const tool = known.kind === "known" ? known.tool : "systemd";
    outcomes.push({
      ...entry,
      kind: "opens",
      tool,
      opened: openedBy(way, volume),
      editsCrypttab: way.crypttab !== undefined,
    });
    text = way.crypttab ?? text;
  }
  // Volumes may share a key file.
  const keys = new Map(outcomes.flatMap((outcome): readonly (readonly [string, OverlayFile])[] => {
    if (outcome.kind !== "opens") return [];
    const { key: content, opened: { file: path } } = outcome;
    return [[path, { path, mode: 0o400, secret: true, content }]];
  }));
  const edited = known.kind === "known" && text !== undefined && text !== known.crypttab
    ? [{ path: known.path, mode: 0o600, secret: false, content: { kind: "text", text } } as const]
    : [];
  return { outcomes, files: [...edited, ...keys.values()] };
}

/** Entries of `unlock` as a plan keeps them. */
export function plannedUnlock(outcomes: readonly UnlockOutcome[]): readonly PlannedUnlock[] {
  return outcomes.map((outcome) => ({
    volume: outcome.volume,
    key: outcome.key,
    ...(outcome.kind === "opens" ? { opened: outcome.opened } : {}),
  }));
}

const WAYS: { readonly [tool in CryptTool]: FindWay } = {
  systemd: systemdWay(false),
  "dracut-systemd": systemdWay(true),
  dracut: dracutWay,
  "cryptsetup-initramfs": cryptsetupInitramfsWay,
};

function openedBy(
  { name, source, key, options }: Extract<Way, { readonly kind: "opens" }>,
  volume: Volume,
): OpenedVolume {
  const header = optionValue(options, "header");
  const slot = optionValue(options, "key-slot", "keyslot");
  return {
    name,
    // Where the header lies in a file, no disk has its UUID.
    device: volume.uuid === undefined || header !== undefined ? sourcePath(source) : sourcePath(`UUID=${volume.uuid}`),
    file: key,
    ...(header === undefined ? {} : { header }),
    ...(slot === undefined || !/^[0-9]{1,2}$/.test(slot) ? {} : { keySlot: Number(slot) }),
  };
}

/** What the next initrd is, as far as keys depend on it. */
type KnownInitrd =
  | {
    readonly kind: "known";
    readonly tool: CryptTool;
    /** Where it has its crypttab. */
    readonly path: string;
    readonly crypttab?: string;
    /** The parameters that it has itself, which dracut reads before the command line. */
    readonly parameters: readonly Word[];
  }
  | { readonly kind: "unknown" | "closed"; readonly why: string; readonly hint: string };

function knownInitrd({ initrd }: Pick<Images, "initrd">): KnownInitrd {
  if (initrd.length === 0) {
    return { kind: "closed", why: "the plan has no initrd, which would open it", hint: "Name the `initrd`" };
  }
  const contents: WholeInitrd[] = [];
  for (const { path, content } of initrd) {
    if (content?.kind === "whole" && content.texts !== undefined) contents.push(content);
    else {
      return {
        kind: "unknown",
        why: `${path} was not read through for its crypttab`,
        hint: content === undefined || content.kind === "whole"
          ? "Capture the host again with `facts --images`"
          : BY_HAND,
      };
    }
  }
  const found = cryptTool(contents);
  if (found.kind === "unknown") {
    return { kind: "unknown", why: "what opens volumes in this initrd is not known", hint: BY_HAND };
  }
  if (found.kind === "lacking") {
    return { kind: "closed", why: `the initrd does not open it: it lacks ${found.what}`, hint: found.hint };
  }
  const { tool } = found;
  const path = tool === "cryptsetup-initramfs" ? CRYPTROOT : CRYPTTAB;
  const texts = Object.assign({}, ...contents.map((content) => content.texts ?? {}));
  const own = initrd.flatMap(({ overlay }) => overlay?.files ?? []).findLast((file) => file.path === path);
  if (own !== undefined && (own.secret || own.sha256 === undefined)) {
    return {
      kind: "unknown",
      why: `\`files\` of the profile brings ${path}, whose content only the load knows`,
      hint: "Write it as `text`, or let it be `from` a file of this host",
    };
  }
  const crypttab: string | undefined = texts[path];
  const parameters = tool === "dracut"
    ? Object.keys(texts).filter((each) => each.startsWith("/etc/cmdline")).toSorted().flatMap((each) =>
      wordsOf(texts[each])
    )
    : [];
  return { kind: "known", tool, path, parameters, ...(crypttab === undefined ? {} : { crypttab }) };
}

function wordsOf(text: string): readonly Word[] {
  const { kernel, init = [] } = parseCmdline(text.replaceAll("\n", " "));
  return [...kernel, ...init];
}
