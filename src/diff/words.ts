import { BOOT_WORDS, isSeparator, parseWord, splitWords, wordName } from "../profile/cmdline.ts";
import type { Change, PlacedWord } from "./diff.ts";
import { align } from "./sequence.ts";

type WordChange = Extract<Change, { readonly about: "cmdline" }>;

interface Token extends PlacedWord {
  /** What pairs words of one name; those behind `--` are init's, and are apart. */
  readonly name: string;
  /** What makes words equal: name and value as the kernel reads them, whatever quotes say it. */
  readonly key: string;
}

/**
 * How the words of two command lines differ, as the kernel reads them: `a="b c"` is `"a=b c"`, and `no-x` is `no_x`. What
 * stands behind `--` is init's and is compared as it is written. In the order of the second line, each word that is gone
 * before what stands in its place.
 */
export function diffWords(from: string, to: string): readonly WordChange[] {
  const [before, after] = [tokens(from), tokens(to)];
  const { moved, removed, added } = align(before.map(({ key }) => key), after.map(({ key }) => key));
  const changes: WordChange[] = [];
  for (const [a, b] of moved) pairUp(before[a], after[b], "move", changes);
  const left = new Map<string, number[]>();
  for (const index of added) left.set(after[index]?.name ?? "", [...left.get(after[index]?.name ?? "") ?? [], index]);
  const taken = new Set<number>();
  for (const index of removed) {
    const partner = left.get(before[index]?.name ?? "")?.shift();
    if (partner === undefined) pairUp(before[index], undefined, "change", changes);
    else {
      taken.add(partner);
      pairUp(before[index], after[partner], "change", changes);
    }
  }
  for (const index of added) if (!taken.has(index)) pairUp(undefined, after[index], "change", changes);
  return changes.toSorted((a, b) => orderOf(a) - orderOf(b));
}

/**
 * A running command line without the words that say how that boot came about, which no declaration has; but for those
 * that the declaration names itself.
 */
export function withoutBootWords(
  running: string,
  declared: string | undefined,
): { readonly cmdline: string; readonly ignored: readonly string[] } {
  const named = new Set(splitWords(declared ?? "").words.map(wordName));
  const { words } = splitWords(running);
  const end = words.findIndex(isSeparator);
  const isIgnored = (word: string, index: number) =>
    (end < 0 || index < end) && BOOT_WORDS.includes(wordName(word)) && !named.has(wordName(word));
  return {
    cmdline: words.filter((word, index) => !isIgnored(word, index)).join(" "),
    ignored: words.filter(isIgnored),
  };
}

function tokens(cmdline: string): readonly Token[] {
  const { words } = splitWords(cmdline);
  const end = words.findIndex(isSeparator);
  return words.flatMap((word, index): readonly Token[] => {
    if (index === end) return [];
    const position = index + 1;
    if (end >= 0 && index > end) return [{ word, position, init: true, name: `-- ${word}`, key: `-- ${word}` }];
    const { value } = parseWord(word);
    const name = wordName(word);
    return [{ word, position, name, key: value === undefined ? name : `${name}=${value}` }];
  });
}

function pairUp(from: Token | undefined, to: Token | undefined, action: "move" | "change", into: WordChange[]): void {
  const about = "cmdline";
  if (from !== undefined && to !== undefined) into.push({ about, action, from: placed(from), to: placed(to) });
  else if (from !== undefined) into.push({ about, action: "remove", from: placed(from) });
  else if (to !== undefined) into.push({ about, action: "add", to: placed(to) });
}

function placed({ word, position, init }: Token): PlacedWord {
  return { word, position, ...(init === undefined ? {} : { init }) };
}

/** A word that is gone comes before the one in its place. */
function orderOf(change: WordChange): number {
  return change.action === "remove" ? change.from.position - 0.5 : change.to.position;
}
